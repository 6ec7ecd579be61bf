"""The grid encodings and the Kolmogorov-Arnold layer against plain loops, and what the prior is for."""

from __future__ import annotations

import importlib.util
from functools import partial
from itertools import product

import numpy as np
import pytest
from sklearn.base import clone

torch = pytest.importorskip("torch")

from mbench.nn import TorchRegressor  # noqa: E402 (it imports torch: after the skip)
from mbench.submission import baseline_path  # noqa: E402
from mbench.types import Spec  # noqa: E402

NAMES = ("hash_grid", "dense_grid", "rbf_kan")
GRIDS = ("hash_grid", "dense_grid")


def load(name):
    """Return a baseline's module, as the worker imports it."""
    spec = importlib.util.spec_from_file_location(f"baseline_{name}", baseline_path(name))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(name, n_inputs, n_outputs=1, n_samples=300, limit_s=0.5):
    return load(name).build(Spec(n_inputs, n_outputs, n_samples, limit_s, threads=1, device="cpu", seed=7))


def make_regressor(name, smoothness, resolutions=(8, 64), **settings):
    """Return a grid on few rows: its own settings would take longer than a test should."""
    module = load(name)
    if name == "hash_grid":
        features = partial(module.HashEncoding, resolutions=resolutions, table_size=2**12, smoothness=smoothness)
        return module.HashGridRegressor(features, random_state=0, threads=1, **settings)
    features = partial(module.GridEncoding, resolutions=resolutions, smoothness=smoothness)
    return module.GridRegressor(features, random_state=0, threads=1, **settings)


def interpolate(x, n_cells, value_at):
    """Return the multilinear interpolation at one point x of values at the nodes of a grid over [-1, 1]^d."""
    scaled = (np.clip(x, -1.0, 1.0) + 1.0) / 2.0 * n_cells
    lower = np.minimum(np.floor(scaled), n_cells - 1).astype(int)
    total = 0.0
    for corner in product((0, 1), repeat=len(x)):
        weight = 1.0
        for axis, side in enumerate(corner):
            share = scaled[axis] - lower[axis]
            weight *= share if side else 1.0 - share
        total = total + weight * value_at(lower + corner)
    return total


def hashed_entry(node, primes, table_size):
    """Return the paper's equation 4."""
    place = 0
    for number, prime in zip(node, primes, strict=False):
        place ^= int(number) * prime
    return place % table_size


def entries_of(module, encoding, resolutions, table_size, d):
    """Return, for each resolution, a function from a node to its row of the table."""
    start, functions = 0, []
    for r in resolutions:
        whole = (r + 1) ** d <= table_size

        def find(node, r=r, start=start, whole=whole):
            place = sum(int(number) * (r + 1) ** axis for axis, number in enumerate(node))
            return start + (place if whole else hashed_entry(node, module.PRIMES, table_size))

        functions.append(find)
        start += min((r + 1) ** d, table_size)
    assert start == len(encoding.table)
    return functions


@pytest.fixture
def queries(rng):
    def draw(d):
        inside = rng.uniform(-1.0, 1.0, (20, d))
        return torch.tensor(np.concatenate([inside, [np.ones(d), -np.ones(d), np.full(d, 1.5)]]))

    return draw


def make_hash(d, resolutions=(3, 9, 20), table_size=64):
    module = load("hash_grid")
    encoding = module.HashEncoding(d, list(resolutions), table_size, smoothness=0.3).double()
    torch.nn.init.normal_(encoding.table)
    return encoding, entries_of(module, encoding, resolutions, table_size, d)


def make_dense(d, resolutions=(2, 5, 9)):
    encoding = load("dense_grid").GridEncoding(d, resolutions, smoothness=0.3).double()
    for table in encoding.tables:
        torch.nn.init.normal_(table)
    return encoding


# --- encodings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_hash_encoding_is_the_interpolation_of_a_plain_loop(queries, d):
    encoding, entries = make_hash(d)
    x, table = queries(d), encoding.table.detach().numpy()
    expected = [
        np.concatenate([row, *(interpolate(row, r, lambda node, find=find: table[find(node)]) for r, find in levels)])
        for row in x.numpy()
        for levels in [list(zip((3, 9, 20), entries, strict=True))]
    ]
    np.testing.assert_allclose(encoding(x).detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_dense_encoding_is_the_interpolation_of_a_plain_loop(queries, d):
    encoding = make_dense(d)
    x = queries(d)

    def value_at(table):
        plain = table.detach().numpy().reshape(table.shape[1], *table.shape[-d:])
        return lambda node: plain[(slice(None), *node[::-1])]  # input 0 along the last axis

    expected = [
        np.concatenate([row, *(interpolate(row, t.shape[-1] - 1, value_at(t)) for t in encoding.tables)])
        for row in x.numpy()
    ]
    np.testing.assert_allclose(encoding(x).detach().numpy(), expected, atol=1e-12)


def test_encodings_hold_at_a_node_what_is_stored_there():
    nodes = torch.tensor(list(product(range(5), repeat=2)))
    x = nodes / 2.0 - 1.0
    dense = load("dense_grid").GridEncoding(2, [5], smoothness=0.0)
    np.testing.assert_array_equal(dense(x)[:, 2:].detach(), dense.tables[0][0, :, nodes[:, 1], nodes[:, 0]].T.detach())
    hashed = load("hash_grid").HashEncoding(2, [4], 32, smoothness=0.0)
    np.testing.assert_array_equal(hashed(x)[:, 2:].detach(), hashed.table[nodes[:, 0] + 5 * nodes[:, 1]].detach())


@pytest.mark.parametrize("make", [lambda: make_hash(2)[0], lambda: make_dense(2)])
def test_encodings_pass_their_gradients_on(queries, make):
    encoding = make()
    x = queries(2)

    def loss(*tables):
        return torch.func.functional_call(encoding, dict(zip(names, tables, strict=True)), (x,)).sin().sum()

    names, tables = zip(*encoding.named_parameters(), strict=True)
    assert torch.autograd.gradcheck(loss, tables)


# --- the prior -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
def test_penalty_of_a_dense_grid_is_the_mean_squared_difference_along_each_axis(d):
    encoding = make_dense(d)
    expected = 0.0
    for table in encoding.tables:
        plain = table.detach().numpy().reshape(table.shape[1], *table.shape[-d:])
        expected += sum(np.mean(np.diff(plain, axis=axis) ** 2) for axis in range(1, d + 1))
    assert encoding.penalty().item() == pytest.approx(0.3 * expected, rel=1e-12)


@pytest.mark.parametrize("shape", [(1, 2, 1, 6), (1, 2, 4, 5), (1, 2, 3, 4, 2)])
def test_written_out_slope_of_the_roughness_is_its_derivative(shape):
    table = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: 3.0 * load("dense_grid").Roughness.apply(t), table)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_penalty_of_a_hash_grid_is_the_mean_squared_difference_along_the_edges_of_the_cells(queries, d):
    encoding, entries = make_hash(d)
    x, table = queries(d), encoding.table.detach().numpy()
    expected = 0.0
    for r, find in zip((3, 9, 20), entries, strict=True):
        for axis in range(d):
            steps = []
            for row in x.numpy():
                lower = np.minimum(np.floor((np.clip(row, -1.0, 1.0) + 1.0) / 2.0 * r), r - 1).astype(int)
                for corner in product((0, 1), repeat=d):
                    if corner[axis] == 0:
                        node = lower + corner
                        steps.append(table[find(node + np.eye(d, dtype=int)[axis])] - table[find(node)])
            expected += np.mean(np.square(steps))
    assert encoding.penalty(x).item() == pytest.approx(0.3 * expected, rel=1e-12)


def test_penalty_of_a_hash_grid_is_asked_everywhere_in_the_box():
    regressor = make_regressor("hash_grid", smoothness=1.0)
    asked = []
    regressor.network_ = [type("Encoding", (), {"penalty": lambda self, x: asked.append(x)})()]
    regressor.penalty(torch.zeros(1000, 2))
    counts, _, _ = np.histogram2d(*asked[0].T.numpy(), bins=5, range=[[-1, 1], [-1, 1]])
    assert counts.sum() == 1000
    assert counts.min() > 15


@pytest.mark.parametrize("name", GRIDS)
def test_prior_keeps_a_grid_from_memorising_the_sample(rng, name):
    """Fifteen cells of the finest grid a row: without the prior it fits the rows and nothing between them."""

    def truth(X):
        return np.sin(5.0 * X[:, :1]) * np.cos(4.0 * X[:, 1:])

    X, queries = rng.uniform(-1.0, 1.0, (2, 270, 2))
    errors = {}
    for smoothness in (0.0, 1.0):
        settings = {"width": 32, "depth": 2, "steps": 300, "batch_size": 270, "learning_rate": 1e-2}
        model = make_regressor(name, smoothness, resolutions=(64,), **settings).fit(X, truth(X))
        errors[smoothness] = [np.mean((model.predict(Z) - truth(Z)) ** 2) for Z in (X, queries)]
    assert errors[0.0][1] > 30.0 * errors[0.0][0]
    assert errors[1.0][1] < 0.5 * errors[0.0][1]


# --- the Kolmogorov-Arnold layer -------------------------------------------------------------------------------------


def test_layer_is_a_sum_of_one_function_an_edge(rng):
    layer = load("rbf_kan").KanLayer(3, 2, n_centres=5, reach=2.0).double()
    x = rng.normal(size=(20, 3))
    base, bias = layer.base.weight.detach().numpy(), layer.base.bias.detach().numpy()
    bumps = layer.bumps.weight.detach().numpy()
    expected = np.tile(bias, (20, 1))
    for row, j, i in product(range(20), range(2), range(3)):
        value = x[row, i]
        expected[row, j] += base[j, i] * value / (1.0 + np.exp(-value))
        for c, centre in enumerate((-2.0, -1.0, 0.0, 1.0, 2.0)):
            expected[row, j] += bumps[j, 5 * i + c] * np.exp(-((value - centre) ** 2))
    np.testing.assert_allclose(layer(torch.tensor(x)).detach().numpy(), expected, atol=1e-12)


def test_layer_starts_out_smooth():
    """Bumps of ordinary size made a rough function of ten inputs that training only bent through the sample."""
    torch.manual_seed(0)
    layer = load("rbf_kan").KanLayer(64, 64, n_centres=8, reach=2.0)
    x = torch.randn(2000, 64)
    whole = layer(x).std().item()
    with torch.no_grad():
        layer.base.weight.zero_()
    assert 0.0 < layer(x).std().item() < 0.5 * whole


def test_inputs_are_not_normalised_by_row():
    """Two numbers normalised to mean 0 and size 1 are (1, -1) or (-1, 1): the plane would be lost."""
    network = build("rbf_kan", 2).make_network(2, 1)
    x = torch.tensor([[0.1, 0.2], [0.3, 0.9], [-0.8, 0.4]])
    assert len(np.unique(network(x).detach().numpy().round(4))) == 3


# --- as baselines ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("n_inputs", "n_outputs"), [(1, 1), (2, 3), (3, 1), (4, 2), (10, 1), (784, 10)])
def test_a_baseline_learns_any_number_of_inputs(rng, name, n_inputs, n_outputs):
    X, queries = rng.uniform(-1.0, 1.0, (2, 300, n_inputs))
    y = np.sin(X @ rng.normal(size=(n_inputs, n_outputs)) / n_inputs**0.5)
    estimator = clone(build(name, n_inputs, n_outputs)).set_params(steps=30)
    first = estimator.fit(X, y).predict(queries)
    assert first.shape == (300, n_outputs)
    assert np.isfinite(first).all()
    assert np.mean((estimator.predict(X) - y) ** 2) < y.var()
    np.testing.assert_array_equal(first, clone(estimator).fit(X, y).predict(queries))
    np.testing.assert_array_equal(estimator.predict(queries[::-1]), first[::-1])
    np.testing.assert_array_equal(estimator.predict(queries[5:6]), first[5:6])


@pytest.mark.parametrize("name", NAMES)
def test_the_learning_rate_can_be_set(name):
    estimator = clone(build(name, 2).set_params(learning_rate=1e-4))
    assert estimator.get_params()["learning_rate"] == 1e-4


@pytest.mark.parametrize(("name", "beyond"), [("hash_grid", 5), ("dense_grid", 4)])
def test_where_a_grid_is_impossible_it_is_the_plain_network(name, beyond):
    assert type(build(name, beyond)) is TorchRegressor
    assert type(build(name, beyond - 1)) is not TorchRegressor
    assert build(name, 784).get_params() == build("mlp", 784).get_params()


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("n_inputs", [1, 2, 3])
@pytest.mark.parametrize("n_samples", [100, 10_000, 1_000_000])
def test_resolutions_rise_to_twice_the_samples_where_memory_allows(name, n_inputs, n_samples):
    module = load(name)
    resolutions = module.choose_resolutions(n_inputs, n_samples)
    assert resolutions == sorted(set(resolutions))
    assert resolutions[0] >= 2
    if name == "dense_grid":
        assert sum(r**n_inputs for r in resolutions) < 1.5 * module.MOST_NODES
    if n_samples == 10_000 and n_inputs < 3:
        assert resolutions[-1] >= 2 * n_samples ** (1 / n_inputs)
