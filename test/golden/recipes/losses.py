"""Losses and their gradients. Keras 3.15.1 on PyTorch 2.13.0, double; seeds 1000 and up.

Keras gives the loss of each row or step (the mean over the last axis; for the categorical losses
the cross-entropy itself); the reduction is sum(w * loss) / sum(w), w = sample weight * mask. That
is Keras' reduction 'mean_with_sample_weight', asserted here. Keras' default,
'sum_over_batch_size', divides by the NUMBER of unmasked elements, whatever their weights.
"""
import numpy as np

from common import double, f32, save, torch
from with_keras import FRAMEWORK, keras

LOSSES = {
    "mse": keras.losses.MeanSquaredError,
    "mae": keras.losses.MeanAbsoluteError,
    "huber": keras.losses.Huber,
    "binaryCrossentropy": keras.losses.BinaryCrossentropy,
    "categoricalCrossentropy": keras.losses.CategoricalCrossentropy,
    "sparseCategoricalCrossentropy": keras.losses.SparseCategoricalCrossentropy,
}
MASK = np.array([[1, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]], np.uint8)
WEIGHT = f32([0.5, 2, 1.25, 0])
EXTREME = f32([[80, -80, 0], [-80, 80, 80], [1000, -1000, 0.5], [-1000, 1000, 1000], [0, 0, 0]])


def case(name, seed, loss, prediction, target, weight=None, mask=None, **options):
    """weight: [B]; mask: [B,T]."""
    arguments = {"from_logits" if k == "fromLogits" else k: v for k, v in options.items()}
    p = double(prediction, grad=True)
    t = torch.tensor(target) if target.dtype == np.int32 else double(target)
    each = LOSSES[loss](reduction="none", **arguments)(t, p)
    w = torch.ones_like(each)
    if weight is not None:
        w = w * double(weight).reshape([-1] + [1] * (each.ndim - 1))
    if mask is not None:
        w = w * double(mask)
    value = (w * each).sum() / w.sum()
    keras_value = LOSSES[loss](reduction="mean_with_sample_weight", **arguments)(t, p, w)
    assert value.dtype == torch.float64 and abs(value - keras_value) <= 1e-12 * max(1, abs(value))
    value.backward()
    tensors = {"prediction": prediction, "target": target, "gradient": f32(p.grad),
               "value": np.array([value.item()])}
    tensors |= {} if weight is None else {"weight": weight}
    tensors |= {} if mask is None else {"mask": mask}
    save("losses", name, {"framework": FRAMEWORK, "seed": seed, "loss": loss,
                          "options": options}, tensors)


def variants(name, seed, loss, random_target, **options):
    """Rows, weighted rows, sequences, masked sequences, masked and weighted sequences."""
    rng = np.random.default_rng(seed)
    forms = {"rows": ((5, 3), {}), "weighted": ((4, 2), {"weight": WEIGHT}),
             "sequences": ((2, 3, 2), {}), "masked": ((4, 4, 3), {"mask": MASK}),
             "weighted-sequences": ((4, 4, 2), {"weight": WEIGHT}),
             "masked-weighted": ((4, 4, 3), {"mask": MASK, "weight": WEIGHT}),
             "one-column": ((6, 1), {})}
    for form, (shape, given) in forms.items():
        if shape[-1] == 1 and "ategorical" in loss:
            continue
        prediction = f32(2 * rng.standard_normal(shape))
        case(f"{name}-{form}", seed, loss, prediction, random_target(rng, prediction), **given,
             **options)


def near(rng, prediction):
    """Real targets, errors of both signs on both sides of 1; the first error is exactly 0."""
    target = f32(prediction + 1.2 * rng.standard_normal(prediction.shape))
    target.flat[0] = prediction.flat[0]
    return target


def binary(rng, prediction):
    return f32(rng.integers(0, 2, prediction.shape))


def classes(rng, prediction):
    return rng.integers(0, prediction.shape[-1], prediction.shape[:-1]).astype(np.int32)


def one_hot(rng, prediction):
    return f32(np.eye(prediction.shape[-1])[classes(rng, prediction)])


def soft(rng, prediction):
    values = rng.uniform(0.1, 1, prediction.shape)
    return f32(values / values.sum(-1, keepdims=True))


def main():
    variants("mse", 1000, "mse", near)
    variants("mae", 1001, "mae", near)
    variants("huber", 1002, "huber", near, delta=1.0)
    variants("huber-half", 1003, "huber", near, delta=0.5)

    logits = {"fromLogits": True}
    variants("binary", 1004, "binaryCrossentropy", binary, **logits)
    variants("categorical", 1005, "categoricalCrossentropy", one_hot, **logits)
    variants("sparse", 1006, "sparseCategoricalCrossentropy", classes, **logits)

    rng = np.random.default_rng(1007)
    rows = f32(2 * rng.standard_normal((4, 3)))
    case("binary-soft-targets", 1007, "binaryCrossentropy", rows,
         f32(rng.uniform(0, 1, rows.shape)), **logits)
    case("categorical-soft-targets", 1007, "categoricalCrossentropy", rows, soft(rng, rows),
         **logits)
    right = np.array([0, 1, 0, 2, 1], np.int32)
    wrong = np.array([1, 0, 1, 0, 2], np.int32)
    for which, index in (("right", right), ("wrong", wrong)):
        case(f"sparse-extreme-{which}", 1007, "sparseCategoricalCrossentropy", EXTREME, index,
             **logits)
        case(f"categorical-extreme-{which}", 1007, "categoricalCrossentropy", EXTREME,
             f32(np.eye(3)[index]), **logits)
        target = f32(EXTREME > 0) if which == "right" else f32(EXTREME <= 0)
        case(f"binary-extreme-{which}", 1007, "binaryCrossentropy", EXTREME, target, **logits)


if __name__ == "__main__":
    main()
