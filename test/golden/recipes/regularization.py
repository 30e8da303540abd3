"""Training with penalties and constraints. Keras 3.15.1 on PyTorch 2.13.0; seeds 1200 and up.

A keras.Model, its total loss by model.compute_loss (the losses of outputs and model.losses), its
gradients by autograd, its updates by keras.optimizers. The format is that of optimizers.py.

- Keras' SimpleRNN takes activity_regularizer and drops it; here it is set afterwards.
- Keras' Bidirectional has the penalties of its layers. With 'concat' that on activities is that of
  the whole output.
"""
import numpy as np

import with_keras
from common import (bidirectional, cell_of, dense, double, f32, model, parameter_shapes, random_weights,
                    recurrent, save, torch)
from with_keras import keras

STEPS, BATCH, LENGTH, FEATURES = 4, 4, 4, 3
BOTH = {"l1": 0.03, "l2": 0.02}
WEIGHTS = {"kernelRegularizer": BOTH, "recurrentRegularizer": "l2", "biasRegularizer": {"l1": 0.1}}
ALL = {**WEIGHTS, "activityRegularizer": {"l1": 0.02, "l2": 0.04}}
SHORT = {"name": "maxNorm", "maxValue": 0.5}
CONSTRAINTS = {"kernelConstraint": SHORT, "recurrentConstraint": "unitNorm",
               "biasConstraint": "nonNeg"}
X = {"x": [LENGTH, FEATURES]}


def keras_model(description):
    """All layers in a row, and their variables by our names."""
    x = value = keras.Input((LENGTH, FEATURES))
    built = []
    for node in description["layers"]:
        recurrent = node["kind"] != "dense"
        options = cell_of(node)[1]
        layer = with_keras.build(node, **({"return_state": options.get("returnState", False)}
                                          if recurrent else {}))
        layer.activity_regularizer = with_keras.regularizer(options.get("activityRegularizer"))
        result = layer(value)
        value = result[0] if isinstance(result, (list, tuple)) else result
        built.append(layer)
    names = [n for shapes in parameter_shapes(description).values() for n in shapes]
    return keras.Model(x, value), dict(zip(names, (v for b in built for v in b.weights),
                                           strict=True))


def case(name, seed, layers):
    description, optimizer = model(X, layers), {"name": "sgd", "learningRate": 0.1}
    rng = np.random.default_rng(seed)
    initial = random_weights(rng, description)
    x = f32(rng.standard_normal((STEPS, BATCH, LENGTH, FEATURES)))
    trained, variables = keras_model(description)
    y = f32(rng.standard_normal((STEPS, BATCH, *trained.output_shape[1:])))
    for n, variable in variables.items():
        variable.assign(initial[n])
    trained.compile(optimizer=keras.optimizers.SGD(optimizer["learningRate"]), loss="mse")
    losses = []
    for k in range(STEPS):
        batch, target = double(x[k]), double(y[k])
        loss = trained.compute_loss(batch, target, trained(batch, training=True))
        assert loss.dtype == torch.float64
        losses.append(loss.item())
        values = list(variables.values())
        gradients = torch.autograd.grad(loss, [v.value for v in values])
        trained.optimizer.apply(list(gradients), values)
    tensors = {"x": x, "y": y, "losses": np.array(losses)}
    tensors |= {f"initial/{n}": w for n, w in initial.items()}
    tensors |= {f"final/{n}": f32(v.value.detach()) for n, v in variables.items()}
    save("regularization", name, {"framework": with_keras.FRAMEWORK, "seed": seed,
                                  "model": description, "loss": "mse", "optimizer": optimizer,
                                  "steps": STEPS}, tensors)


def main():
    for k, kind in enumerate(["gru", "lstm", "simpleRnn"]):
        name = {"simpleRnn": "simple-rnn"}.get(kind, kind)
        case(f"{name}-weights", 1200 + k, [recurrent(kind, units=3, **WEIGHTS),
                                           dense(kind, units=2, kernelRegularizer="l1l2")])
        case(f"{name}-activities", 1210 + k, [
            recurrent(kind, units=3, returnSequences=True, **ALL),
            dense(kind, units=2, activation="tanh", biasRegularizer="l2",
                  activityRegularizer=BOTH)])
        case(f"{name}-constraints", 1230 + k, [
            recurrent(kind, units=3, **CONSTRAINTS),
            dense(kind, units=2, kernelConstraint={**SHORT, "axis": 1}, biasConstraint="unitNorm")])
    case("bidirectional-constraints", 1240, [
        bidirectional(units=2, recurrentConstraint=SHORT, biasConstraint=SHORT,
                      kernelRegularizer=BOTH), dense("bidirectional", units=2)])
    case("gru-returned-state", 1220, [
        recurrent("gru", units=3, returnState=True, **ALL), dense("gru", units=2)])
    case("bidirectional", 1221, [
        bidirectional(units=2, returnSequences=True, **ALL), dense("bidirectional", units=2)])


if __name__ == "__main__":
    main()
