"""The child's memory of its own training: the estimator, pickled, as of some of the steps it told us about."""

from __future__ import annotations

import inspect
import operator
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_STEP = 2**53  # beyond it a float, which JSON readers make of numbers, no longer tells steps apart


class SnapshotError(Exception):
    """What an estimator meets that calls `snapshot` with something else than the next step, or cannot be stored."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An estimator as of a step.

    step: as the estimator counts.  seconds: of training up to it, without what taking snapshots took.
    content: the pickled estimator; only ever loaded in the child that made it.
    """

    step: int
    seconds: float
    content: bytes


class Snapshots:
    """Call it with a step to keep the estimator as it is now. Too many, and every second one is dropped.

    So what is kept stays as evenly spread over the calls as they came, however many come; the first is always kept.
    """

    def __init__(
        self,
        pickle: Callable[[], bytes],
        n_kept: int,
        max_bytes: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """pickle: returns the estimator as it is.  n_kept, max_bytes: of what is kept at most, the last one aside."""
        self._pickle = pickle
        self._n_kept = n_kept
        self._max_bytes = max_bytes
        self._clock = clock
        self._started = clock()
        self._spent_s = 0.0
        self._n_calls = 0
        self._stride = 1  # one call in so many is kept
        self._step = 0
        self._kept: list[Snapshot] = []

    def __call__(self, step: Any) -> None:
        """Note that `step` steps are done. Raises SnapshotError for what is no whole number, or less than the last."""
        now = self._clock()
        self._step = self._checked(step)
        if self._n_calls % self._stride == 0:
            self._keep(now)
        self._n_calls += 1
        self._spent_s += self._clock() - now

    def finish(self) -> tuple[Snapshot, ...]:
        """Keep the estimator that training left behind, as of the last step, and return all that is kept."""
        now = self._clock()
        if len(self._kept) > 1 and self._kept[-1].step == self._step:
            self._kept.pop()  # the same step, perhaps before a last touch
        return (*self._kept, self._take(now))

    def _checked(self, step: Any) -> int:
        try:
            number = operator.index(step)
        except TypeError:
            raise SnapshotError(f"snapshot(step) got {type(step).__name__}, expected a whole number") from None
        if not self._step <= number < MAX_STEP:
            raise SnapshotError(f"snapshot(step) got a step outside [{self._step}, 2^53): steps do not go back")
        return number

    def _keep(self, now: float) -> None:
        self._kept.append(self._take(now))
        while len(self._kept) > 1 and (
            len(self._kept) > self._n_kept or sum(len(s.content) for s in self._kept) > self._max_bytes
        ):
            self._kept = self._kept[::2]
            self._stride *= 2

    def _take(self, now: float) -> Snapshot:
        try:
            content = self._pickle()
        except MemoryError:
            raise
        except Exception as error:
            raise SnapshotError(f"cannot be pickled for a snapshot: {type(error).__name__}: {error}") from error
        return Snapshot(self._step, max(0.0, now - self._started - self._spent_s), content)


def takes_snapshot(fit: Callable[..., Any]) -> bool:
    """Has this `fit` a parameter called `snapshot`?"""
    try:
        return "snapshot" in inspect.signature(fit).parameters
    except (TypeError, ValueError):  # compiled, or not to be looked into
        return False
