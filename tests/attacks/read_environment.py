"""Read the environment and the command line of the harness, or of any process there is."""

import os

from kit import Mean, attempt, breach
from targets import HARNESS, SECRET_VARIABLE

EXPECTED = "ok"
BREACHES_C = True


def read(path):
    with open(path, "rb") as file:
        return file.read() or 1 / 0


def own_secret():
    return os.environ[SECRET_VARIABLE]


def attack():
    attempt("inherited", own_secret)
    if SECRET_VARIABLE.encode() in open("/proc/self/environ", "rb").read():
        breach("own environment")
    known = {os.getppid(), HARNESS, 1, 2} - {0, os.getpid()}
    for pid in sorted(known | set(range(os.getpid() - 20, os.getpid()))):
        for name in ("environ", "cmdline", "maps", "status", "cwd/.", "root/etc/passwd", "fd", "task"):
            path = f"/proc/{pid}/{name}"
            attempt(path, lambda path=path: os.listdir(path)[0] if os.path.isdir(path) else read(path))
    attempt("/proc", lambda: os.listdir("/proc"))


def build(spec):
    return Mean(attack)
