#!/usr/bin/env python3
"""CPU time of torchmd-net's TensorNet (F = 128, L = 2, R = 32, rc = 4.5 A) on fixed workloads.

    python tensornet_speed.py --threads 1 [--dtypes float32,float64] [--paths torch,warp,compile,ase]
                              [--seconds 6] [--json FILE]

Paths
  torch    the package with its pure PyTorch operators
  warp     the package's default operators (Warp kernels; on the CPU they use one thread)
  compile  energy and forces traced to one graph with make_fx, then torch.compile (inductor), shapes fixed: not
           offered by the package, the best that a determined user gets; the list of pairs is built outside
  ase      what the package's ASE calculator does with compile=True: static shapes, energy compiled, then backward
           (inference only), with the default operators

Tasks
  train    forward, forces with create_graph, 0.5 MSE(E) + 0.5 MSE(F), backward, AdamW step
  infer    energies and forces, parameters frozen
The list of pairs is rebuilt in every repetition.  Weights are random (fixed seed).
Data: $CARTAN_DATA (default ../shared/data): rmd17/rmd17_<molecule>_train_01.npz, water/data_0.
"""
import argparse
import json
import os
import platform
import statistics
import sys
import time

ap = argparse.ArgumentParser()
ap.add_argument("--threads", type=int, default=1)
ap.add_argument("--dtypes", default="float32,float64")
ap.add_argument("--paths", default="torch,warp,compile,ase")
ap.add_argument("--tasks", default="train,infer")
ap.add_argument("--systems", default="", help="only these (comma separated), e.g. aspirin,aspirin-b8")
ap.add_argument("--seconds", type=float, default=6.0, help="measuring time of one entry")
ap.add_argument("--json")
ap.add_argument("--data", default=os.environ.get("CARTAN_DATA", "../shared/data"))
args = ap.parse_args()
for var in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[var] = str(args.threads)

import numpy as np  # noqa: E402
import torch  # noqa: E402

import peer_model as pm  # noqa: E402

torch.set_num_threads(args.threads)


class System:
    def __init__(self, name, dtype):
        self.name = name
        self.box = None
        if name == "water-192":
            d = os.path.join(args.data, "water", "data_0")
            kinds = [{"O": 8, "H": 1}[s] for s in open(os.path.join(d, "type_map.raw")).read().split()]
            types = np.loadtxt(os.path.join(d, "type.raw"), dtype=int)
            z = np.array(kinds)[types]
            load = lambda k, *s: np.load(os.path.join(d, "set.000", k + ".npy"))[0].reshape(*s)
            x, b = load("coord", -1, 3), np.zeros(len(z), dtype=int)
            self.box = torch.tensor(load("box", 3, 3), dtype=dtype)
            e, f = load("energy", 1, 1), load("force", -1, 3)
        else:
            mol, _, nb = name.partition("-b")
            nb = int(nb or 1)
            d = np.load(os.path.join(args.data, "rmd17", f"rmd17_{mol}_train_01.npz"))
            z1 = d["nuclear_charges"]
            z, b = np.tile(z1, nb), np.repeat(np.arange(nb), len(z1))
            x, f = d["coords"][:nb].reshape(-1, 3), d["forces"][:nb].reshape(-1, 3)
            e = (d["energies"][:nb] - d["energies"].mean()).reshape(-1, 1)
        self.z, self.batch = torch.tensor(z).long(), torch.tensor(b).long()
        self.x, self.e0, self.f0 = (torch.tensor(v, dtype=dtype) for v in (x, e, f))
        self.n = int(self.batch.max()) + 1


def loss_of(e, f, s):
    return 0.5 * ((e - s.e0) ** 2).mean() + 0.5 * ((f - s.f0) ** 2).mean()


class GivenPairs(torch.nn.Module):
    """Distances of pairs found beforehand: edge_index and the periodic shift of each edge."""

    def forward(self, pos, batch, box=None):
        i, j = self.edges
        vec = pos.index_select(0, i) - pos.index_select(0, j) - self.shift
        own = i == j
        dist = torch.where(own, 0.0, torch.where(own[:, None], 1.0, vec).norm(dim=-1))
        return self.edges, dist, vec


def traced(model, s, train):
    """(find pairs, f(x, edges, shift, parameters) -> E, F as one traced graph, parameters)"""
    from torch.func import functional_call
    from torch.fx.experimental.proxy_tensor import make_fx

    own_list = model.representation_model.distance
    given = model.representation_model.distance = GivenPairs()
    names, ps = zip(*model.named_parameters())

    def pairs(x):
        with torch.no_grad():
            ei, _, v = own_list(x, s.batch, s.box)
            return ei, (x[ei[0]] - x[ei[1]] - v)

    def ef(x, ei, shift, *p):
        x = x.detach().requires_grad_(True)
        given.edges, given.shift = ei, shift
        e, _ = functional_call(model, dict(zip(names, p)), (s.z, x, s.batch), {"num_systems": s.n})
        (g,) = torch.autograd.grad(e.sum(), x, create_graph=train)
        return e, -g

    proto = [p.detach().requires_grad_(train) for p in ps]
    gm = make_fx(ef)(s.x, *pairs(s.x), *proto)
    for node in list(gm.graph.nodes):  # the trace detaches saved values; the outer derivative needs them
        if node.target is torch.ops.aten.detach.default:
            node.replace_all_uses_with(node.args[0])
            gm.graph.erase_node(node)
    gm.recompile()
    return pairs, torch.compile(gm, dynamic=False), ps


def make(task, path, s, dtype):
    """A function that does one repetition."""
    torch.manual_seed(1)
    train = task == "train"
    ops = "torch" if path in ("torch", "compile") else "warp"
    model = pm.build(dtype=dtype, path=ops, derivative=path in ("torch", "warp"), static_shapes=path == "ase")
    model.train(train)
    if not train:
        model.requires_grad_(False)
    if path in ("torch", "warp"):
        ef = lambda: model(s.z, s.x.clone(), batch=s.batch, box=s.box)
    elif path == "ase":
        with torch.no_grad():
            model(s.z, s.x, batch=s.batch, box=s.box)  # sets the number of systems
        comp = torch.compile(model, backend="inductor", dynamic=False, fullgraph=True, mode="reduce-overhead")

        def ef():
            x = s.x.clone().requires_grad_(True)
            e, _ = comp(s.z, x, batch=s.batch, box=s.box)
            e.sum().backward()
            return e, -x.grad
    else:
        pairs, comp, ps = traced(model, s, train)

        def ef():
            return comp(s.x, *pairs(s.x), *ps)

    if not train:
        if path == "compile":
            def run():
                with torch.no_grad():
                    return ef()
            return run, model
        return ef, model
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)

    def step():
        opt.zero_grad()
        e, f = ef()
        loss = loss_of(e, f, s)
        loss.backward()
        opt.step()
        return e, f

    return step, model


def measure(fn):
    t0 = time.perf_counter()
    first = fn()
    first_s = time.perf_counter() - t0
    fn()
    wall, cpu = [], []
    end = time.perf_counter() + args.seconds
    while len(wall) < 7 or (time.perf_counter() < end and len(wall) < 300):
        c, w = time.process_time(), time.perf_counter()
        fn()
        wall.append((time.perf_counter() - w) * 1e3)
        cpu.append((time.process_time() - c) * 1e3)
    return first, dict(
        wall_ms=statistics.median(wall), cpu_ms=statistics.median(cpu), wall_min_ms=min(wall), cpu_min_ms=min(cpu),
        repetitions=len(wall), first_call_s=first_s,
    )


def cpu_name():
    try:
        for line in open("/proc/cpuinfo"):
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor()


def main():
    from importlib.metadata import version

    info = dict(
        torchmd_net=version("torchmd-net"), torch=torch.__version__, warp=version("warp-lang"),
        python=platform.python_version(), threads=args.threads, cpu=cpu_name(), cores=os.cpu_count(),
        cpu_capability=torch.backends.cpu.get_cpu_capability(), model="TensorNet F=128 L=2 R=32 rc=4.5 O(3)",
    )
    print(", ".join(f"{k} {v}" for k, v in info.items()))
    print(f"{'task':6} {'system':11} {'dtype':8} {'path':8} thr  wall med  wall min   cpu med   cpu min  reps  first s  max dF")
    todo = {
        "train": ["ethanol-b8", "aspirin-b8"],
        "infer": ["ethanol", "aspirin", "ethanol-b8", "aspirin-b8", "water-192"],
    }
    only = [s for s in args.systems.split(",") if s]
    rows = []
    for dt in args.dtypes.split(","):
        dtype = getattr(torch, dt)
        for task in args.tasks.split(","):
            for name in todo[task]:
                if only and name not in only:
                    continue
                s = System(name, dtype)
                ref = None
                for path in args.paths.split(","):
                    if path == "ase" and task == "train":
                        continue
                    row = dict(task=task, system=name, dtype=dt, path=path, threads=args.threads)
                    try:
                        torch._dynamo.reset()
                        fn, model = make(task, path, s, dtype)
                        (e, f), t = measure(fn)
                        f = f.detach()
                        ref = f.clone() if ref is None else ref
                        # the first call of every path starts from the same weights
                        row.update(t, relative_force_difference=float((f - ref).abs().max() / ref.abs().max()))
                        print(
                            f"{task:6} {name:11} {dt:8} {path:8} {args.threads:3d} {row['wall_ms']:9.2f} "
                            f"{row['wall_min_ms']:9.2f} {row['cpu_ms']:9.2f} {row['cpu_min_ms']:9.2f} "
                            f"{row['repetitions']:5d} {row['first_call_s']:8.1f} {row['relative_force_difference']:.1e}",
                            flush=True,
                        )
                    except Exception as ex:  # a path that does not work is a result too
                        row["error"] = f"{type(ex).__name__}: {str(ex).splitlines()[0] if str(ex) else ''}"
                        print(f"{task:6} {name:11} {dt:8} {path:8} {args.threads:3d} does not work: {row['error']}", flush=True)
                    rows.append(row)
    # the plain way to compile training: torch.compile(model) with forces
    if "compile" in args.paths and "train" in args.tasks:
        s = System("ethanol-b8", torch.float32)
        try:
            model = pm.build(path="torch").train()
            e, f = torch.compile(model)(s.z, s.x.clone(), batch=s.batch)
            loss_of(e, f, s).backward()
            note = "works"
        except Exception as ex:
            note = f"does not work: {type(ex).__name__}: {str(ex).splitlines()[0]}"
        print("torch.compile(model) for training with forces:", note)
        info["torch_compile_model_training"] = note
    if args.json:
        with open(args.json, "w") as fh:
            json.dump(dict(info=info, results=rows), fh, indent=1)


if __name__ == "__main__":
    sys.exit(main())
