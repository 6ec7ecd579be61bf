"""A baseline's module, for the tests of what is in it."""

import importlib.util
import sys

from mbench.submission import BASELINES_FOLDER, baseline_path


def load(name):
    """Return a baseline's module, as the worker imports it: what it imports may lie beside it."""
    folder = str(BASELINES_FOLDER)
    spec = importlib.util.spec_from_file_location(f"baseline_{name}", baseline_path(name))
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    return module
