"""Dropout inside recurrent layers: keras.layers.GRU, LSTM and SimpleRNN with OUR masks put into them,
and zoneout by the equations. Keras 3.15.1 on PyTorch 2.13.0; seeds 1100 and up.

The masks are those that a first training step of a model with seed 0 draws (docs/semantics.md,
"Dropout"): Philox4x32-10 keyed by seed and layer, counted by element, row and step. Stored are the
gradients of mse on the last state, which a step of SGD with rate 1 subtracts from the weights, and
the loss before it. Both implementations agree to 1e-12 where Keras has the option.
"""
import numpy as np
import torch

import with_equations
import with_keras
from common import GATES, STATES, double, f32, model, random_weights, recurrent, save

MASK64 = (1 << 64) - 1


def philox(counter, key):
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    c0, c1, c2, c3 = counter
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = ((p1 >> 32) ^ c1 ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ c3 ^ k1,
                          p0 & 0xFFFFFFFF)
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


def key_of(seed, name):
    stream = 0xCBF29CE484222325
    for character in name.encode():
        stream = (stream ^ character) * 0x100000001B3 & MASK64
    z = seed + 0x9E3779B97F4A7C15 * (stream + 1) & MASK64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK64
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK64
    return z ^ z >> 31


def kept(name, rate, rows, width):
    """[rows, width] of 0 and 1, at step 0 of seed 0."""
    key = key_of(0, name)
    bits = [[philox((e // 4, row, 0, 0), key)[e % 4] for e in range(width)] for row in range(rows)]
    return torch.tensor((np.array(bits, dtype=np.uint64) >> np.uint64(8)) * 2.0 ** -24 >= rate,
                        dtype=torch.float64)


def masks_of(kind, options, rows, steps, features):
    """input: [gates or 1][rows, features], state: [gates][rows, units], zoneout: [rows, steps,
    units]; None where there is none."""
    units, gates = options["units"], GATES[kind]
    rate = {n: options.get(n, 0) for n in ("dropout", "recurrentDropout", "zoneout")}

    def scaled(name, count, width):
        mask = kept(f"{kind}/{name}", rate[name], rows, count * width) / (1 - rate[name])
        return list(mask.reshape(rows, count, width).unbind(1))

    many = gates if rate["recurrentDropout"] else 1
    return {
        "input": scaled("dropout", many, features) if rate["dropout"] else None,
        "state": scaled("recurrentDropout", gates, units) if rate["recurrentDropout"] else None,
        "zoneout": kept(f"{kind}/zoneout", rate["zoneout"], rows, steps * units)
        .reshape(rows, steps, units) if rate["zoneout"] else None,
    }


def by_equations(kind, options, weights, x, masks):
    """The last h. Gate by gate, each with x and h of its own."""
    units, gates = options["units"], GATES[kind]
    rows, steps, _ = x.shape
    states = [torch.zeros(rows, units) for _ in range(STATES[kind])]
    kernel, recurrent_kernel, bias = weights
    two = bias.ndim == 2
    s, after = torch.sigmoid, options.get("resetAfter", True)
    for t in range(steps):
        h = states[0]
        inputs, products = [], []
        for g in range(gates):
            columns = slice(g * units, (g + 1) * units)
            own = masks["input"][g % len(masks["input"])] if masks["input"] else 1
            inputs.append(x[:, t] * own @ kernel[:, columns] + (bias[0] if two else bias)[columns])
            state = h * masks["state"][g] if masks["state"] else h
            products.append((state, recurrent_kernel[:, columns],
                             bias[1][columns] if two else 0))
        through = [p[0] @ p[1] + p[2] for p in products]
        if kind == "simpleRnn":
            new = [torch.tanh(inputs[0] + through[0])]
        elif kind == "lstm":
            i, f, g, o = (a + b for a, b in zip(inputs, through))
            c = s(f) * states[1] + s(i) * torch.tanh(g)
            new = [s(o) * torch.tanh(c), c]
        else:
            z, r = s(inputs[0] + through[0]), s(inputs[1] + through[1])
            last = r * through[2] if after else (r * products[2][0]) @ products[2][1]
            n = torch.tanh(inputs[2] + last)
            new = [z * h + (1 - z) * n]
        if masks["zoneout"] is not None:
            new[0] = torch.where(masks["zoneout"][:, t] == 1, new[0], h)
        states = new
    return states[0]


def by_keras(kind, options, weights, x, masks):
    layer = with_keras.recurrent_layer(kind, options)
    cell = layer.cell
    cell.dropout, cell.recurrent_dropout = (options.get(n, 0) for n in
                                            ("dropout", "recurrentDropout"))
    many = bool(masks["state"]) and kind != "simpleRnn"
    if many:
        cell.implementation, cell.dropout_mask_count = 1, GATES[kind]
    layer.build(tuple(x.shape))
    for variable, value in zip(layer.weights, weights, strict=True):
        variable._value = value
    cell._dropout_mask = masks["input"] if many or not masks["input"] else masks["input"][0]
    cell._recurrent_dropout_mask = masks["state"] if many or not masks["state"] \
        else masks["state"][0]
    return layer(x, training=True)[0]


def gradients(evaluate, kind, options, weights, x, y):
    """-> the loss and its gradients by the weights."""
    masks = masks_of(kind, options, *x.shape)
    leaves = [double(w, grad=True) for w in weights]
    loss = ((evaluate(kind, options, leaves, double(x), masks) - double(y)) ** 2).mean()
    return [r.detach().numpy() for r in (loss, *torch.autograd.grad(loss, leaves))]


def case(name, seed, kind, **options):
    rows, steps, features = 3, 5, 4
    options = {"units": 5, **options}
    description = model({"x": [None, features]}, [recurrent(kind, **options)])
    rng = np.random.default_rng(seed)
    weights = random_weights(rng, description)
    x, y = (f32(rng.standard_normal(shape)) for shape in ((rows, steps, features), (rows, 5)))
    arguments = (kind, options, list(weights.values()), x, y)
    loss, *g = gradients(by_equations, *arguments)
    if not options.get("zoneout"):
        for a, b in zip([loss, *g], gradients(by_keras, *arguments), strict=True):
            assert np.abs(a - b).max() <= 1e-12, name
    tensors = {"input/x": x, "target": y, "loss": np.array([loss])}
    tensors |= {f"weight/{n}": w for n, w in weights.items()}
    tensors |= {f"gradient/{n}": f32(v) for n, v in zip(weights, g)}
    save("dropout", name, {"framework": with_keras.FRAMEWORK, "seed": seed, "model": description},
         tensors)


def main():
    both = {"dropout": 0.3, "recurrentDropout": 0.4}
    for k, (kind, label) in enumerate({"gru": "gru", "lstm": "lstm",
                                       "simpleRnn": "simple-rnn"}.items()):
        case(f"{label}-dropout", 1100 + 10 * k, kind, dropout=0.3)
        case(f"{label}-recurrent", 1101 + 10 * k, kind, recurrentDropout=0.4)
        case(f"{label}-both", 1102 + 10 * k, kind, **both)
        case(f"{label}-zoneout", 1103 + 10 * k, kind, zoneout=0.3)
        case(f"{label}-all", 1104 + 10 * k, kind, zoneout=0.3, **both)
    case("gru-reset-before", 1130, "gru", resetAfter=False, **both)


if __name__ == "__main__":
    main()
