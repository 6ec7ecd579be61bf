"""The sources that were evaluated, beside the log: one file each, by digest, so that any can be had back."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass
from difflib import unified_diff
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from mbench.disk import STRICT, disk_error, write_atomically
from mbench.errors import HarnessError
from mbench.results.kept import Form, note, read_kept, write_kept
from mbench.results.log import FOLDER
from mbench.submission import Source
from mbench.suite.tracks import SUITE_VERSION

_SOURCES = "sources"
_LIMIT = (
    1 << 26
)  # bytes of a file: a submission's files hold at most 256 kB, a function from Python what it closes over


@dataclass(frozen=True, slots=True)
class _File:
    """One file of a source: its text, or its bytes in base 64 where they are no text."""

    __pydantic_config__: ClassVar = STRICT

    path: str
    text: str | None = None
    base64: str | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a path that leads out of its folder, and for a file with no content or with two."""
        parts = PurePosixPath(self.path).parts
        if not parts or self.path.startswith("/") or ".." in parts or "\0" in self.path:
            raise ValueError("path leads out of its folder")
        if (self.text is None) == (self.base64 is None):
            raise ValueError("content is neither text nor bytes")
        b64decode(self.base64 or "", validate=True)  # raises ValueError

    @property
    def content(self) -> bytes:
        """Its bytes."""
        return self.text.encode() if self.text is not None else b64decode(self.base64 or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeptSource:
    __pydantic_config__: ClassVar = STRICT

    suite: int
    name: str
    entry: str
    files: tuple[_File, ...]


_SOURCE = Form(_KeptSource, _LIMIT, "Its evaluations stay in the log without their source")


def keep_source(results: Path, source: Source) -> Path | None:
    """Keep a source in a results folder's log, once; return where, or None where it is too large, which is noted.

    Raises HarnessError when the disk refuses.
    """
    path = _place(results, source.digest)
    if path.exists():
        return path
    files = [_pack(name, content) for name, content in source.files]
    content: dict[str, Any] = {"suite": SUITE_VERSION, "name": source.name, "entry": source.entry, "files": files}
    if sum(len(file["text"] or file["base64"] or "") for file in files) > _LIMIT // 8:  # JSON may need six for one
        note(f"{source.name}: is too large for the log, which keeps its scores without its source")
        return None
    write_kept(path, content, "What was evaluated is kept")
    return path


def find_source(results: Path, digest: str) -> Source:
    """Return a source that was kept. Raises HarnessError where it is not there, or is not what was evaluated."""
    path = _place(results, digest)
    kept = read_kept(_SOURCE, path)
    if kept is None:
        raise HarnessError(f"{path}: is not there, so the source of this evaluation is lost")
    files = tuple((file.path, file.content) for file in kept.files)
    source = Source(name=kept.name, entry=kept.entry, files=files)
    if source.digest != digest:
        raise HarnessError(f"{path}: damaged, it does not hold the source that was evaluated")
    return source


def compare_sources(before: Source, after: Source, old: str, new: str) -> list[str]:
    """Return how one source differs from another, as the lines of a unified difference; none where it does not.

    old, new: what to call them.
    """
    contents = [dict(source.files) for source in (before, after)]
    lines: list[str] = []
    for name in sorted(contents[0].keys() | contents[1].keys()):
        one, other = (content.get(name) for content in contents)
        if one == other:
            continue
        told, now = (f"{label}/{name}" if content is not None else "/dev/null"
                         for label, content in ((old, one), (new, other)))  # fmt: skip
        try:
            texts = [(content or b"").decode().splitlines() for content in (one, other)]
        except UnicodeDecodeError:
            lines.append(f"{name}: differs, and is no text")
            continue
        found = list(unified_diff(*texts, fromfile=told, tofile=now, lineterm=""))
        lines += found or [f"{name}: differs in how its lines end"]
    return lines


def changed_places(source: Source, folder: Path) -> list[Path]:
    """Return where in a folder a file lies that would be another if the source were written there."""
    found = []
    for name, content in source.files:
        place = folder / name
        if place.is_symlink() or (place.exists() and not (place.is_file() and place.read_bytes() == content)):
            found.append(place)
    return found


def write_source(source: Source, folder: Path) -> list[Path]:
    """Write a source's files into a folder and return their paths. A link there is replaced, not followed.

    Raises HarnessError when the disk refuses.
    """
    paths = []
    for name, content in source.files:
        place = folder / name
        try:
            write_atomically(place, content)
        except OSError as error:
            raise disk_error(place, error) from error
        paths.append(place)
    return paths


def _place(results: Path, digest: str) -> Path:
    return results / FOLDER / _SOURCES / f"{digest}.json"


def _pack(path: str, content: bytes) -> dict[str, Any]:
    try:
        return asdict(_File(path, text=content.decode()))
    except UnicodeDecodeError:
        return asdict(_File(path, base64=b64encode(content).decode()))
