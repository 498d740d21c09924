"""Symmetric contraction in MACE (mace-torch): golden values and times.

  python mace_contraction.py golden OUT.h5      makes tests/golden/mace_contraction.h5
  python mace_contraction.py speed [--threads N] [--nodes N] [--channels C]
"""
import argparse, importlib.util, os, sys, time, types

import torch
from e3nn import o3


def contraction_class():
    """mace.modules.symmetric_contraction without the rest of the package, which asks for much more."""
    root = os.path.dirname(importlib.util.find_spec("mace").origin)
    for name in ("mace", "mace.tools", "mace.modules"):
        module = types.ModuleType(name)
        module.__path__ = [os.path.join(root, *name.split(".")[1:])]
        sys.modules[name] = module
    from mace.modules.symmetric_contraction import SymmetricContraction

    return SymmetricContraction


def golden(path):
    import h5py

    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    cls = contraction_class()
    cases = [
        ("medium", 4, "0e+1o+2e", "0e+1o", 3),
        ("large", 2, "0e+1o+2e+3o", "0e+1o+2e", 2),
        ("parity", 3, "0e+0o+1o+1e", "0e+0o+1e", 2),
    ]
    with h5py.File(path, "w") as f:
        for name, channels, ins, outs, correlation in cases:
            irreps_in = o3.Irreps([(channels, ir.ir) for ir in o3.Irreps(ins)])
            irreps_out = o3.Irreps([(channels, ir.ir) for ir in o3.Irreps(outs)])
            elements = 3
            module = cls(irreps_in, irreps_out, correlation, num_elements=elements)
            for p in module.parameters():
                p.data = torch.randn_like(p)
            n = 6
            d = o3.Irreps(ins).dim
            x = torch.randn(n, channels, d)
            species = torch.tensor([0, 2, 1, 0, 2, 2])
            y = module(x, torch.nn.functional.one_hot(species, elements).to(x))
            group = f.create_group(name)
            group.attrs["irreps_in"] = str(irreps_in)
            group.attrs["irreps_out"] = str(irreps_out)
            group.attrs["correlation"] = correlation
            group["x"] = x.transpose(1, 2).reshape(n, -1).numpy()
            group["species"] = species.int().numpy()
            for k, contraction in enumerate(module.contractions):
                weights = {correlation: contraction.weights_max}
                for j, w in enumerate(contraction.weights):
                    weights[correlation - 1 - j] = w
                for nu in range(1, correlation + 1):
                    u = contraction.U_tensors(nu)
                    group.create_dataset(f"u/{k}/{nu}", data=u.numpy(), compression="gzip")
                    group[f"weight/{k}/{nu}"] = weights[nu].detach().numpy()
            # MACE gives (n, channels * (2 l + 1)), m fastest; here m, then channels
            parts, at = [], 0
            for mul, ir in irreps_out:
                block = y[:, at : at + mul * ir.dim].reshape(n, mul, ir.dim)
                parts.append(block.transpose(1, 2).reshape(n, -1))
                at += mul * ir.dim
            group["out"] = torch.cat(parts, 1).detach().numpy()


def speed(args):
    torch.set_num_threads(args.threads)
    torch.set_default_dtype(torch.float32)
    torch.manual_seed(0)
    cls = contraction_class()
    for outs in ("0e", "0e+1o"):
        irreps_in = o3.Irreps([(args.channels, (l, (-1) ** l)) for l in range(args.lmax + 1)])
        irreps_out = o3.Irreps([(args.channels, ir.ir) for ir in o3.Irreps(outs)])
        module = cls(irreps_in, irreps_out, 3, num_elements=10)
        x = torch.randn(args.nodes, args.channels, (args.lmax + 1) ** 2, requires_grad=True)
        y = torch.nn.functional.one_hot(torch.arange(args.nodes) % 10, 10).float()
        forward, backward = [], []
        for _ in range(args.repetitions + 1):
            a = time.process_time()
            out = module(x, y)
            b = time.process_time()
            out.sum().backward()
            forward.append(b - a)
            backward.append(time.process_time() - a)
        least = lambda t: 1e3 * min(t[1:])
        print(f"out {outs}, {args.nodes} nodes, {args.channels} channels, lmax {args.lmax}, {args.threads} threads: "
              f"least CPU time forward {least(forward):.1f} ms, with backward {least(backward):.1f} ms")


if __name__ == "__main__":
    if sys.argv[1] == "golden":
        golden(sys.argv[2])
    else:
        parser = argparse.ArgumentParser()
        parser.add_argument("verb")
        parser.add_argument("--threads", type=int, default=1)
        parser.add_argument("--nodes", type=int, default=1000)
        parser.add_argument("--channels", type=int, default=128)
        parser.add_argument("--lmax", type=int, default=3)
        parser.add_argument("--repetitions", type=int, default=5)
        speed(parser.parse_args())
