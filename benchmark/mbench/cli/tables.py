"""Tables in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from mbench.board.columns import (
    ALWAYS,
    FIRST_GROUPS,
    GROUPS,
    NOTHING,
    Column,
    board_columns,
    choose_columns,
    entry_columns,
    find_column,
)
from mbench.board.formats import entry_rows
from mbench.board.standings import Board
from mbench.board.tables import TITLES, board_rows, describe_statistics, describe_track, shown_rows
from mbench.cli.console import make_console, print_whole
from mbench.results.scoring import Entry

MOST_WIDTH = 100  # of a table, but for one with all columns
_ENOUGH = 10_000
_SENTENCES = "badge"  # the one column of them
_FEWEST = 21  # letters of these that are shown, however narrow the terminal is


@dataclass(frozen=True, slots=True)
class Choice:
    """The columns that a table has room for. folded: have their heads two lines?  same: those left out that have one
    value in every row, with it.
    """

    columns: tuple[Column, ...]
    folded: bool
    same: tuple[tuple[Column, str], ...] = ()


def choose_fitting(rows: Sequence[Mapping[str, str]], width: int, columns: Sequence[Column]) -> Choice:
    """Return the columns that a width has room for: one that is cut short would say something false.

    Heads are folded first. Then go the columns without any value, those with the same in every row, and others in the
    order of `Column.keep`, the families together.
    """
    kept = list(columns)
    if _measure(rows, kept, folded=False) <= width:
        return Choice(tuple(kept), False)
    values = {column.name: {row[column.name] for row in rows} for column in columns}
    staying = ("name", "mandelbrot")
    empty = [c for c in columns if values[c.name] <= {NOTHING, ""} and c.name not in staying]
    same = [c for c in columns if len(values[c.name]) == 1 and c.name not in staying and len(rows) > 1]
    families = [column for column in columns if column.group == "family" and column.keep < ALWAYS]
    rest = sorted((c for c in columns if c.keep < ALWAYS and c not in families), key=lambda column: column.keep)
    for unit in (*([c] for c in empty), *([c] for c in same), *([c] for c in rest), families):
        if _measure(rows, kept, folded=True) <= width:
            break
        kept = [column for column in kept if column not in unit]
    told = tuple((c, next(iter(values[c.name]))) for c in same if c not in kept and c not in empty)
    return Choice(tuple(kept), True, told)


def _fit_words(
    rows: Sequence[dict[str, str]], width: int, columns: Sequence[Column]
) -> tuple[list[dict[str, str]], Choice]:
    """Cut the badge's sentences short where a width has no room for them, so that the numbers stay.

    Returns the rows with what is shown of each, and the columns that fit then.
    """
    cut = [{**row, _SENTENCES: _shorten(row[_SENTENCES], _FEWEST)} if _SENTENCES in row else row for row in rows]
    choice = choose_fitting(cut, width, columns)
    others = [column for column in choice.columns if column.name != _SENTENCES]
    if len(others) == len(choice.columns):
        return list(rows), choice
    room = max(_FEWEST, width - _measure(rows, others, folded=choice.folded) - 1)
    return [{**row, _SENTENCES: _shorten(row[_SENTENCES], room)} for row in rows], choice


def _shorten(words: str, n_letters: int) -> str:
    return words if len(words) <= n_letters else words[: n_letters - 1].rstrip(" ,:;(+") + "…"


def _measure(rows: Sequence[Mapping[str, str]], columns: Sequence[Column], *, folded: bool) -> int:
    lines = ((*(c.label.split("\n") if folded else (c.line,)), *(row[c.name] for row in rows)) for c in columns)
    return sum(max(map(len, each)) + 1 for each in lines) - 1


def print_entries(entries: Sequence[Entry], *, groups: Sequence[str] | None = None) -> None:
    """Print one row per entry, best first."""
    rows, columns = entry_rows(entries), choose_columns(entry_columns("terminal"), groups)
    shown = [{column.name: column.show(row[column.name]) for column in columns} for row in rows]
    for row, cells in zip(rows, shown, strict=True):
        cells["name"] += mark_entry(row)
    print_columns(shown, columns, [None] * len(rows), groups)


def mark_entry(row: Mapping[str, Any]) -> str:
    """Return what stands behind an entry's name where its numbers are not all there is to say."""
    unverified = " (unverified)" if row["isolation"].endswith("unverified") else ""
    return ("" if row["complete"] else " (incomplete)") + unverified


def print_columns(
    shown: Sequence[dict[str, str]],
    columns: Sequence[Column],
    styles: Sequence[str | None],
    groups: Sequence[str] | None = None,
) -> None:
    """Print a table within 100 columns and the terminal's width; of all groups it is as wide as it is.

    groups: those that were asked for; None where none were.
    """
    if not shown:
        return
    console = make_console()
    width = _ENOUGH if groups is not None and set(groups) >= set(GROUPS) else min(console.width, MOST_WIDTH)
    shown, choice = _fit_words(shown, width, columns)
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold", padding=(0, 1))
    for column in choice.columns:
        head = column.label if choice.folded else column.line
        table.add_column(escape(head), justify="left" if column.is_words else "right", no_wrap=True)
    for cells, style in zip(shown, styles, strict=True):
        table.add_row(*(escape(cells[column.name]) for column in choice.columns), style=style)
    print_whole(console, table)
    gone = {column.name for column, _ in choice.same} | {column.name for column in choice.columns}
    notes = []
    if choice.same:
        notes.append(f"the same in every row: {', '.join(f'{column.line} {value}' for column, value in choice.same)}")
    if left_out := [column.line for column in columns if column.name not in gone]:
        notes.append(f"left out for want of width: {', '.join(left_out)}")
    if any(cells.get(_SENTENCES, "").endswith("…") for cells in shown):
        notes.append("cut short: badges, which --format md has whole")
    if groups is None:
        others = [group for group in GROUPS if group not in FIRST_GROUPS]
        notes.append(f"more: --columns {','.join(others)} or all")
    if notes:
        console.print(f"[dim]{escape('; '.join(notes))}[/dim]")


def print_board(board: Board, groups: Sequence[str] | None = None) -> None:
    """Print the board, the lists beside it, and what ranks and intervals rest on."""
    console = make_console()
    rows = board_rows(board)
    console.print(escape(describe_track(board)))
    console.print()
    members = [row for row in rows if row["list"] == "board"]
    columns = choose_columns(board_columns("terminal"), groups)
    shown = shown_rows(members, columns, halved=True)
    for cells in shown:  # the first reason; `--format md` has them all
        first, *more = cells["badge"].split("; ")
        cells["badge"] = f"{first} (+{len(more)})" if more else first
    print_columns(shown, columns, ["bold" if row["rank"] == 1 else None for row in members], groups)
    verdicts = [find_column(name) for name in ("name", "mandelbrot", "verdict")]
    for name, title in TITLES.items():
        members = [row for row in rows if row["list"] == name]
        if members:
            console.print(f"\n[bold]{escape(title)}[/bold]")
            for cells in shown_rows(members, verdicts, halved=True):
                console.print(escape(f"  {cells['name']}  {cells['mandelbrot']}  {cells['verdict']}"))
    console.print()
    for line in describe_statistics(board, halved=True):
        console.print(f"[dim]{escape(line)}[/dim]")


def print_paths(paths: Sequence[Path]) -> None:
    """Print paths one a line, unwrapped, so that they can be clicked or piped."""
    for path in paths:
        make_console().print(f"  {path}", soft_wrap=True, highlight=False, markup=False)
