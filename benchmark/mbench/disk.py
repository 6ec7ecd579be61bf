"""Files that are whole or not there: written beside their place and renamed. What a killed process left is swept up.

Whoever writes a draft or uses a scratch folder holds a lock on it, which the kernel drops when the process ends,
however it ends. So what is not held is nobody's, whatever the clock, the host or the number of the process.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePath
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from mbench.errors import HarnessError, UsageError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")
# What pydantic validates dataclasses by that are read from files: JSON's own types only, no field more, no NaN.
STRICT = {"extra": "forbid", "strict": True, "allow_inf_nan": False}

DRAFT_SUFFIX = ".mbench-part"
SCRATCH_PREFIX = "mbench-scratch-"
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_NO_REGULAR_FILE = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO)  # a link, a link for a folder above, a socket
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class Draft:
    """A file being written beside its place. A context manager: what was not published is gone when it is left.

    Write to `file`, `settle`, `publish`. Each raises OSError when the disk refuses; the place is then as it was.
    """

    def __init__(self, path: Path) -> None:
        """path: where the file is to be; the draft is made when the context is entered."""
        self.path = path

    def __enter__(self) -> Draft:
        """Make the draft, and the folder if need be."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            name = f".{self.path.name[:120]}.{os.urandom(4).hex()}{DRAFT_SUFFIX}"
            self._draft = self.path.with_name(name)
            self.file = self._draft.open("xb")
            _hold(self.file.fileno())
            if os.fstat(self.file.fileno()).st_nlink:
                return self
            self.file.close()  # swept up between being made and being held

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was not published."""
        self._draft.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # what a full disk did not take was reported by `settle`
            self.file.close()

    def settle(self) -> None:
        """Have all that was written on the disk, so that a loss of power after `publish` leaves the file whole."""
        self.file.flush()
        os.fsync(self.file.fileno())

    def publish(self) -> None:
        """Put the file in its place, in one step."""
        self.file.flush()
        self._draft.replace(self.path)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that whoever looks, and whatever ends us, finds the old one or the new. Raises OSError."""
    with Draft(path) as draft:
        draft.file.write(content)
        draft.settle()
        draft.publish()


def write_json(path: Path, content: Any, kept: str = "") -> None:
    """Write plain JSON as above, for people to read, too. Raises HarnessError when the disk refuses.

    kept: as for `disk_error`.
    """
    try:
        write_atomically(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())
    except OSError as error:
        raise disk_error(path, error, kept) from error


def read_bytes(path: Path, limit: int, remedy: str) -> bytes:
    """Return the content of a file of ours, which may be a link.

    Raises HarnessError for one of more than `limit` bytes, without reading it all, and for a pipe, without waiting.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise HarnessError(f"{path}: not a regular file. {remedy}")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise HarnessError(f"{path}: damaged, larger than {limit >> 20} MB. {remedy}")
    return content


@cache
def type_adapter(kind: type[T]) -> TypeAdapter[T]:
    """Return what validates JSON as a dataclass whose `__pydantic_config__` is STRICT, or as a tuple of such."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def settle_folder(folder: Path) -> None:
    """Have the names in a folder on the disk: what was published survives a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot, and need not
            raise
    finally:
        os.close(descriptor)


def sweep_drafts(folder: Path) -> None:
    """Remove the drafts in a folder that nobody writes any more."""
    for path in folder.glob(f".*{DRAFT_SUFFIX}"):
        with contextlib.suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


@contextlib.contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Lend a folder that only we may enter, and remove it with all it holds; and with it those of killed processes.

    parent: where to make it; by default where temporary files go.
    Raises OSError where it cannot be made.
    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    _sweep_scratch(parent)
    folder, descriptor = _make_scratch(parent)
    try:
        yield folder
    finally:
        remove_folder(folder)
        os.close(descriptor)


def remove_folder(folder: Path) -> None:
    """Remove what a child could fill: of any depth, which recursion and paths do not bear, and of any mode.

    What refuses to go is left.
    """
    if os.open not in os.supports_dir_fd:
        shutil.rmtree(folder, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        here = os.open(folder, _FOLDER)
        names: list[str] = []  # of the folders from `folder` to here
        pending = [_empty(here)]  # the folders yet to go, in each of them and here
        while pending:
            if pending[-1]:
                name = pending[-1].pop()
                try:
                    os.chmod(name, 0o700, dir_fd=here)
                    below = os.open(name, _FOLDER, dir_fd=here)
                except OSError:
                    continue
                os.close(here)
                here = below
                names.append(name)
                pending.append(_empty(here))
                continue
            pending.pop()
            if names:
                above = os.open("..", _FOLDER, dir_fd=here)
                os.close(here)
                here = above
                with contextlib.suppress(OSError):
                    os.rmdir(names.pop(), dir_fd=here)
        os.close(here)
        folder.rmdir()


def _empty(folder: int) -> list[str]:
    """Remove the files of a folder, given by its descriptor, and return the names of the folders in it."""
    names = []
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            if entry.is_dir(follow_symlinks=False):
                names.append(entry.name)
                continue
            with contextlib.suppress(OSError):
                os.unlink(entry.name, dir_fd=folder)
    return names


def open_regular(path: Path) -> BinaryIO | None:
    """Open a file that a stranger may have made something else of, or return None for a link, a pipe or nothing."""
    try:
        return open_inside(path.parent, path.name)
    except (OSError, UsageError):
        return None


class TooLargeError(UsageError):
    """A stranger's file holds more than it may."""


def read_inside(folder: Path, name: str | PurePath, limit: int) -> bytes:
    """Return the content of a stranger's file. Raises as `open_inside`, TooLargeError for more than `limit` bytes."""
    with open_inside(folder, name) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise TooLargeError(f"{folder / name}: larger than {limit:,} bytes, which is all that it may have. Shorten it")
    return content


def open_inside(folder: Path, name: str | PurePath) -> BinaryIO:
    """Open a stranger's file: a regular one that lies in a folder. All that a stranger brings is opened here.

    name: of the file, relative to the folder. The folder is whoever's who names it, and may be a link; below it no link
    is followed, and nothing is waited for.
    Raises FileNotFoundError where nothing is, UsageError for a link, a pipe or a device, OSError else.
    """
    *above, last = PurePath(name).parts
    assert ".." not in above, name
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in above:
            below = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = below
        descriptor = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)
    except OSError as error:
        if error.errno in _NO_REGULAR_FILE:
            raise _not_regular(folder / name) from None
        raise
    finally:
        os.close(here)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_regular(folder / name)
    return os.fdopen(descriptor, "rb")


def _not_regular(path: Path) -> UsageError:
    return UsageError(f"{path}: not a regular file in its folder, but a link or a pipe. Put the file itself there")


def check_place(path: Path) -> None:
    """Raise UsageError for a folder, HarnessError where a file cannot be written. Nothing of the trial stays."""
    try:
        if path.is_dir():
            raise UsageError(f"{path}: is a folder. Name a file")
        # Of a folder that is yet to be made, the one that it is to be made in: a film that fails leaves none behind.
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        with Draft(folder / path.name):
            pass
    except OSError as error:
        raise disk_error(path, error) from error


def disk_error(place: Path, error: OSError, kept: str = "") -> HarnessError:
    """Return what a refusal of the disk is to a person; kept: a sentence about what is not lost."""
    if error.errno in DISK_FULL:
        first = f"{kept}; free" if kept else "Free"
        return HarnessError(f"{place}: the disk is full. {first} some space and repeat the command")
    reason = f"{place}: cannot be written ({error.strerror or error})"
    return HarnessError(f"{reason}. {kept}" if kept else reason)


def _hold(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # a file system without locks, on which nothing is swept up either
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _make_scratch(parent: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=parent))
        with contextlib.suppress(FileNotFoundError):  # swept up between being made and being held
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            _hold(descriptor)
            if folder.exists():
                return folder, descriptor
            os.close(descriptor)


def _sweep_scratch(parent: Path) -> None:
    for folder in parent.glob(f"{SCRATCH_PREFIX}*"):
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(descriptor).st_uid == os.geteuid():  # root may enter everybody's
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    remove_folder(folder)
            finally:
                os.close(descriptor)
