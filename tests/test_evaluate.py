import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace
from threading import Event

import numpy as np
import pytest
from PIL import Image

from mbench.errors import HarnessError, MissingDataError, UsageError
from mbench.results import metrics
from mbench.results.predictions import predictions_digest
from mbench.results.record import canonical_digest
from mbench.results.store import ResultStore
from mbench.runs import cells
from mbench.runs import evaluate as evaluation
from mbench.runs.cells import Cell, cell_key
from mbench.runs.evaluate import evaluate_source, plan_cells, rescore_record
from mbench.runs.run import Run
from mbench.runs.settings import Settings
from mbench.sandbox.child_process import Child, Interrupted
from mbench.sandbox.tiers import Isolation
from mbench.submission import read_submission
from mbench.suite import tracks
from mbench.suite.tasks import load_task

CURVE = Cell("curve", "quick", 0, 60, 20.0)
SPHERE = Cell("sphere", "quick", 0, 60, 20.0)
DIGITS = Cell("digits", "quick", 0, 60, 20.0)


@pytest.fixture
def evaluate(store, submission_file, estimator, lend_nursery):
    """Evaluate one cell of an estimator given by the bodies of its methods, and return its record."""

    def run(cell=CURVE, settings=None, **bodies):
        source, settings = read_submission(submission_file(estimator(**bodies))), settings or Settings()
        nursery = lend_nursery(source, settings.threads, settings.isolation)
        return evaluate_source(Run(source, settings, nursery), [cell], store)[0].records[0]

    return run


@pytest.fixture
def children(monkeypatch):
    """Count the children that are started."""
    started = []

    class Counted(Child):
        def __enter__(self):
            started.append(self)
            return super().__enter__()

    monkeypatch.setattr("mbench.runs.run.Child", Counted)
    return started


BAD = {
    # what loading refuses
    "import fails": ({"head": "import no_such_module"}, "refused", "ModuleNotFoundError: No module named 'no_such"),
    "raises on import": ({"head": "1 / 0"}, "refused", "cannot be imported: ZeroDivisionError"),
    "exits on import": ({"head": "sys.exit(0)"}, "refused", "cannot be imported: SystemExit: 0"),
    "dies on import": ({"head": "os._exit(0)"}, "crash", "ended during build (exit code 0)"),
    "build raises": ({"build": "raise ValueError('no idea')"}, "refused", "build(spec) raised ValueError: no idea"),
    "build takes nothing": (
        {"build": "pass\ndef build(): pass"},
        "refused",
        "build(spec) returned None. Is its `return` missing?",
    ),
    "build returns None": ({"build": "return None"}, "refused", "build(spec) returned None"),
    "build returns a class": ({"build": "return object()"}, "refused", "returned object without fit"),
    "no predict": ({"build": "e = Estimator()\ne.predict = 3\nreturn e"}, "refused", "without predict"),
    # what fit does
    "fit raises": ({"fit": "raise ValueError('bad')"}, "crash", "fit(X, y) raised ValueError: bad (submission.py"),
    "fit exits": ({"fit": "sys.exit(0)"}, "crash", "SystemExit: 0"),
    "fit dies": ({"fit": "os._exit(0)"}, "crash", "ended during fit (exit code 0)"),
    "fit faults": ({"fit": "import ctypes\nctypes.string_at(0)"}, "crash", "signal SIGSEGV"),
    "fit recurses": ({"fit": "self.fit(X, y)"}, "crash", "RecursionError"),
    "fit takes no arguments": (
        {"build": "class E:\n    def fit(s): 0\n    predict = fit\nreturn E()"},
        "crash",
        "TypeError",
    ),
    "fit wants more memory": ({"fit": "raise MemoryError('too much')"}, "out-of-memory", "MemoryError: too much"),
    "fit says much": ({"fit": "raise ValueError('x' * 10**7)"}, "crash", "ValueError: xxx"),
    "fit forges an answer": (
        {"fit": 'for fd in range(3, 20):\n    try: os.write(fd, b\'{"event": "done"}\\n\')\n    except OSError: pass'},
        "invalid",
        "harness's channel",
    ),
    # what predict does
    "predict raises": ({"predict": "raise ValueError('bad')"}, "crash", "predict(X) raised ValueError: bad"),
    "predict exits": ({"predict": "sys.exit(1)"}, "crash", "predict: SystemExit: 1"),
    "predict dies": ({"predict": "os._exit(1)"}, "crash", "ended during predict (exit code 1)"),
    # what predict returns
    "None": ({"predict": "return None"}, "invalid", "returned NoneType"),
    "generator": ({"predict": "return (x for x in X)"}, "invalid", "returned generator"),
    "strings": ({"predict": "return np.full((len(X), 1), 'a')"}, "invalid", "<U1"),
    "objects": ({"predict": "return np.full((len(X), 1), None)"}, "invalid", "ndarray of objects"),
    "complex": ({"predict": "return X + 1j"}, "invalid", "complex128"),
    "NaN": ({"predict": "return X * np.nan"}, "invalid", "every value must be finite"),
    "infinity": ({"predict": "return X + np.inf"}, "invalid", "every value must be finite"),
    "beyond float32": ({"predict": "return X * 0 + 1e39"}, "invalid", "every value must be finite"),
    "a row too few": ({"predict": "return X[1:]"}, "invalid", "returned shape (6999, 1), expected (7000, 1)"),
    "a column too many": ({"predict": "return np.zeros((len(X), 2))"}, "invalid", "expected (7000, 1)"),
    "the place in the batch": ({"predict": "return np.arange(len(X)) / len(X)"}, "invalid", "order or batch"),
    "the batch's mean": ({"predict": "return X - X.mean()"}, "invalid", "may not depend on order or batch"),
    "random numbers": ({"predict": "return np.random.rand(len(X))"}, "invalid", "order or batch"),
}


@pytest.mark.parametrize(("bodies", "status", "reason"), BAD.values(), ids=BAD)
def test_a_bad_submission_is_a_record_with_its_reason(evaluate, store, bodies, status, reason):
    record = evaluate(**bodies)
    assert (record.status, record.metrics is None) == (status, status != "ok")
    assert reason in record.reason
    assert record.reason.isprintable()
    assert store.read(record.key) == record


@pytest.mark.parametrize(
    ("predict", "shape"),
    [("return X[:, 0]", "(17000,)"), ("return X[:, :1]", "(17000, 1)"), ("return X.T", "(2, 17000)")],
)
def test_three_outputs_need_three_columns(evaluate, predict, shape):
    record = evaluate(SPHERE, predict=predict)
    assert record.status == "invalid"
    assert f"returned shape {shape}, expected (17000, 3)" in record.reason


@pytest.mark.parametrize("phase", ["head", "fit", "predict"])
def test_a_hang_is_a_timeout(evaluate, monkeypatch, phase):
    monkeypatch.setattr("mbench.sandbox.child_process.LOAD_LIMIT_S", 3.0)
    record = evaluate(replace(CURVE, fit_limit_s=1.0), **{phase: "while True: pass"})
    assert record.status == "timeout"
    assert "ran past its limit" in record.reason


def test_memory_beyond_the_limit_is_recorded(evaluate):
    record = evaluate(settings=Settings(memory_limit_mb=400), fit="self.a = np.ones(9 * 10**7)\nwhile True: pass")
    assert (record.status, record.reason) == ("out-of-memory", "fit took more than 400 MB")
    assert record.costs.peak_memory_mb > 400


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_memory_that_a_library_cannot_have_is_recorded_as_that(evaluate, library):
    head = "import torch" if library == "torch" else ""
    fit = f"self.a = {'torch' if library == 'torch' else 'np'}.ones(10**9)"
    record = evaluate(settings=Settings(memory_limit_mb=1_000), head=head, fit=fit)
    assert record.status == "out-of-memory"


def test_a_cell_that_ran_out_of_memory_is_run_again_with_more(evaluate):
    bodies = {"fit": "self.mean = y.mean()\nself.a = np.ones(3 * 10**7)\nself.b = self.a.sum()\nreturn self"}
    bodies["build"] = "e = Estimator()\ne.__getstate__ = None\nreturn e"  # not stored: that would take twice as much
    assert evaluate(settings=Settings(memory_limit_mb=150), **bodies).status == "out-of-memory"
    assert evaluate(settings=Settings(memory_limit_mb=2_000), **bodies).status == "ok"


@pytest.mark.parametrize(
    "bodies",
    [
        {"predict": "return X[:, 0].tolist()"},
        {"predict": "return [[float(x)] for x in X[:, 0]]"},
        {"predict": "return X[:, 0].astype(np.float16)"},
        {"fit": "self.lock = __import__('threading').Lock()", "predict": "return X[:, 0]"},
        {"fit": "print('x' * 5 * 10**7)\nprint('y' * 5 * 10**7, file=sys.stderr)", "predict": "return X[:, 0]"},
        {"fit": "os.write(1, b'\\xff\\x00\\n')", "predict": "return X[:, 0]"},
        {"fit": "os.close(0); os.close(1); os.close(2)", "predict": "return X[:, 0]"},
        {"fit": "X[:] = 0; y[:] = 0", "predict": "Y = X.copy()\nX[:] = 0\nreturn Y[:, 0]"},
        {"build": "Estimator.build = lambda self: spec\nreturn Estimator()"},
        {"predict": "return X[:, 0] * 3e38"},
    ],
    ids=[
        "list",
        "nested list",
        "half",
        "unpicklable",
        "flood",
        "not UTF-8",
        "closed",
        "writes inputs",
        "closure",
        "huge",
    ],
)
def test_an_odd_submission_is_scored_all_the_same(evaluate, store, bodies):
    record = evaluate(**bodies)
    assert (record.status, record.reason) == ("ok", "")
    assert store.read(record.key) == record


def test_what_a_submission_printed_is_in_its_record_before_its_traceback(evaluate):
    assert evaluate(fit="print('step 1')\nraise ValueError").output.startswith("step 1\nTraceback")


@pytest.mark.parametrize("end", ["os._exit(1)", "os.kill(os.getpid(), 9)"])
def test_what_a_submission_printed_before_its_death_is_in_its_record(evaluate, end):
    assert evaluate(fit=f"print('step 1')\n{end}").output == "step 1\n"


def test_a_submission_may_be_split_over_modules(evaluate, submission_file):
    submission_file("", "parts/__init__.py")
    submission_file("from .means import mean_of", "parts/model.py")
    submission_file("def mean_of(y):\n    return y.mean(axis=0)", "parts/means.py")
    record = evaluate(head="from parts.model import mean_of", fit="self.mean = mean_of(y)\nreturn self")
    assert (record.status, record.reason) == ("ok", "")


def test_build_may_come_from_another_module(store, submission_file, estimator):
    submission_file(estimator(), "model.py")
    source = read_submission(submission_file("from model import build"))
    assert evaluate_source(Run(source, Settings()), [CURVE], store)[0].records[0].ok


def test_predictions_are_scored_against_the_truth_of_their_own_queries(evaluate, store):
    record = evaluate(predict="return 0.25 * X[:, 0] + 0.5")
    queries = load_task("curve").draw_queries(60, 0)
    expected = (0.25 * queries.X + 0.5).astype(np.float32)
    np.testing.assert_array_equal(store.read_predictions(record.key), expected)
    truth = load_task("curve").truth(queries.points).astype(float)
    assert record.metrics.error == pytest.approx(((expected - truth) ** 2).mean() / truth.var())


def test_the_mean_of_the_sample_learns_nothing(evaluate):
    assert evaluate().metrics.error == pytest.approx(1.0, abs=0.05)


def test_digits_are_scored_by_their_error_rate(evaluate):
    record = evaluate(DIGITS)
    assert record.metrics.error == pytest.approx(0.9, abs=0.03)
    assert record.metrics.further == {}


def test_the_fractal_has_a_depth_profile(evaluate):
    record = evaluate(Cell("mandelbrot", "quick", 0, 60, 20.0))
    assert len(record.metrics.profile.mean) == 15
    assert record.metrics.profile.depth_octaves == pytest.approx(0.0, abs=0.1)


def test_a_record_counts_what_the_cell_cost(evaluate):
    costs = evaluate(fit="self.mean, self.n_params_ = y.mean(), 7\nreturn self").costs
    assert costs.n_params == 7
    assert min(costs.fit_s, costs.predict_s, costs.predict_us_per_point, costs.model_bytes, costs.peak_memory_mb) > 0
    assert min(costs.fit_wall_s, costs.predict_wall_s) > 0
    assert costs.import_s >= 0


def test_a_patched_worker_and_stopped_clocks_change_no_cost_but_the_parameters(evaluate):
    """What is left to it is the author's word, and the content of the stored estimator, not its source."""
    fit = """
import time
import mbench.child.worker as worker
clock = time.thread_time
for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
    setattr(time, name, lambda: 0.0)
worker._count_params = lambda estimator: 3
worker._pickle = lambda estimator: b"x" * 34
end = clock() + 0.7
while clock() < end: pass
self.mean = y.mean()
return self
"""
    tables = "table = " + repr("z" * 50_000)
    costs = evaluate(fit=fit, head=tables).costs
    assert (costs.n_params, costs.fit_s >= 0.7, costs.fit_wall_s >= 0.7) == (3, True, True)
    assert 50_000 + 34 < costs.model_bytes < 52_000


# Running again


def test_the_same_command_runs_nothing_again(evaluate, children):
    first, second = evaluate(), evaluate()
    assert (len(children), second) == (1, first)


@pytest.mark.parametrize("bodies", [{"fit": "raise ValueError"}, {"predict": "return None"}])
def test_a_failed_cell_is_not_run_again_either(evaluate, children, bodies):
    assert evaluate(**bodies) == evaluate(**bodies)
    assert len(children) == 1


def test_fresh_runs_it_again(evaluate, children):
    evaluate()
    assert evaluate(settings=Settings(fresh=True)).ok
    assert len(children) == 2


@pytest.fixture
def upgraded(evaluate, store):
    """A record of a cell whose library was of another version when it was made."""
    record = evaluate()
    assert record.libraries["numpy"] == f"numpy {np.__version__}"
    store.write(
        replace(record, libraries={**record.libraries, "numpy": "numpy 1.0"}), store.read_predictions(record.key)
    )
    return record


def test_a_record_whose_libraries_differ_is_run_again(evaluate, children, upgraded):
    assert evaluate().libraries == upgraded.libraries
    assert len(children) == 2


def test_a_record_whose_libraries_differ_is_kept_if_asked_and_says_so(
    submission_file, estimator, store, children, upgraded
):
    told = []
    source, settings = read_submission(submission_file(estimator())), Settings(keep_outdated=True)
    (record,) = evaluate_source(Run(source, settings, report=told.append), [CURVE], store)[0].records
    assert record.libraries["numpy"] == "numpy 1.0"
    assert len(children) == 1
    assert [each.note for each in told] == [f"numpy {np.__version__} now, was numpy 1.0"]


def test_a_record_that_tells_of_no_libraries_is_kept(evaluate, store, children):
    record = evaluate()
    store.write(replace(record, libraries=None), store.read_predictions(record.key))
    assert evaluate().libraries is None
    assert len(children) == 1


def test_a_failed_cell_tells_of_the_libraries_that_its_source_names(evaluate):
    assert evaluate(fit="raise ValueError").libraries == {"numpy": f"numpy {np.__version__}"}


def test_an_edit_runs_it_again(evaluate, children):
    assert evaluate().key != evaluate(head="# edited").key
    assert len(children) == 2


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"schema": 1, "suite": 2}'], ids=repr)
def test_a_damaged_record_is_set_aside_and_its_cell_alone_run_again(
    store, submission_file, estimator, children, damage
):
    source, cells = read_submission(submission_file(estimator())), [CURVE, replace(CURVE, replicate=1)]
    before = evaluate_source(Run(source, Settings()), cells, store)[0].records
    (store.cells / f"{before[0].key}.json").write_bytes(damage)
    result, set_aside = evaluate_source(Run(source, Settings()), cells, store)
    assert [path.read_bytes() for path in set_aside] == [damage]
    assert result.records[0].metrics == before[0].metrics
    assert result.records[1] == before[1]
    assert len(children) == 3


def test_a_record_of_another_suite_stops_the_run(evaluate, store):
    record = evaluate()
    path = store.cells / f"{record.key}.json"
    path.write_text(path.read_text().replace('"suite": 2', '"suite": 99'))
    with pytest.raises(UsageError, match="suite 99"):
        evaluate()


def key_of(cell=CURVE, settings=None, source=None):
    return cell_key(cell, load_task(cell.task), source, settings or Settings())


@pytest.fixture
def source(submission_file, estimator):
    return read_submission(submission_file(estimator()))


@pytest.mark.parametrize(
    "changes",
    [
        {"cell": replace(CURVE, task="friedman")},
        {"cell": replace(CURVE, track="standard")},
        {"cell": replace(CURVE, replicate=1)},
        {"cell": replace(CURVE, n_samples=61)},
        {"cell": replace(CURVE, fit_limit_s=21.0)},
        {"settings": Settings(threads=2)},
        {"settings": Settings(device="cuda")},
        {"settings": Settings(memory_limit_mb=500)},
    ],
    ids=["task", "track", "replicate", "sample", "limit", "threads", "device", "memory"],
)
def test_a_key_depends_on_what_predictions_depend_on(source, changes):
    assert key_of(source=source, **changes) != key_of(source=source)


def test_a_key_depends_on_the_harness(source, monkeypatch):
    before = key_of(source=source)
    monkeypatch.setattr(cells, "protocol_digest", lambda: "edited")
    assert key_of(source=source) != before


def test_a_key_depends_on_the_source_and_not_on_its_name(source):
    assert key_of(source=replace(source, name="other")) == key_of(source=source)
    assert key_of(source=replace(source, files=(*source.files, ("a.py", b"")))) != key_of(source=source)


@pytest.mark.parametrize("settings", [Settings(jobs=7), Settings(fresh=True)], ids=["jobs", "fresh"])
def test_a_key_does_not_depend_on_how_the_run_is_arranged(source, settings):
    assert key_of(source=source, settings=settings) == key_of(source=source)


# Failures of ours


def failing_child(times):
    """A child that cannot be started the first `times` times."""
    left = [times]

    class Failing(Child):
        def __enter__(self):
            if left[0]:
                left[0] -= 1
                raise HarnessError("no process today")
            return super().__enter__()

    return Failing


def test_a_failure_of_ours_is_tried_again(evaluate, monkeypatch):
    monkeypatch.setattr("mbench.runs.run.Child", failing_child(1))
    assert evaluate().ok


def test_a_lasting_failure_of_ours_is_recorded_as_ours_and_run_again_next_time(evaluate, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("mbench.runs.run.Child", failing_child(2))
        record = evaluate()
    assert (record.status, record.reason) == ("infrastructure", "no process today")
    assert evaluate().ok


def test_a_full_disk_ends_the_run_and_keeps_the_cells_done(store, source, monkeypatch):
    cells = [CURVE, replace(CURVE, replicate=1)]
    fsync, calls = os.fsync, []

    def fill(descriptor):
        calls.append(descriptor)
        if len(calls) > 4:  # the first cell's predictions, artifact and record, and their folder
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fill)
        with pytest.raises(HarnessError, match=r"disk is full\. Cells already done are kept"):
            evaluate_source(Run(source, Settings()), cells, store)
    assert [record.replicate for record in store.records()] == [0]


def test_a_cancelled_run_records_nothing(store, submission_file, estimator):
    source = read_submission(submission_file(estimator(fit="while True: pass")))
    cancel = Event()

    def report(progress):
        if progress.phase == "fitting":
            cancel.set()

    with pytest.raises(Interrupted):
        evaluate_source(Run(source, Settings(), report=report, cancel=cancel), [CURVE], store)
    assert list(store.cells.iterdir()) == []


# Killed while it writes: the harness as a process of its own

RUN = """
import sys
from dataclasses import replace
from pathlib import Path
from mbench.runs.cells import Cell
from mbench.runs.run import Run
from mbench.runs.settings import Settings
from mbench.runs.evaluate import evaluate_source
from mbench.results.store import ResultStore
from mbench.submission import read_submission
{patch}
cells = [Cell("curve", "quick", replicate, 60, 20.0) for replicate in range(4)]
store = ResultStore(Path(sys.argv[2]))
def report(progress):
    print(progress.phase, progress.cell.replicate, flush=True)
result, aside = evaluate_source(Run(read_submission(sys.argv[1]), Settings(jobs=2), report=report), cells, store)
assert not aside
"""

KILL_AT = """
import os, signal
left = int(sys.argv[3])
def deadly(call):
    def wrapper(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **options)
    return wrapper
os.fsync, Path.replace, Path.open = deadly(os.fsync), deadly(Path.replace), deadly(Path.open)
"""


@pytest.fixture
def start(submission_file, estimator, store, tmp_path):
    """Start a run of four cells as a process of its own."""
    path = submission_file(estimator())
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def run(*arguments, patch=""):
        command = [sys.executable, "-c", RUN.format(patch=patch), path, store.folder, *arguments]
        environment = os.environ | {"TMPDIR": str(scratch)}
        return subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )

    return run


def whole_records(store):
    """Return all records, each checked to be whole, with its predictions."""
    records = [store.read(path.stem) for path in store.cells.glob("*.json")]
    for record in records:
        assert store.read_predictions(record.key).shape == (20_000, 1)
    return {record.replicate: record for record in records}


def finish(process):
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return output


@pytest.mark.parametrize("moments", [(10, 1, 2, 3), (7, 4), (6,)])
def test_a_run_killed_while_it_writes_leaves_whole_records_and_goes_on(start, store, moments):
    before = {}
    for moment in moments:  # the late one first: what is left of the cells has writes enough for the others
        killed = start(moment, patch=KILL_AT)
        killed.communicate(timeout=120)
        assert killed.returncode == -signal.SIGKILL
        now = whole_records(store)
        assert {replicate: now[replicate] for replicate in before} == before
        before = now
    finish(start())
    after = whole_records(store)
    assert len(after) == 4
    assert {replicate: after[replicate] for replicate in before} == before


def test_the_number_of_jobs_does_not_change_a_record(store, tmp_path, source):
    cells = [CURVE, SPHERE, replace(CURVE, replicate=1)]
    one = evaluate_source(Run(source, Settings(jobs=1)), cells, store)[0].records
    three = evaluate_source(Run(source, Settings(jobs=3)), cells, ResultStore(tmp_path / "other"))[0].records
    assert [(r.key, r.metrics) for r in one] == [(r.key, r.metrics) for r in three]


# Scoring again


def test_rescoring_repeats_the_metrics_bit_for_bit_without_a_child(store, source, children):
    cells = [CURVE, SPHERE, DIGITS, Cell("mandelbrot-distance", "quick", 0, 60, 20.0)]
    records = evaluate_source(Run(source, Settings(jobs=2)), cells, store)[0].records
    for record in records:
        store.write(replace(record, metrics=replace(record.metrics, error=9.0, further={})))
        assert rescore_record(record, store) == (record.metrics, "")
        assert store.read(record.key) == record
    assert len(children) == len(cells)


def test_rescoring_uses_a_changed_metric(evaluate, store, monkeypatch):
    record = evaluate()
    monkeypatch.setattr(metrics, "fraction_unexplained", lambda *arguments: 0.125)
    assert rescore_record(record, store)[0].error == 0.125
    assert store.read(record.key).metrics.error == 0.125


def keep_other_predictions(store, key, shape):
    predictions = np.zeros(shape, np.float32)
    digest = predictions_digest(predictions)
    store.write(replace(store.read(key), predictions_digest=digest), predictions)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda store, key: store.predictions_path(key).unlink(), "not stored"),
        (lambda store, key: store.predictions_path(key).write_bytes(b"junk"), "damaged"),
        (lambda store, key: np.save(store.predictions_path(key), np.zeros((5, 1), np.float32)), "of another run"),
        (lambda store, key: keep_other_predictions(store, key, (5, 1)), "test set has changed"),
        (lambda store, key: keep_other_predictions(store, key, (20_000, 3)), "test set has changed"),
    ],
    ids=["absent", "damaged", "another's", "short", "wide"],
)
def test_what_cannot_be_rescored_stays_and_says_why(evaluate, store, spoil, why):
    key = evaluate().key
    spoil(store, key)
    record = store.read(key)
    scores, reason = rescore_record(record, store)
    assert scores is None
    assert why in reason
    assert store.read(record.key) == record


def test_nothing_is_rescored_where_the_truth_is_not_computed_as_it_should(evaluate, store, monkeypatch):
    record = evaluate()

    def fail(self):
        raise HarnessError("the kernel's digest differs")

    monkeypatch.setattr(type(load_task("curve")), "self_test", fail)
    with pytest.raises(HarnessError, match="digest differs"):
        rescore_record(record, store)


def test_a_record_made_before_predictions_had_digests_is_rescored(evaluate, store):
    record = replace(evaluate(), predictions_digest=None)
    assert rescore_record(record, store) == (record.metrics, "")


def test_an_artifact_that_its_child_took_away_again_costs_the_picture_only(evaluate, store, monkeypatch):
    save = Child.save

    def save_and_lose(child, limit_s):
        path = save(child, limit_s)
        path.unlink()
        return path

    monkeypatch.setattr(Child, "save", save_and_lose)
    record = evaluate()
    assert record.ok
    assert record.costs.model_bytes is None
    assert not store.artifact_path(record.key).exists()


def test_a_failed_cell_has_nothing_to_rescore(evaluate, store):
    assert rescore_record(evaluate(fit="raise ValueError"), store)[1].endswith("ended with crash")


def test_a_changed_task_is_not_rescored(evaluate, store):
    record = replace(evaluate(), task_digest=canonical_digest({}))
    assert "evaluate it again" in rescore_record(record, store)[1]


# Planning


def test_a_track_plans_its_headline_tasks_longest_first():
    cells, missing = plan_cells("quick")
    assert {cell.task for cell in cells} == set(tracks.TRACKS["quick"].tasks)
    assert len(cells) == 9
    assert missing == {}


def test_every_family_has_its_turn_before_any_has_a_second_and_every_replicate_before_the_next():
    cells, _ = plan_cells("large", ("friedman", "mandelbrot", "curve", "mandelbrot-distance", "sphere"), 2)
    first = ["mandelbrot", "sphere", "friedman", "mandelbrot-distance", "curve"]
    assert [(cell.replicate, cell.task) for cell in cells] == [(r, task) for r in range(2) for task in first]


def test_a_task_given_twice_is_planned_once():
    assert len(plan_cells("quick", ("curve", "curve"))[0]) == 1


def test_replicates_are_the_tracks_own_unless_given():
    assert [cell.replicate for cell in plan_cells("standard", ("curve",))[0]] == [0, 1, 2, 3, 4]
    assert [cell.replicate for cell in plan_cells("standard", ("curve",), 2)[0]] == [0, 1]


def test_a_sample_is_never_larger_than_what_there_is():
    assert plan_cells("large", ("digits",))[0][0].n_samples == load_task("digits").n_available


@pytest.mark.parametrize(
    ("track", "tasks", "message"),
    [
        ("huge", (), "track='huge': expected one of quick"),
        ("quick", ("mandelbrott",), "unknown task 'mandelbrott'"),
        ("quick", ("image:absent.png",), "no such file"),
        ("quick", ("",), "unknown task ''"),
    ],
)
def test_an_unknown_name_is_a_usage_error(track, tasks, message):
    with pytest.raises(UsageError, match=message):
        plan_cells(track, tasks)


def test_a_track_runs_without_the_data_that_is_missing_and_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("MBENCH_DATA", str(tmp_path))
    cells, missing = plan_cells("standard")
    assert {cell.task for cell in cells} == set(tracks.TRACKS["standard"].tasks) - {"mnist"}
    assert "mbench data fetch" in missing["mnist"]


def test_missing_data_of_a_task_asked_for_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("MBENCH_DATA", str(tmp_path))
    with pytest.raises(MissingDataError, match="mbench data fetch"):
        plan_cells("standard", ("mnist",))


def test_queries_come_shuffled_and_some_of_them_twice(source, store, monkeypatch):
    asked = []
    predict = Child.predict

    def listen(child, X, limit_s):
        asked.append(X)
        return predict(child, X, limit_s)

    monkeypatch.setattr(Child, "predict", listen)
    evaluate_source(Run(source, Settings()), [Cell("curve", "quick", 0, 50, 5.0)], store)
    (stream,) = asked
    queries = load_task("curve").draw_queries(50, 0).X
    assert len(stream) == len(queries) + cells.N_REPEATED
    assert np.array_equal(np.unique(stream), np.unique(queries))
    assert np.mean(stream[: len(queries)] == queries) < 0.01


@pytest.mark.parametrize("name", ["mandelbrot", "friedman", "china", "digits"])
def test_a_sample_is_the_same_drawn_in_parts(name, monkeypatch):
    monkeypatch.setattr(evaluation, "_PART_VALUES", 300)
    task = load_task(name)
    parts = list(evaluation.draw_parts(task, Cell(name, "quick", 3, 500, 5.0)))
    whole = task.draw_sample(500, 3)
    assert max(X.size for X, _ in parts) <= 300
    assert np.array_equal(np.concatenate([X for X, _ in parts]), whole.X)
    assert np.array_equal(np.concatenate([y for _, y in parts]), whole.y)


def test_an_entry_without_all_its_replicates_is_incomplete(source, store):
    from mbench.results.reference import load_reference
    from mbench.results.scoring import score_entry

    planned, _ = plan_cells("quick", ["curve", "sphere"])
    result, _ = evaluate_source(Run(source, Settings(jobs=2)), planned, store)
    entry = score_entry("mine", "quick", result.records, load_reference())
    assert {"curve", "sphere"}.isdisjoint(entry.missing)
    standard = [replace(record, track="standard") for record in result.records]
    assert {"curve", "sphere"} <= set(score_entry("mine", "standard", standard, load_reference()).missing)


def test_a_picture_that_is_plain_where_it_is_tested_ends_the_run_before_it_begins(source, store, children, tmp_path):
    path, pixels = tmp_path / "dot.png", np.zeros((16, 16, 3), np.uint8)
    pixels[3, 5] = 255
    Image.fromarray(pixels).save(path)
    cells, _ = plan_cells("quick", (f"image:{path}",), 5)
    with pytest.raises(UsageError, match="have one colour"):
        evaluate_source(Run(source, Settings()), cells, store)
    assert children == []


def test_results_are_not_kept_where_submissions_may_read(store, submission_file, estimator, monkeypatch):
    monkeypatch.setattr(Isolation, "exposes", lambda self, path: path == store.folder)
    with pytest.raises(UsageError, match="lies where submissions may read"):
        evaluate_source(Run(read_submission(submission_file(estimator())), Settings()), [CURVE], store)
    assert list(store.records()) == []
