"""Read the tasks' data and the source of their truth: scikit-learn's files, MBENCH_DATA, mbench's own modules."""

import importlib.util
import os
import sys

from kit import Mean, attempt
from targets import DATA

EXPECTED = "ok"
BREACHES_C = True
LABELS = ("datasets/data/digits.csv.gz", "datasets/images/china.jpg", "datasets/images/flower.jpg")
TRUTH = (
    "suite/orbits.py",
    "suite/kernels.py",
    "suite/tasks/__init__.py",
    "suite/datasets.py",
    "suite/sampler.py",
    "suite/ladder.py",
    "evaluation.py",
)


def read(path):
    with open(path, "rb") as file:
        return file.read(1) or 1 / 0  # an empty file has been put over it


def aliases(path):
    """Return other names of a path: through links beside it, and through its folders' names in /proc."""
    yield path
    yield f"/proc/self/root{path}"
    yield path.replace("/lib/", "/lib64/", 1)
    yield os.path.realpath(path)
    for folder in (sys.prefix, sys.base_prefix, *sys.path):
        for entry in os.scandir(folder) if os.path.isdir(folder) else ():
            if entry.is_symlink():
                yield path.replace(os.path.realpath(entry.path), entry.path)


def import_module(name):
    return read(importlib.import_module(name).__file__)


def attack():
    package = importlib.util.find_spec("sklearn").submodule_search_locations[0]
    own = importlib.util.find_spec("mbench").submodule_search_locations[0]
    for path in [f"{package}/{name}" for name in LABELS] + [f"{own}/{name}" for name in TRUTH]:
        for alias in dict.fromkeys(aliases(path)):
            attempt(alias, lambda alias=alias: read(alias))
    for module in (
        "mbench.suite.orbits",
        "mbench.suite.tasks",
        "mbench.suite.sampler",
        "mbench.sandbox.child_process",
        "mbench.suite.datasets",
    ):
        attempt(module, lambda module=module: import_module(module))
    attempt("MBENCH_DATA", lambda: read(os.path.join(os.environ.get("MBENCH_DATA", DATA), "labels")))
    attempt("data", lambda: read(f"{DATA}/labels"))


def build(spec):
    return Mean(attack)
