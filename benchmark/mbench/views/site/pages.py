"""Entries to pages: the templates, and what each is given. All that a stranger wrote is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mbench.board.columns import (
    bar_limits,
    compared_columns,
    cost_columns,
    costs_of,
    find_column,
    show,
    site_columns,
)
from mbench.board.standings import Board
from mbench.board.tables import LISTS, TITLES, board_as_json
from mbench.results.curves import Curve
from mbench.results.metrics import find_metric
from mbench.results.reference import load_reference
from mbench.suite import tracks
from mbench.suite.tasks import find_task
from mbench.views.render.colours import VALUE_ERRORS, VALUE_TICKS
from mbench.views.site import tiles
from mbench.views.site.code import list_file, reveal
from mbench.views.site.entries import SiteEntry
from mbench.views.site.media import Media
from mbench.views.site.tiles import Tiles

_START = 3  # the slider's octave to begin with: of the first landmark, the panel of the same number
_PLOTTED = ("name", "mandelbrot", "mandelbrot_interval", "worth", "depth_octaves")
_NOT_COMPARED = ("audit", "replicates", "tasks", "reasons", "missing")
TEMPLATES = Path(__file__).with_name("templates")
# Pages run nothing but the site's own files and ask nobody for anything, whatever a submission put into them.
POLICY = (
    "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self'; script-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True, slots=True)
class View:
    """An entry with what there is to look at. no_tiles: why there are none, "" where there are."""

    entry: SiteEntry
    tiles: Tiles | None
    media: Media
    no_tiles: str = ""


@dataclass(frozen=True)
class TrackViews:
    """One track's board, a view for each of its standings, list by list, and the measured curves of these sources."""

    board: Board
    views: tuple[View, ...]
    curves: tuple[Curve, ...] = ()

    @cached_property
    def content(self) -> dict[str, Any]:
        """What `board_as_json` says of the board."""
        return board_as_json(self.board)

    @cached_property
    def limits(self) -> dict[str, float]:
        """Where the bars of each column end."""
        return bar_limits(self.board)

    @property
    def by_list(self) -> dict[str, list[View]]:
        """The views of each list of the board."""
        sizes = (len(self.board.shown), len(self.board.discoveries), len(self.board.rejected))
        rest, parts = list(self.views), {}
        for name, size in zip(LISTS, sizes, strict=True):
            parts[name], rest = rest[:size], rest[size:]
        return parts


def render_index(track_views: Sequence[TrackViews], hero: View | None, truth: str) -> str:
    """Return the page with the boards."""
    curves = {each.board.track: _learning(each) for each in track_views}
    learned = _in_order({task for each in curves.values() for task in each})
    data = {
        "tracks": {each.board.track: _plotted(each) for each in track_views},
        "curves": curves,
        "costs": {column.name: column.axis for column in cost_columns()},
    }
    return _render(
        "index.html.j2", root="", tracks=[_table(each) for each in track_views], hero=hero, banner=_banner(hero, truth),
        families=list(tracks.FAMILIES), data=data, learned=learned, costs=cost_columns(),
    )  # fmt: skip


def render_entry(view: View, track: TrackViews, others: Sequence[SiteEntry], truth: str) -> str:
    """Return an entry's own page. others: the same one on other tracks."""
    standing, records = view.entry.standing, view.entry.records
    first = view.entry.fractal or (records[0] if records else None)
    source = view.entry.source
    data = {
        "profiles": track.content[_list_of(view, track)][_place_of(view, track)]["profiles"],
        "zoom": _zoom(truth, [view]) if view.tiles else None,
    }
    return _render(
        "entry.html.j2", root="../", view=view, entry=view.entry, standing=standing, score=standing.entry,
        track=tracks.TRACKS[view.entry.track], tied=_is_tied(view, track), others=others,
        scores=[show(column, standing) for column in site_columns(view.entry.track) if column.is_score],
        limit=_limit(view, track), first=first, environments=_environments(view), banner=_banner(view, truth),
        listings=[list_file(path, content) for path, content in source.files] if source else [],
        data=data, strip_landmark=tiles.strip_landmark(), strip_size=tiles.strip_plan().inside.shape[::-1],
    )  # fmt: skip


def render_compare(track_views: Sequence[TrackViews], truth: str) -> str:
    """Return the page that holds two entries side by side; which, its address says."""
    entries, pairs = [], []
    for track in track_views:
        content = track.content
        by_name = {(each.entry.standing.name, each.entry.standing.origin): each for each in track.views}
        for name, views in track.by_list.items():
            for view, standing in zip(views, content[name], strict=True):
                kept = {key: value for key, value in standing.items() if key not in _NOT_COMPARED}
                scores = None if view.tiles is None else {"path": view.tiles.path, "scores": view.tiles.scores}
                extra = {"id": _id(view), "label": _label(view, track), "href": view.entry.href, "tiles": scores}
                entries.append(kept | extra | {"list": name})
        for pair in track.board.pairs:
            first, second = (track.board.ranked[i] for i in (pair.better, pair.worse))
            ids = [_id(by_name[standing.name, standing.origin]) for standing in (first, second)]
            pairs.append([*ids, pair.difference, pair.p, pair.is_separated])
    data = {
        "entries": entries,
        "pairs": pairs,
        "columns": [
            {
                "name": column.name,
                "title": column.title,
                "digits": column.digits,
                "scale": column.scale,
                "lower_is_better": column.lower_is_better,
            }
            for column in compared_columns()
        ],
        "zoom": _zoom(truth, []),
        "tracks": [t.board.track for t in track_views],
    }
    return _render("compare.html.j2", root="", data=data, truth=truth)


def render_about(track_views: Sequence[TrackViews], truth: str) -> str:
    """Return the page that explains the challenge."""
    return _render("about.html.j2", root="", tracks=list(tracks.TRACKS.values()), families=tracks.FAMILIES, truth=truth,
                   shown=[each.board.track for each in track_views])  # fmt: skip


def board_data(track: TrackViews) -> dict[str, Any]:
    """Return what `mbench leaderboard --format json` prints, with the page of each entry."""
    return track.content | {"pages": _pages_of(track)}


def _plotted(track: TrackViews) -> list[dict[str, Any]]:
    """Return what the plots show of a board's entries: little of all there is, so that the first view is light."""
    return [
        {name: entry[name] for name in _PLOTTED}
        | costs_of(view.entry.standing)
        | {"profiles": {task: profile["mean"] for task, profile in entry["profiles"].items()}, "href": view.entry.href}
        for entry, view in zip(track.content["board"], track.by_list["board"], strict=True)
    ]


def _learning(track: TrackViews) -> dict[str, Any]:
    """Return what the plot of error against sample size shows, by task: a line per entry, and k-NN's frozen one."""
    entries = {view.entry.standing.entry.source_digest: view for view in track.views}
    frozen = load_reference().curves
    return {
        task: {
            "measure": find_metric(find_task(task).metrics[0]).title,
            "frozen": list(zip(frozen[task].sizes, frozen[task].errors, strict=True)) if task in frozen else [],
            "lines": [
                {"name": _label(entries[curve.source_digest], track), "points": curve.line,
                 "href": entries[curve.source_digest].entry.href}
                for curve in sorted(track.curves, key=_end)
                if curve.task == task and curve.line
            ],
        }
        for task in dict.fromkeys(curve.task for curve in track.curves if curve.line)
    }  # fmt: skip


def _end(curve: Curve) -> tuple[float, float]:
    """Order curves: those of the largest sample first, the best of them before the others."""
    n_samples, error = curve.line[-1] if curve.line else (0, 0.0)
    return -n_samples, error


def _in_order(tasks: Iterable[str]) -> list[str]:
    """Return tasks in the suite's order, then those outside it by name."""
    order = [task for members in tracks.FAMILIES.values() for task in members]
    return sorted(tasks, key=lambda task: (order.index(task) if task in order else len(order), task))


def _table(track: TrackViews) -> dict[str, Any]:
    columns, board = site_columns(track.board.track), track.board
    parts = track.by_list
    rows = [
        {
            "view": view,
            "standing": view.entry.standing,
            "label": _label(view, track),
            "tied": _is_tied(view, track),
            "cells": [show(column, view.entry.standing) for column in columns],
        }
        for view in parts["board"]
    ]
    return {
        "track": tracks.TRACKS[board.track], "columns": columns, "rows": rows, "limits": track.limits,
        "notes": track.content["notes"], "n_ranked": len(board.ranked),
        "lists": [(name, TITLES[name], parts[name]) for name in LISTS[1:] if parts[name]],
    }  # fmt: skip


def _limit(view: View, track: TrackViews) -> float:
    """Return where all bars of an entry's own page end."""
    own = [show(column, view.entry.standing).value for column in site_columns(track.board.track) if column.is_score]
    return max([*track.limits.values(), *(value for value in own if value is not None)])


def _is_tied(view: View, track: TrackViews) -> bool:
    rank = view.entry.standing.rank
    return rank is not None and sum(standing.rank == rank for standing in track.board.ranked) > 1


def _label(view: View, track: TrackViews) -> str:
    """Return a name that is unique on the track."""
    standing = view.entry.standing
    alike = [each for each in track.views if each.entry.standing.name == standing.name]
    return standing.name if len(alike) == 1 else f"{standing.name} ({standing.origin})"


def _id(view: View) -> str:
    return f"{view.entry.track}/{view.entry.slug}"


def _list_of(view: View, track: TrackViews) -> str:
    return next(name for name, views in track.by_list.items() if view in views)


def _place_of(view: View, track: TrackViews) -> int:
    return track.by_list[_list_of(view, track)].index(view)


def _pages_of(track: TrackViews) -> dict[str, list[str]]:
    return {name: [view.entry.href for view in views] for name, views in track.by_list.items()}


def _banner(view: View | None, truth: str) -> str:
    return f"{view.tiles.path if view and view.tiles else truth}/{tiles.BANNER}"


def _zoom(truth: str, views: Sequence[View]) -> dict[str, Any]:
    """Return what the zoom slider is told."""
    return {
        "truth": truth,
        "octaves": tiles.OCTAVES,
        "landmarks": [landmark.name for landmark in tiles.landmarks()],
        "entries": [{"path": v.tiles.path, "scores": v.tiles.scores} for v in views if v.tiles],
    }


def _environments(view: View) -> list[tuple[Mapping[str, str], int]]:
    """Return every environment that cells ran in, and how many did."""
    found: dict[tuple[tuple[str, str], ...], int] = {}
    for record in view.entry.records:
        key = tuple(record.environment.items())
        found[key] = found.get(key, 0) + 1
    return [(dict(key), count) for key, count in found.items()]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {"said": said, "verbatim": verbatim}
    environment.filters["number"] = lambda value, name: find_column(name).show(value)
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return environment


def said(text: str, limit: int = 400) -> Markup:
    """Return what a stranger wrote as one run of HTML: escaped, its unseen letters seen, of bounded length."""
    shown = reveal(" ".join(text[:limit].split()))
    return Markup("<bdi>{}{}</bdi>").format(shown, "…" if len(text) > limit else "")


def verbatim(line: str) -> Markup:
    """Return a stranger's line as HTML like `said`, with its spaces kept."""
    return Markup("<bdi>{}</bdi>").format(reveal(line[:2000]))


def _render(template: str, **context: Any) -> str:
    page = _environment().get_template(template)
    return page.render(
        policy=POLICY, version=version("mbench"), suite_version=tracks.SUITE_VERSION,
        badge_skill=tracks.UNIVERSAL_SKILL, landmarks=tiles.landmarks(), octaves=tiles.OCTAVES, start=_START,
        value_ticks=_thin(VALUE_TICKS), error_ticks=_thin(VALUE_ERRORS.ticks), **context,
    )  # fmt: skip


def _thin(ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Return the marks of a colour bar without those whose words would run into the one before."""
    kept: list[tuple[float, str]] = []
    for place, words in ticks:
        if not kept or place - kept[-1][0] > 0.08:
            kept.append((place, words))
    return kept
