"""The audit on disk: one JSON per submission and track, and the frozen bounds it is judged by."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Literal, get_args

from mbench.disk import STRICT
from mbench.errors import HarnessError, MbenchError, UsageError
from mbench.results.kept import ForeignError, Form, OtherSuiteError, note_foreign, read_kept, write_kept
from mbench.results.record import Status
from mbench.suite import tracks

SCHEMA_VERSION = 2
REPORT_NAME = "audit.json"
_REPORT_LIMIT = 1 << 20  # bytes: one has some thousands
BOUNDS_NAME = "audit-2.json"  # lies beside this module; `mbench audit --calibrate` makes it
GOOD = ("passed", "discovery")


Group = Literal["public", "hidden", "warp", "recurrence", "field", "control"]
Target = Literal["smooth", "distance"]

N_RELATIVES = 4  # of each matched group and target
MATCHED: tuple[Group, ...] = ("warp", "recurrence", "field")

FVU_FLOOR = 1e-9  # an exact formula gains a finite number of bits
SetStatus = Status | Literal["inconsistent"]


def count_bits(fvu: float, knn_fvu: float) -> float:
    """Return the bits of precision a value gains on k-NN: ½ log₂ (FVU_knn / FVU)."""
    return 0.5 * math.log2(max(knn_fvu, FVU_FLOOR) / max(fvu, FVU_FLOOR))


@dataclass(frozen=True, slots=True)
class Score:
    """What answers to one test set and its ladder were worth, beside k-NN's on the same sample."""

    __pydantic_config__: ClassVar = STRICT

    fvu: float
    knn_fvu: float
    depth_octaves: float
    knn_depth_octaves: float

    @property
    def bits(self) -> float:
        """Bits of precision a value gains on k-NN: ½ log₂ (FVU_knn / FVU)."""
        return count_bits(self.fvu, self.knn_fvu)

    @property
    def octaves(self) -> float:
        """Depth gained on k-NN, in octaves of a set on which that is 5 deep, as it is on `quick`.

        Counted as a share, since a set on which k-NN is deeper is one on which every method is.
        """
        return 5.0 * (self.depth_octaves / max(self.knn_depth_octaves, 1e-9) - 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetScore:
    """One set of an audit. target: what its labels are like.  correlation: of answers and truth at the test points."""

    __pydantic_config__: ClassVar = STRICT

    name: str
    group: Group
    target: Target
    status: SetStatus
    reason: str
    score: Score | None = None
    correlation: float | None = None
    fit_s: float | None = None

    @property
    def ok(self) -> bool:
        """Was the set learned and answered?"""
        return self.status == "ok"


def list_sets(n_relatives: int = N_RELATIVES) -> list[str]:
    """Return the names of an audit's sets, in their order."""
    names = []
    for target in get_args(Target):
        names += [f"public, {target}", f"hidden, {target}"]
        names += [f"{group} {i + 1}, {target}" for group in MATCHED for i in range(n_relatives)]
    return [*names, "control"]


@dataclass(frozen=True, slots=True)
class Bound:
    """What the baselines say of one statistic: their middle, the spread above it of one audit, and the threshold."""

    middle: float
    spread: float
    threshold: float


# What each statistic is, in the order they are shown. Each stands there for the smooth target and for the distance.
_EACH = {
    "table": "bits on the set, over its warps",
    "depth table": "octaves gained on the set, over its warps",
    "rule": "bits on the set and its warps, over secret recurrences",
    "depth rule": "octaves gained on the set and its warps, over secret recurrences",
    "leak": "bits at the public test points, over the hidden ones, both at most 2",
    "depth leak": "octaves gained on the public ladder, over the hidden one",
    "discovery": "bits on the second best secret recurrence, over the fields without a rule",
}
TARGETS = get_args(Target)
DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {f"{name}, {target}": words for name, words in _EACH.items() for target in TARGETS}
    | {
        "score, warp": "points of score on the set, over its warps",
        "score, recurrence": "points of score on the set, over secret recurrences",
        "score, field": "points of score on the set, over the fields without a rule",
        "control": "correlation of answers and truth after learning shuffled labels",
    }
)

Verdict = Literal[
    "passed",
    "discovery",
    "flagged: carried the rule in",
    "flagged: knows the public test set",
    "flagged: predicts without labels",
    "flagged: inconsistent predictions",
    "failed",
]


@dataclass(frozen=True, slots=True)
class Statistic:
    """One number of an audit beside the baselines' middle and the threshold that theirs imply."""

    __pydantic_config__: ClassVar = STRICT

    name: str
    value: float
    baselines: float
    threshold: float

    @property
    def exceeds(self) -> bool:
        """Is it beyond what the baselines' spread explains?"""
        return self.value > self.threshold

    def __str__(self) -> str:
        """Say it in one line with its numbers."""
        relation = ">" if self.exceeds else "≤"
        words = DESCRIPTIONS.get(self.name, self.name)
        return f"{self.name} {self.value:+.2f} {relation} {self.threshold:.2f} ({words})"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """One audit of one submission. secret_sha256: of the secret that its sets were drawn under.

    replicate: whose public sample all its sets have.
    """

    __pydantic_config__: ClassVar = STRICT

    schema: int
    suite: int
    name: str
    source_digest: str
    track: str
    secret_sha256: str
    replicate: int
    verdict: Verdict
    reason: str
    sets: tuple[SetScore, ...]
    statistics: tuple[Statistic, ...]
    threads: int
    device: str
    isolation: str
    environment: dict[str, str]
    created: str

    @property
    def ok(self) -> bool:
        """Is it no mark against the submission?"""
        return self.verdict in GOOD


@dataclass(frozen=True, slots=True, kw_only=True)
class _FirstReport:
    """An audit as suite 1 wrote it. Its sets and statistics were others; its verdict is what is shown."""

    __pydantic_config__: ClassVar = STRICT

    schema: int
    suite: int
    name: str
    source_digest: str
    track: str
    secret_sha256: str
    verdict: Verdict
    reason: str
    sets: tuple[dict[str, object], ...]
    statistics: tuple[dict[str, object], ...]
    threads: int
    device: str
    isolation: str
    environment: dict[str, str]
    created: str

    def as_report(self) -> AuditReport:
        """Return it in today's shape, without sets and statistics."""
        said = {name: getattr(self, name) for name in self.__slots__}
        return AuditReport(**said | {"sets": (), "statistics": (), "replicate": 0})


_AGAIN = "Run `mbench audit` again"
_REPORT = Form(
    AuditReport, _REPORT_LIMIT, _AGAIN, f"An audit of another version says nothing here. {_AGAIN}", SCHEMA_VERSION
)

_FIRST_REPORT = Form(_FirstReport, _REPORT_LIMIT, _AGAIN, _REPORT.again, schema=1, suite=1)


def write_report(path: Path, report: AuditReport) -> None:
    """Write an audit atomically. Raises HarnessError when the disk refuses."""
    write_kept(path, asdict(report))


def read_report(path: Path, suite: int = tracks.SUITE_VERSION, *, is_strangers: bool = False) -> AuditReport:
    """Read an audit made under a suite. Raises as `read_kept`, and UsageError for a missing file.

    is_strangers: as in `Form`.
    """
    if suite == 1:
        first = read_kept(replace(_FIRST_REPORT, is_strangers=is_strangers), path)
        report = first and first.as_report()
    else:
        report = read_kept(replace(_REPORT, suite=suite, is_strangers=is_strangers), path)
    if report is None:
        raise UsageError(f"{path}: no such audit. Run `mbench audit`")
    return report


def report_places(made: Path) -> tuple[Path, ...]:
    """Return where an audit may lie of what is in `results/NAME/TRACK`: there, else beside another track's results.

    It is the source that is audited, and passes or not, whatever the track.
    """
    folders = (made, *(made.with_name(track) for track in tracks.TRACKS if track != made.name))
    return tuple(folder / REPORT_NAME for folder in folders)


def find_report(
    places: Sequence[Path], source_digest: str, suite: int = tracks.SUITE_VERSION, *, is_strangers: bool = False
) -> tuple[Path, AuditReport] | None:
    """Return the audit of a source that counts: one that holds against it, or else the newest.

    is_strangers: as in `Form`.

    Raises like `read_report` for what is no audit in the first place; in the others it is passed over.
    """
    found: list[tuple[Path, AuditReport]] = []
    for path in filter(Path.exists, places):
        try:
            found.append((path, read_report(path, suite, is_strangers=is_strangers)))
        except (ForeignError, OtherSuiteError) as error:
            note_foreign(str(error))
        except MbenchError:
            if path == places[0]:
                raise
    own = [each for each in found if each[1].source_digest == source_digest]
    return max(own, key=lambda each: (not each[1].ok, each[1].created), default=None)


def load_bounds() -> Mapping[str, Bound]:
    """Return the frozen bound of every statistic."""
    return _parse_bounds(Path(__file__).with_name(BOUNDS_NAME).read_text())


@cache
def _parse_bounds(text: str) -> Mapping[str, Bound]:
    content = json.loads(text)
    if content["suite"] > tracks.SUITE_VERSION or content["bounds"].keys() != DESCRIPTIONS.keys():
        raise HarnessError(f"{BOUNDS_NAME}: made by another version of the audit. Reinstall, or calibrate again")
    return MappingProxyType({name: Bound(**bound) for name, bound in content["bounds"].items()})
