"""Send to TCP, UDP, unix (path and abstract), netlink, vsock and raw sockets."""

import socket
import urllib.request

from kit import Mean, attempt, system_call
from targets import ABSTRACT, DATAGRAM_PATH, TCP_PORT, UDP_PORT, UNIX_PATH

EXPECTED = "ok"
BREACHES_C = True


def connect(family, kind, address):
    with socket.socket(family, kind) as channel:
        channel.settimeout(1.0)
        channel.connect(address)
        channel.send(b"hello")


def datagram_from_pair(address):
    ours, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.sendto(b"hello", address)


def stream_from_pair(address):
    ours, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.connect(address)


def attack():
    attempt("TCP", lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", TCP_PORT)))
    attempt("UDP", lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", UDP_PORT)))
    attempt("TCP fast open", lambda: socket.socket().sendto(b"x", 0x20000000, ("127.0.0.1", TCP_PORT)))
    attempt("IPv6", lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
    attempt("unix path", lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, UNIX_PATH))
    attempt("unix datagram", lambda: connect(socket.AF_UNIX, socket.SOCK_DGRAM, DATAGRAM_PATH))
    attempt("abstract", lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + ABSTRACT))
    attempt("pair to path", lambda: datagram_from_pair(DATAGRAM_PATH))
    attempt("pair to abstract", lambda: datagram_from_pair("\0" + ABSTRACT + "-datagram"))
    attempt("stream pair", lambda: stream_from_pair(UNIX_PATH))
    attempt("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
    attempt("vsock", lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM))
    attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
    attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
    attempt("kernel crypto", lambda: socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET))
    attempt("by number", lambda: system_call("socket", 2, 1, 0))
    attempt("HTTP", lambda: urllib.request.urlopen(f"http://127.0.0.1:{TCP_PORT}", timeout=0.2))
    attempt("names", lambda: socket.getaddrinfo("localhost.invalid", 80))


def build(spec):
    return Mean(attack)
