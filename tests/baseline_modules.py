"""A baseline's module, for the tests of what is in it."""

import importlib.util

from mbench.submission import baseline_path


def load(name):
    """Return a baseline's module, as the worker imports it."""
    spec = importlib.util.spec_from_file_location(f"baseline_{name}", baseline_path(name))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
