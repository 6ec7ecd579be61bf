"""The reference network: a plain multilayer perceptron."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

from torch import Tensor, nn

from mbench.nn.regularisers import lipschitz_bound

LEAK = 0.01  # torch's own default slope below zero

Activation = Literal["leaky_relu", "relu", "sigmoid"]

# Each with its gain, the factor on the first weights.
ACTIVATIONS: MappingProxyType[str, tuple[Callable[[], nn.Module], float]] = MappingProxyType(
    {
        "leaky_relu": (lambda: nn.LeakyReLU(LEAK), math.sqrt(2.0 / (1.0 + LEAK**2))),
        "relu": (nn.ReLU, math.sqrt(2.0)),
        "sigmoid": (nn.Sigmoid, 4.0),
    }
)


class MLP(nn.Module):
    """Fully connected layers, an activation after each, tanh at the end: (m, n_inputs) to (m, n_outputs) in (-1, 1)."""

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        width: int,
        depth: int,
        activation: Activation = "leaky_relu",
        dropout: float = 0.0,
    ) -> None:
        """width: units of a hidden layer.  depth: hidden layers, >= 1.  dropout: share of units silenced in training.

        Weights start normal with variance gain² / fan-in. With a gain² of 2, what is (nearly) zero below zero keeps the
        size of the signal from layer to layer (He et al., "Delving deep into rectifiers", 2015); 16 makes up for the
        slope of sigmoids, 1/4 (Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural
        networks", 2010). Biases start uniform within 1 / sqrt(fan-in), which spreads the kinks of the first layer over
        the domain. Draws from torch's global generator, as every torch module does.
        """
        super().__init__()
        if width < 1 or depth < 1:
            raise ValueError(f"width and depth must be at least 1, got {width} and {depth}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}")
        make, gain = ACTIVATIONS[activation]
        sizes = [n_inputs] + [width] * depth
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(sizes):
            hidden = nn.Linear(fan_in, fan_out)
            nn.init.normal_(hidden.weight, std=gain / math.sqrt(fan_in))
            layers += [hidden, make()]
            if dropout:
                layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers, nn.Linear(width, n_outputs), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs for x (m, n_inputs): (m, n_outputs)."""
        return self.layers(x)

    def lipschitz_bound(self) -> float:
        """Return the bound of the layers in a row."""
        return lipschitz_bound(self.layers)
