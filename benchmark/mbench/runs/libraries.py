"""Which libraries a submission ran with: what its child imported, and which distribution of which version that is here.

A cell's key cannot hold them, since what is imported is known only afterwards. So they stand in the record, and a
record is kept only as long as they are what they were.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from importlib.machinery import ModuleSpec
from pathlib import Path

# In every child, whatever the submission imports.
_OURS = ("__main__", "mbench", "psutil", "cloudpickle", "_distutils_hack")
_FILES = "files "  # before a digest of them


def find_libraries(modules: Iterable[str]) -> dict[str, str]:
    """Return what stands behind the modules imported, by first name: `{"sklearn": "scikit-learn 1.6.1"}`.

    Of what its author may edit (an editable install, a folder on the path) a digest of its files stands beside the
    version. Left out: the standard library, mbench, and what is not to be found here, such as a submission's own files.
    """
    found = {}
    for name in sorted({module.partition(".")[0] for module in modules}):
        if name in sys.stdlib_module_names or name in _OURS:
            continue
        parts = [_describe(each) for each in _distributions().get(name, ())]
        if not parts or any(_is_editable(each) for each in _distributions().get(name, ())):
            digest = _files_digest(name)
            parts += [f"{_FILES}{digest}"] if digest else []
        if parts:
            found[name] = ", ".join(parts)
    return found


def compare_libraries(then: Mapping[str, str] | None) -> str:
    """Say what differs between the libraries of a record and what is installed now; "" where nothing does.

    then: None of a record that does not tell, which is taken at its word.
    """
    now = find_libraries(then or ())
    differing = [
        _tell_difference(name, was, now.get(name))
        for name, was in (then or {}).items()
        if now.get(name) != was and not (name not in now and _is_inner(name, was))
    ]
    return "; ".join(differing)


def _tell_difference(name: str, was: str, now: str | None) -> str:
    if now is None:
        return f"{name} is not here now, was {was}"
    if was.partition(_FILES)[0] == now.partition(_FILES)[0]:
        return f"the files of {name} have changed"
    return f"{now} now, was {was}"


def _is_inner(name: str, was: str) -> bool:
    """Is this a compiled library's own inner module, which records of before tell where it happened to be loaded?"""
    return name.startswith("_") and was.startswith(_FILES)


@cache
def _distributions() -> Mapping[str, list[str]]:
    found = metadata.packages_distributions()  # a third of a second
    return {name: sorted(set(distributions)) for name, distributions in found.items()}


def _describe(distribution: str) -> str:
    try:
        return f"{distribution} {metadata.version(distribution)}"
    except metadata.PackageNotFoundError:  # removed meanwhile
        return f"{distribution} removed"


def _is_editable(distribution: str) -> bool:
    try:
        text = metadata.distribution(distribution).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return False
    try:
        return bool(text and json.loads(text).get("dir_info", {}).get("editable"))
    except (ValueError, AttributeError):
        return False


def _find_spec(name: str) -> ModuleSpec | None:
    """Return where a module lies, asking every finder of this interpreter, and not what it has loaded already.

    Compiled libraries load inner modules under names of no folder (`_ni_label` of SciPy): a record would then depend
    on what this process happens to have drawn before.
    """
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, None)
        except (AttributeError, ValueError, ImportError):
            continue
        if spec is not None:
            return spec
    return None


def _files_digest(name: str) -> str:
    """Return the SHA-256 of a module's or package's Python files, "" where there are none."""
    spec = _find_spec(name)
    if spec is None or not (spec.submodule_search_locations or spec.origin):
        return ""
    roots = list(spec.submodule_search_locations or ())
    paths = [(path.relative_to(root).as_posix(), path) for root in roots for path in sorted(Path(root).rglob("*.py"))]
    paths += [] if roots else [(name, Path(str(spec.origin)))]
    digest = hashlib.sha256()
    n_read = 0
    for shown, path in paths:
        if path.is_file():
            digest.update(shown.encode() + b"\0" + path.read_bytes())
            n_read += 1
    return digest.hexdigest()[:16] if n_read else ""
