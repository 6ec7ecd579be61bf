"""How long the making of a film takes: said before it starts, and how much of it is left, said while it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mbench.results.index import Heading
from mbench.results.lookup import recorded_baselines
from mbench.results.record import Record
from mbench.results.store import ResultStore
from mbench.runs.cells import Cell
from mbench.runs.settings import Settings
from mbench.submission import Source
from mbench.suite import tracks
from mbench.views.footage import Filming, Report, Subject, WatchProgress

START_S = 3.0  # of a child: its libraries, and its building
DRAW_S = 0.06  # of a frame of 1,080 lines, drawn and encoded
SETTLED_FRAMES = 20  # after so many it is known how fast this machine draws

Way = dict[str, float]  # the phases of making a film of one submission, in their order, and the seconds of each


@dataclass(frozen=True, slots=True)
class Cost:
    """What a submission takes on one cell, as was measured before, or else as its limit allows.

    fit_s: seconds to learn.  point_s: seconds to answer one query.  is_measured: is it known, or the limit?
    """

    fit_s: float
    point_s: float
    is_measured: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """How long the making of a film takes.

    ways: of each submission the ways it may go, of which the longest counts until one is begun.  n_frames: that are
    drawn at the end.  is_measured: are all costs known, or some of them limits?
    """

    ways: dict[str, tuple[Way, ...]]
    n_frames: int
    is_measured: bool

    @property
    def seconds(self) -> float:
        """How long all of it takes."""
        return sum(map(self.longest, self.ways)) + self.n_frames * DRAW_S

    def longest(self, name: str) -> float:
        """Return how long a submission takes that was not begun yet."""
        return max(sum(way.values()) for way in self.ways[name])


class Countdown:
    """A report callback that tells at its start how long all takes, and hands every step on with what is left."""

    def __init__(self, plan: Plan, report: Report, clock: Callable[[], float] = time.monotonic) -> None:
        """Tell how long it takes."""
        self._plan, self._report, self._clock = plan, report, clock
        self._now: tuple[str, str] = "", "planning"
        self._began = clock()
        self._n_drawn = 0
        report(WatchProgress("", "planning", 0, 0, plan.seconds, plan.is_measured))

    def __call__(self, progress: WatchProgress) -> None:
        """Take in one step."""
        is_drawing = progress.phase == "filming"
        now = ("", "filming") if is_drawing else (progress.name, progress.phase)
        if now != self._now:
            self._now, self._began = now, self._clock()
        took = self._clock() - self._began
        if is_drawing:
            self._n_drawn += 1
            pace_s = took / self._n_drawn if self._n_drawn >= SETTLED_FRAMES else DRAW_S
            left_s = pace_s * max(0, self._plan.n_frames - self._n_drawn)
        else:
            left_s = self._left_s(progress, took) + self._plan.n_frames * DRAW_S
        self._report(replace(progress, left_s=left_s))

    def _left_s(self, progress: WatchProgress, took: float) -> float:
        """Return what is left but for the drawing: of this phase as fast as it goes, of others as was planned."""
        names = list(self._plan.ways)
        if progress.name not in names:
            return 0.0
        later = sum(map(self._plan.longest, names[names.index(progress.name) + 1 :]))
        way = next((way for way in self._plan.ways[progress.name] if progress.phase in way), {})
        phases = list(way)
        after = sum(way[each] for each in phases[phases.index(progress.phase) + 1 :]) if phases else 0.0
        if progress.done and progress.total > 1:
            return later + after + took / progress.done * (progress.total - progress.done)
        return later + after + max(0.0, way.get(progress.phase, 0.0) - took)


def plan_learning(
    sources: Sequence[Source], subject: Subject, settings: Settings, filming: Filming, n_frames: int
) -> Plan:
    """Return how long filming sources while they learn takes. Which of them take snapshots shows when they run."""
    ways: dict[str, tuple[Way, ...]] = {}
    is_measured = True
    for source in sources:
        cost = find_cost(source, subject.cell, filming.store)
        is_measured = is_measured and cost.is_measured
        asked_s = cost.point_s * len(subject.X)
        grown_s = filming.n_sizes * (START_S + asked_s + cost.fit_s) / max(1, settings.jobs)
        watched = {"training": START_S + cost.fit_s, "asking": START_S + filming.n_shots * asked_s}
        ways[source.name] = ({"growing": grown_s},) if filming.grow else (watched, {"growing": grown_s})
    return Plan(ways, n_frames, is_measured)


def find_cost(source: Source, cell: Cell, store: ResultStore | None) -> Cost:
    """Return what a source takes on a cell: as was measured here, or as is recorded of the baseline that it is."""
    for record in _records_of(source, cell, store):
        fit_s, point_us = record.costs.fit_s, record.costs.predict_us_per_point
        if fit_s is not None and point_us is not None:
            return Cost(fit_s, point_us * 1e-6, True)
    limit_s = cell.fit_limit_s
    return Cost(limit_s, tracks.predict_limit_s(limit_s, 1_000_000) / 1e6, False)


def _records_of(source: Source, cell: Cell, store: ResultStore | None) -> list[Record]:
    def wanted(record: Record | Heading) -> bool:
        return record.source_digest == source.digest and (record.task, record.track) == (cell.task, cell.track)

    here = store.records(wanted=wanted) if store is not None and (store.folder / "cells").is_dir() else []
    return [*reversed(here), *(r for result in recorded_baselines() for r in result.records if wanted(r))]
