"""List and read the results folder: other people's records, predictions and artifacts."""

import glob
import os

from kit import Mean, attempt
from targets import RESULTS

EXPECTED = "ok"
BREACHES_C = True


def attack():
    attempt("list", lambda: os.listdir(RESULTS))
    attempt("scan", lambda: next(os.scandir(RESULTS)).name)
    attempt("glob", lambda: glob.glob(f"{RESULTS}/*")[0])
    attempt("read", lambda: open(f"{RESULTS}/record.json").read())
    attempt("folder as file", lambda: os.open(RESULTS, os.O_RDONLY | os.O_DIRECTORY))


def build(spec):
    return Mean(attack)
