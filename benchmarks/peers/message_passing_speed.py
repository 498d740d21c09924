#!/usr/bin/env python3
"""SevenNet-0 by sevenn and MACE (128x0e+128x1o, correlation 3) by mace-torch, beside the same models in Cartan.

    pip install sevenn ase h5py                    (mace-torch, which wants another e3nn, in an environment of its own)
    python message_passing_speed.py sevenn CARTAN CHECKPOINT.pth [--threads N] [--rounds R] [--only forces,train,memory]
    python message_passing_speed.py mace   CARTAN               [...]

CARTAN is the command. Both sides take turns, R rounds; medians. What is timed:
  forces   energy, forces and stress of copper (64 atoms, 2,700 edges within 5 A), the search of neighbours included; ours is a
           step of dynamics at constant energy, the difference of runs of two lengths
  train    a training step (forward, forces, loss of energy and forces, backward, Adam) on copper (4 cells of 16 atoms);
           ours again the difference of two runs
  memory   growth of the peak of resident memory from 64 to 216 atoms (energy, forces, stress), by atom
With one thread times are processor times (the machine may be shared), with more they are of the clock.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("peer", choices=["sevenn", "mace"])
parser.add_argument("cartan")
parser.add_argument("checkpoint", nargs="?")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--only", default="forces,train,memory")
parser.add_argument("--child", help=argparse.SUPPRESS)
args = parser.parse_args()
os.environ.update({k: str(args.threads) for k in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")})
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
warnings.filterwarnings("ignore")

import ase.build  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(args.threads)


def copper(cells, seed=5):
    atoms = ase.build.bulk("Cu", "fcc", a=3.61) * (cells, cells, cells)
    atoms.positions += np.random.default_rng(seed).normal(0, 0.05, (len(atoms), 3))
    return atoms


def copper16(seed):
    atoms = ase.build.bulk("Cu", "fcc", a=3.61, cubic=True) * (2, 2, 1)
    atoms.positions += np.random.default_rng(seed).normal(0, 0.05, (len(atoms), 3))
    return atoms


def write(path, frames, labels):
    draw = np.random.default_rng(1)
    with open(path, "w") as f:
        for a in frames:
            lattice = " ".join(repr(float(x)) for x in a.cell[:].ravel())
            extra = f"energy={-3.7 * len(a)} " if labels else ""
            f.write(f'{len(a)}\nLattice="{lattice}" {extra}pbc="T T T" Properties=species:S:1:pos:R:3{":forces:R:3" if labels else ""}\n')
            for s, x in zip(a.symbols, a.positions):
                force = draw.normal(0, 0.1, 3) if labels else []
                f.write(s + "".join(f" {float(v)!r}" for v in [*x, *force]) + "\n")


class SevenNet:
    title = "SevenNet-0"

    def __init__(self, folder):
        import sevenn.util
        from sevenn.calculator import SevenNetCalculator

        self.calculator = SevenNetCalculator(args.checkpoint, device="cpu")
        self.model, config = sevenn.util.model_from_checkpoint(args.checkpoint)
        self.model.set_is_batch_data(True)
        self.model.train()
        self.version = f"sevenn {sevenn.__version__}"
        self.weights = args.checkpoint
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-6)
        self.cutoff = config["cutoff"]

    def forces(self, atoms):
        self.calculator.calculate(atoms)

    def batch(self, frames):
        from sevenn.atom_graph_data import AtomGraphData
        from sevenn.train.dataload import unlabeled_atoms_to_graph
        from torch_geometric.loader.dataloader import Collater

        graphs = [AtomGraphData.from_numpy_dict(unlabeled_atoms_to_graph(a, self.cutoff)) for a in frames]
        return Collater(graphs)(graphs)

    def step(self, batch, energy, force):
        self.optimizer.zero_grad()
        out = self.model(batch.clone())
        counts = batch["num_atoms"].reshape(-1)
        loss = (((out["inferred_total_energy"].reshape(-1) - energy) / counts) ** 2).mean()
        loss = loss + ((out["inferred_force"] - force) ** 2).mean()
        loss.backward()
        self.optimizer.step()


class Mace:
    title = "MACE 128x0e+128x1o, correlation 3"

    def __init__(self, folder):
        import mace
        from e3nn import o3
        from mace import data, modules
        from mace.tools import AtomicNumberTable, torch_geometric

        self.data, self.loader, self.table = data, torch_geometric, AtomicNumberTable([29])
        torch.manual_seed(7)
        block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
        self.model = modules.ScaleShiftMACE(
            r_max=5.0, num_bessel=8, num_polynomial_cutoff=5, max_ell=3, interaction_cls=block, interaction_cls_first=block,
            num_interactions=2, num_elements=1, hidden_irreps=o3.Irreps("128x0e+128x1o"), MLP_irreps=o3.Irreps("16x0e"),
            atomic_energies=np.array([-3.5]), avg_num_neighbors=42.0, atomic_numbers=[29], correlation=3,
            gate=torch.nn.functional.silu, atomic_inter_scale=0.1, atomic_inter_shift=0.0)
        self.version = f"mace-torch {mace.__version__}"
        self.weights = os.path.join(folder, "mace.arrays.h5")
        sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
        if args.child is None:
            from export_mace import export
            export(self.model, self.weights)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-6, amsgrad=True)

    def batch(self, frames):
        graphs = [self.data.AtomicData.from_config(self.data.config_from_atoms(a), z_table=self.table, cutoff=5.0) for a in frames]
        return next(iter(self.loader.dataloader.DataLoader(graphs, batch_size=len(graphs)))).to_dict()

    def forces(self, atoms):
        self.model(self.batch([atoms]), compute_stress=True)

    def step(self, batch, energy, force):
        self.optimizer.zero_grad()
        out = self.model(dict(batch), training=True)
        counts = batch["ptr"][1:] - batch["ptr"][:-1]
        loss = (((out["energy"] - energy) / counts) ** 2).mean() + ((out["forces"] - force) ** 2).mean()
        loss.backward()
        self.optimizer.step()


def clock():
    return time.process_time() if args.threads == 1 else time.perf_counter()


def timed(f, times):
    start = clock()
    for _ in range(times):
        f()
    return (clock() - start) / times


def run(*command):
    """Seconds of a command: of the processor with one thread, of the clock with more."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command}: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu if args.threads == 1 else time.perf_counter() - start


def difference(command, few, many):
    return (run(*command(many)) - run(*command(few))) / (many - few)


def row(what, theirs, ours, unit, factor):
    t, o = statistics.median(theirs), statistics.median(ours)
    print(f"{what:24}{factor * t:10.2f}{factor * o:10.2f} {unit:10} {t / o:6.1f}x   "
          f"(theirs {factor * min(theirs):.2f}..{factor * max(theirs):.2f}, ours {factor * min(ours):.2f}..{factor * max(ours):.2f})", flush=True)


def peak(command):
    """Largest resident memory of a command, MiB."""
    script = ("import resource,subprocess,sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, "
              "stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)")
    return float(subprocess.run([sys.executable, "-c", script, *map(str, command)], capture_output=True, text=True, check=True).stdout)


def main(folder):
    peer = (SevenNet if args.peer == "sevenn" else Mace)(folder)
    if args.child:
        peer.forces(copper(int(args.child)))
        return
    model, start, set_file = (os.path.join(folder, n) for n in ("model.h5", "start.xyz", "set.xyz"))
    run(args.cartan, "potential", "import", peer.weights, "--out", model, "--force")
    atoms, frames = copper(4), [copper16(k) for k in range(4)]
    write(start, [atoms], False)
    write(set_file, frames, True)
    print(f"{peer.title}: {peer.version}, torch {torch.__version__}, {args.threads} threads, {args.rounds} rounds\n"
          f"{'':24}{args.peer:>10}{'cartan':>10}")

    def md(steps, frame=start):
        return [args.cartan, "potential", "md", model, frame, "--ensemble", "nve", "--dt", 1e-3, "--temperature", 1, "--steps", steps,
                "--threads", args.threads]

    if "forces" in args.only:
        peer.forces(atoms), peer.forces(atoms)  # warm: TorchScript compiles in the first calls
        theirs, ours = [], []
        for _ in range(args.rounds):
            theirs.append(timed(lambda: peer.forces(atoms), 2))
            ours.append(difference(md, 3, 23))
        row("energy, forces, stress", theirs, ours, "ms", 1e3)
    if "train" in args.only:
        toml = os.path.join(folder, "run.toml")
        with open(toml, "w") as f:
            f.write(f'[data]\ntrain = "{set_file}"\nvalidation_fraction = 0\n[model]\nfrom = "{model}"\nkeep_elements = true\n'
                    f'[training]\nbatch_size = 4\nlearning_rate = 1e-6\ncheckpoint_every_steps = 100000\n[output]\nfolder = "{folder}/out"\n')

        def train(steps):
            return [args.cartan, "potential", "train", toml, "--training.max_steps", steps, "--force", "--threads", args.threads]

        batch = peer.batch(frames)
        energy, force = torch.full((4,), -3.7 * 16), torch.randn(64, 3) * 0.1
        for _ in range(2):
            peer.step(batch, energy, force)
        theirs, ours = [], []
        for _ in range(args.rounds):
            theirs.append(timed(lambda: peer.step(batch, energy, force), 2))
            ours.append(difference(train, 2, 12))
        row("training step", theirs, ours, "ms", 1e3)
    if "memory" in args.only:
        sizes = {4: 64, 6: 216}
        theirs = {n: peak([sys.executable, __file__, *sys.argv[1:], "--child", n]) for n in sizes}
        ours = {}
        for n in sizes:
            write(start, [copper(n)], False)
            ours[n] = peak(md(2))
        by_atom = [(m[6] - m[4]) / (sizes[6] - sizes[4]) for m in (theirs, ours)]
        row("memory by atom", by_atom[:1], by_atom[1:], "MiB", 1)


with tempfile.TemporaryDirectory() as fresh:
    main(fresh)
