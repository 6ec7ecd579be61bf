"""Debian's Firefox, spoken to in WebDriver BiDi over a WebSocket: no build of Playwright's, no driver."""

import base64
import contextlib
import json
import os
import re
import secrets
import socket
import subprocess
from urllib.parse import urlsplit

_ANSWER_S = 120.0
_LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


class WebSocket:
    """The client's side of RFC 6455, for texts alone."""

    def __init__(self, url):
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=_ANSWER_S)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        self._socket.sendall(
            f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._stream = self._socket.makefile("rb")
        status = self._stream.readline()
        assert b" 101 " in status, status
        while self._stream.readline().strip():
            pass

    def send(self, text):
        content, mask = text.encode(), secrets.token_bytes(4)
        size = len(content)
        length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(content))
        self._socket.sendall(bytes([0x81]) + length + mask + masked)

    def receive(self):
        """Return the next text; its frames are put together, and what is no text is passed over."""
        text = b""
        while True:
            first, second = self._stream.read(2)
            size = second & 0x7F
            if size > 125:
                size = int.from_bytes(self._stream.read(2 if size == 126 else 8), "big")
            content = self._stream.read(size)
            kind = first & 0x0F
            assert kind != 8, f"Firefox closed the connection: {content!r}"
            if kind in (0, 1):
                text += content
                if first & 0x80:
                    return text.decode()

    def close(self):
        self._socket.close()


class Firefox:
    """One window. complaints: what pages said in the console, and errors of their scripts."""

    def __init__(self, url):
        self.complaints = []
        self._socket = WebSocket(f"{url}/session")
        self._number = 0
        self.ask("session.new", capabilities={})
        self.ask("session.subscribe", events=["log.entryAdded"])
        self._context = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def ask(self, method, **parameters):
        """Send a command and return its result."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.receive())
            if answer.get("method") == "log.entryAdded":
                self.complaints.append(answer["params"]["text"])
            if answer.get("id") == self._number:
                assert answer["type"] == "success", answer
                return answer["result"]

    def open(self, url, width, height):
        size = {"width": width, "height": height}
        self.ask("browsingContext.setViewport", context=self._context, viewport=size)
        self.ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, expression):
        """Return what an expression of the page, or its promise, comes to."""
        found = self.ask(
            "script.evaluate", target={"context": self._context}, awaitPromise=True,
            expression=f"(async () => JSON.stringify(await ({expression})) ?? 'null')()",
        )  # fmt: skip
        assert found["type"] == "success", found
        return json.loads(found["result"]["value"])

    def wait_until(self, expression):
        """Wait for an expression of the page to be true."""
        true = self.evaluate(f"""(async () => {{
            for (let n = 0; n < 600; n++) {{
                if ({expression}) return true;
                await new Promise((resolve) => setTimeout(resolve, 50));
            }}
            return false;
        }})()""")
        assert true, f"never true: {expression}"

    def picture(self):
        """Return what is seen, as the bytes of a PNG."""
        return base64.b64decode(self.ask("browsingContext.captureScreenshot", context=self._context)["data"])

    def wheel(self, x, y, pixels):
        """Turn the wheel over a place of the view that the pointer has moved to."""
        moves = [{"type": "pointerMove", "x": x - 3, "y": y}, {"type": "pointerMove", "x": x, "y": y}]
        pointer = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": moves}
        self.ask("input.performActions", context=self._context, actions=[pointer])
        turn = {"type": "scroll", "x": x, "y": y, "deltaX": 0, "deltaY": pixels}
        self.ask("input.performActions", context=self._context, actions=[
            {"type": "wheel", "id": "wheel", "actions": [turn]}])  # fmt: skip

    def close(self):
        self._socket.close()


@contextlib.contextmanager
def running_firefox(program, profile):
    """Run Firefox without a screen on a profile of its own, and yield its window."""
    home = profile / "home"
    home.mkdir(parents=True)
    command = [program, "--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", str(profile)]
    environment = os.environ | {"HOME": str(home), "MOZ_HEADLESS_WIDTH": "1600", "MOZ_HEADLESS_HEIGHT": "1200"}
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    try:
        heard = ""
        for line in process.stderr:
            heard += line
            if found := _LISTENING.search(line):
                firefox = Firefox(found[1])
                try:
                    yield firefox
                finally:
                    firefox.close()
                return
        raise AssertionError(f"Firefox ended: {heard[-2000:]}")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
