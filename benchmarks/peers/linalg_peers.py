"""Decompositions of the dense tensor of benchmarks/linalg_bench.cpp in numpy and tensorly, for times beside ours.

The tensor: n^3, ranks 8 x 10 x 8, a core that decays from 1 to 1e-3, noise of 4.96e-5 of the norm (the same recipe,
other random numbers). ST-HOSVD with relative tolerance 1e-4: in numpy by Gram matrices as TuckerMPI does it, and
randomised (Khatri-Rao sketch of 20 columns, norm difference as certificate). HOOI (5 sweeps, ranks 8, 10, 8) and
CP-ALS (10 sweeps, rank 16, random start) in tensorly.

    python linalg_peers.py [--n 400] [--repeat 3] [--only st_hosvd]
"""
import argparse
import time

import numpy as np
import tensorly as tl
from tensorly.decomposition import parafac, tensor_train, tucker


def make(n, rng):
    ranks = (8, 10, 8)
    a, b, c = np.ogrid[:8, :10, :8]
    core = rng.standard_normal(ranks) * 10.0 ** (-3 * np.maximum(np.maximum(a, b - 2), c) / 7)
    x = core
    for k, r in enumerate(ranks):
        q = np.linalg.qr(rng.standard_normal((n, r)))[0]
        x = np.moveaxis(np.tensordot(q, x, (1, k)), 0, k)
    noise = rng.standard_normal(x.shape)
    return x + noise * (4.96e-5 * np.linalg.norm(core) / np.sqrt(x.size))


def unfold(x, k):
    return np.moveaxis(x, k, 0).reshape(x.shape[k], -1)


def st_hosvd_gram(x, tol):
    limit, y, spent = (tol * np.linalg.norm(x)) ** 2 / 3, x, 0.0
    for k in range(3):
        m = unfold(y, k)
        s, u = np.linalg.eigh(m @ m.T)
        tail = np.cumsum(np.maximum(s, 0))
        keep = np.sum(tail > limit)
        spent += tail[len(s) - keep - 1] if keep < len(s) else 0.0
        y = np.moveaxis(np.tensordot(u[:, -keep:].T, y, (1, k)), 0, k)
    return y.shape, np.sqrt(spent) / np.linalg.norm(x)


def st_hosvd_random(x, tol, p=20):
    rng = np.random.default_rng(0)
    n = x.shape[0]
    z = (x.reshape(-1, n) @ rng.standard_normal((n, p))).reshape(n, n, p)
    q = np.linalg.qr(np.einsum("ijp,jp->ip", z, rng.standard_normal((n, p))))[0]
    square = np.vdot(x, x)
    y = (q.T @ x.reshape(n, -1)).reshape(p, n, n)
    for k in (1, 2):
        m = unfold(y, k)
        s, u = np.linalg.eigh(m @ m.T)
        keep = np.sum(np.cumsum(np.maximum(s, 0)) > tol**2 * square / 3)
        y = np.moveaxis(np.tensordot(u[:, -keep:].T, y, (1, k)), 0, k)
    s, u = np.linalg.eigh(unfold(y, 0) @ unfold(y, 0).T)
    keep = np.sum(np.cumsum(np.maximum(s, 0)) > tol**2 * square / 6)
    y = np.moveaxis(np.tensordot(u[:, -keep:].T, y, (1, 0)), 0, 0)
    return y.shape, np.sqrt(square - np.vdot(y, y)) / np.sqrt(square)


def error(x, full):
    return np.linalg.norm(x - full) / np.linalg.norm(x)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=400)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    x = make(options.n, np.random.default_rng(1))
    ranks = [8, 10, 8]
    work = {
        "st_hosvd gram, numpy": lambda: st_hosvd_gram(x, 1e-4),
        "st_hosvd randomised, numpy": lambda: st_hosvd_random(x, 1e-4),
        "hooi 5 sweeps, tensorly": lambda: tucker(x, ranks, n_iter_max=5, tol=0, init="svd", svd="randomized_svd", random_state=0),
        "cp_als 10 sweeps rank 16, tensorly": lambda: parafac(x, 16, n_iter_max=10, tol=0, init="random", random_state=0, normalize_factors=True),
        "cp_als 10 sweeps rank 16 f32, tensorly": lambda: parafac(x.astype(np.float32), 16, n_iter_max=10, tol=0, init="random", random_state=0, normalize_factors=True),
        "tensor train ranks 8, 8, tensorly": lambda: tensor_train(x, [1, 8, 8, 1], svd="randomized_svd"),
    }
    for name, run in work.items():
        if options.only not in name:
            continue
        times, cpu = [], []
        for _ in range(options.repeat):
            start, begin = time.perf_counter(), time.process_time()
            result = run()
            times.append(time.perf_counter() - start)
            cpu.append(time.process_time() - begin)
        note = result if "numpy" in name else ""
        if "hooi" in name:
            note = error(x, tl.tucker_to_tensor(result))
        elif "cp_als" in name:
            note = error(x, tl.cp_to_tensor(result))
        elif "train" in name:
            note = error(x, tl.tt_to_tensor(result))
        print(f"{name:42s} median {np.median(times) * 1e3:9.1f} ms  least {min(times) * 1e3:9.1f} ms  cpu {min(cpu) * 1e3:9.1f} ms  {note}")


if __name__ == "__main__":
    main()
