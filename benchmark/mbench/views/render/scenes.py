"""What a film shows of each kind of task: arrays of predictions to panels of pixels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from mbench.results.metrics import error_rate, fraction_unexplained
from mbench.runs.cells import Cell
from mbench.suite.tasks import Task
from mbench.suite.tasks.looks import Classes, Line, Pixels, Plane, Surface
from mbench.types import FloatArray, IntArray, Sample
from mbench.views.render.colours import (
    DIM,
    DISTANCE_ERRORS,
    RULE,
    SERIES,
    TEXT,
    VALUE_COLOURS,
    VALUE_ERRORS,
    paint,
    paint_photo,
    paint_values,
)
from mbench.views.render.draw import SurfacePainter
from mbench.views.render.page import Page, to_points
from mbench.views.render.views import Panel, plan_curve, plan_image, plan_map, plan_surface

MAX_PIXELS = 300_000  # of a photo; china and flower have 273,280
_MAX_MARKS = 2_000  # of a scatter plot
_ROOM = 1.2  # a sheet that has not closed yet is wider than the surface it is to be
_SWING = 50.0  # degrees that a film goes around a surface

Size = tuple[int, int]  # width and height in pixels


class Scene(ABC):
    """A task as a film shows it: a panel of what was learned, and smaller ones beside it.

    X, points: (m, d), (m, p), what is asked for a frame.  truth: (m, k).  aspect: width / height of a panel.
    sides: the names of the smaller ones.  measure: what `error` is called.
    """

    aspect: float = 1.0
    sides: tuple[str, ...] = ("truth", "absolute error")
    measure = "FVU"
    key = ""  # to the error's colours
    turns = False  # does a panel change as the film goes on, whatever is predicted?

    def __init__(self, X: FloatArray, truth: FloatArray) -> None:
        """X: queries in the submission's scaling.  truth: at the same."""
        self.X = X
        self.truth = truth.astype(np.float64)

    @abstractmethod
    def draw(
        self, name: str, predictions: FloatArray, size: Size, *, turn: float = 0.0, n_learned: int = 0
    ) -> IntArray:
        """Return a panel: "prediction" or one of `sides`, (height, width, 3) uint8.

        predictions: (m, k), anything finite.  turn: how far the film has come, in [0, 1].  n_learned: from how many
        points of the sample they were learned.
        """

    def error(self, predictions: FloatArray) -> float:
        """Return how wrong predictions are: the fraction of variance unexplained, or the error rate."""
        return fraction_unexplained(_tame(predictions), self.truth, np.full(len(self.truth), 1 / len(self.truth)))


class MapScene(Scene):
    """A fractal's window or a photo, pixel by pixel."""

    key = f"(white: ≥ {VALUE_ERRORS.limit:g})"

    def __init__(self, X: FloatArray, truth: FloatArray, panel: Panel) -> None:
        """panel: how the queries lie in rows and columns."""
        super().__init__(X, truth)
        self._panel = panel
        self.aspect = panel.shape[1] / panel.shape[0]

    def draw(
        self, name: str, predictions: FloatArray, size: Size, *, turn: float = 0.0, n_learned: int = 0
    ) -> IntArray:
        """Return the map, the true one, or the error's."""
        shown, truth = self._panel.cut(_tame(predictions)), self._panel.cut(self.truth)
        if name == "absolute error":
            return resize(VALUE_ERRORS.paint(np.abs(shown - truth).mean(axis=-1)), size)
        values = truth if name == "truth" else shown
        return resize(paint_photo(values) if values.shape[-1] == 3 else paint_values(values[..., 0]), size)


class SurfaceScene(Scene):
    """A sheet in space, seen from a camera that goes slowly around it."""

    sides = ("truth", "distance from it")
    key = f"(white: ≥ {DISTANCE_ERRORS.limit:g})"
    turns = True

    def __init__(self, X: FloatArray, truth: FloatArray, panel: Panel, look: Surface) -> None:
        """panel: how the queries lie in rows and columns.  look: where it is seen from."""
        super().__init__(X, truth)
        self._panel = panel
        self._painter = SurfacePainter(look, panel.cut(self.truth), panel, _ROOM)

    def draw(
        self, name: str, predictions: FloatArray, size: Size, *, turn: float = 0.0, n_learned: int = 0
    ) -> IntArray:
        """Return the sheet, the true one, or that one painted with the distance."""
        shown, side = self._panel.cut(_tame(predictions)), min(size)
        angle = _SWING * (turn - 0.5)
        if name == "distance from it":
            picture = self._painter.distance(shown, side, angle)
        else:
            picture = self._painter.grid(self._painter.truth if name == "truth" else shown, side, angle)
        return resize(picture, size)


class PlotScene(Scene):
    """Anything that is plotted on axes."""

    labels: ClassVar[dict[str, tuple[str, str]]]

    def draw(
        self, name: str, predictions: FloatArray, size: Size, *, turn: float = 0.0, n_learned: int = 0
    ) -> IntArray:
        """Return the plot of this name."""
        width, height = size
        page = Page(width, height)
        letters = max(5, round(0.63 * min(width, 1.5 * height) ** 0.5))
        left, bottom, free = round(3.9 * letters), round(3.1 * letters), round(0.8 * letters)
        xlabel, ylabel = self.labels[name]
        axes = page.axes((left, free, width - left - free, height - bottom - free), xlabel, ylabel)
        small = to_points(letters)
        axes.tick_params(labelsize=small, pad=4)
        for label in (axes.xaxis.label, axes.yaxis.label):
            label.set_fontsize(small)
        axes.xaxis.labelpad = axes.yaxis.labelpad = 3
        self.plot(axes, name, _tame(predictions), n_learned)
        return page.pixels()

    @abstractmethod
    def plot(self, axes: Axes, name: str, predictions: FloatArray, n_learned: int) -> None:
        """Plot on axes that are there."""


class CurveScene(PlotScene):
    """A function of one variable: the line and its sample."""

    aspect = 1.6
    labels: ClassVar = {"prediction": ("x", "y"), "truth": ("x", "y"), "absolute error": ("x", "|error|")}

    def __init__(self, X: FloatArray, truth: FloatArray, x: FloatArray, sample: Sample) -> None:
        """x: (m,), the points.  sample: whose first points were learned from."""
        super().__init__(X, truth)
        self._x = x
        self._sample = sample
        margin = 0.15 * float(np.ptp(self.truth))
        self._low, self._high = float(self.truth.min()) - margin, float(self.truth.max()) + margin

    def plot(self, axes: Axes, name: str, predictions: FloatArray, n_learned: int) -> None:
        """Plot the true line with the sample or the learned one on it, or the error."""
        axes.set(xlim=(self._x[0], self._x[-1]))
        if name == "absolute error":
            error = np.minimum(np.abs(predictions - self.truth)[:, 0], VALUE_ERRORS.limit)
            axes.fill_between(self._x, error, color=SERIES[1], alpha=0.5, linewidth=0)
            axes.set(ylim=(0, VALUE_ERRORS.limit))
            return
        axes.plot(self._x, self.truth[:, 0], color="#6a7f9c", linewidth=5, alpha=0.7)
        x, y = self._sample.points[:n_learned, 0], self._sample.y[:n_learned, 0]
        axes.plot(x, y, "o", color=TEXT, markersize=2, markeredgewidth=0)
        if name == "prediction":
            line = np.clip(predictions[:, 0], self._low, self._high)
            axes.plot(self._x, line, color=SERIES[0], linewidth=1.8)
        axes.set(ylim=(self._low, self._high))


class ScatterScene(PlotScene):
    """A function of many variables: predicted against true values."""

    aspect = 1.3
    sides = ("absolute error",)
    labels: ClassVar = {"prediction": ("true", "predicted"), "absolute error": ("true", "|error|")}

    def plot(self, axes: Axes, name: str, predictions: FloatArray, n_learned: int) -> None:
        """Plot every test point, and the diagonal where they belong."""
        step = -(-len(self.truth) // _MAX_MARKS)
        t, p = self.truth[::step, 0], predictions[::step, 0]
        low, high = float(self.truth.min()), float(self.truth.max())
        margin = 0.06 * (high - low)
        axes.set(xlim=(low - margin, high + margin))
        if name == "absolute error":
            error = np.minimum(np.abs(p - t), VALUE_ERRORS.limit / 2)
            axes.plot(t, error, "o", color=SERIES[1], markersize=2, alpha=0.5, markeredgewidth=0)
            axes.set(ylim=(0, VALUE_ERRORS.limit / 2))
            return
        axes.plot([low, high], [low, high], color=RULE, linewidth=2)
        p = np.clip(p, low - margin, high + margin)
        axes.plot(t, p, "o", color=SERIES[0], markersize=3, alpha=0.5, markeredgewidth=0)
        axes.set(ylim=(low - margin, high + margin))


class DigitsScene(PlotScene):
    """Ten classes: which is taken for which, and how many of each are right."""

    sides = ("right, by digit",)
    measure = "error rate"
    labels: ClassVar = {"prediction": ("taken for", "digit"), "right, by digit": ("digit", "")}

    def error(self, predictions: FloatArray) -> float:
        """Return the error rate."""
        return error_rate(predictions, self.truth)

    def plot(self, axes: Axes, name: str, predictions: FloatArray, n_learned: int) -> None:
        """Plot the confusion matrix, each row a digit's, or the accuracies of the ten."""
        table = confusion_matrix(predictions, self.truth)
        n_classes = len(table)
        axes.set_xticks(range(n_classes))
        if name == "prediction":
            axes.grid(visible=False)
            axes.imshow(paint(table**0.5, VALUE_COLOURS), aspect="auto")
            axes.set_yticks(range(n_classes))
            for row, column in np.argwhere(table >= 0.005):
                share = table[row, column]
                axes.text(
                    column,
                    row,
                    f"{100 * share:.0f}",
                    ha="center",
                    va="center",
                    fontsize=to_points(max(5.0, axes.bbox.height / 34)),
                    color="#15151c" if share > 0.5 else TEXT,
                )
            return
        right = table.diagonal()
        axes.bar(range(n_classes), right, color=SERIES[1], width=0.8)
        axes.set(ylim=(0, 1), yticks=(0, 0.5, 1), yticklabels=("0", "50", "100 %"))
        axes.axhline(float(np.average(right, weights=self.truth.sum(axis=0))), color=DIM, linewidth=1)


def make_scene(task: Task, sample: Sample, cell: Cell, columns: int = 640) -> Scene:
    """Return what a film of a task shows.

    sample: what is learned from, shown with a curve.  cell: the same sample by its numbers.  columns: that a map of a
    plane is asked for.
    """
    match task.look:
        case Plane():
            plan = plan_map(task, columns)
            return MapScene(plan.X, task.truth(plan.points), plan.panels[0])
        case Pixels() as pixels:
            plan = plan_image(task, pixels, MAX_PIXELS)
            return MapScene(plan.X, task.truth(plan.points), plan.panels[0])
        case Surface() as surface:
            plan = plan_surface(task, surface, 97, 193)
            return SurfaceScene(plan.X, task.truth(plan.points), plan.panels[0], surface)
        case Line() as line:
            plan = plan_curve(task, line, 2001)
            return CurveScene(plan.X, task.truth(plan.points), plan.points[:, 0], sample)
        case look:
            queries = task.draw_queries(cell.n_samples, cell.replicate)
            kind: Callable[[FloatArray, FloatArray], Scene] = DigitsScene if look == Classes() else ScatterScene
            return kind(queries.X, task.truth(queries.points))


def confusion_matrix(predictions: FloatArray, truth: FloatArray) -> FloatArray:
    """Return which share of each class (rows) is taken for which (columns); truth: (m, k) one-hot."""
    n_classes = truth.shape[1]
    pairs = n_classes * truth.argmax(axis=1) + predictions.argmax(axis=1)
    table = np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)
    return table / np.maximum(table.sum(axis=1, keepdims=True), 1)


def resize(rgb: IntArray, size: Size) -> IntArray:
    """Return a picture at another size: smaller by the mean of what a pixel covers, larger smoothly."""
    if (rgb.shape[1], rgb.shape[0]) == size:
        return rgb
    shrinks = size[0] <= rgb.shape[1] and size[1] <= rgb.shape[0]
    how = Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(rgb).resize(size, how))


def _tame(predictions: FloatArray) -> FloatArray:
    """What lies further off is off every scale already, and its square would overflow."""
    return np.clip(predictions.astype(np.float64), -1e100, 1e100)
