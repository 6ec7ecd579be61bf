"""seccomp: a process gives up the system calls that no approximator needs.

No new process, no socket, no look into or signal to another process, no change of a file's owner, mode or times, no
kernel memory that no limit counts. Threads, files and memory of its own are untouched. A refused call fails with EPERM;
`clone3`, whose arguments a filter cannot see, with ENOSYS, on which the C library falls back to `clone`.

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
_CLONE_THREAD = 0x00010000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP = 1, 4, 22
_F_SETOWN, _F_SETOWN_EX, _F_SETLEASE, _F_NOTIFY = 8, 15, 1024, 1026
_MAP_SHARED, _MAP_ANONYMOUS = 0x01, 0x20

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
}  # fmt: skip
_CLONE3 = (435, 435)
_CLONE = (56, 220)
_KILL, _TGKILL, _PRLIMIT, _PRCTL = (62, 129), (234, 131), (302, 261), (157, 167)
_FCNTL, _MMAP = (72, 25), (9, 222)

_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_KILL_PROCESS, _ALLOW, _ERROR = 0x80000000, 0x7FFF0000, 0x00050000
_NUMBER_AT, _ARCH_AT, _ARGUMENT_AT = 0, 4, 16  # offsets in the kernel's struct seccomp_data


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def is_supported() -> bool:
    """Is there a filter for this machine?"""
    return sys.platform == "linux" and platform.machine() in _AUDIT_ARCH


def refuse_system_calls() -> None:
    """Install the filter for every thread of this process, for ever; it must have set no_new_privs.

    Raises OSError where the kernel refuses.
    """
    machine = platform.machine()
    code = assemble_filter(machine, os.getpid())
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(_SECCOMP[machine], _SET_MODE_FILTER, _TSYNC, ctypes.byref(program)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")


def assemble_filter(machine: str, pid: int) -> bytes:
    """Return the filter as BPF for one process on "x86_64" or "aarch64": 8 bytes an instruction."""
    column = list(_AUDIT_ARCH).index(machine)
    refuse = [_instruction(_RETURN, _ERROR | errno.EPERM)]
    missing = [_instruction(_RETURN, _ERROR | errno.ENOSYS)]
    allow = [_instruction(_RETURN, _ALLOW)]
    code = [
        _instruction(_LOAD, _ARCH_AT),
        *_unless(_JUMP_EQUAL, _AUDIT_ARCH[machine], [_instruction(_RETURN, _KILL_PROCESS)]),
        _instruction(_LOAD, _NUMBER_AT),
    ]
    if machine == "x86_64":
        code += _when(_JUMP_GREATER_EQUAL, _X32_BIT, [_instruction(_RETURN, _KILL_PROCESS)])
    for numbers in _REFUSED.values():
        number = numbers[column]
        if number is not None:
            code += _when(_JUMP_EQUAL, number, refuse)
    code += _when(_JUMP_EQUAL, _CLONE3[column], missing)
    code += _when(_JUMP_EQUAL, _CLONE[column], [*_load_argument(0), *_when(_JUMP_SET, _CLONE_THREAD, allow), *refuse])
    for numbers in (_KILL, _TGKILL):  # itself only: abort() and raise() need that
        code += _when(_JUMP_EQUAL, numbers[column], [*_load_argument(0), *_when(_JUMP_EQUAL, pid, allow), *refuse])
    code += _when(  # its own limits only
        _JUMP_EQUAL,
        _PRLIMIT[column],
        [*_load_argument(0), *_when(_JUMP_EQUAL, 0, allow), *_when(_JUMP_EQUAL, pid, allow), *refuse],
    )
    # It goes on to die with its parent, and to be looked at by the harness.
    for numbers, index, values in (
        (_PRCTL, 0, (_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP)),
        (_FCNTL, 1, (_F_SETOWN, _F_SETOWN_EX, _F_SETLEASE, _F_NOTIFY)),  # signals to others, and holds on their files
    ):
        forbidden = [line for value in values for line in _when(_JUMP_EQUAL, value, refuse)]
        code += _when(_JUMP_EQUAL, numbers[column], [*_load_argument(index), *forbidden, *allow])
    # Shared memory stays when a process lets go of it, and then no count of resident memory shows it.
    shared = _when(_JUMP_SET, _MAP_ANONYMOUS, _when(_JUMP_SET, _MAP_SHARED, refuse))
    code += _when(_JUMP_EQUAL, _MMAP[column], [*_load_argument(3), *shared, *allow])
    return b"".join([*code, *allow])


def _instruction(operation: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", operation, if_true, if_false, operand)


def _when(test: int, operand: int, then: list[bytes]) -> list[bytes]:
    return [_instruction(test, operand, 0, len(then)), *then]


def _unless(test: int, operand: int, then: list[bytes]) -> list[bytes]:
    return [_instruction(test, operand, len(then), 0), *then]


def _load_argument(index: int) -> list[bytes]:
    """The low half of an argument, all that the kernel reads of the 32-bit ones looked at here."""
    return [_instruction(_LOAD, _ARGUMENT_AT + 8 * index)]
