#!/usr/bin/env python3
"""Random eSEN, EquiformerV2 and eSCN with random weights, by fairchem-core 1.10 and by Cartan: energies, forces and stress in float64.

    pip install fairchem-core==1.10.0 h5py
    python check_fairchem.py CARTAN [--seed N] [--count N] [--only NAME] [--folder F]

CARTAN is the command. Configuration, weights and structures of a model follow from its seed: N, N + 1, ... Every model goes through a file
(state dict, checkpoint, HDF5; names as of one module, a backbone with heads, distributed training) and `cartan potential import`. Printed
are the largest differences over the largest energy of the structures, force and stress. What Cartan does not have must be refused by
name, and files that are damaged must be refused with their name. Exit status 1 where anything differs.

Where fairchem itself is at fault, this is compared:
- EquiformerV2 and eSCN detach their Wigner matrices, so their gradients are not forces; here the matrices are made of Euler's angles and
  differentiated. That also fixes the turn about the edge, which is drawn anew in every call and matters where activations are on a grid.
- eSEN leaves out the angular part of forces within 1.4 mrad of the y axis and loses digits near it; it too is given the matrices above. Euler's
  angles have no derivative on that axis: forces and stress of the structures along the axes are those of the structure turned, turned back,
  where activations are gates; otherwise energies alone count.
- eSEN runs no blocks at all in a structure without edges, EquiformerV2 and eSCN fail there; next to others that have edges an atom without
  goes through all blocks. Cartan does the latter always: a lone atom is compared with what it adds to a far pair.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import types
import warnings

warnings.filterwarnings("ignore")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import ase  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from ase.neighborlist import neighbor_list  # noqa: E402
from scipy.spatial.transform import Rotation  # noqa: E402

import fairchem_imports  # noqa: E402, F401
from e3nn import o3  # noqa: E402
from fairchem.core.models.base import GraphData  # noqa: E402
from fairchem.core.models.equiformer_v2 import so3 as equiformer_so3  # noqa: E402
from fairchem.core.models.equiformer_v2.equiformer_v2 import EquiformerV2Backbone  # noqa: E402
from fairchem.core.models.equiformer_v2.heads import EqV2ScalarHead, EqV2VectorHead, Rank2SymmetricTensorHead  # noqa: E402
from fairchem.core.models.escn import escn as escn_module  # noqa: E402
from fairchem.core.models.esen.esen import MLP_Energy_Head, MLP_EFS_Head, eSEN_Backbone  # noqa: E402

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
TOLERANCE = 1e-9  # of the largest


def frames_of_edges(vectors, lmax):
    """Wigner matrices (edges, n, n) that take edges to +y, by Euler's angles, with derivatives."""
    alpha, beta = o3.xyz_to_angles(vectors)
    inverse = torch.zeros(len(vectors), (lmax + 1) ** 2, (lmax + 1) ** 2)
    for l in range(lmax + 1):
        inverse[:, l * l:(l + 1) ** 2, l * l:(l + 1) ** 2] = equiformer_so3.wigner_D(l, alpha, beta, torch.zeros_like(alpha))
    return inverse.transpose(1, 2).contiguous(), inverse


class FixedRotation(escn_module.SO3_Rotation):
    def __init__(self, vectors, lmax):
        torch.nn.Module.__init__(self)
        self.device, self.dtype = vectors.device, vectors.dtype
        self.wigner, self.wigner_inv = frames_of_edges(vectors, lmax)
        self.set_lmax(lmax)


escn_module.SO3_Rotation = FixedRotation
escn_module.eSCN._init_edge_rot_mat = lambda self, data, index, vectors: vectors


class Peer:
    """A network of fairchem with its heads. graph_of(atoms) gives edges whose vectors are leaves of autograd."""

    def __init__(self, kind, config, heads):
        self.kind, self.config = kind, config
        if kind == "esen":
            self.backbone = eSEN_Backbone(**config)
            self.backbone.get_rotmat_and_wigner = lambda vectors: (None, *frames_of_edges(vectors, config["lmax"]))
            self.energy_head = (MLP_EFS_Head if heads == "efs" else MLP_Energy_Head)(self.backbone)
            self.force_head = None
        elif kind == "equiformer":
            self.backbone = EquiformerV2Backbone(**config)
            self.energy_head = EqV2ScalarHead(self.backbone)
            self.force_head = EqV2VectorHead(self.backbone) if heads != "energy" else None
            self.stress_head = Rank2SymmetricTensorHead(self.backbone, "stress") if heads == "stress" else None
            self.backbone._init_edge_rot_mat = lambda data, index, vectors: vectors
            for rotation in self.backbone.SO3_rotation:
                rotation.set_wigner = types.MethodType(self.set_wigner, rotation)
        else:
            self.backbone = escn_module.eSCN(**config) if heads == "one" else escn_module.eSCNBackbone(**config)
            self.energy_head = None if heads == "one" else escn_module.eSCNEnergyHead(self.backbone)
            self.force_head = None if heads in ("one", "energy") else escn_module.eSCNForceHead(self.backbone)
        self.has_forces = self.force_head is not None or (kind == "escn" and heads == "one" and config["regress_forces"])
        self.modules = {"backbone": self.backbone, "energy": self.energy_head, "forces": self.force_head,
                        "stress": getattr(self, "stress_head", None)}
        self.backbone.generate_graph = lambda *a, **k: self.graph
        for m in self.modules.values():
            if m is not None:
                m.eval()

    @staticmethod
    def set_wigner(rotation, vectors):
        rotation.device, rotation.dtype = vectors.device, vectors.dtype
        rotation.wigner, rotation.wigner_inv = frames_of_edges(vectors, rotation.lmax)

    def shake(self, draw):
        """Weights of a size that lets every term show; buffers and samples stay."""
        with torch.no_grad():
            for m in self.modules.values():
                for name, p in (m.named_parameters() if m is not None else []):
                    if "sphere_points" in name or "sphharm" in name:
                        continue
                    scale = 0.3 if p.ndim < 2 else 1.6 if "embedding.weight" in name else 0
                    if scale:
                        p += scale * torch.tensor(draw.normal(size=tuple(p.shape)))
                    else:
                        p *= 1.7

    def state(self, style):
        """Names as in a file: "one" module, "hydra" (a backbone and heads), "distributed" (its wrapper)."""
        out = {}
        for part, m in self.modules.items():
            if m is None:
                continue
            prefix = {"one": "", "flat": "backbone." if part == "backbone" else ""}.get(
                style, "backbone." if part == "backbone" else f"output_heads.{part}.")
            if style == "distributed":
                prefix = "module.module." + prefix
            if style == "head":
                prefix = "backbone." if part == "backbone" else "head."
            out.update({prefix + k: v for k, v in m.state_dict().items()})
        return out

    def evaluate(self, atoms, direct=False):
        i, j, shift = neighbor_list("ijS", atoms, float(self.backbone.cutoff))
        x, cell = atoms.positions, atoms.cell[:]
        vectors = torch.tensor(x[j] - x[i] + shift @ cell, requires_grad=True)
        z = torch.tensor(atoms.numbers)
        n = len(z)
        batch = torch.zeros(n, dtype=torch.long)
        index = torch.tensor(np.stack([j, i]))
        distance = vectors.norm(dim=1)
        self.graph = GraphData(index, distance, vectors, None, None, None, batch, z)
        data = dict(pos=torch.tensor(x), atomic_numbers=z, batch=batch, natoms=torch.tensor([n]), cell=torch.tensor(cell)[None])
        if self.kind == "esen":
            self.graph = dict(edge_index=index, edge_distance=distance, edge_distance_vec=vectors, node_offset=0, batch_full=batch,
                              atomic_numbers_full=z)
            features = self.backbone(data)
            energy_of = MLP_Energy_Head.forward
            self.energy_head.reduce = "sum"
            energy = energy_of(self.energy_head, data, features)["energy"]
        else:
            data = types.SimpleNamespace(**data)
            features = self.backbone(data)
            energy = (features if self.energy_head is None else self.energy_head(data, features))["energy"]
        if direct:
            f = (features if self.force_head is None else self.force_head(data, features))["forces"]
            return energy.item(), f.detach().numpy(), None
        g = torch.autograd.grad(energy.sum(), vectors)[0].numpy()
        forces = np.zeros((n, 3))
        np.add.at(forces, i, g)
        np.add.at(forces, j, -g)
        virial = vectors.detach().numpy().T @ g
        return energy.item(), forces, (virial + virial.T) / 2 / abs(np.linalg.det(cell)) if atoms.pbc.all() else None


def pick(draw, *values):
    return values[draw.integers(len(values))]


def draw_esen(draw):
    lmax = int(draw.integers(1, 5))
    config = dict(max_num_elements=int(draw.integers(10, 100)), sphere_channels=int(draw.integers(2, 10)), lmax=lmax,
                  mmax=int(draw.integers(1, lmax + 1)), otf_graph=True, cutoff=float(np.round(draw.uniform(2.5, 5), 2)),
                  edge_channels=int(draw.integers(2, 9)), distance_function="gaussian", num_distance_basis=int(draw.integers(4, 40)),
                  direct_forces=False, regress_forces=False, num_layers=int(draw.integers(1, 4)),
                  hidden_channels=int(draw.integers(2, 10)), norm_type=pick(draw, "rms_norm_sh", "layer_norm_sh"), act_type="gate",
                  mlp_type="spectral", use_envelope=bool(draw.integers(2)), max_neighbors=int(draw.integers(5, 300)),
                  grid_resolution=pick(draw, None, None, 14), activation_checkpointing=False)
    if not config["use_envelope"] and draw.integers(2):
        del config["use_envelope"]  # fairchem's default
    if config["norm_type"] == "rms_norm_sh" and draw.integers(2):
        del config["norm_type"]
    return config, pick(draw, "efs", "energy")


def draw_equiformer(draw):
    lmax = int(draw.integers(1, 5))
    act = pick(draw, "gate", "grid", "grid_mlp", "gate_mlp")
    config = dict(max_num_elements=int(draw.integers(10, 91)), num_layers=int(draw.integers(1, 3)), sphere_channels=int(draw.integers(2, 8)),
                  attn_hidden_channels=int(draw.integers(2, 8)), num_heads=int(draw.integers(1, 4)), attn_alpha_channels=int(draw.integers(2, 6)),
                  attn_value_channels=int(draw.integers(1, 5)), ffn_hidden_channels=int(draw.integers(2, 9)),
                  norm_type=pick(draw, "rms_norm_sh", "layer_norm_sh"), lmax_list=[lmax], mmax_list=[int(draw.integers(1, lmax + 1))],
                  grid_resolution=pick(draw, None, 12, 18), edge_channels=int(draw.integers(2, 8)),
                  use_atom_edge_embedding=True, share_atom_edge_embedding=bool(draw.integers(2)), use_m_share_rad=bool(draw.integers(2)),
                  distance_function="gaussian", num_distance_basis=int(draw.integers(4, 600)),
                  attn_activation=pick(draw, "silu", "scaled_silu"), ffn_activation=pick(draw, "silu", "scaled_silu"), use_s2_act_attn=False,
                  use_attn_renorm=True, use_gate_act=act.startswith("gate"), use_grid_mlp=act.endswith("mlp"), use_sep_s2_act=True,
                  alpha_drop=0.1, drop_path_rate=0.1, proj_drop=pick(draw, 0.0, 0.1), weight_init=pick(draw, "normal", "uniform"),
                  max_radius=float(np.round(draw.uniform(2.5, 5), 2)), avg_num_nodes=pick(draw, None, 31.17), avg_degree=pick(draw, None, 61.95),
                  otf_graph=True, regress_forces=True)
    for name in ("avg_num_nodes", "avg_degree", "attn_activation", "ffn_activation", "grid_resolution", "use_sep_s2_act"):
        if draw.integers(3) == 0 and (config[name] is None or name.endswith("activation") or name.startswith("use_sep")):
            del config[name]
    return config, pick(draw, "forces", "stress", "energy")


def draw_escn(draw):
    lmax = int(draw.integers(1, 5))
    config = dict(max_num_elements=int(draw.integers(10, 91)), num_layers=int(draw.integers(1, 4)), lmax_list=[lmax],
                  mmax_list=[int(draw.integers(0, lmax + 1))], sphere_channels=int(draw.integers(2, 8)), hidden_channels=int(draw.integers(2, 9)),
                  edge_channels=int(draw.integers(2, 8)), num_sphere_samples=int(draw.integers(5, 140)), distance_function="gaussian",
                  basis_width_scalar=pick(draw, 1.0, 2.0, 1.4), distance_resolution=pick(draw, 0.05, 0.1, 0.02), otf_graph=True,
                  cutoff=float(np.round(draw.uniform(2.5, 5), 2)), regress_forces=bool(draw.integers(4)))
    if config["basis_width_scalar"] == 1 and draw.integers(2):
        del config["basis_width_scalar"]
    return config, pick(draw, "one", "forces", "energy")


DRAW = {"esen": draw_esen, "equiformer": draw_equiformer, "escn": draw_escn}


def spread(draw, count, box, least=0.8):
    """Points in a cell, or in the open, at least so far from each other."""
    for _ in range(10000):
        x = draw.uniform(0, 1, (count, 3)) @ box
        a = ase.Atoms("H" * count, x, cell=box, pbc=True)
        if len(neighbor_list("i", a, least)) == 0:
            return x
    sys.exit("no room for the atoms")


def structures(draw, elements, cutoff, lmax):
    def symbols(n):
        return [int(z) for z in draw.choice(elements, n)]

    molecule = ase.Atoms(symbols(5), spread(draw, 5, np.eye(3) * 4.0))
    skew = np.array([[3.1, 0, 0], [-1.2, 3.0, 0], [0.7, 1.1, 2.9]]) + draw.uniform(-0.2, 0.2, (3, 3))
    triclinic = ase.Atoms(symbols(3), spread(draw, 3, skew), cell=skew, pbc=True)
    left = triclinic.copy()
    left.set_cell(skew * [1, 1, -1], scale_atoms=True)
    # Edges to own images alone. With lmax 1 all that is no scalar is 0 there, of which norms make much: rounding, magnified 316 times by each.
    small = ase.Atoms(symbols(1), [[0.1, 0.2, 0.3]], cell=skew * draw.uniform(0.6, 0.9) * cutoff / 3.5, pbc=True)
    if lmax == 1:
        small += ase.Atoms([z for z in elements if z != small.numbers[0]][:1], [[0.8, 1.0, 0.9]])
    d = draw.uniform(0.9, 1.4)
    axes = ase.Atoms(symbols(7), d * np.array([[0, 0, 0], [0, 1, 0], [0, -1.1, 0], [1.2, 0, 0], [-1.3, 0, 0], [0, 0, 1], [0, 0, -1.4]]))
    cubic = np.eye(3) * min(draw.uniform(2.2, 3.0), 0.9 * cutoff)
    box = ase.Atoms(symbols(2), spread(draw, 2, cubic), cell=cubic, pbc=True)
    return {"molecule": molecule, "triclinic": triclinic, "left-handed": left, "own images": small, "along the axes": axes, "cubic": box}


def run(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True)


def write(path, frames):
    with open(path, "w") as f:
        for a in frames:
            lattice = 'Lattice="' + " ".join(repr(float(x)) for x in a.cell[:].ravel()) + '" ' if a.pbc.any() else ""
            f.write(f'{len(a)}\n{lattice}pbc="{"T T T" if a.pbc.any() else "F F F"}" Properties=species:S:1:pos:R:3\n')
            for symbol, x in zip(a.symbols, a.positions):
                f.write(symbol + "".join(f" {float(v)!r}" for v in x) + "\n")


def read(path):
    out, lines = [], open(path).read().split("\n")
    while lines and lines[0].strip():
        n, comment = int(lines[0]), lines[1]
        rows = [row.split() for row in lines[2:2 + n]]
        lines = lines[2 + n:]
        energy = float(comment.split("energy=")[1].split()[0])
        stress = np.array([float(x) for x in comment.split('stress="')[1].split('"')[0].split()]).reshape(3, 3) if "stress=" in comment else None
        out.append((energy, np.array([[float(v) for v in row[4:7]] for row in rows]), stress))
    return out


def save(peer, style, path, draw, config):
    """A file of the style; scale, shift and energies of elements of its labels."""
    scale, shift, references = 1.0, 0.0, np.zeros(120)
    network = {"esen": "esen_backbone", "equiformer": "equiformer_v2_backbone", "escn": "escn_backbone"}[peer.kind]
    nested = {"name": "hydra", "backbone": dict(config, model=network),
              "heads": {k: {"module": "head"} for k, m in peer.modules.items() if m is not None and k != "backbone"}}
    if style == "hdf5":
        with h5py.File(path + ".h5", "w") as f:
            f.attrs["config"] = json.dumps(config)
            for k, v in peer.state("flat").items():
                f.create_dataset("weights/" + k, data=v.numpy())
        return path + ".h5", scale, shift, references
    content = {"state_dict": peer.state(style), "config": {"model": dict(config, name=network) if style in ("one", "flat") else nested}}
    if style == "distributed":
        scale, shift = float(draw.uniform(0.5, 3)), float(draw.normal())
        references = draw.normal(size=120)
        content["normalizers"] = {"energy": {"mean": torch.tensor([shift]), "std": torch.tensor([scale])},
                                  "forces": {"mean": torch.tensor([0.0]), "std": torch.tensor([scale])}}
        content["elementrefs"] = {"energy": {"element_references": torch.tensor(references)}}
    torch.save(content, path + ".pt")
    return path + ".pt", scale, shift, references


def worst(a, b):
    """The largest difference; infinite where one is no number, which max() would pass over."""
    return np.nan_to_num(np.abs(np.asarray(a) - np.asarray(b)).max(), nan=np.inf)


def one_model(cartan, folder, seed, kind):
    """A line of the table, and whether all agrees."""
    draw = np.random.default_rng(seed)
    torch.manual_seed(seed)
    config, heads = DRAW[kind](draw)
    peer = Peer(kind, config, heads)
    peer.shake(draw)
    style = {"one": "one"}.get(heads) or pick(draw, "hydra", "distributed", "hdf5", "head")
    if kind == "esen" and style == "hdf5":
        style = pick(draw, "hydra", "head")  # its head's names need theirs
    path = os.path.join(folder, "x")
    file, scale, shift, references = save(peer, style, path, draw, config)
    elements = [z for z in (1, 3, 6, 8, 14, 26, 47, 79, 84) if z < config["max_num_elements"]]
    frames = structures(draw, elements, float(peer.backbone.cutoff), config["lmax"] if kind == "esen" else config["lmax_list"][0])
    write(path + ".xyz", frames.values())
    polar = kind == "escn" or not config.get("use_gate_act", kind == "esen") or config.get("use_grid_mlp", False)
    turn = Rotation.random(random_state=seed).as_matrix()
    title = f"{seed:4} {kind:10} {style:11} " + " ".join(
        f"{k}={v if not isinstance(v, list) else v[0]}" for k, v in config.items()
        if k in ("lmax", "mmax", "lmax_list", "mmax_list", "norm_type", "use_envelope", "use_gate_act", "use_grid_mlp", "use_m_share_rad",
                 "grid_resolution", "share_atom_edge_embedding"))
    good, errors = True, {}
    for direct in (False, True) if peer.has_forces else (False,):
        made = run(cartan, "potential", "import", file, "--out", path + ".model.h5", "--force", *(["--direct-forces"] if direct else []))
        if made.returncode:
            return f"{title}  NOT READ: {made.stderr.strip()}", False
        evaluate = [cartan, "potential", "eval", path + ".model.h5", path + ".xyz", "--out", path + ".out.xyz", "--precision", "float64", "--force"]
        found = run(*evaluate)
        if found.returncode:
            return f"{title}  FAILED: {found.stderr.strip()}", False
        want = []
        for name, atoms in frames.items():
            energy, forces, stress = peer.evaluate(atoms, direct)
            if name in ("along the axes", "cubic") and not direct:
                turned = atoms.copy()
                turned.set_cell(atoms.cell[:] @ turn.T)
                turned.positions = atoms.positions @ turn.T
                _, forces, stress = (None, None, None) if polar else peer.evaluate(turned)
                forces, stress = None if forces is None else forces @ turn, None if stress is None else turn.T @ stress @ turn
            energy = energy * scale + shift + sum(references[z] for z in atoms.numbers)
            want.append((energy, forces if forces is None else forces * scale, stress if stress is None else stress * scale))
        got = read(path + ".out.xyz")
        for k, what in enumerate(("energy", "forces", "stress")):
            if direct and k != 1:
                continue
            pairs = [(g[k], w[k], name) for g, w, name in zip(got, want, frames) if w[k] is not None]
            largest = max(np.abs(w).max() for _, w, _ in pairs)
            if k > 0:  # networks that hardly depend on positions: of the rounding of their energies
                largest = max(largest, 1e-5 * max(abs(w[0]) for w in want))
            e, at = max((worst(g, w) / largest, name) for g, w, name in pairs)
            errors["direct" if direct else what] = e
            if not e < TOLERANCE:
                good = False
                title += f" [{'direct' if direct else what}: {at}]"
    # An atom alone: what it adds to a pair far away.
    lone = ase.Atoms([elements[-1]], [[0, 0, 0]])
    pair = ase.Atoms([elements[0], elements[1]], [[0, 0, 0], [0.3, 0.9, 0.4]])
    write(path + ".lone.xyz", [lone])
    found = run(*evaluate[:4], path + ".lone.xyz", *evaluate[5:])
    if found.returncode:
        return f"{title}  FAILED for a lone atom: {found.stderr.strip()}", False
    both, two = peer.evaluate(pair + ase.Atoms(lone.numbers, [[40.0, 3, 1]]))[0], peer.evaluate(pair)[0]
    energy, forces, _ = read(path + ".out.xyz")[0]
    errors["lone"] = worst(energy, (both - two) * scale + shift + references[elements[-1]]) / max(abs(energy), abs(both * scale))
    good = good and errors["lone"] < TOLERANCE and (peer.has_forces or np.abs(forces).max() == 0)
    return title + "  " + " ".join(f"{k} {e:.1e}" for k, e in errors.items()) + ("" if good else "  TOO LARGE"), good


SMALL = {
    "esen": dict(max_num_elements=10, sphere_channels=4, lmax=2, mmax=1, otf_graph=True, cutoff=3.0, edge_channels=4, num_distance_basis=6,
                 direct_forces=False, regress_forces=False, num_layers=1, hidden_channels=4, norm_type="rms_norm_sh", act_type="gate",
                 mlp_type="spectral", use_envelope=True),
    "equiformer": dict(max_num_elements=10, num_layers=1, sphere_channels=4, attn_hidden_channels=4, num_heads=2, attn_alpha_channels=4,
                       attn_value_channels=2, ffn_hidden_channels=4, lmax_list=[2], mmax_list=[1], edge_channels=4, max_radius=3.0,
                       attn_activation="silu", ffn_activation="silu", otf_graph=True),
    "escn": dict(max_num_elements=10, num_layers=1, lmax_list=[2], mmax_list=[1], sphere_channels=4, hidden_channels=4, edge_channels=4,
                 num_sphere_samples=16, otf_graph=True, cutoff=3.0, distance_resolution=0.3, regress_forces=True),
}
# What is no part of Cartan's networks: (network, changes, a word of the refusal).
REFUSED = {
    "S2 activations": ("esen", {"act_type": "s2"}, "act_type"),
    "S2 activations, lmax 1": ("esen", {"act_type": "s2", "lmax": 1}, "act_type"),
    "the default activations, lmax 1": ("esen", {"act_type": None, "lmax": 1}, "act_type"),
    "grids of atoms": ("esen", {"mlp_type": "grid"}, "mlp_type"),
    "Bessel functions": ("esen", {"distance_function": "bessel"}, "distance_function"),
    "norms degree by degree": ("esen", {"norm_type": "layer_norm"}, "layer_norm"),
    "norms degree by degree of EquiformerV2": ("equiformer", {"norm_type": "layer_norm"}, "layer_norm"),
    "no embedding of elements on edges": ("equiformer", {"use_atom_edge_embedding": False}, "use_atom_edge_embedding"),
    "attention that is not normalised": ("equiformer", {"use_attn_renorm": False}, "use_attn_renorm"),
    "activations that are not separable": ("equiformer", {"use_sep_s2_act": False}, "use_sep_s2_act"),
    "the same with grids": ("equiformer", {"use_sep_s2_act": False, "use_grid_mlp": True}, "use_sep_s2_act"),
    "the same with gates": ("equiformer", {"use_sep_s2_act": False, "use_grid_mlp": True, "use_gate_act": True}, "scalar_mlp"),
    "two resolutions": ("equiformer", {"lmax_list": [2, 1], "mmax_list": [1, 1]}, "lmax_list"),
    "two resolutions of eSCN": ("escn", {"lmax_list": [2, 1], "mmax_list": [1, 1]}, "lmax_list"),
    "sigmoids of distances": ("escn", {"distance_function": "sigmoid"}, "distance_function"),
    "linear sigmoids": ("escn", {"distance_function": "linearsigmoid"}, "distance_function"),
    "silu of distances": ("escn", {"distance_function": "silu"}, "distance_function"),
    "a grid of eSCN": ("escn", {"resolution": 14}, "resolution"),
    "energies of elements in the network": ("equiformer", {"load_energy_lin_ref": True}, "energy_lin_ref"),
}


def refusals(cartan, folder):
    failed, path = [], os.path.join(folder, "r")

    def expect(title, file, *words, command=("import",), more=(), status=3):
        out = run(cartan, "potential", *command, file, *more, *(["--out", path + ".out.h5", "--force"] if command == ("import",) else []))
        good = out.returncode == status and all(w in out.stderr for w in words)
        if not good:
            failed.append(title)
        print(f"{title:44} {'refused' if good else 'NOT REFUSED (status %d)' % out.returncode}: {out.stderr.strip()}", flush=True)

    for title, (kind, changes, word) in REFUSED.items():
        config = {k: v for k, v in dict(SMALL[kind], **changes).items() if v is not None}
        try:
            peer = Peer(kind, config, {"esen": "efs", "equiformer": "forces", "escn": "one"}[kind])
        except Exception as error:  # fairchem itself cannot make it
            print(f"{title:44} fairchem fails: {type(error).__name__} {error}")
            continue
        file = save(peer, "one" if kind == "escn" else "hydra", path, None, config)[0]
        expect(title, file, word, file)
    return failed, expect, path


def damaged(cartan, folder):
    """Files and structures that a user may give by mistake."""
    failed, expect, path = refusals(cartan, folder)
    peers = {}
    for kind, heads in (("esen", "efs"), ("equiformer", "forces"), ("escn", "forces")):
        torch.manual_seed(1)
        peers[kind] = Peer(kind, SMALL[kind], heads)

    def file_of(kind, change=lambda content: None, name="d.pt"):
        network = {"model": {"name": "hydra", "backbone": dict(SMALL[kind]), "heads": {}}}
        content = {"state_dict": dict(peers[kind].state("hydra")), "config": network}
        change(content)
        file = os.path.join(folder, name)
        torch.save(content, file)
        return file

    for kind in peers:
        def without(content):
            del content["config"]

        def nan(content):
            content["state_dict"]["backbone.sphere_embedding.weight"] = torch.full((10, 4), float("nan"))

        def other(content):
            content["config"]["model"]["backbone"].update({"cutoff": 4.0, "max_radius": 4.0})

        def missing(content):
            key = [k for k in content["state_dict"] if k.startswith("output_heads.energy.") and k.endswith("bias")][-1]
            del content["state_dict"][key]

        def more(content):
            content["state_dict"]["backbone.new_layer.weight"] = torch.zeros(3)

        def two(content):
            content["state_dict"].update({k.replace("heads.energy", "heads.other"): v for k, v in content["state_dict"].items()})

        def mean(content):
            content["config"]["model"]["heads"] = {"energy": {"module": "head", "reduce": "mean"}}

        if kind != "esen":
            expect(f"{kind}: no configuration", file_of(kind, without), "config", "d.pt")
        expect(f"{kind}: weights that are no numbers", file_of(kind, nan), "sphere_embedding", "d.pt")
        expect(f"{kind}: another cutoff in the configuration", file_of(kind, other), "cutoff", "d.pt")
        expect(f"{kind}: an array is missing", file_of(kind, missing), "is missing", "d.pt")
        expect(f"{kind}: an array too many", file_of(kind, more), "new_layer", "d.pt")
        expect(f"{kind}: two heads of energies", file_of(kind, two), "energy", "other", "d.pt")
        expect(f"{kind}: energies that are means", file_of(kind, mean), "reduce", "d.pt")
    file = file_of("esen")
    content = open(file, "rb").read()
    for part in (0.3, 0.9, 0.999):
        open(file, "wb").write(content[:int(part * len(content))])
        expect(f"the first {100 * part} % of a file", file, "d.pt", "zip")
    open(file, "wb").write(b"")
    expect("an empty file", file, "d.pt")
    open(file, "wb").write(b"weights\n")
    expect("a text", file, "d.pt")
    expect("no file", os.path.join(folder, "none.pt"), "none.pt", status=4)
    expect("a folder", folder, folder, status=4)
    torch.save({"state_dict": {"a.weight": torch.zeros(2)}}, file)
    expect("a state dict of something else", file, "d.pt")
    # The model, and structures that do not fit.
    run(cartan, "potential", "import", file_of("esen"), "--out", path + ".m.h5", "--force")
    frames = os.path.join(folder, "gold.xyz")
    write(frames, [ase.Atoms("Au2", [[0, 0, 0], [1, 1, 1]])])
    expect("an element that the model has not", path + ".m.h5", "Au", "gold.xyz", command=("eval",), more=[frames])
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cartan")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--only", choices=[*DRAW, "refused"])
    parser.add_argument("--folder")
    args = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as fresh:
        folder = args.folder or fresh
        for seed in range(args.seed, args.seed + args.count if args.only != "refused" else args.seed):
            for kind in [args.only] if args.only else DRAW:
                line, good = one_model(args.cartan, folder, seed, kind)
                print(line, flush=True)
                if not good:
                    failed.append(f"{kind} {seed}")
        if args.only in (None, "refused"):
            failed += damaged(args.cartan, folder)
    print(f"{len(failed)} failed" + (": " + ", ".join(failed) if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
