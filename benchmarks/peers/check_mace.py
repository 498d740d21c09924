"""MACE models with random weights, by mace-torch and by Cartan: energies, forces and stress in float64.

    pip install mace-torch h5py ase
    python check_mace.py CARTAN [FOLDER]     CARTAN the command

Every model goes through a .model file, export_mace.py and `cartan potential import`; the largest differences are
printed, relative to the largest force and stress. Models with parts that Cartan does not have must be refused by name.
"""

import json
import os
import subprocess
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")  # of torch and e3nn about each other

import ase  # noqa: E402
import numpy as np
import torch
from ase.calculators.singlepoint import SinglePointCalculator
from mace import data, modules  # before e3nn, whose tables need the way of loading that it sets
from mace.modules.lora import inject_LoRAs
from mace.tools import AtomicNumberTable, torch_geometric
from e3nn import o3

from export_mace import export

torch.set_default_dtype(torch.float64)

NUMBERS = [1, 6, 8]
RESIDUAL, PLAIN = "RealAgnosticResidualInteractionBlock", "RealAgnosticInteractionBlock"
DENSITY, DENSITY_RESIDUAL = "RealAgnosticDensityInteractionBlock", "RealAgnosticDensityResidualInteractionBlock"
NON_LINEAR = "RealAgnosticResidualNonLinearInteractionBlock"


def make(seed=1, scale_shift=True, first=RESIDUAL, other=RESIDUAL, hidden="8x0e+8x1o", heads=None, numbers=NUMBERS, lora=False,
         **more):
    torch.manual_seed(seed)
    rows = 1 if heads is None else len(heads)
    given = dict(
        r_max=4.5, num_bessel=6, num_polynomial_cutoff=5, max_ell=2, num_interactions=2, num_elements=len(numbers),
        hidden_irreps=o3.Irreps(hidden), MLP_irreps=o3.Irreps("7x0e"), avg_num_neighbors=6.5, atomic_numbers=numbers,
        correlation=3, gate=torch.nn.functional.silu, radial_MLP=[12, 10], use_reduced_cg=False, heads=heads,
        interaction_cls=modules.interaction_classes[other], interaction_cls_first=modules.interaction_classes[first],
        atomic_energies=np.resize([-0.5, -2.0, -4.0], len(numbers)) - np.arange(rows)[:, None],
    )
    given.update(more)
    if scale_shift:
        level = np.linspace(0.7, 1.3, rows), np.linspace(0.1, -0.2, rows)
        given["atomic_inter_scale"], given["atomic_inter_shift"] = level if rows > 1 else (0.7, 0.1)
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
}
REFUSED = {
    "non-linear blocks": ({"first": NON_LINEAR, "other": NON_LINEAR}, NON_LINEAR),
    "attention": ({"other": "RealAgnosticAttResidualInteractionBlock"}, "RealAgnosticAttResidualInteractionBlock"),
    "gaussians": ({"radial_type": "gaussian"}, "GaussianBasis"),
    "readout with biases": ({"readout_cls": modules.NonLinearBiasReadoutBlock}, "NonLinearBiasReadoutBlock"),
    "harmonics that are all even": ({"use_so3": True, "hidden": "8x0e+8x1e"}, "use_so3"),
    "edges of their own": ({"edge_irreps": o3.Irreps("4x0e+4x1o")}, "edge_irreps"),
    "vectors kept to the end": ({"keep_last_layer_irreps": True}, "last_irreps"),
    "gate": ({"gate": torch.tanh}, "tanh"),
}


def frames(seed=3):
    draw = np.random.default_rng(seed)
    water = ase.Atoms("OH2C", [[0, 0, 0], [0.96, 0.1, 0], [-0.24, 0.93, 0.05], [0, 1.9, 0.9]])
    cell = ase.Atoms("CO2H", draw.uniform(0, 3.4, (4, 3)), cell=[[3.4, 0, 0], [0.4, 3.6, 0], [-0.3, 0.5, 3.8]], pbc=True)
    while (cell.get_all_distances(mic=True) + 9 * np.eye(4)).min() < 0.9:
        cell.positions = draw.uniform(0, 3.4, (4, 3))
    axis = ase.Atoms("CH", [[0, 0, 0], [0, 1.1, 0]])
    return [water, cell, axis]


def labelled(model, head, heads):
    table, out = AtomicNumberTable(NUMBERS), []
    for atoms in frames():
        c = data.config_from_atoms(atoms, head_name=head)
        batch = next(iter(torch_geometric.dataloader.DataLoader(
            [data.AtomicData.from_config(c, z_table=table, cutoff=float(model.r_max), heads=heads)], batch_size=1)))
        result = model(batch.to_dict(), compute_stress=bool(atoms.pbc.any()))
        stress = result["stress"][0].detach().numpy() if atoms.pbc.any() else None
        atoms = atoms.copy()
        atoms.calc = SinglePointCalculator(
            atoms, energy=result["energy"].item(), forces=result["forces"].detach().numpy(),
            **({} if stress is None else {"stress": stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]}))
        out.append(atoms)
    return out


def run(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True)


def write(path, all_frames):
    """Extended xyz with every digit."""
    with open(path, "w") as f:
        for a in all_frames:
            lattice = 'Lattice="' + " ".join(repr(float(x)) for x in a.cell[:].ravel()) + '" ' if a.pbc.any() else ""
            s = a.calc.results.get("stress")
            full = "" if s is None else 'stress="' + " ".join(repr(float(s[k])) for k in (0, 5, 4, 5, 1, 3, 4, 3, 2)) + '" '
            pbc = "T T T" if a.pbc.any() else "F F F"
            f.write(f'{len(a)}\n{lattice}{full}energy={a.calc.results["energy"]!r} pbc="{pbc}" '
                    "Properties=species:S:1:pos:R:3:forces:R:3\n")
            for symbol, x, force in zip(a.symbols, a.positions, a.calc.results["forces"]):
                f.write(symbol + "".join(f" {float(v)!r}" for v in [*x, *force]) + "\n")


def main(cartan, folder):
    failed = 0
    print(f"torch {torch.__version__}\n{'model':34}{'energy':>12}{'forces':>12}{'stress':>12}   of the largest")
    for title, options in READ.items():
        model = make(**options)
        heads = options.get("heads") or ["Default"]
        path = os.path.join(folder, "x")
        torch.save(model, path + ".model")
        export(torch.load(path + ".model", weights_only=False), path + ".arrays.h5")
        task = [] if len(heads) == 1 else ["--task", heads[-1]]
        made = run(cartan, "potential", "import", path + ".arrays.h5", "--out", path + ".h5", "--force", *task)
        if made.returncode:
            failed += 1
            print(f"{title:34} FAILED: {made.stderr.strip()}")
            continue
        reference = labelled(model, heads[-1], heads)
        write(path + ".xyz", reference)
        found = run(cartan, "potential", "eval", path + ".h5", path + ".xyz", "--out", path + ".out.h5", "--precision",
                    "float64", "--force", "--json")
        e = json.loads(found.stdout)
        largest = max(np.abs(a.calc.results["forces"]).max() for a in reference)
        energy = max(abs(a.calc.results["energy"]) for a in reference)
        stress = np.abs(reference[1].calc.results["stress"]).max()
        errors = e["energy_rmse_ev"] / energy, e["forces_rmse_ev_per_ang"] / largest, e["stress_rmse_ev_per_ang3"] / stress
        bad = not all(x < 1e-10 for x in errors)  # max() passes NaN over
        failed += bad
        print(f"{title:34}" + "".join(f"{x:12.1e}" for x in errors) + ("   TOO LARGE" if bad else ""))
    for title, (options, word) in REFUSED.items():
        path = os.path.join(folder, "x")
        export(make(**options), path + ".arrays.h5")
        found = run(cartan, "potential", "import", path + ".arrays.h5", "--out", path + ".h5", "--force")
        good = found.returncode == 3 and word in found.stderr
        failed += not good
        print(f"{title:34} {'refused' if good else 'NOT REFUSED'}: {found.stderr.strip()}")
    return failed


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as fresh:
        sys.exit(min(1, main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else fresh)))
