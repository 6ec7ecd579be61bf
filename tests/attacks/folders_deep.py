"""Nest folders so deep that whoever removes them by recursion fails, and some that nobody may enter."""

import os

from kit import Mean

EXPECTED = "ok out-of-memory"  # the latter where a mode hides files from the harness, too
IS_SLOW = True
SCRATCH_FILES = 5000  # recursion in Python fails at 1,000


def attack():
    os.chdir(os.path.expanduser("~"))
    for mode in (0, 0o300, 0o500):
        os.mkdir(f"mode{mode:o}", mode)
    open("mode300/x", "w").close()
    home = os.getcwd()
    for _ in range(1050):
        os.mkdir("d")
        os.chdir("d")
    os.chdir(home)
    os.chdir("..")


def build(spec):
    return Mean(attack)
