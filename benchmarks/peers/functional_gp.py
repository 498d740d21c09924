"""Functional models beside the Gaussian processes that users take instead: scikit-learn's exact regression on a subset and GPyTorch's
sparse variational regression (SVGP), on the same split of the same table.

    python functional_gp.py TABLE.csv --inputs a,b,c --target y --peer cartan|sklearn|svgp [--cartan PATH] [--split 0] [--subset 1500] [--epochs 30]
    python functional_gp.py TABLE.csv --inputs a,b,c --target y --peer numpy      times an epoch of FunBaT-CP in vectorised numpy
    python functional_gp.py us.csv --make us                                      writes the US-type synthetic table

A split keeps a random fifth of the rows back. Prints RMSE, MAE, NLL (mean of -log density), coverage of the central 90 % interval and
processor seconds (all threads, fit and prediction). Not part of any build.
"""
import argparse, csv, json, os, resource, subprocess, tempfile, time
import numpy as np

def read(path, inputs, target):
    with open(path) as f:
        rows = list(csv.DictReader(f))
    x = np.array([[float(r[c]) for c in inputs] for r in rows])
    y = np.array([float(r[target]) for r in rows])
    return (x - x.min(0)) / np.ptp(x, 0), y

def make_us(path, n=20000):
    """Of the shape of the US temperatures of the FunBaT paper: 15 latitudes x 95 longitudes x 267 years, scattered. Latitude, a region that is
    no product of latitude and longitude, years (a trend and a random walk) felt more in the north, noise of 0.7 degrees."""
    rng = np.random.default_rng(0)
    lat, lon, year = rng.integers(0, 15, n), rng.integers(0, 95, n), rng.integers(0, 267, n)
    u, v, t = lat / 14, lon / 94, year / 266
    walk = np.cumsum(rng.normal(size=267)) * 0.12
    f = (60 - 25 * u - 6 * np.sin(3 * u) + 5 * np.cos(5 * v) + 8 * np.exp(-((u - 0.3) ** 2 + (v - 0.6) ** 2) / 0.02)
         - 6 * np.exp(-((u - 0.8) ** 2 + (v - 0.2) ** 2) / 0.05) + (0.5 + u) * (walk[year] + 2 * t**2))
    y = f + 0.7 * rng.normal(size=n)
    with open(path, "w") as out:
        out.write("latitude,longitude,year,temperature\n")
        for row in zip(25 + 1.5 * lat, -125 + 0.6 * lon, 1750 + year, y):
            out.write("%g,%g,%d,%.4f\n" % row)

def cartan_fit(o, x, y, train, test):
    names = o.inputs.split(",")
    with tempfile.TemporaryDirectory() as d:
        for name, rows in (("train", train), ("test", test)):
            with open(f"{d}/{name}.csv", "w") as out:
                out.write(",".join(names) + ",target\n")
                for i in rows:
                    out.write(",".join("%.12g" % v for v in (*x[i], y[i])) + "\n")
        # "not converged" is exit code 1 and a model all the same
        subprocess.run([o.cartan, "functional", "fit", f"{d}/train.csv", "--inputs", o.inputs, "--target", "target", "--out", f"{d}/m.h5",
                        *o.arguments.split()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        s = json.loads(subprocess.run([o.cartan, "functional", "eval", f"{d}/m.h5", f"{d}/test.csv", "--json"], check=True, stdout=subprocess.PIPE).stdout)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"cartan     rmse {s['rmse']:.4f} mae {s['mae']:.4f} nll {s['nll']:.3f} coverage {s['coverage_90']:.3f} "
          f"seconds {used.ru_utime + used.ru_stime:.1f}", flush=True)

def report(name, y, mean, sd, seconds):
    e = y - mean
    nll = np.mean(0.5 * np.log(2 * np.pi * sd**2) + 0.5 * (e / sd) ** 2)
    cover = np.mean(np.abs(e) <= 1.6448536 * sd)
    print(f"{name:10s} rmse {np.sqrt(np.mean(e**2)):.4f} mae {np.mean(np.abs(e)):.4f} nll {nll:.3f} coverage {cover:.3f} seconds {seconds:.1f}", flush=True)

def sklearn_gp(x, y, xt, subset, rng):
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
    take = rng.permutation(len(y))[:subset]
    kernel = ConstantKernel(1.0) * Matern(length_scale=[0.3] * x.shape[1], nu=1.5) + WhiteKernel(0.1)
    gp = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=0).fit(x[take], y[take])
    return gp.predict(xt, return_std=True)

def svgp(x, y, xt, epochs, inducing=500):
    import torch, gpytorch
    torch.manual_seed(0)
    m, s = y.mean(), y.std()
    X, Y = torch.tensor(x, dtype=torch.float32), torch.tensor((y - m) / s, dtype=torch.float32)
    class Model(gpytorch.models.ApproximateGP):
        def __init__(self, z):
            q = gpytorch.variational.CholeskyVariationalDistribution(z.shape[0])
            super().__init__(gpytorch.variational.VariationalStrategy(self, z, q, learn_inducing_locations=True))
            self.mean_module = gpytorch.means.ConstantMean()
            self.covar_module = gpytorch.kernels.ScaleKernel(gpytorch.kernels.MaternKernel(nu=1.5, ard_num_dims=x.shape[1]))
        def forward(self, v):
            return gpytorch.distributions.MultivariateNormal(self.mean_module(v), self.covar_module(v))
    model, likelihood = Model(X[torch.randperm(len(X))[:inducing]].clone()), gpytorch.likelihoods.GaussianLikelihood()
    optimizer = torch.optim.Adam(list(model.parameters()) + list(likelihood.parameters()), lr=0.03)
    bound = gpytorch.mlls.VariationalELBO(likelihood, model, num_data=len(Y))
    for _ in range(epochs):
        for batch in torch.randperm(len(X)).split(1024):
            optimizer.zero_grad()
            (-bound(model(X[batch]), Y[batch])).backward()
            optimizer.step()
    model.eval(), likelihood.eval()
    with torch.no_grad():
        p = likelihood(model(torch.tensor(xt, dtype=torch.float32)))
    return p.mean.numpy() * s + m, p.stddev.numpy() * s

def numpy_epoch(x, y, ranks=(2, 3, 5, 7), length=0.01, variance=5 / 3, epochs=6):
    """An epoch of FunBaT-CP: messages by sums (bincount), filter and smoother of each mode, batched over nothing."""
    y = (y - y.mean()) / y.std()
    modes = [np.unique(x[:, k], return_inverse=True) for k in range(x.shape[1])]
    for R in ranks:
        rng = np.random.default_rng(0)
        m = [np.ones((len(u), 1)) * rng.normal(size=(1, R)) for u, _ in modes]
        v = [np.tile(np.eye(R), (len(u), 1, 1)) for u, _ in modes]
        tau, eye = 1.0, np.eye(R)
        seconds = []
        for _ in range(epochs):
            begin = time.perf_counter()
            for k, (u, inverse) in enumerate(modes):
                a, b = 1.0, 1.0
                for j, (_, other) in enumerate(modes):
                    if j != k:
                        a = a * m[j][other]
                        b = b * (v[j] + m[j][:, :, None] * m[j][:, None, :])[other]
                lam = np.zeros((len(u), R, R)); eta = np.zeros((len(u), R))
                for p in range(R):
                    eta[:, p] = tau * np.bincount(inverse, y * a[:, p], len(u))
                    for q in range(R):
                        lam[:, p, q] = tau * np.bincount(inverse, b[:, p, q], len(u))
                decay = np.exp(-np.diff(u) / length)
                mf, pf, mp, pp = [], [], [], []
                mean, cov = np.zeros(R), variance * eye
                for i in range(len(u)):
                    if i:
                        mean, cov = decay[i - 1] * mean, variance * eye + decay[i - 1] ** 2 * (cov - variance * eye)
                    mp.append(mean); pp.append(cov)
                    cov = np.linalg.solve(eye + cov @ lam[i], cov)
                    mean = mean + cov @ (eta[i] - lam[i] @ mean)
                    mf.append(mean); pf.append(cov)
                m[k][-1], v[k][-1] = mean, cov
                for i in range(len(u) - 2, -1, -1):
                    g = decay[i] * np.linalg.solve(pp[i + 1], pf[i]).T
                    m[k][i] = mf[i] + g @ (m[k][i + 1] - mp[i + 1])
                    v[k][i] = pf[i] + g @ (v[k][i + 1] - pp[i + 1]) @ g.T
            f, f2 = 1.0, 1.0
            for j, (_, other) in enumerate(modes):
                f = f * m[j][other]
                f2 = f2 * (v[j] + m[j][:, :, None] * m[j][:, None, :])[other]
            tau = (1 + len(y) / 2) / (1 + 0.5 * np.sum(y**2 - 2 * y * f.sum(1) + f2.sum((1, 2))))
            seconds.append(time.perf_counter() - begin)
        print(f"numpy FunBaT-CP R={R}: {1e3 * np.median(seconds):.1f} ms an epoch, least {1e3 * min(seconds):.1f}", flush=True)

if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("table"); p.add_argument("--inputs"); p.add_argument("--target"); p.add_argument("--peer", default="sklearn"); p.add_argument("--make")
    p.add_argument("--split", type=int, default=0); p.add_argument("--subset", type=int, default=1500); p.add_argument("--epochs", type=int, default=30)
    p.add_argument("--cartan", default="cartan"); p.add_argument("--arguments", default="")
    o = p.parse_args()
    if o.make:
        make_us(o.table)
        raise SystemExit
    x, y = read(o.table, o.inputs.split(","), o.target)
    rng = np.random.default_rng(1 + o.split)
    order = rng.permutation(len(y))
    te, tr = order[: len(y) // 5], order[len(y) // 5 :]
    if o.peer == "numpy":
        numpy_epoch(x[tr], y[tr])
    elif o.peer == "cartan":
        cartan_fit(o, x, y, tr, te)
    else:
        begin = time.process_time()
        mean, sd = sklearn_gp(x[tr], y[tr], x[te], o.subset, rng) if o.peer == "sklearn" else svgp(x[tr], y[tr], x[te], o.epochs)
        report(o.peer, y[te], mean, sd, time.process_time() - begin)
