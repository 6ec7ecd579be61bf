"""Multiply: fork, vfork, clone, clone3, posix_spawn, subprocess, multiprocessing (24 at most of each)."""

import multiprocessing
import os
import subprocess
import sys
import time

from kit import Mean, attempt, system_call

EXPECTED = "ok"


def fork(make):
    if make() == 0:
        time.sleep(30)
        os._exit(0)
    return "a child"


def attack():
    for i in range(24):
        attempt(f"fork {i}", lambda: fork(os.fork))
        attempt(f"forkpty {i}", lambda: fork(lambda: os.forkpty()[0]))
        attempt(f"fork by number {i}", lambda: fork(lambda: system_call("fork")))
        attempt(f"clone {i}", lambda: fork(lambda: system_call("clone", 17, 0, 0, 0, 0)))
        attempt(f"clone with files {i}", lambda: fork(lambda: system_call("clone", 0x400 | 17, 0, 0, 0, 0)))
        arguments = (17).to_bytes(88, "little") if i % 2 else (0).to_bytes(32, "little") + (17).to_bytes(56, "little")
        attempt(f"clone3 {i}", lambda arguments=arguments: fork(lambda: system_call("clone3", arguments, 88)))
    attempt("posix_spawn", lambda: os.posix_spawn("/bin/sleep", ["sleep", "30"], {}))
    attempt("subprocess", lambda: subprocess.Popen(["/bin/sleep", "30"]))
    attempt("interpreter", lambda: subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"]))
    attempt("system", lambda: 1 / (os.system("/bin/true") == 0))
    attempt("popen", lambda: os.popen("echo out").read() or 1 / 0)
    for method in ("fork", "spawn", "forkserver"):
        attempt(method, lambda method=method: multiprocessing.get_context(method).Process(target=time.sleep).start())


def build(spec):
    return Mean(attack)
