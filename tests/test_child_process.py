import io
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import numpy as np
import psutil
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mbench.errors import HarnessError
from mbench.sandbox.child_process import (
    CAPTURE_LIMIT,
    N_SNAPSHOTS,
    Child,
    ChildFailure,
    Interrupted,
    Moment,
    _read_import_s,
    _read_moments,
    open_nursery,
    read_predictions,
)
from mbench.sandbox.tiers import Isolation, choose_isolation
from mbench.submission import read_submission
from mbench.types import Spec


@dataclass(frozen=True)
class Replaced(Isolation):
    """Starts another command in the child's place."""

    command: tuple[str, ...] = ()

    def wrap(self, command, folder, writable=None):
        return list(self.command)


X = np.linspace(-1, 1, 20)[:, None]
Y = X**2


def make_spec(n_outputs=1, fit_limit_s=30.0, threads=1):
    return Spec(1, n_outputs, len(X), fit_limit_s, threads=threads, device="cpu", seed=0)


@pytest.fixture(params=["started", "forked"])
def child_of(request, submission_file, estimator, lend_nursery):
    """Return the child of an estimator given by the bodies of its methods, from nothing or from a nursery."""
    isolation = choose_isolation("C", allow_none=True)

    def make(memory_limit_mb=8192, cancel=None, fit_limit_s=30.0, threads=1, **bodies):
        source = read_submission(submission_file(estimator(**bodies)))
        return Child(
            source,
            make_spec(fit_limit_s=fit_limit_s, threads=threads),
            isolation=isolation,
            nursery=lend_nursery(source, threads, isolation) if request.param == "forked" else None,
            memory_limit_mb=memory_limit_mb,
            cancel=cancel,
        )

    return make


@pytest.fixture
def unhurried(monkeypatch):
    """Let no cap on wall clock come before a limit of processor seconds, however busy this machine is."""
    monkeypatch.setattr("mbench.sandbox.limits.WALL_FACTOR", 1e6)


@pytest.fixture
def child_of_command(submission_file, estimator):
    """Return a child whose isolation turns its command line into another."""

    def make(*command):
        source = read_submission(submission_file(estimator()))
        return Child(source, make_spec(), isolation=Replaced("C", "", command=command))

    return make


@pytest.fixture
def said(child_of):
    """Fit with a body that returns text, and return that text."""

    def run(expression, **options):
        with child_of(fit=f"print('<' + str({expression}) + '>')\nself.mean = 0\nreturn self", **options) as child:
            child.build()
            child.fit(X, Y)
            return child.output.strip().strip("<>")

    return run


def failure_of(child):
    """Fit and predict, and return how that failed, or None."""
    try:
        child.fit(X, Y)
        child.predict(X, child._spec.fit_limit_s)
    except ChildFailure as failure:
        return failure
    return None


def wait_until_gone(*pids):
    """Wait until the processes have ended; a zombie has."""
    processes = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    alive = [p for p in processes if p.status() != psutil.STATUS_ZOMBIE]
    return psutil.wait_procs(alive, timeout=30)[1] == []


def test_a_child_builds_fits_and_predicts(child_of):
    with child_of(
        fit="self.X, self.y = X, y", predict="return self.y[np.searchsorted(self.X[:, 0], X[:, 0])] + len(self.X)"
    ) as child:
        child.build()
        took, n_params = child.fit(X, Y)
        predictions, _ = child.predict(X, 30.0)
    assert took.seconds > 0
    assert n_params is None
    assert predictions.dtype == np.float32
    np.testing.assert_array_equal(predictions, (Y + 20).astype(np.float32))


@pytest.mark.parametrize(
    ("value", "counted"), [("12", 12), ("np.int64(12)", 12), ("'many'", None), ("-1", None), ("2**63", None)]
)
def test_parameters_are_counted_if_the_estimator_says_so(child_of, value, counted):
    with child_of(fit=f"self.n_params_ = {value}\nreturn self") as child:
        child.build()
        assert child.fit(X, Y)[1] == counted


def test_what_fit_returns_is_the_estimator_if_it_predicts(child_of):
    with child_of(head="class Other:\n    predict = lambda self, X: np.full(len(X), 7)", fit="return Other()") as child:
        child.build()
        child.fit(X, Y)
        assert set(child.predict(X, 30.0)[0].ravel()) == {7.0}


def test_build_gets_the_spec_and_no_name_of_a_task(child_of):
    with child_of(build="print(spec)\nreturn Estimator()") as child:
        child.build()
        assert repr(make_spec()) in child.output


def test_long_queries_arrive_in_blocks_and_come_back_whole(child_of):
    with child_of(predict="assert len(X) <= 65536\nreturn X") as child:
        child.build()
        child.fit(X, Y)
        queries = np.linspace(-1, 1, 150_000)[:, None]
        np.testing.assert_array_equal(child.predict(queries, 30.0)[0], queries.astype(np.float32))


def test_no_query_lies_in_the_childs_folder_before_it_has_fitted(said):
    listed = said("sorted(os.path.join(at, f) for at, _, files in os.walk('..') for f in files)")
    empty = "'../out/artifact', '../out/predictions.npy'"
    assert listed == f"['../in/X.npy', '../in/y.npy', {empty}, '../submission/submission.py']"


def test_none_of_our_environment_reaches_the_child(said, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    names = said("sorted(os.environ)")
    assert "SECRET" not in names
    assert "PYTHON" not in names.replace("PYTHONHASHSEED", "").replace("PYTHONPATH", "")


def test_the_child_lives_in_a_scratch_folder_that_is_removed(said):
    folder = Path(said("os.getcwd()"))
    assert "mbench-" in str(folder)
    assert not folder.exists()


def test_a_sample_in_parts_is_handed_over_as_the_whole_would_be(child_of, rng, tmp_path):
    sample = {"X": rng.random((50, 2)), "y": rng.random((50, 3))}
    with child_of() as child:
        child.give_sample(((sample["X"][rows], sample["y"][rows]) for rows in (slice(30), slice(30, 50))), 50)
        for name, array in sample.items():
            np.save(tmp_path / name, array)
            assert (child._scratch / "in" / f"{name}.npy").read_bytes() == (tmp_path / f"{name}.npy").read_bytes()


@pytest.mark.parametrize("variable", ["HOME", "TMPDIR"])
def test_home_and_the_temporary_folder_are_the_working_folder(said, variable):
    assert said(f"os.environ['{variable}'] == os.getcwd()") == "True"


def test_thread_pools_are_told_how_many_threads(said):
    assert said("os.environ['OMP_NUM_THREADS'] + os.environ['OPENBLAS_NUM_THREADS']") == "11"


def test_a_module_beside_the_harness_is_not_importable_by_accident(said, tmp_path, monkeypatch):
    (tmp_path / "planted.py").write_text("")
    monkeypatch.chdir(tmp_path)
    assert said("__import__('importlib.util').util.find_spec('planted')") == "None"


def test_a_submission_without_them_gets_neither_torch_nor_sklearn_nor_numba(said):
    assert said("[m for m in ('torch', 'sklearn', 'numba', 'scipy', 'pandas') if m in sys.modules]") == "[]"


@pytest.mark.parametrize("name", ["knn", "constant"])
def test_a_scikit_learn_baseline_does_not_import_torch(name, submission_file, estimator):
    from mbench.submission import baseline_path

    submission_file(baseline_path(name).read_text(), "inner.py")
    body = "import inner\ninner.build(self.spec).fit(X, y).predict(X)\nprint('torch' in sys.modules)"
    path = submission_file(estimator(fit=body, build="e = Estimator()\ne.spec = spec\nreturn e"))
    with Child(read_submission(path), make_spec(), isolation=choose_isolation("C", allow_none=True)) as child:
        child.build()
        child.fit(X, Y)
        assert child.output.strip() == "False"


def test_output_is_captured_without_a_deadlock_and_its_end_is_kept(child_of):
    write = "for stream in (sys.stdout, sys.stderr):\n    for i in range(25):\n        stream.write('x' * 10**6)"
    with child_of(fit=f"{write}\nprint('end')") as child:
        child.build()
        child.fit(X, Y)
        assert child.output.endswith("end\n")
        assert len(child.output) <= 2_000
        assert len(child._captured) <= CAPTURE_LIMIT


def test_output_that_is_not_utf8_is_kept_as_text(child_of):
    with child_of(fit="os.write(1, b'\\xff\\xfe\\x00ok')") as child:
        child.build()
        child.fit(X, Y)
        json.dumps(child.output).encode("ascii")
        assert child.output.endswith("ok")


@pytest.mark.parametrize("phase", ["fit", "predict"])
def test_a_hang_ends_at_the_limit(child_of, unhurried, phase):
    with child_of(fit_limit_s=0.5, **{phase: "while True: pass"}) as child:
        child.build()
        failure = failure_of(child)
    assert failure.status == "timeout"
    assert re.fullmatch(rf"{phase} ran past its limit of 0\.5 s: it took 0\.[5-9] processor seconds", str(failure))


@pytest.mark.parametrize("phase", ["fit", "predict"])
def test_who_sleeps_ends_at_three_times_the_limit_of_wall_clock(child_of, phase):
    with child_of(fit_limit_s=0.4, **{phase: "import time; time.sleep(600)"}) as child:
        child.build()
        failure = failure_of(child)
    assert failure.status == "timeout"
    cap = rf"{phase} ran past its limit of 0\.4 s: it took \d\.\d s of wall clock, .* 3 times as many, and 0\.[0-3] pro"
    assert re.match(cap, str(failure))


BURN = """
import hashlib, threading, time
def burn(seconds, clock=time.thread_time):
    block = bytes(10**6)  # hashing leaves the interpreter's lock
    end = clock() + seconds
    while clock() < end: hashlib.sha256(block)
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_two_busy_threads_count_double_and_their_seconds_are_shared_by_the_threads_granted(
    child_of, unhurried, threads
):
    fit = f"{BURN}\npair = [threading.Thread(target=burn, args=(0.7,)) for _ in range(2)]\n"
    fit += "for each in pair: each.start()\nfor each in pair: each.join()\nself.mean = 0"
    with child_of(fit=fit, fit_limit_s=1.1, threads=threads) as child:
        child.build()
        if threads == 2:
            took, _ = child.fit(X, Y)
            assert 0.7 <= took.seconds <= 1.1
        else:
            with pytest.raises(ChildFailure, match=r"limit of 1\.1 s: it took 1\.[1-9] processor seconds"):
                child.fit(X, Y)


GRANDCHILD = "pid = os.fork()\nif pid == 0:\n    burn(30)\n    os._exit(0)\n"
ORPHAN = "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: burn(30)\n    os._exit(0)\nos.wait()\n"
REAPED = "for _ in range(30):\n    if os.fork() == 0:\n        burn(0.4)\n        os._exit(0)\n    os.wait()\n"
UNREAPED = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
UNREAPED += REAPED.replace("os.wait()", "time.sleep(0.8)")
UNBOUND = "import ctypes; ctypes.CDLL(None).prctl(36, 0)\n"  # it gives up to be the parent of its orphans


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are found on Linux only")
@pytest.mark.parametrize("work", [GRANDCHILD, ORPHAN, REAPED, UNREAPED], ids=["child", "orphan", "reaped", "unreaped"])
def test_what_its_own_processes_burn_is_charged_to_a_child(child_of, unhurried, work):
    with child_of(fit=f"{BURN}{work}time.sleep(60)", fit_limit_s=1.5) as child:
        child.build()
        failure = failure_of(child)
    assert re.match(r"fit ran past its limit of 1\.5 s: it took [12]\.\d processor seconds", str(failure))


@pytest.mark.skipif(sys.platform != "linux", reason="there is no keeper elsewhere")
def test_an_orphan_that_a_child_gives_away_falls_to_its_keeper_and_is_charged_all_the_same(
    submission_file, estimator, unhurried
):
    source = read_submission(submission_file(estimator(fit=f"{BURN}{UNBOUND}{ORPHAN}time.sleep(60)")))
    isolation = choose_isolation("C", allow_none=True)
    with (
        open_nursery(source, 1, isolation) as nursery,
        Child(source, make_spec(fit_limit_s=1.5), isolation=isolation, nursery=nursery) as child,
    ):
        child.build()
        failure = failure_of(child)
    assert re.match(r"fit ran past its limit of 1\.5 s: it took [12]\.\d processor seconds", str(failure))


def test_a_child_that_stops_its_clocks_is_charged_what_it_took(child_of):
    stop = "for name in ('time', 'monotonic', 'perf_counter', 'process_time', 'thread_time'):\n"
    stop += "    setattr(time, name, lambda: 0.0)\n"
    with child_of(fit=f"{BURN}{stop}burn(0.6)\nself.mean = 0") as child:
        child.build()
        fitting, _ = child.fit(X, Y)
    assert fitting.seconds >= 0.6
    assert fitting.wall_s >= 0.6


def test_a_thread_that_works_on_after_the_answer_is_charged_to_the_next(child_of):
    fit = f"{BURN}\ndef late():\n    burn(0.6)\n    print('end', flush=True)\n"
    with child_of(fit=fit + "threading.Thread(target=late).start()\nself.mean = 0", predict="return X") as child:
        child.build()
        fitting, _ = child.fit(X, Y)
        while "end" not in child.output:
            child._drain()
        _, predicting = child.predict(X, 30.0)
    assert fitting.seconds + predicting.seconds >= 0.6


def test_what_a_fit_loads_is_told_beside_what_it_took(child_of):
    module = "clock = __import__('time').thread_time\nend = clock() + 0.3\nwhile clock() < end: pass\n"
    fit = f"open('slow.py', 'w').write({module!r})\nsys.path.insert(0, '')\nimport slow\nself.mean = 0"
    with child_of(fit=fit, predict="import slow\nreturn X") as child:
        child.build()
        fitting, _ = child.fit(X, Y)
        _, predicting = child.predict(X, 30.0)
    assert 0.3 <= fitting.import_s <= fitting.seconds
    assert predicting.import_s < 0.3


@pytest.mark.parametrize("told", ["0.5", None, True, 1, -0.1, float("nan"), float("inf"), [0.1]])
def test_import_seconds_that_are_none_are_not_believed(told):
    assert _read_import_s(told) is None


def test_memory_past_the_limit_ends_the_child(child_of):
    with child_of(memory_limit_mb=300, fit="self.a = np.ones(10**9)\nwhile True: pass") as child:
        child.build()
        with pytest.raises(ChildFailure, match="fit took more than 300 MB") as caught:
            child.fit(X, Y)
    assert caught.value.status == "out-of-memory"
    assert child.peak_memory_mb > 300


def test_memory_of_the_childs_own_children_counts(child_of):
    fit = "if os.fork() == 0: self.a = np.ones(10**9)\nwhile True: pass"
    with child_of(memory_limit_mb=300, fit=fit) as child:
        child.build()
        with pytest.raises(ChildFailure, match="300 MB"):
            child.fit(X, Y)


DAEMON = """
r, w = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(w, str(os.getpid()).encode())
        while True: pass
    os._exit(0)
print("pid", int(os.read(r, 20)), flush=True)
"""
FORK = """
pid = os.fork()
if pid == 0:
    while True: pass
print("pid", pid, flush=True)
"""


@pytest.mark.parametrize("fork", [FORK, DAEMON], ids=["fork", "daemon"])
@pytest.mark.parametrize(
    ("end", "expected"), [("self.mean = 0", None), ("os._exit(0)", "crash"), ("while True: pass", "timeout")]
)
def test_no_process_is_left_behind(child_of, fork, end, expected):
    with child_of(fit=f"{fork}\n{end}", fit_limit_s=2.0) as child:
        child.build()
        failure = failure_of(child)
        assert (failure and failure.status) == expected
        pid = int(child.output.split()[1])
    assert wait_until_gone(pid, child._process.pid)


def test_a_child_dies_with_the_harness(tmp_path, submission_file, estimator):
    path = submission_file(estimator(fit="while True: pass"))
    code = f"""
import numpy as np
from mbench.sandbox.tiers import choose_isolation
from mbench.sandbox.child_process import Child
from mbench.submission import read_submission
from mbench.types import Spec
none = choose_isolation("C", allow_none=True)
with Child(read_submission({str(path)!r}), Spec(1, 1, 20, 600.0, 1, "cpu", 0), isolation=none) as child:
    child.build()
    print(child._process.pid, flush=True)
    child.fit(np.zeros((20, 1)), np.zeros((20, 1)))
"""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as harness:
        pid = int(harness.stdout.readline())
        assert psutil.pid_exists(pid)
        harness.kill()
    assert wait_until_gone(pid)


FIND_CHANNEL = """
import stat
for fd in range(3, 20):
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        continue
    if stat.S_ISFIFO(mode):
        try:
            os.write(fd, LINE)
        except OSError:
            pass
"""


@pytest.mark.parametrize(
    "line",
    [
        b'{"event": "done"}\n',
        b'{"event": "done", "n_params": 1}\n{"event": "done"}\n',
        b'{"event": "failed", "status": "infrastructure", "reason": "not me"}\n',
        b"[1]\n",
        b"5\n",
        b"\xff\n",
        b"[" * 20_000 + b"\n",
        b"x" * 100_000,
    ],
    ids=["done", "twice", "failed", "list", "number", "bytes", "deep", "flood"],
)
def test_a_forged_answer_is_invalid(child_of, line):
    head = f"LINE = {line[:1]!r} * 100_000" if len(set(line)) == 1 else f"LINE = {line!r}"
    with child_of(head=head, fit=FIND_CHANNEL) as child:
        child.build()
        assert failure_of(child).status in ("invalid", "crash")


@pytest.mark.parametrize(
    "body",
    [
        "os.close(1)",
        "os.close(0); os.close(1); os.close(2)",
        "sys.stdout.close(); sys.stderr.close()",
        "del sys.stdout",
    ],
)
def test_a_submission_may_close_its_own_streams(child_of, body):
    with child_of(fit=f"{body}\nself.mean = 0") as child:
        child.build()
        child.fit(X, Y)
        assert child.predict(X, 30.0)[0].shape == (20, 1)


def test_a_closed_channel_is_a_crash(child_of):
    with child_of(fit="os.closerange(0, 100)") as child:
        child.build()
        with pytest.raises(ChildFailure, match="during fit") as caught:
            child.fit(X, Y)
    assert caught.value.status == "crash"


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ("os._exit(5)", "crash", r"exit code 5\). It was ended by os._exit"),
        ("import ctypes\nctypes.string_at(0)", "crash", r"signal SIGSEGV\). Compiled code crashed"),
        ("os.kill(os.getpid(), 6)", "crash", "signal SIGABRT"),
        ("os.kill(os.getpid(), 40)", "crash", "signal 40"),
        ("os.kill(os.getpid(), 9)", "out-of-memory", "killed during fit"),
        ("sys.exit('bye')", "crash", "SystemExit: bye"),
        ("raise KeyboardInterrupt", "crash", "KeyboardInterrupt"),
    ],
)
def test_a_death_says_how(child_of, body, status, reason):
    with child_of(fit=body) as child:
        child.build()
        with pytest.raises(ChildFailure, match=reason) as caught:
            child.fit(X, Y)
    assert caught.value.status == status


@pytest.mark.parametrize(
    "message",
    ["a\\nb", "\\ud800", "\\x1b[2J", "\\x00", "x" * 10**5],
    ids=["lines", "surrogate", "escape", "zero", "long"],
)
def test_a_reason_is_one_printable_line(child_of, message):
    with child_of(head=f"MESSAGE = '{message}'", fit="raise ValueError(MESSAGE)") as child:
        child.build()
        with pytest.raises(ChildFailure) as caught:
            child.fit(X, Y)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) <= 500


def test_a_reason_names_the_submissions_own_line(child_of):
    with child_of(head="def helper():\n    return {}['absent']", fit="helper()") as child:
        child.build()
        with pytest.raises(ChildFailure, match=r"KeyError: 'absent' \(submission\.py, line 4\)"):
            child.fit(X, Y)


@pytest.mark.parametrize(
    "body",
    [
        "import shutil\nshutil.rmtree('../in')",
        "os.remove('../in/X.npy')\nos.remove('../in/y.npy')\nos.rmdir('../in')\nopen('../in', 'w')",
        "os.makedirs('../in/queries.npy')",
    ],
    ids=["removed", "replaced", "blocked"],
)
def test_who_breaks_the_hand_over_is_to_blame(child_of, body):
    with child_of(fit=body) as child:
        child.build()
        child.fit(X, Y)
        with pytest.raises(ChildFailure, match="changed the harness's folders") as caught:
            child.predict(X, 30.0)
    assert caught.value.status == "invalid"


def test_queries_are_never_written_through_a_link(child_of, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    with child_of(fit=f"os.symlink({str(victim)!r}, '../in/queries.npy')\nself.mean = 0") as child:
        child.build()
        child.fit(X, Y)
        child.predict(X, 30.0)
    assert victim.read_text() == "precious"


def test_a_full_temporary_folder_is_our_failure(child_of, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(28, "No space left on device")

    with child_of() as child:
        child.build()
        monkeypatch.setattr(np.lib.format, "write_array_header_1_0", refuse)
        with pytest.raises(HarnessError, match="Free space"):
            child.fit(X, Y)


def test_a_worker_that_does_not_start_is_our_failure(child_of_command):
    command = (sys.executable, "-c", "import sys; sys.exit('no such tier')")
    with child_of_command(*command) as child, pytest.raises(HarnessError, match="no such tier"):
        child.build()


def test_a_missing_interpreter_is_our_failure_and_leaves_no_folder(child_of_command, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = set(tmp_path.iterdir())
    child = child_of_command("/nowhere/python")
    with pytest.raises(HarnessError, match="could not be started"):
        child.__enter__()
    assert {path.name for path in set(tmp_path.iterdir()) - before} == {"submissions"}


@pytest.mark.parametrize(("version", "shares"), [(0, False), (1, True)], ids=["without Landlock", "with it"])
def test_bubblewrap_shares_a_nursery_only_where_landlock_keeps_its_children_apart(
    submission_file, estimator, monkeypatch, version, shares
):
    monkeypatch.setattr("mbench.sandbox.tiers.landlock.supported_version", lambda: version)
    with open_nursery(read_submission(submission_file(estimator())), 1, Isolation("A", "")) as nursery:
        assert (nursery is not None) == shares


def test_weights_drawn_in_build_are_the_same_in_every_child(child_of):
    pytest.importorskip("torch")
    drawn = []
    for _ in range(2):
        with child_of(head="import torch", build="e = Estimator()\ne.w = float(torch.rand(1))\nreturn e",
                      predict="return np.full(len(X), self.w)") as child:  # fmt: skip
            child.build()
            child.fit(X, Y)
            drawn.append(child.predict(X[:1], 30.0)[0].item())
    assert drawn[0] == drawn[1]


def raise_interrupt():
    raise KeyboardInterrupt


def test_a_child_that_was_killed_is_not_killed_again(submission_file, estimator, monkeypatch):
    """Its number, and its keeper's, may be somebody else's by then."""
    source, isolation = read_submission(submission_file(estimator())), choose_isolation("C", allow_none=True)
    with (
        open_nursery(source, 1, isolation) as nursery,
        Child(source, make_spec(), isolation=isolation, nursery=nursery) as child,
    ):
        with monkeypatch.context() as interrupted:
            interrupted.setattr(type(child._process), "descendants", lambda self: raise_interrupt())
            with pytest.raises(KeyboardInterrupt):
                child._kill()
        assert child._process.poll() is None  # so it has to be killed again
        child._kill()
        assert child._process.poll() is not None
        monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a signal was sent"))
        monkeypatch.setattr(os, "killpg", lambda *_: pytest.fail("a signal was sent"))


def test_a_child_collects_garbage_whichever_way_it_started(said):
    assert said("__import__('gc').isenabled()") == "True"


def test_more_threads_than_allowed_do_not_buy_more_time(child_of, unhurried):
    spin = "import threading, hashlib\nblock = bytes(10**7)\n"  # hashing leaves the interpreter's lock
    spin += "def work():\n    while True: hashlib.sha256(block)\n"
    spin += "for _ in range(4): threading.Thread(target=work, daemon=True).start()\nwork()"
    with child_of(fit=spin, fit_limit_s=2.0) as child:
        child.build()
        with pytest.raises(ChildFailure, match=r"limit of 2\.0 s: it took [23]\.\d processor") as raised:
            child.fit(X, Y)
    assert raised.value.status == "timeout"


def test_cancelling_ends_a_hanging_child(child_of):
    cancel = Event()
    with child_of(fit="while True: pass", cancel=cancel) as child:
        child.build()
        cancel.set()
        with pytest.raises(Interrupted):
            child.fit(X, Y)
        assert child._process.returncode == -signal.SIGKILL


def test_a_stored_estimator_predicts_the_same_in_another_child(child_of, tmp_path):
    with child_of() as child:
        child.build()
        child.fit(X, Y)
        first, _ = child.predict(X, 30.0)
        (tmp_path / "artifact").write_bytes(child.save().read_bytes())
    with child_of() as child:
        child.load(tmp_path / "artifact")
        np.testing.assert_array_equal(child.predict(X, 30.0)[0], first)


def test_a_missing_artifact_is_our_failure(child_of, tmp_path):
    with child_of() as child, pytest.raises(HarnessError, match="cannot be copied"):
        child.load(tmp_path / "absent")


@pytest.mark.parametrize("content", [b"", b"junk", b"\x80\x05."])
def test_a_damaged_artifact_is_refused(child_of, tmp_path, content):
    (tmp_path / "artifact").write_bytes(content)
    with child_of() as child, pytest.raises(ChildFailure, match="cannot be loaded"):
        child.load(tmp_path / "artifact")


def test_an_estimator_that_cannot_be_pickled_says_so(child_of):
    with child_of(fit="import threading\nself.lock = threading.Lock()") as child:
        child.build()
        child.fit(X, Y)
        with pytest.raises(ChildFailure, match="cannot be pickled"):
            child.save()


def test_a_link_is_no_artifact(child_of):
    # The worker writes bytes where the link points; what the harness would then copy is refused.
    with child_of(
        fit="os.chdir('../out')\nos.unlink('artifact')\nos.symlink('../submission/submission.py', 'artifact')"
    ) as child:
        child.build()
        child.fit(X, Y)
        with pytest.raises(ChildFailure, match="not a regular file"):
            child.save()


# The strict loader


def npy(array, version=(1, 0)):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asanyarray(array), version=version)
    return buffer.getvalue()


GOOD = npy(np.arange(6, dtype="<f4").reshape(3, 2))


def test_predictions_are_read_as_numpy_reads_them(tmp_path, rng):
    values = rng.standard_normal((100, 3)).astype("<f4")
    np.save(tmp_path / "p.npy", values)
    np.testing.assert_array_equal(read_predictions(tmp_path / "p.npy", 100, 3), values)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        GOOD[:-1],
        GOOD + b"\x00",
        GOOD[:9],
        GOOD * 2,
        b"PK\x03\x04" + GOOD,
        npy(np.zeros((2, 3), "<f4")),
        npy(np.zeros(6, "<f4")),
        npy(np.zeros((3, 2, 1), "<f4")),
        npy(np.zeros((3, 2), "<f8")),
        npy(np.zeros((3, 2), ">f4")),
        npy(np.zeros((3, 2), "<i4")),
        npy(np.zeros((3, 2), "<f4", order="F")),
        npy(np.zeros((3, 2), "<f4"), version=(2, 0)),
        npy(np.zeros((3, 2), [("a", "<f4")])),
        npy(np.full((3, 2), np.nan, "<f4")),
        npy(np.array([[0, 0], [0, 0], [0, -np.inf]], "<f4")),
        GOOD[:8] + b"\xff\xff" + GOOD[10:],
        GOOD[:8] + b"\x00\x00" + GOOD[10:],
        GOOD.replace(b"(3, 2)", b"(9, 9)"),
        GOOD.replace(b"'shape'", b"'shapf'"),
        GOOD.replace(b"False", b"True "),
        b"\x00" * 100_000,
    ],
    ids=lambda content: content[:80].strip().decode("latin1")[-30:] + str(len(content)),
)
def test_any_other_file_is_invalid(tmp_path, content):
    (tmp_path / "p.npy").write_bytes(content)
    with pytest.raises(ChildFailure, match=r"predictions\.npy") as caught:
        read_predictions(tmp_path / "p.npy", 3, 2)
    assert caught.value.status == "invalid"


class Bomb:
    def __reduce__(self):
        return os._exit, (9,)


def test_nothing_is_unpickled(tmp_path):
    np.save(tmp_path / "p.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(ChildFailure):
        read_predictions(tmp_path / "p.npy", 1, 1)


@pytest.mark.parametrize("kind", ["absent", "folder", "pipe", "link", "broken link", "device"])
def test_what_is_no_regular_file_is_invalid(tmp_path, kind):
    path, real = tmp_path / "p.npy", tmp_path / "real.npy"
    real.write_bytes(GOOD)
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to(real)
        case "broken link":
            path.symlink_to(tmp_path / "nowhere")
        case "device":
            path = Path("/dev/zero")
    with pytest.raises(ChildFailure) as caught:
        read_predictions(path, 3, 2)
    assert caught.value.status == "invalid"


@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=300).map(lambda tail: GOOD[:10] + tail),
        st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)).map(
            lambda at: GOOD[: at[0]] + bytes([at[1]]) + GOOD[at[0] + 1 :]
        ),
    )
)
@example(GOOD)
def test_the_loader_raises_nothing_but_child_failure(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.npy"
    path.write_bytes(content)
    try:
        values = read_predictions(path, 3, 2)
    except ChildFailure:
        return
    assert values.shape == (3, 2)
    assert np.isfinite(values).all()


WATCHED = """
class Watched:
    count = 0
    def fit(self, X, y, snapshot=None):
        STEPS
        return self
    def predict(self, X):
        return np.full(len(X), float(self.count))
"""


@pytest.fixture
def watched(child_of):
    """Return the child of an estimator whose fit has `snapshot`, given by the lines of its fit."""

    def make(*lines, **options):
        head = WATCHED.replace("STEPS", "\n        ".join(lines))
        return child_of(head=head, build="return Watched()", **options)

    return make


def test_a_child_answers_as_of_every_snapshot(watched):
    with watched("for self.count in range(4):", "    snapshot(10 * self.count)", "self.count += 0.5") as child:
        child.build()
        moments = child.watch(X, Y)
        answers = []
        for number in [0, 3, 1]:
            child.recall(number)
            answers.append(child.predict(X[:1], 30.0)[0].item())
    assert [moment.step for moment in moments] == [0, 10, 20, 30]
    assert answers == [0.0, 3.5, 1.0]
    seconds = [moment.seconds for moment in moments]
    assert seconds == sorted(seconds)


def test_an_estimator_without_snapshot_is_left_for_another_way(child_of):
    with child_of() as child:
        child.build()
        assert child.watch(X, Y) is None
        child.fit(X, Y)
        assert child.predict(X[:1], 30.0)[0].item() == pytest.approx(Y.mean())


def test_an_estimator_that_never_calls_snapshot_has_one_as_of_its_end(watched):
    with watched("self.count = 7") as child:
        child.build()
        (moment,) = child.watch(X, Y)
        child.recall(0)
        assert (moment.step, child.predict(X[:1], 30.0)[0].item()) == (0, 7.0)


def test_a_million_snapshots_are_thinned(watched):
    with watched("for self.count in range(10**6):", "    snapshot(self.count)") as child:
        child.build()
        moments = child.watch(X, Y)
        assert 100 <= len(moments) <= N_SNAPSHOTS + 1
        child.recall(len(moments) - 1)
        assert child.predict(X[:1], 30.0)[0].item() == 10**6 - 1


@pytest.mark.parametrize(
    ("lines", "status", "reason"),
    [
        (["snapshot('many')"], "crash", "got str, expected a whole number"),
        (["snapshot(3)", "snapshot(2)"], "crash", "steps do not go back"),
        (["self.hidden = (i for i in X)", "snapshot(0)"], "crash", "cannot be pickled for a snapshot"),
        (["self.hidden = (i for i in X)"], "crash", "cannot be pickled for a snapshot"),
        (["raise ValueError('no')"], "crash", r"fit\(X, y\) raised ValueError: no"),
        (["os._exit(0)"], "crash", "the process ended during watch"),
    ],
)
def test_a_training_that_fails_while_it_is_watched_says_why(watched, lines, status, reason):
    with watched(*lines) as child:
        child.build()
        with pytest.raises(ChildFailure, match=reason) as caught:
            child.watch(X, Y)
    assert caught.value.status == status


def test_an_estimator_that_only_hangs_when_watched_ends_at_a_limit_of_its_own(watched):
    with watched("while True: pass", fit_limit_s=0.3) as child:
        child.build()
        with pytest.raises(ChildFailure, match=r"watch ran past its limit of 1\.2 s"):
            child.watch(X, Y)


def test_a_snapshot_that_cannot_be_taken_up_again_is_a_crash(watched):
    line = "self.__class__.__setstate__ = lambda self, state: 1 / 0"
    with watched(line, "self.count = 1") as child:
        child.build()
        child.watch(X, Y)
        with pytest.raises(ChildFailure, match="a snapshot cannot be loaded: ZeroDivisionError"):
            child.recall(0)


@pytest.mark.parametrize(
    "answer",
    [
        [], {}, "", 5, [[0, 0.0], 5], [[0]], [[0, 0.0, 0]], [[0.0, 0.0]], [[True, 0.0]], [["0", 0.0]], [[-1, 0.0]],
        [[2**53, 0.0]], [[10**400, 0.0]], [[1, 0.0], [0, 0.0]], [[0, 0]], [[0, float("nan")]], [[0, float("inf")]],
        [[0, -0.1]], [[0, 3.1]], [[0, 1.0], [1, 0.9]], [[0, 0.0]] * (N_SNAPSHOTS + 2),
    ],
    ids=lambda value: repr(value)[:30],
)  # fmt: skip
def test_moments_that_are_none_are_invalid(answer):
    with pytest.raises(ChildFailure, match="steps and seconds") as caught:
        _read_moments(answer, 3.0)
    assert caught.value.status == "invalid"


def test_moments_are_read_as_they_are():
    assert _read_moments([[0, 0.0], [0, 0.0], [5, 3.0]], 3.0) == (Moment(0, 0.0), Moment(0, 0.0), Moment(5, 3.0))
    assert _read_moments(None, 3.0) is None
