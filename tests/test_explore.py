import asyncio
import contextlib
import json
import os
import signal
import stat
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
from click.testing import CliRunner
from explore_kit import PLANE, SETTINGS, Client, exploring, plane, store_fitted
from hypothesis import given
from hypothesis import strategies as st

from mbench.cli import main
from mbench.errors import HarnessError, UsageError
from mbench.results.estimators import find_target
from mbench.results.record import Result
from mbench.results.store import ResultStore, write_result
from mbench.suite.tasks import load_task
from mbench.suite.tracks import EXTRA_TASKS, SUITE_VERSION
from mbench.views.explore import layers
from mbench.views.explore.app import Session, make_app
from mbench.views.explore.chart import TILE_PX, Tile, check_tile, first_tiles, make_chart, tile_points, tile_truth
from mbench.views.explore.doorkeeper import HEAD_LIMIT
from mbench.views.explore.layers import QUEUE_LIMIT, Layer, LayerFailure, PredictionLayer, QueueFull
from mbench.views.explore.sample_index import MAX_PER_TILE, SampleIndex
from mbench.views.explore.server import Address

MANDELBROT = load_task("mandelbrot")
CHART = make_chart(MANDELBROT)
KEY = "a" * 64


@pytest.fixture
def stored(store, submission_file, estimator, make_record):
    """Fit a submission to a few points and store it; the bodies are those of `estimator`."""

    def make(key=KEY, name="idea", task="mandelbrot", shown=None, answers=None, **bodies):
        path = submission_file(estimator(**{"predict": PLANE} | bodies), f"{name}.py")
        record = {"make": make_record, "key": key, "task": task, "name": shown or name, "answers": answers}
        return store_fitted(store, path, record)

    return make


# The chart


@given(st.data(), st.sampled_from(("mandelbrot", *EXTRA_TASKS)))
def test_every_pixel_centre_is_the_exact_one(data, name):
    chart = make_chart(load_task(name))
    level = data.draw(st.integers(0, chart.max_level))
    tile = Tile(level, *(data.draw(st.integers(0, 2**level - 1)) for _ in range(2)))
    row, column = (data.draw(st.integers(0, TILE_PX - 1)) for _ in range(2))
    point = tile_points(chart, tile)[row * TILE_PX + column]
    side = Fraction(chart.side) / 2**level
    x = Fraction(chart.left) + side * (tile.column + (column + Fraction(1, 2)) / TILE_PX)
    y = Fraction(chart.top) - side * (tile.row + (row + Fraction(1, 2)) / TILE_PX)
    assert [Fraction(float(value)) for value in point] == [x, y]


def test_the_world_holds_the_window_and_a_margin():
    bottom = CHART.top - CHART.side
    assert CHART.left < CHART.lower[0] < CHART.upper[0] < CHART.left + CHART.side
    assert bottom < CHART.lower[1] < CHART.upper[1] < CHART.top


def test_the_deepest_pixels_are_eight_numbers_apart_near_two():
    last = 2**CHART.max_level - 1
    x = np.unique(tile_points(CHART, Tile(CHART.max_level, last // 2, 0))[:, 0])
    assert len(x) == TILE_PX
    assert np.all(np.diff(x) == 8 * np.spacing(2.0))


@pytest.mark.parametrize(
    "place", [(-1, 0, 0), (CHART.max_level + 1, 0, 0), (3, 8, 0), (3, 0, 8), (3, -1, 0), (0, 0, 1)], ids=str
)
def test_a_tile_outside_the_world_is_refused(place):
    with pytest.raises(ValueError, match="no tile"):
        check_tile(CHART, *place)


def test_a_picture_has_its_pixels_upright_and_nothing_around_them():
    task = load_task("china")
    chart = make_chart(task)
    tiles = [Tile(3, column, row) for row in range(8) for column in range(8)]  # pixel by pixel
    points = np.concatenate([tile_points(chart, tile) for tile in tiles])
    truth = np.concatenate([tile_truth(chart, task, tile_points(chart, tile)) for tile in tiles])
    column, row = np.round(points).astype(int).T
    inside = (column >= 0) & (column < task.shape[1]) & (row >= 0) & (row < task.shape[0])
    assert inside.sum() == task.shape[0] * task.shape[1]
    np.testing.assert_array_equal(truth[inside], task.pixels[row[inside], column[inside]] / np.float32(255))
    assert np.isnan(truth[~inside]).all()


def test_a_task_without_a_map_is_usage():
    with pytest.raises(UsageError, match="no map to fly over"):
        make_chart(load_task("curve"))


# Training points


@pytest.mark.parametrize("tile", [Tile(0, 0, 0), Tile(2, 1, 1), Tile(3, 4, 4), Tile(7, 68, 60)], ids=str)
def test_a_tile_has_the_first_of_its_training_points(tile, rng):
    points = MANDELBROT.draw_points(20_000, 0)
    side = CHART.side / 2**tile.level
    low = np.array([CHART.left + tile.column * side, CHART.top - (tile.row + 1) * side])
    inside = points[np.all((points >= low) & (points < low + side), axis=1)]
    found, n = SampleIndex(points).within(CHART, tile)
    assert n == len(inside)
    np.testing.assert_array_equal(found, inside[:MAX_PER_TILE])


def test_the_nearest_training_point_is_that_of_all_distances(rng):
    points = MANDELBROT.draw_points(500, 0)
    index = SampleIndex(points)
    for x, y in rng.uniform(-3, 3, (20, 2)):
        assert index.distance(x, y) == pytest.approx(np.hypot(*(points - (x, y)).T).min())


class OfTwoThreads:
    """A task whose points are drawn slowly enough for a second thread to want them too."""

    def __init__(self):
        self.n_drawn = 0
        self.meeting = threading.Barrier(2)

    def draw_points(self, n, replicate):
        self.n_drawn += 1
        with contextlib.suppress(threading.BrokenBarrierError):
            self.meeting.wait(0.2)
        return MANDELBROT.draw_points(n, replicate)


def test_threads_that_ask_at_once_share_one_index(gated, stored):
    task = OfTwoThreads()
    session = Session(task, CHART, (stored(),), gated, (gated,))
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda _: session.samples["truth"], range(2))
    assert first is second
    assert task.n_drawn == 1


# Layers


class Gated(Layer):
    """Computes nothing before its gate opens, and remembers what it computed."""

    def __init__(self):
        super().__init__("truth", CHART)
        self.gate = threading.Event()
        self.computed = []
        self.n_values = 0

    def _compute(self, tile):
        self.gate.wait()
        self.computed.append(tile)
        return super()._compute(tile)

    def _values(self, points):
        self.n_values += 1
        return np.zeros((len(points), 1), dtype=np.float32)


@pytest.fixture
def gated():
    layer = Gated()
    yield layer
    layer.gate.set()
    layer.close()


TILES = [Tile(6, column, 0) for column in range(QUEUE_LIMIT + 1)]


def test_a_cancelled_tile_is_never_computed(gated):
    first, second, third = (gated.submit(tile) for tile in TILES[:3])
    assert second.cancel()
    gated.gate.set()
    assert len(first.result()) == len(third.result()) == 4 * TILE_PX**2
    assert gated.computed == [TILES[0], TILES[2]]


def test_the_queue_is_bounded_and_opens_again(gated):
    futures = [gated.submit(tile) for tile in TILES[:-1]]
    with pytest.raises(QueueFull):
        gated.submit(TILES[-1])
    assert futures[-1].cancel()
    gated.submit(TILES[-1])


def test_a_closed_layer_computes_no_more(gated):
    gated.gate.set()
    gated.close()
    with pytest.raises(LayerFailure, match="being stopped"):
        gated.submit(TILES[0])


def test_what_a_page_opens_with_is_there_before_it_asks(gated, monkeypatch):
    monkeypatch.setattr(layers, "WARM_UP_S", 600.0)
    gated.gate.set()
    gated._warm_up()
    assert gated.computed == first_tiles(CHART)
    assert gated.computed[0] == Tile(0, 0, 0)
    assert {tile for tile in gated.computed if tile.level == 3} == {Tile(3, c, r) for c in range(8) for r in range(8)}
    n_values = gated.n_values
    gated.submit(Tile(3, 4, 4)).result()
    assert gated.n_values == n_values


def test_a_submission_that_fails_where_nobody_has_looked_begins_again(stored, monkeypatch):
    asked = []
    monkeypatch.setattr(layers, "first_tiles", lambda chart: asked.append(chart) or [Tile(0, 0, 0)])
    target = stored(predict=f"if X.min() < -2: raise ValueError('outside')\n{PLANE}")
    with exploring(target) as (session, client):
        (layer,) = session.predictions
        deep = Tile(9, 255, 255)
        assert np.isfinite(client.tile("r0", deep)).all()
        assert client.ask("tiles/r0/0/0/0")[0] == 424
        layer.restart()
        layer._pool.submit(layer._warm_up).result()
        assert np.isfinite(client.tile("r0", Tile(9, 256, 255))).all()
    assert asked


def test_a_page_that_asks_does_not_wait_for_what_it_may_ask_for(gated, monkeypatch):
    asked = gated.submit(TILES[0])
    gated._warm_up()
    gated.gate.set()
    asked.result()
    monkeypatch.setattr(layers, "WARM_UP_S", -1.0)
    gated._warm_up()
    assert gated.computed == [TILES[0]]


def test_a_tile_that_left_the_view_is_never_computed(gated):
    session = Session(MANDELBROT, CHART, (), gated, ())
    app = make_app(session, "token", ["host"])
    path = "/token/tiles/truth/{0.level}/{0.column}/{0.row}"

    async def request(tile, receive):
        scope = {
            "type": "http", "method": "GET", "path": path.format(tile), "raw_path": b"", "query_string": b"",
            "root_path": "", "headers": [(b"host", b"host")], "http_version": "1.1", "scheme": "http",
        }  # fmt: skip
        sent = []

        async def send(message):
            sent.append(message)

        await app(scope, receive, send)
        return sent

    async def stay():
        await asyncio.Event().wait()

    async def leave():
        return {"type": "http.disconnect"}

    async def play():
        first = asyncio.ensure_future(request(TILES[0], stay))
        await asyncio.sleep(0)  # its turn to be submitted
        await request(TILES[1], leave)
        gated.gate.set()
        return await first

    with ThreadPoolExecutor(1) as thread:  # this one may have Playwright's loop running
        sent = thread.submit(lambda: asyncio.run(play())).result()
    assert sent[0]["status"] == 200
    gated.close()
    assert gated.computed == [TILES[0]]


# The server


@pytest.fixture(scope="module")
def served(tmp_path_factory, estimator, make_record):
    """Serve one submission to every test that leaves it as it is."""
    folder = tmp_path_factory.mktemp("served")
    path = folder / "idea.py"
    path.write_text(estimator(predict=PLANE))
    record = {"make": make_record, "key": KEY, "task": "mandelbrot"}
    with exploring(store_fitted(ResultStore(folder / "results"), path, record)) as (session, client):
        yield session, client


def test_tiles_are_the_kernels_and_the_estimators(served):
    _, client = served
    for tile in (Tile(0, 0, 0), Tile(5, 10, 15), Tile(CHART.max_level, 2**43 + 12345, 2**43 - 7)):
        points = tile_points(CHART, tile)
        np.testing.assert_array_equal(client.tile("truth", tile), MANDELBROT.truth(points))
        np.testing.assert_array_equal(client.tile("r0", tile), plane(MANDELBROT.scale(points)))


def test_the_session_says_what_is_shown(served):
    client = served[1]
    client.tile("r0", Tile(0, 0, 0))
    content = client.json("session.json")
    assert content["task"] == "mandelbrot"
    assert {key: content["results"][0][key] for key in ("layer", "name", "n_samples", "state")} == {
        "layer": "r0", "name": "idea", "n_samples": 50, "state": "ready",
    }  # fmt: skip
    assert len(content["landmarks"]) == 4
    assert len(content["palettes"]["value"]["colours"]) == 256 * 6


def test_training_points_are_the_samples(served):
    _, client = served
    status, headers, body = client.ask("points/r0/0/0/0")
    assert (status, headers["X-Total"]) == (200, "50")
    points = MANDELBROT.draw_points(50, 0)
    np.testing.assert_array_equal(np.frombuffer(body, "<f8").reshape(-1, 2), points)
    x, y = points[7]
    assert client.json(f"nearest/r0?x={x}&y={y}") == {"distance": 0.0}


# int() gives up at 4,300 digits, and a square at 1e155.
STRANGE_NUMBERS = ("-1", "+1", "1.0", "1_0", "nan", "%20", "%D9%A3", "%ff", "9" * 19, "9" * 4301, "9" * 20_000)
STRANGE_PLACES = ("nan", "inf", "-inf", "1e400", "1e308", "-1e155", "1.1e9", "", "a", "%ff", "9" * 20_000)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("", 200),
        ("static/explore.js", 200),
        ("static/../app.py", 404),
        ("static/%2e%2e%2fapp.py", 404),
        ("static/absent.js", 404),
        ("tiles/truth/0/0/0", 200),
        ("tiles/truth/0/0/1", 404),
        (f"tiles/truth/{CHART.max_level + 1}/0/0", 404),
        *((f"tiles/truth/{number}/0/0", 400) for number in STRANGE_NUMBERS),
        *((f"tiles/r0/0/{number}/0", 400) for number in STRANGE_NUMBERS),
        *((f"points/r0/0/0/{number}", 400) for number in STRANGE_NUMBERS),
        (f"tiles/truth/0/0/{'9' * 18}", 404),
        ("tiles/r1/0/0/0", 404),
        ("points/truth/0/0/0", 404),
        ("points/r0/1/2/0", 404),
        ("nearest/r0", 400),
        *((f"nearest/r0?x=0&y={number}", 400) for number in STRANGE_PLACES),
        *((f"nearest/r0?x={number}&y=0", 400) for number in STRANGE_PLACES),
        ("nearest/r0?x=1&x=2&y=0", 400),
        ("nearest/r0?x=1e9&y=-1e9", 200),
        ("nearest/truth?x=0&y=0", 404),
        ("restart/r0", 405),
        ("absent", 404),
    ],
)
def test_only_what_there_is_is_answered(served, path, status):
    assert served[1].ask(path)[0] == status


@pytest.mark.parametrize("path", ["", "session.json", "tiles/truth/0/0/0", "static/explore.js", "restart/r0"])
@pytest.mark.parametrize("token", ["", "wrong", "%C3%B6", "wrong/wrong"])
def test_without_the_token_nothing_is_found(served, path, token):
    assert served[1].ask(path, token=token)[0] == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1"}, 403),
        ({"Host": "127.0.0.1:1"}, 403),
        ({"Host": "127.0.0.1:{port}.evil.example"}, 403),
        ({"Host": "localhost:{port}"}, 200),
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Origin": "http://localhost:{port}"}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
    ],
    ids=str,
)
def test_no_other_origin_and_no_other_name_is_answered(served, headers, status):
    _, client = served
    headers = {name: value.format(port=client.address.port) for name, value in headers.items()}
    assert client.ask("session.json", headers=headers.items())[0] == status


def test_who_comes_through_another_port_is_told_to_forward_the_same_one(served):
    _, client = served
    status, _, body = client.ask("session.json", headers=[("Host", "localhost:9")])
    assert status == 403
    assert f"ssh -L {client.address.port}:localhost:{client.address.port}" in body.decode()


@pytest.mark.parametrize(("path", "token"), [("", None), ("session.json", None), ("", "wrong")])
def test_every_answer_keeps_to_its_own_origin(served, path, token):
    headers = served[1].ask(path, token=token)[1]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert not [name for name in headers if name.lower().startswith("access-control")]


HALVES = (b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + bytes(1000))


@pytest.mark.parametrize("half", HALVES, ids=["nothing", "a letter", "a line", "headers"])
def test_half_requests_hold_up_nobody(served, half):
    """More of them than the server takes requests at a time."""
    _, client = served
    with contextlib.ExitStack() as held:
        connections = [held.enter_context(client.send(half)) for _ in range(300)]
        assert client.ask("session.json")[0] == 200
        assert ended(connections[0])  # it has waited longest


def test_a_half_request_is_given_up_in_time_and_at_a_size(served, monkeypatch):
    _, client = served
    with client.send(b"GET / HTTP/1.1\r\nX: " + bytes(HEAD_LIMIT)) as large:
        assert ended(large)
    monkeypatch.setattr("mbench.views.explore.doorkeeper.HEAD_LIMIT_S", 0.01)
    with client.send(b"GET / HTTP/1.1\r\n") as late:
        assert ended(late)


def ended(connection):
    """Wait for its end, which may come as a reset where something was left unread."""
    with contextlib.suppress(ConnectionResetError):
        return connection.recv(100) == b""
    return True


STRANGERS = ("GET /wrong/ HTTP/1.1\r\nHost: {host}", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9")


@pytest.mark.parametrize("head", STRANGERS, ids=["no token", "half a body"])
def test_a_stranger_is_answered_and_keeps_no_connection(served, head):
    _, client = served
    request = (head.format(host=client.address.hosts[0]) + "\r\n\r\n").encode()
    with client.send(request) as connection, connection.makefile("rb") as answer:
        said = answer.read()  # to its end
    assert said.split(b"\r\n")[0] in (b"HTTP/1.1 404 Not Found", b"HTTP/1.1 403 Forbidden")
    assert b"connection: close" in said.lower().split(b"\r\n")


def test_a_request_may_come_in_pieces_and_be_followed_by_another(served):
    _, client = served
    head = f"GET /{client.address.token}/session.json HTTP/1.1\r\nHost: {client.address.hosts[0]}\r\n\r\n".encode()
    with client.send(head[:3]) as connection, connection.makefile("rb") as answers:
        for i in range(3, len(head) - 1):
            connection.sendall(head[i : i + 1])
        connection.sendall(head[-1:] + head)
        for _ in range(2):
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            fields = dict(line.decode().lower().split(": ", 1) for line in iter(answers.readline, b"\r\n"))
            assert json.loads(answers.read(int(fields["content-length"])))["task"] == "mandelbrot"


def test_it_listens_on_the_loopback_address_alone(served):
    port = served[1].address.port
    listening = [c.laddr for c in psutil.Process().net_connections("inet") if c.status == "LISTEN"]
    assert [place.ip for place in listening if place.port == port] == ["127.0.0.1"]


FAILING = "if X.min() < -1.0: raise ValueError('out there')\n" + PLANE
INSIDE, NEXT, OUTSIDE = Tile(6, 30, 30), Tile(6, 31, 30), Tile(0, 0, 0)


def test_a_crash_is_told_and_a_restart_mends_it(stored):
    with exploring(stored(predict=FAILING)) as (_, client):
        client.tile("r0", INSIDE)
        for tile in (OUTSIDE, NEXT):
            status, _, body = client.ask(f"tiles/r0/{tile.level}/{tile.column}/{tile.row}")
            assert status == 424
            assert "crash: predict(X) raised ValueError: out there (idea.py, line" in json.loads(body)["reason"]
        assert client.json("session.json")["results"][0]["state"] == "failed"
        client.tile("truth", OUTSIDE)
        assert client.json("restart/r0", "POST")["state"] == "starting"
        client.tile("r0", NEXT)
        assert client.json("session.json")["results"][0]["state"] == "ready"


@pytest.mark.parametrize(
    ("predict", "reason"),
    [
        ("os._exit(3)", "crash: the process ended during predict (exit code 3)"),
        ("return np.full(len(X), np.nan)", "invalid: predict() returned"),
        ("while True: pass", "timeout: predict ran past its limit"),
    ],
)
def test_every_end_of_a_submission_has_its_reason(stored, predict, reason, monkeypatch):
    monkeypatch.setattr("mbench.views.explore.layers.TILE_LIMIT_S", 0.5)
    with exploring(stored(predict=predict, answers=0.5)) as (_, client):
        status, _, body = client.ask("tiles/r0/0/0/0")
        assert status == 424
        assert reason in json.loads(body)["reason"]


def test_what_does_not_answer_as_was_scored_is_not_explored(stored):
    with exploring(stored(answers=0.5)) as (_, client):
        status, _, body = client.ask("tiles/r0/0/0/0")
        assert status == 424
        assert "of 1,000 queries otherwise than the fitted one did" in json.loads(body)["reason"]
        assert client.json("session.json")["results"][0]["state"] == "failed"


def test_a_restart_of_what_has_not_failed_changes_nothing(served):
    session, client = served
    client.tile("r0", OUTSIDE)
    child = session.predictions[0]._loaded
    assert client.json("restart/r0", "POST")["state"] == "ready"
    assert client.json("restart/truth", "POST")["state"] == "ready"
    assert session.predictions[0]._loaded is child


def test_a_child_that_is_at_work_ends_with_the_layer(stored):
    hanging = stored(predict=f"while X.min() < -1: pass\n{PLANE}")  # no scored query lies out there
    layer = PredictionLayer("r0", hanging, MANDELBROT, CHART, SETTINGS)
    future = layer.submit(OUTSIDE)
    while not future.running():  # loaded first: what comes before it in the queue
        pass
    process = psutil.Process(layer._loaded._child._process.pid)
    layer.close()
    assert not process.is_running()
    with pytest.raises(LayerFailure, match="being stopped"):
        future.result()


def test_a_record_of_a_gpu_finds_it_in_its_sandbox(stored, monkeypatch):
    monkeypatch.setattr("mbench.sandbox.tiers._GPU_NODES", ("/dev/null",))
    started = []

    def start_child(source, spec, isolation, **options):
        started.append((spec.device, isolation.devices))
        raise HarnessError("there is no GPU here")

    monkeypatch.setattr("mbench.runs.run.Child", start_child)
    target = stored()
    for device in ("cpu", "cuda"):
        record = replace(target.record, device=device)
        stored_there = replace(target.stored, record=record)
        layer = PredictionLayer("r0", replace(target, stored=stored_there), MANDELBROT, CHART, SETTINGS)
        layer.submit(OUTSIDE).exception()
        layer.close()
    assert started == [("cpu", ()), ("cuda", ("/dev/null",))]


def test_a_picture_can_be_explored(stored):
    task = load_task("flower")
    target = stored(task="flower", predict="return np.repeat(0.5 + 0.25 * X[:, :1], 3, axis=1)")
    with exploring(target, task="flower") as (session, client):
        tile = Tile(2, 1, 1)
        points = tile_points(session.chart, tile)
        got = client.tile("r0", tile, 3)
        np.testing.assert_array_equal(got[:, 0], (0.5 + 0.25 * task.scale(points)[:, 0]).astype(np.float32))
        assert client.tile("truth", tile, 3).shape == got.shape


# Which estimator


def test_a_name_and_a_file_and_a_result_stand_for_the_same_estimator(stored, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    target = stored(name="submission")
    out = store.folder

    def same(name):
        found = find_target(str(name), "mandelbrot", "quick", out)
        own = target.record, target.stored.artifact, digest
        return (found.record, found.stored.artifact, found.source.digest) == own

    digest = target.source.digest
    result = Result(schema=1, suite=SUITE_VERSION, name="submission", records=(target.record,))
    write_result(out / "submissions" / "quick" / "result.json", result)
    for name in (tmp_path / "submissions/submission.py", tmp_path / "submissions"):
        assert same(name)
    folder = tmp_path / "submissions/mine"
    folder.mkdir()
    (tmp_path / "submissions/submission.py").rename(folder / "submission.py")
    (tmp_path / "submissions/broken").mkdir()
    (tmp_path / "submissions/broken/submission.py").write_text("no Python")
    for name in ("submission", "mine", out / "submissions/quick/result.json"):
        assert same(name)
    (folder / "submission.py").rename(tmp_path / "submission.py")  # evaluated as ./submission.py
    assert same("submission")


def test_a_strangers_result_does_not_lead_to_another_cell(stored, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stored(name="submission")
    julia = stored(key="b" * 64, name="submission", task="julia")
    forged = replace(julia.record, task="mandelbrot")
    path = tmp_path / "theirs.json"
    write_result(path, Result(schema=1, suite=SUITE_VERSION, name="theirs", records=(forged,)))
    (tmp_path / "submissions/submission.py").rename(tmp_path / "submission.py")  # beside it: the source is found
    with pytest.raises(UsageError, match="is not stored in"):
        find_target(str(path), "mandelbrot", "quick", store.folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("artifact", "is not stored in"),
        ("record", "is not stored in"),
        ("source", "is the file it was made of. Give that file instead"),
        ("task", "julia was not evaluated on track quick"),
    ],
)
def test_what_is_missing_is_said_with_the_command(stored, store, tmp_path, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    target = stored()
    path = store.folder / "idea" / "quick" / "result.json"
    write_result(path, Result(schema=1, suite=SUITE_VERSION, name="idea", records=(target.record,)))
    name = str(path) if change in ("record", "source") else "submissions/idea.py"
    if change == "artifact":
        target.stored.artifact.unlink()
    elif change == "record":
        monkeypatch.setattr("mbench.results.names.baseline_names", lambda: ["idea"])
        monkeypatch.setattr("mbench.results.names.baseline_path", lambda name: tmp_path / "submissions/idea.py")
        (store.cells / f"{KEY}.json").unlink()
    with pytest.raises(UsageError, match=message) as caught:
        find_target(name, "julia" if change == "task" else "mandelbrot", "quick", store.folder)
    assert "mbench e" in str(caught.value) or change == "source"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument"),
        (["absent"], "absent: no such file or name"),
        (["knn"], "knn: mandelbrot was not evaluated on track quick in results. Run `mbench evaluate"),
        (["knn", "--at", "1,2"], "expected X,Y,M"),
        (["knn", "--at", "1,2,nan"], "expected X,Y,M"),
        (["a", "b", "c", "d", "e"], "at most 4"),
    ],
    ids=str,
)
def test_a_wrong_exploration_is_usage(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["explore", *arguments])
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_interrupted(start, stored, store, number):
    stored()
    process = start(
        "explore", "submissions/idea.py", "--results", store.folder, "--no-browser", "--json", "--at=-0.5,0.25,1e16",
        "--unsafe-no-sandbox", preexec_fn=os.setsid,
    )  # fmt: skip
    url = json.loads(process.stdout.readline())["url"]
    assert url.startswith("http://127.0.0.1:")
    assert url.endswith("/#x=-0.5&y=0.25&m=1e%2B16")
    process.send_signal(number)
    rest, errors = process.communicate(timeout=60)
    assert (process.returncode, rest, errors) == (0, "", "Stopped.\n")


def test_a_browser_that_stays_holds_up_nothing(start, stored, store, tmp_path):
    stored()
    browser = tmp_path / "browser"
    browser.write_text('#!/bin/sh\necho "$1"\nexec cat > /dev/null 2>&1\n')  # until its input is closed
    browser.chmod(stat.S_IRWXU)
    process = start(
        "explore", "submissions/idea.py", "--results", store.folder, "--json", "--unsafe-no-sandbox",
        stdin=subprocess.PIPE, env=os.environ | {"DISPLAY": ":0", "BROWSER": str(browser)},
    )  # fmt: skip
    url = json.loads(process.stdout.readline())["url"]
    assert process.stdout.readline().strip() == url
    place = urlsplit(url)
    client = Client(Address(place.port, place.path.strip("/")))
    assert client.ask("session.json")[0] == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    assert process.communicate() == ("", "Stopped.\n")


def test_a_port_in_use_is_usage(stored, store, served, tmp_path, monkeypatch):
    stored()
    monkeypatch.chdir(tmp_path)
    port = served[1].address.port
    result = CliRunner().invoke(
        main,
        ["explore", "submissions/idea.py", "--results", str(store.folder), "--port", str(port), "--unsafe-no-sandbox"],
    )
    assert result.exit_code == 2, result.output
    assert f"port {port} is not to be had" in result.output
