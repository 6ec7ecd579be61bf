"""Pictures of studies: figures of axes in one look, and three matrices as one picture in red, green and blue."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from mbench.types import FloatArray, IntArray
from mbench.views.render.colours import BACKGROUND, DIM, RAISED, RULE, SERIES, TEXT
from mbench.views.render.page import plain_style

PERCENTILE = 99.5  # of absolute weights: what is as bright as can be
_FRAME_PIXELS = 360  # a weight film's matrix is enlarged to about this


def study_figure(rows: int, columns: int, title: str) -> tuple[Figure, list[Axes]]:
    """Return a figure of rows × columns axes in the look of mbench's pictures, row by row."""
    figure = Figure(figsize=(6.4 * columns, 0.6 + 4.6 * rows), dpi=100, facecolor=BACKGROUND, layout="constrained")
    figure.suptitle(title, color=TEXT, fontsize=17, fontweight="bold")
    return figure, [style_axes(figure.add_subplot(rows, columns, place + 1)) for place in range(rows * columns)]


def style_axes(axes: Axes) -> Axes:
    """Give axes the look of mbench's pictures, and return them."""
    axes.set_facecolor(RAISED)
    axes.tick_params(colors=DIM, labelsize=10, length=0)
    axes.tick_params(which="minor", labelbottom=False, labelleft=False, length=0)  # of a logarithmic axis
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.grid(color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    for text in (axes.xaxis.label, axes.yaxis.label, axes.title):
        text.set_color(DIM)
    return axes


def plot_range(axes: Axes, x: ArrayLike, y: FloatArray, label: str, colour: int = 0) -> None:
    """Plot the mean over seeds as a line and their range as a band. x: (n,), y: (seeds, n)."""
    shade = SERIES[colour % len(SERIES)]
    dashes = "-" if colour < len(SERIES) else "--"
    x = np.asarray(x, dtype=np.float64)
    axes.fill_between(x, np.fmin.reduce(y), np.fmax.reduce(y), color=shade, alpha=0.22, linewidth=0)
    axes.plot(x, _mean(y), dashes, color=shade, linewidth=2, label=label)


def _mean(values: FloatArray) -> FloatArray:
    """Return the mean over seeds, of those that measured it; NaN where none did."""
    return np.ma.filled(np.ma.masked_invalid(values).mean(axis=0), np.nan)


def plot_bars(axes: Axes, values: Mapping[str, FloatArray], colour: int = 0) -> None:
    """Draw a horizontal bar to the mean of each entry, and a dot for each seed. values: each (seeds,)."""
    for place, each in enumerate(values.values()):
        axes.barh(place, _mean(each), color=SERIES[colour % len(SERIES)], alpha=0.55, height=0.7)
        axes.plot(each, np.full(len(each), place), "o", color=TEXT, markersize=3.5)
    axes.set_yticks(range(len(values)), list(values))
    axes.invert_yaxis()


def name_lines(axes: Axes, **where: Any) -> None:
    """Put a legend in."""
    axes.legend(labelcolor=TEXT, facecolor=RAISED, edgecolor="none", framealpha=0.85, fontsize=9, **where)


def show_matrix(axes: Axes, rgb: IntArray, title: str) -> None:
    """Show a picture (rows, columns, 3) uint8 instead of axes."""
    axes.imshow(rgb, interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(title, color=DIM)


def weight_reach(matrices: FloatArray) -> float:
    """Return which absolute weight is to be as bright as can be: nearly the largest, and no outlier."""
    return float(np.percentile(np.abs(matrices), PERCENTILE)) or 1.0


def weight_frame(matrices: FloatArray, reach: float, cell: int = 1) -> IntArray:
    """Return three matrices as the red, green and blue of one picture, each cell a square of `cell` pixels.

    matrices: (3, rows, columns).  reach: see `weight_reach`; one for a whole film, so that its brightness can be
    compared. The square root brightens small weights. Returns (rows · cell, columns · cell, 3) uint8.
    """
    if matrices.ndim != 3 or len(matrices) != 3:
        raise ValueError(f"expected three matrices, got {matrices.shape}")
    light = np.sqrt(np.minimum(np.abs(matrices) / reach, 1.0))
    rgb = np.rint(255.0 * np.moveaxis(light, 0, 2)).astype(np.uint8)
    return rgb.repeat(cell, axis=0).repeat(cell, axis=1)


def film_cell(rows: int) -> int:
    """Return how many pixels a cell of a matrix of so many rows takes in a film: a whole number."""
    return max(1, _FRAME_PIXELS // rows)


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as a PNG that is the same every time, and return its path. Raises HarnessError."""
    import io

    from mbench.disk import disk_error, write_atomically

    content = io.BytesIO()
    with plain_style():
        figure.savefig(content, format="png", facecolor=BACKGROUND, metadata={"Software": None})
    try:
        write_atomically(path, content.getvalue())
    except OSError as error:
        raise disk_error(path, error) from error
    return path
