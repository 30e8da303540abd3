"""torch.nn.GRU of one direction, and stacks of it. PyTorch 2.13.0; seeds 100 and up, one a case.

Each case is checked against Keras in float64 and against the equations, to 1e-12: outputs and
all gradients. That also proves the conversion of layouts.
"""
import with_equations
import with_keras
from common import gru, model, write_case
from with_torch import FRAMEWORK, evaluate

X = {"x": [None, 3]}
H0 = {"x": [None, 3], "h0": [4]}


def case(name, seed, *arguments, **options):
    write_case("torch-gru", name, FRAMEWORK, seed, evaluate, *arguments, **options,
               check=[with_keras.evaluate, with_equations.evaluate])


def main():
    case("sequences", 100, model(X, [gru(units=4, returnSequences=True)]), 3, 6)
    case("last", 101, model({"x": [None, 5]}, [gru(units=7)]), 5, 7)
    case("state", 102, model(X, [gru(units=4, returnSequences=True, returnState=True)],
                             ["gru", "gru:1"]), 2, 5)
    case("initial-state", 103, model(H0, [gru(["x", "h0"], units=4, returnSequences=True)]), 3, 5)
    case("initial-state-last", 104, model(H0, [gru(["x", "h0"], units=4)]), 4, 6)
    case("no-bias", 105, model({"x": [None, 6]}, [
        gru(units=5, useBias=False, returnSequences=True)]), 2, 8)
    case("one-step", 106, model({"x": [None, 7]}, [gru(units=3, returnSequences=True)]), 4, 1)
    case("one-step-initial-state", 107, model({"x": [None, 2], "h0": [9]}, [
        gru(["x", "h0"], units=9)]), 3, 1)
    case("one-row", 108, model({"x": [None, 4]}, [gru(units=9, returnSequences=True)]), 1, 12)
    case("one-feature-one-unit", 109, model({"x": [None, 1]}, [
        gru(units=1, returnSequences=True)]), 2, 9)
    case("large-weights", 110, model(X, [gru(units=8, returnSequences=True)]), 3, 6, scale=4)
    case("stacked", 111, model({"x": [None, 5]}, [
        gru(units=6, returnSequences=True),
        gru("gru", name="gru_1", units=3, returnSequences=True)]), 3, 7)
    case("stacked-last", 112, model({"x": [None, 4]}, [
        gru(units=3, returnSequences=True), gru("gru", name="gru_1", units=8)]), 2, 6)
    case("long", 113, model({"x": [None, 10]}, [gru(units=32, returnSequences=True)]), 4, 100)


if __name__ == "__main__":
    main()
