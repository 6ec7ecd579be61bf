"""What a child gives up before a line of a submission runs in it: the sandbox seen from inside.

Landlock takes away the files, seccomp the system calls, limits bound what no poll is quick enough for. None of it can
be taken back.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from mbench.child import landlock, seccomp

FILE_LIMIT = 4 << 30  # bytes a file may have, the stored estimator among them
_FILES_OPEN = 1024
# Libraries map memory that they never touch: PyTorch, numba and scikit-learn together 500 MB.
_UNTOUCHED_MB = 1024
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 36, 38
_CAPABILITY_VERSION_3 = 0x20080522
_CAPSET = {"x86_64": 126, "aarch64": 91}

# Of /proc, /sys and /dev, what libraries look at: the machine's size, and the process itself.
_FACTS = (
    "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems", "/proc/sys/vm",
    "/sys/devices/system", "/sys/kernel/mm/transparent_hugepage", "/dev/urandom", "/dev/random",
)  # fmt: skip
_GPU_FACTS = ("/proc/driver/nvidia", "/proc/devices")  # of a driver's nodes
_SINKS = ("/dev/null", "/dev/full")  # not zero: a shared mapping of it is memory that nothing counts


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a child is left with, beside its scratch folder. Travels to it as JSON.

    readable: files and folders.  hidden: what is not, of these.  devices: nodes it may use (a GPU's).
    """

    readable: tuple[str, ...]
    hidden: tuple[str, ...]
    devices: tuple[str, ...]
    memory_limit_mb: float


def bind_lifetimes() -> None:
    """Ask the kernel (Linux) to kill this process when the harness dies, and to make it the parent of its orphans.

    So kill -9 of the harness leaves no child, and a daemon is still found below this process when it is killed.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def confine(confinement: Confinement, scratch: str) -> None:
    """Give up everything that this process, of one thread still, will not need.

    scratch: the child's folder.  Raises OSError where the kernel refuses, on which the process must not go on.
    """
    import resource  # not on Windows, where nothing is confined

    megabytes = int(confinement.memory_limit_mb) + _UNTOUCHED_MB
    for kind, limit in (
        (resource.RLIMIT_DATA, megabytes << 20),
        (resource.RLIMIT_FSIZE, FILE_LIMIT),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _FILES_OPEN),
    ):
        hard = resource.getrlimit(kind)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (limit, limit))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs cannot be set")
    if landlock.supported_version():
        landlock.restrict_files(list_rights(confinement, scratch))
    _drop_capabilities(libc)
    seccomp.refuse_system_calls(has_gpu=bool(confinement.devices))


def list_rights(confinement: Confinement, scratch: str) -> list[tuple[str, int]]:
    """Return (path, rights) of all that a child may touch."""
    rights = [(path, landlock.READ) for path in _FACTS] + [(path, landlock.DEVICE) for path in _SINKS]
    rights += [(path, landlock.DEVICE | landlock.READ) for path in confinement.devices]
    rights += [(path, landlock.READ) for path in _GPU_FACTS if confinement.devices]
    if confinement.devices:  # the driver names its threads, and ends where it may not
        rights.append(("/proc/self/task", landlock.READ | landlock.OVERWRITE))
    for root in confinement.readable:
        below = [path for path in confinement.hidden if Path(path).is_relative_to(root)]
        if below:
            rights.append((root, landlock.LIST))  # of names alone: an import looks through the folder
        rights += [(path, landlock.READ) for path in _split_around(root, below)]
    rights += [(f"{scratch}/{folder}", landlock.READ) for folder in ("submission", "in")]
    rights += [(f"{scratch}/out/{name}", landlock.OVERWRITE) for name in ("predictions.npy", "artifact")]
    return [*rights, (f"{scratch}/home", landlock.CHANGE)]


def _split_around(root: str, hidden: list[str]) -> list[str]:
    """Return the fewest paths that make up `root` without the hidden ones."""
    if root in hidden:
        return []
    if not hidden:
        return [root]
    parts = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(root):
            if entry.is_symlink():
                parts += _outside(os.path.realpath(entry.path), root, hidden)
                continue
            inside = [path for path in hidden if path == entry.path or path.startswith(entry.path + "/")]
            parts += _split_around(entry.path, inside)
    return parts


def _outside(target: str, root: str, hidden: list[str]) -> list[str]:
    """Return what a link in `root` leads to, unless that is hidden or lies in `root`, whose parts are listed anyway."""
    way = Path(target)
    tabu = [root, *hidden]
    return [] if any(way.is_relative_to(path) or Path(path).is_relative_to(way) for path in tabu) else [target]


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if libc.syscall(_CAPSET[os.uname().machine], header, nothing) != 0:
        raise OSError(ctypes.get_errno(), "capabilities cannot be dropped")
