"""Random MACE models (mace-torch) and structures for check_mace.py."""

import ase
import numpy as np
import torch
from ase.data import covalent_radii

BLOCKS = ["RealAgnosticResidualInteractionBlock", "RealAgnosticInteractionBlock",
          "RealAgnosticDensityResidualInteractionBlock", "RealAgnosticDensityInteractionBlock"]
GATES = [torch.nn.functional.silu, torch.nn.functional.silu, torch.nn.functional.silu, None, torch.tanh, torch.abs]


def hidden_irreps(pick, channels):
    """All degrees up to 3, some of them, or pseudotensors too; the first term is 0e, from which mace-torch takes its scalars."""
    some = pick("1o", "1o", "2e", "3o", "1o 2e", "1o 2e", "2e 3o", "1o 3o", "1o 2e 3o", "", "", "1e", "0o 1o 1e", "2e 1o", "1o 2o")
    return "+".join(f"{channels}x{ir}" for ir in ["0e", *some.split()])


def draw(rng, reduced):
    """Arguments for check_mace.make, and what they are. `reduced`: cuequivariance is there, and with it every coupling."""
    pick = lambda *values: values[rng.integers(len(values))]
    channels = int(pick(1, 2, 3, 4, 6, 8, 16))
    hidden, layers = hidden_irreps(pick, channels), int(pick(1, 2, 2, 2, 3, 4))
    pseudo = "0o" in hidden  # twice as many messages
    max_ell = int(pick(1, 2)) if pseudo else int(pick(1, 2, 2, 3, 3, 4))
    use_reduced = bool(pick(True, False)) and reduced
    # e3nn has 3j symbols up to 11; mace-torch takes minutes for what is larger than this.
    most = {1: 4, 2: 2 if pseudo else 4, 3: 3, 4: 3 if use_reduced else 2}[max_ell]
    order = lambda: int(rng.integers(1, most + 1))
    correlation = order() if pick(True, False) else [order() for _ in range(layers)]
    kinds = int(pick(1, 2, 3, 3, 5, 10))
    numbers = [int(z) for z in sorted(rng.choice(np.arange(1, pick(10, 36, 96, 104)), kinds, replace=False))] if kinds < 10 else \
        [int(z) for z in sorted(rng.choice(np.arange(1, 104), 10, replace=False))]
    heads = pick(None, None, None, ["pbe", "r2scan"], ["a", "b", "c"])
    cutoff = float(pick(3.0, 3.7, 4.5, 5.0, 6.0))
    given = dict(
        hidden=hidden, num_interactions=layers, max_ell=max_ell, correlation=correlation, numbers=numbers, heads=heads,
        r_max=cutoff, num_bessel=int(pick(1, 2, 4, 8, 10)), num_polynomial_cutoff=int(pick(1, 2, 3, 5, 6, 10)),
        first=pick(*BLOCKS), other=pick(*BLOCKS, BLOCKS[0], BLOCKS[2]), distance_transform=pick("None", "None", "Agnesi", "Soft"),
        pair_repulsion=bool(pick(True, False)), apply_cutoff=bool(pick(True, True, False)), gate=pick(*GATES),
        radial_MLP=pick([], [8], [8, 5], [4, 6, 8], [64, 64, 64]), MLP_irreps=pick("1x0e", "7x0e", "16x0e"),
        use_reduced_cg=use_reduced, use_agnostic_product=bool(pick(True, False, False)),
        use_last_readout_only=layers > 1 and bool(pick(True, False, False, False)), scale_shift=bool(pick(True, True, False)),
        avg_num_neighbors=pick(10.0, float(rng.uniform(4, 90))) if np.max(correlation) > 2 else pick(1.0, float(rng.uniform(0.5, 90))), scale=float(rng.uniform(0.2, 3)), shift=float(rng.normal()),
        atomic_energies=-rng.uniform(0, 10 ** rng.uniform(0, 3), (len(heads or [0]), kinds)), seed=int(rng.integers(1 << 30)),
    )
    word = {BLOCKS[0]: "residual", BLOCKS[1]: "plain", BLOCKS[2]: "density residual", BLOCKS[3]: "density"}
    gate = given["gate"]
    words = [hidden, f"max_ell {max_ell}", f"{layers} layers", f"correlation {correlation}", f"{kinds} elements",
             f"{word[given['first']]}/{word[given['other']]}", f"{given['num_bessel']} Bessel", f"p {given['num_polynomial_cutoff']}",
             given["distance_transform"] if given["distance_transform"] != "None" else "", "ZBL" if given["pair_repulsion"] else "",
             "" if given["apply_cutoff"] else "cutoff on weights", f"gate {getattr(gate, '__name__', gate)}" if gate is not GATES[0] else "",
             f"MLP {given['radial_MLP']}", f"{len(heads)} heads" if heads else "", "reduced" if use_reduced else "",
             "agnostic" if given["use_agnostic_product"] else "", "last readout" if given["use_last_readout_only"] else "",
             "" if given["scale_shift"] else "no scale"]
    return given, " ".join(w for w in words if w)


def placed(rng, numbers, count, cell, periodic, apart=0.9):
    """Atoms at random places of a cell, none closer than `apart` times the mean of two radii nor 0.7 A."""
    atoms = ase.Atoms(numbers=rng.choice(numbers, count), positions=np.zeros((count, 3)), cell=cell, pbc=periodic)
    radii = np.where(covalent_radii[atoms.numbers] > 0.25, covalent_radii[atoms.numbers], 1.0)
    least = np.maximum(0.7, apart * (radii[:, None] + radii) / 2)
    for attempt in range(2000):
        atoms.set_scaled_positions(rng.uniform(0, 1, (count, 3)))
        if (atoms.get_all_distances(mic=bool(np.any(periodic))) + 99 * np.eye(count) > least * 0.999**attempt).all():
            break
    return atoms


def frames(rng, numbers, cutoff):
    """Molecules, skewed and small cells, a slab, dimers along the axes, atoms that see no other."""
    one = lambda: rng.choice(numbers, 1)
    skew = np.array([[3.1, 0, 0], [1.4, 2.9, 0], [-1.1, 0.9, 3.2]]) + rng.normal(0, 0.1, (3, 3))
    small = np.diag(rng.uniform(2.2, 2.8, 3)) + rng.normal(0, 0.15, (3, 3))  # smaller than every cutoff
    molecule = placed(rng, numbers, 5, np.eye(3) * 3.5, False)
    many = placed(rng, numbers, max(4, len(numbers)), np.eye(3) * (4 + 0.2 * len(numbers)), False)
    many.numbers[: len(numbers)] = numbers
    slab = placed(rng, numbers, 4, np.array([[3.3, 0.2, 0], [-0.5, 3.6, 0], [0, 0, 3.0]]), [True, True, False])
    slab.set_cell([*slab.cell[:2], [0, 0, 17.0]])
    if rng.integers(2):  # a wire
        slab.pbc = [True, False, False]
    far = ase.Atoms(numbers=[*one(), *one(), *one()], positions=[[0, 0, 0], [1.2, 0.1, 0.2], [8.5, 8, 9]], cell=[17, 16, 18], pbc=True)
    dimers = [ase.Atoms(numbers=[*one(), *one()], positions=[[0, 0, 0], sign * rng.uniform(0.8, min(2.5, cutoff)) * np.eye(3)[k]])
              for k, sign in enumerate(rng.choice([-1, 1], 3))]
    lone = ase.Atoms(numbers=one(), positions=[[1, 2, 3]])
    return [molecule, placed(rng, numbers, 4, skew, True), placed(rng, numbers, 2, small, True), slab, many, far, lone, *dimers]
