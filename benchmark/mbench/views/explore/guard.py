"""Who may ask: the page that the server itself gave to somebody who has the token, and nobody else."""

from __future__ import annotations

import secrets
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Nothing from elsewhere, nothing inline, no frame around it. `style-src` allows what scripts set on an element.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the token stands in the address
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """Passes on requests that are addressed to `/TOKEN/…`, to this host by name, and from no other origin.

    The host's name is checked against DNS rebinding, where a stranger's name comes to mean this machine.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Collection[str]) -> None:
        """token: the first part of every path.  hosts: what a request may call this server, with its port."""
        self._app = app
        self._token = token
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 or 404, or let the application answer, with the headers that every answer has."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here speaks WebSocket
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            refusal.headers["Connection"] = "close"  # a stranger keeps no place
        app = self._app if refusal is None else refusal
        await app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        host = headers.getlist("host")
        if len(host) != 1 or host[0] not in self._hosts:
            port = next(iter(self._hosts)).rpartition(":")[2]
            return PlainTextResponse(
                "This server answers to its own address only. Through a tunnel give it the same port on both sides: "
                f"ssh -L {port}:localhost:{port}", 403,
            )  # fmt: skip
        origins = headers.getlist("origin")
        if any(origin != f"http://{host[0]}" for origin in origins):
            return PlainTextResponse("This server answers to its own page only.", 403)
        # Browsers say where a request comes from. A link on another page may be followed; nothing else may be done.
        site, mode = headers.get("sec-fetch-site", "none"), headers.get("sec-fetch-mode")
        if site not in ("none", "same-origin") and mode != "navigate":
            return PlainTextResponse("This server answers to its own page only.", 403)
        token = scope["path"].split("/")[1] if scope["path"].startswith("/") else ""
        if not secrets.compare_digest(token.encode(), self._token.encode()):
            return PlainTextResponse("Not found. The address that `mbench explore` printed has a token in it.", 404)
        return None
