#!/usr/bin/env python3
"""Weights and configuration of a checkpoint of fairchem 2 as plain values, for `cartan potential import`.

    python export_fairchem.py CHECKPOINT.pt OUT.pt

Such a file holds an object of fairchem's class MLIPInferenceCheckpoint (model_config, model_state_dict, ema_state_dict, tasks_config). It is
read here by torch alone, with classes of fairchem and omegaconf as empty ones. OUT.pt has `state_dict`, the averages where there are any, and
`model_config`. Networks that take charge, spin or a data set (UMA, eSEN of OMol25) are refused by the import.
"""
import pickle
import sys
import types

import torch


class Plain:
    """Stands for every class that is not torch's."""

    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        self.__dict__.update(state if isinstance(state, dict) else {"state": state})


class Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if module.split(".")[0] in ("fairchem", "omegaconf", "hydra"):
            return type(name, (Plain,), {})
        return super().find_class(module, name)


def plain(value):
    if isinstance(value, Plain):  # omegaconf keeps what it holds in _content, its leaves in _val
        inner = vars(value)
        return plain(inner["_content"] if "_content" in inner else inner.get("_val"))
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if isinstance(k, str)}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value if isinstance(value, (bool, int, float, str, torch.Tensor)) else None


reader = types.ModuleType("reader")
reader.__dict__.update(pickle.__dict__, Unpickler=Unpickler)
checkpoint = torch.load(sys.argv[1], map_location="cpu", weights_only=False, pickle_module=reader)
parts = vars(checkpoint)
weights = parts.get("ema_state_dict") or parts["model_state_dict"]
weights = {k: v for k, v in weights.items() if isinstance(v, torch.Tensor) and k != "n_averaged"}
torch.save({"state_dict": weights, "model_config": plain(parts["model_config"])}, sys.argv[2])
