"""A table of entries in every format: Markdown, CSV, LaTeX, JSON and DataFrame. CSV and JSON keep every digit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from mbench.board.columns import Column, choose_columns, entry_columns, measure_spread
from mbench.board.latex import LatexRow, format_latex
from mbench.results.scoring import Entry

if TYPE_CHECKING:
    import pandas as pd

TableFormat = Literal["md", "csv", "latex", "json"]


def sort_entries(entries: Sequence[Entry]) -> list[Entry]:
    """Return entries best first: by the Mandelbrot score, those without one last."""
    return sorted(entries, key=lambda e: (e.mandelbrot is None, -(e.mandelbrot or 0.0), e.name))


def entry_rows(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return one row per entry, best first, with every column; scores that could not be computed are None."""
    columns = entry_columns()
    return [{column.name: column.value(entry) for column in columns} for entry in sort_entries(entries)]


def entry_table(entries: Sequence[Entry]) -> pd.DataFrame:
    """Return `entry_rows` as a table; what is None there is a missing value."""
    import pandas as pd  # half a second that a table in the terminal does not need

    return pd.DataFrame(entry_rows(entries))


def entry_as_json(entry: Entry) -> dict[str, Any]:
    """Return an entry as plain JSON: every column under its name, its tasks, and what else it holds."""
    columns = {column.name: column.value(entry) for column in entry_columns()}
    fields = {name: getattr(entry, name) for name in Entry.__slots__}
    return columns | fields | {
        "tasks": [asdict(task) | {"score": task.score} for task in entry.tasks],
        "families": dict(entry.families),
        "verified": entry.is_verified,
    }  # fmt: skip


def format_table(
    entries: Sequence[Entry],
    table_format: TableFormat,
    groups: Sequence[str] | None = None,
    replicates: Mapping[str, Sequence[Entry]] = MappingProxyType({}),
) -> str:
    """Return the table as Markdown, CSV, LaTeX or JSON.

    groups: of columns, in Markdown and LaTeX; None for all in Markdown, in LaTeX for as many as a page is wide.
    replicates: by name, an entry's scores on each replicate alone: what its intervals are made of.
    """
    if table_format == "json":
        return json.dumps([entry_as_json(entry) for entry in sort_entries(entries)], indent=1)
    rows, columns = entry_rows(entries), entry_columns()
    if table_format == "csv":
        return format_csv(rows)
    if table_format == "latex" or groups is not None:
        columns = choose_columns(entry_columns("terminal"), groups)
    shown = [{c.name: c.show(row[c.name]) for c in columns} for row in rows]
    if table_format == "md":
        return format_markdown(shown, columns)
    spreads = [measure_spread(columns, replicates.get(row["name"], ())) for row in rows]
    return format_latex([LatexRow(*each) for each in zip(shown, rows, spreads, strict=True)], columns)


def format_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows with the same columns as CSV."""
    import pandas as pd

    return pd.DataFrame(rows).to_csv(index=False)


def format_markdown(rows: Sequence[Mapping[str, str]], columns: Sequence[Column]) -> str:
    """Return rows as people read them, by the names of columns, with strings escaped."""
    parts = []
    for column in columns:
        cells = [row[column.name] for row in rows]
        lines = [column.head, *(map(escape_markdown, cells) if column.is_words else cells)]
        # A head has room on both sides, as the mark below it has its colon.
        width = max(count_cells(column.head) + 2, *map(count_cells, lines))
        mark = f":{'-' * (width + 1)}" if column.is_words else f"{'-' * (width + 1)}:"
        head, *shown = [_pad(line, width, left=column.is_words) for line in lines]
        parts.append([f" {head} ", mark, *(f" {each} " for each in shown)])
    return "\n".join(f"|{'|'.join(line)}|" for line in zip(*parts, strict=True))


def count_cells(text: str) -> int:
    """Return how many places of a terminal a text takes: a letter of Chinese, say, takes two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _pad(text: str, width: int, *, left: bool) -> str:
    room = " " * (width - count_cells(text))
    return text + room if left else room + text


def escape_markdown(text: str) -> str:
    """Return text that stays in its cell and means itself."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|" else c for c in " ".join(text.split()))
