"""Cells on a dask.distributed cluster: an order goes out, a cell's files come back.

No data travels but keys: the worker draws the sample, runs the submission in its own sandbox, and scores. dask pickles
what it sends, so scheduler and workers are trusted machines of whoever runs the board. Of a submission only bytes
travel: its files there; its record, predictions and estimator back, which are then read as strictly as from a disk.
"""

from __future__ import annotations

import contextlib
import gc
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from mbench.disk import scratch_folder
from mbench.errors import HarnessError, MbenchError, UsageError
from mbench.results.record import Record
from mbench.results.store import ResultStore
from mbench.runs import cells
from mbench.runs.cells import Cell, cell_key
from mbench.runs.evaluate import blank_record, run_cell
from mbench.runs.progress import Phase, Progress
from mbench.runs.run import Run
from mbench.runs.settings import Settings
from mbench.sandbox.child_process import Interrupted
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import Source
from mbench.suite.tasks import Task, load_task
from mbench.suite.tracks import SUITE_VERSION
from mbench.types import Tier

if TYPE_CHECKING:
    from distributed import Worker

CONNECT_LIMIT_S = 15.0
WORKERS_LIMIT_S = 30.0
# What may differ between workers (a full disk, missing data, one that is closing) is tried this often again. A dead
# worker's cells are run again as often as dask's `allowed-failures` says: three times unless configured.
RETRIES = 2
_TICK_S = 0.05
_REPLICATE_PRIORITY = 100_000  # more than any limit in seconds


@dataclass(frozen=True, slots=True)
class Identity:
    """What has to be the same wherever cells of one run are run."""

    suite: int
    code_digest: str

    def __str__(self) -> str:
        """Return it as errors name it."""
        return f"suite {self.suite}, code {self.code_digest[:16]}"


@dataclass(frozen=True, slots=True)
class Demand:
    """Which sandbox a worker has to offer: a tier by name or its strongest, and whether none will do."""

    isolation: str | None = None
    unsafe_no_sandbox: bool = False
    device: str = "cpu"


@dataclass(frozen=True, slots=True)
class Order:
    """One cell to be run: all that travels to a worker."""

    cell: Cell
    key: str
    source: Source
    settings: Settings
    demand: Demand
    identity: Identity
    topic: str  # of the events that tell its phases


class Cluster:
    """A connection to a scheduler. A context manager: leaving it drops whatever was not done.

    tier: the weakest among its workers, chosen by each on its own machine.
    """

    def __init__(self, address: str, demand: Demand | None = None) -> None:
        """address: of the scheduler, tcp://HOST:PORT; the connection is made when the context is entered."""
        self.address = address
        self.tier: Tier = "C"
        self.n_threads = 0
        self._demand = demand or Demand()
        self._topic = f"mbench-{uuid.uuid4().hex}"
        self._phases: dict[str, Callable[[Phase], None]] = {}

    def __enter__(self) -> Cluster:
        """Connect, and check that scheduler and workers run this mbench in a sandbox.

        Raises UsageError where there is no distributed, no scheduler, no worker, or one of them will not do.
        """
        try:
            from distributed import Client
        except ImportError:
            raise UsageError(
                "--cluster needs dask.distributed, which is not installed. pip install 'mbench[cluster]' "
                "(in a checkout: pip install -c constraints.txt -e '.[cluster]')"
            ) from None
        # dask waits for itself for ever where a client whose connection failed is collected while the next one starts.
        gc.collect()
        try:
            self._client = Client(self.address, timeout=CONNECT_LIMIT_S, set_as_default=False)
        # AssertionError: on a busy machine its event loop was not up within the ten seconds that it waits.
        except (OSError, ValueError, RuntimeError, AssertionError) as error:
            raise UsageError(
                f"{self.address}: no scheduler answers ({error or type(error).__name__}). Start one with `dask "
                "scheduler`, and give its address as tcp://HOST:PORT"
            ) from None
        try:
            self._inspect()
            self._client.subscribe_topic(self._topic, self._hear)
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect: the scheduler drops what is ours, on which workers kill the children they run for us."""
        self._client.close()

    def _inspect(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=WORKERS_LIMIT_S)
        except TimeoutError:
            raise UsageError(
                f"{self.address}: has no workers. Start some with `dask worker {self.address} --nthreads N`, N being "
                "how many cells each runs at once"
            ) from None
        _check_identity(identify(), cast(Identity, self._client.run_on_scheduler(identify)), "the scheduler")
        for place, theirs in self._ask(identify).items():
            _check_identity(identify(), theirs, place)
        tiers = self._ask(find_tier, self._demand)
        for place, tier in tiers.items():
            if isinstance(tier, BaseException):
                raise UsageError(f"{place}: {tier}")
        self.tier = max(tiers.values())
        self.n_threads = sum(cast("dict[str, int]", self._client.nthreads()).values())

    def _ask(self, question: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Return every worker's answer, an exception where it raised one."""
        return cast("dict[str, Any]", self._client.run(question, *arguments, on_error="return"))

    def run(self, run: Run, cell: Cell, key: str, task: Task, store: ResultStore) -> Record:
        """Run one cell on a worker, again on another where that dies, and store its record.

        A cell whose workers all died is recorded as a failure of ours. Raises Interrupted once the run is cancelled, on
        which the worker kills the child; HarnessError and UsageError as the worker's.
        """
        from distributed import CancelledError, KilledWorker

        order = Order(cell, key, run.source, run.settings, self._demand, identify(), self._topic)
        name = f"mbench-{key[:16]}-{uuid.uuid4().hex}"  # no two runs share a cell that only one of them may cancel
        ended = threading.Event()
        self._phases[name] = lambda phase: run.report(Progress(cell, phase))
        # Replicate by replicate, as here; of each the longest first.
        priority = int(cell.fit_limit_s) - _REPLICATE_PRIORITY * cell.replicate
        future = self._client.submit(run_order, order, key=name, pure=False, retries=RETRIES, priority=priority)
        future.add_done_callback(lambda _: ended.set())
        try:
            while not ended.wait(_TICK_S):
                if run.cancel.is_set():
                    raise Interrupted
            files = future.result()
        except KilledWorker as error:
            record = replace(
                blank_record(run, cell, key, task, store),
                isolation=self.tier,
                reason=f"{error.allowed_failures + 1} workers died one after the other while they ran this cell",
            )
            store.write(record)
            return record
        except CancelledError:
            raise HarnessError(
                f"{self.address}: the scheduler is gone. Cells already done are kept: repeat the command"
            ) from None
        finally:
            del self._phases[name]
            with contextlib.suppress(Exception):  # nobody is there to drop it
                future.cancel()
        return store.adopt(key, files)

    def _hear(self, event: tuple[float, tuple[str, Phase]]) -> None:
        name, phase = event[1]
        if tell := self._phases.get(name):
            tell(phase)


# From here on: what runs on the cluster's machines


def identify() -> Identity:
    """Return what this machine would run."""
    return Identity(SUITE_VERSION, cells.code_digest())


def find_tier(demand: Demand) -> Tier:
    """Return the tier that this machine runs submissions under. Raises UsageError where it may not."""
    return _choose(demand).tier


def run_order(order: Order) -> dict[str, bytes]:
    """Run one cell on this worker and return its files, by suffix.

    Raises MbenchError naming the worker where the fault is ours, Interrupted once nobody wants the cell any more.
    """
    from distributed import get_worker

    worker = get_worker()
    name = cast(str, worker.get_current_task())
    try:
        _check_identity(order.identity, identify(), worker.address)  # it may have joined after the first look
        task = load_task(order.cell.task)
        task.self_test()
        settings = replace(order.settings, isolation=_choose(order.demand))
        if cell_key(order.cell, task, order.source, settings) != order.key:
            raise UsageError(f"has other data for {order.cell.task} than the machine that asks. Copy them to all")
        with scratch_folder() as folder:
            store = ResultStore(folder)

            def report(progress: Progress) -> None:
                worker.log_event(order.topic, (name, progress.phase))

            unwanted = _Unwanted(worker, name)
            run_cell(Run(order.source, settings, None, report, unwanted), order.cell, order.key, task, store)
            return store.export(order.key)
    except MbenchError as error:
        raise type(error)(f"{worker.address}: {error}") from None


def _choose(demand: Demand) -> Any:
    return choose_isolation(demand.isolation, allow_none=demand.unsafe_no_sandbox, device=demand.device)


def _check_identity(asked: Identity, found: Identity | BaseException, place: str) -> None:
    if found == asked:
        return
    what = f"{type(found).__name__}: {found}" if isinstance(found, BaseException) else str(found)
    raise UsageError(
        f"{place}: runs another mbench ({what}) than the machine that asks ({asked}). Install the same one, and start "
        "scheduler and workers from it"
    )


class _Unwanted(threading.Event):
    """Set once the scheduler wants a task no more, because its client cancelled it or is gone, or the worker closes."""

    def __init__(self, worker: Worker, name: str) -> None:
        super().__init__()
        self._worker = worker
        self._name = name

    def is_set(self) -> bool:
        # dask cannot stop a thread, it only marks its task.
        task = self._worker.state.tasks.get(self._name)
        return task is None or task.state == "cancelled" or self._worker.status.name.startswith("clos")
