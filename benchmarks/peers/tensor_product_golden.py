"""Makes tests/golden/e3nn_tensor_products.h5: tensor products of e3nn in every mode and normalisation, float64.

    python tensor_product_golden.py ../../tests/golden/e3nn_tensor_products.h5
"""

import sys

import h5py
import torch
from e3nn import o3

torch.set_default_dtype(torch.float64)

# name: in1, in2, out, instructions (i1, i2, o, mode, weight, path weight), options
MIXED = (
    "4x0e+3x1o+2x2e",
    "3x1o+4x0o+2x1e",
    "4x1o+3x0e+5x1e+6x2o+4x0o+1x2e",
    [
        (0, 0, 0, "uvu", True, 1.0),
        (1, 0, 1, "uuu", True, 1.0),
        (1, 0, 1, "uvv", True, 2.0),
        (1, 0, 2, "uvw", True, 1.0),
        (1, 0, 5, "uuw", True, 0.5),
        (1, 0, 5, "uuw", False, 1.0),
        (2, 2, 2, "uvw", True, 3.0),
        (2, 0, 3, "uvuv", True, 1.0),
        (1, 2, 3, "uvuv", False, 1.0),
        (0, 1, 4, "uuu", False, 1.0),
        (0, 1, 4, "uvu", False, 1.0),
        (1, 2, 0, "uvw", True, 1.0),
    ],
)
VARIANCE = dict(in1_var=[1.0, 2.0, 0.5], in2_var=[1.0, 3.0, 0.25], out_var=[1.0, 2.0, 1.0, 0.5, 1.0, 4.0])
N = 2


def record(file, name, tp, options):
    g = file.create_group(name)
    g.attrs["irreps_in1"], g.attrs["irreps_in2"] = str(tp.irreps_in1), str(tp.irreps_in2)
    g.attrs["irreps_out"] = str(tp.irreps_out)
    for key, value in options.items():
        g.attrs[key] = value
    g.attrs["coefficients"] = [float(i.path_weight) for i in tp.instructions]
    x1, x2 = (torch.randn(N, d, requires_grad=True) for d in (tp.irreps_in1.dim, tp.irreps_in2.dim))
    w = torch.randn(N, tp.weight_numel, requires_grad=True)
    out = tp(x1, x2, w) if tp.weight_numel else tp(x1, x2)
    c = torch.randn_like(out)
    arrays = dict(x1=x1, x2=x2, w=w, out=out, c=c)
    inputs = [x1, x2] + ([w] if tp.weight_numel else [])
    for key, value in zip(("gx1", "gx2", "gw"), torch.autograd.grad(out, inputs, c)):
        arrays[key] = value
    for key, value in arrays.items():
        g[key] = value.detach().numpy()


def main():
    torch.manual_seed(7)
    with h5py.File(sys.argv[1], "w") as file:
        in1, in2, out, instructions = MIXED
        for irrep in ("component", "norm", "none"):
            for path in ("element", "path", "none"):
                for variances in ({}, VARIANCE):
                    tp = o3.TensorProduct(
                        in1, in2, out, instructions, irrep_normalization=irrep, path_normalization=path,
                        shared_weights=False, internal_weights=False, **variances,
                    )
                    name = f"mixed/{irrep}_{path}" + ("_variances" if variances else "")
                    record(file, name, tp, dict(irrep=irrep, path=path, variances=int(bool(variances))))
        file["mixed"].attrs["instructions"] = ["{} {} {} {} {:d} {}".format(*i) for i in instructions]
        record(file, "full", o3.FullTensorProduct("2x0e+1x1o+3x1e", "1x0o+2x1o+1x2e"), {})
        record(file, "elementwise", o3.ElementwiseTensorProduct("5x1o+3x1e+1x0e", "4x1e+5x0o"), {})


main()
