"""Writes the arrays of a MACE model (mace-torch) as plain HDF5, for `cartan potential import`.

    pip install mace-torch h5py
    python export_mace.py MODEL.model OUT.h5

A .model file is a pickled module: loading it runs code, so export only files that you trust. What is written:
attributes with the arguments of the constructor that no array tells (class, hidden_irreps, interaction classes,
avg_num_neighbors, ...), and the group weights with every array of the state dict under its name.
"""

import sys

import h5py
import numpy as np
import torch


def scalar(x):
    return x.item() if hasattr(x, "item") else x


def main(path, out):
    model = torch.load(path, map_location="cpu", weights_only=False)
    first, products = model.interactions[0], model.products
    state = {name: tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items()}
    contraction = products[0].symmetric_contractions.contractions[0]
    bessel, cutoff = model.radial_embedding.bessel_fn, model.radial_embedding.cutoff_fn
    transform = getattr(model.radial_embedding, "distance_transform", None)
    distance = "None" if transform is None else type(transform).__name__.replace("Transform", "")
    mlp = model.readouts[-1]
    config = {
        "program": "mace-torch",
        "class": type(model).__name__,
        "hidden_irreps": str(products[0].linear.irreps_out) if len(products) > 1 else str(products[-1].linear.irreps_out),
        "max_ell": int(model.spherical_harmonics.irreps_out.lmax),
        "correlation": int(contraction.correlation),
        "num_interactions": int(scalar(model.num_interactions)),
        "interaction_first": type(first).__name__,
        "interaction": type(model.interactions[-1]).__name__,
        "r_max": float(scalar(model.r_max)),
        "num_bessel": int(bessel.bessel_weights.numel()),
        "num_polynomial_cutoff": int(scalar(cutoff.p)),
        "radial_MLP": [int(h) for h in first.conv_tp_weights.hs[1:-1]],
        "MLP_irreps": str(mlp.hidden_irreps),
        "gate": "silu",
        "avg_num_neighbors": float(scalar(first.avg_num_neighbors)),
        "pair_repulsion": int(hasattr(model, "pair_repulsion_fn")),
        "distance_transform": distance,
        "heads": [str(h) for h in getattr(model, "heads", None) or ["Default"]],
    }
    heads = len(config["heads"])
    # The last readout lists the hidden units of all heads.
    irreps = config["MLP_irreps"]
    config["MLP_irreps"] = f"{int(irreps.split('x')[0]) // heads}x0e" if heads > 1 else irreps

    with h5py.File(out, "w") as f:
        for key, value in config.items():
            f.attrs[key] = value
        group = f.create_group("weights")
        for name, array in state.items():
            group[name] = array if array.dtype != bool else array.astype(np.uint8)
    print(f"{out}: {config['class']}, {config['hidden_irreps']}, {len(state)} arrays")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
