#!/usr/bin/env python3
"""eSEN of fairchem-core 1.10 beside the same network in Cartan: lmax 4, mmax 2, 128 channels, 4 layers, 64 silicon atoms.

    pip install fairchem-core==1.10.0
    python equiformer_speed.py CARTAN [--threads N] [--rounds R] [--layers L] [--only forces,train]

CARTAN is the command. fairchem's network is drawn, saved as a state dict and imported; energies of both are compared first. Both
sides take turns, R rounds; medians. What is timed:
  forces   energy and its gradient, one call; ours is a step of dynamics at constant energy (with the stress, which follows from
           the same pass), the difference of runs of two lengths
  train    a training step (forward, forces, loss of energy and forces, backward, AdamW); ours again a difference
With one thread times are processor times (the machine may be shared), with more they are of the clock. fairchem's edges are given
(no search); its Wigner matrices are differentiated as it does by default.
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
parser.add_argument("cartan")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--layers", type=int, default=4)
parser.add_argument("--only", default="forces,train")
args = parser.parse_args()
os.environ.update({k: str(args.threads) for k in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")})
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
warnings.filterwarnings("ignore")

import ase.build  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from ase.neighborlist import neighbor_list  # noqa: E402

import fairchem_imports  # noqa: E402, F401
from fairchem.core import __version__ as version  # noqa: E402
from fairchem.core.models.esen.esen import MLP_EFS_Head, eSEN_Backbone  # noqa: E402

torch.set_num_threads(args.threads)
cutoff = 5.0
config = dict(max_num_elements=32, sphere_channels=128, lmax=4, mmax=2, otf_graph=False, cutoff=cutoff, edge_channels=128,
              distance_function="gaussian", num_distance_basis=64, direct_forces=False, regress_forces=True, regress_stress=False,
              num_layers=args.layers, hidden_channels=128, norm_type="rms_norm_sh", act_type="gate", mlp_type="spectral",
              use_envelope=True)


def silicon(seed=5):
    atoms = ase.build.bulk("Si", "diamond", a=5.43, cubic=True) * (2, 2, 2)
    atoms.positions += np.random.default_rng(seed).normal(0, 0.05, (len(atoms), 3))
    return atoms


class Peer:
    def __init__(self, folder):
        torch.manual_seed(7)
        self.backbone = eSEN_Backbone(**config)
        self.head = MLP_EFS_Head(self.backbone)
        state = {"backbone." + k: v for k, v in self.backbone.state_dict().items()}
        state.update({"head." + k: v for k, v in self.head.state_dict().items()})
        self.weights = os.path.join(folder, "esen.pt")
        torch.save({"state_dict": state, "config": {"model": config}}, self.weights)
        self.parameters = [*self.backbone.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=1e-6)
        atoms = silicon()
        i, j, shift = neighbor_list("ijS", atoms, cutoff)
        self.edges = len(i)
        z = torch.tensor(atoms.numbers)
        self.fixed = dict(atomic_numbers=z, atomic_numbers_full=z, batch=torch.zeros(len(z), dtype=torch.long),
                          batch_full=torch.zeros(len(z), dtype=torch.long), natoms=torch.tensor([len(z)]),
                          cell=torch.tensor(atoms.cell[:][None], dtype=torch.float32), nedges=torch.tensor([len(i)]),
                          edge_index=torch.tensor(np.stack([j, i])), cell_offsets=torch.tensor(shift, dtype=torch.float32))
        self.positions = torch.tensor(atoms.positions, dtype=torch.float32)

    def evaluate(self, training):
        self.backbone.train(training), self.head.train(training)
        data = dict(self.fixed, pos=self.positions.clone())
        return self.head(data, self.backbone(data))

    def forces(self):
        return self.evaluate(False)

    def step(self):
        self.optimizer.zero_grad()
        out = self.evaluate(True)
        loss = ((out["energy"] + 3.7 * 64) / 64).square().mean() + (out["forces"] - 0.1).square().mean()
        loss.backward()
        self.optimizer.step()


def clock():
    return time.process_time() if args.threads == 1 else time.perf_counter()


def timed(f):
    start = clock()
    f()
    return clock() - start


def run(*command):
    """Seconds of a command, and what it writes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command}: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (cpu if args.threads == 1 else time.perf_counter() - start), done.stdout


def difference(command, few, many):
    return (run(*command(many))[0] - run(*command(few))[0]) / (many - few)


def row(what, theirs, ours):
    t, o = statistics.median(theirs), statistics.median(ours)
    print(f"{what:18}{1e3 * t:10.0f}{1e3 * o:10.0f} ms {t / o:6.2f}x   (theirs {1e3 * min(theirs):.0f}..{1e3 * max(theirs):.0f}, "
          f"ours {1e3 * min(ours):.0f}..{1e3 * max(ours):.0f})", flush=True)


def main(folder):
    peer = Peer(folder)
    model, start, toml = (os.path.join(folder, n) for n in ("model.h5", "start.xyz", "run.toml"))
    run(args.cartan, "potential", "import", peer.weights, "--out", model, "--force")
    out, atoms = peer.forces(), silicon()
    with open(start, "w") as f:
        lattice = " ".join(repr(float(x)) for x in atoms.cell[:].ravel())
        f.write(f'64\nLattice="{lattice}" energy={float(out["energy"])!r} pbc="T T T" Properties=species:S:1:pos:R:3:forces:R:3\n')
        for s, x, force in zip(atoms.symbols, atoms.positions, out["forces"].detach().numpy()):
            f.write(s + "".join(f" {float(v)!r}" for v in [*x, *force]) + "\n")
    errors = json.loads(run(args.cartan, "potential", "eval", model, start, "--json")[1])
    count = sum(p.numel() for p in peer.parameters)
    print(f"eSEN of fairchem-core {version}, torch {torch.__version__}: {args.layers} layers, {count} parameters, {peer.edges} edges; "
          f"{args.threads} threads, {args.rounds} rounds\nsame energy to {errors['energy_rmse_ev']:.2g} of {abs(float(out['energy'])):.3g}, "
          f"forces to {errors['forces_rmse_ev_per_ang']:.2g} of {float(out['forces'].abs().max()):.3g}\n{'':18}{'fairchem':>10}{'cartan':>10}")

    def md(steps):
        return [args.cartan, "potential", "md", model, start, "--ensemble", "nve", "--dt", 1e-3, "--temperature", 1, "--steps", steps,
                "--threads", args.threads]

    def train(steps):
        return [args.cartan, "potential", "train", toml, "--training.max_steps", steps, "--force", "--threads", args.threads]

    with open(toml, "w") as f:
        f.write(f'[data]\ntrain = "{start}"\nvalidation_fraction = 0\n[model]\nfrom = "{model}"\nkeep_elements = true\n[training]\n'
                f'batch_size = 1\nlearning_rate = 1e-6\ncheckpoint_every_steps = 100000\n[output]\nfolder = "{folder}/out"\n')
    for name, theirs_does, ours_does, few, many in (("forces", peer.forces, md, 2, 12), ("train", peer.step, train, 2, 8)):
        if name not in args.only:
            continue
        theirs_does()
        theirs, ours = [], []
        for _ in range(args.rounds):
            theirs.append(timed(theirs_does))
            ours.append(difference(ours_does, few, many))
        row({"forces": "energy and forces", "train": "training step"}[name], theirs, ours)


with tempfile.TemporaryDirectory() as fresh:
    main(fresh)
