"""Ten steps of every optimizer on gru(5) + dense(2), mean squared error. Seed 1100.

keras-*: keras.optimizers, Keras 3.15.1 in float64. torch-*: torch.optim 2.13.0 in double on
torch.nn.GRU + torch.nn.Linear, weights converted. All cases share the first weights and the ten
batches. losses[k] is the loss of batch k before update k.

- Keras' learning rate variable is float32 when the optimizer is made under float32; here it is
  float64, so that 0.01 is the double nearest to 0.01.
- AdamW decays first in both: w -= lr * weightDecay * w, then the Adam update, whose terms do not
  see w; all parameters decay, biases too. Keras decays after clipping the gradient.
- Clipping happens before everything else. clipNorm is min(1, c / norm), the norm over all
  parameters (Keras global_clipnorm; torch.nn.utils.clip_grad_norm_ would use c / (norm + 1e-6),
  so the torch-* cases scale by hand). clipVariableNorm is Keras' clipnorm: per parameter of ours,
  the bias [2,3H] being one. Each clipping case clips in some steps and not in others.
- RMSprop's momentum: Keras m = mu m + lr g / root, w -= m; PyTorch without lr in m: the same at
  a constant learning rate. Adagrad's accumulator starts at 0.1 in Keras and 0 in PyTorch.
"""
import numpy as np

import with_keras
import with_torch
from common import dense, double, f32, gru, model, parameter_shapes, random_weights, save, torch
from with_keras import keras

SEED, STEPS, BATCH = 1100, 10, 8
MODEL = model({"x": [7, 3]}, [gru(units=5), dense("gru", units=2)])
CLIPS = {"clipNorm": "global_clipnorm", "clipVariableNorm": "clipnorm", "clipValue": "clipvalue"}
ARGUMENTS = {"learningRate": "learning_rate", "beta1": "beta_1", "beta2": "beta_2",
             "weightDecay": "weight_decay",
             "initialAccumulatorValue": "initial_accumulator_value", **CLIPS}
KERAS = {"sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop,
         "adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW,
         "adagrad": keras.optimizers.Adagrad}


def problem():
    rng = np.random.default_rng(SEED)
    initial = random_weights(rng, MODEL)
    x = f32(rng.standard_normal((STEPS, BATCH, 7, 3)))
    y = np.stack([x[:, :, -3:, 0].mean(-1), np.sin(x[:, :, -1].sum(-1))], axis=-1)
    return initial, x, f32(y + 0.1 * rng.standard_normal(y.shape))


def mse(prediction, target):
    return ((prediction - target) ** 2).mean()


def with_keras_optimizer(options, initial, x, y):
    layers = [with_keras.build(node) for node in MODEL["layers"]]
    layers[0].build((BATCH, 7, 3))
    layers[1].build((BATCH, 5))
    variables = {}
    for layer, (_, shapes) in zip(layers, parameter_shapes(MODEL).items()):
        layer.set_weights([initial[n] for n in shapes])
        variables |= dict(zip(shapes, layer.weights, strict=True))
    arguments = {ARGUMENTS.get(k, k): v for k, v in options.items()
                 if k not in ("name", "epsilonMode")}
    optimizer = KERAS[options["name"]](**arguments)
    optimizer.build(list(variables.values()))
    assert optimizer.learning_rate.dtype == "float64"
    losses, clipped = [], []
    for k in range(STEPS):
        loss = mse(layers[1](layers[0](double(x[k]))[0]), double(y[k]))
        gradients = torch.autograd.grad(loss, [v.value for v in variables.values()])
        losses.append(loss.item())
        after = optimizer._clip_gradients(list(gradients))
        clipped.append(any(not torch.allclose(a, g, rtol=1e-9, atol=0)
                           for a, g in zip(after, gradients)))
        optimizer.apply(list(gradients))
    return {n: v.value.detach() for n, v in variables.items()}, losses, clipped


def torch_optimizer(options, parameters):
    lr, epsilon = options["learningRate"], options.get("epsilon")
    name, momentum = options["name"], options.get("momentum", 0)
    if name == "sgd":
        return torch.optim.SGD(parameters, lr, momentum, nesterov=options.get("nesterov", False))
    if name == "rmsprop":
        return torch.optim.RMSprop(parameters, lr, options["rho"], epsilon, momentum=momentum)
    if name == "adagrad":
        return torch.optim.Adagrad(parameters, lr, eps=epsilon, initial_accumulator_value=options[
            "initialAccumulatorValue"])
    betas = options["beta1"], options["beta2"]
    if name == "adam":
        return torch.optim.Adam(parameters, lr, betas, epsilon)
    return torch.optim.AdamW(parameters, lr, betas, epsilon, options["weightDecay"])


def with_torch_optimizer(options, initial, x, y):
    cell, head = torch.nn.GRU(3, 5, batch_first=True), torch.nn.Linear(5, 2)
    parameters = list(cell.parameters()) + list(head.parameters())
    start = {n: double(w) for n, w in initial.items()}
    values = with_torch.to_torch("gru", "gru", start) + [start["dense/kernel"].T, start["dense/bias"]]
    with torch.no_grad():
        for parameter, value in zip(parameters, values, strict=True):
            parameter.copy_(value)
    optimizer = torch_optimizer(options, parameters)
    losses, clipped = [], []
    for k in range(STEPS):
        optimizer.zero_grad()
        loss = mse(head(cell(double(x[k]))[1][0]), double(y[k]))
        loss.backward()
        losses.append(loss.item())
        norm = torch.sqrt(sum((p.grad ** 2).sum() for p in parameters))
        scale = min(1.0, options.get("clipNorm", np.inf) / norm)
        clipped.append(scale < 1)
        for p in parameters:
            p.grad *= scale
        optimizer.step()
    final = [p.detach() for p in parameters]
    return ({**with_torch.from_torch("gru", "gru", final[:4]), "dense/kernel": final[4].T,
             "dense/bias": final[5]}, losses, clipped)


def case(name, /, **options):
    initial, x, y = problem()
    framework, run = (with_keras.FRAMEWORK, with_keras_optimizer) if name.startswith("keras") \
        else (with_torch.FRAMEWORK, with_torch_optimizer)
    final, losses, clipped = run(options, initial, x, y)
    if any(k in options for k in CLIPS):
        assert 2 <= sum(clipped) <= STEPS - 2, (name, clipped)
    tensors = {"x": x, "y": y, "losses": np.array(losses)}
    tensors |= {f"initial/{n}": w for n, w in initial.items()}
    tensors |= {f"final/{n}": f32(w) for n, w in final.items()}
    save("optimizers", name, {"framework": framework, "seed": SEED, "model": MODEL, "loss": "mse",
                              "optimizer": options, "steps": STEPS}, tensors)


def main():
    keras_adam = {"learningRate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7,
                  "epsilonMode": "keras"}
    torch_adam = {**keras_adam, "epsilon": 1e-8, "epsilonMode": "torch"}
    keras_rmsprop = {"learningRate": 0.01, "rho": 0.9, "epsilon": 1e-7, "epsilonMode": "keras"}
    torch_rmsprop = {"learningRate": 0.01, "rho": 0.99, "epsilon": 1e-8, "epsilonMode": "torch"}
    keras_adagrad = {"learningRate": 0.1, "initialAccumulatorValue": 0.1, "epsilon": 1e-7,
                     "epsilonMode": "keras"}
    torch_adagrad = {"learningRate": 0.1, "initialAccumulatorValue": 0.0, "epsilon": 1e-10,
                     "epsilonMode": "torch"}
    for form, adam, rmsprop, adagrad in (("keras", keras_adam, keras_rmsprop, keras_adagrad),
                                         ("torch", torch_adam, torch_rmsprop, torch_adagrad)):
        case(f"{form}-sgd", name="sgd", learningRate=0.1)
        case(f"{form}-sgd-momentum", name="sgd", learningRate=0.1, momentum=0.9)
        case(f"{form}-sgd-nesterov", name="sgd", learningRate=0.1, momentum=0.9, nesterov=True)
        case(f"{form}-rmsprop", name="rmsprop", **rmsprop)
        case(f"{form}-rmsprop-momentum", name="rmsprop", **rmsprop, momentum=0.9)
        case(f"{form}-adam", name="adam", **adam)
        case(f"{form}-adamw", name="adamw", **adam, weightDecay=0.01)
        case(f"{form}-adagrad", name="adagrad", **adagrad)
        # The place of epsilon is hard to see at 1e-7; here it is plain.
        case(f"{form}-rmsprop-large-epsilon", name="rmsprop", **{**rmsprop, "epsilon": 1e-3})
        case(f"{form}-adam-large-epsilon", name="adam", **{**adam, "epsilon": 1e-3})
        case(f"{form}-adagrad-large-epsilon", name="adagrad", **{**adagrad, "epsilon": 1e-3})
        case(f"{form}-sgd-clip-norm", name="sgd", learningRate=0.1, clipNorm=0.7)
        case(f"{form}-adam-clip-norm", name="adam", **adam, clipNorm=0.7)
    case("keras-adamw-clip-norm", name="adamw", **keras_adam, weightDecay=0.01, clipNorm=0.7)
    case("keras-sgd-clip-variable-norm", name="sgd", learningRate=0.1, clipVariableNorm=0.4)
    case("keras-sgd-clip-value", name="sgd", learningRate=0.1, clipValue=0.3)


if __name__ == "__main__":
    main()
