"""A board as text: Markdown, CSV, LaTeX and JSON. CSV and JSON keep every digit and hold every list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mbench.board.standings import Board, Standing
from mbench.board.stats import CONFIDENCE, MIN_REPLICATES, SIGNIFICANCE, Interval
from mbench.errors import one_line
from mbench.results.lookup import TableFormat, entry_as_json, entry_rows, format_cell, format_rows
from mbench.suite import tracks

LISTS = ("board", "discovery", "rejected")
BADGE = "universal"
# What people are shown; the intervals stand beside their scores.
COLUMNS = (
    "rank", "name", "mandelbrot", "precision", "depth", "octaves", "psnr_db", "worth", "images", "surfaces",
    "functions", "digits", "overall", "badge", "n", "fit_s", "predict_us", "params",
)  # fmt: skip
_WORDS = ("name", "badge")
_LONGEST = 300  # letters of a stranger's words
_VERDICT_COLUMNS = ("name", "mandelbrot", "octaves", "n", "verdict")


def board_rows(board: Board) -> list[dict[str, Any]]:
    """Return one row per entry with everything a table may show, list by list, each best first."""
    parts = zip(LISTS, (board.shown, board.discoveries, board.rejected), strict=True)
    return [_row(standing, part) for part, standings in parts for standing in standings]


def _row(standing: Standing, part: str) -> dict[str, Any]:
    (scores,) = entry_rows([standing.entry])
    row: dict[str, Any] = {"list": part, "rank": standing.rank, "name": "", "from": standing.origin}
    for column, value in scores.items():
        row[column] = _tame(value) if column == "name" else value
        for score, interval in (("mandelbrot", standing.mandelbrot_interval), ("overall", standing.overall_interval)):
            if column == score:
                row[f"{score}_low"] = None if interval is None else interval.low
                row[f"{score}_high"] = None if interval is None else interval.high
    verdict = standing.verdict
    reason = "" if standing.audit is None else _tame(standing.audit.reason)
    return row | {
        "badge": BADGE if standing.has_badge else _tame("; ".join(standing.reasons)),
        "audit": verdict,
        "verdict": f"{verdict}: {reason}" if reason else verdict,
    }


def _tame(text: str) -> str:
    """Return a stranger's words as one line of bounded length that moves no cursor."""
    return one_line(text, _LONGEST)


def shown_rows(rows: Sequence[dict[str, Any]], columns: Sequence[str] = COLUMNS) -> list[dict[str, str]]:
    """Return rows as people read them: numbers rounded, intervals beside scores, what is unverified marked."""
    return [{column: _show(column, row) for column in columns} for row in rows]


def _show(column: str, row: dict[str, Any]) -> str:
    value = row[column]
    if column == "rank":
        return "–" if value is None else str(value)
    if column == "name":
        marks = [row["from"]] if row["from"] == "local" else []
        marks += ["unverified"] if row["isolation"].endswith("unverified") else []
        return f"{value} ({', '.join(marks)})" if marks else value
    text = format_cell(column, value)
    if row.get(f"{column}_low") is not None:
        text += f" [{format_cell(column, row[f'{column}_low'])}, {format_cell(column, row[f'{column}_high'])}]"
    return text


def format_board(board: Board, table_format: TableFormat) -> str:
    """Return the board with its lists and what they rest on. CSV is one table."""
    rows = board_rows(board)
    if table_format == "json":
        return json.dumps(board_as_json(board), indent=1)
    if table_format == "csv":
        return format_rows([{k: v for k, v in row.items() if k != "verdict"} for row in rows], "csv")
    parts = [describe_track(board)]
    for name, title in (("board", ""), ("discovery", TITLES["discovery"]), ("rejected", TITLES["rejected"])):
        members = [row for row in rows if row["list"] == name]
        if members:
            columns = COLUMNS if name == "board" else _VERDICT_COLUMNS
            words = _WORDS if name == "board" else ("name", "verdict")
            parts += [title, format_rows(shown_rows(members, columns), table_format, left=words)]
    parts += describe_statistics(board)
    if table_format == "latex":
        parts = [part if part.startswith("\\begin") else f"% {part}" for part in parts if part]
    return "\n\n".join(part.strip() for part in parts if part)


TITLES = {
    "discovery": "Discovery list: found the rule behind the points, which is another game than approximating it.",
    "rejected": "Rejected by the audit:",
}


def describe_track(board: Board) -> str:
    """Say in one line what the board is of."""
    n = tracks.TRACKS[board.track].replicates
    return (
        f"Track {board.track} of suite {tracks.SUITE_VERSION}, n = {n} replicate{'s' * (n > 1)} of each task: "
        f"{len(board.ranked)} of {len(board.shown)} entries hold the badge, {len(board.discoveries)} discoveries, "
        f"{len(board.rejected)} rejected."
    )


def describe_statistics(board: Board) -> list[str]:
    """Say in a few lines what intervals and ranks rest on, with their n."""
    n = tracks.TRACKS[board.track].replicates
    lines = []
    if n < 2:
        lines.append("One replicate, n = 1: no intervals, and no test to rank by. The order is that of the scores.")
    elif n < MIN_REPLICATES:
        lines.append(f"No intervals: n = {n} replicates, they need {MIN_REPLICATES}.")
    else:
        lines.append(f"In brackets: {CONFIDENCE:.0%} bootstrap intervals over n = {n} replicates.")
    if board.pairs:
        apart = sum(pair.is_separated for pair in board.pairs)
        lines.append(
            f"Entries share a rank where a paired test over (task, replicate), n = {2 * n} cells, does not separate "
            f"them: {apart} of {len(board.pairs)} pairs are separated at {SIGNIFICANCE:g} after Holm's correction."
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
        "suite": tracks.SUITE_VERSION,
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
    return entry_as_json(standing.entry) | {
        "from": standing.origin,
        "rank": standing.rank,
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
