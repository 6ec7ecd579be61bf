"""Read a secret file outside the scratch folder, by every way round to its name."""

import mmap
import os

from kit import Mean, attempt, system_call_number
from targets import SECRET

EXPECTED = "ok"
BREACHES_C = True


def read(path):
    with open(path) as file:
        return file.read()


def read_mapped():
    descriptor = os.open(SECRET, os.O_RDONLY)
    return mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)[:]


def read_through_link():
    link = os.path.expanduser("~/link")
    os.symlink(SECRET, link)
    return read(link)


def read_through_hard_link():
    link = os.path.expanduser("~/hard")
    os.link(SECRET, link)
    return read(link)


def reopen_path_descriptor():
    descriptor = os.open(SECRET, os.O_PATH)
    return read(f"/proc/self/fd/{descriptor}")


def openat2():
    return os.read(system_call_number(437, -100, SECRET.encode(), bytes(24), 24), 100)


def attack():
    attempt("open", lambda: read(SECRET))
    attempt("root of proc", lambda: read(f"/proc/self/root{SECRET}"))
    attempt("up from cwd", lambda: read("../" * 20 + SECRET))
    attempt("cwd of proc", lambda: read("/proc/self/cwd" + "/.." * 20 + SECRET))
    attempt("mapped", read_mapped)
    attempt("symbolic link", read_through_link)
    attempt("hard link", read_through_hard_link)
    attempt("path descriptor", reopen_path_descriptor)
    attempt("openat2", openat2)


def build(spec):
    return Mean(attack)
