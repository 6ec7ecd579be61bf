"""Predictions to numbers: the metrics that tasks name, the depth profile, skills. Arrays and floats in, floats out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from mbench.errors import HarnessError
from mbench.suite.tasks import Task
from mbench.suite.tasks.looks import Pixels
from mbench.suite.tracks import SKILL_CAP
from mbench.types import FloatArray, IntArray

N_BLOCKS = (50, 10)  # of test points, in the stratum near the set and in the rest
_SSIM_C1, _SSIM_C2 = 0.01**2, 0.03**2  # for values in [0, 1]
_SSIM_SIGMA, _SSIM_RADIUS = 1.5, 5  # of a Gaussian window of 11 x 11 pixels


@dataclass(frozen=True, slots=True)
class Answers:
    """What was predicted at the test points of a task: all that a metric may look at.

    points: (m, p), in the task's own coordinates.  predicted, truth: (m, k).  weight: (m,), sums to 1.
    """

    task: Task
    points: FloatArray
    predicted: FloatArray
    truth: FloatArray
    weight: FloatArray


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that answers are worth, finite for all finite ones. A task lists it by its name, its error first.

    label: short, as in a caption.  title: in full.  unit, digits: how a value is shown.
    """

    name: str
    label: str
    title: str
    measure: Callable[[Answers], float]
    unit: str = ""
    digits: int = 4
    higher_is_better: bool = False

    def show(self, value: float) -> str:
        """Return a value in words, as in "PSNR 21.3 dB"."""
        return f"{self.label} {value:.{self.digits}f}{self.unit and ' '}{self.unit}"


@dataclass(frozen=True, slots=True)
class Profile:
    """How well each octave of the zoom ladder was predicted, over the ladder's centres.

    A window's score is clip(1 - MSE / variance of the truth in the window, 0, 1); one entry per octave of its mean and
    its quartiles.
    centres: each centre's part of the depth, which they sum to.  blocks: likewise the parts of the uniform test set's
    error, of `N_BLOCKS` blocks of points in each stratum. Both are rounded to six digits: they tell how much the choice
    of the test set may matter. () for a record that does not say.
    """

    mean: tuple[float, ...]
    lower_quartile: tuple[float, ...]
    upper_quartile: tuple[float, ...]
    centres: tuple[float, ...] = ()
    blocks: tuple[float, ...] = ()

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
    return mean_squared_error(predicted, exact, weight) / _variance(exact, weight)


def _variance(exact: FloatArray, weight: FloatArray) -> float:
    """Return the weighted variance of rows (m, k) about their weighted mean, summed over outputs."""
    return float(weight @ np.square(exact - weight @ exact).sum(axis=1))


def error_rate(predicted: FloatArray, truth: FloatArray) -> float:
    """Return the share of rows whose largest output is not the label's. truth: (m, k) one-hot."""
    return float(np.mean(predicted.argmax(axis=1) != truth.argmax(axis=1)))


def psnr_db(predicted: FloatArray, truth: FloatArray, weight: FloatArray) -> float:
    """Return the peak signal-to-noise ratio in dB for a peak of 1, the error averaged over outputs; at most 200."""
    mse = mean_squared_error(predicted, truth, weight) / truth.shape[1]
    return float(-10.0 * np.log10(max(mse, 1e-20)))


def error_percentile(predicted: FloatArray, truth: FloatArray, weight: FloatArray, share: float) -> float:
    """Return the least distance between predicted and true outputs that a share of the weight does not exceed.

    predicted, truth: (m, k); with one output the distance is the absolute error.
    """
    distance = np.linalg.norm(predicted.astype(np.float64) - truth, axis=1)
    order = np.argsort(distance)
    reached = np.cumsum(weight[order])
    # Weights that sum to 1 do so but for rounding.
    return float(distance[order[min(np.searchsorted(reached, share * (1.0 - 1e-12)), len(order) - 1)]])


def structural_similarity(one: FloatArray, other: FloatArray) -> float:
    """Return the mean structural similarity of two pictures (height, width, k) in [0, 1], a mean over k; in [-1, 1].

    Windows that reach over an edge are left out, as in the source. A picture smaller than a window is mirrored at its
    edges, and its middle counts.
    Source: Wang, Bovik, Sheikh & Simoncelli, "Image quality assessment: from error visibility to structural similarity"
    (2004): a Gaussian window of 11 x 11 pixels, sigma 1.5, K = 0.01 and 0.03.
    """
    from scipy.ndimage import gaussian_filter

    def blur(picture: FloatArray) -> FloatArray:
        sigma = (_SSIM_SIGMA, _SSIM_SIGMA, 0.0)
        return gaussian_filter(picture, sigma, mode="mirror", radius=(_SSIM_RADIUS, _SSIM_RADIUS, 0))

    one, other = one.astype(np.float64), other.astype(np.float64)
    mean_1, mean_2 = blur(one), blur(other)
    variances = blur(one * one) - mean_1**2 + blur(other * other) - mean_2**2
    covariance = blur(one * other) - mean_1 * mean_2
    likeness = (2.0 * mean_1 * mean_2 + _SSIM_C1) * (2.0 * covariance + _SSIM_C2)
    likeness /= (mean_1**2 + mean_2**2 + _SSIM_C1) * (variances + _SSIM_C2)
    rows, columns = (min(_SSIM_RADIUS, (side - 1) // 2) for side in one.shape[:2])
    return float(likeness[rows : one.shape[0] - rows, columns : one.shape[1] - columns].mean())


def picture_similarity(answers: Answers) -> float:
    """Return the structural similarity of a photo's whole picture to the photo, as a screen would show it.

    A pixel that was tested has its predicted colour, clipped to [0, 1]. One that was sampled has its true colour, which
    the submission was given: it was not asked there.
    """
    look = answers.task.look
    assert isinstance(look, Pixels), answers.task.name
    row, column = np.divmod(np.arange(look.height * look.width, dtype=np.float64), look.width)
    true = answers.task.truth(np.stack([column, row], axis=1)).reshape(look.height, look.width, -1)
    shown = true.copy()
    column, row = answers.points.astype(np.int64).T
    shown[row, column] = np.clip(answers.predicted, 0.0, 1.0)
    return structural_similarity(shown, true)


def depth_profile(predicted: FloatArray, truth: FloatArray, octave: IntArray, centre: IntArray) -> Profile:
    """Score every window of the zoom ladder and summarise each octave over its centres.

    predicted, truth: (m, 1).  octave, centre: (m,), the window each row lies in.
    """
    n_centres = int(centre.max()) + 1
    window = octave * n_centres + centre
    size = (int(octave.max()) + 1, n_centres)
    count = np.bincount(window, minlength=size[0] * size[1])
    there = count > 0  # an octave has the first of the centres, not all

    def window_mean(value: FloatArray) -> FloatArray:
        return np.bincount(window, weights=value, minlength=len(count)) / np.maximum(count, 1)

    exact = truth[:, 0].astype(np.float64)
    mse = window_mean(np.square(predicted[:, 0] - exact))
    variance = window_mean(np.square(exact - window_mean(exact)[window]))
    score = np.full(len(count), np.nan)
    score[there] = np.clip(1.0 - mse[there] / variance[there], 0.0, 1.0)
    score = score.reshape(size)
    lower, upper = np.nanquantile(score, [0.25, 0.75], axis=1)
    parts = np.nansum(score / there.reshape(size).sum(axis=1, keepdims=True), axis=0)
    means = np.nanmean(score, axis=1)
    return Profile(*(tuple(each.tolist()) for each in (means, lower, upper)), centres=_six_digits(parts))


def error_blocks(predicted: FloatArray, truth: FloatArray, weight: FloatArray) -> tuple[float, ...]:
    """Return the parts of the fraction of variance unexplained, which they sum to, of blocks of points.

    predicted, truth: (m, k).  weight: (m,), sums to 1; a stratum is a run of points of one weight, cut into as many
    blocks as `N_BLOCKS` says.
    """
    exact = truth.astype(np.float64)
    parts = weight * np.square(predicted.astype(np.float64) - exact).sum(axis=1) / _variance(exact, weight)
    strata = np.split(parts, np.flatnonzero(np.diff(weight)) + 1)
    if len(strata) != len(N_BLOCKS):
        return ()
    cut = [block.sum() for part, n in zip(strata, N_BLOCKS, strict=True) for block in np.array_split(part, n)]
    return _six_digits(np.array(cut))


def _six_digits(values: FloatArray) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") for value in values)


@lru_cache(maxsize=256)  # an entry's cells are scored together, then replicate by replicate
def skill(error: float, constant_error: float, knn_error: float) -> float:
    """Return 100 · ln(E₀/E) / ln(E₀/E_knn), clipped to [0, 200]: 0 has learned nothing, 100 interpolates the sample."""
    if error <= 0.0:
        return SKILL_CAP
    ratio = np.log(constant_error / error) / np.log(constant_error / knn_error)
    return float(min(max(100.0 * ratio, 0.0), SKILL_CAP))


def equivalent_samples(error: float, sizes: Sequence[float], errors: Sequence[float]) -> float:
    """Return how many points k-NN needs for this error, by its learning curve, straight between points on log-log axes.

    sizes, errors: (n,), sizes ascending. Clipped to the curve's ends.
    """
    log_error = np.log(max(error, 1e-300))
    return float(np.exp(np.interp(-log_error, *_log_curve(tuple(sizes), tuple(errors)))))


@lru_cache(maxsize=64)
def _log_curve(sizes: tuple[float, ...], errors: tuple[float, ...]) -> tuple[FloatArray, FloatArray]:
    """Return how much k-NN has learned, minus the logarithm of its least error so far, and the logarithm of sizes."""
    return -np.log(np.minimum.accumulate(errors)), np.log(sizes)


METRICS: MappingProxyType[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric(
                "fvu",
                "FVU",
                "fraction of variance unexplained",
                lambda a: fraction_unexplained(a.predicted, a.truth, a.weight),
            ),
            Metric("error_rate", "error rate", "error rate", lambda a: error_rate(a.predicted, a.truth)),
            Metric(
                "psnr_db",
                "PSNR",
                "peak signal-to-noise ratio",
                lambda a: psnr_db(a.predicted, a.truth, a.weight),
                unit="dB",
                digits=1,
                higher_is_better=True,
            ),
            Metric(
                "ssim",
                "SSIM",
                "structural similarity of the whole picture",
                picture_similarity,
                digits=3,
                higher_is_better=True,
            ),
            Metric(
                "error_p99",
                "99% within",
                "distance that 99% of the predictions keep to the truth",
                lambda a: error_percentile(a.predicted, a.truth, a.weight, 0.99),
                digits=3,
            ),
        )
    }
)


def find_metric(name: str) -> Metric:
    """Return the metric of this name. Raises HarnessError for one that a task names and nobody registered."""
    if name in METRICS:
        return METRICS[name]
    raise HarnessError(f"{__file__}: no metric {name!r} in METRICS: expected one of {', '.join(METRICS)}. Register it")
