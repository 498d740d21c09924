#!/usr/bin/env python3
"""Random FNO and TFNO with random weights, by neuraloperator and by Cartan: outputs on several grids.

    pip install neuraloperator==2.0.0 tensorly-torch h5py
    python check_neuraloperator.py CARTAN [--seed N] [--count N] [--precision float64|float32] [--folder F]

CARTAN is the command. Configuration, weights and fields of a model follow from its seed: N, N + 1, ... Every model goes through a file (a
state dict with or without its arguments, HDF5) and `cartan operator import`, every field through `cartan operator predict`. Printed is the
largest difference over the largest value, of all grids. What Cartan does not have must be refused by name, and files that are damaged
must be refused with their name. Exit status 1 where anything differs.

neuraloperator computes spectra in complex64 whatever its weights are; in float64 that is put right by torch.cfloat = torch.cdouble.
The main branch (`PYTHONPATH=FOLDER_OF_MAIN`) is compared as it is. The package published as 2.0.0 undoes the shift of spectra by the same
shift, so that with two axes or more and an odd extent of any but the last results lie at wrong frequencies, and takes the inverse
transform at once where the main branch makes the last bin real first: here both are put right, since files do not say which of the
two wrote them.
"""
import argparse
import collections
import contextlib
import inspect
import io
import json
import os
import subprocess
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import h5py  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

double = "--precision" not in sys.argv or "float64" in sys.argv
torch.save(torch.zeros(1), io.BytesIO())  # fills its table of names of types
if double:
    torch.set_default_dtype(torch.float64)
    torch.cfloat = torch.cdouble
    torch.Tensor.float = torch.Tensor.double
torch.set_num_threads(1)

import neuralop  # noqa: E402
from neuralop.layers import spectral_convolution  # noqa: E402
from neuralop.layers.embeddings import GridEmbedding2D, GridEmbeddingND  # noqa: E402
from neuralop.models import FNO, TFNO  # noqa: E402

MAIN = "enforce_hermitian_symmetry" in inspect.signature(FNO.__init__).parameters
TOLERANCE = 1e-10 if double else 1e-5


class Corrected:
    """torch.fft as the main branch calls it: shifts are undone, the last bin is real where that of the result is."""

    forward = True

    def __getattr__(self, name):
        return getattr(torch.fft, name)

    def fftshift(self, x, dim):
        shift = torch.fft.fftshift if self.forward else torch.fft.ifftshift
        self.forward = not self.forward
        return shift(x, dim=dim)

    def irfftn(self, x, s, dim, norm):
        if len(dim) > 1:
            x = torch.fft.ifftn(x, s=s[:-1], dim=dim[:-1], norm=norm)
        x[..., 0].imag.zero_()
        if s[-1] % 2 == 0:
            x[..., -1].imag.zero_()
        return torch.fft.irfft(x, n=s[-1], dim=dim[-1], norm=norm)


class Torch:
    fft = Corrected()

    def __getattr__(self, name):
        return getattr(torch, name)


if not MAIN:
    spectral_convolution.torch = Torch()


def pick(draw, *values):
    return values[draw.integers(len(values))]


def some(draw, chance):
    return draw.random() < chance


def draw_arguments(draw):
    d = int(pick(draw, 1, 2, 2, 3))
    most = {1: 13, 2: 9, 3: 6}[d]
    modes = tuple(int(m) for m in draw.integers(2, most, d))
    a = dict(n_modes=pick(draw, list, tuple)(modes), in_channels=int(draw.integers(1, 4)), out_channels=int(draw.integers(1, 4)),
             hidden_channels=int(draw.integers(2, 7)))
    order = d + 2
    if some(draw, 0.8):
        a["n_layers"] = int(draw.integers(1, 4))
    layers = a.get("n_layers", 4)
    if some(draw, 0.5):
        a["lifting_channel_ratio"] = pick(draw, 1, 2, 4, 0.5, 1.7, *([] if MAIN else [0]))
    if some(draw, 0.5):
        a["projection_channel_ratio"] = pick(draw, 1, 2, 0.5, 1.3)
    if some(draw, 0.3):
        a["positional_embedding"] = None
    elif some(draw, 0.4):
        a["positional_embedding"] = {"grid_boundaries": [[float(np.round(draw.normal(), 3)), float(np.round(draw.normal() + 2, 3))] for _ in range(d)]}
    if some(draw, 0.5):
        a["non_linearity"] = pick(draw, F.gelu, F.silu, F.relu, F.tanh)
    if some(draw, 0.5):
        a["norm"] = pick(draw, "group_norm", "instance_norm", "batch_norm")
        if MAIN and a["norm"] == "group_norm" and a["hidden_channels"] % 2 == 0:
            a["norm_groups"] = pick(draw, 1, 2)
    if some(draw, 0.2):
        a["complex_data"] = True
    if some(draw, 0.4):
        a["use_channel_mlp"] = pick(draw, True, False)
    if some(draw, 0.4):
        a["channel_mlp_expansion"] = pick(draw, 0.5, 1, 0.75, 2.0)
    if some(draw, 0.6):
        a["channel_mlp_skip"] = pick(draw, "linear", "identity", "soft-gating", None)
    if some(draw, 0.6):
        a["fno_skip"] = pick(draw, "linear", "identity", "soft-gating", None)
    if MAIN and a.get("fno_skip", "linear") == "linear" and some(draw, 0.3):
        a["conv_bias_kernel"] = pick(draw, 1, 2, 3, 5)
    skips = a.get("fno_skip", "linear"), a.get("channel_mlp_skip", "soft-gating") if a.get("use_channel_mlp", True) else None
    if some(draw, 0.3) and not (a.get("complex_data") and any(skips)):  # the latter is refused, see below
        a["resolution_scaling_factor"] = pick(draw, 2, 0.5, 1.5, [float(pick(draw, 1, 2, 0.5, 1.25)) for _ in range(layers)])
    elif some(draw, 0.4):
        a["domain_padding"] = pick(draw, 0.25, 0.1, list, tuple)
        if isinstance(a["domain_padding"], type):  # a tuple pads nothing
            a["domain_padding"] = a["domain_padding"](float(np.round(draw.uniform(0, 0.4), 2)) for _ in range(d))
    if some(draw, 0.2):
        a["stabilizer"] = "tanh"
    if some(draw, 0.2):
        a["max_n_modes"] = [int(m) + int(draw.integers(0, 4)) for m in modes]
    if some(draw, 0.3):
        a["separable"] = True
        order -= 1
    tensorised = some(draw, 0.3)
    if some(draw, 0.7):
        kind = pick(draw, None, "Dense", "dense", "Tucker", "tucker", "CP", "cp", "TT", "tt", "ComplexTucker", "ComplexCP", "ComplexTT", "ComplexDense")
        a["factorization"] = kind
        low = (kind or "").lower().replace("complex", "")
        if some(draw, 0.7):
            a["rank"] = pick(draw, 0.3, 0.1, 1.0, 0.77)
            if low in ("tucker", "tt", "cp") and some(draw, 0.4):
                a["rank"] = int(draw.integers(1, 4))
            elif low == "tucker" and some(draw, 0.4):
                a["rank"] = [int(r) for r in draw.integers(1, 3, order)]
            elif low == "tt" and some(draw, 0.4):
                a["rank"] = [1, *(int(r) for r in draw.integers(1, 3, order - 1)), 1]
        if low == "tucker" and some(draw, 0.3) and not isinstance(a.get("rank"), (int, list)):
            a["fixed_rank_modes"] = True
    if some(draw, 0.4):
        a["implementation"] = pick(draw, "factorized", "reconstructed")
    if some(draw, 0.3):
        a["preactivation"] = True
    return tensorised, a


def make(tensorised, arguments, seed):
    """The peer, with weights that let every term show."""
    a = dict(arguments)
    embedding = a.get("positional_embedding")
    if isinstance(embedding, dict):
        a["positional_embedding"] = GridEmbeddingND(a["in_channels"], len(a["n_modes"]), embedding["grid_boundaries"])
    torch.manual_seed(seed)
    # Those without defaults may come by position.
    first = [a.pop(k) for k in ("n_modes", "in_channels", "out_channels", "hidden_channels")[:seed % 5]]
    with contextlib.redirect_stdout(io.StringIO()):
        model = (TFNO if tensorised else FNO)(*first, **a)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("bias") or "skips" in name or "norm" in name:
                p += 0.3 * torch.randn_like(p)
        for name, b in model.named_buffers():
            if name.endswith("running_mean"):
                b += 0.2 * torch.randn_like(b)
            if name.endswith("running_var"):
                b *= 0.5 + torch.rand_like(b)
    return model.eval()


def state_of(model):
    out = model.state_dict()
    out.pop("_metadata", None)
    return out


def as_json(tensorised, arguments):
    a = {k: v.__name__ if callable(v) else v for k, v in arguments.items()}
    if isinstance(a.get("domain_padding"), tuple):
        del a["domain_padding"]  # there are no tuples in JSON
    if tensorised:
        a["_name"] = "TFNO"
    return json.dumps(a)


def save(draw, model, tensorised, arguments, path):
    """A file, and what the command needs beside it."""
    style = pick(draw, "pt", "pt", "bare", "hdf5", "hdf5 root")
    if style == "pt":
        torch.save(model.state_dict(), path + ".pt")
        return style, path + ".pt", []
    with open(path + ".json", "w") as f:
        f.write(as_json(tensorised, arguments))
    state = state_of(model)
    if style == "bare":
        torch.save(collections.OrderedDict((k, v) for k, v in state.items()), path + ".pt")
        return style, path + ".pt", ["--config", path + ".json"]
    pairs, attribute = some(draw, 0.5), some(draw, 0.5)
    with h5py.File(path + ".h5", "w") as f:
        g = f if style == "hdf5 root" else f.create_group("state")
        if attribute:
            pick(draw, f, g).attrs["kwargs"] = as_json(tensorised, arguments)
        for k, v in state.items():
            g.create_dataset(k, data=torch.view_as_real(v).numpy() if pairs and v.is_complex() else v.numpy())
    return style + (" pairs" if pairs else ""), path + ".h5", [] if attribute else ["--config", path + ".json"]


def run(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True)


def one_model(cartan, folder, seed):
    draw = np.random.default_rng(seed)
    tensorised, arguments = draw_arguments(draw)
    shown = {k: v.__name__ if callable(v) else v for k, v in arguments.items()}
    title = f"{seed:4} {'TFNO' if tensorised else 'FNO'} " + " ".join(f"{k}={v}" for k, v in shown.items()).replace("channel", "ch")
    try:
        model = make(tensorised, arguments, seed)
    except Exception as error:
        return f"{title}  neuraloperator fails: {type(error).__name__}: {error}", True
    path = os.path.join(folder, "x")
    style, file, more = save(draw, model, tensorised, arguments, path)
    title = f"{title} [{style}]"
    made = run(cartan, "operator", "import", file, "--out", path + ".model.h5", "--force", *more)
    if made.returncode:
        return f"{title}  NOT READ: {made.stderr.strip()}", False
    modes, errors, peers_fault = arguments["n_modes"], {}, 0
    for k in range(4):
        grid = tuple(int(n) for n in (np.array(modes) + draw.integers(0, 7, len(modes)) if k else draw.integers(2, 9, len(modes))))
        shape = (2, arguments["in_channels"], *grid)
        x = draw.normal(size=shape) + (1j * draw.normal(size=shape) if arguments.get("complex_data") else 0)
        x = torch.tensor(x).to({(1, 0): torch.float64, (0, 0): torch.float32, (1, 1): torch.complex128, (0, 1): torch.complex64}[
            double, np.iscomplexobj(x)])
        Torch.fft.forward = True
        try:
            with torch.no_grad():
                want = model(x).numpy()
        except Exception:
            peers_fault += 1
            continue
        with h5py.File(path + ".in.h5", "w") as f:
            f["x"] = x.numpy()
        found = run(cartan, "operator", "predict", path + ".model.h5", path + ".in.h5", "--out", path + ".out.h5", "--force")
        if found.returncode:
            return f"{title}  FAILED on {grid}: {found.stderr.strip()}", False
        with h5py.File(path + ".out.h5", "r") as f:
            got = f["y"][:]
            if f["y"].attrs.get("complex", 0):  # pairs
                got = got[..., 0] + 1j * got[..., 1]
        if got.shape != want.shape:
            return f"{title}  {grid}: shape {got.shape}, not {want.shape}", False
        errors[grid] = np.nan_to_num(np.abs(got - want).max() / np.abs(want).max(), nan=np.inf)  # max() passes NaN over
    if not errors:
        return f"{title}  neuraloperator fails on all grids", True
    at = max(errors, key=errors.get)
    good = errors[at] < TOLERANCE
    one_model.compared += 1
    note = f" (neuraloperator fails on {peers_fault} grids)" if peers_fault else ""
    return f"{title}  {errors[at]:.1e} on {'x'.join(map(str, at))}{note}" + ("" if good else "  TOO LARGE"), good


one_model.compared = 0  # those that neuraloperator could make and apply
SMALL = dict(n_modes=[4, 4], in_channels=1, out_channels=1, hidden_channels=4, n_layers=2)
REFUSED = {  # arguments, a word of the refusal
    "half precision": ({"fno_block_precision": "half"}, "fno_block_precision"),
    "dropout": ({"channel_mlp_dropout": 0.1}, "channel_mlp_dropout"),
    "another activation": ({"non_linearity": F.leaky_relu}, "leaky_relu"),
    "an activation that is a module": ({"non_linearity": torch.nn.GELU()}, "GELU"),
    "four axes": ({"n_modes": [2, 2, 2, 2]}, "1, 2 or 3"),
    "complex fields and scaled skips": ({"complex_data": True, "resolution_scaling_factor": 2}, "resolution_scaling_factor"),
    "factors by axis": ({"resolution_scaling_factor": [[1, 2], [1, 1]]}, "resolution_scaling_factor"),
}


def refusals(cartan, folder):
    failed, path = [], os.path.join(folder, "r")
    out = path + ".out.h5"

    def expect(title, command, *words, status=3):
        found = run(cartan, "operator", *command, "--out", out, "--force")
        good = found.returncode == status and all(w in found.stderr for w in words)
        if not good:
            failed.append(title)
        print(f"{title:44} {'refused' if good else f'NOT REFUSED (status {found.returncode})'}: {found.stderr.strip()[:400]}", flush=True)

    def file_of(model, name="d.pt", change=lambda state: None):
        state = model.state_dict()
        change(state)
        torch.save(state, os.path.join(folder, name))
        return os.path.join(folder, name)

    def json_of(name="d.json", text=None, **changes):
        with open(os.path.join(folder, name), "w") as f:
            f.write(json.dumps(dict(SMALL, **changes)) if text is None else text)
        return os.path.join(folder, name)

    for title, (changes, word) in REFUSED.items():
        expect(title, ["import", file_of(make(False, dict(SMALL, **changes), 1))], word, "d.pt")
    model = make(False, SMALL, 1)
    other = make(False, dict(SMALL, hidden_channels=5), 1)
    good = file_of(model)
    expect("arguments of another model", ["import", good, "--config", json_of(hidden_channels=5)], "d.pt", "lifting.fcs.1.weight")
    expect("weights of another model", ["import", file_of(other, "o.pt"), "--config", json_of()], "o.pt", "shape")
    expect("arguments that do not exist", ["import", good, "--config", json_of(novel=1)], "novel")
    expect("no number of modes", ["import", good, "--config", json_of(text='{"in_channels": 1}')], "n_modes")
    expect("arguments that are no JSON", ["import", good, "--config", json_of(text="n_modes = 4")], "d.json")
    expect("no arguments", ["import", file_of(model, "bare.pt", lambda s: s.pop("_metadata"))], "bare.pt", "--config", status=2)
    expect("arguments without names", ["import", good, "--config", json_of(args=[[4, 4]] + [2] * 10)], "11 arguments", "d.json")
    expect("adaptive norms", ["import", good, "--config", json_of(norm="ada_in", ada_in_features=3)], "adaptive")
    expect("another factorization", ["import", good, "--config", json_of(factorization="blocktt")], "blocktt", "d.json")

    def nan(s):
        s["lifting.fcs.0.weight"] = s["lifting.fcs.0.weight"] * float("nan")

    expect("weights that are no numbers", ["import", file_of(model, "nan.pt", nan)], "nan.pt", "lifting.fcs.0.weight")
    expect("an array is missing", ["import", file_of(model, "less.pt", lambda s: s.pop("lifting.fcs.0.weight"))], "less.pt", "is missing")
    expect("an array too many", ["import", file_of(model, "more.pt", lambda s: s.update(novel=torch.zeros(2)))], "more.pt", "novel")
    content = open(good, "rb").read()
    for part in (0.3, 0.9, 0.999):
        cut = os.path.join(folder, "cut.pt")
        open(cut, "wb").write(content[:int(part * len(content))])
        expect(f"the first {100 * part} % of a file", ["import", cut], "cut.pt", "zip")
    open(cut, "wb").write(b"")
    expect("an empty file", ["import", cut], "cut.pt")
    open(cut, "wb").write(b"weights\n")
    expect("a text", ["import", cut], "cut.pt")
    expect("no file", ["import", os.path.join(folder, "none.pt")], "none.pt", status=4)
    expect("a folder", ["import", folder], folder, status=4)
    torch.save([1, 2], cut)
    expect("a list", ["import", cut], "cut.pt", "dict")
    torch.save({"state_dict": model.state_dict()}, cut)
    expect("a state dict within a checkpoint", ["import", cut], "cut.pt", status=2)
    # Fields that do not fit.
    imported = path + ".m.h5"
    run(cartan, "operator", "import", good, "--out", imported, "--force")
    for title, x, word in (("two channels in place of one", np.zeros((1, 2, 8, 8)), "channels"), ("one axis", np.zeros((1, 1, 8)), "axes"),
                           ("three axes", np.zeros((1, 1, 4, 4, 4)), "axes"), ("a field that is no number", np.full((1, 1, 8, 8), np.nan), "finite"),
                           ("complex fields for a real model", np.zeros((1, 1, 8, 8), complex), "complex"), ("no samples", np.zeros((0, 1, 8, 8)), "sample")):
        with h5py.File(path + ".in.h5", "w") as f:
            f["x"] = x
        expect(title, ["predict", imported, path + ".in.h5"], "r.in.h5", word)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cartan")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--precision", choices=["float32", "float64"], default="float64")
    parser.add_argument("--folder")
    args = parser.parse_args()
    failed = []
    print(f"neuraloperator {neuralop.__version__}, {'main branch' if MAIN else 'as published'}, torch {torch.__version__}, {args.precision}")
    with tempfile.TemporaryDirectory() as fresh:
        folder = args.folder or fresh
        for seed in range(args.seed, args.seed + args.count):
            line, good = one_model(args.cartan, folder, seed)
            print(line, flush=True)
            if not good:
                failed.append(str(seed))
        failed += refusals(args.cartan, folder)
    print(f"{one_model.compared} of {args.count} models compared, {len(failed)} failed" + (": " + ", ".join(failed) if failed else ""))
    return 1 if failed or (args.count and not one_model.compared) else 0


if __name__ == "__main__":
    sys.exit(main())
