"""The reference regressor under a penalty that asks for the same slope everywhere."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mbench.nn.regularisers import constant_slope
from mbench.nn.trainer import TorchRegressor


class ConstantSlopeRegressor(TorchRegressor):
    """`TorchRegressor` with one more term in its loss: how far its slope is from 1, in units of the scaled targets.

    constant: the term's weight; 0 leaves it out.
    Source: Gulrajani et al., "Improved training of Wasserstein GANs" (2017), for the penalty.
    """

    def __init__(self, constant: float = 0.0, **parameters: Any) -> None:
        """parameters: those of `TorchRegressor`."""
        super().__init__(**parameters)
        self.constant = constant

    @classmethod
    def _get_param_names(cls) -> list[str]:
        return sorted([*TorchRegressor._get_param_names(), "constant"])

    def penalty(self, X: Tensor) -> Tensor | None:
        """Return the term; the signs in it come from torch's generator, which `fit` seeds."""
        if not self.constant:
            return None
        X = X.detach().requires_grad_()
        return self.constant * constant_slope(self.network_(X), X, torch.default_generator)
