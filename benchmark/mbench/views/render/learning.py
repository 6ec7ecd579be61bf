"""Many methods' errors against the size of their samples, each named where its line ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from mbench.views.render.colours import Look, tell_apart
from mbench.views.render.labels import spread
from mbench.views.render.page import Page

_ROW = 36  # pixels a name takes
_SMALLEST = 1e-12  # an error of nothing has no place on a log axis

Line = Sequence[tuple[int, float]]


def efficiency_page(lines: Mapping[str, Line], yardstick: str, title: str, subtitle: str, ylabel: str) -> Page:
    """Return a page with a line per method, names at the right in the order of the lines' ends.

    lines: (sample size, error) by method, sizes ascending.  yardstick: which of them the others are held against.
    """
    lines = {name: [(n, max(error, _SMALLEST)) for n, error in line] for name, line in lines.items() if line}
    best_first = sorted(lines, key=lambda name: (-lines[name][-1][0], lines[name][-1][1], name))
    looks = tell_apart(best_first, yardstick)
    page = Page(1800, max(1080, 330 + _ROW * len(lines)))
    page.heading(60, title, subtitle)
    box = (150, 170, 1250, page.height - 290)
    axes = page.axes(box, "points in the sample", ylabel)
    sizes = [n for line in lines.values() for n, _ in line]
    errors = [error for line in lines.values() for _, error in line]
    axes.set(xscale="log", yscale="log", xlim=(min(sizes) / 1.12, max(sizes) * 1.12))
    axes.set_ylim(min(errors) / 1.25, max(errors) * 1.25)
    axes.xaxis.set_major_locator(LogLocator(subs=(1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    few = max(errors) / min(errors) < 1e3
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=20))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    for name, line in lines.items():
        look = looks[name]
        axes.plot(
            *zip(*line, strict=True), look.dashes, color=look.colour, linewidth=look.width,
            marker="o", markersize=3 + look.width, zorder=2 + look.order / 100,
        )  # fmt: skip
    _name_ends(page, axes, box, lines, looks)
    return page


def _name_ends(
    page: Page, axes: Axes, box: tuple[int, int, int, int], lines: Mapping[str, Line], looks: Mapping[str, Look]
) -> None:
    """Write each name beside the end of its line, as near as names have room, a thread between them."""
    names = list(lines)
    left, top, width, height = box
    ends = axes.transData.transform([lines[name][-1] for name in names])
    rows = spread(page.height - ends[:, 1], _ROW, top + 12, top + height - 12)
    threads = page.axes((0, 0, page.width, page.height))
    threads.patch.set_alpha(0.0)
    threads.set(xlim=(0, page.width), ylim=(page.height, 0))
    threads.set_axis_off()
    for name, (x, y), row in zip(names, ends, rows, strict=True):
        look = looks[name]
        edge = left + width
        threads.plot(
            [x + 8, edge, edge + 44, edge + 56], [page.height - y, page.height - y, row, row],
            ":" if x < edge - 80 else "-", color=look.colour, linewidth=1.0, alpha=0.8,
        )  # fmt: skip
        page.text(edge + 64, row, name[:20], 26, look.words, va="center_baseline")
