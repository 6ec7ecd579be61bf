"""List folders outside: the root, homes, temporary folders, other cells' scratch folders."""

import os

from kit import Mean, attempt
from targets import HOME, OUTSIDE, SIBLING

EXPECTED = "ok"
BREACHES_C = True


def attack():
    scratch = os.path.dirname(os.getcwd())
    folders = ("/", "/home", "/root", "/tmp", "/var", "/etc", "/proc", "/dev", "/sys", "/run", "/opt", HOME, OUTSIDE)
    for folder in (*folders, SIBLING, os.path.dirname(scratch), scratch, "..", "/proc/self/root", "/proc/self/cwd/.."):
        attempt(folder, lambda folder=folder: os.listdir(folder))


def build(spec):
    return Mean(attack)
