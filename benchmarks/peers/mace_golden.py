"""Golden values of tests/potentials/import_mace_test.cpp, by mace-torch: models whose weights are a formula.

    pip install mace-torch cuequivariance h5py ase
    python mace_golden.py
"""

import ase
import torch

from check_mace import DENSITY, DENSITY_RESIDUAL, PLAIN, RESIDUAL, labelled, make

SMALL = dict(numbers=[1, 6, 8], r_max=3.0, num_bessel=3, num_polynomial_cutoff=5, max_ell=2, hidden="2x0e+2x1o", correlation=2,
             radial_MLP=[3], MLP_irreps="3x0e", avg_num_neighbors=2.0, first=RESIDUAL, other=RESIDUAL)
MODELS = {
    "above": dict(hidden="2x0e+2x1o+2x2e", max_ell=1, correlation=[3, 2]),
    "one": dict(num_bessel=1, num_polynomial_cutoff=1, radial_MLP=[], gate=torch.tanh),
    "plain": dict(first=RESIDUAL, other=PLAIN, gate=torch.abs, num_interactions=3),
    "density": dict(first=DENSITY, other=RESIDUAL),
    "later": dict(first=PLAIN, other=DENSITY_RESIDUAL),
    "some": dict(hidden="2x0e+2x2e"),
    "pseudo": dict(hidden="2x0e+2x0o+2x1o+2x1e", max_ell=1, correlation=3, num_interactions=3),
    "rotations": dict(use_so3=True, hidden="2x0e+2x1e", num_interactions=3),
    "four": dict(max_ell=1, correlation=4),
    "vectors": dict(keep_last_layer_irreps=True),
    "soft": dict(distance_transform="Soft", numbers=[1, 8, 55]),
}


def filled(options):
    """With weights 2 sin(0.1 k^2 + the length of the name), k = 1, 2, ..."""
    model = make(**{**SMALL, **options})
    with torch.no_grad():
        for name, w in model.named_parameters():
            k = torch.arange(1, w.numel() + 1, dtype=torch.float64)
            w.copy_((2 * torch.sin(0.1 * k**2 + len(name))).reshape(w.shape))
    return model


if __name__ == "__main__":
    for name, options in MODELS.items():
        last = options.get("numbers", SMALL["numbers"])[-1]
        atoms = ase.Atoms([last, 1, 1, 8 if last == 55 else 6], [[0, 0, 0], [0.1, 1.2, 0.3], [-0.2, 0.4, -1.3], [1.4, -0.5, 0.6]])
        if last == 55:
            atoms.positions[1:] *= 1.5
        values = labelled(filled(options), [atoms], ["Default"])[0].calc.results
        print(f'{{"{name}", {values["energy"]!r}, {{{", ".join(repr(float(x)) for x in values["forces"][0])}}}}},')
