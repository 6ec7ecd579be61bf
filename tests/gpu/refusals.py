"""What of a child's confinement stops CUDA: `python tests/gpu/refusals.py LAYERS`, layers joined by plus signs.

limits, files, filter: those of `mbench.child.confinement`; proc, sys, dev: with files, these folders can be read, too;
forked: PyTorch is imported before the fork, as in a nursery.
It computes a little on the GPU under them, in a process of its own, and prints JSON: what came of it, and every system
call that the filter did not let through, with its arguments. The filter itself asks: where it would refuse, it hands
the call to this process, which notes it and gives the answer that the filter would have given.

Source: the kernel's Documentation/userspace-api/seccomp_filter.rst, section "Userspace Notification".
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import platform
import resource
import select
import socket
import struct
import sys
import tempfile
from collections import Counter

from mbench.child import landlock, seccomp
from mbench.child.confinement import Confinement, list_rights
from mbench.child.start import import_ahead
from mbench.sandbox.tiers import Isolation

_ASK, _ERROR = 0x7FC00000, 0x00050000
_NEW_LISTENER = 8
_RECEIVE, _ANSWER = 0xC0502100, 0xC0182101
_MEMORY_MB = 9216
_BY_ARGUMENTS = ("clone", "kill", "tgkill", "prlimit", "prctl", "fcntl", "mmap", "ioctl", "madvise", "open", "openat",
                 "preadv2", "pwritev2")  # fmt: skip
COMPUTE = """
import torch
torch.manual_seed(0)
layers = torch.nn.Sequential(torch.nn.Linear(2, 128), torch.nn.Tanh(), torch.nn.Linear(128, 1)).to("cuda")
optimiser = torch.optim.Adam(layers.parameters(), 1e-3)
X = torch.rand(4096, 2).pin_memory().to("cuda", non_blocking=True)
for _ in range(20):
    optimiser.zero_grad()
    loss = (layers(X) - X.prod(dim=1, keepdim=True)).square().mean()
    loss.backward()
    optimiser.step()
print("computed", loss.item())
"""


def confine(layers: set[str], confinement: Confinement, scratch: str) -> int | None:
    """Give up what the layers take; return the descriptor on which the filter asks, where there is one."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0)  # no new privileges
    if "limits" in layers:
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_MB << 20, _MEMORY_MB << 20))
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    if "files" in layers:
        more = [(f"/{name}", landlock.READ) for name in ("proc", "sys", "dev") if name in layers]
        landlock.restrict_files([*list_rights(confinement, scratch), *more])
    if "filter" not in layers:
        return None
    code = seccomp.assemble_filter(platform.machine(), os.getpid(), has_gpu=True)
    lines = [struct.unpack("<HBBI", code[at : at + 8]) for at in range(0, len(code), 8)]
    asking = b"".join(
        struct.pack("<HBBI", *line[:3], _ASK if line[0] == 0x06 and line[3] >> 16 == _ERROR >> 16 else line[3])
        for line in lines
    )
    program = seccomp._Program(len(asking) // 8, asking)
    number = seccomp._SECCOMP[platform.machine()]
    listener = libc.syscall(number, 1, _NEW_LISTENER, ctypes.byref(program))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "this kernel does not ask about system calls")
    return listener


def answer_of(code: bytes, data: bytes) -> int:
    """Return the errno that a filter answers a call with, 0 for none.

    data: the call, as the kernel's struct seccomp_data.
    """
    at = value = 0
    while True:
        operation, if_true, if_false, operand = struct.unpack_from("<HBBI", code, 8 * at)
        at += 1
        if operation == 0x06:
            return operand & 0xFFFF if operand >> 16 == _ERROR >> 16 else 0
        if operation == 0x20:
            value = struct.unpack_from("<I", data, operand)[0]
        elif operation == 0x54:
            value &= operand
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[operation]
            at += if_true if holds else if_false


def name_calls() -> dict[int, str]:
    """Return the names of all calls that the filter may stop, by number."""
    column = ("x86_64", "aarch64").index(platform.machine())
    tables = (seccomp._REFUSED, seccomp._MISSING, seccomp._UNSUPPORTED, seccomp._IGNORED)
    calls = {name: numbers for table in tables for name, numbers in table.items()}
    calls |= {name: getattr(seccomp, f"_{name.upper()}") for name in _BY_ARGUMENTS}
    return {numbers[column]: name for name, numbers in calls.items() if numbers[column] is not None}


def listen(listener: int, pid: int) -> Counter[str]:
    """Answer what the filter of a process asks until the process ends, and return what it asked about."""
    code, names, seen = seccomp.assemble_filter(platform.machine(), pid, has_gpu=True), name_calls(), Counter()
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    while True:
        (_, event), *_ = poll.poll()
        if not event & select.POLLIN:
            return seen
        request = bytearray(80)
        try:
            fcntl.ioctl(listener, _RECEIVE, request)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):  # it is gone
                continue
            raise
        call, _, flags = struct.unpack_from("<QII", request)
        number, _, _, *arguments = struct.unpack_from("<iIQ6Q", request, 16)
        refusal = answer_of(code, bytes(request[16:]))
        words = ", ".join(f"{word:#x}" for word in (arguments[:2] if names.get(number) == "ioctl" else arguments))
        if names.get(number) == "ioctl":
            words = f"{arguments[1]:#x}"
        elif names.get(number) in ("mmap", "madvise", "openat", "fcntl"):
            words = ", ".join(f"{word:#x}" for word in arguments[1:4])
        seen[f"{names.get(number, number)}({words}) = {errno.errorcode.get(refusal, 'ok')}"] += 1
        try:
            fcntl.ioctl(listener, _ANSWER, struct.pack("<QqiI", call, 0, -refusal, flags & 0))
        except OSError:  # gone meanwhile
            continue


def run(layers: set[str]) -> dict[str, object]:
    """Compute on the GPU under these layers; return what came of it."""
    confinement = Isolation("B", "").with_devices("cuda").confinement(8192)
    assert confinement is not None
    if "forked" in layers:
        import_ahead(["torch"])
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryFile("w+") as output:
        for name in ("submission", "in", "out", "home"):
            os.mkdir(f"{scratch}/{name}")
        os.environ |= {"HOME": f"{scratch}/home", "TMPDIR": f"{scratch}/home"}
        tempfile.tempdir = None  # which is remembered
        pid = os.fork()
        if pid == 0:
            ours.close()
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            compute_confined(layers, confinement, scratch, theirs)
        theirs.close()
        message, handles, _, _ = socket.recv_fds(ours, 100, 1)
        refused = listen(handles[0], pid) if handles else Counter()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        output.seek(0)
        lines = output.read().strip().splitlines()
    return {"layers": sorted(layers), "began": message.decode(), "exit": code, "last": lines[-3:],
            "refused": dict(refused.most_common(60))}  # fmt: skip


def compute_confined(layers: set[str], confinement: Confinement, scratch: str, channel: socket.socket) -> None:
    """Be the process that computes; never returns."""
    code = 1
    try:
        os.chdir(scratch)
        listener = confine(layers, confinement, scratch)
        socket.send_fds(channel, [b"confined"], [] if listener is None else [listener])
        exec(compile(COMPUTE, "compute", "exec"), {"__name__": "compute"})
        code = 0
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    print(json.dumps(run(set(sys.argv[1].split("+")))))
