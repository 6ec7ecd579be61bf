"""What keeps a network simple: penalties on its slope, and limits on its weights that hold after every step."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

# The largest slope of what may stand between the linear layers.
_SLOPES: dict[type[nn.Module], float] = {
    nn.LeakyReLU: 1.0,
    nn.ReLU: 1.0,
    nn.Tanh: 1.0,
    nn.Sigmoid: 0.25,
    nn.Identity: 1.0,
    nn.Dropout: 1.0,  # passes everything on once training is over
}


class WeightRules:
    """What is done to a network's weights after every step; biases and gains go free.

    Source: weight decay apart from Adam's scaling, Loshchilov & Hutter, "Decoupled weight decay regularization" (2019);
    l1 by its proximal operator, Parikh & Boyd, "Proximal algorithms" (2014), so that zeros are exact; weight clipping,
    Arjovsky et al., "Wasserstein GAN" (2017); spectral norms by projection, Gouk et al., "Regularisation of neural
    networks by enforcing Lipschitz continuity" (2021).
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        l1: float = 0.0,
        weight_decay: float = 0.0,
        max_weight: float | None = None,
        max_norm: float | None = None,
    ) -> None:
        """l1: takes `l1` times the learning rate off every weight's size each step, down to 0.

        weight_decay: takes this share, times the learning rate, of every weight.  max_weight: no weight is larger in
        size.  max_norm: no linear layer's largest singular value is larger.
        """
        self._l1 = l1
        self._weight_decay = weight_decay
        self._max_weight = max_weight
        self._max_norm = max_norm
        self._weights = [p for p in network.parameters() if p.requires_grad and p.dim() >= 2]
        self._matrices = [m.weight for m in network.modules() if isinstance(m, nn.Linear)]
        # Where the power iteration is: one round a step follows the singular vector, which moves little in one.
        self._directions = [torch.ones(w.shape[1], device=w.device) / math.sqrt(w.shape[1]) for w in self._matrices]

    @torch.no_grad()
    def apply(self, learning_rate: float) -> None:
        """Shrink the weights after a step of this learning rate, and bring them within their limits."""
        if self._weight_decay:
            for weight in self._weights:
                weight.mul_(1.0 - learning_rate * self._weight_decay)
        if self._l1:
            for weight in self._weights:
                weight.copy_(nn.functional.softshrink(weight, learning_rate * self._l1))
        if self._max_weight is not None:
            for weight in self._weights:
                weight.clamp_(-self._max_weight, self._max_weight)
        if self._max_norm is not None:
            for i, weight in enumerate(self._matrices):
                image = weight @ self._directions[i]
                back = weight.T @ (image / image.norm().clamp(min=1e-12))
                self._directions[i] = back / back.norm().clamp(min=1e-12)
                weight.div_((back.norm() / self._max_norm).clamp(min=1.0))

    @torch.no_grad()
    def finish(self) -> None:
        """Bring the singular values within the limit exactly: the power iteration comes to them from below."""
        if self._max_norm is not None:
            for weight in self._matrices:
                weight.div_((torch.linalg.matrix_norm(weight, 2) / self._max_norm).clamp(min=1.0))

    def count_zeros(self) -> int:
        """Return how many weights are exactly zero."""
        return sum(int((weight == 0).sum()) for weight in self._weights)


def squared_slope(outputs: Tensor, x: Tensor, generator: torch.Generator) -> Tensor:
    """Return an unbiased estimate of the mean over rows of the Jacobian's squared Frobenius norm, to be minimised.

    outputs (m, k) of x (m, d), which requires its gradient.  generator: signs of a random sum of the k outputs, which
    takes one backward pass where the whole Jacobian takes k; exact for k = 1.
    Source: Drucker & LeCun, "Improving generalization performance using double backpropagation" (1992); the estimate is
    Hutchinson's (1990).
    """
    signs = torch.randint(0, 2, outputs.shape, generator=generator).to(outputs) * 2 - 1
    (slopes,) = torch.autograd.grad((outputs * signs).sum(), x, create_graph=True)
    return slopes.square().sum(dim=1).mean()


def constant_slope(outputs: Tensor, x: Tensor, generator: torch.Generator, slope: float = 1.0) -> Tensor:
    """Return the mean over rows of (|gradient| - slope)², to be minimised, so that the slope is the same everywhere.

    outputs (m, k) of x (m, d), which requires its gradient. The gradient is that of a random sum of the k outputs, with
    a sign each; for k = 1 that of the output.
    Source: Gulrajani et al., "Improved training of Wasserstein GANs" (2017), its penalty, on the rows themselves.
    """
    signs = torch.randint(0, 2, outputs.shape, generator=generator).to(outputs) * 2 - 1
    (slopes,) = torch.autograd.grad((outputs * signs).sum(), x, create_graph=True)
    # Not norm(): its gradient at 0 is not a number.
    return (slopes.square().sum(dim=1).clamp(min=1e-12).sqrt() - slope).square().mean()


def measured_slope(network: nn.Module, x: Tensor) -> float:
    """Return the largest slope of a network at rows x (m, d): the largest singular value of any row's Jacobian.

    What the network can do elsewhere is no less, and no more than `lipschitz_bound`. Every row is to be answered alone:
    no row's outputs may hang on another's inputs.
    """
    x = x.detach().clone().requires_grad_()
    outputs = network(x)
    rows = [torch.autograd.grad(outputs[:, i].sum(), x, retain_graph=True)[0] for i in range(outputs.shape[1])]
    return float(torch.linalg.matrix_norm(torch.stack(rows, dim=1).double(), 2).max())


@torch.no_grad()
def lipschitz_bound(network: nn.Module) -> float:
    """Return how much further apart, in Euclid's norm, a network's outputs can be than its inputs.

    The product of the linear layers' largest singular values and the slopes between them: an upper bound, rarely
    reached. A module of another kind says its own in a method `lipschitz_bound()`; raises TypeError where none does.
    Source: Szegedy et al., "Intriguing properties of neural networks" (2014), section 4.3.
    """
    own = getattr(network, "lipschitz_bound", None)
    if own is not None:
        return float(own())
    if isinstance(network, nn.Linear):
        return float(torch.linalg.matrix_norm(network.weight.double(), 2))
    if isinstance(network, nn.Sequential):
        return math.prod(lipschitz_bound(module) for module in network)
    slope = _SLOPES.get(type(network))
    if slope is None:
        raise TypeError(f"{type(network).__name__}: has no known Lipschitz bound. Give it a method lipschitz_bound()")
    return slope
