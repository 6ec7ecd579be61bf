"""What `mbench evaluate` prints beside its table: the JSON that programs read, and a practice run's scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from mbench import __version__
from mbench.api import Outcome
from mbench.board.attempts import Step, follow_search
from mbench.board.columns import NOTHING
from mbench.board.formats import entry_as_json
from mbench.cli.console import make_console, print_whole
from mbench.cli.logged import summarise_step
from mbench.cli.score_card import print_failures, print_output
from mbench.errors import MbenchError, one_line
from mbench.results.log import read_log
from mbench.results.record import Record
from mbench.results.reference import load_reference
from mbench.results.scoring import score_entry
from mbench.runs.diary import Cells
from mbench.runs.practice import TEST_SET
from mbench.suite.secrets import PUBLIC
from mbench.suite.tracks import SUITE_VERSION

SCHEMA_VERSION = 1  # of docs/evaluate.schema.json: names may join it, none goes or changes its meaning
_LAST_LETTERS = 2_000  # of what a submission printed


def find_step(outcome: Outcome, results: Path) -> Step | None:
    """Return what an evaluation stands for in the log; None where the log lacks it."""
    if outcome.attempt is None:
        return None
    try:
        steps = follow_search(read_log(results), load_reference(), Cells(results).find)
    except MbenchError:  # the log is a help, and costs nobody a score
        return None
    return next((step for step in reversed(steps) if step.attempt.number == outcome.attempt.number), None)


def evaluation_as_json(outcome: Outcome, step: Step | None, heard: Sequence[str]) -> dict[str, Any]:
    """Return what `mbench evaluate --json` prints, but for an audit. heard: notes beside the outcome's own."""
    records = outcome.result.records
    test_set = records[0].test_set if records else PUBLIC
    return {
        "schema": SCHEMA_VERSION,
        "suite": SUITE_VERSION,
        "mbench": __version__,
        "practice": test_set == TEST_SET,
        "test_set": test_set,
        **entry_as_json(outcome.entry),
        "cells": [_cell_as_json(record) for record in records],
        "log": None if step is None else summarise_step(step),
        "paths": [str(path) for path in outcome.paths],
        "left_out": outcome.missing,
        "notes": [*outcome.notes, *heard],
    }


def print_practice(outcome: Outcome, *, printed: bool = False) -> None:
    """Print a practice run: a row per task, what failed, and that none of it counts.

    printed: with all that the submission printed.
    """
    console = make_console()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    table.add_column("task")
    for heading in ("error", "skill", "octaves", "depth skill", "score", "fit s", "n"):
        table.add_column(heading, justify="right")
    for task in outcome.entry.tasks:
        numbers = ((task.error, 5), (task.skill, 1), (task.depth_octaves, 2), (task.depth_skill, 1), (task.score, 1),
                   (task.fit_s, 1))  # fmt: skip
        cells = [NOTHING if number is None else f"{number:.{digits}f}" for number, digits in numbers]
        table.add_row(escape(task.task), *cells, str(task.n_replicates))
    console.print()
    print_whole(console, table)
    if printed:
        print_output(console, outcome.result.records)
    print_failures(console, outcome.entry.tasks, outcome.result.records, tail=not printed)
    for line in outcome.warnings:
        console.print(f"[yellow]{escape(line)}[/yellow]")
    mandelbrot = outcome.entry.mandelbrot
    score = "" if mandelbrot is None else f"Mandelbrot {mandelbrot:.1f}. "
    console.print(f"\n{score}Practice: other samples and test points than the board's, and no score of it.")


def _cell_as_json(record: Record) -> dict[str, Any]:
    alone = score_entry(record.submission, record.track, [record], load_reference()).tasks
    scored = alone[0] if alone else None  # none of a failure of ours
    names = ("error", "psnr_db", "depth_octaves", "skill", "depth_skill", "score")
    return {
        "task": record.task,
        "replicate": record.replicate,
        "status": record.status,
        "reason": one_line(record.reason, _LAST_LETTERS),
        **{name: getattr(scored, name) if scored else None for name in names},
        "n_samples": record.n_samples,
        "fit_limit_s": record.fit_limit_s,
        "fit_s": record.costs.fit_s,
        "predict_us_per_point": record.costs.predict_us_per_point,
        "peak_memory_mb": record.costs.peak_memory_mb,
        "output": record.output[-_LAST_LETTERS:],
    }
