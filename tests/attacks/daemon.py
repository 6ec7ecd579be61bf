"""Leave a daemon that outlives the cell: double fork, new session, every signal ignored."""

import os
import signal
import time

from kit import Mean, attempt, breach

EXPECTED = "ok"


def become_daemon():
    if os.fork() == 0:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if os.fork() == 0:
            breach("daemon", os.getpid())
            time.sleep(60)
        os._exit(0)
    return "a daemon"


def attack():
    attempt("daemon", become_daemon)
    attempt("detached", lambda: os.posix_spawn("/bin/sleep", ["sleep", "60"], {}, setsid=True))


def build(spec):
    return Mean(attack)
