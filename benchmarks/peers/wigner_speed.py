#!/usr/bin/env python3
"""Times of Wigner matrices D_0 .. D_lmax of 100 000 rotations in other programs, the work of wigner_bench, float32.

  j       Z(alpha) J Z(beta) J Z(gamma): e3nn 0.4's route, which eSCN, EquiformerV2 and MACE use, in torch; J from
          e3nn 0.4.4's constants (fairchem ships the same as Jd.pt, read from there; up to l = 11)
  e3nn    e3nn.o3.wigner_D of the installed e3nn (0.6: matrix_exp)
  hybrid  fairchem's polynomials in the quaternion (UMA)
  spherical  the package of this name: recurrences, complex float64, values alone, one thread

    wigner_speed.py [--threads 1] [--repeats 3] [--samples 100000] [--lmax 2 4 6 8 11]

Needs torch, e3nn, fairchem-core, spherical. Prints least wall, median wall and least CPU time in ms of the values and of the
values with the derivative by the angles (j, e3nn) or the edge vectors (hybrid).
"""
import argparse
import os

import torch
from e3nn import o3

from so2_convolution_speed import hybrid, quaternion, rotation, so3, times

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--repeats", type=int, default=3)
parser.add_argument("--samples", type=int, default=100000)
parser.add_argument("--lmax", type=int, nargs="*", default=[2, 4, 6, 8, 11])
parser.add_argument("--methods", nargs="*", default=["j", "e3nn", "hybrid"])
a = parser.parse_args()
torch.set_num_threads(a.threads)
torch.manual_seed(1)
jd = [j.float() for j in torch.load(os.path.join(os.path.dirname(so3.__file__), "..", "Jd.pt"))]
angles = tuple(3 * torch.rand(a.samples) for _ in range(3))
vectors = torch.randn(a.samples, 3)
rotations = (torch.nn.functional.normalize(torch.randn(a.samples, 4)),)
if "spherical" in a.methods:
    import quaternionic
    from spherical import Wigner as spherical_wigner


def make(method, lmax):
    if method == "j":
        return angles, lambda *t: [rotation.wigner_D(l, *t, jd) for l in range(lmax + 1)]
    if method == "e3nn":
        return angles, lambda *t: [o3.wigner_D(l, *t) for l in range(lmax + 1)]
    if method == "spherical":
        wigner = spherical_wigner(lmax)
        return rotations, lambda *r: [wigner.D(quaternionic.array(r[0].double().numpy()))]
    data = quaternion.create_wigner_data_module(lmax=lmax, lmin=5)
    return (vectors,), lambda v: [
        hybrid.axis_angle_wigner_hybrid(v, lmax, coeffs=data.coeffs, U_blocks=data.U_blocks,
                                        custom_kernels=data.custom_kernels)[0]]


print("torch", torch.__version__, "threads", a.threads, "  least wall, median wall, least cpu (ms)")
for lmax in a.lmax:
    for method in a.methods:
        try:
            inputs, f = make(method, lmax)
        except Exception as e:
            print(lmax, method, type(e).__name__, str(e)[:80], flush=True)
            continue

        def backward():
            t = [x.clone().requires_grad_() for x in inputs]
            y = f(*t)
            return torch.autograd.grad(y, t, [v.detach() for v in y], allow_unused=True)

        try:
            with torch.no_grad():
                print(lmax, method, "values", times(lambda: f(*inputs), a.repeats), flush=True)
            if method != "spherical":
                print(lmax, method, "vjp   ", times(backward, a.repeats), flush=True)
        except Exception as e:
            print(lmax, method, type(e).__name__, str(e)[:80], flush=True)
