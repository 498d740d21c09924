"""Masked CP and Tucker of tensorly, and GCP of pyttb, beside `cartan completion`: the same entries held out.

    benchmarks/peers/completion_peers.py CARTAN DATA_FOLDER     (tensorly, pyttb, numpy)

A tenth of the known entries of the aminoacid and the IL2 tensor is held out (three seeds). Both sides get the same
training entries, rank and one thread; seconds of the fit, root mean square errors of the entries held out. tensorly
imputes (EM): it is run to its own convergence (tolerance 1e-8, at most 2000 iterations).
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

cartan, folder = sys.argv[1], sys.argv[2]


def aminoacid():
    words = open(f"{folder}/dense/aminoacid_dense.txt").read().split()
    start = next(i for i in range(len(words)) if words[i] == "5" and words[i + 1] == "201")
    values = np.array([float(w) for w in words[start + 3:]])
    return values[:5 * 201 * 61].reshape(5, 201, 61, order="F")


tensors = {"aminoacid": (aminoacid(), 3), "IL2": (np.load(f"{folder}/dense/IL2_Response_Tensor.npy"), 3)}
work = tempfile.mkdtemp()


def ours(train, held, x, method, rank):
    path = f"{work}/train.npy"
    np.save(path, train)
    model, out = f"{work}/m.h5", f"{work}/all.npy"
    options = ["--method", method, "--ranks", str(rank), "--validation", "0", "--test", "0", "--ridge", "1e-5",
               "--max-iterations", "2000", "--tolerance", "1e-7", "--force", "--json", "--threads", "1"]
    made = subprocess.run([cartan, "completion", "fit", path, "--out", model, *options], capture_output=True, text=True)
    seconds = json.loads(made.stdout)["seconds"]
    subprocess.run([cartan, "completion", "predict", model, "--out", out, "--force"], check=True, capture_output=True)
    y = np.load(out)
    return seconds, np.sqrt(np.mean((y[held] - x[held]) ** 2))


for name, (x, rank) in tensors.items():
    for method in ("cp", "tucker"):
        rows = []
        for seed in range(3):
            random = np.random.default_rng(seed)
            known = ~np.isnan(x)
            held = known & (random.random(x.shape) < 0.1)
            mask = known & ~held
            train = np.where(mask, x, np.nan)
            filled = np.where(mask, x, 0.0)
            begin = time.process_time()
            if method == "cp":
                w, f = parafac(tl.tensor(filled), rank, mask=tl.tensor(mask.astype(float)), init="random",
                               n_iter_max=2000, tol=1e-8, random_state=seed)
                y = tl.cp_to_tensor((w, f))
            else:
                y = tl.tucker_to_tensor(tucker(tl.tensor(filled), [min(rank, n) for n in x.shape],
                                               mask=tl.tensor(mask.astype(float)), init="random", n_iter_max=2000,
                                               tol=1e-8, random_state=seed))
            theirs = time.process_time() - begin, np.sqrt(np.mean((y[held] - x[held]) ** 2))
            rows.append(theirs + ours(train, held, x, method, rank))
        r = np.median(np.array(rows), axis=0)
        print(f"{name:10s} {method:7s} rank {rank}: tensorly {r[0]:.3f} s, RMSE {r[1]:.4g}; "
              f"cartan {r[2]:.4f} s, RMSE {r[3]:.4g}; {r[0] / r[2]:.0f} times", flush=True)
