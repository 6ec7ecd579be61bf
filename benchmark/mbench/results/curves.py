"""Sample-efficiency curves as they are kept: a method's error against the size of its sample."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import ClassVar

from mbench.disk import STRICT
from mbench.results.kept import Form, read_kept, write_kept
from mbench.results.lookup import RECORDED_FOLDER
from mbench.results.record import name_unknown
from mbench.suite import tracks

FOLDER_NAME = "curves"  # in the results folder
CURVES_NAME = "curves.json"
RECORDED_CURVES = RECORDED_FOLDER / CURVES_NAME
_FILE_LIMIT = 4 << 20  # bytes: a method's curve has about one thousand


@dataclass(frozen=True, slots=True)
class Point:
    """One size of sample: means over the replicates. error: None where one of them failed, and reason says why."""

    __pydantic_config__: ClassVar = STRICT

    n_samples: int
    fit_limit_s: float
    n_replicates: int
    error: float | None
    fit_s: float | None
    reason: str

    def __post_init__(self) -> None:
        """Raise ValueError for what cannot be drawn."""
        if self.n_samples < 1 or not (self.error is None or self.error >= 0.0):
            raise ValueError("a point of a curve is out of range")


@dataclass(frozen=True, slots=True)
class Curve:
    """One source on one task, sizes ascending. isolation: the weakest tier that any of its cells ran under."""

    __pydantic_config__: ClassVar = STRICT

    name: str
    source_digest: str
    task: str
    threads: int
    device: str
    isolation: str
    points: tuple[Point, ...]
    environment: dict[str, str]

    def __post_init__(self) -> None:
        """Raise ValueError for a task that nobody knows."""
        try:
            tracks.family_of(self.task)
        except KeyError:
            raise ValueError("task is unknown") from None

    @property
    def line(self) -> tuple[tuple[int, float], ...]:
        """Sizes and errors up to the first size at which a replicate failed."""
        ended = takewhile(lambda point: point.error is not None, self.points)
        return tuple((point.n_samples, point.error) for point in ended if point.error is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    __pydantic_config__: ClassVar = STRICT

    suite: int
    made_by: str
    how: str
    curves: tuple[Curve, ...]


_CURVES = Form(
    _File, _FILE_LIMIT, "Delete it, measure again", "Measure into another results folder with `mbench curves`",
    items="curves", unknown=name_unknown,
)  # fmt: skip


def merge_curves(known: Iterable[Curve], new: Iterable[Curve]) -> tuple[Curve, ...]:
    """Return both, sorted, a new curve in the place of a known one of its name and task."""
    merged = {(curve.task, curve.name): curve for curve in (*known, *new)}
    return tuple(merged[key] for key in sorted(merged))


def find_curves(results: Path | None) -> tuple[Curve, ...]:
    """Return the recorded curves, and those measured in a results folder; of one name and task, the recorded."""
    local = () if results is None else read_curves(results / FOLDER_NAME / CURVES_NAME)
    return merge_curves(local, read_curves(RECORDED_CURVES))


def write_curves(path: Path, curves: Sequence[Curve]) -> None:
    """Write curves atomically. Raises HarnessError when the disk refuses."""
    file = _File(
        suite=tracks.SUITE_VERSION,
        made_by="mbench curves",
        how="error (FVU; on digits the error rate) on the public test set, means over the replicates, of samples that "
        "are prefixes of the largest track's; fit limits straight between the tracks' budgets on log-log axes",
        curves=tuple(curves),
    )
    write_kept(path, asdict(file))


def read_curves(path: Path) -> tuple[Curve, ...]:
    """Read curves; none where there is no file. Raises as `read_kept`."""
    found = read_kept(_CURVES, path)
    return () if found is None else found.curves
