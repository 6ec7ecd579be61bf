"""Runs the explorer on this machine's own address until it is told to stop."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from mbench.errors import UsageError
from mbench.views.explore.app import Session, make_app
from mbench.views.explore.doorkeeper import Doorkeeper, Waiting

LOOPBACK = "127.0.0.1"
_MAX_REQUESTS = 256  # at a time; a page has some ten
_GRACE_S = 2


@dataclass(frozen=True, slots=True)
class Address:
    """Where the explorer is to be found: nothing but this machine reaches it, and nobody without the token is heard."""

    port: int
    token: str

    @property
    def hosts(self) -> tuple[str, str]:
        """What a request may call it."""
        return f"{LOOPBACK}:{self.port}", f"localhost:{self.port}"

    @property
    def url(self) -> str:
        """What a browser opens."""
        return f"http://{LOOPBACK}:{self.port}/{self.token}/"


def open_socket(port: int) -> socket.socket:
    """Return a socket that listens on the loopback address alone; port 0 is any that is free.

    Raises UsageError where the port is not to be had.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise UsageError(f"port {port} is not to be had ({error.strerror}). Give another --port, or none") from None
    return listener


def new_address(listener: socket.socket) -> Address:
    """Return the address of a listening socket, under a new token."""
    return Address(listener.getsockname()[1], secrets.token_urlsafe(24))


class Server(uvicorn.Server):
    """A server that calls `announce` once it is up.

    Not before: until then nobody takes in a signal, and one would end an event loop that is half made.
    """

    def __init__(self, config: uvicorn.Config, waiting: Waiting, announce: Callable[[], None]) -> None:
        """waiting: the connections at the door.  announce: called in the event loop, which serves nothing before."""
        super().__init__(config)
        self._waiting = waiting
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets=sockets)
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Send away who waits at the door, and stop."""
        self._waiting.close()
        await super().shutdown(sockets=sockets)


def make_server(session: Session, address: Address, announce: Callable[[], None] = lambda: None) -> Server:
    """Return a server that closes the session when it ends."""
    app = make_app(session, address.token, address.hosts)
    waiting = Waiting()

    def meet(**given: Any) -> Doorkeeper:
        return Doorkeeper(waiting, partial(AutoHTTPProtocol, **given))

    config = uvicorn.Config(
        app, log_level="critical", access_log=False, server_header=False, lifespan="on", ws="none",
        http=cast(type[asyncio.Protocol], meet), limit_concurrency=_MAX_REQUESTS, timeout_graceful_shutdown=_GRACE_S,
    )  # fmt: skip
    return Server(config, waiting, announce)


def serve(session: Session, listener: socket.socket, announce: Callable[[Address], None]) -> None:
    """Serve a session and close it at the end; Ctrl-C raises KeyboardInterrupt after that.

    announce: called with the address once the server is up, which serves nothing before it returns.
    """
    address = new_address(listener)
    try:
        make_server(session, address, lambda: announce(address)).run(sockets=[listener])
    finally:
        session.close()
        listener.close()
