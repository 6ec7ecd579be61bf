"""Stop the clocks of its process, and fit for longer than the limit."""

import time

from kit import Mean

EXPECTED = "timeout"


def attack():
    start = time.time()
    for name in ("time", "monotonic", "perf_counter", "process_time", "time_ns", "monotonic_ns"):
        setattr(time, name, lambda: start)
    time.sleep = lambda seconds: None
    while time.time() < start + 1:
        pass


def build(spec):
    return Mean(attack)
