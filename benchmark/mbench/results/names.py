"""What a name on the command line stands for: one order for every verb, and the source and the records behind it.

A path that exists comes first, then what was evaluated under the name in the results folder, then a folder in
`submissions/`, then a baseline. Where another thing of the name exists that was not taken, the name says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from mbench.errors import MbenchError, UsageError
from mbench.results import lookup
from mbench.results.kept import note
from mbench.results.lookup import newest_result
from mbench.results.origins import kept_aside, read_origin
from mbench.results.record import Record, Result
from mbench.results.reruns import read_rerun
from mbench.results.store import RESULT_NAME, ResultStore, Wanted, read_result
from mbench.submission import (
    BASELINES_FOLDER,
    ENTRY_NAME,
    Source,
    baseline_names,
    baseline_path,
    read_submission,
    safe_name,
)
from mbench.suite.secrets import PUBLIC
from mbench.words import suggest

SUBMISSIONS = Path("submissions")

Origin = Literal["file", "result", "local", "submission", "baseline"]
_MARKS: dict[Origin, str] = {"baseline": "", "submission": " (submission)", "local": " (local)", "file": " (local)",
                             "result": " (file)"}  # fmt: skip
_ADVICE = "Give the path of a submission, or write one with `mbench init`"


@dataclass(frozen=True, slots=True)
class Named:
    """What a name stands for.

    path: of the submission's file or folder, or of the result; of what was evaluated, its folder in the results folder.
    others: what else goes by the name, and is another thing.
    """

    asked: str
    origin: Origin
    path: Path
    results: Path
    others: tuple[Named, ...] = ()

    @property
    def note(self) -> str:
        """What to tell where the name is ambiguous: which thing was taken, and how to name the others."""
        words = [each.describe() for each in self.others]
        if self.origin == "local":
            words += [str(path) for folder in sorted(self.path.glob("*/")) for path in kept_aside(folder)]
        return f"{self.asked}: {self.describe()} is taken. Of the same name: {'; '.join(words)}" if words else ""

    def describe(self) -> str:
        """Say which thing this is, with a path that stands for it alone."""
        if self.origin == "local":
            return f"what was evaluated in {self.results}"
        return f"the baseline {self.path}" if self.origin == "baseline" else str(self.path)


@dataclass(frozen=True, slots=True)
class Found:
    """The records that a name stands for. origin: "local" where they are of the results folder."""

    result: Result
    origin: Origin


def resolve_name(asked: str, results: Path) -> Named:
    """Return what a name stands for. Raises UsageError, with all names that are known, where it is nothing."""
    try:
        found = list(_find_all(asked, results))
    except OSError:  # what cannot be looked at is nobody's name
        found = []
    if not found:
        raise _unknown(asked, results)
    first, *rest = found
    if not rest:
        return first
    own = _digests(first)
    others = (each for each in rest if not own & _digests(each) and not _is_earlier(first, each))
    return replace(first, others=tuple(others))


def find_folder(asked: str, needed: str) -> Path:
    """Return the folder that a name stands for: a path, or one in `submissions/`. needed: what the verb wants in it."""
    inside = SUBMISSIONS / asked
    if Path(asked).is_dir() or not _is_submission(inside) or asked != safe_name(asked):
        if baseline_path(asked) is not None and not Path(asked).exists():
            raise UsageError(
                f"{asked}: a baseline, and no folder. Its record is checked with `mbench reproduce {asked}`; give a "
                f"folder with {needed}"
            )
        return Path(asked)
    return inside


def find_source(named: Named) -> Source:
    """Return the source behind a name.

    What was evaluated keeps no line of its source: that is looked for where it was read from, among baselines, in
    `submissions/` and beside. Of a file that was edited since, the source as it is now is taken.
    Raises like `read_submission`, and UsageError where the source is not found.
    """
    if named.origin in ("file", "submission", "baseline"):
        return read_submission(named.path)
    records = read_result(named.path).records if named.origin == "result" else local_records(named)
    if not records:
        raise UsageError(f"{named.asked}: holds no records. {_ADVICE}")
    found = search_source(named, max(records, key=lambda record: record.created).source_digest)
    if found is not None:
        return found
    for place in _origin_paths(named):
        try:
            return read_submission(place)
        except MbenchError:  # moved, or no submission any more
            continue
    raise source_missing(named)


def search_source(named: Named, digest: str) -> Source | None:
    """Return the source of this digest behind a name that stands for records, or None where it is not here."""
    beside = named.path.parent if named.origin == "result" else Path(named.asked)
    places: list[Path] = [*_origin_paths(named)]
    places += [path for path in map(baseline_path, baseline_names()) if path is not None]
    places += [*sorted(SUBMISSIONS.glob(f"*/{ENTRY_NAME}")), beside / ENTRY_NAME, Path(ENTRY_NAME)]
    places += [Path(f"{named.asked}.py"), SUBMISSIONS / f"{named.asked}.py"]
    for place in dict.fromkeys(places):
        try:
            if place.exists() and (source := read_submission(place)).digest == digest:
                return source
        except (MbenchError, OSError):  # somebody else's, which does not load
            continue
    return None


def source_missing(named: Named) -> UsageError:
    """Return the error for records whose source is not here."""
    places = ", ".join(map(str, _origin_paths(named)))
    where = f", nor {places}," if places else ""
    more = f", or another of that name: {'; '.join(each.describe() for each in named.others)}" if named.others else ""
    return UsageError(
        f"{named.asked}: no baseline and nothing in {SUBMISSIONS}{where} is the file it was made of. Give that file "
        f"instead{more}"
    )


def find_result(asked: str, results: Path) -> Result:
    """Return the result that a name stands for. Raises UsageError where nothing of that name was evaluated."""
    return find_records(resolve_name(asked, results)).result


def find_records(named: Named) -> Found:
    """Return the records that a name stands for.

    Of a submission those of this very source: in the results folder, else recorded. A baseline's recorded tracks give
    way to those run here as a whole. Only a result.json may hold what was scored on a hidden test set; its name then
    says so.
    Raises UsageError where there are none.
    """
    if named.origin == "result":
        return Found(_read_strangers(named), "result")
    if named.origin == "local":
        records = local_records(named)
        local = newest_result(named.asked, records)
        recorded = _recorded_baseline(named.asked)
        if recorded is not None and not any(each.origin == "baseline" for each in named.others):
            return Found(_replace_whole_tracks(recorded, local), "baseline")
        return Found(local, "local")
    if named.origin == "baseline" and (recorded := _recorded_baseline(named.asked)) is not None:
        return Found(recorded, "baseline")
    source = read_submission(named.path)
    if records := _stored_of(source, named.results):
        return Found(newest_result(source.name, records), origin_of(source))
    recorded = _recorded_of(source)
    if recorded is not None:
        return recorded
    raise not_evaluated(named.asked, source, named.results)


def find_local(source: Source, results: Path) -> Result:
    """Return what the results folder holds of this very source. Raises UsageError where that is nothing."""
    records = _stored_of(source, results)
    if not records:
        raise not_evaluated(str(source.path or source.name), source, results)
    return newest_result(source.name, records)


def not_evaluated(asked: str, source: Source, results: Path) -> UsageError:
    """Return the error for a source that has no records."""
    old = source.name in stored_names(results)
    why = "it has changed since it was evaluated" if old else "no results yet"
    return UsageError(f"{asked}: {why}. Run `mbench evaluate {asked}` first")


def tell_apart(sources: Sequence[Source]) -> list[Source]:
    """Return the sources under names that differ: of two of one name, each says which it is."""
    labels = label_names([source.name for source in sources], [origin_of(source) for source in sources])
    return [replace(source, name=label) for source, label in zip(sources, labels, strict=True)]


def origin_of(source: Source) -> Origin:
    """Say whether a source is a baseline's own file or one of here."""
    return "baseline" if _is_baseline(source) else "local"


def label_names(names: Sequence[str], origins: Sequence[Origin]) -> list[str]:
    """Return labels that differ: of two things of one name each says which it is, as in "knn" and "knn (local)"."""
    labels: list[str] = []
    things = set(zip(names, origins, strict=True))
    for name, origin in zip(names, origins, strict=True):
        label = name + (_MARKS[origin] if sum(name == other for other, _ in things) > 1 else "")
        numbered = (f"{label} ({number})" for number in range(2, len(names) + 2))
        labels.append(label if label not in labels else next(each for each in numbered if each not in labels))
    return labels


def stored_records(results: Path, wanted: Wanted) -> list[Record]:
    """Return the wanted records of a results folder on public test sets, oldest first; none where there is no folder.

    wanted: by what a record's heading says.
    """
    if not (results / "cells").is_dir():  # opening one would make the folder
        return []
    return ResultStore(results).records(wanted=lambda each: each.test_set == PUBLIC and wanted(each))


def stored_names(results: Path) -> list[str]:
    """Return the names under which records on public test sets lie in a results folder, each once."""
    if not (results / "cells").is_dir():
        return []
    return list(dict.fromkeys(each.submission for each in ResultStore(results).headings() if each.test_set == PUBLIC))


def _stored_of(source: Source, results: Path) -> list[Record]:
    return stored_records(results, lambda each: each.source_digest == source.digest)


def local_records(named: Named) -> list[Record]:
    """Return what was evaluated in the results folder under a name: of the source that was evaluated last."""
    found = stored_records(named.results, lambda each: each.submission == named.asked)
    if found:
        return [record for record in found if record.source_digest == found[-1].source_digest]
    # Evaluated under another name before, its records bear that one; the result file is its own.
    return [record for path in sorted(named.path.glob(f"*/{RESULT_NAME}")) for record in read_result(path).records]


def _find_all(asked: str, results: Path) -> Iterator[Named]:
    """Yield everything that goes by a name, in the order in which it is taken."""
    path = Path(asked)
    if asked and path.exists():
        if path.suffix == ".json" and path.is_file():
            yield Named(asked, "result", path, results)
        elif not path.is_dir() or _is_submission(path):
            yield Named(asked, "file", path, results)
        elif (path / RESULT_NAME).is_file():
            yield Named(asked, "result", path / RESULT_NAME, results)
    if not asked or asked != safe_name(asked):
        return
    local = Named(asked, "local", results / asked, results)
    if local_records(local):
        yield local
    if _is_submission(SUBMISSIONS / asked):
        yield Named(asked, "submission", SUBMISSIONS / asked, results)
    baseline = baseline_path(asked)
    if baseline is not None:
        yield Named(asked, "baseline", baseline, results)


def _is_earlier(first: Named, other: Named) -> bool:
    """Is another thing what was evaluated of this very file, before it was edited?"""
    if first.origin not in ("file", "submission") or other.origin != "local":
        return False
    origins = [read_origin(folder) for folder in other.path.glob("*/")]
    return bool(origins) and all(
        origin is not None and bool(origin.path) and _entry(Path(origin.path)) == _entry(first.path)
        for origin in origins
    )


def _entry(path: Path) -> Path:
    return (path / ENTRY_NAME if path.is_dir() else path).absolute()


def _digests(named: Named) -> set[str]:
    """Return the digests of the sources that a thing is of; of a baseline those that it is recorded with, too."""
    try:
        if named.origin == "result":
            return {record.source_digest for record in read_result(named.path).records}
        if named.origin == "local":
            return {record.source_digest for record in local_records(named)}
        digests = {read_submission(named.path).digest}
    except MbenchError:
        return set()
    recorded = _recorded_baseline(named.asked) if named.origin == "baseline" else None
    return digests | {record.source_digest for record in (recorded.records if recorded else ())}


def _unknown(asked: str, results: Path) -> UsageError:
    path = Path(asked)
    if asked != safe_name(asked) or path.suffix in (".py", ".json"):
        try:
            if path.suffix != ".json":
                read_submission(asked)
        except UsageError as error:  # which says what is wrong with a path
            return error
        return UsageError(f"{asked}: no such file. {_ADVICE}")
    local = stored_names(results)
    inside = [path.parent.name for path in sorted(SUBMISSIONS.glob(f"*/{ENTRY_NAME}"))]
    baselines = baseline_names()
    meant = suggest(asked, (*local, *inside, *baselines)) or "."
    return UsageError(
        f"{asked}: no such file or name{meant} Known are, evaluated in {results}: {', '.join(local) or 'nothing'}; in "
        f"{SUBMISSIONS}: {', '.join(inside) or 'nothing'}; baselines: {', '.join(baselines) or 'none'}. {_ADVICE}"
    )


def _read_strangers(named: Named) -> Result:
    result = read_result(named.path)
    test_sets = {record.test_set for record in result.records} or {PUBLIC}
    if len(test_sets) > 1:
        raise UsageError(
            f"{named.asked}: mixes records of different test sets, which do not compare. Evaluate it again"
        )
    mark = "" if test_sets == {PUBLIC} else "-hidden"
    return replace(result, name=safe_name(result.name) + mark)  # a stranger's file: its name goes into tables


def _recorded_baseline(name: str) -> Result | None:
    path = lookup.RECORDED_FOLDER / f"{name}.json"
    return read_result(path) if name in baseline_names() and path.exists() else None  # audits and curves lie there, too


def _recorded_of(source: Source) -> Found | None:
    """Return what is recorded of this very source: as a baseline, or of a submission.

    Of a submission that is what a maintainer ran again, and of other tracks what its author claims, which is noted.
    """
    if _is_baseline(source) and (recorded := _recorded_baseline(source.name)) is not None:
        return Found(recorded, "baseline")
    if source.path is None or not source.path.is_dir():
        return None
    rerun = read_rerun(source.path.absolute().parent, safe_name(source.path.absolute().name))
    own = [] if rerun is None else [each for each in rerun.records if _is_public(each, source)]
    path = source.path / RESULT_NAME
    if path.is_file():
        run = {each.track for each in own}
        claimed = [each for each in read_result(path, is_strangers=True).records if _is_public(each, source)]
        claimed = [each for each in claimed if each.track not in run]
        if claimed:
            note(f"{path}: its author's claim, which no maintainer has run again")
        own += claimed
    return Found(newest_result(source.name, own), "submission") if own else None


def _is_public(record: Record, source: Source) -> bool:
    return (record.source_digest, record.test_set) == (source.digest, PUBLIC)


def _replace_whole_tracks(recorded: Result, local: Result) -> Result:
    """Return a baseline's recorded result, but for tracks of which all that is recorded was run here, too."""

    def cells(result: Result, track: str) -> set[tuple[str, int]]:
        return {(r.task, r.replicate) for r in result.records if r.track == track and not r.is_our_failure}

    own = {record.track for record in local.records}
    own = {track for track in own if cells(recorded, track) <= cells(local, track)}
    kept = [record for record in recorded.records if record.track not in own]
    return replace(recorded, records=(*kept, *(record for record in local.records if record.track in own)))


def _origin_paths(named: Named) -> list[Path]:
    """Return where the sources of the records behind a name were read from, as far as that is known."""
    folders: Iterable[Path] = [named.path.parent] if named.origin == "result" else sorted(named.path.glob("*/"))
    origins = [origin for folder in folders if (origin := read_origin(folder)) is not None]
    return [Path(path) for path in dict.fromkeys(origin.path for origin in origins) if path]


def _is_submission(folder: Path) -> bool:
    return (folder / ENTRY_NAME).is_file()


def _is_baseline(source: Source) -> bool:
    return source.path is not None and source.path.resolve().parent == BASELINES_FOLDER.resolve()
