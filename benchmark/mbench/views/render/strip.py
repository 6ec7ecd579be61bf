"""Every depth in one picture: the plane about a point, unrolled by the logarithm, truth beside what was learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb

from mbench.suite.ladder import N_CENTRES
from mbench.suite.tasks import Task
from mbench.types import BoolArray, FloatArray, IntArray
from mbench.views.render.colours import (
    DIM,
    ERROR_COLOURS,
    RAISED,
    VALUE_COLOURS,
    VALUE_ERRORS,
    VALUE_TICKS,
    paint_values,
)
from mbench.views.render.landmarks import plane_of
from mbench.views.render.page import Box, Caption, Page, plain_style, shorten

OCTAVES = 14
COLUMNS = 256  # of a strip of one: 99,186 points, which 12-NN answers in 0.2 s; truth and drawing take 0.15 s
SHEET_COLUMNS = 192
_ROW_OF_SHEET = 9  # strips
_MARGIN, _GAP, _MARKS, _TOP = 40, 14, 74, 150


@dataclass(frozen=True, slots=True)
class Strip:
    """A picture of the exponential map about a point: the angle runs across, the magnification's logarithm down.

    Row i, column j show centre + R e^(-a (i + 1/2)) e^(i a (j + 1/2)) with a = 2π / columns, so that small shapes keep
    theirs; R is half the task's window's width.
    X, points: (m, 2), the pixels that lie in the window, row by row.  inside: (rows, columns), which these are.
    """

    centre: complex
    X: FloatArray
    points: FloatArray
    inside: BoolArray

    @property
    def rows_per_octave(self) -> float:
        """How many rows double the magnification."""
        return self.inside.shape[1] * np.log(2.0) / (2.0 * np.pi)

    def octave_of_rows(self) -> IntArray:
        """Return which octave each row lies in: (rows,), from 0."""
        octave = (np.arange(len(self.inside)) + 0.5) / self.rows_per_octave
        return np.minimum(octave.astype(np.int64), OCTAVES - 1)

    def unroll(self, rgb: IntArray) -> IntArray:
        """Return the picture of colours (m, 3) uint8 of the points, what lies outside the window left plain."""
        picture = np.empty((*self.inside.shape, 3), dtype=np.uint8)
        picture[:] = np.round(255.0 * np.array(to_rgb(RAISED)))
        picture[self.inside] = rgb
        return picture

    def scores(self, predictions: FloatArray, truth: FloatArray) -> FloatArray:
        """Return 1 - MSE / variance of the truth in each octave's band, clipped to [0, 1]: (octaves,)."""
        octave = np.broadcast_to(self.octave_of_rows()[:, None], self.inside.shape)[self.inside]
        count = np.maximum(np.bincount(octave, minlength=OCTAVES), 1)

        def band_mean(values: FloatArray) -> FloatArray:
            return np.bincount(octave, weights=values, minlength=OCTAVES) / count

        variance = band_mean(np.square(truth - band_mean(truth)[octave]))
        ratio = band_mean(np.square(predictions - truth)) / np.where(variance > 0.0, variance, np.inf)
        return np.where(variance > 0.0, np.clip(1.0 - ratio, 0.0, 1.0), 0.0)


def plan_strip(task: Task, centre: complex, columns: int = COLUMNS) -> Strip:
    """Plan the strip of a fractal task about a point of its boundary, fourteen octaves deep."""
    step = 2.0 * np.pi / columns
    rows = round(OCTAVES * np.log(2.0) / step)
    plane = plane_of(task)
    lower, upper = np.asarray(plane.lower), np.asarray(plane.upper)
    radius = (upper[0] - lower[0]) / 2 * np.exp(-step * (np.arange(rows) + 0.5))
    c = centre + radius[:, None] * np.exp(1j * step * (np.arange(columns) + 0.5))
    points = np.stack([c.real, c.imag], axis=-1)
    inside = np.all((points >= lower) & (points <= upper), axis=-1)
    return Strip(centre, task.scale(points[inside]), points[inside], inside)


def draw_strip(
    strip: Strip,
    predictions: FloatArray,
    truth: FloatArray,
    path: Path,
    caption: Caption,
    depth: float | None = None,
) -> Path:
    """Draw truth, prediction and error of one submission side by side, octave marks at the left; return the path.

    predictions, truth: (m, 1) for the strip's points.  caption: as for `draw_picture`.  depth: that was scored, in
    octaves, over many points; what a strip sums up is of one.
    """
    p, t = _tame(predictions), truth[:, 0].astype(np.float64)
    rows, columns = strip.inside.shape
    scores = strip.scores(p, t)
    panels = {
        "truth": paint_values(t), "prediction": paint_values(p), "absolute error": VALUE_ERRORS.paint(np.abs(p - t))
    }  # fmt: skip
    boxes = strip_boxes(strip)
    with plain_style():
        page = Page(_MARKS + _MARGIN + 3 * (columns + _GAP) + 90, _TOP + rows + 160)
        _head(page, caption.title, caption.subtitle)
        _mark_octaves(page, strip, _TOP)
        bottom = _TOP + rows
        for (name, rgb), box in zip(panels.items(), boxes, strict=True):
            page.text(box[0], _TOP - 12, name, 20)
            page.raster(box, strip.unroll(rgb))
            _mark_angles(page, box[0], columns, bottom)
        right = page.width - 86
        page.text(right, _TOP - 12, "s", 20)
        for octave, score in enumerate(scores):
            page.text(right, _TOP + (octave + 0.5) * strip.rows_per_octave + 6, f"{score:.2f}", 16, DIM)
        _bars(page, boxes[0][0], boxes[2][0], columns, bottom + 40)
        words = f"at this one point Σ s = {scores.sum():.1f}"
        if depth is not None:
            words += f"; the scored depth, over up to {N_CENTRES} points, is {depth:.2f} octaves"
        page.text(boxes[0][0], bottom + 134, words, 17)
        return page.save(path, caption.fit)


def draw_sheet(
    strip: Strip,
    predictions: Mapping[str, FloatArray],
    truth: FloatArray,
    path: Path,
    caption: Caption,
    depths: Mapping[str, float] | None = None,
) -> Path:
    """Draw many submissions next to the truth, each one's error below its prediction, and return the path.

    predictions: by name, (m, 1) each.  depths: those that were scored, in octaves, by name where they are known.
    """
    t = truth[:, 0].astype(np.float64)
    rows, columns = strip.inside.shape
    tiles = [("truth", t), *((name, _tame(values)) for name, values in predictions.items())]
    across = min(len(tiles), _ROW_OF_SHEET)
    height = 2 * rows + _GAP + 130
    n_rows = -(-len(tiles) // across)
    with plain_style():
        page = Page(max(_MARKS + 2 * _MARGIN + across * (columns + _GAP), 1000), 136 + n_rows * height + 90)
        _head(page, caption.title, caption.subtitle)
        for index, (name, values) in enumerate(tiles):
            row, column = divmod(index, across)
            left, top = _MARKS + _MARGIN + column * (columns + _GAP), 200 + row * height
            if column == 0:
                _mark_octaves(page, strip, top)
            page.text(left, top - 54, shorten(name, columns / 11), 20)
            page.raster((left, top, columns, rows), strip.unroll(paint_values(values)))
            if not index:
                _mark_angles(page, left, columns, top + rows)
                continue
            scored = (depths or {}).get(name)
            if scored is not None:
                page.text(left, top - 32, f"scored depth {scored:.2f}", 16)
            page.text(left, top - 11, f"Σ s {strip.scores(values, t).sum():.1f} at this one point", 15, DIM)
            error = strip.unroll(VALUE_ERRORS.paint(np.abs(values - t)))
            page.raster((left, top + rows + _GAP, columns, rows), error)
            _mark_angles(page, left, columns, top + 2 * rows + _GAP)
        left = _MARKS + _MARGIN
        _bars(page, left, left + 420, 320, page.height - 70)
        return page.save(path)


def strip_boxes(strip: Strip) -> tuple[Box, Box, Box]:
    """Return where `draw_strip` shows truth, prediction and error."""
    rows, columns = strip.inside.shape
    left = _MARKS + _MARGIN
    return tuple((left + index * (columns + _GAP), _TOP, columns, rows) for index in range(3))  # type: ignore[return-value]


def _head(page: Page, title: str, subtitle: str) -> None:
    room = page.width - 2 * _MARGIN
    page.text(_MARGIN, 56, shorten(title, room / (0.75 * 36)), 36, weight="bold")
    page.text(_MARGIN, 90, shorten(subtitle, room / (0.58 * 18)), 18, DIM)


def _mark_octaves(page: Page, strip: Strip, top: int) -> None:
    """Write the magnification at every second octave, left of the first strip."""
    for octave in range(0, OCTAVES + 1, 2):
        y = top + octave * strip.rows_per_octave
        page.text(_MARKS + _MARGIN - 10, y + 6, f"× {2**octave:,}", 16, DIM, ha="right")


def _mark_angles(page: Page, left: int, columns: int, bottom: int) -> None:
    """Write the angle about the point below a strip, from its left edge to its right one."""
    for share, align in ((0.0, "left"), (0.5, "center"), (1.0, "right")):
        page.text(left + share * columns, bottom + 19, f"{360 * share:.0f}°", 14, DIM, ha=align)


def _bars(page: Page, left: int, right: int, width: int, top: int) -> None:
    """Draw the colour bars of values and of errors."""
    for start, words, colours, ticks in (
        (left, "escape value", VALUE_COLOURS, [VALUE_TICKS[i] for i in (0, 2, 4, 7)]),
        (right, "absolute error", ERROR_COLOURS, VALUE_ERRORS.ticks[1::2]),
    ):
        page.text(start, top + 12, words, 15, DIM)
        page.colour_bar((start, top + 20, width, 14), colours, ticks, "")


def _tame(predictions: FloatArray) -> FloatArray:
    """What lies further off is off the scale already, and its square would overflow."""
    return np.clip(predictions[:, 0].astype(np.float64), -1e100, 1e100)
