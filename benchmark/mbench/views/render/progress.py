"""Scores in the order in which they were made, and the best so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

from mbench.views.render.colours import DIM, SERIES, TEXT
from mbench.views.render.fonts import printable
from mbench.views.render.page import Page, shorten, to_points

_LETTERS = 28  # of a note in the picture
_APART = (0.2, 0.05)  # of the picture's width or height that two notes are apart, as long as they may be


@dataclass(frozen=True, slots=True)
class Dot:
    """One evaluation. place: its number.  is_best: was it the best so far?  is_sure: is that beyond noise?"""

    place: int
    score: float
    is_best: bool
    is_sure: bool
    note: str


def progress_page(lines: Mapping[str, Sequence[Dot]], title: str, subtitle: str) -> Page:
    """Return a page with a dot per evaluation, and per line of them a step at the best so far.

    lines: by what they are called, dots in their order, at most as many lines as there are hues.
    """
    page = Page(1800, 1080)
    page.heading(60, title, subtitle)
    axes = page.axes((150, 170, 1590, 680), "number in the log", "score")
    last = max(dot.place for dots in lines.values() for dot in dots)
    for (label, dots), colour in zip(lines.items(), SERIES, strict=False):
        best = [dot for dot in dots if dot.is_best]
        if best:
            places = [*(dot.place for dot in best), last]
            axes.step(places, [*(dot.score for dot in best), best[-1].score], where="post", color=colour, linewidth=2.2)
        for is_sure in (False, True):
            chosen = [dot for dot in dots if dot.is_sure == is_sure]
            axes.scatter(
                [dot.place for dot in chosen], [dot.score for dot in chosen], s=60, zorder=3, linewidths=1.6,
                edgecolors=colour, facecolors=colour if is_sure else "none",
                label=printable(label) if is_sure == any(dot.is_sure for dot in dots) else None,
            )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.04, y=0.12)
    every = [dot for dots in lines.values() for dot in dots]
    first = min(dot.place for dot in every)
    for dot in _choose_notes(every):
        side = -1 if dot.place - first > _APART[0] * (last - first) else 1  # to the left, where there is room
        axes.annotate(
            printable(shorten(dot.note, _LETTERS)), (dot.place, dot.score), xytext=(6 * side, 9),
            ha="right" if side < 0 else "left",
            textcoords="offset points", color=TEXT, fontsize=to_points(18), parse_math=False, annotation_clip=True,
        )  # fmt: skip
    legend = axes.legend(
        loc="upper left", bbox_to_anchor=(0.0, -0.13), borderaxespad=0.0, ncols=3, frameon=False,
        fontsize=to_points(20), labelcolor=DIM,
    )  # fmt: skip
    for words in legend.get_texts():
        words.set_parse_math(False)
    return page


def _choose_notes(dots: Sequence[Dot]) -> list[Dot]:
    """Return the best dots whose notes have room beside each other, the highest first."""
    width = max(dot.place for dot in dots) - min(dot.place for dot in dots) or 1
    height = max(dot.score for dot in dots) - min(dot.score for dot in dots) or 1.0
    chosen: list[Dot] = []
    for dot in sorted((dot for dot in dots if dot.is_best and dot.note), key=lambda dot: -dot.score):
        if all(
            abs(dot.place - other.place) > _APART[0] * width or abs(dot.score - other.score) > _APART[1] * height
            for other in chosen
        ):
            chosen.append(dot)
    return chosen
