"""The record of one cell, and what it may hold: what was run, how it ended, what it scored and what it took."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from mbench.disk import STRICT
from mbench.errors import HarnessError
from mbench.results.metrics import Profile
from mbench.suite.tracks import TRACKS, family_of
from mbench.types import DEVICES, TIERS

SCHEMA_VERSION = 1
_LARGEST = 2**63 - 1
_MOST_LIBRARIES = 2_000
_WORST_ERROR = 1e200  # farther than float32 predictions can lead, and so for every other metric
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00", re.ASCII)
Status = Literal["ok", "crash", "timeout", "out-of-memory", "invalid", "refused", "infrastructure"]
STATUS_WORDS: dict[Status, str] = {
    "ok": "it ended well",
    "crash": "its code raised an error, or its process ended",
    "timeout": "it took longer than the time it is granted",
    "out-of-memory": "it took more memory than it is granted",
    "invalid": "it answered, but not with what is asked for",
    "refused": "it cannot be run as it is: there is no estimator to fit",
    "infrastructure": "a failure of ours, which is not held against it",
}  # what a person reads beside a status


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the predictions of one cell were worth.

    error: the first of the metrics that the task names.  further: the others, by name; in JSON they stand beside the
    error. A file may lack some, or have others: it is of another time.
    """

    error: float
    further: Mapping[str, float] = field(default_factory=dict, hash=False)
    profile: Profile | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for what no predictions are worth."""
        if not 0 <= self.error <= _WORST_ERROR:
            raise ValueError("error is out of range")
        for name, value in self.further.items():
            if name in self.__slots__:
                raise ValueError(f"{name} is no name of a further metric")
            if not abs(value) <= _WORST_ERROR:
                raise ValueError(f"{name} is out of range")
        if self.profile:
            means, *quartiles = self.profile.mean, self.profile.lower_quartile, self.profile.upper_quartile
            if any(len(values) != len(means) for values in quartiles):
                raise ValueError("profile has octaves of its own in each part")
            if not all(_lie_within(values, 1 + 1e-9) for values in (means, *quartiles)):
                raise ValueError("profile has a score outside [0, 1]")
            if not all(_lie_within(parts, _WORST_ERROR) for parts in (self.profile.centres, self.profile.blocks)):
                raise ValueError("profile has a part that is out of range")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Return how `parse_json` reads it: an object of the error, the profile and any other finite number by name."""
        from pydantic_core import core_schema

        number = core_schema.float_schema(strict=True, allow_inf_nan=False)
        profile = core_schema.nullable_schema(handler.generate_schema(Profile))
        fields = {
            "error": core_schema.typed_dict_field(number),
            "profile": core_schema.typed_dict_field(profile, required=False),
        }
        # null: what older files say of a metric that the task does not have.
        further = core_schema.nullable_schema(number)
        content = core_schema.typed_dict_schema(fields, extra_behavior="allow", extras_schema=further)
        return core_schema.no_info_after_validator_function(cls._from_json, content)

    @classmethod
    def _from_json(cls, content: dict[str, Any]) -> Metrics:
        error, profile = content.pop("error"), content.pop("profile", None)
        return cls(error, {name: value for name, value in content.items() if value is not None}, profile)


@dataclass(frozen=True, slots=True)
class Costs:
    """What one cell took; None where it ended before that was known, or an older mbench did not tell.

    fit_s, predict_s: what the limits count, processor seconds of the child's processes for each thread granted, with a
    GPU wall clock (under suite 1 always).  fit_wall_s, predict_wall_s: wall clock.  import_s: of `fit_s` and
    `predict_s`, those in which libraries were loaded, as the child says.  n_params: as the author says.  model_bytes:
    of the stored estimator and of the submission's files (under suite 1 without them).
    """

    __pydantic_config__: ClassVar = STRICT

    fit_s: float | None = None
    predict_s: float | None = None
    predict_us_per_point: float | None = None
    n_params: int | None = None
    model_bytes: int | None = None
    peak_memory_mb: float | None = None
    fit_wall_s: float | None = None
    predict_wall_s: float | None = None
    import_s: float | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for what nothing costs."""
        for name in self.__slots__:
            _check_number(name, getattr(self, name) or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One cell: what was run, how it ended, and what it scored."""

    __pydantic_config__: ClassVar = STRICT

    schema: int
    suite: int
    key: str
    submission: str
    source_digest: str
    task: str
    task_digest: str
    track: str
    replicate: int
    n_samples: int
    fit_limit_s: float
    seed: int
    threads: int
    device: str
    isolation: str
    test_set: str
    harness_digest: str
    status: Status
    reason: str
    metrics: Metrics | None
    costs: Costs
    output: str
    environment: dict[str, str]
    created: str  # in UTC, as `ResultStore.stamp` writes it: sorted as text it is sorted in time
    predictions_digest: str | None = None  # tells whether the predictions beside a record are its own
    libraries: dict[str, str] | None = None  # what stood behind each module that the child imported, with its version

    def __post_init__(self) -> None:
        """Raise ValueError for what no cell is, so that whoever has a record can score it."""
        for name in ("replicate", "n_samples", "seed", "threads", "fit_limit_s"):
            _check_number(name, getattr(self, name))
        if self.n_samples == 0:
            raise ValueError("n_samples is 0")
        if self.track not in TRACKS:
            raise ValueError("track is unknown")
        try:
            family_of(self.task)
        except KeyError:
            raise ValueError("task is unknown") from None
        if self.ok != (self.metrics is not None):
            raise ValueError("metrics do not fit the status")
        if self.device not in DEVICES or self.isolation not in TIERS:
            raise ValueError("device or isolation is unknown")
        if len(self.libraries or ()) > _MOST_LIBRARIES:
            raise ValueError("libraries are too many")
        if not _is_time(self.created):
            raise ValueError("created is no time in UTC")

    @property
    def ok(self) -> bool:
        """Did the cell run to its end and yield valid predictions?"""
        return self.status == "ok"

    @property
    def fit_id(self) -> str:
        """The cell's key, and which of its fits this is: a method need not learn the same thing twice."""
        return f"{self.key}:{self.predictions_digest or ''}"

    @property
    def is_our_failure(self) -> bool:
        """Did the harness fail, so that the cell says nothing of the submission?"""
        return self.status == "infrastructure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The records of one submission in one portable file."""

    __pydantic_config__: ClassVar = STRICT

    schema: int
    suite: int
    name: str
    records: tuple[Record, ...]

    def raise_for_ours(self, remedy: str) -> None:
        """Raise HarnessError, which says what to do, where a cell ended in a failure of ours."""
        for record in self.records:
            if record.is_our_failure:
                raise HarnessError(f"{self.name} on {record.task}: {record.reason}. {remedy}")


def as_json(kept: Record | Result) -> dict[str, Any]:
    """Return a record or result as JSON, its further metrics beside the error."""
    return asdict(kept, dict_factory=_flatten)


def _flatten(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        found |= value if name == "further" else {name: value}
    return found


def name_unknown(fields: Any) -> str:
    """Return which task or track of a record's fields this mbench does not know: "" where it knows both."""
    found = fields if isinstance(fields, dict) else {}
    track, task = found.get("track"), found.get("task")
    if isinstance(track, str) and track not in TRACKS:
        return f"track {track!a}"
    try:
        if isinstance(task, str):
            family_of(task)
    except KeyError:
        return f"task {task!a}"
    return ""


def _is_time(text: str) -> bool:
    if not _TIME.fullmatch(text):
        return False
    try:
        return 1970 <= datetime.fromisoformat(text).year < 9000  # room for the next stamp
    except ValueError:
        return False


def _lie_within(values: Sequence[float], most: float) -> bool:
    """Does every value lie in [0, most]? A board of 1,000 entries asks it of millions: none is looked at in Python."""
    # The least and the largest may miss a NaN, the sum never does.
    return not values or (min(values) >= 0 and max(values) <= most and not math.isnan(sum(values)))


def _check_number(name: str, value: float) -> None:
    if not 0 <= value <= _LARGEST:
        raise ValueError(f"{name} is out of range")


def canonical_digest(value: dict[str, Any]) -> str:
    """Return the SHA-256 of a JSON object written with sorted keys and no spaces."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
