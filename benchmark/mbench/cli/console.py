"""The terminal that verbs print to, and what stands for one in a pipe or a log."""

from __future__ import annotations

import shutil
import sys
import textwrap

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_WIDTH = 240  # of what is no terminal: a table of twenty columns is not to be folded at 80


def make_console(*, stderr: bool = False) -> Console:
    """Return the terminal, or what stands for one: it is as wide as any table, and folds no sentence and no path."""
    console = Console(stderr=stderr, highlight=False)
    if console.is_terminal:
        return console
    return Console(stderr=stderr, highlight=False, width=_WIDTH, soft_wrap=True)


def print_whole(console: Console, table: Table) -> None:
    """Print a table in which nothing is cut short: where the terminal is too narrow, it breaks the lines itself."""
    needed = Measurement.get(console, console.options.update(max_width=10_000), table).maximum
    wide = console if needed <= console.width else Console(stderr=console.stderr, highlight=False, width=needed)
    wide.print(table, soft_wrap=False)


def fold(words: str, *, stderr: bool = False, indent: str = "") -> str:
    """Return sentences folded between words at the terminal's width; as they are where no terminal shows them.

    indent: of every line but the first.
    """
    if not (sys.stderr if stderr else sys.stdout).isatty():
        return words
    width = shutil.get_terminal_size().columns
    folded = [
        textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
        for line in words.split("\n")
    ]
    return "\n".join(folded)
