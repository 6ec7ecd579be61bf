"""Boards to a folder of pages: draws what is missing, writes every page, removes what no page shows any more."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from mbench.board.candidates import find_baselines, find_local, find_submissions, keep_recorded
from mbench.board.standings import Board, build_board
from mbench.disk import disk_error, write_atomically
from mbench.errors import UsageError
from mbench.results.curves import find_curves
from mbench.results.estimators import Stored
from mbench.results.reference import load_reference
from mbench.results.store import ResultStore
from mbench.runs.in_threads import run_all
from mbench.sandbox.child_process import ChildFailure
from mbench.sandbox.tiers import Isolation
from mbench.suite import tracks
from mbench.views.board_plots import curves_on
from mbench.views.entry_pictures import RECORDED_PICTURES, draw_entry, find_artifacts, read_drawn
from mbench.views.site import media, pages, studies, tiles
from mbench.views.site.address import NOWHERE, Address
from mbench.views.site.entries import SiteEntry, collect_entries
from mbench.views.site.pages import Frame, TrackViews, View
from mbench.views.site.studies import StudyPage
from mbench.views.site.tiles import Tiles

STATIC = Path(__file__).with_name("static")
MARKER = "mbench-site.json"  # a folder that has it is ours to write to

NO_SOURCE, NO_ESTIMATOR = "source not at hand", "fitted estimator not stored"  # why there are no pictures

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Site:
    """What was written. notes: what could not be shown, and why."""

    folder: Path
    pages: tuple[Path, ...]
    n_entries: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Origins:
    """Where a site's entries come from.

    submissions: their folder.  results: where local results and fitted estimators lie; None to show recorded entries
    only and draw nothing new.  track_names: those without any entry are left out.
    """

    submissions: Path
    results: Path | None
    track_names: Sequence[str] = tuple(tracks.TRACKS)


@dataclass(frozen=True, slots=True)
class Drawing:
    """How estimators are asked for pictures: what holds them, how many at a time, and who is told of each."""

    isolate: Callable[[], Isolation]
    jobs: int
    say: Say


def build_site(
    folder: Path,
    origins: Origins,
    isolate: Callable[[], Isolation],
    address: Address = NOWHERE,
    jobs: int = 1,
    say: Say = lambda words: None,
) -> Site:
    """Write the site to a folder and return what was written.

    isolate: returns what holds the estimators, and is called only where one is asked.  address: where the site and the
    project will be found; without one its pages link to nothing outside.
    Raises UsageError for a folder that holds something else, HarnessError when the disk refuses.
    """
    _claim(folder)
    try:
        return _build(folder, origins, Drawing(isolate, jobs, say), address)
    except OSError as error:
        raise disk_error(folder, error, "Pages already written stay") from error


def _claim(folder: Path) -> None:
    """Take a folder that is empty, missing or a site already, so that nobody's own files are replaced."""
    try:
        if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).is_file():
            raise UsageError(f"{folder}: holds files that are no mbench site. Give --out an empty folder")
        write_atomically(folder / MARKER, (json.dumps({"suite": tracks.SUITE_VERSION}) + "\n").encode())
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written to ({error.strerror}). Give another --out") from None


def _build(folder: Path, origins: Origins, drawing: Drawing, address: Address) -> Site:
    say = drawing.say
    submissions, results, track_names = origins.submissions, origins.results, origins.track_names
    recorded = [*find_baselines(), *find_submissions(submissions)]
    curves = find_curves(results)
    boards: list[tuple[Board, list[SiteEntry]]] = []
    # What ranks comes first.
    for track in sorted(dict.fromkeys(track_names), key=lambda name: -tracks.TRACKS[name].replicates):
        local = find_local(results, track) if results is not None else []
        candidates = keep_recorded(recorded, local, track)
        board = build_board(candidates, track, load_reference())
        if board.standings:
            boards.append((board, collect_entries(board, candidates, submissions, results)))
    if not boards:
        raise UsageError(f"no entry on {', '.join(track_names)}. Evaluate something, or choose another --track")
    say("the truth of every window")
    frame = Frame(tiles.put_truth(folder), address)
    store = ResultStore(results) if results is not None and (results / "cells").is_dir() else None
    artifacts = {} if store is None else find_artifacts(store)
    entries = [entry for _, found in boards for entry in found]
    cancel = Event()

    def look(entry: SiteEntry) -> View:
        artifact = artifacts.get((entry.standing.entry.source_digest, entry.track))
        # Of its own fit, as it was recorded; else of one that the same source made here.
        shown, reason = _find_recorded(folder, entry), ""
        if shown is None and artifact is not None and entry.source is not None:
            assert store is not None
            shown = tiles.read_tiles(folder, artifact.fit_id)
            if shown is None:
                say(f"{entry.href}: asking its estimator")
                try:
                    drawn = draw_entry(entry.source, Stored(artifact, store), drawing.isolate(), cancel)
                    shown = tiles.put_drawn(folder, drawn)
                except ChildFailure as failure:
                    reason = f"its estimator was asked and failed: {failure}"
        elif shown is None:
            reason = NO_SOURCE if entry.source is None else NO_ESTIMATOR
        taken = media.take_media(folder, entry.folder, entry.fits, entry.standing.entry.source_digest)
        return View(entry, shown, taken, reason)

    views = {view.entry.href: view for view in run_all(entries, look, jobs=drawing.jobs, cancel=cancel)}
    say("pages")
    sites = [
        TrackViews(board, tuple(views[entry.href] for entry in found), tuple(curves_on(board, curves)))
        for board, found in boards
    ]
    found = studies.take_studies(folder)
    paths, data = _write_pages(folder, sites, found, frame)
    _remove_others(folder, paths, data)
    tiles.prune(folder, [frame.truth, *(view.tiles.path for view in views.values() if view.tiles)])
    shown = {path for view in views.values() for path in view.media.paths}
    media.prune(folder, shown.union(*(study.paths for study in found)))
    return Site(folder, tuple(paths), len(views), tuple(_note(list(views.values()))))


def _find_recorded(folder: Path, entry: SiteEntry) -> Tiles | None:
    """Return the pictures of the recorded fit: what the site has of it, or what is recorded beside a baseline."""
    if entry.fractal is None:
        return None
    fit = entry.fractal.fit_id
    if found := tiles.read_tiles(folder, fit):
        return found
    if entry.standing.origin != "baseline":
        return None
    drawn = read_drawn(RECORDED_PICTURES / entry.standing.name / entry.track)
    return tiles.put_drawn(folder, drawn) if drawn is not None and drawn.fit == fit else None


def _note(views: Sequence[View]) -> list[str]:
    """Return a line about every estimator that failed, and one that counts the entries without pictures."""
    missing = Counter(view.no_tiles for view in views if view.no_tiles in (NO_SOURCE, NO_ESTIMATOR))
    failed = [view for view in views if view.no_tiles and view.no_tiles not in missing]
    lines = sorted(f"{view.entry.href}: no pictures, {view.no_tiles}" for view in failed)
    if missing:
        reasons = ", ".join(f"{reason}: {n}" for reason, n in sorted(missing.items()))
        lines.append(
            f"{missing.total()} of {len(views)} entries are shown without pictures of what they learned ({reasons}). "
            "`mbench reproduce --record` makes those of baselines, `mbench evaluate` those of others"
        )
    return lines


def _write_pages(
    folder: Path, sites: Sequence[TrackViews], found: Sequence[StudyPage], frame: Frame
) -> tuple[list[Path], set[Path]]:
    """Write every page, the data and the static files; return the pages, the first one first, and the data's files."""
    kept: list[Path] = []
    data: set[Path] = set()

    def write_page(name: str, text: str) -> None:
        kept.append(folder / name)
        write_atomically(folder / name, text.encode())

    def write_data(name: str, content: dict[str, Any]) -> None:
        # A script, as a page from the disk may not fetch.
        text = f"Data.put({json.dumps(name)},{json.dumps(content, allow_nan=False, separators=(',', ':'))});\n"
        data.add(folder / "data" / f"{name}.js")
        write_atomically(folder / "data" / f"{name}.js", text.encode())

    write_page("index.html", pages.render_index(sites, frame))
    write_page("compare.html", pages.render_compare(sites, frame))
    write_page("studies.html", pages.render_studies(found, frame))
    write_page("about.html", pages.render_about(sites, frame))
    for study in found:
        write_page(study.href, pages.render_study(study, frame))
    by_name = [{(v.entry.standing.origin, v.entry.standing.name): v.entry for v in site.views} for site in sites]
    for site in sites:
        for view in site.views:
            name = view.entry.standing.origin, view.entry.standing.name
            others = [each[name] for each in by_name if name in each and each[name].track != site.board.track]
            write_page(view.entry.href, pages.render_entry(view, site, others, frame))
            write_data(f"{site.board.track}/{view.entry.slug}", pages.entry_data(view, site))
        write_data(f"{site.board.track}-plots", pages.plot_data(site))
        write_data(f"{site.board.track}-tasks", pages.task_data(site))
        path = folder / "data" / f"{site.board.track}.json"
        data.add(path)
        write_atomically(path, json.dumps(pages.board_data(site), indent=1).encode())
    (folder / "feed.xml").unlink(missing_ok=True)
    if frame.address.url:
        write_atomically(folder / "feed.xml", pages.render_feed(sites, frame.address).encode())
    for path in STATIC.iterdir():
        write_atomically(folder / "static" / path.name, path.read_bytes())
    for name, content in tiles.draw_ramps().items():
        write_atomically(folder / "static" / name, content)
    return kept, data


def _remove_others(folder: Path, paths: Sequence[Path], data: Set[Path]) -> None:
    """Remove the pages and the data of entries that are no more, and of tracks that are not shown."""
    for name in (*tracks.TRACKS, "studies"):
        for path in (folder / name).glob("*.html"):
            if path not in paths:
                path.unlink()
    for path in (folder / "data").rglob("*"):
        if path.is_file() and path not in data:
            path.unlink()
