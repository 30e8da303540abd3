"""PyTorch: nn.GRU, nn.LSTM or nn.RNN, steps first, which is its default."""

import math

import torch
from protocol import read_case, sample, serve, values

case = read_case()
torch.set_num_threads(case["threads"])
B, T, I, H = (case[k] for k in ("batch", "steps", "features", "units"))


CELL = case.get("cell", "gru")
MODULES = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM, "simpleRnn": torch.nn.RNN}
COLUMNS = {"gru": 3, "lstm": 4, "simpleRnn": 1}[CELL] * H


def swap_gates(array):
    """A GRU's last axis from z, r, h to PyTorch's r, z, n, and back."""
    if CELL != "gru":
        return array
    return torch.cat([array[..., H : 2 * H], array[..., :H], array[..., 2 * H :]], dim=-1)


def make_layer(batch_first):
    scale = 1 / math.sqrt(H)
    kernel, recurrent, bias = (
        swap_gates(torch.from_numpy(values(name, shape, scale)))
        for name, shape in (
            ("kernel", (I, COLUMNS)),
            ("recurrent_kernel", (H, COLUMNS)),
            ("bias", (2, COLUMNS) if CELL == "gru" else (COLUMNS,)),
        )
    )
    layer = MODULES[CELL](I, H, batch_first=batch_first)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(kernel.T)
        layer.weight_hh_l0.copy_(recurrent.T)
        # The others have one bias where PyTorch has two that are added.
        layer.bias_ih_l0.copy_(bias[0] if CELL == "gru" else bias)
        layer.bias_hh_l0.copy_(bias[1] if CELL == "gru" else torch.zeros(COLUMNS))
    return layer


def steps_first(name, width):
    return torch.from_numpy(values(name, (B, T, width))).transpose(0, 1).contiguous()


def initial_state():
    return torch.from_numpy(values("initial_state", (1, B, H)))


def as_states(*tensors):
    """What a layer takes beside the sequence: an LSTM's h and c may be the same here."""
    return (tensors[0], tensors[-1]) if CELL == "lstm" else tensors[0]


def training():
    layer = make_layer(batch_first=False)
    x, dy = steps_first("x", I).requires_grad_(), steps_first("output_gradient", H)
    states = [initial_state().requires_grad_() for _ in range(2 if CELL == "lstm" else 1)]
    weights = [layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0]

    def iterate():
        y, _ = layer(x, as_states(*states))
        return y, torch.autograd.grad(y, [x, *weights, *states], dy)

    def check():
        y, (dx, dw, dr, db0, db1, dh0, *_) = iterate()
        return {
            "y": sample(y.detach().transpose(0, 1)),
            "dx": sample(dx.transpose(0, 1)),
            "dKernel": sample(swap_gates(dw.T)),
            "dRecurrentKernel": sample(swap_gates(dr.T)),
            "dBias": sample(swap_gates(torch.stack([db0, db1])) if CELL == "gru" else db0),
            "dInitialState": sample(dh0),
        }

    return iterate, check


def inference():
    layer = make_layer(batch_first=False)
    x = steps_first("x", I)
    arguments = (x, as_states(initial_state())) if case["state"] else (x,)

    def iterate():
        with torch.inference_mode():
            return layer(*arguments)[0]

    return iterate, lambda: {"y": sample(iterate().transpose(0, 1))}


def step():
    layer = make_layer(batch_first=True)
    dense = torch.nn.Linear(H, 1)
    with torch.no_grad():
        dense.weight.copy_(torch.from_numpy(values("dense_kernel", (1, H), 1 / math.sqrt(H))))
        dense.bias.zero_()
    optimizer = torch.optim.Adam([*layer.parameters(), *dense.parameters()], lr=0.001)
    x, target = torch.from_numpy(values("x", (B, T, I))), torch.from_numpy(values("target", (B, 1)))
    losses = []

    def iterate():
        optimizer.zero_grad(set_to_none=True)
        output, _ = layer(x)
        loss = torch.nn.functional.mse_loss(dense(output[:, -1]), target)
        loss.backward()
        optimizer.step()
        losses[1:] = [loss.item()]

    return iterate, lambda: {"firstLoss": losses[:1]}


serve(*{"training": training, "inference": inference, "step": step}[case["kind"]]())
