"""Cells on a real scheduler and real workers: processes of `dask scheduler` and `dask worker`."""

import contextlib
import os
import subprocess
import sys
from dataclasses import asdict
from threading import Event, Thread

import numpy as np
import psutil
import pytest

from mbench.errors import UsageError
from mbench.results.store import ResultStore
from mbench.runs import cells, on_cluster
from mbench.runs.cells import Cell
from mbench.runs.evaluate import evaluate_source
from mbench.runs.on_cluster import Cluster, Demand
from mbench.runs.run import Run
from mbench.runs.settings import Settings
from mbench.sandbox.child_process import Interrupted
from mbench.submission import read_submission
from mbench.suite.tasks import load_task

pytest.importorskip("distributed", reason="dask.distributed is not installed: pip install '.[cluster]'")

CELLS = [Cell("curve", "quick", replicate, 60, 60.0) for replicate in range(3)]


class Program:
    """A program of dask's, as a process of its own."""

    def __init__(self, *arguments, said):
        # Two dead workers are enough to give a cell up.
        environment = os.environ | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
        command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        self._said = said
        self._reader = Thread(target=self._read)
        self._is_up = Event()
        self.line = ""
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:  # to the end, or it would stop once the pipe is full
            if self._said in line and not self._is_up.is_set():
                self.line = line
                self._is_up.set()
        self._is_up.set()

    def await_start(self):
        assert self._is_up.wait(timeout=60)
        assert self.line, "it ended"
        return self

    def children(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self):
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stderr.close()


@pytest.fixture(scope="module")
def start():
    """Start a program of dask's; all of them are ended in the end."""
    with contextlib.ExitStack() as stack:

        def start(*arguments, said):
            program = Program(*arguments, said=said)
            stack.callback(program.end)
            return program

        yield start


@pytest.fixture(scope="module")
def start_scheduler(start):
    def start_scheduler():
        program = start("scheduler", "--host", "127.0.0.1", "--port", "0", said="Scheduler at:").await_start()
        return program.line.split()[-1]

    return start_scheduler


@pytest.fixture(scope="module")
def scheduler(start_scheduler):
    return start_scheduler()


@pytest.fixture(scope="module")
def pool():
    return []


@pytest.fixture
def workers(start, scheduler, pool):
    """Two workers of one thread each; those that a test before has killed are replaced."""
    pool[:] = [worker for worker in pool if worker.process.poll() is None]
    options = ("--nthreads", "1", "--no-nanny", "--death-timeout", "60")
    pool += [start("worker", scheduler, *options, said="Registered to:") for _ in range(2 - len(pool))]
    return [worker.await_start() for worker in pool]


@pytest.fixture
def source(submission_file, estimator):
    return read_submission(submission_file(estimator()))


def run(address, source, store, report=lambda progress: None):
    with Cluster(address) as connected:
        return evaluate_source(Run(source, Settings(), report=report), CELLS, store, elsewhere=connected)[0]


def comparable(record):
    """Return what of a record does not depend on the clock, the machine's speed or the process."""
    costs = {"n_params": record.costs.n_params, "model_bytes": record.costs.model_bytes}
    return asdict(record) | {"created": "", "costs": costs}


# The same as here, whoever dies


def test_a_worker_killed_in_the_middle_changes_no_record(
    scheduler, workers, submission_file, estimator, store, tmp_path
):
    # A good part of a second: long enough to be killed in.
    fit = "self.mean = y.mean(axis=0)\nfor _ in range(600): np.linalg.svd(np.ones((50, 50)))\nreturn self"
    source = read_submission(submission_file(estimator(fit=fit)))
    seen = []

    def report(progress):
        seen.append((progress.phase, progress.cell.replicate))
        if len({replicate for phase, replicate in seen if phase == "fitting"}) == 2:  # both workers are busy
            workers[0].process.kill()

    there = run(scheduler, source, store, report).records
    here = evaluate_source(Run(source, Settings(jobs=2)), CELLS, ResultStore(tmp_path / "here"))[0].records

    assert [comparable(record) for record in there] == [comparable(record) for record in here]
    assert all(record.ok and record.predictions_digest for record in there)
    assert sum(phase == "fitting" for phase, _ in seen) == len(CELLS) + 1
    assert sum(phase == "done" for phase, _ in seen) == len(CELLS)
    for record in there:
        assert store.read(record.key) == record
        assert np.array_equal(
            store.read_predictions(record.key), ResultStore(tmp_path / "here").read_predictions(record.key)
        )
        assert store.artifact_path(record.key).exists() == (record.replicate == 0)


def test_what_is_there_is_not_run_again(scheduler, workers, source, store):
    before = run(scheduler, source, store).records
    phases = set()
    after = run(scheduler, source, store, lambda progress: phases.add(progress.phase)).records
    assert (after, phases) == (before, {"cached"})


def test_a_cell_whose_workers_all_die_is_a_failure_of_ours_and_run_again(
    scheduler, workers, submission_file, estimator, store
):
    source = read_submission(submission_file(estimator(fit="while True: pass")))
    killed = []

    def report(progress):
        if progress.phase == "fitting":
            killed.append(next(worker for worker in workers if worker not in killed and worker.children()))
            killed[-1].process.kill()

    with Cluster(scheduler) as connected:
        result, _ = evaluate_source(Run(source, Settings(), report=report), CELLS[:1], store, elsewhere=connected)
    (record,) = result.records
    assert killed
    assert (record.status, record.isolation) == ("infrastructure", connected.tier)
    assert record.reason == "2 workers died one after the other while they ran this cell"
    assert store.read(record.key) == record


# Stopped


def test_a_cancelled_run_keeps_what_is_done_and_leaves_no_child(scheduler, workers, submission_file, estimator, store):
    fit = "self.mean = y.mean(axis=0)\nif np.isclose(self.mean, FIRST).all(): return self\nwhile True: pass"
    first = load_task("curve").draw_sample(60, 0).y.mean()
    source = read_submission(submission_file(estimator(head=f"FIRST = {first!r}", fit=fit)))
    cancel, done, fitting = Event(), set(), set()
    children = []

    def report(progress):
        (done if progress.phase == "done" else fitting if progress.phase == "fitting" else set()).add(progress.cell)
        if done and len(fitting) == 2:  # one is done, the other endless; either may start first
            children.extend(child for worker in workers for child in worker.children())
            cancel.set()

    with Cluster(scheduler) as connected:
        with pytest.raises(Interrupted):
            evaluate_source(
                Run(source, Settings(), report=report, cancel=cancel), CELLS[:2], store, elsewhere=connected
            )
        assert children
        assert psutil.wait_procs(children, timeout=30)[1] == []
    assert [record.replicate for record in store.records()] == [0]


def test_a_killed_client_leaves_no_child(scheduler, workers, submission_file, estimator, store):
    path = submission_file(estimator(fit="while True: pass"))
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, path, store.folder, scheduler], stdout=subprocess.PIPE, text=True
    )
    while client.stdout.readline().strip() != "fitting":
        assert client.poll() is None
    children = [child for worker in workers for child in worker.children()]
    client.kill()
    client.wait()
    client.stdout.close()
    assert children
    assert psutil.wait_procs(children, timeout=30)[1] == []


CLIENT = """
import sys
from pathlib import Path
from mbench.runs.cells import Cell
from mbench.runs.settings import Settings
from mbench.runs.run import Run
from mbench.runs.on_cluster import Cluster
from mbench.runs.evaluate import evaluate_source
from mbench.results.store import ResultStore
from mbench.submission import read_submission
with Cluster(sys.argv[3]) as connected:
    evaluate_source(
        Run(read_submission(sys.argv[1]), Settings(), report=lambda progress: print(progress.phase, flush=True)),
        [Cell("curve", "quick", 0, 60, 60.0)], ResultStore(Path(sys.argv[2])), elsewhere=connected,
    )
"""


# Refused


def test_another_mbench_is_refused_by_name(scheduler, workers, monkeypatch):
    monkeypatch.setattr(cells, "code_digest", lambda: "edited")
    with pytest.raises(UsageError, match=r"the scheduler: runs another mbench \(suite 2, code [0-9a-f]{16}\) than .*"
                                         r"\(suite 2, code edited\)"):  # fmt: skip
        Cluster(scheduler).__enter__()


def test_a_worker_that_joins_later_with_another_mbench_is_refused(scheduler, workers, source, store, monkeypatch):
    with Cluster(scheduler) as connected:
        monkeypatch.setattr(cells, "code_digest", lambda: "edited")
        with pytest.raises(UsageError, match=r"tcp://127\.0\.0\.1:\d+: .*runs another mbench"):
            evaluate_source(Run(source, Settings()), CELLS[:1], store, elsewhere=connected)
    assert list(store.records()) == []


def test_tier_c_is_refused_as_it_is_here(scheduler, workers):
    with pytest.raises(UsageError, match=r"tcp://127\.0\.0\.1:\d+: tier C is no sandbox.*--unsafe-no-sandbox"):
        Cluster(scheduler, Demand("C")).__enter__()


def test_tier_c_is_taken_with_consent_and_a_failure_is_the_submissions(
    scheduler, workers, submission_file, estimator, store
):
    source = read_submission(submission_file(estimator(fit="raise ValueError('bad')")))
    with Cluster(scheduler, Demand("C", unsafe_no_sandbox=True)) as connected:
        (record,) = evaluate_source(Run(source, Settings()), CELLS[:1], store, elsewhere=connected)[0].records
    assert (record.isolation, record.status) == ("C", "crash")
    assert record.reason.startswith("fit(X, y) raised ValueError: bad (submission.py, line ")


def test_a_scheduler_without_workers_says_how_to_start_some(start_scheduler, monkeypatch):
    monkeypatch.setattr(on_cluster, "WORKERS_LIMIT_S", 0.1)
    with pytest.raises(UsageError, match=r"has no workers. Start some with `dask worker tcp://.* --nthreads N`"):
        Cluster(start_scheduler()).__enter__()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "tcp://"])
def test_an_address_where_nobody_is_says_so(address, monkeypatch):
    monkeypatch.setattr(on_cluster, "CONNECT_LIMIT_S", 0.5)
    with pytest.raises(UsageError, match=r"no scheduler answers .*`dask scheduler`"):
        Cluster(address).__enter__()


def test_a_missing_library_is_named_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'mbench\[cluster\]'"):
        Cluster("tcp://127.0.0.1:8786").__enter__()
