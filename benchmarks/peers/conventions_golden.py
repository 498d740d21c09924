"""Makes tests/golden/conventions.h5 from sphericart, cuequivariance and fairchem-core.

  pip install sphericart cuequivariance; pip install --no-deps fairchem-core; python conventions_golden.py OUT.h5
"""
import importlib.util, sys

import cuequivariance as cue
import h5py
import numpy as np
import sphericart


def fairchem_mapping(lmax, mmax):
    """Degree and order of the coefficients in fairchem's m-major order."""
    root = importlib.util.find_spec("fairchem").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("so3", f"{root}/core/models/uma/common/so3.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    mapping = module.CoefficientMapping(lmax, mmax)
    place = mapping.to_m.argmax(dim=1)
    return np.stack([mapping.l_harmonic[place].numpy(), mapping.m_complex[place].numpy()], 1).astype(np.int32)


with h5py.File(sys.argv[1], "w") as f:
    points = np.random.default_rng(0).normal(size=(7, 3))
    f["sphericart/points"] = points
    f["sphericart/values"] = sphericart.SphericalHarmonics(6).compute(points)
    for l1, l2, l3 in [(0, 2, 2), (1, 1, 1), (1, 1, 2), (2, 1, 2), (2, 3, 4), (3, 3, 2), (3, 2, 2)]:
        f[f"cuequivariance/cg/{l1}_{l2}_{l3}"] = cue.SO3.clebsch_gordan(cue.SO3(l1), cue.SO3(l2), cue.SO3(l3))[0]
    irreps = cue.Irreps("O3", "2x0o+3x0e+1e+4x1o+2o+2x2e+1o+3e")
    ordered = irreps.sort()
    f["cuequivariance"].attrs["irreps"] = "2x0o+3x0e+1x1e+4x1o+1x2o+2x2e+1x1o+1x3e"
    f["cuequivariance"].attrs["sorted"] = "+".join(f"{mul}x{ir}" for mul, ir in ordered.irreps)
    for lmax, mmax in [(2, 2), (4, 2), (3, 0), (6, 5)]:
        f[f"fairchem/{lmax}_{mmax}"] = fairchem_mapping(lmax, mmax)
