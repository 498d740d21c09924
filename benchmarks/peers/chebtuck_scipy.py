#!/usr/bin/env python3
"""The work of benchmarks/chebyshev_bench.cpp (`biomolecule`, `long_range_potential`) in numpy and scipy.

    python chebtuck_scipy.py DATA [REPETITIONS]      DATA: the folder with chebtuck/ and proteins/

Algorithm 3.3 of ChebTuck (splines to the nodes, DCT, reduced HOSVD by SVD of every factor, core), and the mesh-free
long-range potential of a protein: N R columns sampled at the nodes, Gram matrices, core. Prints medians.
"""
import sys
import time

import h5py
import numpy as np
from scipy.fft import dct
from scipy.interpolate import CubicSpline


def nodes(m):
    return -np.cos(np.pi * np.arange(m) / (m - 1))


def coefficients(v):
    m = len(v)
    c = dct(v[::-1], type=1, axis=0) / (m - 1)
    c[0] /= 2
    c[-1] /= 2
    return c


def canonical_to_tucker(weights, factors, m, tolerance):
    n = len(factors[0])
    grid = -1 + 1 / n + 2 / n * np.arange(n)
    bases, reduced = [], []
    for u in factors:
        c = coefficients(CubicSpline(grid, u, bc_type="not-a-knot")(nodes(m)))
        v, s, w = np.linalg.svd(c, full_matrices=False)
        tail = np.sqrt(np.cumsum(s[::-1] ** 2))[::-1]
        r = max(1, int(np.count_nonzero(tail > tolerance / 3)))
        bases.append(v[:, :r])
        reduced.append(s[:r, None] * w[:r])
    core = np.einsum("ar,br,cr->abc", reduced[0] * weights, reduced[1], reduced[2], optimize=True)
    return core, bases


def protein(path):
    rows = [line.split() for line in open(path) if line.startswith(("ATOM", "HETATM"))]
    return np.array([r[-5:-2] for r in rows], float), np.array([r[-2] for r in rows], float)


def long_range(x, q, terms, h, m, tolerance):
    middle = (x.max(0) + x.min(0)) / 2
    y = (x - middle) / np.abs(x - middle).max()
    k = np.arange(terms)
    t, a = np.sinh(k * h), 2 / np.sqrt(np.pi) * h * np.cosh(k * h)
    a[0] /= 2
    weights = (q[:, None] * a).ravel()
    z, bases = [], []
    for d in range(3):
        g = np.exp(-(t * (nodes(m)[:, None, None] - y[None, :, d, None])) ** 2).reshape(m, -1)
        c = coefficients(g)
        values, vectors = np.linalg.eigh((c * np.abs(weights)) @ (c * np.abs(weights)).T)
        s = np.sqrt(np.maximum(values[::-1], 0))
        r = max(1, int(np.count_nonzero(np.sqrt(np.cumsum(s[::-1] ** 2))[::-1] > tolerance * np.linalg.norm(s))))
        bases.append(vectors[:, ::-1][:, :r])
        z.append(bases[-1].T @ c)
    core = (z[0] * weights) @ (z[1][:, None] * z[2][None]).reshape(-1, len(weights)).T if len(weights) < 30000 else sum(
        ((z[0][:, b] * weights[b]) @ (z[1][:, None, b] * z[2][None, :, b]).reshape(-1, len(weights[b])).T)
        for b in (slice(i, i + 4096) for i in range(0, len(weights), 4096)))
    return core.reshape([len(a) for a in z]), bases


def median(f, repetitions):
    """Median ms by the clock, and of processor time of all threads."""
    times = []
    for _ in range(repetitions):
        begin = time.perf_counter(), time.process_time()
        f()
        times.append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
    wall, cpu = 1e3 * np.median(times, axis=0)
    return f"{wall:.1f} ms ({cpu:.1f} ms of processor time)"


def main():
    data, repetitions = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 9
    with h5py.File(f"{data}/chebtuck/n256_Pn500.h5") as f:
        weights = f["LRed/LAM1C"][()].ravel()
        factors = [f[f"LRed/CU{k}"][()] for k in (1, 2, 3)]
    for m in (129, 257):
        core, _ = canonical_to_tucker(weights, factors, m, 1e-7)
        print(f"biomolecule m={m}: {median(lambda: canonical_to_tucker(weights, factors, m, 1e-7), repetitions)}, "
              f"ranks {core.shape}")
    for name in ("1ajj", "1a63"):
        x, q = protein(f"{data}/proteins/{name}.pqr")
        core, _ = long_range(x, q, 12, 0.266, 129, 1e-7)
        print(f"long_range {name} N={len(q)}: {median(lambda: long_range(x, q, 12, 0.266, 129, 1e-7), 3)}, "
              f"ranks {core.shape}")


main()
