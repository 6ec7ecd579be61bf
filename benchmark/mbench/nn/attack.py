"""Attacks: small changes of the inputs that take a classifier's answer away."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Norm = Literal["max", "euclid"]


def margins(outputs: Tensor, labels: Tensor) -> Tensor:
    """Return by how much each row's own class leads the next best; not above 0 where it is wrong. outputs (m, k)."""
    own = outputs.gather(1, labels[:, None])[:, 0]
    others = outputs.scatter(1, labels[:, None], -torch.inf)
    return own - others.max(dim=1).values


def attack(network: nn.Module, x: Tensor, labels: Tensor, radius: float, steps: int = 20, norm: Norm = "max") -> Tensor:
    """Return each row's worst neighbour that was met within `radius`, by the margin: (m, d).

    norm: how the distance is measured, by the largest change of an input, or Euclid's.  steps: 1 takes one step of the
    whole radius (FGSM), more take steps of 2.5 · radius / steps and return into the ball after each (PGD). Nothing is
    drawn at random. The row itself is among the neighbours, so that no attack does worse than none.
    Source: Goodfellow et al., "Explaining and harnessing adversarial examples" (2015); Madry et al., "Towards deep
    learning models resistant to adversarial attacks" (2018).
    """
    if radius < 0 or steps < 1:
        raise ValueError(f"radius must not be negative and steps at least 1, got {radius} and {steps}")
    if norm not in ("max", "euclid"):
        raise ValueError(f"norm must be max or euclid, got {norm!r}")
    stride = radius if steps == 1 else 2.5 * radius / steps
    change = torch.zeros_like(x)
    with torch.no_grad():
        worst, least = x.clone(), margins(network(x), labels)
    for _ in range(steps):
        moved = (x + change).requires_grad_()
        (slope,) = torch.autograd.grad(margins(network(moved), labels).sum(), moved)
        with torch.no_grad():
            if norm == "max":
                change = (change - stride * slope.sign()).clamp(-radius, radius)
            else:
                change = change - stride * slope / slope.norm(dim=1, keepdim=True).clamp(min=1e-12)
                change = change * (radius / change.norm(dim=1, keepdim=True).clamp(min=1e-12)).clamp(max=1.0)
            now = margins(network(x + change), labels)
            better = now < least
            worst = torch.where(better[:, None], x + change, worst)
            least = torch.where(better, now, least)
    return worst
