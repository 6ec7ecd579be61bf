"""The one list of columns: every format has all of it, under the same names, and a new one touches one place."""

import csv
import io
import json
import re

import pytest

from mbench.board import columns
from mbench.board.candidates import find_baselines
from mbench.board.columns import Column
from mbench.board.formats import entry_table, format_table
from mbench.board.latex import escape_latex
from mbench.board.standings import build_board
from mbench.board.tables import format_board
from mbench.cli.tables import print_board, print_entries
from mbench.results.reference import load_reference
from mbench.views.site.entries import collect_entries
from mbench.views.site.media import Media
from mbench.views.site.pages import Frame, TrackViews, View, board_data, plot_data, render_compare, render_index

SCORES = {"mandelbrot", "precision", "depth", "depth_octaves", "psnr_db", "worth"}
FAMILIES = {"images", "surfaces", "functions", "digits", "overall"}
COSTS = {"fit_s", "predict_us_per_point", "n_params", "model_bytes", "peak_memory_mb"}
OF_AN_ENTRY = {
    *("name", "universal", "complete", "isolation", "n_replicates", "threads", "device"),
    *SCORES, *FAMILIES, *COSTS,
}  # fmt: skip
OF_A_BOARD = {
    *("list", "rank", "from", "rerun", "source_bytes"), *("badge", "audit", "audit_margin", "hidden_gap", "verdict")
}  # fmt: skip


@pytest.fixture
def candidates():
    return [each for each in find_baselines() if each.name in ("knn", "mlp", "discovery", "gp")]


@pytest.fixture
def board(candidates):
    return build_board(candidates, "quick", load_reference())


@pytest.fixture
def entries(board):
    return [standing.entry for standing in board.standings]


@pytest.fixture
def views(board, candidates, tmp_path):
    found = collect_entries(board, candidates, tmp_path, None)
    return [TrackViews(board, tuple(View(each, None, Media(), "none") for each in found))]


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")


def markdown_heads(text):
    line = next(line for line in text.splitlines() if line.startswith("|"))
    return [cell.strip().split(",")[0] for cell in line.strip("|").split("|")]


def latex_heads(text):
    line = next(line for line in text.splitlines() if "&" in line)
    titles = {escape_latex(column.title): column.name for column in columns.COLUMNS}
    return [titles[cell.strip().removesuffix(" \\\\")] for cell in line.split("&")]


def csv_heads(text):
    return next(csv.reader(io.StringIO(text)))


def names_of(place):
    return [column.name for column in columns.board_columns(place)]


def test_every_format_of_entries_has_every_column_under_the_same_name(entries):
    assert set(csv_heads(format_table(entries, "csv"))) == OF_AN_ENTRY
    assert set(entry_table(entries).columns) == OF_AN_ENTRY
    assert set(markdown_heads(format_table(entries, "md"))) == OF_AN_ENTRY
    assert set(latex_heads(format_table(entries, "latex", columns.GROUPS))) == OF_AN_ENTRY - {
        "universal", "complete", "isolation",
    }  # fmt: skip
    assert all(each.keys() >= OF_AN_ENTRY for each in json.loads(format_table(entries, "json")))


def test_every_format_of_a_board_has_every_column_under_the_same_name(board):
    intervals = {f"{score}_{end}" for score in ("mandelbrot", "overall") for end in ("low", "high")}
    assert set(csv_heads(format_board(board, "csv"))) == OF_AN_ENTRY | OF_A_BOARD | intervals
    assert all(each.keys() >= OF_AN_ENTRY | OF_A_BOARD for each in json.loads(format_board(board, "json"))["board"])


def test_a_boards_tables_for_people_have_all_columns_but_those_that_say_they_are_absent(board):
    absent = {"list", "from", "universal", "complete", "isolation", "audit", "verdict"}
    absent |= {"rerun", "source_bytes", "audit_margin", "model_bytes", "peak_memory_mb", "threads", "device"}
    absent |= {"hidden_gap"}
    assert set(markdown_heads(format_board(board, "md"))) == (OF_AN_ENTRY | OF_A_BOARD) - absent
    assert latex_heads(format_board(board, "latex")) == [
        "rank", "name", "mandelbrot", "precision", "depth", "depth_octaves", "psnr_db", "worth", "images", "surfaces",
        "functions", "digits", "overall", "n_replicates",
    ]  # fmt: skip
    some = markdown_heads(format_board(board, "md", ("score",)))
    assert (latex_heads(format_board(board, "latex", ("score",))), some[-1]) == (some[:-1], "badge")


def test_formats_hold_the_same_values(entries):
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(format_table(entries, "csv")))}
    for each in json.loads(format_table(entries, "json")):
        for name in SCORES | FAMILIES | COSTS:
            text = rows[each["name"]][name]
            assert (float(text) if text else None) == each[name], name


def test_people_read_the_size_of_a_model_in_megabytes_and_machines_in_bytes(entries):
    sizes = [each.model_bytes for each in entries if each.model_bytes]
    text = format_table(entries, "md")
    assert sizes
    assert all(f" {size / 1_000_000:,.2f} " in text for size in sizes)
    assert "model_bytes, MB" in text


def test_names_are_unique():
    assert len(names_of(None)) == len(set(names_of(None)))


@pytest.mark.parametrize("width", [60, 90, 120])
def test_a_narrow_terminal_shows_or_names_every_column(entries, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    print_entries(entries)
    text = " ".join(re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out).split())
    notes = text.partition("the same in every row: ")[2] + text.partition("left out for want of width: ")[2]
    for column in columns.choose_columns(columns.entry_columns("terminal"), None):
        assert column.line in notes or column.line in text or all(part in text for part in column.label.split("\n"))
    assert "more: --columns cost,running or all" in text


def test_adding_a_column_touches_one_place(entries, board, views, capsys, monkeypatch):
    new = Column("new_j", "New, J", "new J", "The joules that a fit took", lambda entry: 1234.5678, digits=2,
                 axis="joules of a fit")  # fmt: skip
    monkeypatch.setattr(columns, "COLUMNS", (*columns.COLUMNS, new))
    for text in (format_table(entries, "csv"), format_board(board, "csv")):
        assert csv_heads(text)[-1] == "new_j"
        assert text.count("1234.5678") == len(entries)
    assert list(entry_table(entries)["new_j"]) == [1234.5678] * len(entries)
    assert [each["new_j"] for each in json.loads(format_table(entries, "json"))] == [1234.5678] * len(entries)
    assert {each["new_j"] for each in json.loads(format_board(board, "json"))["board"]} == {1234.5678}
    for table in (format_table, format_board):
        of = entries if table is format_table else board
        assert markdown_heads(table(of, "md"))[-1] == latex_heads(table(of, "latex", ("cost",)))[-1] == "new_j"
        assert "1,234.57" in table(of, "md")
        assert "1,234.57" in table(of, "latex", ("cost",))
    for show, of in ((print_entries, entries), (print_board, board)):
        show(of, groups=columns.GROUPS)
        shown = capsys.readouterr().out
        assert "new J" in shown
        assert "1,234.57" in shown
    assert {each["new_j"] for each in board_data(views[0])["board"]} == {1234.5678}
    page = render_index(views, Frame("truth"))
    assert 'data-name="new_j"' in page
    assert "1,234.57" in page
    assert 'name="cost" value="new_j"' in page
    assert plot_data(views[0])["costs"]["new_j"] == "joules of a fit"
    assert '"name":"new_j"' in render_compare(views, Frame("truth"))
