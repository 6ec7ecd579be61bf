"""Scores are printed before anything is drawn, and whatever goes wrong with a picture is a note."""

import json
import os
import subprocess
import sys

import pytest

from mbench.views import backend

NOTEBOOK = "module://matplotlib_inline.backend_inline"  # what every notebook exports to what it starts
NOWHERE = "module://no.backend.of.this.interpreter"


@pytest.fixture
def run(tmp_path):
    """Run Python in a fresh process under a MPLBACKEND."""

    def start(wanted, *arguments):
        environment = os.environ | {"MPLBACKEND": wanted}
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)

    return start


@pytest.mark.parametrize("wanted", [NOTEBOOK, NOWHERE, "nonsense"])
def test_the_backend_of_another_interpreter_costs_no_picture(run, submission_file, estimator, tmp_path, wanted):
    ended = run(wanted, "-m", "mbench", "evaluate", submission_file(estimator(), "idea.py"), "--task", "curve")
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "results/idea/quick/curve.png").exists()


def test_python_draws_under_the_backend_of_another_interpreter_and_leaves_it_chosen(run, tmp_path):
    code = """
import os, numpy as np, mbench
mbench.write_film("film.gif", [(0, np.zeros((20, 20)))])
print(os.environ["MPLBACKEND"])
"""
    ended = run(NOTEBOOK, "-c", code)
    assert (ended.returncode, ended.stdout.strip()) == (0, NOTEBOOK), ended.stderr
    assert (tmp_path / "film.gif").exists()


def test_a_backend_that_is_known_stays_the_callers(run):
    code = f"""
from {backend.__name__} import import_matplotlib
import_matplotlib()
import matplotlib
print(matplotlib.get_backend())
"""
    assert run("svg", "-c", code).stdout.strip() == "svg"


def test_every_public_function_that_draws_imports_matplotlib_first(run, submission_file, estimator, tmp_path):
    path = submission_file(estimator(), "idea.py")
    code = f"import mbench; print(len(mbench.evaluate({str(path)!r}, tasks='curve', pictures=True)))"
    ended = run(NOTEBOOK, "-c", code)
    assert (ended.returncode, ended.stdout.strip()) == (0, "1"), ended.stderr
    assert (tmp_path / "results/idea/quick/curve.png").exists()


@pytest.fixture
def evaluate(mbench, submission_file, estimator):
    def run(*options):
        return mbench(
            "evaluate", submission_file(estimator(), "idea.py"), "--task", "curve", "--task", "sphere", *options
        )

    return run


def test_one_picture_that_cannot_be_drawn_costs_a_note_and_no_other(evaluate, monkeypatch, tmp_path):
    from mbench.views.render import draw

    paint = draw.draw_picture

    def fail_once(plan, predictions, truth, path, caption, sample=None):
        if path.name == "curve.png":
            raise ZeroDivisionError("no room")
        return paint(plan, predictions, truth, path, caption, sample)

    monkeypatch.setattr(draw, "draw_picture", fail_once)
    result = evaluate()
    assert result.exit_code == 0, result.output
    assert "curve: no picture, ZeroDivisionError: no room" in result.stdout
    assert (tmp_path / "results/idea/quick/sphere.png").exists()


@pytest.mark.parametrize("error", [ImportError("matplotlib is broken"), OSError(28, "No space left")], ids=str)
def test_pictures_that_cannot_be_drawn_at_all_leave_the_scores(evaluate, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("mbench.views.pictures._draw_pictures", fail)
    result = evaluate()
    assert result.exit_code == 0, result.output
    assert "no pictures, " in result.stdout
    content = json.loads(evaluate("--json").stdout)
    assert content["tasks"][0]["skill"] is not None
    assert any("no pictures" in note for note in content["notes"])


def test_scores_are_printed_before_anything_is_drawn(evaluate, monkeypatch):
    monkeypatch.setattr("mbench.api.draw_pictures", lambda *_: print("DRAWING") or [])
    text = evaluate().stdout
    assert "curve" in text.split("DRAWING")[0]
    assert "error" in text.split("DRAWING")[0]
    assert "Written:" in text.split("DRAWING")[1]
