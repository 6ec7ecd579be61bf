import hashlib
import json
import math
import re
import stat
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from audit_reports import BOUNDS, BOUNDS_FILE, fail_set, make_report, make_sets, needs_bounds

from mbench.api import load_sample
from mbench.errors import HarnessError, UsageError
from mbench.results import audits
from mbench.results.audits import DESCRIPTIONS, Score, list_sets, load_bounds, read_report, write_report
from mbench.results.reference import load_reference
from mbench.results.verdicts import compare_statistics, compute_statistics, measure_advantage, reach_verdict
from mbench.review.audit import calibration, run
from mbench.review.audit.calibration import derive_bounds
from mbench.review.audit.relatives import draw_sets
from mbench.review.audit.run import score_sets
from mbench.review.audit.statistics import BY_CHANCE, correlate, prediction_bound, score_answers
from mbench.runs.settings import Settings
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import read_submission
from mbench.suite import tracks
from mbench.suite.secrets import make_secret, name_test_set, published_secret, read_secret, secret_digest, write_secret
from mbench.types import Queries

SECRET = hashlib.sha256(b"tests").digest()
KNN = """
from sklearn.neighbors import KNeighborsRegressor
def build(spec):
    return KNeighborsRegressor(n_neighbors=8, weights="distance")
"""
# z² + c, computed point by point, with the Mandelbrot task's own window typed in.
FORMULA = """
import numpy as np
class Formula:
    def fit(self, X, y):
        return self
    def predict(self, X):
        c = 1.9 * X[:, 0] - 0.75 + 1.2j * X[:, 1]
        z, value = np.zeros_like(c), np.ones(len(c))
        alive = np.arange(len(c))
        for n in range(1, 400):
            z[alive] = z[alive] ** 2 + c[alive]
            out = np.abs(z[alive]) > 256.0
            nu = n + 1 - np.log2(np.log2(np.abs(z[alive[out]])))
            value[alive[out]] = nu / (nu + 50.0)
            alive = alive[~out]
        return value
def build(spec):
    return Formula()
"""


REFERENCE = load_reference()


def measure(**gained):
    """Return the statistics of sets on `quick`, gained as `make_sets` has it."""
    return compute_statistics(make_sets(**gained), "quick", REFERENCE)


def judge(**gained):
    return reach_verdict(make_sets(**gained), compare_statistics(measure(**gained), BOUNDS))


# Statistics


@pytest.mark.parametrize(
    ("fvu", "knn_fvu", "bits"),
    [(0.01, 0.01, 0.0), (0.01, 0.04, 1.0), (0.04, 0.01, -1.0), (0.0, 1e-9 * 4**10, 10.0), (1e-30, 1e-9, 0.0)],
)
def test_bits_are_half_the_logarithm_of_the_ratio_to_knn(fvu, knn_fvu, bits):
    assert Score(fvu, knn_fvu, 5.0, 4.5).bits == pytest.approx(bits)


def test_octaves_are_a_share_of_what_neighbours_reach():
    assert Score(0.01, 0.01, 5.0, 4.0).octaves == pytest.approx(1.25)
    assert Score(0.01, 0.01, 0.0, 4.0).octaves == Score(0.01, 0.01, 0.0, 6.0).octaves == -5.0


def test_scores_are_of_the_test_set_and_depth_of_the_ladder():
    rng = np.random.default_rng(1)
    truth = rng.random((60, 1))
    predicted, by_knn = truth.copy(), truth.copy()
    predicted[:20] += 0.1
    by_knn[20:] += 10.0
    queries = Queries(
        X=np.zeros((60, 2)), points=np.zeros((60, 2)), weight=np.full(20, 0.05),
        octave=np.repeat([0, 1], 20), centre=np.tile(np.repeat([0, 1], 10), 2),
    )  # fmt: skip
    score = score_answers(predicted, by_knn, truth, queries)
    assert score.fvu == pytest.approx(0.01 / truth[:20].var())
    assert (score.knn_fvu, score.depth_octaves, score.knn_depth_octaves) == pytest.approx((0.0, 2.0, 0.0))


def test_statistics_are_differences_of_means_of_groups():
    values = measure(
        bits={
            "public, smooth": 1.75, "hidden, smooth": 1.5, "hidden, distance": 2.0,
            "warp 2, smooth": 1.25, "warp 4, smooth": 0.75, "warp, distance": 1.0, "public, distance": 5.0,
            "recurrence 1, smooth": 4.0, "recurrence 2, smooth": 3.0, "recurrence 3, smooth": -3.0,
            "field, smooth": 0.25, "field 1, distance": -1.0,
        },
        octaves={
            "hidden": 4.0, "public": 5.5, "warp, smooth": 0.5, "recurrence 4, distance": 2.0, "warp 1, distance": 1.0,
        },
        correlation=0.125,
    )  # fmt: skip
    of_score = [values.pop(f"score, {group}") for group in ("warp", "recurrence", "field")]
    # In order: 1.5 - 2/4, 2 - 1; 4 - 0.5, 4 - 1/4; (1.5 + 2)/5 - (4 + 3 - 1)/4, (2 + 4)/5 - 0; (4 + 2)/5 - 0,
    # (4 + 1)/5 - 2/4; 1.75 - 1.5, and at most 2 bits each; 3 - 0.25, 0 - -1/4. What is 3 bits behind k-NN counts as 1.
    assert values == pytest.approx(
        {
            "table, smooth": 1.0, "table, distance": 1.0, "depth table, smooth": 3.5, "depth table, distance": 3.75,
            "rule, smooth": -0.8, "rule, distance": 1.2, "depth rule, smooth": 1.2, "depth rule, distance": 0.5,
            "leak, smooth": 0.25, "leak, distance": 0.0, "depth leak, smooth": 1.5, "depth leak, distance": 1.5,
            "discovery, smooth": 2.75, "discovery, distance": 0.25, "control": 0.125,
        }
    )  # fmt: skip
    assert len(values) + len(of_score) == len(DESCRIPTIONS)


@pytest.mark.parametrize("track", ["quick", "standard"])
def test_an_advantage_is_counted_in_the_points_of_the_score(track):
    """By the definition of the score: its parts are the two skills of the two tasks, and each is a quarter of it."""
    sets = make_sets(
        bits={"hidden": 0.5, "warp 1": 0.25, "warp 2": -0.125, "field 3": 0.3, "recurrence 1, smooth": 0.1},
        octaves={"hidden": 1.0, "warp 3": 0.4, "warp 4, distance": -0.2, "recurrence 2": 0.7, "field": -0.1},
    )
    over, squared = dict.fromkeys(("warp", "recurrence", "field"), 0.0), 0.0
    for target, task in (("smooth", "mandelbrot"), ("distance", "mandelbrot-distance")):
        known = REFERENCE.tasks[track, task]
        worth = {group: [] for group in ("hidden", "warp", "recurrence", "field")}
        for each in sets:
            if each.target == target and each.group in worth:
                # Skill of an error: 100 ln(E0/E) / ln(E0/E_knn). Only differences of it matter here.
                skill = 100 * -math.log(each.score.fvu) / math.log(known.constant_error / known.knn_error)
                depth_skill = 100 * each.score.depth_octaves / each.score.knn_depth_octaves
                worth[each.group].append((skill + depth_skill) / 2 / 2)
        means = {group: sum(values) / len(values) for group, values in worth.items()}
        over = {group: value + means["hidden"] - means[group] for group, value in over.items()}
        squared += np.var(worth["warp"], ddof=1) * (1 + 1 / 4)
    found = measure_advantage(sets, track, REFERENCE)
    assert found.over == pytest.approx(over)
    assert found.error == pytest.approx(math.sqrt(squared))
    statistics = compute_statistics(sets, track, REFERENCE)
    assert {group: statistics[f"score, {group}"] for group in over} == pytest.approx(over)


def find_margin(sets, recurrence=0.0, field=0.0):
    """Return the margin of sets where the baselines' middles over recurrences and fields are as said."""
    said = {"score, recurrence": recurrence, "score, field": field}
    bounds = {name: replace(bound, middle=said.get(name, 7.0)) for name, bound in BOUNDS.items()}
    return measure_advantage(sets, "quick", REFERENCE).find_margin(bounds)


def test_a_margin_is_the_upper_end_of_what_a_table_was_worth():
    sets = make_sets(bits={"hidden": 0.5, "warp 1": 0.25, "warp 2": -0.125})
    found = measure_advantage(sets, "quick", REFERENCE)
    # One warp more or less: Student's t with 3 + 3 degrees of freedom, one-sided.
    upper = found.over["warp"] + scipy.stats.t(6).ppf(0.95) * found.error
    assert find_margin(sets, 50.0, 50.0) == pytest.approx(upper, rel=0.01)


@pytest.mark.parametrize("group", ["recurrence", "field"])
def test_a_margin_is_what_a_rule_was_worth_beyond_the_baselines(group):
    sets = make_sets(bits={"hidden": 1.0, "warp": 1.0})
    found = measure_advantage(sets, "quick", REFERENCE)
    assert found.over["warp"] == pytest.approx(0.0)
    other = {"recurrence": "field", "field": "recurrence"}[group]
    assert find_margin(sets, **{group: 3.0, other: 50.0}) == pytest.approx(found.over[group] - 3.0)
    assert found.over[group] > 8.0


def test_a_margin_is_never_below_nothing():
    assert find_margin(make_sets(bits={"hidden": -2.0})) == 0.0


def test_answers_that_do_not_vary_have_no_correlation(rng):
    truth = rng.random((100, 1)).astype(np.float32)
    assert correlate(np.full((100, 1), 0.1, dtype=np.float32), truth) == 0.0
    assert correlate(2.0 * truth + 1.0, truth) == pytest.approx(1.0)
    assert correlate(-truth, truth) == pytest.approx(-1.0)


def test_the_threshold_follows_its_rule():
    """By hand: five methods, of which two lie above the middle, by 1 and by 3, and two had two secrets."""
    bound = prediction_bound(np.array([[-9.0], [-0.5], [2.0], [3.0], [5.0]]))
    assert (bound.middle, bound.spread) == pytest.approx((2.0, math.sqrt((1 + 9) / 2)))
    assert bound.threshold == pytest.approx(
        2.0 + scipy.stats.t(2).ppf(0.999) * bound.spread * math.sqrt(1 + math.pi / 10)
    )


def test_methods_below_the_middle_do_not_move_the_bound(rng):
    values = rng.normal(size=(9, 1))
    worse = np.where(values < np.median(values), 10.0 * values - 9.0, values)
    assert prediction_bound(worse) == prediction_bound(values)


def test_the_spread_is_that_of_one_method_under_one_secret():
    rng = np.random.default_rng(7)
    values = 3.0 * rng.normal(size=(4_000, 1)) + 4.0 * rng.normal(size=(1, 200))  # a secret does the same to all
    assert prediction_bound(values).spread == pytest.approx(5.0, rel=0.05)


@pytest.mark.parametrize("m", [1, 3])
def test_one_audit_in_a_thousand_of_a_fair_method_is_flagged(m):
    rng = np.random.default_rng(8)
    beyond = 0
    for _ in range(2_000):
        values = rng.normal(size=(21, 1)) + 0.1 * rng.normal(size=(1, m)) * (m > 1)
        beyond += values[20, 0] > prediction_bound(values[:20]).threshold
    assert beyond <= 8  # 2 expected


# The frozen bounds


@pytest.fixture(scope="module")
def frozen():
    return json.loads(BOUNDS_FILE.read_text())


@needs_bounds
def test_the_frozen_bounds_follow_from_the_frozen_values(frozen):
    for name, bound in derive_bounds(frozen["baselines"]).items():
        assert asdict(bound) == pytest.approx(frozen["bounds"][name])
        assert asdict(load_bounds()[name]) == frozen["bounds"][name]
    for label, digest in frozen["secrets"].items():
        assert label in calibration.LABELS
        assert digest == secret_digest(published_secret(label))
    for name, values in frozen["baselines"].items():
        n = len(frozen["secrets"]) if name in calibration.UNDER_EACH_SECRET else 1
        assert {len(row) for row in values.values()} == {n}
    assert frozen["sources"].keys() == frozen["baselines"].keys()


def test_a_smooth_learner_that_meets_the_set_by_chance_is_not_blind(rng):
    X, y = load_sample("mandelbrot", 4_000, 1000)
    least = 0.0
    for degree in range(1, 7):
        powers = np.column_stack(
            [X[:, 0] ** i * X[:, 1] ** j for i in range(degree + 1) for j in range(degree + 1 - i)]
        )
        basis = np.linalg.qr((powers - powers.mean(axis=0))[:, 1:])[0]
        drawn = rng.normal(size=(20_000, basis.shape[1]))
        reached = drawn @ (basis.T @ (y[:, 0] - y.mean())) / np.linalg.norm(drawn, axis=1) / (len(y) ** 0.5 * y.std())
        least = max(least, float(np.quantile(reached, 0.999)))
    assert 0.55 < least < BY_CHANCE
    quiet = {"a": {name: [0.0] for name in DESCRIPTIONS}, "b": {name: [0.0] for name in DESCRIPTIONS}}
    assert derive_bounds(quiet)["control"].threshold == BY_CHANCE
    assert derive_bounds(quiet)["leak, smooth"].threshold == 0.0


@needs_bounds
def test_no_baseline_exceeds_its_bound_under_any_calibration_secret(frozen):
    for values in frozen["baselines"].values():
        for name, row in values.items():
            assert max(row) <= load_bounds()[name].threshold


@needs_bounds
def test_mirror_symmetry_is_worth_less_than_the_bound(frozen):
    """Every relative is its own mirror image, so who finds that in the data gains on all of them alike."""
    gained = frozen["baselines"]["knn_mirror"]
    for name in ("table, smooth", "rule, smooth", "table, distance", "rule, distance"):
        assert np.mean(gained[name]) < load_bounds()[name].threshold / 2 + 0.05


def test_bounds_of_other_statistics_are_refused():
    bounds = {name: asdict(bound) for name, bound in BOUNDS.items()}
    content = {"suite": tracks.SUITE_VERSION, "bounds": bounds}
    assert audits._parse_bounds(json.dumps(content)) == BOUNDS
    with pytest.raises(HarnessError, match="another version of the audit"):
        audits._parse_bounds(json.dumps(content | {"suite": tracks.SUITE_VERSION + 1}))
    del bounds["score, warp"]
    with pytest.raises(HarnessError, match="another version of the audit"):
        audits._parse_bounds(json.dumps(content))


# Verdicts

FOUND = {"recurrence 1": 6.0, "recurrence 2": 6.0}  # on two secret recurrences, which nobody can have carried in


@pytest.mark.parametrize(
    ("gained", "verdict", "reason"),
    [
        ({}, "passed", "nothing beyond the baselines' spread: score, warp +0.00 ≤ 0.50"),
        ({"bits": {"hidden": 0.01, "public": 0.01}}, "passed", "score, warp +0.2"),
        ({"bits": {"warp": 2.0, "hidden": 2.0, "public": 2.0, "recurrence": 2.0, "field": 2.0}}, "passed", "score"),
        # A table of the set: it is of no use on the set's warps.
        ({"bits": {"hidden, smooth": 6.0, "public, smooth": 6.0}}, "flagged: carried the rule in", "table, smooth"),
        ({"bits": {"hidden, distance": 6.0}}, "flagged: carried the rule in", "table, distance +6.00 > 0.50"),
        ({"octaves": {"hidden, smooth": 9.0, "public": 9.0}}, "flagged: carried the rule in", "depth table, smooth"),
        ({"octaves": {"hidden, distance": 9.0}}, "flagged: carried the rule in", "depth table, distance +9.00"),
        # A rule that finds the warp in the sample: it is of no use on other recurrences.
        ({"bits": {"hidden, smooth": 6.0, "warp, smooth": 6.0}}, "flagged: carried the rule in", "rule, smooth +6.00"),
        ({"bits": {"hidden, distance": 6.0, "warp": 6.0}}, "flagged: carried the rule in", "rule, distance +6.00"),
        ({"octaves": {"hidden": 9.0, "warp": 9.0}}, "flagged: carried the rule in", "depth rule, smooth +9.00"),
        ({"bits": {"hidden": 6.0, "warp": 6.0}, "correlation": 1.0}, "flagged: carried the rule in", "rule"),
        # Many small gains: none of a statistic's own, together points of score.
        ({"bits": {"hidden": 0.4, "public": 0.4}}, "flagged: carried the rule in", "score"),
        # A discovery finds rules that nobody knew, and the set's as well.
        ({"bits": FOUND}, "discovery", "discovery, smooth +6.00 > 0.50"),
        ({"bits": FOUND | {"hidden": 6.0, "warp": 6.0}}, "discovery", "rule, distance"),
        ({"bits": {"recurrence, distance": 6.0}}, "discovery", "discovery, distance +6.00"),
        ({"bits": {"recurrence 3": 6.0}}, "passed", "nothing"),  # on one alone it may be luck
        ({"bits": {"recurrence": 6.0, "field": 6.0}}, "passed", "nothing"),  # a good method: there was no rule to find
        ({"bits": {"hidden": 12.0, "recurrence 1": 12.0}}, "flagged: carried the rule in", "table"),
        ({"bits": FOUND, "correlation": 0.9}, "flagged: predicts without labels", "control +0.90 > 0.50"),
        ({"bits": FOUND | {"hidden": 9.0}, "correlation": 0.9}, "flagged: carried the rule in", "table"),
        # A leak: what is known by heart is of no use at the hidden points.
        ({"bits": {"public, smooth": 6.0}}, "flagged: knows the public test set", "leak, smooth +2.00 > 0.50"),
        ({"bits": {"public, distance": 1.0}}, "flagged: knows the public test set", "leak, distance +1.00"),
        ({"octaves": {"public, smooth": 9.0}}, "flagged: knows the public test set", "depth leak, smooth +9.00"),
        ({"bits": FOUND | {"public": 6.0}}, "flagged: knows the public test set", "leak, smooth"),
        ({"bits": {"public": 9.0, "hidden": 8.0, "warp": 8.0, **FOUND}}, "discovery", "it found a rule"),  # both exact
        ({"correlation": 0.9}, "flagged: predicts without labels", "correlation of answers and truth"),
    ],
)  # fmt: skip
def test_every_verdict_has_its_reason_with_numbers(gained, verdict, reason):
    found, why = judge(**gained)
    assert found == verdict, why
    assert reason in why
    assert "\n" not in why


def test_a_set_that_failed_is_named_and_inconsistency_comes_first():
    failed = fail_set(make_sets(), "warp 2, distance", "timeout", "fit ran past its limit of 15.0 s")
    reason = "on warp 2, distance: timeout: fit ran past its limit of 15.0 s"
    assert reach_verdict(failed, ()) == ("failed", reason)
    both = fail_set(failed, "field 1, smooth", "inconsistent", "two answers")
    assert reach_verdict(both, ()) == ("flagged: inconsistent predictions", "on field 1, smooth: two answers")


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_every_statistic_counts_for_something(name):
    values = {each: 0.9 if each == name else 0.0 for each in DESCRIPTIONS}
    verdict, why = reach_verdict(make_sets(), compare_statistics(values, BOUNDS))
    assert verdict != "passed"
    assert f"{name} +0.90 > 0.50" in why


# From end to end


N_SAMPLES = 2_000  # enough to tell apart what is many bits apart


@pytest.fixture(scope="module", autouse=True)
def small():
    """Have all audits of this file use a small sample and one relative of each kind, drawn once."""

    def draw(secret, n_samples, replicate, n_relatives):
        return draw_sets(secret, N_SAMPLES, replicate, 1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "draw_sets", draw)
        yield draw


@pytest.fixture
def score(submission_file, monkeypatch):
    """Return the scores of a submission by set, of some sets or of all."""

    def run_one(source, *names, **changes):
        path = submission_file(source)
        settings = Settings(jobs=2, isolation=choose_isolation(allow_none=True), **changes)
        if names:
            draw = run.draw_sets
            monkeypatch.setattr(run, "draw_sets", lambda *of: tuple(each for each in draw(*of) if each.name in names))
        return {each.name: each for each in score_sets(read_submission(path), SECRET, settings)}

    return run_one


def test_neighbours_learn_every_set_alike(score):
    found = score(KNN)
    assert list(found) == list_sets(1)
    for name, each in found.items():
        assert each.status == "ok", each.reason
        if name != "control":
            assert each.score.bits == pytest.approx(0.0, abs=0.15), name
            assert each.score.octaves == pytest.approx(0.0, abs=0.4), name
            assert each.correlation > 0.5
    assert abs(found["control"].correlation) < 0.1


def test_a_formula_knows_the_set_and_nothing_else(score):
    found = score(FORMULA, "hidden, smooth", "public, smooth", "warp 1, smooth", "recurrence 1, smooth", "control")
    for name in ("hidden, smooth", "public, smooth"):
        assert found[name].score.bits > 3.0
        assert found[name].score.octaves > 5.0
    for name in ("warp 1, smooth", "recurrence 1, smooth"):
        assert found[name].score.bits < 1.0
        assert found[name].score.octaves < 1.0
    assert found["control"].correlation > 0.99  # it needed no labels


@pytest.mark.parametrize(
    ("predict", "verdict", "reason"),
    [
        ("return X[:, 0] - X[:, 0].mean()", "flagged: inconsistent predictions", "on public, smooth: predict() answer"),
        ("return X[:, 0] + len(X)", "flagged: inconsistent predictions", "the stored estimator answers"),
        ("raise ValueError('[bold]no')", "failed", "on public, smooth: crash: predict(X) raised ValueError: [bold]no"),
    ],
)
def test_what_cannot_be_scored_is_named(score, estimator, predict, verdict, reason):
    found = score(estimator(predict=predict), "public, smooth")
    said, why = reach_verdict(tuple(found.values()), ())
    assert said == verdict
    assert reason in why
    assert found["public, smooth"].score is None


# Every answer depends on its place among those that are asked first, and stays what it is from then on.
REMEMBERING = """
known = self.__dict__.setdefault('known', {})
return np.array([known.setdefault(x.tobytes(), x[0] + 0.05 * np.sin(i)) for i, x in enumerate(X)])
"""
UNSTORABLE = "e = Estimator()\ne.__reduce__ = None\nEstimator.__reduce__ = lambda self: 1 / 0\nreturn Estimator()"


@pytest.mark.parametrize("build", ["", UNSTORABLE], ids=["stored", "will not be stored"])
def test_answers_that_are_remembered_are_inconsistent(score, estimator, build):
    (found,) = score(estimator(predict=REMEMBERING, build=build), "public, smooth").values()
    assert found.status == "inconsistent"
    assert "answers" in found.reason


# A model in a module's global, a random one at that.
GLOBAL = {"head": "MODEL = {}", "predict": "return X[:, 0] * MODEL['scale']"}


@pytest.mark.parametrize(
    ("bodies", "status"),
    [
        (GLOBAL | {"fit": "MODEL['scale'] = np.random.random()"}, "ok"),
        (GLOBAL | {"fit": "MODEL['scale'] = np.random.default_rng().random()"}, "inconsistent"),
        ({"fit": "self.s = np.random.default_rng().random()", "predict": "return X[:, 0] * self.s"}, "ok"),
    ],
    ids=["repeatable", "another each time", "stored"],
)
def test_what_cannot_be_stored_is_to_learn_the_same_twice(score, estimator, bodies, status):
    (found,) = score(estimator(**bodies), "public, smooth").values()
    assert found.status == status, found.reason
    assert ("keep all of it in self" in found.reason) == (status == "inconsistent")


# On disk


@pytest.fixture
def report():
    return make_report()


def test_a_report_survives_the_disk(report, tmp_path):
    write_report(tmp_path / "deep/audit.json", report)
    assert read_report(tmp_path / "deep/audit.json") == report


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda c: c | {"verdict": "excellent"}, HarnessError, "damaged at 'verdict'"),
        (lambda c: c | {"more": 1}, UsageError, "does not know: more"),
        (lambda c: c | {"threads": "1"}, HarnessError, "damaged at 'threads'"),
        (lambda c: {k: v for k, v in c.items() if k != "sets"}, HarnessError, "damaged at 'sets'"),
        (lambda c: c | {"suite": 99}, UsageError, "another version"),
        (lambda c: [c], HarnessError, "damaged"),
    ],
)
def test_a_damaged_report_is_refused(report, tmp_path, change, error, message):
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(change(json.loads(json.dumps(asdict(report))))))
    with pytest.raises(error, match=re.escape(message)):
        read_report(path)


def test_a_missing_report_says_what_to_do(tmp_path):
    with pytest.raises(UsageError, match="Run `mbench audit`"):
        read_report(tmp_path / "audit.json")


# Secrets


def test_a_secret_is_written_for_its_owner_alone_and_read_back(tmp_path):
    path, secret = tmp_path / "secret.txt", make_secret()
    write_secret(path, secret)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_secret(path) == secret
    assert len(secret) == 32
    with pytest.raises(UsageError, match="exists already"):
        write_secret(path, secret)


@pytest.mark.parametrize("content", ["", "ab", "g" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n\nmore", "é" * 64])
def test_any_other_file_is_no_seed_and_is_not_told(tmp_path, content):
    path = tmp_path / "secret.txt"
    path.write_text(content)
    with pytest.raises(UsageError, match="does not hold a seed") as caught:
        read_secret(path)
    assert not content or content not in str(caught.value)


@pytest.mark.parametrize("words", [["suite", "seed", "--out"], ["audit", "knn", "--hidden-seed"]])
def test_a_secret_that_submissions_could_read_is_refused(mbench, words):
    path = Path(sys.prefix, "secret.txt")
    outcome = mbench(*words, path)
    assert outcome.exit_code == 2
    assert "lies where submissions may read" in outcome.stderr
    assert not path.exists()


def test_a_seed_that_is_not_there_says_how_to_make_one(tmp_path):
    with pytest.raises(UsageError, match="mbench suite seed"):
        read_secret(tmp_path / "absent")


def test_test_sets_are_named_by_the_digest_of_their_secret():
    assert name_test_set(None) == "public"
    assert name_test_set(SECRET) == f"hidden:{hashlib.sha256(SECRET).hexdigest()}"


# The command


def test_seed_prints_the_digest_of_what_it_wrote(mbench, tmp_path):
    result = mbench("suite", "seed", "--out", "secret.txt", "--json")
    assert result.exit_code == 0, result.output
    secret = bytes.fromhex((tmp_path / "secret.txt").read_text())
    assert json.loads(result.stdout) == {"path": "secret.txt", "sha256": hashlib.sha256(secret).hexdigest()}
    again = mbench("suite", "seed", "--out", "secret.txt")
    assert (again.exit_code, secret.hex() in again.output) == (2, False)
    assert "exists already" in again.stderr
    other = mbench("suite", "seed", "--out", "other.txt").stdout
    assert hashlib.sha256(bytes.fromhex((tmp_path / "other.txt").read_text())).hexdigest() in other


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["audit"], "give either a NAME or --calibrate"),
        (["audit", "idea.py", "--calibrate"], "give either a NAME or --calibrate"),
        (["audit", "absent.py"], "absent.py: no such file"),
        (["audit", "absent.py", "--hidden-seed", "absent.txt"], "absent.txt: cannot be read"),
        (["evaluate", "absent.py", "--hidden-seed", "bad.txt"], "bad.txt: does not hold a seed"),
        (["verify", "absent"], "absent: no folder"),
        (["audit", "--calibrate", "--write", "."], "is a directory"),
        (["audit", "--calibrate", "--track", "standard"], "has a track and secrets of its own"),
        (["audit", "idea.py", "--write", "audit.json"], "--write is of --calibrate"),
        (["audit", "idea.py", "--fresh"], "--resume and --fresh are of --calibrate"),
        (["reproduce", "--dry-run", "--cluster", "tcp://127.0.0.1:1"], "--dry-run counts cells only"),
    ],
    ids=" ".join,
)
def test_wrong_arguments_are_usage(mbench, tmp_path, arguments, message):
    (tmp_path / "bad.txt").write_text("not a secret")
    result = mbench(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr


def test_bounds_that_could_not_be_written_are_not_computed(mbench, tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "calibrate", lambda *_: pytest.fail("computed"))
    (tmp_path / "file").touch()
    result = mbench("audit", "--calibrate", "--write", "file/audit.json")
    assert result.exit_code == 3, result.output
    assert "file/audit.json: cannot be written" in result.stderr


@pytest.mark.parametrize(("verdict", "code"), [("passed", 0), ("discovery", 0), ("failed", 1)])
def test_the_command_prints_and_writes_the_verdict(
    mbench, monkeypatch, report, submission_file, tmp_path, verdict, code
):
    made = replace(report, verdict=verdict, reason="for [bold]this[/nonsense] reason")
    monkeypatch.setattr(run, "run_audit", lambda *arguments, **options: made)
    path = submission_file(KNN, "idea.py")
    result = mbench("audit", path, "--isolation", "C", "--unsafe-no-sandbox")
    assert result.exit_code == code, result.output
    assert f"{verdict}: for [bold]this[/nonsense] reason" in result.stdout
    assert "a fresh secret with SHA-256" in result.stderr
    assert read_report(tmp_path / "results/idea/quick/audit.json") == made
    assert "results/idea/quick/audit.json" in result.stdout
    as_json = mbench("audit", path, "--json", "--isolation", "C", "--unsafe-no-sandbox")
    assert json.loads(as_json.stdout)["verdict"] == verdict
    assert json.loads(as_json.stdout)["sets"][0]["bits"] == 0.0
