"""Models of several layers. Keras 3.15.1 on PyTorch 2.13.0; seeds 800 and up.

Normalization is (x - mean) / max(sqrt(variance), 1e-7); its weights have no gradient here.
Checked against the equations, to 1e-12.
"""
import with_equations
from common import bidirectional, dense, gru, model, normalization, write_case
from keras_masks import MIXED
from with_keras import FRAMEWORK, evaluate

ACTIVATIONS = {"linear": "linear", "relu": "relu", "tanh": "tanh", "sigmoid": "sigmoid",
               "softplus": "softplus", "hard-sigmoid": "hardSigmoid",
               "leaky-relu": {"name": "leakyRelu", "alpha": 0.3}}


def case(name, seed, *arguments, **options):
    write_case("keras-models", name, FRAMEWORK, seed, evaluate, *arguments, **options,
               check=[with_equations.evaluate])


def zero_variance(weights, inputs):
    """A constant feature: it is at its mean, and comes out as 0."""
    weights["normalization/variance"][1] = 0
    inputs["x"][..., 1] = weights["normalization/mean"][1]


def main():
    x = {"x": [None, 4]}
    case("dense-on-last", 800, model(x, [gru(units=6), dense("gru", units=2)]), 3, 5)
    for k, (name, value) in enumerate(ACTIVATIONS.items()):
        options = {} if value == "linear" else {"activation": value}
        case(f"dense-{name}-on-sequences", 801 + k, model(x, [
            gru(units=5, returnSequences=True), dense("gru", units=3, **options)]), 2, 4)
    case("two-dense", 810, model(x, [
        gru(units=5), dense("gru", units=7, activation="relu"),
        dense("dense", name="dense_1", units=1)]), 4, 6)
    case("normalization", 811, model({"x": [None, 5]}, [
        normalization(), gru("normalization", units=4, returnSequences=True)]), 3, 5)
    case("normalization-alone", 812, model({"x": [None, 5]}, [normalization()]), 2, 3)
    case("normalization-zero-variance", 813, model({"x": [None, 3]}, [normalization()]), 2, 3,
         change=zero_variance)
    case("dense-as-initial-state", 814, model({"series": [None, 4], "station": [3]}, [
        dense("station", units=5, activation="tanh"),
        gru(["series", "dense"], units=5), dense("gru", name="dense_1", units=1)]), 3, 5)
    case("encoder-decoder", 815, model({"source": [None, 3], "target": [None, 2]}, [
        gru("source", units=4, returnState=True),
        gru(["target", "gru:1"], name="gru_1", units=4, returnSequences=True),
        dense("gru_1", units=2)]), 3, {"source": 6, "target": 4})
    case("two-outputs", 816, model(x, [
        gru(units=4, returnSequences=True), gru("gru", name="gru_1", units=3),
        dense("gru_1", units=2)], ["dense", "gru"]), 2, 5)
    case("dense-on-last-masked", 817, model(x, [
        bidirectional(units=3, returnSequences=True), gru("bidirectional", units=4),
        dense("gru", units=2)]), 5, 7, mask={"x": MIXED})


if __name__ == "__main__":
    main()
