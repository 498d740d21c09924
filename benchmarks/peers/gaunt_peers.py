"""Products of functions on the sphere in the programs that published them, beside Cartan's bench_gaunt.

  pairwise   batch 10,000, one channel, L x L -> 2 L: the workload of "The price of freedom" (Xie et al., 2025), by
             its algorithms in JAX on e3nn-jax: dense Clebsch-Gordan einsums, the grid (Gauss-Legendre,
             2 L + 1 by 4 L + 2, to_s2grid/from_s2grid), two-dimensional Fourier series by FFT
  many_body  32 samples of 128 channels, x + x^2 + x^3, degrees up to L kept: the workload and algorithm of the Gaunt
             tensor product's notebooks (Luo et al., ICLR 2024) in PyTorch: harmonics to complex Fourier series by
             broadcast products, fft2, divide and conquer, back

    pip install jax e3nn-jax torch numpy scipy
    python gaunt_peers.py --cartan build/release/benchmarks/bench_gaunt
    python gaunt_peers.py --cartan ... --pairwise 8-10 --batch 1000 --all --many-body 5-6 --samples 8

--batch and --samples make the peers' problems smaller; their times are then scaled to the whole problem (which is to
their favour: small arrays stay in caches). With one thread times are medians of CPU time after warm-up, with more
(--threads) of wall time; compilation not counted, float32. Every result is compared with an exact product in float64;
its largest relative error stands beside the time.
"""

import argparse
import json
import os
import subprocess
import sys
import time

THREADS = int(sys.argv[sys.argv.index("--threads") + 1]) if "--threads" in sys.argv else 1
eigen = "true" if THREADS > 1 else "false"
os.environ.setdefault("XLA_FLAGS", f"--xla_cpu_multi_thread_eigen={eigen} intra_op_parallelism_threads={THREADS}")
os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))
now = time.process_time if THREADS == 1 else time.perf_counter

import numpy as np
from scipy.special import lpmv, factorial


def median_time(call, seconds=1.0, least=5):
    for _ in range(3):
        call()
    times, total = [], 0.0
    while len(times) < least or total < seconds:
        begin = now()
        call()
        times.append(now() - begin)
        total += times[-1]
    return float(np.median(times))


def legendre(l, m, cosine):
    """sqrt((2l+1)(l-m)!/(l+m)!) P_l^m without Condon-Shortley phase."""
    return (-1) ** m * np.sqrt((2 * l + 1) * factorial(l - m) / factorial(l + m)) * lpmv(m, l, cosine)


def harmonics(lmax, cosine, phi):
    """(points, (lmax + 1)^2), component normalisation."""
    columns = []
    for l in range(lmax + 1):
        for m in range(-l, l + 1):
            wave = 1 if m == 0 else np.sqrt(2) * (np.cos(m * phi) if m > 0 else np.sin(-m * phi))
            columns.append(legendre(l, abs(m), cosine) * wave)
    return np.stack(columns, -1)


def exact_power_products(factors, lmaxs, l_out):
    """Projection of the product of functions (..., (l + 1)^2) on degrees <= l_out, float64."""
    total = sum(lmaxs) + l_out
    nodes, weights = np.polynomial.legendre.leggauss(total // 2 + 1)
    phi = 2 * np.pi * np.arange(total + 1) / (total + 1)
    c, p = [a.ravel() for a in np.meshgrid(nodes, phi, indexing="ij")]
    w = np.repeat(weights / 2 / len(phi), len(phi))
    value = np.ones(())
    for x, l in zip(factors, lmaxs):
        value = value * (x.astype(np.float64) @ harmonics(l, c, p).T)
    return (value * w) @ harmonics(l_out, c, p)


def error(a, b):
    return float(np.abs(np.asarray(a, np.float64) - b).max() / np.abs(b).max())


def pairwise(l, batch, modes):
    import jax
    import jax.numpy as jnp
    import e3nn_jax as e3nn

    rng = np.random.default_rng(l)
    x, y = (rng.standard_normal((batch, (l + 1) ** 2)).astype(np.float32) for _ in range(2))
    few = slice(0, 20)
    exact = exact_power_products([x[few], y[few]], [l, l], 2 * l)
    irreps, irreps_out = e3nn.s2_irreps(l), e3nn.s2_irreps(2 * l)

    def grid(a, b):
        def to(v):
            return e3nn.to_s2grid(e3nn.IrrepsArray(irreps, v), 2 * l + 1, 4 * l + 2 + 1, quadrature="gausslegendre",
                                  normalization="integral", p_val=1, p_arg=-1, fft=False)

        f, g = to(a), to(b)
        out = f.replace_values(f.grid_values * g.grid_values)
        return e3nn.from_s2grid(out, irreps_out, normalization="integral", fft=False).array

    tables = []
    for l1 in range(l + 1):
        for l2 in range(l + 1):
            for l3 in range(abs(l1 - l2), l1 + l2 + 1, 2):
                tables.append((l1, l2, l3))

    def dense(a, b):
        out = [0] * (2 * l + 1)
        for l1, l2, l3 in tables:
            c = e3nn.clebsch_gordan(l1, l2, l3).astype(np.float32)
            out[l3] = out[l3] + jnp.einsum("ai,aj,ijk->ak", a[:, l1**2:(l1 + 1)**2], b[:, l2**2:(l2 + 1)**2], c)
        return jnp.concatenate(out, -1)

    to_series, from_series = fourier_tables(l, 2 * l)

    def fourier(a, b):
        n = 4 * l + 1
        f, g = (jnp.einsum("ba,auv->buv", v, to_series) for v in (a, b))
        product = jnp.fft.ifft2(jnp.fft.fft2(f, (n, n)) * jnp.fft.fft2(g, (n, n)))
        return jnp.einsum("buv,uva->ba", product, from_series).real

    out = {}
    for name, f in (("grid", grid), ("cg_dense", dense), ("fourier_fft", fourier)):
        if name not in modes or (name == "cg_dense" and l > modes[name]) or (name == "fourier_fft" and l > modes[name]):
            continue
        call = jax.jit(f)
        result = np.asarray(call(x, y))
        # harmonics of another normalisation: up to one constant a degree
        e = scaled_error(result[few], exact, 2 * l) if name != "cg_dense" else float("nan")
        out[name] = (median_time(lambda: call(x, y).block_until_ready()), e)
    return out


def scaled_error(a, b, lmax):
    """Largest error after the best constant for every degree: conventions of normalisation differ."""
    a = np.array(a, np.float64)
    for l in range(lmax + 1):
        s = slice(l * l, (l + 1) ** 2)
        a[:, s] *= (a[:, s] * b[:, s]).sum() / (a[:, s] ** 2).sum()
    return error(a, b)


def fourier_tables(l_in, l_out):
    """Complex series on the torus: theta continued to [0, 2 pi) by f(-theta, phi) = f(theta, phi + pi)."""
    n = 2 * l_in + 1
    theta = 2 * np.pi * np.arange(n) / n
    t, p = [a.ravel() for a in np.meshgrid(theta, theta, indexing="ij")]
    back = t > np.pi
    y = harmonics(l_in, np.cos(t), np.where(back, p + np.pi, p))
    series = np.fft.fft2(y.T.reshape(-1, n, n)) / n**2
    order = np.fft.fftshift(np.arange(n))
    to_series = series[:, order][:, :, order]
    # coefficients of the product, frequencies -2 l_in .. 2 l_in: integrals of waves with harmonics over the sphere
    nodes, weights = np.polynomial.legendre.leggauss(4 * l_in + l_out + 20)
    k = np.arange(-2 * l_in, 2 * l_in + 1)
    angle = np.arccos(nodes)
    from_series = np.zeros((len(k), len(k), (l_out + 1) ** 2), complex)
    waves = np.exp(1j * np.outer(k, angle)) * weights / 2
    for l in range(l_out + 1):
        for m in range(l + 1):
            integral = waves @ legendre(l, m, nodes)
            # the mean over phi of e^(i v phi) with 1, sqrt(2) cos, sqrt(2) sin
            if m == 0:
                from_series[:, 2 * l_in, l * l + l] = integral
            elif m <= 2 * l_in:
                for v, sign in ((m, 1), (-m, -1)):
                    from_series[:, v + 2 * l_in, l * l + l + m] = integral / np.sqrt(2)
                    from_series[:, v + 2 * l_in, l * l + l - m] = sign * 1j * integral / np.sqrt(2)
    return to_series.astype(np.complex64), from_series.astype(np.complex64)


def many_body(l, batch, channels=128):
    """As in the notebooks: coefficients (batch, channels, degree, 2 l + 1), zeros outside |m| <= degree."""
    import torch

    torch.set_num_threads(THREADS)
    size = l + 1
    rng = np.random.default_rng(l)
    x = np.zeros((batch, channels, size, 2 * size - 1), np.float32)
    for k in range(size):
        x[:, :, k, l - k:l + k + 1] = rng.standard_normal((batch, channels, 2 * k + 1))

    def tables(l_in, l_out):
        to_series, from_series = fourier_tables_seed(l_in, l_out)
        return torch.tensor(to_series), torch.tensor(from_series)

    sh2f, _ = tables(l, l)
    f2sh = {nu: tables(nu * l, nu * l)[1] for nu in (2, 3)}

    def to_series(sh):
        s = (sh.unsqueeze(-1).unsqueeze(-1) * sh2f.unsqueeze(0).unsqueeze(0)).sum(dim=2)
        return (s[..., 0] + s[..., 1].flip(dims=[2])).permute(0, 1, 3, 2)

    def convolve(a, b):
        n = a.shape[2] + b.shape[2] - 1
        p = torch.zeros(a.shape[0], a.shape[1], n, n, dtype=a.dtype)
        q = torch.zeros_like(p)
        p[:, :, :a.shape[2], :a.shape[2]] = a
        q[:, :, :b.shape[2], :b.shape[2]] = b
        return torch.fft.ifft2(torch.fft.fft2(p) * torch.fft.fft2(q))

    def from_series(f, bases):
        t = f.permute(0, 1, 3, 2)
        return (t.unsqueeze(2) * bases[..., 0].unsqueeze(0).unsqueeze(0)).sum(dim=-1) + (
            t.flip(dims=[2]).unsqueeze(2) * bases[..., 1].unsqueeze(0).unsqueeze(0)).sum(dim=-1)

    xt = torch.tensor(x)

    def run():
        with torch.no_grad():
            f1 = to_series(xt)
            f2 = convolve(f1, f1)
            f3 = convolve(f1, f2)
            out = xt.clone()
            for nu, f in ((2, f2), (3, f3)):
                out += from_series(f, f2sh[nu]).real[:, :, :size, (nu - 1) * l:(nu + 1) * l + 1]
            return out

    result = run().numpy()
    flat = np.concatenate([x[:1, :4, k, l - k:l + k + 1] for k in range(size)], -1)
    exact = flat + exact_power_products([flat] * 2, [l] * 2, l) + exact_power_products([flat] * 3, [l] * 3, l)
    got = np.concatenate([result[:1, :4, k, l - k:l + k + 1] for k in range(size)], -1)
    return {"fourier_fft": (median_time(run), error(got, exact))}


def fourier_tables_seed(l_in, l_out):
    """Arrays (degree, m, u, 2): the parts at v = m and at v = -m, as the notebooks keep them."""
    s = l_in + 1
    to_series, _ = fourier_tables(l_in, 0)
    sh2f = np.zeros((s, 2 * s - 1, 2 * s - 1, 2), np.complex64)
    f2sh = np.zeros((l_out + 1, 2 * l_out + 1, 2 * l_in + 1, 2), np.complex64)
    nodes, weights = np.polynomial.legendre.leggauss(4 * l_in + l_out + 20)
    waves = np.exp(1j * np.outer(np.arange(-l_in, l_in + 1), np.arccos(nodes))) * weights / 2
    for l in range(s):
        for m in range(-l, l + 1):
            row = to_series[l * l + l + m]  # (u, v)
            sh2f[l, l_in + m, :, 0] = row[:, l_in + m]
            if m != 0:
                sh2f[l, l_in + m, :, 1] = row[:, l_in - m]
    for l in range(l_out + 1):
        for m in range(-l, l + 1):
            integral = waves @ legendre(l, abs(m), nodes)
            if m == 0:
                f2sh[l, l_out, :, 0] = integral
            else:
                factor = 1 / np.sqrt(2)
                f2sh[l, l_out + m, :, 0] = integral * (factor if m > 0 else -1j * factor)
                f2sh[l, l_out + m, :, 1] = integral * (factor if m > 0 else 1j * factor)
    return sh2f, f2sh


def cartan(program, pattern):
    out = subprocess.run([program, "--benchmark_format=json", "--benchmark_filter=" + pattern,
                          "--benchmark_repetitions=5", "--benchmark_min_time=0.05"], capture_output=True, text=True,
                         check=True).stdout
    times = {}
    for b in json.loads(out)["benchmarks"]:
        if b.get("aggregate_name") == "median":
            name = b["run_name"].split("/")
            times[name[1], int(name[2].split(":")[1])] = (b["cpu_time" if THREADS == 1 else "real_time"] * 1e-3, b.get("label", ""))
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cartan", help="the program bench_gaunt")
    parser.add_argument("--pairwise", default="1-10", help="first-last L")
    parser.add_argument("--many-body", default="1-6", help="first-last L")
    parser.add_argument("--batch", type=int, default=10000, help="of the peers' pairwise products")
    parser.add_argument("--samples", type=int, default=32, help="of the peers' many-body products")
    parser.add_argument("--all", action="store_true", help="dense couplings and Fourier series above L = 4 too")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--core", type=int, help="run on this core")
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    most = 99 if options.all else 4
    modes = {"grid": 99, "cg_dense": most, "fourier_fft": most}
    workloads = {
        "pairwise": (lambda l: pairwise(l, options.batch, modes), options.pairwise, 10000 / options.batch),
        "many_body": (lambda l: many_body(l, options.samples), options.many_body, 32 / options.samples),
    }
    for title, (function, degrees, scale) in workloads.items():
        print(f"\n{title}: CPU ms (relative error)\n")
        first, last = map(int, degrees.split("-"))
        for l in range(first, last + 1):
            peers = {n: (t * scale, e) for n, (t, e) in function(l).items()}
            row = [f"L {l:2d}"] + [f"{n} {t * 1e3:.3g} ({e:.1e})" for n, (t, e) in peers.items()]
            if options.cartan:
                ours = cartan(options.cartan, f"{title}/.*/L:{l}/threads:{THREADS}/")
                best = min(t for t, _ in peers.values())
                t, engine = ours["automatic", l]
                row += [f"Cartan {t:.3g} [{engine}]", f"ratio {best * 1e3 / t:.1f}"]
                row += [f"{e} {ours[e, l][0]:.3g}" for e in ("cg", "grid", "fourier", "general") if (e, l) in ours]
            print(" | ".join(row), flush=True)


if __name__ == "__main__":
    main()
