"""Ignore every signal that can be, and hang."""

import contextlib
import signal

from kit import Mean

EXPECTED = "timeout"


def attack():
    for number in signal.valid_signals():
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True:
        with contextlib.suppress(BaseException):
            signal.pause()


def build(spec):
    return Mean(attack)
