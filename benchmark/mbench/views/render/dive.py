"""A dive into a point of the plane: windows that shrink at a constant rate, cut from pictures an octave apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mbench.types import FloatArray, IntArray
from mbench.views.render.colours import DIM, SERIES, VALUE_ERRORS, paint_values
from mbench.views.render.page import Page, plain_style, shorten, to_points
from mbench.views.render.stamp import Stamp, reveal
from mbench.views.render.views import Panel

OCTAVES = 14
PANEL_WIDTH = 560
# Pixels of a key picture for each of a frame at its start; at its end, an octave deeper, it is 1.
OVERSAMPLING = 2
_MARGIN, _GAP, _TOP, _SIDEBAR = 32, 24, 118, 300
_BELOW = 40  # between truth and prediction

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
        columns = OVERSAMPLING * PANEL_WIDTH
        shape = (round(columns * height / width), columns)
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


def plan_octaves(n_frames: int) -> FloatArray:
    """Return the octave of every frame, evenly from 0 to 14: the magnification grows by the same factor each frame."""
    return np.linspace(0.0, OCTAVES, n_frames)


def draw_dive(
    dive: Dive, keys: Sequence[KeyPicture], octaves: FloatArray, *, title: str, subtitle: str
) -> Iterator[IntArray]:
    """Yield a frame (height, width, 3) uint8 for each octave: truth above, prediction below, and how well it holds.

    keys: from octave 0 on, at least as many as the deepest frame has whole octaves.
    """
    places = [(float(octave), min(int(octave), len(keys) - 1)) for octave in octaves]
    scores = [_score(dive, keys[key], octave, key) for octave, key in places]
    rows, columns = dive.key_panel(0).shape
    width, height = PANEL_WIDTH, round(PANEL_WIDTH * rows / columns)
    below, side = _TOP + height + _BELOW, _MARGIN + width + _GAP
    chart = (side + 48, _TOP + 150, _SIDEBAR - 56, height - 200)
    size = side + _SIDEBAR + _MARGIN, below + height + _MARGIN
    with plain_style():
        page = Page(size[0] + size[0] % 2, size[1] + size[1] % 2)
        page.text(_MARGIN, 44, shorten(title, (size[0] - 2 * _MARGIN) / (0.7 * 30)), 30, weight="bold")
        page.text(_MARGIN, 72, shorten(subtitle, (size[0] - 2 * _MARGIN) / (0.58 * 17)), 17, DIM)
        page.text(_MARGIN, _TOP - 10, "truth", 18, DIM)
        page.text(_MARGIN, below - 10, "prediction", 18, DIM)
        page.text(side, below - 10, f"absolute error   (white: ≥ {VALUE_ERRORS.limit:g})", 18, DIM)
        axes = page.axes(chart)
        axes.tick_params(labelsize=to_points(14), pad=4)
        axes.set(xlim=(0, OCTAVES), ylim=(0, 1.03), xticks=range(0, OCTAVES + 1, 2), yticks=(0, 0.5, 1))
        axes.set_xlabel("octave", color=DIM, fontsize=to_points(15), labelpad=2)
        axes.set_ylabel("s", color=DIM, fontsize=to_points(15), labelpad=4)
        along = [round(float(axes.transData.transform((octave, 0.0))[0])) for octave, _ in places]
        empty = page.pixels()
        axes.plot(octaves, np.clip(scores, 0.0, 1.0), color=SERIES[0], linewidth=2.2)
        full = page.pixels()
    error_size = (_SIDEBAR, round(_SIDEBAR * rows / columns))
    painted: dict[int, tuple[Image.Image, ...]] = {}
    for (octave, key), x, score in zip(places, along, scores, strict=True):
        if key not in painted:
            painted = {key: _paint(keys[key])}
        crop = dive.crop(octave, key)
        stamp = Stamp(reveal(empty, full, chart, x))
        stamp.bar((x, chart[1], 2, chart[3]), DIM)
        boxes = ((_MARGIN, _TOP, width, height), (_MARGIN, below, width, height), (side, below, *error_size))
        for box, picture in zip(boxes, painted[key], strict=True):
            stamp.raster(box, np.asarray(picture.resize(box[2:], Image.Resampling.HAMMING, box=crop)))
        stamp.words((side, _TOP + 32), f"× {_round(2.0**octave)}", 38, bold=True)
        stamp.words((side, _TOP + 64), f"octave {octave:.1f}", 20, DIM)
        words = f"s = {score:.2f}" if score > -10 else "s < −10"
        stamp.words((side, _TOP + 100), words.replace("-", "−"), 24)
        stamp.words((side, _TOP + 124), "share of variance explained here", 15, DIM)
        yield stamp.pixels()


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


def _round(magnification: float) -> str:
    return f"{magnification:.1f}" if magnification < 10 else f"{magnification:,.0f}"
