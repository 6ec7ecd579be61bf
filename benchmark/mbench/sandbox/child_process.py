"""The child process and what holds it: a fresh interpreter in a scratch folder, under time and memory limits."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
import secrets
import selectors
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import psutil

from mbench.child.confinement import FILE_LIMIT
from mbench.child.snapshots import MAX_STEP
from mbench.child.start import scratch_variables
from mbench.disk import remove_folder, scratch_folder
from mbench.errors import HarnessError, one_line
from mbench.sandbox.import_path import find_module, interpreter_flags, path_variables
from mbench.sandbox.limits import TimeLimit, Took
from mbench.sandbox.nursery import IS_SUPPORTED, ForkedChild, Nursery
from mbench.sandbox.predictions import unpack_predictions
from mbench.sandbox.tiers import Isolation, is_readable_inside
from mbench.sandbox.usage import ProcessorClock, Usage, is_overfull, process_usage, unnamed_files
from mbench.submission import Source, entry_path
from mbench.types import FloatArray, Spec

LOAD_LIMIT_S = 60.0  # importing a submission and building its estimator, before any data is there
SAVE_LIMIT_S = 60.0
WATCH_FACTOR = 4.0  # of the limit to fit, for fitting and taking snapshots
N_SNAPSHOTS = 240  # kept of one training, and their bytes; the last one comes on top
SNAPSHOT_BYTES = 1 << 30
MEMORY_LIMIT_MB = 8192
CAPTURE_LIMIT = 1_000_000  # bytes of output read; more is drained and forgotten
SCRATCH_LIMIT = FILE_LIMIT  # bytes that a child may have in its scratch folder, in this many files at most
SCRATCH_FILES = 20_000
THREAD_LIMIT = 512
MAX_IMPORTS = 2_000  # of whose names a child may tell
SPARE_DISK = 1 << 20  # bytes: with less, a failure is the disk's
_ANSWER_LIMIT = 65_536
_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)
_TICK_S = 0.02
# What the operating system says where the child removed or replaced a folder: its doing, not a failure of ours.
_TAMPERED = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EACCES, errno.EPERM)
_CLOSELY_EVERY = 10  # ticks between looks at the child's own children and files, which cost a scan of all processes

_NO_MODULE = re.compile(r"\bModuleNotFoundError: No module named '([A-Za-z_]\w{0,60})")

# Passed on to the child; everything else of our environment stays here.
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SYSTEMROOT")


class ChildFailure(Exception):
    """The child did not answer a command with success: `status` is the cell's, `str()` the reason."""

    def __init__(self, status: str, reason: str) -> None:
        """status: a cell's status.  reason: made one printable line of at most 500 characters for its author."""
        super().__init__(one_line(reason, 500))
        self.status = status


@dataclass(frozen=True, slots=True)
class Moment:
    """A snapshot that a child keeps, in its own words.

    step: as the estimator counts.  seconds: of training up to it.
    """

    step: int
    seconds: float


class Interrupted(Exception):
    """The run is being stopped; the child was killed and nothing is recorded."""


class Child:
    """One submission in one fresh process. A context manager: leaving it kills the process, removes the scratch folder.

    Every method raises ChildFailure when the submission failed, Interrupted when `cancel` was set, HarnessError when
    the failure is ours.
    """

    def __init__(
        self,
        source: Source,
        spec: Spec,
        *,
        isolation: Isolation,
        nursery: Nursery | None = None,
        memory_limit_mb: float = MEMORY_LIMIT_MB,
        cancel: Event | None = None,
    ) -> None:
        """Take note; the process starts when the context is entered: forked from a nursery, or else from nothing."""
        self._source = source
        self._spec = spec
        self._isolation = isolation
        self._nursery = nursery
        self._memory_limit_mb = memory_limit_mb
        self._cancel = cancel or Event()
        self._lent = contextlib.ExitStack()
        self._captured = bytearray()
        self._answers = bytearray()
        self.peak_memory_mb = 0.0
        self.saving = Took(0.0, 0.0)  # what the last `save` took
        self._was_killed = False
        self._clock = ProcessorClock()
        self._charged_s = 0.0  # of its seconds: those up to the last answer
        self._carried_s = 0.0  # of wall clock that the next command is charged for, too
        self._n_drained = 0  # bytes of what it wrote to us

    def __enter__(self) -> Child:
        """Start the process."""
        try:
            parent = self._lent.enter_context(scratch_folder()) if self._nursery is None else self._nursery.folder
            self._scratch = Path(tempfile.mkdtemp(prefix="cell-", dir=parent))
            for folder in ("submission", "in", "out", "home"):
                (self._scratch / folder).mkdir()
            for path in self._written():
                path.touch()
            self._source.write_to(self._scratch / "submission")
            self._process = self._start()
        except OSError as error:
            self._remove_scratch()
            raise HarnessError(f"the child process could not be started: {error}") from error
        except HarnessError:
            self._remove_scratch()
            raise
        self._selector = selectors.DefaultSelector()
        for stream, buffer in ((self._process.stdout, self._answers), (self._process.stderr, self._captured)):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ, buffer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill whatever is left of the child and remove its scratch folder."""
        self._kill()
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()
        if isinstance(self._process, ForkedChild):
            self._process.close()
        self._remove_scratch()

    def _remove_scratch(self) -> None:
        if hasattr(self, "_scratch"):
            remove_folder(self._scratch)
        self._lent.close()

    def _start(self) -> subprocess.Popen[bytes] | ForkedChild:
        confinement = self._isolation.confinement(self._memory_limit_mb)
        if self._nursery is not None:
            return self._nursery.fork(self._scratch, self._source.entry, confinement)
        command = [sys.executable, *interpreter_flags(), "-m", "mbench.child.start", self._source.entry]
        command += [" ".join(self._source.libraries)]
        command += [] if confinement is None else [json.dumps(asdict(confinement))]
        return subprocess.Popen(
            self._isolation.wrap(command, self._scratch, writable=[self._scratch / "home", *self._written()]),
            cwd=self._scratch,
            env=child_environment(self._spec.threads) | path_variables() | scratch_variables(self._scratch),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def _written(self) -> list[Path]:
        """The files that a child writes its answers to: they are there before it, so that it need not create any."""
        return [self._scratch / "out" / name for name in ("predictions.npy", "artifact")]

    @property
    def output(self) -> str:
        """What the submission printed so far, the last 2,000 characters of it."""
        return self._captured.decode("utf-8", "replace").replace("\x00", "")[-2000:]

    def build(self) -> None:
        """Import the submission and build its estimator. Raises HarnessError if the worker itself does not come up."""
        self._await_start()
        self._request("build", LOAD_LIMIT_S, spec=asdict(self._spec), libraries=self._source.later_libraries)

    def fit(self, X: FloatArray, y: FloatArray) -> tuple[Took, int | None]:
        """Hand over the sample and fit: `give_sample` and `fit_given`, for one that is in memory."""
        self.give_sample([(X, y)], len(X))
        return self.fit_given()

    def give_sample(self, parts: Iterable[tuple[FloatArray, FloatArray]], n_samples: int) -> None:
        """Hand over the sample: parts (X, y) of `n_samples` rows together, of which only one need be in memory."""
        self._hand_over(({"X": X, "y": y} for X, y in parts), n_samples)

    def fit_given(self) -> tuple[Took, int | None]:
        """Fit the sample given; return what it took, and the parameters if the estimator counts them."""
        took, answer = self._request("fit", self._spec.fit_limit_s)
        n_params = answer.get("n_params")
        return took, n_params if type(n_params) is int and 0 <= n_params < 2**63 else None

    def watch(self, X: FloatArray, y: FloatArray) -> tuple[Moment, ...] | None:
        """Fit while snapshots are kept, and return their moments, one or more; None, unfitted, without a `snapshot`."""
        self.give_sample([(X, y)], len(X))
        limits = {"n_kept": N_SNAPSHOTS, "max_bytes": SNAPSHOT_BYTES}
        took, answer = self._request("watch", WATCH_FACTOR * self._spec.fit_limit_s, **limits)
        return _read_moments(answer.get("snapshots"), took.wall_s)

    def recall(self, number: int) -> None:
        """Have `predict` answer as of the snapshot with this number, of those that `watch` returned."""
        self._request("recall", LOAD_LIMIT_S, number=number)

    def predict(self, X: FloatArray, limit_s: float) -> tuple[FloatArray, Took]:
        """Hand over queries (m, d); return predictions (m, k) float32 and what they took."""
        self._hand_over([{"queries": X}], len(X))
        took, _ = self._request("predict", limit_s)
        return read_predictions(self._scratch / "out" / "predictions.npy", len(X), self._spec.n_outputs), took

    def list_imports(self) -> tuple[str, ...]:
        """Return the first names of the modules that the child says it has imported, the standard library's aside."""
        _, answer = self._request("list_imports", LOAD_LIMIT_S)
        names = answer.get("imports")
        if not isinstance(names, list) or len(names) > MAX_IMPORTS:
            raise ChildFailure("invalid", "wrote something of its own in place of the names of its imports")
        return tuple(name for name in names if isinstance(name, str) and name.isidentifier() and len(name) <= 100)

    @property
    def has_ended(self) -> bool:
        """Is there no process any more that could be asked?"""
        return self._was_killed or self._process.poll() is not None

    def save(self, limit_s: float = math.inf) -> Path:
        """Have the fitted estimator stored, and return the file, which is never to be opened outside a child.

        It may take `SAVE_LIMIT_S` seconds or `limit_s`, if that is less. What comes next is charged for it, too: else
        who is stored before the first question could go on training there.
        """
        charged_s, started = self._charged_s, time.monotonic() - self._carried_s
        try:
            self.saving, _ = self._request("save", min(SAVE_LIMIT_S, limit_s))
        finally:
            self._charged_s, self._carried_s = charged_s, time.monotonic() - started
        path = self._scratch / "out" / "artifact"
        status = path.lstat() if path.exists() else None
        if status is None or not stat.S_ISREG(status.st_mode) or status.st_size > FILE_LIMIT:
            raise ChildFailure("invalid", "the stored estimator is not a regular file of at most 4 GiB")
        return path

    def load(self, artifact: Path) -> None:
        """Take up an estimator stored by `save` in another child."""
        self._await_start()
        try:
            shutil.copyfile(artifact, self._scratch / "in" / "artifact")
        except OSError as error:
            raise HarnessError(f"{artifact}: cannot be copied to {self._scratch} ({error.strerror})") from error
        self._request("load", LOAD_LIMIT_S, spec=asdict(self._spec))

    def _await_start(self) -> None:
        try:
            self._await_line("start-up", time.monotonic(), self._limit(LOAD_LIMIT_S))
        except ChildFailure as failure:
            if failure.status == "out-of-memory":  # what it imports is too large for its limit
                raise
            raise HarnessError(f"the worker did not start: {failure}. {self.output.strip()[-300:]}") from None

    def _hand_over(self, parts: Iterable[dict[str, FloatArray]], n_rows: int) -> None:
        """Write arrays that come in parts to `in/NAME.npy`, each of `n_rows` rows, as `np.save` would write them."""
        files: dict[str, BinaryIO] = {}
        try:
            with contextlib.ExitStack() as stack:
                for part in parts:
                    for name, array in part.items():
                        if name not in files:
                            path = self._scratch / "in" / f"{name}.npy"
                            path.unlink(missing_ok=True)
                            # x: never through a link that the child has put there
                            files[name] = stack.enter_context(path.open("xb"))
                            descr = np.lib.format.dtype_to_descr(array.dtype)
                            shape = (n_rows, *array.shape[1:])
                            header = {"descr": descr, "fortran_order": False, "shape": shape}
                            np.lib.format.write_array_header_1_0(files[name], header)
                        np.ascontiguousarray(array).tofile(files[name])
        except OSError as error:
            if error.errno in _TAMPERED:
                raise ChildFailure("invalid", f"changed the harness's folders: in: {error.strerror}") from None
            raise HarnessError(
                f"{self._scratch}: cannot be written ({error.strerror or error}). Free space in $TMPDIR"
            ) from error

    def _limit(self, seconds: float) -> TimeLimit:
        return TimeLimit(seconds, self._spec.threads, self._spec.device != "cpu")

    def _request(self, verb: str, limit_s: float, **arguments: Any) -> tuple[Took, dict[str, Any]]:
        """Send one command, watch the child until it answers, and return what it took and the answer.

        It is charged from the last answer on: a thread that goes on after an answer works for the next one.
        """
        assert self._process.stdin is not None
        token = secrets.token_hex(8)  # an answer written before its question does not have it
        started, self._carried_s = time.monotonic() - self._carried_s, 0.0
        with contextlib.suppress(BrokenPipeError):  # a child that is gone is noticed below
            self._process.stdin.write((json.dumps({"do": verb, "token": token, **arguments}) + "\n").encode())
            self._process.stdin.flush()
        limit = self._limit(limit_s)
        line, busy_s = self._await_line(verb, started, limit)
        wall_s = time.monotonic() - started
        try:
            answer = json.loads(line)
            event = answer["event"]
            if answer["token"] != token:
                raise ValueError
        except (ValueError, TypeError, KeyError, RecursionError):
            raise ChildFailure(
                "invalid", f"wrote something of its own to the harness's channel during {verb}"
            ) from None
        if event == "done":
            return Took(limit.charge(busy_s, wall_s), wall_s, _read_import_s(answer.get("import_s"))), answer
        if shutil.disk_usage(self._scratch).free < SPARE_DISK:
            raise HarnessError(f"{self._scratch}: the disk is full, on which {verb} failed. Free space in $TMPDIR")
        status = str(answer.get("status"))
        known = status in ("crash", "invalid", "refused", "out-of-memory")
        reason = str(answer.get("reason"))
        for folder in ("home", "submission"):  # where a file of its author's lies is no matter of theirs
            reason = reason.replace(f"{self._scratch}/{folder}/", "")
        entry = entry_path(self._source)
        reason = add_missing(reason, None if entry is None else entry.parent)
        raise ChildFailure(status if known else "invalid", reason)

    def _await_line(self, verb: str, started: float, limit: TimeLimit) -> tuple[bytes, float]:
        """Return the next line, and the processor seconds since the last one, all threads together."""
        n_looks, next_look = 0, started
        while (end := self._answers.find(b"\n")) < 0:
            if self._cancel.is_set():
                self._kill()
                raise Interrupted
            now = time.monotonic()
            if now >= next_look:  # not at every turn: a child that floods its output makes thousands a second
                self._watch(verb, closely=n_looks % _CLOSELY_EVERY == 0)
                n_looks, next_look = n_looks + 1, now + _TICK_S
            busy_s = self._clock.seconds - self._charged_s
            late = limit.describe_busy(verb, busy_s, now - started) or limit.describe_wall(verb, busy_s, now - started)
            if late:
                self._kill()
                raise ChildFailure("timeout", late)
            ended = self._process.poll() is not None  # a process it left behind may hold the channel open
            alive = self._drain() and not ended
            if not alive or len(self._answers) > _ANSWER_LIMIT:
                if b"\n" in self._answers:
                    break
                raise self._death(verb)
        line = bytes(self._answers[:end] if end >= 0 else self._answers.split(b"\n")[0])
        del self._answers[: len(line) + 1]
        self._watch(verb, closely=True)
        busy_s = self._clock.seconds - self._charged_s
        if late := limit.describe_busy(verb, busy_s, time.monotonic() - started):  # we may have looked away meanwhile
            self._kill()
            raise ChildFailure("timeout", late)
        self._charged_s = self._clock.seconds
        return line, busy_s

    def _drain(self) -> bool:
        """Read what the child wrote; return False once it has closed its answers."""
        alive = True
        for key, _ in self._selector.select(_TICK_S):
            content = os.read(key.fd, 65_536)
            self._n_drained += len(content)
            if not content:
                self._selector.unregister(key.fileobj)
                alive = alive and key.data is not self._answers
            elif key.data is self._answers:
                key.data.extend(content)
            else:
                key.data.extend(content)
                del key.data[:-CAPTURE_LIMIT]
        return alive and self._process.stdout in {key.fileobj for key in self._selector.get_map().values()}

    def _watch(self, verb: str, *, closely: bool) -> None:
        """Kill a child that takes too much.  closely: look at its own children and its files, too, which costs more."""
        try:
            processes = [psutil.Process(self._process.pid)]
            # Under bubblewrap without a nursery, the process that we know is bubblewrap itself.
            if closely or (self._isolation.bubblewrap and self._nursery is None):
                processes += self._descendants(processes[0])
        except psutil.Error:
            return
        usages = {process: process_usage(process) for process in processes}
        self._clock.look(usages)
        usage = sum(usages.values(), Usage())
        self.peak_memory_mb = max(self.peak_memory_mb, usage.memory_bytes / 2**20)
        # What it wrote and removed again, or never gave a name, is on the disk all the same while it is open.
        n_written = usage.n_written - self._n_drained
        reason = ""
        if self.peak_memory_mb > self._memory_limit_mb:
            reason = f"{verb} took more than {self._memory_limit_mb:g} MB"
        elif usage.n_threads > THREAD_LIMIT:
            reason = f"{verb} started more than {THREAD_LIMIT} threads"
        elif closely and (n_written > SCRATCH_LIMIT or self._fills_disk(processes)):
            reason = f"{verb} wrote more than {SCRATCH_LIMIT >> 30} GiB or {SCRATCH_FILES} files to its scratch folder"
        if reason:
            self._kill()
            raise ChildFailure("out-of-memory", reason)

    def _fills_disk(self, processes: Iterable[psutil.Process]) -> bool:
        """Is there more of its files than may be, in its folder and without a name together?"""
        unnamed = [unnamed_files(process) for process in processes]
        n_bytes = SCRATCH_LIMIT - sum(held for held, _ in unnamed)
        n_files = SCRATCH_FILES - sum(number for _, number in unnamed)
        return min(n_bytes, n_files) < 0 or is_overfull(self._scratch, n_bytes, n_files)

    def _descendants(self, child: psutil.Process) -> list[psutil.Process]:
        """Return the processes below the child, and those that it left to its keeper."""
        if isinstance(self._process, ForkedChild):
            return [process for process in self._process.descendants() if process != child]
        return child.children(recursive=True)

    def _death(self, verb: str) -> ChildFailure:
        try:
            code = self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self._kill()
            return ChildFailure("crash", f"the process closed the harness's channel during {verb}")
        while self._selector.get_map() and self._selector.select(0):  # what it printed last says why
            self._drain()
        if code in (-signal.SIGKILL, 128 + signal.SIGKILL):
            return ChildFailure("out-of-memory", f"the process was killed during {verb}, as a rule for want of memory")
        if self._isolation.bubblewrap and code > 128:  # how bubblewrap passes a signal on
            code = 128 - code
        known = {number.value: number.name for number in signal.Signals}
        how = f"signal {known.get(-code, -code)}" if code < 0 else f"exit code {code}"
        why = ""
        if code >= 0:
            why = ". It was ended by os._exit, or by a library: raise an error in its place"
        elif -code in _CRASHES:
            why = ". Compiled code crashed: a library's as a rule, or Python's own in a recursion without end"
        return ChildFailure("crash", f"the process ended during {verb} ({how}){why}")

    def _kill(self) -> None:
        """Kill the child, its process group and every descendant that left it, and reap the child."""
        if self._was_killed and isinstance(self._process, ForkedChild):
            return  # with the keeper went all there was, and its number may be another's by now
        try:
            if isinstance(self._process, ForkedChild):
                descendants = self._process.descendants()
            elif self._process.poll() is None:
                descendants = self._descendants(psutil.Process(self._process.pid))
            else:  # what it left behind is no longer below it
                descendants = _find_processes_at_home(self._scratch)
        except psutil.Error:
            descendants = []
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for process in descendants:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if isinstance(self._process, ForkedChild):
            self._process.dismiss_keeper()
        self._process.wait()
        self._was_killed = True


def _read_import_s(told: Any) -> float | None:
    """Read what a child says of the seconds in which it loaded libraries, trusting nothing."""
    return told if type(told) is float and math.isfinite(told) and told >= 0 else None


def _read_moments(answer: Any, seconds: float) -> tuple[Moment, ...] | None:
    """Read what a child says of its snapshots, trusting nothing: neither steps nor seconds fall, nor pass `seconds`."""
    if answer is None:
        return None
    moments: list[Moment] = []
    last = Moment(0, 0.0)
    for item in answer if isinstance(answer, list) and len(answer) <= N_SNAPSHOTS + 1 else ():
        match item:
            case [step, at_s] if (
                type(step) is int and last.step <= step < MAX_STEP
                and type(at_s) is float and last.seconds <= at_s <= seconds
            ):  # fmt: skip
                moments.append(last := Moment(step, at_s))
    if not moments or len(moments) != len(answer):
        raise ChildFailure("invalid", "wrote something of its own in place of its snapshots' steps and seconds")
    return tuple(moments)


def read_predictions(path: Path, n_rows: int, n_outputs: int) -> FloatArray:
    """Read what a child wrote, trusting nothing: (n_rows, n_outputs) float32.

    Raises ChildFailure("invalid") for anything but a regular file that `unpack_predictions` takes with this shape.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise ChildFailure("invalid", f"predictions.npy cannot be opened ({error.strerror})") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ChildFailure("invalid", "predictions.npy is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        try:
            return unpack_predictions(file, (n_rows, n_outputs))
        except ValueError as error:
            raise ChildFailure("invalid", f"predictions.npy {error}") from None


def _find_processes_at_home(scratch: Path) -> list[psutil.Process]:
    """Return the processes whose home is in this scratch folder."""
    home = scratch_variables(scratch)["HOME"]
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("HOME") == home:
                found.append(process)
    return found


def child_environment(threads: int) -> dict[str, str]:
    """Return the environment of children: what little of ours they need, and the size of every thread pool."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    pools = ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR", "NUMBA")
    # No process may be forked in a sandbox, so joblib is told to stay in its own on every tier.
    return kept | {
        "PYTHONHASHSEED": "0",
        "JOBLIB_MULTIPROCESSING": "0",
        **{f"{pool}_NUM_THREADS": str(threads) for pool in pools},
    }


def add_missing(reason: str, folder: Path | None = None) -> str:
    """Return a reason with a word on the module that was not found, where it says so: why, and what brings it.

    folder: the submission's, None for one that was not read from a file.
    """
    found = _NO_MODULE.search(reason)
    if found is None:
        return reason
    places = find_module(found[1])
    if found[1] == "mbench":
        word = "Of mbench a submission may import mbench.nn alone"
    elif near := _find_near(found[1], folder):
        word = f"{near} does not travel with it: put it beside the submission, and name it in an import statement"
    elif not places:
        word = f"mbench runs on {sys.executable}: install it there, by {sys.executable} -m pip"
    elif any(is_readable_inside(Path(place)) for place in places):  # it lacks a part, or hides one from itself
        return reason
    elif os.path.isdir(places[0]) and not Path(places[0], "__init__.py").exists():
        word = f"{places[0]} has no __init__.py, and no child reads such a folder: add that file, or install it"
    else:
        word = f"It is in {places[0]}, which no child reads: put it beside the submission, or install it"
    return f"{one_line(reason, 498 - len(word))}. {word}"


def _find_near(name: str, folder: Path | None) -> Path | None:
    """Return a module that lies beside a submission, above it or in a `src`, where scripts look for theirs."""
    if folder is None:
        return None
    places = [place / each for place in (folder, folder / "src", folder.parent, folder.parent / "src")
              for each in (f"{name}.py", name)]  # fmt: skip
    return next((place for place in places if (place.suffix and place.is_file()) or place.is_dir()), None)


def unseen_variables(source: Source) -> tuple[str, ...]:
    """Return the environment variables that a submission asks for and no child has."""
    there = {*_KEPT_VARIABLES, *child_environment(1), *path_variables(), *scratch_variables("")}
    return tuple(name for name in source.variables if name not in there)


def open_nursery(
    source: Source, threads: int, isolation: Isolation
) -> contextlib.AbstractContextManager[Nursery | None]:
    """Return a nursery for a submission's children, or a context of None where they are to start from nothing."""
    if not (IS_SUPPORTED and isolation.allows_nursery):
        return contextlib.nullcontext()
    return Nursery(source.libraries, child_environment(threads), isolation.wrap)
