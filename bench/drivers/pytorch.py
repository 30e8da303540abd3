"""PyTorch's side of a training step: nn.GRU, Linear on the last state, mse, Adam. Same protocol."""

import json
import statistics
import sys
import time

import torch

case = json.loads(sys.argv[1])
torch.set_num_threads(case["threads"])
torch.manual_seed(1)
batch, steps, features, units = (case[k] for k in ("batch", "steps", "features", "units"))
gru = torch.nn.GRU(features, units, batch_first=True)
dense = torch.nn.Linear(units, 1)
optimizer = torch.optim.Adam([*gru.parameters(), *dense.parameters()], lr=0.001)
x = torch.rand(batch, steps, features) * 2 - 1
y = torch.rand(batch, 1) * 2 - 1


def iterate():
    optimizer.zero_grad(set_to_none=True)
    output, _ = gru(x)
    loss = torch.nn.functional.mse_loss(dense(output[:, -1]), y)
    loss.backward()
    optimizer.step()
    return loss.item()


for _ in range(3):
    iterate()
print("ready", flush=True)
for line in sys.stdin:
    times = []
    for _ in range(int(line.split()[1])):
        start = time.perf_counter()
        iterate()
        times.append((time.perf_counter() - start) * 1e3)
    print(statistics.median(times), flush=True)
