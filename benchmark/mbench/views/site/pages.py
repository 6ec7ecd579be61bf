"""Entries to pages: the templates, and what each is given. All that a stranger wrote is escaped here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
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
from mbench.board.contenders import FRACTALS, Standing
from mbench.board.standings import Board
from mbench.board.stats import SIGNIFICANCE
from mbench.board.tables import LISTS, TITLES, board_as_json, describe_statistics, describe_track
from mbench.errors import one_line
from mbench.results.curves import Curve
from mbench.results.metrics import find_metric
from mbench.results.reference import load_reference
from mbench.suite import tracks
from mbench.suite.ladder import N_CENTRES
from mbench.suite.tasks import find_task, load_task
from mbench.views.entry_pictures import OCTAVES, TASK, landmarks, panel_size, strip_landmark, strip_plan
from mbench.views.render.colours import VALUE_ERRORS, VALUE_TICKS
from mbench.views.render.landmarks import plane_of
from mbench.views.site.address import NOWHERE, Address
from mbench.views.site.code import list_file, reveal
from mbench.views.site.entries import SiteEntry
from mbench.views.site.media import Media
from mbench.views.site.readme import render_readme
from mbench.views.site.studies import StudyPage, tell_case
from mbench.views.site.tiles import PORTRAIT, Tiles

_START = 3  # the slider's octave to begin with: of the first landmark, the panel of the same number
_PLOTTED = ("mandelbrot", "worth", "depth_octaves")
_FED = 50  # entries of the feed
_REASON = 90  # letters of why a curve ends
_HEROES = 10  # that the first picture lets one choose from
COST_TOLERANCE = 0.1  # by which a cost has to be less to be called less: processor seconds scatter by some percent
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
        """What `board_as_json` says of the board, without the pairs: of these there are as many as entries squared."""
        notes = [describe_track(self.board), *describe_statistics(self.board)]
        content = board_as_json(replace(self.board, pairs=())) | {"notes": notes}
        del content["pairs"]
        return content

    @cached_property
    def limits(self) -> dict[str, float]:
        """Where the bars of each column end."""
        return bar_limits(self.board)

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """A name for each page that is unique on the track, by its address."""
        count = Counter(each.entry.standing.name for each in self.views)
        return {
            each.entry.href: each.entry.standing.name
            if count[each.entry.standing.name] == 1
            else f"{each.entry.standing.name} ({each.entry.standing.origin})"
            for each in self.views
        }

    def label(self, view: View) -> str:
        """Return a name that is unique on the track."""
        return self.labels[view.entry.href]

    @cached_property
    def sharers(self) -> Mapping[int, int]:
        """How many have each rank."""
        return Counter(each.rank for each in self.board.ranked if each.rank is not None)

    @cached_property
    def by_list(self) -> dict[str, list[View]]:
        """The views of each list of the board."""
        sizes = (len(self.board.shown), len(self.board.discoveries), len(self.board.rejected))
        rest, parts = list(self.views), {}
        for name, size in zip(LISTS, sizes, strict=True):
            parts[name], rest = rest[:size], rest[size:]
        return parts


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page has. truth: the folder of its pictures, from the site's root.  address: of site and project."""

    truth: str
    address: Address = NOWHERE


def render_index(track_views: Sequence[TrackViews], frame: Frame) -> str:
    """Return the page with the boards."""
    learned = _in_order({task for each in track_views for task in _learning(each)})
    heroes = find_heroes(track_views[0])
    data = {"hero": heroes, "limits": {track.board.track: track.limits for track in track_views}}
    return _render(
        "index.html.j2", frame, "index.html", heroes[0][1] if heroes else "",
        tracks=[_table(each) for each in track_views], sentence=tell(track_views[0]), families=list(tracks.FAMILIES),
        data=data, learned=learned, costs=cost_columns(),
    )  # fmt: skip


def render_entry(view: View, track: TrackViews, others: Sequence[SiteEntry], frame: Frame) -> str:
    """Return an entry's own page. others: the same one on other tracks."""
    standing, records = view.entry.standing, view.entry.records
    first = view.entry.fractal or (records[0] if records else None)
    source = view.entry.source
    data = {
        "profiles": {task: asdict(profile) for task, profile in standing.profiles.items()},
        "zoom": _zoom(frame.truth, [view]) if view.tiles else None,
    }
    return _render(
        "entry.html.j2", frame, view.entry.href, view.tiles.path if view.tiles else "",
        view=view, entry=view.entry, standing=standing, score=standing.entry,
        track=tracks.TRACKS[view.entry.track], tied=_is_tied(view, track), others=others,
        scores=[show(column, standing) for column in site_columns(view.entry.track) if column.is_score],
        limit=_limit(view, track), first=first, environments=_environments(view),
        listings=[list_file(path, content) for path, content in source.files] if source else [],
        source_link=frame.address.source_of(standing.origin, standing.name), data=data,
        strip_landmark=strip_landmark(), strip_size=strip_plan().inside.shape[::-1],
    )  # fmt: skip


def render_compare(track_views: Sequence[TrackViews], frame: Frame) -> str:
    """Return the page that holds two entries side by side; which, its address says. Their data load when chosen."""
    data = {
        "tracks": {
            track.board.track: {
                "entries": [
                    [view.entry.slug, track.label(view), name if name != "board" else ""]
                    for name, views in track.by_list.items()
                    for view in views
                ],
                "holm": _holm(track.board),
            }
            for track in track_views
        },
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
        "zoom": _zoom(frame.truth, []),
    }
    return _render("compare.html.j2", frame, "compare.html", data=data, tolerance=COST_TOLERANCE)


def entry_data(view: View, track: TrackViews) -> dict[str, Any]:
    """Return what the page of two entries needs of one: its numbers, and what the paired test is computed from."""
    standing, entry = view.entry.standing, view.entry
    parts = standing.parts
    return {
        "id": f"{entry.track}/{entry.slug}",
        "track": entry.track,
        "label": track.label(view),
        "href": entry.href,
        "values": {column.name: _short(column.read(standing), 9) for column in compared_columns()},
        "profiles": {task: {"mean": [_short(v, 4) for v in p.mean]} for task, p in standing.profiles.items()},
        "tiles": _zoomed(view),
        "is_ranked": standing.rank is not None,
        "margin": standing.audit_margin or 0.0,
        "cells": _cells(standing),
        "parts": None
        if parts is None
        else {
            "replicates": parts.replicates.tolist(),
            "group": parts.group.tolist(),
            "values": [[_short(value, 6) for value in row] for row in parts.values.tolist()],
        },
    }


def render_about(track_views: Sequence[TrackViews], frame: Frame) -> str:
    """Return the page that explains the challenge."""
    return _render(
        "about.html.j2", frame, "about.html", tracks=list(tracks.TRACKS.values()), families=tracks.FAMILIES,
        shown=[each.board.track for each in track_views],
    )  # fmt: skip


def render_studies(studies: Sequence[StudyPage], frame: Frame) -> str:
    """Return the page with a card for each recorded study."""
    return _render("studies.html.j2", frame, "studies.html", studies=studies)


def render_study(study: StudyPage, frame: Frame) -> str:
    """Return a study's own page."""
    return _render("study.html.j2", frame, study.href, study=study, record=study.record, tell=tell_case)


def render_feed(track_views: Sequence[TrackViews], address: Address) -> str:
    """Return the newest entries as an Atom feed."""
    found = [
        (max(record.created for record in view.entry.records), view, track)
        for track in track_views
        for view in track.by_list["board"]
        if view.entry.records
    ]
    found.sort(key=lambda each: each[0], reverse=True)
    entries = [
        (
            "".join(letter if letter.isprintable() else "?" for letter in track.label(view))
            + f" on {track.board.track}: {find_column('mandelbrot').show(view.entry.standing.entry.mandelbrot)}",
            created,
            view.entry.href,
        )
        for created, view, track in found[:_FED]
    ]
    return _environment().get_template("feed.xml.j2").render(entries=entries, url=address.url)


def board_data(track: TrackViews) -> dict[str, Any]:
    """Return what `mbench leaderboard --format json` prints, with the page of each entry and without the pairs.

    Each pair follows from the entries' own cells, as `pairs.js` does it.
    """
    return track.content | {
        "pages": {name: [view.entry.href for view in views] for name, views in track.by_list.items()}
    }


def plot_data(track: TrackViews) -> dict[str, Any]:
    """Return what the plots show of a board's entries."""
    return {
        "entries": [_plotted(view) for view in track.by_list["board"]],
        "curves": _learning(track),
        "costs": {column.name: column.axis for column in cost_columns()},
    }


def task_data(track: TrackViews) -> dict[str, Any]:
    """Return what the views of families add to the board: scores by task, and the intervals of families."""
    columns = [column for column in site_columns(track.board.track) if column.is_detail]
    scored = [column for column in site_columns(track.board.track) if column.is_score]
    rows = {}
    for view in track.by_list["board"]:
        shown = [show(column, view.entry.standing) for column in scored]
        rows[view.entry.slug] = [
            [column.show(column.read(view.entry.standing)) for column in columns],
            [each.interval_text for each in shown],
        ]
    return {
        "columns": [[column.name, column.title, column.family, column.help] for column in columns],
        "scored": [column.name for column in scored],
        "rows": rows,
    }


def tell(track: TrackViews) -> Sequence[tuple[str, str]]:
    """Say in one sentence who leads, how much deeper than k-NN, and where the best network stands.

    Returned in pieces (words, address): "" where the piece is no link.
    """
    scored = [view for view in track.by_list["board"] if view.entry.standing.entry.mandelbrot is not None]
    shown = find_contenders(track)
    if not shown:
        return [("Nobody has a score yet.", "")]
    first, octaves = shown[0], shown[0].entry.standing.entry.depth_octaves
    said = [(track.label(first), first.entry.href), (f" leads with {_score(first):.1f} points", "")]
    knn = next((view for view in scored if _is_knn(view)), None)
    own = None if knn is None else knn.entry.standing.entry.depth_octaves
    if octaves is not None:
        said.append((f" and holds {octaves:.1f} octaves of zoom", ""))
        if own is not None and knn is not first:
            further = octaves - own
            said.append((f", {abs(further):.1f} {'more' if further >= 0 else 'fewer'} than k-NN", ""))
    best = next((place for place, view in enumerate(shown) if view.entry.is_network), None)
    if best == 0:
        rest = next((place for place, view in enumerate(shown) if not view.entry.is_network), None)
        if rest is not None:
            said += [("; the best that is no network, ", ""), (track.label(shown[rest]), shown[rest].entry.href)]
            said.append((f", stands {_ordinal(rest + 1)} with {_score(shown[rest]):.1f}", ""))
    elif best is not None:
        said += [("; the best network, ", ""), (track.label(shown[best]), shown[best].entry.href)]
        said.append((f", stands {_ordinal(best + 1)} of {len(shown)} with {_score(shown[best]):.1f}", ""))
    return [*said, (".", "")]


def find_contenders(track: TrackViews) -> list[View]:
    """Return who may be said to lead, best first: the ranked; where nobody is, all but what is an author's claim."""
    scored = [view for view in track.by_list["board"] if view.entry.standing.entry.mandelbrot is not None]
    ranked = {(standing.name, standing.origin) for standing in track.board.ranked}
    kept = [view for view in scored if (view.entry.standing.name, view.entry.standing.origin) in ranked]
    return kept or [view for view in scored if not view.entry.standing.is_claim]


def find_heroes(track: TrackViews) -> list[list[str]]:
    """Return whom the first picture may show beside the truth, best first: label, folder of the pictures, page."""
    drawn = [view for view in find_contenders(track) if view.tiles]
    known = [view for view in drawn if _is_knn(view)]
    known += [view for view in drawn if view.entry.is_network][:1]
    kept = [view for view in drawn if view in drawn[:_HEROES] or view in known]
    return [[track.label(view), view.tiles.path, view.entry.href] for view in kept if view.tiles]


def _score(view: View) -> float:
    return view.entry.standing.entry.mandelbrot or 0.0


def _ordinal(place: int) -> str:
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"


def _holm(board: Board) -> dict[str, float]:
    """Return by what Holm's correction separates a pair: its raw p is at most `level`, of `pairs` that are tested.

    Holm rejects the r smallest of m as long as each is at most level / (m - its place); the next one is not. So what is
    at most significance / (m - r) is what was rejected.
    """
    n, apart = len(board.pairs), board.pairs.n_separated
    return {"pairs": n, "level": SIGNIFICANCE / max(1, n - apart)}


def _cells(standing: Standing) -> list[list[float | None]]:
    """Return the scores of the Mandelbrot tasks' cells, replicate by replicate: what the paired test rests on."""
    by_task = [{task.task: task.score for task in replicate.tasks} for replicate in standing.replicates]
    return [[scores.get(task) for scores in by_task] for task in FRACTALS]


def _plotted(view: View) -> dict[str, Any]:
    """Return what the plots show of an entry, in as many digits as a screen has pixels."""
    standing = view.entry.standing
    score, interval = standing.entry, standing.mandelbrot_interval
    known: dict[str, Any] = {name: _short(find_column(name).read(standing)) for name in _PLOTTED}
    known |= {name: _short(value) for name, value in costs_of(standing).items()}
    return known | {
        "name": score.name,
        "href": view.entry.href,
        "is_claim": standing.is_claim,
        "kind": "network" if view.entry.is_network else "knn" if _is_knn(view) else "",
        "mandelbrot_interval": None if interval is None else [_short(interval.low), _short(interval.high)],
        "depth": [_short(share, 3) for share in mean_depth(standing)],
    }


def _is_knn(view: View) -> bool:
    return (view.entry.standing.name, view.entry.standing.origin) == ("knn", "baseline")


def mean_depth(standing: Standing) -> list[float]:
    """Return the share of variance explained at each octave, mean of both Mandelbrot tasks; [] where one is missing."""
    profiles = [profile.mean for profile in standing.profiles.values()]
    if len(profiles) < len(FRACTALS):
        return []
    return [fmean(shares) for shares in zip(*profiles, strict=True)]


def spark(standing: Standing) -> str:
    """Return the depth as a digit for each octave below the whole window, 9 for all of it explained."""
    return "".join(str(min(9, int(10 * max(0.0, share)))) for share in mean_depth(standing)[1:])


def _short(value: Any, digits: int = 5) -> Any:
    """Return a number in so many significant digits; what is none as it is."""
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def _learning(track: TrackViews) -> dict[str, Any]:
    """Return what the plot of error against sample size shows, by task: a line per entry, and k-NN's frozen one."""
    entries = {view.entry.standing.entry.source_digest: view for view in track.views}
    frozen = load_reference().curves
    return {
        task: {
            "measure": find_metric(find_task(task).metrics[0]).title,
            "frozen": list(zip(frozen[task].sizes, frozen[task].errors, strict=True)) if task in frozen else [],
            "lines": [
                {"name": track.label(entries[curve.source_digest]), "points": curve.line,
                 "href": entries[curve.source_digest].entry.href, "stop": _stop(curve)}
                for curve in sorted(track.curves, key=_end)
                if curve.task == task and (curve.line or _stop(curve))
            ],
        }
        for task in dict.fromkeys(curve.task for curve in track.curves if curve.line)
    }  # fmt: skip


def _stop(curve: Curve) -> tuple[int, str] | None:
    """Return at which size of sample a curve ends though it was tried, and why."""
    failed = next((point for point in curve.points if point.error is None), None)
    return None if failed is None else (failed.n_samples, one_line(failed.reason or "no reason is recorded", _REASON))


def _end(curve: Curve) -> tuple[float, float]:
    """Order curves: those of the largest sample first, the best of them before the others."""
    n_samples, error = curve.line[-1] if curve.line else (0, 0.0)
    return -n_samples, error


def _in_order(tasks: Iterable[str]) -> list[str]:
    """Return tasks in the suite's order, then those outside it by name."""
    order = [task for members in tracks.FAMILIES.values() for task in members]
    return sorted(tasks, key=lambda task: (order.index(task) if task in order else len(order), task))


def _table(track: TrackViews) -> dict[str, Any]:
    columns, board = [each for each in site_columns(track.board.track) if not each.is_detail], track.board
    parts = track.by_list
    rows = [
        {
            "view": view,
            "standing": view.entry.standing,
            "label": track.label(view),
            "spark": spark(view.entry.standing),
            "tied": _is_tied(view, track),
            "cells": [show(column, view.entry.standing) for column in columns],
        }
        for view in parts["board"]
    ]
    return {
        "track": tracks.TRACKS[board.track], "columns": columns, "rows": rows, "limits": track.limits,
        "notes": [describe_track(board), *describe_statistics(board)], "n_ranked": len(board.ranked),
        "lists": [(name, TITLES[name], parts[name]) for name in LISTS[1:] if parts[name]],
        "has_portraits": any(view.tiles for view in parts["board"]),
    }  # fmt: skip


def _limit(view: View, track: TrackViews) -> float:
    """Return where all bars of an entry's own page end."""
    own = [show(column, view.entry.standing).value for column in site_columns(track.board.track) if column.is_score]
    return max([*track.limits.values(), *(value for value in own if value is not None)])


def _is_tied(view: View, track: TrackViews) -> bool:
    rank = view.entry.standing.rank
    return rank is not None and track.sharers[rank] > 1


def _zoom(truth: str, views: Sequence[View]) -> dict[str, Any]:
    """Return what the zoom is told."""
    plane = plane_of(load_task(TASK))
    return {
        "truth": truth,
        "octaves": OCTAVES,
        "size": panel_size(),
        "lower": plane.lower,
        "upper": plane.upper,
        "landmarks": [{"name": each.name, "x": each.centre.real, "y": each.centre.imag} for each in plane.landmarks],
        "entries": [zoomed for view in views if (zoomed := _zoomed(view))],
    }


def _zoomed(view: View) -> dict[str, Any] | None:
    """Return where an entry's pictures are, s of each window, and the scored mean of each octave that they reach."""
    if view.tiles is None:
        return None
    profile = view.entry.standing.profiles.get(TASK)
    depth = [] if profile is None else [_short(share, 3) for share in profile.mean[:OCTAVES]]
    return {"path": view.tiles.path, "scores": [_short(score, 4) for score in view.tiles.scores], "depth": depth}


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
    environment.filters |= {"said": said, "readme": render_readme}
    environment.filters["number"] = lambda value, name: find_column(name).show(value)
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return environment


def said(text: str, limit: int | None = 400) -> Markup:
    """Return what a stranger wrote as one run of HTML: escaped, its unseen letters seen.

    limit: of letters, past which it is cut off; None where it is shown whole.
    """
    shown = reveal(" ".join(text[:limit].split()))
    return Markup("<bdi>{}{}</bdi>").format(shown, "…" if limit is not None and len(text) > limit else "")


def _render(template: str, frame: Frame, path: str, pictures: str = "", **context: Any) -> str:
    """Return a page. path: its own, from the site's root.  pictures: the folder whose portrait stands for it."""
    page = _environment().get_template(template)
    return page.render(
        policy=POLICY, version=version("mbench"), suite_version=tracks.SUITE_VERSION, address=frame.address,
        truth=frame.truth, root="../" * path.count("/"), path=path, card=f"{pictures or frame.truth}/{PORTRAIT}",
        badge_skill=tracks.UNIVERSAL_SKILL, landmarks=landmarks(), octaves=OCTAVES, panel=panel_size(), start=_START,
        n_centres=N_CENTRES, value_ticks=_thin(VALUE_TICKS), error_ticks=_thin(VALUE_ERRORS.ticks), **context,
    )  # fmt: skip


def _thin(ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Return the marks of a colour bar without those whose words would run into the one before."""
    kept: list[tuple[float, str]] = []
    for place, words in ticks:
        if not kept or place - kept[-1][0] > 0.08:
            kept.append((place, words))
    return kept
