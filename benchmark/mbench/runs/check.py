"""`mbench check`: does a file keep the submission's contract? Seconds, on small samples of tasks of every shape.

The samples are small, and all else is what `mbench evaluate` asks for: its limits, and once as many queries at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mbench.child.worker import MIN_BLOCKS, PREDICT_BLOCK
from mbench.disk import scratch_folder
from mbench.runs.run import Run, open_run
from mbench.runs.settings import Settings
from mbench.runs.stored import Answered, LoadedEstimator, take_estimator
from mbench.sandbox.child_process import Child, ChildFailure, unseen_variables
from mbench.sandbox.tiers import Isolation
from mbench.submission import Source
from mbench.suite import tracks
from mbench.suite.sampler import permutation, stream_key
from mbench.suite.tasks import Task, load_task
from mbench.types import FloatArray, Sample, Spec

# One task a shape: one to one, two to one, two to three, many to ten.
TASKS = ("curve", "mandelbrot", "sphere", "digits")
N_SAMPLES = 400
N_QUERIES = 600
TRACK = tracks.TRACKS[tracks.DEFAULT_TRACK]  # whose limits hold
N_STREAM = MIN_BLOCKS * PREDICT_BLOCK  # queries that are handed over in blocks as large as any is
LOADING_TOLD_S = 0.1  # of loading libraries on the clock, from which on it is worth a word
TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked; `advice` says what to fix where it did not hold.

    output: the end of what a submission that failed printed, its traceback as a rule.
    """

    what: str
    verdict: Literal["ok", "warning", "failed"]
    advice: str = ""
    output: str = ""


def check_submission(source: Source, isolation: Isolation) -> Iterator[Finding]:
    """Yield findings as they are made; stops at the first task whose fit or predict fails, or answers by the batch."""
    if unseen := unseen_variables(source):
        yield Finding(
            f"reads the environment: {', '.join(unseen)}", "warning",
            "No variable of yours reaches a submission's process, so it finds none. Write the value in the file",
        )  # fmt: skip
    if data := source.data_beside:
        yield Finding(
            f"names what lies beside it: {', '.join(data)}", "warning",
            "No data travels with a submission: in its process no such file is there until it writes one itself. "
            "Write what it holds into a .py file beside it, and import that",
        )  # fmt: skip
    with open_run(source, Settings(isolation=isolation)) as run:
        yield from _check_tasks(run)


def _check_tasks(run: Run) -> Iterator[Finding]:
    told: set[str] = set()  # of storing, on an earlier shape
    for name in TASKS:
        task = load_task(name)
        sample = task.draw_sample(N_SAMPLES, 0)
        queries = task.draw_queries(N_SAMPLES, 0).X[-N_QUERIES:] if task.n_available else _fresh(name)
        shape = f"R{_superscript(task.n_inputs)} → R{_superscript(task.n_outputs)}"
        limit_s = TRACK.budgets[task.family].fit_limit_s
        spec = Spec(
            task.n_inputs,
            task.n_outputs,
            N_SAMPLES,
            limit_s,
            threads=1,
            device="cpu",
            seed=tracks.init_seed(0),
        )
        with run.child(spec) as child:
            try:
                child.build()
                took, n_params = child.fit(sample.X, sample.y)
                first, predicting = child.predict(queries, limit_s)
                yield Finding(f"{shape}: fits {N_SAMPLES} points in {took.seconds:.2f} s, predicts {first.shape}", "ok")
                batching = list(_check_batching(child, queries, first, shape, limit_s))
                yield from batching
                if any(finding.verdict == "failed" for finding in batching):
                    return  # on every shape the same, and what it answers once loaded differs for that reason alone
                saving = _check_saving(run, spec, child, Answered(queries, first))
                if name == TASKS[0] or (saving.verdict != "ok" and saving.what not in told):
                    yield saving
                told.add(saving.what)
                if name == TASKS[0]:
                    yield _describe_params(n_params)
                    yield from _describe_loading((took.import_s or 0.0) + (predicting.import_s or 0.0))
            except ChildFailure as failure:
                yield Finding(f"{shape}: {failure.status}", "failed", str(failure), child.output)
                return
            if name == TASKS[1]:
                yield (block := _check_block(child, task))
                if block.verdict == "failed":
                    return
        if name == TASKS[1]:
            yield _check_determinism(run, spec, sample, queries, first)


def _check_block(child: Child, task: Task) -> Finding:
    """Ask as many queries at once as `mbench evaluate` does: what is made for each pair of them does not fit there."""
    queries = task.scale(task.draw_points(N_STREAM, 1))
    limit_s = tracks.predict_limit_s(TRACK.budgets[task.family].fit_limit_s, N_STREAM)
    try:
        _, took = child.predict(queries, limit_s)
    except ChildFailure as failure:
        return Finding(
            f"asked {N_STREAM:,} queries in blocks of {PREDICT_BLOCK:,}, as in an evaluation: {failure.status}",
            "failed",
            f"{failure}. Let predict(X) go through X in smaller pieces, and answer each by itself",
            child.output,
        )
    return Finding(f"answers {N_STREAM:,} queries in blocks of {PREDICT_BLOCK:,} in {took.seconds:.2f} s", "ok")


def _fresh(name: str) -> FloatArray:
    return load_task(name).draw_sample(N_QUERIES, 1).X


def _check_batching(
    child: Child, queries: FloatArray, first: FloatArray, shape: str, limit_s: float
) -> Iterator[Finding]:
    order = permutation(stream_key("check", "shuffle", 0), len(queries))
    shuffled, _ = child.predict(queries[order], limit_s)
    alone, _ = child.predict(queries[:1], limit_s)
    for what, got, expected in (("in another order", shuffled, first[order]), ("one row alone", alone, first[:1])):
        gap = float(np.abs(got - expected).max())
        if gap > TOLERANCE:
            yield Finding(
                f"{shape}: asked {what}, predictions differ by {gap:.2g}",
                "failed",
                "predict(X) must treat every row by itself: use nothing of X's other rows, and draw no random numbers",
            )
            return
    yield Finding(f"{shape}: predictions do not depend on order or batch", "ok")


def _check_determinism(run: Run, spec: Spec, sample: Sample, queries: FloatArray, first: FloatArray) -> Finding:
    with run.child(spec) as child:
        try:
            child.build()
            child.fit(sample.X, sample.y)
            again, _ = child.predict(queries, spec.fit_limit_s)
        except ChildFailure as failure:
            return Finding(f"fitted a second time: {failure.status}", "failed", str(failure), child.output)
    gap = float(np.abs(again - first).max())
    if gap > TOLERANCE:
        return Finding(
            f"fitted twice with the same seed, predictions differ by {gap:.2g}",
            "warning",
            "pass spec.seed to everything random (random_state=spec.seed), and stop by steps, not by the clock",
        )
    return Finding("fitted twice with the same seed, predictions are the same", "ok")


def _check_saving(run: Run, spec: Spec, child: Child, answered: Answered) -> Finding:
    """Store the estimator, and ask a fresh child that loads it what the fitted one was asked."""
    what = "the fitted estimator cannot be stored"
    try:
        with scratch_folder() as folder:
            n_bytes = take_estimator(child, folder / "artifact", spec.fit_limit_s)
            if n_bytes is None:
                raise ChildFailure("invalid", "it took the file away again")
            what = "the fitted estimator is another once it is stored and loaded"
            with run.child(spec) as fresh:
                LoadedEstimator(fresh, answered).load(folder / "artifact", spec.fit_limit_s)
    except ChildFailure as failure:
        return Finding(f"{what}: it is scored, but has no pictures", "warning", str(failure))
    return Finding(f"the fitted estimator can be stored ({n_bytes / 1e6:.2f} MB), and answers alike once loaded", "ok")


def _describe_params(n_params: int | None) -> Finding:
    if n_params is None:
        return Finding("no n_params_: the table's column `params` stays empty", "ok", "optional: set n_params_ in fit")
    return Finding(f"n_params_ is {n_params:,}", "ok")


def _describe_loading(import_s: float) -> Iterator[Finding]:
    if import_s >= LOADING_TOLD_S:
        yield Finding(
            f"fit and predict load libraries for {import_s:.2f} s, which are charged",
            "warning",
            "import them by name, first of all in the file: then they are loaded before the time is counted",
        )


def _superscript(n: int) -> str:
    return "" if n == 1 else str(n).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
