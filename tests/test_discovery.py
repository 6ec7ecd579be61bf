"""The submission that finds the rule: trusted code of this repository, so it runs in this process."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor

from mbench.suite.tasks import load_task
from mbench.types import Spec

PATH = Path(__file__).parents[1] / "submissions" / "discovery" / "submission.py"
pytestmark = pytest.mark.skipif(not PATH.exists(), reason="submissions lie in a checkout only")


@pytest.fixture(scope="module")
def submission():
    spec = importlib.util.spec_from_file_location("discovery_submission", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fit(submission, X, y, fit_limit_s=15.0):
    spec = Spec(X.shape[1], y.shape[1], len(X), fit_limit_s, threads=1, device="cpu", seed=7)
    return submission.build(spec).fit(X, y)


def secret_labels(X):
    """Escape values of a rule that nobody named, point by point."""
    values = np.empty((len(X), 1))
    for row, (u, v) in enumerate(X):
        cx, cy = 0.2 + 1.6 * u, -0.1 + 1.3 * v
        x, y, n = cx, cy, 1
        while x * x + y * y <= 256.0**2 and n < 300:
            x, y, n = x * x - y * y + cx, -x * y + cy, n + 1
        nu = n + 1 - np.log2(0.5 * np.log2(x * x + y * y)) if n < 300 else np.inf
        values[row] = max(nu, 0.0) / (max(nu, 0.0) + 50.0) if np.isfinite(nu) else 1.0
    return values


def test_it_finds_the_mandelbrot_sets_rule_and_window(submission):
    sample = load_task("mandelbrot").draw_sample(1_000, 0)
    member = fit(submission, sample.X, sample.y, 600.0).member_
    # z² + c on the window [-2.65, 1.15] × [-1.2, 1.2]
    assert member == pytest.approx([1, 0, -1, 0, 2, 0, -0.75, 0.0, 1.9, 1.2], abs=1e-4) or member == pytest.approx(
        [1, 0, -1, 0, -2, 0, -0.75, 0.0, 1.9, -1.2], abs=1e-4  # its mirror image
    )  # fmt: skip


def test_it_finds_a_rule_that_nobody_named(submission, rng):
    X = rng.uniform(-1.0, 1.0, (1_000, 2))
    queries = rng.uniform(-1.0, 1.0, (500, 2))
    answers = fit(submission, X, secret_labels(X), 600.0).predict(queries)
    truth = secret_labels(queries)
    # What has not escaped after 300 steps may still do so.
    assert np.mean((answers - truth) ** 2) < 1e-3 * truth.var()


def test_without_a_rule_it_is_nearest_neighbours(submission, rng):
    X, queries = rng.uniform(-1.0, 1.0, (2, 400, 2))
    y = np.sin(5.0 * X @ [[1.0], [2.0]]) / 3.0 + 0.5
    model = fit(submission, X, y, fit_limit_s=1.0)
    assert model.member_ is None
    reference = KNeighborsRegressor(12, weights=lambda distance: distance**-2.0).fit(X, y)
    assert model.predict(queries) == pytest.approx(reference.predict(queries))


def test_it_believes_nothing_that_the_rest_of_the_sample_contradicts(submission, rng):
    sample = load_task("mandelbrot").draw_sample(1_000, 0)
    y = sample.y.copy()
    y[submission.N_POINTS :] = rng.permutation(y[submission.N_POINTS :])
    assert fit(submission, sample.X, y, fit_limit_s=3.0).member_ is None
