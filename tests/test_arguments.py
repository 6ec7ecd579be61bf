"""One validation for Python and the command line: what one refuses the other refuses, before anything runs."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

import mbench
from mbench import api
from mbench.arguments import take_choice, take_flag, take_names, take_path, take_real, take_whole
from mbench.errors import UsageError
from mbench.submission import pickle_submission
from mbench.words import suggest


@pytest.fixture
def nothing_runs(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("something was run")

    monkeypatch.setattr(api, "open_run", refuse)


def build(spec):
    return Ridge()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"threads": 0}, "threads=0: expected a whole number from 1 to 256"),
        ({"threads": 1.0}, "threads=1.0"),
        ({"threads": True}, "threads=True"),
        ({"threads": 10**9}, "threads=1000000000: expected a whole number from 1 to 256"),
        ({"threads": np.float64(1)}, "threads=np.float64(1.0)"),
        ({"note": 3}, "note=3: expected a text"),
        ({"practice": "yes"}, "practice='yes': expected True or False"),
        ({"results": ""}, "results='': expected a path"),
        ({"track": "Quick"}, "expected one of quick, standard, large. Is quick meant?"),
        ({"tasks": "Mandelbrot"}, ". Is mandelbrot meant?"),
        ({"tasks": ["curve", "mandelbrot-distanse"]}, ". Is mandelbrot-distance"),
        ({"jobs": -1}, "jobs=-1: expected a whole number of at least 1"),
        ({"jobs": 0}, "jobs=0"),
        ({"device": "cuda:0"}, "device='cuda:0': expected one of cpu, cuda"),
        ({"replicates": 0}, "replicates=0: expected a whole number of at least 1"),
        ({"replicates": 1.5}, "replicates=1.5"),
        ({"replicates": 1_001}, "there are 1000"),
        ({"track": "huge"}, "track='huge': expected one of quick, standard, large"),
        ({"tasks": 3}, "tasks=3: expected a name or a list of names"),
        ({"tasks": [3]}, "tasks=[3]"),
        ({"tasks": "cuve"}, "unknown task 'cuve'"),
        ({"pictures": "no"}, "pictures='no': expected True or False"),
        ({"unsafe_no_sandbox": "False"}, "unsafe_no_sandbox='False'"),
        ({"resume": "yes"}, "resume='yes'"),
        ({"resume": 1}, "resume=1"),
        ({"isolation": "D"}, "unknown isolation tier 'D'"),
        ({"results": 3}, "results=3: expected a path"),
    ],
    ids=str,
)
def test_evaluate_refuses_before_anything_runs(nothing_runs, tmp_path, options, words):
    with pytest.raises(UsageError) as caught:
        mbench.evaluate(build, **{"tasks": "curve", "results": tmp_path / "results"} | options)
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("threads", "0"), ("threads", "1.0"), ("threads", "1000000000"), ("threads", "two"), ("jobs", "-1"),
        ("jobs", "0"), ("device", "cuda:0"), ("device", "CPU"), ("replicates", "0"), ("replicates", "1001"),
        ("track", "huge"), ("track", "Quick"), ("tasks", "cuve"), ("tasks", "Mandelbrot"), ("isolation", "D"),
        ("results", ""),
    ],
)  # fmt: skip
def test_the_command_line_refuses_the_same_in_the_same_words(
    nothing_runs, mbench, submission_file, estimator, option, value
):
    """What is said behind the name and the value is the same; click names the option in its own way."""
    given = int(value) if value.lstrip("-").isdigit() else value
    with pytest.raises(UsageError) as caught:
        api.evaluate(build, **{"tasks": "curve"} | {option: given})
    result = mbench("evaluate", submission_file(estimator()), "--task" if option == "tasks" else f"--{option}", value)
    said = str(caught.value)
    assert result.exit_code == 2
    words = said[said.index("expected") :] if "expected" in said else said
    assert words in " ".join(result.output.split())


def test_a_memory_limit_is_refused_in_the_same_words(mbench, submission_file, estimator):
    with pytest.raises(UsageError, match="expected a number of at least 256"):
        api.make_settings(memory_limit_mb=255)
    result = mbench("evaluate", submission_file(estimator()), "--memory-limit", "255")
    assert "255: expected a whole number of at least 256" in result.output


@pytest.mark.parametrize("value", ["nan", "inf", "0.5", "many"])
def test_a_film_of_no_length_is_refused(mbench, value):
    result = mbench("zoom", "knn", "--out", "a.mp4", "--seconds", value)
    assert result.exit_code == 2
    assert f"{value}: expected a number from 1 to 120" in result.output


def test_more_points_than_there_are_is_a_usage_error_in_the_same_words(mbench):
    with pytest.raises(UsageError) as caught:
        api.load_sample("digits", 10**6)
    assert "n=1000000: digits has 1258 training points" in str(caught.value)
    assert str(caught.value) in mbench("sample", "digits", "-n", 10**6).output


@pytest.mark.parametrize(
    ("asked", "known", "said"),
    [
        ("quik", ["quick", "large"], ". Is quick meant?"),
        ("KNN", ["knn", "mlp"], ". Is knn meant?"),
        ("mandelbrot-dist", ["mandelbrot-distance", "curve"], ". Is mandelbrot-distance meant?"),
        ("zzz", ["quick"], ""),
        (3, ["quick"], ""),
    ],
)
def test_a_name_that_may_be_meant_is_suggested(asked, known, said):
    assert suggest(asked, known) == said


def test_the_least_memory_is_that_of_the_command_line(nothing_runs):
    with pytest.raises(UsageError, match="memory_limit_mb=255: expected a number of at least 256"):
        api.make_settings(memory_limit_mb=255)
    with pytest.raises(UsageError, match="memory_limit_mb=nan"):
        api.make_settings(memory_limit_mb=float("nan"))


@pytest.mark.parametrize("replicate", [1.0, 1.5, True, np.bool_(True), "1", None, -1, np.float64(1)], ids=repr)
def test_a_replicate_that_is_no_whole_number_gives_no_sample(replicate):
    with pytest.raises(UsageError, match="replicate="):
        mbench.load_sample("curve", 5, replicate)


def test_a_replicate_of_numpy_is_the_same_replicate():
    first = mbench.load_sample("curve", 5, 1)[0]
    assert np.array_equal(first, mbench.load_sample("curve", np.int32(5), np.int64(1))[0])


@pytest.mark.parametrize("n", [1e3, 0, -1, True, "5"], ids=repr)
def test_a_number_of_points_that_is_none_gives_no_sample(n):
    with pytest.raises(UsageError, match="n="):
        mbench.load_sample("curve", n)


@pytest.mark.parametrize("seeds", [0, "012", [0.0], [True], [-1]], ids=repr)
def test_seeds_of_a_study_are_whole_numbers(seeds, tmp_path):
    with pytest.raises(UsageError, match="seeds"):
        mbench.study("orders", seeds=seeds, out=tmp_path)


def test_what_fits_is_taken_as_it_is():
    assert take_whole("n", np.uint8(3), 1, 3) == 3
    assert type(take_whole("n", np.uint8(3))) is int
    assert take_real("x", 256, 256) == 256
    assert type(take_real("x", np.float32(256), 256)) is float
    assert take_real("x", np.int64(300), 256) == 300
    assert take_choice("device", "cpu", ["cpu"]) == "cpu"
    assert take_flag("fresh", True) is True
    assert take_names("tasks", ["a", "b"]) == ("a", "b")
    assert take_path("out", "x") == "x"


# What evaluate takes


class Mean:
    def fit(self, X, y):
        self.mean_ = y.mean(axis=0)
        return self

    def predict(self, X):
        return np.tile(self.mean_, (len(X), 1))


class Scaled(Mean):
    def __init__(self, scale):
        self.scale = scale


class Told(Mean):
    def __init__(self, spec):
        self.n_samples = spec.n_samples


def build_of(source):
    """Return what a child unpickles from a source."""
    import cloudpickle

    return cloudpickle.loads(dict(source.files)[source.entry])


def test_a_class_and_an_object_are_built_afresh_for_every_cell():
    for given in (Mean, Mean()):
        source = pickle_submission(given)
        assert source.name == "Mean"
        made = build_of(source)
        first, second = made(None), made(None)
        assert first is not second
        assert type(first).__name__ == "Mean"


def test_an_object_keeps_its_parameters_and_loses_what_it_learned():
    fitted = Ridge(alpha=3.0).fit(np.eye(3), np.arange(3.0))
    copy = build_of(pickle_submission(fitted))(None)
    assert copy.alpha == 3.0
    assert not hasattr(copy, "coef_")


def test_a_class_whose_one_argument_is_the_spec_gets_it():
    class Spec:
        n_samples = 7

    assert build_of(pickle_submission(Told))(Spec).n_samples == 7


@pytest.mark.parametrize("given", [3, None, [build], np.zeros(3)], ids=["number", "none", "list", "array"])
def test_what_is_no_submission_is_refused_with_what_is(given):
    with pytest.raises(UsageError, match=r"expected a file, a function build\(spec\), an estimator"):
        pickle_submission(given)


def test_a_class_that_needs_more_is_refused_with_the_way_out():
    class Two(Mean):
        def __init__(self, width, depth, seed=0):
            pass

    with pytest.raises(UsageError, match=r"Two: needs width, depth\. Give an object of it, or a function"):
        pickle_submission(Two)
    with pytest.raises(UsageError, match=r"Scaled: needs scale"):
        pickle_submission(Scaled)


def test_an_estimator_is_evaluated_and_its_rows_say_whose_they_are(tmp_path):
    table = mbench.evaluate(Ridge(alpha=2.0), tasks="curve", results=tmp_path / "results")
    assert (table.name[0], table.track[0], table.status[0]) == ("Ridge", "quick", "ok")
    assert "<table" in table._repr_html_()
