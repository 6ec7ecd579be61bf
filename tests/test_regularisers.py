"""Each regulariser of the reference trainer keeps what it promises; closed forms and NumPy are the oracles."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

torch = pytest.importorskip("torch")

from mbench.nn import (  # noqa: E402 (mbench.nn imports torch: after the skip)
    MLP,
    FourierFeatures,
    TaylorFeatures,
    TorchRegressor,
    WeightRules,
    lipschitz_bound,
    squared_slope,
)

SMALL = {"width": 32, "depth": 2, "steps": 300, "batch_size": 32, "learning_rate": 1e-2, "threads": 1}


@pytest.fixture
def noisy(rng):
    X = rng.uniform(-1, 1, (120, 3))
    return X, np.sin(2 * X[:, :1]) + 0.3 * rng.normal(size=(120, 1))


def small(**changes):
    return TorchRegressor(**{**SMALL, "random_state": 0, **changes})


def weights(model):
    return [p.detach().numpy() for p in model.network_.parameters() if p.dim() == 2]


def linear(weight):
    layer = torch.nn.Linear(len(weight[0]), len(weight))
    layer.weight.data = torch.tensor(weight, dtype=torch.float32)
    return layer


@parametrize_with_checks(
    [
        small(steps=60, l1=1e-3, weight_decay=0.1, dropout=0.2),
        small(steps=60, max_weight=0.5, max_norm=1.0, gradient_penalty=1e-2),
        small(steps=60, validation_fraction=0.2, patience=1),
    ]
)
def test_scikit_learn_checks_hold(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("l1", -1.0), ("weight_decay", -1.0), ("max_weight", 0.0), ("max_norm", 0.0), ("gradient_penalty", -1.0),
        ("dropout", 1.0), ("validation_fraction", 1.0), ("patience", 0),
    ],
)  # fmt: skip
def test_a_bad_parameter_is_named(noisy, name, value):
    with pytest.raises(ValueError, match=name):
        small(**{name: value}).fit(*noisy)


@pytest.mark.parametrize(
    "changes", [{"dropout": 0.3}, {"gradient_penalty": 0.1}, {"validation_fraction": 0.2}, {"max_norm": 1.0}]
)
def test_the_same_seed_gives_the_same_predictions(noisy, changes):
    X, y = noisy
    first, second = (small(steps=50, **changes).fit(X, y).predict(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, small(steps=50).fit(X, y).predict(X))


# --- weights ---------------------------------------------------------------------------------------------------------


def test_l1_takes_the_rate_off_every_weight_and_leaves_biases():
    layer = linear([[0.5, -0.3, 0.009, -0.011]])
    layer.bias.data.fill_(0.001)
    WeightRules(layer, l1=0.1).apply(0.1)
    np.testing.assert_allclose(layer.weight.detach(), [[0.49, -0.29, 0.0, -0.001]], atol=1e-7)
    assert layer.weight[0, 2] == 0.0
    assert layer.bias.item() == pytest.approx(0.001)


def test_l1_leaves_exact_zeros_and_counts_them(noisy):
    model = small(l1=0.3).fit(*noisy)
    zeros = sum(int((weight == 0).sum()) for weight in weights(model))
    assert model.n_zeros_ == zeros > 0.3 * sum(weight.size for weight in weights(model))
    assert not any((weight == 0).any() for weight in weights(small().fit(*noisy)))
    assert not hasattr(small().fit(*noisy), "n_zeros_")


def test_l1_finds_the_inputs_that_matter(rng):
    X = rng.uniform(-1, 1, (400, 10))
    model = small(steps=1000, l1=0.5).fit(X, np.sin(2 * X[:, 3]))
    assert np.flatnonzero(weights(model)[0].any(axis=0)).tolist() == [3]
    assert np.mean((model.predict(X) - np.sin(2 * X[:, 3])) ** 2) < 0.01


def test_weight_decay_shrinks_in_proportion_and_leaves_biases():
    layer = linear([[0.5, -0.3]])
    bias = layer.bias.item()
    rules = WeightRules(layer, weight_decay=2.0)
    for _ in range(3):
        rules.apply(0.1)
    np.testing.assert_allclose(layer.weight.detach(), np.array([[0.5, -0.3]]) * 0.8**3, rtol=1e-6)
    assert layer.bias.item() == bias


def test_weight_decay_makes_weights_smaller(noisy):
    def size(model):
        return sum(float(np.square(weight).sum()) for weight in weights(model))

    assert size(small(weight_decay=0.5).fit(*noisy)) < 0.5 * size(small().fit(*noisy))


def test_no_weight_is_larger_than_its_limit(noisy):
    model = small(max_weight=0.1).fit(*noisy)
    assert max(np.abs(weight).max() for weight in weights(model)) <= np.float32(0.1)
    assert max(np.abs(weight).max() for weight in weights(small().fit(*noisy))) > 0.5


@pytest.mark.parametrize("limit", [0.5, 1.0])
def test_no_layer_has_a_larger_singular_value_than_its_limit(noisy, limit):
    model = small(max_norm=limit).fit(*noisy)
    norms = [np.linalg.norm(weight.astype(np.float64), 2) for weight in weights(model)]
    assert max(norms) <= limit * (1 + 1e-5)
    assert max(norms) > 0.9 * limit  # a limit that holds, not one that is never met
    assert max(np.linalg.norm(weight, 2) for weight in weights(small().fit(*noisy))) > 1.5


def test_the_power_iteration_follows_the_singular_value(rng):
    layer = linear(rng.normal(size=(20, 30)))
    rules = WeightRules(layer, max_norm=1.0)
    for _ in range(100):
        rules.apply(0.1)
    assert np.linalg.norm(layer.weight.detach().numpy(), 2) == pytest.approx(1.0, rel=1e-3)


# --- slopes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("features", [None, "taylor", "fourier"])
@pytest.mark.parametrize("limit", [{"max_weight": 0.2}, {"max_norm": 1.0}])
def test_no_two_answers_are_further_apart_than_the_reported_bound(noisy, rng, features, limit):
    X, y = noisy
    model = small(features=features, orders=3, **limit).fit(X, 100.0 * y)
    points = rng.uniform(-1, 1, (2000, 3))
    near = np.clip(points + rng.normal(size=points.shape) * 1e-2, -1, 1)
    steepest = (np.abs(model.predict(points) - model.predict(near))[:, 0] / np.linalg.norm(points - near, axis=1)).max()
    assert 0 < steepest <= model.lipschitz_bound_


def test_the_bound_is_the_product_of_norms_and_slopes():
    network = torch.nn.Sequential(linear([[3.0, 4.0]]), torch.nn.Sigmoid(), linear([[2.0]]), torch.nn.Tanh())
    assert lipschitz_bound(network) == pytest.approx(5.0 / 4.0 * 2.0)


@pytest.mark.parametrize("features", [TaylorFeatures(3, 4), FourierFeatures(3, 4), FourierFeatures(3, 4, falloff=1.5)])
def test_the_bound_of_features_is_their_steepest_jacobian(features, rng):
    points = torch.tensor(np.vstack([rng.uniform(-1, 1, (50, 3)), np.ones((1, 3))]))
    norms = [
        torch.linalg.matrix_norm(torch.autograd.functional.jacobian(lambda p: features(p[None])[0], point), 2).item()
        for point in points
    ]
    assert max(norms) == pytest.approx(features.lipschitz_bound(), rel=1e-6)


def test_a_module_without_a_known_bound_says_what_to_do(noisy):
    class Squares(torch.nn.Module):
        def forward(self, x):
            return x**2

    class Model(TorchRegressor):
        def make_network(self, n_inputs, n_outputs):
            return torch.nn.Sequential(Squares(), MLP(n_inputs, n_outputs, 8, 1))

    with pytest.raises(TypeError, match=r"Squares: .*method lipschitz_bound"):
        lipschitz_bound(torch.nn.Sequential(Squares()))
    assert Model(steps=5, max_norm=1.0, random_state=0).fit(*noisy).lipschitz_bound_ is None


def test_the_squared_slope_is_the_jacobians(rng):
    weight = rng.normal(size=(4, 3))
    network = torch.nn.Sequential(linear(weight), torch.nn.Tanh())
    network[0].bias.data.zero_()
    X = rng.uniform(-1, 1, (50, 3))
    slopes = (1 - np.tanh(X @ weight.T) ** 2)[:, :, None] * weight
    generator = torch.Generator().manual_seed(0)
    x = torch.tensor(X, dtype=torch.float32, requires_grad=True)
    estimates = [squared_slope(network(x), x, generator).item() for _ in range(100)]
    expected = np.square(slopes).sum(axis=(1, 2)).mean()
    assert np.mean(estimates) == pytest.approx(expected, abs=4 * np.std(estimates) / 10)
    # exact where there is one output
    alone = squared_slope(network(x)[:, :1], x, generator).item()
    assert alone == pytest.approx(np.square(slopes[:, 0]).sum(axis=1).mean(), rel=1e-5)


@pytest.mark.parametrize("features", [None, "fourier"])
def test_a_gradient_penalty_flattens_what_is_learned(noisy, rng, features):
    X, y = noisy

    nudge = 1e-3 * rng.normal(size=X.shape)

    def slope(model):
        return np.square(model.predict(X + nudge) - model.predict(X)).mean()

    flat = small(features=features, orders=4, gradient_penalty=0.2).fit(X, y)
    assert slope(flat) < 0.5 * slope(small(features=features, orders=4).fit(X, y))


# --- training --------------------------------------------------------------------------------------------------------


def test_dropout_silences_units_in_training_alone(noisy):
    X, y = noisy
    model = small(dropout=0.5).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), model.predict(X))
    x = torch.tensor(X[:1], dtype=torch.float32).expand(2000, -1)
    hidden = model.network_.train().layers[:3](x)  # linear, leaky ReLU, dropout
    assert (hidden == 0).float().mean().item() == pytest.approx(0.5, abs=0.01)
    plain = model.network_.eval().layers[:3](x[:1])
    # what is left is scaled up, so that the mean over masks is what prediction uses
    np.testing.assert_allclose(hidden.mean(dim=0).detach(), plain[0].detach(), atol=0.15 * plain.abs().max().item())


def test_dropout_keeps_on_after_a_snapshot_predicted(noisy):
    X, y = noisy
    model = small(dropout=0.5, steps=50)
    filmed = model.fit(X, y, lambda step: model.predict(X)).predict(X)
    np.testing.assert_array_equal(filmed, small(dropout=0.5, steps=50).fit(X, y).predict(X))


def test_early_stopping_ends_early_and_keeps_the_best(noisy, rng):
    X, y = noisy
    settings = {"steps": 2500, "width": 64}
    fresh = rng.uniform(-1, 1, (500, 3))
    truth = np.sin(2 * fresh[:, :1])
    whole = small(**settings).fit(X, y)
    stopped = small(**settings, validation_fraction=0.25, patience=3).fit(X, y)
    assert whole.n_steps_ == 2500
    assert stopped.best_step_ < stopped.n_steps_ < 2500
    errors = [np.mean((model.predict(fresh) - truth) ** 2) for model in (stopped, whole)]
    assert errors[0] < 0.7 * errors[1]


def test_held_out_rows_are_not_learned_from(rng):
    X = rng.uniform(-1, 1, (100, 3))
    y = rng.normal(size=(100, 1))  # nothing to learn but the rows themselves
    model = small(steps=2000, width=128, validation_fraction=0.3, patience=1000)
    seen = []
    model.fit(X, y, lambda step: seen.append(np.square(model.predict(X) - y)[:, 0]))
    last_before_the_best_was_put_back = seen[-2]
    learned = last_before_the_best_was_put_back < 0.05
    assert 60 <= learned.sum() <= 80
