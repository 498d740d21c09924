"""Masked CP and Tucker of tensorly, and GCP of pyttb, beside Cartan's completion: the same entries held out.

    benchmarks/peers/completion_peers.py COMPLETION_SPEED DATA_FOLDER     (tensorly, pyttb, numpy)

A tenth of the known entries of the aminoacid and the IL2 tensor is held out (three seeds). Both sides get the same
training entries, rank and one thread; processor seconds of the fit inside one process (COMPLETION_SPEED is
completion_speed.cpp), the median of turns taken one after the other, and root mean square errors of the entries held out.
tensorly imputes (EM): it is run to its own convergence (tolerance 1e-8, at most 2000 iterations), Cartan until its
objective falls by less than 1e-7 (CP) or 1e-5 (Tucker), where its error is not above. GCP with the Poisson loss: counts
of a planted positive tensor of rank 4, half of the entries known, against the rate at the entries not known; L-BFGS on both
sides, and ours by multiplicative updates.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np
import tensorly as tl
from tensorly.decomposition import parafac, tucker

speed, folder = sys.argv[1], sys.argv[2]
TURNS = 5


def aminoacid():
    words = open(f"{folder}/dense/aminoacid_dense.txt").read().split()
    start = next(i for i in range(len(words)) if words[i] == "5" and words[i + 1] == "201")
    values = np.array([float(w) for w in words[start + 3:]])
    return values[:5 * 201 * 61].reshape(5, 201, 61, order="F")


tensors = {"aminoacid": (aminoacid(), 3), "IL2": (np.load(f"{folder}/dense/IL2_Response_Tensor.npy"), 3)}
work = tempfile.mkdtemp()


def ours(name, method, rank, tolerance, *more):
    """What COMPLETION_SPEED says of fits of train.npy, with errors against `name`."""
    made = subprocess.run([speed, f"{work}/train.npy", f"{work}/{name}.npy", method, str(rank), "20", *more], check=True,
                          text=True, capture_output=True, env={**os.environ, "TOLERANCE": tolerance})
    return json.loads(made.stdout)


def masked(method, x, rank, mask, seed):
    """Seconds of tensorly's fit and the tensor it gives."""
    filled, known = tl.tensor(np.where(mask, x, 0.0)), tl.tensor(mask.astype(float))
    begin = time.process_time()
    if method == "cp":
        made = parafac(filled, rank, mask=known, init="random", n_iter_max=2000, tol=1e-8, random_state=seed)
    else:
        made = tucker(filled, [min(rank, n) for n in x.shape], mask=known, init="random", n_iter_max=2000, tol=1e-8,
                      random_state=seed)
    seconds = time.process_time() - begin
    return seconds, tl.cp_to_tensor(made) if method == "cp" else tl.tucker_to_tensor(made)


for name, (x, rank) in tensors.items():
    np.save(f"{work}/all.npy", x)
    for method in ("cp", "tucker"):
        rows = []
        for seed in range(3):
            known = ~np.isnan(x)
            held = known & (np.random.default_rng(seed).random(x.shape) < 0.1)
            mask = known & ~held
            np.save(f"{work}/train.npy", np.where(mask, x, np.nan))
            turns = []
            for _ in range(TURNS):
                theirs, y = masked(method, x, rank, mask, seed)
                made = ours("all", method, rank, "1e-7" if method == "cp" else "1e-5")
                turns.append((theirs, np.sqrt(np.mean((y[held] - x[held]) ** 2)), made["median"], made["first"],
                              made["rmse"]))
            rows.append(np.median(np.array(turns), axis=0))
        r = np.median(np.array(rows), axis=0)
        print(f"{name:10s} {method:7s} rank {rank}: tensorly {1e3 * r[0]:.2f} ms, RMSE {r[1]:.5g}; cartan {1e3 * r[2]:.3f} ms "
              f"(first in a process {1e3 * r[3]:.3f}), RMSE {r[4]:.5g}; {r[0] / r[2]:.1f} times", flush=True)

import logging

import pyttb as ttb
from pyttb.gcp.handles import Objectives
from pyttb.gcp.optimizers import LBFGSB

logging.disable(logging.WARNING)
rows = []
for seed in range(3):
    random = np.random.default_rng(seed)
    a, b, c = (random.uniform(0.1, 2, (n, 4)) ** 2 for n in (60, 50, 40))
    rate = np.einsum("ir,jr,kr->ijk", a, b, c)
    counts = random.poisson(rate).astype(float)
    mask = random.random(rate.shape) < 0.5
    np.save(f"{work}/train.npy", np.where(mask, counts, np.nan))
    np.save(f"{work}/rate.npy", rate)
    turns = []
    for _ in range(TURNS):
        np.random.seed(seed)
        begin = time.process_time()
        m, _, _ = ttb.gcp_opt(ttb.tensor(counts), 4, Objectives.POISSON, LBFGSB(maxiter=1000),
                              mask=ttb.tensor(mask.astype(float)), printitn=0)
        turn = [time.process_time() - begin, np.sqrt(np.mean((m.full().double() - rate)[~mask] ** 2))]
        for solver, tolerance in (("lbfgs", "1e-6"), ("als", "1e-7")):
            made = ours("rate", "cp", 4, tolerance, "poisson", solver)
            turn += [made["median"], made["rmse"]]
        turns.append(turn)
    rows.append(np.median(np.array(turns), axis=0))
r = np.median(np.array(rows), axis=0)
print(f"GCP Poisson 60 x 50 x 40 rank 4: pyttb {r[0]:.3f} s, error of the rate {r[1]:.4g}; cartan lbfgs {r[2]:.4f} s, {r[3]:.4g}; "
      f"als {r[4]:.4f} s, {r[5]:.4g}; {r[0] / r[2]:.1f} and {r[0] / r[4]:.1f} times")
