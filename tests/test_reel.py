from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mbench.errors import UsageError
from mbench.results.store import ResultStore
from mbench.runs.evaluate import plan_cell
from mbench.submission import baseline_path, read_submission
from mbench.suite.tasks import load_task
from mbench.suite.tracks import task_names
from mbench.views.film_time import DRAW_S, Countdown, Plan, find_cost
from mbench.views.footage import Footage, Shot, WatchProgress
from mbench.views.reel import END_S, HOLD_S, TITLE_S, Cut, Part, plan_paths, write_films
from mbench.views.render.cards import Card, Row, draw_card
from mbench.views.render.sheet import ASPECTS, plan_sheet
from mbench.views.render.stamp import Stamp
from mbench.views.sentences import name_subject, tell_dive, tell_learning, title_learning

SHAPES = tuple(ASPECTS)


def plain(value, shape=(48, 64)):
    return np.full((*shape, 3), value, dtype=np.uint8)


def part_of(n_frames):
    return Part(plain(0), (plain(100) for _ in range(n_frames)), n_frames, plain(200))


def test_one_shape_is_the_file_named_and_several_have_theirs_in_the_name(tmp_path):
    path = tmp_path / "film.mp4"
    assert plan_paths(path, Cut(("1:1",))) == {"1:1": path}
    names = [each.name for each in plan_paths(path, Cut(SHAPES)).values()]
    assert names == ["film-16x9.mp4", "film-1x1.mp4", "film-9x16.mp4"]
    with pytest.raises(UsageError, match="expected each once"):
        plan_paths(path, Cut(("1:1", "1:1")))


def test_a_film_is_title_what_moves_its_last_picture_and_end(tmp_path):
    cut = Cut(("16:9",), seconds=2.0, fps=10)
    paths = {"16:9": tmp_path / "film.gif"}
    film = write_films(paths, cut, [], lambda aspect, path: part_of(20), lambda progress: None)
    assert film.n_frames == round(10 * (TITLE_S + 2.0 + HOLD_S + END_S)) == 95
    assert film.seconds == pytest.approx(9.5)
    shown = {}
    with Image.open(film.path) as opened:
        for number in range(opened.n_frames):
            opened.seek(number)
            value = int(np.asarray(opened.convert("RGB"))[24, 32, 0])
            shown[value] = shown.get(value, 0.0) + opened.info["duration"] / 1000
    assert shown == pytest.approx({0: TITLE_S, 100: 2.0 + HOLD_S, 200: END_S})


def test_thirty_frames_of_1080_lines_but_for_pictures_that_are_kept_whole(tmp_path):
    cut = Cut()
    assert (cut.fps_of(tmp_path / "a.mp4"), cut.lines_of(tmp_path / "a.mp4")) == (30, 1080)
    assert (cut.fps_of(tmp_path / "a.WEBP"), cut.lines_of(tmp_path / "a.gif")) == (10, 540)
    assert (Cut(fps=25).fps_of(tmp_path / "a.gif"), Cut(lines=300).lines_of(tmp_path / "a.mp4")) == (25, 300)


def test_ctrl_c_in_the_second_shape_leaves_the_first_whole_and_nothing_of_the_second(tmp_path):
    def make(aspect, path):
        def moving():
            yield plain(1)
            if aspect == "1:1":
                raise KeyboardInterrupt
            yield plain(2)

        return Part(plain(0), moving(), 2, plain(3))

    paths = {aspect: tmp_path / f"{number}.gif" for number, aspect in enumerate(("16:9", "1:1"))}
    with pytest.raises(KeyboardInterrupt):
        write_films(paths, Cut(("16:9", "1:1")), [], make, lambda progress: None)
    assert [each.name for each in tmp_path.iterdir()] == ["0.gif"]


@pytest.mark.parametrize("aspect", SHAPES)
@pytest.mark.parametrize("words", ["short", "a longer line of words " * 20, "□" * 300, ""])
def test_a_card_keeps_its_margins_whatever_is_written(aspect, words):
    sheet = plan_sheet(aspect, 360)
    frame = draw_card(sheet, Card(words, words, (Row(words, "value"), Row("name")), (words,)))
    assert frame.shape == (sheet.height, sheet.width, 3)
    inside = frame[:, sheet.margin : sheet.width - sheet.margin]
    outside = np.concatenate([frame[:, : sheet.margin], frame[:, sheet.width - sheet.margin :]], axis=1)
    assert np.unique(outside.reshape(-1, 3), axis=0).shape[0] == 1
    assert np.unique(inside.reshape(-1, 3), axis=0).shape[0] > 1


@pytest.mark.parametrize("aspect", SHAPES)
def test_the_rows_of_a_card_stay_above_its_foot(aspect):
    sheet, sentence = plan_sheet(aspect, 540), "a long sentence that a stranger understands " * 6
    rows = tuple(Row(f"name {number}", colour="#ff0000") for number in range(8))
    frame = draw_card(sheet, Card("A title of two lines or so in large letters", sentence, rows, ("W" * 20,)))
    red = np.flatnonzero((frame[..., 0] > 200) & (frame[..., 1] < 60)).astype(int) // sheet.width
    feet = draw_card(sheet, Card("", "", (), ("W" * 20,)))
    foot = np.flatnonzero((feet != feet[0, 0]).any(axis=(1, 2)))
    assert 0 < red.max() < foot.min()


def test_wrapped_lines_have_room_and_lose_no_word_where_there_are_lines_enough():
    stamp, words = Stamp(plain(0)), "the Mandelbrot set from ten thousand points drawn at random"
    lines = stamp.wrap(words, 20, 200, most=9)
    assert " ".join(lines) == words
    assert max(stamp.length(line, 20) for line in lines) <= 200
    cut = stamp.wrap(words, 20, 200, most=2)
    assert len(cut) == 2
    assert cut[1].endswith("…")


def test_every_task_has_a_name_that_a_stranger_understands():
    assert [task for task in task_names() if name_subject(task) == f"the task {task}"] == []
    assert name_subject("image:somewhere/cat.png") == "a picture"


def footage(name, unit, *positions):
    return Footage(name, unit, tuple(Shot(position, 0.0, np.zeros((1, 1))) for position in positions))


@pytest.mark.parametrize(
    "footages",
    [
        [footage("mlp", "steps", 0, 100)],
        [footage("knn", "points", 100, 10_000)],
        [footage("mlp", "steps", 0, 100), footage("siren", "steps", 0, 90)],
        [footage("mlp", "steps", 0, 100), footage("knn", "points", 100, 10_000)],
        [footage("knn", "points", 100, 10_000), footage("rbf", "points", 100, 10_000)],
    ],
)
def test_the_sentence_says_whose_sample_is_learned_and_how_many_points_it_has(footages):
    cell = plan_cell(load_task("mandelbrot"), "quick")
    sentence = tell_learning(cell, footages)
    assert "10,000 points drawn at random" in sentence
    assert "mbench's track quick" in sentence
    assert sentence.count(".") == 1
    assert ("100" in sentence.replace("10,000", "")) == any(each.unit == "points" for each in footages)
    if len({each.unit for each in footages}) > 1:
        assert "knn, which has no steps, as its sample grows" in sentence
    assert "Mandelbrot set" in title_learning(cell, [each.name for each in footages])


def test_the_sentence_of_a_dive_says_the_same():
    sentence = tell_dive(plan_cell(load_task("julia"), "standard"), "knn", "Spiral")
    for words in ("a Julia set", "knn", "100,000 points drawn at random", "Spiral", "track standard"):
        assert words in sentence


def told(plan, *steps):
    """Return what is heard of steps (seconds on the clock, progress)."""
    now, heard = [0.0], []
    countdown = Countdown(plan, heard.append, lambda: now[0])
    for seconds, progress in steps:
        now[0] = seconds
        countdown(progress)
    return heard


WAYS = {"mlp": ({"training": 10.0, "asking": 40.0}, {"growing": 100.0}), "knn": ({"growing": 30.0},)}


def test_how_long_a_film_takes_is_told_before_it_starts():
    (first,) = told(Plan(WAYS, 100, True))
    assert (first.phase, first.is_measured) == ("planning", True)
    assert first.left_s == pytest.approx(100 + 30 + 100 * DRAW_S)  # the longer way of each


def test_what_is_left_follows_the_way_that_a_submission_goes():
    heard = told(
        Plan(WAYS, 100, True),
        (0.0, WatchProgress("mlp", "training", 0, 1)),
        (4.0, WatchProgress("mlp", "training", 0, 1)),
        (12.0, WatchProgress("mlp", "asking", 0, 10)),
        (22.0, WatchProgress("mlp", "asking", 5, 10)),  # 2 s each, where 4 s were planned
        (32.0, WatchProgress("knn", "growing", 0, 8)),
    )
    rest = 100 * DRAW_S
    assert [each.left_s - rest for each in heard[1:]] == pytest.approx([80, 76, 70, 40, 30])


def test_drawing_is_foretold_by_its_pace_over_all_shapes():
    steps = [(0.5 * (n + 1), WatchProgress(f"{n // 30}.mp4", "filming", n % 30 + 1, 30)) for n in range(60)]
    heard = told(Plan({}, 60, True), *steps)
    assert heard[40].left_s == pytest.approx(40 * 0.5 / 40 * 20, rel=0.1)
    assert heard[-1].left_s == 0.0


def test_the_cost_of_a_baseline_is_what_is_recorded_and_of_others_their_limit(submission_file, estimator, tmp_path):
    cell = plan_cell(load_task("mandelbrot"), "quick")
    known = find_cost(read_submission(baseline_path("mlp")), cell, ResultStore(tmp_path / "results"))
    assert known.is_measured
    assert 0 < known.fit_s < 15
    other = find_cost(read_submission(submission_file(estimator())), cell, None)
    assert (other.fit_s, other.is_measured) == (15.0, False)
