"""What the comparisons with other programs' potentials share: the command, labelled frames, differences."""

import os
import resource
import subprocess

import h5py
import numpy as np

TOLERANCE = {"float64": 1e-10, "float32": 1e-6, "float64 of float32": 1e-6}


def run(*command, seconds=None, memory=None):
    """The finished command; stopped after so many seconds (code 124), with at most so many bytes of memory."""
    limit = (lambda: resource.setrlimit(resource.RLIMIT_AS, (memory, memory))) if memory else None
    try:
        return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=seconds, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"not done after {seconds} s")


def write(path, all_frames):
    """Extended xyz with every digit."""
    with open(path, "w") as f:
        for a in all_frames:
            lattice = 'Lattice="' + " ".join(repr(float(x)) for x in a.cell[:].ravel()) + '" ' if a.pbc.any() else ""
            s = a.calc.results.get("stress")
            full = "" if s is None else 'stress="' + " ".join(repr(float(s[k])) for k in (0, 5, 4, 5, 1, 3, 4, 3, 2)) + '" '
            pbc = " ".join("FT"[int(p)] for p in a.pbc)
            f.write(f'{len(a)}\n{lattice}{full}energy={a.calc.results["energy"]!r} pbc="{pbc}" '
                    "Properties=species:S:1:pos:R:3:forces:R:3\n")
            for symbol, x, force in zip(a.symbols, a.positions, a.calc.results["forces"]):
                f.write(symbol + "".join(f" {float(v)!r}" for v in [*x, *force]) + "\n")


def differences(cartan, model, path, all_frames, precision):
    """Differences of energy, forces and stress, or the reason why there are none. In float64 the largest, of the largest of
    its frame (where that is not small beside the others'); with float32, or weights of it, root mean squares, of the
    largest of all."""
    write(path + ".xyz", all_frames)
    found = run(cartan, "potential", "eval", model, path + ".xyz", "--out", path + ".out.h5", "--precision",
                precision.split()[0], "--force", "--json")
    if found.returncode:
        return found.stderr.strip()
    with h5py.File(path + ".out.h5") as f:
        values = {key: f[key][()] for key in ("energy", "forces", "stress") if key in f}
    offset = np.cumsum([0] + [len(a) for a in all_frames])
    keys = ("energy", "forces", "stress")
    largest = {key: max([np.abs(a.calc.results[key]).max() for a in all_frames if key in a.calc.results] or [0]) for key in keys}
    of_frames, squares = {key: [0.0] for key in keys}, {key: [0.0] for key in keys}
    for k, a in enumerate(all_frames):
        for key, want in a.calc.results.items():
            have = values[key][offset[k]: offset[k + 1]] if key == "forces" else values[key][k]
            if key == "stress":
                have = have[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
            off = np.ravel(have - want)
            of_frames[key].append(np.abs(off).max() / (max(np.abs(want).max(), 1e-4 * largest[key]) or 1))
            squares[key] += list(off**2)
    if precision == "float64":
        return [float(np.max(of_frames[key])) for key in keys]  # which lets no NaN pass
    return [float(np.mean(squares[key]) ** 0.5 / (largest[key] or 1)) for key in keys]


def report(title, errors, precision):
    """Prints a line; whether it failed."""
    if isinstance(errors, str):
        print(f"{title}   FAILED: {errors}", flush=True)
        return True
    bad = not all(x < TOLERANCE[precision] for x in errors)  # max() passes NaN over
    print(title + "".join(f"{x:10.1e}" for x in errors) + ("   TOO LARGE" if bad else ""), flush=True)
    return bad


def refused(cartan, title, file, word, out):
    """Prints a line; whether the import did not refuse the file at once, with little memory, by its name and the word."""
    found = run(cartan, "potential", "import", file, "--out", out, "--force", seconds=20, memory=4 << 30)
    good = found.returncode == 3 and word in found.stderr and os.path.basename(file) in found.stderr
    what = found.stderr.strip().split("\n")[0]
    print(f"{title:40} {'refused' if good else f'NOT REFUSED ({found.returncode})'}: {what}", flush=True)
    return not good
