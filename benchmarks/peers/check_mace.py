"""MACE models with random weights, by mace-torch and by Cartan: energies, forces and stress.

    pip install mace-torch cuequivariance h5py ase
    python check_mace.py CARTAN [--seed N] [--count N] [--precision float64|float32] [--saved float64|float32]

A list of models first, then `count` random ones (random_mace.py), on random structures. Every model goes through a .model
file, in the precision `saved`, export_mace.py and `cartan potential import`, and is evaluated in `precision`; mace-torch's
values are in float64 always. Printed are the largest differences, of the largest energy, force and stress. Models with
parts that Cartan does not have, and damaged files, must be refused by name, at once and with little memory.
"""

import argparse
import os
import shutil
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")  # of torch and e3nn about each other

import ase  # noqa: E402
import h5py
import numpy as np
import torch
from ase.calculators.singlepoint import SinglePointCalculator
from mace import data, modules  # before e3nn, whose tables need the way of loading that it sets
from mace.modules.lora import inject_LoRAs
from mace.tools import AtomicNumberTable, torch_geometric
from mace.tools.cg import CUET_AVAILABLE
from e3nn import o3

import random_mace
from export_mace import export
from peer_check import differences, refused, report, run

torch.set_default_dtype(torch.float64)

NUMBERS = [1, 6, 8]
RESIDUAL, PLAIN = "RealAgnosticResidualInteractionBlock", "RealAgnosticInteractionBlock"
DENSITY, DENSITY_RESIDUAL = "RealAgnosticDensityInteractionBlock", "RealAgnosticDensityResidualInteractionBlock"
NON_LINEAR = "RealAgnosticResidualNonLinearInteractionBlock"


def make(seed=1, scale_shift=True, first=RESIDUAL, other=RESIDUAL, hidden="8x0e+8x1o", heads=None, numbers=NUMBERS, lora=False,
         scale=0.7, shift=0.1, MLP_irreps="7x0e", **more):
    torch.manual_seed(seed)
    rows = 1 if heads is None else len(heads)
    given = dict(
        r_max=4.5, num_bessel=6, num_polynomial_cutoff=5, max_ell=2, num_interactions=2, num_elements=len(numbers),
        hidden_irreps=o3.Irreps(hidden), MLP_irreps=o3.Irreps(MLP_irreps), avg_num_neighbors=6.5, atomic_numbers=numbers,
        correlation=3, gate=torch.nn.functional.silu, radial_MLP=[12, 10], use_reduced_cg=False, heads=heads,
        interaction_cls=modules.interaction_classes[other], interaction_cls_first=modules.interaction_classes[first],
        atomic_energies=np.resize([-0.5, -2.0, -4.0], len(numbers)) - np.arange(rows)[:, None],
    )
    given.update(more)
    if scale_shift:
        level = np.linspace(scale, 1.3, rows), np.linspace(shift, -0.2, rows)
        given["atomic_inter_scale"], given["atomic_inter_shift"] = level if rows > 1 else (scale, shift)
    kind = modules.ScaleShiftMACE if scale_shift else modules.MACE
    model = kind(**given)
    if lora:
        inject_LoRAs(model, rank=2, alpha=3)
    with torch.no_grad():  # many-body terms large enough to be seen
        for name, p in model.named_parameters():
            if "contractions" in name and p.numel():
                p *= 2 * p.shape[1] ** 0.5
            if "lora_" in name:
                p.normal_()
    return model


READ = {
    "residual": {},
    "plain first": {"first": PLAIN, "hidden": "8x0e+8x1o+8x2e", "correlation": 2},
    "MACE without scale": {"scale_shift": False, "first": PLAIN},
    "ZBL": {"pair_repulsion": True},
    "density, Agnesi, ZBL": {"first": DENSITY, "other": DENSITY_RESIDUAL, "distance_transform": "Agnesi", "pair_repulsion": True},
    "density residual, Soft": {"first": DENSITY_RESIDUAL, "other": DENSITY_RESIDUAL, "distance_transform": "Soft"},
    "scalars": {"hidden": "8x0e", "max_ell": 3},
    "three layers": {"num_interactions": 3},
    "one layer": {"num_interactions": 1},
    "correlation 1": {"correlation": 1},
    "correlation 4": {"correlation": 4, "hidden": "4x0e", "max_ell": 1},
    "two heads": {"heads": ["pbe", "r2scan"]},
    "agnostic product": {"use_agnostic_product": True},
    "reduced couplings": {"use_reduced_cg": True},
    "cutoff on the weights": {"apply_cutoff": False},
    "cutoff on the weights, density": {"apply_cutoff": False, "first": DENSITY, "other": DENSITY_RESIDUAL},
    "correlations that differ": {"correlation": [2, 3]},
    "readouts: the last alone": {"use_last_readout_only": True},
    "no gate": {"gate": None, "heads": ["pbe", "r2scan"]},
    "one radial layer": {"radial_MLP": []},
    "LoRA": {"lora": True},
    "harmonics that are all even": {"use_so3": True, "hidden": "8x0e+8x1e", "num_interactions": 3},
    "vectors kept to the end": {"keep_last_layer_irreps": True},
    "gate tanh, plain blocks": {"gate": torch.tanh, "first": PLAIN, "other": PLAIN},
}
REFUSED = {
    "non-linear blocks": ({"first": NON_LINEAR, "other": NON_LINEAR}, NON_LINEAR),
    "attention": ({"other": "RealAgnosticAttResidualInteractionBlock"}, "RealAgnosticAttResidualInteractionBlock"),
    "gaussians": ({"radial_type": "gaussian"}, "GaussianBasis"),
    "readout with biases": ({"readout_cls": modules.NonLinearBiasReadoutBlock}, "NonLinearBiasReadoutBlock"),
    "edges of their own": ({"edge_irreps": o3.Irreps("4x0e+4x1o")}, "edge_irreps"),
    "gate": ({"gate": torch.sigmoid}, "sigmoid"),
}


def frames(seed=3):
    draw = np.random.default_rng(seed)
    water = ase.Atoms("OH2C", [[0, 0, 0], [0.96, 0.1, 0], [-0.24, 0.93, 0.05], [0, 1.9, 0.9]])
    cell = ase.Atoms("CO2H", draw.uniform(0, 3.4, (4, 3)), cell=[[3.4, 0, 0], [0.4, 3.6, 0], [-0.3, 0.5, 3.8]], pbc=True)
    while (cell.get_all_distances(mic=True) + 9 * np.eye(4)).min() < 0.9:
        cell.positions = draw.uniform(0, 3.4, (4, 3))
    axis = ase.Atoms("CH", [[0, 0, 0], [0, 1.1, 0]])
    return [water, cell, axis]


def exact(options, saved):
    """The model of a file in float64, with the constants that float32 rounds."""
    model, state = make(**options), saved.state_dict()
    wanted = {name for name, _ in model.named_parameters()}
    wanted |= {name for name in state if name.startswith(("scale_shift", "atomic_energies")) or
               name.startswith("radial_embedding.distance_transform") and "radii" not in name}
    model.load_state_dict({name: state[name].double() for name in wanted}, strict=False)
    return model


def labelled(model, all_frames, heads):
    table, out = AtomicNumberTable([int(z) for z in model.atomic_numbers]), []
    for atoms in all_frames:
        c = data.config_from_atoms(atoms, head_name=heads[-1])
        atomic = data.AtomicData.from_config(c, z_table=table, cutoff=float(model.r_max), heads=heads)
        batch = next(iter(torch_geometric.dataloader.DataLoader([atomic], batch_size=1)))
        result = model(batch.to_dict(), compute_stress=bool(atoms.pbc.any()))
        values = {"energy": result["energy"].item(), "forces": result["forces"].detach().numpy()}
        if atoms.pbc.any():  # of a slab: mace-torch's volume is that of a cell that it has made larger
            larger = abs(np.linalg.det(atomic.cell.numpy().reshape(3, 3))) / atoms.cell.volume
            values["stress"] = larger * result["stress"][0].detach().numpy()[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
        atoms = atoms.copy()
        atoms.calc = SinglePointCalculator(atoms, **values)
        out.append(atoms)
    return out


def compare(cartan, path, title, options, all_frames, precision, saved):
    torch.set_default_dtype(getattr(torch, saved))
    if saved == "float32":  # which the file says
        options = {**options, "r_max": float(np.float32(options.get("r_max", 4.5)))}
    model = make(**options)
    torch.set_default_dtype(torch.float64)
    heads = options.get("heads") or ["Default"]
    torch.save(model, path + ".model")
    model = torch.load(path + ".model", weights_only=False)
    export(model, path + ".arrays.h5")
    task = [] if len(heads) == 1 else ["--task", heads[-1]]
    made = run(cartan, "potential", "import", path + ".arrays.h5", "--out", path + ".h5", "--force", *task)
    if made.returncode:
        return report(title, made.stderr.strip(), precision)
    if saved == "float32":
        model, precision = exact(options, model), "float32" if precision == "float32" else "float64 of float32"
    reference = labelled(model, all_frames, heads)
    return report(title, differences(cartan, path + ".h5", path, reference, precision), precision)


def damages(path):
    """Changes of an exported file, and the word by which it must be refused."""
    def attribute(name, value):
        return lambda f: f.attrs.__setitem__(name, value)

    def without(name):
        return lambda f: f.attrs.pop(name)

    def array(name, change):
        def apply(f):
            value = change(f["weights/" + name][()])
            del f["weights/" + name]
            f["weights/" + name] = value
        return apply

    def swapped(a, b):
        def apply(f):
            f.move("weights/" + a, "weights/x"), f.move("weights/" + b, "weights/" + a), f.move("weights/x", "weights/" + b)
        return apply

    def number(value):
        def change(x):
            x = np.array(x, dtype=float)
            x.flat[x.size // 2] = value
            return x
        return change

    with h5py.File(path) as f:
        names = [name for name in f["weights"] if not any(part in name for part in ("_w3j_", "_zeroed", "output_mask", "U_matrix")) and
                 name != "heads" and f["weights/" + name].size]
        optional = ["program", "class", "last_irreps", "edge_irreps", "use_so3", "correlation", "radial_type", "apply_cutoff",
                    "readouts", "gate", "heads", "correlations", "residual"]
        needed = [name for name in f.attrs if name not in optional]
    for name in needed:
        yield f"no attribute {name}", without(name), name
    for name in names:
        yield f"NaN in {name}", array(name, number(np.nan)), name
        yield f"infinity in {name}", array(name, number(np.inf)), name
        yield f"a number more in {name}", array(name, lambda x: np.append(x, x.flat[0])), name
        if "bessel_weights" in name or not name.startswith(("radial_embedding", "r_max", "num_interactions")):
            yield f"no {name}", lambda f, name=name: f.__delitem__("weights/" + name), name
    yield "another array", lambda f: f.__setitem__("weights/joint.weight", np.ones(3)), "joint.weight"
    p = "products.1.symmetric_contractions.contractions.0."
    yield "swapped: orders", swapped(p + "weights_max", p + "weights.0"), p
    yield "swapped: couplings", swapped(p + "U_matrix_3", p + "U_matrix_2"), p + "U_matrix"
    yield "swapped: radial layers", swapped("interactions.0.conv_tp_weights.layer0.weight", "interactions.0.conv_tp_weights.layer1.weight"), "conv_tp"
    yield "swapped: blocks", swapped("interactions.0.linear.weight", "interactions.1.linear.weight"), "linear"
    yield "other couplings", array(p + "U_matrix_2", lambda x: np.random.default_rng(1).normal(size=x.shape)), p + "U_matrix_2"
    for name in ("max_ell", "correlation", "num_interactions", "num_bessel", "num_polynomial_cutoff"):
        for value in (-1, 0, 9 if name != "num_bessel" else 7, 1 << 31, (1 << 63) - 1):
            many = name == "correlation"
            if (name, value) == ("num_polynomial_cutoff", 9):
                continue
            change = attribute("correlations", np.full(2, value)) if many else attribute(name, value)
            yield f"{name} {value}", change, ""
    for name in ("r_max", "avg_num_neighbors"):
        for value in (0.0, -1.0, np.nan, np.inf):
            yield f"{name} {value}", attribute(name, value), name if np.isfinite(value) or name == "avg_num_neighbors" else ""
    for value in ("", "8x0e+8x9o", "1000000000x0e+1000000000x1o", "99999999999999999999x0e", "8x1o", "8x0e+4x1o", "nonsense", "8x0e+8x1o+8x100000e"):
        yield f"hidden_irreps '{value}'", attribute("hidden_irreps", value), ""
    for value in ([1 << 40], [12, 1 << 40], [-3, 10], [0, 10], [12], [10, 12], [12, 10, 5]):
        yield f"radial_MLP {value}", attribute("radial_MLP", np.array(value)), ""
    for value in ([0, 6, 8], [1, 6, 6], [1, 6, 200], [1, 6, 2**31 + 8], [1, 6.5, 8], [1, -6, 8]):
        yield f"atomic_numbers {value}", array("atomic_numbers", lambda x, value=value: np.array(value)), "atomic_numbers"


def refusals(cartan, path):
    failed, bad = 0, path + ".bad.h5"
    for title, (options, word) in REFUSED.items():
        export(make(**options), bad)
        failed += refused(cartan, title, bad, word, path + ".h5")
    export(make(), path + ".arrays.h5")
    for title, change, word in damages(path + ".arrays.h5"):
        shutil.copy(path + ".arrays.h5", bad)
        with h5py.File(bad, "r+") as f:
            change(f)
        failed += refused(cartan, title, bad, word, path + ".h5")
    whole = open(path + ".arrays.h5", "rb").read()
    for part in (0, 1, 100, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        open(bad, "wb").write(whole[:part])
        failed += refused(cartan, f"the first {part} bytes", bad, "", path + ".h5")
    torch.save(make(), bad)
    return failed + refused(cartan, "a .model file", bad, "export_mace.py", path + ".h5")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cartan")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=30)
    for name in ("precision", "saved"):
        parser.add_argument("--" + name, choices=["float64", "float32"], default="float64")
    parser.add_argument("--random-only", action="store_true", help="neither the list nor the files to be refused")
    given = parser.parse_args()
    failed = 0
    print(f"torch {torch.__version__}: energy, forces, stress of the largest")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x")
        go = lambda *of: compare(given.cartan, path, *of, given.precision, given.saved)
        for title, options in {} if given.random_only else READ.items():
            failed += go(f"{title:40}", options, frames())
        for seed in range(given.seed, given.seed + given.count):
            rng = np.random.default_rng(seed)
            options, title = random_mace.draw(rng, CUET_AVAILABLE)
            failed += go(f"{seed}: {title}", options, random_mace.frames(rng, options["numbers"], options["r_max"]))
        if not given.random_only:
            failed += refusals(given.cartan, path)
    print(f"{failed} failures")
    return min(1, failed)


if __name__ == "__main__":
    sys.exit(main())
