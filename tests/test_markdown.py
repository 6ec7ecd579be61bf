"""Markdown's tables line up, so that they can be read as they are, too."""

from mbench.board.columns import find_column
from mbench.board.formats import count_cells, format_markdown

COLUMNS = [find_column(name) for name in ("name", "mandelbrot")]


def show(*rows):
    return format_markdown([dict(zip(("name", "mandelbrot"), row, strict=True)) for row in rows], COLUMNS)


def test_words_stand_left_and_numbers_right():
    assert show(("knn", "100.0 [99.0, 101.0]"), ("a_b|c", "–")) == (
        "| name    |          mandelbrot |\n"
        "|:--------|--------------------:|\n"
        "| knn     | 100.0 [99.0, 101.0] |\n"
        "| a\\_b\\|c |                   – |"
    )  # fmt: skip


def test_a_head_has_room_on_both_sides():
    assert show(("x", "1.0")) == "| name   |   mandelbrot |\n|:-------|-------------:|\n| x      |          1.0 |"


def test_wide_letters_take_two_places():
    assert count_cells("漢字") == 4
    assert show(("漢字漢字", "1.0")).splitlines()[2] == "| 漢字漢字 |          1.0 |"
