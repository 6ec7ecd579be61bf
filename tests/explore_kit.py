"""What the explorer's tests share: stored estimators of submissions that learn at once, and a server about them."""

import contextlib
import http.client
import json
import socket
import threading

import numpy as np

from mbench.results.estimators import Stored, Target
from mbench.results.predictions import predictions_digest
from mbench.results.store import ResultStore
from mbench.runs.cells import Cell, make_spec
from mbench.runs.settings import Settings
from mbench.sandbox.child_process import Child
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import read_submission
from mbench.suite.tasks import load_task
from mbench.views.explore.app import open_session
from mbench.views.explore.server import make_server, new_address, open_socket

ISOLATION = choose_isolation(allow_none=True)
SETTINGS = Settings(isolation=ISOLATION)

# A plane over the inputs: every pixel has a value of its own, known in closed form.
PLANE = "return 0.5 + 0.25 * X[:, :1] + 0.125 * X[:, 1:]"


def plane(X):
    return (0.5 + 0.25 * X[:, :1] + 0.125 * X[:, 1:]).astype(np.float32)


def store_fitted(store: ResultStore, path, record, *, n_samples: int = 50) -> Target:
    """Fit a submission's file to a small sample of the record's task, and store what `mbench evaluate` would.

    answers: of the record, where they are others than those that the submission gives (of one that fails, say).
    """
    source = read_submission(path)
    task = load_task(record["task"])
    cell = Cell(record["task"], "quick", 0, n_samples, 15.0)
    sample = task.draw_sample(n_samples, 0)
    with Child(source, make_spec(cell, task, SETTINGS), isolation=ISOLATION) as child:
        child.build()
        child.fit(sample.X, sample.y)
        artifact = child.save().read_bytes()
        X = task.draw_queries(n_samples, 0).X
        answers = record.get("answers")
        answers = child.predict(X, 15.0)[0] if answers is None else np.full((len(X), task.n_outputs), answers, "f4")
        made = record["make"](
            key=record["key"], task=record["task"], task_digest=task.digest(), source_digest=source.digest,
            submission=record.get("name", source.name), n_samples=n_samples, fit_limit_s=15.0,
            predictions_digest=predictions_digest(answers),
        )  # fmt: skip
        store.write(made, answers, artifact)
    return Target(source, Stored(made, store))


class Client:
    """Asks a running server as a browser would, with headers of one's own."""

    def __init__(self, address):
        self.address = address

    def ask(self, path, method="GET", *, token=None, headers=()):
        """path: below the token.  Returns the status, the headers and the body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.address.port, timeout=60)
        try:
            prefix = self.address.token if token is None else token
            connection.request(method, f"/{prefix}/{path}", headers=dict(headers))
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def send(self, content):
        """Send bytes over a connection of its own, which is returned open."""
        connection = socket.create_connection(("127.0.0.1", self.address.port), timeout=60)
        connection.sendall(content)
        return connection

    def json(self, path, method="GET"):
        return json.loads(self.ask(path, method)[2])

    def tile(self, layer, tile, n_outputs=1):
        status, _, body = self.ask(f"tiles/{layer}/{tile.level}/{tile.column}/{tile.row}")
        assert status == 200, body
        return np.frombuffer(body, "<f4").reshape(-1, n_outputs)


@contextlib.contextmanager
def exploring(*targets, task="mandelbrot"):
    """Serve targets in a thread; yields the session and a client."""
    with open_socket(0) as listener:
        session = open_session(task, targets, SETTINGS)
        address = new_address(listener)
        server = make_server(session, address)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield session, Client(address)
        finally:
            server.should_exit = True
            thread.join()
