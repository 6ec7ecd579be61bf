"""Boards to a folder of pages: draws what is missing, writes every page, removes what no page shows any more."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from mbench.board.candidates import find_baselines, find_local, find_submissions, keep_recorded
from mbench.board.standings import Board, build_board
from mbench.disk import disk_error, write_atomically
from mbench.errors import UsageError
from mbench.results.curves import find_curves
from mbench.results.estimators import Stored
from mbench.results.record import Record
from mbench.results.reference import load_reference
from mbench.results.store import ResultStore
from mbench.runs.in_threads import run_all
from mbench.sandbox.child_process import ChildFailure
from mbench.sandbox.tiers import Isolation
from mbench.suite import tracks
from mbench.views.board_plots import curves_on
from mbench.views.site import media, pages, tiles
from mbench.views.site.entries import SiteEntry, collect_entries
from mbench.views.site.pages import TrackViews, View
from mbench.views.site.tiles import Tiles

STATIC = Path(__file__).with_name("static")
MARKER = "mbench-site.json"  # a folder that has it is ours to write to

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


def build_site(
    folder: Path, origins: Origins, isolate: Callable[[], Isolation], jobs: int = 1, say: Say = lambda words: None
) -> Site:
    """Write the site to a folder and return what was written.

    isolate: returns what holds the estimators, and is called only where one is asked.
    Raises UsageError for a folder that holds something else, HarnessError when the disk refuses.
    """
    _claim(folder)
    try:
        return _build(folder, origins, isolate, jobs, say)
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


def _build(folder: Path, origins: Origins, isolate: Callable[[], Isolation], jobs: int, say: Say) -> Site:
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
    truth = tiles.draw_truth(folder)
    store = ResultStore(results) if results is not None and (results / "cells").is_dir() else None
    artifacts = {} if store is None else tiles.find_artifacts(store)
    entries = [entry for _, found in boards for entry in found]
    cancel = Event()

    def look(entry: SiteEntry) -> View:
        artifact = artifacts.get((entry.standing.entry.source_digest, entry.track))
        shown, reason = _find_tiles(folder, entry, artifact), ""
        if shown is None and artifact is not None and entry.source is not None:
            assert store is not None
            say(f"{entry.href}: asking its estimator")
            try:
                shown = tiles.draw_tiles(folder, entry.source, Stored(artifact, store), isolate(), cancel)
            except ChildFailure as failure:
                reason = f"its estimator was asked and failed: {failure}"
        elif shown is None:
            missing = "source is not at hand" if entry.source is None else "fitted estimator is not stored here"
            reason = f"its {missing}"
        taken = media.take_media(folder, entry.folder, entry.fits, entry.standing.entry.source_digest)
        return View(entry, shown, taken, reason)

    views = {view.entry.href: view for view in run_all(entries, look, jobs=jobs, cancel=cancel)}
    say("pages")
    sites = [
        TrackViews(board, tuple(views[entry.href] for entry in found), tuple(curves_on(board, curves)))
        for board, found in boards
    ]
    paths = _write_pages(folder, sites, truth)
    _remove_others(folder, paths, {site.board.track for site in sites})
    tiles.prune(folder, [truth, *(view.tiles.path for view in views.values() if view.tiles)])
    media.prune(folder, {path for view in views.values() for path in view.media.paths})
    notes = [f"{view.entry.href}: no zoom and no strip, {view.no_tiles}" for view in views.values() if view.no_tiles]
    return Site(folder, tuple(paths), len(views), tuple(sorted(notes)))


def _find_tiles(folder: Path, entry: SiteEntry, artifact: Record | None) -> Tiles | None:
    """Return what an earlier run drew of the stored estimator, or of the recorded cell where none is stored now."""
    if artifact is not None and entry.source is not None:
        return tiles.read_tiles(folder, artifact.key, artifact.fit_id)
    found = (tiles.read_tiles(folder, record.key) for record in (artifact, entry.fractal) if record is not None)
    return next((each for each in found if each is not None), None)


def _write_pages(folder: Path, sites: Sequence[TrackViews], truth: str) -> list[Path]:
    """Write every page, the data and the static files; return the pages' paths, the first one first."""
    shown = [view for site in sites for view in site.by_list["board"] if view.tiles]
    texts = {
        "index.html": pages.render_index(sites, shown[0] if shown else None, truth),
        "compare.html": pages.render_compare(sites, truth),
        "about.html": pages.render_about(sites, truth),
    }
    by_name = [{(v.entry.standing.origin, v.entry.standing.name): v.entry for v in site.views} for site in sites]
    for site in sites:
        for view in site.views:
            name = view.entry.standing.origin, view.entry.standing.name
            others = [each[name] for each in by_name if name in each and each[name].track != site.board.track]
            texts[view.entry.href] = pages.render_entry(view, site, others, truth)
        content = pages.board_data(site)
        write_atomically(folder / "data" / f"{site.board.track}.json", json.dumps(content, indent=1).encode())
    for path in STATIC.iterdir():
        write_atomically(folder / "static" / path.name, path.read_bytes())
    for name, content in tiles.draw_ramps().items():
        write_atomically(folder / "static" / name, content)
    for name, text in texts.items():
        write_atomically(folder / name, text.encode())
    return [folder / name for name in texts]


def _remove_others(folder: Path, paths: Sequence[Path], shown: Set[str]) -> None:
    """Remove the pages of entries that are no more, and the data of tracks that are not shown."""
    for track in tracks.TRACKS.keys() - shown:
        (folder / "data" / f"{track}.json").unlink(missing_ok=True)
    for track in tracks.TRACKS:
        for path in (folder / track).glob("*.html"):
            if path not in paths:
                path.unlink()
