from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbench.errors import HarnessError, UsageError
from mbench.results.store import ResultStore
from mbench.runs.evaluate import evaluate_source, plan_cells
from mbench.runs.run import Run
from mbench.runs.settings import Settings
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import Source, read_submission
from mbench.suite.tasks import load_task
from mbench.suite.tracks import EXTRA_TASKS
from mbench.views.dive_film import zoom
from mbench.views.film_file import read_digests
from mbench.views.reel import Cut
from mbench.views.render.dive import OCTAVES, Course, Dive, KeyPicture, draw_dive, plan_dive, plan_octaves, take_course
from mbench.views.render.landmarks import find_landmark
from mbench.views.render.page import Caption
from mbench.views.render.sheet import ASPECTS, plan_sheet
from mbench.views.spots import Spot

SETTINGS = Settings(isolation=choose_isolation("C", allow_none=True))
SHARE = st.floats(0.02, 0.98)


def dive_to(name, set_name="mandelbrot"):
    task = load_task(set_name)
    centre = find_landmark(task, name).centre
    return Dive((centre.real, centre.imag), tuple(task.lower.tolist()), tuple(task.upper.tolist()))


def inside(inner, outer):
    tolerance = 1e-12 * outer[2]
    return all(
        inner[axis] >= outer[axis] - tolerance
        and inner[axis] + inner[axis + 2] <= outer[axis] + outer[axis + 2] + tolerance
        for axis in (0, 1)
    )


@given(x=SHARE, y=SHARE, octave=st.floats(0, 13), deeper=st.floats(0, 1))
def test_a_window_lies_in_every_window_before_it(x, y, octave, deeper):
    dive = Dive((x * 3.8 - 2.65, y * 2.4 - 1.2), (-2.65, -1.2), (1.15, 1.2))
    assert inside(dive.window(octave + deeper), dive.window(octave))


@pytest.mark.parametrize("set_name", ["mandelbrot", *EXTRA_TASKS])
def test_every_landmark_can_be_dived_into(set_name):
    for landmark in load_task(set_name).look.landmarks:
        dive = dive_to(landmark.word, set_name)
        left, bottom, width, height = dive.window(OCTAVES)
        # At the end it is in the middle.
        assert (landmark.centre.real - left) / width == pytest.approx(0.5, abs=0.01)
        assert (landmark.centre.imag - bottom) / height == pytest.approx(0.5, abs=0.01)


def test_a_dive_starts_from_the_whole_window():
    assert dive_to("misiurewicz").window(0) == pytest.approx((-2.65, -1.2, 3.8, 2.4))


def test_the_magnification_grows_by_the_same_factor_each_frame():
    dive = dive_to("seahorse")
    widths = np.array([dive.window(octave)[2] for octave in plan_octaves(50)])
    np.testing.assert_allclose(widths[1:] / widths[:-1], 2.0 ** (-OCTAVES / 49))
    assert widths[0] / widths[-1] == pytest.approx(2**14)


@pytest.mark.parametrize("octave", [0.0, 0.5, 2.99, 3.0])
def test_a_crop_is_the_window_in_the_key_pictures_pixels(octave):
    dive = dive_to("misiurewicz")
    key = int(octave)
    panel = dive.key_panel(key)
    rows, columns = panel.shape
    left, bottom, width, height = dive.window(octave)
    x0, y0, x1, y1 = dive.crop(octave, key)

    def place(x, y):
        return (
            panel.centre[0] + (x / columns - 0.5) * panel.width,
            panel.centre[1] - (y / rows - 0.5) * panel.height,
        )

    assert place(x0, y1) == pytest.approx((left, bottom), abs=1e-9)
    assert place(x1, y0) == pytest.approx((left + width, bottom + height), abs=1e-9)


@pytest.mark.parametrize("aspect", sorted(ASPECTS))
def test_the_parts_of_a_dive_lie_side_by_side_in_every_shape(aspect):
    sheet = plan_sheet(aspect, 540)
    layout = plan_dive(sheet, dive_to("seahorse"), Caption("knn", "words " * 40))
    used = np.zeros((sheet.height, sheet.width), dtype=int)
    for left, top, width, height in (layout.truth, layout.prediction, layout.error, layout.chart):
        assert min(left, top, width, height) > 0
        used[top : top + height, left : left + width] += 1
        assert (left + width <= sheet.width, top + height <= sheet.height) == (True, True)
    assert used.max() == 1


def test_a_frame_shows_truth_and_prediction():
    dive, sheet, caption = dive_to("seahorse"), plan_sheet("16:9", 540), Caption("$x <b>\u202e", "b")
    shape = dive.key_panel(0).shape
    course = Course((KeyPicture(np.zeros(shape), np.ones(shape)),), 0.0, 0.9)
    first, last = draw_dive(sheet, dive, course, np.array([0.0, 0.9]), caption)
    layout = plan_dive(sheet, dive, caption)

    def middle(box):
        return first[box[1] + box[3] // 2, box[0] + box[2] // 2]

    assert middle(layout.truth).max() < 30
    assert middle(layout.prediction).min() > 150
    assert (first != last).any()  # the readings


def test_a_dive_ends_two_octaves_after_the_prediction_is_lost():
    dive, asked = dive_to("seahorse"), []

    def keys():
        for octave in range(OCTAVES):
            asked.append(octave)
            truth = np.indices(dive.key_panel(octave).shape).sum(axis=0) % 2.0
            yield KeyPicture(truth, truth if octave < 3 else np.full(truth.shape, 0.5))

    course = take_course(dive, keys())
    assert (course.lost, course.end) == (3.0, 5.0)
    assert asked == list(range(6))  # and no deeper picture was asked for


def test_what_is_never_lost_is_dived_into_to_the_end():
    dive = dive_to("seahorse")
    truth = np.indices(dive.key_panel(0).shape).sum(axis=0) % 2.0
    course = take_course(dive, iter([KeyPicture(truth, truth)] * OCTAVES))
    assert (course.lost, course.end) == (None, OCTAVES)


def test_a_stored_estimator_is_dived_into_without_another_fit(submission_file, estimator, tmp_path):
    path = submission_file(
        estimator(fit=f"open({str(tmp_path / 'fits')!r}, 'a').write('x')\nself.mean = y.mean(axis=0)")
    )
    source, store = read_submission(path), ResultStore(tmp_path / "results")
    evaluate_source(Run(source, SETTINGS), plan_cells("quick", ["mandelbrot"])[0], store)
    phases = []
    film = zoom(
        Run(source, SETTINGS),
        Spot("mandelbrot", "quick"),
        tmp_path / "dive.mp4",
        store,
        Cut(seconds=1.0, fps=10, lines=270),
        lambda progress: phases.append(progress.phase),
    )
    assert (tmp_path / "fits").read_text() == "x"
    assert "training" not in phases
    with av.open(str(film.path)) as decoded:
        frames = [frame.to_ndarray(format="rgb24") for frame in decoded.decode(video=0)]
    assert len(frames) == film.n_frames == 10 + 25 + 15 + 35
    assert read_digests(film.path) == {source.digest}
    assert (np.abs(frames[26].astype(int) - frames[-1]) > 60).sum() > 1_000


def test_what_was_not_evaluated_is_learned_once_for_all_its_dives(submission_file, estimator, tmp_path):
    path = submission_file(
        estimator(fit=f"open({str(tmp_path / 'fits')!r}, 'a').write('x')\nself.mean = y.mean(axis=0)")
    )
    source, store = read_submission(path), ResultStore(tmp_path / "results")
    for name in ("dive.gif", "again.gif"):
        zoom(Run(source, SETTINGS), Spot("julia", "quick"), tmp_path / name, store, Cut(seconds=1.0, lines=240))
    assert (tmp_path / "fits").read_text() == "x"
    (record,) = store.records()
    assert (record.task, record.ok) == ("julia", True)


def test_a_place_that_cannot_be_written_is_found_before_anything_is_asked(tmp_path):
    (tmp_path / "file").touch()
    never, store = Source("never", "never.py", ()), ResultStore(tmp_path / "results")
    with pytest.raises(HarnessError, match="cannot be written"):
        zoom(Run(never, SETTINGS), Spot("mandelbrot", "quick"), tmp_path / "file" / "dive.mp4", store, Cut())


def test_a_task_without_landmarks_is_usage(submission_file, estimator, tmp_path):
    source = read_submission(submission_file(estimator()))
    store = ResultStore(tmp_path / "results")
    with pytest.raises(UsageError, match="no plane to zoom into: choose a fractal"):
        zoom(Run(source, SETTINGS), Spot("sphere", "quick"), tmp_path / "dive.mp4", store, Cut())
