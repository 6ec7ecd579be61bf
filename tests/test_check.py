from dataclasses import replace
from types import MappingProxyType

import pytest

from mbench.runs import check
from mbench.runs.check import check_submission
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import baseline_path, read_submission
from mbench.suite.tracks import DEFAULT_TRACK, TRACKS, Budget


@pytest.fixture
def findings(submission_file, estimator):
    """Check an estimator given by the bodies of its methods."""

    def run(**bodies):
        return list(check_submission(read_submission(submission_file(estimator(**bodies))), choose_isolation()))

    return run


def failures(findings):
    return [f"{finding.what}: {finding.advice}" for finding in findings if finding.verdict == "failed"]


def warnings(findings):
    return [f"{finding.what}: {finding.advice}" for finding in findings if finding.verdict == "warning"]


def test_a_sound_submission_passes_on_every_shape(findings):
    found = findings()
    assert {finding.verdict for finding in found} == {"ok"}
    for shape in ("R → R:", "R² → R:", "R² → R³:", "R⁶⁴ → R¹⁰:"):
        assert sum(finding.what.startswith(shape) for finding in found) == 2


@pytest.mark.parametrize("name", ["knn", "constant"])
def test_a_baseline_passes(name):
    assert failures(check_submission(read_submission(baseline_path(name)), choose_isolation())) == []


@pytest.mark.parametrize(
    ("bodies", "advice"),
    [
        ({"head": "import no_such_module"}, "refused: cannot be imported"),
        ({"build": "return 3"}, "refused: build(spec) returned int without fit"),
        ({"fit": "raise ValueError('bad')"}, "crash: fit(X, y) raised ValueError: bad"),
        ({"predict": "return X * np.nan"}, "invalid: predict() returned [nan]"),
        ({"predict": "return X[:, 0]"}, "expected (200, 3)"),  # right for one output, wrong for three
    ],
    ids=["import", "build", "fit", "NaN", "shape"],
)
def test_a_failure_names_what_to_fix_and_ends_the_check(findings, bodies, advice):
    found = findings(**bodies)
    (failure,) = failures(found)
    assert advice in failure
    assert found[-1].verdict == "failed"


@pytest.mark.parametrize(
    ("predict", "what"),
    [
        ("return np.tile(np.arange(len(X))[:, None] + self.mean * 0, 1)", "in another order"),
        ("return np.tile(len(X) + self.mean * 0, (len(X), 1))", "one row alone"),
        ("return np.random.rand(len(X), len(self.mean))", "in another order"),
    ],
    ids=["order", "batch", "random"],
)
def test_predictions_that_depend_on_other_rows_are_found(findings, predict, what):
    found = findings(predict=predict)
    (failure,) = failures(found)
    assert f"asked {what}" in failure
    assert "every row by itself" in failure
    assert warnings(found) == []  # that it answers otherwise once loaded, too, says nothing new


def test_a_fit_that_differs_each_time_is_a_warning(findings):
    found = findings(fit="self.mean = y.mean(axis=0) + np.random.default_rng().random()\nreturn self")
    assert failures(found) == []
    (warning,) = warnings(found)
    assert "fitted twice" in warning
    assert "spec.seed" in warning


def test_global_random_numbers_are_repeatable_since_the_worker_seeds_them(findings):
    assert warnings(findings(fit="self.mean = y.mean(axis=0) + np.random.random()\nreturn self")) == []


def test_what_of_the_users_place_does_not_reach_a_submission_is_a_warning(submission_file, estimator):
    path = submission_file(estimator(head="import os\nK = os.environ.get('MY_K', 8)\nNAME = 'weights.csv'"))
    path.with_name("weights.csv").write_text("1")
    variable, data = warnings(check_submission(read_submission(path), choose_isolation()))
    assert "MY_K" in variable
    assert "weights.csv" in data
    assert "into a .py file beside it" in data


def test_an_estimator_that_cannot_be_stored_is_a_warning(findings):
    found = findings(fit="self.mean, self.lock = y.mean(axis=0), __import__('threading').Lock()\nreturn self")
    assert failures(found) == []
    assert "cannot be pickled" in warnings(found)[0]


IN_A_GLOBAL = {
    "head": "KEPT = {}",
    "fit": "KEPT['mean'] = y.mean(axis=0)\nreturn self",
    "predict": "return np.tile(KEPT.get('mean', np.ones(1)), (len(X), 1))",
}
HANDS_ON = """
class Wrapper:
    def __init__(self, inner):
        self.inner = inner
    def __getattr__(self, name):
        return getattr(self.inner, name)
    def fit(self, X, y):
        self.inner.fit(X, y)
"""


@pytest.mark.parametrize(
    ("bodies", "advice"),
    [
        (IN_A_GLOBAL, "of 600 queries otherwise than the fitted one did"),
        (IN_A_GLOBAL | {"predict": "return np.tile(KEPT['mean'], (len(X), 1))"}, "KeyError: 'mean'"),
        ({"head": HANDS_ON, "build": "return Wrapper(Estimator())"}, "cannot be loaded: RecursionError"),
    ],
    ids=["answers otherwise", "fails", "does not load"],
)
def test_an_estimator_that_is_another_once_it_is_loaded_is_a_warning(findings, bodies, advice):
    found = findings(**bodies)
    assert failures(found) == []
    (warning,) = warnings(found)
    assert warning.startswith("the fitted estimator is another once it is stored and loaded")
    assert advice in warning


def test_an_estimator_that_is_stored_as_another_on_one_shape_alone_is_a_warning(findings):
    """The first task, of one input, would show nothing."""
    head = """
class Other:
    def predict(self, X):
        return np.zeros((len(X), 1))
def reduce(self):
    return (Other, ()) if self.n == 2 else (object.__new__, (Estimator,), self.__dict__)
"""
    fit = "self.mean, self.n = y.mean(axis=0), X.shape[1]\nreturn self"
    (warning,) = warnings(findings(head=head, fit=fit, build="Estimator.__reduce__ = reduce\nreturn Estimator()"))
    assert "with 0 in place of" in warning


def test_each_way_in_which_it_is_not_stored_is_told_once(findings):
    """Not to be pickled on the first shape and the third, another on the second."""
    reduce = "def reduce(self):\n    return (len, ([],)) if self.n == 2 else 1 / 0"
    fit = "self.mean, self.n = y.mean(axis=0), X.shape[1]\nreturn self"
    first, second = warnings(findings(head=reduce, fit=fit, build="Estimator.__reduce__ = reduce\nreturn Estimator()"))
    assert first.startswith("the fitted estimator cannot be stored")
    assert second.startswith("the fitted estimator is another once it is stored and loaded")


def test_parameters_are_reported(findings):
    found = findings(fit="self.mean, self.n_params_ = y.mean(axis=0), 1234\nreturn self")
    assert any("1,234" in finding.what for finding in found)


def test_libraries_that_fit_loads_on_the_clock_are_a_warning(findings, monkeypatch):
    monkeypatch.setattr(check, "LOADING_TOLD_S", 1e-9)
    found = findings(fit="__import__('xml.dom.minidom')\nself.mean = y.mean(axis=0)\nreturn self")
    assert "load libraries for" in warnings(found)[0]
    assert "import them by name" in warnings(found)[0]


def test_libraries_loaded_before_are_none(findings):
    assert warnings(findings(head="import sklearn.svm")) == []


def test_a_hang_ends_the_check(findings, monkeypatch):
    budgets = dict.fromkeys(check.TRACK.budgets, Budget(1_000, 0.5))
    monkeypatch.setattr(check, "TRACK", replace(check.TRACK, budgets=MappingProxyType(budgets)))
    (failure,) = failures(findings(fit="while True: pass"))
    assert "timeout: fit ran past its limit" in failure


def test_a_method_that_needs_a_value_for_each_pair_of_queries_fails_the_check(findings):
    """As a Gaussian process does that asks for the covariance of all queries: 32 GB for a block of an evaluation."""
    found = findings(predict="np.zeros((len(X), len(X))).sum()\nreturn np.tile(self.mean, (len(X), 1))")
    (failure,) = failures(found)
    assert "asked 196,608 queries in blocks of 65,536, as in an evaluation: out-of-memory" in failure
    assert "smaller pieces" in failure


def test_the_limits_are_those_of_an_evaluation(findings):
    """The submission prints the limit it is told, which is the one that holds."""
    found = findings(build="raise ValueError(f'limit {spec.fit_limit_s}')")
    (failure,) = failures(found)
    assert f"limit {TRACKS[DEFAULT_TRACK].budgets['functions'].fit_limit_s}" in failure


def test_a_single_output_estimator_is_told_what_to_wrap_it_in(findings):
    (failure,) = failures(findings(head="from sklearn.svm import SVR", build="return SVR()"))
    assert failure.startswith("R² → R³: crash")
    assert (
        "y has 3 columns: wrap an estimator that learns one number in sklearn.multioutput.MultiOutputRegressor"
        in failure
    )
    (failure,) = failures(findings(predict="return np.full(len(X), self.mean[0])"))
    assert "MultiOutputRegressor" in failure
