"""Slow or cripple other processes: priority, affinity, limits, scheduling, score with the out-of-memory killer."""

import ctypes
import os
import resource

from kit import Mean, attempt, system_call
from targets import HARNESS, SIBLING_PIDS

EXPECTED = "ok"


def attack():
    limits = (ctypes.c_uint64 * 2)(64, 64)
    for pid in {os.getppid(), HARNESS, 1, *SIBLING_PIDS} - {os.getpid(), 0}:
        attempt(f"renice {pid}", lambda pid=pid: os.setpriority(os.PRIO_PROCESS, pid, 19))
        attempt(f"affinity {pid}", lambda pid=pid: os.sched_setaffinity(pid, {0}))
        attempt(f"limits {pid}", lambda pid=pid: resource.prlimit(pid, resource.RLIMIT_NOFILE))
        attempt(f"limit {pid}", lambda pid=pid: resource.prlimit(pid, resource.RLIMIT_NPROC, (4096, 4096)))
        attempt(f"idle {pid}", lambda pid=pid: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)))
        attempt(f"attributes {pid}", lambda pid=pid: system_call("sched_setattr", pid, limits, 0))
        attempt(f"io {pid}", lambda pid=pid: system_call("ioprio_set", 1, pid, 3 << 13))
        attempt(f"pages {pid}", lambda pid=pid: system_call("migrate_pages", pid, 8, limits, limits))
        attempt(f"group {pid}", lambda pid=pid: os.setpgid(pid, 0))
        for name in ("oom_score_adj", "autogroup", "comm", "clear_refs", "timerslack_ns", "coredump_filter"):
            attempt(f"{name} {pid}", lambda pid=pid, name=name: open(f"/proc/{pid}/{name}", "w"))
    attempt("renice user", lambda: os.setpriority(os.PRIO_USER, 0, 19))
    attempt("renice group", lambda: os.setpriority(os.PRIO_PGRP, 0, 19))
    attempt("own priority", lambda: os.nice(-5))


def build(spec):
    return Mean(attack)
