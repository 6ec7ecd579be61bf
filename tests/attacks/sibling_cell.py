"""Reach another cell of the same nursery: its scratch folder, its process, its pipes."""

import os

from kit import Mean, attempt
from targets import SIBLING, SIBLING_PIDS, TOKEN

EXPECTED = "ok"


def attack():
    attempt("list", lambda: os.listdir(SIBLING))
    for folder in ("home", "in", "out", "submission", "."):
        attempt(f"list {folder}", lambda folder=folder: os.listdir(f"{SIBLING}/{folder}"))
        attempt(f"plant {folder}", lambda folder=folder: open(f"{SIBLING}/{folder}/planted-{TOKEN}", "x"))
    for name in ("in/X.npy", "in/y.npy", "out/predictions.npy", "submission/submission.py"):
        attempt(f"read {name}", lambda name=name: open(f"{SIBLING}/{name}", "rb").read())
        attempt(f"write {name}", lambda name=name: open(f"{SIBLING}/{name}", "r+b"))
    for pid in SIBLING_PIDS:
        for name in ("mem", "environ", "fd/0", "fd/1", "fd/2", "fd/3", "fd/4", "cwd/in/X.npy", "root/etc"):
            attempt(f"{pid}/{name}", lambda path=f"/proc/{pid}/{name}": os.open(path, os.O_RDONLY))
        attempt(f"signal {pid}", lambda pid=pid: os.kill(pid, 0))
    attempt("beside", lambda: os.rename(f"{os.getcwd()}/..", f"{os.getcwd()}/../../moved"))


def build(spec):
    return Mean(attack)
