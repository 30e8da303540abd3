"""PyTorch: nn.GRU, steps first, which is its default."""

import math

import torch
from protocol import read_case, sample, serve, values

case = read_case()
torch.set_num_threads(case["threads"])
B, T, I, H = (case[k] for k in ("batch", "steps", "features", "units"))


def swap_gates(array):
    """The last axis from z, r, h to PyTorch's r, z, n, and back."""
    return torch.cat([array[..., H : 2 * H], array[..., :H], array[..., 2 * H :]], dim=-1)


def make_gru(batch_first):
    scale = 1 / math.sqrt(H)
    kernel, recurrent, bias = (
        swap_gates(torch.from_numpy(values(name, shape, scale)))
        for name, shape in (
            ("kernel", (I, 3 * H)),
            ("recurrent_kernel", (H, 3 * H)),
            ("bias", (2, 3 * H)),
        )
    )
    gru = torch.nn.GRU(I, H, batch_first=batch_first)
    with torch.no_grad():
        gru.weight_ih_l0.copy_(kernel.T)
        gru.weight_hh_l0.copy_(recurrent.T)
        gru.bias_ih_l0.copy_(bias[0])
        gru.bias_hh_l0.copy_(bias[1])
    return gru


def steps_first(name, width):
    return torch.from_numpy(values(name, (B, T, width))).transpose(0, 1).contiguous()


def initial_state():
    return torch.from_numpy(values("initial_state", (1, B, H)))


def training():
    gru = make_gru(batch_first=False)
    x, dy = steps_first("x", I).requires_grad_(), steps_first("output_gradient", H)
    h0 = initial_state().requires_grad_()
    weights = [gru.weight_ih_l0, gru.weight_hh_l0, gru.bias_ih_l0, gru.bias_hh_l0]

    def iterate():
        y, _ = gru(x, h0)
        return y, torch.autograd.grad(y, [x, h0, *weights], dy)

    def check():
        y, (dx, dh0, dw, dr, db0, db1) = iterate()
        return {
            "y": sample(y.detach().transpose(0, 1)),
            "dx": sample(dx.transpose(0, 1)),
            "dKernel": sample(swap_gates(dw.T)),
            "dRecurrentKernel": sample(swap_gates(dr.T)),
            "dBias": sample(swap_gates(torch.stack([db0, db1]))),
            "dInitialState": sample(dh0),
        }

    return iterate, check


def inference():
    gru = make_gru(batch_first=False)
    x = steps_first("x", I)
    arguments = (x, initial_state()) if case["state"] else (x,)

    def iterate():
        with torch.inference_mode():
            return gru(*arguments)[0]

    return iterate, lambda: {"y": sample(iterate().transpose(0, 1))}


def step():
    gru = make_gru(batch_first=True)
    dense = torch.nn.Linear(H, 1)
    with torch.no_grad():
        dense.weight.copy_(torch.from_numpy(values("dense_kernel", (1, H), 1 / math.sqrt(H))))
        dense.bias.zero_()
    optimizer = torch.optim.Adam([*gru.parameters(), *dense.parameters()], lr=0.001)
    x, target = torch.from_numpy(values("x", (B, T, I))), torch.from_numpy(values("target", (B, 1)))
    losses = []

    def iterate():
        optimizer.zero_grad(set_to_none=True)
        output, _ = gru(x)
        loss = torch.nn.functional.mse_loss(dense(output[:, -1]), target)
        loss.backward()
        optimizer.step()
        losses[1:] = [loss.item()]

    return iterate, lambda: {"firstLoss": losses[:1]}


serve(*{"training": training, "inference": inference, "step": step}[case["kind"]]())
