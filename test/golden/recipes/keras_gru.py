"""keras.layers.GRU, both reset variants. Keras 3.15.1 on PyTorch 2.13.0; seeds 400 and up.

goBackwards answers the sequence in the order of processing (not flipped back), as Keras does.
Checked against the equations, to 1e-12.
"""
import with_equations
from common import gru, model, write_case
from with_keras import FRAMEWORK, evaluate


def case(name, seed, *arguments, **options):
    write_case("keras-gru", name, FRAMEWORK, seed, evaluate, *arguments, **options,
               check=[with_equations.evaluate])


def variants(prefix, seed, **variant):
    x, h0 = {"x": [None, 4]}, {"x": [None, 4], "h0": [5]}
    both = ["gru", "gru:1"]
    sequences = {**variant, "returnSequences": True}
    case(f"{prefix}-sequences", seed, model(x, [gru(units=5, **sequences)]), 3, 6)
    case(f"{prefix}-last", seed + 1, model(x, [gru(units=7, **variant)]), 4, 5)
    case(f"{prefix}-state", seed + 2, model(x, [
        gru(units=3, returnState=True, **sequences)], both), 2, 7)
    case(f"{prefix}-initial-state", seed + 3, model(h0, [
        gru(["x", "h0"], units=5, returnState=True, **sequences)], both), 3, 4)
    case(f"{prefix}-initial-state-last", seed + 4, model(h0, [
        gru(["x", "h0"], units=5, **variant)]), 5, 3)
    case(f"{prefix}-go-backwards", seed + 5, model(h0, [
        gru(["x", "h0"], units=5, goBackwards=True, returnState=True, **sequences)], both), 2, 6)
    case(f"{prefix}-go-backwards-last", seed + 6, model(x, [
        gru(units=6, goBackwards=True, **variant)]), 3, 5)
    case(f"{prefix}-no-bias", seed + 7, model(x, [gru(units=4, useBias=False, **sequences)]), 2, 5)
    case(f"{prefix}-one-step", seed + 8, model(h0, [gru(["x", "h0"], units=5, **variant)]), 2, 1)


def main():
    variants("reset-after", 400)
    variants("reset-before", 420, resetAfter=False)
    case("reset-before-one-row", 440, model({"x": [None, 3]}, [
        gru(units=9, resetAfter=False, returnSequences=True)]), 1, 12)
    case("reset-before-stacked", 441, model({"x": [None, 3]}, [
        gru(units=4, resetAfter=False, returnSequences=True),
        gru("gru", name="gru_1", units=6, resetAfter=False)]), 3, 5)
    case("reset-before-long", 442, model({"x": [None, 10]}, [
        gru(units=32, resetAfter=False, returnSequences=True)]), 4, 100)


if __name__ == "__main__":
    main()
