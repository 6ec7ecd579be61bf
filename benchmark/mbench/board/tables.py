"""A board as text: Markdown, CSV, LaTeX and JSON. CSV and JSON keep every digit and hold every list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from mbench.board.columns import ALWAYS, Column, board_columns, choose_columns, find_column, measure_spread
from mbench.board.contenders import Standing
from mbench.board.formats import TableFormat, entry_as_json, format_csv, format_markdown
from mbench.board.latex import LatexRow, format_latex
from mbench.board.standings import Board
from mbench.board.stats import CONFIDENCE, SIGNIFICANCE, Interval
from mbench.errors import one_line
from mbench.suite import tracks
from mbench.words import count_of

LISTS = ("board", "discovery", "rejected")
_LONGEST = 400  # letters of a stranger's words: a verdict with its reason, at 300, fits
# What the lists beside the board say.
_VERDICT_COLUMNS = ("name", "mandelbrot", "depth_octaves", "n_replicates", "verdict")


def board_rows(board: Board) -> list[dict[str, Any]]:
    """Return one row per entry with everything a table may show, list by list, each best first."""
    return [_row(standing) for standing in board.standings]


def _row(standing: Standing) -> dict[str, Any]:
    """Return every column's value, a score's interval behind it; a stranger's words move no cursor."""
    row: dict[str, Any] = {}
    for column in board_columns():
        value = column.read(standing)
        row[column.name] = one_line(value, _LONGEST) if isinstance(value, str) else value
        if column.interval is not None:
            interval = column.interval(standing)
            row[f"{column.name}_low"] = None if interval is None else interval.low
            row[f"{column.name}_high"] = None if interval is None else interval.high
    return row


def shown_rows(
    rows: Sequence[dict[str, Any]], columns: Sequence[Column], *, halved: bool = False
) -> list[dict[str, str]]:
    """Return rows as people read them: numbers rounded, intervals beside scores, what is unverified marked.

    halved: are intervals told by half their width behind ±, as where there is little room?
    """
    return [{column.name: _show(column, row, halved) for column in columns} for row in rows]


def _show(column: Column, row: dict[str, Any], halved: bool = False) -> str:
    value = row[column.name]
    if column.name == "name":
        marks = [row["from"]] if row["from"] == "local" else []
        marks += ["claim"] if row["rerun"] == "claim" else []
        marks += ["unverified"] if row["isolation"].endswith("unverified") else []
        return f"{value} ({', '.join(marks)})" if marks else value
    text = column.show(value)
    low, high = row.get(f"{column.name}_low"), row.get(f"{column.name}_high")
    if low is not None and high is not None:
        text += f" ± {column.show((high - low) / 2)}" if halved else f" [{column.show(low)}, {column.show(high)}]"
    return text


def format_board(board: Board, table_format: TableFormat, groups: Sequence[str] | None = None) -> str:
    """Return the board with its lists and what they rest on. CSV is one table.

    groups: of columns, in Markdown and LaTeX, as `format_table` takes them.
    """
    rows = board_rows(board)
    if table_format == "json":
        return json.dumps(board_as_json(board), indent=1)
    if table_format == "csv":
        return format_csv(rows)
    is_whole = groups is None and table_format == "md"
    known = {name for row in rows for name, value in row.items() if value is not None}
    asked = [column for column in _choose(groups) if column.keep == ALWAYS or column.name in known]
    columns = board_columns("board") if is_whole else asked
    if table_format == "latex":
        columns = [column for column in columns if column.name != "badge"]  # sentences; who has none has no rank
    parts = [describe_track(board)]
    for name, title in (("board", ""), ("discovery", TITLES["discovery"]), ("rejected", TITLES["rejected"])):
        members = [(row, each) for row, each in zip(rows, board.standings, strict=True) if row["list"] == name]
        if not members:
            continue
        shown = columns if name == "board" else [find_column(each) for each in _VERDICT_COLUMNS]
        if table_format == "md":
            parts += [title, format_markdown(shown_rows([row for row, _ in members], shown), shown)]
        else:
            parts += [title, format_latex([_latex_row(row, each, shown) for row, each in members], shown)]
    parts += describe_statistics(board, halved=table_format == "latex")
    if table_format == "latex":
        parts = [part if "\\begin" in part else f"% {part}" for part in parts if part]
    return "\n\n".join(part.strip() for part in parts if part)


def _choose(groups: Sequence[str] | None) -> list[Column]:
    return choose_columns(board_columns("terminal"), groups)


def _latex_row(row: dict[str, Any], standing: Standing, columns: Sequence[Column]) -> LatexRow:
    text = {column.name: column.show(row[column.name]) for column in columns}
    text["name"] = _show(find_column("name"), row)
    return LatexRow(text, row, measure_spread(columns, standing.replicates))


TITLES = {
    "discovery": "Discovery list: found the rule behind the points, which is another game than approximating it.",
    "rejected": "Rejected by the audit:",
}


def describe_track(board: Board) -> str:
    """Say in one line what the board is of."""
    n = tracks.TRACKS[board.track].replicates
    return (
        f"Track {board.track} of suite {board.suite}, n = {count_of(n, 'replicate')} of each task: "
        f"{len(board.ranked)} of {count_of(len(board.shown), 'entry holds', 'entries hold')} the badge, "
        f"{count_of(len(board.discoveries), 'discovery', 'discoveries')}, "
        f"{len(board.rejected)} rejected."
    )


def describe_statistics(board: Board, *, halved: bool = False) -> list[str]:
    """Say in a few lines what intervals and ranks rest on, with their n. halved: do intervals stand
    behind scores as ±?
    """
    n = tracks.TRACKS[board.track].replicates
    lines = []
    if n < 2:
        lines.append("One replicate, n = 1: no intervals, and no test to rank by. The order is that of the scores.")
    else:
        where = "Behind ±: halves of" if halved else "In brackets:"
        lines.append(f"{where} {CONFIDENCE:.0%} intervals over n = {n} replicates, by Student's t.")
    if board.pairs:
        apart = board.pairs.n_separated
        all_pairs = count_of(len(board.pairs), "pair")
        verb = "is" if len(board.pairs) == 1 else "are"
        lines.append(
            f"Entries share a rank where a paired test over (task, replicate), n = {2 * n} cells, does not separate "
            f"them: {apart} of {all_pairs} {verb} separated at {SIGNIFICANCE:g} after Holm's correction."
        )
        known = board.pairs.test_set_sds
        if len(known):
            lines.append(
                f"All replicates share a test set; another one would move a difference by {np.median(known):.2f} "
                f"(median standard deviation over {count_of(len(known), 'pair')}), which the test counts."
            )
        if len(known) < len(board.pairs):
            lines.append(
                f"What the shared test set does to {len(board.pairs) - len(known)} of {all_pairs} is not "
                "known, as older records don't keep it, and is not counted."
            )
    if board.agreement is not None:
        lines.append(
            f"Kendall's τ between disjoint halves of the replicates: mean {board.agreement.mean:.3f}, least "
            f"{board.agreement.least:.3f}, over {board.agreement.n_splits} splits of n = {n}."
        )
    return lines


def board_as_json(board: Board) -> dict[str, Any]:
    """Return everything the board holds as plain JSON: what a page about it can be made from."""
    names = [standing.name for standing in board.ranked]
    return {
        "suite": board.suite,
        "track": board.track,
        "n_replicates": tracks.TRACKS[board.track].replicates,
        "confidence": CONFIDENCE,
        "significance": SIGNIFICANCE,
        "board": [_standing_as_json(standing) for standing in board.shown],
        "discovery": [_standing_as_json(standing) for standing in board.discoveries],
        "rejected": [_standing_as_json(standing) for standing in board.rejected],
        "ranked": names,
        "pairs": [asdict(pair) | {"separated": pair.is_separated} for pair in board.pairs],
        "groups": [list(group) for group in board.groups],
        "kendall_tau": None if board.agreement is None else asdict(board.agreement),
        "notes": [describe_track(board), *describe_statistics(board)],
    }


def _standing_as_json(standing: Standing) -> dict[str, Any]:
    def pack(interval: Interval | None) -> list[float] | None:
        return None if interval is None else [interval.low, interval.high]

    audit = standing.audit
    columns = {column.name: column.read(standing) for column in board_columns()}
    return (
        columns
        | entry_as_json(standing.entry)
        | {
            "badge": standing.has_badge,
            "reasons": list(standing.reasons),
            "mandelbrot_interval": pack(standing.mandelbrot_interval),
            "overall_interval": pack(standing.overall_interval),
            "replicates": [
                {"mandelbrot": each.mandelbrot, "overall": each.overall, "families": dict(each.families)}
                for each in standing.replicates
            ],
            "profiles": {task: asdict(profile) for task, profile in standing.profiles.items()},
            "audit": None
            if audit is None
            else {
                "verdict": audit.verdict,
                "reason": audit.reason,
                "track": audit.track,
                "secret_sha256": audit.secret_sha256,
                "created": audit.created,
                "statistics": [asdict(statistic) | {"exceeds": statistic.exceeds} for statistic in audit.statistics],
            },
        }
    )
