"""Residual layers for many networks at once, against plain loops in NumPy."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mbench.nn import ResidualAtan, TorchRegressor, lipschitz_bound, measured_slope  # noqa: E402


def by_hand(network, x, replica):
    h = x
    for w, b in zip(network.weight[replica], network.bias[replica], strict=True):
        h = h + np.arctan(h @ w.detach().numpy().T + b.detach().numpy())
    if network.last_weight is not None:
        h = h @ network.last_weight[replica].detach().numpy().T + network.last_bias[replica].detach().numpy()
    return h


@pytest.fixture
def network():
    torch.manual_seed(3)
    made = ResidualAtan(4, 3, last=2, replicas=5, scale=0.7).double()
    with torch.no_grad():
        made.bias.normal_()
        made.last_bias.normal_()
    return made


def test_every_replica_is_a_network_of_its_own(network, rng):
    x = rng.standard_normal((5, 7, 4))
    out = network(torch.tensor(x)).detach().numpy()
    for i in range(5):
        np.testing.assert_allclose(out[i], by_hand(network, x[i], i), rtol=1e-12)


def test_rows_for_all_go_to_every_replica(network, rng):
    x = rng.standard_normal((7, 4))
    out = network(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(out, [by_hand(network, x, i) for i in range(5)], rtol=1e-12)


def test_one_replica_answers_as_any_module_does(rng):
    single = ResidualAtan(3, 2, last=1, scale=1.0)
    assert single(torch.zeros(6, 3)).shape == (6, 1)

    class Model(TorchRegressor):
        def make_network(self, n_inputs, n_outputs):
            return ResidualAtan(n_inputs, 2, last=n_outputs, scale=1.0)

    X = rng.uniform(-1, 1, (50, 3))
    assert Model(steps=20, batch_size=10, random_state=0).fit(X, X[:, 0]).predict(X).shape == (50,)


def test_a_zero_start_passes_everything_through(rng):
    x = torch.tensor(rng.standard_normal((6, 4)), dtype=torch.float32)
    assert torch.equal(ResidualAtan(4, 3)(x), x)


def test_the_first_step_from_zero_moves_every_layer_alike(rng):
    x, y = (torch.tensor(rng.standard_normal((20, 6))) for _ in range(2))
    zero = ResidualAtan(6, 3).double()
    (zero(x) - y).square().mean().backward()
    assert zero.weight.grad.abs().max() > 0
    assert torch.equal(zero.weight.grad[0, 0], zero.weight.grad[0, 1])
    assert torch.equal(zero.weight.grad[0, 0], zero.weight.grad[0, 2])


def test_with_a_last_layer_at_zero_the_others_wait_for_the_second_step(rng):
    x, y = torch.tensor(rng.standard_normal((20, 6))), torch.tensor(rng.standard_normal((20, 2)))
    zero = ResidualAtan(6, 5, last=2).double()
    optimizer = torch.optim.Adam(zero.parameters(), lr=0.1)
    for step in (1, 2):
        optimizer.zero_grad()
        (zero(x) - y).square().mean().backward()
        optimizer.step()
        layers = zero.weight[0].detach()
        assert bool((layers == 0).all()) == (step == 1)
        assert all(torch.equal(layers[0], each) for each in layers)


def test_the_bound_holds_and_is_reached_where_weights_agree(rng):
    scaled = ResidualAtan(3, 2, last=3).double()
    with torch.no_grad():
        scaled.weight[:] = 0.5 * torch.eye(3)
        scaled.last_weight[:] = 2.0 * torch.eye(3)
    assert lipschitz_bound(scaled) == pytest.approx(1.5 * 1.5 * 2.0)
    assert measured_slope(scaled, torch.zeros(1, 3).double()) == pytest.approx(4.5)
    torch.manual_seed(0)
    some = ResidualAtan(3, 2, last=2, scale=1.0).double()
    assert 0 < measured_slope(some, torch.tensor(rng.standard_normal((200, 3)))) <= lipschitz_bound(some)


@pytest.mark.parametrize("shape", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_an_empty_shape_is_refused(shape):
    with pytest.raises(ValueError, match="at least 1"):
        ResidualAtan(shape[0], shape[1], replicas=shape[2])
