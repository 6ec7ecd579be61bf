"""Become another program, which would start without this process's Landlock rules if there were a way."""

import os
import sys

from kit import Mean, attempt, system_call

EXPECTED = "ok"


def run_file():
    path = os.path.expanduser("~/program")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o755), "wb") as file:
        file.write(b"#!/bin/sh\necho BREACH ran\n")
    os.execv(path, [path])


def attack():
    attempt("own file", run_file)
    for path in ("/bin/true", "/bin/sh", "/usr/bin/sudo", "/usr/bin/su", sys.executable, "/proc/self/exe"):
        attempt(f"execve {path}", lambda path=path: os.execv(path, [path]))
        attempt(f"execveat {path}", lambda path=path: system_call("execveat", -100, path.encode(), 0, 0, 0))
    descriptor = os.open(os.path.realpath(sys.executable), os.O_RDONLY)
    attempt("fexecve", lambda: os.execve(descriptor, ["python", "-c", "print('BREACH')"], {}))
    attempt("empty path", lambda: system_call("execveat", descriptor, b"", 0, 0, 0x1000))


def build(spec):
    return Mean(attack)
