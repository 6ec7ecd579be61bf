"""What runs in the nursery: a clean process that imports a submission's libraries, then forks one child per cell.

It never runs a line of a submission and never sees a sample, our environment is stripped from it, and it imports only
libraries for which sooner or later makes no difference: so a child forked from it is as fresh as one started from
nothing.

Between the nursery and each child stands its keeper, which every process that the child leaves behind falls to: so all
of them are found below the keeper, and killed with it. The harness asks by sending {"scratch": …, "entry": …,
"confinement": …} and four descriptors, the child's stdin, stdout, stderr and a socket on which the keeper sends handles
on itself and the child (numbers mean nothing across namespaces) and, later, the child's exit code.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

import psutil

from mbench.child import own_files, refusals, worker  # noqa: F401  # loaded once, for all children
from mbench.child.confinement import Confinement, bind_lifetimes, confine
from mbench.child.start import import_ahead, move_in, serve_in

_PACKET = 1 << 17


def serve(control: socket.socket) -> None:
    """Fork a keeper, and it a child, for every request until the harness hangs up, or is gone; then kill them all."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers are dismissed by the harness and need no reaping
    while True:
        try:
            packet, descriptors, _, _ = socket.recv_fds(control, _PACKET, 4)
        except ConnectionError:
            packet, descriptors = b"", []
        if not packet:
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    process.kill()
            return
        if os.fork() == 0:
            control.close()
            _never_return(_keep, json.loads(packet), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _keep(request: dict[str, Any], descriptors: Sequence[int]) -> None:
    """Fork the child, tell its number and its exit code, and stay until the harness kills us."""
    bind_lifetimes()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, channel = descriptors
    status = socket.socket(fileno=channel)
    child = os.fork()
    if child == 0:
        status.close()
        _never_return(_become_child, request, streams)
    for descriptor in streams:
        os.close(descriptor)
    handles = [os.pidfd_open(process) for process in (os.getpid(), child)]
    socket.send_fds(status, [b"up"], handles)
    # Not reaped: as long as the harness may signal the child, its number must not go to another process.
    ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    status.send(b"%d" % (ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status))
    while True:
        signal.pause()


def _become_child(request: dict[str, Any], streams: Sequence[int]) -> None:
    os.setsid()
    for target, descriptor in enumerate(streams):
        os.dup2(descriptor, target)
        os.close(descriptor)
    scratch = move_in(request["scratch"], request["entry"])
    sys.stdout, sys.stderr = (os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") for fd in (1, 2))
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc]  # as in a process of its own
    bind_lifetimes()
    if request["confinement"] is not None:
        confine(Confinement(**request["confinement"]), str(scratch))
    serve_in(scratch, request["entry"], is_confined=request["confinement"] is not None)


def _never_return(
    work: Callable[[dict[str, Any], Sequence[int]], None], request: dict[str, Any], descriptors: Sequence[int]
) -> None:
    """Do the work of a fork and end its process; what goes wrong is told on stderr."""
    code = 1
    try:
        work(request, descriptors)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Import the modules named on the command line, as far as they can be, and serve."""
    control = socket.socket(fileno=int(sys.argv[1]))
    gc.disable()  # a tenth to a fifth of the import is collecting, and a library's objects stay
    import_ahead(sys.argv[2:])
    gc.freeze()  # children neither go through these objects again nor copy their pages by it
    gc.enable()
    serve(control)
    os._exit(0)  # nothing of ours is left to be done, and tearing down PyTorch takes a second


if __name__ == "__main__":
    main()
