"""Convolutions along edges in e3nn and cuEquivariance (its naive method, the one that runs on a CPU): the workloads of
benchmarks/convolution_bench.cpp. With --cartan FILE the program bench_convolution is run between the peers, so that
all see the same load of the machine.

    python convolution_peers.py --cartan build/release/benchmarks/bench_convolution [--models mace_large] [--edges 20000]

Times are milliseconds of CPU time (one thread by default: then also the wall time of a quiet machine), the minimum
over the repetitions. e3nn runs eagerly (its own TorchScript code) and, with --compile, gather, product and sum
together under torch.compile. Memory that the peers free stays with the process, unless --fresh is given. --memory GiB
bounds the process (RLIMIT_DATA): what needs more is left out.
"""

import argparse
import ctypes
import json
import resource
import subprocess
import time

import e3nn
import torch
from e3nn import o3

MODELS = {
    "mace_medium": ("128x0e+128x1o", "0e+1o+2e+3o", "0e+1o+2e"),
    "mace_large": ("128x0e+128x1o+128x2e", "0e+1o+2e+3o", "0e+1o+2e+3o"),
    "nequip_benzene": (
        "64x0o+64x0e+64x1o+64x1e+64x2o+64x2e+64x3o+64x3e",
        "0e+1o+2e+3o",
        "0o+0e+1o+1e+2o+2e+3o+3e",
    ),
    "sevennet_l3i5": ("128x0e+64x1e+32x2e+32x3e", "0e+1e+2e+3e", "0e+1e+2e+3e"),
}
NODES = 1000


def e3nn_product(model):
    in1, in2, target = (o3.Irreps(t) for t in MODELS[model])
    out, instructions = [], []
    for i, (mul, ir1) in enumerate(in1):
        for j, (_, ir2) in enumerate(in2):
            for ir in ir1 * ir2:
                if ir in target:
                    instructions.append((i, j, len(out), "uvu", True))
                    out.append((mul, ir))
    out, p, _ = o3.Irreps(out).sort()
    instructions = sorted(((i, j, p[k], m, w) for i, j, k, m, w in instructions), key=lambda t: t[2])
    return o3.TensorProduct(in1, in2, out, instructions, shared_weights=False, internal_weights=False)


def cue_product(model):
    import cuequivariance as cue
    import cuequivariance_torch as cuet

    in1, in2, target = (cue.Irreps("O3", t) for t in MODELS[model])
    return cuet.ChannelWiseTensorProduct(
        in1, in2, list({ir for _, ir in target}), layout=cue.ir_mul, shared_weights=False, internal_weights=False,
        method="naive",
    )


def convolve(tp, senders, receivers, x, y, w):
    messages = tp(x[senders], y, w)
    return torch.zeros(NODES, messages.shape[1], dtype=x.dtype).index_add(0, receivers, messages)


def measure(tp, what, dtype, edges, repetitions, convolve=convolve):
    generator = torch.Generator().manual_seed(1)
    senders = torch.randint(NODES, (edges,), generator=generator)
    receivers = torch.arange(edges) * NODES // edges
    dims = (MODELS_DIMS["x"], MODELS_DIMS["y"], MODELS_DIMS["w"])
    rows = (NODES, edges, edges)
    t = [torch.randn(n, d, dtype=dtype, generator=generator) for n, d in zip(rows, dims)]
    best, best_wall = float("inf"), float("inf")
    c = h = None
    with torch.no_grad():
        c = torch.randn_like(convolve(tp, senders, receivers, *t))
    if what == "double_bwd":
        h = [torch.randn_like(a) for a in t]
    for _ in range(repetitions):
        for a in t:
            a.requires_grad_(what != "fwd")
        start, start_wall = time.process_time(), time.perf_counter()
        if what == "fwd":
            with torch.no_grad():
                convolve(tp, senders, receivers, *t)
        elif what == "fwd_bwd":
            torch.autograd.grad(convolve(tp, senders, receivers, *t), t, c)
        else:
            ct = c.clone().requires_grad_()
            g = torch.autograd.grad(convolve(tp, senders, receivers, *t), t, ct, create_graph=True)
            torch.autograd.grad(g, [*t, ct], h)
        best = min(best, time.process_time() - start)
        best_wall = min(best_wall, time.perf_counter() - start_wall)
    return 1e3 * best, 1e3 * best_wall


def cartan(program, name, threads):
    out = subprocess.run(
        [program, f"--benchmark_filter=^{name}/{threads}/", "--benchmark_min_time=0.05", "--benchmark_repetitions=5",
         "--benchmark_format=json"],
        capture_output=True, text=True, check=True,
    ).stdout
    runs = [b for b in json.loads(out)["benchmarks"] if b["run_type"] == "iteration"]
    return min(b["cpu_time"] for b in runs), min(b["real_time"] for b in runs)


MODELS_DIMS = {}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--edges", default="20000")
    parser.add_argument("--dtypes", default="float32,float64")
    parser.add_argument("--what", default="fwd,fwd_bwd,double_bwd")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--memory", type=float, help="limit in GiB")
    parser.add_argument("--fresh", action="store_true", help="memory that peers free goes back to the system")
    parser.add_argument("--cartan", help="the program bench_convolution")
    args = parser.parse_args()
    # Fresh pages at every operation cost the peers a third of their time and more.
    libc = ctypes.CDLL(None)
    for option, value in ((-4, 0), (-1, 2**31 - 1), (-2, 2**30)):  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD
        if not args.fresh:
            libc.mallopt(option, value)
    if args.memory:
        resource.setrlimit(resource.RLIMIT_DATA, (int(args.memory * 2**30),) * 2)
    torch.set_num_threads(args.threads)
    for model in args.models.split(","):
        e3nn_tp = e3nn_product(model)
        MODELS_DIMS.update(x=e3nn_tp.irreps_in1.dim, y=e3nn_tp.irreps_in2.dim, w=e3nn_tp.weight_numel)
        peers = {"e3nn": e3nn_tp}
        if args.compile:
            mode = e3nn.get_optimization_defaults()["jit_mode"]
            e3nn.set_optimization_defaults(jit_mode="eager")
            peers["e3nn compiled"] = e3nn_product(model)
            e3nn.set_optimization_defaults(jit_mode=mode)
        try:
            peers["cue naive"] = cue_product(model)
        except Exception as error:
            print(f"# cuEquivariance: {error}")
        for dtype in args.dtypes.split(","):
            for edges in args.edges.split(","):
                for what in args.what.split(","):
                    row = {}
                    if args.cartan:
                        row["cartan"] = cartan(args.cartan, f"{model}/{dtype}/{edges}/{what}", args.threads)
                    for name, tp in peers.items():
                        try:
                            tp = tp.to(getattr(torch, dtype))
                            row[name] = measure(
                                tp, what, getattr(torch, dtype), int(edges), args.repetitions,
                                torch.compile(convolve, dynamic=False) if name == "e3nn compiled" else convolve,
                            )
                            torch._dynamo.reset()
                        except Exception as error:
                            row[name] = None
                            print(f"# {name}: {str(error).splitlines()[0][:120]}")
                    text = "  ".join(
                        f"{name} {v[0]:.1f} ({v[1]:.1f})" if v else f"{name} -" for name, v in row.items()
                    )
                    if args.cartan:
                        clock = 0 if args.threads == 1 else 1
                        others = [v[clock] for name, v in row.items() if v and name != "cartan"]
                        text += f"  ratio {min(others) / row['cartan'][clock]:.1f}" if others else ""
                    print(f"{model} {dtype} {edges} {what}: cpu (wall) ms  {text}", flush=True)


if __name__ == "__main__":
    main()
