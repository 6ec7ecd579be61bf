"""What a process takes of the machine, as the kernel counts it, and what lies in a folder."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

_COUNTED = ("VmRSS", "VmSwap", "VmPTE")  # resident, swapped out, and the tables of pages, which may be empty ones
_EXACT = 2  # of the kernel's clocks of a process the one in nanoseconds: its CPUCLOCK_SCHED


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process takes.

    busy_s: processor seconds of its threads so far, also of those that ended.  reaped_s: of the children that it waited
    for, and of theirs.  n_written: bytes written to files and pipes so far, by calls or through mappings, whatever
    became of them.
    """

    memory_bytes: int = 0
    n_threads: int = 0
    busy_s: float = 0.0
    reaped_s: float = 0.0
    n_written: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Return what two processes take together."""
        return Usage(
            self.memory_bytes + other.memory_bytes,
            self.n_threads + other.n_threads,
            self.busy_s + other.busy_s,
            self.reaped_s + other.reaped_s,
            self.n_written + other.n_written,
        )


class ProcessorClock:
    """The processor seconds of a child and of every process below it, as seen from outside so far."""

    def __init__(self) -> None:
        """Start at 0."""
        self.seconds = 0.0
        self._own: dict[psutil.Process, float] = {}

    def look(self, usages: Mapping[psutil.Process, Usage]) -> None:
        """Go on to what these processes, those that are looked at now, have taken.

        Whoever waits for a child is charged for it by the kernel, whoever ignores its end is not: so what every process
        had taken when it was last seen is counted as well, and the larger sum holds. Neither counts anything twice.
        """
        for process, usage in usages.items():
            self._own[process] = max(self._own.get(process, 0.0), usage.busy_s)
        alive = sum(usage.busy_s + usage.reaped_s for usage in usages.values())
        self.seconds = max(self.seconds, alive, sum(self._own.values()))


def process_usage(process: psutil.Process) -> Usage:
    """Return what one process takes; of one that nobody waited for yet its time, of one that is gone nothing."""
    try:
        with process.oneshot():
            times = process.cpu_times()
            busy_s = _processor_seconds(process.pid)
            busy_s = times.user + times.system if busy_s is None else busy_s
            reaped_s = times.children_user + times.children_system
            if process.status() == psutil.STATUS_ZOMBIE and process.num_threads() < 2:
                return Usage(busy_s=busy_s, reaped_s=reaped_s)
            return Usage(_memory(process), process.num_threads(), busy_s, reaped_s, _written(process))
    except psutil.Error:
        return Usage()


def _processor_seconds(pid: int) -> float | None:
    """Return what all threads of a process took, to the nanosecond, None where the system cannot tell.

    Source: the clocks of `clock_getcpuclockid`, whose numbers are made in the kernel's include/linux/posix-timers.h.
    """
    if sys.platform != "linux":
        return None
    try:
        return time.clock_gettime((~pid << 3) | _EXACT)
    except OSError:  # it is gone
        return None


def unnamed_files(process: psutil.Process) -> tuple[int, int]:
    """Return bytes on the disk and number of the files that a process holds and that have no name any more.

    They are held by a descriptor or by a mapping alone, so that no look into a folder finds them.
    """
    folder = _told_of(process.pid)
    found = _unnamed_mapped(folder)  # by inode
    with contextlib.suppress(OSError):  # gone, or not Linux
        for name in os.listdir(folder / "fd"):
            with contextlib.suppress(OSError):  # closed meanwhile
                status = os.stat(folder / "fd" / name)
                if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                    found[status.st_ino] = 512 * status.st_blocks
    return sum(found.values()), len(found)


def _unnamed_mapped(folder: Path) -> dict[int, int]:
    """Return {inode: bytes} of a process's mapped files without a name.

    Only root may ask for the file behind a mapping; for others what is mapped of it counts in full.
    """
    found: dict[int, int] = {}
    with contextlib.suppress(OSError), (folder / "maps").open("rb") as file:
        for line in file:
            if not line.endswith(b" (deleted)\n"):
                continue
            addresses, _, offset, _, inode, *_ = line.split()
            start, end = (int(address, 16) for address in addresses.split(b"-"))
            try:
                n_bytes = 512 * os.stat(folder / "map_files" / f"{start:x}-{end:x}").st_blocks
            except OSError:
                n_bytes = int(offset, 16) + end - start
            found[int(inode)] = max(n_bytes, found.get(int(inode), 0))
    return found


def _told_of(pid: int) -> Path:
    """Return where the kernel tells of a process: of a thread that runs where the first has ended, which holds nothing.

    All threads of a confined process share one memory and one table of files.
    """
    whole = Path(f"/proc/{pid}")
    with contextlib.suppress(OSError):
        for task in (whole, *(whole / "task").iterdir()):
            with contextlib.suppress(OSError):
                state = (task / "stat").read_bytes().rpartition(b")")[2].split()[0]
                if state not in (b"Z", b"X"):
                    return task
    return whole


def is_overfull(folder: Path, max_bytes: int, max_files: int) -> bool:
    """Does a folder hold more bytes on the disk or more files, or what cannot be counted?"""
    n_bytes = n_files = 0
    pending = [str(folder)]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    n_bytes += 512 * getattr(status, "st_blocks", status.st_size // 512)
                    n_files += 1
                    if stat.S_ISDIR(status.st_mode):
                        pending.append(entry.path)
                    if n_bytes > max_bytes or n_files > max_files:
                        return True
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):  # it changed meanwhile
                return True  # its mode, or the length of its name, hides what is in it
    return False


def _memory(process: psutil.Process) -> int:
    try:
        lines = (_told_of(process.pid) / "status").read_text().splitlines()
    except OSError:  # not Linux
        return process.memory_info().rss
    return sum(int(line.split()[1]) << 10 for line in lines if line.partition(":")[0] in _COUNTED)


def _written(process: psutil.Process) -> int:
    try:
        counted = process.io_counters()
    except (psutil.Error, AttributeError, NotImplementedError, OSError):  # not counted here
        return 0
    return max(counted.write_bytes, getattr(counted, "write_chars", 0))
