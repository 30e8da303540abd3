"""torch.nn.GRU(bidirectional=True). PyTorch 2.13.0; seeds 300 and up.

Without sequences the output is the final states of both directions, forward first; the states
are outputs 1 (forward) and 2 (backward). Checked against Keras and the equations, to 1e-12.
"""
import with_equations
import with_keras
from common import bidirectional, gru, model, write_case
from with_torch import FRAMEWORK, evaluate

OUTPUTS = ["bidirectional", "bidirectional:1", "bidirectional:2"]


def case(name, seed, *arguments, **options):
    write_case("torch-bidirectional", name, FRAMEWORK, seed, evaluate, *arguments, **options,
               check=[with_keras.evaluate, with_equations.evaluate])


def main():
    x = {"x": [None, 4]}
    case("sequences", 300, model(x, [bidirectional(units=3, returnSequences=True)]), 3, 6)
    case("last", 301, model(x, [bidirectional(units=5)]), 4, 5)
    case("state", 302, model(x, [
        bidirectional(units=4, returnSequences=True, returnState=True)], OUTPUTS), 2, 7)
    case("last-state", 303, model(x, [bidirectional(units=3, returnState=True)], OUTPUTS), 3, 4)
    case("no-bias", 304, model(x, [
        bidirectional(units=4, useBias=False, returnSequences=True)]), 2, 5)
    case("one-step", 305, model(x, [bidirectional(units=6, returnSequences=True)]), 3, 1)
    case("initial-state", 306, model({**x, "forward": [3], "backward": [3]}, [
        bidirectional(["x", "forward", "backward"], units=3, returnSequences=True)]), 3, 5)
    case("stacked", 307, model(x, [
        bidirectional(units=3, returnSequences=True),
        gru("bidirectional", units=5)]), 2, 6)


if __name__ == "__main__":
    main()
