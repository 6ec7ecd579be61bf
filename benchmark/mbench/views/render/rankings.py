"""Many methods in one plot: skill against cost, depth profiles, and which of them a test tells apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from mbench.results.metrics import Profile
from mbench.types import FloatArray
from mbench.views.render.colours import DIM, RULE, SERIES, TEXT, tell_apart
from mbench.views.render.labels import place_beside
from mbench.views.render.page import Page, to_points

_ROW = 40  # pixels a method takes in a list


@dataclass(frozen=True, slots=True)
class Mark:
    """One method: its score with an interval or none, its rank or none, and what it costs by the name of the cost."""

    name: str
    score: float
    interval: tuple[float, float] | None
    rank: int | None
    costs: Mapping[str, float | None]


def find_front(costs: Sequence[float], scores: Sequence[float]) -> list[int]:
    """Return the indices that nothing beats in cost and score together, cheapest first."""
    front: list[int] = []
    for index in sorted(range(len(costs)), key=lambda i: (costs[i], -scores[i])):
        if not front or scores[index] > scores[front[-1]]:
            front.append(index)
    return front


def front_page(marks: Sequence[Mark], costs: Sequence[str], title: str, subtitle: str) -> Page:
    """Return a page with a panel for each cost: score against it, the Pareto front drawn through.

    marks: best first, numbered in that order; the list at the right names them.
    """
    page = Page(2400, max(900, 240 + _ROW * len(marks)))
    page.heading(60, title, subtitle)
    width = (1950 - 110 * (len(costs) - 1)) // len(costs)
    low = min(mark.interval[0] if mark.interval else mark.score for mark in marks)
    high = max(mark.interval[1] if mark.interval else mark.score for mark in marks)
    room = 0.06 * max(high - low, 10.0)
    for panel, cost in enumerate(costs):
        left = 120 + panel * (width + 75)
        axes = page.axes((left, 180, width, page.height - 320), cost, "" if panel else "Mandelbrot score")
        known = [(index, mark, value) for index, mark in enumerate(marks) if (value := mark.costs.get(cost))]
        axes.set(xscale="log", ylim=(low - room, high + room))
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: _shorten(value))
        axes.xaxis.set_minor_locator(NullLocator())
        if not known:
            continue
        x, y = [value for _, _, value in known], [mark.score for _, mark, _ in known]
        front = find_front(x, y)
        axes.set_xlim(min(x) / 1.7, max(x) * 2.2)
        corners = np.repeat([[x[i], y[i]] for i in front], 2, axis=0)
        corners[:-1, 0], corners[-1, 0] = corners[1:, 0], max(x) * 2.2
        axes.plot(*corners.T, color=SERIES[1], linewidth=2, zorder=2)
        for place, (_, mark, value) in enumerate(known):
            best = place in front
            if mark.interval:
                axes.plot([value, value], mark.interval, color=DIM, linewidth=1.5, zorder=2)
            axes.plot(
                [value], [mark.score], "o", color=SERIES[1] if best else DIM, markersize=9 if best else 7, zorder=3
            )
        numbers = [str(index + 1) for index, _, _ in known]
        _number_dots(axes, np.array([x, y]).T, numbers, [place in front for place in range(len(known))], corners)
    for index, mark in enumerate(marks):
        page.text(2090, 200 + _ROW * index, str(index + 1), 24, DIM, ha="right")
        page.text(2108, 200 + _ROW * index, mark.name[:22], 24)
    return page


def _shorten(value: float) -> str:
    """Return a number of an axis in as few letters as it takes: 5,000, 50k, 2M."""
    if value >= 1e6:
        return f"{value / 1e6:,.10g}M"
    return f"{value / 1e3:,.10g}k" if value >= 1e4 else f"{value:,.10g}"


def _number_dots(
    axes: Axes, points: FloatArray, numbers: Sequence[str], bold: Sequence[bool], corners: FloatArray
) -> None:
    """Write numbers beside points (n, 2), off the line of corners (m, 2): bold ones first, far ones with a thread."""
    size = 21
    order = sorted(range(len(numbers)), key=lambda i: not bold[i])
    dots = axes.transData.transform(points)
    widths = np.array([[0.62 * size * len(number), 0.8 * size] for number in numbers])
    turns = axes.transData.transform(corners)
    along = [np.linspace(a, b, 2 + int(np.abs(b - a).max() / 5)) for a, b in pairwise(turns)]
    centres = place_beside(dots[order], widths[order], np.concatenate(along), axes.get_window_extent().extents)
    for i, centre in zip(order, centres, strict=True):
        colour = TEXT if bold[i] else DIM
        gap = np.abs(centre - dots[i]) - widths[i] / 2
        thread = {"arrowstyle": "-", "color": DIM, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 3}
        axes.annotate(
            numbers[i], points[i], (centre - dots[i]) * to_points(1), textcoords="offset points", ha="center",
            va="center_baseline", fontsize=to_points(size), color=colour, zorder=4,
            arrowprops=thread if gap.max() > 16 else None,
        )  # fmt: skip


def depths_page(profiles: Mapping[str, Mapping[str, Profile]], title: str, subtitle: str, yardstick: str = "") -> Page:
    """Return a page with a panel per task and a line per method. profiles: by task, then method, best first.

    yardstick: the method that the others are held against, wherever it stands.
    """
    names = list(dict.fromkeys(name for rows in profiles.values() for name in rows))
    looks = tell_apart(names, yardstick)
    page = Page(2400, max(980, 240 + _ROW * len(names)))
    page.heading(60, title, subtitle)
    width = (1800 - 75 * (len(profiles) - 1)) // max(1, len(profiles))
    for panel, (task, rows) in enumerate(profiles.items()):
        left = 120 + panel * (width + 75)
        axes = page.axes(
            (left, 220, width, page.height - 340), "octave", "" if panel else "share of variance explained"
        )
        page.text(left, 200, task, 26)
        for name, profile in rows.items():
            look = looks[name]
            axes.plot(
                range(len(profile.mean)), profile.mean, look.dashes, color=look.colour, linewidth=look.width,
                zorder=2 + look.order / 100,
            )  # fmt: skip
        octaves = max((len(profile.mean) for profile in rows.values()), default=15)
        axes.set(xlim=(0, octaves - 1), ylim=(0, 1.03), xticks=range(0, octaves, 2), yticks=np.linspace(0, 1, 6))
        if panel:
            axes.tick_params(labelleft=False)
    key = page.axes((1960, 180, 50, _ROW * len(names)))
    key.set(xlim=(0, 1), ylim=(len(names) - 0.5, -0.5))
    key.set_axis_off()
    page.text(2340, 168, "octaves", 22, DIM, ha="right")
    for index, name in enumerate(names):
        look = looks[name]
        depth = fmean(rows[name].depth_octaves for rows in profiles.values() if name in rows)
        key.plot([0, 1], [index, index], look.dashes, color=look.colour, linewidth=look.width)
        page.text(2025, 188 + _ROW * (index + 0.5), name[:18], 24, look.words)
        page.text(2340, 188 + _ROW * (index + 0.5), f"{depth:.1f}", 24, look.words, ha="right")
    return page


def difference_page(marks: Sequence[Mark], groups: Sequence[Sequence[int]], title: str, subtitle: str) -> Page:
    """Return a page with a row for each method, best first, and a bar beside each group that no test separates.

    marks: as they are ranked.  groups: of their indices, runs of neighbours.
    """
    columns = _columns_of(groups)
    n_columns = max(columns, default=0) + 1
    page = Page(1800, 270 + (_ROW + 8) * len(marks))
    page.heading(60, title, subtitle)
    height = (_ROW + 8) * len(marks)
    left, right = 500, 1700 - 26 * n_columns
    axes = page.axes((left, 160, right - left, height), "Mandelbrot score")
    axes.set(ylim=(len(marks) - 0.5, -0.5), yticks=range(len(marks)))
    axes.tick_params(labelleft=False)
    for index, mark in enumerate(marks):
        y = 160 + (_ROW + 8) * (index + 0.5) + 8
        page.text(120, y, "–" if mark.rank is None else str(mark.rank), 26, DIM, ha="right")
        page.text(150, y, mark.name[:22], 26)
        if mark.interval:
            axes.plot(mark.interval, [index, index], color=SERIES[1], linewidth=3, alpha=0.6)
        axes.plot([mark.score], [index], "o", color=SERIES[1], markersize=8)
    bars = page.axes((right + 20, 160, 26 * n_columns, height))
    bars.set(xlim=(-0.5, n_columns - 0.5), ylim=(len(marks) - 0.5, -0.5))
    bars.set_axis_off()
    for group, column in zip(groups, columns, strict=True):
        bars.plot([column, column], [min(group) - 0.3, max(group) + 0.3], color=SERIES[0], linewidth=6)
    axes.axvline(100, color=RULE, linewidth=2, zorder=1)
    return page


def _columns_of(groups: Sequence[Sequence[int]]) -> list[int]:
    """Return for each group the first column in which it meets no other."""
    ends: list[int] = []
    columns = []
    for group in groups:
        column = next((i for i, end in enumerate(ends) if end < min(group)), len(ends))
        ends[column : column + 1] = [max(group)]
        columns.append(column)
    return columns
