"""The suite against `independent_suite`, which is written from docs/suite.md alone and shares no code with it.

To 1e-8 of numbers of size 1: points, X, labels, weights, strata, ladder, errors, depth, skills, families, overall.
"""

import ast
import hashlib
import re
from pathlib import Path
from types import MappingProxyType

import independent_suite as again
import numpy as np
import pytest

from mbench.errors import MissingDataError
from mbench.results import metrics
from mbench.results.record import Costs, Metrics, Record
from mbench.results.reference import LearningCurve, Reference, TaskReference, load_reference
from mbench.results.scoring import score_entry
from mbench.submission import BASELINES_FOLDER
from mbench.suite import tracks
from mbench.suite.datasets import data_folder
from mbench.suite.ladder import misiurewicz_points
from mbench.suite.sampler import random_words, stream_key
from mbench.suite.tasks import load_task

PAGE = Path(__file__).parents[1] / "docs" / "suite.md"
SECRET = bytes(range(32))
N_COMPARED = 1_000
TOLERANCE = 1e-8
FRACTALS = ("mandelbrot", "mandelbrot-distance")
BOXED = (*FRACTALS, "sphere", "shell", "curve", "friedman")
EXTRA = ("julia", "burning-ship", "multibrot3", "tricorn")
DIGITS = ("digits", "mnist")
TASKS = (*BOXED, *again.PHOTOS, *DIGITS)


def load(name):
    try:
        return load_task(name)
    except MissingDataError as missing:
        pytest.skip(str(missing))


def assert_close(got, want):
    np.testing.assert_allclose(got, want, rtol=0, atol=TOLERANCE)


def assert_rounded(labels, exact):
    """Are float32 labels the nearest to numbers that are exact to the tolerance?"""
    assert labels.shape == exact.shape
    assert np.array_equal(labels, labels.astype(np.float32))
    gap = np.abs(labels.astype(float) - exact)
    assert (gap <= np.spacing(np.abs(labels.astype(np.float32))) / 2 + TOLERANCE).all(), gap.max()


def sample_again(name, replicate, n):
    """Return points, X and labels of a sample, made a second time; images of digits have no points."""
    if name in DIGITS:
        return None, *again.digits_sample(name, replicate, n, data_folder() / "mnist")
    if name in again.PHOTOS:
        return again.photo_items(name, replicate, 0, n)
    points = again.box_points(name, "train", replicate, n)
    return points, again.box_to_x(name, points), again.box_labels(name, points)


def digest(points):
    return hashlib.sha256(points.astype("<f8").tobytes()).hexdigest()


def test_the_second_suite_imports_nothing_of_the_first():
    tree = ast.parse(Path(again.__file__).read_text())
    imported = [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
    imported += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in imported} == {
        "gzip", "hashlib", "hmac", "math", "numba", "numpy", "pathlib", "sklearn"
    }  # fmt: skip


# --- samples ---


@pytest.mark.parametrize("secret", [None, SECRET], ids=["public", "hidden"])
def test_words_are_those_of_philox_by_whole_numbers(secret):
    label = "mbench/2|sphere|test|0"
    blocks = [again.philox_block(number, again.stream_key(label, secret)) for number in range(1, 26)]
    drawn = random_words(stream_key("sphere", "test", 0, secret), 0, 100)
    assert drawn.tolist() == [word for block in blocks for word in block]


@pytest.mark.parametrize("replicate", [0, 1])
@pytest.mark.parametrize("name", [*TASKS, *EXTRA])
def test_samples_are_the_same(name, replicate):
    n = 40 if name in EXTRA else N_COMPARED  # a plain loop over complex numbers goes 5,000 steps inside
    sample = load(name).draw_sample(n, replicate)
    points, X, labels = sample_again(name, replicate, n)
    if points is not None:
        assert_close(sample.points, points)
    assert_close(sample.X, X)
    assert_rounded(sample.y, labels)


@pytest.mark.skipif(not PAGE.exists(), reason="the page lies in the checkout, not in the wheel")
@pytest.mark.parametrize("name", TASKS)
def test_the_page_has_the_digest_of_every_tasks_first_points(name):
    rows = dict(re.findall(r"^\| `([\w-]+)` \| `([0-9a-f]{64})` \|$", PAGE.read_text(), re.MULTILINE))
    assert set(rows) == set(TASKS)
    task = load(name)
    assert rows[name] == task.golden_points == digest(task.draw_points(N_COMPARED, 0))
    if name not in DIGITS:
        assert rows[name] == digest(sample_again(name, 0, N_COMPARED)[0])


def test_seeds_are_the_same():
    assert [tracks.init_seed(r) for r in range(100)] == [again.init_seed(r) for r in range(100)]


# --- test sets ---


@pytest.fixture(scope="module")
def strata():
    """Make both stratified test sets once: of 2,000,000 orbits each."""
    made = {}

    def make(name, n_sample):
        if name not in made:
            made[name] = again.two_strata(name, 10**6)
        if n_sample > again.FEW:
            return made[name]
        points, weight = made[name]
        halves = np.r_[:75_000, 150_000:175_000]
        return points[halves], 2 * weight[halves]

    return make


@pytest.fixture(scope="module")
def centres():
    return again.ladder_centres()


@pytest.mark.parametrize("n_sample", [10_000, 10_001])
@pytest.mark.parametrize("name", FRACTALS)
def test_strata_and_ladder_are_the_same(name, n_sample, strata, centres):
    task = load_task(name)
    queries = task.draw_queries(n_sample, 0)
    points, weight = strata(name, n_sample)
    ladder, octave, centre = again.ladder_queries(centres, n_sample)
    assert_close(queries.points, np.concatenate([points, ladder]))
    assert_close(queries.X, again.box_to_x(name, queries.points))
    np.testing.assert_allclose(queries.weight, weight, rtol=TOLERANCE)
    assert queries.weight.sum() == pytest.approx(1.0)
    assert np.array_equal(queries.octave, octave)
    assert np.array_equal(queries.centre, centre)


@pytest.mark.parametrize("name", FRACTALS)
def test_labels_of_hard_queries_are_the_same(name):
    """Every 20th query of the near stratum and of the ladder."""
    task = load_task(name)
    points = task.draw_queries(10**5, 0).points
    some = np.concatenate([points[:150_000:20], points[200_000::20]])
    assert_rounded(task.truth(some), again.box_labels(name, some))


@pytest.mark.parametrize("secret", [SECRET, SECRET[::-1]])
def test_hidden_centres_are_the_same(secret):
    got = misiurewicz_points(stream_key("mandelbrot", "ladder", 0, secret)).points
    assert_close(got, [(c.real, c.imag) for c in again.ladder_centres(secret)])


@pytest.mark.parametrize("secret", [None, SECRET], ids=["public", "hidden"])
@pytest.mark.parametrize("name", ["sphere", "shell", "curve", "friedman", *EXTRA])
def test_uniform_test_sets_are_the_same(name, secret):
    task = load_task(name)
    queries = task.draw_queries(1_000, 0, secret)
    points = again.box_points(name, "test", 0, again.N_TEST[name], secret)
    assert_close(queries.points, points)
    assert_close(queries.X, again.box_to_x(name, points))
    assert_close(queries.weight * len(points), np.ones(len(points)))
    some = points[:: len(points) // 40]
    assert_rounded(task.truth(some), again.box_labels(name, some))


@pytest.mark.parametrize("name", again.PHOTOS)
def test_photos_are_tested_on_all_other_pixels(name):
    task, n = load(name), 270_000
    queries = task.draw_queries(n, 1)
    points, X, labels = again.photo_items(name, 1, n)
    assert np.array_equal(queries.points, points)
    assert_close(queries.X, X)
    assert_rounded(task.truth(queries.points), labels)


@pytest.mark.parametrize("name", DIGITS)
def test_digits_are_tested_on_the_other_images(name):
    task = load(name)
    queries = task.draw_queries(100, 0)
    _, (images, labels), white = again.digits_rows(name, data_folder() / "mnist")
    assert_close(queries.X, images / white)
    assert np.array_equal(task.truth(queries.points), again.one_hot(labels))


# --- errors and depth ---


@pytest.mark.parametrize(("n", "k"), [(5, 1), (300, 3), (1_000, 10)])
def test_errors_are_the_same(rng, n, k):
    truth, predicted = rng.normal(size=(n, k)).astype(np.float32), rng.normal(size=(n, k))
    weight = rng.uniform(size=n)
    weight /= weight.sum()
    assert metrics.fraction_unexplained(predicted, truth, weight) == pytest.approx(
        again.fvu(predicted.tolist(), truth.astype(float), weight.tolist()), rel=TOLERANCE
    )
    assert metrics.psnr_db(predicted, truth, weight) == pytest.approx(
        again.psnr_db(predicted.tolist(), truth.tolist(), weight.tolist()), rel=TOLERANCE
    )


def test_error_rates_are_the_same(rng):
    labels, predicted = rng.integers(10, size=500), rng.integers(4, size=(500, 10))  # with ties
    truth = again.one_hot(labels)
    assert metrics.error_rate(predicted, truth) == again.error_rate(predicted.tolist(), truth.tolist())


@pytest.mark.parametrize("noise", [0.001, 0.05, 0.5])
def test_depths_are_the_same(rng, centres, noise):
    points, octave, centre = again.ladder_queries(centres, 10_000)
    truth = load_task("mandelbrot").truth(points)
    # The noise grows with the octave, so that some windows hold, some do not, and most are in between.
    predicted = truth + noise * 2.0 ** (octave[:, None] - 7) * rng.normal(size=truth.shape)
    profile = metrics.depth_profile(predicted, truth, octave, centre)
    want = again.depth(predicted[:, 0], truth[:, 0].astype(float), octave, centre)
    assert 0.5 < want < 14.5
    assert profile.depth_octaves == pytest.approx(want, rel=TOLERANCE)


# --- the reference and scores ---


@pytest.mark.parametrize("name", ["mandelbrot", "china", "friedman", "digits"])
def test_the_reference_predicts_what_the_page_says(name):
    task = load(name)
    sample, queries = task.draw_sample(1_200, 0), task.draw_queries(1_200, 0)
    X = np.concatenate([queries.X[:100], sample.X[:3]])
    source = compile((BASELINES_FOLDER / "knn.py").read_text(), "knn.py", "exec")
    built = {"__name__": "knn"}
    exec(source, built)
    model = built["NearestMean"](1).fit(sample.X, sample.y)
    assert_close(model.predict(X), again.nearest_mean(sample.X, sample.y, X))


def geometric_mean(errors):
    return float(np.exp(np.mean(np.log(errors))))


@pytest.mark.parametrize("name", ["sphere", "shell", "curve", "friedman"])
def test_the_frozen_error_of_the_constant_is_that_of_the_samples_means(name):
    n = tracks.TRACKS["quick"].budgets[tracks.family_of(name)].n_samples
    truth = again.box_labels(name, again.box_points(name, "test", 0, again.N_TEST[name]))
    means = [again.box_labels(name, again.box_points(name, "train", r, n)).mean(axis=0) for r in range(20)]
    # A constant's squared error is the variance and its distance to the truth's mean, squared.
    variance = truth.var(axis=0).sum()
    errors = [1 + ((mean - truth.mean(axis=0)) ** 2).sum() / variance for mean in means]
    assert load_reference().tasks["quick", name].constant_error == pytest.approx(geometric_mean(errors), rel=1e-7)


def test_the_frozen_errors_of_digits_are_those_of_the_page():
    frozen = load_reference().tasks["quick", "digits"]
    (images, labels), (queries, wanted), white = again.digits_rows("digits")
    y, truth = again.one_hot(labels), again.one_hot(wanted).tolist()
    # Every replicate learns all the images there are, in an order of its own.
    constant = again.error_rate(np.tile(y.mean(axis=0), (len(truth), 1)).tolist(), truth)
    nearest = again.error_rate(again.nearest_mean(images / white, y, queries / white).tolist(), truth)
    assert frozen.constant_error == pytest.approx(constant, rel=TOLERANCE)
    assert frozen.knn_error == pytest.approx(nearest, rel=TOLERANCE)


def make_record(name, track, replicate, error, depth):
    """Return one cell's record; error: None for a cell that failed."""
    profile = None
    if name in FRACTALS and error is not None:
        mean = tuple(min(1.0, max(0.0, depth - k)) for k in range(15))
        profile = metrics.Profile(mean, mean, mean)
    return Record(
        schema=1, suite=tracks.SUITE_VERSION, key=f"{name}-{replicate}", submission="mine", source_digest="d",
        task=name, task_digest="t", track=track, replicate=replicate,
        n_samples=tracks.TRACKS[track].budgets[tracks.family_of(name)].n_samples, fit_limit_s=1.0, seed=0, threads=1,
        device="cpu", isolation="A", test_set="public", harness_digest="h",
        status="crash" if error is None else "ok", reason="it raised" if error is None else "",
        metrics=None if error is None else Metrics(error=error, further={}, profile=profile),
        costs=Costs(fit_s=1.0), output="", environment={}, created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


@pytest.mark.parametrize("failed", [None, ("mandelbrot", 1), ("mnist", 0)])
@pytest.mark.parametrize("spread", [0.5, 2.0], ids=["near the reference", "beyond the limits"])
def test_scores_of_an_entry_are_the_same(rng, spread, failed):
    track = tracks.TRACKS["standard"]
    reference, cells = {}, {}
    for name in track.tasks:
        deep = name in FRACTALS
        reference[name] = (rng.uniform(0.9, 1.1), rng.uniform(0.01, 0.1), rng.uniform(4.0, 8.0) if deep else None)
        cells[name] = [
            (0.05 * float(np.exp(spread * rng.normal())), rng.uniform(0.1, 14.0) if deep else None)
            for _ in range(track.replicates)
        ]
    if failed is not None:
        cells[failed[0]][failed[1]] = None
    frozen = Reference(
        suite=tracks.SUITE_VERSION,
        tasks=MappingProxyType({("standard", name): TaskReference(*row) for name, row in reference.items()}),
        curves=MappingProxyType({name: LearningCurve((10**3, 10**5, 10**6), (0.3, 0.05, 0.01)) for name in FRACTALS}),
    )
    records = [
        make_record(name, "standard", replicate, *(cell or (None, None)))
        for name, row in cells.items()
        for replicate, cell in enumerate(row)
    ]
    entry = score_entry("mine", "standard", records, frozen)
    families, precision, depth, overall = again.entry_scores(cells, reference)
    assert dict(entry.families) == pytest.approx(families, rel=TOLERANCE)
    assert entry.precision == pytest.approx(precision, rel=TOLERANCE)
    assert entry.depth == pytest.approx(depth, rel=TOLERANCE)
    assert entry.overall == pytest.approx(overall, rel=TOLERANCE)
    one = next(task for task in entry.tasks if task.task == "mandelbrot-distance")
    errors = [error for error, _ in cells["mandelbrot-distance"]]
    assert one.worth == pytest.approx(
        again.worth(errors, 100_000, (10**3, 10**5, 10**6), (0.3, 0.05, 0.01)), rel=TOLERANCE
    )


def test_one_family_without_skill_makes_overall_zero():
    reference = {name: (1.0, 0.1, 5.0 if name in FRACTALS else None) for name in tracks.TRACKS["quick"].tasks}
    cells = {name: [(1.0 if name == "digits" else 0.1, 5.0)] for name in reference}
    frozen = Reference(
        suite=tracks.SUITE_VERSION,
        tasks=MappingProxyType({("quick", name): TaskReference(*row) for name, row in reference.items()}),
        curves=MappingProxyType({}),
    )
    entry = score_entry("mine", "quick", [make_record(n, "quick", 0, *c[0]) for n, c in cells.items()], frozen)
    assert entry.overall == again.entry_scores(cells, reference)[3] == 0.0
    assert entry.families["images"] == pytest.approx(100.0)


@pytest.mark.parametrize("error", [0.0, 1e-9, 0.003, 0.1, 0.99, 1.5])
def test_skills_are_the_same(error):
    assert metrics.skill(error, 1.01, 0.02) == pytest.approx(again.skill(error, 1.01, 0.02), abs=TOLERANCE)


@pytest.mark.parametrize("error", [1.0, 0.3, 0.21, 0.19, 0.06, 0.05, 0.02, 0.01, 0.001])
def test_worth_is_the_same_on_a_curve_that_does_not_fall_everywhere(error):
    sizes, errors = (10, 100, 1_000, 10_000, 100_000), (0.5, 0.2, 0.25, 0.05, 0.01)
    assert metrics.equivalent_samples(error, sizes, errors) / 500 == pytest.approx(
        again.worth([error], 500, sizes, errors), rel=TOLERANCE
    )
