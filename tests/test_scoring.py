import json
import math
import runpy
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from mbench.results.metrics import Profile, skill
from mbench.results.record import Costs, Metrics, Record
from mbench.results.reference import LearningCurve, Reference, TaskReference, load_reference
from mbench.results.scoring import score_entry
from mbench.submission import baseline_path
from mbench.suite import tracks
from mbench.suite.tasks import load_task
from mbench.types import Spec

TASKS = tracks.TRACKS["quick"].tasks
REFERENCE = Reference(
    suite=2,
    tasks=MappingProxyType({("quick", t): TaskReference(1.0, 0.1, 5.0 if "mandelbrot" in t else None) for t in TASKS}),
    curves=MappingProxyType(
        {t: LearningCurve((1_000, 10_000, 100_000), (0.3, 0.1, 0.03)) for t in ("mandelbrot", "mandelbrot-distance")}
    ),
)


def make_record(task, error=None, profile=None, *, status="ok", reason="", replicate=0, track="quick"):
    return Record(
        schema=1, suite=2, key=f"{task}-{replicate}", submission="mine", source_digest="d", task=task, task_digest="t",
        track=track, replicate=replicate, n_samples=10_000, fit_limit_s=1.0, seed=0, threads=1, device="cpu",
        isolation="C", test_set="public", harness_digest="h", status=status, reason=reason,
        metrics=None if error is None else Metrics(error=error, further={"psnr_db": 20.0}, profile=profile),
        costs=Costs(fit_s=1.0), output="", environment={}, created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


def profile(depth):
    mean = tuple(min(1.0, max(0.0, depth - k)) for k in range(15))
    return Profile(mean, mean, mean)


def record(task, error=0.1, depth=5.0, **changes):
    return make_record(task=task, error=error, profile=profile(depth) if "mandelbrot" in task else None, **changes)


def entry(records):
    return score_entry("mine", "quick", records, REFERENCE)


def test_knns_own_numbers_score_one_hundred_everywhere():
    scored = entry([record(task) for task in TASKS])
    assert scored.precision == pytest.approx(100.0)
    assert scored.depth == pytest.approx(100.0)
    assert dict(scored.families) == pytest.approx(dict.fromkeys(tracks.FAMILIES, 100.0))
    assert scored.overall == pytest.approx(100.0)
    assert scored.worth == pytest.approx(1.0)
    assert scored.is_universal


def test_a_fractals_record_without_its_depth_has_no_depth_skill():
    records = [make_record("mandelbrot", 0.1), record("mandelbrot-distance")]
    depths = {task.task: task.depth_skill for task in entry(records).tasks}
    assert depths["mandelbrot"] is None
    assert depths["mandelbrot-distance"] == pytest.approx(100.0)


def test_mandelbrot_score_is_the_mean_of_precision_and_depth():
    records = [record(task) for task in TASKS if "mandelbrot" not in task]
    records += [record("mandelbrot", 0.01, 4.0), record("mandelbrot-distance", 0.1, 3.0)]
    scored = entry(records)
    assert scored.precision == pytest.approx((200 + 100) / 2)
    assert scored.depth == pytest.approx((80 + 60) / 2)
    assert scored.mandelbrot == pytest.approx((150 + 70) / 2)


def test_overall_is_the_harmonic_mean_of_the_five_families():
    errors = dict(zip(TASKS, (0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.6, 0.7), strict=True))
    scored = entry([record(task, error) for task, error in errors.items()])
    expected = []
    for family, members in tracks.FAMILIES.items():
        skills = [skill(errors[task], 1.0, 0.1) for task in members if task in errors]
        expected.append((sum(skills) / len(skills) + 100) / 2 if family == "mandelbrot" else sum(skills) / len(skills))
    assert scored.overall == pytest.approx(5 / sum(1 / each for each in expected))
    sunk = entry([record(task, 1.0 if task in tracks.FAMILIES["functions"] else 0.01) for task in TASKS])
    assert sunk.families["functions"] == sunk.overall == 0.0
    records = [record(task, error) for task, error in errors.items()]
    old = score_entry("mine", "quick", records, replace(REFERENCE, suite=1))
    assert old.overall == pytest.approx(sum(expected) / 5)  # as suite 1 had it


def test_a_failed_cell_scores_zero():
    records = [record(task) for task in TASKS if task != "sphere"]
    scored = entry([*records, make_record(task="sphere", status="timeout", reason="too slow")])
    assert scored.families["surfaces"] == pytest.approx(50.0)
    assert scored.is_complete


def test_a_failed_replicate_counts_as_zero_among_the_others():
    records = [record("sphere", replicate=0), make_record(task="sphere", status="crash", replicate=1)]
    assert entry(records).tasks[0].skill == pytest.approx(50.0)


def test_a_missing_task_leaves_the_entry_incomplete_and_unscored():
    scored = entry([record(task) for task in TASKS if task != "digits"])
    assert scored.missing == ("digits",)
    assert not scored.is_complete
    assert scored.overall is None
    assert scored.mandelbrot == pytest.approx(100.0)


def test_a_failure_of_ours_is_not_held_against_the_submission():
    scored = entry([record(t) if t != "digits" else make_record(task=t, status="infrastructure") for t in TASKS])
    assert scored.missing == ("digits",)


@pytest.mark.parametrize("weak", [task for task in TASKS if "mandelbrot" not in task and task != "digits"])
def test_universal_badge_needs_fifty_in_every_other_family(weak):
    assert entry([record(task, 0.3 if task == weak else 0.1) for task in TASKS]).is_universal
    assert not entry(
        [record(task, 1.0 if tracks.family_of(task) == tracks.family_of(weak) else 0.1) for task in TASKS]
    ).is_universal


def test_extra_tasks_do_not_touch_the_scores():
    records = [record(task) for task in TASKS]
    assert entry([*records, make_record(task="julia", error=0.9)]).overall == entry(records).overall


def test_records_of_another_track_do_not_count():
    assert entry([record(task, track="standard") for task in TASKS]).tasks == ()


def test_worth_is_the_geometric_mean_over_both_targets():
    records = [record("mandelbrot", 0.03), record("mandelbrot-distance", 0.3)]
    assert entry(records).worth == pytest.approx(math.sqrt(10 * 0.1))


def test_score_never_falls_when_an_error_does():
    worse, better = ([record(t, e if t == "china" else 0.1) for t in TASKS] for e in (0.2, 0.15))
    assert entry(better).overall > entry(worse).overall


def test_order_of_records_does_not_matter():
    records = [record(task, 0.1 + 0.01 * i) for i, task in enumerate(TASKS)]
    assert entry(records) == entry(records[::-1])


def test_frozen_reference_covers_every_headline_task_of_every_track():
    reference = load_reference()
    frozen = {track for track, _ in reference.tasks}
    assert frozen == set(tracks.TRACKS)
    assert {"quick", "standard"} <= frozen
    assert {(track, task) for track in frozen for task in tracks.TRACKS[track].tasks} <= set(reference.tasks)
    for (_, task), row in reference.tasks.items():  # an extra task needs none
        assert 0 < row.knn_error < row.constant_error
        assert (row.knn_depth_octaves is not None) == (task in tracks.FAMILIES["mandelbrot"])


def test_further_metrics_are_means_over_the_replicates_that_all_have_them():
    records = [
        replace(record("china", replicate=r), metrics=Metrics(0.1, further))
        for r, further in enumerate(({"psnr_db": 20.0, "ssim": 0.5}, {"psnr_db": 22.0, "ssim": 0.7, "more": 1.0}))
    ]
    (score,) = entry(records).tasks
    assert score.further == pytest.approx({"psnr_db": 21.0, "ssim": 0.6})
    assert score.psnr_db == pytest.approx(21.0)
    older = replace(records[0], metrics=Metrics(0.1, {"psnr_db": 20.0}))
    (score,) = entry([older, records[1]]).tasks
    assert score.further == pytest.approx({"psnr_db": 21.0})


def test_frozen_learning_curves_fall():
    for curve in load_reference().curves.values():
        assert list(curve.errors) == sorted(curve.errors, reverse=True)
        assert list(curve.sizes) == sorted(curve.sizes)


def test_frozen_reference_says_how_it_was_made():
    import mbench.results.scoring

    content = json.loads(
        Path(mbench.results.scoring.__file__).with_name(f"reference-{tracks.SUITE_VERSION}.json").read_text()
    )
    assert content["made_by"] == "mbench reference"
    assert content["environment"]["numpy"]


def test_frozen_reference_agrees_with_its_learning_curve():
    reference = load_reference()
    known = [track for track in tracks.TRACKS.values() if (track.name, "mandelbrot") in reference.tasks]
    assert {"quick", "standard"} <= {track.name for track in known}
    for track in known:
        for task, curve in reference.curves.items():
            at = curve.errors[curve.sizes.index(track.budgets["mandelbrot"].n_samples)]
            assert at == pytest.approx(reference.tasks[track.name, task].knn_error, rel=0.1)


def test_seconds_and_microseconds_are_means_over_replicates_and_tasks_alike():
    def timed(task, fit_s, replicate=0):
        return replace(record(task, replicate=replicate), costs=Costs(fit_s=fit_s, predict_us_per_point=10.0 * fit_s))

    even = [timed("mandelbrot", 4.0), timed("curve", 1.0), timed("sphere", 1.0)]
    uneven = [*even, timed("mandelbrot", 2.0, 1), timed("mandelbrot", 6.0, 2)]
    for records in (even, uneven):
        assert entry(records).fit_s == pytest.approx(6.0)
        assert entry(records).predict_us_per_point == pytest.approx(20.0)
    failed = make_record("friedman", status="timeout")
    assert entry([*even, failed]).fit_s is None


@pytest.mark.parametrize("task", ["sphere", "curve", "friedman"])
def test_the_nearest_neighbours_have_100_in_the_mean_over_20_replicates(task):
    """Reference and scores average alike: k-NN has 100 but for the sample's noise, here made again sample by sample."""
    spec = Spec(n_inputs=0, n_outputs=0, n_samples=0, fit_limit_s=0.0, threads=1, device="cpu", seed=0)
    build = runpy.run_path(str(baseline_path("knn")))["build"]
    one, n = load_task(task), tracks.TRACKS["quick"].budgets[tracks.family_of(task)].n_samples
    queries = one.draw_queries(n, 0)
    truth = one.truth(queries.points)
    frozen = load_reference().tasks["quick", task]
    skills = []
    for replicate in range(20):
        sample = one.draw_sample(n, replicate)
        predicted = build(spec).fit(sample.X, sample.y).predict(queries.X)
        error = ((predicted - truth) ** 2).sum() / ((truth - truth.mean(axis=0, dtype=float)) ** 2).sum()
        skills.append(skill(error, frozen.constant_error, frozen.knn_error))
    assert np.mean(skills) == pytest.approx(100.0, abs=0.01)
