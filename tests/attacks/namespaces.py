"""Make namespaces of its own, and mounts in them, where it would be root again."""

import os

from kit import Mean, attempt, system_call
from targets import SECRET

EXPECTED = "ok"
FLAGS = {"time": 0x80, "mount": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000,
         "pid": 0x20000000, "net": 0x40000000}  # fmt: skip


def clone(flags):
    if system_call("clone", flags | 17, 0, 0, 0, 0) == 0:
        os._exit(0)
    return "a child"


def attack():
    for name, flag in FLAGS.items():
        attempt(f"unshare {name}", lambda flag=flag: system_call("unshare", flag))
        attempt(f"clone {name}", lambda flag=flag: clone(flag))
        attempt(f"clone user and {name}", lambda flag=flag: clone(flag | FLAGS["user"]))
        if flag > 0xFF:  # below, `clone` takes it for a signal
            attempt(f"thread in {name}", lambda flag=flag: system_call("clone", flag | 0x10D00, 0, 0, 0, 0))
    for name in ("user", "mnt", "pid", "net"):
        attempt(f"join {name}", lambda name=name: system_call("setns", os.open(f"/proc/self/ns/{name}", 0), 0))
    here = os.path.expanduser("~").encode()
    for kind in (b"tmpfs", b"proc", b"overlay"):
        attempt(f"mount {kind}", lambda kind=kind: system_call("mount", kind, here, kind, 0, 0))
    attempt("bind", lambda: system_call("mount", os.path.dirname(SECRET).encode(), here, 0, 4096, 0))
    attempt("remount", lambda: system_call("mount", 0, b"/", 0, 32 | 4096, 0))
    attempt("umount", lambda: system_call("umount2", b"/tmp", 2))
    attempt("pivot_root", lambda: system_call("pivot_root", here, here))
    attempt("chroot", lambda: os.chroot(here))
    attempt("open_tree", lambda: system_call("open_tree", -100, b"/", 1))
    attempt("fsopen", lambda: system_call("fsopen", b"tmpfs", 0))
    attempt("fspick", lambda: system_call("fspick", -100, b"/", 0))
    attempt("fsmount", lambda: system_call("fsmount", 0, 0, 0))
    attempt("fsconfig", lambda: system_call("fsconfig", 0, 6, 0, 0, 0))
    attempt("move_mount", lambda: system_call("move_mount", -100, b"/", -100, here, 0))
    attempt("mount_setattr", lambda: system_call("mount_setattr", -100, b"/", 0, bytes(32), 32))
    for name in ("uid_map", "gid_map", "setgroups"):
        attempt(name, lambda name=name: open(f"/proc/self/{name}", "w"))


def build(spec):
    return Mean(attack)
