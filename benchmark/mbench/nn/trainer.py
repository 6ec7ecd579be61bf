"""The reference regressor: a network fitted by minibatch Adam for a fixed number of steps, as scikit-learn fits."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn

from mbench.errors import SubmissionError
from mbench.nn.features import FourierFeatures, TaylorFeatures
from mbench.nn.held_out import HeldOut
from mbench.nn.networks import MLP
from mbench.nn.regularisers import WeightRules, lipschitz_bound, squared_slope
from mbench.nn.training import training
from mbench.types import FloatArray

# Rows per forward pass, always full: what a row yields may not depend on how many are asked. Larger blocks leave the
# cache: 256 rows are the fastest for 1,026 and for 13,328 features (0.6 of the time of 1024 rows).
PREDICT_BLOCK = 256
# Targets reach this far into tanh's range (-1, 1), and the learning rate rises over this share of the steps. Without
# the two, one-hot targets drive every tanh to where its slope is zero and training stops: after 318 steps on MNIST the
# error rate was 0.76 instead of 0.06, with powers as features 0.80 instead of 0.06 (0.91 without the rise alone).
TANH_REACH = 0.8
WARM_UP = 0.1
CHECK_EVERY = 100  # steps between looks at the loss, each of which waits for the device

FeatureFactory = Callable[[int], nn.Module]


class TorchRegressor(RegressorMixin, BaseEstimator):
    """A leaky-ReLU network with tanh outputs, on the inputs or on features of them, as a scikit-learn regressor.

    Inputs are taken as they are: features expect [-1, 1] per column. Targets are shifted per column and scaled by one
    factor into tanh's range, so that the loss stays the mean squared error over all outputs.

    features: None for the inputs themselves, "taylor" or "fourier" with `orders`, or a function from the number of
        inputs to an nn.Module with `n_features`, such as `partial(FourierFeatures, orders=256, falloff=1.0)`.
    width, depth: units per hidden layer, hidden layers.
    steps: minibatches of `batch_size` rows to take, never a clock, so that the same seed gives the same network.
    learning_rate: Adam's peak, reached after a tenth of the steps; falls to `decay` times itself along half a cosine.
    random_state: seeds the network and the order of the rows (the same on one machine and number of threads).
    threads: torch's while fitting and predicting; None leaves torch's own number.
    snapshots: about how many times `snapshot` is called, closer together early on.
    l1, weight_decay, max_weight, max_norm: see `WeightRules`; None sets no limit.
    gradient_penalty: weight of the squared slope of the outputs with respect to X, in the loss. See `squared_slope`.
    dropout: share of the reference network's hidden units silenced in each row of each minibatch.
    validation_fraction: share of the rows held out. The network ends as it was when it did best on them, and training
        ends early once it did no better for `patience` looks, one every `CHECK_EVERY` steps.
    Override `make_network` for another architecture, `penalty` for another term of the loss.

    Fitted: `network_`, `n_params_`, `n_steps_`, `lipschitz_bound_`, in units of y per unit of X (None where a module
    of the network has no known bound); with l1 `n_zeros_`, the weights that are exactly 0; with held-out rows
    `best_step_`.
    Source: Kingma & Ba, "Adam" (2015); Loshchilov & Hutter, "SGDR" (2017), its cosine without restarts.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "features": [None, StrOptions({"taylor", "fourier"}), callable],
        "orders": [Interval(Integral, 1, None, closed="left")],
        "width": [Interval(Integral, 1, None, closed="left")],
        "depth": [Interval(Integral, 1, None, closed="left")],
        "steps": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "decay": [Interval(Real, 0, 1, closed="both")],
        "random_state": ["random_state"],
        "device": [str],
        "threads": [Interval(Integral, 1, None, closed="left"), None],
        "snapshots": [Interval(Integral, 1, None, closed="left")],
        "l1": [Interval(Real, 0, None, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "max_weight": [Interval(Real, 0, None, closed="neither"), None],
        "max_norm": [Interval(Real, 0, None, closed="neither"), None],
        "gradient_penalty": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "patience": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        features: str | FeatureFactory | None = None,
        orders: int = 8,
        width: int = 128,
        depth: int = 4,
        steps: int = 2000,
        batch_size: int = 256,
        learning_rate: float = 3e-3,
        decay: float = 0.01,
        random_state: Any = None,
        device: str = "cpu",
        threads: int | None = None,
        snapshots: int = 50,
        l1: float = 0.0,
        weight_decay: float = 0.0,
        max_weight: float | None = None,
        max_norm: float | None = None,
        gradient_penalty: float = 0.0,
        dropout: float = 0.0,
        validation_fraction: float = 0.0,
        patience: int = 10,
    ) -> None:
        """Store the parameters, which the class describes."""
        self.features = features
        self.orders = orders
        self.width = width
        self.depth = depth
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.decay = decay
        self.random_state = random_state
        self.device = device
        self.threads = threads
        self.snapshots = snapshots
        self.l1 = l1
        self.weight_decay = weight_decay
        self.max_weight = max_weight
        self.max_norm = max_norm
        self.gradient_penalty = gradient_penalty
        self.dropout = dropout
        self.validation_fraction = validation_fraction
        self.patience = patience

    def __sklearn_tags__(self) -> Any:
        """Say that several outputs are fine."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def make_network(self, n_inputs: int, n_outputs: int) -> nn.Module:
        """Return an untrained network from rows (m, n_inputs) to (m, n_outputs) in (-1, 1), on the CPU.

        May draw from torch's global CPU generator, which is seeded for the call and put back after it.
        """
        if self.features is None:
            return MLP(n_inputs, n_outputs, self.width, self.depth, dropout=self.dropout)
        if callable(self.features):
            features: Any = self.features(n_inputs)
        else:
            features = {"taylor": TaylorFeatures, "fourier": FourierFeatures}[self.features](n_inputs, self.orders)
        return nn.Sequential(
            features, MLP(features.n_features, n_outputs, self.width, self.depth, dropout=self.dropout)
        )

    def penalty(self, X: Tensor) -> Tensor | None:
        """Return what is added to the loss of a minibatch X (m, d), a scalar, or None. `network_` is the network."""
        return None

    def fit(self, X: Any, y: Any, snapshot: Callable[[int], object] | None = None) -> Self:
        """Learn from X (n, d) and y (n,) or (n, k).

        snapshot: called with the number of steps taken, from 0 to `steps`; `predict` then answers as of that step.
        Raises SubmissionError when the loss is no longer finite.
        """
        self._validate_params()
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32), multi_output=True, y_numeric=True)
        targets = self._scale_targets(y)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        # Only the CPU's generator is seeded, and only here: the caller's random numbers are not ours to change.
        with _torch_threads(self.threads), torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.network_ = self.make_network(X.shape[1], targets.shape[1]).to(self.device)
            self.n_params_ = sum(p.numel() for p in self.network_.parameters() if p.requires_grad)
            self._train(_tensor(X, self.device), _tensor(targets, self.device), seed, snapshot)
        return self

    def predict(self, X: Any) -> FloatArray:
        """Return the outputs for X (m, d): (m, k) float64, or (m,) where y was."""
        check_is_fitted(self, "network_")
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        outputs = np.empty((len(X), len(self.target_centre_)), dtype=np.float32)
        block = np.zeros((PREDICT_BLOCK, X.shape[1]), dtype=np.float32)
        network = self.network_.to(self.device).eval()
        with _torch_threads(self.threads), torch.inference_mode():
            for start in range(0, len(X), PREDICT_BLOCK):
                rows = X[start : start + PREDICT_BLOCK]
                block[: len(rows)] = rows
                answer = network(torch.from_numpy(block).to(self.device)).cpu().numpy()
                outputs[start : start + len(rows)] = answer[: len(rows)]
        values = self.target_centre_ + self.target_scale_ * outputs.astype(np.float64)
        return values[:, 0] if self.target_ndim_ == 1 else values

    def learning_rate_at(self, step: int) -> float:
        """Return Adam's learning rate for step 0 … steps-1."""
        peak = math.ceil(WARM_UP * self.steps) - 1
        if step <= peak:
            return self.learning_rate * (step + 1) / (peak + 1)
        share = (step - peak) / (self.steps - 1 - peak)
        return self.learning_rate * (self.decay + (1.0 - self.decay) * 0.5 * (1.0 + math.cos(math.pi * share)))

    def snapshot_steps(self) -> list[int]:
        """Return the steps a snapshot is taken after: 0, then about `snapshots` more up to `steps`, evenly in log."""
        # From the last step down to the first: geomspace of a single number would give the first alone.
        return [0, *np.unique(np.geomspace(self.steps, 1, self.snapshots).round().astype(int)).tolist()]

    def _scale_targets(self, y: FloatArray) -> FloatArray:
        self.target_ndim_ = y.ndim
        y = y.reshape(len(y), -1).astype(np.float64)
        low, high = y.min(axis=0), y.max(axis=0)
        self.target_centre_ = (low + high) / 2
        # One factor for all columns: a factor each would weigh the columns of the pooled error by their ranges.
        self.target_scale_ = (float((high - low).max()) / 2 or 1.0) / TANH_REACH
        return (y - self.target_centre_) / self.target_scale_

    def _train(self, X: Tensor, y: Tensor, seed: int, snapshot: Callable[[int], object] | None) -> None:
        rules = WeightRules(
            self.network_,
            l1=self.l1,
            weight_decay=self.weight_decay,
            max_weight=self.max_weight,
            max_norm=self.max_norm,
        )
        signs = torch.Generator().manual_seed(seed)
        X, y, held_out = self._hold_out(X, y, seed)
        due = set(self.snapshot_steps()) if snapshot is not None else set()
        self.n_steps_ = 0
        for step in training(self.network_, X, y, self.learning_rate_at, self.batch_size, seed):
            step.rules, step.measure_rows = rules, partial(self._loss, signs)
            self.n_steps_ = step.number
            if step.loss is not None and (step.number - 1) % CHECK_EVERY == 0:
                self._check_finite(step.loss.item(), step.number - 1)
                if held_out is not None and held_out.look(self.network_, step.number):
                    break
            if step.number == self.steps:
                break
            if snapshot is not None and step.number in due:
                snapshot(step.number)
        if held_out is not None:
            held_out.look(self.network_, self.n_steps_)
            self.best_step_ = held_out.restore(self.network_)
        rules.finish()
        self.network_.eval()
        with torch.no_grad():  # what the last step left behind has not been looked at yet
            some = X[: self.batch_size], y[: self.batch_size]
            self._check_finite(nn.functional.mse_loss(self.network_(some[0]), some[1]).item(), self.n_steps_)
        if self.l1:
            self.n_zeros_ = rules.count_zeros()
        self.lipschitz_bound_ = self._bound_slope()
        if snapshot is not None:
            snapshot(self.n_steps_)

    def _loss(self, signs: torch.Generator, X: Tensor, y: Tensor) -> Tensor:
        X.requires_grad_(self.gradient_penalty > 0)
        outputs = self.network_(X)
        loss = nn.functional.mse_loss(outputs, y)
        if self.gradient_penalty:
            loss = loss + self.gradient_penalty * squared_slope(outputs, X, signs)
        penalty = self.penalty(X)
        return loss if penalty is None else loss + penalty

    def _hold_out(self, X: Tensor, y: Tensor, seed: int) -> tuple[Tensor, Tensor, HeldOut | None]:
        """Return the rows to learn from, and those that are held out, if any are."""
        n = int(self.validation_fraction * len(X))
        if n == 0:
            return X, y, None
        order = torch.randperm(len(X), generator=torch.Generator().manual_seed(seed)).to(X.device)
        return X[order[n:]], y[order[n:]], HeldOut(X[order[:n]], y[order[:n]], self.patience)

    def _bound_slope(self) -> float | None:
        try:
            return self.target_scale_ * lipschitz_bound(self.network_)
        except TypeError:
            return None

    def _check_finite(self, loss: float, step: int) -> None:
        if not math.isfinite(loss):
            raise SubmissionError(
                f"{type(self).__name__}: the loss is {loss} at step {step} of {self.steps}, expected a finite number. "
                f"Lower learning_rate (now {self.learning_rate:g}) or scale X to [-1, 1]."
            )

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: the network on the CPU, so that a machine without the device can load it."""
        parent: Any = super()  # scikit-learn's own type is too wide to be of use
        state = dict(parent.__getstate__())
        if "network_" in state and self.device != "cpu":
            state["network_"] = copy.deepcopy(self.network_).cpu()
        return state


def _tensor(values: FloatArray, device: str) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device)


@contextmanager
def _torch_threads(threads: int | None) -> Iterator[None]:
    """Give torch `threads` threads inside the block; None leaves its own number."""
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
