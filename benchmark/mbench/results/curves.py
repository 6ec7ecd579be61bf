"""Sample-efficiency curves: a method's error against the size of its sample, on samples that contain each other.

What is run is an ordinary cell with another number of points, which is no track's. Its record lies in a folder of its
own, which no other store opens, and enters no score.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, takewhile
from pathlib import Path
from statistics import fmean
from typing import ClassVar

import numpy as np

from mbench.disk import STRICT, parse_json, read_bytes, write_json
from mbench.errors import HarnessError, UsageError
from mbench.results.environment import describe_environment
from mbench.results.lookup import RECORDED_FOLDER
from mbench.results.store import Record, ResultStore
from mbench.runs.cells import Cell, Report, Settings
from mbench.runs.evaluate import evaluate_source
from mbench.sandbox.child_process import open_nursery
from mbench.submission import Source
from mbench.suite import tracks
from mbench.suite.tasks import load_task
from mbench.types import FloatArray

TRACK = "large"  # a record names a track; of this one's samples all others are prefixes
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


class CurveStore(ResultStore):
    """A results folder of the records alone: a thousand predictions and estimators would fill a disk."""

    purpose = "curves"

    def write(
        self, record: Record, predictions: FloatArray | None = None, artifact: Path | bytes | None = None
    ) -> None:
        """Store a cell's record."""
        super().write(record)


def choose_sizes(low: int, high: int, per_decade: int) -> tuple[int, ...]:
    """Return sample sizes from low to high, `per_decade` of them to each factor of ten, evenly on a log axis.

    The last step, to high itself, may be a shorter one.

    Raises UsageError for a range that is none.
    """
    if not 1 <= low <= high:
        raise UsageError(f"sizes {low}:{high}: expected LOW:HIGH with 1 ≤ LOW ≤ HIGH")
    steps = math.floor(per_decade * math.log10(high / low) + 1e-9)
    return tuple(dict.fromkeys((*(round(low * 10 ** (step / per_decade)) for step in range(steps + 1)), high)))


def fit_limit_s(family: str, n_samples: int) -> float:
    """Return the seconds to learn a sample of any size: straight between the tracks' budgets on log-log axes.

    Below the smallest track's sample its limit holds, above the largest one's that one's. Rounded to a tenth.
    """
    budgets = [track.budgets[family] for track in tracks.TRACKS.values()]
    sizes, limits = np.log(sorted((budget.n_samples, budget.fit_limit_s) for budget in budgets)).T
    return round(float(np.exp(np.interp(math.log(n_samples), sizes, limits))), 1)


def plan_curve(task_name: str, sizes: Sequence[int], replicates: int) -> list[Cell]:
    """Return the cells of one task's curve, longest first.

    Raises UsageError for an unknown task, and for more points than the largest track's sample has: up to there every
    sample is a prefix of it.
    """
    task = load_task(task_name)
    most = tracks.TRACKS[TRACK].budgets[task.family].n_samples
    most = most if task.n_available is None else min(most, task.n_available)
    if max(sizes) > most:
        raise UsageError(f"{task_name}: {max(sizes):,} points were asked for, it has {most:,}. Give --sizes LOW:{most}")
    cells = [
        Cell(task_name, TRACK, replicate, size, fit_limit_s(task.family, size))
        for size in sizes
        for replicate in range(replicates)
    ]
    return sorted(cells, key=lambda cell: -cell.n_samples)


def measure_curves(
    source: Source, cells: Sequence[Cell], store: CurveStore, settings: Settings, report: Report
) -> tuple[Curve, ...]:
    """Run every cell that is not in the store yet, each in its sandbox, and return a curve for each task.

    Raises HarnessError for a failure of ours, which is no point of a curve.
    """
    with open_nursery(source, settings.threads, settings.isolation) as nursery:
        result, _ = evaluate_source(source, cells, store, settings, nursery=nursery, report=report)
    result.raise_for_ours("Repeat the command, which keeps what is done")
    by_task = groupby(result.records, key=lambda record: record.task)  # they come sorted by it
    return tuple(_summarise(source, list(records)) for _, records in by_task)


def _summarise(source: Source, records: Sequence[Record]) -> Curve:
    points = []
    for size in sorted({record.n_samples for record in records}):
        alike = [record for record in records if record.n_samples == size]
        errors = [record.metrics.error for record in alike if record.metrics]
        times = [record.costs.fit_s for record in alike if record.costs.fit_s is not None]
        failed = [f"{record.status}: {record.reason}" for record in alike if not record.ok]
        points.append(
            Point(
                n_samples=size,
                fit_limit_s=alike[0].fit_limit_s,
                n_replicates=len(alike),
                error=None if failed else fmean(errors),
                fit_s=fmean(times) if times else None,
                reason=failed[0] if failed else "",
            )
        )
    first = records[0]
    return Curve(
        name=source.name,
        source_digest=source.digest,
        task=first.task,
        threads=first.threads,
        device=first.device,
        isolation=max(record.isolation for record in records),
        points=tuple(points),
        environment=describe_environment(),
    )


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
    write_json(path, asdict(file))


def read_curves(path: Path) -> tuple[Curve, ...]:
    """Read curves; none where there is no file. UsageError for another suite's, HarnessError for a damaged file."""
    again = "Delete it, measure again"
    try:
        content = read_bytes(path, _FILE_LIMIT, again)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise HarnessError(f"{path}: cannot be read ({error.strerror})") from error
    found = parse_json(_File, content, path, again)
    if found.suite != tracks.SUITE_VERSION:
        raise UsageError(
            f"{path}: made by suite {found.suite}, this is {tracks.SUITE_VERSION}. Results of different suites do not "
            "compare; delete it, and run `mbench curves` again"
        )
    return found.curves
