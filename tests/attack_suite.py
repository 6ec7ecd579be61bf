"""Runs the attacks of `tests/attacks` against a tier, and looks from outside at what they left.

A World holds what an attacker might want: a secret, results, listeners, shared memory, another cell. A Ground is one
tier in it. `run_attack` sends one attack there and returns its status and every problem found afterwards.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import hashlib
import os
import platform
import resource
import secrets
import shutil
import signal
import socket
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import psutil

import mbench
from mbench.runs.cells import Cell
from mbench.runs.stored import Answered, Asked, EndedBySaving, LoadedEstimator, Unconfirmed, lend_place, store_and_ask
from mbench.sandbox import child_process
from mbench.sandbox.child_process import CAPTURE_LIMIT, Child, ChildFailure, open_nursery
from mbench.sandbox.tiers import Isolation, choose_isolation
from mbench.submission import read_submission
from mbench.suite.tasks import load_task
from mbench.types import FloatArray, Spec

FOLDER = Path(__file__).parent / "attacks"
_SHARED = ("kit", "forging")
FIT_LIMIT_S, TIMEOUT_S = 20.0, 0.5
# Small limits, so that what fills a disk here fills little.
SCRATCH_LIMIT, SCRATCH_FILES = 8 << 20, 300
PEACEFUL = """
import numpy as np
class Mean:
    def fit(self, X, y):
        self.mean_ = y.mean(axis=0)
    def predict(self, X):
        return np.tile(self.mean_, (len(X), 1))
def build(spec):
    return Mean()
"""
_LIBC = ctypes.CDLL(None, use_errno=True)
_rng = np.random.default_rng(3)
X = _rng.uniform(-1, 1, (300, 2))
Y = (X**2).sum(axis=1, keepdims=True)
QUERIES = _rng.uniform(-1, 1, (600, 2))


@dataclass(frozen=True)
class Attack:
    """What a file of `tests/attacks` says of itself, read without running it.

    what: its docstring.  expected: the status, or several.  settings: its other constants in capitals.
    """

    name: str
    what: str
    expected: tuple[str, ...]
    settings: dict[str, Any]

    @property
    def is_for_this_machine(self) -> bool:
        return self.settings.get("MACHINE", platform.machine()) == platform.machine()

    def breaches(self, tier: str) -> bool:
        """Is it known, and documented, that this tier does not hold it?"""
        return bool(self.settings.get(f"BREACHES_{tier}"))


@dataclass(frozen=True)
class Outcome:
    """What came of one attack. breached: by its own word; problems: by what was found outside as well."""

    attack: str
    tier: str
    status: str
    reason: str
    breached: bool
    problems: tuple[str, ...]


def list_attacks() -> list[Attack]:
    return [_read_attack(path) for path in sorted(FOLDER.glob("*.py")) if path.stem not in _SHARED]


def _read_attack(path: Path) -> Attack:
    tree = ast.parse(path.read_text())
    settings = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            with contextlib.suppress(ValueError):
                settings[node.targets[0].id] = ast.literal_eval(node.value)
    return Attack(path.stem, ast.get_docstring(tree) or "", tuple(settings["EXPECTED"].split()), settings)


class World:
    """What there is to attack. A context manager."""

    def __enter__(self) -> World:
        with ExitStack() as stack:
            self._fill(stack)
            self._before = self._look()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _fill(self, stack: ExitStack) -> None:
        self.known_processes: set[int] = set()
        self.known_files: set[str] = set()
        self.token, self.value, self.hidden_variable = (secrets.token_hex(12) for _ in range(3))
        self.root = Path(os.path.realpath(tempfile.mkdtemp(prefix="mbench-world-", dir="/tmp")))
        stack.callback(shutil.rmtree, self.root, ignore_errors=True)
        for name in ("outside", "outside/empty", "results", "data", "scratch", "submissions", "kept"):
            (self.root / name).mkdir()
        self.secret = self.root / "outside" / "secret.txt"
        for path in (self.secret, self.root / "results" / "record.json", self.root / "data" / "labels"):
            path.write_text(self.value)
        with contextlib.suppress(OSError):  # a file system without them
            os.setxattr(self.secret, "user.planted", b"x")
        self.marker = self.root / "outside" / "marker"
        # PATH is what the harness hands on to children: by it their processes are told from everybody else's.
        self._mark = f"/mbench-world-{self.token}"
        environment = {"MBENCH_ATTACK_SECRET": self.hidden_variable, "PATH": f"{os.environ['PATH']}:{self._mark}"}
        stack.enter_context(mock.patch.dict(os.environ, environment))
        stack.enter_context(mock.patch("tempfile.tempdir", str(self.root / "scratch")))
        self._open_listeners(stack)
        self._open_ipc(stack)
        self.was_signalled = False
        previous = signal.signal(signal.SIGURG, self._note_signal)
        stack.callback(signal.signal, signal.SIGURG, previous)

    def _note_signal(self, *_: object) -> None:
        self.was_signalled = True

    def _open_listeners(self, stack: ExitStack) -> None:
        self.listeners: list[socket.socket] = []
        self.unix, self.datagram = str(self.root / "outside" / "stream"), str(self.root / "outside" / "datagram")
        abstract = f"\0{self.token}"
        for family, kind, address in (
            (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            (socket.AF_UNIX, socket.SOCK_STREAM, self.unix),
            (socket.AF_UNIX, socket.SOCK_DGRAM, self.datagram),
            (socket.AF_UNIX, socket.SOCK_STREAM, abstract),
            (socket.AF_UNIX, socket.SOCK_DGRAM, abstract + "-datagram"),
        ):
            listener = stack.enter_context(socket.socket(family, kind))
            listener.setblocking(False)
            listener.bind(address)
            if kind == socket.SOCK_STREAM:
                listener.listen(64)
            self.listeners.append(listener)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.free_port = free.getsockname()[1]

    def _open_ipc(self, stack: ExitStack) -> None:
        """Make System V memory, a queue that holds the secret, and a semaphore; -1 where there are none."""
        self.memory_id, self.queue_id = _LIBC.shmget(0, 4096, 0o1600), _LIBC.msgget(0, 0o1600)
        self.semaphore_id = _LIBC.semget(0, 1, 0o1600)
        stack.callback(_LIBC.shmctl, self.memory_id, 0, None)
        stack.callback(_LIBC.msgctl, self.queue_id, 0, None)
        stack.callback(_LIBC.semctl, self.semaphore_id, 0, 0, None)
        message = (1).to_bytes(8, "little") + self.value.encode()
        _LIBC.msgsnd(self.queue_id, message, ctypes.c_size_t(len(self.value)), 0)

    def targets(self, sibling: Path, sibling_pids: list[int]) -> str:
        """Return the module that tells attackers where everything is. The secrets themselves are not in it."""
        values = {
            "TOKEN": self.token, "SECRET": str(self.secret), "SECRET_VARIABLE": "MBENCH_ATTACK_SECRET",
            "MARKER": str(self.marker), "OUTSIDE": str(self.root / "outside"), "RESULTS": str(self.root / "results"),
            "DATA": str(self.root / "data"), "HOME": str(Path.home()), "HARNESS": os.getpid(),
            "HOST_NAMES": [socket.gethostname()], "TCP_PORT": self.listeners[0].getsockname()[1],
            "UDP_PORT": self.listeners[1].getsockname()[1], "UNIX_PATH": self.unix, "DATAGRAM_PATH": self.datagram,
            "ABSTRACT": self.token, "FREE_PORT": self.free_port, "SHARED_MEMORY_ID": self.memory_id,
            "QUEUE_ID": self.queue_id, "SEMAPHORE_ID": self.semaphore_id, "SIBLING": str(sibling),
            "SIBLING_PIDS": sibling_pids,
        }  # fmt: skip
        return "".join(f"{name} = {value!r}\n" for name, value in values.items())

    def problems(self) -> list[str]:
        """Return what has changed since the beginning, or came in."""
        now = self._look()
        found = [
            f"changed: {name} was {before}, is {now.get(name)}"
            for name, before in self._before.items()
            if now.get(name) != before
        ]
        found += [f"new: {name} {value}" for name, value in now.items() if name not in self._before]
        found += ["the harness was signalled"] if self.was_signalled else []
        return found + list(self._received())

    def drain(self) -> None:
        """Forget what came in."""
        for _ in self._received():
            pass

    def processes(self) -> set[int]:
        """Return the numbers of all processes of this world's children."""
        found = set()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if self._mark in process.environ().get("PATH", "") and process.status() != psutil.STATUS_ZOMBIE:
                    found.add(process.pid)
        return found - {os.getpid()}

    def _received(self) -> Iterator[str]:
        for listener in self.listeners:
            for _ in range(1000):
                try:
                    if listener.type == socket.SOCK_STREAM:
                        listener.accept()[0].close()
                    else:
                        listener.recv(100)
                except BlockingIOError:
                    break
                yield f"something came in at {listener.getsockname()!r}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.free_port), 0.1):
            yield "somebody listens"

    def _look(self) -> dict[str, object]:
        seen: dict[str, object] = {}
        for path in sorted(self.root.rglob("*")):
            if not {"scratch", "submissions", "kept"} & set(path.relative_to(self.root).parts):
                status = path.lstat()
                content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
                attributes = sorted(os.listxattr(path, follow_symlinks=False))
                seen[str(path)] = (
                    status.st_mode, status.st_uid, status.st_gid, status.st_nlink, status.st_size, status.st_mtime_ns,
                    content, attributes,
                )  # fmt: skip
        package = Path(mbench.__file__).parent
        for name in ("__init__.py", "child/worker.py", "suite/tracks.py"):
            status = (package / name).stat()
            seen[name] = status.st_mode, status.st_uid, status.st_size
        libraries = (sysconfig.get_path("purelib"), sysconfig.get_path("stdlib"), sysconfig.get_path("scripts"))
        folders = (package, package / "suite", package / "nn", package / "__pycache__", package / "nn" / "__pycache__",
                   *map(Path, libraries), Path(np.__file__).parent, Path.home(), Path.home() / ".cache", Path.cwd(),
                   Path("/"), Path("/tmp"), Path("/var/tmp"), Path("/dev"), Path("/dev/shm"), Path("/run"),
                   Path("/dev/mqueue"), Path("/etc"), Path("/usr/lib"))  # fmt: skip
        for folder in folders:
            with contextlib.suppress(OSError):
                seen |= {f"{folder}/{name}": "planted" for name in os.listdir(folder) if self.token in name}
        for kind, number in (("shm", self.memory_id), ("msg", self.queue_id), ("sem", self.semaphore_id)):
            with contextlib.suppress(OSError):
                lines = Path("/proc/sysvipc", kind).read_text().splitlines()[1:]
                seen[kind] = next((line.split() for line in lines if line.split()[1] == str(number)), None)
        seen["nice"], seen["affinity"] = os.nice(0), os.sched_getaffinity(0)
        seen["limits"] = [resource.getrlimit(kind) for kind in range(16)]
        seen["kill me first"] = Path("/proc/self/oom_score_adj").read_text()
        seen["session"] = os.getsid(0), os.getpgid(0)
        return seen


class Ground:
    """One tier, with a nursery or without, and a peaceful cell that outlives every attack. A context manager."""

    def __init__(self, world: World, isolation: Isolation, *, forks: bool) -> None:
        self.world, self.isolation, self._forks = world, isolation, forks

    def __enter__(self) -> Ground:
        with ExitStack() as stack:
            self._peaceful = self._write(self.world.root / "submissions" / "peaceful", {"peaceful.py": PEACEFUL})
            self.nursery = None
            if self._forks:
                self.nursery = stack.enter_context(open_nursery(self._peaceful, 1, self.isolation))
                assert self.nursery is not None
            self._sibling = stack.enter_context(self.child(self._peaceful))
            self._sibling.build()
            self._sibling.fit(X, Y)
            self._stack = stack.pop_all()
        # Other grounds of this world may be open, too.
        self._processes = self.world.processes() - self.world.known_processes
        self.world.known_processes |= self._processes
        self.world.known_files |= self._list_scratch()
        pid = self._sibling._process.pid
        inner = [line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "NSpid" in line]
        self._sibling_pids = sorted({pid, *map(int, inner[0][1:])} if inner else {pid})
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def child(self, source: Any, fit_limit_s: float = FIT_LIMIT_S, memory_limit_mb: float = 1024) -> Child:
        spec = Spec(2, 1, len(X), fit_limit_s, threads=1, device="cpu", seed=0)
        nursery = self.nursery
        return Child(source, spec, isolation=self.isolation, nursery=nursery, memory_limit_mb=memory_limit_mb)

    def write(self, attack: Attack) -> Any:
        files = {f"{name}.py": (FOLDER / f"{name}.py").read_text() for name in (attack.name, *_SHARED)}
        files["targets.py"] = self.world.targets(self._sibling._scratch, self._sibling_pids)
        return self._write(self.world.root / "submissions" / attack.name, files)

    def _write(self, folder: Path, files: dict[str, str]) -> Any:
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(content)
        return read_submission(folder / next(iter(files)))

    def problems(self) -> list[str]:
        """Return what an attack left here, and whether the others still live."""
        processes = self.world.processes()
        left = [psutil.Process(pid) for pid in processes - self.world.known_processes if psutil.pid_exists(pid)]
        _, alive = psutil.wait_procs(left, timeout=10)  # what was killed may take a moment to give its memory back
        found = [f"{process} was left behind" for process in alive if process.status() != psutil.STATUS_ZOMBIE]
        found += [f"process {pid} is gone" for pid in self._processes - processes]
        found += [f"{path} was left behind" for path in self._list_scratch() - self.world.known_files]
        try:
            self._sibling.predict(QUERIES, FIT_LIMIT_S)
        except Exception as error:
            found.append(f"the cell beside it: {error}")
        if self._sibling.output:
            found.append("the cell beside it printed something")
        return found

    def is_alive(self) -> bool:
        """Does a fresh child of the same nursery fit and predict?"""
        with self.child(self._peaceful) as child:
            child.build()
            child.fit(X, Y)
            predictions, _ = child.predict(QUERIES, FIT_LIMIT_S)
        return bool(np.allclose(predictions, Y.mean()))

    def _list_scratch(self) -> set[str]:
        scratch = self.world.root / "scratch"
        return {str(path) for path in scratch.rglob("*") if path.name not in ("queries.npy", "predictions.npy")}


def offered(tier: str) -> Isolation | None:
    """Return a tier, or None where this machine does not have it."""
    try:
        return choose_isolation(tier, allow_none=True)
    except mbench.errors.MbenchError:
        return None


def run_attack(attack: Attack, ground: Ground) -> Outcome:
    """Run it as a cell of an evaluation, and return what came of it and what it left."""
    times_out = "timeout" in attack.expected
    limit_s = attack.settings.get("FIT_LIMIT_S", TIMEOUT_S if times_out else FIT_LIMIT_S)
    n_descriptors = len(os.listdir("/proc/self/fd"))
    limits = {"SCRATCH_LIMIT": SCRATCH_LIMIT, "SCRATCH_FILES": attack.settings.get("SCRATCH_FILES", SCRATCH_FILES)}
    limits["LOAD_LIMIT_S"] = attack.settings.get("LOAD_LIMIT_S", child_process.LOAD_LIMIT_S)
    limits["SAVE_LIMIT_S"] = child_process.SAVE_LIMIT_S if attack.settings.get("SAVES", True) else TIMEOUT_S
    source = ground.write(attack)
    status, reason, kept = "ok", "", b""
    problems: list[str] = []
    with mock.patch.multiple(child_process, **limits), ExitStack() as stack:
        place: Path | None = lend_place(stack)
        child = ground.child(source, limit_s, attack.settings.get("MEMORY_LIMIT_MB", 1024))
        asked = None
        try:
            try:
                asked = _fit_and_ask(child, limit_s, place)
            except EndedBySaving:  # as `mbench.runs.evaluate`: what cannot be stored is scored all the same
                child = ground.child(source, limit_s, attack.settings.get("MEMORY_LIMIT_MB", 1024))
                asked = _fit_and_ask(child, limit_s, None)
        except ChildFailure as failure:
            status, reason = failure.status, str(failure)
        output = child._captured.decode("utf-8", "replace")
        if asked is not None and asked.n_bytes is not None:
            assert place is not None
            kept = place.read_bytes()
            if any(attack.settings.get(name) for name in ("LOADS", "UNCONFIRMED")):
                found, told = _ask_loaded(ground.child(source), place, asked.predictions)
                output += told
                if found == bool(attack.settings.get("LOADS")):
                    problems.append(f"once loaded, it answers {'otherwise' if found else 'alike'}")
        if attack.settings.get("LOADS") and "unpickled" not in output:
            problems.append("the artifact was not loaded")
    breaches = [line for line in output.splitlines() if "BREACH" in line]
    problems += breaches
    if status not in attack.expected:
        problems.append(f"status {status} ({reason}), expected {' or '.join(attack.expected)}: {output[-500:]}")
    if status == "ok" and "attacked" not in output:
        problems.append("it did not get to its attack")
    if bool(reason) == (status == "ok") or not reason.isprintable() or len(reason) > 500:
        problems.append(f"the reason is no line: {reason!r}")
    if not any(word in reason for word in attack.settings.get("REASON", "").split(" ")):
        problems.append(f"the reason is another: {reason}")
    for what, text in (("output", output), ("reason", reason), ("artifact", kept.decode("latin1"))):
        if ground.world.value in text or ground.world.hidden_variable in text:
            problems.append(f"a secret is in its {what}")
    if len(child._captured) > CAPTURE_LIMIT:
        problems.append(f"{len(child._captured)} bytes of output were kept")
    problems += ground.problems() + ground.world.problems()
    if len(os.listdir("/proc/self/fd")) != n_descriptors:
        problems.append("descriptors of the harness were left open")
    return Outcome(attack.name, ground.isolation.tier, status, reason, bool(breaches), tuple(problems))


def _fit_and_ask(child: Child, limit_s: float, place: Path | None) -> Asked:
    with child:
        child.build()
        child.fit(X, Y)
        cell = Cell("curve", "quick", 0, len(X), limit_s)
        return store_and_ask(child, load_task("curve"), cell, QUERIES, place)


def _ask_loaded(child: Child, artifact: Path, predictions: FloatArray) -> tuple[bool, str]:
    """Load a stored estimator in a fresh child; return whether it was found to answer otherwise, and its output."""
    with child:
        try:
            LoadedEstimator(child, Answered(QUERIES, predictions)).load(artifact, FIT_LIMIT_S)
        except Unconfirmed:
            return True, child.output
        return False, child.output
