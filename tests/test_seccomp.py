"""Which system calls a submission may make. The list stands here, from syscalls(2) and the kernel's own tables.

It is compared with what the filter answers to every number, and with what a real child is answered.
"""

import errno
import json
import os
import platform
import re
import struct
import subprocess
import sys
import textwrap
from itertools import chain
from pathlib import Path

import pytest

from mbench.child import confinement, seccomp

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is confined elsewhere")

MACHINES = ("x86_64", "aarch64")
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "i386": 0x40000003, "arm": 0x40000028}
PID = 4_242
ALLOW, REFUSE, MISSING, KILL = "allow", errno.EPERM, errno.ENOSYS, "kill"
UNSUPPORTED, UNKNOWN, IGNORED = errno.EOPNOTSUPP, errno.EINVAL, 0
NOT_SUPPORTED = errno.errorcode[UNSUPPORTED]  # it has two names
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}

# Why: the calls refused for it, each (x86-64 number, arm64 number); None where that machine lacks the call.
REFUSED = {
    "another program, another process": {
        "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    },
    "a look into another process, or a signal to it": {
        "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
        "kcmp": (312, 272), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
        "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424), "pidfd_open": (434, 434),
        "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "process_mrelease": (448, 448),
    },
    "another process's share of the machine, or more than its own": {
        "setpriority": (141, 140), "ioprio_set": (251, 30), "migrate_pages": (256, 238),
        "move_pages": (279, 239), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
        "sched_setattr": (314, 274), "sched_setaffinity": (203, 122),
    },
    "the network; a pair of datagram sockets may send to any other by its path": {
        "socket": (41, 198), "socketpair": (53, 199),
    },
    "work that the kernel does unseen by this filter, or looks at": {
        "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
        "io_setup": (206, 0), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    },
    "what the filter and Landlock stand on": {
        "seccomp": (317, 277), "landlock_create_ruleset": (444, 444), "landlock_add_rule": (445, 445),
        "landlock_restrict_self": (446, 446), "personality": (135, 92), "modify_ldt": (154, None),
        "uselib": (134, None),
    },
    "namespaces and mounts": {
        "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
        "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428), "open_tree_attr": (467, 467),
        "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
        "fspick": (433, 433), "mount_setattr": (442, 442), "swapon": (167, 224), "swapoff": (168, 225),
        "quotactl": (179, 60), "quotactl_fd": (443, 443),
    },
    "files by handle, past every path that Landlock knows": {
        "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    },
    "a file's owner, mode, times, attributes and length, which Landlock does not guard (landlock(7), limitations)": {
        "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
        "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
        "truncate": (76, 45), "utime": (132, None), "utimes": (235, None), "futimesat": (261, None),
        "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
        "setxattrat": (463, 463), "removexattr": (197, 14), "lremovexattr": (198, 15),
        "fremovexattr": (199, 16), "removexattrat": (466, 466), "file_setattr": (469, 469),
        "mknod": (133, None), "mknodat": (259, 33),
    },
    "news of what others do with files": {
        "inotify_init": (253, None), "inotify_init1": (294, 26), "inotify_add_watch": (254, 27),
        "fanotify_init": (300, 262),
    },
    "memory that is nobody's: it outlives a process, or is shared, and no limit counts it": {
        "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196),
        "shmctl": (31, 195), "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188),
        "msgctl": (71, 187), "semget": (64, 190), "semop": (65, 193), "semtimedop": (220, 192),
        "semctl": (66, 191), "mq_open": (240, 180), "mq_unlink": (241, 181), "add_key": (248, 217),
        "request_key": (249, 218), "keyctl": (250, 219),
    },
    "the machine: its clock, its name, its modules, its log": {
        "reboot": (169, 142), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
        "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
        "sethostname": (170, 161), "setdomainname": (171, 162), "settimeofday": (164, 170),
        "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171), "acct": (163, 89),
        "syslog": (103, 116), "iopl": (172, None), "ioperm": (173, None), "vhangup": (153, 58),
    },
    "where in the machine its memory lies, and pages in another order": {
        "mbind": (237, 235), "set_mempolicy": (238, 237), "set_mempolicy_home_node": (450, 450),
        "remap_file_pages": (216, 234),
    },
}  # fmt: skip
# What honest code tries, and how it is answered instead of EPERM, so that it goes on.
MISSING_CALLS = {
    "arguments that lie in memory, where no filter sees them": {"clone3": (435, 435), "openat2": (437, 437)},
    "what the page cache holds, and so what another cell has read": {"mincore": (27, 232), "cachestat": (451, 451)},
    "a hold on a file that others read as well": {"flock": (73, 32)},
}  # fmt: skip
UNSUPPORTED_CALLS = {"blocks of the disk that nobody wrote": {"fallocate": (285, 47)}}
IGNORED_CALLS = {
    "what the page cache is to hold, which the next cell would find": {
        "fadvise64": (221, 223), "readahead": (187, 213),
    },
    "everybody's files": {"sync": (162, 81), "syncfs": (306, 267)},
}  # fmt: skip
BY_ARGUMENTS = {
    "clone": (56, 220), "kill": (62, 129), "tgkill": (234, 131), "prlimit64": (302, 261), "prctl": (157, 167),
    "fcntl": (72, 25), "mmap": (9, 222), "ioctl": (16, 29), "madvise": (28, 233), "preadv2": (327, 286),
    "pwritev2": (328, 287), "open": (2, None), "openat": (257, 56),
}  # fmt: skip
# What an interpreter, numpy, PyTorch and the harness's own protocol call: (x86-64 number, arm64 number).
ALLOWED = {
    # files that Landlock lets it have
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "lseek": (8, 62), "pread64": (17, 67), "pwrite64": (18, 68),
    "fstat": (5, 80), "newfstatat": (262, 79), "dup": (32, 23), "fsync": (74, 82), "preadv": (295, 69),
    "ftruncate": (77, 46), "mkdirat": (258, 34), "unlinkat": (263, 35), "renameat2": (316, 276),
    "getdents64": (217, 61), "readlinkat": (267, 78), "getcwd": (79, 17), "pipe2": (293, 59), "statx": (332, 291),
    # its own memory
    "munmap": (11, 215), "mprotect": (10, 226), "brk": (12, 214), "mremap": (25, 216), "msync": (26, 227),
    # its own threads and signals
    "futex": (202, 98), "exit": (60, 93), "exit_group": (231, 94), "rt_sigreturn": (15, 139),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "sigaltstack": (131, 132), "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123), "set_robust_list": (273, 99), "rseq": (334, 293), "gettid": (186, 178),
    # what it is and what time it is
    "getpid": (39, 172), "clock_gettime": (228, 113), "clock_nanosleep": (230, 115), "getrandom": (318, 278),
    "uname": (63, 160), "sysinfo": (99, 179), "getrusage": (98, 165),
}  # fmt: skip


def all_of(groups):
    return dict(chain.from_iterable(calls.items() for calls in groups.values()))


ALL_REFUSED = all_of(REFUSED)
ANSWERS = {  # everything that is stopped whatever its arguments
    **dict.fromkeys(ALL_REFUSED, REFUSE),
    **dict.fromkeys(all_of(MISSING_CALLS), MISSING),
    **dict.fromkeys(all_of(UNSUPPORTED_CALLS), UNSUPPORTED),
    **dict.fromkeys(all_of(IGNORED_CALLS), IGNORED),
}
STOPPED = {**ALL_REFUSED, **all_of(MISSING_CALLS), **all_of(UNSUPPORTED_CALLS), **all_of(IGNORED_CALLS)}


def run_filter(code, architecture, number, arguments=()):
    """Interpret a BPF program over one system call, as the kernel's Documentation/networking/filter.rst says.

    Every branch goes forward and every program ends with a return, or this raises.
    """
    data = struct.pack("<IIQ6Q", number, architecture, 0, *[*arguments, 0, 0, 0, 0, 0, 0][:6])
    program = list(struct.iter_unpack("<HBBI", code))
    at = accumulator = 0
    while True:
        operation, if_true, if_false, operand = program[at]
        at += 1
        match operation:
            case 0x20:
                accumulator = struct.unpack_from("<I", data, operand)[0]
            case 0x15:
                at += if_true if accumulator == operand else if_false
            case 0x35:
                at += if_true if accumulator >= operand else if_false
            case 0x45:
                at += if_true if accumulator & operand else if_false
            case 0x54:
                accumulator &= operand
            case 0x06:
                if operand == 0x7FFF0000:
                    return ALLOW
                return KILL if operand == 0x80000000 else operand - 0x00050000
            case _:
                raise AssertionError(f"an instruction {operation:#x} that this filter has no use for")


@pytest.fixture(params=MACHINES)
def machine(request):
    return request.param


@pytest.fixture
def call(machine):
    """Return what the filter of a machine says to (x86-64 number, arm64 number) and arguments."""
    code = seccomp.assemble_filter(machine, PID)

    def ask(numbers, *arguments):
        return run_filter(code, ARCHITECTURES[machine], numbers[MACHINES.index(machine)], arguments)

    return ask


def numbers_of(calls, machine):
    """Return {number: name} of what a machine has of these calls."""
    column = MACHINES.index(machine)
    return {numbers[column]: name for name, numbers in calls.items() if numbers[column] is not None}


def test_the_filter_stops_the_listed_calls_and_no_other(machine):
    """Over every number, so that neither a call can leave the list nor another come in; no argument changes it."""
    code = seccomp.assemble_filter(machine, PID)
    expected, looked_at = numbers_of(STOPPED, machine), numbers_of(BY_ARGUMENTS, machine)
    assert len(expected) == sum(numbers[MACHINES.index(machine)] is not None for numbers in STOPPED.values())
    for arguments in ((), (2**64 - 1,) * 6):
        answers = {
            number: run_filter(code, ARCHITECTURES[machine], number, arguments)
            for number in range(1024)
            if number not in looked_at
        }
        otherwise = [name for number, name in expected.items() if answers[number] != ANSWERS[name]]
        stopped = [number for number, answer in answers.items() if number not in expected and answer != ALLOW]
        assert otherwise == []
        assert stopped == []


def test_what_computing_takes_is_allowed(machine):
    code = seccomp.assemble_filter(machine, PID)
    calls = numbers_of(ALLOWED, machine)
    assert [name for n, name in calls.items() if run_filter(code, ARCHITECTURES[machine], n) != ALLOW] == []


def test_the_filters_table_holds_the_listed_calls():
    assert seccomp._REFUSED == ALL_REFUSED
    assert all_of(MISSING_CALLS) == seccomp._MISSING
    assert all_of(UNSUPPORTED_CALLS) == seccomp._UNSUPPORTED
    assert all_of(IGNORED_CALLS) == seccomp._IGNORED


PAGE = Path(__file__).parents[1] / "docs" / "sandbox.md"


@pytest.mark.skipif(not PAGE.exists(), reason="the page lies in the checkout, not in the wheel")
def test_the_page_says_how_many_calls_are_stopped():
    n_ignored = len(numbers_of(all_of(IGNORED_CALLS), "x86_64"))
    n_x86, n_arm = (len(numbers_of(STOPPED, machine)) - n_ignored for machine in MACHINES)
    n_looked_at = len(numbers_of(BY_ARGUMENTS, "aarch64"))
    said = f"{n_x86} refused on x86-64, {n_arm} on arm64, {n_ignored} ignored; {n_looked_at} by their arguments"
    assert said in PAGE.read_text()


THREAD = 0x3D0F00  # what the C library passes for a thread
# Of linux/fs.h, falloc.h and fsverity.h: reserve, zero and share blocks, set flags, attributes, project and version,
# seal a file, freeze a file system. FIBMAP, too, which tells where a file lies.
CHANGES_BY_IOCTL = (
    0x40305828, 0x4030582A, 0x40305839, 0x40049409, 0x4020940D, 0xC0189436, 0x40086602, 0x401C5820, 0x40087602,
    0x40806685, 0xC0045877, 0x00000001,
)  # fmt: skip


@pytest.mark.parametrize(
    ("numbers", "arguments", "answer"),
    [
        ((56, 220), (THREAD,), ALLOW),
        ((56, 220), (17,), REFUSE),
        ((56, 220), (0x4100 | 17,), REFUSE),
        ((56, 220), (0x10000000 | 17,), REFUSE),
        ((56, 220), (THREAD & ~0x10000,), REFUSE),
        ((56, 220), (THREAD & ~0x400,), REFUSE),
        ((62, 129), (PID, 6), ALLOW),
        ((62, 129), (PID + 1, 6), REFUSE),
        ((62, 129), (2**64 - 1, 6), REFUSE),
        ((62, 129), (0, 6), REFUSE),
        ((62, 129), (2**64 - PID, 6), REFUSE),
        ((234, 131), (PID, 5, 6), ALLOW),
        ((234, 131), (1, 1, 6), REFUSE),
        ((302, 261), (0, 7), ALLOW),
        ((302, 261), (PID, 7), ALLOW),
        ((302, 261), (1, 7), REFUSE),
        ((157, 167), (15,), ALLOW),
        ((157, 167), (1, 0), REFUSE),
        ((157, 167), (4, 0), REFUSE),
        ((157, 167), (22, 2), REFUSE),
        ((157, 167), (1 << 32 | 1, 0), REFUSE),
        ((72, 25), (3, 3), ALLOW),
        ((72, 25), (3, 8, 1), REFUSE),
        ((72, 25), (3, 15), REFUSE),
        ((72, 25), (3, 1024), REFUSE),
        ((72, 25), (3, 1026), REFUSE),
        *(((72, 25), (3, lock), IGNORED) for lock in (6, 7)),
        ((72, 25), (3, 5), ALLOW),
        ((72, 25), (3, 1030), ALLOW),
        *(((72, 25), (3, command), REFUSE) for command in (10, 37, 38, 1036, 1038, 1040, 2000)),
        *(((16, 29), (3, request), ALLOW) for request in (0x5401, 0x5413, 0x541B, 0x5421, 0x5451)),
        *(((16, 29), (3, request), UNSUPPORTED) for request in CHANGES_BY_IOCTL),
        ((16, 29), (3, 0xC020462A), UNSUPPORTED),
        ((16, 29), (3, 0x30000001), UNSUPPORTED),
        *(((28, 233), (0, 4096, advice), ALLOW) for advice in (0, 1, 2, 4, 8, 14, 15, 16, 17, 102, 103)),
        *(((28, 233), (0, 4096, advice), IGNORED) for advice in (3, 12, 20, 21)),
        *(((28, 233), (0, 4096, advice), UNKNOWN) for advice in (9, 22, 23, 25)),
        *(((327, 286), (3, 0, 1, 0, 0, flag), UNSUPPORTED) for flag in (1, 8, 0x80, 0x88)),
        ((327, 286), (3, 0, 1, 0, 0, 0), ALLOW),
        *(((328, 287), (3, 0, 1, 0, 0, flag), UNSUPPORTED) for flag in (1, 8, 0x80)),
        ((328, 287), (3, 0, 1, 0, 0, 0), ALLOW),
        ((257, 56), (-100 % 2**64, 0, 0o20200002), UNSUPPORTED),
        ((257, 56), (-100 % 2**64, 0, 0o2000102), ALLOW),
        ((257, 56), (-100 % 2**64, 0, 0o200000), ALLOW),
        ((9, 222), (0, 4096, 3, 0x22), ALLOW),
        ((9, 222), (0, 4096, 3, 0x01), ALLOW),
        ((9, 222), (0, 4096, 3, 0x4022), ALLOW),
        ((9, 222), (0, 4096, 3, 0x21), REFUSE),
        ((9, 222), (0, 4096, 3, 0x23), REFUSE),
    ],
)
def test_by_its_arguments_a_call_is_allowed_or_not(call, numbers, arguments, answer):
    assert call(numbers, *arguments) == answer


def test_an_older_way_to_open_makes_no_unnamed_file_either():
    code = seccomp.assemble_filter("x86_64", PID)
    assert run_filter(code, ARCHITECTURES["x86_64"], 2, (0, 0o20200002)) == UNSUPPORTED
    assert run_filter(code, ARCHITECTURES["x86_64"], 2, (0, 0o102)) == ALLOW


def test_nvidias_driver_is_talked_to_where_there_is_a_gpu_and_no_file_is_changed(machine):
    """0x46 is the driver's letter; the numbers of its unified memory have none."""
    code = seccomp.assemble_filter(machine, PID, has_gpu=True)
    number = BY_ARGUMENTS["ioctl"][MACHINES.index(machine)]

    def ask(request):
        return run_filter(code, ARCHITECTURES[machine], number, (3, request))

    assert [ask(request) for request in (0xC020462A, 0x30000001, 27, 0x5401)] == [ALLOW] * 4
    assert {ask(request) for request in CHANGES_BY_IOCTL if request > 0xFF} == {UNSUPPORTED}


def test_nvidias_driver_has_one_kind_of_socket_and_shared_memory_and_connects_to_nobody(machine):
    """Asked for on a machine with an H200: without them cuInit ends with error 304, or the first allocation does."""
    plain, with_gpu = (seccomp.assemble_filter(machine, PID, has_gpu=has_gpu) for has_gpu in (False, True))
    column = MACHINES.index(machine)

    def ask(code, numbers, *arguments):
        return run_filter(code, ARCHITECTURES[machine], numbers[column], arguments)

    socket, connect, mmap = (41, 198), (42, 203), (9, 222)
    sequenced, stream = (1, 0x80005, 0), (1, 0x80001, 0)
    assert [ask(with_gpu, socket, *each) for each in (sequenced, stream, (2, 5, 0))] == [ALLOW, REFUSE, REFUSE]
    assert ask(plain, socket, *sequenced) == REFUSE
    assert ask(with_gpu, connect, 3, 0, 16) == REFUSE
    for flags in (0x21, 0x31):
        assert [ask(code, mmap, 0, 0x200000, 3, flags) for code in (plain, with_gpu)] == [REFUSE, ALLOW]


@pytest.mark.parametrize("number", [0, 1, 39, 57])
def test_another_architecture_is_killed(machine, number):
    code = seccomp.assemble_filter(machine, PID)
    for name, architecture in ARCHITECTURES.items():
        assert (run_filter(code, architecture, number) == KILL) == (name != machine)


@pytest.mark.parametrize("number", [0, 39, 59, 512, 547])
def test_x32_is_killed(number):
    code = seccomp.assemble_filter("x86_64", PID)
    assert run_filter(code, ARCHITECTURES["x86_64"], 0x40000000 | number) == KILL


def test_no_branch_is_longer_than_a_byte_and_the_kernel_takes_the_program(machine):
    code = seccomp.assemble_filter(machine, PID)
    assert len(code) // 8 <= 4096
    for number in range(600):  # every call of today's comes to an end, whatever it answers
        assert run_filter(code, ARCHITECTURES[machine], number) in (ALLOW, REFUSE, MISSING, UNSUPPORTED, IGNORED)


def numbers_in_header(machine):
    """Return {name: number}. The generic table is arm64's; there, 3264_ marks what has another name on 32 bits."""
    path = HEADERS[machine]
    if not path.exists():
        pytest.skip(f"{path} is not installed (package linux-libc-dev)")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text())
    header = {name: int(number) for name, number in found}
    return {"newfstatat": header.get("fstatat"), **header}


def test_numbers_are_the_kernels(machine):
    header = numbers_in_header(machine)
    column = MACHINES.index(machine)
    wrong = {}
    for name, numbers in {**STOPPED, **BY_ARGUMENTS, **ALLOWED, "capset": (126, 91)}.items():
        known = header.get(name)
        if known is None and numbers[column] is not None and numbers[column] >= 424:
            continue  # newer than the header
        if known != numbers[column]:
            wrong[name] = numbers[column], known
    assert wrong == {}


def test_the_calls_that_confine_have_their_numbers():
    """A wrong number here would confine nothing, or ask for another thing."""
    assert tuple(seccomp._SECCOMP[machine] for machine in MACHINES) == ALL_REFUSED["seccomp"]
    assert tuple(confinement._CAPSET[machine] for machine in MACHINES) == (126, 91)


# What a real child is answered. Every call gets arguments that the kernel itself turns down, so that one that comes
# through does no harm. Not called: vfork, which would run on in our own stack, and vhangup, which has no argument.
NOT_CALLED = {"vfork", "vhangup"}
HARMLESS = {"msgget": (0x7FFF_0001, 0), "semget": (0x7FFF_0001, 1, 0), "shmget": (0x7FFF_0001, 1, 0)}
CALLER = """
import ctypes, errno, json, os, sys
from mbench.child import seccomp
calls, filtered = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
if filtered:
    seccomp.refuse_system_calls()
me, parent, said = os.getpid(), os.getppid(), {}
for name, number, arguments in calls:
    places = {"me": me, "parent": parent}
    ctypes.set_errno(0)
    words = [ctypes.c_long(places.get(word, word)) for word in arguments]
    result = libc.syscall(ctypes.c_long(number), *words)
    if os.getpid() != me:
        os._exit(0)  # a fork that came through
    said[name] = errno.errorcode[ctypes.get_errno()] if result == -1 else "ok"
print(json.dumps(said))
"""


def call_in_a_child(calls, *, filtered=True):
    """Return {name: "ok" or the error's name} of (name, number, arguments), called by a real process."""
    command = [sys.executable, "-c", CALLER, json.dumps([calls, filtered])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def column():
    if not seccomp.is_supported():
        pytest.skip("no filter for this machine")
    return MACHINES.index(platform.machine())


def every_stopped_call(column):
    return [
        (name, numbers[column], HARMLESS.get(name, (-1,) * 6))
        for name, numbers in STOPPED.items()
        if numbers[column] is not None and name not in NOT_CALLED
    ]


def test_a_child_is_answered_as_listed_at_every_call(column):
    said = call_in_a_child(every_stopped_call(column))
    expected = {name: errno.errorcode[ANSWERS[name]] if ANSWERS[name] else "ok" for name in said}
    assert said == expected


def test_without_the_filter_the_same_calls_reach_the_kernel(column):
    """So that it is the filter that answers above. Some take privileges, or are refused by a container around us."""
    own = {"fork", "inotify_init", "sync"}  # which would succeed
    said = call_in_a_child([call for call in every_stopped_call(column) if call[0] not in own], filtered=False)
    assert [name for name in all_of(IGNORED_CALLS) if said.get(name) == "ok"] == []
    assert sum(answer != "EPERM" for answer in said.values()) > 40


def test_a_child_is_answered_by_arguments(column):
    """Signal 0 only asks; a lock, a lease or a limit is asked of what is not there."""
    expected = {
        "clone, a process": ("clone", (17,), "EPERM"),
        "kill itself": ("kill", ("me", 0), "ok"),
        "kill its parent": ("kill", ("parent", 0), "EPERM"),
        "kill all": ("kill", (-1, 0), "EPERM"),
        "tgkill itself": ("tgkill", ("me", "me", 0), "ok"),
        "tgkill its parent": ("tgkill", ("parent", "parent", 0), "EPERM"),
        "prlimit of its own": ("prlimit64", (0, 7, 0, 0), "ok"),
        "prlimit of its parent": ("prlimit64", ("parent", 7, 0, 0), "EPERM"),
        "prctl, no death with its parent": ("prctl", (1, 0), "EPERM"),
        "prctl, not to be looked at": ("prctl", (4, 0), "EPERM"),
        "prctl, another filter": ("prctl", (22, 2, 0), "EPERM"),
        "prctl, is it to be looked at": ("prctl", (3,), "ok"),
        "fcntl, whose signals": ("fcntl", (-1, 8, 1), "EPERM"),
        "fcntl, whose signals, extended": ("fcntl", (-1, 15, 0), "EPERM"),
        "fcntl, a lease": ("fcntl", (-1, 1024, 0), "EPERM"),
        "fcntl, news of a folder": ("fcntl", (-1, 1026, 0), "EPERM"),
        "fcntl, its flags": ("fcntl", (1, 3), "ok"),
        "fcntl, a lock": ("fcntl", (-1, 6, 0), "ok"),
        "fcntl, whose lock": ("fcntl", (-1, 5, 0), "EBADF"),
        "fcntl, how long a file will live": ("fcntl", (-1, 1036, 0), "EPERM"),
        "ioctl, a terminal": ("ioctl", (-1, 0x5401, 0), "EBADF"),
        "ioctl, reserve blocks": ("ioctl", (-1, 0x40305828, 0), NOT_SUPPORTED),
        "madvise, no need": ("madvise", (0, 0, 4), "ok"),
        "madvise, page out": ("madvise", (1, 4096, 21), "ok"),
        "madvise, populate": ("madvise", (0, 0, 22), "EINVAL"),
        "preadv2, without waiting": ("preadv2", (-1, 0, 1, 0, 0, 8), NOT_SUPPORTED),
        "preadv2": ("preadv2", (-1, 0, 1, 0, 0, 0), "EBADF"),
        "openat, without a name": ("openat", (-1, 0, 0o20200002), NOT_SUPPORTED),
        "mmap, shared and nobody's": ("mmap", (0, 4096, 3, 0x21, -1, 0), "EPERM"),
        "mmap, private": ("mmap", (0, 4096, 3, 0x22, -1, 0), "ok"),
    }
    calls = [(what, BY_ARGUMENTS[name][column], arguments) for what, (name, arguments, _) in expected.items()]
    said = call_in_a_child(calls)
    assert said == {what: answer for what, (_, _, answer) in expected.items()}


CONFINE = """
import ctypes
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
from mbench.child import seccomp
seccomp.refuse_system_calls()
"""


def run_confined(code, folder):
    """Run code in a process with the filter; it prints "done" at its end."""
    if not seccomp.is_supported():
        pytest.skip("no filter for this machine")
    command = [sys.executable, "-c", CONFINE + textwrap.dedent(code), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr


def test_advice_locks_and_unnamed_files_do_not_stop_honest_code(tmp_path):
    """A database, a temporary file, a lock, advice and a reserved file, each checked by what comes of it."""
    code = """
        import fcntl, mmap, os, shutil, sqlite3, sys, tempfile
        import numpy as np
        os.chdir(sys.argv[1])
        with sqlite3.connect("base") as base:
            base.execute("create table t (x)")
            base.executemany("insert into t values (?)", [(i,) for i in range(100)])
        assert sqlite3.connect("base").execute("select sum(x) from t").fetchone() == (4950,)
        with tempfile.TemporaryFile(dir=".") as file:
            file.write(b"abc"); file.seek(0)
            assert file.read() == b"abc"
        with open("lock", "w") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB); fcntl.lockf(file, fcntl.LOCK_UN)
        with open("base", "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)
            assert not os.isatty(file.fileno())
        with open("reserved", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, 1 << 20)
        assert os.path.getsize("reserved") == 1 << 20
        shutil.copyfile("base", "copy")
        assert open("copy", "rb").read() == open("base", "rb").read()
        mapped = np.memmap("mapped", np.float64, "w+", shape=1000)
        mapped[:] = 2.0; mapped.flush()
        mapped._mmap.madvise(mmap.MADV_WILLNEED); mapped._mmap.madvise(mmap.MADV_DONTNEED)
        assert mapped.sum() == 2000
        os.sync()
        print("done")
    """
    run_confined(code, tmp_path)


def test_a_child_goes_on_computing(tmp_path):
    """Threads, files of its own, memory, time and chance, through the libraries that use them."""
    code = """
        import os, sys, threading, time
        import numpy as np
        threads = [threading.Thread(target=lambda: np.ones((300, 300)) @ np.ones((300, 300))) for _ in range(3)]
        [thread.start() for thread in threads]; [thread.join() for thread in threads]
        folder = sys.argv[1]
        os.mkdir(folder + "/new"); np.save(folder + "/new/a.npy", np.arange(9))
        os.rename(folder + "/new/a.npy", folder + "/b.npy")
        assert np.load(folder + "/b.npy", mmap_mode="r").sum() == 36
        os.rmdir(folder + "/new"); os.unlink(folder + "/b.npy")
        assert len(os.urandom(8)) == 8 and time.time() > 0 and os.cpu_count() and len(os.sched_getaffinity(0))
        print("done")
    """
    run_confined(code, tmp_path)


def test_a_lock_on_a_file_that_can_be_read_keeps_nobody_out(tmp_path):
    """Tried here while the confined process believes that it holds it, and where it may not even believe that."""
    import fcntl

    path = tmp_path / "library"
    path.write_bytes(b"x")
    code = f"""
        import errno, fcntl, os, sys
        file = os.open("{path}", os.O_RDWR)
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for kind in (fcntl.LOCK_SH, fcntl.LOCK_EX):
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
            except OSError as error:
                assert error.errno == errno.ENOSYS
            else:
                raise AssertionError
        print("locked", flush=True)
        sys.stdin.read()
    """
    command = [sys.executable, "-c", CONFINE + textwrap.dedent(code)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process, path.open("r+") as file:
        assert process.stdout.readline() == b"locked\n"
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process.stdin.close()


def test_advice_moves_nothing_out_of_the_page_cache(tmp_path):
    """The kernel is asked here whether it still has the file, as the next cell would like to ask it."""
    path = tmp_path / "library"
    path.write_bytes(bytes(1 << 16))
    with path.open("rb") as file:
        os.fsync(file.fileno())  # what is still to be written cannot be dropped
        assert is_cached(file.fileno())
        code = """
            import mmap, os, sys
            file = os.open(sys.argv[1], os.O_RDONLY)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            with mmap.mmap(file, 0, prot=mmap.PROT_READ) as mapped:
                mapped[0]
                mapped.madvise(21)
            print("done")
        """
        run_confined(code, path)
        assert is_cached(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if is_cached(file.fileno()):
            pytest.skip("this file system keeps it whatever is advised")


def is_cached(descriptor):
    try:
        return os.preadv(descriptor, [bytearray(1)], 0, os.RWF_NOWAIT) == 1
    except BlockingIOError:
        return False
