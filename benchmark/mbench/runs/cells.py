"""What a cell is: its budget, its seeds, its key, and how its queries are asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from mbench.results.record import Record, canonical_digest
from mbench.sandbox.child_process import MEMORY_LIMIT_MB, Child, ChildFailure
from mbench.sandbox.tiers import Isolation, choose_isolation
from mbench.submission import Source
from mbench.suite import tracks
from mbench.suite.sampler import permutation, stream_key
from mbench.suite.secrets import name_test_set
from mbench.suite.tasks import Task
from mbench.types import FloatArray, Spec

N_REPEATED = 1_000  # queries asked twice, in other places of the stream: answers may not depend on order or batch
REPEAT_TOLERANCE = 1e-4

# What samples, queries and predictions depend on, beside the submission and the data, which have digests of their own.
_TRAINING_SIDE = (
    "runs/cells.py",
    "suite/*.py",
    "child/worker.py",
    "suite/tasks/*.py",
    "nn/*.py",
)

Phase = Literal[
    "loading", "sampling", "fitting", "asking", "predicting", "scoring", "done", "cached", "drawing", "drawn"
]


@dataclass(frozen=True, slots=True)
class Cell:
    """One (task, replicate) of a track, with its budget."""

    task: str
    track: str
    replicate: int
    n_samples: int
    fit_limit_s: float


@dataclass(frozen=True, slots=True)
class Settings:
    """How cells are run. What is here and changes predictions is part of a cell's key."""

    threads: int = 1
    device: str = "cpu"
    jobs: int = 1
    fresh: bool = False
    memory_limit_mb: float = MEMORY_LIMIT_MB
    isolation: Isolation = field(default_factory=choose_isolation)
    secret: bytes | None = field(default=None, repr=False)  # of a hidden test set; None for the public one


@dataclass(frozen=True, slots=True)
class Progress:
    """Where one cell is; `record` is there once it is done."""

    cell: Cell
    phase: Phase
    record: Record | None = None


Report = Callable[[Progress], None]


class Inconsistent(ChildFailure):
    """The same query got two answers."""


def cell_key(cell: Cell, task: Task, source: Source, settings: Settings) -> str:
    """Return the SHA-256 of everything a cell's predictions depend on: the same key need not be run twice."""
    return canonical_digest(
        {
            "suite": tracks.SUITE_VERSION,
            "task": task.digest(),
            "track": cell.track,
            "replicate": cell.replicate,
            "budget": [cell.n_samples, cell.fit_limit_s],
            "source": source.digest,
            "threads": settings.threads,
            "device": settings.device,
            "memory_limit_mb": settings.memory_limit_mb,  # or a cell that ran out of it would not be run with more
            "harness": harness_digest(),
        }
        | ({} if settings.secret is None else {"test_set": name_test_set(settings.secret)})
    )


@cache
def harness_digest() -> str:
    """Return the SHA-256 of the files that make samples, queries and predictions."""
    folder = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(path for pattern in _TRAINING_SIDE for path in folder.glob(pattern)):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def make_spec(cell: Cell, task: Task, settings: Settings) -> Spec:
    """Return what the submission is told about a cell."""
    return Spec(
        n_inputs=task.n_inputs,
        n_outputs=task.n_outputs,
        n_samples=cell.n_samples,
        fit_limit_s=cell.fit_limit_s,
        threads=settings.threads,
        device=settings.device,
        seed=tracks.init_seed(task.stream, cell.replicate),
    )


def predict_shuffled(child: Child, task: Task, cell: Cell, X: FloatArray) -> tuple[FloatArray, float]:
    """Ask all queries in one shuffled stream, some of them twice; return predictions in the order of X and the seconds.

    Raises Inconsistent if the same query got two answers.
    """
    again = permutation(stream_key(task.stream, "repeat", cell.replicate), len(X))[:N_REPEATED]
    row = np.concatenate([np.arange(len(X)), again])
    order = permutation(stream_key(task.stream, "shuffle", cell.replicate), len(row))
    answers, predict_s = child.predict(X[row[order]], tracks.predict_limit_s(cell.fit_limit_s, len(row)))
    predictions = np.empty_like(answers)
    predictions[order] = answers
    first, second = predictions[again], predictions[len(X) :]
    if not np.allclose(first, second, rtol=REPEAT_TOLERANCE, atol=REPEAT_TOLERANCE):
        gap = float(np.abs(first - second).max())
        raise Inconsistent(
            "invalid",
            f"predict() answered the same query with values {gap:.2g} apart: it may not depend on order or batch",
        )
    return predictions[: len(X)], predict_s
