"""Asked of an interpreter that starts as a child's does: its path, and where hooks of editable installs lead."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from importlib import metadata


def list_editable() -> Iterator[str]:
    """Yield the names of modules that an editable install may lead to."""
    for distribution in metadata.distributions():
        told = json.loads(distribution.read_text("direct_url.json") or "{}")
        if told.get("dir_info", {}).get("editable"):
            yield from (distribution.read_text("top_level.txt") or "").split()
    for finder in sys.meta_path:  # each builder of packages has a hook of its own
        module = sys.modules.get(finder.__module__ if isinstance(finder, type) else type(finder).__module__)
        for names in (
            getattr(module, "MAPPING", {}),  # setuptools
            getattr(module, "NAMESPACES", {}),
            getattr(finder, "_redirections", {}),  # hatchling and others, by `editables`
            getattr(finder, "known_source_files", {}),  # scikit-build-core
            getattr(finder, "_top_level_modules", ()),  # meson-python
        ):
            yield from (str(name).partition(".")[0] for name in names)


def find_places(name: str) -> list[str]:
    """Return where a module lies, without importing it: its file, or its package's folders."""
    try:
        spec = importlib.util.find_spec(name)
    except Exception:  # a hook may do anything
        return []
    if spec is None:
        return []
    return [str(place) for place in spec.submodule_search_locations or [spec.origin]]


if __name__ == "__main__":
    places = [place for name in dict.fromkeys(list_editable()) for place in find_places(name)]
    json.dump({"path": sys.path, "hooked": places}, sys.stdout)
