"""Tables in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mbench.api import Outcome
from mbench.board.columns import ALWAYS, NOTHING, Column, board_columns, entry_columns, find_column
from mbench.board.formats import entry_rows
from mbench.board.standings import Board
from mbench.board.tables import TITLES, board_rows, describe_statistics, describe_track, shown_rows
from mbench.cli.console import make_console, print_whole
from mbench.errors import one_line
from mbench.results.lookup import recorded_baselines
from mbench.results.reference import load_reference
from mbench.results.scoring import Entry, TaskScore, score_entry
from mbench.suite import tracks

_LAST_LINES = 8


def _columns_that_fit(rows: Sequence[dict[str, str]], width: int, columns: Sequence[Column]) -> list[Column]:
    """Return the columns that a terminal has room for: one that is cut short would say something false."""
    kept = list(columns)
    has_badge = any(column.name == "badge" for column in columns)  # it sums up the families
    for dispensable in sorted(columns, key=lambda column: column.keep):
        lines = ((*column.label.split("\n"), *(row[column.name] for row in rows)) for column in kept)
        if sum(max(map(len, each)) + 1 for each in lines) <= width:
            break
        if dispensable.keep < ALWAYS and (has_badge or dispensable.group != "family"):
            kept.remove(dispensable)
    return kept


def print_entries(entries: Sequence[Entry], *, highlight: str = "") -> None:
    """Print one row per entry, best first, with as many columns as the terminal has room for."""
    console = make_console()
    rows, columns = entry_rows(entries), entry_columns("terminal")
    shown = [{column.name: column.show(row[column.name]) for column in columns} for row in rows]
    for row, cells in zip(rows, shown, strict=True):
        cells["name"] += "" if row["complete"] else " (incomplete)"
        cells["name"] += " (unverified)" if row["isolation"].endswith("unverified") else ""
    styles = ["bold green" if row["name"] == highlight else None for row in rows]
    _print_columns(console, shown, columns, styles)


def _print_columns(
    console: Console, shown: Sequence[dict[str, str]], columns: Sequence[Column], styles: Sequence[str | None]
) -> None:
    kept = _columns_that_fit(shown, console.width, columns)
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold", padding=(0, 1))
    for column in kept:
        table.add_column(column.label, justify="left" if column.is_words else "right", no_wrap=True)
    for cells, style in zip(shown, styles, strict=True):
        table.add_row(*(escape(cells[column.name]) for column in kept), style=style)
    print_whole(console, table)
    if len(kept) < len(columns):
        left_out = ", ".join(
            column.label.replace("-\n", "").replace("\n", " ") for column in columns if column not in kept
        )
        console.print(f"[dim]left out for want of width: {left_out}[/dim]")


def print_board(board: Board) -> None:
    """Print the board, the lists beside it, and what ranks and intervals rest on."""
    console = make_console()
    rows = board_rows(board)
    console.print(escape(describe_track(board)))
    console.print()
    members = [row for row in rows if row["list"] == "board"]
    columns = board_columns("terminal")
    shown = shown_rows(members, columns)
    for cells in shown:  # the first reason; `--format md` has them all
        first, *more = cells["badge"].split("; ")
        cells["badge"] = f"{first} (+{len(more)})" if more else first
    _print_columns(console, shown, columns, ["bold" if row["rank"] == 1 else None for row in members])
    for name, title in TITLES.items():
        members = [row for row in rows if row["list"] == name]
        if members:
            console.print(f"\n[bold]{escape(title)}[/bold]")
            for cells in shown_rows(members, [find_column(each) for each in ("name", "mandelbrot", "verdict")]):
                console.print(escape(f"  {cells['name']}  {cells['mandelbrot']}  {cells['verdict']}"), soft_wrap=True)
    console.print()
    for line in describe_statistics(board):
        console.print(f"[dim]{escape(line)}[/dim]", soft_wrap=True)


def _table_tasks(scores: Sequence[TaskScore]) -> Table:
    """Return a table of an entry's tasks: what a task alone has, and of the board's columns those that it has."""
    own = {"error": ("error", 5), "skill": ("skill", 1), "depth_skill": ("depth\nskill", 1)}
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    table.add_column("task")
    shown: list[tuple[str, Callable[[Any], str]]] = []
    for name in ("error", "psnr_db", "skill", "depth_octaves", "depth_skill", "worth", "fit_s", "n_replicates"):
        label, digits = own.get(name, ("", 0))
        column = None if name in own else find_column(name)
        show = column.show if column else partial(_show_digits, digits)
        table.add_column(column.label if column else label, justify="right")
        shown.append((name, show))
    for task in scores:
        table.add_row(escape(task.task), *(show(getattr(task, name)) for name, show in shown))
    return table


def _show_digits(digits: int, value: float | None) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def print_scores(outcome: Outcome) -> None:
    """Print what an evaluation came to: its tasks, the table beside the baselines, what is missing."""
    console = make_console()
    entry = outcome.entry
    reference = load_reference()
    console.print()
    print_whole(console, _table_tasks(entry.tasks))
    for task in entry.tasks:
        if task.n_failed:
            console.print(
                f"[red]{escape(task.task)}: {task.n_failed} of {task.n_replicates} failed:[/red] {escape(task.reason)}"
            )
            said = next((r.output for r in outcome.result.records if r.task == task.task and not r.ok and r.output), "")
            for line in last_lines(said):
                console.print(f"[dim]    {escape(line)}[/dim]", soft_wrap=True)
        elif task.skill is None:
            console.print(f"[dim]{escape(why_without_skill(task.task, entry.track))}[/dim]")
    if any(task.n_failed for task in entry.tasks):
        console.print("[dim]Failures are kept. To run them again: --fresh, with --task NAME for each.[/dim]")
    console.print("\n[bold]Beside the recorded baselines[/bold]", f"(track {entry.track}; skills: 0 learned nothing, "
                  "100 interpolates the sample as 12-NN does)", highlight=False)  # fmt: skip
    baselines = [score_entry(result.name, entry.track, result.records, reference) for result in recorded_baselines()]
    same = {baseline.source_digest for baseline in baselines}
    replaced = entry.source_digest if entry.is_complete else None
    others = [baseline for baseline in baselines if baseline.tasks and baseline.source_digest != replaced]
    is_twin = any(each.name == entry.name for each in others)
    own = replace(entry, name=f"{entry.name} (local)") if is_twin else entry
    print_entries([own, *others], highlight=own.name)
    if replaced in same:
        console.print(f"[dim]{entry.name} is itself a recorded baseline; its row shows this run.[/dim]")
    for task, reason in outcome.missing.items():
        console.print(f"[yellow]{task} was left out:[/yellow] {escape(reason)}. Without it the entry is incomplete.")
    if lacks := _what_lacks(entry, outcome.missing):
        console.print(f"[dim]Incomplete: {lacks}.[/dim]")
    for note in outcome.notes:
        console.print(f"[yellow]{escape(note)}[/yellow]")


def print_written(outcome: Outcome, said: Sequence[str] = ()) -> None:
    """Print the paths of an evaluation, and its notes but for those said before."""
    console = make_console()
    for note in outcome.notes:
        if note not in said:
            console.print(f"[yellow]{escape(note)}[/yellow]")
    console.print("\nWritten:")
    print_paths(outcome.paths)


def why_without_skill(task: str, track: str) -> str:
    """Say why a task that ended well has no skill on a track: it is none of its tasks, or has no reference there."""
    if task not in tracks.TRACKS[track].tasks:
        return f"{task} is no part of track {track}: it has no skill here."
    return f"{task} has no frozen reference on track {track} yet: no skill is computed. See `mbench reference`."


def _what_lacks(entry: Entry, left_out: Mapping[str, str]) -> str:
    """Return which tasks were not run, and which not as often as the track asks for, but for those left out."""
    wanted = tracks.TRACKS[entry.track].replicates
    done = {task.task: task.n_replicates for task in entry.tasks}
    never = [task for task in entry.missing if task not in done and task not in left_out]
    seldom: dict[int, list[str]] = {}
    for task in entry.missing:
        if task in done:
            seldom.setdefault(done[task], []).append(task)
    parts = [f"{', '.join(never)} not run"] if never else []
    parts += [f"{n} of {wanted} replicates run of {', '.join(tasks)}" for n, tasks in sorted(seldom.items())]
    return "; ".join(parts)


def last_lines(output: str) -> list[str]:
    """Return the end of what a submission printed."""
    return [one_line(line, 200) for line in output.splitlines()[-_LAST_LINES:]]


def print_paths(paths: Sequence[Path]) -> None:
    """Print paths one a line, unwrapped, so that they can be clicked or piped."""
    for path in paths:
        make_console().print(f"  {path}", soft_wrap=True, highlight=False, markup=False)
