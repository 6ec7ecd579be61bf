"""Arrays to pictures: zoom sheets, photos, surfaces, curves and depth profiles as PNG files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb

from mbench.results.metrics import Profile
from mbench.suite.tasks.looks import Line, Pixels, Plane, Surface
from mbench.types import FloatArray, IntArray, Sample
from mbench.views.render.colours import (
    BACKGROUND,
    DIM,
    DISTANCE_ERRORS,
    ERROR_COLOURS,
    VALUE_COLOURS,
    VALUE_ERRORS,
    VALUE_TICKS,
    ErrorScale,
    paint_photo,
    paint_values,
)
from mbench.views.render.page import Box, Caption, Page, plain_style
from mbench.views.render.plots import curve_page, depth_page, plot_depth
from mbench.views.render.surface import View, draw_surface
from mbench.views.render.views import MAGNIFICATIONS, Panel, Plan

_SIDE, _GAP, _GROUP_GAP = 248, 6, 24
_GROUP = 3 * _SIDE + 2 * _GAP
_LEFT, _RIGHT, _TOP = 84, 24, 186
_GROUPS = ("truth", "prediction", "absolute error")

_SURFACE_PX = 720
_IVORY, _INK = np.array(to_rgb("#f0dfc6")), np.array(to_rgb("#5d3a6b"))


def draw_picture(
    plan: Plan,
    predictions: FloatArray,
    truth: FloatArray,
    path: Path | str,
    caption: Caption,
    sample: Sample | None = None,
) -> Path:
    """Draw what a plan asked for and return the path of the PNG.

    predictions, truth: (m, k) for the plan's m points; predictions may lie anywhere and are clipped for display only.
    sample: shown with a curve, unused otherwise.
    Raises ValueError where the shapes do not fit.
    """
    predictions, truth = _checked(plan, predictions, truth)
    with plain_style():
        match plan.look:
            case Plane():
                page = _zoom_page(plan, predictions, truth)
            case Pixels():
                page = _image_page(plan, predictions, truth)
            case Surface() as surface:
                page = _surface_page(plan, surface, predictions, truth)
            case _:
                page = curve_page(plan.points[:, 0], predictions[:, 0], truth[:, 0], sample)
        page.heading(124 if isinstance(plan.look, Line) else _LEFT, caption.title, caption.subtitle)
        return page.save(path, caption.fit)


def draw_card(
    plan: Plan,
    predictions: FloatArray,
    truth: FloatArray,
    profile: Profile | None,
    path: Path | str,
    caption: Caption,
) -> Path:
    """Draw one compact picture of a fractal, for a README: the whole set, and the depth profile where there is one.

    plan, predictions, truth, caption: as for `draw_picture`, of a zoom plan.
    """
    predictions, truth = _checked(plan, predictions, truth)
    panel = plan.panels[0]
    p, t = panel.cut(predictions), panel.cut(truth)
    width, height = _fit(panel)
    right, below = 40 + _GROUP + 24, 186 + height + 64
    with plain_style():
        page = Page(right + _GROUP + 40, below + height + 40)
        page.heading(40, caption.title, caption.subtitle)
        rasters = (paint_values(t[..., 0]), paint_values(p[..., 0]), VALUE_ERRORS.paint(_error(p, t)))
        corners = ((40, 186), (right, 186), (40, below))
        for name, rgb, (left, top) in zip(_GROUPS, rasters, corners, strict=True):
            page.text(left, top - 16, name, 26)
            page.raster((left + (_GROUP - width) // 2, top, width, height), rgb)
        page.text(40 + _GROUP, below - 16, f"black: none, white: ≥ {VALUE_ERRORS.limit:g}", 20, DIM, ha="right")
        if profile is not None:
            page.text(right, below - 16, f"depth: {profile.depth_octaves:.1f} octaves", 26)
            plot_depth(page, (right + 92, below, _GROUP - 92, height - 70), {"": profile}, named=False)
        return page.save(path, caption.fit)


def draw_depth_profile(profiles: Mapping[str, Profile], path: Path | str, *, title: str = "How deep it holds") -> Path:
    """Plot the mean score of each octave with its quartiles, one line per entry, and return the path of the PNG."""
    with plain_style():
        return depth_page(profiles, title).save(path)


def zoom_boxes(plan: Plan) -> list[list[Box]]:
    """Return where a zoom sheet shows the panels of a plan: for truth, prediction and error, one box per panel."""
    width, height = _fit(plan.panels[0])
    groups = []
    for group in range(3):
        left = _LEFT + group * (_GROUP + _GROUP_GAP)
        boxes = [(left + (_GROUP - width) // 2, _TOP, width, height)]
        for index in range(len(plan.panels) - 1):
            row, column = divmod(index, len(MAGNIFICATIONS) - 1)
            boxes.append((left + column * (_SIDE + _GAP), _TOP + height + 44 + row * (_SIDE + _GAP), _SIDE, _SIDE))
        groups.append(boxes)
    return groups


def _zoom_page(plan: Plan, predictions: FloatArray, truth: FloatArray) -> Page:
    boxes = zoom_boxes(plan)
    bottom = max(top + height for _, top, _, height in boxes[0])
    page = Page(_LEFT + 3 * _GROUP + 2 * _GROUP_GAP + _RIGHT, bottom + 150)
    for group, name in enumerate(_GROUPS):
        page.text(_LEFT + group * (_GROUP + _GROUP_GAP) + _GROUP / 2, _TOP - 18, name, 30, ha="center")
        page.text(boxes[group][0][0], _TOP - 18, "× 1", 24, DIM)
        for (left, top, _, _), magnification in zip(boxes[group][1:4], MAGNIFICATIONS[1:], strict=False):
            page.text(left + _SIDE / 2, top - 11, f"× {magnification}", 24, DIM, ha="center")
    for index, panel in enumerate(plan.panels):
        p, t = panel.cut(predictions), panel.cut(truth)
        page.raster(boxes[0][index], paint_values(t[..., 0]))
        page.raster(boxes[1][index], paint_values(p[..., 0]))
        page.raster(boxes[2][index], VALUE_ERRORS.paint(_error(p, t)))
        left, top, width, height = boxes[2][index]
        page.text(left + width - 10, top + height - 12, _score(p, t), 20, ha="right", backed=True)
    for row, landmark in enumerate(plan.landmarks):
        panels = range(1 + row * 3, 4 + row * 3)
        left, top, _, _ = boxes[0][panels[0]]
        page.text(34, top + _SIDE / 2, landmark.name, 25, ha="center", va="center", rotation=90)
        page.text(65, top + _SIDE / 2, _coordinate(landmark.centre), 17, DIM, ha="center", va="center", rotation=90)
        page.text(left + 10, top + 26, "abcdefgh"[row], 20, backed=True)
        # Where each window lies in the one before it, the first in the whole set.
        for outer, inner in zip((0, *panels), panels, strict=False):
            window = _window(boxes[0][outer], plan.panels[outer], plan.panels[inner])
            page.frame(window, "#00000090", 5)
            page.frame(window, "white", 2)
        window = _window(boxes[0][0], plan.panels[0], plan.panels[panels[0]])
        page.text(window[0] + 8, window[1] + 24, "abcdefgh"[row], 20, backed=True)
    bar = bottom + 34
    page.colour_bar((_LEFT + 400, bar, 780, 22), VALUE_COLOURS, VALUE_TICKS, "value")
    _error_bar(page, bar, VALUE_ERRORS, "error")
    note = "s = 1 − MSE / variance of the truth in the window.   " + _clip_note(predictions)
    page.text(page.width - _RIGHT, bottom + 128, note, 20, DIM, ha="right")
    return page


def _image_page(plan: Plan, predictions: FloatArray, truth: FloatArray) -> Page:
    panel = plan.panels[0]
    # A small picture is shown enlarged by a whole number, so that its pixels stay square.
    zoom = max(1, min(900 // panel.shape[0], 760 // panel.shape[1]))
    height, width = panel.shape[0] * zoom, panel.shape[1] * zoom
    page = Page(max(1300, 2 * _LEFT + 3 * width + 2 * _GROUP_GAP), _TOP + height + 150)
    margin = (page.width - 3 * width - 2 * _GROUP_GAP) // 2
    p, t = panel.cut(predictions), panel.cut(truth)
    rasters = (paint_photo(t), paint_photo(p), VALUE_ERRORS.paint(_error(p, t)))
    for group, (name, rgb) in enumerate(zip(_GROUPS, rasters, strict=True)):
        left = margin + group * (width + _GROUP_GAP)
        page.text(left + width / 2, _TOP - 18, name, 30, ha="center")
        page.raster((left, _TOP, width, height), rgb)
    _error_bar(page, _TOP + height + 34, VALUE_ERRORS, "mean over colours")
    page.text(page.width - _LEFT, _TOP + height + 128, _clip_note(predictions), 20, DIM, ha="right")
    return page


def _surface_page(plan: Plan, look: Surface, predictions: FloatArray, truth: FloatArray) -> Page:
    panel = plan.panels[0]
    p, t = panel.cut(predictions), panel.cut(truth)
    painter = SurfacePainter(look, t, panel)
    rasters = painter.grid(t, _SURFACE_PX), painter.grid(p, _SURFACE_PX), painter.distance(p, _SURFACE_PX)
    page = Page(2 * _LEFT + 3 * _SURFACE_PX + 2 * _GROUP_GAP, _TOP + _SURFACE_PX + 120)
    names = (*_GROUPS[:2], "distance, on the true surface")
    for group, (name, rgb) in enumerate(zip(names, rasters, strict=True)):
        left = _LEFT + group * (_SURFACE_PX + _GROUP_GAP)
        page.text(left + _SURFACE_PX / 2, _TOP - 18, name, 30, ha="center")
        page.raster((left, _TOP, _SURFACE_PX, _SURFACE_PX), rgb)
        if (rgb == rgb[0, 0]).all():
            words = "all in one place, or out of view"
            page.text(left + _SURFACE_PX / 2, _TOP + _SURFACE_PX / 2, words, 24, DIM, ha="center")
    _error_bar(page, _TOP + _SURFACE_PX + 34, DISTANCE_ERRORS, "distance (bounding box's diagonal: 1)")
    return page


class SurfacePainter:
    """Draws what was learned of one surface, always from where the true one fills the picture."""

    def __init__(self, look: Surface, truth: FloatArray, panel: Panel, room: float = 1.0) -> None:
        """look: where it is seen from.  truth: (rows, columns, 3), over the parameters of the panel.

        room: around the true surface, for what is larger than it: 2 shows it at half its size.
        """
        self.truth = truth
        self._azimuth, self._elevation = look.azimuth, look.elevation
        self._radius = room * View.fitting(truth, self._azimuth, self._elevation).radius
        self._counts = np.round(np.array([panel.height, panel.width]) / np.radians(look.line_step))
        self._backdrop = np.array(to_rgb(BACKGROUND))

    def grid(self, xyz: FloatArray, size: int, turn: float = 0.0) -> IntArray:
        """Return the surface xyz (rows, columns, 3) with lines along its parameters; turn: degrees around it."""
        return draw_surface(xyz, self._view(turn), size, self._paint_grid, self._backdrop)

    def distance(self, xyz: FloatArray, size: int, turn: float = 0.0) -> IntArray:
        """Return the true surface, painted with how far xyz lies from it."""
        away = np.linalg.norm(xyz - self.truth, axis=-1)
        return draw_surface(self.truth, self._view(turn), size, _paint_distance, self._backdrop, away)

    def _view(self, turn: float) -> View:
        # One radius for every angle: what turns would pulse otherwise.
        return replace(View.fitting(self.truth, self._azimuth + turn, self._elevation), radius=self._radius)

    def _paint_grid(self, v: FloatArray, u: FloatArray, _: FloatArray) -> FloatArray:
        # The parameters' own lines: a bent grid shows where a map went wrong, even where its image looks right.
        away = [np.abs((place * count + 0.5) % 1.0 - 0.5) for place, count in zip((v, u), self._counts, strict=True)]
        return np.where((np.minimum(*away) < 0.03)[:, None], _INK, _IVORY)


def _paint_distance(_v: FloatArray, _u: FloatArray, distance: FloatArray) -> FloatArray:
    # Lifted from black, which would hide the shape where all is right.
    return 0.12 + 0.88 * DISTANCE_ERRORS.paint(distance) / 255.0


def _error_bar(page: Page, top: int, scale: ErrorScale, label: str) -> None:
    page.colour_bar((page.width - _LEFT - 560, top, 560, 22), ERROR_COLOURS, scale.ticks, label)


def _checked(plan: Plan, predictions: FloatArray, truth: FloatArray) -> tuple[FloatArray, FloatArray]:
    predictions, truth = np.asarray(predictions, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if predictions.shape != truth.shape or predictions.ndim != 2 or len(truth) != len(plan.X):
        raise ValueError(f"shapes differ: predictions {predictions.shape}, truth {truth.shape}, queries {plan.X.shape}")
    # What lies further off is off the scale already, and its square would overflow.
    return np.clip(predictions, -1e100, 1e100), truth


def _error(predictions: FloatArray, truth: FloatArray) -> FloatArray:
    """Return the absolute error, mean over outputs: (rows, columns)."""
    return np.abs(predictions - truth).mean(axis=-1)


def _score(predictions: FloatArray, truth: FloatArray) -> str:
    """Return how much of a window's variance is explained, in words; nothing where the truth has none."""
    if truth.var() == 0.0:
        return ""
    score = 1.0 - np.square(predictions - truth).mean() / truth.var()
    # Adding 0 makes 0 of the -0 that small negative numbers round to.
    return f"s = {round(score, 2) + 0.0:.2f}".replace("-", "−") if score > -10 else "s < −10"


def _fit(panel: Panel) -> tuple[int, int]:
    """Return the size in pixels at which a whole window is shown: as wide as three squares, or as high as 2.25."""
    rows, columns = panel.shape
    width = min(_GROUP, round(2.25 * _SIDE * columns / rows))
    return width, round(width * rows / columns)


def _window(box: Box, outer: Panel, inner: Panel) -> tuple[float, float, float, float]:
    """Return where the window of one panel lies within the box that shows another."""
    scale = box[2] / outer.width
    left = box[0] + (inner.centre[0] - inner.width / 2 - outer.centre[0] + outer.width / 2) * scale
    top = box[1] + (outer.centre[1] + outer.height / 2 - inner.centre[1] - inner.height / 2) * scale
    return left, top, inner.width * scale, inner.height * scale


def _clip_note(predictions: FloatArray) -> str:
    outside = int(np.count_nonzero((predictions < 0.0) | (predictions > 1.0)))
    share = "none lies" if outside == 0 else f"{max(outside / predictions.size, 0.001):.1%} lie"
    return f"Predictions are shown clipped to [0, 1]: {share} outside."


def _coordinate(c: complex) -> str:
    return f"{c.real:.5f} {'+' if c.imag >= 0 else '−'} {abs(c.imag):.5f} i".replace("-", "−")
