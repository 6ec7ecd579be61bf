"""Make files that never had a name, in every folder: O_TMPFILE by open, openat and openat2."""

import os
import struct

from kit import Mean, attempt, libc, system_call

EXPECTED = "ok"


def attack():
    for folder in (os.path.expanduser("~"), ".", "out", "in", "submission", "/tmp", "/dev/shm", "/", "/var/tmp"):
        for access in (os.O_RDWR, os.O_WRONLY, os.O_RDWR | os.O_EXCL):
            flags = os.O_TMPFILE | access
            attempt(f"openat {folder}", lambda folder=folder, flags=flags: os.open(folder, flags))
            how = struct.pack("QQQ", flags, 0o600, 0)
            attempt(
                f"openat2 {folder}",
                lambda folder=folder, how=how: system_call("openat2", -100, folder.encode(), how, len(how)),
            )
    if os.uname().machine == "x86_64":
        attempt("open", lambda: libc("syscall", 2, b"home", os.O_TMPFILE | os.O_RDWR, 0o600))


def build(spec):
    return Mean(attack)
