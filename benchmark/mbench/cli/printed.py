"""What a submission printed, as a person reads it: its own frames and files, the end of it beside a failure."""

from __future__ import annotations

import re
from itertools import pairwise

import click

from mbench.errors import one_line

MOST_LINES = 8  # of what it printed
_MOST_OF_TRACEBACK = 24
_LONGEST = 200  # letters of a line
_HEAD = "Traceback (most recent call last):"
_FRAME = re.compile(r'^(\s*)File "([^"]*)", line \d+')
# The worker's own frames, and those of the file that `mbench tune` sets a parameter in.
_OURS = re.compile(r"/mbench/child/\w+\.py$|^<mbench tune>$|^<frozen importlib")
_COPY = re.compile(r'^(\s*File ")[^"]*/submission/([^"]+)"')  # where a child finds the person's file
# The same in what an error says, and the working folder: a person knows neither.
_OUR_FOLDERS = re.compile(r"/[^\s'\":]*/mbench-scratch-[^/\s'\":]+/(?:[^/\s'\":]+/)??(?:submission|home)/")


def tidy_lines(output: str) -> list[str]:
    """Return the lines of what was printed without the frames of ours, and with the person's files by their names.

    With --debug they are as they were printed.
    """
    lines = [one_line(line, _LONGEST) for line in output.splitlines()]
    if _is_debugging():
        return lines
    kept: list[str] = []
    skipped: int | None = None  # how far a frame of ours is indented, whose lines of source are skipped
    for line in lines:
        frame = _FRAME.match(line)
        if frame is None and skipped is not None and line.startswith(" " * (skipped + 1)):
            continue
        skipped = len(frame[1]) if frame is not None and _OURS.search(frame[2]) else None
        if skipped is None:
            kept.append(_OUR_FOLDERS.sub("", _COPY.sub(r'\1\2"', line)))
    return [line for line, after in pairwise([*kept, ""]) if line != _HEAD or _FRAME.match(after)]


def last_lines(output: str) -> list[str]:
    """Return the end of what was printed: a traceback from its start, else a few lines."""
    lines = tidy_lines(output)
    for i in range(len(lines) - 1, max(-1, len(lines) - 1 - _MOST_OF_TRACEBACK), -1):
        if lines[i] == _HEAD:
            return lines[i:]
    return lines[-MOST_LINES:]


def _is_debugging() -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.find_root().params.get("debug"))
