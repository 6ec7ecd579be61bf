"""Predictions to numbers: errors, the depth profile, skills. Arrays and floats in, floats out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mbench.suite.tracks import SKILL_CAP
from mbench.types import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Profile:
    """How well each octave of the zoom ladder was predicted, over the ladder's centres.

    A window's score is clip(1 - MSE / variance of the truth in the window, 0, 1); one entry per octave of its mean and
    its quartiles.
    """

    mean: tuple[float, ...]
    lower_quartile: tuple[float, ...]
    upper_quartile: tuple[float, ...]

    @property
    def depth_octaves(self) -> float:
        """The sum of the means: how many octaves deep the approximation holds."""
        return float(sum(self.mean))


def mean_squared_error(predicted: FloatArray, truth: FloatArray, weight: FloatArray) -> float:
    """Return the weighted mean over rows of the squared error, summed over outputs. predicted, truth: (m, k)."""
    return float(weight @ np.square(predicted.astype(np.float64) - truth).sum(axis=1))


def fraction_unexplained(predicted: FloatArray, truth: FloatArray, weight: FloatArray) -> float:
    """Return the fraction of variance unexplained: MSE / variance of the truth, all outputs pooled; 1 is the mean's.

    predicted, truth: (m, k).  weight: (m,), sums to 1.
    """
    exact = truth.astype(np.float64)
    variance = float(weight @ np.square(exact - weight @ exact).sum(axis=1))
    return mean_squared_error(predicted, exact, weight) / variance


def error_rate(predicted: FloatArray, truth: FloatArray) -> float:
    """Return the share of rows whose largest output is not the label's. truth: (m, k) one-hot."""
    return float(np.mean(predicted.argmax(axis=1) != truth.argmax(axis=1)))


def psnr_db(predicted: FloatArray, truth: FloatArray, weight: FloatArray) -> float:
    """Return the peak signal-to-noise ratio in dB for a peak of 1, the error averaged over outputs; at most 200."""
    mse = mean_squared_error(predicted, truth, weight) / truth.shape[1]
    return float(-10.0 * np.log10(max(mse, 1e-20)))


def depth_profile(predicted: FloatArray, truth: FloatArray, octave: IntArray, centre: IntArray) -> Profile:
    """Score every window of the zoom ladder and summarise each octave over its centres.

    predicted, truth: (m, 1).  octave, centre: (m,), the window each row lies in.
    """
    n_centres = int(centre.max()) + 1
    window = octave * n_centres + centre
    size = (int(octave.max()) + 1, n_centres)

    def window_mean(value: FloatArray) -> FloatArray:
        count = np.bincount(window, minlength=size[0] * size[1])
        return np.bincount(window, weights=value, minlength=size[0] * size[1]) / count

    exact = truth[:, 0].astype(np.float64)
    mse = window_mean(np.square(predicted[:, 0] - exact))
    variance = window_mean(np.square(exact - window_mean(exact)[window]))
    score = np.clip(1.0 - mse / variance, 0.0, 1.0).reshape(size)
    lower, upper = np.quantile(score, [0.25, 0.75], axis=1)
    return Profile(tuple(score.mean(axis=1).tolist()), tuple(lower.tolist()), tuple(upper.tolist()))


def skill(error: float, constant_error: float, knn_error: float) -> float:
    """Return 100 · ln(E₀/E) / ln(E₀/E_knn), clipped to [0, 200]: 0 has learned nothing, 100 interpolates the sample."""
    if error <= 0.0:
        return SKILL_CAP
    ratio = np.log(constant_error / error) / np.log(constant_error / knn_error)
    return float(np.clip(100.0 * ratio, 0.0, SKILL_CAP))


def equivalent_samples(error: float, sizes: Sequence[float], errors: Sequence[float]) -> float:
    """Return how many points k-NN needs for this error, by its learning curve, straight between points on log-log axes.

    sizes, errors: (n,), sizes ascending. Clipped to the curve's ends.
    """
    falling = np.minimum.accumulate(errors)
    log_error = np.log(max(error, 1e-300))
    return float(np.exp(np.interp(-log_error, -np.log(falling), np.log(sizes))))
