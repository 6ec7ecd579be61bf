"""Stored estimators: taken before any query is handed over, and confirmed before what they answer is shown or believed.

A picture is to be of what was scored, and a score of what was learned from the sample. So an estimator is stored right
after `fit`, out of its child's reach, and a fresh child that loads it answers some of the queries again, in another
order and in other batches. What an estimator remembers of its queries, keeps outside of itself or becomes when it is
pickled shows in other answers.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mbench.disk import open_regular, scratch_folder
from mbench.errors import HarnessError
from mbench.results.estimators import Stored
from mbench.results.predictions import predictions_digest
from mbench.runs.cells import REPEAT_TOLERANCE, Cell, Inconsistent, predict_shuffled
from mbench.runs.run import Run
from mbench.sandbox.child_process import Child, ChildFailure
from mbench.sandbox.limits import Took
from mbench.suite import tracks
from mbench.suite.secrets import PUBLIC, name_test_set
from mbench.suite.tasks import Task
from mbench.types import FloatArray, IntArray, Sample

N_ASKED = 1_000  # scored queries that a fresh child answers again before anything else
N_AMONG = 200  # scored queries among those of every picture: an answer may not depend on what else is asked

Ask = Callable[[FloatArray], FloatArray]

_HINT = "As a rule the estimator keeps something outside of itself, in a global variable say: keep all of it in self"

# Where a fresh child fails. Memory and time are no sign of anything else.
_HINTS = {
    "crash": f", in a fresh process that loaded it. {_HINT}",
    "refused": ". See that pickle.loads(pickle.dumps(it)) works, which a __getattr__ that hands every name on prevents",
}
_REPEATABLY = (
    "An estimator that cannot be stored is to learn the same twice: pass spec.seed to all that is random, or let it be "
    "pickled"
)


class Unconfirmed(Inconsistent):
    """A fresh child does not answer as was scored."""


class EndedBySaving(Exception):
    """A child did not survive that its estimator was to be stored; it was not asked yet."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Queries X (m, d), and what was answered to them where they were scored: predictions (m, k) float32."""

    X: FloatArray
    predictions: FloatArray

    def __post_init__(self) -> None:
        """Raise ValueError where there is not one answer to each query."""
        if len(self.X) != len(self.predictions):
            raise ValueError(f"{len(self.predictions)} answers to {len(self.X)} queries")

    def compare(self, rows: IntArray, again: FloatArray, who: str, hint: str) -> None:
        """Raise Unconfirmed where new answers to some rows differ by more than `REPEAT_TOLERANCE` (1 + |first answer|).

        rows: (r,) int64.  again: (r, k).  who: answered them.  hint: what the cause is as a rule, and what to do.
        """
        first, again = self.predictions[rows].astype(np.float64), again.astype(np.float64)
        gap = np.abs(again - first)
        differs = (gap > REPEAT_TOLERANCE * (1.0 + np.abs(first))).any(axis=1)
        if not differs.any():
            return
        row, column = np.unravel_index(int(gap.argmax()), gap.shape)
        x = self.X[rows[row]]
        place = f" at ({', '.join(f'{value:.4g}' for value in x)})" if len(x) <= 3 else ""
        raise Unconfirmed(
            "invalid",
            f"{who} answers {differs.sum():,} of {len(rows):,} queries otherwise than the fitted one did, by up to "
            f"{gap.max():.2g}: query {rows[row]:,}{place} with {again[row, column]:.4g} in place of "
            f"{first[row, column]:.4g}. {hint}",
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What a fitted child answered.

    predictions: (m, k) float32.  took: what answering took.  n_bytes: of the stored estimator, if there is one.
    """

    predictions: FloatArray
    took: Took
    n_bytes: int | None


def lend_place(stack: ExitStack) -> Path:
    """Return a place for an estimator that no child reaches, there until the stack is left."""
    try:
        return stack.enter_context(scratch_folder()) / "artifact"
    except OSError as error:
        raise HarnessError(f"no scratch folder can be made ({error.strerror}). Free space in $TMPDIR") from error


def store_and_ask(child: Child, task: Task, cell: Cell, X: FloatArray, place: Path | None) -> Asked:
    """Have a fitted child store its estimator at `place`, and only then answer the queries X (m, d).

    place: None to store nothing.  What cannot be stored is asked all the same.
    Raises EndedBySaving, Inconsistent and ChildFailure. Storing counts towards the limit of answering, not to its cost.
    """
    stored = None
    saving = Took(0.0, 0.0)
    if place is not None:
        try:
            stored = take_estimator(child, place, tracks.predict_limit_s(cell.fit_limit_s, len(X)))
            saving = child.saving
        except ChildFailure as failure:
            if child.has_ended:
                raise EndedBySaving(str(failure)) from failure
    predictions, took = predict_shuffled(child, task, cell, X)
    seconds, wall_s = took.seconds - saving.seconds, took.wall_s - saving.wall_s
    return Asked(predictions, replace(took, seconds=max(0.0, seconds), wall_s=max(0.0, wall_s)), stored)


def take_estimator(child: Child, place: Path, limit_s: float) -> int | None:
    """Have an estimator stored at `place`, out of its child's reach; return its bytes, or None where it took it away.

    Raises as `Child.save`.
    """
    opened = open_regular(child.save(limit_s))
    if opened is None:
        return None
    try:
        with opened, place.open("wb") as copy:
            shutil.copyfileobj(opened, copy)
    except OSError as error:
        raise HarnessError(f"{place}: cannot be written ({error.strerror}). Free space in $TMPDIR") from error
    return place.stat().st_size


def find_answered(task: Task, stored: Stored, secret: bytes | None = None) -> Answered:
    """Return the queries of a cell with the answers that were scored.

    secret: of the hidden test set, if it was scored on one.
    Raises Unconfirmed where there is nothing to confirm the estimator by: the answers are gone, are those of another
    run, or the task has changed.
    """
    record = stored.record
    again = "Evaluate it again with --fresh"
    secret = None if record.test_set == PUBLIC else secret
    if record.test_set != name_test_set(secret):
        raise Unconfirmed("invalid", f"it was scored on the test set {record.test_set}, whose secret is not at hand")
    if task.digest() != record.task_digest:
        raise Unconfirmed("invalid", "its task has changed since. Evaluate it again")
    try:
        predictions = stored.read_predictions()
    except HarnessError as error:
        raise Unconfirmed("invalid", str(error)) from error
    if predictions is None:
        raise Unconfirmed("invalid", f"the answers that were scored are not stored beside the estimator. {again}")
    if record.predictions_digest not in (None, predictions_digest(predictions)):
        raise Unconfirmed("invalid", f"the answers beside the estimator are not those that were scored. {again}")
    X = task.draw_queries(record.n_samples, record.replicate, secret).X
    if predictions.shape != (len(X), task.n_outputs):
        raise Unconfirmed("invalid", "its test set has changed since. Evaluate it again")
    return Answered(X, predictions)


class LoadedEstimator:
    """A child that loads a stored estimator, and shows with all it is asked that this is the one that was scored."""

    def __init__(self, child: Child, answered: Answered) -> None:
        """child: whose context is entered."""
        self._child = child
        self._answered = answered
        self._rng = np.random.default_rng()  # no seed: nobody is to know before which queries are asked again

    def load(self, artifact: Path, limit_s: float) -> None:
        """Load it and have `N_ASKED` scored queries answered. Raises Unconfirmed where it does not as it did."""
        try:
            self._child.load(artifact)
            self._ask(self._answered.X[:0], N_ASKED, limit_s)
        except Unconfirmed:
            raise
        except ChildFailure as failure:
            hint = _HINTS.get(failure.status, "")
            raise Unconfirmed(failure.status, f"{failure}{hint}") from failure

    def predict(self, X: FloatArray, limit_s: float) -> FloatArray:
        """Return predictions (m, k) float32 of X (m, d), asked among scored queries. Raises as `load`, ChildFailure."""
        return self._ask(X, N_AMONG, limit_s)

    def _ask(self, X: FloatArray, n_among: int, limit_s: float) -> FloatArray:
        n_scored = len(self._answered.X)
        rows = self._rng.choice(n_scored, min(n_among, n_scored), replace=False)
        asked = np.concatenate([X, self._answered.X[rows]])
        order = self._rng.permutation(len(asked))
        answers, _ = self._child.predict(asked[order], limit_s)
        predictions = np.empty_like(answers)
        predictions[order] = answers
        self._answered.compare(rows, predictions[len(X) :], "the stored estimator", _HINT)
        return predictions[: len(X)]


@contextmanager
def open_stored(run: Run, task: Task, cell: Cell, stored: Stored) -> Iterator[Ask]:
    """Lend a function from queries (m, d) to predictions (m, k) float32, answered by a cell's stored estimator.

    Raises Unconfirmed where a fresh child that loads it does not answer as was scored, ChildFailure where it fails.
    """
    answered = find_answered(task, stored, run.settings.secret)
    with run.child_for(task, cell) as child:
        loaded = LoadedEstimator(child, answered)
        loaded.load(stored.artifact, tracks.predict_limit_s(cell.fit_limit_s, N_ASKED))
        yield lambda X: loaded.predict(X, tracks.predict_limit_s(cell.fit_limit_s, len(X)))


def ask_loaded_child(run: Run, task: Task, cell: Cell, artifact: Path, answered: Answered) -> None:
    """Ask a fresh child that loads an estimator stored before any query.

    Raises Unconfirmed where it answers otherwise, or not at all.
    """
    with run.child_for(task, cell) as child:
        limit_s = tracks.predict_limit_s(cell.fit_limit_s, N_ASKED)
        LoadedEstimator(child, answered).load(artifact, limit_s)


def ask_refitted_child(run: Run, task: Task, cell: Cell, sample: Sample, answered: Answered) -> None:
    """Ask a fresh child that learns the sample with the same seed. Raises Unconfirmed if it answers otherwise."""
    rng = np.random.default_rng()
    rows = rng.choice(len(answered.X), min(N_ASKED, len(answered.X)), replace=False)
    with run.child_for(task, cell) as child:
        child.build()
        child.fit(sample.X, sample.y)
        again, _ = child.predict(answered.X[rows], tracks.predict_limit_s(cell.fit_limit_s, len(rows)))
    answered.compare(rows, again, "a second fit of the same sample and seed", _REPEATABLY)


def confirm_answers(
    run: Run, task: Task, cell: Cell, artifact: Path | None, sample: Sample, answered: Answered
) -> None:
    """Ask a fresh child some of the queries again. Raises Unconfirmed where none answers them as they were answered.

    artifact: the estimator, stored before any query; None where it could not be stored.
    An estimator that cannot be stored, or answers otherwise once it is loaded, is learned once more, by a child that
    never saw the queries in their first order: so nothing is gained by an estimator that will not be pickled, and who
    keeps a model in a module's global is asked as well.
    """
    first = None
    if artifact is not None:
        try:
            return ask_loaded_child(run, task, cell, artifact, answered)
        except Unconfirmed as failure:
            first = failure
    try:
        ask_refitted_child(run, task, cell, sample, answered)
    except Unconfirmed as second:
        raise (first or second) from second  # what is wrong with the first is what its author can mend
