"""List the names of what is hidden in the installed packages: the tasks' data, the caches of the truth's modules."""

import importlib.util
import os

from kit import Mean, attempt

EXPECTED = "ok"
BREACHES_C = True
BREACHES_B = True  # an import looks through its folder, and Landlock grants that with all below it


def attack():
    package = importlib.util.find_spec("sklearn").submodule_search_locations[0]
    own = importlib.util.find_spec("mbench").submodule_search_locations[0]
    for folder in (f"{package}/datasets/data", f"{package}/datasets/images", f"{own}/tasks", f"{own}/render"):
        attempt(folder, lambda folder=folder: os.listdir(folder)[0])


def build(spec):
    return Mean(attack)
