"""Films from steps and pictures, read back with PyAV and Pillow; colours against matplotlib's own."""

import gc
import subprocess
import sys
import weakref
from pathlib import Path

import av
import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

import mbench
from mbench.errors import HarnessError, UsageError
from mbench.suite.tasks import load_task
from mbench.views.film_frames import CAPTION_HEIGHT, CAPTION_WIDTH, Showing, draw_frames

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
BACKGROUND = (21, 21, 28)  # "#15151c"


def read_mp4(path):
    """Return the frames of an MP4: (n, height, width, 3) int."""
    with av.open(str(path)) as film:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]).astype(int)


def plain(colour, size=(48, 64)):
    return np.full((*size, 3), colour, dtype=np.uint8)


def draw(*pictures, **showing):
    """Return the frames of pictures that are handed in at steps 0, 1, ...."""
    return list(draw_frames(enumerate(pictures), Showing(**showing)))


def escape_colour(value):
    """The colour of an escape value by matplotlib alone: magma at the power 0.75 of the value."""
    return np.array(matplotlib.colormaps["magma"](value**0.75)[:3]) * 255


def test_pictures_come_back_from_an_mp4_in_their_order(tmp_path):
    colours = [(250, 40, 60), (20, 200, 90), (30, 60, 220)]
    path = tmp_path / "film.mp4"
    assert mbench.write_film(path, [(10 * i, plain(colour)) for i, colour in enumerate(colours)], fps=5) == 3
    film = read_mp4(path)
    assert film.shape == (3, 48, 64, 3)
    np.testing.assert_allclose(film.mean(axis=(1, 2)), colours, atol=4)
    with av.open(str(path)) as opened:
        assert opened.streams.video[0].average_rate == 5


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_pictures_come_back_from_a_gif_and_a_webp(tmp_path, suffix):
    colours = [(250, 40, 60), (20, 200, 90)]
    path = tmp_path / f"film{suffix}"
    assert mbench.write_film(str(path), enumerate(map(plain, colours)), fps=20) == 2
    with Image.open(path) as film:
        assert film.size == (64, 48)
        for number, colour in enumerate(colours):
            film.seek(number)
            np.testing.assert_allclose(np.asarray(film.convert("RGB")).mean(axis=(0, 1)), colour, atol=4)
            assert film.info["duration"] == 50


def test_values_have_the_colours_of_the_other_pictures(tmp_path):
    values = [np.full((48, 64), value) for value in (0.1, 0.5, 0.9)]
    mbench.write_film(tmp_path / "film.mp4", enumerate(values))
    want = [escape_colour(value) for value in (0.1, 0.5, 0.9)]
    np.testing.assert_allclose(read_mp4(tmp_path / "film.mp4").mean(axis=(1, 2)), want, atol=4)


def test_three_outputs_are_red_green_and_blue():
    (frame,) = draw(np.tile([1.0, 0.5, -3.0], (4, 6, 1)))
    assert set(map(tuple, frame.reshape(-1, 3).tolist())) == {(255, 128, 0)}


@pytest.mark.parametrize("shape", [(24,), (24, 1), (4, 6), (4, 6, 1)])
def test_points_fill_rows_from_the_top_left(shape):
    values = np.linspace(0.0, 1.0, 24)
    (frame,) = draw(values.reshape(shape), shape=(4, 6))
    want = [escape_colour(value) for value in values]
    np.testing.assert_allclose(frame.reshape(-1, 3), want, atol=2)


def test_a_tensor_is_an_array_of_predictions():
    np.testing.assert_array_equal(draw(torch.full((4, 6), 0.5)), draw(np.full((4, 6), 0.5)))


def test_what_is_no_number_is_black_and_infinity_is_clipped():
    values = np.array([[np.nan, np.inf], [-np.inf, 0.5]])
    (frame,) = draw(values)
    np.testing.assert_allclose(
        frame.reshape(-1, 3), [(0, 0, 0), escape_colour(1.0), escape_colour(0.0), escape_colour(0.5)], atol=2
    )
    photo = np.stack([values, np.zeros((2, 2)), np.ones((2, 2))], axis=2)
    assert draw(photo)[0][0, 0].tolist() == [0, 0, 0]


def test_a_task_knows_its_shape_and_its_outputs(tmp_path):
    height, width = 427, 640
    path = tmp_path / "film.mp4"
    mbench.write_film(path, [(0, np.tile([0.2, 0.4, 0.6], (height * width, 1)))], task="china")
    film = read_mp4(path)
    assert film.shape == (1, height + 1, width, 3)
    np.testing.assert_allclose(film[0, :height].mean(axis=(0, 1)), (51, 102, 153), atol=4)
    mbench.write_film(path, [(0, np.full((20, 30), 0.5))], task="mandelbrot")
    with pytest.raises(UsageError, match=r"expected .* of 1 output$"):
        mbench.write_film(path, [(0, np.zeros((20, 30, 3)))], task="mandelbrot")


@pytest.mark.parametrize("task", ["sphere", "curve", "friedman", "digits"])
def test_a_task_without_pixels_asks_for_a_figure(tmp_path, task):
    with pytest.raises(UsageError, match=f"{task}: .*Figure"):
        mbench.write_film(tmp_path / "film.mp4", [(0, np.zeros((4, 6)))], task=task)


def test_an_unknown_task_is_usage(tmp_path):
    with pytest.raises(UsageError, match="unknown task"):
        mbench.write_film(tmp_path / "film.mp4", [], task="mandelbort")


def test_one_figure_may_be_changed_between_frames(tmp_path):
    figure = Figure(figsize=(1.2, 0.8), dpi=100)
    canvas = figure.canvas

    def recolour():
        for step, colour in enumerate(["#ff0000", "#0000ff"]):
            figure.set_facecolor(colour)
            yield step, figure

    mbench.write_film(tmp_path / "film.mp4", recolour())
    film = read_mp4(tmp_path / "film.mp4")
    assert film.shape == (2, 80, 120, 3)
    np.testing.assert_allclose(film.mean(axis=(1, 2)), [(255, 0, 0), (0, 0, 255)], atol=6)
    assert figure.canvas is canvas


@pytest.mark.parametrize("size", [(47, 64), (48, 63), (47, 63), (1, 1)])
def test_an_odd_size_is_made_even_with_the_background(size):
    (frame,) = draw(plain((250, 40, 60), size))
    rows, columns = size
    assert frame.shape == (rows + rows % 2, columns + columns % 2, 3)
    assert (frame[:rows, :columns] == (250, 40, 60)).all()
    assert (frame[rows:] == BACKGROUND).all()
    assert (frame[:, columns:] == BACKGROUND).all()


def test_a_caption_stands_over_the_picture_and_tells_the_step():
    picture = plain((250, 40, 60), (48, 400))
    first, same, other = (next(draw_frames([(step, picture)], Showing(title="an MLP"))) for step in (7, 7, 1_234))
    assert first.shape == (48 + CAPTION_HEIGHT, 400, 3)
    assert (first[CAPTION_HEIGHT:] == picture).all()
    np.testing.assert_array_equal(first, same)
    changed = np.flatnonzero((first != other).any(axis=(0, 2)))
    assert changed.min() > 200  # the title at the left stays
    lit = (first[:CAPTION_HEIGHT] != BACKGROUND).any(axis=(0, 2))
    assert lit[:100].any()
    assert lit[300:].any()


def test_a_caption_has_room_over_a_narrow_picture_and_a_long_title_is_cut():
    (frame,) = draw(plain((250, 40, 60), (48, 20)), title="x" * 200)
    assert frame.shape[1] == CAPTION_WIDTH
    assert (frame[CAPTION_HEIGHT:, 150:170] == (250, 40, 60)).all()
    assert (frame[CAPTION_HEIGHT:, :150] == BACKGROUND).all()
    assert (frame[:CAPTION_HEIGHT, -10:] == BACKGROUND).all()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.zeros((4, 6)), "expected a pair"),
        ((0, np.zeros((4, 6)), 1), "expected a pair"),
        (("0", np.zeros((4, 6))), "expected a pair"),
        ((True, np.zeros((4, 6))), "expected a pair"),
        ((0, None), "expected a matplotlib Figure"),
        ((0, "film.png"), "expected a matplotlib Figure"),
        ((0, np.zeros((4, 6), dtype=np.int64)), "expected a matplotlib Figure"),
        ((0, np.zeros((0, 6))), "expected a matplotlib Figure"),
        ((0, [[0.0, 1.0], [0.0]]), "is no array"),
        ((0, torch.zeros((4, 6), requires_grad=True)), "is no array"),
        ((0, np.zeros((4, 6), dtype=np.uint8)), r"expected \(rows, columns, 3\)"),
        ((0, np.zeros((4, 6, 4), dtype=np.uint8)), r"expected \(rows, columns, 3\)"),
        ((0, np.float64(1.0)), "Give shape="),
        ((0, np.zeros(24)), "Give shape="),
        ((0, np.zeros((24, 1))), "Give shape="),
        ((0, np.zeros((24, 3))), "Give shape="),
        ((0, np.zeros((4, 6, 2))), "1 output or 3 outputs"),
    ],
)
def test_what_is_no_picture_is_named(given, words):
    with pytest.raises(UsageError, match=words):
        list(draw_frames([given], Showing()))


@pytest.mark.parametrize("values", [np.zeros(23), np.zeros((6, 4)), np.zeros((4, 6, 2)), np.zeros((24, 2))])
def test_predictions_of_another_shape_are_refused(values):
    with pytest.raises(UsageError, match="expected 4 x 6 points"):
        draw(values, shape=(4, 6))


def test_pictures_of_two_sizes_are_refused_by_their_step(tmp_path):
    path = tmp_path / "film.mp4"
    with pytest.raises(UsageError, match=r"step 2,000: .* 48 x 65 .* 48 x 64"):
        mbench.write_film(path, [(0, plain(0)), (2_000, plain(0, (48, 65)))])
    # Both would be 64 wide once they are even.
    with pytest.raises(UsageError, match="Give all of them one size"):
        mbench.write_film(path, [(0, plain(0)), (1, plain(0, (48, 63)))])
    assert not path.exists()


@pytest.mark.parametrize("suffix", [".mp4", ".gif", ".webp"])
def test_no_frames_are_usage_and_leave_no_file(tmp_path, suffix):
    with pytest.raises(UsageError, match="no frames"):
        mbench.write_film(tmp_path / f"film{suffix}", iter([]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("film.avi", {}, UsageError),
        ("film", {}, UsageError),
        ("folder.mp4", {}, UsageError),
        ("file/film.mp4", {}, HarnessError),
        ("film.mp4", {"fps": 0}, UsageError),
        ("film.mp4", {"fps": 101}, UsageError),
        ("film.mp4", {"fps": 2.5}, UsageError),
        ("film.mp4", {"fps": True}, UsageError),
        ("film.mp4", {"shape": (0, 6)}, UsageError),
        ("film.mp4", {"shape": 24}, UsageError),
        ("film.mp4", {"task": "sphere"}, UsageError),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_learned(tmp_path, name, options, error):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").write_text("")
    asked = []

    def learn():
        asked.append("a frame")
        yield 0, plain(0)

    with pytest.raises(error) as told:
        mbench.write_film(tmp_path / name, learn(), **options)
    assert asked == []
    assert "--" not in str(told.value)  # no option of the command: this is Python
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.mp4"]


@pytest.mark.parametrize("suffix", [".mp4", ".gif", ".webp"])
@pytest.mark.parametrize("before", [None, b"the old one"])
def test_ctrl_c_leaves_no_half_of_a_film(tmp_path, suffix, before):
    path = tmp_path / f"film{suffix}"
    if before is not None:
        path.write_bytes(before)

    def interrupted():
        yield 0, plain(0)
        yield 1, plain(90)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mbench.write_film(path, interrupted())
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == ({path.name: before} if before else {})


def test_an_mp4_takes_a_generators_frames_one_at_a_time(tmp_path):
    alive = weakref.WeakSet()
    most = 0

    class Picture(np.ndarray):
        """An array that can be counted."""

        __hash__ = object.__hash__

    def learn():
        nonlocal most
        for step in range(40):
            picture = plain(step).view(Picture)
            alive.add(picture)
            gc.collect(0)
            most = max(most, len(alive))
            yield step, picture

    assert mbench.write_film(tmp_path / "film.mp4", learn()) == 40
    assert most <= 3


@pytest.mark.skipif(not PAGE.exists(), reason="the page lies in the checkout, not in the wheel")
def test_the_example_of_the_documents_films_what_it_trains(tmp_path):
    code = PAGE.read_text().split("<!-- film -->\n```python\n")[1].split("```")[0]
    for steps, fewer in (("2_000", "800"), ("1_500", "600")):
        assert steps in code
        code = code.replace(steps, fewer)
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, check=True, timeout=600)
    film = read_mp4(tmp_path / "learning.mp4")
    assert film.shape == (17, 240 + CAPTION_HEIGHT, 380, 3)
    # At the end a place inside the set and one far outside have the truth's colours.
    task = load_task("mandelbrot")
    inside, outside = film[-1][CAPTION_HEIGHT + 120, 250], film[-1][CAPTION_HEIGHT + 4, 4]
    truth = task.truth(np.array([[-0.15, 0.0], [-2.6, 1.16]]))[:, 0]
    assert np.abs(inside - escape_colour(truth[0])).max() < 40
    assert np.abs(outside - escape_colour(truth[1])).max() < 40
