"""Watch what others do: inotify, fanotify, directory notes and leases on folders and files outside."""

import fcntl
import os

from kit import Mean, attempt, libc, system_call
from targets import OUTSIDE, RESULTS, SECRET

EXPECTED = "ok"


def attack():
    attempt("inotify", lambda: libc("inotify_init"))
    attempt("inotify by number", lambda: system_call("inotify_init1", 0))
    for path in (OUTSIDE, RESULTS, SECRET, "/tmp", os.__file__):
        attempt(f"watch {path}", lambda path=path: system_call("inotify_add_watch", 0, path.encode(), 2))
        attempt(f"notes {path}", lambda path=path: fcntl.fcntl(os.open(path, os.O_RDONLY), fcntl.F_NOTIFY, 2))
        attempt(f"lease {path}", lambda path=path: fcntl.fcntl(os.open(path, os.O_RDONLY), fcntl.F_SETLEASE, 0))
    attempt("fanotify", lambda: system_call("fanotify_init", 0x200, 0))


def build(spec):
    return Mean(attack)
