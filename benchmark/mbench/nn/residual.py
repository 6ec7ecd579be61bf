"""Residual layers of one width, for many networks at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ResidualAtan(nn.Module):
    """Layers h ← h + atan(W h + b) of one width, and a linear last one if asked; `replicas` networks side by side.

    Replicas share nothing but the call: each has weights and rows of its own, and one batched product per layer serves
    all. Parameters: weight (replicas, layers, width, width), bias (replicas, layers, width), and with `last` outputs
    last_weight (replicas, last, width), last_bias (replicas, last).

    All weights may start at 0: the skip hands on signal and gradient, and the coordinates are distinct already.
    Source: He et al., "Deep residual learning for image recognition" (2016), its skip, with atan as the branch.
    """

    def __init__(self, width: int, layers: int, last: int | None = None, replicas: int = 1, scale: float = 0.0) -> None:
        """scale: standard deviation of the first weights, before 1 / sqrt(width); 0 starts everything at exactly 0."""
        super().__init__()
        if width < 1 or layers < 1 or replicas < 1:
            raise ValueError(f"width, layers and replicas must be at least 1, got {width}, {layers} and {replicas}")
        self.weight = nn.Parameter(scale / width**0.5 * torch.randn(replicas, layers, width, width))
        self.bias = nn.Parameter(torch.zeros(replicas, layers, width))
        self.last_weight = self.last_bias = None
        if last is not None:
            self.last_weight = nn.Parameter(scale / width**0.5 * torch.randn(replicas, last, width))
            self.last_bias = nn.Parameter(torch.zeros(replicas, last))

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs for x (replicas, m, width): (replicas, m, width or last).

        x (m, width) goes to every replica; with one replica, the answer has as many axes as x.
        """
        replicas, layers = self.weight.shape[:2]
        h = x.expand(replicas, *x.shape) if x.dim() == 2 else x
        for i in range(layers):
            h = h + torch.baddbmm(self.bias[:, i, None], h, self.weight[:, i].transpose(1, 2)).atan()
        if self.last_weight is not None and self.last_bias is not None:
            h = torch.baddbmm(self.last_bias[:, None], h, self.last_weight.transpose(1, 2))
        return h[0] if x.dim() == 2 and replicas == 1 else h

    def lipschitz_bound(self) -> float:
        """Return the largest bound of any replica: the skip's 1 and atan's steepest slope, 1, times each norm."""
        norms = torch.linalg.matrix_norm(self.weight.double(), 2)
        bound = (1.0 + norms).prod(dim=1)
        if self.last_weight is not None:
            bound = bound * torch.linalg.matrix_norm(self.last_weight.double(), 2)
        return float(bound.max())
