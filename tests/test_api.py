import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mbench
from mbench import api
from mbench.api import default_jobs, make_settings, run_evaluation
from mbench.errors import HarnessError, SubmissionError, UsageError
from mbench.results.lookup import newest_result
from mbench.results.store import ResultStore, read_result
from mbench.runs.evaluate import blank_record
from mbench.sandbox.child_process import Child
from mbench.sandbox.tiers import Isolation
from mbench.submission import read_submission
from mbench.suite.tasks import load_task

COLUMNS = [
    *("name", "track", "task", "family", "replicate", "status", "reason"),
    *("error", "psnr_db", "depth_octaves", "skill", "depth_skill"),
    *("fit_s", "fit_wall_s", "import_s", "predict_us_per_point", "n_params", "model_bytes", "peak_memory_mb"),
]


class Line:
    """y = slope · x, whatever is learned."""

    def __init__(self, slope):
        self.slope = slope

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.slope * X[:, 0]


@pytest.fixture
def evaluate(tmp_path):
    """`mbench.evaluate` on the curve, into a folder of its own."""

    def run(submission, **options):
        return mbench.evaluate(submission, **{"tasks": ["curve"], "results": tmp_path / "results"} | options)

    return run


def test_a_file_becomes_one_row_per_cell(evaluate, submission_file, estimator):
    table = evaluate(submission_file(estimator()), tasks=["curve", "friedman"], replicates=2, jobs=2)
    assert list(table.columns) == COLUMNS
    assert list(zip(table.task, table.replicate, strict=True)) == [
        ("curve", 0), ("curve", 1), ("friedman", 0), ("friedman", 1)
    ]  # fmt: skip
    assert set(table.family) == {"functions"}
    assert table.error.tolist() == pytest.approx([1.0] * 4, abs=0.01)
    assert table.skill.tolist() == pytest.approx([0.0] * 4, abs=1.0)


def test_a_build_function_with_a_closure_is_a_submission(evaluate):
    slope = 0.25
    table = evaluate(lambda spec: Line(slope))
    assert table.status.tolist() == ["ok"]
    task = load_task("curve")
    queries = task.draw_queries(1_000, 0)
    truth = task.truth(queries.points).astype(float)
    predicted = (slope * queries.X).astype(np.float32)
    assert table.error[0] == pytest.approx(((predicted - truth) ** 2).mean() / truth.var())


def test_another_closure_is_another_submission(evaluate):
    first, second = (evaluate(lambda spec, slope=slope: Line(slope)) for slope in (0.1, 0.2))
    assert first.error[0] != second.error[0]


def test_a_row_that_failed_has_its_reason_and_no_error(evaluate):
    def build(spec):
        raise ValueError("no idea")

    table = evaluate(build)
    assert table.status.tolist() == ["refused"]
    assert "no idea" in table.reason[0]
    assert pd.isna(table.error[0])
    assert table.skill[0] == 0


def test_the_entry_lies_in_attrs_as_plain_json(evaluate, submission_file, estimator):
    table = evaluate(submission_file(estimator(), "idea.py"))
    assert json.loads(json.dumps(table.attrs["entry"]))["name"] == "idea"


def test_resume_keeps_cells_and_fresh_does_not(evaluate, submission_file, estimator):
    path = submission_file(estimator())
    first = evaluate(path).fit_s[0]
    assert evaluate(path).fit_s[0] == first
    assert evaluate(path, resume=False).fit_s[0] != first


@pytest.mark.parametrize("options", [{"track": "huge"}, {"tasks": ["cuve"]}, {"tasks": ["image:absent.png"]}], ids=str)
def test_an_unknown_name_is_a_usage_error(evaluate, options, submission_file, estimator):
    with pytest.raises(UsageError):
        evaluate(submission_file(estimator()), **options)


@pytest.mark.parametrize(("source", "error"), [(b"\x00", SubmissionError), (b"x = 1", SubmissionError)])
def test_what_is_no_submission_is_refused(evaluate, submission_file, source, error):
    with pytest.raises(error):
        evaluate(submission_file(source))


def test_the_result_file_holds_the_records(tmp_path, submission_file, estimator):
    outcome = run_evaluation(
        read_submission(submission_file(estimator(), "idea.py")), tasks=["curve"], pictures=False, out=tmp_path
    )
    assert outcome.paths == (tmp_path / "idea" / "quick" / "result.json",)
    assert read_result(outcome.paths[0]) == outcome.result


def test_a_run_tells_of_its_own_cells_whatever_was_run_after_them(tmp_path, submission_file, estimator):
    source = read_submission(submission_file(estimator(), "idea.py"))

    def run(*tasks, **options):
        return run_evaluation(source, tasks=tasks, pictures=False, out=tmp_path, unsafe_no_sandbox=True, **options)

    first = run("curve", "friedman")
    assert {task.task for task in run("curve", threads=2).entry.tasks} == {"curve"}
    again = run("curve", "friedman")
    assert again.entry == first.entry
    assert read_result(again.paths[0]).records == again.result.records
    assert newest_result("idea", ResultStore(tmp_path).records()).records == again.result.records
    assert run("curve", "friedman").result == again.result
    assert {task.task for task in run("friedman").entry.tasks} == {"curve", "friedman"}


def test_a_failure_of_ours_leaves_what_was_run_before(tmp_path, submission_file, estimator, monkeypatch):
    source = read_submission(submission_file(estimator(), "idea.py"))
    options = {"tasks": ("curve",), "pictures": False, "out": tmp_path, "unsafe_no_sandbox": True}
    first = run_evaluation(source, **options)

    def fail(self):
        raise HarnessError("no process today")

    monkeypatch.setattr(Child, "__enter__", fail)
    failed = run_evaluation(source, resume=False, **options)
    assert [record.status for record in failed.result.records] == ["infrastructure"]
    assert failed.entry == first.entry
    assert read_result(failed.paths[0]) == first.result


def test_what_was_left_out_is_a_warning(evaluate, submission_file, estimator, monkeypatch):
    monkeypatch.setattr(api, "plan_cells", lambda *_: ([], {"mnist": "not here. Run `mbench data fetch`"}))
    with pytest.warns(UserWarning, match="mnist was left out: not here. Run `mbench data fetch`"):
        evaluate(submission_file(estimator()))


def test_a_failure_of_ours_is_a_row_without_scores(evaluate, submission_file, estimator, monkeypatch):
    def fail(self):
        raise HarnessError("no process today")

    monkeypatch.setattr(Child, "__enter__", fail)
    (row,) = evaluate(submission_file(estimator())).to_dict("records")
    assert (row["status"], row["reason"], row["family"]) == ("infrastructure", "no process today", "functions")
    assert pd.isna(row["error"])
    assert pd.isna(row["skill"])


def test_where_nothing_of_a_submission_runs_no_sandbox_is_needed(tmp_path, submission_file, estimator, monkeypatch):
    class Elsewhere:
        tier = "A"

        def run(self, run, cell, key, task, store):
            return replace(blank_record(run, cell, key, task, store), reason="ran elsewhere")

    def offer_nothing(tier=None, *, allow_none=False, device="cpu"):
        if not allow_none:
            raise UsageError("tier C is no sandbox")
        return Isolation("C", "none")

    monkeypatch.setattr(api, "choose_isolation", offer_nothing)
    source = read_submission(submission_file(estimator(), "idea.py"))
    options = {"tasks": ("curve",), "out": tmp_path, "elsewhere": Elsewhere()}
    assert run_evaluation(source, pictures=False, **options).result.records[0].reason == "ran elsewhere"
    with pytest.raises(UsageError, match="no sandbox"):
        run_evaluation(source, pictures=True, **options)


def test_a_damaged_record_is_noted(tmp_path, submission_file, estimator):
    source = read_submission(submission_file(estimator()))
    run = run_evaluation(source, tasks=["curve"], pictures=False, out=tmp_path)
    (tmp_path / "cells" / f"{run.result.records[0].key}.json").write_text("junk")
    (note,) = run_evaluation(source, tasks=["curve"], pictures=False, out=tmp_path).notes
    assert "damaged record was set aside" in note


def test_a_folder_that_cannot_be_used_is_a_usage_error(evaluate, tmp_path, submission_file, estimator):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="Choose another folder with --results"):
        evaluate(submission_file(estimator()), results=tmp_path / "file")


def test_load_sample_is_what_a_submission_gets():
    X, y = mbench.load_sample("mandelbrot", 50, replicate=3)
    sample = load_task("mandelbrot").draw_sample(50, 3)
    np.testing.assert_array_equal(X, sample.X)
    np.testing.assert_array_equal(y, sample.y)
    assert (X.shape, y.shape, X.dtype, y.dtype) == ((50, 2), (50, 1), np.float64, np.float64)
    assert np.abs(X).max() <= 1


def test_load_sample_of_more_than_there_is_says_how_many_there_are():
    with pytest.raises(UsageError, match="1258"):
        mbench.load_sample("digits", 10**6)


def test_jobs_share_no_core():
    assert default_jobs(10**6) == 1
    assert make_settings(jobs=3).jobs == 3
    assert make_settings(threads=256).jobs == 1


def test_an_attribute_that_is_not_there_is_an_attribute_error():
    assert not hasattr(mbench, "evaluat")


def test_the_public_names_are_there():
    assert all(hasattr(mbench, name) for name in mbench.__all__)
    assert Path(mbench.__file__).name == "__init__.py"
