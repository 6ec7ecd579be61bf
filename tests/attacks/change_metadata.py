"""Change mode, owner, times and attributes of files outside, which Landlock does not forbid."""

import fcntl
import os

from kit import Mean, attempt, system_call
from targets import OUTSIDE, RESULTS, SECRET

EXPECTED = "ok"


def attack():
    for path in (SECRET, RESULTS, f"{RESULTS}/record.json", OUTSIDE, os.getcwd(), "..", "../in/X.npy", "/tmp"):
        attempt(f"chmod {path}", lambda path=path: os.chmod(path, 0o777))
        attempt(f"chown {path}", lambda path=path: os.chown(path, os.getuid(), os.getgid()))
        attempt(f"lchown {path}", lambda path=path: os.lchown(path, os.getuid(), os.getgid()))
        attempt(f"utime {path}", lambda path=path: os.utime(path, (1, 1)))
        attempt(f"touch {path}", lambda path=path: os.utime(path))
        attempt(f"setxattr {path}", lambda path=path: os.setxattr(path, "user.mine", b"x"))
        attempt(f"removexattr {path}", lambda path=path: os.removexattr(path, "user.planted"))
        attempt(f"fchmodat2 {path}", lambda path=path: system_call("fchmodat2", -100, path.encode(), 0o777, 0))
        attempt(f"setxattrat {path}", lambda path=path: system_call("setxattrat", -100, path.encode(), 0, b"x", 0, 0))
        attempt(f"file_setattr {path}", lambda path=path: system_call("file_setattr", -100, path.encode(), 0, 0, 0))
        attempt(f"by descriptor {path}", lambda path=path: os.fchmod(os.open(path, os.O_PATH), 0o777))
        attempt(f"by proc {path}", lambda path=path: os.chmod(f"/proc/self/fd/{os.open(path, os.O_PATH)}", 0o777))
        attempt(f"attributes {path}", lambda path=path: fcntl.ioctl(os.open(path, os.O_RDONLY), 0x40086602, 64))
    attempt("of libraries", lambda: os.fchmod(os.open(os.__file__, os.O_RDONLY), 0o777))


def build(spec):
    return Mean(attack)
