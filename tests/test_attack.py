"""Attacks and slopes against closed forms: of a linear classifier the worst neighbour is known."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mbench.nn import ConstantSlopeRegressor, TorchRegressor, attack, constant_slope, margins, measured_slope  # noqa: E402


@pytest.fixture
def linear(rng):
    layer = torch.nn.Linear(6, 2).double()
    layer.weight.data = torch.tensor(rng.standard_normal((2, 6)))
    layer.bias.data = torch.tensor(rng.standard_normal(2))
    return layer


@pytest.fixture
def rows(rng):
    return torch.tensor(rng.standard_normal((40, 6))), torch.tensor(rng.integers(0, 2, 40))


def test_a_margin_is_the_lead_on_the_next_best():
    outputs = torch.tensor([[1.0, 4.0, 2.5], [1.0, 4.0, 2.5]])
    assert margins(outputs, torch.tensor([1, 2])).tolist() == [1.5, -1.5]


@pytest.mark.parametrize("steps", [1, 20])
@pytest.mark.parametrize(("norm", "dual"), [("max", 1), ("euclid", 2)])
def test_a_linear_classifier_loses_the_radius_times_the_dual_norm(linear, rows, norm, dual, steps):
    x, labels = rows
    between = (linear.weight[0] - linear.weight[1]).detach().numpy()
    before = margins(linear(x), labels).detach().numpy()
    worst = attack(linear, x, labels, 0.3, steps, norm)
    after = margins(linear(worst), labels).detach().numpy()
    np.testing.assert_allclose(before - after, 0.3 * np.linalg.norm(between, dual), rtol=1e-9)
    sizes = np.linalg.norm((worst - x).numpy(), np.inf if norm == "max" else 2, axis=1)
    assert sizes.max() <= 0.3 + 1e-12


def test_no_attack_does_worse_than_none(rows):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(6, 30), torch.nn.Tanh(), torch.nn.Linear(30, 3)).double()
    x, labels = rows
    before = margins(network(x), labels)
    for steps in (1, 3):
        assert (margins(network(attack(network, x, labels, 5.0, steps)), labels) <= before).all()
    assert torch.equal(attack(network, x, labels, 0.0), x)


def test_a_bad_attack_is_refused(linear, rows):
    with pytest.raises(ValueError, match="radius"):
        attack(linear, *rows, -1.0)
    with pytest.raises(ValueError, match="max or euclid"):
        attack(linear, *rows, 1.0, 1, "manhattan")


def test_the_measured_slope_of_a_linear_layer_is_its_largest_singular_value(linear, rows):
    assert measured_slope(linear, rows[0]) == pytest.approx(np.linalg.norm(linear.weight.detach().numpy(), 2))


def test_a_constant_slope_costs_nothing_at_its_value(rng):
    x = torch.tensor(rng.standard_normal((10, 3)), requires_grad=True)
    direction = torch.tensor([[2.0, -1.0, 2.0]]).double()  # of length 3
    generator = torch.Generator().manual_seed(0)
    assert constant_slope(x @ direction.T, x, generator, 3.0).item() == pytest.approx(0.0, abs=1e-12)
    assert constant_slope(x @ direction.T, x, generator, 1.0).item() == pytest.approx(4.0)
    assert torch.isfinite(torch.autograd.grad(constant_slope(0.0 * x[:, :1].tanh(), x, generator), x)[0]).all()


def test_a_regressor_with_a_constant_slope_is_nearer_to_it_than_one_without(rng):
    X = rng.uniform(-1.0, 1.0, (200, 1))
    y = 0.5 * np.sin(9.0 * X[:, 0])
    settings = {"width": 32, "depth": 2, "steps": 300, "random_state": 0, "threads": 1}

    def spread(constant):
        model = ConstantSlopeRegressor(constant, **settings).fit(X, y)
        x = torch.linspace(-1.0, 1.0, 101)[:, None].requires_grad_()
        slope = torch.autograd.grad(model.network_(x).sum(), x)[0].abs()
        return (slope - 1.0).square().mean().item()

    assert spread(1.0) < 0.5 * spread(0.0)
    np.testing.assert_array_equal(
        ConstantSlopeRegressor(**settings).fit(X, y).predict(X), TorchRegressor(**settings).fit(X, y).predict(X)
    )


def test_every_network_says_its_bound(rng):
    X = rng.uniform(-1, 1, (60, 2))
    model = TorchRegressor(width=8, depth=1, steps=30, random_state=0).fit(X, 5.0 * X[:, 0])
    x = torch.tensor(X, dtype=torch.float32)
    assert 0 < model.target_scale_ * measured_slope(model.network_, x) <= model.lipschitz_bound_
