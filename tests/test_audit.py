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

from mbench.errors import HarnessError, UsageError
from mbench.results import audits
from mbench.results.audits import (
    BOUNDS_NAME,
    DESCRIPTIONS,
    AuditReport,
    Bound,
    Score,
    SetScore,
    Statistic,
    load_bounds,
    read_report,
    write_report,
)
from mbench.results.verdicts import ADVANTAGES, LEAKS, compare_statistics, compute_statistics, reach_verdict
from mbench.review.audit import calibration, relatives, run
from mbench.review.audit.calibration import derive_bounds
from mbench.review.audit.run import run_audit
from mbench.review.audit.statistics import correlate, prediction_bound, score_answers
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


def set_score(name, group, bits=0.0, *, depth=None, public_bits=None, public_depth=None, correlation=0.0, **changes):
    """Return a set with so many bits: k-NN leaves a hundredth of the variance."""

    def score(bits, depth):
        return Score(0.01 * 4.0**-bits, 0.01, depth, None if depth is None else 5.0)

    return replace(
        SetScore(name=name, group=group, status="ok", reason="", hidden=score(bits, depth), correlation=correlation),
        public=None if public_bits is None else score(public_bits, public_depth),
        **changes,
    )


@pytest.fixture
def all_sets():
    """Return every set of an audit, with bits by group, the rest as k-NN has it."""

    def make(public=None, control=0.0, depths=None, **bits):
        bits = {group.replace("_", "-"): value for group, value in bits.items()}
        public, depths, sets = public or {}, depths or {}, []
        for group, n in (
            ("mandelbrot", 1), ("mandelbrot-distance", 1), ("warp", 4), ("warp-distance", 2), ("julia", 2),
            ("multibrot3", 1), ("burning-ship", 1), ("tricorn", 1), ("quadratic", 4), ("control", 1),
        ):  # fmt: skip
            value = bits.get(group, 0.0)
            values = value if isinstance(value, tuple) else (value,) * n
            for i, each in enumerate(values):
                original = group.startswith("mandelbrot")
                depth = depths.get(group, 5.0) if original or group.startswith("warp") else None
                sets.append(
                    set_score(
                        f"{group}-{i}", group, each, depth=depth,
                        public_bits=public.get(group, each) if original else None,
                        public_depth=public.get(f"{group} depth", depth) if original else None,
                        correlation=control if group == "control" else 0.9,
                    )
                )  # fmt: skip
        return tuple(sets)

    return make


BOUNDS = {name: Bound(0.0, 0.1, 0.5) for name in DESCRIPTIONS}


def judge(sets):
    return reach_verdict(sets, compare_statistics(compute_statistics(sets), BOUNDS))


# Statistics


@pytest.mark.parametrize(
    ("fvu", "knn_fvu", "bits"),
    [(0.01, 0.01, 0.0), (0.01, 0.04, 1.0), (0.04, 0.01, -1.0), (0.0, 1e-9 * 4**10, 10.0), (1e-30, 1e-9, 0.0)],
)
def test_bits_are_half_the_logarithm_of_the_ratio_to_knn(fvu, knn_fvu, bits):
    assert Score(fvu, knn_fvu).bits == pytest.approx(bits)


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


def test_statistics_are_differences_from_the_mean_of_the_warps(all_sets):
    values = compute_statistics(
        all_sets(
            mandelbrot=1.5, warp=(0.0, 1.25, 0.0, 0.75), mandelbrot_distance=2.0, warp_distance=(0.5, 1.5),
            julia=(2.0, 1.0), quadratic=(4.0, 3.0, 0.0, 0.0), tricorn=-1.0, depths={"mandelbrot": 9.0, "warp": 5.5},
            public={"mandelbrot": 1.75, "mandelbrot depth": 10.5}, control=0.125,
        )
    )  # fmt: skip
    assert values == pytest.approx(
        {
            "precision": 0.5, "precision, distance": 0.5, "depth": 3.5, "depth, distance": 0.0, "warp": -2.5,
            "julia": 1.5, "multibrot3": -0.5, "burning-ship": -0.5, "tricorn": -1.5, "quadratic": 2.5, "leak": 0.25,
            "leak, distance": 0.0, "depth leak": 1.5, "depth leak, distance": 0.0, "control": 0.125,
        }
    )  # fmt: skip


def test_answers_that_do_not_vary_have_no_correlation(rng):
    truth = rng.random((100, 1)).astype(np.float32)
    assert correlate(np.full((100, 1), 0.1, dtype=np.float32), truth) == 0.0
    assert correlate(2.0 * truth + 1.0, truth) == pytest.approx(1.0)
    assert correlate(-truth, truth) == pytest.approx(-1.0)


def test_the_threshold_is_the_prediction_bound_of_its_rule(rng):
    values = rng.normal(size=(6, 1)) + 0.0 * rng.normal(size=(6, 5))  # no spread among secrets: the textbook's case
    bound = prediction_bound(values)
    mean, s = values[:, 0].mean(), values[:, 0].std(ddof=1)
    assert (bound.mean, bound.spread) == pytest.approx((mean, s))
    assert scipy.stats.t(5, loc=mean, scale=s * math.sqrt(7 / 6)).sf(bound.threshold) == pytest.approx(0.001)


def test_the_spread_is_that_of_one_method_under_one_secret():
    rng = np.random.default_rng(7)
    values = 3.0 * rng.normal(size=(4_000, 1)) + 4.0 * rng.normal(size=(4_000, 5))
    assert prediction_bound(values).spread == pytest.approx(5.0, rel=0.03)


def test_one_audit_in_a_thousand_of_a_fair_method_is_flagged():
    rng = np.random.default_rng(8)
    beyond = 0
    for _ in range(4_000):
        means = rng.normal(size=7)
        values = means[:, None] + 0.5 * rng.normal(size=(7, 5))
        beyond += values[6, 0] > prediction_bound(values[:6]).threshold
    assert beyond <= 12  # 4 expected


# The frozen bounds


def test_the_frozen_bounds_follow_from_the_frozen_values():
    content = json.loads((Path(audits.__file__).with_name(BOUNDS_NAME)).read_text())
    for name, bound in derive_bounds(content["baselines"]).items():
        assert asdict(bound) == pytest.approx(content["bounds"][name])
    labels = [
        each.replace(f"mbench/{tracks.SUITE_VERSION}|", f"mbench/{content['suite']}|") for each in calibration.LABELS
    ]
    assert content["secrets"] == {label: secret_digest(published_secret(label)) for label in labels}
    assert all(
        len(row) == len(calibration.LABELS) >= 5 for values in content["baselines"].values() for row in values.values()
    )


def test_no_baseline_exceeds_its_bound_under_any_calibration_secret():
    content = json.loads((Path(audits.__file__).with_name(BOUNDS_NAME)).read_text())
    for values in content["baselines"].values():
        for name, row in values.items():
            assert max(row) <= load_bounds()[name].threshold


def test_mirror_symmetry_is_worth_less_than_the_bound():
    assert load_bounds()["precision"].threshold > 0.15


# Verdicts


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({}, "passed", "nothing beyond the baselines' spread: precision +0.00 ≤ 0.50"),
        ({"mandelbrot": 0.4}, "passed", "precision +0.40"),
        ({"mandelbrot": 11.0}, "flagged: carried the rule in", "precision +11.00 > 0.50"),
        ({"mandelbrot_distance": 9.0}, "flagged: carried the rule in", "precision, distance +9.00"),
        ({"depths": {"mandelbrot": 15.0}}, "flagged: carried the rule in", "depth +10.00"),
        ({"julia": (0.0, 8.0)}, "flagged: carried the rule in", "julia +8.00"),
        ({"burning_ship": 8.0}, "flagged: carried the rule in", "burning-ship +8.00"),
        ({"mandelbrot": 8.0, "warp": 8.0}, "flagged: carried the rule in", "warp +8.00"),
        ({"mandelbrot": 12.0, "control": 1.0}, "flagged: carried the rule in", "precision"),
        ({"mandelbrot": 12.0, "quadratic": (11.0, 11.0, 0.0, 0.0)}, "discovery", "quadratic +11.00"),
        ({"quadratic": 12.0}, "discovery", "quadratic"),
        ({"mandelbrot": 12.0, "quadratic": (12.0, 0.0, 0.0, 0.0)}, "flagged: carried the rule in", "precision"),
        ({"mandelbrot": 12.0, "quadratic": 12.0, "control": 1.0}, "flagged: carried the rule in", "precision"),
        ({"quadratic": 12.0, "control": 0.9}, "flagged: predicts without labels", "control +0.90 > 0.50"),
        ({"public": {"mandelbrot": 6.0}}, "flagged: knows the public test set", "leak +2.00 > 0.50"),
        ({"public": {"mandelbrot depth": 14.0}}, "flagged: knows the public test set", "depth leak +9.00"),
        ({"public": {"mandelbrot-distance": 6.0}}, "flagged: knows the public test set", "leak, distance"),
        ({"mandelbrot": 8.0, "quadratic": 9.0, "public": {"mandelbrot": 9.5}}, "discovery", "precision +8.00"),
        ({"control": 0.9}, "flagged: predicts without labels", "correlation of answers and truth"),
    ],
)  # fmt: skip
def test_every_verdict_has_its_reason_with_numbers(all_sets, changes, verdict, reason):
    found, why = judge(all_sets(**changes))
    assert found == verdict
    assert reason in why
    assert "\n" not in why


def test_a_set_that_failed_is_named_and_inconsistency_comes_first(all_sets):
    failed = SetScore(name="warp-2", group="warp", status="timeout", reason="fit ran past its limit of 15.0 s")
    assert reach_verdict((*all_sets(), failed), ()) == (
        "failed", "on warp-2: timeout: fit ran past its limit of 15.0 s",
    )  # fmt: skip
    twice = SetScore(name="julia-1", group="julia", status="inconsistent", reason="two answers")
    assert reach_verdict((failed, twice), ()) == ("flagged: inconsistent predictions", "on julia-1: two answers")


def test_every_statistic_counts_for_something():
    assert {*ADVANTAGES, *LEAKS, "control", "quadratic"} == set(DESCRIPTIONS)


# From end to end


@pytest.fixture
def small(monkeypatch):
    """Make an audit quick: fewer test points. (The bounds hold; what is told apart is many bits apart.)"""
    monkeypatch.setattr(relatives, "N_TEST", 6_000)
    monkeypatch.setattr(relatives.Relative, "n_test", 6_000)


@pytest.fixture
def audit(submission_file, small):
    def run_one(source, **changes):
        path = submission_file(source)
        settings = Settings(jobs=2, isolation=choose_isolation(allow_none=True), **changes)
        return run_audit(read_submission(path), SECRET, settings)

    return run_one


def test_neighbours_pass(audit, tmp_path):
    report = audit(KNN)
    assert report.verdict == "passed", report.reason
    assert report.ok
    assert report.secret_sha256 == hashlib.sha256(SECRET).hexdigest()
    assert [each.name for each in report.sets] == [each.name for each in relatives.draw_sets(SECRET)]
    by_name = {each.name: each for each in report.sets}
    assert by_name["mandelbrot"].public is not None
    assert by_name["warp-1"].public is None
    assert by_name["warp-1"].hidden.depth_octaves == pytest.approx(by_name["mandelbrot"].hidden.depth_octaves, abs=1.0)
    write_report(tmp_path / "audit.json", report)
    assert read_report(tmp_path / "audit.json") == report


def test_a_formula_is_flagged(audit):
    report = audit(FORMULA)
    assert report.verdict == "flagged: carried the rule in"
    assert not report.ok
    found = {statistic.name: statistic for statistic in report.statistics}
    assert found["precision"].value > 3.0
    assert found["depth"].value > 5.0
    assert found["control"].value > 0.99
    assert not found["leak"].exceeds


@pytest.mark.parametrize(
    ("predict", "verdict", "reason"),
    [
        ("return X[:, 0] - X[:, 0].mean()", "flagged: inconsistent predictions", "on mandelbrot: predict() answered"),
        ("return X[:, 0] + len(X)", "flagged: inconsistent predictions", "the stored estimator answers"),
        ("raise ValueError('[bold]no')", "failed", "on mandelbrot: crash: predict(X) raised ValueError: [bold]no"),
    ],
)
def test_what_cannot_be_scored_is_named(audit, estimator, monkeypatch, predict, verdict, reason):
    monkeypatch.setattr(run, "draw_sets", lambda secret: relatives.draw_sets(secret)[:2])
    report = audit(estimator(predict=predict))
    assert report.verdict == verdict
    assert reason in report.reason
    assert report.statistics == ()


# Every answer depends on its place among those that are asked first, and stays what it is from then on.
REMEMBERING = """
known = self.__dict__.setdefault('known', {})
return np.array([known.setdefault(x.tobytes(), x[0] + 0.05 * np.sin(i)) for i, x in enumerate(X)])
"""
UNSTORABLE = "e = Estimator()\ne.__reduce__ = None\nEstimator.__reduce__ = lambda self: 1 / 0\nreturn Estimator()"


@pytest.mark.parametrize("build", ["", UNSTORABLE], ids=["stored", "will not be stored"])
def test_answers_that_are_remembered_are_inconsistent(audit, estimator, monkeypatch, build):
    monkeypatch.setattr(run, "draw_sets", lambda secret: relatives.draw_sets(secret)[:1])
    report = audit(estimator(predict=REMEMBERING, build=build))
    assert report.verdict == "flagged: inconsistent predictions"
    assert "answers" in report.reason


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
def test_what_cannot_be_stored_is_to_learn_the_same_twice(audit, estimator, monkeypatch, bodies, status):
    monkeypatch.setattr(run, "draw_sets", lambda secret: relatives.draw_sets(secret)[:1])
    monkeypatch.setattr(run, "judge_sets", lambda sets: ((), "passed", ""))
    (score,) = audit(estimator(**bodies)).sets
    assert score.status == status, score.reason
    assert ("keep all of it in self" in score.reason) == (status == "inconsistent")


# On disk


@pytest.fixture
def report(all_sets):
    sets = all_sets()
    return AuditReport(
        schema=1, suite=tracks.SUITE_VERSION, name="idea", source_digest="1" * 64, track="quick",
        secret_sha256="2" * 64, verdict="passed", reason="fine", sets=sets,
        statistics=(Statistic("precision", 0.0, 0.0, 0.5),), threads=1, device="cpu", isolation="A", environment={},
        created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


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
