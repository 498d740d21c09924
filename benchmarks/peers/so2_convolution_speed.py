#!/usr/bin/env python3
"""Times of fairchem's SO(2) convolution (eSCN, EquiformerV2, UMA) on the CPU, the work of so2_convolution_bench.

Needs torch and fairchem-core (`pip install --no-deps fairchem-core`); its own modules are used: the quaternion
Wigner matrices of UMA or, with --euler, the J matrices of eSCN; SO2_Convolution; the steps of its `general` backend
(gather, bmm, convolution, bmm, index_add), for features of the sender alone. 1000 nodes, float32, with radial
factors; weights are frozen, as in a simulation.

    so2_convolution_speed.py [--threads 1] [--repeats 5] [--edges 20000] [--sizes 2,2 4,2 6,2 6,6 8,2]

Prints, in ms, the least and the median wall time and the least CPU time of the forward pass and of forward and
backward by features and edge vectors. `wigner` is the part that a model of several layers does once.
"""
import argparse
import importlib.util
import os
import statistics
import sys
import time
import types

import torch


def without_init(package):
    """fairchem's modules, not the __init__ of its packages, which want many more packages."""
    root = list(importlib.util.find_spec("fairchem").submodule_search_locations)[0]
    for name in ["core", "core.models", "core.models.uma", "core.models.uma.nn", "core.models.uma.common",
                 "core.models.uma.common.quaternion"]:
        module = types.ModuleType("fairchem." + name)
        module.__path__ = [os.path.join(root, *name.split("."))]
        sys.modules["fairchem." + name] = module
    return importlib.import_module("fairchem.core.models.uma." + package)


import importlib

so2 = without_init("nn.so2_layers")
so3 = importlib.import_module("fairchem.core.models.uma.common.so3")
rotation = importlib.import_module("fairchem.core.models.uma.common.rotation")
quaternion = importlib.import_module("fairchem.core.models.uma.common.quaternion.quaternion_wigner_utils")
hybrid = importlib.import_module("fairchem.core.models.uma.common.quaternion.wigner_d_hybrid")


class Convolution:
    def __init__(self, lmax, mmax, channels, edges, nodes, euler):
        torch.manual_seed(1)
        self.lmax, self.euler, self.nodes = lmax, euler, nodes
        self.mapping = so3.CoefficientMapping(lmax, mmax)
        self.index = None if lmax == mmax else so3.CoefficientMapping(lmax, lmax).coefficient_idx(lmax, mmax)
        self.convolution = so2.SO2_Convolution(channels, channels, lmax, mmax, self.mapping).requires_grad_(False)
        self.jd = torch.load(os.path.join(os.path.dirname(so3.__file__), "..", "Jd.pt"))
        self.wigner_data = quaternion.create_wigner_data_module(lmax=lmax, lmin=5)
        self.x = torch.randn(nodes, (lmax + 1) ** 2, channels)
        self.vectors = torch.randn(edges, 3)
        self.sender = torch.randint(nodes, (edges,))
        self.receiver = torch.arange(edges) * nodes // edges
        self.radial = torch.rand(edges, sum(self.convolution.edge_split_sizes)) * 2 - 1

    def wigner(self, vectors):
        if self.euler:
            angles = rotation.init_edge_rot_euler_angles(vectors)
            d = rotation.eulers_to_wigner(angles, 0, self.lmax, self.jd)
            inverse = d.transpose(1, 2).contiguous()
        else:
            data = self.wigner_data
            d, inverse = hybrid.axis_angle_wigner_hybrid(
                vectors, self.lmax, coeffs=data.coeffs, U_blocks=data.U_blocks, custom_kernels=data.custom_kernels)
        if self.index is not None:
            d, inverse = d.index_select(1, self.index), inverse.index_select(2, self.index)
        to_m = self.mapping.to_m
        return torch.einsum("mk,nkj->nmj", to_m, d), torch.einsum("njk,mk->njm", inverse, to_m)

    def forward(self, x, d, inverse):
        message = torch.bmm(d, x[self.sender])
        message = torch.bmm(inverse, self.convolution(message, self.radial))
        return torch.zeros_like(x).index_add_(0, self.receiver, message)

    def forces(self):
        x, vectors = self.x.clone().requires_grad_(), self.vectors.clone().requires_grad_()
        y = self.forward(x, *self.wigner(vectors))
        return torch.autograd.grad(y, [x, vectors], y.detach())


def times(f, repeats):
    wall, cpu = [], []
    for _ in range(repeats + 1):
        w, c = time.perf_counter(), time.process_time()
        f()
        wall.append(time.perf_counter() - w)
        cpu.append(time.process_time() - c)
    return "%8.0f %8.0f %8.0f" % (1e3 * min(wall[1:]), 1e3 * statistics.median(wall[1:]), 1e3 * min(cpu[1:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--edges", type=int, default=20000)
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--sizes", nargs="*", default=["2,2", "4,2", "6,2", "6,6", "8,2"])
    parser.add_argument("--euler", action="store_true")
    parser.add_argument("--no-forces", action="store_true")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    print("torch", torch.__version__, "threads", a.threads, "  least wall, median wall, least cpu (ms)")
    for size in a.sizes:
        lmax, mmax = map(int, size.split(","))
        c = Convolution(lmax, mmax, a.channels, a.edges, 1000, a.euler)
        with torch.no_grad():
            print(size, "wigner ", times(lambda: c.wigner(c.vectors), a.repeats), flush=True)
            print(size, "forward", times(lambda: c.forward(c.x, *c.wigner(c.vectors)), a.repeats), flush=True)
        if not a.no_forces:
            print(size, "forces ", times(c.forces, a.repeats), flush=True)


if __name__ == "__main__":
    main()
