"""Evaluates a model description with torch.nn.GRU in double; lengths become packed sequences.

PyTorch's rows are r, z, n and its matrices transposed; ours are Keras' columns z, r, h. Weights
are converted on the way in and the module's own gradients on the way out.
"""
from common import gru_options, torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

FRAMEWORK = f"torch {torch.__version__.split('+')[0]}"


def swap(rows):
    """[a; b; c] -> [b; a; c]: from z,r,h to r,z,n and back."""
    a, b, c = rows.chunk(3)
    return torch.cat([b, a, c])


def to_torch(prefix, weights):
    """Our parameters of one direction -> weight_ih, weight_hh[, bias_ih, bias_hh]."""
    result = [swap(weights[f"{prefix}/kernel"].T), swap(weights[f"{prefix}/recurrent_kernel"].T)]
    if f"{prefix}/bias" in weights:
        result += [swap(row) for row in weights[f"{prefix}/bias"]]
    return result


def from_torch(prefix, tensors):
    """The inverse, for weights or gradients."""
    result = {f"{prefix}/kernel": swap(tensors[0]).T, f"{prefix}/recurrent_kernel":
              swap(tensors[1]).T}
    if len(tensors) == 4:
        result[f"{prefix}/bias"] = torch.stack([swap(tensors[2]), swap(tensors[3])])
    return result


def evaluate(model, weights, inputs, masks, lengths):
    values, leaves, converters = dict(inputs), [], []
    counts = dict(lengths or {})
    for node in model["layers"]:
        name, options = node["name"], gru_options(node)
        both = node["kind"] == "bidirectional"
        assert both or node["kind"] == "gru"
        x, count = values[node["inputs"][0]], counts.get(node["inputs"][0])
        h0 = [values[i] for i in node["inputs"][1:]]
        module = torch.nn.GRU(x.shape[-1], options["units"], bias=options.get("useBias", True),
                              batch_first=True, bidirectional=both)
        parameters = list(module.parameters())
        prefixes = [f"{name}/forward", f"{name}/backward"] if both else [name]
        converted = [t for p in prefixes for t in to_torch(p, weights)]
        with torch.no_grad():
            for parameter, value in zip(parameters, converted, strict=True):
                parameter.copy_(value)
        size = len(parameters) // len(prefixes)
        converters += [(p, len(leaves) + k * size, size) for k, p in enumerate(prefixes)]
        leaves += parameters

        packed = x if count is None else pack_padded_sequence(
            x, torch.tensor(count), batch_first=True, enforce_sorted=False)
        sequence, state = module(packed, torch.stack(h0) if h0 else None)
        if count is not None:
            sequence, _ = pad_packed_sequence(sequence, batch_first=True, total_length=x.shape[1])
            counts[name] = count
        states = list(state)
        output = sequence if options.get("returnSequences") else torch.cat(states, dim=-1)
        for k, value in enumerate([output] + states):
            values[f"{name}:{k}"] = value
        values[name] = output

    def convert(gradients):
        return {n: g for prefix, start, size in converters
                for n, g in from_torch(prefix, gradients[start:start + size]).items()}
    return [values[o] for o in model["outputs"]], leaves, convert
