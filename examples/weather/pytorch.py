"""Repeats a recorded run of the weather demo in PyTorch and compares.

    node examples/weather/main.mjs --record record
    python examples/weather/pytorch.py record          (needs torch, numpy, safetensors)

Same initial weights, same windows, same order of the rows: the losses of the first 50 steps must be
equal to 1e-4 (relative), the error on the test part to 0.5 %.
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file

STEPS_COMPARED, STEP_BOUND, MAE_BOUND = 50, 1e-4, 5e-3


class Forecaster(torch.nn.Module):
    """nn.GRU and nn.Linear with weights from a model file of sluice."""

    def __init__(self, weights):
        super().__init__()
        kernel, recurrent = weights["gru/kernel"], weights["gru/recurrent_kernel"]
        features, units = kernel.shape[0], recurrent.shape[0]
        self.gru = torch.nn.GRU(features, units, batch_first=True)
        self.dense = torch.nn.Linear(units, weights["dense/bias"].shape[0])

        def rows(matrix):
            # Columns z, r, h become rows r, z, n.
            z, r, h = np.split(matrix, 3, axis=-1)
            return torch.from_numpy(np.concatenate([r, z, h], axis=-1).T.copy())

        with torch.no_grad():
            self.gru.weight_ih_l0.copy_(rows(kernel))
            self.gru.weight_hh_l0.copy_(rows(recurrent))
            self.gru.bias_ih_l0.copy_(rows(weights["gru/bias"][0]))
            self.gru.bias_hh_l0.copy_(rows(weights["gru/bias"][1]))
            self.dense.weight.copy_(torch.from_numpy(weights["dense/kernel"].T.copy()))
            self.dense.bias.copy_(torch.from_numpy(weights["dense/bias"]))

    def forward(self, x):
        states, _ = self.gru(x)
        return self.dense(states[:, -1])


class KerasAdam:
    """Adam as Keras writes it: the bias correction is in the learning rate, epsilon is outside of it."""

    def __init__(self, parameters, rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-7):
        self.parameters = list(parameters)
        self.rate, self.beta1, self.beta2, self.epsilon = rate, beta1, beta2, epsilon
        self.m = [torch.zeros_like(p) for p in self.parameters]
        self.v = [torch.zeros_like(p) for p in self.parameters]
        self.step_number = 0

    @torch.no_grad()
    def step(self):
        self.step_number += 1
        t = self.step_number
        rate = self.rate * (1 - self.beta2**t) ** 0.5 / (1 - self.beta1**t)
        for p, m, v in zip(self.parameters, self.m, self.v):
            m.mul_(self.beta1).add_(p.grad, alpha=1 - self.beta1)
            v.mul_(self.beta2).addcmul_(p.grad, p.grad, value=1 - self.beta2)
            p.sub_(rate * m / (v.sqrt() + self.epsilon))
            p.grad = None


def mse(a, b):
    return ((a - b) ** 2).mean()


def repeat(folder, description):
    """Trains as recorded; returns the losses of the steps, of the validations, and the test MAE."""

    def windows(name):
        data = np.fromfile(folder / f"{name}.f32", "<f4")
        return torch.from_numpy(data.reshape(description["shapes"][name]))

    x, y = windows("train_x"), windows("train_y")
    orders = np.fromfile(folder / "order.i32", "<i4").reshape(-1, len(x))
    model = Forecaster(load_file(folder / "initial.safetensors"))
    optimizer = KerasAdam(model.parameters())
    steps, validations, best = [], [], float("inf")
    for order in orders:
        for rows in torch.from_numpy(order).long().split(description["settings"]["batchSize"]):
            loss = mse(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            steps.append(loss.item())
        with torch.no_grad():
            validations.append(mse(model(windows("validation_x")), windows("validation_y")).item())
            if validations[-1] < best:
                best, forecast = validations[-1], model(windows("test_x"))
    error = (forecast - windows("test_y")).abs().mean().item()
    return steps, validations, error * description["result"]["celsiusPerUnit"]


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "record")
    description = json.loads((folder / "record.json").read_text())
    steps, validations, mae = repeat(folder, description)

    ours, theirs = np.array(description["stepLosses"]), np.array(steps)
    difference = np.abs(ours - theirs) / theirs
    print(f"{'step':>6} {'sluice':>12} {'PyTorch':>12} {'relative':>10}")
    for step in [1, 2, 5, 10, 20, 50, 100, 200, len(ours)]:
        if step <= len(ours):
            i = step - 1
            print(f"{step:6} {ours[i]:12.8f} {theirs[i]:12.8f} {difference[i]:10.1e}")
    kept = [int(np.argmin(v)) + 1 for v in (description["history"]["val_loss"], validations)]
    print(f"epochs: {len(validations)}; kept: {kept[0]} (sluice), {kept[1]} (PyTorch)")

    worst = difference[:STEPS_COMPARED].max()
    recorded = description["result"]["testMae"]
    apart = abs(recorded - mae) / mae
    print(f"losses of the first {STEPS_COMPARED} steps: at most {worst:.1e} apart (bound {STEP_BOUND})")
    print(f"test MAE: {recorded:.4f} °C (sluice), {mae:.4f} °C (PyTorch): {apart:.3%} apart (bound {MAE_BOUND:.1%})")
    if worst > STEP_BOUND or apart > MAE_BOUND:
        sys.exit("The runs differ by more than they may.")


if __name__ == "__main__":
    main()
