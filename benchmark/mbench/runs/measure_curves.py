"""Measuring sample-efficiency curves: cells of samples that contain each other, each in its sandbox.

What is run is an ordinary cell with another number of points, which is no track's. Its record lies in a folder of its
own, which no other store opens, and enters no score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from statistics import fmean

from mbench.errors import UsageError
from mbench.results.curves import Curve, Point
from mbench.results.environment import describe_environment
from mbench.results.record import Record
from mbench.results.store import ResultStore
from mbench.runs.cells import Cell
from mbench.runs.evaluate import evaluate_source
from mbench.runs.progress import Report
from mbench.runs.run import open_run
from mbench.runs.settings import Settings
from mbench.submission import Source
from mbench.suite import tracks
from mbench.suite.tasks import load_task
from mbench.suite.tracks import fit_limit_s
from mbench.types import FloatArray

TRACK = "large"  # a record names a track; of this one's samples all others are prefixes


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
    with open_run(source, settings, report) as opened:
        result, _ = evaluate_source(opened, cells, store)
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
