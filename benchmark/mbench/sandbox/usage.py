"""What a process takes of the machine, as the kernel counts it, and what lies in a folder."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import psutil

_COUNTED = ("VmRSS", "VmSwap", "VmPTE")  # resident, swapped out, and the tables of pages, which may be empty ones


@dataclass(frozen=True, slots=True)
class Usage:
    """n_written: bytes written to files and pipes so far, by calls or through mappings, whatever became of them."""

    memory_bytes: int = 0
    n_threads: int = 0
    busy_s: float = 0.0
    n_written: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Return what two processes take together."""
        return Usage(
            self.memory_bytes + other.memory_bytes,
            self.n_threads + other.n_threads,
            self.busy_s + other.busy_s,
            self.n_written + other.n_written,
        )


def process_usage(process: psutil.Process) -> Usage:
    """Return what one process takes; nothing for one that is gone."""
    try:
        with process.oneshot():
            times = process.cpu_times()
            return Usage(_memory(process), process.num_threads(), times.user + times.system, _written(process))
    except psutil.Error:
        return Usage()


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
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:  # not Linux
        return process.memory_info().rss
    return sum(int(line.split()[1]) << 10 for line in lines if line.partition(":")[0] in _COUNTED)


def _written(process: psutil.Process) -> int:
    try:
        counted = process.io_counters()
    except (psutil.Error, AttributeError, NotImplementedError, OSError):  # not counted here
        return 0
    return max(counted.write_bytes, getattr(counted, "write_chars", 0))
