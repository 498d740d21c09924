#!/usr/bin/env python3
"""Makes so2_convolution_golden.txt: fairchem's SO2_Convolution between rotations by its Wigner matrices, float64.

Every input is a formula: element k of array number s is sin(0.7 k + s); arrays are 1 features (nodes, (lmax + 1)^2,
channels), 2 vectors (edges, 3), 3 radial factors, 4 + m the matrix of order m. Edge e goes from node (2 e) mod 3 to
node e mod 3. Blocks of the file: `# lmax mmax channels`, then the result (nodes, (lmax + 1)^2, channels).
"""
import os
import sys

import torch

sys.argv = sys.argv[:1]
from so2_convolution_speed import Convolution

torch.set_default_dtype(torch.float64)


def values(shape, number):
    n = int(torch.tensor(shape).prod())
    return torch.sin(0.7 * torch.arange(n) + number).reshape(shape)


lines = ["fairchem-core 2.24.0, torch " + torch.__version__]
for lmax, mmax in [(2, 2), (3, 1), (4, 3)]:
    channels, nodes, edges = 2, 3, 7
    c = Convolution(lmax, mmax, channels, edges, nodes, euler=True)
    c.jd = [j.double() for j in c.jd]
    so2 = c.convolution.double()
    c.mapping.double()
    c.x, c.vectors = values((nodes, (lmax + 1) ** 2, channels), 1), values((edges, 3), 2)
    c.radial = values(c.radial.shape, 3)
    c.sender, c.receiver = 2 * torch.arange(edges) % nodes, torch.arange(edges) % nodes
    so2.fc_m0.bias.data.zero_()
    for m, layer in enumerate([so2.fc_m0] + [conv.fc for conv in so2.so2_m_conv]):
        layer.weight.data = values(layer.weight.shape, 4 + m)
    y = c.forward(c.x, *c.wigner(c.vectors)).flatten()
    lines += ["# %d %d %d" % (lmax, mmax, channels)] + ["%.15e" % v for v in y.tolist()]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "so2_convolution_golden.txt"), "w") as f:
    f.write("\n".join(lines) + "\n")
