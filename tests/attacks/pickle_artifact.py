"""Store an estimator whose unpickling writes outside: only a sandbox may ever load it, and there it fails."""

import os

from kit import Mean, attempt
from targets import MARKER

EXPECTED = "ok"
LOADS = True


def unpickle(mean):
    attempt("unpickled outside", lambda: open(MARKER, "w").write("loaded"))
    attempt("command", lambda: 1 / (os.system(f"touch {MARKER}") == 0))
    estimator = Poisoned(lambda: None)
    estimator.mean_ = mean
    print("unpickled", flush=True)
    return estimator


class Poisoned(Mean):
    def __reduce__(self):
        return unpickle, (self.mean_,)


def build(spec):
    return Poisoned(lambda: None)
