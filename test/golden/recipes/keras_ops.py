"""Functions of `ops` with their gradients. Keras 3.15.1 (keras.ops) on PyTorch 2.13.0, double; seed
1500. Gradients are those of sum(cotangent * result) by x and y, which are broadcast.

x is [B,T,F]; y has each of the shapes that ops takes, behind the batch. The same functions of numpy
give the same values to 1e-12.
"""
import numpy as np

from common import double, f32, save, torch
from with_keras import FRAMEWORK, keras

ops = keras.ops
ONE = {"negative": np.negative, "abs": np.abs, "exp": np.exp, "log": np.log, "log1p": np.log1p,
       "sqrt": np.sqrt, "square": np.square, "sin": np.sin, "cos": np.cos, "sign": np.sign}
TWO = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
       "power": np.power, "maximum": np.maximum, "minimum": np.minimum}
REDUCTIONS = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "logSumExp": None}
SHAPES = {"same": (2, 3, 4), "step": (2, 3, 1), "row": (2, 1, 4)}
AXES = {"features": [2], "steps": [1], "both": [1, 2]}


def gradients(result, leaves, rng):
    """The cotangent, and the gradients of the leaves; zeros where there is none."""
    cotangent = f32(rng.standard_normal(result.shape))
    found = torch.autograd.grad(result, leaves, double(cotangent), allow_unused=True) \
        if result.requires_grad else [None] * len(leaves)
    return [cotangent] + [f32(np.zeros(tuple(leaf.shape))) if g is None else f32(g)
                          for leaf, g in zip(leaves, found)]


def check(actual, expected):
    assert np.abs(actual.detach().numpy() - expected).max() <= 1e-12


def main():
    rng = np.random.default_rng(1500)
    positive = f32(0.3 + rng.random((2, 3, 4)) * 2)
    tensors = {"x": positive}
    for name, function in ONE.items():
        x = double(positive, grad=True)
        y = getattr(ops, name)(x)
        check(y, function(positive.astype(np.float64)))
        cotangent, gradient = gradients(y, [x], rng)
        tensors |= {f"output/{name}": f32(y.detach()), f"cotangent/{name}": cotangent,
                    f"gradient/{name}": gradient}
    save("keras-ops", "one", {"framework": FRAMEWORK, "seed": 1500}, tensors)

    for form, shape in SHAPES.items():
        other = f32(0.3 + rng.random(shape) * 2)
        tensors = {"x": positive, "y": other}
        for name, function in TWO.items():
            x, y = double(positive, grad=True), double(other, grad=True)
            z = getattr(ops, name)(x, y)
            check(z, function(positive.astype(np.float64), other.astype(np.float64)))
            cotangent, dx, dy = gradients(z, [x, y], rng)
            tensors |= {f"output/{name}": f32(z.detach()), f"cotangent/{name}": cotangent,
                        f"gradient/{name}": dx, f"otherGradient/{name}": dy}
        save("keras-ops", f"two-{form}", {"framework": FRAMEWORK, "seed": 1500}, tensors)

    for form, axes in AXES.items():
        tensors = {"x": positive}
        for name, function in REDUCTIONS.items():
            x = double(positive, grad=True)
            reduce = ops.logsumexp if name == "logSumExp" else getattr(ops, name)
            y = reduce(x, axis=tuple(axes), keepdims=True)
            values = positive.astype(np.float64)
            check(y, function(values, axis=tuple(axes), keepdims=True) if function else
                  np.log(np.exp(values).sum(axis=tuple(axes), keepdims=True)))
            cotangent, gradient = gradients(y, [x], rng)
            tensors |= {f"output/{name}": f32(y.detach()), f"cotangent/{name}": cotangent,
                        f"gradient/{name}": gradient}
        save("keras-ops", f"reduce-{form}", {"framework": FRAMEWORK, "seed": 1500, "axis": axes},
             tensors)


if __name__ == "__main__":
    main()
