"""Early stopping: rows that a network does not learn from, and the network as it was when it did best on them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

HELD_OUT_BLOCK = 4096  # held-out rows per forward pass, which bounds its memory


class HeldOut:
    """Rows that the network does not learn from, and its state when it did best on them."""

    def __init__(self, X: Tensor, y: Tensor, patience: int) -> None:
        """X (n, d), y (n, k): on the network's device.  patience: looks without a better one until training ends."""
        self._X, self._y = X, y
        self._patience = patience
        self._best = math.inf
        self._best_step = 0
        self._state: dict[str, Any] = {}
        self._n_since = 0

    @torch.no_grad()
    def look(self, network: nn.Module, step: int) -> bool:
        """Take the state down if it is the best; return whether there was none better for `patience` looks."""
        network.eval()
        blocks = zip(self._X.split(HELD_OUT_BLOCK), self._y.split(HELD_OUT_BLOCK), strict=True)
        error = sum(float((network(x) - y).square().sum()) for x, y in blocks)
        self._n_since += 1
        if error < self._best:
            self._best, self._best_step, self._n_since = error, step, 0
            self._state = {name: value.clone() for name, value in network.state_dict().items()}
        return self._n_since >= self._patience

    def restore(self, network: nn.Module) -> int:
        """Put the best state back and return the step it was of."""
        if self._state:  # none if no error was finite, which is for the caller to say
            network.load_state_dict(self._state)
        return self._best_step
