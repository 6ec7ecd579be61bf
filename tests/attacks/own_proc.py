"""Write through /proc/self: memory, code, score with the out-of-memory killer, user maps, attributes."""

import os

from kit import Mean, attempt

EXPECTED = "ok"


def attack():
    for name in ("mem", "oom_score_adj", "uid_map", "gid_map", "projid_map", "setgroups", "loginuid", "attr/current",
                 "coredump_filter", "clear_refs", "autogroup", "sched", "timens_offsets", "comm"):  # fmt: skip
        for self in ("self", "thread-self", str(os.getpid()), f"self/task/{os.getpid()}"):
            attempt(f"{self}/{name}", lambda path=f"/proc/{self}/{name}": open(path, "r+b", buffering=0))


def build(spec):
    return Mean(attack)
