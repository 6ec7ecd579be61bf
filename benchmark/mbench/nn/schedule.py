"""The size, the rate and the cost of a step that the network baselines share, and how many steps a limit leaves."""

from __future__ import annotations

from typing import Any

from mbench.types import Spec

WIDTH = 128
DEPTH = 4
BATCH_SIZE = 256

# Milliseconds a step of 256 rows takes on one idle core of a 2026 server CPU: a fixed part, and a part per million
# parameters. `python tests/measure_steps.py` measures them again.
STEP_MS = 0.6
STEP_MS_PER_MILLION = 20.0
# Half of the limit would leave no room: on a busy machine a step took up to 2.3 times as many processor seconds, and
# what comes before the first step up to 0.3 s.
SHARE_OF_LIMIT = 0.4
START_S = 0.3
POINTS_PER_ORDER = 12  # along an axis
FULL_RATE_REACH = 4e6  # features times steps


def reference_orders(n_inputs: int) -> int:
    """Return how many harmonics of each input the video's network takes: 256 for up to three inputs, else 8."""
    return 256 if n_inputs <= 3 else 8


def fourier_orders(n_inputs: int, n_samples: int) -> int:
    """Return how many harmonics of each input a sample bears: N^(1/d) / 12, at least 1, at most 256.

    N points in d inputs lie N^(1/d) to an axis, so that Nyquist's order is half of that; a sixth of it is about the
    best (docs/rates.md).
    """
    return min(max(1, round(n_samples ** (1.0 / n_inputs) / POINTS_PER_ORDER)), reference_orders(1))


def perceptron_step_ms(n_features: int) -> float:
    """Return the milliseconds of a step of the reference network on n_features, on one idle core of a 2026 server."""
    n_params = (n_features + (DEPTH - 1) * WIDTH) * WIDTH
    return STEP_MS + STEP_MS_PER_MILLION * n_params / 1e6


def affordable_steps(fit_limit_s: float, step_ms: float) -> int:
    """Return how many steps of `step_ms`, on one idle core of a 2026 server CPU, a network baseline takes.

    Steps are counted, never timed, so that a rerun with the same seed gives the same numbers.
    """
    return max(1, int(1000.0 * (SHARE_OF_LIMIT * fit_limit_s - START_S) / step_ms))


def reference_steps(n_inputs: int, fit_limit_s: float) -> int:
    """Return the steps for a comparison at equal steps: what the slowest, with the video's harmonics, can afford.

    The baselines on the board don't take these: there each has steps by its own cost (`affordable_steps`).
    """
    n_features = n_inputs * (1 + 2 * reference_orders(n_inputs))
    return affordable_steps(fit_limit_s, perceptron_step_ms(n_features))


def reference_learning_rate(n_features: int, steps: int = 0) -> float:
    """Return Adam's peak learning rate for a first layer of `n_features` inputs: 0.01, less beyond 1,100 of them.

    0.01 is the best of docs/rates.md's grid for the network on 1 to 1,026 features. One step of Adam moves every weight
    by about the rate, so a unit's sum by up to the rate times the features. With 0.003 the 13,328 features of MNIST
    left an error rate of 0.9; with 0.001 0.18, 0.0003 0.11, 0.0001 0.15.

    steps: where they times the features exceed FULL_RATE_REACH, the rate falls, down to 0.003. 1,026 harmonics of unit
    size learned well at 0.01 for 5,900 steps and ended at a constant after 13,000; at 0.003 they learned well for
    29,000, as did 2 inputs and 16 powers at 0.01 (docs/rates.md).
    """
    if n_features > 1_100:
        return 4.0 / n_features
    return min(1e-2, max(3e-3, 1e-2 * FULL_RATE_REACH / max(n_features * steps, 1)))


def reference_settings(spec: Spec, step_ms: float | None = None) -> dict[str, Any]:
    """Return the parameters of `TorchRegressor` that the network baselines share.

    step_ms: what a step costs, which decides how many there are; None for the equal steps of `reference_steps`.
    """
    if step_ms is None:
        steps = reference_steps(spec.n_inputs, spec.fit_limit_s)
    else:
        steps = affordable_steps(spec.fit_limit_s, step_ms)
    return {
        "width": WIDTH,
        "depth": DEPTH,
        "steps": steps,
        "batch_size": BATCH_SIZE,
        "random_state": spec.seed,
        "device": spec.device,
        "threads": spec.threads,
    }
