"""From a local result to a folder that a pull request can bring: source, result, README, picture and audit."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mbench.board.formats import escape_markdown, format_table
from mbench.disk import disk_error, read_inside, write_atomically
from mbench.errors import UsageError
from mbench.results.audits import REPORT_NAME, find_report, report_places
from mbench.results.kept import refusing_foreign
from mbench.results.lookalikes import check_folder_name
from mbench.results.names import find_local
from mbench.results.record import Record, Result
from mbench.results.reference import load_reference
from mbench.results.scoring import Entry, score_entry
from mbench.results.store import RESULT_NAME, read_result, write_result
from mbench.submission import ENTRY_NAME, SOURCE_LIMIT, Source, read_submission
from mbench.suite import tracks
from mbench.views.pictures import CARD_NAME

README_NAME = "README.md"
_README_LIMIT = 1 << 20
BEGIN, END = "<!-- result -->", "<!-- end of result -->"  # what lies between is ours, the rest of a README its author's


@dataclass(frozen=True, slots=True)
class Published:
    """What was written; notes: what is not there, and how to get it."""

    folder: Path
    entry: Entry
    paths: tuple[Path, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Consent:
    """What may be published all the same: over an earlier call's files, incomplete, unverified."""

    update: bool = False
    incomplete: bool = False
    unverified: bool = False


def publish(
    path: Path, results: Path, submissions: Path, track: str, name: str = "", consent: Consent | None = None
) -> Published:
    """Write `submissions/NAME/` for the submission at a path, from its results on a track.

    name: of the folder; by default that of the submission's own.
    Raises UsageError where there is no result of this very source, it is not fit to be published, or it would replace
    a file. Nothing is written then.
    """
    consent = consent or Consent()
    source = read_submission(path)
    if source.entry != ENTRY_NAME:
        raise UsageError(
            f"{path}: is called {source.entry}, and a record names the file it is of. Move it to a folder of its own "
            f"as {ENTRY_NAME} and evaluate that"
        )
    if not (results / "cells").is_dir():
        raise UsageError(f"{results}: no results folder. Run `mbench evaluate {path}` first, or give --results")
    found = find_local(source, results)
    records = tuple(record for record in found.records if record.track == track)
    if not records:
        raise UsageError(f"{path}: no results on track {track}. Run `mbench evaluate {path} --track {track}` first")
    folder = submissions / (name or source.name)
    check_folder_name(folder, (each.parent.name for each in submissions.glob(f"*/{ENTRY_NAME}")))
    entry = score_entry(folder.name, track, records, load_reference())
    _check_fit(entry, consent)
    _check_room(folder, source, consent.update)
    notes: list[str] = []
    made = results / source.name / track
    card = _find_card(made, records, notes)
    audit = _find_audit(made, source, notes)
    readme = _compose_readme(folder, source, entry, has_card=card is not None)
    merged = _merge(folder, replace(found, name=folder.name, records=records), source, track)
    paths = [folder / file for file, _ in source.files]
    try:
        for file, content in source.files:
            write_atomically(folder / file, content)
        for file, content in ((CARD_NAME, card), (REPORT_NAME, audit), (README_NAME, readme)):
            if content is not None:
                write_atomically(folder / file, content)
                paths.append(folder / file)
            elif consent.update:
                (folder / file).unlink(missing_ok=True)  # of an earlier version
    except OSError as error:
        raise disk_error(folder, error) from error
    paths.append(folder / RESULT_NAME)
    write_result(paths[-1], merged)
    return Published(folder, entry, tuple(paths), tuple(notes))


def _check_fit(entry: Entry, consent: Consent) -> None:
    if not entry.is_complete and not consent.incomplete:
        raise UsageError(
            f"{entry.name}: incomplete on track {entry.track}, {', '.join(entry.missing)} not run "
            f"{tracks.TRACKS[entry.track].replicates} times. Evaluate it without --task, or give --incomplete: it "
            "is then shown on the board, and not ranked"
        )
    if not entry.is_verified and not consent.unverified:
        raise UsageError(
            f"{entry.name}: unverified, it ran under tier {entry.isolation} which is no sandbox. Evaluate it with "
            "--fresh under tier A or B (see `mbench info`), or give --unverified: it is then marked so"
        )


def _check_room(folder: Path, source: Source, update: bool) -> None:
    """Raise UsageError for a folder that holds a result already, or a file that differs from the source's."""
    if update:
        return
    taken = [name for name in (RESULT_NAME, CARD_NAME, REPORT_NAME) if (folder / name).exists()]
    taken += [
        file
        for file, content in source.files
        if (folder / file).exists() and read_inside(folder, file, SOURCE_LIMIT) != content
    ]
    if taken:
        raise UsageError(
            f"{folder / taken[0]}: exists already. Choose another --name, or replace it with --update (what you wrote "
            f"in {README_NAME} stays)"
        )


def _find_card(made: Path, records: Sequence[Record], notes: list[str]) -> bytes | None:
    from mbench.views.render.page import read_fit

    first = {record.fit_id for record in records if (record.task, record.replicate) == ("mandelbrot", 0)}
    if read_fit(made / CARD_NAME) in first:
        return (made / CARD_NAME).read_bytes()
    notes.append(f"no picture: {made / CARD_NAME} is not of this result. Draw it with `mbench render`, then --update")
    return None


def _find_audit(made: Path, source: Source, notes: list[str]) -> bytes | None:
    found = find_report(report_places(made), source.digest)
    if found is not None:
        return found[0].read_bytes()
    notes.append("no audit of this source, so no badge and no rank. Run `mbench audit`, then --update")
    return None


def _merge(folder: Path, result: Result, source: Source, track: str) -> Result:
    """Keep what the folder holds of this source on other tracks."""
    path = folder / RESULT_NAME
    with refusing_foreign():
        before = read_result(path, is_strangers=True).records if path.exists() else ()
    kept = [record for record in before if record.track != track and record.source_digest == source.digest]
    records = sorted((*kept, *result.records), key=lambda record: (record.track, record.task, record.replicate))
    return replace(result, records=tuple(records))


def _compose_readme(folder: Path, source: Source, entry: Entry, *, has_card: bool) -> bytes:
    """Return the README there with our part put in or renewed, or a new one that begins with the docstring.

    Raises UsageError for one whose part of ours cannot be told, or that is not UTF-8.
    """
    path = folder / README_NAME
    block = _describe_result(folder.name, entry, has_card)
    if not path.exists():
        docstring = ast.get_docstring(ast.parse(dict(source.files)[source.entry])) or "What it is and where it is from."
        about = "\n\n".join(escape_markdown(paragraph) for paragraph in docstring.split("\n\n"))
        return f"# {escape_markdown(folder.name)}\n\n{about}\n\n{block}\n".encode()
    try:
        text = read_inside(folder, README_NAME, _README_LIMIT).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as UTF-8 ({error}). Save it as such, or remove it") from None
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if (text.count(BEGIN), text.count(END)) not in ((0, 0), (1, 1)) or bool(begin) != bool(end):
        raise UsageError(f"{path}: {BEGIN} and {END} have to stand there once each, in this order, or not at all")
    return f"{before}{block}{after}".encode() if begin else f"{text.rstrip()}\n\n{block}\n".encode()


def _describe_result(name: str, entry: Entry, has_card: bool) -> str:
    parts = [
        BEGIN,
        f"On track `{entry.track}` of suite {tracks.SUITE_VERSION}, n = {entry.n_replicates}:",
        format_table([entry], "md"),
    ]
    if has_card:
        parts.append(f"![What {escape_markdown(name)} learned of the Mandelbrot set]({CARD_NAME})")
    return "\n\n".join((*parts, f"To check it: `mbench verify submissions/{name}`", END))
