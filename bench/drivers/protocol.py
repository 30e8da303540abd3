"""drivers/protocol.mjs and drivers/data.mjs for drivers in Python."""

import json
import signal
import statistics
import sys
import time

import numpy as np

SEEDS = {
    "x": 1,
    "kernel": 2,
    "recurrent_kernel": 3,
    "bias": 4,
    "initial_state": 5,
    "output_gradient": 6,
    "dense_kernel": 7,
    "target": 8,
}


def read_case():
    pairs = (argument.split("=") for argument in sys.argv[1:])
    return {name: int(value) if value.isdigit() else value for name, value in pairs}


def values(name, shape, scale=1.0):
    """Uniform in [-scale, scale): a hash of the position and the seed."""
    x = np.arange(np.prod(shape), dtype=np.uint32)
    x += np.uint32(SEEDS[name] * 0x9E3779B9 % 2**32)
    x = (x ^ (x >> 16)) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * np.uint32(0x846CA68B)
    x ^= x >> 16
    unit = (x >> 8).astype(np.float32) / np.float32(2**23) - np.float32(1)
    return (unit * np.float32(scale)).reshape(shape)


def sample(array):
    """The values of a tensor that are compared: spread evenly from the first to the last."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return [float(flat[k * (flat.size - 1) // 63]) for k in range(64)]


def median_ms(iterate, count):
    block = -(-count // 100)
    times = []
    for _ in range(0, count, block):
        start = time.perf_counter()
        for _ in range(block):
            iterate()
        times.append((time.perf_counter() - start) * 1e3 / block)
    return statistics.median(times)


def serve(iterate, check):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ends with stdin, without a traceback
    start = time.perf_counter()
    for _ in range(3):
        if time.perf_counter() - start < 1:
            iterate()
    print("ready", flush=True)
    for line in sys.stdin:
        words = line.split()
        answer = check() if words[0] == "check" else median_ms(iterate, int(words[1]))
        print(json.dumps(answer), flush=True)
