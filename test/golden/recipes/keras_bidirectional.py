"""keras.layers.Bidirectional(GRU). Keras 3.15.1 on PyTorch 2.13.0; seeds 600 and up.

Keras forces zero output at masked steps here and flips the backward sequence back. The states
are outputs 1 (forward) and 2 (backward); with merge mode 'none' outputs 0 and 1 are the two
directions. Checked against the equations, to 1e-12.
"""
import with_equations
from common import bidirectional, model, write_case
from keras_masks import MIXED
from with_keras import FRAMEWORK, evaluate

OUTPUTS = ["bidirectional", "bidirectional:1", "bidirectional:2"]


def case(name, seed, *arguments, **options):
    write_case("keras-bidirectional", name, FRAMEWORK, seed, evaluate, *arguments, **options,
               check=[with_equations.evaluate])


def main():
    x, mask = {"x": [None, 3]}, {"x": MIXED}
    for k, merge in enumerate(["concat", "sum", "ave", "mul"]):
        sequences = bidirectional(merge=merge, units=4, returnSequences=True)
        case(merge, 600 + k, model(x, [sequences]), 3, 5)
        case(f"{merge}-masked", 610 + k, model(x, [sequences]), 5, 7, mask=mask)
        case(f"{merge}-last", 620 + k, model(x, [bidirectional(merge=merge, units=3)]), 2, 6)
    case("none", 630, model(x, [
        bidirectional(merge="none", units=4, returnSequences=True)], OUTPUTS[:2]), 2, 5)
    case("concat-last-masked", 631, model(x, [bidirectional(units=4)]), 5, 7, mask=mask)
    case("concat-state-masked", 632, model(x, [
        bidirectional(units=3, returnSequences=True, returnState=True)], OUTPUTS), 5, 7, mask=mask)
    case("reset-before", 633, model(x, [
        bidirectional(units=4, resetAfter=False, returnSequences=True)]), 3, 6)
    case("reset-before-masked", 634, model(x, [
        bidirectional(units=4, resetAfter=False, returnSequences=True)]), 5, 7, mask=mask)


if __name__ == "__main__":
    main()
