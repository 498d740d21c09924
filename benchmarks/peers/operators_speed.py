"""Forward passes and training steps of FNO and TFNO beside neuraloperator, interleaved, on one thread.

    pip install torch neuraloperator
    python benchmarks/peers/operators_speed.py build/bench/benchmarks/bench_operators [ROUNDS] [forward|step] [WORKLOADS...]

Each round times both programs one after the other (least CPU time of the process over the calls of a third of a second,
three at least); printed are the medians of the rounds and their ratio. glibc is told to keep memory that was freed (MALLOC_*), without which the peer
loses up to a factor of 3.5 to page faults.
"""
import json
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
if os.environ.get("MALLOC_MMAP_MAX_") != "0":
    os.environ.update(MALLOC_MMAP_MAX_="0", MALLOC_TRIM_THRESHOLD_="100000000000")
    os.execv(sys.executable, [sys.executable] + sys.argv)

import torch
from neuralop.models import FNO
from importlib.metadata import version

torch.set_num_threads(1)
SPAN = 0.3  # seconds of calls a round
bench, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
kinds = [a for a in sys.argv[3:] if a in ("forward", "step")]
only = [a for a in sys.argv[3:] if a not in kinds]

sizes = {
    "A24": dict(n_modes=(8, 8), hidden_channels=24, grid=(16, 16)),
    "A32": dict(n_modes=(8, 8), hidden_channels=32, grid=(16, 16)),
    "B": dict(n_modes=(16,), hidden_channels=64, grid=(8192,)),
    "C": dict(n_modes=(12, 12), hidden_channels=20, in_channels=10, grid=(64, 64)),
    "D": dict(n_modes=(64, 64), hidden_channels=64, projection_channel_ratio=4, grid=(128, 128)),
    "D_tucker": dict(n_modes=(64, 64), hidden_channels=64, projection_channel_ratio=4, grid=(128, 128), rank=0.1),
    "D_tucker01": dict(n_modes=(64, 64), hidden_channels=64, projection_channel_ratio=4, grid=(128, 128), rank=0.01),
    "E": dict(n_modes=(16, 16, 16), hidden_channels=32, grid=(64, 64, 64)),
    "E_tucker": dict(n_modes=(16, 16, 16), hidden_channels=32, grid=(64, 64, 64), rank=0.1),
}
runs = [("forward", "A24", 1), ("forward", "A32", 1), ("step", "A24", 64), ("step", "A32", 64), ("forward", "B", 1),
        ("step", "B", 20), ("forward", "C", 1), ("forward", "C", 20), ("step", "C", 20), ("forward", "D", 1),
        ("forward", "D", 8), ("step", "D", 1), ("step", "D", 8), ("forward", "D_tucker", 1), ("forward", "D_tucker", 8),
        ("step", "D_tucker", 1), ("step", "D_tucker", 8), ("forward", "D_tucker01", 1), ("forward", "E", 1),
        ("step", "E", 1), ("forward", "E_tucker", 1), ("step", "E_tucker", 1)]


def least(f, calls):
    times = []
    for _ in range(calls):
        start = time.process_time()
        f()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def ours(kind, name, batch, calls):
    out = subprocess.run([bench, f"--benchmark_filter=^{kind}/{name}/{batch}$", "--benchmark_format=json",
                          f"--benchmark_min_time={SPAN}" if kind == "forward" else "--benchmark_min_time=0.001",
                          f"--benchmark_repetitions={1 if kind == 'forward' else calls}"],
                         capture_output=True, check=True, text=True).stdout
    return min(b["least"] for b in json.loads(out)["benchmarks"] if b["run_type"] == "iteration")


print(f"torch {torch.__version__}, neuraloperator {version('neuraloperator')}, 1 thread, CPU ms, {rounds} rounds")
for kind, name, batch in runs:
    if (only and name not in only) or (kinds and kind not in kinds):
        continue
    kwargs = dict(sizes[name])
    grid = kwargs.pop("grid")
    if "rank" in kwargs:
        kwargs.update(factorization="Tucker", implementation="factorized")
    kwargs.setdefault("in_channels", 1)
    torch.manual_seed(0)
    model = FNO(out_channels=1, **kwargs)
    x = torch.randn(batch, kwargs["in_channels"], *grid)
    y = torch.randn(batch, 1, *grid)

    def forward():
        with torch.no_grad():
            model(x)

    def step():
        model.zero_grad(set_to_none=True)
        ((model(x) - y) ** 2).mean().backward()

    call = forward if kind == "forward" else step
    call()
    calls = max(3, int(1e3 * SPAN / least(call, 1)))
    theirs, own = [], []
    for _ in range(rounds):
        theirs.append(least(call, calls))
        own.append(ours(kind, name, batch, calls))
    a, b = statistics.median(theirs), statistics.median(own)
    print(f"{kind:8s} {name:11s} B={batch:<3d} peer {a:9.2f}  cartan {b:9.2f}  ratio {a / b:5.2f}", flush=True)
    del model
