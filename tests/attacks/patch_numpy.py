"""Patch NumPy and the worker in its own process, so that every check there passes NaN."""

import sys

import numpy as np
from kit import Mean

EXPECTED = "invalid"


def attack():
    np.isfinite = lambda values, **options: np.ones(np.shape(values), bool)
    np.allclose = lambda *arguments, **options: True
    for module in list(sys.modules.values()):
        if hasattr(module, "check_answer"):
            module.check_answer = lambda answer, n_rows, n_outputs: np.full((n_rows, n_outputs), np.nan, "<f4")


def build(spec):
    return Mean(attack)
