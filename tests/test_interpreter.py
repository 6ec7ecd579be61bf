"""What a submission does to its interpreter changes nothing of the worker's lines, nor they of its settings."""

import signal
import sys
import warnings

import numpy as np
import pytest

from mbench.child.interpreter import OwnSettings
from mbench.sandbox.child_process import Child
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import Source
from mbench.types import Spec

X = np.linspace(-1, 1, 20)[:, None]
SPEC = Spec(1, 1, len(X), 30.0, threads=1, device="cpu", seed=0)
SOURCE = """
import gc, os, signal, sys, warnings
import numpy as np
{head}
class Estimator:
    def fit(self, X, y):
        return self
    def predict(self, X):
        return {answer}
def build(spec):
    return Estimator()
"""
TOO_SMALL = "np.full((len(X), 1), 1e-50)"  # a cast to float32 underflows


@pytest.fixture
def predict():
    """Return what a child predicts and has printed, with lines of its own at its top; it stores its estimator, too."""

    def run(head, answer=TOO_SMALL):
        files = (("submission.py", SOURCE.format(head=head, answer=answer).encode()),)
        with Child(Source("idea", "submission.py", files), SPEC, isolation=choose_isolation(allow_none=True)) as child:
            child.build()
            child.fit(X, X)
            predictions, _ = child.predict(X, 30.0)
            assert child.save().stat().st_size > 0
            child.list_imports()
            return predictions, child.output

    return run


@pytest.mark.parametrize(
    "head",
    [
        "np.seterr(all='raise')",
        "np.seterr(all='call'); np.seterrcall(lambda *a: 1 / 0)",
        "np.seterr(all='warn'); warnings.simplefilter('error')",
        "warnings.showwarning = lambda *a, **k: 1 / 0",
        "sys.setrecursionlimit(60)",
        "gc.disable(); gc.set_threshold(1)",
        "sys.stdout = open(os.devnull, 'w'); sys.stderr = None",
        "del sys.stdout, sys.stderr",
        "os.makedirs('elsewhere'); os.chdir('elsewhere')",
        "load = np.load; np.load = lambda *a, **k: load(*a, allow_pickle=True, **k)",
        "np.save = np.asarray = np.isfinite = np.empty = None",
        "import json; json.dumps = json.loads = None",
        "sys.argv = []; os.environ.clear()",
        "signal.signal(signal.SIGTERM, lambda *a: 1 / 0); signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    ],
)
def test_what_a_submission_sets_does_not_reach_the_worker(predict, head):
    predictions, _ = predict(head)
    np.testing.assert_array_equal(predictions, np.full((20, 1), 1e-50, np.float32))


def test_what_a_submission_sets_holds_for_its_own_lines(predict):
    head = "np.seterr(under='raise'); sys.setrecursionlimit(432); warnings.simplefilter('error')"
    answer = "np.full((len(X), 1), float(np.geterr()['under'] == 'raise') + sys.getrecursionlimit())"
    predictions, _ = predict(head, answer)
    assert predictions[0, 0] == 433.0


def test_a_replaced_stdout_hides_no_traceback():
    files = (
        ("submission.py", b"import io, sys\nsys.stdout = sys.stderr = io.StringIO()\n1 / 0\ndef build(spec): ..."),
    )
    source = Source("idea", "submission.py", files)
    with Child(source, SPEC, isolation=choose_isolation(allow_none=True)) as child:
        with pytest.raises(Exception, match="ZeroDivisionError"):
            child.build()
        assert "line 3, in <module>" in child.output


@pytest.fixture
def settings():
    before = warnings.filters[:], np.geterr(), sys.getrecursionlimit(), signal.getsignal(signal.SIGUSR1)
    own = OwnSettings()
    yield own
    own._give_back()
    signal.signal(signal.SIGUSR1, before[3])
    np.seterr(**before[1])
    sys.setrecursionlimit(before[2])
    warnings.filters[:] = before[0]


def test_settings_change_places(settings):
    with settings.laid_aside():
        np.seterr(all="raise")
        sys.setrecursionlimit(900)
    assert set(np.geterr().values()) == {"ignore"}
    assert sys.getrecursionlimit() >= 1_000
    with settings.laid_aside():
        assert np.geterr()["over"] == "raise"
        assert sys.getrecursionlimit() == 900
        sys.setrecursionlimit(50_000)
    assert sys.getrecursionlimit() == 50_000  # what needs many calls to be stored is stored with as many


def test_a_signal_between_two_commands_is_handled_in_the_submissions_next_lines(settings):
    came = []
    with settings.laid_aside():
        signal.signal(signal.SIGUSR1, lambda number, frame: came.append(number))
    signal.raise_signal(signal.SIGUSR1)
    assert came == []
    with settings.laid_aside():
        assert came == [signal.SIGUSR1]
    assert came == [signal.SIGUSR1]


def test_what_a_handler_raises_is_the_submissions_failure(settings):
    def late(number, frame):
        raise TimeoutError("too late")

    with settings.laid_aside():
        signal.signal(signal.SIGUSR1, late)
    signal.raise_signal(signal.SIGUSR1)
    with pytest.raises(TimeoutError, match="too late"), settings.laid_aside():
        pass
    signal.raise_signal(signal.SIGUSR1)  # the worker's settings are in force again
    settings._came.clear()
