"""What a real child is told when a habit of scripts and notebooks is why it failed."""

from contextlib import ExitStack
from functools import cache

import numpy as np
import pytest

from mbench.child.habits import TABLE
from mbench.sandbox.child_process import Child, ChildFailure, open_nursery
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import Source
from mbench.types import Spec

X = np.linspace(-1, 1, 20)[:, None]
SPEC = Spec(1, 1, len(X), 30.0, threads=1, device="cpu", seed=0)
PLAIN = {"top": "", "fit": "pass", "predict": "return X", "build": "return Estimator()"}
SOURCE = """
import os, sys
{top}
class Estimator:
    def fit(self, X, y):
        {fit}
    def predict(self, X):
        {predict}
def build(spec):
    {build}
"""


def source_of(text):
    return Source("idea", "submission.py", (("submission.py", text.encode()),))


@pytest.fixture(scope="module")
def run():
    """Build, fit, ask and store; return the reason why that failed, "" where it did not."""
    isolation = choose_isolation(allow_none=True)
    with ExitStack() as nurseries:

        @cache
        def nursery():
            return nurseries.enter_context(open_nursery(source_of("import torch"), 1, isolation))

        def go(text="", **bodies):
            source = source_of(text or SOURCE.format(**(PLAIN | bodies)))
            with Child(source, SPEC, isolation=isolation, nursery=nursery()) as child:
                try:
                    child.build()
                    child.fit(X, X)
                    child.predict(X, 30.0)
                    child.save(30.0)
                except ChildFailure as failure:
                    return str(failure)
            return ""

        yield go


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ({"top": "sys.exit()"}, "imported, not run"),
        (
            {"top": "import argparse as a; p = a.ArgumentParser(); p.add_argument('k'); p.parse_args()"},
            "give every argument a default",
        ),
        (
            {"top": "import click; click.command()(click.argument('lr')(lambda lr: 0))()"},
            "give every argument a default",
        ),
        ({"build": "yield Estimator()"}, "by return and not by yield"),
        ({"fit": "sys.exit('usage: fit FILE')"}, "imported, not run"),
        ({"predict": "quit()"}, "imported, not run"),
        ({"top": "K = input('k? ')"}, "leave out input()"),
        ({"fit": "breakpoint()"}, "leave out input()"),
        ({"top": "from .model import K"}, "without a dot in front"),
        ({"top": "from . import model"}, "without a dot in front"),
        ({"fit": "self.lock = __import__('threading').Lock()"}, "keep them out of self"),
        ({"fit": "self.rows = (row for row in X)"}, "keep them out of self"),
        ({"top": "K = os.environ['K']"}, "No environment variable"),
        ({"build": "return {'mandelbrot': Estimator()}[spec.task]"}, "never names a task"),
        ({"build": "return Estimator(spec['seed'])"}, "never names a task"),
        ({"build": "spec.seed = 1"}, "read only"),
        ({"build": "return Estimator"}, "Return an object of it"),
        ({"build": "from sklearn.svm import SVR; return SVR"}, "Return an object of it"),
        ({"build": "return 1, Estimator()"}, "fit(X, y) and predict(X)"),
        ({"build": "import torch; return torch.nn.Linear(1, 1)"}, "mbench.nn.TorchRegressor"),
        ({"build": "pass\nbuild = Estimator()"}, "has to be that of a function"),
        ({"predict": "self.answer = X"}, "Is its `return` missing?"),
        ({"predict": "return X.astype(object)"}, "dtype=float"),
        ({"predict": "return X.astype(str)"}, "dtype=float"),
        ({"predict": "yield from X"}, "no `yield`"),
        ({"predict": "return X + 0j"}, "answer.real"),
        ({"predict": "return X.T"}, "answer.T"),
        ({"predict": "return X, 0 * X"}, "the mean alone"),
        ({"predict": "import torch; return torch.tensor(X).bfloat16()"}, "answer.float()"),
        ({"fit": "import matplotlib; matplotlib.use('TkAgg'); import matplotlib.pyplot as p; p.figure()"}, "no screen"),
        ({"fit": "import torch; torch.nn.Linear(1, 1)(torch.tensor(X))"}, "float64"),
        ({"fit": "import torch; torch.zeros(1, device='cuda')"}, "spec.device"),
        ({"fit": "import torch; torch.zeros(1, device='mps')"}, "spec.device"),
        (
            {"top": "from torch.utils.cpp_extension import load_inline as load", "fit": "load('f', 'int f();', 'f')"},
            "starts a compiler",
        ),
    ],
)
def test_a_habit_is_named_with_the_way_out(run, bodies, expected):
    reason = run(**bodies)
    assert expected in reason
    assert len(reason) <= 500


def test_a_build_that_nothing_awaits_is_told_to_be_plain(run):
    assert "without async" in run(SOURCE.format(**PLAIN).replace("def build", "async def build"))


@pytest.mark.parametrize("head", ["def build():", "def build(spec, k):"])
def test_a_build_of_other_arguments_is_told_its_own(run, head):
    assert run(SOURCE.format(**PLAIN).replace("def build(spec):", head)).endswith("one argument: def build(spec)")


@pytest.mark.parametrize(
    "body", ["raise ValueError('bad')", "{}['K']", "X.missing", "abs()", "raise RuntimeError('shapes differ')"]
)
def test_an_error_of_another_cause_is_told_as_it_is(run, body):
    assert run(fit=body).endswith("(submission.py, line 6)")


def test_a_sound_estimator_is_told_nothing(run):
    assert run() == ""


def test_a_sentence_leaves_room_for_the_error():
    assert [habit.sentence for habit in TABLE if len(habit.sentence) > 200] == []
