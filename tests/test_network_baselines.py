"""The baselines that bring a network or features of their own: each against its paper's formula."""

from itertools import product

import cloudpickle
import numpy as np
import pytest
import torch
from baseline_modules import load
from sklearn.base import clone

from mbench.nn import affordable_steps, fourier_orders
from mbench.suite import tracks
from mbench.suite.tasks import find_task
from mbench.types import Spec

NAMES = (
    *("mlp_sigmoid", "mlp_relu", "skip_mlp", "taylor_linear", "fourier", "fourier_2d"),
    *("gaussian_features", "siren", "wire", "finer"),
)
BY_COST = ("taylor_linear", "mlp", "taylor", "mlp_relu", "siren", "finer", "skip_mlp", "fourier_256", "wire")
LARGE = ((10_000, 15.0), (1_000_000, 300.0))  # points, and the seconds to learn them


def build(name, n_inputs=2, n_outputs=1, seed=7):
    return load(name).build(Spec(n_inputs, n_outputs, 100, 5.0, threads=1, device="cpu", seed=seed))


def make_network(name, n_inputs, n_outputs=1):
    torch.manual_seed(0)
    return build(name, n_inputs, n_outputs).make_network(n_inputs, n_outputs)


def draw(rng, n, d, k=1):
    X = rng.uniform(-1.0, 1.0, (n, d))
    return X, np.sin(X @ rng.normal(size=(d, k)) + rng.normal(size=k))


def answer(network, x):
    with torch.no_grad():
        return network(torch.as_tensor(x, dtype=torch.float32)).numpy()


# --- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (3, 1), (10, 1), (784, 10)])
def test_every_shape_is_learned_row_by_row(rng, name, shape):
    X, y = draw(rng, 100, *shape)
    estimator = build(name, *shape).set_params(steps=10)
    assert estimator.fit(X, y) is estimator
    whole = estimator.predict(X)
    assert whole.shape == y.shape
    assert np.isfinite(whole).all()
    assert estimator.n_params_ > 0
    order = rng.permutation(len(X))
    parts = np.concatenate([estimator.predict(part) for part in np.split(X, [1, 8])])
    # A product of matrices rounds by where in its block a row lies, unless the columns come in whole vectors.
    np.testing.assert_allclose(estimator.predict(X[order]), whole[order], atol=1e-5)
    np.testing.assert_allclose(parts, whole, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_alone_decides_the_numbers(rng, name):
    X, y = draw(rng, 100, 2)
    estimator = build(name).set_params(steps=10)
    first = estimator.fit(X, y).predict(X)
    np.testing.assert_array_equal(clone(estimator).fit(X, y).predict(X), first)
    assert not np.array_equal(build(name, seed=8).set_params(steps=10).fit(X, y).predict(X), first)


@pytest.mark.parametrize("name", NAMES)
def test_the_learning_rate_may_be_searched(rng, name):
    X, y = draw(rng, 100, 2)
    slow, fast = (build(name).set_params(learning_rate=rate, steps=10).fit(X, y).predict(X) for rate in (1e-5, 1e-3))
    assert not np.array_equal(slow, fast)


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_estimator_predicts_the_same(rng, name):
    X, y = draw(rng, 100, 2)
    estimator = build(name).set_params(steps=2).fit(X, y)
    again = cloudpickle.loads(cloudpickle.dumps(estimator))
    np.testing.assert_array_equal(again.predict(X), estimator.predict(X))


def budgets():
    """Return the spec of every task of every track."""
    for track in tracks.TRACKS.values():
        for name in track.tasks:
            kind, budget = find_task(name), track.budgets[tracks.family_of(name)]
            yield Spec(
                *(kind.n_inputs, kind.n_outputs, budget.n_samples, budget.fit_limit_s), threads=1, device="cpu", seed=0
            )


@pytest.mark.parametrize("name", BY_COST)
def test_steps_are_those_of_a_cost_of_the_networks_own(name):
    """Each takes the same share of every limit of one shape, and none more than its own cost leaves."""
    short, long = (load(name).build(Spec(2, 1, 10_000, s, threads=1, device="cpu", seed=0)).steps for s in (15.0, 60.0))
    cost = 1.0 / short
    assert long * cost == pytest.approx(affordable_steps(60.0, 1.0) / affordable_steps(15.0, 1.0), rel=0.01)
    for spec in budgets():
        assert load(name).build(spec).steps > 100


def test_the_cheaper_a_step_the_more_of_them():
    steps = [load(name).build(Spec(2, 1, 10_000, 15.0, threads=1, device="cpu", seed=0)).steps for name in BY_COST]
    assert steps == sorted(steps, reverse=True)
    assert len(set(steps)) == len(steps)


# --- activations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind"), [("mlp_sigmoid", torch.nn.Sigmoid), ("mlp_relu", torch.nn.ReLU)])
def test_every_hidden_layer_has_the_activation(name, kind):
    linear, activations = make_network(name, 2).layers[::2], make_network(name, 2).layers[1::2]
    assert [type(layer) for layer in activations] == [kind] * 4 + [torch.nn.Tanh]
    assert [layer.out_features for layer in linear] == [128] * 4 + [1]


# --- skip_mlp --------------------------------------------------------------------------------------------------------


def test_skip_mlp_is_its_layers_over_the_inputs_and_two_layers_before(rng):
    network, x = make_network("skip_mlp", 3, 2), rng.uniform(-1.0, 1.0, (20, 3))

    def affine(layer, *seen):
        return np.hstack(seen) @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()

    def leaky(z):
        return np.where(z > 0.0, z, 0.01 * z)

    first = leaky(affine(network.hidden[0], x))
    second = leaky(affine(network.hidden[1], x, first))
    third = leaky(affine(network.hidden[2], x, first, second))
    fourth = leaky(affine(network.hidden[3], x, second, third))
    expected = np.tanh(affine(network.last, x, third, fourth))
    np.testing.assert_allclose(answer(network, x), expected, atol=1e-5)


@pytest.mark.parametrize("layer", range(5))
def test_skip_mlp_feeds_the_inputs_to_every_layer(rng, layer):
    network, x = make_network("skip_mlp", 3), rng.uniform(-1.0, 1.0, (20, 3))
    layers = [*network.hidden, network.last]
    with torch.no_grad():
        for other in layers[:layer]:
            other.weight.zero_()
        for other in layers[layer + 1 :]:
            other.weight[:, :3] = 0.0
        assert np.ptp(answer(network, x)) > 1e-3
        layers[layer].weight[:, :3] = 0.0
        assert np.ptp(answer(network, x)) < 1e-6


# --- taylor_linear ---------------------------------------------------------------------------------------------------


def test_taylor_linear_is_a_sum_of_a_polynomial_of_each_input(rng):
    X, _ = draw(rng, 200, 2)
    y = X[:, :1] * X[:, 1:] + X[:, :1] ** 3
    estimator = build("taylor_linear").set_params(steps=300).fit(X, y)
    assert estimator.n_params_ == 2 * 8 + 1
    corners = estimator.predict(np.array([[0.9, 0.8], [0.9, -0.5], [-0.3, 0.8], [-0.3, -0.5]])).ravel()
    assert corners[0] - corners[1] - corners[2] + corners[3] == pytest.approx(0.0, abs=1e-5)  # no product
    axis = np.linspace(-1.0, 1.0, 40)
    line = estimator.predict(np.column_stack([axis, np.full(40, 0.3)])).ravel()
    powers = np.vander(axis, 9)
    np.testing.assert_allclose(powers @ np.linalg.lstsq(powers, line)[0], line, atol=1e-5)


def test_taylor_linear_comes_near_the_least_squares_solution(rng):
    X, _ = draw(rng, 500, 1)
    y = np.exp(X) * np.sin(3.0 * X)
    powers = np.vander(X[:, 0], 9)
    residual = powers @ np.linalg.lstsq(powers, y)[0] - y
    assert np.mean(residual**2) < 1e-4 * y.var()
    assert np.mean((build("taylor_linear", 1).set_params(steps=3_000).fit(X, y).predict(X) - y) ** 2) < 0.01 * y.var()


# --- fourier_2d ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_inputs", "orders"), [(1, 5), (2, 3), (3, 2)])
def test_fourier_2d_makes_every_product_of_sines_and_cosines(rng, n_inputs, orders):
    x = rng.uniform(-1.0, 1.0, (30, n_inputs))
    factors = [(np.cos, 0), *product((np.sin,), range(1, orders + 1)), *product((np.cos,), range(1, orders + 1))]
    expected = [*x.T]
    for chosen in product(factors, repeat=n_inputs):
        column = np.ones(len(x))
        for (wave, k), coordinate in zip(chosen, x.T, strict=True):
            column *= wave(np.pi * k * coordinate)
        expected.append(column)
    del expected[n_inputs]  # cos 0 of every input
    features = load("fourier_2d").ProductFeatures(n_inputs, orders)
    got = features(torch.tensor(x)).numpy()
    assert got.shape == (30, features.n_features)
    np.testing.assert_allclose(got, np.stack(expected, axis=1), atol=1e-12)


@pytest.mark.parametrize(("n_inputs", "orders", "n_features"), [(1, 256, 513), (2, 16, 1_090), (3, 4, 731)])
def test_fourier_2d_bounds_the_number_of_products(n_inputs, orders, n_features):
    module = load("fourier_2d")
    assert module.product_orders(n_inputs, 10**6) == orders
    assert module.make_features(n_inputs, 10**6).n_features == n_features


def test_fourier_2d_has_no_order_that_the_sample_does_not_bear():
    assert load("fourier_2d").product_orders(2, 400) == fourier_orders(2, 400) < 16


def test_fourier_2d_beyond_three_inputs_takes_those_of_the_fourier_baseline():
    features = load("fourier_2d").make_features(784, 20_000)
    assert type(features).__name__ == "FourierFeatures"
    assert features.orders == fourier_orders(784, 20_000)


# --- fourier ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(1_000, 1), (10_000, 2), (1_000_000, 2), (20_000, 784)])
def test_fourier_takes_its_orders_from_the_sample(n, d):
    orders = load("fourier").build(Spec(d, 1, n, 15.0, threads=1, device="cpu", seed=0)).orders
    assert orders == fourier_orders(d, n)


@pytest.mark.parametrize("n", [100, 1_000_000])
def test_fourier_256_has_the_videos_orders_whatever_the_sample(n):
    for d, orders in ((1, 256), (2, 256), (784, 8)):
        assert load("fourier_256").build(Spec(d, 1, n, 15.0, threads=1, device="cpu", seed=0)).orders == orders


@pytest.mark.parametrize("name", ["fourier", "fourier_256", "fourier_2d"])
def test_the_rate_falls_where_many_features_take_many_steps(name):
    """At the full rate they end at a constant from 316,228 points on."""
    few, many = (load(name).build(Spec(2, 1, n, s, threads=1, device="cpu", seed=0)) for n, s in LARGE)
    assert many.learning_rate < 0.5 * few.learning_rate


# --- gaussian_features -----------------------------------------------------------------------------------------------


def test_gaussian_features_have_inner_products_that_approach_the_gaussian_kernel(rng):
    torch.manual_seed(0)
    X = rng.uniform(-1.0, 1.0, (30, 3))
    features = load("gaussian_features").GaussianFeatures(3, scale=0.3, n_frequencies=100_000)
    got = features(torch.tensor(X, dtype=torch.float32)).double().numpy()
    squared = np.sum((X[:, None] - X) ** 2, axis=2)
    np.testing.assert_allclose(got @ got.T / 100_000, np.exp(-2.0 * (np.pi * 0.3) ** 2 * squared), atol=0.02)


def test_gaussian_features_choose_shorter_waves_for_a_function_with_more_of_them(rng):
    X = rng.uniform(-1.0, 1.0, (1_000, 1))
    briefly = build("gaussian_features", 1).set_params(steps=200)
    slow, fast = (clone(briefly).fit(X, np.sin(w * X)).scale_ for w in (2.0, 40.0))
    assert slow < fast


# --- siren -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_inputs", [1, 2, 64])
def test_siren_draws_its_weights_within_the_papers_bounds(n_inputs):
    module, network = load("siren"), make_network("siren", n_inputs)
    weights = [layer.linear.weight for layer in network[:-1]] + [network[-1].weight]
    bounds = [1.0 / n_inputs] + [np.sqrt(6.0 / 128) / module.W0] * 4
    for weight, bound in zip(weights, bounds, strict=True):
        assert 0.95 * bound < weight.abs().max().item() <= bound
        assert weight.std().item() == pytest.approx(bound / np.sqrt(3.0), rel=0.15)


def test_siren_keeps_the_sums_of_every_hidden_layer_of_unit_size(rng):
    network = make_network("siren", 2)
    x = torch.tensor(rng.uniform(-1.0, 1.0, (2_000, 2)), dtype=torch.float32)
    for layer in network[:-1]:
        sums = layer.w0 * layer.linear(x)
        if layer is not network[0]:
            weighed = sums - layer.w0 * layer.linear.bias
            assert weighed.square().mean().sqrt().item() == pytest.approx(1.0, abs=0.2)
        torch.testing.assert_close(layer(x), torch.sin(sums))
        x = layer(x)


@pytest.mark.parametrize("fit_limit_s", [5.0, 15.0, 60.0, 300.0])
def test_siren_shrinks_no_weight_more_than_was_tried_whatever_the_steps(fit_limit_s):
    estimator = load("siren").build(Spec(2, 1, 10_000, fit_limit_s, threads=1, device="cpu", seed=0))
    assert estimator.weight_decay > 0.0
    assert estimator.learning_rate * estimator.weight_decay * estimator.steps <= 3e-4 * 2_700


# --- finer -----------------------------------------------------------------------------------------------------------


def test_finer_is_the_sine_whose_frequency_grows(rng):
    z = rng.normal(size=200)
    got = load("finer").variable_sine(torch.tensor(z), 7.0).numpy()
    np.testing.assert_allclose(got, np.sin(7.0 * (np.abs(z) + 1.0) * z), atol=1e-12)


def test_finer_spreads_the_first_biases_and_draws_its_weights_as_siren_does():
    module, network = load("finer"), make_network("finer", 2)
    assert 0.9 * module.BIAS < network[0].linear.bias.abs().max().item() <= module.BIAS
    siren = make_network("siren", 2)
    for ours, theirs in zip(network[1:-1], siren[1:-1], strict=True):
        bound = np.sqrt(6.0 / 128) / module.W0
        assert ours.linear.weight.abs().max().item() <= bound
        assert ours.linear.weight.shape == theirs.linear.weight.shape


# --- wire ------------------------------------------------------------------------------------------------------------


def test_wire_is_the_complex_gabor_wavelet(rng):
    z = rng.normal(size=200) + 1j * rng.normal(size=200)
    real, imaginary = load("wire").gabor(torch.tensor(z.real), torch.tensor(z.imag), w0=3.0, s0=0.7)
    expected = np.exp(1j * 3.0 * z) * np.exp(-(np.abs(0.7 * z) ** 2))
    np.testing.assert_allclose(real.numpy() + 1j * imaginary.numpy(), expected, atol=1e-12)


def test_wire_is_a_network_of_complex_numbers_whose_real_part_is_the_answer(rng):
    network, x = make_network("wire", 3, 2), rng.uniform(-1.0, 1.0, (20, 3))

    def wavelets(z, layer):
        return np.exp(1j * layer.w0 * z - np.abs(layer.s0 * z) ** 2)

    def affine(layer, z):
        bias = layer.bias.detach().numpy()
        weight = layer.real.detach().numpy() + 1j * layer.imaginary.detach().numpy()
        return z @ weight.T + bias[: len(weight)] + 1j * bias[len(weight) :]

    first = network[0]
    z = wavelets(x @ first.linear.weight.detach().numpy().T + first.linear.bias.detach().numpy(), first)
    for layer in network[1:-2]:
        z = wavelets(affine(layer.linear, z), layer)
    assert np.abs(z.imag).max() > 0.01
    np.testing.assert_allclose(answer(network, x), affine(network[-2], z).real, atol=1e-4)
