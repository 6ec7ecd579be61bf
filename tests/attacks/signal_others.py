"""Signal the harness, the nursery, other cells and everybody: kill, tgkill, sigqueue, pidfds, and SIGIO by fcntl."""

import ctypes
import fcntl
import os
import signal

from kit import Mean, attempt, libc, system_call
from targets import HARNESS, SIBLING_PIDS

EXPECTED = "ok"
SIGNAL = signal.SIGURG  # ignored where it arrives, but for the handler of the test


def send_through_pipe(owner_command, owner):
    read, write = os.pipe()
    fcntl.fcntl(read, owner_command, owner)
    fcntl.fcntl(read, 10, int(SIGNAL))  # F_SETSIG
    fcntl.fcntl(read, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    os.write(write, b"x")
    return "owner of a pipe"


def attack():
    information = ctypes.create_string_buffer(128)
    for pid in {os.getppid(), HARNESS, 1, *SIBLING_PIDS} - {os.getpid(), 0}:
        attempt(f"kill {pid}", lambda pid=pid: os.kill(pid, SIGNAL))
        attempt(f"ask {pid}", lambda pid=pid: os.kill(pid, 0))
        attempt(f"group {pid}", lambda pid=pid: os.killpg(pid, SIGNAL))
        attempt(f"tgkill {pid}", lambda pid=pid: system_call("tgkill", pid, pid, int(SIGNAL)))
        attempt(f"tkill {pid}", lambda pid=pid: system_call("tkill", pid, int(SIGNAL)))
        attempt(f"queue {pid}", lambda pid=pid: system_call("rt_sigqueueinfo", pid, int(SIGNAL), information))
        attempt(f"thread {pid}", lambda pid=pid: system_call("rt_tgsigqueueinfo", pid, pid, int(SIGNAL), information))
        attempt(f"handle {pid}", lambda pid=pid: signal.pidfd_send_signal(os.pidfd_open(pid), SIGNAL))
        attempt(f"handle by number {pid}", lambda: system_call("pidfd_send_signal", 0, int(SIGNAL), 0, 0))
        attempt(f"SIGIO {pid}", lambda pid=pid: send_through_pipe(fcntl.F_SETOWN, pid))
        attempt(f"SIGIO group {pid}", lambda pid=pid: send_through_pipe(fcntl.F_SETOWN, -pid))
        owner = (ctypes.c_int * 2)(1, pid)
        attempt(f"SIGIO extended {pid}", lambda owner=owner: send_through_pipe(15, bytes(owner)))
    attempt("everybody", lambda: os.kill(-1, SIGNAL))
    attempt("own group", lambda: os.kill(0, SIGNAL))
    attempt("wide number", lambda: libc("kill", ctypes.c_long((1 << 32) | os.getppid()), int(SIGNAL)))


def build(spec):
    return Mean(attack)
