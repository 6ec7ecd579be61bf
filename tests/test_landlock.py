"""Which files a confined process may touch, and how. The rights stand here, from landlock(7) and linux/landlock.h."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mbench.child import landlock

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is confined elsewhere")

HEADER = Path("/usr/include/linux/landlock.h")
# In the order of their bits.
RIGHTS = (
    "EXECUTE", "WRITE_FILE", "READ_FILE", "READ_DIR", "REMOVE_DIR", "REMOVE_FILE", "MAKE_CHAR", "MAKE_DIR", "MAKE_REG",
    "MAKE_SOCK", "MAKE_FIFO", "MAKE_BLOCK", "MAKE_SYM", "REFER", "TRUNCATE", "IOCTL_DEV",
)  # fmt: skip
GRANTS = {
    "READ": {"EXECUTE", "READ_FILE", "READ_DIR"},  # a library's: its shared objects are mapped as code
    "LIST": {"READ_DIR"},  # names alone
    "OVERWRITE": {"READ_FILE", "WRITE_FILE", "TRUNCATE"},  # a file that is there already
    "CHANGE": {
        "EXECUTE", "READ_FILE", "READ_DIR", "WRITE_FILE", "TRUNCATE", "REMOVE_DIR", "REMOVE_FILE", "MAKE_DIR",
        "MAKE_REG", "REFER",
    },  # its home: files and folders, moved as it likes, but no socket, pipe, node or link that leads elsewhere
    "DEVICE": {"READ_FILE", "WRITE_FILE", "IOCTL_DEV"},
}  # fmt: skip
# How many of the rights a version of the interface knows; all known ones are taken away, so none is left unnamed.
KNOWN = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}


def names_of(rights):
    return {RIGHTS[bit] for bit in range(64) if rights >> bit & 1}


def test_a_grant_holds_the_listed_rights_and_no_other():
    assert {name: names_of(getattr(landlock, name)) for name in GRANTS} == GRANTS


def test_all_rights_that_a_kernel_knows_are_taken_away():
    assert landlock._N_RIGHTS == KNOWN


def test_the_rights_are_the_kernels():
    if not HEADER.exists():
        pytest.skip(f"{HEADER} is not installed (package linux-libc-dev)")
    found = re.findall(r"#define LANDLOCK_ACCESS_FS_(\w+)\s+\(1ULL << (\d+)\)", HEADER.read_text())
    in_order = tuple(name for name, _ in sorted(found, key=lambda pair: int(pair[1])))
    n_known = min(len(in_order), len(RIGHTS))  # an old header has fewer, a new one more
    assert n_known >= KNOWN[1]
    assert in_order[:n_known] == RIGHTS[:n_known]


def test_the_calls_have_the_kernels_numbers():
    """syscalls(2): the same on every architecture."""
    assert (landlock._CREATE_RULESET, landlock._ADD_RULE, landlock._RESTRICT_SELF) == (444, 445, 446)


# What a real process may do. Each deed is a line of Python; what it takes is named as landlock(7) names it.
DEEDS = {
    "list": ("os.listdir(f)", {"READ_DIR"}),
    "read": ("open(f + '/file').read()", {"READ_FILE"}),
    "run": ("run(f + '/program')", {"EXECUTE", "READ_FILE"}),
    "write": ("os.close(os.open(f + '/file', os.O_WRONLY))", {"WRITE_FILE"}),
    "cut": ("os.close(os.open(f + '/file', os.O_WRONLY | os.O_TRUNC))", {"WRITE_FILE", "TRUNCATE"}),
    "cut by its path": ("os.truncate(f + '/file', 0)", {"TRUNCATE"}),
    "make a file": ("os.close(os.open(f + '/a', os.O_CREAT | os.O_RDONLY))", {"MAKE_REG", "READ_FILE"}),
    "make a folder": ("os.mkdir(f + '/b')", {"MAKE_DIR"}),
    "make a link": ("os.symlink('/', f + '/c')", {"MAKE_SYM"}),
    "make a pipe": ("os.mkfifo(f + '/d')", {"MAKE_FIFO"}),
    "make a socket": ("socket.socket(socket.AF_UNIX).bind(f + '/e')", {"MAKE_SOCK"}),
    "make a node": ("os.mknod(f + '/n', 0o20600, os.makedev(1, 3))", {"MAKE_CHAR"}),
    "make a disk's node": ("os.mknod(f + '/o', 0o60600, os.makedev(7, 0))", {"MAKE_BLOCK"}),
    "take it elsewhere": (
        "os.rename(f + '/moved', f + '/in/moved')",
        {"REFER", "REMOVE_FILE", "MAKE_REG"},
    ),
    "rename": ("os.rename(f + '/old', f + '/new')", {"REMOVE_FILE", "MAKE_REG"}),
    "remove a file": ("os.unlink(f + '/spare')", {"REMOVE_FILE"}),
    "remove a folder": ("os.rmdir(f + '/empty')", {"REMOVE_DIR"}),
}
SINCE = {"REFER": 2, "TRUNCATE": 3}  # a right that an older interface doesn't know isn't taken away
CONFINED = """
import ctypes, errno, fcntl, json, os, socket, sys
from mbench.child import landlock
folders, system, deeds, port = json.loads(sys.argv[1])
parent = os.getppid()
def run(path):
    pid = os.posix_spawn(path, [path], {})
    assert os.waitpid(pid, 0)[1] == 0
def connect():
    with socket.socket() as s:
        s.connect(("127.0.0.1", port))
def bind():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
def ask(path):
    with open(path, "rb", buffering=0) as device:
        fcntl.ioctl(device, 0x80045200, bytes(4))  # RNDGETENTCNT
def abstract():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("\\0" + f"mbench-{port}")
assert ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
landlock.restrict_files([(f, getattr(landlock, g) if isinstance(g, str) else g) for f, g in folders + system])
said = {}
for name, deed, f in deeds:
    try:
        exec(deed)
        said[name] = "ok"
    except OSError as error:
        said[name] = errno.errorcode[error.errno]
print(json.dumps(said))
"""


@pytest.fixture
def confined():
    """Return {deed: "ok" or the error's name} of (name, Python, folder), done by a process that was left `folders`."""
    if not landlock.supported_version():
        pytest.skip("this kernel has no Landlock")

    def act(folders, deeds, port=0):
        system = [(path, "READ") for path in ("/usr", "/lib", "/lib64", "/etc/ld.so.cache")]
        argument = json.dumps([folders, system, deeds, port])
        command = [sys.executable, "-c", CONFINED, argument]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return act


@pytest.fixture
def furnish(tmp_path):
    """Make a folder with a file, a program, and things to move and to remove."""

    def make(name):
        folder = tmp_path / name
        (folder / "empty").mkdir(parents=True)
        (folder / "in").mkdir()
        for file in ("file", "moved", "old", "spare"):
            (folder / file).write_text("x")
        shutil.copy(shutil.which("true"), folder / "program")
        return str(folder)

    return make


@pytest.mark.parametrize("grant", [*GRANTS, "nothing"])
def test_a_process_does_what_its_grant_says_and_no_more(confined, furnish, grant):
    folder = furnish("granted")
    granted = GRANTS.get(grant, set())
    version = landlock.supported_version()
    needs = {name: {right for right in rights if SINCE.get(right, 1) <= version} for name, (_, rights) in DEEDS.items()}
    deeds = [(name, deed, folder) for name, (deed, _) in DEEDS.items()]
    if os.getuid() != 0:
        deeds = [deed for deed in deeds if "node" not in deed[0]]
    said = confined([(folder, grant)] if granted else [], deeds)
    expected = {name: "ok" if needs[name] <= granted else "refused" for name, _, _ in deeds}
    told = {name: answer if answer == "ok" else "refused" for name, answer in said.items()}
    assert told == expected
    assert set(said.values()) <= {"ok", "EACCES", "EXDEV"}  # EXDEV: into another folder


def test_what_may_be_changed_is_moved_neither_out_nor_in(confined, furnish):
    home, other = furnish("home"), furnish("other")
    deeds = [
        ("out", f"os.rename(f + '/moved', {other!r} + '/taken')", home),
        ("out by a link", f"os.link(f + '/moved', {other!r} + '/taken')", home),
        ("in", f"os.rename({other!r} + '/moved', f + '/taken')", home),
        ("in by a link", f"os.link({other!r} + '/moved', f + '/taken')", home),
        ("within", "os.rename(f + '/moved', f + '/in/moved')", home),
    ]
    said = confined([(home, "CHANGE"), (other, "READ")], deeds)
    assert said.pop("within") == "ok"
    assert set(said.values()) <= {"EACCES", "EXDEV"}


def test_a_file_that_may_be_overwritten_is_all_that_may_be(confined, furnish):
    folder = furnish("out")
    said = confined([(f"{folder}/file", "OVERWRITE")], [(name, deed, folder) for name, (deed, _) in DEEDS.items()])
    assert {name for name, answer in said.items() if answer == "ok"} == {"read", "write", "cut", "cut by its path"}


def test_a_device_takes_commands_only_where_granted(confined):
    if landlock.supported_version() < 5:
        pytest.skip("before version 5 no command to a device is guarded")
    deeds = [("random", "ask(f)", "/dev/random"), ("urandom", "ask(f)", "/dev/urandom")]
    said = confined([("/dev/random", "READ"), ("/dev/urandom", "DEVICE")], deeds)
    assert said == {"random": "EACCES", "urandom": "ok"}


def test_outsiders_are_out_of_reach(confined):
    """TCP since version 4; signals and abstract sockets since version 6."""
    version = landlock.supported_version()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        port = server.getsockname()[1]
        abstract.bind(f"\0mbench-{port}")
        abstract.listen()
        deeds = [("connect", "connect()", ""), ("bind", "bind()", ""), ("abstract", "abstract()", ""),
                 ("signal", "os.kill(parent, 0)", ""), ("signal to itself", "os.kill(os.getpid(), 0)", "")]  # fmt: skip
        said = confined([], deeds, port)
    tcp, scope = ("EACCES" if version >= 4 else "ok"), ("EPERM" if version >= 6 else "ok")
    assert said == {"connect": tcp, "bind": tcp, "abstract": scope, "signal": scope, "signal to itself": "ok"}


def test_a_path_that_is_not_there_is_passed_over(confined, furnish, tmp_path):
    folder = furnish("granted")
    said = confined([(str(tmp_path / "absent"), "READ"), (folder, "LIST")], [("list", "os.listdir(f)", folder)])
    assert said == {"list": "ok"}
