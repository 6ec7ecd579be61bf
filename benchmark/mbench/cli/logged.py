"""The log on the screen: a row per evaluation, a sentence on the last one, a difference in colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from mbench.board.attempts import Step, describe_score
from mbench.board.columns import NOTHING
from mbench.board.stats import SIGNIFICANCE
from mbench.cli.console import make_console, print_whole
from mbench.errors import one_line

_LONGEST_NOTE = 48  # letters in a table; --json has all
_Show = Callable[[Step], str]

# What many rows have in common stands above the table, once.
_COMMON: dict[str, _Show] = {
    "name": lambda step: step.attempt.name,
    "on": lambda step: step.attempt.kind,
    "track": lambda step: step.attempt.track,
    "score of": lambda step: describe_score(step.attempt),
    "n": lambda step: str(step.attempt.n_replicates),
}


def print_log(steps: Sequence[Step], name: str) -> None:
    """Print a row per evaluation, the best ones bold, and what the columns rest on."""
    console = make_console()
    if not steps:
        console.print(
            f"Nothing is in the log{f' of {escape(name)}' if name else ''} yet. `mbench evaluate` adds to it."
        )
        return
    shown = {head: [show(step) for step in steps] for head, show in _COMMON.items()}
    common = {head: cells[0] for head, cells in shown.items() if len(set(cells)) == 1}
    columns = {
        "#": [str(step.attempt.number) for step in steps],
        "ended (UTC)": [step.attempt.created[:16].replace("T", " ") for step in steps],
        **{head: cells for head, cells in shown.items() if head not in common},
        "score": [_number(step.score, ".1f") for step in steps],
        "change": [_number(step.change, "+.1f") for step in steps],
        "against": [NOTHING if step.best is None else str(step.best) for step in steps],
        "which is": [_outcome(step) for step in steps],
        "earlier": [str(step.n_ancestors) for step in steps],
        "note": [_note(step) for step in steps],
    }
    if common:
        console.print(escape(", ".join(f"{head} {cell}" for head, cell in common.items())))
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    left = {"ended (UTC)", "name", "on", "track", "score of", "which is", "note"}
    for head in columns:
        table.add_column(head, justify="left" if head in left else "right", no_wrap=True)
    for step, cells in zip(steps, zip(*columns.values(), strict=True), strict=True):
        table.add_row(*map(escape, cells), style="bold" if step.is_best else None)
    print_whole(console, table)
    for line in _explain(steps):
        console.print(f"[dim]{escape(line)}[/dim]")


def describe_step(step: Step) -> str:
    """Say in a line what an evaluation that has just ended stands for in the log."""
    attempt = step.attempt
    words = f"Number {attempt.number} in the log"
    if step.same_as is not None:
        words += f": the same source as number {step.same_as}"
    elif step.change is not None:
        words += f": {describe_score(attempt)} {step.change:+.1f} against number {step.best}, the best so far"
        words += {"unknown": ", one replicate cannot tell how much of that is noise"}.get(
            step.outcome, f", {step.outcome}"
        )
    if attempt.kind == "board" and step.n_ancestors:
        earlier = "1 earlier source" if step.n_ancestors == 1 else f"{step.n_ancestors} earlier sources"
        words += f". {earlier} of this name saw the board's sets; --practice spares them"
    return words + "."


def step_as_json(step: Step) -> dict[str, Any]:
    """Return an evaluation as `mbench log --json` lists it."""
    attempt = step.attempt
    return asdict(attempt) | {
        "tasks": list(attempt.tasks),
        "n_replicates": attempt.n_replicates,
        "cells": [asdict(cell) | {"score": cell.score} for cell in attempt.cells],
        **summarise_step(step),
    }


def summarise_step(step: Step) -> dict[str, Any]:
    """Return what an evaluation stands for in the log as plain JSON."""
    known = {"beyond noise": True, "within noise": False}
    return {
        "number": step.attempt.number,
        "score": step.score,
        "score_of": describe_score(step.attempt),
        "best_before": step.best,
        "change": step.change,
        "p": step.p,
        "beyond_noise": known.get(step.outcome),
        "outcome": step.outcome,
        "is_best": step.is_best,
        "same_source_as": step.same_as,
        "n_ancestors_scored": step.n_ancestors,
    }


def paint_difference(line: str) -> str:
    """Return a line of a difference in the colours that people know it by; it moves no cursor."""
    line = "".join(letter if letter.isprintable() or letter == "\t" else "�" for letter in line)
    if line.startswith(("+++", "---", "diff ")):
        return click.style(line, bold=True)
    colours = {"+": "green", "-": "red", "@": "cyan"}
    return click.style(line, fg=colours.get(line[:1]))


def _number(value: float | None, digits: str) -> str:
    return NOTHING if value is None else format(value, digits)


def _outcome(step: Step) -> str:
    if not step.attempt.is_whole:
        return "interrupted"
    if step.outcome == "rerun":
        return f"{step.same_as} again"
    return {"unknown": "not known", "first": "the first"}.get(step.outcome, step.outcome)


def _note(step: Step) -> str:
    failed = sum(cell.status != "ok" for cell in step.attempt.cells)
    words = [f"{failed} failed"] if failed else []
    words += [step.attempt.note] if step.attempt.note else []
    return one_line("; ".join(words), _LONGEST_NOTE)


def _explain(steps: Sequence[Step]) -> list[str]:
    lines = ["change: against the best before it of the same sets, track, tasks and replicates; these are bold."]
    if any(step.p is not None for step in steps):
        lines.append(
            f"beyond noise: at {SIGNIFICANCE:g} in a test paired by replicate, after Holm's correction for all changes "
            "of the same kind."
        )
    if any(step.outcome == "unknown" for step in steps):
        lines.append("not known: one replicate says nothing of its own noise. --replicates 3 does, or a larger track.")
    lines.append(
        "earlier: other sources of the name that were scored on the board's sets before. Each wears these out a "
        "little; `mbench evaluate --practice` does not."
    )
    return lines
