"""A file named like a library that it imports: Python would give it itself. It is refused when it is read."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Set
from importlib.machinery import PathFinder
from pathlib import Path, PurePosixPath

from mbench.errors import SubmissionError

_NEEDED = frozenset({"mbench", "numpy", "sklearn", "torch"})  # by the process that a submission runs in
_PYTHONS = sys.stdlib_module_names & set(sys.modules)  # of Python's own modules those that are in use everywhere


def refuse_taken_names(folder: Path, entry: str, imported: Mapping[str, Set[str]]) -> None:
    """Raise SubmissionError for a submission's module that stands in the way of a library.

    folder: the submission's.  entry: its main file.  imported: of each of its files, the first names of the modules
    that it imports.
    """
    for module in sorted({PurePosixPath(path).parts[0].removesuffix(".py") for path in imported}):
        importers = [path for path, names in imported.items() if module in names]
        own_file = f"{module}.py"
        if own_file in importers:
            said = f"imports {module} and has that name itself, so Python would give it the file in the library's place"
        elif importers and _is_library(module, folder):
            said = f"has the name of the library {module}, and {importers[0]} would import it in the library's place"
        elif module in _NEEDED or (own_file == entry and module in _PYTHONS):
            said = f"has the name of the library {module}, and whatever imports that would be given the file"
        else:
            continue
        shown = folder / (own_file if own_file in imported else module)
        raise SubmissionError(f"{shown}: {said}. Rename it, to {_free_name(shown)} say")


def _is_library(module: str, folder: Path) -> bool:
    if module in sys.stdlib_module_names:
        return True
    here = os.path.realpath(folder)
    places = [place for place in sys.path if os.path.realpath(place or ".") != here]
    if PathFinder.find_spec(module, places) is None:
        return False
    from importlib import metadata  # not above: it takes longer than all else that `mbench --help` imports

    known = metadata.packages_distributions()
    return any(_is_main(module, distribution, known) for distribution in known.get(module, ()))


def _is_main(module: str, distribution: str, known: Mapping[str, list[str]]) -> bool:
    """Is this what a distribution is for? Some bring a folder named `tests` or `utils` along."""
    public = {name for name, owners in known.items() if distribution in owners and not name.startswith("_")}
    return public == {module} or re.sub(r"[-_.]+", "_", distribution).lower() == module.lower()


def _free_name(path: Path) -> str:
    name = f"my_{path.name}"
    while path.with_name(name).exists():
        name = f"my_{name}"
    return name
