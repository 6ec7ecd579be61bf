"""A child that no nursery forks: `python -m mbench.child.start ENTRY "LIBRARY …" [CONFINEMENT]`, in its scratch folder.

This module imports little: until a child is confined its process has one thread, and NumPy, which comes with the
worker, may start more.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mbench.child.confinement import Confinement, bind_lifetimes, confine

# What a library loads when it is first used. Of PyTorch, its compiler comes with a process's first optimiser, whichever
# that is: 823 modules in 2.13, 1 s on an idle machine and 5 s on a busy one.
_COMPANIONS = {"torch": "torch._dynamo"}
_USER = "submission"


def scratch_variables(scratch: str | Path) -> dict[str, str]:
    """Return the variables that keep a child's caches and temporary files in its scratch folder."""
    home = Path(scratch, "home")
    return {
        "USER": _USER,  # or a library that asks who this is looks for a file of users
        "LOGNAME": _USER,
        "HOME": str(home),
        "TMPDIR": str(home),
        "NUMBA_CACHE_DIR": str(home / "numba"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "TORCHINDUCTOR_CACHE_DIR": str(home / "torchinductor"),
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


def move_in(scratch: str, entry: str) -> Path:
    """Make the child's home its working folder and its place for temporary files; return the real path of scratch.

    To the submission its command line is that of `python ENTRY`.
    """
    os.chdir(Path(scratch, "home"))
    real = Path(os.getcwd()).parent  # os: scratch may lie behind a link, and the submission compares the three places
    os.environ |= scratch_variables(real)
    tempfile: Any = sys.modules.get("tempfile")
    if tempfile is not None:  # a library may have asked it for the place already
        tempfile.tempdir = None
    sys.argv = [str(real / "submission" / entry)]
    return real


def main() -> None:
    """Confine this process, then serve the submission named on the command line."""
    entry, libraries, *confinement = sys.argv[1:]
    scratch = move_in(os.getcwd(), entry)
    bind_lifetimes()
    if confinement:
        confine(Confinement(**json.loads(confinement[0])), str(scratch))
    serve_in(scratch, entry, is_confined=bool(confinement), libraries=libraries.split())


def serve_in(scratch: Path, entry: str, *, is_confined: bool, libraries: Iterable[str] = ()) -> None:
    """Serve the submission in a scratch folder that this process has moved into."""
    from mbench.child import habits, refusals, worker
    from mbench.child.own_files import tolerate_modes

    import_ahead(libraries)
    if is_confined:
        tolerate_modes(scratch / "home")

    def explain(error: BaseException) -> str:
        rule = refusals.explain(error, scratch=scratch, is_confined=is_confined)
        return rule or habits.explain(error)

    worker.main(entry, scratch, explain)


if __name__ == "__main__":
    main()
