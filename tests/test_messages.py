"""What is said follows from what was tested, and is folded nowhere but on a terminal."""

import re
from types import SimpleNamespace

import pytest

from mbench import api
from mbench.cli.console import make_console
from mbench.cli.score_card import why_without_skill
from mbench.errors import MissingDataError, UsageError
from mbench.results.estimators import find_target
from mbench.results.store import ResultStore
from mbench.review import verify
from mbench.runs import evaluate, tune
from mbench.submission import read_submission
from mbench.suite.tasks import load_task
from mbench.suite.tasks.fractals import Tricorn
from mbench.suite.tracks import TRACKS
from mbench.views.render.landmarks import find_landmark


def test_a_task_of_the_track_without_a_reference_is_not_called_none_of_it():
    assert "curve" in TRACKS["quick"].tasks
    assert "no part" not in why_without_skill("curve", "quick")
    assert "no frozen reference on track quick" in why_without_skill("curve", "quick")
    assert "julia" not in TRACKS["quick"].tasks
    assert "julia is no part of track quick" in why_without_skill("julia", "quick")


def test_a_fractal_without_landmarks_is_not_told_to_be_a_fractal(monkeypatch):
    monkeypatch.setattr(Tricorn, "landmarks", ())
    with pytest.raises(UsageError, match="tricorn names no landmarks to zoom into") as caught:
        find_landmark(load_task("tricorn"), None)
    assert "choose a fractal" not in str(caught.value)


def test_a_task_that_was_not_evaluated_is_told_from_a_source_that_was_not(
    submission_file, estimator, make_record, tmp_path
):
    path = submission_file(estimator(), "idea.py")
    source, store = read_submission(path), ResultStore(tmp_path / "results")
    with pytest.raises(UsageError, match="nothing of this very source on track quick"):
        api.render(source, tasks=("mandelbrot",), track="quick", out=store.folder)
    store.write(make_record(source_digest=source.digest))
    with pytest.raises(UsageError, match="mandelbrot was not evaluated on track quick"):
        api.render(source, tasks=("mandelbrot",), track="quick", out=store.folder)


@pytest.mark.parametrize("change", [{"replicate": 1}, {"test_set": "hidden:1234"}], ids=["replicate", "test set"])
def test_a_task_evaluated_otherwise_is_not_called_never_evaluated(
    submission_file, estimator, make_record, store, change
):
    path = submission_file(estimator(), "idea.py")
    store.write(make_record(source_digest=read_submission(path).digest, task="mandelbrot", **change))
    with pytest.raises(UsageError, match="no replicate 0 on the public test set") as caught:
        find_target(str(path), "mandelbrot", "quick", store.folder)
    assert "not evaluated" not in str(caught.value)


def test_tuning_names_the_data_that_is_missing(monkeypatch):
    def load(name):
        raise MissingDataError("no data here. Run `mbench data fetch`")

    monkeypatch.setattr(evaluate, "load_task", load)
    with pytest.raises(UsageError, match="no data here") as caught:
        tune.plan_trials("quick", (), 1)
    assert "nothing to choose" not in str(caught.value)


def test_cells_that_were_not_run_again_are_named(monkeypatch, make_record, tmp_path):
    known = (make_record(), make_record(replicate=1))
    claim = verify.Claim(SimpleNamespace(name="idea"), "quick", known, None)
    check = verify.check_rerun(claim, known[:1])
    assert (check.ok, check.detail) == (False, "recorded, but not run again: curve r1")


# Sentences and paths off a terminal


@pytest.mark.parametrize("stderr", [False, True])
def test_no_sentence_is_folded_where_there_is_no_terminal(capsys, stderr):
    words = "a sentence of many words " * 40
    make_console(stderr=stderr).print(words)
    captured = capsys.readouterr()
    assert (captured.err if stderr else captured.out) == words + "\n"


@pytest.fixture
def far(tmp_path, monkeypatch, mbench):
    """Run the command in a folder whose path is longer than any line is wide."""
    folder = tmp_path
    for letter in "abcd":
        folder /= letter * 120
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return SimpleNamespace(folder=folder, run=mbench)


def assert_whole_paths(result, folder):
    """Check that wherever the folder's path begins, all of it stands on that line."""
    text = result.stdout + result.stderr
    assert text.count(f"{folder}") == text.count(f"{folder}"[:250]) > 0, text
    assert all("a" * 120 in line for line in text.splitlines() if re.search("b{120}", line))


def test_every_verb_prints_a_long_path_whole(far, estimator):
    path, out = far.folder / "idea.py", far.folder / "results"
    path.write_text(estimator())
    (far.folder / "broken.json").write_text("{")
    assert_whole_paths(far.run("evaluate", path, "--task", "curve", "--no-pictures", "--results", out), far.folder)
    next(out.glob("cells/*.json")).write_text("{")
    for arguments in (
        ("evaluate", path, "--task", "curve", "--no-pictures", "--results", out),
        ("compare", far.folder / "broken.json"),
        ("compare", path.with_name("absent.py"), "--results", out),
        ("curves", path, "--task", "curve", "--sizes", "16:16", "--results", out),
        ("explore", path, "--results", out),
        ("init", far.folder / "new"),
        ("init", far.folder / "new"),
        ("leaderboard", "--results", out, "--plots", far.folder / "plots"),
        ("render", path, "--results", out, "--track", "standard"),
        ("rescore", far.folder / "absent"),
        ("sample", "curve", "-n", "5", "--out", far.folder / "sample.npz"),
        ("site", "--out", far.folder),
        ("strip", path, "--out", far.folder / "strip.gif"),
        ("submit", path, "--results", far.folder / "nowhere"),
        ("tune", path, "--parameter", "rate", "--values", "1,2", "--results", far.folder / "idea.py"),
        ("verify", far.folder / "absent"),
        ("watch", path, "--out", far.folder / "film.txt"),
        ("zoom", path, "--out", far.folder / "film.txt"),
    ):
        result = far.run(*arguments)
        assert "fault of mbench" not in result.output, arguments
        assert_whole_paths(result, far.folder)
