"""What a study is made of: settings with ranges, claims with thresholds, oracles, and what a run tells on its way.

A study is a file of `studies/` that defines `STUDY`; it is found by being there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mbench.arguments import expect_choice
from mbench.errors import UsageError
from mbench.results.studies import Kind
from mbench.suite.sampler import stream_key
from mbench.types import FloatArray, IntArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Measures = Mapping[str, FloatArray]  # by "condition/name": of one seed, numbers and series
Measure = Callable[[Measures], float]
Draw = Callable[[], IntArray]
SCALES = ("short", "full")


@dataclass(frozen=True, slots=True)
class Settings:
    """The base of a study's settings: every value is checked against what its field allows, where it is made."""

    def __post_init__(self) -> None:
        """Raise UsageError for a value of another kind or out of range."""
        for each in fields(self):
            each.metadata["check"](each.name, getattr(self, each.name))


def number(default: float, low: float, high: float = math.inf, *, above: bool = False) -> Any:
    """Return a field for a number from `low` to `high`; whole where the default is.  above: `low` itself is too low."""
    return field(default=default, metadata={"check": _Within(type(default), low, high, above)})


def numbers(default: Sequence[float], low: float, high: float = math.inf, *, above: bool = False) -> Any:
    """Return a field for one or more numbers, each as for `number`; all are whole where the first of the default is."""
    within = _Within(type(default[0]), low, high, above)

    def check(name: str, value: Any) -> None:
        if not isinstance(value, tuple) or not value:
            raise UsageError(f"{name}={value!r}: expected one or more numbers, as in {name}=1,2")
        for each in value:
            within(name, each)

    return field(default=tuple(default), metadata={"check": check})


def choice(default: str, *others: str) -> Any:
    """Return a field for one of a few words."""

    def check(name: str, value: Any) -> None:
        if value not in (default, *others):
            raise UsageError(f"{name}={value!r}: expected one of {', '.join((default, *others))}")

    return field(default=default, metadata={"check": check})


@dataclass(frozen=True, slots=True)
class _Within:
    kind: type
    low: float
    high: float
    above: bool

    def __call__(self, name: str, value: Any) -> None:
        expected = f"a {'whole ' if self.kind is int else ''}number {'above' if self.above else 'from'} {self.low:g}"
        expected += "" if self.high == math.inf else f" to {self.high:g}"
        allowed = int if self.kind is int else int | float
        fits = isinstance(value, allowed) and not isinstance(value, bool) and math.isfinite(value)
        if not fits or not self.low <= value <= self.high or (self.above and value == self.low):
            raise UsageError(f"{name}={value!r}: expected {expected}")


@dataclass(frozen=True, slots=True)
class Rule:
    """A threshold, fixed before the run: what is measured must lie strictly between."""

    low: float = -math.inf
    high: float = math.inf

    def holds(self, value: float) -> bool:
        """Does a measured value keep the rule?"""
        return self.low < value < self.high

    def __str__(self) -> str:
        """Write it as in "> 1.1"."""
        if self.high == math.inf:
            return f"> {self.low:g}"
        return f"< {self.high:g}" if self.low == -math.inf else f"{self.low:g} to {self.high:g}"


def above(threshold: float) -> Rule:
    """Return the rule that a value is larger."""
    return Rule(low=threshold)


def below(threshold: float) -> Rule:
    """Return the rule that a value is smaller."""
    return Rule(high=threshold)


def between(low: float, high: float) -> Rule:
    """Return the rule that a value lies strictly between two."""
    return Rule(low, high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A predicate on a measure. It holds where every seed keeps the rule.

    id: short, unique in the study.  words: what is claimed.  measure: in words.  cases: from the circumstances it is
    tried in ("" where there is one only) to the measure of one seed.  kind: "source" for what the source says,
    "control" for what must hold lest the effect be trivial, "finding" for what we add.
    """

    id: str
    words: str
    measure: str
    rule: Rule
    cases: Mapping[str, Measure]
    kind: Kind = "source"


@dataclass(frozen=True, slots=True)
class Oracle:
    """A number that is known from something that shares no code with the study, beside the one that was measured."""

    name: str
    expected: float
    measured: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Do the two agree?"""
        return abs(self.measured - self.expected) <= self.tolerance


class Watch:
    """What a run tells while it runs. This one listens to nothing: see `Filming`.

    films: are frames wanted? What is computed for a film alone is left out where not.
    """

    films: bool = False

    def say(self, words: str) -> None:
        """Tell what is being done."""

    def shot(self, reading: int | str, draw: Draw, times: int = 1) -> None:
        """Offer a frame of the film.

        reading: what stands beside the title, a step or words.  draw: returns it, (height, width, 3) uint8; it is
        called at once, and only where a film is made.  times: how often it is shown, for a twelfth of a second each.
        """


class Filming(Watch):
    """Keeps the frames and passes the words on. shots: pairs of reading and frame."""

    def __init__(self, say: Callable[[str], None], films: bool) -> None:
        """say: takes the words.  films: are frames wanted?"""
        self._say, self.films = say, films
        self.shots: list[tuple[int | str, IntArray]] = []

    def say(self, words: str) -> None:
        """Pass the words on."""
        self._say(words)

    def shot(self, reading: int | str, draw: Draw, times: int = 1) -> None:
        """Keep a frame."""
        if self.films:
            self.shots += [(reading, draw())] * times


@dataclass(frozen=True, slots=True)
class Found:
    """All that was measured, for a figure and for oracles: `measures` of every seed in turn."""

    settings: Any
    seeds: tuple[int, ...]
    measures: tuple[Measures, ...]

    def stack(self, name: str) -> FloatArray:
        """Return one measure of all seeds: (seeds, …)."""
        return np.stack([measures[name] for measures in self.measures])


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study. source: title and author.  quote: what it says, in our words or a few of its own.  link: where it is,
    or a search for its title where no address is known.

    settings: a frozen dataclass below `Settings`.  full: what `scale=full` changes.  full_min: about how many minutes
    of one core that takes over three seeds.
    run: measures one seed; it takes the settings, the seed and a `Watch`, and returns arrays by "condition/name"
    without clock or disk.  claims: of some settings; the first one's verdict is the study's.  oracles: of all that was
    found.  draw: the figure.  shows: what its film shows, in a few words, "" where `run` offers no frames.  prepare:
    raises UsageError where what it needs is not here, before anything runs.
    """

    source: str
    quote: str
    settings: type[Any]
    run: Callable[[Any, int, Watch], Measures]
    claims: Callable[[Any], Sequence[Claim]]
    oracles: Callable[[Found], Sequence[Oracle]]
    draw: Callable[[Found], Figure]
    link: str = ""
    full: Mapping[str, Any] = field(default_factory=dict)
    full_min: int | None = None
    shows: str = ""
    prepare: Callable[[Any], None] = lambda settings: None
    name: str = ""
    path: Path = Path()


def random_stream(study: str, what: str, seed: int) -> np.random.Generator:
    """Return random numbers of their own for one thing of one seed of a study: data, start or order, say."""
    return np.random.Generator(np.random.Philox(key=stream_key(f"study:{study}", what, seed)))


def torch_seed(study: str, what: str, seed: int) -> int:
    """Return a seed for a torch generator or a regressor, one for each thing of each seed of a study."""
    return int(random_stream(study, what, seed).integers(2**31 - 1))


def look_steps(last: int, count: int) -> list[int]:
    """Return about `count` steps from 1 to `last`, evenly in log: what a film looks at."""
    return np.unique(np.geomspace(1, last, count).round().astype(int)).tolist()


def make_settings(study: Study, given: Mapping[str, Any]) -> tuple[Any, str]:
    """Return a study's settings and their scale. given: values, or words as typed after --set.

    Raises UsageError for an unknown setting and for a value that does not fit.
    """
    known = {each.name: each for each in fields(study.settings)}
    scale = given.get("scale", SCALES[0])
    if scale not in SCALES:
        raise UsageError(f"scale={scale!r}: expected one of {', '.join(SCALES)}")
    values = dict(study.full) if scale == "full" else {}
    for name, value in given.items():
        if name == "scale":
            continue
        if name not in known:
            raise UsageError(f"{study.name} has no setting {name!r}: {expect_choice(name, ('scale', *known))}")
        values[name] = _read(name, value, known[name].default)
    return study.settings(**values), scale


def _read(name: str, value: Any, default: Any) -> Any:
    """Return a value as the kind that the default is of."""
    if isinstance(default, tuple):
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, Sequence):
            parts = (parts,)
        return tuple(_read(name, part, default[0]) for part in parts)
    if not isinstance(value, str) or isinstance(default, str):
        return float(value) if isinstance(default, float) and type(value) is int else value
    try:
        return type(default)(value)
    except ValueError:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise UsageError(f"{name}={value!r}: expected {kind}") from None
