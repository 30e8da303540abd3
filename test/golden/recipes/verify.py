"""Reads every stored file back, by its metadata alone, and compares it with the equations.

In double everything must agree to the rounding of the stored float32 (1.5e-7, relative to each
tensor's largest value or 1). Also shown: how far plain float32 arithmetic is off, which says that
no case is ill-conditioned, and how far each optimizer case moves if its other form is used.
"""
import json

import numpy as np
from safetensors import safe_open

import dropout
import with_equations
from common import GOLDEN, double, torch, vjp

LIMIT = 2_500_000


def read(path):
    with safe_open(path, framework="numpy") as f:
        return json.loads(f.metadata()["case"]), {k: f.get_tensor(k) for k in f.keys()}


def group(tensors, prefix):
    return {k[len(prefix) + 1:]: v for k, v in tensors.items() if k.startswith(prefix + "/")}


def check(what, actual, stored, bound=1.5e-7):
    assert actual.shape == stored.shape, (what, actual.shape, stored.shape)
    error = np.abs(actual - stored).max() / max(1, np.abs(stored).max())
    assert error <= bound, (what, error)


# Layer cases -----------------------------------------------------------------------------------

def layer_case(path, case, tensors):
    outputs, cotangents = group(tensors, "output"), group(tensors, "cotangent")
    arguments = (case["model"], group(tensors, "weight"), group(tensors, "input"),
                 group(tensors, "mask"), group(tensors, "lengths"),
                 [cotangents[str(k)] for k in range(len(cotangents))])
    assert case["mask"] == ("mask" if arguments[3] else "lengths" if arguments[4] else None)
    y, _, gradients, input_gradients = vjp(with_equations.evaluate, *arguments)
    assert len(y) == len(outputs) == len(cotangents)
    expected = ({f"output/{k}": v for k, v in enumerate(y)}
                | {f"gradient/{k}": v for k, v in gradients.items()}
                | {f"inputGradient/{k}": v for k, v in input_gradients.items()})
    results = [k for k in tensors if k.split("/")[0] in ("output", "gradient", "inputGradient")]
    assert sorted(results) == sorted(expected), (path, results, list(expected))
    for name, value in expected.items():
        check((path, name), value, tensors[name])
    return single_precision(arguments, tensors)


def single_precision(arguments, tensors):
    """The largest error of float32: outputs against max(1, max|y|), gradients against max|g|."""
    description, weights, inputs, mask, lengths, cotangents = arguments
    torch.set_default_dtype(torch.float32)
    try:
        x = {n: torch.tensor(v).long() if v.dtype == np.int32 else
             torch.tensor(v, requires_grad=True) for n, v in inputs.items()}
        floats = {n: v for n, v in x.items() if v.is_floating_point()}
        masks = {n: torch.tensor(m != 0) for n, m in mask.items()}
        for n, counts in lengths.items():
            masks[n] = torch.arange(x[n].shape[1])[None] < torch.tensor(counts)[:, None]
        w = {n: torch.tensor(v) for n, v in weights.items()}
        y, leaves, convert = with_equations.evaluate(description, w, x, masks, None)
        g = torch.autograd.grad(y, leaves + list(floats.values()),
                                [torch.tensor(c) for c in cotangents])
    finally:
        torch.set_default_dtype(torch.float64)
    gradients = {f"gradient/{n}": v for n, v in convert(g[:len(leaves)]).items()}
    gradients |= {f"inputGradient/{n}": v for n, v in zip(floats, g[len(leaves):])}
    # Zero but for rounding: what all keys have in common changes no softmax.
    gradients = {n: v for n, v in gradients.items() if not n.endswith("/key/bias")}
    forward = max(np.abs(v.detach().numpy() - tensors[f"output/{k}"]).max()
                  / max(1, np.abs(tensors[f"output/{k}"]).max()) for k, v in enumerate(y))
    backward = max([np.abs(v.numpy() - tensors[n]).max() / (np.abs(tensors[n]).max() or 1)
                    for n, v in gradients.items()])
    return forward, backward


# Losses ----------------------------------------------------------------------------------------

def cross_entropy(p, t):
    return -(t * (p - torch.logsumexp(p, -1, keepdim=True))).sum(-1)


def huber(p, t, delta):
    e = (p - t).abs()
    return torch.where(e <= delta, 0.5 * e * e, delta * e - 0.5 * delta * delta).mean(-1)


LOSSES = {
    "mse": lambda p, t: ((p - t) ** 2).mean(-1),
    "mae": lambda p, t: (p - t).abs().mean(-1),
    "huber": huber,
    # softplus of the logit without its cancellation, minus target * logit
    "binaryCrossentropy": lambda p, t: (
        p.clamp(min=0) - t * p + torch.log1p(torch.exp(-p.abs()))).mean(-1),
    "categoricalCrossentropy": cross_entropy,
    "sparseCategoricalCrossentropy": lambda p, t: cross_entropy(
        p, torch.nn.functional.one_hot(t.long(), p.shape[-1])),
}


def loss_case(path, case, tensors):
    p, t = double(tensors["prediction"], grad=True), double(tensors["target"])
    options = {k: v for k, v in case["options"].items() if k != "fromLogits"}
    each = LOSSES[case["loss"]](p, t, **options)
    w = torch.ones_like(each)
    if "weight" in tensors:
        w = w * double(tensors["weight"]).reshape([-1] + [1] * (each.ndim - 1))
    if "mask" in tensors:
        w = w * double(tensors["mask"])
    value = (w * each).sum() / w.sum()
    value.backward()
    check((path, "value"), np.array([value.item()]), tensors["value"], 1e-12)
    if "binary-extreme" in path.name:  # at a logit of 0 |p| and max(p, 0) have a kink of their own
        gradient = (torch.sigmoid(p) - double(tensors["target"])).detach() / p.numel()
    else:
        gradient = p.grad
    check((path, "gradient"), gradient.numpy(), tensors["gradient"])


# Optimizers ------------------------------------------------------------------------------------

def clip(o, gradients):
    if "clipNorm" in o:
        norm = torch.sqrt(sum((g * g).sum() for g in gradients.values()))
        return {n: g * min(1.0, o["clipNorm"] / norm) for n, g in gradients.items()}
    if "clipVariableNorm" in o:
        return {n: g * min(1.0, o["clipVariableNorm"] / g.norm()) for n, g in gradients.items()}
    if "clipValue" in o:
        return {n: g.clamp(-o["clipValue"], o["clipValue"]) for n, g in gradients.items()}
    return gradients


def update(o, w, g, state, t):
    """One tensor: the new w. state: a dict of its own, empty at first; t counts from 1."""
    lr, epsilon, keras = o["learningRate"], o.get("epsilon"), o.get("epsilonMode") == "keras"
    momentum, zero = o.get("momentum", 0), torch.zeros_like(w)
    if o["name"] == "sgd":
        state["v"] = momentum * state.get("v", zero) - lr * g
        return w + (momentum * state["v"] - lr * g if o.get("nesterov") else state["v"])
    if o["name"] in ("rmsprop", "adagrad"):
        if o["name"] == "rmsprop":
            v = state["v"] = o["rho"] * state.get("v", zero) + (1 - o["rho"]) * g * g
        else:
            v = state["v"] = state.get("v", zero + o["initialAccumulatorValue"]) + g * g
        root = torch.sqrt(v + epsilon) if keras else torch.sqrt(v) + epsilon
        state["m"] = momentum * state.get("m", zero) + lr * g / root
        return w - state["m"]
    w = w - lr * o.get("weightDecay", 0) * w
    m = state["m"] = o["beta1"] * state.get("m", zero) + (1 - o["beta1"]) * g
    v = state["v"] = o["beta2"] * state.get("v", zero) + (1 - o["beta2"]) * g * g
    first, second = 1 - o["beta1"] ** t, 1 - o["beta2"] ** t
    if keras:
        return w - lr * np.sqrt(second) / first * m / (torch.sqrt(v) + epsilon)
    return w - lr * (m / first) / (torch.sqrt(v / second) + epsilon)


def trajectory(case, o, tensors):
    w = {n: double(v) for n, v in group(tensors, "initial").items()}
    states, losses = {n: {} for n in w}, []
    for t in range(1, case["steps"] + 1):
        w = {n: v.detach().requires_grad_() for n, v in w.items()}
        x = tensors["x"][t - 1]
        x = torch.tensor(x).long() if x.dtype == np.int32 else double(x)
        values = with_equations.all_values(case["model"], w, {"x": x}, {})
        output = values[case["model"]["outputs"][0]]
        loss = ((output - double(tensors["y"][t - 1])) ** 2).mean() \
            + with_equations.penalties(case["model"], w, values)
        losses.append(loss.item())
        gradients = clip(o, dict(zip(w, torch.autograd.grad(loss, list(w.values())))))
        w = {n: update(o, v, gradients[n], states[n], t) for n, v in w.items()}
        w = with_equations.constrained(case["model"], w)
    return w, np.array(losses)


def optimizer_case(path, case, tensors):
    """-> how far the final weights move in the other form, if there is one."""
    o = case["optimizer"]
    w, losses = trajectory(case, o, tensors)
    check((path, "losses"), losses, tensors["losses"], 1e-12)
    for name, value in w.items():
        check((path, name), value.detach().numpy(), tensors[f"final/{name}"])
    if "epsilonMode" not in o:
        return 0
    other = {**o, "epsilonMode": "torch" if o["epsilonMode"] == "keras" else "keras"}
    moved = trajectory(case, other, tensors)[0]
    return max((moved[n] - w[n]).abs().max().item() for n in w)


def dropout_case(path, case, tensors):
    (node,) = case["model"]["layers"]
    names = [f"{node['name']}/{n}" for n in ("kernel", "recurrent_kernel", "bias")]
    weights = {n: tensors[f"weight/{n}"] for n in names}
    loss, *gradients = dropout.gradients(dropout.by_equations, node["kind"], node["options"],
                                         weights.values(), tensors["input/x"], tensors["target"])
    check((path, "loss"), loss.reshape(1), tensors["loss"], 1e-12)
    for name, gradient in zip(weights, gradients, strict=True):
        check((path, name), gradient, tensors[f"gradient/{name}"])


def main():
    total, worst = 0, [0.0, 0.0]
    paths = sorted(GOLDEN.glob("*/*.safetensors"))
    for path in paths:
        total += path.stat().st_size
        case, tensors = read(path)
        assert all(np.isfinite(v).all() for v in tensors.values()), path
        if path.parent.name == "losses":
            loss_case(path, case, tensors)
        elif path.parent.name in ("optimizers", "regularization"):
            moved = optimizer_case(path, case, tensors)
            if moved:
                print(f"{path.stem}: {moved:.1e} from its other form")
        elif path.parent.name == "dropout":
            dropout_case(path, case, tensors)
        elif "model" in case:
            errors = layer_case(path, case, tensors)
            worst = np.maximum(worst, errors)
            if errors[0] > 1e-6 or errors[1] > 2e-6:
                print(f"{path.parent.name}/{path.stem}: float32 off by {errors[0]:.1e} forward, "
                      f"{errors[1]:.1e} backward")
    print(f"{len(paths)} files, {total} bytes; float32 at worst {worst[0]:.1e} forward, "
          f"{worst[1]:.1e} backward")
    assert total <= LIMIT


if __name__ == "__main__":
    main()
