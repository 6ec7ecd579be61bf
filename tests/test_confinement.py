import errno
import os
import re
import struct
import sys
from pathlib import Path

import pytest

from mbench.child import confinement, landlock, seccomp
from mbench.child.confinement import Confinement, list_rights

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is confined elsewhere")

MACHINES = ("x86_64", "aarch64")
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "i386": 0x40000003, "arm": 0x40000028}
PID = 4_242
ALLOW, REFUSE, MISSING, KILL = "allow", errno.EPERM, errno.ENOSYS, "kill"
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


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


@pytest.mark.parametrize("name", seccomp._REFUSED)
def test_what_is_refused_fails_with_eperm(call, machine, name):
    numbers = seccomp._REFUSED[name]
    if numbers[MACHINES.index(machine)] is None:
        pytest.skip(f"{machine} has no {name}")
    assert call(numbers) == REFUSE
    assert call(numbers, *[2**64 - 1] * 6) == REFUSE


@pytest.mark.parametrize(
    "numbers",
    [(0, 63), (1, 64), (3, 57), (11, 215), (10, 226), (12, 214), (202, 98), (231, 94), (60, 93), (257, 56), (228, 113),
     (39, 172), (186, 178), (15, 139), (13, 134), (14, 135), (28, 233), (24, 124), (318, 278), (262, 79), (204, 123)],
    ids=["read", "write", "close", "munmap", "mprotect", "brk", "futex", "exit_group", "exit", "openat",
         "clock_gettime", "getpid", "gettid", "rt_sigreturn", "rt_sigaction", "rt_sigprocmask", "madvise",
         "sched_yield", "getrandom", "fstatat", "sched_getaffinity"],
)  # fmt: skip
def test_what_computing_takes_is_allowed(call, numbers):
    assert call(numbers) == ALLOW


THREAD = 0x3D0F00  # what the C library passes for a thread


@pytest.mark.parametrize(
    ("numbers", "arguments", "answer"),
    [
        ((56, 220), (THREAD,), ALLOW),
        ((56, 220), (17,), REFUSE),
        ((56, 220), (0x4100 | 17,), REFUSE),
        ((56, 220), (0x10000000 | 17,), REFUSE),
        ((56, 220), (THREAD & ~0x10000,), REFUSE),
        ((435, 435), (0,), MISSING),
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
        ((9, 222), (0, 4096, 3, 0x22), ALLOW),
        ((9, 222), (0, 4096, 3, 0x01), ALLOW),
        ((9, 222), (0, 4096, 3, 0x4022), ALLOW),
        ((9, 222), (0, 4096, 3, 0x21), REFUSE),
        ((9, 222), (0, 4096, 3, 0x23), REFUSE),
    ],
)
def test_by_its_arguments_a_call_is_allowed_or_not(call, numbers, arguments, answer):
    assert call(numbers, *arguments) == answer


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
        assert run_filter(code, ARCHITECTURES[machine], number) in (ALLOW, REFUSE, MISSING)


def numbers_in_header(machine):
    path = HEADERS[machine]
    if not path.exists():
        pytest.skip(f"{path} is not installed (package linux-libc-dev)")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text())
    return {name: int(number) for name, number in found}


def test_numbers_are_the_kernels(machine):
    """The generic table is arm64's; there, 3264_ marks what has another name on 32 bits."""
    header = numbers_in_header(machine)
    column = MACHINES.index(machine)
    singles = {"clone3": seccomp._CLONE3, "clone": seccomp._CLONE, "kill": seccomp._KILL, "tgkill": seccomp._TGKILL,
               "prlimit64": seccomp._PRLIMIT, "prctl": seccomp._PRCTL, "fcntl": seccomp._FCNTL, "mmap": seccomp._MMAP,
               "seccomp": tuple(seccomp._SECCOMP.values()), "capset": tuple(confinement._CAPSET.values())}  # fmt: skip
    wrong, checked = {}, 0
    for name, numbers in {**seccomp._REFUSED, **singles}.items():
        known = header.get(name)
        if known is None and (numbers[column] is None or numbers[column] >= 424):
            continue  # not there, or newer than the header
        checked += 1
        if known != numbers[column]:
            wrong[name] = numbers[column], known
    assert wrong == {}
    assert checked > 80


def test_landlocks_numbers_are_the_kernels(machine):
    header = numbers_in_header(machine)
    names = ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self")
    assert [header[name] for name in names] == [
        landlock._CREATE_RULESET,
        landlock._ADD_RULE,
        landlock._RESTRICT_SELF,
    ]


# Files


@pytest.fixture
def tree(tmp_path):
    """Make files and links in a folder, by their paths; a link is given as "path -> target"."""

    def make(*paths):
        root = tmp_path / "root"
        for path in paths:
            name, _, target = path.partition(" -> ")
            place = root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(target) if target else place.touch()
        return root

    return make


def split(root, *hidden):
    parts = confinement._split_around(str(root), [str(root / path) for path in hidden])
    return sorted(os.path.relpath(part, root) for part in parts)


def test_a_folder_without_secrets_stays_whole(tree):
    assert split(tree("a/x", "b/y")) == ["."]


@pytest.mark.parametrize(
    ("hidden", "left"),
    [
        (["a/x"], ["a/y", "b"]),
        (["a"], ["b"]),
        (["a/x", "a/y"], ["b"]),
        (["a", "b"], []),
        (["b/c/z"], ["a", "b/w"]),
        (["absent"], ["a", "b"]),
        (["b/c", "b/c/z"], ["a", "b/w"]),
    ],
)
def test_a_folder_is_split_around_what_is_hidden(tree, hidden, left):
    assert split(tree("a/x", "a/y", "b/c/z", "b/w"), *hidden) == left


def test_what_is_hidden_is_hidden_from_its_beginning_only_by_whole_names(tree):
    assert split(tree("data/x", "data2/y", "data.txt"), "data") == ["data.txt", "data2"]


def test_the_hidden_folder_itself_leaves_nothing(tree):
    root = tree("a/x")
    assert confinement._split_around(str(root), [str(root)]) == []


@pytest.mark.parametrize("link", ["lib64 -> lib", "up -> .", "deep/er -> ../lib/data", "direct -> lib/data/secret"])
def test_a_link_is_no_way_round(tree, link):
    """A virtual environment has lib64 -> lib: through it all that is hidden in lib could be read."""
    root = tree("lib/data/secret", "lib/module", "bin/python", link)
    assert set(split(root, "lib/data")) <= {"lib/module", "bin", "deep"}


def test_a_link_out_of_a_folder_leads_to_what_may_be_read(tree, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "package").touch()
    root = tree("lib/secret", "package -> ../elsewhere/package", "above -> ..")
    assert split(root, "lib/secret") == ["../elsewhere/package"]


def test_a_child_may_write_its_home_and_overwrite_its_two_files(tree, tmp_path):
    root = tree("public", "secret/x")
    rights = list_rights(Confinement((str(root),), (str(root / "secret"),), (), 100.0), "/scratch")
    granted = dict(rights)
    changing = landlock.CHANGE & ~landlock.READ
    assert {path for path, right in granted.items() if right & changing & ~landlock._IOCTL_DEV} == {
        "/scratch/home",
        "/scratch/out/predictions.npy",
        "/scratch/out/artifact",
        *confinement._SINKS,
    }
    assert granted[str(root)] == landlock.LIST
    assert granted[str(root / "public")] == landlock.READ
    assert not any(path.startswith(str(root / "secret")) for path in granted)


def test_a_gpus_nodes_are_granted_by_name():
    granted = dict(list_rights(Confinement((), (), ("/dev/nvidiactl",), 100.0), "/scratch"))
    assert granted["/dev/nvidiactl"] & landlock.DEVICE == landlock.DEVICE
