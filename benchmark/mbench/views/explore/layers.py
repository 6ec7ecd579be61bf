"""Layers compute tiles, one at a time: truth by the kernel here, predictions by an estimator in its sandbox."""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import Literal, TypeVar

from mbench.errors import HarnessError
from mbench.results.estimators import Target
from mbench.runs.cells import Cell
from mbench.runs.run import Run
from mbench.runs.settings import Settings
from mbench.runs.stored import LoadedEstimator, find_answered
from mbench.sandbox.child_process import ChildFailure, Interrupted
from mbench.suite.tasks import Task
from mbench.types import FloatArray
from mbench.views.explore.chart import Chart, Tile, first_tiles, tile_points, tile_truth

QUEUE_LIMIT = 64  # tiles waiting per layer; a page asks for two at a time
CACHE_TILES = 1_024  # 64 KB each of a fractal
TILE_LIMIT_S = 20.0
WARM_UP_S = 3.0

Answer = TypeVar("Answer")
State = Literal["starting", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class Status:
    """How a layer is; `reason` is one line for a person where it failed."""

    state: State
    reason: str = ""


class LayerFailure(Exception):
    """The layer cannot compute tiles until it is restarted; `str()` is the reason."""


class QueueFull(Exception):
    """More tiles wait than a layer keeps."""


class Layer(ABC):
    """Computes tiles in a thread of its own, in the order they are asked for, and keeps the last ones."""

    def __init__(self, name: str, chart: Chart) -> None:
        """name: what requests call it."""
        self.name = name
        self.status = Status("starting")
        self._chart = chart
        self._cache: OrderedDict[Tile, bytes] = OrderedDict()
        self._n_waiting = 0
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    @abstractmethod
    def _values(self, points: FloatArray) -> FloatArray:
        """Return the values at points (m, 2): (m, k) float32."""

    def submit(self, tile: Tile) -> Future[bytes]:
        """Ask for a tile: (TILE_PX, TILE_PX, k) little-endian float32, row by row from the top left.

        A future cancelled before its turn is never computed. It raises LayerFailure where the layer cannot compute.
        Raises QueueFull where too many wait already, LayerFailure after `close`.
        """
        with self._lock:
            if self._n_waiting >= QUEUE_LIMIT:
                raise QueueFull
            try:
                future = self._pool.submit(self._compute, tile)
            except RuntimeError:  # after `close`
                raise LayerFailure("the server is being stopped") from None
            self._n_waiting += 1
        future.add_done_callback(self._leave_queue)
        return future

    def _leave_queue(self, future: Future[bytes]) -> None:
        with self._lock:
            self._n_waiting -= 1

    def _compute(self, tile: Tile) -> bytes:
        if tile in self._cache:
            self._cache.move_to_end(tile)
            return self._cache[tile]
        values = self._values(tile_points(self._chart, tile)).astype("<f4").tobytes()
        self._cache[tile] = values
        if len(self._cache) > CACHE_TILES:
            self._cache.popitem(last=False)
        return values

    def _warm_up(self) -> None:
        """Compute what a page is likely to ask for first, until one asks or for a few seconds."""
        until = time.monotonic() + WARM_UP_S
        for tile in first_tiles(self._chart):
            if self._n_waiting or self.status.state == "failed" or time.monotonic() > until:
                return
            self._compute(tile)

    def close(self) -> None:
        """End the thread; whatever still waits is cancelled."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class TruthLayer(Layer):
    """The function itself."""

    def __init__(self, task: Task, chart: Chart) -> None:
        """task: one that has a chart. Its kernel is compiled at once."""
        super().__init__("truth", chart)
        self._task = task
        self.submit(Tile(0, 0, 0)).add_done_callback(self._get_ready)

    def _get_ready(self, future: Future[bytes]) -> None:
        self.status = Status("ready")

    def _values(self, points: FloatArray) -> FloatArray:
        return tile_truth(self._chart, self._task, points)


class PredictionLayer(Layer):
    """What one submission learned: its stored estimator in a child that stays until it fails or the layer closes."""

    def __init__(self, name: str, target: Target, task: Task, chart: Chart, settings: Settings) -> None:
        """settings: those of the record's own run count where they change predictions (threads, device)."""
        super().__init__(name, chart)
        record = target.record
        self._target = target
        self._task = task
        isolation = settings.isolation.with_devices(record.device)
        self._settings = replace(settings, threads=record.threads, device=record.device, isolation=isolation)
        self._cell = Cell(record.task, record.track, record.replicate, record.n_samples, record.fit_limit_s)
        self._cancel = Event()
        self._held = contextlib.ExitStack()  # the child, while there is one
        self._loaded: LoadedEstimator | None = None
        self._pool.submit(self._start)
        self._pool.submit(self._warm_up)

    def _warm_up(self) -> None:
        try:
            super()._warm_up()
        except LayerFailure:  # where nobody may ever look
            self.restart()

    def restart(self) -> None:
        """Load the estimator again into a fresh child, if the last one failed."""
        with self._lock:
            if self.status.state != "failed":
                return
            self.status = Status("starting")
        self._pool.submit(self._start)

    def close(self) -> None:
        """Kill the child, whatever it is at."""
        self._cancel.set()
        super().close()
        self._held.close()

    def _start(self) -> None:
        child = Run(self._target.source, self._settings, cancel=self._cancel).child_for(self._task, self._cell)

        def load() -> None:
            answered = find_answered(self._task, self._target.stored)
            loaded = LoadedEstimator(self._held.enter_context(child), answered)
            loaded.load(self._target.stored.artifact, TILE_LIMIT_S)
            self._loaded = loaded

        self._ask(load)
        self.status = Status("ready")

    def _values(self, points: FloatArray) -> FloatArray:
        loaded = self._loaded
        if loaded is None:
            raise LayerFailure(self.status.reason)
        return self._ask(lambda: loaded.predict(self._task.scale(points), TILE_LIMIT_S))

    def _ask(self, action: Callable[[], Answer]) -> Answer:
        """Have the child do something. A failure ends the child, whose reason is kept and raised as LayerFailure."""
        try:
            return action()
        except (ChildFailure, HarnessError) as failure:
            kind = failure.status if isinstance(failure, ChildFailure) else "infrastructure"
            reason = f"{kind}: {failure}"
        except Interrupted:
            reason = "the server is being stopped"
        self._loaded = None
        self._held.close()
        self.status = Status("failed", reason)
        raise LayerFailure(reason)
