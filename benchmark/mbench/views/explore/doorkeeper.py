"""Who may come in: a connection takes none of the server's places before it has said what it wants.

A half request costs whoever sends it nothing. So connections wait here for the end of their first head, a few at a time
and not for long, and what the server counts are those that have sent one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

HEAD_LIMIT_S = 10.0
HEAD_LIMIT = 65_536  # bytes
MAX_WAITING = 64  # with one more, the one that has waited longest goes
_ENDS = (b"\r\n\r\n", b"\n\n")


class Waiting:
    """The connections that wait, longest first."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._transports: dict[asyncio.Transport, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._transports)

    def add(self, transport: asyncio.Transport) -> None:
        """Let one wait, for `HEAD_LIMIT_S` at most, and send the one away that has waited longest where it is full."""
        if len(self) >= MAX_WAITING:
            self._send_away(next(iter(self._transports)))
        loop = asyncio.get_running_loop()
        self._transports[transport] = loop.call_later(HEAD_LIMIT_S, self._send_away, transport)

    def remove(self, transport: asyncio.Transport) -> None:
        """Take out one that has come in or has left."""
        timer = self._transports.pop(transport, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """Send all away."""
        for transport in list(self._transports):
            self._send_away(transport)

    def _send_away(self, transport: asyncio.Transport) -> None:
        self.remove(transport)
        transport.abort()


class Doorkeeper(asyncio.Protocol):
    """Takes in the first head of a connection, then hands it to the protocol that serves it, and is out of the way."""

    def __init__(self, waiting: Waiting, serve: Callable[[], asyncio.Protocol]) -> None:
        """waiting: shared by a server's connections.  serve: makes the protocol of one connection."""
        self._waiting = waiting
        self._serve = serve
        self._head = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it wait."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._waiting.add(transport)

    def data_received(self, data: bytes) -> None:
        """Hand the connection over at the end of a head; end it where there is none within `HEAD_LIMIT`."""
        looked_at = max(0, len(self._head) - 3)
        self._head += data
        if any(self._head.find(end, looked_at) >= 0 for end in _ENDS):
            self._waiting.remove(self._transport)
            protocol = self._serve()
            self._transport.set_protocol(protocol)
            protocol.connection_made(self._transport)
            protocol.data_received(bytes(self._head))
        elif len(self._head) > HEAD_LIMIT:
            self._waiting.remove(self._transport)
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget one that left."""
        self._waiting.remove(self._transport)
