"""Undo what binds it: death with its parent, no_new_privs, limits, rights, session, dumpability, user."""

import contextlib
import ctypes
import os
import resource

from kit import Mean, attempt, breach, libc, system_call

EXPECTED = "ok"
CAPSET = {"x86_64": 126, "aarch64": 91}


def raise_limit(kind):
    hard = resource.getrlimit(kind)[1]
    if hard == resource.RLIM_INFINITY:
        raise OSError("nothing to raise")
    resource.setrlimit(kind, (hard, hard + (1 << 20)))
    return resource.getrlimit(kind)


def take_capabilities():
    header, everything = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)
    from kit import system_call_number

    return system_call_number(CAPSET[os.uname().machine], header, everything)


def attack():
    with contextlib.suppress(OSError):
        os.setsid()  # a session of its own, where it has none, must not save it in the end
    attempt("death with parent", lambda: libc("prctl", 1, 0, 0, 0, 0))
    attempt("death by another signal", lambda: libc("prctl", 1, 23, 0, 0, 0))
    attempt("new privileges", lambda: libc("prctl", 38, 0, 0, 0, 0))
    attempt("not dumpable", lambda: libc("prctl", 4, 0, 0, 0, 0))
    attempt("no filter", lambda: libc("prctl", 22, 0, 0, 0, 0))
    attempt("filter that asks us", lambda: system_call("seccomp", 1, 8, bytes(16)))
    attempt("rules of its own", lambda: system_call("landlock_create_ruleset", bytes(8), 8, 0))
    attempt("capabilities", take_capabilities)
    attempt("ambient capability", lambda: libc("prctl", 47, 2, 21, 0, 0))
    attempt("keep capabilities", lambda: libc("setuid", 0 if os.getuid() else 65534))
    attempt("group", lambda: libc("setgid", 0 if os.getgid() else 65534))
    attempt("groups", lambda: os.setgroups([0, 1]))
    attempt("process group", lambda: os.setpgid(0, os.getppid()))
    attempt("personality", lambda: system_call("personality", 0x0040000))
    for kind in (resource.RLIMIT_DATA, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE):
        attempt(f"limit {kind}", lambda kind=kind: raise_limit(kind))
    status = open("/proc/self/status").read()
    for line in ("CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"):
        if line not in status:
            breach("status without", line)


def build(spec):
    return Mean(attack)
