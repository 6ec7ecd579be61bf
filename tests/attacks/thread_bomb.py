"""Start 3,000 threads."""

import threading
import time

from kit import Mean, breach

EXPECTED = "out-of-memory crash"  # at the limit on threads, or that on memory for their stacks
REASON = "thread"


def attack():
    for _ in range(3000):
        threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
    time.sleep(2)
    breach("3,000 threads")


def build(spec):
    return Mean(attack)
