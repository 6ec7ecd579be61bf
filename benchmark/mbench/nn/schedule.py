"""The size and the schedule that the network baselines share, so that their scores differ by their features alone."""

from __future__ import annotations

from typing import Any

from mbench.types import Spec

WIDTH = 128
DEPTH = 4
BATCH_SIZE = 256

# Milliseconds a step took on one core of a 2026 server CPU: a fixed part, and a part per million parameters.
STEP_MS = 0.7
STEP_MS_PER_MILLION = 15.0
# Half of the limit on a core that is 1.5 times as slow.
SHARE_OF_LIMIT = 1 / 3


def reference_orders(n_inputs: int) -> int:
    """Return how many harmonics of each input the Fourier baseline takes: 256 for up to three inputs, else 8."""
    return 256 if n_inputs <= 3 else 8


def affordable_steps(fit_limit_s: float, step_ms: float) -> int:
    """Return how many steps of `step_ms`, on one core of a 2026 server CPU, a network baseline takes within a limit."""
    return max(1, int(1000.0 * fit_limit_s * SHARE_OF_LIMIT / step_ms))


def reference_steps(n_inputs: int, fit_limit_s: float) -> int:
    """Return the steps every network baseline takes: what the slowest, Fourier's, can afford of the limit.

    Steps are counted, never timed, so that a rerun with the same seed gives the same numbers.
    """
    n_features = n_inputs * (1 + 2 * reference_orders(n_inputs))
    n_params = (n_features + (DEPTH - 1) * WIDTH) * WIDTH
    step_ms = STEP_MS + STEP_MS_PER_MILLION * n_params / 1e6
    return affordable_steps(fit_limit_s, step_ms)


def reference_learning_rate(n_features: int) -> float:
    """Return Adam's peak learning rate for a first layer of `n_features` inputs: 0.01, less beyond 1,100 of them.

    0.01 is the best of docs/rates.md's grid for the network on 1 to 1,026 features. One step of Adam moves every weight
    by about the rate, so a unit's sum by up to the rate times the features. With 0.003 the 13,328 features of MNIST
    left an error rate of 0.9; with 0.001 0.18, 0.0003 0.11, 0.0001 0.15.
    """
    return 1e-2 if n_features <= 1_100 else 4.0 / n_features


def reference_settings(spec: Spec) -> dict[str, Any]:
    """Return the parameters of `TorchRegressor` that the network baselines share."""
    return {
        "width": WIDTH,
        "depth": DEPTH,
        "steps": reference_steps(spec.n_inputs, spec.fit_limit_s),
        "batch_size": BATCH_SIZE,
        "random_state": spec.seed,
        "device": spec.device,
        "threads": spec.threads,
    }
