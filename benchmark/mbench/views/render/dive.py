"""A dive into a point of the plane: windows that shrink at a constant rate, cut from pictures an octave apart."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mbench.types import FloatArray, IntArray
from mbench.views.render.cards import blank, draw_heading
from mbench.views.render.colours import DIM, SERIES, TEXT, VALUE_ERRORS, paint_values
from mbench.views.render.page import Box, Caption, Page, plain_style, to_points
from mbench.views.render.sheet import Sheet
from mbench.views.render.stamp import Stamp, reveal
from mbench.views.render.views import Panel

OCTAVES = 14
KEY_WIDTH = 1120  # pixels of a key picture: a frame an octave deeper is cut from half of them
HELD = 0.5  # of the variance in a window: who explains less of it has lost it
GRACE_OCTAVES = 2  # that a dive goes on once the prediction is lost
_STEP = 1 / 16  # octaves between looks at how well it holds
_GAP, _LABEL, _READING, _TICKS, _LARGE = 28, 26, 26, 22, 54

Window = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Dive:
    """Where a dive goes.

    centre: what it ends at.  lower, upper: (2,), the window it starts from, which holds the centre.
    """

    centre: tuple[float, float]
    lower: tuple[float, float]
    upper: tuple[float, float]

    def window(self, octave: float) -> Window:
        """Return left, bottom, width and height at magnification 2^octave: inside that of any smaller octave.

        The centre drifts to the window's middle. Its share of the extent on the nearer side follows the logistic
        function, the fastest that never asks for anything beyond the window of the octave before.
        """
        starts, sizes = [], []
        for c, low, high in zip(self.centre, self.lower, self.upper, strict=True):
            share = (c - low) / (high - low)
            near = min(share, 1.0 - share)
            drifted = 0.5 / (1.0 + (0.5 / near - 1.0) * 2.0**-octave)
            size = (high - low) * 2.0**-octave
            starts.append(c - (drifted if share <= 0.5 else 1.0 - drifted) * size)
            sizes.append(size)
        return starts[0], starts[1], sizes[0], sizes[1]

    def key_panel(self, octave: int) -> Panel:
        """Return the picture that frames from this octave to the next are cut from."""
        left, bottom, width, height = self.window(octave)
        shape = (round(KEY_WIDTH * height / width), KEY_WIDTH)
        return Panel("key", 2**octave, (left + width / 2, bottom + height / 2), width, height, shape, 0)

    def crop(self, octave: float, key: int) -> Window:
        """Return where the window at `octave` lies in the key picture: left, top, right and bottom, in its pixels."""
        left, bottom, width, height = self.window(octave)
        key_left, key_bottom, key_width, key_height = self.window(key)
        rows, columns = self.key_panel(key).shape
        x, y = columns / key_width, rows / key_height
        top = key_bottom + key_height - bottom - height
        box = ((left - key_left) * x, top * y, (left - key_left + width) * x, (top + height) * y)
        # Rounding alone takes it out of the picture.
        return max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(columns)), min(box[3], float(rows))


@dataclass(frozen=True, slots=True)
class KeyPicture:
    """Truth and prediction of a key panel: (rows, columns) each."""

    truth: FloatArray
    prediction: FloatArray


@dataclass(frozen=True, slots=True)
class Course:
    """How a dive went: key pictures from octave 0 on, where the prediction was lost, and where the dive ends.

    lost: an octave; None where it held to the end.
    """

    keys: tuple[KeyPicture, ...]
    lost: float | None
    end: float


def take_course(dive: Dive, keys: Iterator[KeyPicture]) -> Course:
    """Take key pictures, octave by octave, until the prediction has been lost for two octaves.

    It is lost at the first octave from which on less than half of the variance in the window is explained for two
    octaves on end. keys: from octave 0 on; no more of them are taken than are needed.
    """
    taken: list[KeyPicture] = []
    since: float | None = None
    for key, picture in enumerate(keys):
        taken.append(picture)
        for octave in np.arange(key, key + 1, _STEP).tolist():
            if _score(dive, picture, octave, key) >= HELD:
                since = None
            elif since is None:
                since = octave
            if since is not None and octave - since >= GRACE_OCTAVES:
                return Course(tuple(taken), since, octave)
    if not taken:
        raise ValueError("a dive needs a picture")
    return Course(tuple(taken), since, float(len(taken)))


def plan_octaves(n_frames: int, end: float = OCTAVES) -> FloatArray:
    """Return the octave of every frame, evenly from 0 to the end: the magnification grows by the same factor each."""
    return np.linspace(0.0, end, n_frames)


@dataclass(frozen=True, slots=True)
class DiveLayout:
    """Where the parts of a frame stand. reading: the top left of what changes, and how wide it is."""

    truth: Box
    prediction: Box
    error: Box
    chart: Box
    reading: tuple[int, int, int]


def plan_dive(sheet: Sheet, dive: Dive, caption: Caption) -> DiveLayout:
    """Return where things stand: truth and prediction as large as there is room, the rest beside or below them."""
    left, top, width, height = sheet.below(draw_heading(Stamp(blank(sheet)), sheet, caption.title, caption.subtitle))
    rows, columns = dive.key_panel(0).shape
    aspect, gap, label = columns / rows, sheet.px(_GAP), round(1.5 * sheet.size(_LABEL))
    ticks = sheet.size(_TICKS)
    if sheet.is_wide:
        # Side by side, and below them in one row what changes, the chart and the error.
        least = round(0.9 * sheet.size(_LARGE)) + round(4.6 * sheet.size(_READING))  # pixels of what changes
        wide = min((width - gap) // 2, round((height - 2 * label - gap - least) * aspect))
        high = round(wide / aspect)
        below = top + label + high + gap + label
        small = top + height - below
        error = (left + width - round(small * aspect), below, round(small * aspect), small)
        reading = (left, below, sheet.px(440))
        x = left + reading[2] + round(3.2 * ticks)
        chart = (x, below, error[0] - sheet.px(60) - x, small - round(3.0 * ticks))
        first = left + (width - 2 * wide - gap) // 2
        second = (first + wide + gap, top + label, wide, high)
        return DiveLayout((first, top + label, wide, high), second, error, chart, reading)
    # One above the other.
    is_tall = sheet.is_tall
    third = sheet.px(560) if is_tall else 0
    high = (height - third - gap - 2 * label) // 2
    wide = min(round(high * aspect), width if is_tall else round(0.64 * width))
    high = round(wide / aspect)
    x = left + (width - wide) // 2 if is_tall else left
    truth = (x, top + label, wide, high)
    prediction = (x, top + label + high + gap + label, wide, high)
    if is_tall:
        below = prediction[1] + high + gap
        reading = (left, below, round(0.45 * width))
        bottom = top + height
        error_wide = round(0.45 * width)
        error = (left, bottom - round(error_wide / aspect), error_wide, round(error_wide / aspect))
        chart_left = left + error_wide + gap + round(3.2 * ticks)
        chart = (chart_left, below + label, left + width - chart_left, bottom - below - label - round(3.0 * ticks))
        return DiveLayout(truth, prediction, error, chart, reading)
    # Beside them in one column what changes, the error and the chart.
    side = left + wide + gap
    room = left + width - side
    changing = round(0.9 * sheet.size(_LARGE)) + round(4.6 * sheet.size(_READING))
    error = (side, truth[1] + changing + label, room, round(room / aspect))
    chart_top = error[1] + error[3] + gap + label
    chart_left = side + round(3.2 * ticks)
    bottom = prediction[1] + high - round(3.0 * ticks)
    chart = (chart_left, chart_top, left + width - chart_left, bottom - chart_top)
    return DiveLayout(truth, prediction, error, chart, (side, truth[1], room))


def draw_dive(sheet: Sheet, dive: Dive, course: Course, octaves: FloatArray, caption: Caption) -> Iterator[IntArray]:
    """Yield a frame (height, width, 3) uint8 for each octave: truth, prediction, error, and how well it holds."""
    places = [(float(octave), min(int(octave), len(course.keys) - 1)) for octave in octaves]
    scores = [_score(dive, course.keys[key], octave, key) for octave, key in places]
    layout = plan_dive(sheet, dive, caption)
    with plain_style():
        empty, full, along = _backdrops(sheet, layout, (octaves, np.array(scores)), course, caption)
    chart = layout.chart
    painted: dict[int, tuple[Image.Image, ...]] = {}
    for (octave, key), x, score in zip(places, along, scores, strict=True):
        if key not in painted:
            painted = {key: _paint(course.keys[key])}
        crop = dive.crop(octave, key)
        stamp = Stamp(reveal(empty, full, chart, x))
        stamp.bar((x, chart[1], sheet.px(3), chart[3]), DIM)
        for box, picture in zip((layout.truth, layout.prediction, layout.error), painted[key], strict=True):
            smaller = box[2] <= crop[2] - crop[0]
            how = Image.Resampling.HAMMING if smaller else Image.Resampling.BICUBIC
            stamp.raster(box, np.asarray(picture.resize(box[2:], how, box=crop)))
        _write_reading(stamp, sheet, layout, (octave, score), course.lost)
        yield stamp.pixels()


def tell_magnification(octave: float) -> str:
    """Return how much a window is magnified at an octave."""
    magnification = 2.0**octave
    return f"{magnification:.1f}" if magnification < 10 else f"{magnification:,.0f}"


def _write_reading(stamp: Stamp, sheet: Sheet, layout: DiveLayout, at: tuple[float, float], lost: float | None) -> None:
    """Write where the dive is, and how well the prediction holds there. at: octave and score."""
    left, top, width = layout.reading
    octave, score = at
    large, small = sheet.size(_LARGE), sheet.size(_READING)
    y = top + round(0.8 * large)
    stamp.words((left, y), f"× {tell_magnification(octave)}", large, bold=True)
    share = f"explains {100 * score:.0f}% of it" if score > 0 else "explains none of it"
    lines = [(f"octave {octave:.1f}", DIM), (share, TEXT)]
    if lost is not None and octave >= lost:
        lines.append((f"lost at octave {lost:.1f}", SERIES[0]))
    for line, colour in lines:
        y += round(1.4 * small)
        stamp.words((left, y), stamp.cut(line, small, width), small, colour, bold=colour == SERIES[0])


def _backdrops(
    sheet: Sheet, layout: DiveLayout, scored: tuple[FloatArray, FloatArray], course: Course, caption: Caption
) -> tuple[IntArray, IntArray, list[int]]:
    """Return the frame without and with the curve, and how far along the page each frame is."""
    octaves, scores = scored
    page = Page(sheet.width, sheet.height)
    axes = page.axes(layout.chart)
    ticks = to_points(sheet.size(_TICKS))
    axes.tick_params(labelsize=ticks, pad=to_points(sheet.px(6)))
    marks = range(0, math.ceil(course.end) + 1, 1 if course.end <= 8 else 2)
    axes.set(xlim=(0, course.end), ylim=(0, 1.03), xticks=[m for m in marks if m <= course.end], yticks=(0, 0.5, 1))
    axes.set_yticklabels(["0", "50%", "100%"])
    axes.set_xlabel("octaves of zoom", color=DIM, fontsize=ticks, labelpad=to_points(sheet.px(2)))
    if course.lost is not None:
        axes.axvline(course.lost, color=SERIES[0], linewidth=to_points(sheet.px(2)), linestyle="--")
    along = [round(float(axes.transData.transform((octave, 0.0))[0])) for octave in octaves]
    stamp = Stamp(page.pixels())
    draw_heading(stamp, sheet, caption.title, caption.subtitle)
    label = sheet.size(_LABEL)
    key = f"error (white: ≥ {VALUE_ERRORS.limit:g})"
    for (left, top, width, _), words in (
        (layout.truth, "truth"), (layout.prediction, "prediction"), (layout.error, key),
        (layout.chart, "explained in this window"),
    ):  # fmt: skip
        size = label
        while stamp.length(words, size) > width and size > sheet.size(12):
            size -= 1
        stamp.words((left, top - sheet.px(10)), words, size, DIM)
    empty = stamp.pixels()
    axes.plot(octaves, np.clip(scores, 0.0, 1.0), color=SERIES[1], linewidth=to_points(sheet.px(4)))
    return empty, page.pixels(), along


def _paint(key: KeyPicture) -> tuple[Image.Image, ...]:
    error = VALUE_ERRORS.paint(np.abs(key.prediction - key.truth))
    return tuple(map(Image.fromarray, (paint_values(key.truth), paint_values(key.prediction), error)))


def _score(dive: Dive, key: KeyPicture, octave: float, number: int) -> float:
    """Return 1 - MSE / variance of the truth in a frame's window; 0 where the truth has none."""
    left, top, right, bottom = dive.crop(octave, number)
    part = slice(math.floor(top), math.ceil(bottom)), slice(math.floor(left), math.ceil(right))
    truth = key.truth[part].astype(np.float64)
    variance = float(truth.var())
    return 1.0 - float(np.square(key.prediction[part] - truth).mean()) / variance if variance > 0.0 else 0.0
