"""Shared pieces of the peer scripts: torchmd-net's own TensorNet, built with chosen weights.

Two code paths of torchmd-net can be chosen with `path`:
  "torch"  the pure PyTorch operators in torchmdnet/models/tensornet.py
  "warp"   the package's default, its Warp kernels (on the CPU Warp runs them on one thread)
Both use the package's layers, read-out and force code unchanged.  The neighbour list is either the
package's (Warp, minimum image) or `ExplicitPairs`, plain PyTorch with any number of periodic images.
"""
import itertools
import math
import warnings

import torch

warnings.filterwarnings("ignore")
import warp as wp  # noqa: E402

wp.config.log_level = 30
from torchmdnet.models import tensornet as tn  # noqa: E402
from torchmdnet.models.model import create_model  # noqa: E402

_FAST = {k: getattr(tn, k) for k in ("compose_tensor", "decompose_tensor", "tensor_matmul_o3", "tensor_matmul_so3")}
_PLAIN = {
    "compose_tensor": tn._compose_tensor,
    "decompose_tensor": tn._decompose_tensor,
    "tensor_matmul_o3": tn._tensor_matmul_o3,
    "tensor_matmul_so3": tn._tensor_matmul_so3,
}


def select_path(path):
    """Choose the operators that models built (and run) from here on use; one path at a time."""
    tn.OPT = path == "warp"
    for name, fn in (_FAST if path == "warp" else _PLAIN).items():
        setattr(tn, name, fn)


class ExplicitPairs(torch.nn.Module):
    """All directed pairs with |x_i - x_j - n h| < cutoff (every image n), and one self edge an atom."""

    def __init__(self, cutoff, lower=0.0):
        super().__init__()
        self.cutoff, self.lower = cutoff, lower

    def forward(self, pos, batch, box=None):
        n = pos.shape[0]
        dev = pos.device
        if box is None:
            shifts = torch.zeros(1, 3, dtype=pos.dtype, device=dev)
        else:
            h = box.detach().to(torch.float64)
            height = 1.0 / torch.linalg.inv(h).norm(dim=0)  # distance between the faces
            # atoms need not be wrapped: cover the spread of fractional coordinates as well
            frac = pos.detach().to(torch.float64) @ torch.linalg.inv(h)
            spread = frac.max(0).values - frac.min(0).values
            reach = [int(math.ceil(self.cutoff / float(height[k]) + float(spread[k]))) for k in range(3)]
            cells = list(itertools.product(*[range(-r, r + 1) for r in reach]))
            shifts = torch.tensor(cells, dtype=pos.dtype, device=dev)
        shift_vec = shifts @ box.to(pos.dtype) if box is not None else shifts
        with torch.no_grad():
            d = pos[:, None, None, :] - pos[None, :, None, :] - shift_vec[None, None]
            d2 = (d * d).sum(-1)
            ok = (d2 < self.cutoff**2) & (d2 >= self.lower**2) & (batch[:, None] == batch[None, :])[..., None]
            ok &= ~(torch.eye(n, dtype=torch.bool, device=dev)[..., None] & (shifts == 0).all(-1))
            i, j, s = ok.nonzero(as_tuple=True)
        vec = pos[i] - pos[j] - shift_vec[s]
        dist = vec.norm(dim=-1)
        # the package divides by d only where i != j; an atom's edge to its own image must be a unit vector too
        vec = torch.where((i == j)[:, None], vec / dist[:, None], vec)
        self.cross_image = int((shifts[s] != 0).any(-1).sum())
        own = torch.arange(n, device=dev)
        edge_index = torch.stack((torch.cat((i, own)), torch.cat((j, own))))
        zeros = torch.zeros(n, dtype=pos.dtype, device=dev)
        return edge_index, torch.cat((dist, zeros)), torch.cat((vec, zeros[:, None].expand(n, 3)))


def build(
    features=128,
    layers=2,
    rbf=32,
    cutoff=4.5,
    lower=0.0,
    group="O(3)",
    dtype=torch.float32,
    trainable_rbf=False,
    rbf_type="expnorm",
    derivative=True,
    path="torch",
    max_neighbors=64,
    static_shapes=False,
    explicit_pairs=False,
    max_z=128,
    mean=None,
    std=None,
):
    select_path(path)
    args = dict(
        model="tensornet",
        embedding_dimension=features,
        num_layers=layers,
        num_rbf=rbf,
        rbf_type=rbf_type,
        trainable_rbf=trainable_rbf,
        activation="silu",
        cutoff_lower=lower,
        cutoff_upper=cutoff,
        max_z=max_z,
        max_num_neighbors=max_neighbors,
        equivariance_invariance_group=group,
        static_shapes=static_shapes,
        precision=64 if dtype == torch.float64 else 32,
        derivative=derivative,
        atom_filter=-1,
        prior_model=None,
        output_model="Scalar",
        reduce_op="add",
    )
    model = create_model(args, mean=mean, std=std)
    if explicit_pairs:
        model.representation_model.distance = ExplicitPairs(cutoff, lower)
    return model


def tensor_names(layers=2):
    """Names of the trainable tensors in the fixed order t = 0, 1, 2, ..."""
    wb = ("weight", "bias")
    e = "representation_model.tensor_embedding."
    names = [f"{e}distance_proj{k}.{p}" for k in (1, 2, 3) for p in wb]
    names += [e + "emb.weight", e + "emb2.weight", e + "emb2.bias"]
    names += [f"{e}linears_tensor.{k}.weight" for k in range(3)]
    names += [f"{e}linears_scalar.{k}.{p}" for k in range(2) for p in wb]
    names += [f"{e}init_norm.{p}" for p in wb]
    for l in range(layers):
        b = f"representation_model.layers.{l}."
        names += [f"{b}linears_scalar.{k}.{p}" for k in range(3) for p in wb]
        names += [f"{b}linears_tensor.{k}.weight" for k in range(6)]
    names += [f"representation_model.{m}.{p}" for m in ("linear", "out_norm") for p in wb]
    names += [f"output_model.output_network.layers.{k}.{p}" for k in (0, 2) for p in wb]
    return names


def set_golden_weights(model, layers=2):
    """The fixed weights: element i of tensor t is a function of sin(0.37 (i+1) + 1.3 t)."""
    params = dict(model.named_parameters())
    names = tensor_names(layers)
    left = set(params) - set(names)
    assert all("distance_expansion" in n for n in left), left
    with torch.no_grad():
        for t, name in enumerate(names):
            p = params[name]
            s = torch.sin(0.37 * torch.arange(1, p.numel() + 1, dtype=torch.float64) + 1.3 * t)
            if p.dim() == 1:
                v = 1 + 0.1 * s if name.endswith("norm.weight") else 0.1 * s
            else:
                v = s * math.sqrt(3.0 / p.shape[1])
            p.copy_(v.view(p.shape))
        # radial constants in double (the package builds them in float32 and then converts)
        rbf = model.representation_model.distance_expansion
        lo, up, r = rbf.cutoff_lower, rbf.cutoff_upper, rbf.num_rbf
        if hasattr(rbf, "means"):
            s0 = math.exp(lo - up)
            rbf.means.copy_(torch.linspace(s0, 1.0, r, dtype=torch.float64))
            rbf.betas.fill_((2.0 / r * (1.0 - s0)) ** -2)
        else:
            off = torch.linspace(lo, up, r, dtype=torch.float64)
            rbf.offset.copy_(off)
            rbf.coeff.copy_(-0.5 / (off[1] - off[0]) ** 2)
    return [params[n] for n in names]
