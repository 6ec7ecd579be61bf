"""The reference pieces in torch: features against closed forms, the regressor against scikit-learn's own checks."""

from __future__ import annotations

import io
import pickle
import random
from functools import partial
from itertools import pairwise

import cloudpickle
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

torch = pytest.importorskip("torch")

from mbench.errors import SubmissionError  # noqa: E402 (mbench.nn imports torch: after the skip)
from mbench.nn import (  # noqa: E402
    MLP,
    FourierFeatures,
    TaylorFeatures,
    TorchRegressor,
    affordable_steps,
    fourier_orders,
    reference_learning_rate,
    reference_orders,
    reference_settings,
    reference_steps,
)
from mbench.suite import tracks  # noqa: E402
from mbench.types import Spec  # noqa: E402

SMALL = {"width": 16, "depth": 2, "steps": 100, "batch_size": 32, "learning_rate": 1e-2, "threads": 1}


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def sample(rng):
    X = rng.uniform(-1, 1, (300, 2))
    return X, np.stack([np.sin(2 * X[:, 0]) * X[:, 1], X[:, 1] ** 2], axis=1)


def small(**changes):
    return TorchRegressor(**{**SMALL, "random_state": 0, **changes})


# --- scikit-learn's contract -----------------------------------------------------------------------------------------


@parametrize_with_checks([small(), small(features="taylor", orders=3), small(features="fourier", orders=4)])
def test_scikit_learn_checks_hold(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("name", "value"),
    [("features", "wavelets"), ("orders", 0), ("steps", 0), ("learning_rate", 0.0), ("decay", 2.0), ("threads", 0)],
)
def test_a_bad_parameter_is_named(sample, name, value):
    with pytest.raises(ValueError, match=name):
        small(**{name: value}).fit(*sample)


# --- features --------------------------------------------------------------------------------------------------------


def harmonics(x, orders):
    k = np.arange(1, orders + 1)[None, :, None]
    angle = np.pi * k * x[:, None, :]
    return np.concatenate([x, np.sin(angle).reshape(len(x), -1), np.cos(angle).reshape(len(x), -1)], axis=1)


@pytest.mark.parametrize("orders", [1, 2, 3, 8, 13, 256])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 2e-14), (torch.float32, 1e-6)])
def test_fourier_features_are_the_inputs_and_their_sines_and_cosines(rng, orders, dtype, tolerance):
    # The closed form sees the very numbers the features see: rounding x is not the features' error.
    x = torch.tensor(np.concatenate([rng.uniform(-1, 1, (300, 2)), [[-1, 1], [0, 0.5]]]), dtype=dtype)
    features = FourierFeatures(2, orders)
    got = features(x)
    assert got.shape == (302, features.n_features) == (302, 2 * (1 + 2 * orders))
    assert got.dtype == dtype
    # float64's own reduction of the angle costs up to 256π·2⁻⁵³ in the closed form
    reference = harmonics(x.numpy().astype(np.longdouble), orders)
    assert np.abs(got.numpy() - reference).max() < max(tolerance, 256 * np.pi * 2.0**-52 * (dtype == torch.float64))


def test_falloff_scales_the_harmonics_alone(rng):
    x = torch.tensor(rng.uniform(-1, 1, (50, 2)))
    plain, scaled = FourierFeatures(2, 5)(x), FourierFeatures(2, 5, falloff=1.5)(x)
    amplitude = np.arange(1, 6).repeat(2) ** -1.5
    expected = plain.numpy() * np.concatenate([[1, 1], amplitude, amplitude])
    np.testing.assert_allclose(scaled.numpy(), expected, rtol=1e-14)


def test_sines_of_large_angles_in_float32_would_be_worse(rng):
    x = torch.tensor(rng.uniform(-1, 1, (2000, 1)), dtype=torch.float32)
    naive = torch.sin(torch.pi * x * 256)
    assert np.abs(naive[:, 0].numpy() - np.sin(np.pi * 256 * x.numpy()[:, 0].astype(np.float64))).max() > 1e-5


@pytest.mark.parametrize("orders", [1, 2, 8])
def test_taylor_features_are_the_powers_of_each_input(rng, orders):
    x = rng.uniform(-1, 1, (50, 3))
    features = TaylorFeatures(3, orders)
    expected = np.concatenate([x**k for k in range(1, orders + 1)], axis=1)
    assert features.n_features == expected.shape[1]
    np.testing.assert_allclose(features(torch.tensor(x)).numpy(), expected, rtol=1e-14)


def test_eight_harmonics_of_an_mnist_image_are_13328_features():
    features = FourierFeatures(784, 8)
    assert features.n_features == 13_328
    assert features(torch.zeros(2, 784)).shape == (2, 13_328)


@pytest.mark.parametrize("features", [TaylorFeatures, FourierFeatures, partial(FourierFeatures, falloff=1.0)])
def test_features_pass_gradients_to_their_inputs(features):
    x = torch.tensor([[0.3, -0.7], [0.1, 0.9]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(features(2, 5), x)
    assert torch.autograd.gradgradcheck(features(2, 5), x)


@pytest.mark.parametrize("features", [TaylorFeatures, FourierFeatures])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_features_refuse_an_empty_shape(features, shape):
    with pytest.raises(ValueError, match="at least 1"):
        features(*shape)


# --- the network -----------------------------------------------------------------------------------------------------


def test_network_outputs_lie_in_tanhs_range():
    outputs = MLP(3, 2, width=8, depth=3)(10 * torch.randn(100, 3))
    assert outputs.shape == (100, 2)
    assert outputs.abs().max() <= 1


@pytest.mark.parametrize("activation", ["leaky_relu", "relu"])
def test_network_keeps_the_size_of_the_signal_at_the_start(activation):
    torch.manual_seed(0)
    network = MLP(256, 1, width=256, depth=6, activation=activation)
    x = torch.randn(500, 256)
    last = network.layers[:-2](x)
    assert 0.5 < (last.square().mean() / x.square().mean()).item() < 2.0


@pytest.mark.parametrize(("activation", "gain"), [("leaky_relu", 2**0.5), ("relu", 2**0.5), ("sigmoid", 4.0)])
def test_network_scales_its_first_weights_for_the_activation(activation, gain):
    torch.manual_seed(0)
    network = MLP(256, 1, width=256, depth=3, activation=activation)
    for layer in network.layers[:-2:2]:
        assert layer.weight.std().item() == pytest.approx(gain / 256**0.5, rel=0.02)


def test_network_draws_hes_weights_and_torchs_biases():
    torch.manual_seed(3)
    network = MLP(2, 3, width=8, depth=2)
    torch.manual_seed(3)
    for drawn, fan_in, fan_out in zip(network.layers[::2], (2, 8, 8), (8, 8, 3), strict=False):
        expected = torch.nn.Linear(fan_in, fan_out)
        if fan_out == 8:
            torch.nn.init.kaiming_normal_(expected.weight, a=0.01)
        assert torch.equal(drawn.weight, expected.weight)
        assert torch.equal(drawn.bias, expected.bias)


def test_network_names_an_activation_it_does_not_know():
    with pytest.raises(ValueError, match="one of leaky_relu, relu, sigmoid, got 'cosine'"):
        MLP(1, 1, width=4, depth=1, activation="cosine")


@pytest.mark.parametrize("shape", [{"width": 0, "depth": 1}, {"width": 1, "depth": 0}])
def test_network_refuses_an_empty_shape(shape):
    with pytest.raises(ValueError, match="at least 1"):
        MLP(1, 1, **shape)


# --- training --------------------------------------------------------------------------------------------------------


def test_learns_a_sine(rng):
    X = rng.uniform(-1, 1, (500, 1))
    test = np.linspace(-1, 1, 301)[:, None]
    model = small(width=32, steps=600).fit(X, np.sin(4 * X[:, 0]))
    error = np.mean((model.predict(test) - np.sin(4 * test[:, 0])) ** 2)
    assert error < 1e-3


@pytest.mark.parametrize("features", [None, "taylor", "fourier"])
def test_reaches_targets_of_any_range(sample, features):
    X, y = sample
    low = small(features=features).fit(X, y)
    high = small(features=features).fit(X, 1000.0 * y - 300.0)
    np.testing.assert_allclose(high.predict(X), 1000.0 * low.predict(X) - 300.0, atol=1.0)


def test_constant_targets_are_learned(sample):
    y = np.full(len(sample[0]), 0.25)
    np.testing.assert_allclose(small().fit(sample[0], y).predict(sample[0]), y, atol=0.05)


def test_features_may_be_a_function(sample):
    X, y = sample
    given = small(features=lambda n_inputs: TaylorFeatures(n_inputs, 3)).fit(X, y)
    named = small(features="taylor", orders=3).fit(X, y)
    np.testing.assert_array_equal(given.predict(X), named.predict(X))


def test_architecture_may_be_overridden(sample):
    class Linear(TorchRegressor):
        def make_network(self, n_inputs, n_outputs):
            return torch.nn.Sequential(torch.nn.Linear(n_inputs, n_outputs), torch.nn.Tanh())

    model = Linear(steps=20, random_state=0).fit(*sample)
    assert model.n_params_ == 2 * 2 + 2
    assert model.predict(sample[0]).shape == (300, 2)


def test_parameters_are_counted(sample):
    assert small(features="fourier", orders=3).fit(*sample).n_params_ == 15 * 16 + 17 * 16 + 17 * 2


def test_the_same_seed_gives_the_same_predictions(sample):
    X, y = sample
    np.testing.assert_array_equal(small().fit(X, y).predict(X), clone(small()).fit(X, y).predict(X))


@pytest.mark.parametrize("other", [1, None, np.random.RandomState(3)])
def test_another_seed_gives_other_predictions(sample, other):
    X, y = sample
    assert not np.array_equal(
        small(random_state=0).fit(X, y).predict(X), small(random_state=other).fit(X, y).predict(X)
    )


def test_zero_is_a_seed_and_none_is_not(sample):
    X, y = sample
    zero = [small(random_state=0, steps=1).fit(X, y).predict(X) for _ in range(2)]
    none = [small(random_state=None, steps=1).fit(X, y).predict(X) for _ in range(2)]
    np.testing.assert_array_equal(*zero)
    assert not np.array_equal(*none)


def test_learning_rate_rises_over_a_tenth_of_the_steps_and_falls_to_its_share():
    model = TorchRegressor(learning_rate=0.02, decay=0.05, steps=100)
    rates = [model.learning_rate_at(step) for step in range(100)]
    assert rates[:10] == pytest.approx([0.002 * step for step in range(1, 11)])
    assert rates[-1] == pytest.approx(0.001)
    assert all(a > b for a, b in pairwise(rates[9:]))


def test_one_hot_targets_do_not_stall_the_tanh(rng):
    X = rng.uniform(0, 1, (400, 64))
    labels = np.argmax(X[:, :10], axis=1)
    # 0.62 with targets at tanh's very ends
    model = small(features="taylor", width=64, depth=4, steps=300, batch_size=100, learning_rate=3e-3)
    model.fit(X, np.eye(10)[labels])
    assert np.mean(model.predict(X).argmax(axis=1) == labels) > 0.9


def test_a_single_step_takes_the_full_learning_rate():
    assert TorchRegressor(learning_rate=0.02, steps=1).learning_rate_at(0) == pytest.approx(0.02)


@pytest.mark.parametrize("features", [None, "fourier"])
def test_a_loss_that_is_not_finite_says_what_to_do(sample, features):
    X, y = sample
    X = np.where(np.arange(len(X))[:, None] == 5, 1e30, X)  # overflows float32 in the second layer
    with pytest.raises(SubmissionError, match=r"loss is (nan|inf) at step \d+ of 100.*Lower learning_rate"):
        small(features=features, learning_rate=1e30).fit(X, y)


def test_a_last_step_that_ruins_the_network_is_noticed(sample):
    with pytest.raises(SubmissionError, match="at step 1 of 1"):
        small(steps=1, learning_rate=1e38, depth=3).fit(*sample)


# --- prediction ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("features", [None, "taylor", "fourier"])
def test_predictions_do_not_depend_on_batches_or_order(sample, rng, features):
    model = small(features=features).fit(*sample)
    X = rng.uniform(-1, 1, (2500, 2))
    whole = model.predict(X)
    order = rng.permutation(len(X))
    np.testing.assert_array_equal(model.predict(X[order]), whole[order])
    np.testing.assert_array_equal(np.concatenate([model.predict(part) for part in np.split(X, [1, 8, 1000])]), whole)


def test_predictions_take_the_shape_of_the_targets(sample):
    X, y = sample
    assert small(steps=1).fit(X, y).predict(X).shape == (300, 2)
    assert small(steps=1).fit(X, y[:, :1]).predict(X).shape == (300, 1)
    assert small(steps=1).fit(X, y[:, 0]).predict(X).shape == (300,)


@pytest.mark.parametrize("pickler", [pickle, cloudpickle])
def test_a_pickled_regressor_predicts_the_same(sample, pickler):
    model = small(features="fourier").fit(*sample)
    again = pickle.load(io.BytesIO(pickler.dumps(model)))
    np.testing.assert_array_equal(again.predict(sample[0]), model.predict(sample[0]))


# --- snapshots and side effects --------------------------------------------------------------------------------------


def test_snapshots_run_from_the_first_step_to_the_last_and_show_the_network_of_that_step(sample):
    X, y = sample
    model, seen, errors = small(snapshots=10), [], []

    def snapshot(step):
        seen.append(step)
        errors.append(np.mean((model.predict(X) - y) ** 2))

    model.fit(X, y, snapshot)
    assert seen == model.snapshot_steps()
    assert seen[0] == 0
    assert seen[-1] == 100
    assert seen == sorted(set(seen))
    assert 8 <= len(seen) <= 11
    assert errors[-1] < errors[0] / 5


def test_snapshots_do_not_change_the_result(sample):
    X, y = sample
    model = small()
    filmed = model.fit(X, y, snapshot=lambda step: model.predict(X[:3])).predict(X)
    np.testing.assert_array_equal(filmed, small().fit(X, y).predict(X))


@pytest.mark.parametrize("snapshots", [1, 2, 1000])
def test_snapshot_steps_always_hold_both_ends(snapshots):
    steps = TorchRegressor(steps=40, snapshots=snapshots).snapshot_steps()
    assert steps[0] == 0
    assert steps[-1] == 40
    assert len(steps) <= 41


def test_global_state_is_left_alone(sample):
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate(), torch.get_num_threads()
    grad, dtype = torch.is_grad_enabled(), torch.get_default_dtype()
    small(threads=before[3] + 1).fit(*sample).predict(sample[0])
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]
    assert (torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype()) == (before[3], grad, dtype)


def test_the_number_of_threads_is_put_back_after_an_error(sample):
    before = torch.get_num_threads()

    def fail(step):
        raise KeyError(step)

    with pytest.raises(KeyError):
        small(threads=before + 1).fit(*sample, snapshot=fail)
    assert torch.get_num_threads() == before


# --- the baselines' shared size --------------------------------------------------------------------------------------


def test_reference_settings_depend_on_the_spec_alone():
    spec = Spec(n_inputs=2, n_outputs=1, n_samples=10_000, fit_limit_s=15.0, threads=1, device="cpu", seed=0)
    settings = reference_settings(spec)
    assert settings == reference_settings(spec)
    assert settings["random_state"] == 0
    assert set(settings) < set(TorchRegressor().get_params())


def test_reference_steps_grow_with_the_limit_and_shrink_with_the_inputs():
    assert reference_steps(2, 60.0) == pytest.approx(4 * reference_steps(2, 15.0), rel=0.05)
    assert reference_steps(784, 30.0) < reference_steps(64, 30.0) < reference_steps(10, 30.0)
    assert reference_steps(784, 1e-9) == 1


@pytest.mark.parametrize("limit_s", sorted({b.fit_limit_s for t in tracks.TRACKS.values() for b in t.budgets.values()}))
@pytest.mark.parametrize("step_ms", [0.4, 1.6, 5.0, 40.0])
def test_affordable_steps_leave_room_for_a_busy_machine(limit_s, step_ms):
    seconds = affordable_steps(limit_s, step_ms) * step_ms / 1e3
    assert 0.3 * limit_s < seconds < 0.5 * limit_s
    assert 2.3 * (seconds + 0.2) < limit_s


def test_settings_take_the_steps_of_a_cost_or_the_same_for_all():
    spec = Spec(n_inputs=2, n_outputs=1, n_samples=10_000, fit_limit_s=15.0, threads=1, device="cpu", seed=0)
    assert reference_settings(spec)["steps"] == reference_steps(2, 15.0)
    assert reference_settings(spec, 2.0)["steps"] == affordable_steps(15.0, 2.0)
    assert reference_settings(spec, 1.0)["steps"] == pytest.approx(2 * affordable_steps(15.0, 2.0), abs=1)


@pytest.mark.parametrize("n_inputs", [1, 2, 3, 10, 784])
def test_fourier_orders_follow_the_points_along_an_axis(n_inputs):
    orders = [fourier_orders(n_inputs, 10**power) for power in range(2, 8)]
    assert orders == sorted(orders)
    assert all(1 <= k <= 256 for k in orders)
    along = [10 ** (power / n_inputs) for power in range(2, 8)]
    assert all(k < n / 2 for k, n in zip(orders, along, strict=True) if n > 6)  # Nyquist's


def test_reference_learning_rate_is_smaller_for_very_many_features():
    assert reference_learning_rate(2) == reference_learning_rate(1026) == 1e-2
    assert reference_learning_rate(13_328) == pytest.approx(3e-4, rel=0.01)


def test_reference_learning_rate_is_smaller_for_very_many_steps():
    assert reference_learning_rate(2, 29_000) == reference_learning_rate(1026, 1_500) == 1e-2
    assert 3e-3 < reference_learning_rate(1026, 12_000) < 4e-3  # 0.01 ends at a constant there
    assert reference_learning_rate(1026, 29_000) == 3e-3
    assert reference_learning_rate(13_328, 29_000) == reference_learning_rate(13_328)


@pytest.mark.parametrize(("n_inputs", "orders"), [(1, 256), (3, 256), (4, 8), (784, 8)])
def test_reference_orders_follow_the_number_of_inputs(n_inputs, orders):
    assert reference_orders(n_inputs) == orders


def test_reference_loop_takes_the_steps_of_torchs_adam():
    """A loop of PyTorch's own, fed the same batches, must end at the same network."""
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (64, 2)), rng.random((64, 1))
    regressor = TorchRegressor(width=8, depth=2, steps=20, batch_size=64, random_state=0).fit(X, y)
    start = TorchRegressor(width=8, depth=2, steps=1, learning_rate=1e-30, batch_size=64, random_state=0).fit(X, y)
    network = start.network_
    optimizer = torch.optim.Adam(network.parameters(), lr=1.0)
    targets = torch.tensor((y - regressor.target_centre_) / regressor.target_scale_, dtype=torch.float32)
    inputs = torch.tensor(X, dtype=torch.float32)
    for step in range(20):
        optimizer.param_groups[0]["lr"] = regressor.learning_rate_at(step)
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(network(inputs), targets).backward()
        optimizer.step()
    for ours, theirs in zip(regressor.network_.parameters(), network.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)
