import contextlib
import os
import subprocess
import sys

import psutil
import pytest

from mbench.disk import remove_folder
from mbench.sandbox.usage import ProcessorClock, Usage, is_overfull, process_usage, unnamed_files


def test_usage_adds_up():
    assert sum([Usage(1, 2, 0.5, 4, 5), Usage(10, 20, 0.25, 40, 50)], Usage()) == Usage(11, 22, 0.75, 44, 55)


def took(busy_s, reaped_s=0.0):
    return Usage(busy_s=busy_s, reaped_s=reaped_s)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ({"parent": took(1.0), "child": took(3.0)}, 4.0),
        ({"parent": took(1.0, 3.5)}, 4.5),  # waited for, after half a second more
        ({"parent": took(1.0)}, 3.0),  # gone without a trace: as it was last seen
        ({"parent": took(1.0), "orphan": took(0.5)}, 3.5),
        ({}, 3.0),
    ],
    ids=["alive", "reaped", "unreaped", "another", "nobody"],
)
def test_processor_seconds_of_a_process_count_once_whatever_becomes_of_it(last, expected):
    clock = ProcessorClock()
    clock.look({"parent": took(1.0), "child": took(2.0)})
    clock.look(last)
    assert clock.seconds == expected


def test_processor_seconds_hold_what_every_thread_took():
    code = "import threading, time\ndef burn():\n    end = time.thread_time() + 0.3\n"
    code += "    while time.thread_time() < end: pass\n"
    code += "pair = [threading.Thread(target=burn) for _ in range(2)]\n"
    code += "for each in pair: each.start()\nfor each in pair: each.join()\nprint(flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert process_usage(psutil.Process(process.pid)).busy_s >= 0.6
        process.stdin.write(b"\n")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only what was waited for is counted")
def test_a_process_that_nobody_waited_for_still_tells_its_time():
    code = "import time\nwhile time.process_time() < 0.2: pass"
    process = subprocess.Popen([sys.executable, "-c", code])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    usage = process_usage(psutil.Process(process.pid))
    process.wait()
    assert usage.busy_s >= 0.2
    assert usage.memory_bytes == 0


def test_what_a_process_takes_is_what_the_kernel_says():
    usage = process_usage(psutil.Process())
    assert usage.memory_bytes >= psutil.Process().memory_info().rss * 0.9
    assert usage.n_threads == psutil.Process().num_threads()
    assert usage.busy_s > 0


@pytest.mark.skipif(sys.platform != "linux", reason="counted on Linux only")
def test_a_file_without_a_name_counts_as_written(tmp_path):
    before = process_usage(psutil.Process()).n_written
    with (tmp_path / "x").open("wb") as file:
        (tmp_path / "x").unlink()
        file.write(bytes(3 << 20))
        file.flush()
        assert process_usage(psutil.Process()).n_written - before >= 3 << 20


HOLDER = """
import ctypes, os, sys, threading
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
kept, way = [], sys.argv[1]
for name in ("named", "x"):
    file = os.open(name, os.O_RDWR | os.O_CREAT)
    os.posix_fallocate(file, 0, 3 << 20)  # reserved, not written
    libc.mmap(None, ctypes.c_size_t(3 << 20), 3, 1, file, ctypes.c_long(0)) if way != "descriptor" else None
    os.close(file) if way == "mapping" else None
os.unlink("x")
os.ftruncate(file, 1 << 40) if way == "descriptor" else None  # of a hole nothing is on the disk
block = bytearray(50 << 20)
def hold():
    while way == "thread" and open("/proc/self/stat").read().split()[2] != "Z":
        pass
    print(flush=True)
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=hold).start()
libc.syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0) if way == "thread" else None  # the first thread ends
"""


@contextlib.contextmanager
def holder(folder, way):
    """Yield a process that holds two files of 3 MiB, one without a name, by a descriptor, a mapping or both."""
    command = [sys.executable, "-c", HOLDER, way]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)  # what pytest reads has no name either
    with subprocess.Popen(command, cwd=folder, **pipes) as process:
        process.stdout.readline()
        yield psutil.Process(process.pid)
        process.stdin.close()


@pytest.mark.skipif(sys.platform != "linux", reason="looked at on Linux only")
@pytest.mark.parametrize("way", ["descriptor", "mapping", "both", "thread"])
def test_a_file_without_a_name_is_found_however_it_is_held(tmp_path, way):
    with holder(tmp_path, way) as process:
        n_bytes, n_files = unnamed_files(process)
    assert n_files == 1
    assert 3 << 20 <= n_bytes < 4 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process ends with its first thread")
def test_a_process_whose_first_thread_has_ended_is_counted_on(tmp_path):
    with holder(tmp_path, "thread") as process:
        assert process.status() == psutil.STATUS_ZOMBIE
        usage = process_usage(process)
    assert usage.memory_bytes > 50 << 20
    assert usage.n_threads > 1


def test_a_process_that_is_gone_takes_nothing():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        known = psutil.Process(process.pid)
    assert process_usage(known) == Usage()
    assert unnamed_files(known) == (0, 0)


@pytest.mark.parametrize(
    ("max_bytes", "max_files", "over"), [(1 << 20, 10, False), (1 << 20, 2, True), (4096, 10, True)]
)
def test_a_folder_is_overfull_by_bytes_or_by_files(tmp_path, max_bytes, max_files, over):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(os.urandom(50_000))
    assert is_overfull(tmp_path, max_bytes, max_files) == over


def nest(folder, name, depth):
    home = os.open(".", os.O_RDONLY)
    os.chdir(folder)
    for _ in range(depth):
        os.mkdir(name)
        os.chdir(name)
    open("file", "w").close()
    os.fchdir(home)
    os.close(home)


@pytest.mark.skipif(
    os.chmod not in os.supports_dir_fd and os.open not in os.supports_dir_fd, reason="needs descriptors"
)
def test_what_no_path_can_name_is_overfull_and_is_removed(tmp_path):
    nest(tmp_path, "d" * 250, 20)
    (tmp_path / "closed").mkdir(0o000)
    (tmp_path / "link").symlink_to("/")
    assert is_overfull(tmp_path, 1 << 30, 1000)
    remove_folder(tmp_path)
    assert not tmp_path.exists()


def test_a_link_is_removed_and_not_followed(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "gone" / "inner").mkdir(parents=True)
    (tmp_path / "gone" / "inner" / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "gone" / "link").symlink_to("../kept")
    remove_folder(tmp_path / "gone")
    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "file"]


def test_a_folder_that_is_gone_is_none_to_remove(tmp_path):
    remove_folder(tmp_path / "absent")
