"""Evaluates a model description with torch.nn.GRU, LSTM or RNN in double; lengths become packed
sequences.

PyTorch's matrices are transposed and a GRU's rows r, z, n; ours are Keras' columns z, r, h. The
order of an LSTM's gates is the same. Weights are converted on the way in and the module's own
gradients on the way out. PyTorch's LSTM and RNN have two biases where we have their sum: the second
one is zero.
"""
from common import STATES, cell_of, torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

FRAMEWORK = f"torch {torch.__version__.split('+')[0]}"


MODULES = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM, "simpleRnn": torch.nn.RNN}


def swap(kind, rows):
    """A GRU's [a; b; c] -> [b; a; c]: from z,r,h to r,z,n and back."""
    if kind != "gru":
        return rows
    a, b, c = rows.chunk(3)
    return torch.cat([b, a, c])


def to_torch(kind, prefix, weights):
    """Our parameters of one direction -> weight_ih, weight_hh[, bias_ih, bias_hh]."""
    result = [swap(kind, weights[f"{prefix}/{name}"].T) for name in ("kernel", "recurrent_kernel")]
    if f"{prefix}/bias" in weights:
        bias = weights[f"{prefix}/bias"]
        rows = bias if kind == "gru" else torch.stack([bias, torch.zeros_like(bias)])
        result += [swap(kind, row) for row in rows]
    return result


def from_torch(kind, prefix, tensors):
    """The inverse, for weights or gradients."""
    swapped = [swap(kind, tensor) for tensor in tensors]
    result = {f"{prefix}/kernel": swapped[0].T, f"{prefix}/recurrent_kernel": swapped[1].T}
    if len(tensors) == 4:
        result[f"{prefix}/bias"] = torch.stack(swapped[2:]) if kind == "gru" else swapped[2]
    return result


def evaluate(model, weights, inputs, masks, lengths):
    values, leaves, converters = dict(inputs), [], []
    counts = dict(lengths or {})
    for node in model["layers"]:
        name, (kind, options) = node["name"], cell_of(node)
        both = node["kind"] == "bidirectional"
        x, count = values[node["inputs"][0]], counts.get(node["inputs"][0])
        h0 = [values[i] for i in node["inputs"][1:]]
        module = MODULES[kind](x.shape[-1], options["units"], bias=options.get("useBias", True),
                               batch_first=True, bidirectional=both)
        parameters = list(module.parameters())
        prefixes = [f"{name}/forward", f"{name}/backward"] if both else [name]
        converted = [t for p in prefixes for t in to_torch(kind, p, weights)]
        with torch.no_grad():
            for parameter, value in zip(parameters, converted, strict=True):
                parameter.copy_(value)
        size = len(parameters) // len(prefixes)
        converters += [(kind, p, len(leaves) + k * size, size) for k, p in enumerate(prefixes)]
        leaves += parameters

        packed = x if count is None else pack_padded_sequence(
            x, torch.tensor(count), batch_first=True, enforce_sorted=False)
        # One tensor a state, with the directions first.
        initial = [torch.stack(h0[s::STATES[kind]]) for s in range(STATES[kind])] if h0 else None
        if initial and kind != "lstm":
            initial, = initial
        sequence, states = module(packed, initial)
        if count is not None:
            sequence, _ = pad_packed_sequence(sequence, batch_first=True, total_length=x.shape[1])
            counts[name] = count
        states = states if kind == "lstm" else [states]
        output = sequence if options.get("returnSequences") else torch.cat(list(states[0]), dim=-1)
        for k, value in enumerate([output] + [s for pair in zip(*states) for s in pair]):
            values[f"{name}:{k}"] = value
        values[name] = output

    def convert(gradients):
        return {n: g for kind, prefix, start, size in converters
                for n, g in from_torch(kind, prefix, gradients[start:start + size]).items()}
    return [values[o] for o in model["outputs"]], leaves, convert
