"""What a cell is: its budget, its seeds, its key, and how its queries are asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from mbench.results.record import canonical_digest
from mbench.runs.settings import Settings
from mbench.sandbox.child_process import Child, ChildFailure
from mbench.sandbox.limits import Took
from mbench.submission import Source
from mbench.suite import tracks
from mbench.suite.meaning import meaning, own_modules
from mbench.suite.sampler import permutation, stream_key
from mbench.suite.secrets import name_test_set
from mbench.suite.tasks import Task
from mbench.suite.tasks.base import SAID_BESIDE
from mbench.types import FloatArray, Spec

N_REPEATED = 1_000  # queries asked twice, in other places of the stream: answers may not depend on order or batch
REPEAT_TOLERANCE = 1e-4

# All on our side that says how a sample is drawn, what a child does with it, and how it is asked.
_PROTOCOL = (
    "mbench.child.worker:main", "mbench.child.worker:Worker", "mbench.child.start:import_ahead",
    "mbench.runs.cells:make_spec", "mbench.runs.cells:predict_shuffled",
    "mbench.sandbox.child_process:child_environment", "mbench.suite.sampler",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """One (task, replicate) of a track, with its budget."""

    task: str
    track: str
    replicate: int
    n_samples: int
    fit_limit_s: float


class Inconsistent(ChildFailure):
    """The same query got two answers."""


def cell_key(cell: Cell, task: Task, source: Source, settings: Settings) -> str:
    """Return the SHA-256 of everything a cell's predictions depend on: the same key need not be run twice.

    Code counts by what it means (`mbench.suite.meaning`). The libraries that the child imports are not known before it
    ran: they stand in the record.
    """
    return canonical_digest(
        {
            "suite": tracks.SUITE_VERSION,
            "task": task.digest(),
            "truth": _meaning(*task.code, leave_out=SAID_BESIDE),
            "track": cell.track,
            "replicate": cell.replicate,
            "budget": [cell.n_samples, cell.fit_limit_s],
            "source": source.digest,
            "threads": settings.threads,
            "device": settings.device,
            "memory_limit_mb": settings.memory_limit_mb,  # or a cell that ran out of it would not be run with more
            "protocol": protocol_digest(),
        }
        | ({"nn": _meaning(*own_modules("nn"))} if source.imports_nn else {})
        | ({} if settings.secret is None else {"test_set": name_test_set(settings.secret)})
    )


def protocol_digest() -> str:
    """Return the SHA-256 of what drawing samples, the child's work and asking it mean."""
    return _meaning(*_PROTOCOL)


def code_digest() -> str:
    """Return the SHA-256 of what all code means that a cell may rest on: two machines that share cells must agree."""
    return _meaning(*_PROTOCOL, *own_modules("nn"), *own_modules("suite"))


@cache
def _meaning(*roots: str, leave_out: tuple[str, ...] = ()) -> str:
    return meaning(roots, leave_out=leave_out)


def make_spec(cell: Cell, task: Task, settings: Settings) -> Spec:
    """Return what the submission is told about a cell."""
    return Spec(
        n_inputs=task.n_inputs,
        n_outputs=task.n_outputs,
        n_samples=cell.n_samples,
        fit_limit_s=cell.fit_limit_s,
        threads=settings.threads,
        device=settings.device,
        seed=tracks.init_seed(cell.replicate),
    )


def predict_shuffled(child: Child, task: Task, cell: Cell, X: FloatArray) -> tuple[FloatArray, Took]:
    """Ask all queries in one shuffled stream, some twice; return predictions in the order of X, and what it took.

    Raises Inconsistent if the same query got two answers.
    """
    again = permutation(stream_key(task.stream, "repeat", cell.replicate), len(X))[:N_REPEATED]
    row = np.concatenate([np.arange(len(X)), again])
    order = permutation(stream_key(task.stream, "shuffle", cell.replicate), len(row))
    answers, took = child.predict(X[row[order]], tracks.predict_limit_s(cell.fit_limit_s, len(row)))
    predictions = np.empty_like(answers)
    predictions[order] = answers
    first, second = predictions[again], predictions[len(X) :]
    if not np.allclose(first, second, rtol=REPEAT_TOLERANCE, atol=REPEAT_TOLERANCE):
        gap = float(np.abs(first - second).max())
        raise Inconsistent(
            "invalid",
            f"predict() answered the same query with values {gap:.2g} apart: it may not depend on order or batch",
        )
    return predictions[: len(X)], took
