"""The gap between public and hidden test sets: measured by verify, kept in the rerun, shown on boards."""

import json
from dataclasses import replace

import pytest
from test_noise import FRACTALS, REFERENCE, draw_cells, make_cell

from mbench.board.candidates import Candidate
from mbench.board.columns import find_column
from mbench.board.standings import build_board
from mbench.board.tables import board_rows, format_board
from mbench.results.reruns import make_rerun, read_rerun, write_rerun
from mbench.results.scoring import score_entry
from mbench.review import verify
from mbench.review.verify import Claim, measure_gap
from mbench.submission import Source

SOURCE = Source(name="idea", entry="idea.py", files=(("idea.py", b""),))


@pytest.fixture
def records(rng):
    return [make_cell("idea", task, r, *parts) for (task, r), parts in draw_cells(rng, 2).items()]


def test_the_gap_is_how_many_points_the_public_sets_gave_over_the_hidden_ones(records, monkeypatch):
    monkeypatch.setattr(verify, "load_reference", lambda: REFERENCE)  # of invented records
    claim = Claim(SOURCE, "standard", tuple(records), None)
    worse = [replace(r, metrics=replace(r.metrics, error=1.1 * r.metrics.error)) for r in records]
    scores = [score_entry("idea", "standard", each, REFERENCE).mandelbrot for each in (records, worse)]
    assert measure_gap(claim, worse) == pytest.approx(scores[0] - scores[1])
    assert measure_gap(claim, worse) > 0
    assert measure_gap(claim, records) == 0
    assert measure_gap(claim, [record for record in worse if record.task == FRACTALS[0]]) is None


def test_a_rerun_keeps_the_gap_and_older_ones_have_none(records, tmp_path):
    rerun = make_rerun("idea", records[:1], {}, "2026-05-04", "0" * 64, {"standard": 0.75})
    path = write_rerun(tmp_path, replace(rerun, records=()))
    assert read_rerun(tmp_path, "idea").hidden_gap == {"standard": 0.75}
    content = json.loads(path.read_text())
    del content["hidden_gap"]
    path.write_text(json.dumps(content))
    assert read_rerun(tmp_path, "idea").hidden_gap == {}


@pytest.mark.parametrize(("claims", "shown"), [((), "0.75"), (("standard",), "–")])
def test_the_board_shows_it_where_verify_has_measured_it(records, claims, shown):
    rerun = make_rerun("idea", records, {}, "2026-05-04", "0" * 64, {"standard": 0.75})
    candidates = [
        Candidate("idea", "submission", tuple(records), rerun=rerun, claims=claims),
        Candidate("knn", "baseline", tuple(replace(record, submission="knn") for record in records)),
    ]
    board = build_board(candidates, "standard", REFERENCE)
    rows = {row["name"]: row["hidden_gap"] for row in board_rows(board)}
    assert rows["knn"] is None
    assert find_column("hidden_gap").show(rows["idea"]) == shown
    assert json.loads(format_board(board, "json"))["board"][0]["hidden_gap"] == rows[board.shown[0].name]
