"""What a child sees in an audited set, beside what it sees in the scored cell of the same sample."""

import hashlib
import json

import numpy as np
import pytest

from mbench import api
from mbench.results.audits import list_sets
from mbench.review.audit import run
from mbench.review.audit.relatives import draw_sets
from mbench.review.audit.run import score_sets
from mbench.runs.settings import Settings
from mbench.sandbox.child_process import Child
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import read_submission
from mbench.suite.tasks import load_task

SECRET = hashlib.sha256(b"tests").digest()
TASKS = {"smooth": "mandelbrot", "distance": "mandelbrot-distance"}

# It learns the mean and tells all it can see, one line of JSON at each step, the place of its folder left out.
WITNESS = """
import hashlib, json, os, random, resource, sys, threading
import numpy as np

HOME = os.getcwd()
PLACE = os.path.dirname(HOME)
ABOVE = os.path.dirname(PLACE)  # of one run, its name drawn at random

def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]

def describe(a):
    return [list(a.shape), str(a.dtype), a.flags.c_contiguous, a.flags.writeable, a.flags.owndata, a.strides[0]]

def list_files():
    found = []
    for folder, _, names in os.walk(PLACE):
        for name in names:
            path = os.path.join(folder, name)
            found.append([os.path.relpath(path, PLACE), os.path.getsize(path)])
    return sorted(f for f in found if "__pycache__" not in f[0])

def tell(step, **more):
    random_state = digest(repr((random.getstate(), np.random.get_state())).encode())
    seen = {
        "step": step, "argv": sys.argv, "cwd": os.getcwd(), "environ": dict(os.environ), "files": list_files(),
        "limits": {n: resource.getrlimit(getattr(resource, n)) for n in dir(resource) if n.startswith("RLIMIT_")},
        "path": sys.path, "modules": sorted(sys.modules), "random": random_state, "threads": threading.active_count(),
        "affinity": sorted(os.sched_getaffinity(0)), "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "umask": os.umask(0o022),
        "descriptors": len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None, **more,
    }
    print(json.dumps(seen, sort_keys=True).replace(PLACE, "PLACE").replace(ABOVE, "ABOVE"), flush=True)

class Witness:
    def __init__(self):
        self.asked = []
    def fit(self, X, y):
        tell("fit", X=describe(X), y=describe(y), sample=digest(X.tobytes()), lengths=[X.nbytes, y.nbytes])
        self.mean = y.mean()
        return self
    def __getstate__(self):
        tell("store")
        return {"mean": self.mean, "asked": []}
    def predict(self, X):
        self.asked.append(X)
        rows = np.concatenate(self.asked)
        first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)[1:]
        again = np.flatnonzero(first[inverse.ravel()] != np.arange(len(rows)))
        tell("predict", X=describe(X), again=digest(again.tobytes()), n_again=len(again))
        return np.full(len(X), self.mean)

def build(spec):
    tell("build", spec={name: getattr(spec, name) for name in spec.__dataclass_fields__})
    return Witness()
"""


@pytest.fixture(scope="module")
def testimony(tmp_path_factory):
    """Return what children saw, a list of steps by name: of the scored cells by task, of the audited sets by set.

    The sets' labels are matched on a smaller sample, which takes less time; what is handed over is of full size.
    """
    folder = tmp_path_factory.mktemp("audited")
    path = folder / "submission.py"
    path.write_text(WITNESS)
    source, isolation = read_submission(path), choose_isolation(allow_none=True)
    heard = []
    leave = Child.__exit__

    def listen(child, *raised):
        try:
            return leave(child, *raised)
        finally:
            heard.append([json.loads(line) for line in child._captured.splitlines()])  # `output` is its end

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Child, "__exit__", listen)
        patch.setattr(run, "draw_sets", lambda secret, n, replicate, count: draw_sets(secret, 2_000, replicate, count))
        api.run_evaluation(
            source, tasks=list(TASKS.values()), out=folder / "results", pictures=False, jobs=1,
            unsafe_no_sandbox=True, isolation=isolation.tier,
        )  # fmt: skip
        cells = [steps for steps in heard if steps[0]["step"] == "build"]
        heard.clear()
        scores = score_sets(source, SECRET, Settings(jobs=1, isolation=isolation), n_relatives=1)
        audited = [steps for steps in heard if steps[0]["step"] == "build"]
    assert [each.status for each in scores] == ["ok"] * len(scores)
    assert len(cells) == len(TASKS)
    return dict(zip(TASKS.values(), cells, strict=True)) | dict(zip(list_sets(1), audited, strict=True))


def test_a_witness_sees_every_step(testimony):
    for name, steps in testimony.items():
        assert [each["step"] for each in steps][:4] == ["build", "fit", "store", "predict"], name
        assert len(steps) > 5, name
    fit = testimony["mandelbrot"][1]
    assert fit["sample"] == hashlib.sha256(load_task("mandelbrot").draw_sample(10_000, 0).X.tobytes()).hexdigest()[:16]
    assert fit["lengths"] == [160_000, 80_000]
    asked = [each["X"][0][0] for each in testimony["mandelbrot"] if each["step"] == "predict"]
    assert sum(asked) > len(load_task("mandelbrot").draw_queries(10_000, 0).X)  # some are asked twice
    assert testimony["mandelbrot"][-1]["n_again"] > 0


@pytest.mark.parametrize("name", list_sets(1))
def test_a_child_sees_nothing_in_an_audit_that_it_does_not_see_when_it_is_scored(testimony, name):
    target = name.partition(", ")[2] or "smooth"
    scored, audited = testimony[TASKS[target]], testimony[name]
    assert len(scored) == len(audited)
    for one, other in zip(scored, audited, strict=True):
        for key, value in other.items():
            assert value == one[key], f"{one['step']}: {key}"


@pytest.mark.parametrize("name", list_sets(1))
def test_no_labels_or_queries_are_handed_over_in_another_order(name):
    """The parent's side of it: points, order and size of a set are those of its task's cell, whatever its labels."""
    (each,) = (each for each in draw_sets(SECRET, 2_000, 0, 1) if each.name == name)
    task = load_task(TASKS[each.target])
    ours, theirs = each.prepare(10_000, 0), (task.draw_sample(10_000, 0), task.draw_queries(10_000, 0))
    np.testing.assert_array_equal(ours.sample.X, theirs[0].X)
    assert ours.sample.y.dtype == theirs[0].y.dtype
    assert (ours.sample.y == ours.sample.y.astype(np.float32)).all()  # as exact as a task's labels
    assert ours.queries.X.shape == theirs[1].X.shape
    assert ours.queries.X.dtype == theirs[1].X.dtype
    assert np.abs(ours.queries.X).max() <= 1.0
    assert ours.queries.weight.sum() == pytest.approx(1.0)
    assert set(ours.queries.octave) == set(range(15))
    assert (each.stream, each.n_inputs, each.n_outputs) == (task.stream, task.n_inputs, task.n_outputs)
