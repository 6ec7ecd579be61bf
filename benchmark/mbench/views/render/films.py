"""Frames of a film of learning: where everything stands, and how one frame follows another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from mbench.types import FloatArray, IntArray
from mbench.views.render.cards import blank, draw_heading
from mbench.views.render.colours import DIM, RULE, SERIES, TEXT
from mbench.views.render.page import Box, Caption, Page, plain_style, to_points
from mbench.views.render.scale import AXES, Scale, Unit, fit_scale
from mbench.views.render.scenes import Scene
from mbench.views.render.sheet import Sheet
from mbench.views.render.stamp import Stamp, reveal

_GAP, _STRIP = 28, 360
_NAME, _READING, _LABEL, _TICKS = 28, 23, 24, 21
_LOWEST, _HIGHEST = 1e-6, 1e3  # errors beyond are drawn at these


@dataclass(frozen=True, slots=True)
class Curve:
    """One racer: its name, and its error (and score, where there is one) at each of its shots.

    unit: what positions count, which ascend.  seconds: of training.  n_learned: points learned from.
    """

    name: str
    unit: Unit
    positions: tuple[float, ...]
    seconds: tuple[float, ...]
    n_learned: tuple[int, ...]
    errors: tuple[float, ...]
    scores: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment of the film: how far along it is, from 0 to 1, and which shot of each racer is shown.

    None before a racer's first.
    """

    place: float
    shots: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """A place on the page: which racer's (None for the truth, which is everybody's), and which panel of the scene."""

    box: Box
    racer: int | None
    name: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a frame stand."""

    panels: tuple[Panel, ...]
    chart: Box

    @property
    def widest(self) -> int:
        """Pixels of the widest panel."""
        return max(panel.box[2] for panel in self.panels)


@dataclass(frozen=True, slots=True)
class Race:
    """What is filmed: how good each racer is at each of its shots, and what it predicts there, (m, k)."""

    scene: Scene
    curves: Sequence[Curve]
    predictions: Sequence[Sequence[FloatArray]]


def plan_layout(sheet: Sheet, scene: Scene, n_racers: int, caption: Caption) -> Layout:
    """Return where things stand: for one, its map large and the rest beside it; for several, a tile each."""
    top = draw_heading(Stamp(blank(sheet)), sheet, caption.title, caption.subtitle)
    room = sheet.below(top)
    return _plan_one(sheet, room, scene) if n_racers == 1 else _plan_race(sheet, room, scene, n_racers)


def plan_scales(curves: Sequence[Curve]) -> dict[Unit, Scale]:
    """Return the axis of each unit that a racer's positions count."""
    units: dict[Unit, None] = dict.fromkeys(curve.unit for curve in curves)
    return {unit: fit_scale(unit, [p for c in curves if c.unit == unit for p in c.positions]) for unit in units}


def plan_instants(curves: Sequence[Curve], n_instants: int) -> tuple[Instant, ...]:
    """Return the film's moments, n_instants at most: all at which something changes, or every so many of them."""
    scales = plan_scales(curves)
    places = [[scales[curve.unit].place(position) for position in curve.positions] for curve in curves]
    known = np.unique(np.concatenate(places).round(9))
    chosen = np.unique(np.linspace(0, len(known) - 1, min(n_instants, len(known))).round().astype(int))
    instants = []
    for place in known[chosen].tolist():
        # Of shots at the same place the last: it was trained for longer.
        seen = [int(np.searchsorted(np.round(each, 9), place, side="right")) - 1 for each in places]
        instants.append(Instant(place, tuple(shot if shot >= 0 else None for shot in seen)))
    return tuple(instants)


def draw_frames(
    sheet: Sheet, race: Race, instants: Sequence[Instant], n_frames: int, caption: Caption
) -> Iterator[IntArray]:
    """Yield n_frames frames (height, width, 3) uint8, each instant shown for as long as any other.

    Of racers there are as many as `SERIES` has colours at most. The line on the chart moves on within an instant, the
    pictures do not: nothing is shown that was not predicted.
    """
    scene, curves = race.scene, race.curves
    layout = plan_layout(sheet, scene, len(curves), caption)
    with plain_style():
        empty, full, span = _backdrops(sheet, layout, race, caption)
    reading = _plan_reading(Stamp(empty), sheet, layout, race)
    drawn: dict[Panel, tuple[object, IntArray]] = {}
    for number in range(n_frames):
        turn = number / max(1, n_frames - 1)
        instant = instants[min(int(turn * len(instants)), len(instants) - 1)]
        along = round(span[0] + (span[1] - span[0]) * _place_at(instants, turn))
        stamp = Stamp(reveal(empty, full, layout.chart, along))
        stamp.bar((along, layout.chart[1], sheet.px(3), layout.chart[3]), DIM)
        for panel in layout.panels:
            shot = len(race.predictions[0]) - 1 if panel.racer is None else instant.shots[panel.racer]
            if shot is None:
                x, y, width, height = panel.box
                stamp.bar(panel.box, RULE)
                stamp.words((x + width / 2, y + height / 2), "not yet", sheet.size(_NAME), TEXT, "ms")
                continue
            state = (shot if panel.racer is not None else None, turn if scene.turns else None)
            if drawn.get(panel, (None,))[0] != state:
                with plain_style():
                    rgb = scene.draw(
                        panel.name, race.predictions[panel.racer or 0][shot], panel.box[2:],
                        turn=turn, n_learned=curves[panel.racer or 0].n_learned[shot],
                    )  # fmt: skip
                drawn[panel] = state, rgb
            stamp.raster(panel.box, drawn[panel][1])
            if panel.name == "prediction" and panel.racer is not None:
                at = panel.box[0], panel.box[1] - sheet.px(12)
                stamp.words(at, _read(scene, curves[panel.racer], shot, reading.is_short), reading.size)
        yield stamp.pixels()


def tell_result(scene: Scene, curve: Curve, shot: int) -> str:
    """Return how good a racer is at a shot, in a few words."""
    score = curve.scores[shot]
    return f"{scene.measure} {curve.errors[shot]:.3g}" + ("" if score is None else f"  ·  skill {score:.0f}")


def tell_position(curve: Curve, shot: int) -> str:
    """Return how far a racer has come at a shot, in a few words."""
    position = curve.positions[shot]
    match curve.unit:
        case "seconds":
            return f"{position:.2f} s"
        case "points":
            return f"{position:,.0f} points"
        case _:
            return f"step {position:,.0f}"


def _place_at(instants: Sequence[Instant], turn: float) -> float:
    """Return how far along the chart a film has come: even from one instant to the next."""
    places = [instant.place for instant in instants]
    return float(np.interp(turn * len(places), range(len(places) + 1), [*places, places[-1]]))


def _plan_one(sheet: Sheet, room: Box, scene: Scene) -> Layout:
    left, top, width, height = room
    gap, label, head = sheet.px(_GAP), _label_height(sheet), _head_height(sheet)
    if sheet.is_wide:
        # The rest in equal cells beside it, of which the chart is one.
        n_cells = len(scene.sides) + 1
        cell = (height - (n_cells - 1) * gap) // n_cells
        narrowest = sheet.px(420)
        side = max(narrowest, round((cell - label) * scene.aspect))
        main = _fit((width - side - gap, height - head), scene.aspect)
        side = width - main[0] - gap
        panels = [Panel((left, top + head, *main), 0, "prediction")]
        for index, name in enumerate(scene.sides):
            size = _fit((side, cell - label), scene.aspect)
            panels.append(_side((left + main[0] + gap, top + index * (cell + gap) + label, *size), name))
        y = top + len(scene.sides) * (cell + gap)
        return Layout(tuple(panels), _chart_in(sheet, (left + main[0] + gap, y, side, cell)))
    n_sides = len(scene.sides)
    if sheet.is_tall:
        row = _fit(((width - (n_sides - 1) * gap) // n_sides, height // 4), scene.aspect)
        chart_height = min(height // 3, sheet.px(460))
        main = _fit((width, height - head - label - row[1] - chart_height - 2 * gap), scene.aspect)
    else:
        row_height = height // 4
        row = _fit((round(0.31 * width), row_height), scene.aspect)
        chart_height = 0
        main = _fit((width, height - head - label - row[1] - gap), scene.aspect)
    panels = [Panel((left + (width - main[0]) // 2, top + head, *main), 0, "prediction")]
    y = top + head + main[1] + gap + label
    for index, name in enumerate(scene.sides):
        panels.append(_side((left + index * (row[0] + gap), y, *row), name))
    if chart_height:
        bottom = y + row[1] + gap
        return Layout(tuple(panels), _chart_in(sheet, (left, bottom, width, top + height - bottom)))
    x = left + n_sides * (row[0] + gap)
    return Layout(tuple(panels), _chart_in(sheet, (x, y - label, width - (x - left), row[1] + label)))


def _plan_race(sheet: Sheet, room: Box, scene: Scene, n_racers: int) -> Layout:
    left, top, width, height = room
    truth = [None] if "truth" in scene.sides else []
    tiles: list[int | None] = [*truth, *range(n_racers)]
    strip = sheet.px(_STRIP)
    if sheet.is_tall:  # the chart across the page, where no tile is the smaller for it
        wide, corners, bottom = _lay_grid(sheet, room, scene, len(tiles))
        chart_room = top + height - bottom - sheet.px(_GAP)
        with_chart = _lay_grid(sheet, room, scene, len(tiles) + 1)
        if chart_room >= strip and wide >= with_chart[0]:
            wide, corners, bottom = _lay_grid(sheet, (left, top, width, height - strip), scene, len(tiles))
            y = bottom + sheet.px(_GAP)
            chart = _chart_in(sheet, (left, y, width, top + height - y))
            return Layout(_tile(sheet, scene, tiles, wide, corners), chart)
    wide, corners, bottom = _lay_grid(sheet, room, scene, len(tiles) + 1)  # the chart is the last tile
    x, y = corners[len(tiles)]
    right = max(corner[0] for corner in corners) + wide
    chart = _chart_in(sheet, (x, y, right - x, _head_height(sheet) + round(wide / scene.aspect)))
    return Layout(_tile(sheet, scene, tiles, wide, corners), chart)


def _tile(
    sheet: Sheet, scene: Scene, tiles: Sequence[int | None], wide: int, corners: Sequence[tuple[int, int]]
) -> tuple[Panel, ...]:
    head, high = _head_height(sheet), round(wide / scene.aspect)
    return tuple(
        Panel((x, y + head, wide, high), racer, "truth" if racer is None else "prediction")
        for racer, (x, y) in zip(tiles, corners, strict=False)
    )


def _lay_grid(sheet: Sheet, room: Box, scene: Scene, n_cells: int) -> tuple[int, list[tuple[int, int]], int]:
    """Return how wide so many tiles can be at most, the corner of each, and the line below them."""
    left, top, width, height = room
    gap, head = sheet.px(_GAP), _head_height(sheet)
    best = 0, 1
    for columns in range(1, n_cells + 1):
        rows = math.ceil(n_cells / columns)
        free = (width - (columns - 1) * gap) // columns, (height - (rows - 1) * gap) // rows - head
        if free[1] > 0:
            best = max(best, (_fit(free, scene.aspect)[0], columns))
    wide, columns = best
    high, rows = round(wide / scene.aspect), math.ceil(n_cells / columns)
    # What is left over becomes room between the tiles, as much as looks like it.
    across = min((width - columns * wide) // max(1, columns - 1), 3 * gap) if columns > 1 else 0
    down = min((height - rows * (high + head)) // max(1, rows - 1), 2 * gap) if rows > 1 else 0
    x0 = left + (width - columns * wide - (columns - 1) * across) // 2
    y0 = top if sheet.is_tall else top + (height - rows * (high + head) - (rows - 1) * down) // 2
    corners = [
        (x0 + column * (wide + across), y0 + row * (high + head + down))
        for row in range(rows)
        for column in range(columns)
    ]
    return wide, corners, y0 + rows * (high + head) + (rows - 1) * down


def _chart_in(sheet: Sheet, cell: Box) -> Box:
    """Return the box of the chart itself, inside a cell that holds its labels, too."""
    left, top, width, height = cell
    ticks = sheet.size(_TICKS)
    # Of a small film the labels would take all of it.
    ticks = min(ticks, width // 8, height // 8)
    return left + round(3.6 * ticks), top + round(2.2 * ticks), width - round(5.2 * ticks), height - round(5.2 * ticks)


def _side(box: Box, name: str) -> Panel:
    return Panel(box, None if name == "truth" else 0, name)


def _label_height(sheet: Sheet) -> int:
    return round(1.5 * sheet.size(_LABEL))


def _head_height(sheet: Sheet) -> int:
    """Return what a racer's name and its reading take over its picture."""
    return round(1.3 * sheet.size(_NAME)) + round(1.5 * sheet.size(_READING))


def _backdrops(
    sheet: Sheet, layout: Layout, race: Race, caption: Caption
) -> tuple[IntArray, IntArray, tuple[float, float]]:
    """Return the frame without and with the curves on its chart, and where the chart begins and ends, in pixels."""
    curves = race.curves
    page = Page(sheet.width, sheet.height)
    scales = plan_scales(curves)
    axes = page.axes(layout.chart)
    ticks = to_points(sheet.size(_TICKS))
    axes.tick_params(labelsize=ticks, pad=to_points(sheet.px(6)))
    errors = np.clip(np.concatenate([curve.errors for curve in curves]), _LOWEST, _HIGHEST)
    low, high = float(errors.min()) / 1.3, float(errors.max()) * 1.3
    axes.set(yscale="log", xlim=(0.0, 1.0), ylim=(low, high))
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0,) if high / low > 40 else (1.0, 2.0, 5.0), numticks=7))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_locator(NullLocator())
    is_narrow = layout.chart[2] < 20 * sheet.size(_TICKS)
    words = race.scene.measure if is_narrow else f"{race.scene.measure} on the points shown"
    axes.text(
        0.98, 0.95, words, color=DIM, fontsize=ticks, ha="right", va="top", transform=axes.transAxes
    )  # fmt: skip
    for number, scale in enumerate(scales.values()):
        axis = axes if number == 0 else axes.secondary_xaxis("top")
        marks = scale.marks[:: 2 if is_narrow and len(scale.marks) > 2 else 1]
        axis.set_xticks([scale.place(mark) for mark in marks], [f"{mark:,g}" for mark in marks])
        axis.set_xlabel(AXES[scale.unit], color=DIM, fontsize=ticks, labelpad=to_points(sheet.px(4)))
        axis.tick_params(labelsize=ticks, length=0, colors=DIM, pad=to_points(sheet.px(6)))
        if number:
            axis.spines["top"].set_color(RULE)
    span = [float(axes.transData.transform((x, high))[0]) for x in (0.0, 1.0)]
    empty = _write_labels(page.pixels(), sheet, layout, race, caption)
    for index, curve in enumerate(curves):
        x = [scales[curve.unit].place(position) for position in curve.positions]
        axes.plot(
            x, np.clip(curve.errors, low, _HIGHEST), color=SERIES[index], linewidth=to_points(sheet.px(4)),
            dashes=(None, None) if curve.unit == next(iter(scales)) else (4, 2),
        )  # fmt: skip
    full = page.pixels()
    return empty, full, (span[0], span[1])


def _write_labels(page: IntArray, sheet: Sheet, layout: Layout, race: Race, caption: Caption) -> IntArray:
    scene, curves = race.scene, race.curves
    stamp = Stamp(page)
    draw_heading(stamp, sheet, caption.title, caption.subtitle)
    label = sheet.size(_LABEL)
    for panel in layout.panels:
        left, top, width, _ = panel.box
        if panel.name != "prediction":
            is_error = panel.name == scene.sides[-1]
            words = f"{panel.name}  {scene.key}" if is_error and scene.key else panel.name
            size = stamp.fit(words, label, width)
            stamp.words((left, top - sheet.px(10)), stamp.cut(words, size, width), size, DIM)
            continue
        assert panel.racer is not None
        baseline = top - sheet.px(12) - round(1.3 * sheet.size(_READING))
        name = curves[panel.racer].name
        size = stamp.fit(name, sheet.size(_NAME), width, bold=True)
        stamp.words((left, baseline), stamp.cut(name, size, width, bold=True), size, SERIES[panel.racer], bold=True)
    return stamp.pixels()


@dataclass(frozen=True, slots=True)
class Reading:
    """How readings are written, all alike. size: of the letters.  is_short: is the error left out beside a score?"""

    size: int
    is_short: bool


def _read(scene: Scene, curve: Curve, shot: int, is_short: bool) -> str:
    """Return how far a racer is, and how good."""
    score = curve.scores[shot]
    result = f"skill {score:.0f}" if is_short and score is not None else tell_result(scene, curve, shot)
    return f"{tell_position(curve, shot)}  ·  {result}"


def _plan_reading(stamp: Stamp, sheet: Sheet, layout: Layout, race: Race) -> Reading:
    """Return the size at which every reading of every racer has room; short ones where whole ones would be small."""
    full = sheet.size(_READING)
    tiles = [panel for panel in layout.panels if panel.name == "prediction" and panel.racer is not None]

    def size_of(is_short: bool) -> int:
        sizes = [full]
        for panel in tiles:
            curve = race.curves[panel.racer or 0]
            readings = [_read(race.scene, curve, shot, is_short) for shot in range(len(curve.errors))]
            sizes += [stamp.fit(words, full, panel.box[2]) for words in readings]
        return min(sizes)

    whole = size_of(is_short=False)
    return Reading(whole, False) if whole >= 0.85 * full else Reading(size_of(is_short=True), True)


def _fit(room: tuple[int, int], aspect: float) -> tuple[int, int]:
    width = max(1, min(room[0], round(room[1] * aspect)))
    return width, max(1, round(width / aspect))
