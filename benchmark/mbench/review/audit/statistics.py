"""From scores on the audit's sets to a few numbers, and from the baselines' numbers to bounds on anybody's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from types import MappingProxyType
from typing import ClassVar, Literal, get_args

import numpy as np

from mbench.disk import STRICT
from mbench.results import metrics
from mbench.results.store import Status
from mbench.review.audit.relatives import Group
from mbench.types import FloatArray, Queries

FVU_FLOOR = 1e-9  # an exact formula gains a finite number of bits
LEAK_CAP = 2.0  # bits: what is nearly exact errs on a handful of points, and on no two test sets alike
CONFIDENCE = 0.999  # of the bound on each statistic, one-sided

SetStatus = Status | Literal["inconsistent"]


@dataclass(frozen=True, slots=True)
class Score:
    """What answers to one test set were worth, beside k-NN's on the same sample; depth where there is a ladder."""

    __pydantic_config__: ClassVar = STRICT

    fvu: float
    knn_fvu: float
    depth_octaves: float | None = None
    knn_depth_octaves: float | None = None

    @property
    def bits(self) -> float:
        """Bits of precision a value gains on k-NN: ½ log₂ (FVU_knn / FVU)."""
        return 0.5 * math.log2(max(self.knn_fvu, FVU_FLOOR) / max(self.fvu, FVU_FLOOR))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetScore:
    """One set of an audit. hidden, public: by which test points.  correlation: of answers and truth."""

    __pydantic_config__: ClassVar = STRICT

    name: str
    group: Group
    status: SetStatus
    reason: str
    hidden: Score | None = None
    public: Score | None = None
    correlation: float | None = None
    fit_s: float | None = None

    @property
    def ok(self) -> bool:
        """Was the set learned and answered?"""
        return self.status == "ok"


@dataclass(frozen=True, slots=True)
class Bound:
    """What the baselines say of one statistic: their mean, the spread of one method's one audit, the threshold."""

    mean: float
    spread: float
    threshold: float


# What each statistic is, in the order they are shown.
DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "precision": "bits on the Mandelbrot set, over its mirrored or its other warps, whichever it does better on",
        "precision, distance": "the same with the distance target",
        "depth": "octaves on the Mandelbrot set, over its mirrored or its other warps, likewise",
        "depth, distance": "the same with the distance target",
        "warp": "mean bits of the warps, over the second best of the secret quadratics",
        "julia": "bits on the better Julia set, over the mean of the warps",
        "multibrot3": "bits on Multibrot 3, over the mean of the warps",
        "burning-ship": "bits on the Burning Ship, over the mean of the warps",
        "tricorn": "bits on the tricorn, over the mean of the warps",
        "quadratic": "bits on the second best secret quadratic, over the mean of the warps",
        "leak": "bits on the public test points, over the hidden ones, both at most 2",
        "leak, distance": "the same with the distance target",
        "depth leak": "octaves on the public ladder, over the hidden one",
        "depth leak, distance": "the same with the distance target",
        "control": "correlation of answers and truth after learning shuffled labels",
    }
)
RULE = (
    "threshold = mean + t·s·√(1 + 1/n): the upper bound, with confidence 0.999, on one audit of one more method drawn "
    "as the n baselines are. mean and variance B are of the baselines' means over m secrets; s² = B + (1 - 1/m)·W with "
    "W the mean variance among the secrets of one baseline; t is Student's quantile with n - 1 degrees of freedom"
)


def score_answers(predicted: FloatArray, by_knn: FloatArray, truth: FloatArray, queries: Queries) -> Score:
    """Score answers (m, 1) to queries whose labels are truth (m, 1), beside k-NN's."""
    n, weight = queries.n_test, queries.weight
    fvu, knn_fvu = (metrics.fraction_unexplained(p[:n], truth[:n], weight) for p in (predicted, by_knn))
    if len(truth) == n:
        return Score(fvu, knn_fvu)
    depth, knn_depth = (
        metrics.depth_profile(p[n:], truth[n:], queries.octave, queries.centre).depth_octaves
        for p in (predicted, by_knn)
    )
    return Score(fvu, knn_fvu, depth, knn_depth)


def correlate(predicted: FloatArray, truth: FloatArray) -> float:
    """Return the correlation of answers and truth (m, 1); 0 where the answers do not vary.

    Of shuffled labels nobody can explain anything, but what overfits them has 1 - FVU far below 0, and so no scale on
    which a formula's 1 stands out. The correlation has: it is about 0 for whatever learned from such labels.
    """
    answers = predicted[:, 0].astype(np.float64)
    if np.ptp(answers) == 0.0:
        return 0.0
    return float(np.corrcoef(answers, truth[:, 0].astype(np.float64))[0, 1])


def compute_statistics(sets: Sequence[SetScore]) -> dict[str, float]:
    """Return every statistic of `DESCRIPTIONS`; all sets must be ok."""
    bits = _by_group(sets, lambda s: s.hidden and s.hidden.bits)
    depth = _by_group(sets, lambda s: s.hidden and s.hidden.depth_octaves)
    public = _by_group(sets, lambda s: s.public and s.public.bits)
    public_depth = _by_group(sets, lambda s: s.public and s.public.depth_octaves)
    correlation = _by_group(sets, lambda s: s.correlation)
    warps, quadratics = fmean(bits["warp"]), sorted(bits["quadratic"])[-2]
    values = {
        "precision": bits["mandelbrot"][0] - _better_half(bits["warp"]),
        "precision, distance": bits["mandelbrot-distance"][0] - _better_half(bits["warp-distance"]),
        "depth": depth["mandelbrot"][0] - _better_half(depth["warp"]),
        "depth, distance": depth["mandelbrot-distance"][0] - _better_half(depth["warp-distance"]),
        "warp": warps - quadratics,
        **{group: max(bits[group]) - warps for group in ("julia", "multibrot3", "burning-ship", "tricorn")},
        "quadratic": quadratics - warps,
        "leak": compare_bits(public["mandelbrot"][0], bits["mandelbrot"][0]),
        "leak, distance": compare_bits(public["mandelbrot-distance"][0], bits["mandelbrot-distance"][0]),
        "depth leak": public_depth["mandelbrot"][0] - depth["mandelbrot"][0],
        "depth leak, distance": public_depth["mandelbrot-distance"][0] - depth["mandelbrot-distance"][0],
        "control": correlation["control"][0],
    }
    assert values.keys() == DESCRIPTIONS.keys()
    return values


def compare_bits(public: float, hidden: float) -> float:
    """Return how many bits more public test points were worth than hidden ones; beyond `LEAK_CAP` all are alike."""
    return min(public, LEAK_CAP) - min(hidden, LEAK_CAP)


def prediction_bound(values: FloatArray) -> Bound:
    """Return the bound of `RULE` on one statistic: values (n methods, m secrets), both at least 2."""
    from scipy.stats import t

    n, m = values.shape
    between = float(values.mean(axis=1).var(ddof=1))
    within = float(values.var(axis=1, ddof=1).mean())
    spread = math.sqrt(between + (1.0 - 1.0 / m) * within)
    mean = float(values.mean())
    return Bound(mean, spread, mean + float(t.ppf(CONFIDENCE, n - 1)) * spread * math.sqrt(1.0 + 1.0 / n))


def _better_half(of_warps: Sequence[float]) -> float:
    """Return the mean of the mirrored warps or of the others, the larger; they take turns.

    So what uses the mirror symmetry of the Mandelbrot set meets its like.
    """
    return max(fmean(of_warps[0::2]), fmean(of_warps[1::2]))


def _by_group(sets: Sequence[SetScore], value: Callable[[SetScore], float | None]) -> dict[str, list[float]]:
    groups: dict[str, list[float]] = {group: [] for group in get_args(Group)}
    for each in sets:
        found = value(each)
        if found is not None:
            groups[each.group].append(found)
    return groups
