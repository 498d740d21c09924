"""Import before fairchem 1: it imports extensions that are built from source, of which eSEN calls nothing."""
import importlib
import importlib.machinery
import sys
import unittest.mock

for name in ("torch_scatter", "torch_sparse", "torch_cluster"):
    try:
        importlib.import_module(name)
    except ImportError:
        sys.modules[name] = unittest.mock.MagicMock(__spec__=importlib.machinery.ModuleSpec(name, None))
