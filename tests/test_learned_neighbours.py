"""The baseline `learned_neighbours`: what it finds in a sample, and that it reads neighbourhoods better than k-NN."""

import cloudpickle
import numpy as np
import pytest
from baseline_modules import load
from sklearn.neighbors import KNeighborsRegressor
from threadpoolctl import threadpool_limits

from mbench.types import Spec


@pytest.fixture(autouse=True)
def one_thread():
    """As in a child: on small arrays threads only wait for each other."""
    with threadpool_limits(1):
        yield


def fit(X, y, seed=3, limit_s=2.0):
    spec = Spec(X.shape[1], y.shape[1], len(X), limit_s, threads=1, device="cpu", seed=seed)
    return load("learned_neighbours").build(spec).fit(X, y)


def knn(X, y, queries):
    return KNeighborsRegressor(12, weights=lambda d: 1.0 / np.maximum(d, 1e-12) ** 2).fit(X, y).predict(queries)


def carpet(X, depth=5):
    """How soon a point falls into a hole of Sierpinski's carpet, in [0, 1]; 1 on what is left of it.

    The window is off the carpet's centre and diagonals, so that it has no mirror.
    """
    place, label = 0.2 * X + [0.63, 0.71], np.ones(len(X))
    for level in range(depth):
        place = 3.0 * place
        cell = np.clip(np.floor(place), 0, 2)
        place -= cell
        label = np.where((cell == 1).all(axis=1) & (label == 1.0), (level + 1) / (depth + 1), label)
    return label[:, None]


def test_a_fractal_field_is_read_better_than_by_its_neighbours_mean(rng):
    X, queries = rng.uniform(-1.0, 1.0, (2, 3_000, 2))
    learned = fit(X, carpet(X))
    assert learned.readers_ is not None
    assert len(learned.normals_) == 0
    errors = [
        np.mean((answer - carpet(queries)) ** 2) for answer in (learned.predict(queries), knn(X, carpet(X), queries))
    ]
    assert errors[0] < 0.95 * errors[1]
    spline = np.mean((learned.models_[0].predict(queries) - carpet(queries)) ** 2)
    assert errors[0] < 0.98 * spline  # it is the readers' doing


def test_a_mirror_is_found_in_the_sample_and_both_sides_answer_alike(rng):
    X, queries = rng.uniform(-1.0, 1.0, (2, 2_000, 2))

    def field(X):
        return np.sign(np.sin(6.0 * X[:, :1]) + np.abs(X[:, 1:]) - 0.5) + X[:, :1]

    learned = fit(X, field(X))
    np.testing.assert_array_equal(learned.normals_, [[0.0, 1.0]])
    np.testing.assert_allclose(learned.predict(queries * [1.0, -1.0]), learned.predict(queries), atol=1e-9)


@pytest.mark.parametrize(
    ("n", "d", "k"), [(10, 1, 2), (10, 2, 1), (11, 64, 10), (1_200, 1, 1), (1_200, 3, 1), (300, 64, 10)]
)
def test_any_shape_is_learned_from_ten_rows_on(rng, n, d, k):
    X, queries = rng.uniform(-1.0, 1.0, (2, n, d))
    slopes = rng.normal(size=(d, k))

    def field(X):
        return np.sin(X @ slopes / np.sqrt(d)) + (X[:, :1] > 0.5)

    learned = fit(X, field(X), limit_s=1.0)
    answer = learned.predict(queries)
    assert answer.shape == (n, k)
    assert np.isfinite(answer).all()
    if n > 1_000:
        assert np.mean((answer - field(queries)) ** 2) < 0.1 * field(queries).var()


def test_a_stored_copy_answers_alike_and_rows_do_not_depend_on_each_other(rng):
    X, queries = rng.uniform(-1.0, 1.0, (2, 1_500, 2))
    y = carpet(X)
    learned = fit(X, y)
    answer = learned.predict(queries)
    np.testing.assert_array_equal(cloudpickle.loads(cloudpickle.dumps(learned)).predict(queries), answer)
    order = rng.permutation(len(queries))
    np.testing.assert_allclose(learned.predict(queries[order]), answer[order], atol=1e-6)
    np.testing.assert_allclose(learned.predict(queries[:1]), answer[:1], atol=1e-6)
    np.testing.assert_array_equal(fit(X, y).predict(queries), answer)
    assert not np.array_equal(fit(X, y, seed=4).predict(queries), answer)


@pytest.mark.parametrize("kind", ["constant", "coincide", "one point", "in a row"])
def test_samples_without_a_shape_give_finite_answers(rng, kind):
    X, y = rng.uniform(-1.0, 1.0, (1_100, 2)), rng.normal(size=(1_100, 1))
    if kind == "constant":
        y[:] = 2.0
    elif kind == "coincide":
        X = X[rng.integers(0, 40, 1_100)]
    elif kind == "one point":
        X = np.zeros_like(X)
    else:
        X = np.column_stack([np.linspace(-1.0, 1.0, 1_100), np.zeros(1_100)])
    answer = fit(X, y, limit_s=0.5).predict(rng.uniform(-1.0, 1.0, (200, 2)))
    assert np.isfinite(answer).all()
    if kind == "constant":
        np.testing.assert_allclose(answer, 2.0)
