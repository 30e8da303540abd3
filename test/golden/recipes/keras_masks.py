"""keras.layers.GRU with masks of every form. Keras 3.15.1 on PyTorch 2.13.0; seeds 500 and up.

Default: Keras with zero_output_for_mask=True (our maskedOutput 'zero'). 'repeat': Keras' generic
loop as it is, the previous output again, zeros before the first valid step even with an initial
state. Without sequences the output is the final state: after the last valid step, the initial
state for an empty row (Keras' returned state; its last output would be zeros there).
goBackwards: Keras reverses the whole row, padding included, and leaves the output reversed.
Cotangents at masked steps are not zero and must not matter with 'zero'.
Checked against the equations, to 1e-12.
"""
import with_equations
from common import gru, model, write_case
from with_keras import FRAMEWORK, evaluate

HOLES = [[1, 0, 1, 1, 0, 1], [0, 1, 0, 0, 1, 1], [1, 1, 0, 1, 0, 0]]
LEFT = [[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1]]
RIGHT = [[1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]]
EMPTY = [[1, 1, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]]
MIXED = [[1, 0, 0, 1, 1, 0, 1], [0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0],
         [0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1]]
BOTH = ["gru", "gru:1"]


def case(name, seed, mask, *arguments, **options):
    write_case("keras-masks", name, FRAMEWORK, seed, evaluate, *arguments, len(mask),
               len(mask[0]), mask={"x": mask}, **options, check=[with_equations.evaluate])


def variants(prefix, seed, **variant):
    x, h0 = {"x": [None, 3]}, {"x": [None, 3], "h0": [4]}
    sequences = {**variant, "returnSequences": True, "returnState": True}
    masks = {"holes": HOLES, "left": LEFT, "right": RIGHT, "empty-row": EMPTY}
    for k, (name, mask) in enumerate(masks.items()):
        case(f"{prefix}-{name}", seed + k, mask, model(x, [gru(units=4, **sequences)], BOTH))
        case(f"{prefix}-{name}-repeat", seed + 4 + k, mask, model(x, [
            gru(units=4, maskedOutput="repeat", **sequences)], BOTH))
    case(f"{prefix}-last", seed + 8, MIXED, model(x, [gru(units=5, **variant)]))
    case(f"{prefix}-initial-state", seed + 9, MIXED, model(h0, [
        gru(["x", "h0"], units=4, **sequences)], BOTH))
    case(f"{prefix}-initial-state-repeat", seed + 10, MIXED, model(h0, [
        gru(["x", "h0"], units=4, maskedOutput="repeat", **sequences)], BOTH))
    case(f"{prefix}-initial-state-last", seed + 11, MIXED, model(h0, [
        gru(["x", "h0"], units=4, **variant)]))
    case(f"{prefix}-go-backwards", seed + 12, MIXED, model(x, [
        gru(units=4, goBackwards=True, **sequences)], BOTH))
    case(f"{prefix}-go-backwards-last", seed + 13, MIXED, model(x, [
        gru(units=4, goBackwards=True, **variant)]))
    case(f"{prefix}-stacked", seed + 14, MIXED, model(x, [
        gru(units=4, **variant, returnSequences=True),
        gru("gru", name="gru_1", units=3, **variant, returnSequences=True)]))


def main():
    variants("reset-after", 500)
    variants("reset-before", 520, resetAfter=False)


if __name__ == "__main__":
    main()
