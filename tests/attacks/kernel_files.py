"""Open the kernel's own files: settings, control groups, the core pattern, debug files, keys."""

import os

from kit import Mean, attempt

EXPECTED = "ok"
READ = ("/proc/kcore",
        "/proc/kallsyms", "/proc/kmsg", "/proc/keys", "/proc/config.gz", "/proc/sched_debug", "/etc/shadow",
        "/proc/mounts/../1/environ", "/proc/sysvipc/shm", "/etc/passwd", "/etc/hostname", "/proc/version",
        "/sys/kernel/debug", "/sys/class/net", "/sys/block", "/sys/fs/cgroup", "/proc/bus", "/proc/locks")  # fmt: skip
WRITE = ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/overcommit_memory", "/sys/power/state",
         "/proc/sys/vm/drop_caches", "/proc/sys/kernel/modprobe", "/sys/fs/cgroup/cgroup.procs", "/proc/mtrr",
         "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/devices/system/cpu/cpu0/online",
         "/proc/sys/fs/binfmt_misc/register", "/sys/kernel/uevent_helper", "/proc/1/oom_score_adj")  # fmt: skip


def read(path):
    return os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1)


def attack():
    for path in READ:
        attempt(f"read {path}", lambda path=path: read(path))
    for path in WRITE:
        attempt(f"open {path}", lambda path=path: os.open(path, os.O_WRONLY))


def build(spec):
    return Mean(attack)
