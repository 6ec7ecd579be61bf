import ast
import tracemalloc
from collections import Counter
from itertools import combinations

import cloudpickle
import numpy as np
import pytest
from baseline_modules import load
from scipy.interpolate import RBFInterpolator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.neighbors import KNeighborsRegressor
from threadpoolctl import threadpool_limits

from mbench.child.worker import PREDICT_BLOCK, check_answer
from mbench.nn import random_layer
from mbench.runs.check import N_SAMPLES, TASKS, TOLERANCE, check_submission
from mbench.runs.settings import Settings
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import baseline_names, baseline_path, read_submission
from mbench.suite.tasks import load_task
from mbench.types import Spec

# Their training is tested in test_nn.py, what is theirs in test_network_baselines.py.
NETWORKS = {"mlp", "taylor", "fourier", "fourier_256", "fourier_smooth"} | {
    *("mlp_sigmoid", "mlp_relu", "skip_mlp", "taylor_linear", "fourier_2d"),
    *("gaussian_features", "siren", "wire", "finer"),
}
WITHOUT_SOURCE = {"constant"}  # the mean of the labels is nobody's invention
WITHOUT_SETTINGS = {"constant", "knn"}  # the suite fixes theirs
NETWORKS |= {"hash_grid", "dense_grid", "rbf_kan"}  # test_grid_baselines.py


@pytest.fixture(autouse=True)
def one_thread():
    """As in a child: on small arrays threads only wait for each other."""
    with threadpool_limits(1):
        yield


def build(name, X, y, seed=7):
    return load(name).build(Spec(X.shape[1], y.shape[1], len(X), 5.0, threads=1, device="cpu", seed=seed))


def fit(name, X, y, seed=7):
    estimator = build(name, X, y, seed)
    fitted = estimator.fit(X, y)
    assert fitted is estimator
    return estimator


def draw(rng, n, d, k=1):
    """Return inputs in [-1, 1] with smooth labels, and as many queries."""
    X, queries = rng.uniform(-1.0, 1.0, (2, n, d))
    return X, np.sin(X @ rng.normal(size=(d, k)) + rng.normal(size=k)), queries


def rule_of_knn(X, y, queries, n_neighbours=12):
    """Shepard's rule, row by row."""
    answers = []
    for query in queries:
        distance = np.linalg.norm(X - query, axis=1)
        near = np.argsort(distance)[:n_neighbours]
        weight = 1.0 / distance[near] ** 2
        answers.append(weight @ y[near] / weight.sum())
    return np.array(answers)


@pytest.mark.parametrize("name", baseline_names())
def test_a_baseline_says_where_it_comes_from_and_how_it_is_set(name):
    text = ast.get_docstring(ast.parse(baseline_path(name).read_text()))
    assert name in WITHOUT_SOURCE or "\nSource: " in text
    assert name in WITHOUT_SETTINGS or "\nSettings: " in text


def shared_lines(one, other):
    """Return how many lines with something on them two sources have in common, wherever they stand."""
    counts = [Counter(line.strip() for line in source.splitlines() if line.strip()) for source in (one, other)]
    return (counts[0] & counts[1]).total()


def test_no_two_baselines_share_thirty_lines():
    sources = {name: baseline_path(name).read_text() for name in baseline_names()}
    shared = {pair: shared_lines(*(sources[name] for name in pair)) for pair in combinations(sources, 2)}
    assert {pair: n for pair, n in shared.items() if n >= 30} == {}


def test_shared_lines_are_counted_wherever_they_stand():
    assert shared_lines("a = 1\nb = 2\n\nc = 3\n", "def f():\n    c = 3\n    a = 1\n    a = 1\n") == 2


@pytest.mark.parametrize("name", ["delaunay", "extra_trees", "rff_ridge"])  # of SciPy, scikit-learn and PyTorch
def test_a_baseline_keeps_the_contract_in_the_sandbox(name):
    findings = list(check_submission(read_submission(baseline_path(name)), choose_isolation()))
    assert [finding for finding in findings if finding.verdict != "ok"] == []
    assert sum("do not depend on order or batch" in finding.what for finding in findings) == 4


@pytest.mark.parametrize("name", sorted(set(baseline_names()) - NETWORKS - {"constant", "knn"}))
def test_a_baseline_keeps_the_contract_on_every_shape(rng, name):
    for task in map(load_task, TASKS):
        sample, queries = task.draw_sample(N_SAMPLES, 0), task.draw_sample(300, 1).X

        def answer(estimator, X, n_outputs=task.n_outputs):
            return check_answer(estimator.predict(X), len(X), n_outputs)  # as the worker does: finite, (n, k)

        fitted = fit(name, sample.X, sample.y)
        whole, order = answer(fitted, queries), rng.permutation(len(queries))
        np.testing.assert_allclose(answer(fitted, queries[order]), whole[order], atol=TOLERANCE)
        np.testing.assert_allclose(answer(fitted, queries[:1]), whole[:1], atol=TOLERANCE)
        np.testing.assert_allclose(answer(cloudpickle.loads(cloudpickle.dumps(fitted)), queries), whole, atol=TOLERANCE)
        if task.name == "mandelbrot":
            np.testing.assert_allclose(answer(fit(name, sample.X, sample.y), queries), whole, atol=TOLERANCE)
            tracemalloc.start()
            answer(fitted, rng.uniform(-1.0, 1.0, (PREDICT_BLOCK, 2)))
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert most < 0.5e6 * Settings().memory_limit_mb


@pytest.mark.parametrize(
    "name",
    ["knn_mirror", "delaunay", "rbf", "rff_ridge", "elm", "extra_trees", "gp", "hist_gbdt", "learned_neighbours"],
)
def test_the_same_seed_gives_the_same_numbers_where_labels_are_a_plain_column(rng, name):
    X, y, queries = draw(rng, 80, 2)
    first = fit(name, X, y).predict(queries)
    assert np.array_equal(first, fit(name, X, y).predict(queries))
    assert np.isfinite(first).all()


@pytest.mark.parametrize("name", ["rff_ridge", "elm", "extra_trees", "gp"])
def test_another_seed_gives_other_numbers(rng, name, monkeypatch):
    X, y, queries = draw(rng, 120, 2)
    estimators = [build(name, X, y, seed) for seed in (0, 1)]
    if name == "gp":  # an exact process draws nothing
        estimators = [type(e)(e.seed, n_exact=50, n_inducing=20) for e in estimators]
    first, second = (np.reshape(e.fit(X, y).predict(queries), (-1, 1)) for e in estimators)
    assert not np.array_equal(first, second)


def test_ridge_is_the_closed_form_at_the_penalty_of_least_leave_one_out_error(rng):
    X, y, queries = draw(rng, 40, 3, k=2)
    y += rng.normal(size=y.shape)
    ones = np.column_stack([X, np.ones(len(X))])

    def solve(penalty, rows):
        system = ones[rows].T @ ones[rows] + penalty * np.diag([1.0, 1.0, 1.0, 0.0])  # the offset goes free
        return np.linalg.lstsq(system, ones[rows].T @ y[rows], rcond=None)[0]

    def left_out(penalty):
        everyone = np.arange(len(X))
        return sum(np.sum((ones[i] @ solve(penalty, everyone != i) - y[i]) ** 2) for i in everyone)

    module = load("ridge")
    best = min(module.PENALTIES, key=left_out)
    expected = np.column_stack([queries, np.ones(len(queries))]) @ solve(best, slice(None))
    np.testing.assert_allclose(fit("ridge", X, y).predict(queries), expected, atol=1e-9)


def test_nearest_is_the_nearest_of_all(rng):
    X, y, queries = draw(rng, 200, 3, k=2)
    nearest = np.linalg.norm(queries[:, None] - X, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(fit("nearest", X, y).predict(queries), y[nearest])


@pytest.mark.parametrize("d", [1, 2, 3])
def test_delaunay_is_exact_on_a_linear_function_within_the_hull(rng, d):
    X, _, queries = draw(rng, 300, d)
    queries *= 0.4  # well within
    slopes = rng.normal(size=(d, 2))
    np.testing.assert_allclose(fit("delaunay", X, X @ slopes + 1.0).predict(queries), queries @ slopes + 1.0, atol=1e-9)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_delaunay_takes_the_nearest_label_outside_the_hull(rng, d):
    X, y, queries = draw(rng, 60, d, k=2)
    queries = 3.0 * np.sign(queries) + 0.1 * queries
    nearest = np.linalg.norm(queries[:, None] - X, axis=2).argmin(axis=1)
    if d == 1:
        np.testing.assert_array_equal(fit("delaunay", X, y).predict(queries), y[nearest])
    else:
        np.testing.assert_allclose(fit("delaunay", X, y).predict(queries), y[nearest], atol=1e-12)


def test_delaunay_goes_through_a_grid_whose_squares_have_two_triangulations(rng):
    axis = np.linspace(-1.0, 1.0, 12)
    X = rng.permutation(np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2))
    y = X @ rng.normal(size=(2, 3))
    queries = rng.uniform(-0.99, 0.99, (200, 2))
    np.testing.assert_allclose(fit("delaunay", X, y).predict(queries), queries @ np.linalg.lstsq(X, y)[0], atol=1e-9)


def test_delaunay_beyond_three_inputs_is_the_rule_of_knn(rng):
    X, y, queries = draw(rng, 100, 4, k=2)
    np.testing.assert_allclose(fit("delaunay", X, y).predict(queries), rule_of_knn(X, y, queries))


def test_a_mirror_of_the_inputs_is_found_and_learned_from(rng):
    X, queries = rng.uniform(-1.0, 1.0, (2, 600, 2))

    def truth(X):
        return np.sin(5.0 * np.abs(X[:, 1:]) + 3.0 * X[:, :1])

    mirrored = fit("knn_mirror", X, truth(X))
    np.testing.assert_array_equal(mirrored.normals_, [[0.0, 1.0]])
    error, plain = (
        np.mean((answer - truth(queries)) ** 2)
        for answer in (mirrored.predict(queries), rule_of_knn(X, truth(X), queries))
    )
    assert error < 0.7 * plain
    flipped = queries * [1.0, -1.0]
    np.testing.assert_allclose(mirrored.predict(flipped), mirrored.predict(queries), atol=1e-12)


def test_an_exchange_of_two_inputs_is_found(rng):
    X = rng.uniform(-1.0, 1.0, (600, 3))
    y = np.sin(4.0 * X[:, :1] * X[:, 2:] + 2.0 * X[:, 1:2])  # the same with inputs 0 and 2 exchanged, or both turned
    found = np.abs(fit("knn_mirror", X, y).normals_) > 0.5
    assert [True, False, True] in found.tolist()
    assert not found[:, 1].any()


@pytest.mark.parametrize("kind", ["smooth", "noisy", "noise"])
def test_no_mirror_is_used_where_there_is_none(rng, kind):
    X, y, queries = draw(rng, 500, 2)
    y = {"smooth": y, "noisy": y + rng.normal(size=y.shape), "noise": rng.normal(size=y.shape)}[kind]
    estimator = fit("knn_mirror", X, y)
    assert len(estimator.normals_) == 0
    np.testing.assert_allclose(estimator.predict(queries), rule_of_knn(X, y, queries))


@pytest.mark.parametrize("d", [1, 2, 5, 10])
def test_rbf_reproduces_a_linear_function_and_goes_through_the_sample(rng, d):
    X, y, queries = draw(rng, 200, d)
    slopes = rng.normal(size=(d, 2))
    linear = fit("rbf", X, X @ slopes + 1.0)
    np.testing.assert_allclose(linear.predict(queries), queries @ slopes + 1.0, atol=1e-5)
    smooth = fit("rbf", X, y)
    smooth.smoothing_ = 1e-9
    np.testing.assert_allclose(smooth.predict(X), y, atol=1e-5)


@pytest.mark.parametrize("smoothing", [1e-9, 1e-2])
def test_rbf_is_scipys_thin_plate_spline_of_the_same_neighbours(rng, smoothing):
    X, y, queries = draw(rng, 150, 2, k=2)
    estimator = fit("rbf", X, y)
    estimator.smoothing_ = smoothing
    answers = estimator.predict(queries)
    for query, answer in zip(queries[:20], answers, strict=False):
        distance = np.linalg.norm(X - query, axis=1)
        near = np.argsort(distance)[: estimator.n_neighbours_]
        unit = distance[near].max()
        spline = RBFInterpolator((X[near] - query) / unit, y[near], smoothing=smoothing)
        np.testing.assert_allclose(answer, spline(np.zeros((1, 2)))[0], atol=1e-6)


def test_rbf_takes_points_that_coincide_and_inputs_without_a_plane(rng):
    X, y, queries = draw(rng, 60, 30, k=2)
    X, y = np.vstack([X, X[:20]]), np.vstack([y, y[:20]])
    assert np.isfinite(fit("rbf", X, y).predict(queries)).all()
    row = np.column_stack([np.linspace(-1.0, 1.0, 80), np.zeros(80)])  # every neighbourhood is collinear
    np.testing.assert_allclose(fit("rbf", row, 2.0 * row[:, :1]).predict(row / 2.0), row[:, :1], atol=1e-5)


def test_random_features_approach_the_gaussian_kernel(rng):
    module = load("rff_ridge")
    X = rng.uniform(-1.0, 1.0, (30, 3))
    features = module.random_features(X, rng.normal(size=(3, 100_000)), rng.uniform(0.0, 2.0 * np.pi, 100_000), 0.7)
    squared = np.sum((X[:, None] - X) ** 2, axis=2)
    np.testing.assert_allclose(features @ features.T, np.exp(-squared / (2.0 * 0.7**2)), atol=0.02)


@pytest.mark.parametrize("name", ["rff_ridge", "elm"])
def test_random_layers_fit_their_output_by_ridge_regression(rng, name):
    X, y, queries = draw(rng, 150, 2, k=2)
    estimator = fit(name, X, y)
    module, scale = load(name), estimator.scale_
    layer = {
        "rff_ridge": lambda X: module.random_features(X, estimator.normals_, estimator.phases_, scale),
        "elm": lambda X: module.hidden_layer(X, estimator.drawn_, estimator.biases_, scale),
    }[name]
    # The dual form, with a system as large as the sample instead of the layer.
    hidden, penalty = layer(X), estimator.penalty_ * len(X)
    dual = np.linalg.solve(hidden @ hidden.T + penalty * np.eye(len(X)), y - y.mean(axis=0))
    expected = layer(queries) @ hidden.T @ dual + y.mean(axis=0)
    np.testing.assert_allclose(estimator.predict(queries), expected, atol=1e-4)


@pytest.mark.parametrize("name", ["rff_ridge", "elm"])
def test_random_layers_choose_shorter_waves_for_a_function_with_more_of_them(rng, name):
    X = rng.uniform(-1.0, 1.0, (1_000, 1))
    slow, fast = (fit(name, X, np.sin(frequency * X)).scale_ for frequency in (2.0, 60.0))
    assert (slow > fast) if name == "rff_ridge" else (slow < fast)


@pytest.mark.parametrize(("n", "n_units"), [(100, 500), (10_000, 1_400), (1_000_000, 1_500)])
def test_random_layers_have_as_many_units_as_the_sample_bears(rng, n, n_units):
    assert random_layer.count_units(n) == n_units
    if n < 1_000:
        X, y, _ = draw(rng, n, 2)
        assert all(len(fit(name, X, y).weights_) == n_units for name in ("rff_ridge", "elm"))


def test_the_output_layer_is_found_where_the_penalty_is_below_rounding():
    column = np.linspace(0.0, 1.0, 50)[:, None]
    hidden = np.hstack([column] * 30)  # of rank one
    weights = random_layer.solve_ridge(hidden.T @ hidden, hidden.T @ column, 1e-30)
    np.testing.assert_allclose(hidden @ weights, column, atol=1e-6)


def test_gp_is_the_closed_form_posterior_mean(rng):
    X, y, queries = draw(rng, 20, 2, k=2)
    estimator = fit("gp", X, y)

    def kernel(A, B):
        r = np.sqrt(3.0) * np.linalg.norm((A[:, None] - B) / estimator.scales_, axis=2)
        return estimator.amplitude_ * (1.0 + r) * np.exp(-r)

    noise = estimator.noise_ + 1e-8 * estimator.amplitude_
    posterior = kernel(queries, X) @ np.linalg.inv(kernel(X, X) + noise * np.eye(20)) @ (y - y.mean(axis=0))
    np.testing.assert_allclose(estimator.predict(queries), posterior + y.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize("scales", [[0.4, 0.9], [0.7]])
def test_gp_maximises_scikit_learns_marginal_likelihood(rng, scales):
    X, y, _ = draw(rng, 30, 2, k=2)
    y += 0.1 * rng.normal(size=y.shape)
    amplitude, noise = 1.3, 0.02
    module = load("gp")
    logs = np.log([*scales, amplitude, noise])
    value, slopes = module.negative_log_likelihood(logs, X, y)
    kernel = ConstantKernel(amplitude) * Matern(scales if len(scales) > 1 else scales[0], nu=1.5) + WhiteKernel(noise)
    process = GaussianProcessRegressor(kernel, optimizer=None).fit(X, y)
    expected, expected_slopes = process.log_marginal_likelihood(kernel.theta, eval_gradient=True)
    order = [*range(1, len(scales) + 1), 0, len(scales) + 1]  # scikit-learn's kernel begins with the amplitude
    np.testing.assert_allclose(value, -expected, rtol=1e-5)
    np.testing.assert_allclose(slopes, -expected_slopes[order], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("n", "n_inducing"), [(3_000, 1_000), (10_000, 1_200), (100_000, 1_400), (1_000_000, 1_400)])
def test_gp_is_carried_by_more_rows_of_larger_samples(n, n_inducing):
    spec = Spec(2, 1, n, 15.0, threads=1, device="cpu", seed=0)
    assert load("gp").build(spec).n_inducing == n_inducing


def test_gp_with_every_point_inducing_is_the_exact_one(rng):
    X, y, queries = draw(rng, 60, 2)
    y += 0.01 * rng.normal(size=y.shape)
    module = load("gp")
    exact = module.GaussianProcess(0).fit(X, y)
    projected = module.GaussianProcess(0, n_exact=10, n_inducing=60).fit(X, y)
    assert exact.noise_ < module.MOST_NOISE
    np.testing.assert_allclose(projected.predict(queries), exact.predict(queries), atol=1e-3)


def test_gp_tells_inputs_that_matter_from_those_that_do_not(rng):
    X = rng.uniform(-1.0, 1.0, (150, 3))
    scales = fit("gp", X, np.sin(4.0 * X[:, :1])).scales_
    assert scales[0] < 0.1 * scales[1:].min()


def test_extra_trees_answer_with_the_label_of_every_point_of_the_sample(rng):
    X, y, _ = draw(rng, 100, 2, k=3)
    np.testing.assert_allclose(fit("extra_trees", X, y).predict(X), y, atol=1e-12)


@pytest.mark.parametrize(("n", "n_trees"), [(1_000, 50), (10_000, 50), (100_000, 15), (1_000_000, 8)])
def test_extra_trees_grow_fewer_on_larger_samples(n, n_trees):
    spec = Spec(2, 1, n, 15.0, threads=1, device="cpu", seed=0)
    assert load("extra_trees").build(spec).n_estimators == n_trees


def test_boosting_learns_each_output_by_an_ensemble_of_its_own(rng):
    X, y, _ = draw(rng, 400, 2, k=3)
    estimator = fit("hist_gbdt", X, y)
    assert [ensemble.n_iter_ for ensemble in estimator.ensembles_] == [100, 100, 100]
    assert np.mean((estimator.predict(X) - y) ** 2) < 0.01 * y.var()
    other = fit("hist_gbdt", X, np.column_stack([y[:, 0], y[:, 2], y[:, 1]]))
    np.testing.assert_array_equal(other.predict(X)[:, 0], estimator.predict(X)[:, 0])


def test_the_reference_is_scikit_learns_neighbours_with_shepards_weights(rng):
    X, y, queries = draw(rng, 100, 2, k=2)
    theirs = KNeighborsRegressor(12, weights=lambda distance: distance**-2.0).fit(X, y)
    np.testing.assert_allclose(fit("knn", X, y).predict(queries), theirs.predict(queries))
    np.testing.assert_allclose(fit("knn", X, y).predict(queries), rule_of_knn(X, y, queries))
    np.testing.assert_array_equal(fit("knn", X, y).predict(X), y)


def test_of_pixels_as_far_as_the_12th_neighbour_the_first_in_the_sample_count(rng):
    cells = np.array([(i, j) for i in range(40) for j in range(30)], dtype=float)
    X = rng.permutation(2.0 * (cells + 0.5) / [40, 30] - 1.0)
    X, queries = X[:600], X[600:700]
    y = rng.random((600, 2))
    tied = 0
    for query, got in zip(queries, fit("knn", X, y).predict(queries), strict=True):
        distance = [
            round(((X[i] - query) * [20, 15]) @ (((X[i] - query) * [20, 15]) / [400, 225]), 12) for i in range(600)
        ]
        order = sorted(range(600), key=lambda i: (distance[i], i))
        tied += distance[order[11]] == distance[order[12]]
        weight = np.array([1.0 / distance[i] for i in order[:12]])
        np.testing.assert_allclose(got, weight @ y[order[:12]] / weight.sum(), rtol=1e-8)
    assert tied > 10


def test_constant_is_the_mean_of_the_labels(rng):
    X, y, queries = draw(rng, 50, 2, k=2)
    np.testing.assert_allclose(fit("constant", X, y).predict(queries), np.tile(y.mean(axis=0), (50, 1)))
