"""What is kept of a study: what was measured, what was claimed of it, and the verdict that follows."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import ValidationError

from mbench.disk import STRICT, read_bytes, type_adapter, write_json
from mbench.errors import HarnessError
from mbench.types import FloatArray

SCHEMA_VERSION = 1
RECORD_NAME = "record.json"
_RECORD_LIMIT = 4 << 20  # bytes: one has some ten thousands
_PACKAGE = Path(__file__).parents[1]
_BUNDLED = _PACKAGE / "_studies"  # where a wheel carries them; in a checkout they lie at its root
STUDIES_FOLDER = _BUNDLED if _BUNDLED.exists() else _PACKAGE.parents[1] / "studies"
RECORDED_STUDIES = STUDIES_FOLDER / "results"

Verdict = Literal["true", "false", "only when", "not tested"]
Kind = Literal["source", "control", "finding"]


@dataclass(frozen=True, slots=True)
class Spread:
    """One number measured under every seed. values: None where a seed has none.  low, high: of those there are."""

    __pydantic_config__: ClassVar = STRICT

    values: tuple[float | None, ...]
    mean: float | None
    low: float | None
    high: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the mean of the same seeds is to lie when they are run again, on another machine, too.

        Rounding differs between machines, and training makes much of it: half the range of the seeds on each side,
        and 2% of the mean at least.
        """
        if self.mean is None or self.low is None or self.high is None:
            return None
        room = max(0.5 * (self.high - self.low), 0.02 * abs(self.mean), 1e-9)
        return self.low - room, self.high + room


@dataclass(frozen=True, slots=True)
class CaseResult:
    """A claim under one of the circumstances that it was tried in. holds: in every seed; None where not measured."""

    __pydantic_config__: ClassVar = STRICT

    when: str
    value: Spread
    holds: bool | None
    seeds_holding: int


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """A claim with its verdict. kind: the source's own, a control that must hold, or a finding of ours."""

    __pydantic_config__: ClassVar = STRICT

    id: str
    kind: Kind
    claim: str
    measure: str
    rule: str
    cases: tuple[CaseResult, ...]
    verdict: Verdict
    when: str


@dataclass(frozen=True, slots=True)
class OracleResult:
    """What was held against something that shares no code with the study."""

    __pydantic_config__: ClassVar = STRICT

    name: str
    expected: float
    measured: float
    tolerance: float
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """One run of a study over its seeds. measures: by condition and name, what each seed gave.

    code: SHA-256 of what it rests on.  cpu_s: processor seconds of all seeds.
    """

    __pydantic_config__: ClassVar = STRICT

    schema: int
    study: str
    source: str
    quote: str
    settings: dict[str, Any]
    seeds: tuple[int, ...]
    verdict: Verdict
    when: str
    claims: tuple[ClaimResult, ...]
    oracles: tuple[OracleResult, ...]
    measures: dict[str, dict[str, tuple[Spread, ...]]]
    cpu_s: float
    environment: dict[str, str]
    code: str

    @property
    def is_sound(self) -> bool:
        """Did every oracle pass?"""
        return all(oracle.passed for oracle in self.oracles)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: a row per claim with its verdict, and the verdict of all."""
        heads = ("claim", "kind", "rule", "verdict", "when")
        rows = [[each.claim, each.kind, each.rule, each.verdict, each.when] for each in self.claims]
        cells = ["".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in rows]
        title = f"{self.study}: {self.verdict}" + (f", {self.when}" if self.when else "")
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        head = "".join(f"<th>{word}</th>" for word in heads)
        return (
            f"<table><caption>{html.escape(title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )


def spread(values: Sequence[float] | FloatArray) -> Spread:
    """Return what one number per seed comes to; what is no finite number counts as not measured."""
    kept: tuple[float | None, ...] = tuple(float(v) if math.isfinite(v) else None for v in values)
    known = [v for v in kept if v is not None]
    if not known:
        return Spread(kept, None, None, None)
    return Spread(kept, float(np.mean(known)), min(known), max(known))


def write_record(path: Path, record: StudyRecord) -> None:
    """Write a record atomically. Raises HarnessError when the disk refuses."""
    write_json(path, asdict(record))


def read_record(path: Path) -> StudyRecord | None:
    """Read a record, None where there is no file. Raises HarnessError for one that is damaged."""
    remedy = "Delete it and run the study again"
    try:
        content = read_bytes(path, _RECORD_LIMIT, remedy)
    except FileNotFoundError:
        return None
    try:
        return type_adapter(StudyRecord).validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise HarnessError(f"{path}: damaged ({place}: {first['msg']}). {remedy}") from None


def recorded_study(name: str) -> StudyRecord | None:
    """Return what is recorded of a study, or None."""
    return read_record(RECORDED_STUDIES / name / RECORD_NAME)


def compare_records(new: StudyRecord, recorded: StudyRecord) -> list[str]:
    """Return a line for everything in which a new run leaves what is recorded; none where it agrees."""
    found = [f"oracle failed: {oracle.name}" for oracle in new.oracles if not oracle.passed]
    before = {claim.id: claim for claim in recorded.claims}
    for claim in new.claims:
        old = before.pop(claim.id, None)
        if old is None:
            found.append(f"{claim.id}: not recorded")
            continue
        if claim.verdict != old.verdict:
            found.append(f"{claim.id}: {claim.verdict}, recorded: {old.verdict}")
        cases = {case.when: case.value for case in old.cases}
        for case in claim.cases:
            interval = cases[case.when].interval if case.when in cases else None
            mean = case.value.mean
            if interval is not None and (mean is None or not interval[0] <= mean <= interval[1]):
                where = f"{claim.id} ({case.when})" if case.when else claim.id
                found.append(f"{where}: {mean}, recorded: {interval[0]:.4g} to {interval[1]:.4g}")
    return found + [f"{each}: recorded, and not measured now" for each in before]
