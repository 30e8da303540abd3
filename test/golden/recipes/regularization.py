"""Training with penalties and constraints. Keras 3.15.1 on PyTorch 2.13.0; seeds 1200 and up.

A keras.Model, its total loss by model.compute_loss (the losses of outputs and model.losses), its
gradients by autograd, its updates by keras.optimizers. The format is that of optimizers.py.

- Keras' SimpleRNN takes activity_regularizer and drops it; here it is set afterwards.
- Keras' Bidirectional has the penalties of its layers. With 'concat' that on activities is that of
  the whole output.
- Keras' MultiHeadAttention penalizes the activities of each of its four projections.
"""
import numpy as np

import with_keras
from common import (STATES, bidirectional, cell_of, dense, double, f32, model, node,
                    parameter_shapes, random_inputs, random_weights, recurrent, save, torch)
from with_keras import keras

STEPS, BATCH, LENGTH, FEATURES = 4, 4, 4, 3
BOTH = {"l1": 0.03, "l2": 0.02}
WEIGHTS = {"kernelRegularizer": BOTH, "recurrentRegularizer": "l2", "biasRegularizer": {"l1": 0.1}}
ALL = {**WEIGHTS, "activityRegularizer": {"l1": 0.02, "l2": 0.04}}
SHORT = {"name": "maxNorm", "maxValue": 0.5}
CONSTRAINTS = {"kernelConstraint": SHORT, "recurrentConstraint": "unitNorm",
               "biasConstraint": "nonNeg"}
WITH_KERNEL = {"kernelRegularizer": BOTH, "biasRegularizer": {"l1": 0.1},
               "activityRegularizer": {"l1": 0.02, "l2": 0.04}}
X, IDS = {"x": [LENGTH, FEATURES]}, {"x": ([LENGTH], 6)}


def keras_model(description):
    """All layers in a row, and their variables by our names."""
    start, = description["inputs"]
    x = value = keras.Input(start["shape"], dtype=start.get("dtype"))
    built = []
    for node in description["layers"]:
        kind, options = cell_of(node)
        if kind == "multiHeadAttention":
            layer = with_keras.attention_layer(kind, options)
            result = layer(value, value)
        else:
            layer = with_keras.build(node, **({"return_state": options.get("returnState", False)}
                                              if kind in STATES else {}))
            layer.activity_regularizer = with_keras.regularizer(options.get("activityRegularizer"))
            result = layer(value)
        value = result[0] if isinstance(result, (list, tuple)) else result
        built.append(layer)
    names = [n for shapes in parameter_shapes(description).values() for n in shapes]
    return keras.Model(x, value), dict(zip(names, (v for b in built for v in b.weights),
                                           strict=True))


def case(name, seed, layers, inputs=X):
    description, optimizer = model(inputs, layers), {"name": "sgd", "learningRate": 0.1}
    rng = np.random.default_rng(seed)
    initial = random_weights(rng, description)
    shape = description["inputs"][0]["shape"]
    x = random_inputs(rng, description, STEPS * BATCH, 0)["x"].reshape(STEPS, BATCH, *shape) \
        if inputs is IDS else f32(rng.standard_normal((STEPS, BATCH, *shape)))
    trained, variables = keras_model(description)
    y = f32(rng.standard_normal((STEPS, BATCH, *trained.output_shape[1:])))
    for n, variable in variables.items():
        variable.assign(initial[n])
    trained.compile(optimizer=keras.optimizers.SGD(optimizer["learningRate"]), loss="mse")
    losses = []
    for k in range(STEPS):
        batch, target = torch.tensor(x[k]) if inputs is IDS else double(x[k]), double(y[k])
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


def around():
    constraints = {"kernelConstraint": SHORT, "biasConstraint": "unitNorm"}
    depthwise = {"depthwiseRegularizer": BOTH, "depthwiseConstraint": {**SHORT, "axis": 1},
                 "biasRegularizer": "l2", "biasConstraint": "nonNeg"}
    case("conv1d", 1250, [
        node("conv1d", filters=3, kernelSize=2, padding="causal", activation="tanh", **WITH_KERNEL,
             **constraints), dense("conv1d", units=2)])
    case("conv2d", 1251, [
        node("reshape", targetShape=[LENGTH, FEATURES, 1]) | {"width": 1},
        node("conv2d", "reshape", filters=2, kernelSize=2, **WITH_KERNEL, **constraints)])
    case("depthwise-conv1d", 1252, [
        node("depthwiseConv1d", kernelSize=2, depthMultiplier=2,
             activityRegularizer=BOTH, **depthwise)])
    case("multi-head-attention", 1253, [
        node("multiHeadAttention", ["x", "x"], numHeads=2, keyDim=2, **WITH_KERNEL, **constraints)])
    case("embedding", 1254, [
        node("embedding", inputDim=6, outputDim=3, embeddingsRegularizer=BOTH,
             embeddingsConstraint={**SHORT, "axis": 1}),
        recurrent("gru", "embedding", units=2)], IDS)
    case("layer-normalization", 1255, [
        node("layerNormalization", gammaRegularizer=BOTH, gammaConstraint=SHORT,
             betaRegularizer={"l1": 0.1}, betaConstraint="nonNeg")])


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
    around()
    case("bidirectional", 1221, [
        bidirectional(units=2, returnSequences=True, **ALL), dense("bidirectional", units=2)])


if __name__ == "__main__":
    main()
