"""What a film is handed, steps with pictures or predictions, as frames of one even size, one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from mbench.errors import UsageError
from mbench.suite.tasks import load_task
from mbench.suite.tasks.looks import Pixels, Plane
from mbench.types import FloatArray, IntArray
from mbench.views.render.colours import BACKGROUND, DIM, paint_photo, paint_values
from mbench.views.render.stamp import Stamp

CAPTION_HEIGHT = 40  # pixels over the picture
CAPTION_WIDTH = 320  # of a frame with a caption, at least: a step and some of the title have room
_LETTERS, _MARGIN, _BASELINE = 18, 10, 27  # pixels


@dataclass(frozen=True, slots=True)
class Showing:
    """How what is handed in is shown.

    n_outputs: that predictions have: 1, a value from 0 to 1, or 3, a colour; None for either.  shape: (rows, columns)
    of predictions that come point by point, None where they come as a picture.  title: over every picture, beside its
    step; None for no caption.
    """

    n_outputs: int | None = None
    shape: tuple[int, int] | None = None
    title: str | None = None


def plan_showing(task: str | None, shape: tuple[int, int] | None, title: str | None) -> Showing:
    """Return how a film of a task's predictions looks; without a task they say by their outputs what they are.

    Raises UsageError for an unknown task, for one without a picture made of pixels, and for a shape that is none.
    """
    if shape is not None and not _is_shape(shape):
        raise UsageError(f"shape={shape!r}: expected (rows, columns), two whole numbers from 1 on")
    if task is None:
        return Showing(None, shape, title)
    match load_task(task).look:
        case Plane():
            return Showing(1, shape, title)
        case Pixels(height, width):
            return Showing(3, shape or (height, width), title)
        case _:
            raise UsageError(
                f"{task}: its predictions are not the pixels of a picture. Draw them into a matplotlib Figure, and "
                "hand that in without task="
            )


def draw_frames(steps: Iterable[tuple[int, Any]], showing: Showing) -> Iterator[IntArray]:
    """Yield a frame (height, width, 3) uint8 for each (step, picture), as soon as it is asked for.

    A picture of odd height or width gets one row or column of the background: H.264 halves its colours.
    Raises UsageError for what is no picture, for pictures of several sizes, and where there is none at all.
    """
    first: tuple[int, ...] | None = None
    for number, given in enumerate(steps):
        if not isinstance(given, tuple) or len(given) != 2 or not _is_whole(given[0]):
            raise UsageError(f"frame {number + 1} of the film is {_tell(given)}, expected a pair (step, picture)")
        step = int(given[0])
        rgb = _draw(given[1], showing, f"step {step:,}")
        first = first or rgb.shape
        if rgb.shape != first:
            raise UsageError(
                f"step {step:,}: the picture has {rgb.shape[0]} x {rgb.shape[1]} pixels (rows x columns), the film's "
                f"first one {first[0]} x {first[1]}. Give all of them one size"
            )
        yield _compose(rgb, step, showing.title)
    if first is None:
        raise UsageError("no frames: a film needs one at least. Was a generator handed in that had ended before?")


def _draw(picture: Any, showing: Showing, where: str) -> IntArray:
    """Return a picture's pixels (height, width, 3) uint8."""
    if isinstance(picture, Figure):
        return _draw_figure(picture)
    try:
        values = np.asarray(picture)
    except (TypeError, ValueError, RuntimeError) as error:  # a tensor that is on a GPU or has a gradient
        raise UsageError(f"{where}: {_tell(picture)} is no array ({error})") from error
    if values.dtype == np.uint8:
        if values.ndim != 3 or values.shape[2] != 3 or 0 in values.shape:
            raise UsageError(f"{where}: a picture of uint8 has the shape {values.shape}, expected (rows, columns, 3)")
        return values
    if values.dtype.kind not in "fb" or values.size == 0:  # other integers may be colours up to 255, or classes
        raise UsageError(
            f"{where}: {_tell(values)}, expected a matplotlib Figure, a picture of uint8, or predictions as floats"
        )
    return _paint(_arrange(values.astype(np.float64), showing, where))


def _draw_figure(figure: Figure) -> IntArray:
    before = figure.canvas
    try:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.array(canvas.buffer_rgba(), dtype=np.uint8)[..., :3]  # a copy: the next drawing reuses the buffer
    finally:
        figure.set_canvas(before)  # a window may show it


def _arrange(values: FloatArray, showing: Showing, where: str) -> FloatArray:
    """Return predictions as a picture (rows, columns, 1 or 3), given as one, or as (m,) or (m, k) point by point."""
    given, shape = values.shape, showing.shape
    known = (1, 3) if showing.n_outputs is None else (showing.n_outputs,)
    if shape is None and (len(given) < 2 or (len(given) == 2 and given[1] in (1, 3))):
        raise UsageError(f"{where}: predictions of the shape {given} come point by point. Give shape=(rows, columns)")
    if shape is not None and len(given) in (1, 2) and given != shape and given[0] == shape[0] * shape[1]:
        values = values.reshape(*shape, -1)
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or values.shape[2] not in known or values.shape[:2] != (shape or values.shape[:2]):
        size = "(rows, columns)" if shape is None else f"{shape[0]} x {shape[1]}"
        outputs = " or ".join(f"{k} output{'s' if k > 1 else ''}" for k in known)
        raise UsageError(f"{where}: predictions of the shape {given}, expected {size} points of {outputs}")
    return values


def _paint(values: FloatArray) -> IntArray:
    """Return the colours of predictions (rows, columns, 1 or 3). What is no number, of a fit that failed, is black."""
    paintable = np.nan_to_num(values, nan=0.0)
    rgb = paint_photo(paintable) if values.shape[2] == 3 else paint_values(paintable[..., 0])
    return np.where(np.isnan(values).any(axis=2, keepdims=True), 0, rgb).astype(np.uint8)


def _compose(rgb: IntArray, step: int, title: str | None) -> IntArray:
    """Return a frame of even size: the picture, below its caption if there is a title, in the background's colour."""
    rows, columns = rgb.shape[:2]
    top = 0 if title is None else CAPTION_HEIGHT
    width = columns if title is None else max(columns, CAPTION_WIDTH)
    page = np.empty((_even(top + rows), _even(width), 3), dtype=np.uint8)
    page[:] = np.round(255 * np.array(to_rgb(BACKGROUND)))
    left = (width - columns) // 2
    page[top : top + rows, left : left + columns] = rgb
    if title is None:
        return page
    stamp = Stamp(page)
    reading = f"step {step:,}"
    right = width - _MARGIN
    room = right - stamp.length(reading, _LETTERS) - 2 * _MARGIN
    stamp.words((_MARGIN, _BASELINE), stamp.cut(title, _LETTERS, room, bold=True), _LETTERS, bold=True)
    stamp.words((right, _BASELINE), reading, _LETTERS, DIM, "rs")
    return stamp.pixels()


def _even(length: int) -> int:
    return length + length % 2


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, tuple) and len(shape) == 2 and all(_is_whole(each) and each > 0 for each in shape)


def _tell(value: Any) -> str:
    """Return what something is: its type, and its shape if it has one."""
    shape = getattr(value, "shape", None)
    kind = type(value).__name__
    return kind if shape is None else f"{kind} of shape {tuple(shape)} and {value.dtype}"
