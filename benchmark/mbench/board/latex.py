"""A table as LaTeX that is pasted into a paper: booktabs, intervals behind scores, the best of a column in bold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mbench.board.columns import NOTHING, Column

_ESCAPED = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "×": r"$\times$", "µ": r"$\mu$", NOTHING: "--", **{letter: f"\\{letter}" for letter in "&%$#_{}"},
}  # fmt: skip
_ORDERED = ("score", "family", "cost")  # groups of which one end is the best
NOTE = "% In the preamble: \\usepackage{booktabs}"


@dataclass(frozen=True, slots=True)
class LatexRow:
    """One row, by names of columns. text: as people read it.  values: exact.  spread: half of a score's interval."""

    text: Mapping[str, str]
    values: Mapping[str, Any]
    spread: Mapping[str, float]


def format_latex(rows: Sequence[LatexRow], columns: Sequence[Column]) -> str:
    """Return rows as a tabular; a column in which all are alike has no best."""
    best = {column.name: _find_best(column, rows) for column in columns}
    lines = [
        NOTE,
        f"\\begin{{tabular}}{{{''.join('l' if column.is_words else 'r' for column in columns)}}}",
        "\\toprule",
        _join(escape_latex(column.title) for column in columns),
        "\\midrule",
        *(_join(_show(column, row, best[column.name]) for column in columns) for row in rows),
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines)


def escape_latex(text: str) -> str:
    """Return text that means itself in LaTeX, on one line."""
    return "".join(_ESCAPED.get(letter, letter) for letter in " ".join(text.split()))


def _join(cells: Any) -> str:
    return f"{' & '.join(cells)} \\\\"


def _show(column: Column, row: LatexRow, best: str) -> str:
    text = row.text[column.name]
    shown = escape_latex(text)
    if best and text == best:
        shown = f"\\textbf{{{shown}}}"
    if column.name in row.spread:
        shown += f" $\\pm$ {column.show(row.spread[column.name])}"
    return shown


def _find_best(column: Column, rows: Sequence[LatexRow]) -> str:
    """Return the best value of a column as people read it: what reads alike is in bold together. "" for none."""
    found = [(row.values[column.name], row.text[column.name]) for row in rows]
    numbers = [(value, text) for value, text in found if isinstance(value, int | float) and not isinstance(value, bool)]
    if column.group not in _ORDERED or len({text for _, text in numbers}) < 2:
        return ""
    return (min if column.lower_is_better else max)(numbers)[1]
