import hashlib
import json
import math
from dataclasses import replace

import pytest
from PIL import Image

from mbench.api import make_settings
from mbench.board.candidates import find_local
from mbench.errors import HarnessError, UsageError
from mbench.results import curves, lookup
from mbench.results.curves import Curve, Point, merge_curves, read_curves, write_curves
from mbench.results.reference import load_reference
from mbench.results.store import ResultStore
from mbench.review.freeze_reference import CURVE_SIZES
from mbench.runs.measure_curves import CurveStore, choose_sizes, measure_curves, plan_curve
from mbench.sandbox.child_process import Child
from mbench.submission import baseline_path, read_submission
from mbench.suite.tasks import load_task
from mbench.suite.tracks import fit_limit_s

# Says which sample it was given: record.output keeps it.
WITNESS = """
import hashlib
print(len(X), hashlib.sha256(X[:100].tobytes() + y[:100].tobytes()).hexdigest())
self.mean = y.mean(axis=0)
return self
"""
FAILS_BEYOND = "assert len(X) <= 200, 'too much for me'\nself.mean = y.mean(axis=0)\nreturn self"


@pytest.fixture
def measured(mbench, submission_file, estimator):
    """Measure a submission's curve on a task of the functions with the command."""

    def run(*arguments, name="idea.py", fit=WITNESS):
        path = submission_file(estimator(fit=fit), name)
        return mbench("curves", path, "--task", "curve", "--sizes", "100:1000", "--jobs", 1, *arguments)

    return run


def make_curve(name="idea", task="mandelbrot", errors=(0.1, 0.05), **changes):
    points = tuple(
        Point(10 ** (3 + i), 15.0, 1, error, 1.0, "" if error is not None else "crash: no")
        for i, error in enumerate(errors)
    )
    return replace(Curve(name, name, task, 1, "cpu", "A", points, {}), **changes)


# What is run


def test_sizes_are_even_on_a_log_axis():
    assert choose_sizes(1_000, 1_000_000, 2) == tuple(n for n in CURVE_SIZES if 1_000 <= n <= 1_000_000)
    assert choose_sizes(100, 1_000, 4) == (100, 178, 316, 562, 1_000)
    assert choose_sizes(500, 500, 2) == (500,)
    assert choose_sizes(1, 3, 20)[:3] == (1, 2, 3)
    assert choose_sizes(1_000, 50_000, 2) == (1_000, 3_162, 10_000, 31_623, 50_000)


@pytest.mark.parametrize("sizes", [(0, 10), (10, 9), (-5, -1)])
def test_a_range_that_is_none_is_refused(sizes):
    with pytest.raises(UsageError, match="expected LOW:HIGH"):
        choose_sizes(*sizes, 2)


def test_limits_lie_straight_between_the_tracks_own():
    assert [fit_limit_s("mandelbrot", n) for n in (10_000, 100_000, 1_000_000)] == [15.0, 60.0, 300.0]
    assert fit_limit_s("mandelbrot", 31_623) == pytest.approx(math.sqrt(15 * 60), abs=0.06)
    assert (fit_limit_s("mandelbrot", 10), fit_limit_s("mandelbrot", 10**7)) == (15.0, 300.0)


def test_more_points_than_the_largest_sample_are_refused():
    assert max(cell.n_samples for cell in plan_curve("mandelbrot", (1_000, 1_000_000), 1)) == 1_000_000
    with pytest.raises(UsageError, match="Give --sizes LOW:1000000"):
        plan_curve("mandelbrot", (1_000_001,), 1)
    with pytest.raises(UsageError, match="it has 1,2"):
        plan_curve("digits", (10_000,), 1)


def test_each_sample_is_a_prefix_of_the_next(measured, tmp_path):
    assert measured("--replicates", 2).exit_code == 0
    records = list(CurveStore(tmp_path / "results" / "curves").records())
    assert sorted((r.n_samples, r.replicate) for r in records) == [(n, r) for n in (100, 316, 1_000) for r in (0, 1)]
    for record in records:
        sample = load_task("curve").draw_sample(50_000, record.replicate)  # the largest track's
        start = hashlib.sha256(sample.X[:100].tobytes() + sample.y[:100].tobytes()).hexdigest()
        assert record.output.split() == [str(record.n_samples), start]
    assert len({record.output for record in records}) == 6


def test_the_curve_of_nearest_neighbours_agrees_with_the_frozen_one(tmp_path):
    source = read_submission(baseline_path("knn"))
    cells = plan_curve("mandelbrot", choose_sizes(1_000, 10_000, 2), 1)
    store = CurveStore(tmp_path / "curves")
    (curve,) = measure_curves(source, cells, store, make_settings(jobs=1), lambda progress: None)
    frozen = load_reference().curves["mandelbrot"]
    expected = dict(zip(frozen.sizes, frozen.errors, strict=True))
    assert [n for n, _ in curve.line] == [1_000, 3_162, 10_000]
    for n, error in curve.line:
        assert error == pytest.approx(expected[n], rel=0.2)  # one replicate, and that is the mean of five


def test_what_was_run_is_not_run_again(measured):
    assert "kept from before" not in measured().stderr
    again = measured("--per-decade", 1)
    assert again.stderr.count("kept from before") == 2
    assert "N=1,000 r0" in again.stderr


def test_a_failure_ends_the_line_and_says_why(measured, tmp_path):
    result = measured(fit=FAILS_BEYOND)
    assert result.exit_code == 1
    assert "idea at 316" in result.stdout
    assert "too much for me" in result.stdout
    (curve,) = read_curves(tmp_path / "results" / "curves" / "curves.json")
    assert [point.error is None for point in curve.points] == [False, True, True]
    assert [n for n, _ in curve.line] == [100]


# Where it lies, and what it never enters


def test_curves_enter_no_score(measured, mbench, tmp_path):
    assert measured().exit_code == 0
    path = tmp_path / "submissions" / "idea.py"
    compared = mbench("compare", path, "--track", "large")
    assert (compared.exit_code, "no results yet" in compared.stderr) == (2, True)
    assert mbench("compare", "idea", "--track", "large").exit_code == 2
    assert all(find_local(folder, "large") == [] for folder in (tmp_path / "results", tmp_path / "results" / "curves"))
    board = json.loads(mbench("leaderboard", "--track", "large", "--json").stdout)
    assert "idea" not in json.dumps(board)


def test_curves_change_no_result(measured, mbench, submission_file, estimator, tmp_path):
    path = submission_file(estimator(fit=WITNESS), "idea.py")
    command = ("evaluate", path, "--track", "large", "--task", "curve", "--replicates", 1, "--no-pictures", "--json")
    before = json.loads(mbench(*command).stdout)
    assert measured().exit_code == 0
    after = json.loads(mbench(*command).stdout)
    assert after | {"log": None} == before | {"log": None}  # which counts evaluations
    (record,) = ResultStore(tmp_path / "results").records()
    assert record.n_samples == 50_000


def test_recorded_curves_are_nobodys_result(mbench, tmp_path, monkeypatch):
    monkeypatch.setattr(lookup, "RECORDED_FOLDER", tmp_path)
    write_curves(tmp_path / "curves.json", (make_curve(),))
    result = mbench("compare", "curves")
    assert (result.exit_code, "no such file or name" in result.stderr) == (2, True)


def test_a_folder_of_curves_is_no_results_folder(tmp_path, mbench):
    CurveStore(tmp_path / "curves")
    ResultStore(tmp_path / "results")
    with pytest.raises(UsageError, match="for another purpose"):
        ResultStore(tmp_path / "curves")
    with pytest.raises(UsageError, match="for another purpose"):
        CurveStore(tmp_path / "results")
    result = mbench("compare", "knn", "--results", "curves")
    assert (result.exit_code, "Choose another folder" in result.stderr) == (2, True)


def test_records_alone_are_stored(measured, tmp_path):
    measured()
    assert {path.suffix for path in (tmp_path / "results" / "curves" / "cells").iterdir()} == {".json"}


# The file


def test_curves_are_read_as_they_were_written(tmp_path):
    curves = (make_curve(errors=(0.5, None)), make_curve("knn"))
    write_curves(tmp_path / "curves.json", curves)
    assert read_curves(tmp_path / "curves.json") == curves
    assert read_curves(tmp_path / "none.json") == ()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda c: c | {"suite": 1}, UsageError, "different suites do not compare"),
        (lambda c: c | {"curves": [1]}, HarnessError, "damaged"),
        (lambda c: c | {"more": 1}, UsageError, "does not know: more"),
        (lambda c: json.loads(json.dumps(c).replace("0.05", "-0.05")), HarnessError, "out of range"),
    ],
)
def test_a_file_that_is_not_ours_is_refused(tmp_path, change, error, message):
    path = tmp_path / "curves.json"
    write_curves(path, (make_curve(),))
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(error, match=message):
        read_curves(path)


def test_a_new_curve_takes_the_place_of_the_old_one():
    old = make_curve(), make_curve("knn"), make_curve(task="curve")
    new = make_curve(errors=(0.2,))
    assert merge_curves(old, (new,)) == (old[2], new, old[1])


# The command


def test_curves_measured_one_after_the_other_come_together(measured, tmp_path):
    first, second = measured("--json"), measured("--json", name="other.py")
    assert [curve["name"] for curve in json.loads(first.stdout) + json.loads(second.stdout)] == ["idea", "other"]
    assert [curve.name for curve in read_curves(tmp_path / "results" / "curves" / "curves.json")] == ["idea", "other"]
    with Image.open(tmp_path / "results" / "curves" / "curves-curve.png") as picture:
        assert picture.width == 1800


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("idea.py", "--record"), "only baselines are recorded"),
        (("knn", "knn"), "a second submission called 'knn'"),
        (("knn", "--sizes", "many"), "is not LOW:HIGH"),
        (("knn", "--task", "digits"), "Give --sizes LOW:"),
        (("nobody",), "no such file"),
    ],
)
def test_what_cannot_be_measured_is_a_usage_error(mbench, submission_file, estimator, arguments, message):
    submission_file(estimator(), "../idea.py")
    result = mbench("curves", *arguments)
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr


def test_recorded_curves_are_drawn_with_the_board_if_they_are_of_its_sources(mbench, tmp_path, monkeypatch):
    recorded = tmp_path / "recorded.json"
    monkeypatch.setattr(curves, "RECORDED_CURVES", recorded)
    write_curves(recorded, (make_curve("knn"),))
    mbench("leaderboard", "--plots", "without")
    assert not (tmp_path / "without" / "curves-mandelbrot.png").exists()
    write_curves(recorded, (make_curve("knn", source_digest=read_submission(baseline_path("knn")).digest),))
    mbench("leaderboard", "--plots", "with")
    assert (tmp_path / "with" / "curves-mandelbrot.png").exists()


def test_recording_adds_to_what_is_recorded(mbench, tmp_path, monkeypatch):
    recorded = tmp_path / "recorded.json"
    monkeypatch.setattr(curves, "RECORDED_CURVES", recorded)
    monkeypatch.setattr(
        "mbench.review.reproduce.BASELINES_FOLDER", tmp_path / "baselines"
    )  # a checkout, also for a wheel
    write_curves(recorded, (make_curve("rbf"),))
    (tmp_path / "constant").mkdir()  # of the same name, and no baseline
    (tmp_path / "constant" / "submission.py").write_text("def build(spec):\n    return None\n")
    result = mbench("curves", "constant", "--task", "curve", "--sizes", "100:100", "--jobs", 1, "--record")
    assert result.exit_code == 0, result.output
    measured = read_curves(recorded)
    assert [(curve.task, curve.name) for curve in measured] == [("curve", "constant"), ("mandelbrot", "rbf")]
    assert measured[0].source_digest == read_submission(baseline_path("constant")).digest


def test_a_failure_of_ours_is_no_point_of_a_curve(measured, monkeypatch, tmp_path):
    def fail(self):
        raise HarnessError("no process today")

    monkeypatch.setattr(Child, "__enter__", fail)
    result = measured()
    assert result.exit_code == 3, result.output
    assert "no process today. Repeat the command" in result.stderr
    assert not (tmp_path / "results" / "curves" / "curves.json").exists()
