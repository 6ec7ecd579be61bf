from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from mbench.results.metrics import Profile
from mbench.results.reference import load_reference
from mbench.runs.evaluate import evaluate_source, plan_cells
from mbench.runs.run import Run
from mbench.runs.settings import Settings
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import read_submission
from mbench.suite.tasks import load_task
from mbench.suite.tasks.fractals import Mandelbrot
from mbench.suite.tasks.images import Image as ImageTask
from mbench.types import Sample
from mbench.views.pictures import CARD_NAME, STRIP_NAME, draw_pictures
from mbench.views.render.colours import ERROR_COLOURS, VALUE_COLOURS, VALUE_ERRORS, paint, paint_values
from mbench.views.render.draw import draw_card, draw_depth_profile, draw_picture, zoom_boxes
from mbench.views.render.page import Caption, Page, read_fit
from mbench.views.render.surface import View, draw_surface
from mbench.views.render.views import Plan, plan_image, plan_picture, plan_surface, plan_zoom

SMALL = 31  # pixels a side: the layout does not depend on it, and it is quick to draw
PROFILE = Profile(tuple(0.9**k for k in range(15)), (0.1,) * 15, (0.95,) * 15)


class Plane(Mandelbrot):
    """A fractal task's outside, with a truth that says where a point lies: 0 at the bottom, 1 at the top."""

    def truth(self, points):
        return ((points[:, 1:] + 1.2) / 2.4).astype(np.float32)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def crop(picture: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    left, top, width, height = box
    return picture[top : top + height, left : left + width]


def small_plan(kind: str) -> tuple[Plan, np.ndarray]:
    rng = np.random.default_rng(0)
    if kind == "zoom":
        task = Plane()
        return (plan := plan_zoom(task, SMALL)), task.truth(plan.points)
    if kind == "image":
        task = ImageTask("image:x", rng.integers(0, 256, (20, 30, 3), dtype=np.uint8))
        return (plan := plan_image(task, task.look)), task.truth(plan.points)
    if kind == "surface":
        task = load_task("sphere")
        return (plan := plan_surface(task, task.look, 21, 41)), task.truth(plan.points)
    task = load_task("curve")
    plan = plan_picture(task)
    assert plan is not None
    return plan, task.truth(plan.points)


KINDS = ("zoom", "image", "surface", "curve")


# Which points are asked for


def test_whole_window_is_cut_into_pixels_from_the_top_left():
    task = Plane()
    plan = plan_zoom(task, 10)
    rows, columns = plan.panels[0].shape
    points = plan.points[plan.panels[0].rows].reshape(rows, columns, 2)
    half = (task.upper - task.lower) / (columns, rows) / 2
    np.testing.assert_allclose(points[0, 0], (task.lower[0] + half[0], task.upper[1] - half[1]))
    np.testing.assert_allclose(points[-1, -1], (task.upper[0] - half[0], task.lower[1] + half[1]))
    np.testing.assert_allclose(plan.X[0], (-1 + 1 / columns, 1 - 1 / rows))


def test_middle_pixel_of_a_landmark_is_the_landmark():
    plan = plan_zoom(Plane(), SMALL)
    for index, panel in enumerate(plan.panels[1:]):
        middle = plan.points[panel.rows].reshape(SMALL, SMALL, 2)[SMALL // 2, SMALL // 2]
        landmark = plan.landmarks[index // 3]
        assert panel.name == landmark.name
        np.testing.assert_allclose(middle, (landmark.centre.real, landmark.centre.imag), rtol=1e-12)


def test_window_shrinks_as_the_magnification_grows():
    plan = plan_zoom(Plane(), SMALL)
    for panel in plan.panels:
        x = plan.points[panel.rows][:, 0]
        pixel = 3.8 / panel.magnification / panel.shape[1]
        np.testing.assert_allclose(np.ptp(x), 3.8 / panel.magnification - pixel)
    assert [panel.magnification for panel in plan.panels[:4]] == [1, 8, 64, 512]


@pytest.mark.parametrize("name", ["mandelbrot", "julia", "burning-ship", "multibrot3", "tricorn"])
def test_zoom_stays_inside_the_window_and_can_be_afforded(name):
    plan = plan_zoom(load_task(name))
    assert len(plan.X) <= 1_200_000
    assert np.abs(plan.X).max() < 1


@pytest.mark.parametrize(
    "name", ["mandelbrot", "mandelbrot-distance", "julia", "burning-ship", "multibrot3", "tricorn"]
)
def test_every_window_shows_something(name):
    task = load_task(name)
    plan = plan_zoom(task, SMALL)
    truth = task.truth(plan.points)
    for panel in plan.panels:
        window = panel.cut(truth)
        assert window.std() > 0.02, (panel.name, panel.magnification)
        assert (window == 1).mean() < 0.85, (panel.name, panel.magnification)


def test_image_asks_for_every_pixel_once_and_shows_it_unchanged(tmp_path, rng):
    pixels = rng.integers(0, 256, (90, 760, 3), dtype=np.uint8)
    task = ImageTask("image:x", pixels)
    plan = plan_image(task, task.look)
    assert len(np.unique(plan.points, axis=0)) == len(plan.points) == 90 * 760
    truth = task.truth(plan.points)
    picture = read(draw_picture(plan, truth, truth, tmp_path / "x.png", Caption("x")))
    np.testing.assert_array_equal(crop(picture, (84, 186, 760, 90)), pixels)


def test_large_image_is_thinned_out():
    pixels = np.zeros((1500, 2000, 3), dtype=np.uint8)
    pixels[0, 0] = 255
    task = ImageTask("image:x", pixels)
    plan = plan_image(task, task.look)
    assert len(plan.X) <= 600_000
    assert plan.panels[0].shape == (500, 667)


def test_surface_grid_reaches_every_edge():
    plan = plan_surface(load_task("sphere"), load_task("sphere").look, 5, 9)
    assert plan.X.min(axis=0).tolist() == [-1, -1]
    assert plan.X.max(axis=0).tolist() == [1, 1]


@pytest.mark.parametrize("name", ["friedman", "digits"])
def test_what_cannot_be_seen_has_no_plan(name):
    assert plan_picture(load_task(name)) is None


# What is drawn


def test_imaginary_axis_points_up_and_truth_stands_left_of_the_prediction(tmp_path):
    plan, truth = small_plan("zoom")
    picture = read(draw_picture(plan, 1 - truth, truth, tmp_path / "x.png", Caption("x")))
    boxes = zoom_boxes(plan)
    shown = crop(picture, boxes[0][0]).sum(axis=2)
    assert shown[5, -5] > shown[-5, -5] + 300
    predicted = crop(picture, boxes[1][0]).sum(axis=2)
    assert predicted[5, -5] < predicted[-5, -5] - 300


def test_exact_predictions_look_like_the_truth_and_have_no_error(tmp_path):
    plan = plan_zoom(Plane())  # at its own resolution, pixel for pixel
    truth = np.random.default_rng(0).random((len(plan.X), 1))
    picture = read(draw_picture(plan, truth, truth, tmp_path / "x.png", Caption("x")))
    nothing = paint(np.zeros(1), ERROR_COLOURS)[0]
    # Magnification 512 carries no marks but the score in the error's lower corner.
    for index, panel in enumerate(plan.panels):
        if panel.magnification == 512:
            shown, predicted, error = (crop(picture, group[index]) for group in zoom_boxes(plan))
            np.testing.assert_array_equal(shown, paint_values(panel.cut(truth)[..., 0]))
            np.testing.assert_array_equal(shown, predicted)
            assert (error[:200] == nothing).all()


def test_error_colours_rise_with_the_error_up_to_the_limit():
    limit = VALUE_ERRORS.limit
    shades = VALUE_ERRORS.paint(np.array([0.0, limit / 4, limit, 2 * limit]))
    np.testing.assert_array_equal(shades[1], paint(np.array([0.5]), ERROR_COLOURS)[0])
    np.testing.assert_array_equal(shades[2], shades[3])


@pytest.mark.parametrize("cmap", [VALUE_COLOURS, ERROR_COLOURS], ids=["values", "errors"])
def test_colour_maps_grow_lighter_evenly(cmap):
    srgb = cmap(np.linspace(0, 1, 64))[:, :3]
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    y = linear @ (0.2126, 0.7152, 0.0722)
    lightness = np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27)  # CIE 1976 L*
    steps = np.diff(lightness)
    assert steps.min() > 0
    assert steps.max() < 2.5 * np.median(steps)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rubbish", ["huge", "noise", "constant"])
def test_rubbish_is_drawn_too(tmp_path, monkeypatch, kind, rubbish):
    monkeypatch.setattr("mbench.views.render.draw._SURFACE_PX", 200)  # what noise costs grows with the picture
    plan, truth = small_plan(kind)
    rng = np.random.default_rng(0)
    predictions = {
        "huge": rng.choice([-1e300, 1e300], truth.shape),
        "noise": rng.normal(0.5, 3.0, truth.shape),
        "constant": np.full(truth.shape, 7.0),
    }[rubbish]
    assert draw_picture(plan, predictions, truth, tmp_path / "x.png", Caption("x")).stat().st_size > 10_000


@pytest.mark.parametrize("kind", KINDS)
def test_same_arrays_give_the_same_bytes_whatever_the_style(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("mbench.views.render.draw._SURFACE_PX", 200)
    plan, truth = small_plan(kind)
    sample = Sample(X=np.zeros((3, 1)), y=np.full((3, 1), 0.5), points=np.linspace(0, 1, 3)[:, None])

    def draw(name: str) -> bytes:
        path = tmp_path / name
        return draw_picture(plan, truth * 0.9, truth, path, Caption("m", "$s$"), sample=sample).read_bytes()

    plain = draw("a.png")
    with matplotlib.rc_context({"font.size": 40, "axes.facecolor": "red", "figure.dpi": 33, "lines.linewidth": 9}):
        assert draw("b.png") == plain
        assert matplotlib.rcParams["font.size"] == 40
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_two_threads_draw_what_one_does(tmp_path):
    plan, truth = small_plan("curve")
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    with ThreadPoolExecutor(3) as pool:
        files = list(pool.map(lambda path: draw_picture(plan, truth, truth, path, Caption("x")).read_bytes(), paths))
    assert len(set(files)) == 1


def test_zoom_sheet_is_large_enough_to_look_at_and_small_enough_to_send(tmp_path):
    task = load_task("mandelbrot")
    plan = plan_zoom(task)
    truth = task.truth(plan.points)
    path = draw_picture(plan, truth, truth, tmp_path / "x.png", Caption("x"))
    height, width, _ = read(path).shape
    assert 1600 <= max(height, width) <= 2500
    assert path.stat().st_size < 3_500_000


@pytest.mark.parametrize("title", ["", "名前 $x$ \t\n\x00", "long " * 200])
def test_any_title_can_be_written(tmp_path, title):
    plan, truth = small_plan("curve")
    draw_picture(plan, truth, truth, tmp_path / "x.png", Caption(title, title))


def test_card_holds_the_set_and_its_depth(tmp_path):
    plan, truth = small_plan("zoom")
    with_depth = draw_card(plan, truth, truth, PROFILE, tmp_path / "a.png", Caption("x")).read_bytes()
    without = draw_card(plan, truth, truth, None, tmp_path / "b.png", Caption("x")).read_bytes()
    assert with_depth != without


@pytest.mark.parametrize("entries", [0, 1, 3, 20])
def test_depth_profile_takes_any_number_of_entries(tmp_path, entries):
    path = draw_depth_profile({f"m{i}": PROFILE for i in range(entries)}, tmp_path / "new" / "depth.png")
    assert read(path).shape == (1080, 1800, 3)


def test_shapes_that_do_not_fit_are_refused(tmp_path):
    plan, truth = small_plan("zoom")
    for bad in (truth[:-1], truth[:, 0], np.hstack([truth, truth])):
        with pytest.raises(ValueError, match="shapes differ"):
            draw_picture(plan, bad, truth, tmp_path / "x.png", Caption("x"))
    assert not list(tmp_path.iterdir())


# Which pictures stay


def test_pictures_of_another_version_are_drawn_again(submission_file, estimator, store, tmp_path):
    source = read_submission(submission_file(estimator()))
    settings, folder = Settings(isolation=choose_isolation("C", allow_none=True)), tmp_path / "made"
    result, _ = evaluate_source(Run(source, settings), plan_cells("quick", ["mandelbrot"])[0], store)
    (record,) = result.records
    names = ("mandelbrot.png", CARD_NAME, STRIP_NAME)
    for name, key in zip(names, (record.key, "0" * 64, ""), strict=True):
        Page(60, 40).save(folder / name, key)
    drawings = draw_pictures(Run(source, settings), result.records, store, folder, load_reference())
    assert {drawing.path for drawing in drawings} == {folder / name for name in (*names, "depth.png")}
    assert {read_fit(folder / name) for name in names} == {record.fit_id}
    times = [(folder / name).stat().st_mtime_ns for name in names]
    draw_pictures(Run(source, settings), result.records, store, folder, load_reference())
    assert [(folder / name).stat().st_mtime_ns for name in names] == times


def test_pictures_of_another_version_do_not_stay_where_this_one_has_none(
    submission_file, estimator, make_record, store
):
    source = read_submission(submission_file(estimator()))
    record = make_record(task="mandelbrot", status="crash", metrics=None)
    for name in ("mandelbrot.png", CARD_NAME, STRIP_NAME):
        Page(60, 40).save(store.folder / name, "4" * 64)
    settings = Settings(isolation=choose_isolation("C", allow_none=True))
    (drawing,) = draw_pictures(Run(source, settings), [record], store, store.folder, load_reference())
    assert drawing.path is None
    assert list(store.folder.glob("*.png")) == []


def test_pictures_of_another_fit_are_drawn_again_and_a_changed_task_has_none(
    submission_file, estimator, store, tmp_path
):
    source = read_submission(submission_file(estimator()))
    settings, folder = Settings(isolation=choose_isolation("C", allow_none=True)), tmp_path / "made"
    result, _ = evaluate_source(Run(source, settings), plan_cells("quick", ["curve"])[0], store)
    (record,) = result.records
    Page(60, 40).save(folder / "curve.png", replace(record, predictions_digest="f" * 64).fit_id)
    draw_pictures(Run(source, settings), result.records, store, folder, load_reference())
    assert read_fit(folder / "curve.png") == record.fit_id
    changed = [replace(record, task_digest="0" * 64)]
    (drawing,) = draw_pictures(Run(source, settings), changed, store, folder, load_reference())
    assert (drawing.path, drawing.reason) == (None, "curve: no picture, its task has changed since. Evaluate it again")


def test_a_picture_that_is_gone_costs_its_own_drawing_only(submission_file, estimator, make_record, store):
    source = read_submission(submission_file(estimator()))
    record = make_record(task="image:absent.png")
    store.artifact_path(record.key).touch()
    settings = Settings(isolation=choose_isolation("C", allow_none=True))
    (drawing,) = draw_pictures(Run(source, settings), [record], store, store.folder, load_reference())
    assert drawing.path is None
    assert "there is no such file" in drawing.reason


def test_the_depth_of_another_version_does_not_stay(submission_file, estimator, make_record, store):
    (store.folder / "depth.png").touch()
    record = make_record(task="mandelbrot", status="crash", metrics=None)
    settings = Settings(isolation=choose_isolation("C", allow_none=True))
    source = read_submission(submission_file(estimator()))
    draw_pictures(Run(source, settings), [record], store, store.folder, load_reference())
    assert not (store.folder / "depth.png").exists()


# Surfaces


def ball(rows: int = 81, columns: int = 161) -> np.ndarray:
    v, u = np.meshgrid(np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, columns), indexing="ij")
    return np.stack([np.sin(v) * np.cos(u), np.sin(v) * np.sin(u), np.cos(v)], axis=-1)


def test_a_ball_covers_a_disc():
    view = View(np.eye(3), np.zeros(3), radius=1.25)
    picture = draw_surface(ball(), view, 200, lambda v, u, _: np.ones((len(v), 3)), np.zeros(3))
    covered = (picture.sum(axis=2) > 0).mean()
    assert covered == pytest.approx(np.pi / 4 / 1.25**2, rel=0.02)


@pytest.mark.parametrize("azimuth", [10.0, 100.0, 280.0])
def test_the_side_towards_the_viewer_hides_the_other(azimuth):
    xyz = ball()
    seen = []
    view = View.fitting(xyz, azimuth, 0.0)

    def paint_front(v, u, x):
        seen.append((v, u))
        return np.ones((len(v), 3))

    draw_surface(xyz, view, 60, paint_front, np.zeros(3))
    v, u = seen[0]
    away = (np.degrees(2 * np.pi * u) - azimuth + 180) % 360 - 180
    assert np.abs(away).max() < 95
    assert np.abs(v - 0.5).max() > 0.45


def test_up_is_up_on_a_surface():
    xyz = ball()
    view = View.fitting(xyz, 30.0, 20.0)
    red_north = draw_surface(
        xyz, view, 60, lambda v, u, _: np.where((v < 0.5)[:, None], (1, 0, 0), (0, 0, 1)), np.zeros(3)
    )
    assert red_north[15, 30, 0] > 100 > red_north[15, 30, 2] + 40
    assert red_north[50, 30, 2] > red_north[50, 30, 0] + 40


def test_view_holds_all_of_a_surface():
    xyz = ball() * (1, 2, 3) + (5, 6, 7)
    seen = View.fitting(xyz, 77.0, 33.0).project(xyz)[..., :2]
    assert 0.9 < np.abs(seen).max() < 1
