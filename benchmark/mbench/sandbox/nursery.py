"""Where children come from, seen from outside: a process that has imported a submission's libraries and forks them.

Importing scikit-learn and PyTorch takes seconds, fitting often less. The nursery imports them once. What runs in it is
`mbench.child.forking`, which says how it is asked and what it answers.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

import psutil

from mbench.child.confinement import Confinement
from mbench.disk import scratch_folder
from mbench.errors import HarnessError
from mbench.sandbox.import_path import interpreter_flags, path_variables

START_LIMIT_S = 120.0
IS_SUPPORTED = sys.platform == "linux"  # elsewhere forking a process with frameworks loaded is not safe


class ForkedChild:
    """A child of the nursery, with the part of `subprocess.Popen`'s interface that the harness uses."""

    def __init__(self, stdin: int, stdout: int, stderr: int, status: socket.socket) -> None:
        """Take over our ends of three pipes and a socket. Raises HarnessError if the nursery does not answer."""
        self.stdin, self.stdout, self.stderr = (
            os.fdopen(stdin, "wb", 0),
            os.fdopen(stdout, "rb", 0),
            os.fdopen(stderr, "rb", 0),
        )
        self._status = status
        self.returncode: int | None = None
        handles: list[int] = []
        if self._has_news(START_LIMIT_S):
            _, handles, _, _ = socket.recv_fds(status, 16, 2)
        if len(handles) != 2:
            self.close()
            raise HarnessError("the nursery of child processes did not fork one")
        self._keeper, self.pid = map(_process_number, handles)

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while the child runs."""
        if self.returncode is None and self._has_news(0.0):
            told = self._status.recv(16)
            self.returncode = int(told) if told else -signal.SIGKILL  # without a word: killed with its keeper
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code. Raises subprocess.TimeoutExpired."""
        if self.returncode is None and not self._has_news(timeout):
            raise subprocess.TimeoutExpired(f"child {self.pid}", timeout or 0.0)
        code = self.poll()
        assert code is not None
        return code

    def descendants(self) -> list[psutil.Process]:
        """Return the child and every process it left behind."""
        try:
            return psutil.Process(self._keeper).children(recursive=True)
        except psutil.Error:
            return []

    def dismiss_keeper(self) -> None:
        """Kill the keeper: the child dies with it, and `wait` returns at once, whatever the child did to the keeper."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._keeper, signal.SIGKILL)

    def close(self) -> None:
        """Close the pipes."""
        for stream in (self.stdin, self.stdout, self.stderr, self._status):
            with contextlib.suppress(OSError):
                stream.close()

    def _has_news(self, timeout: float | None) -> bool:
        """Wait until the keeper has told something, or is gone."""
        poll = select.poll()  # not select(), which stops at descriptor 1,023
        poll.register(self._status, select.POLLIN)
        return bool(poll.poll(None if timeout is None else 1000.0 * timeout))


def _process_number(handle: int) -> int:
    """Return the number under which we know the process behind a pidfd, which is closed."""
    try:
        lines = Path(f"/proc/self/fdinfo/{handle}").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))
    finally:
        os.close(handle)


class Nursery:
    """The harness's side. A context manager: leaving it ends the nursery, and with it whatever it forked."""

    def __init__(
        self,
        modules: Sequence[str],
        environment: dict[str, str],
        wrap: Callable[[list[str], Path], list[str]] = lambda command, folder: command,
    ) -> None:
        """modules: what to import before the first fork.  environment: the nursery's, and so every child's.

        wrap: from the nursery's command line and the folder of its children's scratch folders to one that isolates it.
        """
        self._modules = modules
        self._environment = environment
        self._wrap = wrap
        self._has_forked = False
        self._lent = contextlib.ExitStack()

    def __enter__(self) -> Nursery:
        """Start the nursery; it imports while the harness goes on. Raises HarnessError if it cannot be started."""
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [
            sys.executable,
            *interpreter_flags(),
            "-m",
            "mbench.child.forking",
            str(theirs.fileno()),
            *self._modules,
        ]
        try:
            self.folder = self._lent.enter_context(scratch_folder())
            self._process = subprocess.Popen(
                self._wrap(command, self.folder),
                env=self._environment | path_variables(),
                cwd="/",
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            self._socket.close()
            self._lent.close()
            raise HarnessError(f"the nursery of child processes could not be started: {error}") from error
        finally:
            theirs.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up, on which the nursery kills whatever it forked and ends."""
        self._socket.close()
        if not self._has_forked:  # it may still be importing, and has nothing to clean up
            self._process.kill()
        try:
            self._process.wait(timeout=10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._lent.close()

    def fork(self, scratch: Path, entry: str, confinement: Confinement | None = None) -> ForkedChild:
        """Fork a child that serves `worker` in a scratch folder. Raises HarnessError if the nursery is gone."""
        child_stdin, stdin = os.pipe()
        (stdout, child_stdout), (stderr, child_stderr) = os.pipe(), os.pipe()
        status, child_status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs = [child_stdin, child_stdout, child_stderr, child_status.detach()]
        request = {
            "scratch": str(scratch),
            "entry": entry,
            "confinement": None if confinement is None else asdict(confinement),
        }
        try:
            self._has_forked = True
            socket.send_fds(self._socket, [json.dumps(request).encode()], theirs)
        except OSError as error:
            status.close()
            for descriptor in (stdin, stdout, stderr):
                os.close(descriptor)
            raise HarnessError(f"the nursery of child processes is gone ({error.strerror})") from error
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        return ForkedChild(stdin, stdout, stderr, status)
