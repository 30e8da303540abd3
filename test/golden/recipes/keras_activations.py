"""keras.layers.GRU with other activations. Keras 3.15.1 on PyTorch 2.13.0; seeds 700 and up.

hardSigmoid is Keras 3's clip(x/6 + 0.5), hardSigmoidLegacy Keras 2's and TF.js' clip(0.2 x + 0.5);
their weights are large enough to reach both flat ends. Checked against the equations, to 1e-12.
"""
import with_equations
from common import gru, model, write_case
from with_keras import FRAMEWORK, evaluate

CANDIDATES = {
    "relu": "relu", "linear": "linear", "sigmoid": "sigmoid", "softsign": "softsign",
    "softplus": "softplus", "elu": "elu", "elu-alpha": {"name": "elu", "alpha": 0.5},
    "leaky-relu": {"name": "leakyRelu", "alpha": 0.2},
}
GATES = {
    "hard-sigmoid": "hardSigmoid", "hard-sigmoid-legacy": "hardSigmoidLegacy",
    "hard-sigmoid-alpha-beta": {"name": "hardSigmoid", "alpha": 0.25, "beta": 0.4},
    "softsign-gate": "softsign", "relu-gate": "relu",
}


def case(name, seed, scale, **options):
    write_case("keras-activations", name, FRAMEWORK, seed, evaluate, model({"x": [None, 4]}, [
        gru(units=5, returnSequences=True, **options)]), 3, 5, scale=scale,
        check=[with_equations.evaluate])


def main():
    for k, (name, value) in enumerate(CANDIDATES.items()):
        case(name, 700 + k, 1, activation=value)
        case(f"{name}-reset-before", 720 + k, 1, activation=value, resetAfter=False)
    for k, (name, value) in enumerate(GATES.items()):
        scale = 3 if name.startswith("hard") else 0.7
        case(name, 740 + k, scale, recurrentActivation=value)
        case(f"{name}-reset-before", 750 + k, scale, recurrentActivation=value, resetAfter=False)
    case("relu-hard-sigmoid", 760, 1.5, activation="relu", recurrentActivation="hardSigmoid")


if __name__ == "__main__":
    main()
