"""torch.nn.GRU over packed sequences, lengths unsorted. PyTorch 2.13.0; seeds 200 and up.

The padding holds ordinary numbers (they must not matter) and its cotangents are not zero (they
must not matter either: the outputs there are zero whatever the weights). Checked against Keras
with the mask of the same lengths, and against the equations, to 1e-12.
"""
import with_equations
import with_keras
from common import bidirectional, gru, model, write_case
from with_torch import FRAMEWORK, evaluate

X = {"x": [None, 3]}


def case(name, seed, lengths, steps, *arguments, **options):
    write_case("torch-lengths", name, FRAMEWORK, seed, evaluate, *arguments, len(lengths), steps,
               lengths={"x": lengths}, **options,
               check=[with_keras.evaluate, with_equations.evaluate])


def main():
    case("sequences", 200, [4, 7, 1, 5], 7, model(X, [gru(units=5, returnSequences=True)]))
    case("last", 201, [2, 6, 5], 6, model(X, [gru(units=4)]))
    case("state", 202, [3, 1, 6, 6, 2], 6, model(X, [
        gru(units=3, returnSequences=True, returnState=True)], ["gru", "gru:1"]))
    case("initial-state", 203, [1, 5, 3], 5, model({"x": [None, 4], "h0": [6]}, [
        gru(["x", "h0"], units=6, returnSequences=True, returnState=True)], ["gru", "gru:1"]))
    case("none-full", 204, [3, 5, 2], 8, model(X, [gru(units=4, returnSequences=True)]))
    case("all-full", 205, [4, 4], 4, model(X, [gru(units=4, returnSequences=True)]))
    case("stacked", 206, [2, 6, 4], 6, model(X, [
        gru(units=5, returnSequences=True), gru("gru", name="gru_1", units=4)]))
    case("bidirectional-sequences", 207, [4, 1, 7, 3], 7, model(X, [
        bidirectional(units=4, returnSequences=True)]))
    case("bidirectional-last", 208, [5, 2, 3], 6, model(X, [bidirectional(units=5)]))
    case("bidirectional-state", 209, [1, 4, 6], 6, model({"x": [None, 2]}, [
        bidirectional(units=3, returnSequences=True, returnState=True)],
        ["bidirectional", "bidirectional:1", "bidirectional:2"]))


if __name__ == "__main__":
    main()
