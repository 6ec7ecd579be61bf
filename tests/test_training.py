"""The training loop against PyTorch's own optimiser, changed between steps."""

import pytest
import torch
from torch import nn

from mbench.nn import MLP, WeightRules, training


@pytest.fixture
def problem():
    generator = torch.Generator().manual_seed(5)
    X, y = torch.rand(40, 2, generator=generator) * 2 - 1, torch.rand(40, 1, generator=generator)
    torch.manual_seed(1)
    return MLP(2, 1, 8, 2), X, y


def twin(network):
    copy = MLP(2, 1, 8, 2)
    copy.load_state_dict(network.state_dict())
    return copy


def plain_loop(network, data, rates, restart_at=()):
    """PyTorch's own: one full-batch step of Adam for each rate and each pair (X, y)."""
    optimizer = torch.optim.Adam(network.parameters())
    for number, ((X, y), rate) in enumerate(zip(data, rates, strict=True)):
        if number in restart_at:
            optimizer = torch.optim.Adam(network.parameters())
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        nn.functional.mse_loss(network(X), y).backward()
        optimizer.step()
    return network


def assert_alike(network, other):
    for got, want in zip(network.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6)


def test_it_takes_the_steps_that_pytorch_takes(problem):
    network, X, y = problem
    want = plain_loop(twin(network), [(X, y)] * 30, [0.01] * 30)
    numbers = []
    for step in training(network, X, y, 0.01):
        numbers.append(step.number)
        if step.number == 30:
            break
    assert numbers == list(range(31))
    assert_alike(network, want)


def test_rate_data_and_the_optimisers_memory_may_change_between_steps(problem):
    network, X, y = problem
    data = [(X, y)] * 10 + [(X[5:25], y[5:25])] * 10 + [(X[:7], -y[:7])] * 10
    rates = [0.01] * 5 + [0.002] * 10 + [0.02] * 15
    want = plain_loop(twin(network), data, rates, restart_at=[20])
    for step in training(network, X, y):
        if step.number == 30:
            break
        step.X, step.y = data[step.number]
        step.learning_rate = rates[step.number]
        if step.number == 20:
            step.restart()
    assert_alike(network, want)


def test_rules_may_be_switched_on_and_off(problem):
    network, X, y = problem
    rules = WeightRules(network, max_weight=0.01)
    largest = []
    for step in training(network, X, y, 0.01):
        step.rules = rules if 10 <= step.number < 15 else None
        largest.append(max(float(m.weight.detach().abs().max()) for m in network.modules() if isinstance(m, nn.Linear)))
        if step.number == 20:
            break
    assert min(largest[:10]) > 0.1
    assert max(largest[11:16]) <= 0.01 + 1e-7
    assert largest[16] > 0.011


def test_another_loss_is_taken_from_the_next_step_on(problem):
    network, X, y = problem
    losses = []
    for step in training(network, X, y, lambda number: 0.0):
        if step.number == 1:
            step.measure = nn.functional.l1_loss
        losses.append(step.loss)
        if step.number == 2:
            break
    with torch.no_grad():
        assert losses[0] is None
        assert losses[1] == pytest.approx(float((network(X) - y).square().mean()))
        assert losses[2] == pytest.approx(float((network(X) - y).abs().mean()))


def test_each_pass_meets_every_row_once_in_an_order_of_its_seed(problem):
    network, X, y = problem
    seen = {}
    for seed in (0, 0, 1):
        rows = []

        def note(some, targets, rows=rows):
            rows.append(some.clone())
            return (network(some) - targets).square().mean()

        for step in training(network, X, y, 1e-9, batch_size=10, seed=seed):
            step.measure_rows = note
            if step.number == 4:
                break
        met = torch.cat(rows)
        assert sorted(map(tuple, met.tolist())) == sorted(map(tuple, X.tolist()))
        seen.setdefault(seed, []).append(met)
    assert torch.equal(*seen[0])
    assert not torch.equal(seen[0][0], seen[1][0])


def test_a_prediction_between_steps_does_not_leave_the_network_in_evaluation(problem):
    network, X, y = problem
    for step in training(network, X, y):
        assert step.number == 0 or network.training
        if step.number == 2:
            break
        network.eval()
