"""SevenNet models with random settings and weights, by sevenn and by Cartan: energies, forces and stress.

    pip install sevenn==0.10.4 ase
    python check_sevennet.py CARTAN [--seed N] [--count N] [--precision float64|float32]

Every model goes through a checkpoint as sevenn's trainer writes it, and `cartan potential import`. Printed are root
mean squares of the differences relative to the largest value. Settings that Cartan does not have must be refused by name.
"""

import argparse
import copy
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

import sevenn
import sevenn._const as const
import sevenn._keys as KEY
from sevenn.atom_graph_data import AtomGraphData
from sevenn.model_build import build_E3_equivariant_model
from sevenn.train.dataload import unlabeled_atoms_to_graph
from sevenn.util import chemical_species_preprocess

from peer_check import run, write

SYMBOLS = ["O", "H", "C", "Si"]
TOLERANCE = {"float64": 1e-10, "float32": 1e-6}
DEFAULTS = copy.deepcopy(const.DEFAULT_E3_EQUIVARIANT_MODEL_CONFIG)  # which sevenn takes from, as it reads


def draw(rng):
    """A configuration as sevenn's parser makes it, and what it is."""
    pick = lambda *values: values[rng.integers(len(values))]
    config = copy.deepcopy(DEFAULTS)
    species = SYMBOLS[: pick(3, 3, 4)]
    config.update(chemical_species_preprocess(species, universal=pick(False, False, False, True)))
    kinds, layers, cutoff = config[KEY.NUM_SPECIES], int(pick(1, 2, 3, 4)), float(pick(3.5, 4.0, 4.5))
    parity, lmax = bool(pick(True, False)), int(pick(1, 2, 3) if layers < 4 else pick(1, 2))
    manual, channels = False, int(pick(3, 4, 6))
    edge, node = int(pick(-1, -1, -1, 1, 2)), int(pick(-1, -1, 1, lmax))
    if pick(False, False, True):
        edge = node = -1
        odd = lambda l: "o" if parity and l % 2 else "e"
        term = lambda l: f"{int(pick(2, 3, 5))}x{l}{odd(l)}"
        same = "+".join(f"{int(pick(2, 3, 5))}x{l}{odd(l)}" for l in range(lmax + 1))
        scalars = same.split("+")[0]
        manual = [scalars] + [pick(same, "+".join(term(l) for l in range(lmax + 1))) for _ in range(layers - 1)]
        if layers > 1:
            manual[1] = same  # its scalars are as many as those of the embedding
        manual.append(f"{channels}x0e" if layers > 1 else scalars)
    one = lambda: float(rng.uniform(0.5, 2))
    many = lambda: [one() for _ in range(kinds)]
    basis = {KEY.RADIAL_BASIS_NAME: "bessel"}
    if pick(True, True, False):
        basis["bessel_basis_num"] = int(pick(4, 6, 8))
    if pick(False, False, True):
        basis["trainable_coeff"] = False
    cut = pick({}, {"poly_cut_p_value": int(pick(3, 5, 6))}, {"cutoff_on": cutoff - one()})
    cut[KEY.CUTOFF_FUNCTION_NAME] = "XPLOR" if "cutoff_on" in cut else "poly_cut"
    config.update({
        "version": sevenn.__version__, KEY.IRREPS_MANUAL: manual, KEY.NODE_FEATURE_MULTIPLICITY: channels,
        KEY.LMAX: lmax, KEY.LMAX_EDGE: edge, KEY.LMAX_NODE: node, KEY.IS_PARITY: parity, KEY.RADIAL_BASIS: basis,
        KEY.CUTOFF_FUNCTION: cut, KEY.CUTOFF: cutoff, KEY.NUM_CONVOLUTION: layers,
        KEY.CONVOLUTION_WEIGHT_NN_HIDDEN_NEURONS: pick([8], [8, 5], [4, 6, 8]),
        KEY.CONV_DENOMINATOR: pick(one() * 3, [one() * 3 for _ in range(layers)]),
        KEY.TRAIN_DENOMINTAOR: bool(pick(True, False)), KEY.TRAIN_SHIFT_SCALE: bool(pick(True, False)),
        KEY.USE_BIAS_IN_LINEAR: bool(pick(False, False, True)), KEY.SELF_CONNECTION_TYPE: pick("nequip", "linear"),
        KEY.SHIFT: pick(-one(), [-x for x in many()]), KEY.SCALE: pick(one(), many()),
        KEY._NORMALIZE_SPH: bool(pick(True, True, False)),
    })
    if config[KEY._NORMALIZE_SPH] is False and pick(True, False):
        config.pop(KEY._NORMALIZE_SPH)  # as versions before this switch
        config["version"] = "0.9.3"
    words = [f"{layers} layers", manual and "manual" or f"{channels} channels", f"lmax {lmax},{edge},{node}",
             "parity" if parity else "", config[KEY.SELF_CONNECTION_TYPE], cut[KEY.CUTOFF_FUNCTION_NAME],
             "bias" if config[KEY.USE_BIAS_IN_LINEAR] else "", "" if basis.get("trainable_coeff", True) else "fixed basis",
             "universal" if kinds > 9 else "", "" if config.get(KEY._NORMALIZE_SPH) else "solid"]
    return config, " ".join(w for w in words if w)


def save(config, path, seed):
    """As sevenn.train.trainer.Trainer.write_checkpoint does, after a step that moved every weight."""
    torch.manual_seed(seed)
    torch.set_default_dtype(torch.float32)
    model = build_E3_equivariant_model({**copy.deepcopy(config), KEY._NORMALIZE_SPH: config.get(KEY._NORMALIZE_SPH, False)})
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("bias"):
                p += 0.3 * torch.randn_like(p)
            elif name.endswith("coeffs"):
                p *= 1 + 0.05 * torch.rand_like(p)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad])
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.99)
    torch.save({"model_state_dict": model.state_dict(), "optimizer_state_dict": optimizer.state_dict(),
                "scheduler_state_dict": schedule.state_dict(), "config": config, "epoch": 7}, path)


def load(path):
    """sevenn's model of a checkpoint, in float64, with 3j symbols that are not rounded to float32."""
    held = torch.load(path, weights_only=False)
    config = copy.deepcopy(held["config"])
    config.setdefault(KEY._NORMALIZE_SPH, False)  # sevenn.util._patch_old_config
    torch.set_default_dtype(torch.float64)
    model = build_E3_equivariant_model(config).double()
    state = {k: v for k, v in held["model_state_dict"].items() if "_w3j_" not in k}
    missing, unused = model.load_state_dict(state, strict=False)
    assert all("_w3j_" in k for k in missing) and not unused, (missing, unused)
    model.set_is_batch_data(True)

    def double(_, __, data):  # one-hot rows are float32, whatever the weights are
        for key, value in data.to_dict().items() if hasattr(data, "to_dict") else data.items():
            if torch.is_tensor(value) and value.dtype == torch.float32:
                data[key] = value.double()

    model.onehot_idx_to_onehot.register_forward_hook(double)
    return model


def frames(rng):
    water = ase.Atoms("OH2C", [[0, 0, 0], [0.96, 0.1, 0], [-0.24, 0.93, 0.05], [0, 1.9, 0.9]])
    water.positions += rng.normal(0, 0.05, (4, 3))
    cell = ase.Atoms("CO2H", pbc=True, cell=[[3.1, 0, 0], [1.4, 2.9, 0], [-1.1, 0.9, 3.2]])
    while True:
        cell.set_scaled_positions(rng.uniform(0, 1, (4, 3)))
        if (cell.get_all_distances(mic=True) + 9 * np.eye(4)).min() > 0.9:
            break
    axes = ase.Atoms("COHC", [[0, 0, 0], [0, 1.1, 0], [1.2, 0, 0], [0, 0, -1.3]])
    lone = ase.Atoms("O", [[1, 2, 3]])
    far = ase.Atoms("COH", [[0, 0, 0], [1.2, 0.1, 0], [7.5, 7, 8]], cell=[15, 14, 16], pbc=True)
    return [water, cell, axes, lone, far]


def labelled(model, cutoff, all_frames):
    for atoms in all_frames:
        numbers = unlabeled_atoms_to_graph(atoms, cutoff)
        graph = AtomGraphData.from_numpy_dict(dict(numbers))  # in float32
        for key in (KEY.EDGE_VEC, KEY.POS, KEY.CELL, KEY.CELL_SHIFT, KEY.CELL_VOLUME):
            graph[key] = torch.as_tensor(np.array(numbers[key], dtype=float))
        graph[KEY.NUM_ATOMS] = torch.tensor([len(atoms)])
        graph[KEY.BATCH] = torch.zeros(len(atoms), dtype=torch.long)
        found = model(graph)
        values = {"energy": found[KEY.PRED_TOTAL_ENERGY].item(), "forces": found[KEY.PRED_FORCE].detach().numpy()}
        if atoms.pbc.any():
            values["stress"] = -found[KEY.PRED_STRESS].detach().numpy().ravel()[[0, 1, 2, 4, 5, 3]]
        atoms.calc = SinglePointCalculator(atoms, **values)
    return all_frames


def changed(path, out, change):
    held = torch.load(path, weights_only=False)
    change(held)
    torch.save(held, out)


class Code:
    def __reduce__(self):
        return os.system, ("true",)


def setting(*keys, value):
    def change(held):
        place = held["config"]
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
    return change


def weight(end, change):
    def apply(held):
        state = held["model_state_dict"]
        name = next(k for k in state if k.endswith(end))
        state[name] = change(state[name].clone())
    return apply


NAN = lambda w: w.fill_(float("nan"))
REFUSED = {
    "radial activation": (setting("act_radial", value="tanh"), "act_radial"),
    "activation of 0e": (setting("act_scalar", "e", value="ssp"), "act_scalar"),
    "activation of 0o": (setting("act_scalar", "o", value="abs"), "act_scalar"),
    "gates": (setting("act_gate", "e", value="ssp"), "act_gate"),
    "basis": (setting("radial_basis", "radial_basis_name", value="gaussian"), "radial_basis_name"),
    "cutoff function": (setting("cutoff_function", "cutoff_function_name", value="cosine"), "cutoff_function_name"),
    "interaction": (setting("interaction_type", value="mace"), "interaction_type"),
    "self-connection": (setting("self_connection_type", value="none"), "self_connection_type"),
    "readout": (setting("readout_as_fcn", value=True), "readout_as_fcn"),
    "other lmax": (setting("lmax", value=3), ""),
    "other layers": (setting("num_convolution_layer", value=3), ""),
    "other channels": (setting("channel", value=5), ""),
    "NaN in a weight": (weight("1_self_interaction_2.linear.weight", NAN), "1_self_interaction_2"),
    "NaN in the radial network": (weight("0_convolution.weight_nn.layer0.weight", NAN), "0_convolution"),
    "NaN in the embedding": (weight("onehot_to_feature_x.linear.weight", NAN), "onehot_to_feature_x"),
    "NaN in the shift": (weight("rescale_atomic_energy.shift", NAN), "shift"),
    "NaN in the scale": (weight("rescale_atomic_energy.scale", NAN), "scale"),
    "NaN in the denominator": (weight("1_convolution.denominator", NAN), "denominator"),
    "NaN in the frequencies": (weight("basis_function.coeffs", NAN), "coeffs"),
    "cutoff of NaN": (setting("cutoff", value=float("nan")), "cutoff"),
    "a weight too many": (lambda h: h["model_state_dict"].update({"7_more.weight": torch.ones(3)}), "7_more"),
    "a weight that is absent": (lambda h: h["model_state_dict"].pop("reduce_hidden_to_energy.linear.weight"), "reduce_hidden"),
    "code": (lambda h: h["config"].update({"more": Code()}), "system"),
}


def compare(cartan, path, config, title, rng, seed, precision):
    save(config, path + ".pth", seed)
    made = run(cartan, "potential", "import", path + ".pth", "--out", path + ".h5", "--force")
    if made.returncode:
        print(f"{title:90} FAILED: {made.stderr.strip()}")
        return True
    reference = labelled(load(path + ".pth"), config[KEY.CUTOFF], frames(rng))
    write(path + ".xyz", reference)
    found = run(cartan, "potential", "eval", path + ".h5", path + ".xyz", "--out", path + ".out.h5", "--precision",
                precision, "--force", "--json")
    if found.returncode:
        print(f"{title:90} FAILED: {found.stderr.strip()}")
        return True
    e = json.loads(found.stdout)
    largest = lambda key: max(np.abs(a.calc.results[key]).max() for a in reference if key in a.calc.results)
    errors = (e["energy_rmse_ev"] / largest("energy"), e["forces_rmse_ev_per_ang"] / largest("forces"),
              e["stress_rmse_ev_per_ang3"] / largest("stress"))
    bad = not all(x < TOLERANCE[precision] for x in errors)  # max() passes NaN over
    print(f"{title:90}" + "".join(f"{x:10.1e}" for x in errors) + ("   TOO LARGE" if bad else ""), flush=True)
    return bad


def refusals(cartan, path, seed):
    config = draw(np.random.default_rng(0))[0]
    config.update(chemical_species_preprocess(SYMBOLS[:3]))
    config.update({
        KEY.IRREPS_MANUAL: False, KEY.NUM_CONVOLUTION: 2, KEY.NODE_FEATURE_MULTIPLICITY: 4, KEY.LMAX: 2, KEY.LMAX_EDGE: -1,
        KEY.LMAX_NODE: -1, KEY.CONV_DENOMINATOR: 3.0, KEY.RADIAL_BASIS: {KEY.RADIAL_BASIS_NAME: "bessel"},
        KEY.SHIFT: [-1.0, -2.0, -3.0], KEY.SCALE: 1.5, KEY.IS_PARITY: False, KEY.SELF_CONNECTION_TYPE: "linear"})
    save(config, path + ".pth", seed)
    failed = 0

    def check(title, file, word):
        found = run(cartan, "potential", "import", file, "--out", path + ".h5", "--force")
        good = found.returncode == 3 and word in found.stderr and os.path.basename(file) in found.stderr
        print(f"{title:30} {'refused' if good else f'NOT REFUSED ({found.returncode})'}: {found.stderr.strip()}")
        return not good

    for title, (change, word) in REFUSED.items():
        changed(path + ".pth", path + ".bad.pth", change)
        failed += check(title, path + ".bad.pth", word)
    whole = open(path + ".pth", "rb").read()
    for part in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        open(path + ".bad.pth", "wb").write(whole[:part])
        failed += check(f"the first {part} bytes", path + ".bad.pth", "")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cartan")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--precision", choices=TOLERANCE, default="float64")
    given = parser.parse_args()
    print(f"sevenn {sevenn.__version__}, torch {torch.__version__}: energy, forces, stress of the largest")
    with tempfile.TemporaryDirectory() as folder:
        path, failed = os.path.join(folder, "x"), 0
        for seed in range(given.seed, given.seed + given.count):
            rng = np.random.default_rng(seed)
            config, title = draw(rng)
            failed += compare(given.cartan, path, config, f"{seed}: {title}", rng, seed, given.precision)
        failed += refusals(given.cartan, path, given.seed)
    print(f"{failed} failures")
    return min(1, failed)


if __name__ == "__main__":
    sys.exit(main())
