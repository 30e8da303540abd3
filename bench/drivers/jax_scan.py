"""JAX: the recurrence as lax.scan, compiled as a whole, steps first."""

import math

import jax
import numpy as np
from protocol import read_case, sample, serve, values

case = read_case()
B, T, I, H = (case[k] for k in ("batch", "steps", "features", "units"))


def gru(weights, x, h0):
    kernel, recurrent, bias = weights
    projected = x @ kernel + bias[0]

    def step(h, inputs):
        states = h @ recurrent + bias[1]
        z = jax.nn.sigmoid(inputs[:, :H] + states[:, :H])
        r = jax.nn.sigmoid(inputs[:, H : 2 * H] + states[:, H : 2 * H])
        n = jax.numpy.tanh(inputs[:, 2 * H :] + r * states[:, 2 * H :])
        h = z * h + (1 - z) * n
        return h, h

    return jax.lax.scan(step, h0, projected)[1]


@jax.jit
def gradients(weights, x, h0, dy):
    y, pull_back = jax.vjp(gru, weights, x, h0)
    return y, pull_back(dy)


def steps_first(name, width):
    return jax.device_put(np.swapaxes(values(name, (B, T, width)), 0, 1).copy())


def rows_first(array):
    return np.swapaxes(np.asarray(array), 0, 1)


scale = 1 / math.sqrt(H)
weights = tuple(
    jax.device_put(values(name, shape, scale))
    for name, shape in (
        ("kernel", (I, 3 * H)),
        ("recurrent_kernel", (H, 3 * H)),
        ("bias", (2, 3 * H)),
    )
)
x = steps_first("x", I)
h0 = values("initial_state", (B, H)) if case["state"] else np.zeros((B, H), np.float32)
h0 = jax.device_put(h0)


def training():
    dy = steps_first("output_gradient", H)

    def iterate():
        return jax.block_until_ready(gradients(weights, x, h0, dy))

    def check():
        y, ((dw, dr, db), dx, dh0) = iterate()
        return {
            "y": sample(rows_first(y)),
            "dx": sample(rows_first(dx)),
            "dKernel": sample(dw),
            "dRecurrentKernel": sample(dr),
            "dBias": sample(db),
            "dInitialState": sample(dh0),
        }

    return iterate, check


def inference():
    forward = jax.jit(gru)

    def iterate():
        return jax.block_until_ready(forward(weights, x, h0))

    return iterate, lambda: {"y": sample(rows_first(iterate()))}


serve(*{"training": training, "inference": inference}[case["kind"]]())
