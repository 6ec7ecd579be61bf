import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, mean_squared_error, r2_score

from mbench.errors import HarnessError
from mbench.results import metrics
from mbench.suite import tracks
from mbench.suite.tasks import find_task, load_task
from mbench.suite.tasks.images import Image


@pytest.fixture
def case(rng):
    truth = rng.random((500, 3)).astype(np.float32)
    return truth + 0.1 * rng.standard_normal((500, 3)).astype(np.float32), truth, np.full(500, 1 / 500)


def test_unexplained_variance_of_one_output_is_one_minus_r2(case):
    predicted, truth, weight = case
    got = metrics.fraction_unexplained(predicted[:, :1], truth[:, :1], weight)
    assert got == pytest.approx(1 - r2_score(truth[:, 0], predicted[:, 0]), rel=1e-5)


def test_unexplained_variance_pools_outputs(case):
    predicted, truth, weight = case
    expected = mean_squared_error(truth, predicted) * 3 / truth.astype(np.float64).var(axis=0).sum()
    assert metrics.fraction_unexplained(predicted, truth, weight) == pytest.approx(expected, rel=1e-5)


def test_unexplained_variance_weights_rows(case, rng):
    predicted, truth, _ = case
    weight = rng.random(500)
    weight /= weight.sum()
    expected = 1 - r2_score(truth[:, 0], predicted[:, 0], sample_weight=weight)
    assert metrics.fraction_unexplained(predicted[:, :1], truth[:, :1], weight) == pytest.approx(expected, rel=1e-5)


def test_the_mean_leaves_everything_unexplained(case):
    _, truth, weight = case
    mean = np.broadcast_to(truth.astype(np.float64).mean(axis=0), truth.shape)
    assert metrics.fraction_unexplained(mean, truth, weight) == pytest.approx(1.0)


def test_error_rate_is_one_minus_accuracy(rng):
    labels, scores = rng.integers(10, size=400), rng.random((400, 10))
    expected = 1 - accuracy_score(labels, scores.argmax(axis=1))
    assert metrics.error_rate(scores, np.eye(10)[labels]) == pytest.approx(expected)


def test_psnr_of_an_error_of_a_tenth_is_twenty_db():
    truth = np.zeros((10, 3))
    assert metrics.psnr_db(truth + 0.1, truth, np.full(10, 0.1)) == pytest.approx(20.0)


def test_psnr_of_no_error_is_finite():
    truth = np.zeros((10, 1))
    assert metrics.psnr_db(truth, truth, np.full(10, 0.1)) == 200.0


def test_the_percentile_of_equal_weights_is_numpys_inverted_cdf(case):
    predicted, truth, weight = case
    distance = np.sqrt(np.square(predicted.astype(float) - truth).sum(axis=1))
    for share in (0.5, 0.9, 0.99, 1.0):
        expected = np.quantile(distance, share, method="inverted_cdf")
        assert metrics.error_percentile(predicted, truth, weight, share) == pytest.approx(expected)


def test_the_percentile_counts_weights_not_rows():
    predicted, truth = np.array([[0.0], [1.0], [2.0]]), np.zeros((3, 1))
    assert metrics.error_percentile(predicted, truth, np.array([0.005, 0.985, 0.01]), 0.99) == 1.0
    assert metrics.error_percentile(predicted, truth, np.array([0.005, 0.975, 0.02]), 0.99) == 2.0


def wang_similarity(one, other):
    """Wang et al.'s formula in loops, over the windows that lie inside."""
    offsets = range(-5, 6)
    window = [[math.exp(-(i * i + j * j) / (2 * 1.5**2)) for j in offsets] for i in offsets]
    total = sum(map(sum, window))
    height, width, channels = one.shape
    values = []
    for row, column, k in np.ndindex(height - 10, width - 10, channels):
        cells = [(window[i][j] / total, one[row + i, column + j, k], other[row + i, column + j, k])
                 for i in range(11) for j in range(11)]  # fmt: skip
        mean_1, mean_2 = sum(w * x for w, x, _ in cells), sum(w * y for w, _, y in cells)
        var_1 = sum(w * (x - mean_1) ** 2 for w, x, _ in cells)
        var_2 = sum(w * (y - mean_2) ** 2 for w, _, y in cells)
        cov = sum(w * (x - mean_1) * (y - mean_2) for w, x, y in cells)
        c1, c2 = 0.01**2, 0.03**2
        values.append(
            (2 * mean_1 * mean_2 + c1) * (2 * cov + c2) / ((mean_1**2 + mean_2**2 + c1) * (var_1 + var_2 + c2))
        )
    return sum(values) / len(values)


def test_structural_similarity_is_the_papers_formula(rng):
    one = rng.random((14, 17, 3))
    other = np.clip(one + 0.2 * rng.standard_normal(one.shape), 0, 1)
    assert metrics.structural_similarity(one, other) == pytest.approx(wang_similarity(one, other), abs=1e-12)


def test_structural_similarity_of_plain_pictures_is_that_of_their_brightness():
    a, b = 0.3, 0.6
    got = metrics.structural_similarity(np.full((20, 30, 3), a), np.full((20, 30, 3), b))
    assert got == pytest.approx((2 * a * b + 1e-4) / (a * a + b * b + 1e-4))


@pytest.mark.parametrize("shape", [(1, 64, 3), (8, 8, 3), (11, 64, 1)])
def test_a_picture_is_like_itself_however_small(rng, shape):
    picture = rng.random(shape)
    assert metrics.structural_similarity(picture, picture) == pytest.approx(1.0)
    assert metrics.structural_similarity(picture, 1.0 - picture) < 0.5


def test_the_whole_picture_is_true_where_it_was_sampled_and_clipped_elsewhere(rng):
    pixels = rng.integers(256, size=(12, 15, 3), dtype=np.uint8)
    task = Image("image:noise.png", pixels)
    queries = task.draw_queries(90, 0)
    predicted = task.truth(queries.points) + rng.normal(scale=0.7, size=(len(queries.X), 3))
    answers = metrics.Answers(task, queries.points, predicted, task.truth(queries.points), queries.weight)
    shown = pixels / 255.0
    for (column, row), colour in zip(queries.points.astype(int), predicted, strict=True):
        shown[row, column] = [min(1.0, max(0.0, value)) for value in colour]
    expected = wang_similarity(shown, pixels / 255.0)
    assert metrics.find_metric("ssim").measure(answers) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", tracks.task_names())
def test_every_metric_that_a_task_names_is_registered_and_the_first_is_its_error(name):
    named = [metrics.find_metric(each) for each in find_task(name).metrics]
    assert [metric.name for metric in named] == list(find_task(name).metrics)
    assert named[0].name == ("error_rate" if find_task(name).is_classification else "fvu")


@pytest.mark.parametrize("name", ["curve", "china", "digits"])
def test_every_metric_is_finite_for_the_worst_and_the_best_predictions(name):
    task = load_task(name)
    queries = task.draw_queries(400, 0)
    truth = task.truth(queries.points)
    for predicted in (truth, np.full_like(truth, np.finfo(np.float32).max)):
        answers = metrics.Answers(task, queries.points, predicted, truth, queries.weight)
        assert all(abs(metrics.find_metric(each).measure(answers)) < 1e200 for each in task.metrics)


def test_a_metric_that_nobody_registered_says_where_to():
    with pytest.raises(HarnessError, match=r"metrics\.py: no metric 'lpips'.*Register it"):
        metrics.find_metric("lpips")


@pytest.mark.parametrize(("name", "value", "words"), [("psnr_db", 21.34, "PSNR 21.3 dB"), ("ssim", 0.8, "SSIM 0.800")])
def test_a_metric_is_shown_with_its_label_and_unit(name, value, words):
    assert metrics.find_metric(name).show(value) == words


def windows(n_octaves, n_centres, n_points):
    grid = np.mgrid[:n_octaves, :n_centres, :n_points].reshape(3, -1)
    return grid[0], grid[1]


def test_depth_profile_is_the_mean_clipped_score_of_each_octaves_windows(rng):
    octave, centre = windows(3, 4, 50)
    truth = rng.random((600, 1)).astype(np.float32)
    predicted = truth + np.where(octave == 2, 5.0, 0.2)[:, None] * rng.standard_normal((600, 1))
    profile = metrics.depth_profile(predicted, truth, octave, centre)
    for k in range(3):
        scores = []
        for j in range(4):
            rows = (octave == k) & (centre == j)
            mse = np.mean((predicted[rows] - truth[rows]) ** 2)
            scores.append(min(1.0, max(0.0, 1 - mse / truth[rows].astype(np.float64).var())))
        assert profile.mean[k] == pytest.approx(np.mean(scores), abs=1e-6)
        assert profile.lower_quartile[k] == pytest.approx(np.quantile(scores, 0.25), abs=1e-6)
    assert profile.mean[2] == 0.0


def test_depth_of_perfect_predictions_is_the_number_of_octaves(rng):
    octave, centre = windows(15, 4, 20)
    truth = rng.random((len(octave), 1)).astype(np.float32)
    assert metrics.depth_profile(truth, truth, octave, centre).depth_octaves == pytest.approx(15.0)


def test_depth_of_each_windows_own_mean_is_zero(rng):
    octave, centre = windows(2, 3, 30)
    truth = rng.random((180, 1)).astype(np.float32)
    means = truth.reshape(6, 30).mean(axis=1).repeat(30)[:, None]
    assert metrics.depth_profile(means, truth, octave, centre).depth_octaves == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("error", "expected"),
    [(1.0, 0.0), (0.1, 100.0), (0.01, 200.0), (1e-9, 200.0), (0.0, 200.0), (3.0, 0.0), (0.01**0.75, 150.0)],
)
def test_skill_is_logarithmic_between_constant_and_knn_and_clipped(error, expected):
    assert metrics.skill(error, constant_error=1.0, knn_error=0.1) == pytest.approx(expected)


@given(first=st.floats(1e-6, 2.0), second=st.floats(1e-6, 2.0))
def test_skill_never_falls_when_the_error_does(first, second):
    low, high = sorted((first, second))
    assert metrics.skill(low, 0.9, 0.05) >= metrics.skill(high, 0.9, 0.05)


def test_equivalent_samples_inverts_a_power_law():
    sizes = np.array([1e3, 1e4, 1e5])
    errors = sizes**-0.5
    for n in (2e3, 1e4, 7e4):
        assert metrics.equivalent_samples(n**-0.5, sizes, errors) == pytest.approx(n)


@pytest.mark.parametrize(("error", "expected"), [(10.0, 1e3), (1e-9, 1e5), (0.0, 1e5)])
def test_equivalent_samples_stays_on_the_curve(error, expected):
    sizes = np.array([1e3, 1e4, 1e5])
    assert metrics.equivalent_samples(error, sizes, sizes**-0.5) == pytest.approx(expected)
    assert math.isfinite(metrics.equivalent_samples(error, sizes, sizes**-0.5))
