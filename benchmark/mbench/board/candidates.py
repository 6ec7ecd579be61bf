"""What may stand on the board: recorded baselines, submissions, local results, each with its audit if it has one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from mbench.errors import MbenchError, UsageError
from mbench.results import lookup
from mbench.results.audits import REPORT_NAME, AuditReport, find_report, report_places
from mbench.results.faults import find_faults, find_report_fault
from mbench.results.kept import ForeignError, OtherSuiteError, note, note_foreign
from mbench.results.lookalikes import TakenNames
from mbench.results.lookup import newest_result
from mbench.results.record import Record, Result
from mbench.results.reruns import Rerun, read_rerun, rerun_folder
from mbench.results.store import RESULT_NAME, read_result
from mbench.submission import ENTRY_NAME, Source, baseline_names, baseline_path, read_submission, safe_name
from mbench.suite import tracks
from mbench.suite.ladder import OCTAVES
from mbench.suite.secrets import PUBLIC

Origin = Literal["baseline", "submission", "local"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """The records of one source, a record per cell, all on the public test sets and made in one manner.

    foreign: the tracks of records that were left out because they are of another version of the source.
    folder: a submission's own.  source_bytes: of all its files, None where they are not at hand.
    claims: the tracks whose records are its author's word, which no maintainer ran again.  rerun: whose records the
    others of a submission are.  faults: by track, what cannot be in its records.  audit_fault: why its audit, which
    says what its own sets do not, is none.  n_files: of its source, None where they are not at hand.
    """

    name: str
    origin: Origin
    records: tuple[Record, ...]
    audit: AuditReport | None = None
    foreign: tuple[str, ...] = ()
    folder: Path | None = None
    source_bytes: int | None = None
    claims: tuple[str, ...] = ()
    rerun: Rerun | None = None
    faults: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    audit_fault: str = ""
    n_files: int | None = None


def find_baselines(suite: int = tracks.SUITE_VERSION) -> list[Candidate]:
    """Return the baselines that the package carries a result of; NAME.audit.json beside it is its audit.

    suite: of an earlier one all that was recorded, also of sources that have changed since.
    """
    return [candidate for name in recorded_names(suite) for candidate in read_baseline(name, suite)]


def recorded_names(suite: int = tracks.SUITE_VERSION) -> list[str]:
    """Return the names of the baselines that the package carries a result of."""
    folder = lookup.recorded_folder(suite)
    return [name for name in baseline_names() if (folder / f"{name}.json").exists() and baseline_path(name) is not None]


def read_baseline(name: str, suite: int = tracks.SUITE_VERSION) -> list[Candidate]:
    """Return a baseline with what is recorded of it, as `find_baselines` does; none where nothing counts."""
    path = lookup.recorded_folder(suite) / f"{name}.json"
    place = _Place(name, "baseline", path, (path.with_name(f"{name}.audit.json"),))
    return _candidate(place, baseline_path(name) if suite == tracks.SUITE_VERSION else None, suite)


def find_recorded(suite: int) -> dict[str, Result]:
    """Return by name what is recorded of the baselines under a suite; of the one in force whatever their source is."""
    if suite == tracks.SUITE_VERSION:
        return {each.name: each for each in lookup.recorded_baselines()}
    return {each.name: newest_result(each.name, each.records) for each in find_baselines(suite)}


def find_earlier(track: str) -> str:
    """Say how to see what earlier suites' records hold of a track; "" where they hold nothing."""
    for suite in range(tracks.SUITE_VERSION - 1, 0, -1):
        if any(record.track == track for each in find_baselines(suite) for record in each.records):
            return f"; `mbench leaderboard --suite {suite} --track {track}` shows what was recorded before"
    return ""


def find_submissions(folder: Path, suite: int = tracks.SUITE_VERSION) -> list[Candidate]:
    """Return the submissions of a folder that have records of a suite: a maintainer's rerun, else an author's claim.

    A folder that cannot be read, or whose name reads as another's, costs itself its place, and nobody else theirs; that
    is noted.
    """
    folders = find_folders(folder, suite)
    return [each for name, path in folders.items() for each in read_folder(name, path, suite)]


def find_folders(folder: Path, suite: int = tracks.SUITE_VERSION) -> dict[str, Path]:
    """Return the folders of submissions by the names they stand under, sorted. Notes those that have no place."""
    paths = [path.parent for path in sorted(folder.glob(f"*/{ENTRY_NAME}"))]
    paths.sort(key=lambda path: not rerun_folder(folder, safe_name(path.name), suite).exists())  # a name is theirs
    folders: dict[str, Path] = {}
    taken = TakenNames()
    for path in paths:
        if path.is_symlink():
            note(f"{path}: a link, and no submission's own folder. It is left out")
            continue
        try:
            taken.check(path)
        except UsageError as error:
            note(f"{error}. It is left out")
            continue
        folders[safe_name(path.name)] = path
        taken.add(path.name)
    return dict(sorted(folders.items()))


def read_folder(name: str, folder: Path, suite: int = tracks.SUITE_VERSION) -> list[Candidate]:
    """Return a submission with its records; none, and a note, where its folder cannot be read."""
    try:
        return _submission(name, folder, suite)
    except MbenchError as error:
        note(f"{error}; {folder} is left out")
        return []


def _submission(name: str, folder: Path, suite: int) -> list[Candidate]:
    """Read a submission: what a maintainer ran again of this very source, and of other tracks what its author claims.

    The author's audit is a claim like the rest, and says nothing here.
    """
    source = read_submission(folder)
    rerun = read_rerun(folder.parent, name, suite)
    if rerun is not None and rerun.source_digest != source.digest:
        note(f"{folder}: has changed since a maintainer ran it again, and counts as a claim")
        rerun = None
    place = _Place(name, "submission", folder / RESULT_NAME, ())
    claimed = _candidate(place, folder, suite) if place.path.exists() or place.path.is_symlink() else []
    candidate = claimed[0] if claimed else Candidate(name, "submission", (), folder=folder)
    candidate = replace(candidate, source_bytes=source.n_bytes, n_files=len(source.files))
    if rerun is None:
        return [replace(candidate, claims=tuple(tracks.TRACKS))] if claimed else []
    audit, fault = _read_audit([rerun_folder(folder.parent, name, suite) / REPORT_NAME], source.digest, suite)
    own = [record for record in rerun.records if record.test_set == PUBLIC and _is_whole(record)]
    run = {record.track for record in own}
    records = newest_result(name, [*own, *(record for record in candidate.records if record.track not in run)]).records
    return [
        replace(
            candidate,
            records=records,
            audit=audit,
            audit_fault=fault,
            foreign=tuple(track for track in candidate.foreign if track not in run),
            claims=tuple(track for track in tracks.TRACKS if track not in run),
            rerun=rerun,
            faults={**candidate.faults, **dict.fromkeys(run, ()), **find_faults(own, datetime.now(UTC))},
        )
    ]


def find_local(results: Path, track: str) -> list[Candidate]:
    """Return what was evaluated here on a track: `results/NAME/TRACK/result.json`."""
    return [
        candidate
        for path in sorted(results.glob(f"*/{track}/{RESULT_NAME}"))
        for candidate in _candidate(
            _Place(safe_name(path.parent.parent.name), "local", path, report_places(path.parent)), None
        )
    ]


def keep_recorded(recorded: Iterable[Candidate], local: Iterable[Candidate], track: str) -> list[Candidate]:
    """Return both, without local results of a source that has recorded ones on this track."""
    recorded = list(recorded)
    return recorded + leave_recorded(local, {digest for each in recorded for digest in list_digests(each, track)})


def leave_recorded(local: Iterable[Candidate], digests: Collection[str]) -> list[Candidate]:
    """Return the local results of sources that are none of those recorded."""
    return [each for each in local if not {record.source_digest for record in each.records} & set(digests)]


def list_digests(candidate: Candidate, track: str) -> tuple[str, ...]:
    """Return the digests of the sources that a candidate's records on a track are of, each once.

    A claim has none: it hides nobody's own run.
    """
    if track in candidate.claims:
        return ()
    return tuple(dict.fromkeys(record.source_digest for record in candidate.records if record.track == track))


def _is_whole(record: Record) -> bool:
    """Had this cell the sample and the time of its track, and its depth all octaves? A stranger's may say anything."""
    if not tracks.is_headline(record.task):
        return True
    family = tracks.family_of(record.task)
    budget = tracks.TRACKS[record.track].budgets[family]
    if (record.n_samples, record.fit_limit_s) != (budget.n_samples, budget.fit_limit_s):
        return False
    profile = record.metrics.profile if record.metrics else None
    return not record.ok or family != "mandelbrot" or (profile is not None and len(profile.mean) == len(OCTAVES))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a result lies, and where its audit may; one of another version of the source says nothing about this."""

    name: str
    origin: Origin
    path: Path
    audits: tuple[Path, ...]


def _candidate(place: _Place, entry: Path | None, suite: int = tracks.SUITE_VERSION) -> list[Candidate]:
    """Read a result and its audit, and keep what is of the source at `entry`, without one: of the newest record's.

    None comes of a result of another suite, or one that only another version of mbench can read; that is noted.

    What is not on its track's budget, or lacks octaves of its depth, is left out, too.

    Raises HarnessError for a damaged one.
    """
    try:
        result = read_result(place.path, suite, is_strangers=place.origin == "submission")
    except ForeignError as error:
        note_foreign(str(error))
        return []
    except OtherSuiteError as error:
        note_foreign(f"{error}; `mbench leaderboard --suite` shows earlier ones apart")
        return []
    public = [record for record in result.records if record.test_set == PUBLIC and _is_whole(record)]
    source: Source | None = None if entry is None else read_submission(entry)
    if source is not None:
        digest = source.digest
    else:
        digest = max(public, key=lambda record: record.created).source_digest if public else ""
    own = [record for record in public if record.source_digest == digest]
    foreign = tuple(record.track for record in public if record.source_digest != digest)
    audit, fault = _read_audit(place.audits, digest, suite)
    folder = entry if place.origin == "submission" else None
    records = newest_result(place.name, own).records
    n_bytes = None if source is None else source.n_bytes
    return [
        Candidate(
            name=place.name,
            origin=place.origin,
            records=records,
            audit=audit,
            audit_fault=fault,
            foreign=foreign,
            folder=folder,
            source_bytes=n_bytes,
            n_files=None if source is None else len(source.files),
            faults=find_faults(own, datetime.now(UTC)),
        )
    ]


def _read_audit(places: Sequence[Path], digest: str, suite: int) -> tuple[AuditReport | None, str]:
    """Return the audit of a source that counts, and "", or None and why one that is there does not."""
    found = find_report(places, digest, suite)
    if found is None:
        return None, ""
    fault = find_report_fault(found[1])
    return (None, fault) if fault else (found[1], "")
