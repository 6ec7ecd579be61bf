"""Where the source of a local result was read from, and what happens to a result that another source's replaces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mbench.disk import STRICT, disk_error, write_atomically
from mbench.errors import MbenchError
from mbench.results.kept import Form, read_kept, refusing_foreign, write_kept
from mbench.results.store import RESULT_NAME, read_result
from mbench.submission import Source
from mbench.suite.tracks import SUITE_VERSION

ORIGIN_NAME = "source.json"
_LIMIT = 1 << 16
_N_DIGITS = 8  # of a digest in a file's name


@dataclass(frozen=True, slots=True)
class SourceOrigin:
    """Which source a result is of, and the absolute path that it was read from: "" for a function of Python."""

    __pydantic_config__: ClassVar = STRICT

    suite: int
    digest: str
    path: str


_ORIGIN = Form(SourceOrigin, _LIMIT, "Delete it")


def write_origin(folder: Path, source: Source) -> None:
    """Write beside a result where its source was read from. Raises HarnessError when the disk refuses."""
    write_kept(folder / ORIGIN_NAME, {"suite": SUITE_VERSION, "digest": source.digest, "path": _path(source)})


def read_origin(folder: Path) -> SourceOrigin | None:
    """Return where the source of the result in a folder was read from, or None where that is not known."""
    try:
        with refusing_foreign():
            return read_kept(_ORIGIN, folder / ORIGIN_NAME)
    except MbenchError:  # it is a hint, which nothing depends on
        return None


def keep_replaced(folder: Path, source: Source) -> str:
    """Keep the result in a folder beside itself where this source's is about to replace it; return what to say of it.

    "" where there is none, or it is of this source, or of an earlier version of the same file or function. Raises
    HarnessError when the disk refuses.
    """
    path = folder / RESULT_NAME
    aside(folder, source.digest).unlink(missing_ok=True)  # it is in its place again
    try:
        with refusing_foreign():
            digests = {record.source_digest for record in read_result(path).records} if path.exists() else set()
    except MbenchError:  # what cannot be read is not told about
        return ""
    if not digests or source.digest in digests:
        return ""
    origin = read_origin(folder)
    old = origin.digest if origin is not None and origin.digest in digests else min(digests)
    known = origin.path if origin is not None and origin.digest == old else None
    if known == _path(source):
        return ""
    kept = aside(folder, old)
    try:
        write_atomically(kept, path.read_bytes())
    except OSError as error:
        raise disk_error(kept, error) from error
    place = f", from {known}" if known else ""
    return (
        f"{path} was of another source called {source.name} ({old[:_N_DIGITS]}…{place}) and is replaced. It is kept as "
        f"{kept.name}, and its cells as they were"
    )


def _path(source: Source) -> str:
    return "" if source.path is None else str(source.path.absolute())


def aside(folder: Path, digest: str) -> Path:
    """Return where the result of a source is kept that another source's has replaced."""
    path = folder / RESULT_NAME
    return path.with_name(f"{path.stem}.{digest[:_N_DIGITS]}{path.suffix}")


def kept_aside(folder: Path) -> list[Path]:
    """Return the results in a folder that another source's of the same name have replaced."""
    path = folder / RESULT_NAME
    return sorted(folder.glob(f"{path.stem}.{'[0-9a-f]' * _N_DIGITS}{path.suffix}"))
