"""Landlock: a process gives up, for ever and for all its threads to come, every file it has not named.

Source: the kernel's Documentation/userspace-api/landlock.rst and include/uapi/linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
_VERSION_FLAG = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = (1 << bit for bit in range(4))
_REMOVE_DIR, _REMOVE_FILE, _MAKE_CHAR, _MAKE_DIR, _MAKE_REG = (1 << bit for bit in range(4, 9))
_REFER, _TRUNCATE, _IOCTL_DEV = (1 << bit for bit in range(13, 16))
# How many of the rights on files each version of the interface knows.
_N_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_BIND_AND_CONNECT_TCP = 0b11  # since version 4
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11  # since version 6

READ = _EXECUTE | _READ_FILE | _READ_DIR
LIST = _READ_DIR
OVERWRITE = _READ_FILE | _WRITE_FILE | _TRUNCATE
# REFER: to move a file from one folder to another, both of which have to be granted it.
CHANGE = READ | OVERWRITE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER
DEVICE = _READ_FILE | _WRITE_FILE | _IOCTL_DEV
_FOR_FILES = _EXECUTE | OVERWRITE | _IOCTL_DEV


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("descriptor", ctypes.c_int32))


def supported_version() -> int:
    """Return the version of Landlock's interface that this kernel offers, 0 for none."""
    if sys.platform != "linux":
        return 0
    return max(0, ctypes.CDLL(None).syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG)))


def restrict_files(rights: Iterable[tuple[str, int]]) -> None:
    """Leave this thread only these (path, rights), each with all below it; also no TCP and no signal to outsiders.

    A path that does not exist is passed over. The process must have one thread and have set no_new_privs.
    Raises OSError where the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = supported_version()
    handled = (1 << _N_RIGHTS.get(version, 16)) - 1
    attributes = _Ruleset(
        fs=handled,
        net=_BIND_AND_CONNECT_TCP if version >= 4 else 0,
        scoped=_ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0,
    )
    known_size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _checked(
        libc.syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(known_size), ctypes.c_uint32(0))
    )
    try:
        for path, allowed in rights:
            try:
                descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
                rule = _PathBeneath(allowed & handled & (-1 if is_folder else _FOR_FILES), descriptor)
                if rule.allowed:
                    _checked(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), ctypes.c_uint32(0)))
            finally:
                os.close(descriptor)
        _checked(libc.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)))
    finally:
        os.close(ruleset)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return result
