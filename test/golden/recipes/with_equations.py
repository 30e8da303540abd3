"""Evaluates a model description from the equations alone, in double with automatic derivatives.

z = s(x W_z + b_z + h R_z + c_z)    r = s(x W_r + b_r + h R_r + c_r)
n = a(x W_h + b_h + r (h R_h + c_h))   reset after;   a(x W_h + b_h + (r h) R_h)   reset before
h' = z h + (1 - z) n   update gate 'keep';   (1 - z) h + z n   'replace'
LSTM: `lstm_step`; simple RNN: h' = a(x W + h R + b). layerNorm and clip: `products`, `gates_of`.
A masked step keeps the states and answers zero, or ('repeat') the previous output.
"""
import itertools

import around_equations
from common import ATTENTIONS, CELLS, CONVOLUTIONS, POOLINGS, STATES, cell_of, pair, torch, trainable

FRAMEWORK = f"equations (torch {torch.__version__.split('+')[0]} autograd)"

ACTIVATIONS = {
    "linear": lambda x: x,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": lambda x: x.clamp(min=0),
    "softsign": lambda x: x / (1 + x.abs()),
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    "elu": lambda x, alpha=1.0: torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0))),
    "leakyRelu": lambda x, alpha: torch.where(x >= 0, x, alpha * x),
    "hardSigmoid": lambda x, alpha=1 / 6, beta=0.5: (alpha * x + beta).clamp(0, 1),
    "hardSigmoidLegacy": lambda x: (0.2 * x + 0.5).clamp(0, 1),
    **around_equations.ACTIVATIONS,
}


def activation(value):
    if isinstance(value, str):
        return ACTIVATIONS[value]
    parameters = {k: v for k, v in value.items() if k != "name"}
    return lambda x: ACTIVATIONS[value["name"]](x, **parameters)


def layer_norm(x, epsilon):
    centered = x - x.mean(-1, keepdim=True)
    return centered / (centered.square().mean(-1, keepdim=True) + epsilon).sqrt()


def products(x, h, own, options):
    """x W and h R, all gates; with layerNorm both normalized and times the rows of gamma."""
    pair = [x @ own["kernel"], h @ own["recurrent_kernel"]]
    if options.get("layerNorm"):
        epsilon = options.get("layerNormEpsilon", 1e-5)
        pair = [layer_norm(p, epsilon) * g for p, g in zip(pair, own["gamma"], strict=True)]
    return pair


def gates_of(options):
    """The activations of the gates and of the candidate, of clipped sums where there is a clip."""
    clip = options.get("clip", 0) or float("inf")
    names = options.get("recurrentActivation", "sigmoid"), options.get("activation", "tanh")
    return [lambda v, act=activation(name): act(v.clamp(-clip, clip)) for name in names]


def gru_step(x, states, own, options):
    h, = states
    units = options["units"]
    gate, candidate = gates_of(options)
    after = options.get("resetAfter", True)
    b = c = torch.zeros(3 * units)
    if "bias" in own:
        b, c = own["bias"] if after else (own["bias"], c)
    input_part, recurrent_part = products(x, h, own, options)
    input_part, recurrent_part = input_part + b, recurrent_part + c
    z = gate(input_part[:, :units] + recurrent_part[:, :units])
    r = gate(input_part[:, units:2 * units] + recurrent_part[:, units:2 * units])
    if after:
        n = candidate(input_part[:, 2 * units:] + r * recurrent_part[:, 2 * units:])
    else:
        n = candidate(input_part[:, 2 * units:] + (r * h) @ own["recurrent_kernel"][:, 2 * units:])
    if options.get("updateGate", "keep") == "replace":
        return [(1 - z) * h + z * n]
    return [z * h + (1 - z) * n]


def lstm_step(x, states, own, options):
    """c' = f c + i g, h' = o a(c') with the gates i, f, o and g = a(...), columns i, f, g, o; with
    layerNorm h' = o a(LN(c') cell_gamma + cell_beta)."""
    h, c = states
    gate, candidate = gates_of(options)
    i, f, g, o = (sum(products(x, h, own, options)) + own.get("bias", 0)).chunk(4, dim=1)
    c = gate(f) * c + gate(i) * candidate(g)
    seen = c
    if options.get("layerNorm"):
        seen = layer_norm(c, options.get("layerNormEpsilon", 1e-5))
        seen = seen * own["cell_gamma"] + own["cell_beta"]
    return [gate(o) * activation(options.get("activation", "tanh"))(seen), c]


def simple_rnn_step(x, states, own, options):
    return [gates_of(options)[1](sum(products(x, states[0], own, options)) + own.get("bias", 0))]


STEPS = {"gru": gru_step, "lstm": lstm_step, "simpleRnn": simple_rnn_step}


def own_weights(name, weights):
    return {n[len(name) + 1:]: w for n, w in weights.items() if n.startswith(name + "/")}


def run(prefix, x, initial, mask, weights, kind, options, backwards):
    """-> the outputs in the order of time, and the final states."""
    batch, steps, _ = x.shape
    states = list(initial) or [torch.zeros(batch, options["units"])] * STATES[kind]
    previous, outputs = torch.zeros(batch, options["units"]), [None] * steps
    own = own_weights(prefix, weights)
    for t in reversed(range(steps)) if backwards else range(steps):
        new = STEPS[kind](x[:, t], states, own, options)
        if mask is None:
            states, outputs[t] = new, new[0]
            continue
        valid = mask[:, t, None]
        states = [torch.where(valid, n, s) for n, s in zip(new, states, strict=True)]
        previous = torch.where(valid, new[0], previous)
        repeat = options.get("maskedOutput", "zero") == "repeat"
        outputs[t] = previous if repeat else torch.where(valid, new[0], 0.0)
    return torch.stack(outputs, dim=1), states


def recurrent(node, inputs, mask, weights):
    kind, options = cell_of(node)
    backwards = options.get("goBackwards", False)
    sequence, states = run(node["name"], inputs[0], inputs[1:], mask, weights, kind, options,
                           backwards)
    if backwards:
        sequence = sequence.flip(1)  # in the order of processing, as Keras answers it
    return [sequence if options.get("returnSequences") else states[0], *states]


def cell(node, inputs, mask, weights):
    own = own_weights(node.get("again", node["name"]), weights)
    states = STEPS[CELLS[node["kind"]]](inputs[0], inputs[1:], own, node["options"])
    return [states[0], *states]


def bidirectional(node, inputs, mask, weights):
    (kind, options), merge = cell_of(node), node["options"]["mergeMode"]
    count = STATES[kind]
    runs = [run(f"{node['name']}/{side}", inputs[0], inputs[1 + k * count:][:count], mask, weights,
                kind, options, k == 1) for k, side in enumerate(["forward", "backward"])]
    a, b = [r[0] if options.get("returnSequences") else r[1][0] for r in runs]
    merged = {"concat": lambda: [torch.cat([a, b], dim=-1)], "sum": lambda: [a + b],
              "ave": lambda: [(a + b) / 2], "mul": lambda: [a * b], "none": lambda: [a, b]}
    return merged[merge]() + [state for r in runs for state in r[1]]


def dense(node, inputs, mask, weights):
    y = inputs[0] @ weights[f"{node['name']}/kernel"] + weights[f"{node['name']}/bias"]
    return [activation(node["options"].get("activation", "linear"))(y)]


def normalization(node, inputs, mask, weights):
    deviation = weights[f"{node['name']}/variance"].sqrt().clamp(min=1e-7)
    return [(inputs[0] - weights[f"{node['name']}/mean"]) / deviation]


def elements(x, options, size, fill):
    """What element i of each window sees, for all i: [B, windows..., C] each."""
    places = []  # per axis and element: where it lies, for each window
    for axis, n in enumerate(size, 1):
        stride, dilation = (pair(options.get(k, 1))[axis - 1] for k in ("strides", "dilationRate"))
        reach, positions = (n - 1) * dilation + 1, x.shape[axis]
        padding = options.get("padding", "valid")
        windows = -(-(positions if padding != "valid" else positions - reach + 1) // stride)
        missing = max(0, (windows - 1) * stride + reach - positions)
        before = {"valid": 0, "same": missing // 2, "causal": reach - 1}[padding]
        ends = [x.new_full((*x.shape[:axis], count, *x.shape[axis + 1:]), fill)
                for count in (before, missing)]
        x = torch.cat([ends[0], x, ends[1]], dim=axis)
        places.append([torch.arange(windows) * stride + i * dilation for i in range(n)])
    for tap in itertools.product(*places):
        part = x
        for axis, index in enumerate(tap, 1):
            part = part.index_select(axis, index)
        yield part


def convolution(node, inputs, mask, weights):
    kernel, bias = (weights.get(f"{node['name']}/{k}") for k in ("kernel", "bias"))
    axes = int(node["kind"][-2])
    x = inputs[0] if mask is None else torch.where(mask[..., None], inputs[0], 0.0)
    parts = elements(x, node["options"], kernel.shape[:axes], 0.0)
    taps = kernel.reshape(-1, *kernel.shape[axes:])
    if node["kind"].startswith("depthwise"):
        y = sum((part[..., None] * tap).flatten(-2) for part, tap in zip(parts, taps, strict=True))
    else:
        y = sum(part @ tap for part, tap in zip(parts, taps, strict=True))
    y = y if bias is None else y + bias
    return [activation(node["options"].get("activation", "linear"))(y)]


def pooling(node, inputs, mask, weights):
    kind, options, x = node["kind"], node["options"], inputs[0]
    axes = tuple(range(1, x.ndim - 1))
    if kind.startswith("global"):
        kept = options.get("keepdims", False)
        if "Max" in kind:
            return [x.amax(axes, keepdim=kept)]
        valid = torch.ones_like(x) if mask is None else mask[..., None].to(x.dtype).expand_as(x)
        return [(x * valid).sum(axes, keepdim=kept) / valid.sum(axes, keepdim=kept)]
    size = pair(options["poolSize"])[:len(axes)]
    options = {"strides": options["poolSize"], **options}
    if kind.startswith("max"):
        return [torch.stack(list(elements(x, options, size, -float("inf")))).amax(0)]
    return [sum(elements(x, options, size, 0.0)) /
            sum(elements(torch.ones_like(x), options, size, 0.0))]


def seen(scores, mask, causal):
    """Scores [B, N, Q, V] with those of hidden positions so small that they do not count."""
    hidden = torch.zeros(scores.shape[-2:], dtype=torch.bool)
    if causal:
        hidden = torch.ones_like(hidden).triu(1)
    hidden = hidden.expand(scores.shape)
    if mask is not None:
        hidden = hidden | ~mask[:, None, None, :]
    return torch.where(hidden, -float("inf"), scores)


def attention(node, inputs, mask, weights, value_mask):
    name, kind, options = node["name"], node["kind"], node["options"]
    query, value, key = inputs[0], inputs[1], inputs[-1]
    own = own_weights(name, weights)
    if kind == "multiHeadAttention":
        project = lambda x, part: torch.einsum("btd,dnh->bnth", x, own[f"{part}/kernel"]) + (
            own[f"{part}/bias"][:, None] if f"{part}/bias" in own else 0)
        q, k, v = project(query, "query"), project(key, "key"), project(value, "value")
        scores = q @ k.transpose(-1, -2) / options["keyDim"] ** 0.5
    else:
        v, sums = value[:, None], query[:, None, :, None] + key[:, None, None]
        if kind == "additiveAttention":
            scores = (own.get("scale", 1.0) * torch.tanh(sums)).sum(-1)
        elif options.get("scoreMode") == "concat":
            scores = own["concat_score_weight"] * torch.tanh(own.get("scale", 1.0) * sums).sum(-1)
        else:
            scores = own.get("scale", 1.0) * (query @ key.transpose(-1, -2))[:, None]
    scores = seen(scores, value_mask, options.get("useCausalMask", False))
    context = torch.softmax(scores, -1) @ v
    if kind == "multiHeadAttention":
        y = torch.einsum("bnth,nhd->btd", context, own["attention_output/kernel"])
        y = y + own.get("attention_output/bias", 0)
    else:
        y = context[:, 0]
    return [y if mask is None else torch.where(mask[..., None], y, 0.0)]


def option_of(node, weight):
    """What its regularizer and constraint begin with."""
    part = weight.rsplit("/", 1)[1]
    if part == "kernel" and node["kind"].startswith("depthwise"):
        return "depthwise"
    return "recurrent" if part == "recurrent_kernel" else part


BY_NAME = {"l1": {"l1": 0.01}, "l2": {"l2": 0.01}, "l1l2": {"l1": 0.01, "l2": 0.01}}


def penalty(option, value):
    factors = BY_NAME[option] if isinstance(option, str) else option or {}
    return factors.get("l1", 0) * value.abs().sum() + factors.get("l2", 0) * (value ** 2).sum()


def constrain(option, value):
    """What is left of a weight after an update."""
    option = {"name": option} if isinstance(option, str) else option
    if option is None:
        return value
    if option["name"] == "nonNeg":
        return value.clamp(min=0)
    norm = (value ** 2).sum(option.get("axis", 0), keepdim=True).sqrt()
    wanted = norm.clamp(max=option.get("maxValue", 2)) if option["name"] == "maxNorm" else 1
    return value * wanted / (1e-7 + norm)


def constrained(model, weights):
    nodes = {node["name"]: node for node in model["layers"]}

    def option(n):
        node = nodes[n.split("/")[0]]
        return cell_of(node)[1].get(option_of(node, n) + "Constraint")

    return {n: constrain(option(n), w.detach()) for n, w in weights.items()}


def activities(node, values, weights):
    """What activityRegularizer is about."""
    (kind, options), name = cell_of(node), node["name"]
    if kind == "multiHeadAttention":
        inputs = zip(["query", "value", "key"], [values[i] for i in (node["inputs"] * 2)[:3]])
        return [values[name]] + [torch.einsum("btd,dnh->btnh", x, weights[f"{name}/{part}/kernel"])
                                 + weights[f"{name}/{part}/bias"] for part, x in inputs]
    states = STATES[kind] if options.get("returnState") else 0
    return [values[f"{name}:{k}"] for k in range(1 + states)]


def penalties(model, weights, values):
    """Of all weights and, divided by the rows, of the outputs of layers; no masks."""
    total = torch.zeros(())
    for node in model["layers"]:
        options, name = cell_of(node)[1], node["name"]
        for n, weight in weights.items():
            if n.split("/")[0] == name:
                total = total + penalty(
                    options.get(option_of(node, n) + "Regularizer"), weight)
        for output in activities(node, values, weights):
            total = total + penalty(options.get("activityRegularizer"), output) / len(output)
    return total


LAYERS = {"gru": recurrent, "lstm": recurrent, "simpleRnn": recurrent,
          **dict.fromkeys(CELLS, cell), "bidirectional": bidirectional, "dense": dense, "normalization": normalization,
          **dict.fromkeys(CONVOLUTIONS, convolution), **dict.fromkeys(POOLINGS, pooling)}


def all_values(model, weights, inputs, masks):
    """Every value by its name; `gru:1` is the second of `gru`."""
    values, masks = dict(inputs), dict(masks)
    for node in model["layers"]:
        name, mask = node["name"], masks.get(node["inputs"][0])
        inputs = [values[i] for i in node["inputs"]]
        value = around_equations.around(node, inputs, mask, weights, LAYERS)
        if value is not None:
            results = [value]
        elif node["kind"] in ATTENTIONS:
            results = attention(node, inputs, mask, weights, masks.get(node["inputs"][1]))
        else:
            results = LAYERS[node["kind"]](node, inputs, mask, weights)
        mask = around_equations.next_mask(node, inputs, mask)
        values |= {f"{name}:{k}": value for k, value in enumerate(results)}
        values[name] = results[0]
        if results[0].ndim == 3 and mask is not None:
            masks[name] = mask
    return values


def evaluate(model, weights, inputs, masks, lengths):
    weights = {n: w.clone().requires_grad_(trainable(n)) for n, w in weights.items()}
    values = all_values(model, weights, inputs, masks)
    leaves = {n: w for n, w in weights.items() if trainable(n)}
    return ([values[o] for o in model["outputs"]], list(leaves.values()),
            lambda gradients: dict(zip(leaves, gradients)))
