"""What a neighbourhood looks like, in numbers that a learner can read: means, planes, plateaus, slopes and bounds.

Nothing depends on where a neighbourhood lies, how it is turned or, but for one number, how large it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mbench.nn.neighbourhoods import Neighbourhoods
from mbench.types import FloatArray

SCALES = (5, 9, 16, 32)  # neighbours
N_RAW = 14  # neighbours whose labels are told one by one
PLATEAU_SHARE, PLATEAU_ROWS = 0.01, 20  # from which on a repeated label counts as a plateau
N_LEVELS = 32
SLOPES = (0.35, 0.7, 1.4, 2.8)  # in units of the usual slope about a label
TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Terrain:
    """What the labels of a sample are like as a whole.

    unit: of length.  plateaus: labels that many rows share.
    levels, heights: (l,) labels in ascending order, and what each becomes when labels are stretched so that their
        slope is usually 1 at every level: a height is then about as far from another as their labels are apart.
    """

    unit: float
    plateaus: FloatArray
    levels: FloatArray
    heights: FloatArray

    @classmethod
    def survey(cls, near: Neighbourhoods, labels: FloatArray) -> Terrain:
        """Return what neighbourhoods of points whose labels differ say, and all labels (n,)."""
        values, counts = np.unique(labels, return_counts=True)
        plateaus = values[counts >= max(PLATEAU_ROWS, PLATEAU_SHARE * len(labels))]
        near = near.nearest(SCALES[1])
        reach = near.distance[:, -1:] + TINY
        _, gradient, _ = fit_plane(near.offset / reach[..., None], near.label, bell(near.distance / reach), 3e-3)
        slope = np.repeat(np.linalg.norm(gradient, axis=1) / reach[:, 0], near.label.shape[1])
        level = near.label.ravel()
        # Labels that occur, and nothing between two of them: no bin is empty.
        levels = np.unique(np.quantile(level, np.linspace(0.0, 1.0, N_LEVELS + 1), method="nearest"))
        bin_of = np.clip(np.searchsorted(levels, level, side="right") - 1, 0, max(len(levels) - 2, 0))
        usual = np.array([np.median(slope[bin_of == i]) for i in range(len(levels) - 1)])
        usual = np.maximum(usual, max(1e-3 * usual.max(initial=0.0), TINY))
        heights = np.concatenate([[0.0], np.cumsum(np.diff(levels) / usual)])
        return cls(float(np.median(near.distance[:, -1])) + TINY, plateaus, levels, heights)


def bell(u: FloatArray) -> FloatArray:
    """Return weights that fall from 1 at u = 0 to about 0 at u = 1."""
    return (1.0 - u * u) ** 2 + 1e-4


def inverse_square_mean(distance: FloatArray, label: FloatArray) -> FloatArray:
    """Return the mean (n,) of labels (n, m) weighted by the inverse square of distances (n, m) at most 1."""
    weight = 1.0 / (distance * distance + 1e-4)
    return (weight * label).sum(axis=1) / weight.sum(axis=1)


def fit_plane(
    offset: FloatArray, label: FloatArray, weight: FloatArray, ridge: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Fit a plane to labels (n, m) at offsets (n, m, d) of size about 1, by weighted least squares.

    ridge: what a slope costs beside the squared residual.
    Returns the plane's value at 0 (n,), its gradient (n, d) and the root mean square residual (n,).
    """
    n, m, d = offset.shape
    terms = np.concatenate([np.ones((n, m, 1), offset.dtype), offset], axis=2)
    weighted = (terms * weight[..., None]).transpose(0, 2, 1)
    system = (weighted @ terms).astype(np.float64)
    total = weight.sum(axis=1)
    system[:, range(1, d + 1), range(1, d + 1)] += ridge * total[:, None]
    system[:, 0, 0] += 1e-9
    right = (weighted @ label[..., None]).astype(np.float64)
    plane = np.linalg.solve(system, right)[..., 0].astype(offset.dtype)
    residual = label - (terms @ plane[..., None])[..., 0]
    return plane[:, 0], plane[:, 1:], np.sqrt((weight * residual**2).sum(axis=1) / total)


def describe_neighbourhoods(near: Neighbourhoods, terrain: Terrain) -> FloatArray:
    """Return features (n, p) float32 of what is about n points; p depends on m, d and whether there are plateaus."""
    offset, distance, label = (np.asarray(a, np.float32) for a in (near.offset, near.distance, near.label))
    near = Neighbourhoods(offset, distance, label)
    size = distance[:, min(SCALES[2], distance.shape[1]) - 1] + np.float32(TINY)
    parts = [np.log(size / terrain.unit), distance[:, 0] / size]
    along = np.zeros_like(offset[:, 0])
    for k in SCALES:
        described, gradient = _describe_scale(near.nearest(k))
        parts += described
        if k == SCALES[2]:
            along = gradient / (np.linalg.norm(gradient, axis=1, keepdims=True) + 1e-9)
    parts += _describe_plateaus(near, terrain.plateaus, size) if len(terrain.plateaus) else []
    parts += _describe_heights(near, terrain, size)
    some = near.nearest(N_RAW)
    relative = some.offset / size[:, None, None]
    parts += [*some.label.T, *(some.distance / size[:, None]).T, *(relative @ along[..., None])[..., 0].T]
    if offset.shape[2] == 2:
        across = relative[..., 1] * along[:, :1] - relative[..., 0] * along[:, 1:]
        parts += [*(across * np.where(across[:, :1] < 0.0, -1.0, 1.0)).T]  # the nearest lies on the positive side
    return np.stack(parts, axis=1).astype(np.float32)


def _within_reach(near: Neighbourhoods) -> tuple[FloatArray, FloatArray]:
    """Return distances and offsets in units of a little more than the farthest neighbour's distance."""
    reach = near.distance[:, -1:] * np.float32(1.01) + np.float32(TINY)
    return near.distance / reach, near.offset / reach[..., None]


def _describe_scale(near: Neighbourhoods) -> tuple[list[FloatArray], FloatArray]:
    u, at = _within_reach(near)
    weight, y = bell(u), near.label
    value, gradient, residual = fit_plane(at, y, weight, 3e-3)
    total = weight.sum(axis=1)
    mean = (weight * y).sum(axis=1) / total
    spread = np.sqrt(np.maximum((weight * y * y).sum(axis=1) / total - mean**2, 0.0))
    steepness = np.linalg.norm(gradient, axis=1)
    extremes = [y.min(axis=1), y.max(axis=1)]
    return [value, mean, spread, steepness, residual, *extremes, inverse_square_mean(u, y)], gradient


def _describe_plateaus(near: Neighbourhoods, plateaus: FloatArray, size: FloatArray) -> list[FloatArray]:
    """Say how much of a plateau there is, how near, and what the labels off it look like."""
    parts = []
    for k, on_it, off_it in zip(SCALES[1:], (True, False, True), (False, True, True), strict=True):
        some = near.nearest(k)
        u, at = _within_reach(some)
        weight = bell(u)
        flat = np.isin(some.label, plateaus.astype(np.float32)).astype(np.float32)
        if on_it:
            parts += [fit_plane(at, flat, weight, 1e-2)[0], (weight * flat).sum(axis=1) / weight.sum(axis=1)]
        if off_it:
            off = weight * (1.0 - flat) + np.float32(1e-7)
            value, gradient, residual = fit_plane(at, some.label * (1.0 - flat), off, 1e-2)
            mean = (off * some.label).sum(axis=1) / off.sum(axis=1)
            parts += [value, mean, np.linalg.norm(gradient, axis=1), residual]
    flat = np.isin(near.label, plateaus.astype(np.float32))
    relative = near.distance / size[:, None]
    far = np.float32(9.0)
    return [*parts, np.where(flat, relative, far).min(axis=1), np.where(flat, far, relative).min(axis=1)]


def _describe_heights(near: Neighbourhoods, terrain: Terrain, size: FloatArray) -> list[FloatArray]:
    """Say which labels the neighbours leave possible if slopes are so many times the usual, and planes of heights."""
    height = np.interp(near.label, terrain.levels, terrain.heights).astype(np.float32)
    parts = []
    for slope in SLOPES:
        ceiling = (height + slope * near.distance).min(axis=1)
        floor = (height - slope * near.distance).max(axis=1)
        labels = [np.interp(bound, terrain.heights, terrain.levels) for bound in (ceiling, floor)]
        parts += [*labels, (ceiling - floor) / size]
    for k in SCALES:
        some = near.nearest(k)
        u, at = _within_reach(some)
        value, gradient, residual = fit_plane(at, height[:, :k], bell(u), 3e-3)
        reach = some.distance[:, -1] + np.float32(TINY)
        steepness = np.linalg.norm(gradient, axis=1) / reach
        parts += [np.interp(value, terrain.heights, terrain.levels), steepness, residual / reach]
    return parts
