import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, mean_squared_error, r2_score

from mbench.results import metrics


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
