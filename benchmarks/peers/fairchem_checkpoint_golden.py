#!/usr/bin/env python3
"""tests/golden/fairchem_checkpoint.pt: a small eSEN of fairchem-core 1.10 in the file that its trainer writes.

    pip install fairchem-core==1.10.0
    python fairchem_checkpoint_golden.py tests/golden/fairchem_checkpoint.pt

The layout is that of fairchem.core.trainers.base_trainer.save(training_state=True): state_dict with the prefix of distributed
training, normalizers, elementrefs, config, val_metrics, amp, and epoch, step, optimizer, scheduler, ema beside. Weights of the state dict
and the averages in `ema` differ: inference uses the averages. Energies and forces of a molecule, by fairchem with the averages and
denormalised, are printed for tests/potentials/fairchem_test.cpp.
"""
import sys
import warnings

warnings.filterwarnings("ignore")
import torch  # noqa: E402

import fairchem_imports  # noqa: E402, F401
from fairchem.core.models.esen.esen import MLP_EFS_Head, eSEN_Backbone  # noqa: E402
from fairchem.core.modules.exponential_moving_average import ExponentialMovingAverage  # noqa: E402

backbone_config = dict(max_num_elements=10, sphere_channels=4, lmax=1, mmax=1, otf_graph=False, cutoff=4.0, edge_channels=4,
                       distance_function="gaussian", num_distance_basis=8, direct_forces=False, regress_forces=True,
                       regress_stress=False, num_layers=1, hidden_channels=4, norm_type="rms_norm_sh", act_type="gate",
                       mlp_type="spectral", use_envelope=True)
numbers = [8, 1, 1, 6]
positions = [[0.0, 0.0, 0.0], [0.9, 0.3, 0.1], [-0.4, 0.8, 0.2], [0.3, -1.1, 0.6]]


class Hydra(torch.nn.Module):
    """Names as those of fairchem's HydraModel."""

    def __init__(self):
        super().__init__()
        self.backbone = eSEN_Backbone(**backbone_config)
        self.output_heads = torch.nn.ModuleDict({"mptrj": MLP_EFS_Head(self.backbone)})


class Distributed(torch.nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module


def evaluate(model):
    x = torch.tensor(positions)
    i, j = zip(*[(a, b) for a in range(4) for b in range(4) if a != b])
    z = torch.tensor(numbers)
    data = dict(pos=x, atomic_numbers=z, atomic_numbers_full=z, batch=torch.zeros(4, dtype=torch.long),
                batch_full=torch.zeros(4, dtype=torch.long), natoms=torch.tensor([4]), cell=torch.zeros(1, 3, 3),
                nedges=torch.tensor([len(i)]), edge_index=torch.tensor([i, j]), cell_offsets=torch.zeros(len(i), 3))
    return model.module.output_heads["mptrj"](data, model.module.backbone(data))


torch.manual_seed(3)
model = Distributed(Hydra())
ema = ExponentialMovingAverage(model.parameters(), 0.9)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
for _ in range(3):
    optimizer.zero_grad()
    out = evaluate(model)
    (out["energy"].square().sum() + out["forces"].square().sum()).backward()
    optimizer.step()
    ema.update()
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
mean, std = -0.75, 2.5
references = torch.zeros(11)
for z, e in ((1, -0.5), (6, -1.25), (8, -2.0)):
    references[z] = e
model_config = {"name": "hydra", "backbone": dict(backbone_config, model="esen_backbone"),
                "heads": {"mptrj": {"module": "esen_mlp_efs_head"}}}
config = {"trainer": "mlip_trainer", "model": model_config, "optim": {"lr_initial": 0.02, "ema_decay": 0.9}, "gpus": 0,
          "task": {"primary_metric": "forces_mae"}, "cmd": {"identifier": "", "seed": 0}, "amp": False}
torch.save({"state_dict": model.state_dict(),
            "normalizers": {k: {"mean": torch.tensor([m]), "std": torch.tensor([std])} for k, m in (("energy", mean), ("forces", 0.0))},
            "elementrefs": {"energy": {"element_references": references}},
            "config": config, "val_metrics": None, "amp": None, "epoch": 0.5, "step": 3, "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(), "ema": ema.state_dict(), "best_val_metric": 1.0, "primary_metric": "forces_mae"},
           sys.argv[1])
ema.copy_to()
model.double()
positions = torch.tensor(positions, dtype=torch.float64).tolist()
torch.set_default_dtype(torch.float64)
out = evaluate(model)
energy = float(out["energy"]) * std + mean + sum(float(references[z]) for z in numbers)
print("energy", repr(energy))
print("forces", (out["forces"] * std).tolist())
