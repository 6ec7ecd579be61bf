"""Pictures are of what was scored: stored before any query, and confirmed by a fresh child before they are drawn."""

import os
from dataclasses import replace

import numpy as np
import pytest

from mbench.results.estimators import Stored, find_stored
from mbench.results.predictions import predictions_digest
from mbench.results.reference import load_reference
from mbench.runs import stored as stored_module
from mbench.runs.cells import REPEAT_TOLERANCE, Cell, cell_key
from mbench.runs.evaluate import run_cell
from mbench.runs.learned import open_learned
from mbench.runs.run import Run
from mbench.runs.settings import Settings
from mbench.runs.stored import Answered, Unconfirmed, confirm_answers, find_answered, open_stored
from mbench.sandbox.child_process import ChildFailure
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import read_submission
from mbench.suite.tasks import load_task
from mbench.views.pictures import draw_pictures

SETTINGS = Settings(isolation=choose_isolation(allow_none=True))
CURVE = load_task("curve")
SLOPE = "return self.mean + 0.1 * X[:, :1]"
BECOMES_OTHER = "Estimator.__reduce__ = reduce\nreturn Estimator()"  # what `reduce` says, when it is stored


@pytest.fixture
def cell_of(submission_file, estimator, store):
    """Run one cell of the task curve, and return its run, its cell and what is stored of it."""

    def make(settings=SETTINGS, limit_s=5.0, replicate=0, **bodies):
        source = read_submission(submission_file(estimator(**{"predict": SLOPE} | bodies)))
        cell, run = Cell("curve", "quick", replicate, 1_000, limit_s), Run(source, settings)
        record = run_cell(run, cell, cell_key(cell, CURVE, source, settings), CURVE, store)
        return run, cell, Stored(record, store)

    return make


def draw(made, tmp_path):
    run, _, stored = made
    return draw_pictures(run, [stored.record], stored.store, tmp_path / "made", load_reference())


def reason_of(made, tmp_path):
    (drawing,) = draw(made, tmp_path)
    assert drawing.path is None
    assert not list((tmp_path / "made").glob("*.png"))
    return drawing.reason


# Stored before any query


def test_what_is_stored_has_not_seen_a_query(cell_of):
    _, _, stored = cell_of(predict=f"self.note = 'seen by predict'\n{SLOPE}")
    assert stored.record.ok
    content = stored.artifact.read_bytes()
    assert b"mean" in content
    assert b"seen by predict" not in content


def test_what_a_child_writes_over_its_stored_estimator_is_not_kept(cell_of):
    write = "open(os.path.join(os.path.dirname(os.path.dirname(__file__)), 'out/artifact'), 'wb').write(b'another')"
    _, _, stored = cell_of(predict=f"{write}\n{SLOPE}")
    assert stored.record.ok
    assert b"another" not in stored.artifact.read_bytes()


@pytest.mark.parametrize(
    "end", ["os._exit(3)", "while True: pass", "os.kill(os.getpid(), 9)"], ids=["exit", "hang", "kill"]
)
def test_what_does_not_survive_being_stored_is_scored_all_the_same(cell_of, tmp_path, end):
    head = f"def end(self):\n    {end}"
    made = cell_of(head=head, build="Estimator.__reduce__ = end\nreturn Estimator()", limit_s=1.0)
    record = made[2].record
    assert (record.status, record.costs.model_bytes) == ("ok", None)
    assert "the fitted estimator is not stored" in reason_of(made, tmp_path)


SPIN = """
import time
def spin(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass
"""
ITSELF = "object.__new__, (Estimator,), self.__dict__"


@pytest.mark.parametrize("raises", [False, True], ids=["stored", "not stored"])
def test_training_while_being_stored_counts_towards_predicting(cell_of, raises):
    """Each takes 1.2 of 2 processor seconds."""
    reduce = "def reduce(self):\n    spin(1.2)\n    return " + (
        "1 / 0" if raises else "Estimator.rebuild, (self.mean,)"
    )
    bodies = {"head": f"{SPIN}\n{reduce}", "limit_s": 2.0}
    bodies["predict"] = f"if not hasattr(self, 'spun'): spin(1.2)\nself.spun = True\n{SLOPE}"
    assert cell_of(**bodies)[2].record.ok
    record = cell_of(**bodies, build=BECOMES_OTHER)[2].record
    assert record.status == "timeout"
    assert "predict ran past its limit" in record.reason


def test_being_stored_is_no_cost_of_predicting(cell_of):
    reduce = f"def reduce(self):\n    spin(1.0)\n    return {ITSELF}"
    made = cell_of(head=f"{SPIN}\n{reduce}", build=BECOMES_OTHER)
    assert made[2].record.ok
    assert made[2].record.costs.predict_s < 0.9


# Confirmed before it is drawn


def test_what_is_confirmed_is_drawn(cell_of, tmp_path):
    (drawing,) = draw(cell_of(), tmp_path)
    assert drawing.reason == ""
    assert drawing.path.exists()


def test_what_was_scored_on_a_hidden_test_set_is_drawn_under_its_secret(cell_of, tmp_path):
    made = cell_of(settings=replace(SETTINGS, secret=bytes(32)))
    assert draw(made, tmp_path)[0].path.exists()
    another = Run(made[0].source, replace(SETTINGS, secret=bytes(31) + b"1")), *made[1:]
    (tmp_path / "made" / "curve.png").unlink()
    assert "whose secret is not at hand" in reason_of(another, tmp_path)


OTHER = """
class Other:
    def __init__(self, mean):
        self.mean, self.n = mean, 0
    def predict(self, X):
        self.n += 1
        {answer}
def reduce(self):
    return Other, (self.mean,)
"""
SCORED = "self.mean + 0.1 * X[:, :1]"


@pytest.mark.parametrize(
    "answer",
    [
        "return 0 * X",
        f"return {SCORED} + 1e-3 * (X > 0.9)",  # for one in twenty, by ten times what is allowed
        f"return {SCORED} if self.n <= 4 else 0 * X",  # the first question comes in four blocks
        f"return {SCORED} if len(X) < 400 else 0 * X",  # a picture has more points than are asked before it
    ],
    ids=["always", "for some", "once it was asked", "of many"],
)
def test_what_becomes_another_when_it_is_stored_is_not_drawn(cell_of, tmp_path, answer):
    made = cell_of(head=OTHER.format(answer=answer), build=BECOMES_OTHER)
    assert made[2].record.ok
    reason = reason_of(made, tmp_path)
    assert reason.startswith("curve: no picture, the stored estimator answers")
    assert "otherwise than the fitted one did" in reason


def test_what_becomes_another_and_answers_alike_is_drawn(cell_of, tmp_path):
    """The control of the test above."""
    made = cell_of(head=OTHER.format(answer=f"return {SCORED} + 1e-6"), build=BECOMES_OTHER)
    assert draw(made, tmp_path)[0].path.exists()


def test_a_scale_in_a_modules_global_is_named_as_the_likely_cause(cell_of, tmp_path):
    fit = "SCALE['y'] = 2.0\nself.mean = y.mean(axis=0)\nreturn self"
    reason = reason_of(cell_of(head="SCALE = {'y': 1.0}", fit=fit, predict=f"return {SCORED} * SCALE['y']"), tmp_path)
    assert "of 1,000 queries otherwise than the fitted one did" in reason
    assert "in a global variable say" in reason


def test_a_model_in_a_modules_global_is_named_as_the_likely_cause(cell_of, tmp_path):
    made = cell_of(head="MODEL = None", fit="global MODEL\nMODEL = y.mean()", predict="return MODEL + X")
    reason = reason_of(made, tmp_path)
    assert "in a fresh process that loaded it" in reason
    assert "in a global variable say" in reason


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda s, other: s.artifact.write_bytes(other.artifact.read_bytes()), "otherwise than the fitted one did"),
        (
            lambda s, other: np.save(s.store.predictions_path(s.record.key), np.ones((20_000, 1), "f4")),
            "not those that",
        ),
        (lambda s, other: s.store.predictions_path(s.record.key).write_bytes(b"junk"), "damaged"),
        (lambda s, other: os.unlink(s.store.predictions_path(s.record.key)), "are not stored beside the estimator"),
    ],
    ids=["estimator", "answers", "damaged answers", "no answers"],
)
def test_a_results_folder_that_somebody_changed_is_found_out(cell_of, tmp_path, change, why):
    other = cell_of(fit="self.mean = 2 * y.mean(axis=0)\nreturn self")[2]
    made = cell_of()
    change(made[2], other)
    assert why in reason_of(made, tmp_path)


def test_a_test_set_of_another_size_confirms_nothing(cell_of):
    _, _, stored = cell_of()
    short = np.zeros((5, 1), np.float32)
    record = replace(stored.record, predictions_digest=predictions_digest(short))
    stored.store.write(record, short)
    with pytest.raises(Unconfirmed, match="its test set has changed since"):
        find_answered(CURVE, replace(stored, record=record))


def test_a_picture_is_asked_among_scored_queries_and_comes_back_in_its_order(cell_of, rng):
    run, cell, stored = cell_of()
    X = rng.uniform(-1, 1, (3_000, 1))
    mean = CURVE.draw_sample(1_000, 0).y.mean(axis=0)
    with open_stored(run, CURVE, cell, stored) as ask:
        np.testing.assert_allclose(ask(X), mean + 0.1 * X, atol=1e-6)


def test_strips_and_dives_ask_only_what_is_confirmed(cell_of):
    run, cell, stored = cell_of(head=OTHER.format(answer="return 0 * X"), build=BECOMES_OTHER)
    with pytest.raises(Unconfirmed), open_learned(run, CURVE, cell, stored, lambda: None):
        pass


def test_what_was_scored_on_a_hidden_test_set_stands_for_no_public_picture(cell_of):
    """Nobody but who has the secret could confirm it."""
    _, _, public = cell_of()
    _, _, hidden = cell_of(settings=replace(SETTINGS, secret=bytes(32)))  # of the same source, and newer
    assert hidden.artifact.exists()
    assert find_stored(public.store, ("curve", "quick"), 1_000) == {public.record.source_digest: public}


# The comparison


@pytest.mark.parametrize("value", [0.0, 1.0, -3e38])
def test_answers_may_differ_by_the_tolerance_and_no_more(value):
    X, rows = np.zeros((4, 2)), np.arange(4)
    first = np.full((4, 3), value, np.float32)
    answered, allowed = Answered(X, first), REPEAT_TOLERANCE * (1 + abs(value))
    answered.compare(rows, first + 0.9 * allowed, "it", "")
    off = first.astype(float)
    off[2, 1] += 1.1 * allowed
    with pytest.raises(Unconfirmed, match=r"it answers 1 of 4 queries otherwise .* query 2 at \(0, 0\)"):
        answered.compare(rows, off, "it", "")


def test_an_answer_is_compared_with_that_to_its_own_query():
    answered = Answered(np.zeros((3, 1)), np.array([[0.0], [1.0], [2.0]], np.float32))
    answered.compare(np.array([2, 0]), np.array([[2.0], [0.0]]), "it", "")
    with pytest.raises(Unconfirmed, match="2 of 2 queries"):
        answered.compare(np.array([0, 2]), np.array([[2.0], [0.0]]), "it", "")


def test_there_is_one_answer_to_each_query():
    with pytest.raises(ValueError, match="2 answers to 3 queries"):
        Answered(np.zeros((3, 1)), np.zeros((2, 1), np.float32))


# The audit's question


def test_who_fails_on_a_second_fit_is_told_so(cell_of, monkeypatch):
    run, cell, stored = cell_of()
    answered = find_answered(CURVE, stored)
    sample = CURVE.draw_sample(1_000, 0)
    confirm_answers(run, CURVE, cell, stored.artifact, sample, answered)
    confirm_answers(run, CURVE, cell, None, sample, answered)
    with pytest.raises(ChildFailure, match="a second fit of the same sample and seed answers"):
        confirm_answers(run, CURVE, cell, None, replace(sample, y=sample.y + 1), answered)
    # A stored estimator that is the fitted one needs no second fit.
    monkeypatch.setattr(stored_module, "ask_refitted_child", None)
    confirm_answers(run, CURVE, cell, stored.artifact, sample, answered)
