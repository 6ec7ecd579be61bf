"""What a terminal shows is folded between words at its width; what a pipe or a log is given stays in one line."""

import io
import sys

import pytest

from mbench.board.columns import choose_columns, entry_columns, find_column
from mbench.cli.console import fold, make_console
from mbench.cli.tables import MOST_WIDTH, print_columns

WORDS = "the film of a dive takes about three minutes, since answers are asked octave by octave " * 3


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Return a function that gives us a terminal of a width, and what it shows."""

    def give(width):
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        stream = Terminal()
        monkeypatch.setattr(sys, "stdout", stream)
        return stream

    return give


@pytest.mark.parametrize("width", [30, 80, 200])
def test_sentences_are_folded_between_words_on_a_terminal(terminal, width):
    terminal(width)
    lines = fold(WORDS.strip(), indent="    ").split("\n")
    assert max(map(len, lines)) <= width
    assert all(line.startswith("    ") for line in lines[1:])
    assert " ".join(line.strip() for line in lines) == WORDS.strip()


def test_a_path_longer_than_a_line_is_not_broken(terminal):
    terminal(20)
    path = "/home/someone/results/my-idea/quick/result.json"
    assert path in fold(f"Written to {path} just now").split("\n")


def test_in_a_pipe_a_sentence_is_one_line(capsys):
    assert fold(WORDS) == WORDS
    make_console().print(WORDS)
    assert capsys.readouterr().out.strip("\n").rstrip() == WORDS.rstrip()


def test_the_console_folds_as_well(terminal):
    stream = terminal(60)
    make_console().print(f"[dim]{WORDS}[/dim]")
    assert max(map(len, stream.getvalue().replace("\x1b[2m", "").replace("\x1b[0m", "").splitlines())) <= 60


@pytest.mark.parametrize(
    "reason", ["universal", "audit failed: on recurrence 3, smooth: timeout: predict ran past its end"]
)
def test_a_long_badge_is_cut_short_rather_than_the_numbers_dropped(capsys, reason):
    columns = [*choose_columns(entry_columns("terminal"), ("family",)), find_column("badge")]
    rows = [{c.name: "100.0" for c in columns} | {"name": f"method_{i}", "badge": reason} for i in range(3)]
    for i, row in enumerate(rows):
        row.update(dict.fromkeys(("mandelbrot", "images", "surfaces", "functions", "digits", "overall"), f"{i}0.0"))
    print_columns(rows, columns, [None] * 3)
    head, *lines = capsys.readouterr().out.splitlines()
    notes = lines.pop()
    assert "images" in head
    assert max(len(line.rstrip()) for line in (head, *lines)) <= MOST_WIDTH
    assert reason[:9] in lines[-1]
    assert ("…" in lines[-1]) == (len(reason) > 40)
    assert ("badges, which --format md has whole" in notes) == (len(reason) > 40)
