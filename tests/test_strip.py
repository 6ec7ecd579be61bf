from __future__ import annotations

import cmath
import errno
import math

import numpy as np
import pytest
from PIL import Image

from mbench.errors import HarnessError, SubmissionError, UsageError
from mbench.results.lookup import recorded_baselines
from mbench.results.store import ResultStore
from mbench.runs.settings import Settings
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import Source, baseline_path, read_submission
from mbench.suite.tasks import load_task
from mbench.suite.tasks.fractals import Tricorn
from mbench.suite.tracks import EXTRA_TASKS
from mbench.views.render.colours import RAISED, VALUE_ERRORS, paint_values
from mbench.views.render.landmarks import find_landmark
from mbench.views.render.page import Caption, Page
from mbench.views.render.strip import OCTAVES, draw_sheet, draw_strip, plan_strip, strip_boxes
from mbench.views.spots import Spot
from mbench.views.strips import draw_strips

CENTRE = find_landmark(load_task("mandelbrot"), "seahorse").centre
SETTINGS = Settings(isolation=choose_isolation("C", allow_none=True))


@pytest.fixture(scope="module")
def strip():
    return plan_strip(load_task("mandelbrot"), CENTRE, 64)


def escape_value(c: complex) -> float:
    """The smooth value by the definition, a step at a time."""
    z = 0j
    for n in range(1, 5001):
        z = z * z + c
        if abs(z) > 256:
            count = n + 1 - math.log2(math.log2(abs(z)))
            return min(1.0, max(0.0, count / (count + 50)))
    return 1.0


def pixel_of(strip, row, column):
    """The point of a pixel, by the closed form of the exponential map."""
    step = 2 * math.pi / strip.inside.shape[1]
    return CENTRE + 1.9 * cmath.exp(complex(-step * (row + 0.5), step * (column + 0.5)))


@pytest.mark.parametrize(("row", "column"), [(3, 5), (20, 0), (20, 63), (50, 32), (70, 7), (98, 40)])
def test_a_pixel_shows_the_escape_value_of_its_point_of_the_exponential_map(strip, row, column, tmp_path):
    truth = load_task("mandelbrot").truth(strip.points)
    path = draw_strip(strip, np.zeros_like(truth), truth, tmp_path / "strip.png", Caption("a"))
    left, top, _, _ = strip_boxes(strip)[0]
    with Image.open(path) as picture:
        shown = picture.getpixel((left + column, top + row))
    expected = paint_values(np.array([escape_value(pixel_of(strip, row, column))]))[0]
    np.testing.assert_allclose(shown, expected, atol=1)


def test_truth_prediction_and_error_lie_side_by_side(strip, tmp_path):
    truth = load_task("mandelbrot").truth(strip.points)
    predictions = np.linspace(0, 1, len(truth))[:, None]
    path = draw_strip(strip, predictions, truth, tmp_path / "strip.png", Caption("a"))
    error = np.abs(predictions - truth)[:, 0]
    expected = paint_values(truth[:, 0]), paint_values(predictions[:, 0]), VALUE_ERRORS.paint(error)
    picture = np.asarray(Image.open(path).convert("RGB"))
    for rgb, (left, top, width, height) in zip(expected, strip_boxes(strip), strict=True):
        crop = picture[top : top + height, left : left + width]
        np.testing.assert_array_equal(crop[strip.inside], rgb)
        plain = tuple(int(RAISED[i : i + 2], 16) for i in (1, 3, 5))
        assert {tuple(pixel) for pixel in crop[~strip.inside].tolist()} <= {plain}


def test_a_strip_is_as_deep_as_it_says_and_keeps_small_shapes(strip):
    rows = len(strip.inside)
    assert rows == round(OCTAVES * strip.rows_per_octave)
    c = np.array([pixel_of(strip, row, column) for row, column in [(60, 10), (61, 10), (60, 11)]])
    # Neighbours below and to the right lie as far away, at a right angle.
    down, right = c[1] - c[0], c[2] - c[0]
    assert abs(down) / abs(right) == pytest.approx(1.0, abs=0.06)
    assert abs(cmath.phase(down / right)) == pytest.approx(math.pi / 2, abs=0.06)
    assert abs(pixel_of(strip, rows - 0.5, 0) - CENTRE) == pytest.approx(1.9 * 2.0**-OCTAVES, rel=0.05)


def test_only_points_of_the_window_are_asked(strip):
    task = load_task("mandelbrot")
    assert (np.abs(strip.X) <= 1).all()
    assert 0 < (~strip.inside).sum() < strip.inside.size / 10
    np.testing.assert_allclose(task.scale(strip.points), strip.X)


def test_an_octaves_score_is_its_bands_alone(strip):
    truth = load_task("mandelbrot").truth(strip.points)[:, 0].astype(float)
    octave = np.broadcast_to(strip.octave_of_rows()[:, None], strip.inside.shape)[strip.inside]
    predictions = np.where(octave < 5, truth, 0.0)
    np.testing.assert_array_equal(strip.scores(predictions, truth) == 1.0, np.arange(OCTAVES) < 5)
    half = np.where(octave == 3, truth[octave == 3].mean(), truth)
    assert strip.scores(half, truth)[3] == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_array_equal(strip.scores(truth, np.ones_like(truth)), 0.0)  # nothing to explain


@pytest.mark.parametrize("n", [1, 5, 20])
def test_a_sheet_takes_any_number_and_any_name(strip, tmp_path, n):
    truth = load_task("mandelbrot").truth(strip.points)
    methods = {f"<b>$\\frac{number} \u202e": truth * 1e38 for number in range(n)}
    path = draw_sheet(strip, methods, truth, tmp_path / "sheet.png", Caption("a"), dict.fromkeys(methods, 5.3))
    with Image.open(path) as picture:
        assert picture.size[1] > 2 * strip.inside.shape[0] * -(-(n + 1) // 9)


@pytest.mark.parametrize("set_name", ["mandelbrot", *EXTRA_TASKS])
def test_every_landmark_is_found_by_its_first_word(set_name):
    words = [landmark.word for landmark in load_task(set_name).look.landmarks]
    assert len(set(words)) == len(words)
    for landmark in load_task(set_name).look.landmarks:
        assert find_landmark(load_task(set_name), landmark.word.upper()) is landmark


def test_an_unknown_landmark_is_usage():
    with pytest.raises(UsageError, match="seahorse, elephant, period-3, misiurewicz"):
        find_landmark(load_task("mandelbrot"), "atlantis")
    with pytest.raises(UsageError, match="china has no plane to zoom into: choose a fractal"):
        find_landmark(load_task("china"), None)


def test_a_fractal_without_landmarks_is_told_apart_from_what_is_no_fractal(monkeypatch):
    monkeypatch.setattr(Tricorn, "landmarks", ())
    with pytest.raises(UsageError, match="tricorn names no landmarks to zoom into: give its class some"):
        find_landmark(load_task("tricorn"), None)


def words_of(monkeypatch, draw):
    """Return what a picture says in words."""
    said = []
    write = Page.text
    monkeypatch.setattr(Page, "text", lambda page, x, y, words, *rest, **style: (
        said.append(words), write(page, x, y, words, *rest, **style)))  # fmt: skip
    draw()
    return said


def test_a_strip_says_that_its_sum_is_of_one_point_beside_the_scored_depth(strip, tmp_path, monkeypatch):
    truth = load_task("mandelbrot").truth(strip.points)
    octaves = strip.scores(truth[:, 0], truth[:, 0].astype(float)).sum()
    said = words_of(monkeypatch, lambda: draw_strip(strip, truth, truth, tmp_path / "s.png", Caption("a"), depth=5.294))
    (line,) = [words for words in said if "Σ" in words]
    assert line.startswith(f"at this one point Σ s = {octaves:.1f}; the scored depth")
    assert "256 points, is 5.29 octaves" in line
    assert said.count("0°") == said.count("360°") == 3
    assert {"escape value", "absolute error"} <= set(said)
    said = words_of(
        monkeypatch,
        lambda: draw_sheet(strip, {"b": truth, "c": truth}, truth, tmp_path / "s.png", Caption("a"), {"b": 5.294}),
    )
    assert [words for words in said if "depth" in words] == ["scored depth 5.29"]
    assert [words for words in said if "Σ" in words] == [f"Σ s {octaves:.1f} at this one point"] * 2
    assert {"0°", "360°", "escape value", "absolute error"} <= set(said)


def test_a_recorded_depth_stands_beside_a_strip(tmp_path, monkeypatch):
    source = read_submission(baseline_path("knn"))
    (knn,) = [each for each in recorded_baselines() if each.name == "knn"]
    (record,) = [r for r in knn.records if (r.task, r.track, r.replicate) == ("mandelbrot", "quick", 0)]
    spot, store = Spot("mandelbrot", "quick"), ResultStore(tmp_path / "results")
    said = words_of(monkeypatch, lambda: draw_strips([source], spot, tmp_path / "s.png", store, SETTINGS))
    assert any(f"is {sum(record.metrics.profile.mean):.2f} octaves" in words for words in said)


def test_what_was_not_evaluated_learns_first_and_who_fails_is_left_out(submission_file, estimator, tmp_path):
    good = read_submission(submission_file(estimator(), "good.py"))
    bad = read_submission(submission_file(estimator(fit="1 / 0"), "bad.py"))
    said = []
    drawn = draw_strips(
        [good, bad, good],
        Spot("mandelbrot", "quick"),
        tmp_path / "sheet.png",
        ResultStore(tmp_path / "results"),
        SETTINGS,
        report=said.append,
    )
    assert drawn.names == ("good", "good (2)")
    assert "ZeroDivisionError" in drawn.left_out[0]
    assert any("good: learning" in words for words in said)
    with pytest.raises(SubmissionError, match="bad: no strip of mandelbrot"):
        draw_strips([bad], Spot("mandelbrot", "quick"), tmp_path / "s.png", ResultStore(tmp_path / "results"), SETTINGS)


def test_a_place_that_cannot_be_written_is_found_before_anything_is_asked(tmp_path):
    (tmp_path / "file").touch()
    never, store = Source("never", "never.py", ()), ResultStore(tmp_path / "results")
    with pytest.raises(HarnessError, match="cannot be written"):
        draw_strips([never], Spot("mandelbrot", "quick"), tmp_path / "file" / "s.png", store, SETTINGS)


def test_a_disk_that_fills_up_is_said(submission_file, estimator, tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("mbench.views.render.strip.draw_strip", refuse)
    source, store = read_submission(submission_file(estimator())), ResultStore(tmp_path / "results")
    with pytest.raises(HarnessError, match=r"s\.png: the disk is full"):
        draw_strips([source], Spot("mandelbrot", "quick"), tmp_path / "s.png", store, SETTINGS)


def test_a_strip_of_nobody_is_usage(tmp_path):
    with pytest.raises(UsageError, match="no baseline has a stored estimator"):
        draw_strips([], Spot("mandelbrot", "quick"), tmp_path / "s.png", ResultStore(tmp_path / "results"), SETTINGS)
