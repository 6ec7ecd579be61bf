"""The training loop, step by step: whoever walks through it may change data, rate, rules or loss between two steps.

for step in training(network, X, y, learning_rate=1e-3):
    if step.number == 500:
        step.X, step.y = other_X, other_y
    if step.number == 1_000:
        break
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from mbench.nn.regularisers import WeightRules

Rate = float | Callable[[int], float]


@dataclass(slots=True)
class Step:
    """Where training is, and what its next step is taken with: all but `number` and `loss` may be assigned.

    number: steps taken so far; the first one handed out has taken none.  loss: of the last step's rows, before it; None
    at the start.  X (n, d), y (n, k): all rows to learn from.  learning_rate: a number, or a function of the step's
    number.  rules: what weights obey after each step.  measure: from the network's outputs for some rows and these
    rows' y to the loss, a scalar; with `measure_rows` set, that is asked instead, with the rows' X and y.
    """

    network: nn.Module
    X: Tensor
    y: Tensor
    learning_rate: Rate
    rules: WeightRules | None = None
    measure: Callable[[Tensor, Tensor], Tensor] = nn.functional.mse_loss
    measure_rows: Callable[[Tensor, Tensor], Tensor] | None = None
    number: int = 0
    loss: Tensor | None = None
    optimizer: torch.optim.Optimizer = field(init=False)

    def __post_init__(self) -> None:
        """Start with an optimiser that has seen nothing."""
        self.restart()

    def measure_some(self, X: Tensor, y: Tensor) -> Tensor:
        """Return the loss on some rows, a scalar."""
        if self.measure_rows is not None:
            return self.measure_rows(X, y)
        return self.measure(self.network(X), y)

    def restart(self) -> None:
        """Have the optimiser forget what it has seen; the weights stay."""
        self.optimizer = torch.optim.Adam([p for p in self.network.parameters() if p.requires_grad], fused=True)


def training(
    network: nn.Module, X: Tensor, y: Tensor, learning_rate: Rate = 3e-3, batch_size: int | None = None, seed: int = 0
) -> Iterator[Step]:
    """Train a network for as long as the caller goes on, and yield before the first step and after each one.

    X: (n, d), y: (n, k), on the network's device.  batch_size: rows a step, drawn without replacement in an order of
    their own each pass; None for all rows in every step.  seed: of that order.
    Source: Kingma & Ba, "Adam" (2015).
    """
    step = Step(network, X, y, learning_rate)
    generator = torch.Generator().manual_seed(seed)
    known, batches = X, _batches(len(X), batch_size, generator)
    while True:
        yield step
        if step.X is not known:
            known, batches = step.X, _batches(len(step.X), batch_size, generator)
        if not network.training:  # a prediction in between ended it
            network.train()
        rows = next(batches)
        some = (step.X, step.y) if rows is None else (step.X[rows.to(X.device)], step.y[rows.to(X.device)])
        loss = step.measure_some(*some)
        rate = step.learning_rate(step.number) if callable(step.learning_rate) else step.learning_rate
        (group,) = step.optimizer.param_groups
        group["lr"] = rate
        gradients = torch.autograd.grad(loss, group["params"])
        for parameter, gradient in zip(group["params"], gradients, strict=True):
            parameter.grad = gradient
        step.optimizer.step()
        if step.rules is not None:
            step.rules.apply(rate)
        step.loss, step.number = loss.detach(), step.number + 1


def _batches(n: int, size: int | None, generator: torch.Generator) -> Iterator[Tensor | None]:
    """Yield row numbers, `size` at a time, in a new order each pass over n rows; what is left of a pass is dropped."""
    while size is None:
        yield None
    size = min(size, n)
    while True:
        order = torch.randperm(n, generator=generator)
        yield from order[: n - n % size].split(size)
