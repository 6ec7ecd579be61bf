"""Frames of a film of learning: where everything stands, and one frame per moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from mbench.types import FloatArray, IntArray
from mbench.views.render.colours import DIM, SERIES, TEXT
from mbench.views.render.page import Box, Caption, Page, plain_style, shorten, to_points
from mbench.views.render.scenes import Scene
from mbench.views.render.stamp import Stamp, reveal

Unit = Literal["steps", "points", "seconds"]

_MARGIN, _GAP, _TOP, _CHART = 32, 22, 118, 116
_MAIN = (640, 540)  # the learned map of a film of one, at most
_RACE_WIDTH, _RACE_COLUMNS, _TILE_HEIGHT = 1280, 4, 400
_LONE_SIDE = 290  # pixels wide
_LOWEST, _HIGHEST = 1e-6, 1e3  # errors beyond are drawn at these
_AXES: dict[Unit, str] = {"steps": "steps", "points": "points to learn from", "seconds": "seconds of training"}


@dataclass(frozen=True, slots=True)
class Curve:
    """One racer: its name, and its error (and score, where there is one) at each of its shots.

    positions: ascending, in the film's unit.  seconds: of training.  n_learned: points learned from.
    """

    name: str
    positions: tuple[float, ...]
    seconds: tuple[float, ...]
    n_learned: tuple[int, ...]
    errors: tuple[float, ...]
    scores: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment of the film: where it is, and which shot of each racer is shown, None before its first."""

    position: float
    shots: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """A place on the page: which racer's (None for the truth, which is everybody's), and which panel of the scene."""

    box: Box
    racer: int | None
    name: str


@dataclass(frozen=True, slots=True)
class Layout:
    """A frame's size and where its parts stand."""

    width: int
    height: int
    panels: tuple[Panel, ...]
    chart: Box


def plan_layout(scene: Scene, n_racers: int) -> Layout:
    """Return where things stand: for one, its map large and the rest beside it; for several, a tile each."""
    return _plan_one(scene) if n_racers == 1 else _plan_race(scene, n_racers)


def plan_instants(curves: Sequence[Curve], n_frames: int) -> tuple[Instant, ...]:
    """Return the film's moments, n_frames at most: all at which something changes, or every so many of them."""
    positions = np.unique(np.concatenate([curve.positions for curve in curves]))
    chosen = np.unique(np.linspace(0, len(positions) - 1, min(n_frames, len(positions))).round().astype(int))
    instants = []
    for position in positions[chosen].tolist():
        # Of shots at the same position the last: it was trained for longer.
        seen = [int(np.searchsorted(curve.positions, position, side="right")) - 1 for curve in curves]
        instants.append(Instant(position, tuple(shot if shot >= 0 else None for shot in seen)))
    return tuple(instants)


@dataclass(frozen=True, slots=True)
class Labels:
    """What a film's readings are called: the unit of its positions, and every racer's name as far as it has room."""

    unit: Unit
    names: Sequence[str]


def draw_frames(
    scene: Scene,
    curves: Sequence[Curve],
    predictions: Sequence[Sequence[FloatArray]],
    instants: Sequence[Instant],
    unit: Unit,
    caption: Caption,
) -> Iterator[IntArray]:
    """Yield a frame (height, width, 3) uint8 for each instant.

    curves: as many as `SERIES` has colours at most.  predictions: of each racer, for each of its shots, (m, k).
    """
    layout = plan_layout(scene, len(curves))
    with plain_style():
        empty, full, along = _backdrops(layout, scene, curves, instants, unit, (caption.title, caption.subtitle))
    names = _cut_names(Stamp(empty), layout, scene, curves)
    drawn: dict[Panel, tuple[object, IntArray]] = {}
    for number, instant in enumerate(instants):
        turn = number / max(1, len(instants) - 1)
        stamp = Stamp(reveal(empty, full, layout.chart, along[number]))
        _, top, _, height = layout.chart
        if len(instants) > 1:
            stamp.bar((along[number], top, 2, height), DIM)
        for panel in layout.panels:
            shot = len(predictions[0]) - 1 if panel.racer is None else instant.shots[panel.racer]
            if shot is None:
                x, y, width, height = panel.box
                stamp.words((x + width / 2, y + height / 2), "not yet", 20, DIM, "ms")
                continue
            state = (shot if panel.racer is not None else None, turn if scene.turns else None)
            if drawn.get(panel, (None,))[0] != state:
                with plain_style():
                    rgb = scene.draw(
                        panel.name, predictions[panel.racer or 0][shot], panel.box[2:],
                        turn=turn, n_learned=curves[panel.racer or 0].n_learned[shot],
                    )  # fmt: skip
                drawn[panel] = state, rgb
            stamp.raster(panel.box, drawn[panel][1])
        _write_readings(stamp, layout, scene, curves, instant, Labels(unit, names))
        yield stamp.pixels()


def _plan_one(scene: Scene) -> Layout:
    width, height = _fit(_MAIN, scene.aspect)
    main = Panel((_MARGIN, _TOP, width, height), 0, "prediction")
    n_sides = len(scene.sides)
    side_height = (height - (n_sides - 1) * 36) // n_sides
    side_width = round(side_height * scene.aspect) if n_sides > 1 else _LONE_SIDE
    panels = [main]
    for index, name in enumerate(scene.sides):
        box = (_MARGIN + width + _GAP, _TOP + index * (side_height + 36), side_width, side_height)
        panels.append(Panel(box, None if name == "truth" else 0, name))
    page_width = max(panels[-1].box[0] + side_width + _MARGIN, 880)
    chart_left = 400
    chart = (chart_left, _TOP + height + 30, page_width - chart_left - _MARGIN, _CHART)
    return Layout(_even(page_width), _even(chart[1] + _CHART + 52), tuple(panels), chart)


def _plan_race(scene: Scene, n_racers: int) -> Layout:
    truth = [None] if "truth" in scene.sides else []
    tiles: list[int | None] = [*truth, *range(n_racers)]
    n_rows = -(-len(tiles) // _RACE_COLUMNS)
    columns = -(-len(tiles) // n_rows)
    room = (_RACE_WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) // columns
    width, height = _fit((room, _TILE_HEIGHT), scene.aspect)
    left = (_RACE_WIDTH - columns * width - (columns - 1) * _GAP) // 2
    panels, bottom = [], _TOP
    for index, racer in enumerate(tiles):
        row, column = divmod(index, columns)
        box = (left + column * (width + _GAP), _TOP + row * (height + 44), width, height)
        panels.append(Panel(box, racer, "truth" if racer is None else "prediction"))
        bottom = box[1] + height
    error = scene.sides[-1]
    if n_rows == 1 and height <= 300:  # there is room for a second row
        panels += [Panel((p.box[0], bottom + 30, width, height), p.racer, error) for p in panels if p.racer is not None]
        bottom += 30 + height
    chart = (400, bottom + 30, _RACE_WIDTH - 400 - _MARGIN, _CHART)
    return Layout(_RACE_WIDTH, _even(chart[1] + _CHART + 52), tuple(panels), chart)


def _backdrops(
    layout: Layout,
    scene: Scene,
    curves: Sequence[Curve],
    instants: Sequence[Instant],
    unit: Unit,
    words: tuple[str, str],
) -> tuple[IntArray, IntArray, list[int]]:
    """Return the page without and with the curves on its chart, and how far along the page each instant is."""
    page = Page(layout.width, layout.height)
    room = layout.width - 2 * _MARGIN
    page.text(_MARGIN, 44, shorten(words[0], room / (0.7 * 30)), 30, weight="bold")
    page.text(_MARGIN, 72, shorten(words[1], room / (0.58 * 17)), 17, DIM)
    first_error = next((panel for panel in layout.panels if panel.name == scene.sides[-1]), None)
    for panel in layout.panels:
        left, top, _, _ = panel.box
        if panel.racer is None or len(curves) == 1 or panel is first_error:
            label = f"{panel.name}   {scene.key}" if panel.name == scene.sides[-1] else panel.name
            page.text(left, top - 10, label, 18 if panel.box[2] > 270 else 16, DIM)
    axes = page.axes(layout.chart)
    axes.tick_params(labelsize=to_points(14), pad=4)
    axes.set_xlabel(_AXES[unit], color=DIM, fontsize=to_points(15), labelpad=2)
    axes.set_ylabel(scene.measure, color=DIM, fontsize=to_points(15), labelpad=4)
    xs = [_on_axis(instant.position, unit) for instant in instants]
    errors = np.clip(np.concatenate([curve.errors for curve in curves]), _LOWEST, _HIGHEST)
    low, high = float(errors.min()) / 1.3, float(errors.max()) * 1.3
    axes.set(xscale="log", yscale="log", xlim=(min(xs) / 1.05, max(xs) * 1.05), ylim=(low, high))
    for axis, ratio in ((axes.xaxis, max(xs) / min(xs)), (axes.yaxis, high / low)):
        axis.set_major_locator(LogLocator(subs=(1.0,) if ratio > 40 else (1.0, 2.0, 5.0), numticks=7))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_formatter(NullFormatter())
    along = [round(float(axes.transData.transform((x, high))[0])) for x in xs]
    empty = page.pixels()
    for index, curve in enumerate(curves):
        x = [_on_axis(position, unit) for position in curve.positions]
        axes.plot(x, np.clip(curve.errors, low, _HIGHEST), color=SERIES[index], linewidth=2.2)
    return empty, page.pixels(), along


def _cut_names(stamp: Stamp, layout: Layout, scene: Scene, curves: Sequence[Curve]) -> list[str]:
    """Return the racers' names, each as long as its longest reading leaves room beside it."""
    widths = {panel.racer: panel.box[2] for panel in layout.panels if panel.name == "prediction"}
    names = []
    for racer, curve in enumerate(curves):
        longest = max(stamp.length(_reading(scene, curve, shot), 15) for shot in range(len(curve.errors)))
        names.append(stamp.cut(curve.name, 18, widths[racer] - longest - 12, bold=True))
    return names


def _write_readings(
    stamp: Stamp, layout: Layout, scene: Scene, curves: Sequence[Curve], instant: Instant, labels: Labels
) -> None:
    """Write where the film is, and how good each racer is there."""
    unit = labels.unit
    top = layout.chart[1]
    place = f"{instant.position:.2f} s" if unit == "seconds" else f"{instant.position:,.0f} {unit}"
    stamp.words((_MARGIN, top + 26), place, 30, bold=True)
    last = max(curve.positions[-1] for curve in curves)
    whole = {
        "seconds": f"of {last:.1f} s of training",
        "steps": f"of {last:,.0f}",
        "points": f"to learn, of {last:,.0f}",
    }
    stamp.words((_MARGIN, top + 52), whole[unit], 17, DIM)
    if len(curves) == 1:
        shot = instant.shots[0]
        if shot is not None:
            stamp.words((_MARGIN, top + 86), _reading(scene, curves[0], shot), 22)
            stamp.words((_MARGIN, top + 114), f"{curves[0].seconds[shot]:.2f} s of training", 17, DIM)
        return
    for panel in layout.panels:
        if panel.name != "prediction" or panel.racer is None:
            continue
        left, tile_top, width, _ = panel.box
        curve, shot = curves[panel.racer], instant.shots[panel.racer]
        stamp.words((left, tile_top - 9), labels.names[panel.racer], 18, SERIES[panel.racer], bold=True)
        if shot is not None:
            stamp.words((left + width, tile_top - 9), _reading(scene, curve, shot), 15, TEXT, "rs")


def _reading(scene: Scene, curve: Curve, shot: int) -> str:
    score = curve.scores[shot]
    return f"{scene.measure} {curve.errors[shot]:.3g}" + ("" if score is None else f"   skill {score:.0f}")


def _on_axis(position: float, unit: Unit) -> float:
    """Return a position as a logarithmic axis can show it."""
    return max(position, 0.01 if unit == "seconds" else 1.0)


def _fit(room: tuple[int, int], aspect: float) -> tuple[int, int]:
    width = min(room[0], round(room[1] * aspect))
    return width, round(width / aspect)


def _even(length: int) -> int:
    return length + length % 2
