"""Answers to the page: itself, what there is to see, tiles, and training points."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mbench.results.estimators import Target
from mbench.runs.settings import Settings
from mbench.suite.tasks import Task, load_task
from mbench.suite.tasks.looks import Plane
from mbench.views.explore.chart import TILE_PX, Chart, Tile, check_tile, make_chart
from mbench.views.explore.guard import Guard
from mbench.views.explore.layers import TILE_LIMIT_S, Layer, LayerFailure, PredictionLayer, QueueFull, TruthLayer
from mbench.views.explore.palette import describe_palettes
from mbench.views.explore.parameters import read_place, read_tile_numbers
from mbench.views.explore.sample_index import SampleIndex

_STATIC = Path(__file__).parent / "static"
_KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
MAX_TARGETS = 4  # each one is a process of its own, with the memory of one
MAX_SAMPLE = 4_000_000


@dataclass(frozen=True)
class Session:
    """What one server shows: a task and some submissions that learned it."""

    task: Task
    chart: Chart
    targets: tuple[Target, ...]
    truth: TruthLayer
    predictions: tuple[PredictionLayer, ...]
    _sampling: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    @property
    def layers(self) -> dict[str, Layer]:
        """Every layer by its name in requests."""
        return {layer.name: layer for layer in (self.truth, *self.predictions)}

    @property
    def samples(self) -> dict[str, SampleIndex]:
        """The training points of every prediction layer, drawn once for all the threads that ask."""
        with self._sampling:  # from Python 3.12 on cached_property has no lock of its own
            return self._samples

    @cached_property
    def _samples(self) -> dict[str, SampleIndex]:
        indices: dict[int, SampleIndex] = {}
        for target in self.targets:  # of replicate 0, so they differ in their number alone
            n = min(target.record.n_samples, MAX_SAMPLE)
            if n not in indices:
                indices[n] = SampleIndex(self.task.draw_points(n, target.record.replicate))
        return {
            layer.name: indices[min(target.record.n_samples, MAX_SAMPLE)]
            for layer, target in zip(self.predictions, self.targets, strict=True)
        }

    def describe(self) -> dict[str, Any]:
        """Return all that the page has to know, as JSON."""
        look = self.task.look
        landmarks = look.landmarks if isinstance(look, Plane) else ()
        return {
            "task": self.task.name,
            "chart": asdict(self.chart) | {"max_magnification": self.chart.max_magnification},
            "tile_px": TILE_PX,
            "tile_limit_s": TILE_LIMIT_S,
            "n_outputs": self.task.n_outputs,
            "palettes": describe_palettes(),
            "landmarks": [{"name": each.name, "x": each.centre.real, "y": each.centre.imag} for each in landmarks],
            "truth": {"layer": self.truth.name, **asdict(self.truth.status)},
            "results": [
                {
                    "layer": layer.name,
                    "name": target.title,
                    "track": target.record.track,
                    "n_samples": target.record.n_samples,
                    "error": target.record.metrics.error if target.record.metrics else None,
                    **asdict(layer.status),
                }
                for layer, target in zip(self.predictions, self.targets, strict=True)
            ],
        }

    def close(self) -> None:
        """Kill the children."""
        for layer in self.layers.values():
            layer.close()


def open_session(task_name: str, targets: Sequence[Target], settings: Settings) -> Session:
    """Start a child for every target and return at once. Raises UsageError for a task without a map."""
    task = load_task(task_name)
    chart = make_chart(task)
    with contextlib.ExitStack() as opened:
        predictions = []
        for i, target in enumerate(targets):
            layer = PredictionLayer(f"r{i}", target, task, chart, settings)
            opened.callback(layer.close)
            predictions.append(layer)
        task.self_test()  # while the children load
        truth = TruthLayer(task, chart)
        opened.pop_all()
    return Session(task, chart, tuple(targets), truth, tuple(predictions))


def make_app(session: Session, token: str, hosts: Collection[str]) -> Guard:
    """Return the ASGI application of a session, which is closed with it."""
    files = {path.name: path.read_bytes() for path in sorted(_STATIC.iterdir()) if path.suffix in _KINDS}

    def send_file(request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name not in files:
            raise HTTPException(404)
        return Response(files[name], media_type=_KINDS[Path(name).suffix])

    async def send_session(request: Request) -> Response:
        return JSONResponse(session.describe())

    async def send_tile(request: Request) -> Response:
        layer, tile = _layer(session, request), _tile(session, request)
        try:
            content = await _result_while_connected(request, layer.submit(tile))
        except QueueFull:
            return JSONResponse({"reason": "too many tiles are waiting"}, 503)
        except LayerFailure as failure:
            return JSONResponse({"reason": str(failure)}, 424)
        return Response(content, media_type="application/octet-stream")

    def send_points(request: Request) -> Response:
        sample = session.samples.get(request.path_params["layer"])
        if sample is None:
            raise HTTPException(404)
        points, n = sample.within(session.chart, _tile(session, request))
        return Response(points.astype("<f8").tobytes(), headers={"X-Total": str(n)})

    def send_nearest(request: Request) -> Response:
        sample = session.samples.get(request.path_params["layer"])
        try:
            place = read_place(request.query_params)
        except ValueError as error:
            raise HTTPException(400, str(error)) from None
        if sample is None:
            raise HTTPException(404)
        return JSONResponse({"distance": sample.distance(*place)})

    async def restart(request: Request) -> Response:
        layer = _layer(session, request)
        if isinstance(layer, PredictionLayer):
            layer.restart()
        return JSONResponse(asdict(layer.status))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        session.close()

    routes = [
        Route("/{token}/", send_file),
        Route("/{token}/static/{name}", send_file),
        Route("/{token}/session.json", send_session),
        Route("/{token}/tiles/{layer}/{level}/{column}/{row}", send_tile),
        Route("/{token}/points/{layer}/{level}/{column}/{row}", send_points),
        Route("/{token}/nearest/{layer}", send_nearest),
        Route("/{token}/restart/{layer}", restart, methods=["POST"]),
    ]
    return Guard(Starlette(routes=routes, lifespan=lifespan), token, hosts)


def _layer(session: Session, request: Request) -> Layer:
    layer = session.layers.get(request.path_params["layer"])
    if layer is None:
        raise HTTPException(404)
    return layer


def _tile(session: Session, request: Request) -> Tile:
    try:
        numbers = read_tile_numbers(request.path_params)
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
    try:
        return check_tile(session.chart, *numbers)
    except ValueError as error:
        raise HTTPException(404, str(error)) from None


async def _result_while_connected(request: Request, future: Future[bytes]) -> bytes:
    """Wait for a tile; when the page no longer wants it, take it out of the queue and raise HTTPException."""

    async def leave() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    result, gone = asyncio.wrap_future(future), asyncio.ensure_future(leave())
    try:
        await asyncio.wait((result, gone), return_when=asyncio.FIRST_COMPLETED)
        if not result.done():
            raise HTTPException(499, "nobody waits for it any more")
        return result.result()
    finally:
        gone.cancel()
        future.cancel()  # unless its turn has come
        result.cancel()
