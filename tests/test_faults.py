"""Faults of ours: killed, out of disk, side by side, the clock set: no record damaged, none lost, the same table."""

import ast
import errno
import json
import os
import random
import resource
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psutil
import pytest

import mbench
from mbench import disk
from mbench.disk import DRAFT_SUFFIX
from mbench.errors import HarnessError
from mbench.results.lookup import newest_result
from mbench.results.names import find_result
from mbench.results.predictions import predictions_digest
from mbench.results.record import Costs
from mbench.results.store import ResultStore
from mbench.runs.cells import Cell
from mbench.runs.evaluate import evaluate_source, rescore_record
from mbench.runs.run import Run
from mbench.runs.settings import Settings
from mbench.sandbox.child_process import open_nursery
from mbench.submission import read_submission

N_KILLS = 80
N_VALUES = 3_000  # predictions of a written cell: enough that a kill falls into writing them, too

# Forks a process per line it reads, {"run": a statement, …}, and tells its number: a start costs milliseconds so.
FORKS = """
import json, os, signal, sys
import numpy as np
from dataclasses import replace
from pathlib import Path
from mbench.api import run_evaluation
from mbench.disk import type_adapter
from mbench.results.predictions import predictions_digest
from mbench.results.record import Costs, Metrics, Record
from mbench.results.store import *
from mbench.submission import read_submission
type_adapter(Record)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)

def write_cells(folder, record, n_values, seed, progress):
    progress = open(progress, "wb", 0)
    store = ResultStore(Path(folder))
    base = Record(**record | {"metrics": Metrics(0.5), "costs": Costs()})
    artifact = store.folder / "artifact"
    artifact.write_bytes(bytes(20_000))
    for serial in range(seed, seed + 10_000_000):  # some cells for the first time, most again
        predictions = np.full((n_values, 1), serial, np.float32)
        cell = replace(base, key=f"{serial % 7:064x}", seed=serial, created=store.stamp(),
                       predictions_digest=predictions_digest(predictions))
        store.write(cell, predictions, artifact)
        progress.write(b".")

def evaluate(submission, out, report):
    os.setsid()
    sys.stdout = sys.stderr = open(report, "w")
    outcome = run_evaluation(read_submission(submission), tasks=["curve", "sphere"], replicates=2, out=Path(out),
                             pictures=False, jobs=1)
    print(json.dumps([[r.task, r.replicate, r.status, r.metrics.error] for r in outcome.result.records]), flush=True)

for line in sys.stdin:
    request = json.loads(line)
    pid = os.fork()
    if pid == 0:
        code = 1
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        try:
            {"write_cells": write_cells, "evaluate": evaluate}[request.pop("run")](**request)
            code = 0
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            os._exit(code)
    print(pid, flush=True)
"""


@pytest.fixture(scope="module")
def fork():
    """Fork a process that runs a function of `FORKS`, and return its number."""
    command = [sys.executable, "-c", FORKS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:

        def run(function, **arguments):
            server.stdin.write(json.dumps({"run": function, **arguments}) + "\n")
            server.stdin.flush()
            return int(server.stdout.readline())

        yield run
        server.stdin.close()
        server.wait()


def await_end(pid):
    """Wait for a process that is not ours to reap. Raises TimeoutError after two minutes."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        import select

        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(120_000):
            raise TimeoutError
    finally:
        os.close(descriptor)


def pause(seconds):
    """Let other processes run on; nothing is asserted about how far they get."""
    import threading

    threading.Event().wait(seconds)


def drafts_in(folder):
    return [path for path in folder.rglob("*") if path.name.endswith(DRAFT_SUFFIX)]


def checked_records(store):
    """Return every record by its key, each checked to be whole and to have whole predictions of its own, or to say that
    they are not."""
    records = {path.stem: store.read(path.stem) for path in store.cells.glob("*.json")}
    for record in records.values():
        predictions = store.read_predictions(record.key)
        assert predictions.shape == (N_VALUES, 1)
        assert len(np.unique(predictions)) == 1
        assert (predictions_digest(predictions) == record.predictions_digest) == (predictions[0, 0] == record.seed)
    return records


# Killed


@pytest.mark.skipif(sys.platform != "linux", reason="waits for processes that are not its own")
def test_a_writer_killed_at_any_moment_leaves_whole_cells_and_loses_none(fork, tmp_path, make_record, capsys):
    seeded = random.Random(3)
    fields = {name: getattr(make_record(), name) for name in type(make_record()).__slots__}
    fields |= {"metrics": None, "costs": None}
    out, progress, known, seen = tmp_path / "out", tmp_path / "progress", {}, Counter()
    os.mkfifo(progress)
    for kill in range(N_KILLS):
        pid = fork(
            "write_cells", folder=str(out), record=fields, n_values=N_VALUES, seed=1_000 * kill, progress=str(progress)
        )
        with progress.open("rb", buffering=0) as written:
            for _ in range(seeded.randrange(6)):  # so many cells, and then some moment of the next
                written.read(1)
            pause(seeded.uniform(0, 0.002))
            os.kill(pid, signal.SIGKILL)
            await_end(pid)
        seen["drafts"] += bool(drafts_in(out))
        if not (out / "cells").exists():  # killed before it had a folder
            continue
        store = ResultStore(out)
        assert drafts_in(out) == []
        records = checked_records(store)
        assert records.keys() >= known.keys()
        assert all(records[key].created >= record.created for key, record in known.items())
        seen["written"] += records != known
        seen["mixed"] += sum(r.predictions_digest != digest_of(store, r.key) for r in records.values())
        known = records
    with capsys.disabled():
        print(
            f"\nkilled {N_KILLS} writers: {seen['written']} had written cells, {seen['drafts']} left drafts; "
            f"{len(known)} cells, none damaged or lost; {seen['mixed']} times predictions newer than their record, told"
        )
    assert seen["written"] > N_KILLS / 4
    assert seen["drafts"] > N_KILLS / 20
    assert len(known) == 7


def digest_of(store, key):
    return predictions_digest(store.read_predictions(key))


SLOW_FIT = "import time\ntime.sleep(0.02)\nself.mean = y.mean(axis=0)\nreturn self"
# The child kills itself, at a moment that depends on the replicate; the kernel killing it looks the same.
DIES = """
import random, signal, threading
seeded = random.Random(spec.seed)
if seeded.random() < 0.8:
    timer = threading.Timer(seeded.uniform(0, 0.06), os.kill, (os.getpid(), signal.SIGKILL))
    timer.daemon = True
    timer.start()
return Estimator()
"""


def test_a_child_killed_at_any_moment_costs_its_own_cell_only(store, tmp_path, submission_file, estimator):
    cells = [Cell("curve", "quick", replicate, 60, 20.0) for replicate in range(20)]

    def run(folder, **bodies):
        source = read_submission(submission_file(estimator(fit=SLOW_FIT, **bodies)))
        with open_nursery(source, 1, Settings().isolation) as nursery:
            return evaluate_source(Run(source, Settings(jobs=2), nursery=nursery), cells, folder)[0].records

    undisturbed = run(ResultStore(tmp_path / "undisturbed"))
    records = run(store, build=DIES)
    statuses = Counter(record.status for record in records)
    assert statuses.keys() == {"ok", "out-of-memory"}
    for record, other in zip(records, undisturbed, strict=True):
        assert record.metrics == (other.metrics if record.ok else None)
        assert record.ok or "killed" in record.reason
        assert store.read(record.key) == record
        assert record.predictions_digest == (digest_of(store, record.key) if record.ok else None)
    assert run(store, build=DIES) == records


@pytest.fixture
def command(submission_file, estimator, tmp_path):
    """Start `mbench evaluate` of two tasks as a process of its own."""
    path = submission_file(estimator())
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def run(out):
        words = [
            "evaluate",
            path,
            "--task",
            "curve",
            "--task",
            "sphere",
            "--replicates",
            2,
            "--no-pictures",
            "--jobs",
            1,
        ]
        return subprocess.Popen(
            [sys.executable, "-m", "mbench", *map(str, words), "--results", str(out), "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(scratch)},
        )  # fmt: skip

    return run


def table_of(process):
    """Return what a command printed, but for what it cost."""
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    entry = json.loads(output)
    for task in entry["tasks"]:
        del task["fit_s"], task["predict_us_per_point"]
    return {name: entry[name] for name in ("tasks", "families", "overall", "missing", "n_replicates")}


def test_a_command_killed_at_any_moment_goes_on_to_the_same_table(command, tmp_path):
    undisturbed = table_of(command(tmp_path / "undisturbed"))
    seeded, out, known = random.Random(11), tmp_path / "results", {}
    for n_lines in (0, 1, 2, 3, 4):  # lines it may print, the last of them after its last cell; then some moments more
        process = command(out)
        for _ in range(n_lines):
            process.stderr.readline()
        pause(seeded.uniform(0, 0.1 if n_lines else 1.0))
        children = psutil.Process(process.pid).children()
        process.kill()
        process.communicate()
        assert psutil.wait_procs(children, timeout=30)[1] == []
        store = ResultStore(out)
        records = {record.key: record for record in store.records()}
        assert len(records) == len(list((out / "cells").glob("*.json")))
        assert all(digest_of(store, key) == record.predictions_digest for key, record in records.items())
        assert known.items() <= records.items()
        known = records
    assert table_of(command(out)) == undisturbed
    assert drafts_in(out) == []


def test_a_command_awaits_its_children_though_who_started_it_ignores_theirs():
    ignore = (
        "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); import mbench.cli as c, click.testing as t; "
    )
    run = "t.CliRunner().invoke(c.main, ['tasks']); print(signal.getsignal(signal.SIGCHLD).name)"
    assert subprocess.run([sys.executable, "-c", ignore + run], capture_output=True, text=True).stdout == "SIG_DFL\n"


# The disk is full


@pytest.fixture
def full_file():
    """Let no file grow beyond so many bytes, as if the disk ended there."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda n_bytes: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def failure_of(store, *what):
    """Write a cell and return what the harness said of it, or ""."""
    try:
        store.write(*what)
    except HarnessError as error:
        return str(error)
    return ""


def cell_contents(store):
    return {path.name: path.read_bytes() for path in store.cells.iterdir()}


def test_a_disk_that_ends_at_any_byte_leaves_the_cell_as_it_was(store, make_record, tmp_path, full_file):
    artifact = tmp_path / "artifact"
    artifact.write_bytes(b"a" * 700)
    predictions = np.zeros((100, 1), np.float32)
    store.write(make_record(), predictions, artifact)
    before = cell_contents(store)
    largest = max(map(len, before.values()))
    assert largest > 900
    for n_bytes in range(0, largest, 13):
        full_file(n_bytes)
        try:
            with pytest.raises(HarnessError, match="cannot be written"):
                store.write(make_record(seed=8), predictions + 1, artifact)
        finally:
            full_file(resource.RLIM_INFINITY)
        assert cell_contents(store) == before
    store.write(make_record(seed=8), predictions + 1, artifact)
    assert store.read(make_record().key).seed == 8


@pytest.mark.parametrize("step", ["fsync", "open", "publish"])
def test_a_disk_that_fails_at_any_step_leaves_the_record_it_had_or_the_new_one(
    store, make_record, tmp_path, monkeypatch, step
):
    artifact = tmp_path / "artifact"
    artifact.write_bytes(b"a" * 700)
    old, new = make_record(), make_record(seed=8)
    target, name = {"fsync": (os, "fsync"), "open": (Path, "open"), "publish": (disk.Draft, "publish")}[step]
    works = getattr(target, name)
    for moment in range(1, 10):
        store.write(old, np.zeros((100, 1), np.float32), artifact)
        calls = []

        def fail_then(*arguments, calls=calls, moment=moment, **options):
            calls.append(arguments)
            if len(calls) == moment:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return works(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(target, name, fail_then)
            failure = failure_of(store, new, np.ones((100, 1), np.float32), artifact)
        if len(calls) < moment:  # it never came to that moment
            assert failure == ""
            break
        assert "the disk is full. Cells already done are kept; free some space" in failure
        assert store.read(old.key) in (old, new)
        assert store.read_predictions(old.key).shape == (100, 1)
        assert drafts_in(store.folder) == []
    assert moment > 3


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of 64 KB, where the tests may, and return its folder and what makes it larger."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(*options):
        subprocess.run(["mount", "-t", "tmpfs", "-o", *options, "tmpfs", str(folder)], check=True, capture_output=True)

    try:
        mount("size=64k")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a file system here")
    yield folder, lambda: mount("remount,size=16m")
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_full_at_any_page_leaves_whole_cells(small_disk, make_record, tmp_path):
    folder, _ = small_disk
    artifact = tmp_path / "artifact"
    artifact.write_bytes(b"a" * 9_000)
    filler, page = folder / "filler", 4_096
    ended = Counter()
    store = ResultStore(folder / "results")
    for n_pages in range(13):
        filler.unlink(missing_ok=True)
        for path in store.cells.iterdir():
            path.unlink()
        free = os.statvfs(folder).f_bavail
        filler.write_bytes(bytes((free - n_pages) * page))
        records = [make_record(key=f"{n:064x}") for n in range(3)]
        for record in records:
            failure = failure_of(store, record, np.zeros((1_000, 1), np.float32), artifact)
            ended["full" if failure else "written"] += 1
            assert failure == "" or "the disk is full" in failure
            assert store.read(record.key) == (None if failure else record)
        assert drafts_in(folder) == []
    assert ended["full"] > 10
    assert ended["written"] > 5


def test_a_command_on_a_full_disk_ends_with_3_and_goes_on_when_there_is_space(command, small_disk, tmp_path):
    folder, enlarge = small_disk
    process = command(folder / "results")
    errors = process.communicate(timeout=120)[1]
    assert process.returncode == 3
    assert "the disk is full. Cells already done are kept; free some space and repeat the command" in errors
    assert "Traceback" not in errors
    enlarge()
    assert table_of(command(folder / "results")) == table_of(command(tmp_path / "undisturbed"))


# Several at once


@pytest.mark.skipif(sys.platform != "linux", reason="waits for processes that are not its own")
def test_runs_on_one_folder_come_to_one_table(fork, tmp_path, submission_file, estimator):
    # Every fit comes to something else, as one under a limit of time may: so records can be told apart.
    path = str(submission_file(estimator(fit="self.mean = y.mean(axis=0) + 1e-3 * (os.getpid() % 997)\nreturn self")))
    reports = [tmp_path / f"report-{i}" for i in range(4)]
    pids = [fork("evaluate", submission=path, out=str(tmp_path / "out"), report=str(report)) for report in reports]
    for pid in pids:
        await_end(pid)
    tables = [json.loads(report.read_text().splitlines()[-1]) for report in reports]
    store = ResultStore(tmp_path / "out")
    records = list(store.records())
    assert len(records) == len(list(store.cells.glob("*.json"))) == 4
    assert drafts_in(tmp_path) == []
    assert {path.suffix for path in store.cells.iterdir()} <= {".json", ".npy", ".artifact"}
    assert {(task, r, status) for table in tables for task, r, status, _ in table} == {
        (task, r, "ok") for task in ("curve", "sphere") for r in (0, 1)
    }
    for (
        record
    ) in records:  # what stays is what one of the runs found, and its predictions are that run's, or said not to be
        assert [record.task, record.replicate, "ok", record.metrics.error] in [row for table in tables for row in table]
        scores, reason = rescore_record(record, store)
        assert scores == record.metrics or "of another run" in reason
    reports.append(tmp_path / "again")
    await_end(fork("evaluate", submission=path, out=str(tmp_path / "out"), report=str(reports[-1])))
    again = json.loads(reports[-1].read_text().splitlines()[-1])
    assert sorted(again) == sorted([r.task, r.replicate, r.status, r.metrics.error] for r in records)


# The clock is set

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def clock(*hours):
    """A clock that shows one time after the other, and the last one for good."""
    times = [NOON + timedelta(hours=hour) for hour in hours]
    return lambda: times.pop(0) if len(times) > 1 else times[0]


@pytest.mark.parametrize("hours", [(0, 0, 0), (0, 5, 1), (9, 5, 1), (0, -9_000, 9_000)], ids=str)
def test_what_was_made_last_is_the_newest_whatever_the_clock_did(tmp_path, make_record, hours):
    now = clock(*hours)
    for threads in (1, 2, 3):
        store = ResultStore(tmp_path, now)  # another run
        store.write(make_record(key=f"{9 - threads:064x}", threads=threads, created=store.stamp()))
        assert [record.threads for record in store.records()] == list(range(1, threads + 1))
        assert [record.threads for record in newest_result("idea", store.records()).records] == [threads]
        assert [record.threads for record in find_result("idea", store.folder).records] == [threads]


def test_a_right_clock_is_what_records_show(store, make_record):
    store = ResultStore(store.folder, clock(0, 1))
    assert [store.stamp(), store.stamp()] == ["2026-01-01T12:00:00.000000+00:00", "2026-01-01T13:00:00.000000+00:00"]


def test_a_clock_that_jumps_changes_neither_keys_nor_metrics_nor_statuses(store, tmp_path, submission_file, estimator):
    source = read_submission(submission_file(estimator(fit=SLOW_FIT)))
    cells = [Cell("curve", "quick", replicate, 60, 20.0) for replicate in range(2)]
    jumping = ResultStore(tmp_path / "jumping", clock(0, 100_000, -100_000, 50_000))
    records = evaluate_source(Run(source, Settings()), cells, jumping)[0].records
    undisturbed = evaluate_source(Run(source, Settings()), cells, store)[0].records
    assert [(r.key, r.status, r.metrics) for r in records] == [(r.key, r.status, r.metrics) for r in undisturbed]
    assert evaluate_source(Run(source, Settings()), cells, jumping)[0].records == records


def wall_clocks(source):
    """Return the calls in a source that tell the time of day, or of a file."""
    asked = {
        "time.time",
        "time.time_ns",
        "datetime.now",
        "datetime.utcnow",
        "datetime.today",
        "date.today",
        "time.ctime",
    }
    calls = [ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    files = [node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)]
    return [name for name in calls if name in asked] + [
        name for name in files if name.startswith(("st_mtime", "st_ctime"))
    ]


def test_only_what_is_dated_asks_the_clock():
    folder = Path(mbench.__file__).parent
    paths = [
        path for path in folder.rglob("*.py") if path.relative_to(folder).parts[0] not in ("_baselines", "_template")
    ]
    found = {str(path.relative_to(folder)): wall_clocks(path.read_text()) for path in paths}
    stamped = {"results/store.py", "review/audit/run.py", "cli/verify.py", "results/log.py"}  # what is kept says when
    held = {"board/candidates.py", "board/kept_contenders.py", "review/verify.py"}  # a claim's date against today's
    assert {name: set(calls) for name, calls in found.items() if calls} == {
        name: {"datetime.now"} for name in stamped | held
    } | {"results/index.py": {"st_mtime_ns"}}  # a cache: is a record's file still the one that was read?


@pytest.mark.parametrize("source", ["import time\ntime.time()", "path.stat().st_mtime", "x = datetime.now(UTC)"])
def test_a_look_at_the_clock_is_found(source):
    assert wall_clocks(source)


def test_a_store_that_holds_no_time_starts_with_the_clock(store, make_record):
    assert replace(make_record(), costs=Costs(), created=store.stamp()).created > "2026"
