"""Changes of mode and time: refused by the filter whatever the file, and passed over where it is the child's own.

The filter sees no paths. `shutil.copy` sets the mode of what it has written, though, and would fail on its own copy.
"""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

_NAMES = ("chmod", "fchmod", "lchmod", "utime")


def tolerate_modes(home: Path) -> None:
    """Have `os.chmod`, `os.utime` and their like leave as it is what lies below a folder, instead of failing there.

    home: a real path.  Its own mode, and whatever lies elsewhere, is refused as before.
    """
    for name in _NAMES:
        refused = getattr(os, name, None)
        if refused is None:
            continue
        tolerant = _tolerate(refused, home)
        setattr(os, name, tolerant)
        for known in (os.supports_fd, os.supports_follow_symlinks, os.supports_dir_fd, os.supports_effective_ids):
            if refused in known:
                known.add(tolerant)


def _tolerate(change: Callable[..., None], home: Path) -> Callable[..., None]:
    @functools.wraps(change)
    def changed(path: Any, *arguments: Any, **options: Any) -> None:
        try:
            change(path, *arguments, **options)
        except PermissionError as error:
            if error.errno != errno.EPERM or options.get("dir_fd") is not None or not _is_own(path, home):
                raise

    return changed


def _is_own(path: Any, home: Path) -> bool:
    """Is this, by a path or a descriptor, a file or a folder below home?"""
    try:
        place = os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else os.path.realpath(os.fsdecode(path))
        os.stat(path)  # what is not there is nobody's
    except (OSError, ValueError):
        return False
    return home in Path(place).parents
