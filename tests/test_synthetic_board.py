"""Invented boards are boards: what is measured on them is what a real one costs."""

import runpy

import pytest

from mbench.board.candidates import find_submissions
from mbench.board.standings import build_board
from mbench.results.lookup import recorded_baselines
from mbench.results.reference import load_reference
from mbench.results.store import ResultStore
from mbench.review.bare_run import _learn
from mbench.review.synthetic_board import TRACK, write_board, write_cells
from mbench.runs.cells import Cell
from mbench.submission import BASELINES_FOLDER
from mbench.suite import tracks


def test_every_invented_entry_is_ranked(tmp_path):
    found = find_submissions(write_board(tmp_path, 12))
    assert [len(each.records) for each in found] == [45] * 12
    board = build_board(found, TRACK, load_reference())
    assert [(each.name, each.reasons) for each in board.shown if each.reasons] == []
    assert len(board.ranked) == 12
    assert len({each.entry.mandelbrot for each in board.ranked}) == 12
    assert board.pairs.n_separated > 0
    assert len(board.pairs.test_set_sds) == len(board.pairs) == 66


def test_invented_cells_are_records_of_a_results_folder(tmp_path):
    store = ResultStore(write_cells(tmp_path, 2))
    records = store.records()
    assert len(records) == 2 * 45
    assert not store.passed_over
    assert {record.task for record in records} == set(tracks.TRACKS[TRACK].tasks)


@pytest.mark.parametrize("task", ["curve", "sphere"])
def test_the_bare_script_learns_what_an_evaluation_does(task):
    (recorded,) = (
        record for result in recorded_baselines() if result.name == "knn"
        for record in result.records if (record.task, record.track) == (task, "quick")
    )  # fmt: skip
    cell = Cell(task, "quick", 0, recorded.n_samples, recorded.fit_limit_s)
    error = _learn(runpy.run_path(str(BASELINES_FOLDER / "knn.py"))["build"], cell)
    assert error == pytest.approx(recorded.metrics.error, rel=1e-9)
