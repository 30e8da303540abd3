"""Shared by all recipes: random data, parameter shapes, vector-Jacobian products, the file format.

Every input and weight is rounded to float32 first and then used in double, so a stored float32
value is exactly the value that was used; only results are rounded when they are stored.
"""
import json
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import torch
from safetensors.numpy import save_file

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

GOLDEN = Path(__file__).resolve().parent.parent


CONVOLUTIONS = ("conv1d", "conv2d", "depthwiseConv1d", "depthwiseConv2d")
POOLINGS = tuple(f"{scope}{mode}Pooling{axes}d" for scope in ("", "global")
                 for mode in ("Max", "Average") for axes in (1, 2))
POOLINGS = tuple(name[0].lower() + name[1:] for name in POOLINGS)


ATTENTIONS = ("attention", "additiveAttention", "multiHeadAttention")


# The model description -------------------------------------------------------------------------

def recurrent(kind, inputs="x", name=None, **options):
    """kind: gru, lstm or simpleRnn."""
    return {"kind": kind, "name": name or kind, "inputs": as_list(inputs), "options": options}


def gru(inputs="x", name="gru", **options):
    return recurrent("gru", inputs, name, **options)


def bidirectional(inputs="x", merge="concat", kind="gru", **options):
    return {"kind": "bidirectional", "name": "bidirectional", "inputs": as_list(inputs),
            "options": {"layer": {"kind": kind, "options": options}, "mergeMode": merge}}


def dense(inputs, name="dense", **options):
    return {"kind": "dense", "name": name, "inputs": as_list(inputs), "options": options}


def node(kind, inputs="x", name=None, **options):
    """Any other layer."""
    return {"kind": kind, "name": name or kind, "inputs": as_list(inputs), "options": options}


def again(name, of, inputs):
    """A layer applied once more, with the same weights."""
    return {**of, "name": name, "inputs": as_list(inputs), "again": of["name"]}


def normalization(inputs="x"):
    return {"kind": "normalization", "name": "normalization", "inputs": as_list(inputs),
            "options": {}}


def model(inputs, layers, outputs=None):
    """inputs: { name: shape without the batch }, None where any length is allowed; or, for int32 ids
    from 0 on, { name: (shape, how many) }."""
    return {"inputs": [{"name": n, "shape": s[0], "dtype": "int32", "ids": s[1]}
                       if isinstance(s, tuple) else {"name": n, "shape": list(s)}
                       for n, s in inputs.items()],
            "layers": layers, "outputs": as_list(outputs or layers[-1]["name"])}


def pair(value):
    return tuple(value) if isinstance(value, (list, tuple)) else (value, value)


def as_list(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


GATES = {"gru": 3, "lstm": 4, "simpleRnn": 1}
STATES = {"gru": 1, "lstm": 2, "simpleRnn": 1}
# One step of each.
CELLS = {f"{kind}Cell": kind for kind in STATES}


def cell_of(node):
    """The kind of cell of a recurrent or a bidirectional layer, and its options."""
    inner = node["options"]["layer"] if node["kind"] == "bidirectional" else node
    return inner["kind"], inner["options"]


def cell_shapes(prefix, features, kind, options):
    units, columns = options["units"], GATES[kind] * options["units"]
    shapes = {f"{prefix}/kernel": (features, columns),
              f"{prefix}/recurrent_kernel": (units, columns)}
    if options.get("useBias", True):
        two = kind == "gru" and options.get("resetAfter", True)
        shapes[f"{prefix}/bias"] = (2, columns) if two else (columns,)
    if options.get("layerNorm"):
        shapes[f"{prefix}/gamma"] = (2, columns)
        if kind == "lstm":
            shapes |= {f"{prefix}/cell_gamma": (units,), f"{prefix}/cell_beta": (units,)}
    return shapes


def attention_shapes(name, kind, widths, options):
    """widths: of query, value and, where it is not the value, key."""
    if kind == "multiHeadAttention":
        heads, key_dim = options["numHeads"], options["keyDim"]
        value_dim = options.get("valueDim", key_dim)
        kernels = {"query": (widths[0], heads, key_dim), "key": (widths[-1], heads, key_dim),
                   "value": (widths[1], heads, value_dim),
                   "attention_output": (heads, value_dim, widths[0])}
        shapes = {}
        for part, shape in kernels.items():
            shapes[f"{name}/{part}/kernel"] = shape
            if options.get("useBias", True):
                shapes[f"{name}/{part}/bias"] = shape[2:] if part == "attention_output" \
                    else shape[1:]
        return shapes
    shapes = {}
    if options.get("useScale", kind == "additiveAttention"):
        shapes[f"{name}/scale"] = (widths[0],) if kind == "additiveAttention" else ()
    if options.get("scoreMode") == "concat":
        shapes[f"{name}/concat_score_weight"] = ()
    return shapes


def parameter_shapes(description):
    """{ layer name: { parameter name: shape } }"""
    width = {i["name"]: i["shape"][-1] for i in description["inputs"]}
    shapes = {}
    for node in description["layers"]:
        kind, name, options = node["kind"], node["name"], node["options"]
        features = width[node["inputs"][0]]
        if "again" in node:
            width[name] = width[node["again"]]
            shapes[name] = {}
        elif kind in GATES or kind in CELLS:
            width |= {n: options["units"] for n in (name, f"{name}:1", f"{name}:2")}
            shapes[name] = cell_shapes(name, features, CELLS.get(kind, kind), options)
        elif kind == "bidirectional":
            units = cell_of(node)[1]["units"]
            width[name] = units * (2 if options["mergeMode"] == "concat" else 1)
            shapes[name] = {**cell_shapes(f"{name}/forward", features, *cell_of(node)),
                            **cell_shapes(f"{name}/backward", features, *cell_of(node))}
        elif kind == "dense":
            width[name] = options["units"]
            shapes[name] = {f"{name}/kernel": (features, options["units"]),
                            f"{name}/bias": (options["units"],)}
        elif kind in CONVOLUTIONS:
            depthwise = kind.startswith("depthwise")
            last = options.get("depthMultiplier", 1) if depthwise else options["filters"]
            width[name] = features * last if depthwise else last
            size = pair(options["kernelSize"]) if kind.endswith("2d") else (options["kernelSize"],)
            shapes[name] = {f"{name}/kernel": (*size, features, last)}
            if options.get("useBias", True):
                shapes[name][f"{name}/bias"] = (width[name],)
        elif kind in POOLINGS:
            width[name] = features
            shapes[name] = {}
        elif kind in ATTENTIONS:
            widths = [width[i] for i in node["inputs"]]
            width[name] = features if kind == "multiHeadAttention" else widths[1]
            shapes[name] = attention_shapes(name, kind, widths, options)
        elif kind == "normalization":
            width[name] = features
            shapes[name] = {f"{name}/mean": (features,), f"{name}/variance": (features,)}
        elif kind == "embedding":
            width[name] = options["outputDim"]
            shapes[name] = {f"{name}/embeddings": (options["inputDim"], options["outputDim"])}
        elif kind == "timeDistributed":
            inner = parameter_shapes({"inputs": [{"name": "x", "shape": [features]}], "layers": [
                {**options["layer"], "name": name, "inputs": ["x"]}]})
            width[name] = options["layer"]["options"].get("units", features)
            shapes[name] = inner.get(name, {})
        else:
            width[name] = node.get("width", features)
            parts = [p for p, option in (("gamma", "scale"), ("beta", "center"))
                     if kind.endswith("Normalization") and options.get(option, True)]
            if kind == "batchNormalization":
                parts += ["moving_mean", "moving_variance"]
            # "along": the extents of a normalization's axes, where that is not the last one alone.
            shapes[name] = {f"{name}/{p}": tuple(node.get("along", [features])) for p in parts}
    return shapes


def trainable(name):
    return not name.startswith("normalization/") and "/moving_" not in name


# Random data, rounded to float32 ---------------------------------------------------------------

def f32(values):
    return np.array(values, dtype=np.float32, order="C")  # a scalar stays one


def double(values, grad=False):
    return torch.tensor(np.asarray(values, dtype=np.float64), requires_grad=grad)


def random_weights(rng, description, scale=1.0):
    weights = {}
    for layer in parameter_shapes(description).values():
        for name, shape in layer.items():
            kind = name.rsplit("/", 1)[1]
            values = rng.standard_normal(shape)
            if kind == "kernel" and len(shape) > 2:
                values *= scale / np.sqrt(np.prod(shape[:-1]))
            elif kind == "kernel":
                values *= scale * np.sqrt(2 / (shape[0] + shape[1] / 3))
            elif kind == "recurrent_kernel":
                values *= scale / np.sqrt(shape[0])
            elif kind == "bias":
                values *= scale * 0.3
            elif kind == "cell_gamma" or kind == "gamma" and len(shape) == 2:  # inside a cell
                values = rng.uniform(0.4, 1.2, shape)
            elif kind.endswith("variance"):
                values = rng.uniform(0.3, 2.0, shape)
            weights[name] = f32(values)
    return weights


def random_inputs(rng, description, batch, steps):
    """A sequence input has a leading None; any other input is one vector a row (a state)."""
    inputs = {}
    for i in description["inputs"]:
        shape, scale = i["shape"], 1.0
        if shape[0] is None:
            shape = [steps[i["name"]] if isinstance(steps, dict) else steps] + shape[1:]
        else:
            scale = 0.5
        if i.get("dtype") == "int32":
            inputs[i["name"]] = rng.integers(0, i["ids"], [batch] + shape).astype(np.int32)
        else:
            inputs[i["name"]] = f32(scale * rng.standard_normal([batch] + shape))
    return inputs


# One layer case --------------------------------------------------------------------------------

def as_mask(inputs, mask, lengths):
    """{ input: bool [B,T] } from either form."""
    masks = {n: torch.tensor(np.asarray(m) != 0) for n, m in (mask or {}).items()}
    for name, counts in (lengths or {}).items():
        masks[name] = torch.arange(inputs[name].shape[1])[None, :] < torch.tensor(counts)[:, None]
    return masks


def vjp(evaluate, description, weights, inputs, mask=None, lengths=None, cotangents=None, rng=None):
    """Runs `evaluate` in double. It answers (outputs, leaves, convert): `convert` turns the
    gradients of its leaves into { our parameter name: gradient }."""
    x = {n: torch.tensor(v).long() if v.dtype == np.int32 else double(v, grad=True)
         for n, v in inputs.items()}
    floats = {n: v for n, v in x.items() if v.is_floating_point()}
    w = {n: double(v) for n, v in weights.items()}
    masks = as_mask(inputs, mask, lengths)
    outputs, leaves, convert = evaluate(description, w, x, masks, lengths)
    if cotangents is None:
        cotangents = [f32(rng.standard_normal(tuple(y.shape))) for y in outputs]
    for y in outputs:
        assert y.dtype == torch.float64, y.dtype
    g = torch.autograd.grad(outputs, leaves + list(floats.values()),
                            [double(c) for c in cotangents])
    gradients = {n: v.detach().numpy() for n, v in convert(g[:len(leaves)]).items()}
    return ([y.detach().numpy() for y in outputs], cotangents, gradients,
            {n: v.numpy() for n, v in zip(floats, g[len(leaves):])})


def assert_same(what, a, b, bound=1e-12):
    """The same vector-Jacobian product from two implementations."""
    pairs = [("output", u, v) for u, v in zip(a[0], b[0], strict=True)]
    for kind, left, right in (("gradient", a[2], b[2]), ("inputGradient", a[3], b[3])):
        assert left.keys() == right.keys(), (what, left.keys(), right.keys())
        pairs += [(f"{kind}/{n}", left[n], right[n]) for n in left]
    for name, u, v in pairs:
        assert u.shape == v.shape, (what, name, u.shape, v.shape)
        error = np.abs(u - v).max() / max(1.0, np.abs(u).max())
        assert error <= bound, (what, name, error)


def write_case(topic, name, framework, seed, evaluate, description, batch=3, steps=5, *,
               scale=1.0, mask=None, lengths=None, change=None, check=()):
    """mask, lengths: { input name: array }. change(weights, inputs) edits the random data.
    check: other implementations that must agree to 1e-12."""
    rng = np.random.default_rng(seed)
    weights = random_weights(rng, description, scale)
    inputs = random_inputs(rng, description, batch, steps)
    if change:
        change(weights, inputs)
    result = vjp(evaluate, description, weights, inputs, mask, lengths, rng=rng)
    for other in check:
        assert_same(f"{topic}/{name}", result, vjp(other, description, weights, inputs, mask,
                                                   lengths, result[1]))
    outputs, cotangents, gradients, input_gradients = result
    tensors = {f"input/{n}": v for n, v in inputs.items()}
    tensors |= {f"mask/{n}": np.asarray(v, np.uint8) for n, v in (mask or {}).items()}
    tensors |= {f"lengths/{n}": np.asarray(v, np.int32) for n, v in (lengths or {}).items()}
    tensors |= {f"output/{k}": f32(v) for k, v in enumerate(outputs)}
    tensors |= {f"cotangent/{k}": v for k, v in enumerate(cotangents)}
    tensors |= {f"weight/{n}": v for n, v in weights.items()}
    tensors |= {f"gradient/{n}": f32(v) for n, v in gradients.items()}
    tensors |= {f"inputGradient/{n}": f32(v) for n, v in input_gradients.items()}
    save(topic, name, {"framework": framework, "seed": seed, "model": description,
                       "mask": "mask" if mask else "lengths" if lengths else None}, tensors)


def save(topic, name, case, tensors):
    case = {"recipe": topic.replace("-", "_") + ".py", **case}
    for key, value in tensors.items():
        assert np.isfinite(value).all(), (topic, name, key)
    folder = GOLDEN / topic
    folder.mkdir(exist_ok=True)
    tensors = {n: np.array(v, order="C") for n, v in tensors.items()}
    save_file(tensors, folder / f"{name}.safetensors", metadata={"case": json.dumps(case)})
