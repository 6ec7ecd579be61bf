"""Edit the installed packages and the interpreter, or plant a module among them."""

import importlib.util
import os
import sys

import numpy as np
from kit import Mean, attempt
from targets import TOKEN

EXPECTED = "ok"


def attack():
    package = importlib.util.find_spec("mbench").submodule_search_locations[0]
    for path in (f"{package}/__init__.py", f"{package}/child/worker.py", f"{package}/suite/tracks.py",
                 np.__file__, os.__file__, os.path.realpath(sys.executable), f"{sys.prefix}/pyvenv.cfg",
                 "/usr/bin/env"):  # fmt: skip
        attempt(f"append {path}", lambda path=path: open(path, "r+b"))
        attempt(f"replace {path}", lambda path=path: os.replace(path, path + TOKEN))
    for folder in (package, f"{package}/suite", os.path.dirname(np.__file__), f"{sys.prefix}/bin", *sys.path):
        attempt(f"plant {folder}", lambda folder=folder: open(f"{folder}/planted_{TOKEN}.py", "x"))


def build(spec):
    return Mean(attack)
