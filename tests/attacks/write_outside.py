"""Create, change, move and remove files outside home: of ours, of the system, of the scratch folder itself."""

import os

from kit import Mean, attempt
from targets import HOME, OUTSIDE, RESULTS, SECRET, TOKEN

EXPECTED = "ok"


def attack():
    name = f"planted-{TOKEN}"
    folders = (OUTSIDE, RESULTS, "/tmp", "/dev/shm", "/var/tmp", "/dev", "/", "/etc", HOME, "/usr/lib", "/run")
    for folder in (*folders, "..", "../in", "../out", "../submission", "../..", "/proc/self/root/tmp"):
        path = f"{folder}/{name}"
        attempt(f"create {path}", lambda path=path: open(path, "x"))
        attempt(f"folder {path}", lambda path=path: os.mkdir(path))
        attempt(f"link {path}", lambda path=path: os.symlink("/", path))
        attempt(f"pipe {path}", lambda path=path: os.mkfifo(path))
        attempt(f"unnamed {path}", lambda folder=folder: os.open(folder, os.O_TMPFILE | os.O_WRONLY))
    for path in (SECRET, f"{RESULTS}/record.json", "../in/X.npy", "../in/y.npy", "../submission/write_outside.py"):
        attempt(f"append {path}", lambda path=path: open(path, "a"))
        attempt(f"truncate {path}", lambda path=path: os.truncate(path, 0))
        attempt(f"truncating open {path}", lambda path=path: os.open(path, os.O_RDONLY | os.O_TRUNC))
        attempt(f"rename {path}", lambda path=path: os.rename(path, path + name))
        attempt(f"fetch {path}", lambda path=path: os.rename(path, os.path.expanduser("~/fetched")))
        attempt(f"link {path}", lambda path=path: os.link(path, os.path.expanduser("~/linked")))
        attempt(f"remove {path}", lambda path=path: os.unlink(path))
    attempt("remove folder", lambda: os.rmdir(f"{OUTSIDE}/empty"))
    own = os.path.expanduser("~/own")
    open(own, "w").close()
    attempt("carry out", lambda: os.rename(own, f"{OUTSIDE}/{name}"))
    attempt("link out", lambda: os.link(own, f"{OUTSIDE}/{name}"))


def build(spec):
    return Mean(attack)
