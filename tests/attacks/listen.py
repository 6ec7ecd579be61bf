"""Wait for others: listen on TCP, UDP and unix sockets."""

import os
import socket

from kit import Mean, attempt
from targets import FREE_PORT, TOKEN

EXPECTED = "ok"
BREACHES_C = True
held = []


def listen(family, kind, address):
    channel = socket.socket(family, kind)
    held.append(channel)
    channel.bind(address)
    if kind == socket.SOCK_STREAM:
        channel.listen()


def attack():
    attempt("TCP", lambda: listen(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", FREE_PORT)))
    attempt("UDP", lambda: listen(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", FREE_PORT)))
    attempt("unix", lambda: listen(socket.AF_UNIX, socket.SOCK_STREAM, os.path.expanduser("~/socket")))
    attempt("abstract", lambda: listen(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{TOKEN}-listening"))


def build(spec):
    return Mean(attack)
