"""Practice: other samples and test points than the board's, and nothing of it ever counts."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor

from mbench.board.candidates import find_local, find_submissions
from mbench.board.standings import build_board
from mbench.errors import UsageError
from mbench.results import metrics
from mbench.results.log import read_log
from mbench.results.record import SCHEMA_VERSION, STATUS_WORDS, Result
from mbench.results.reference import load_reference
from mbench.results.store import ResultStore, write_result
from mbench.review.verify import check_claim, read_claims
from mbench.runs.practice import SECRET, TEST_SET, PracticeStore, load_practice_task, plan_practice
from mbench.submission import read_submission
from mbench.suite.tasks import load_task
from mbench.suite.tracks import TRACKS

NEAR = """
    from sklearn.neighbors import KNeighborsRegressor
    def build(spec):
        return KNeighborsRegressor(3)
"""


def test_practice_asks_other_samples_and_other_points_than_the_board():
    for name in ("curve", "sphere"):
        task = load_practice_task(name)
        assert type(task) is type(load_task(name))
        drawn = [set(map(tuple, task.draw_queries(10, r, secret).points)) for r, secret in ((0, None), (1_000, SECRET))]
        assert not drawn[0] & drawn[1]
    cells = plan_practice("standard", ("curve", "sphere"), None).cells
    assert {cell.replicate for cell in cells} == {1_000 + r for r in range(TRACKS["standard"].replicates)}


def test_a_practice_score_is_what_scikit_learn_itself_does_there(mbench, submission_file, tmp_path):
    path = submission_file(NEAR, "near.py")
    result = mbench("evaluate", path, "--practice", "--task", "curve", "-m", "three")
    assert result.exit_code == 0, result.output
    task = load_practice_task("curve")
    sample, queries = task.draw_sample(1_000, 1_000), task.draw_queries(1_000, 1_000, SECRET)
    predicted = KNeighborsRegressor(3).fit(sample.X, sample.y).predict(queries.X).astype(np.float32)
    error = metrics.fraction_unexplained(predicted, task.truth(queries.points), queries.weight)
    (attempt,) = read_log(tmp_path / "results")
    assert attempt.cells[0].error == pytest.approx(error)
    assert (attempt.kind, attempt.test_set, attempt.note) == ("practice", TEST_SET, "three")
    assert f"{error:.5f}" in result.stdout
    assert "Practice: " in result.stdout

    # And it is nowhere else: not in the store of results, not on the board, not under its name.
    results = tmp_path / "results"
    assert list(ResultStore(results).records()) == []
    assert find_local(results, "quick") == []
    assert mbench("compare", "near").exit_code == 2
    shutil.copytree(results / "practice" / "near", results / "near")  # even where somebody puts it among the others
    for file in (results / "practice" / "cells").iterdir():
        shutil.copy(file, results / "cells")
    assert not any(each.records for each in find_local(results, "quick"))
    shown = json.loads(mbench("leaderboard", "--json").stdout)["board"]
    assert "near" not in {entry["name"] for entry in shown}
    with pytest.raises(UsageError, match="for another purpose"):
        ResultStore(results / "practice")


def test_what_is_tuned_is_in_the_log_beside_other_practice(mbench, submission_file, tmp_path):
    path = submission_file(NEAR, "near.py")
    tuned = mbench("tune", path, "--parameter", "n_neighbors", "--values", "1,3", "--task", "curve")
    assert tuned.exit_code == 0, tuned.output
    assert mbench("evaluate", path, "--practice", "--task", "curve").exit_code == 0
    found = json.loads(mbench("log", "near", "--json").stdout)["attempts"]
    assert [each["note"] for each in found] == ["tune: n_neighbors = 1", "tune: n_neighbors = 3", ""]
    assert {each["kind"] for each in found} == {"practice"}
    assert [each["n_ancestors_scored"] for each in found] == [0, 0, 0]
    assert found[2]["best_before"] is not None  # they were asked the same
    assert found[2]["score"] == pytest.approx(found[1]["score"])  # and it has three neighbours itself
    assert mbench("log", "--restore", 1, "--out", "back").exit_code == 0
    assert (tmp_path / "back" / "near.py").read_text() == path.read_text()


def test_a_claim_made_of_practice_holds_no_check_and_stands_on_no_board(submission_file, make_record, monkeypatch):
    path = submission_file(NEAR, "near/submission.py")
    digest = read_submission(path.parent).digest
    record = make_record(source_digest=digest, test_set=TEST_SET, replicate=1_000)
    write_result(path.parent / "result.json", Result(schema=SCHEMA_VERSION, suite=2, name="near", records=(record,)))
    (claim,) = read_claims(path.parent)
    failed = {check.what for check in check_claim(claim) if not check.ok}
    assert {"test set", "whole"} <= failed
    found = find_submissions(path.parent.parent)
    assert not any(each.records for each in found)
    # Nor where its test set is said to be the public one: the replicates are none of the board's.
    public = replace(record, test_set="public")
    write_result(path.parent / "result.json", Result(schema=SCHEMA_VERSION, suite=2, name="near", records=(public,)))
    board = build_board(find_submissions(path.parent.parent), "quick", load_reference())
    assert not any(standing.entry.tasks for standing in board.standings)


@pytest.mark.parametrize("options", [["--audit"], ["--cluster", "tcp://127.0.0.1:1"]])
def test_practice_has_sets_of_its_own_and_runs_here(mbench, submission_file, options):
    result = mbench("evaluate", submission_file(NEAR, "near.py"), "--practice", *options)
    assert result.exit_code == 2
    assert "--practice has sets of its own" in result.stderr


def test_a_failure_in_practice_shows_its_end_and_all_of_it_where_asked(mbench, submission_file):
    fit = "print('\\n'.join(f'epoch {i}' for i in range(40))); raise ValueError('no')"
    source = f"class Estimator:\n    def fit(self, X, y):\n        {fit}\n    def predict(self, X): ...\n"
    path = submission_file(f"{source}def build(spec):\n    return Estimator()\n", "idea.py")
    asked = ("evaluate", path, "--practice", "--task", "curve", "--unsafe-no-sandbox")
    short = mbench(*asked)
    assert short.exit_code == 1
    assert "raise ValueError('no')" in short.output
    assert f"crash: {STATUS_WORDS['crash']}" in short.output
    assert "scores 0 on the board" not in short.output
    assert "epoch 0\n" not in short.output
    assert "epoch 0\n" in mbench(*asked, "--printed").output


def test_a_practice_store_is_no_store_of_results(tmp_path):
    PracticeStore(tmp_path / "one")
    with pytest.raises(UsageError, match="for another purpose"):
        ResultStore(tmp_path / "one")
    ResultStore(tmp_path / "two")
    with pytest.raises(UsageError, match="for another purpose"):
        PracticeStore(tmp_path / "two")
