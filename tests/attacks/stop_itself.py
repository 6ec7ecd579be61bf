"""Stop itself with SIGSTOP, so that nothing in it can answer or end."""

import os
import signal

from kit import Mean

EXPECTED = "timeout"


def build(spec):
    return Mean(lambda: os.kill(os.getpid(), signal.SIGSTOP))
