"""Live progress of a run, on stderr: a bar on a terminal, a line per finished cell elsewhere; and how a film ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from mbench.cli.console import make_console
from mbench.results.record import Record
from mbench.results.reference import Reference
from mbench.results.scoring import score_entry
from mbench.runs.cells import Cell
from mbench.runs.check import LOADING_TOLD_S
from mbench.runs.progress import Progress as CellProgress
from mbench.words import count_of

if TYPE_CHECKING:
    from mbench.review.audit.run import AuditProgress
    from mbench.views.footage import WatchProgress
    from mbench.views.reel import Film


class Live:
    """A bar on a terminal, and lines that stay, both on stderr and from several threads."""

    def __init__(self, label: str) -> None:
        """label: what is counted.  Draws nothing yet."""
        self._console = make_console(stderr=True)
        self._bar = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(), console=self._console, transient=True, disable=not self._console.is_terminal,
        )  # fmt: skip
        self._total = self._bar.add_task(label, total=None, count="")
        self._lock = Lock()
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        """Start drawing."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing; what was printed stays."""
        self._bar.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take the bar away while something else is printed, and draw it again below."""
        self._bar.stop()
        yield
        self._bar.start()

    def _print(self, name: str, outcome: str) -> None:
        clock = f"{time.monotonic() - self._started:6.1f} s"
        self._console.print(f"[dim]{clock}[/dim]  {escape(name)}  {outcome}")


class LiveProgress(Live):
    """A report callback for `evaluate_source` that shows cells done, what runs now, and the score so far."""

    def __init__(
        self,
        reference: Reference | None,
        label: str = "cells",
        describe: Callable[[Cell], str] = lambda cell: f"{cell.task} r{cell.replicate}",
    ) -> None:
        """reference: what scores are measured by, or None to show errors only.  label: what is counted.

        describe: what a cell is called, markup escaped later.
        """
        super().__init__(label)
        self._describe = describe
        self._reference = reference
        self._n_cells = 0
        self._lines: dict[tuple[Cell, bool], object] = {}
        self._records: list[Record] = []

    def expect(self, cells: Sequence[Cell]) -> None:
        """Say how many cells there will be."""
        self._n_cells = len(cells)
        self._bar.update(self._total, total=len(cells), count=f"0/{len(cells)}")

    def __call__(self, progress: CellProgress) -> None:
        """Take in one step of one cell; called from several threads."""
        with self._lock:
            self._show(progress)

    def _show(self, progress: CellProgress) -> None:
        cell = progress.cell
        line = (cell, progress.phase.startswith("draw"))
        if progress.phase in ("done", "cached", "drawn"):
            if line in self._lines:
                self._bar.remove_task(self._lines.pop(line))  # type: ignore[arg-type]
            if progress.record is not None:
                self._finish(progress)
            return
        text = f"  {escape(self._describe(cell))} [dim]{progress.phase}[/dim]"
        if line not in self._lines:
            limit = f"of {cell.fit_limit_s:g} s to fit" if progress.phase != "drawing" else ""
            self._lines[line] = self._bar.add_task(text, total=None, count=f"[dim]{limit}[/dim]")
        self._bar.update(self._lines[line], description=text)  # type: ignore[arg-type]

    def _finish(self, progress: CellProgress) -> None:
        record = progress.record
        assert record is not None
        self._records.append(record)
        done = len(self._records)
        count = f"{done}/{self._n_cells or '?'}"
        self._bar.update(self._total, completed=done, count=count, description=self._running_score())
        if record.metrics is None:
            outcome = f"[red]{record.status}[/red]: {escape(record.reason)}"
        else:
            outcome = f"error {record.metrics.error:.5f}"
            if record.metrics.profile:
                outcome += f", {record.metrics.profile.depth_octaves:.2f} octaves"
            scores = self._scores([record])
            if scores:
                outcome += f", task score {scores[0]:.1f}"
            if record.costs.fit_s is not None:
                loading = record.costs.import_s or 0.0
                words = f", {loading:.1f} s of loading libraries in it" if loading >= LOADING_TOLD_S else ""
                outcome += f" [dim](fit {record.costs.fit_s:.1f} s{words})[/dim]"
        if progress.phase == "cached":
            outcome += " [dim]kept from before[/dim]"
            outcome += f", though its libraries differ: {escape(progress.note)}" if progress.note else ""
        elif progress.note:
            outcome += f" [dim]run again, its libraries differ: {escape(progress.note)}[/dim]"
        self._print(self._describe(progress.cell), outcome)

    def _running_score(self) -> str:
        scores = self._scores(self._records)
        return f"mean task score so far {sum(scores) / len(scores):.1f}" if scores else "cells"

    def _scores(self, records: Sequence[Record]) -> list[float]:
        if self._reference is None:
            return []
        entry = score_entry(records[0].submission, records[0].track, records, self._reference)
        return [task.score for task in entry.tasks if task.score is not None]


class AuditLive(Live):
    """A report callback for `run_audit`: a bar on a terminal, and a line per finished set."""

    def __init__(self) -> None:
        """Draw nothing yet."""
        super().__init__("sets")
        self._running: dict[str, str] = {}
        self._n_sets = self._n_done = 0

    def expect(self, cells: Sequence[Cell]) -> None:
        """Say how many sets there will be."""
        self._n_sets, self._n_done = len(cells), 0

    def __call__(self, progress: AuditProgress) -> None:
        """Take in one step of one set; called from several threads."""
        with self._lock:
            name, score = progress.cell.task, progress.score
            self._running[name] = f"{name} {progress.phase}"
            if score is not None:
                del self._running[name]
                self._n_done += 1
                outcome = f"[red]{score.status}[/red]: {escape(score.reason)}"
                if score.score is not None:
                    fit = f" [dim](fit {score.fit_s:.1f} s)[/dim]" if score.fit_s is not None else ""
                    outcome = f"FVU {score.score.fvu:.5f}, k-NN {score.score.knn_fvu:.5f}{fit}"
                self._print(name, outcome)
            self._bar.update(
                self._total,
                total=self._n_sets,
                completed=self._n_done,
                description=escape(", ".join(self._running.values()) or "sets"),
                count=f"{self._n_done}/{self._n_sets}",
            )


class StudyLive(Live):
    """A report callback for studies: a bar on a terminal, and a line per seed that is done."""

    def __init__(self, n_seeds: int) -> None:
        """n_seeds: how many there will be."""
        super().__init__("seeds")
        self._n_seeds, self._n_done = n_seeds, 0

    def __call__(self, seed: int, words: str) -> None:
        """Take in what is being done under a seed."""
        if words == "done":
            self._n_done += 1
            self._print(f"seed {seed}", words)
        self._bar.update(
            self._total, total=self._n_seeds, completed=self._n_done, description=escape(f"seed {seed}: {words}"),
            count=f"{self._n_done}/{self._n_seeds}",
        )  # fmt: skip


_PHASES = {
    "training": "trains",
    "asking": "answers as of each snapshot",
    "growing": "trains on ever more points",
    "diving": "answers, octave by octave",
    "filming": "drawing",
}


class FilmLive(Live):
    """A report callback for films: a bar per phase on a terminal, a line per phase elsewhere, both on stderr."""

    def __init__(self) -> None:
        """Draw nothing yet."""
        super().__init__("")
        self._last = ""

    def __call__(self, progress: WatchProgress) -> None:
        """Take in one step."""
        left = "" if progress.left_s is None else tell_duration(progress.left_s)
        if progress.phase == "planning":
            how = "takes about" if progress.is_measured else "takes at most, by what limits allow,"
            self._console.print(f"The film {how} {left}")
            return
        words = f"{progress.name}: {_PHASES[progress.phase]}"
        left = f", {left} left" if left else ""
        if words != self._last and not self._console.is_terminal:
            self._console.print(escape(words + left))
        self._last = words
        known = progress.total > 1
        self._bar.update(
            self._total,
            description=escape(words),
            total=progress.total if known else None,
            completed=progress.done,
            count=(f"{progress.done}/{progress.total}" if known else "") + left,
        )


def tell_duration(seconds: float) -> str:
    """Return a span of time as people say it: "40 s", "3 min", "2 h"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def print_film(film: Film, as_json: bool) -> None:
    """Say where a film's files are and how long; what a viewer should know goes to stderr."""
    if as_json:
        paths = [str(path) for path in film.paths]
        told = {"path": paths[0], "paths": paths, "frames": film.n_frames, "seconds": film.seconds}
        click.echo(json.dumps(told))
    else:
        for path in film.paths:
            size = path.stat().st_size / 2**20
            click.echo(f"Wrote {path}: {count_of(film.n_frames, 'frame')}, {film.seconds:.1f} s, {size:.1f} MB")
    for note in film.notes:
        click.echo(note, err=True)
