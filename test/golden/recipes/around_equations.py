"""The layers around recurrent ones, from the equations alone, and the masks they make or pass on."""
import math

from common import torch


def softmax(x, axis, mask=None):
    e = torch.exp(x - x.amax(axis, keepdim=True))
    if mask is not None and axis == 1:
        e = torch.where(mask.reshape(*mask.shape, *[1] * (x.ndim - 2)), e, 0.0)
    total = e.sum(axis, keepdim=True)
    return torch.where(total > 0, e / torch.where(total > 0, total, 1.0), 0.0)


def dot(node, inputs):
    axes = node["options"]["axes"]
    axes = axes if isinstance(axes, list) else [axes, axes]
    sides = []
    for x, axis in zip(inputs, axes):
        axis = axis % x.ndim
        if node["options"].get("normalize"):
            x = x / x.pow(2).sum(axis, keepdim=True).sqrt()
        sides.append(x[:, None] if x.ndim == 2 else x if axis == 2 else x.transpose(1, 2))
    y = torch.einsum("bmk,bnk->bmn", *sides)
    kept = [e for x, e in zip(inputs, y.shape[1:]) if x.ndim == 3] or [1]
    return y.reshape(y.shape[0], *kept)


def axes_of(x, options):
    axes = options.get("axis", -1)
    return sorted(a % x.ndim for a in (axes if isinstance(axes, list) else [axes]))


def along(weight, x, options):
    """A weight of the extents along the axes, to be multiplied with x."""
    axes = axes_of(x, options)
    return None if weight is None else weight.reshape(
        [n if axis in axes else 1 for axis, n in enumerate(x.shape)])


def norm(x, options, mean, variance, gamma, beta):
    gamma, beta = along(gamma, x, options), along(beta, x, options)
    y = (x - mean) / torch.sqrt(variance + options.get("epsilon", 1e-3))
    return y * (1 if gamma is None else gamma) + (0 if beta is None else beta)


def layer_norm(x, options, get):
    axes = axes_of(x, options)
    mean = x.mean(axes, keepdim=True)
    variance = ((x - mean) ** 2).mean(axes, keepdim=True)
    return norm(x, options, mean, variance, get("gamma"), get("beta"))


def reduced(of):
    def merge(inputs):
        y = inputs[0]
        for x in inputs[1:]:
            y = of(y, x)
        return y
    return merge


MERGES = {
    "add": sum,
    "average": lambda inputs: sum(inputs) / len(inputs),
    "subtract": lambda inputs: inputs[0] - inputs[1],
    "multiply": reduced(torch.mul),
    "maximum": reduced(lambda a, b: torch.where(a >= b, a, b)),
    "minimum": reduced(lambda a, b: torch.where(a <= b, a, b)),
}

ACTIVATIONS = {
    "exponential": torch.exp,
    "gelu": lambda x: x * (1 + torch.erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x * torch.sigmoid(x),
    "selu": lambda x: 1.0507009873554804934 * torch.where(
        x > 0, x, 1.6732632423543772848 * torch.expm1(x.clamp(max=0))),
    "softmax": lambda x: softmax(x, -1),
}


def around(node, inputs, mask, weights, layers):
    """-> the output of a layer of these kinds, or None. `layers`: all kinds, for inner layers."""
    kind, options, x = node["kind"], node["options"], inputs[0]

    def get(part):
        return weights.get(f"{node['name']}/{part}")

    if kind in MERGES:
        return MERGES[kind](list(inputs))
    if kind == "embedding":
        return get("embeddings")[x]
    if kind == "masking":
        keep = (x != options.get("maskValue", 0)).any(-1, keepdim=True)
        return torch.where(keep, x, 0.0)
    if kind == "flatten":
        return x.reshape(x.shape[0], -1)
    if kind == "reshape":
        return x.reshape(x.shape[0], *options["targetShape"])
    if kind == "permute":
        return x.permute(0, *options["dims"])
    if kind == "repeatVector":
        return x[:, None].expand(-1, options["n"], -1)
    if kind == "softmax":
        return softmax(x, options.get("axis", -1) % x.ndim, mask)
    if kind == "dot":
        return dot(node, inputs)
    if kind == "layerNormalization":
        return layer_norm(x, options, get)
    if kind == "batchNormalization":
        moving = [along(get(f"moving_{part}"), x, options) for part in ("mean", "variance")]
        return norm(x, options, *moving, get("gamma"), get("beta"))
    if kind == "timeDistributed":
        inner = {**options["layer"], "name": node["name"], "inputs": node["inputs"]}
        steps = [layers[inner["kind"]](inner, [x[:, t]], None, weights)[0] for t in range(x.shape[1])]
        return torch.stack(steps, dim=1)
    return None


def next_mask(node, inputs, mask):
    """The mask behind a layer, given that of its first input."""
    kind, x = node["kind"], inputs[0]
    if kind == "embedding" and node["options"].get("maskZero"):
        return x != 0 if mask is None else mask & (x != 0)
    if kind == "masking":
        keep = (x != node["options"].get("maskValue", 0)).any(-1)
        return keep if mask is None else mask & keep
    return mask
