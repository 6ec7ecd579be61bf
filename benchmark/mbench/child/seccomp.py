"""seccomp: a process gives up the system calls that no approximator needs.

No new process, no socket, no look into or signal to another process, no change of a file's owner, mode or times, no
kernel memory that no limit counts, no word of what the page cache holds. Threads, files and memory of its own are
untouched. A refused call fails with EPERM. What honest code tries and can do without is answered otherwise:

missing: with ENOSYS, as by an older kernel. `clone3` and `openat2`, whose arguments a filter cannot see, are among
   them; the C library falls back to `clone`.
unsupported: with EOPNOTSUPP, as by a file system that cannot do it.
ignored: with success, and nothing is done. Advice may always be ignored. The locks of fcntl are a process's, and keep
   nobody out of files that it is alone with.

Source: the kernel's Documentation/userspace-api/seccomp_filter.rst; numbers from its system call tables.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

_SECCOMP, _SET_MODE_FILTER, _TSYNC = {"x86_64": 317, "aarch64": 277}, 1, 1
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000  # x86-64's other calling convention, with the same system calls under other numbers
_CLONE_THREAD, _CLONE_FILES = 0x00010000, 0x00000400
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP = 1, 4, 22
_MAP_SHARED, _MAP_ANONYMOUS = 0x01, 0x20
_UNNAMED = 0o20000000  # the bit of O_TMPFILE that no other flag has
# Of fcntl: descriptors, their flags, who holds a lock, whose signals, pipes and seals. Not leases, notes, owners of
# signals, nor hints about a file's life, which stay with the file and can be read by whoever comes next.
_FCNTL_ALLOWED = (0, 1, 2, 3, 4, 5, 9, 11, 36, 1025, 1030, 1031, 1032, 1033, 1034)
_FCNTL_LOCKS = (6, 7)  # F_SETLK, F_SETLKW; those of an open file, 37 and 38, are as unknown as the rest
# Of madvise: will need, mergeable, cold, page out. The first and the last move the page cache.
_ADVICE_IGNORED = (3, 12, 20, 21)
_ADVICE_UNKNOWN = (9, 22, 23, 25)  # remove, populate, collapse: newer than some kernels, so nobody relies on them
_TERMINALS, _NVIDIA = 0x5400, (0x0000, 0x4600)  # the type of an ioctl: its second byte

# name: (x86-64, aarch64); None where the architecture lacks it. From 424 on the numbers are the same.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    # another program, another process
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "setpriority": (141, 140), "ioprio_set": (251, 30), "migrate_pages": (256, 238), "move_pages": (279, 239),
    "sched_setparam": (142, 118), "sched_setscheduler": (144, 119), "sched_setattr": (314, 274),
    "sched_setaffinity": (203, 122),
    # the network, and ways round the filter
    # (a pair of datagram sockets may send to any other by its path)
    "socket": (41, 198), "socketpair": (53, 199),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "personality": (135, 92),
    "io_setup": (206, 0), "modify_ldt": (154, None), "uselib": (134, None), "seccomp": (317, 277),
    "landlock_create_ruleset": (444, 444), "landlock_add_rule": (445, 445), "landlock_restrict_self": (446, 446),
    # namespaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467), "swapon": (167, 224), "swapoff": (168, 225), "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    # files by handle, and what Landlock does not see of them: owner, mode, times, attributes, a change elsewhere
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "truncate": (76, 45),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16), "removexattrat": (466, 466),
    "file_setattr": (469, 469), "mknod": (133, None), "mknodat": (259, 33),
    "inotify_init": (253, None), "inotify_init1": (294, 26), "inotify_add_watch": (254, 27),
    "fanotify_init": (300, 262),
    # memory that is nobody's, and that outlives a process or can be shared with another
    "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195),
    "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187),
    "semget": (64, 190), "semop": (65, 193), "semtimedop": (220, 192), "semctl": (66, 191),
    "mq_open": (240, 180), "mq_unlink": (241, 181),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    # the machine
    "reboot": (169, 142), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "sethostname": (170, 161), "setdomainname": (171, 162),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "acct": (163, 89), "syslog": (103, 116), "iopl": (172, None), "ioperm": (173, None), "vhangup": (153, 58),
    # where its memory lies, which is the machine's to say
    "mbind": (237, 235), "set_mempolicy": (238, 237), "set_mempolicy_home_node": (450, 450),
    "remap_file_pages": (216, 234),
}  # fmt: skip
_MISSING: dict[str, tuple[int | None, int | None]] = {
    "clone3": (435, 435), "openat2": (437, 437),
    "mincore": (27, 232), "cachestat": (451, 451),  # what the page cache holds
    "flock": (73, 32),  # a file that can be read can be locked, a library's, too
}  # fmt: skip
_UNSUPPORTED: dict[str, tuple[int | None, int | None]] = {
    "fallocate": (285, 47),  # blocks that nobody wrote
}
_IGNORED: dict[str, tuple[int | None, int | None]] = {
    "fadvise64": (221, 223), "readahead": (187, 213),  # what the page cache is to hold
    "sync": (162, 81), "syncfs": (306, 267),  # everybody's files
}  # fmt: skip
_CLONE = (56, 220)
_KILL, _TGKILL, _PRLIMIT, _PRCTL = (62, 129), (234, 131), (302, 261), (157, 167)
_FCNTL, _MMAP, _IOCTL, _MADVISE = (72, 25), (9, 222), (16, 29), (28, 233)
_CONNECT = (42, 203)
_UNIX, _SEQUENCED = 1, 5  # a socket's domain and type
_OPEN, _OPENAT, _PREADV2, _PWRITEV2 = (2, None), (257, 56), (327, 286), (328, 287)

_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_KILL_PROCESS, _ALLOW, _ERROR = 0x80000000, 0x7FFF0000, 0x00050000
_NUMBER_AT, _ARCH_AT, _ARGUMENT_AT = 0, 4, 16  # offsets in the kernel's struct seccomp_data


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def is_supported() -> bool:
    """Is there a filter for this machine?"""
    return sys.platform == "linux" and platform.machine() in _AUDIT_ARCH


def refuse_system_calls(*, has_gpu: bool = False) -> None:
    """Install the filter for every thread of this process, for ever; it must have set no_new_privs.

    has_gpu: let it talk to NVIDIA's driver.  Raises OSError where the kernel refuses.
    """
    machine = platform.machine()
    code = assemble_filter(machine, os.getpid(), has_gpu=has_gpu)
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(_SECCOMP[machine], _SET_MODE_FILTER, _TSYNC, ctypes.byref(program)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")


def assemble_filter(machine: str, pid: int, *, has_gpu: bool = False) -> bytes:
    """Return the filter as BPF for one process on "x86_64" or "aarch64": 8 bytes an instruction."""
    column = list(_AUDIT_ARCH).index(machine)
    kill, allow = [_instruction(_RETURN, _KILL_PROCESS)], [_instruction(_RETURN, _ALLOW)]
    refuse, missing, unsupported, unknown, ignore = (
        [_instruction(_RETURN, _ERROR | number)]
        for number in (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, 0)
    )
    code = [
        _instruction(_LOAD, _ARCH_AT),
        *_unless(_JUMP_EQUAL, _AUDIT_ARCH[machine], kill),
        _instruction(_LOAD, _NUMBER_AT),
    ]
    if machine == "x86_64":
        code += _when(_JUMP_GREATER_EQUAL, _X32_BIT, kill)
    # NVIDIA's driver ends where it may not make one socket, of a kind that no service listens on, and bind it. Who may
    # connect it reaches nobody.
    own_socket = [
        *_load_argument(1), _instruction(_AND, 0xF), *_unless(_JUMP_EQUAL, _SEQUENCED, refuse),
        *_load_argument(0), *_when(_JUMP_EQUAL, _UNIX, allow), *refuse,
    ]  # fmt: skip
    if has_gpu:
        code += _for_call(_REFUSED["socket"][column], own_socket)
        code += _for_call(_CONNECT[column], refuse)
    for calls, answer in ((_REFUSED, refuse), (_MISSING, missing), (_UNSUPPORTED, unsupported), (_IGNORED, ignore)):
        for numbers in calls.values():
            code += _for_call(numbers[column], answer)
    # A thread without its parent's table of files would hold some that a look at the process does not find.
    is_thread = _when(_JUMP_SET, _CLONE_THREAD, _when(_JUMP_SET, _CLONE_FILES, allow))
    code += _for_call(_CLONE[column], [*_load_argument(0), *is_thread, *refuse])
    for numbers in (_KILL, _TGKILL):  # itself only: abort() and raise() need that
        code += _for_call(numbers[column], [*_load_argument(0), *_when(_JUMP_EQUAL, pid, allow), *refuse])
    code += _for_call(_PRLIMIT[column], [*_load_argument(0), *_among((0, pid), allow), *refuse])  # its own limits only
    # It goes on to die with its parent, and to be looked at by the harness.
    bonds = (_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP)
    code += _for_call(_PRCTL[column], [*_load_argument(0), *_among(bonds, refuse), *allow])
    locks = _among(_FCNTL_LOCKS, ignore)
    code += _for_call(_FCNTL[column], [*_load_argument(1), *_among(_FCNTL_ALLOWED, allow), *locks, *refuse])
    # Shared memory stays when a process lets go of it, and then no count of resident memory shows it. NVIDIA's driver
    # keeps its buffers in such memory.
    shared = [] if has_gpu else _when(_JUMP_SET, _MAP_ANONYMOUS, _when(_JUMP_SET, _MAP_SHARED, refuse))
    code += _for_call(_MMAP[column], [*_load_argument(3), *shared, *allow])
    # A file's blocks, flags and attributes change by ioctl as well, even of one that is open for reading only.
    known = _among((_TERMINALS, *_NVIDIA) if has_gpu else (_TERMINALS,), allow)
    code += _for_call(_IOCTL[column], [*_load_argument(1), _instruction(_AND, 0xFF00), *known, *unsupported])
    advice = [*_among(_ADVICE_IGNORED, ignore), *_among(_ADVICE_UNKNOWN, unknown)]
    code += _for_call(_MADVISE[column], [*_load_argument(2), *advice, *allow])
    for numbers in (_PREADV2, _PWRITEV2):  # no flag: one says whether the page cache has it, one takes it out of there
        code += _for_call(numbers[column], [*_load_argument(5), *_when(_JUMP_EQUAL, 0, allow), *unsupported])
    for numbers, flags in ((_OPEN, 1), (_OPENAT, 2)):
        unnamed = _when(_JUMP_SET, _UNNAMED, unsupported)
        code += _for_call(numbers[column], [*_load_argument(flags), *unnamed, *allow])
    return b"".join([*code, *allow])


def _instruction(operation: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", operation, if_true, if_false, operand)


def _when(test: int, operand: int, then: list[bytes]) -> list[bytes]:
    return [_instruction(test, operand, 0, len(then)), *then]


def _for_call(number: int | None, then: list[bytes]) -> list[bytes]:
    """Do something at one call; at none where the machine lacks it."""
    return [] if number is None else _when(_JUMP_EQUAL, number, then)


def _among(values: tuple[int, ...], then: list[bytes]) -> list[bytes]:
    """Do something where the value loaded is one of these; `then` ends in a return."""
    return [line for value in values for line in _when(_JUMP_EQUAL, value, then)]


def _unless(test: int, operand: int, then: list[bytes]) -> list[bytes]:
    return [_instruction(test, operand, len(then), 0), *then]


def _load_argument(index: int) -> list[bytes]:
    """The low half of an argument, all that the kernel reads of the 32-bit ones looked at here."""
    return [_instruction(_LOAD, _ARGUMENT_AT + 8 * index)]
