"""Writes the arrays of a MACE model (mace-torch) as plain HDF5, for `cartan potential import`.

    pip install mace-torch h5py
    python export_mace.py MODEL.model OUT.h5

A .model file is a pickled module: loading it runs code, so export only files that you trust. What is written:
attributes with the arguments of the constructor that no array tells (class, hidden_irreps, interaction classes,
avg_num_neighbors, ...), and the group weights with every array of the state dict under its name. Parts that Cartan
has no network for are written as they are; the import refuses them by name. check_mace.py compares both programs.
"""

import sys

import h5py
import numpy as np
import torch


def scalar(x):
    return x.item() if hasattr(x, "item") else x


def name_of(module):
    return "None" if module is None else type(module).__name__


def gate_of(readout):
    """The function of the last readout; None where it is linear."""
    activation = getattr(readout, "non_linearity", None)
    if activation is None:
        return "None"
    inner = activation.acts[0]
    return getattr(inner.f, "__name__", type(inner.f).__name__) if hasattr(inner, "f") else name_of(inner)


def the_one(values, what):
    """Of layers that must agree."""
    found = sorted(set(values))
    if len(found) != 1:
        sys.exit(f"{what} of the layers differ, which Cartan does not read: {', '.join(map(str, found))}")
    return found[0]


def hidden_sizes(interaction):
    """Of the radial network, whose arrays are layer0, layer1, ..."""
    state = interaction.state_dict()
    names = [f"conv_tp_weights.layer{k}.weight" for k in range(len(state))]
    return [state[name].shape[1] for name in names if name in state][:-1]


def config_of(model):
    first, last = model.interactions[0], model.interactions[-1]
    products, readouts = list(model.products), list(model.readouts)
    if not readouts:
        sys.exit("the model has no readout: its energies do not depend on positions")
    radial, orders = model.radial_embedding, []
    for product in products:
        contractions = product.symmetric_contractions
        if not hasattr(contractions, "contractions"):
            sys.exit("the products are cuequivariance's; turn the model back first: mace_convert_cueq_e3nn")
        one = next(contractions.contractions.children())
        if not hasattr(one, "correlation"):
            sys.exit("the model was prepared for torch.compile, which keeps no arguments; export the one it was made of")
        orders.append(int(one.correlation))
    heads = [str(h) for h in getattr(model, "heads", None) or ["Default"]]
    mlp = getattr(readouts[-1], "hidden_irreps", None)
    # The last readout lists the hidden units of all heads.
    width = "1x0e" if mlp is None else f"{mlp.count('0e') // len(heads)}x0e" if mlp.dim == mlp.count("0e") else str(mlp)
    parity = [ir.p == (-1) ** ir.l for _, ir in model.spherical_harmonics.irreps_out]
    return {
        "program": "mace-torch",
        "class": type(model).__name__,
        "hidden_irreps": str(products[0].linear.irreps_out),
        "last_irreps": str(products[-1].linear.irreps_out),
        "edge_irreps": str(last.linear_up.irreps_out),
        "max_ell": int(model.spherical_harmonics.irreps_out.lmax),
        "use_so3": int(not all(parity)),
        "correlation": orders[0],
        "correlations": orders,
        "num_interactions": int(scalar(model.num_interactions)),
        "interaction_first": type(first).__name__,
        "interaction": the_one([type(i).__name__ for i in model.interactions][min(1, len(model.interactions) - 1):], "interactions"),
        "r_max": float(scalar(model.r_max)),
        "radial_type": name_of(radial.bessel_fn),
        "num_bessel": int(radial.out_dim),
        "num_polynomial_cutoff": int(scalar(radial.cutoff_fn.p)),
        "apply_cutoff": int(getattr(radial, "apply_cutoff", True)),
        "radial_MLP": np.array(hidden_sizes(first), dtype=np.int64),
        "MLP_irreps": width,
        "readouts": [name_of(r) for r in readouts],
        "gate": gate_of(readouts[-1]),
        "avg_num_neighbors": the_one([float(scalar(i.avg_num_neighbors)) for i in model.interactions], "avg_num_neighbors"),
        "pair_repulsion": int(hasattr(model, "pair_repulsion_fn")),
        "distance_transform": name_of(getattr(radial, "distance_transform", None)).replace("Transform", ""),
        "heads": heads,
    }


def export(model, out):
    if any("lora_" in name for name in model.state_dict()):
        from mace.modules.lora import merge_lora_weights
        model = merge_lora_weights(model, inplace=False)
    config = config_of(model)
    state = {name: tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items()}
    with h5py.File(out, "w") as f:
        for key, value in config.items():
            f.attrs[key] = value
        group = f.create_group("weights")
        for name, array in state.items():
            group[name] = array if array.dtype != bool else array.astype(np.uint8)
    return config


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    found = torch.load(sys.argv[1], map_location="cpu", weights_only=False)
    print(f"{sys.argv[2]}: {export(found, sys.argv[2])['class']}, {len(found.state_dict())} arrays")
