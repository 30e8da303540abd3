"""PyTorch's side of the comparison: training steps of gru(units) -> dense(1), mse, Adam on a GPU.

The cases of bench/cases.mjs and bench/drivers, in float32, TF32, and with autocast to bfloat16 and
float16. Parts of a step are timed by events; all steps are launched before anything is waited for.
"""

import argparse
import contextlib
import datetime
import functools
import json
import math
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "drivers"))
try:
    import torch
    from protocol import values
except ImportError as error:
    print(f"nothing measured: {error}", file=sys.stderr)
    sys.exit(77)

CASES = [
    {"name": "reference model", "batch": 32, "steps": 100, "features": 10, "units": 64},
    {"name": "H=1024", "batch": 64, "steps": 100, "features": 512, "units": 1024},
]
# How far the first loss may be from the one in double on the CPU.
TOLERANCES = {"fp32": 1e-5, "tf32": 5e-3, "bf16": 5e-2, "fp16": 1e-2}
WARMUPS, REPEATS = 10, 50
WARMUP_SECONDS = 0.05  # a GPU that had nothing to do takes a while until its clock is high


class Model(torch.nn.Module):
    def __init__(self, features, units):
        super().__init__()
        self.gru = torch.nn.GRU(features, units, batch_first=True)
        self.dense = torch.nn.Linear(units, 1)

    def forward(self, x):
        return self.dense(self.gru(x)[0][:, -1])


def make_model(case):
    """Weights by the formula that all drivers share; PyTorch's order of gates, as it is random."""
    model = Model(case["features"], case["units"])
    scale = 1 / math.sqrt(case["units"])
    names = {
        "gru.weight_ih_l0": "kernel",
        "gru.weight_hh_l0": "recurrent_kernel",
        "gru.bias_ih_l0": "bias",
        "gru.bias_hh_l0": "bias",
        "dense.weight": "dense_kernel",
        "dense.bias": "bias",
    }
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(values(names[name], tuple(parameter.shape), scale)))
    return model


@functools.cache
def first_loss(index):
    """In double on the CPU."""
    case = CASES[index]
    with torch.no_grad():
        prediction = make_model(case).double()(make_inputs(case)[0].double())
        return torch.nn.functional.mse_loss(prediction, make_inputs(case)[1].double()).item()


def make_inputs(case):
    x = values("x", (case["batch"], case["steps"], case["features"]))
    return torch.from_numpy(x), torch.from_numpy(values("target", (case["batch"], 1)))


def spread(times):
    deciles = statistics.quantiles(times, n=10, method="inclusive")
    return {
        "median": statistics.median(times),
        "low": deciles[0],
        "high": deciles[-1],
        "count": len(times),
    }


def autocast(numbers):
    types = {"bf16": torch.bfloat16, "fp16": torch.float16}
    if numbers not in types:
        return contextlib.nullcontext()
    return torch.autocast("cuda", types[numbers])


def measure(index, numbers):
    case, expected = CASES[index], first_loss(index)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = numbers != "fp32"
    model = make_model(case).cuda()
    x, target = (tensor.cuda() for tensor in make_inputs(case))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
    scaler = torch.amp.GradScaler("cuda", enabled=numbers == "fp16")
    losses = []

    def step(events):
        events[0].record()
        optimizer.zero_grad(set_to_none=True)
        with autocast(numbers):
            loss = torch.nn.functional.mse_loss(model(x).float(), target)
        events[1].record()
        scaler.scale(loss).backward()
        events[2].record()
        scaler.step(optimizer)
        scaler.update()
        events[3].record()
        losses.append(loss.detach())

    def run(steps):
        marks = [[torch.cuda.Event(enable_timing=True) for _ in range(4)] for _ in range(steps)]
        for events in marks:
            step(events)
        torch.cuda.synchronize()
        return marks

    start = time.perf_counter()
    while not losses or time.perf_counter() - start < WARMUP_SECONDS:
        run(WARMUPS)
    counted = run(REPEATS)
    first, last = losses[0].item(), losses[-1].item()
    distance = abs(first - expected) / max(1.0, abs(expected))

    def between(a, b):
        return spread([1e3 * events[a].elapsed_time(events[b]) for events in counted])

    steps = [1e3 * a[0].elapsed_time(b[0]) for a, b in zip(counted, counted[1:])]
    return {
        **case,
        "numbers": numbers,
        "stepUs": spread(steps),
        "forwardUs": between(0, 1),
        "backwardUs": between(1, 2),
        "optimizerUs": between(2, 3),
        "distance": distance,
        "valid": distance <= TOLERANCES[numbers] and math.isfinite(last) and last < first,
    }


def machine():
    gpu = torch.cuda.get_device_properties(0)
    return {
        "gpu": gpu.name,
        "computeCapability": f"{gpu.major}.{gpu.minor}",
        "multiprocessors": gpu.multi_processor_count,
        "runtime": torch.version.cuda,
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    out = parser.parse_args().out
    if not torch.cuda.is_available():
        print("nothing measured: PyTorch finds no GPU", file=sys.stderr)
        return 77
    rows = []
    result = {
        "machine": machine(),
        "library": f"PyTorch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}",
        "conditions": "gru(units) -> dense(1) of the last step, mse, Adam (fused), rows first; bf16 and "
        "fp16 by autocast, fp16 with a scaled loss; stepUs: from the start of a step to the start of "
        "the next; distance: of the first loss from that in double on the CPU",
        "rows": rows,
    }
    for index in range(len(CASES)):
        for numbers in TOLERANCES:
            rows.append(measure(index, numbers))
            print(json.dumps(rows[-1]), file=sys.stderr)
            # What is there stays, whatever happens next.
            Path(out).write_text(json.dumps(result) + "\n")
    return 0 if all(row["valid"] for row in rows) else 1


sys.exit(main())
