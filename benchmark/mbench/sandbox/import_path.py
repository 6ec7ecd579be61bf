"""What the interpreter that runs mbench can import, and so what a child imports, too.

Three kinds: folders of libraries, open as a whole; what is importable in a person's own folders on the path, by
PYTHONPATH or an editable install, and nothing else there, since results or secrets may lie beside it; packages that the
hook of an editable install leads to.
"""

from __future__ import annotations

import importlib.util
import json
import os
import site
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.machinery import all_suffixes
from pathlib import Path

_PROBE = Path(__file__).with_name("import_probe.py")
_LIBRARY_FOLDERS = ("site-packages", "dist-packages")
_METADATA = (".dist-info", ".egg-info")


@dataclass(frozen=True, slots=True)
class ImportPath:
    """Existing paths, as the interpreter names them.

    libraries: folders.  roots: a person's own folders on the path.  own: the importable files and folders there, and
    those that hooks lead to.
    """

    libraries: tuple[str, ...]
    roots: tuple[str, ...]
    own: tuple[str, ...]


def interpreter_flags() -> list[str]:
    """Return the options that give a child's interpreter our path: without the current folder, and no site of a user's.

    Not -I, which would ignore PYTHONHASHSEED; the environment is ours anyway.
    """
    return ["-P", "-B"] if site.ENABLE_USER_SITE else ["-s", "-P", "-B"]


def path_variables() -> dict[str, str]:
    """Return the variables that give a child's interpreter our path, wherever it starts and whatever its home is."""
    entries = [os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    variables = {"PYTHONPATH": os.pathsep.join(entries)} if entries else {}
    if site.ENABLE_USER_SITE:
        variables["PYTHONUSERBASE"] = site.getuserbase()
    return variables


@cache
def import_path() -> ImportPath:
    """Return what a child can import from, asked of an interpreter that starts as a child's does."""
    command = [sys.executable, *interpreter_flags(), str(_PROBE)]
    found = subprocess.run(command, env=path_variables(), capture_output=True, check=True, stdin=subprocess.DEVNULL)
    told = json.loads(found.stdout)
    prefixes = [sys.base_prefix, sys.prefix, sys.base_exec_prefix, sys.exec_prefix]
    libraries, roots = [*prefixes], []
    for path in told["path"]:
        (libraries if _holds_libraries(path, prefixes) else roots).append(path)
    libraries += os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    own = [item for root in roots for item in _importable(root)] + told["hooked"]
    return ImportPath(
        tuple(dict.fromkeys(filter(os.path.isdir, libraries))),
        tuple(dict.fromkeys(filter(os.path.isdir, roots))),
        tuple(dict.fromkeys(filter(os.path.exists, own))),
    )


def find_module(name: str) -> tuple[str, ...]:
    """Return where our own interpreter finds a module of the top level: its file, or the folders of its package."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return ()
    if spec is None:
        return ()
    return tuple(str(place) for place in spec.submodule_search_locations or [spec.origin])


def _holds_libraries(path: str, prefixes: list[str]) -> bool:
    place = Path(os.path.realpath(path))
    return place.name in _LIBRARY_FOLDERS or any(place.is_relative_to(os.path.realpath(each)) for each in prefixes)


def _importable(root: str) -> list[str]:
    """Return the modules and packages that lie in a folder, and what tells of distributions; an archive itself."""
    if os.path.isfile(root):
        return [root]
    found = []
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError:
        return []
    for entry in entries:
        if entry.name.endswith(_METADATA):
            found.append(entry.path)
        elif entry.is_file():
            found += [entry.path] if entry.name.endswith(tuple(all_suffixes())) else []
        elif any(os.path.isfile(os.path.join(entry.path, f"__init__{suffix}")) for suffix in all_suffixes()):
            found.append(entry.path)
    return found
