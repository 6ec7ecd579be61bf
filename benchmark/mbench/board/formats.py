"""A table of entries in every format: Markdown, CSV, LaTeX, JSON and DataFrame. CSV and JSON keep every digit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from mbench.board.columns import Column, entry_columns
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


def format_table(entries: Sequence[Entry], table_format: TableFormat) -> str:
    """Return the table as Markdown, CSV, LaTeX or JSON."""
    if table_format == "json":
        return json.dumps([entry_as_json(entry) for entry in sort_entries(entries)], indent=1)
    rows, columns = entry_rows(entries), entry_columns()
    if table_format == "csv":
        return format_csv(rows)
    return format_shown([{c.name: c.show(row[c.name]) for c in columns} for row in rows], columns, table_format)


def format_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows with the same columns as CSV."""
    import pandas as pd

    return pd.DataFrame(rows).to_csv(index=False)


def format_shown(
    rows: Sequence[Mapping[str, str]], columns: Sequence[Column], table_format: Literal["md", "latex"]
) -> str:
    """Return rows as people read them, by the names of columns, as a table with strings escaped."""
    import pandas as pd

    words = [column.is_words for column in columns]
    if table_format == "md":
        cells = [[escape_markdown(row[c.name]) if c.is_words else row[c.name] for c in columns] for row in rows]
        shown = pd.DataFrame(cells, columns=[column.head for column in columns])
        align = ["left" if each else "right" for each in words]
        return shown.to_markdown(index=False, disable_numparse=True, colalign=align)
    cells = [[row[column.name] for column in columns] for row in rows]
    style = pd.DataFrame(cells, columns=[column.head for column in columns]).style.hide(axis="index")
    style.format(escape="latex")
    style.format_index(escape="latex", axis="columns")
    return style.to_latex(column_format="".join("l" if each else "r" for each in words))


def escape_markdown(text: str) -> str:
    """Return text that stays in its cell and means itself."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|" else c for c in " ".join(text.split()))
