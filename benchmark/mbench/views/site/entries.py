"""What the site shows of one entry beside its scores: its records, its files, and where its pictures may lie."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mbench.board.candidates import Candidate
from mbench.board.contenders import Standing
from mbench.board.kinds import is_network
from mbench.board.standings import Board
from mbench.disk import open_regular
from mbench.errors import MbenchError
from mbench.results.record import Record
from mbench.results.store import RESULT_NAME, read_result
from mbench.submission import Source, baseline_path, read_submission

README_NAME = "README.md"
_README_LIMIT = 64_000  # bytes shown of an entry's README


@dataclass(frozen=True, slots=True)
class SiteEntry:
    """One standing on one track.

    slug: its page's name without the ending, unique on a track, of [a-z0-9_.-] only.  source: None where its files are
    not at hand.  folder: where an evaluation put the pictures of this very source, or None.  fits: `Record.fit_id` of
    the cells that these may be drawn from.
    """

    slug: str
    track: str
    standing: Standing
    records: tuple[Record, ...]
    source: Source | None
    readme: str
    folder: Path | None
    fits: frozenset[str]

    @property
    def href(self) -> str:
        """Its page, from the site's root."""
        return f"{self.track}/{self.slug}.html"

    @property
    def is_network(self) -> bool:
        """Is it a network, as far as its files are at hand?"""
        return self.source is not None and is_network(self.source)

    @property
    def path(self) -> str:
        """What a command is given to mean it, quoted for a shell."""
        name = self.standing.name
        known = {"baseline": f"baselines/{name}.py", "submission": f"submissions/{name}"}
        return shlex.quote(known.get(self.standing.origin, "FILE"))

    @property
    def fractal(self) -> Record | None:
        """The record of the Mandelbrot set's first replicate that pictures are drawn from, if that cell ended well."""
        return next((r for r in self.records if r.task == "mandelbrot" and r.replicate == 0 and r.ok), None)


def collect_entries(
    board: Board, candidates: Iterable[Candidate], submissions: Path, results: Path | None
) -> list[SiteEntry]:
    """Return an entry for every standing of a board, list by list, in the board's order."""
    found = {(each.origin, each.name): each for each in candidates}
    taken: set[str] = set()
    entries = []
    for standing in board.standings:
        candidate = found[standing.origin, standing.name]
        records = [r for r in candidate.records if r.track == board.track]
        folder = candidate.folder
        path = baseline_path(standing.name) if standing.origin == "baseline" else folder
        pictures = None if results is None else results / standing.name / board.track
        fits = _find_fits(pictures, standing.entry.source_digest)
        entries.append(
            SiteEntry(
                slug=_choose_slug(standing, taken),
                track=board.track,
                standing=standing,
                records=tuple(sorted(records, key=lambda r: (r.task, r.replicate))),
                source=_read_source(path, standing.entry.source_digest),
                readme=_read_readme(folder, submissions),
                folder=pictures if fits else None,
                fits=fits,
            )
        )
    return entries


def _choose_slug(standing: Standing, taken: set[str]) -> str:
    """Return a file name that every system and every URL takes as it is. Two names that look alike to one differ.

    It follows from the name and where that comes from, so that a page stays where it is when ranks change.
    """
    plain = re.sub(r"[^a-z0-9_-]+", "-", standing.name.lower()).strip("-") or "entry"
    if plain != standing.name:  # after a dot, which no plain name has
        plain += f".{hashlib.sha256(standing.name.encode()).hexdigest()[:8]}"
    stem = plain if standing.origin == "baseline" else f"{standing.origin}-{plain}"
    slug, number = stem, 2
    while slug in taken:  # two folders whose names read the same
        slug, number = f"{stem}-{number}", number + 1
    taken.add(slug)
    return slug


def _read_source(path: Path | None, digest: str) -> Source | None:
    """Return the files that the records are of; None where those at hand are others, or none."""
    if path is None:
        return None
    try:
        source = read_submission(path)
    except MbenchError:
        return None
    return source if source.digest == digest else None


def _read_readme(folder: Path | None, submissions: Path) -> str:
    """Return a submission's own README.md: never what it, or its folder, is a link to elsewhere."""
    if folder is None or not folder.resolve().is_relative_to(submissions.resolve()):
        return ""
    file = open_regular(folder / README_NAME)
    if file is None:
        return ""
    try:
        with file:
            return file.read(_README_LIMIT).decode("utf-8", "replace")
    except OSError:
        return ""


def _find_fits(folder: Path | None, digest: str) -> frozenset[str]:
    """Return `Record.fit_id` of the cells of a source that the result in a folder of pictures is of."""
    if folder is None:
        return frozenset()
    try:
        records = read_result(folder / RESULT_NAME).records
    except MbenchError:
        return frozenset()
    return frozenset(record.fit_id for record in records if record.source_digest == digest)
