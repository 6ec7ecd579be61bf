"""Try refused calls from other threads, of Python and of C, started before the data came and after."""

import ctypes
import os
import socket
import threading

from kit import LIBC, Mean, attempt, system_call
from targets import SECRET

EXPECTED = "ok"
go = threading.Event()


def try_everything(when):
    go.wait(10)
    for _ in range(50):
        attempt(f"{when}: socket", lambda: socket.socket())
        attempt(f"{when}: fork", os.fork)
        attempt(f"{when}: unshare", lambda: system_call("unshare", 0x10000000))
        attempt(f"{when}: read", lambda: open(SECRET).read())
        attempt(f"{when}: parent", lambda: os.kill(os.getppid(), 0))


early = [threading.Thread(target=try_everything, args=("early",)) for _ in range(4)]
for thread in early:
    thread.start()


def attack():
    late = [threading.Thread(target=try_everything, args=("late",)) for _ in range(4)]
    for thread in late:
        thread.start()
    # A thread that is no thread of Python's: forks as soon as it runs.
    native = ctypes.c_ulong()
    LIBC.pthread_create(ctypes.byref(native), None, ctypes.cast(LIBC.fork, ctypes.c_void_p), None)
    result = ctypes.c_void_p()
    LIBC.pthread_join(native, ctypes.byref(result))
    attempt("native fork", lambda: 1 / (result.value is not None and ctypes.c_int(result.value).value > 0))
    go.set()
    for thread in early + late:
        thread.join()


def build(spec):
    return Mean(attack)
