"""A child that no nursery forks: `python -m mbench.child.start ENTRY "LIBRARY …" [CONFINEMENT]`, in its scratch folder.

This module imports little: until a child is confined its process has one thread, and NumPy, which comes with the
worker, may start more.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from mbench.child.confinement import Confinement, bind_lifetimes, confine

# What a library loads when it is first used. Of PyTorch, its compiler comes with a process's first optimiser, whichever
# that is: 823 modules in 2.13, 1 s on an idle machine and 5 s on a busy one.
_COMPANIONS = {"torch": "torch._dynamo"}


def scratch_variables(scratch: str | Path) -> dict[str, str]:
    """Return the variables that keep a child's caches and temporary files in its scratch folder."""
    home = Path(scratch, "home")
    return {
        "HOME": str(home),
        "LOGNAME": "submission",  # nobody's: libraries that ask for a user's name find no file of users
        "TMPDIR": str(home),
        "NUMBA_CACHE_DIR": str(home / "numba"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
    }


def import_ahead(modules: Iterable[str]) -> None:
    """Import what a submission will: what is there before the worker seeds is seeded, and loaded on nobody's time."""
    for module in modules:
        _import(module)
    for library, companion in _COMPANIONS.items():
        if library in sys.modules:
            _import(companion)


def _import(module: str) -> None:
    with contextlib.suppress(BaseException):  # it fails again in the submission, and is its failure
        importlib.import_module(module)


def main() -> None:
    """Confine this process, then serve the submission named on the command line."""
    entry, libraries, *confinement = sys.argv[1:]
    bind_lifetimes()
    if confinement:
        confine(Confinement(**json.loads(confinement[0])), ".")
    from mbench.child import worker

    import_ahead(libraries.split())
    worker.main(entry)


if __name__ == "__main__":
    main()
