import json
import shutil
import signal

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor

from mbench import __version__ as mbench_version
from mbench.errors import UsageError
from mbench.results import metrics
from mbench.results.names import find_result
from mbench.results.reference import load_reference
from mbench.results.scoring import score_entry
from mbench.results.store import ResultStore
from mbench.runs import tune as tuning
from mbench.runs.cells import Cell
from mbench.runs.evaluate import FIRST_TUNING_REPLICATE, plan_cells
from mbench.runs.practice import Plan, load_practice_task
from mbench.runs.tune import Search, Trial, plan_trials
from mbench.runs.variants import derive_source, parse_values
from mbench.sandbox.child_process import Child
from mbench.submission import pickle_build, read_submission
from mbench.suite.secrets import PUBLIC, name_test_set
from mbench.suite.tasks import load_task
from mbench.suite.tracks import TRACKS

NEIGHBOURS = """
    from sklearn.neighbors import KNeighborsRegressor
    def build(spec):
        return KNeighborsRegressor(n_neighbors=3)
"""
SCALED = """
    import settings
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    def build(spec):
        return make_pipeline(StandardScaler(), KNeighborsRegressor(settings.NEIGHBOURS))
"""


@pytest.fixture
def tune(mbench, submission_file):
    """Tune the number of neighbours on the curve."""

    def run(*arguments, source=NEIGHBOURS, values="1,5", name="near.py"):
        path = submission_file(source, name)
        return mbench("tune", path, "--parameter", "n_neighbors", "--values", values, "--task", "curve", *arguments)

    return run


# Values and derived sources


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1e-4,3e-4", (1e-4, 3e-4)),
        (" 1, 1.0, True, 1 ", (1, 1.0, True)),
        ("None,'relu',-2", (None, "relu", -2)),
        ("(64, 64),(128,)", ((64, 64), (128,))),
        ("7,", None),
        ("relu", None),
        ("", None),
        ("1e999", None),
        ("{1}", None),
        ("b'a'", None),
        ("1)+(2", None),
        ("__import__('os')", None),
        ("(" * 5_000, None),
    ],
)
def test_values_are_literals_that_json_can_say(text, values):
    if values is None:
        with pytest.raises(UsageError, match="Python literals"):
            parse_values(text)
    else:
        assert [(type(v), v) for v in parse_values(text)] == [(type(v), v) for v in values]


@pytest.mark.parametrize("name", ["", "a b", "a-b", "1a", "ä", "__import__('os')", "x'"])
def test_a_parameter_is_a_name(submission_file, name):
    with pytest.raises(UsageError, match="not a name"):
        derive_source(read_submission(submission_file(NEIGHBOURS)), name, 1)


def test_a_function_given_from_python_is_refused():
    with pytest.raises(UsageError, match="Write it as a file"):
        derive_source(pickle_build(lambda spec: KNeighborsRegressor()), "n_neighbors", 1)


def test_every_value_is_a_source_of_its_own_that_travels_with_the_whole_submission(submission_file):
    submission_file("NEIGHBOURS = 3", "settings.py")
    source = read_submission(submission_file(SCALED))
    variants = [derive_source(source, "kneighborsregressor__n_neighbors", value) for value in (3, 4)]
    assert len({source.digest, *(variant.digest for variant in variants)}) == 3
    assert {path for path, _ in variants[0].files} == {"submission.py", "settings.py", variants[0].entry}
    again = derive_source(variants[0], "memory", None)
    assert len(dict(again.files)) == 4


LISTS_WHAT_WAS_SET = """
    from sklearn.neighbors import KNeighborsRegressor
    class Boosted:
        def __init__(self, **given):
            self.given = given
        def get_params(self, deep=True):
            return self.given
        def set_params(self, **given):
            if not set(given) <= {"n_neighbors", "depth"}:
                raise ValueError("no such parameter")
            self.given |= given
            RETURN
        def fit(self, X, y):
            self.model = KNeighborsRegressor(self.given.get("n_neighbors", 1)).fit(X, y)
        def predict(self, X):
            return self.model.predict(X)
    def build(spec):
        return Boosted()
"""


@pytest.mark.parametrize("returned", ["return self", "pass"])
def test_a_parameter_is_what_set_params_takes_whatever_get_params_lists(tune, returned):
    result = tune(source=LISTS_WHAT_WAS_SET.replace("RETURN", returned))
    assert result.exit_code == 0, result.output
    assert "n_neighbors = 5" in result.output


def test_a_parameter_that_set_params_refuses_is_none(tune):
    result = tune("--parameter", "rate", source=LISTS_WHAT_WAS_SET)
    assert result.exit_code == 1
    assert "Boosted has no parameter rate, it has: none" in result.stderr


# Samples and test points


@pytest.mark.parametrize("name", ["curve", "sphere"])
def test_points_that_never_run_out_are_asked_about_elsewhere(name):
    task = load_practice_task(name)
    assert type(task) is type(load_task(name))
    tuned, public = (task.draw_queries(10, 0, secret).points for secret in (tuning.SECRET, None))
    assert not set(map(tuple, tuned)) & set(map(tuple, public))


@pytest.mark.parametrize(("name", "n"), [("digits", 300), ("digits", 1_006), ("china", 1_000)])
def test_of_items_the_training_ones_that_were_not_learned_are_the_test_set(name, n):
    task, held_out = load_task(name), load_practice_task(name)
    learned = set(map(tuple, held_out.draw_sample(n, 1_000).points))
    asked = set(map(tuple, held_out.draw_queries(n, 1_000).points))
    assert len(learned) == n
    assert not learned & asked
    assert learned | asked == set(map(tuple, task.draw_sample(task.n_available, 1_000).points))
    assert held_out.digest() != task.digest()


def test_no_test_image_of_the_digits_is_learned_or_asked_about():
    test = set(map(tuple, load_task("digits").draw_queries(1_258, 0).points))
    assert not test & set(map(tuple, load_practice_task("digits").draw_queries(0, 1_000).points))


def test_a_plan_lies_outside_every_tracks_replicates_and_leaves_a_fifth_of_the_items():
    plan = plan_trials("quick", (), 2)
    assert {cell.replicate for cell in plan.cells} == {1_000, 1_001}
    assert max(track.replicates for track in TRACKS.values()) <= FIRST_TUNING_REPLICATE
    sizes = {cell.task: cell.n_samples for cell in plan.cells}
    assert sizes.keys() == set(TRACKS["quick"].tasks)
    assert (sizes["digits"], sizes["china"]) == (1_007, 10_000)


def test_tasks_without_a_score_are_usage():
    with pytest.raises(UsageError, match=r"digits: nothing to choose a value by on track standard.* curve, "):
        plan_trials("standard", ("curve", "digits"), 1)


def test_evaluating_stops_where_tuning_begins():
    assert len(plan_cells("quick", ("curve",), FIRST_TUNING_REPLICATE)[0]) == FIRST_TUNING_REPLICATE
    with pytest.raises(UsageError, match="later ones are to tune on"):
        plan_cells("quick", ("curve",), FIRST_TUNING_REPLICATE + 1)


# The command


def test_a_value_scores_what_scikit_learn_itself_does_with_it(tune, tmp_path):
    result = tune("--json", values="1,5,400")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    task, errors = load_practice_task("curve"), {}
    sample, queries = task.draw_sample(1_000, 1_000), task.draw_queries(1_000, 1_000, tuning.SECRET)
    for value in (1, 5, 400):
        predicted = KNeighborsRegressor(value).fit(sample.X, sample.y).predict(queries.X).astype(np.float32)
        errors[value] = metrics.fraction_unexplained(predicted, task.truth(queries.points), queries.weight)
    assert {trial["value"]: trial["tasks"][0]["error"] for trial in content["trials"]} == pytest.approx(errors)
    assert content["best"] == min(errors, key=errors.get)
    assert content["replicates"] == [1_000]
    path = tmp_path / "results/tune/near/quick/n_neighbors.json"
    assert content.pop("paths") == [str(path.relative_to(tmp_path))]
    assert json.loads(path.read_text()) == content | {"mbench": mbench_version}


def test_a_nested_parameter_of_a_folder_is_set(mbench, submission_file):
    submission_file("NEIGHBOURS = 3", "settings.py")
    folder = submission_file(SCALED).parent
    result = mbench("tune", folder, "--parameter", "kneighborsregressor__n_neighbors", "--values", "1,900",
                    "--task", "curve", "--json")  # fmt: skip
    assert result.exit_code == 0, result.output
    near, far = (trial["score"] for trial in json.loads(result.stdout)["trials"])
    assert near > 50 > far


def test_the_table_has_a_row_per_task_and_value_and_the_end_of_the_grid_is_said(tune):
    result = tune("--replicates", "2", values="5,400")
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines() if line.startswith("curve ")]
    assert [(row[1], row[-1]) for row in rows] == [("5", "2"), ("400", "2")]
    assert "Best: n_neighbors = 5" in result.stdout
    assert "end of the grid" in result.stdout


def test_a_second_run_fits_nothing(tune, monkeypatch):
    first = tune("--json")
    fits = []
    monkeypatch.setattr(Child, "fit", lambda self, X, y: fits.append(X))
    second = tune("--json")
    assert fits == []
    assert second.stdout == first.stdout
    assert "kept from before" in second.stderr


@pytest.mark.parametrize(
    ("source", "arguments", "code", "message"),
    [
        (NEIGHBOURS, ["--parameter", "rate"], 1, "KNeighborsRegressor has no parameter rate, it has: algorithm, leaf"),
        (NEIGHBOURS, ["--parameter", "a b"], 2, "not a name"),
        (NEIGHBOURS, ["--values", "relu"], 2, "expected numbers or other Python literals"),
        (NEIGHBOURS, ["--task", "absent"], 2, "unknown task 'absent'"),
        (None, [], 1, "returned Estimator without set_params"),
        ("def build(spec): 1 / 0", [], 1, "build(spec) raised ZeroDivisionError"),
    ],
)
def test_what_cannot_be_tuned_ends_before_a_cell_is_run(tune, tmp_path, estimator, source, arguments, code, message):
    result = tune(*arguments, source=source or estimator())
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert list(tmp_path.glob("results/tune/cells/*")) == []


def test_values_that_all_fail_end_with_one_and_their_reason(tune):
    result = tune(values="2000")
    assert result.exit_code == 1, result.output
    assert "Expected n_neighbors <= n_samples" in result.stdout
    assert "No value learned anything" in result.stdout


def test_an_interruption_keeps_the_values_done(start, submission_file, tmp_path):
    path = submission_file("""
        from sklearn.base import BaseEstimator
        class Mean(BaseEstimator):
            def __init__(self, forever=False):
                self.forever = forever
            def fit(self, X, y):
                self.mean_ = y.mean()
                while self.forever:
                    pass
                return self
            def predict(self, X):
                return X[:, 0] * 0 + self.mean_
        def build(spec):
            return Mean()
    """)
    command = ["tune", path, "--parameter", "forever", "--values", "0,1", "--task", "mandelbrot", "--track", "standard"]
    process = start(*command)
    for line in process.stderr:
        if "forever = 1" in line:
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Cells already done are kept" in errors
    assert [record.status for record in ResultStore(tmp_path / "results/tune").records()] == ["ok"]


# What was tuned counts nowhere else


def test_a_tuned_record_never_stands_for_a_public_one(tune, mbench, submission_file, tmp_path):
    path = submission_file(NEIGHBOURS, "near.py")
    assert mbench("evaluate", path, "--task", "curve", "--no-pictures").exit_code == 0
    before = mbench("compare", path, "near", "--format", "json").stdout
    assert tune("--replicates", "2").exit_code == 0
    results = tmp_path / "results"
    tuned = list(ResultStore(results / "tune").records())
    assert {(r.test_set, r.replicate) for r in tuned} == {(name_test_set(tuning.SECRET), r) for r in (1_000, 1_001)}
    assert len(list(ResultStore(results).records())) == 1
    for file in (results / "tune/cells").glob("*"):  # even where somebody puts them among the others
        shutil.copy(file, results / "cells")
    assert len(list(ResultStore(results).records())) == 5
    assert mbench("compare", path, "near", "--format", "json").stdout == before
    assert {r.test_set for r in find_result("near", results).records} == {PUBLIC}
    board = mbench("leaderboard", "--format", "json")
    assert board.exit_code == 0, board.output
    assert "near-n_neighbors" not in board.stdout


def test_replicates_beyond_the_tracks_do_not_complete_an_entry(make_record):
    records = [make_record(task=task, replicate=FIRST_TUNING_REPLICATE) for task in TRACKS["quick"].tasks]
    assert score_entry("idea", "quick", records, load_reference()).missing == TRACKS["quick"].tasks


# The best value


def trial(value, score):
    return Trial(value, "0" * 64, score_entry("idea", "quick", [], load_reference()), score)


@pytest.mark.parametrize(
    ("scores", "best", "at_edge"),
    [
        ({1e-3: 50.0, 1e-2: 80.0, 1e-1: 70.0}, 1e-2, False),
        ({1e-3: 50.0, 1e-2: 80.0}, 1e-2, True),
        ({1e-2: 80.0, 1e-3: 50.0, 1e-1: 80.0}, 1e-2, False),
        ({1e-3: 90.0, 1e-2: 80.0, 1e-1: None}, 1e-3, True),
        ({1e-3: 90.0}, 1e-3, False),
        ({"relu": 90.0, "tanh": 80.0}, "relu", False),
        ({1e-3: 0.0, 1e-2: None}, None, False),
    ],
)
def test_the_best_is_the_first_of_the_highest_score(scores, best, at_edge):
    plan = Plan("quick", (Cell("curve", "quick", 1_000, 1_000, 5.0),), {})
    search = Search("idea", "0" * 64, "x", plan, tuple(trial(value, score) for value, score in scores.items()))
    assert (search.best and search.best.value) == best
    assert search.is_at_edge is at_edge
