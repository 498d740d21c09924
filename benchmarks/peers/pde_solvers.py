"""Reference solvers as the scripts behind the FNO data sets write them, to compare with benchmarks/operator_solvers_bench.cpp.

    python pde_solvers.py [--repeats 5]

Navier-Stokes: the logic of ns_2d.py written anew in torch: full complex transforms, Crank-Nicolson and explicit Euler, the
convection term from velocity and gradients, float32. Darcy: five-point differences and a sparse LU (SuperLU by scipy, COLAMD
and the symmetric-mode ordering, the better one counts). One thread; medians of wall-clock time in milliseconds.
"""
import argparse
import statistics
import time

import numpy as np
import torch


def navier_stokes(n, batch, steps, nu=1e-3, dt=1e-4):
    torch.manual_seed(0)
    k = torch.fft.fftfreq(n, 1.0 / n)
    kx, ky = k[:, None].expand(n, n), k[None, :].expand(n, n)
    lap = 4 * np.pi**2 * (kx**2 + ky**2)
    safe = lap.clone()
    safe[0, 0] = 1
    keep = ((kx.abs() <= n / 3) & (ky.abs() <= n / 3)).float()
    w = torch.fft.fft2(torch.randn(batch, n, n)) * (1 + lap) ** -1.25 * 100
    f = torch.fft.fft2(torch.randn(n, n) * 0.1)
    i2 = 2j * np.pi
    start = time.perf_counter()
    for _ in range(steps):
        psi = w / safe
        q = torch.fft.ifft2(i2 * ky * psi).real
        v = torch.fft.ifft2(-i2 * kx * psi).real
        wx = torch.fft.ifft2(i2 * kx * w).real
        wy = torch.fft.ifft2(i2 * ky * w).real
        adv = keep * torch.fft.fft2(q * wx + v * wy)
        w = (-dt * adv + dt * f + (1 - 0.5 * dt * nu * lap) * w) / (1 + 0.5 * dt * nu * lap)
    return 1e3 * (time.perf_counter() - start) / steps


def darcy(n):
    from scipy.sparse import diags
    from scipy.sparse.linalg import splu

    rng = np.random.default_rng(0)
    k = np.arange(n)
    c = 3 * (np.pi**2 * (k[:, None] ** 2 + k[None, :] ** 2) + 9) ** -1.0 * rng.standard_normal((n, n))
    c[0, 0] = 0
    basis = np.cos(np.pi * np.outer(np.arange(n) / (n - 1), k))
    a = np.where(basis @ c @ basis.T >= 0, 12.0, 3.0)
    best = float("inf")
    for ordering in ("COLAMD", "MMD_AT_PLUS_A"):
        start = time.perf_counter()
        east = (a[1:-1, 1:-1] + a[1:-1, 2:]) / 2
        west = (a[1:-1, 1:-1] + a[1:-1, :-2]) / 2
        south = (a[1:-1, 1:-1] + a[2:, 1:-1]) / 2
        north = (a[1:-1, 1:-1] + a[:-2, 1:-1]) / 2
        m = n - 2
        e, s = east.copy(), south.copy()
        e[:, -1] = 0
        matrix = diags(
            [(east + west + south + north).ravel(), -e.ravel()[:-1], -e.ravel()[:-1], -s.ravel()[: m * m - m], -s.ravel()[: m * m - m]],
            [0, 1, -1, m, -m], format="csc")
        splu(matrix, permc_spec=ordering).solve(np.full(m * m, 1.0 / (n - 1) ** 2))
        best = min(best, 1e3 * (time.perf_counter() - start))
    return best


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--repeats", type=int, default=5)
    o = p.parse_args()
    torch.set_num_threads(1)
    print("torch", torch.__version__)
    navier_stokes(256, 1, 20)
    for batch in (1, 20):
        t = statistics.median(navier_stokes(256, batch, 60 // batch + 2) for _ in range(o.repeats))
        print(f"Navier-Stokes 256^2, batch {batch}: {t:.3f} ms a step, {t / batch:.3f} a sample")
    try:
        import scipy
    except ImportError:
        scipy = None
    if scipy:
        for n in (241, 421):
            print(f"Darcy {n}^2: {statistics.median(darcy(n) for _ in range(max(1, o.repeats // 2))):.1f} ms (scipy {scipy.__version__})")
