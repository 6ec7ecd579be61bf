"""Learn the machine's host name, mounts and open ports."""

import os

from kit import Mean, attempt
from targets import HOST_NAMES, TCP_PORT

EXPECTED = "ok"
BREACHES_C = True
BREACHES_B = True  # namespaces hide these, and B has none


def find(text, path):
    with open(path) as file:
        return text in file.read() or 1 / 0


def attack():
    attempt("host name", lambda: HOST_NAMES.index(os.uname().nodename))
    attempt("ports", lambda: find(f":{TCP_PORT:04X}", "/proc/self/net/tcp"))


def build(spec):
    return Mean(attack)
