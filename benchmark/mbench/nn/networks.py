"""The reference network: a plain multilayer perceptron."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from mbench.nn.regularisers import lipschitz_bound

LEAK = 0.01  # torch's own default slope below zero


class MLP(nn.Module):
    """Fully connected layers, leaky ReLU between them, tanh at the end: (m, n_inputs) to (m, n_outputs) in (-1, 1)."""

    def __init__(self, n_inputs: int, n_outputs: int, width: int, depth: int, dropout: float = 0.0) -> None:
        """width: units of a hidden layer.  depth: hidden layers, >= 1.  dropout: share of units silenced in training.

        Weights start normal with variance 2 / fan-in, which keeps the size of the signal from layer to layer (He et
        al., "Delving deep into rectifiers", 2015); biases uniform within 1 / sqrt(fan-in), which spreads the kinks of
        the first layer over the domain. Draws from torch's global generator, as every torch module does.
        """
        super().__init__()
        if width < 1 or depth < 1:
            raise ValueError(f"width and depth must be at least 1, got {width} and {depth}")
        sizes = [n_inputs] + [width] * depth
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(sizes):
            hidden = nn.Linear(fan_in, fan_out)
            nn.init.kaiming_normal_(hidden.weight, a=LEAK)
            layers += [hidden, nn.LeakyReLU(LEAK)]
            if dropout:
                layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers, nn.Linear(width, n_outputs), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs for x (m, n_inputs): (m, n_outputs)."""
        return self.layers(x)

    def lipschitz_bound(self) -> float:
        """Return the bound of the layers in a row."""
        return lipschitz_bound(self.layers)
