from __future__ import annotations

from functools import cache

import av
import numpy as np
import pytest

from mbench.errors import HarnessError, SubmissionError, UsageError
from mbench.results.store import ResultStore
from mbench.runs.evaluate import evaluate_source, plan_cell, plan_cells
from mbench.runs.run import Run
from mbench.runs.settings import Settings
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import Source, read_submission
from mbench.suite.tasks import load_task
from mbench.views.film_file import read_digests
from mbench.views.footage import Filming, Subject, shoot
from mbench.views.learning_film import MAX_RACERS, watch
from mbench.views.reel import Cut
from mbench.views.render.colours import SERIES
from mbench.views.render.films import Curve, Instant, Race, draw_frames, plan_instants, plan_layout
from mbench.views.render.page import Caption
from mbench.views.render.scenes import confusion_matrix, make_scene
from mbench.views.render.sheet import ASPECTS, plan_sheet
from mbench.views.render.stamp import Stamp

CUT = Cut(seconds=1.0, fps=10, lines=270)
SHEET = plan_sheet("16:9", 540)
SETTINGS = Settings(isolation=choose_isolation("C", allow_none=True), jobs=2)

# Its answer is how far its training is: half of the truth of x after half of its steps.
STEPS = """
import numpy as np
class Stepping:
    def fit(self, X, y, snapshot=lambda step: None):
        for step in range(0, 101, 10):
            self.step = step
            snapshot(step)
        return self
    def predict(self, X):
        return np.full((len(X), 1), self.step / 100)
def build(spec):
    return Stepping()
"""
GROWS = """
import numpy as np
class Growing:
    def fit(self, X, y):
        if FAILS:
            raise ValueError("this many do not suit me")
        self.n = len(X)
    def predict(self, X):
        return np.full((len(X), 1), float(self.n))
def build(spec):
    return Growing()
"""


@pytest.fixture
def stepping(submission_file):
    return read_submission(submission_file(STEPS, "stepping.py"))


@pytest.fixture
def growing(submission_file):
    def make(fails="False"):
        return read_submission(submission_file(GROWS.replace("FAILS", fails), "growing.py"))

    return make


def take(*sources, equal_steps=True, **options):
    task = load_task("curve")
    subject = Subject(task, plan_cell(task, "quick"), np.linspace(-1, 1, 5)[:, None])
    return shoot(sources, subject, SETTINGS, Filming("quick", "steps" if equal_steps else "seconds", **options))


def frames_of(path):
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def test_an_estimator_with_snapshots_is_shot_while_it_trains(stepping):
    (footage,) = take(stepping)
    assert footage.unit == "steps"
    assert [shot.position for shot in footage.shots] == list(range(0, 101, 10))
    for shot in footage.shots:
        np.testing.assert_allclose(shot.predictions, shot.position / 100)


def test_no_more_moments_are_shot_than_asked_for_the_first_and_the_last_among_them(stepping):
    (footage,) = take(stepping, n_shots=4)
    assert [shot.position for shot in footage.shots] == [0, 30, 70, 100]


def test_an_estimator_without_snapshots_is_shot_on_a_growing_sample(growing):
    (footage,) = take(growing(), n_shots=10)
    assert footage.unit == "points"
    assert [shot.position for shot in footage.shots] == [100, 178, 316, 562, 1000]
    assert [shot.predictions[0, 0] for shot in footage.shots] == [100, 178, 316, 562, 1000]


def test_a_size_that_fails_is_left_out_and_named(growing):
    (footage,) = take(growing("len(X) == 178"), n_shots=10)
    assert [shot.position for shot in footage.shots] == [100, 316, 562, 1000]
    assert "178 points: fit(X, y) raised ValueError: this many do not suit me" in footage.skipped[0]


def test_a_submission_that_fails_on_the_whole_sample_has_no_film(growing):
    with pytest.raises(SubmissionError, match=r"growing: no film of curve: .*do not suit me"):
        take(growing("len(X) == 1000"), n_shots=3)


@pytest.mark.parametrize("grow", [False, True])
def test_each_racer_is_trained_once_for_each_of_its_frames(submission_file, growing, tmp_path, grow):
    fits = tmp_path / "fits"
    source = STEPS.replace("        for step", f"        open({str(fits)!r}, 'a').write('x')\n        for step")
    footages = take(read_submission(submission_file(source, "stepping.py")), growing(), n_shots=6, grow=grow)
    assert [footage.unit for footage in footages] == (["points"] * 2 if grow else ["steps", "points"])
    assert len(fits.read_text()) == (len(footages[0].shots) if grow else 1)


def test_a_training_with_one_snapshot_is_the_last_size_of_a_growing_sample(submission_file, tmp_path):
    fits = tmp_path / "fits"
    source = GROWS.replace("FAILS", "False").replace("fit(self, X, y)", "fit(self, X, y, snapshot=None)")
    source = source.replace("        self.n =", f"        open({str(fits)!r}, 'a').write('x')\n        self.n =")
    (footage,) = take(read_submission(submission_file(source, "growing.py")), n_shots=6)
    assert [shot.position for shot in footage.shots] == [100, 316, 1000]
    assert len(fits.read_text()) == 3


def test_what_an_evaluation_stored_is_not_fitted_again(submission_file, tmp_path):
    fits = tmp_path / "fits"
    source = GROWS.replace("FAILS", "False").replace(
        "        self.n =", f"        open({str(fits)!r}, 'a').write('x')\n        self.n ="
    )
    source, store = read_submission(submission_file(source, "growing.py")), ResultStore(tmp_path / "results")
    evaluate_source(Run(source, SETTINGS), plan_cells("quick", ["curve"])[0], store)
    (footage,) = take(source, n_shots=6, store=store)
    assert [shot.predictions[0, 0] for shot in footage.shots] == [100, 316, 1000]
    assert len(fits.read_text()) == 1 + 2


def test_at_equal_seconds_each_is_shot_its_own_way(stepping, growing):
    footages = take(stepping, growing(), n_shots=3, equal_steps=False)
    assert [footage.unit for footage in footages] == ["steps", "points"]


KEPT_OUTSIDE = STEPS.replace("self.step", "KEPT['step']").replace(
    "class Stepping", "KEPT = {'step': 0}\nclass Stepping"
)


def test_what_is_another_once_it_is_stored_is_not_filmed_by_snapshots(submission_file, tmp_path):
    """All its snapshots would be the fitted one: what each step learned lies in a module's global."""
    source = read_submission(submission_file(KEPT_OUTSIDE, "outside.py"))
    (footage,) = take(source, n_shots=3)
    assert footage.unit == "points"
    film = watch([source], ("curve", Filming("quick", n_shots=2)), tmp_path / "film.mp4", SETTINGS, CUT)
    (note,) = film.notes
    assert note.startswith("outside: not filmed while it trains, the stored estimator answers")
    assert "in a global variable say" in note


def test_growing_can_be_asked_for(stepping):
    assert take(stepping, grow=True, n_shots=2)[0].unit == "points"


@pytest.mark.parametrize("task", ["curve", "sphere", "friedman", "digits", "china", "mandelbrot"])
def test_every_kind_of_task_has_panels_of_the_size_asked_for(task):
    task = load_task(task)
    cell = plan_cell(task, "quick")
    scene = make_scene(task, task.draw_sample(cell.n_samples, 0), plan_cell(task, "quick"))
    wrong = np.full(scene.truth.shape, 1e30)
    assert scene.error(scene.truth) == pytest.approx(0.0, abs=1e-9)
    for name in ("prediction", *scene.sides):
        right = scene.draw(name, scene.truth, (160, 100), n_learned=100)
        assert (right.shape, right.dtype) == ((100, 160, 3), np.uint8)
        if name != "truth":
            assert (scene.draw(name, wrong, (160, 100), n_learned=100) != right).any()


def curve(name="a", positions=(0, 10, 20), unit="steps"):
    n = len(positions)
    return Curve(name, unit, tuple(positions), (0.5,) * n, (10,) * n, (0.9, 0.5, 0.1)[:n], (None,) * n)


def test_in_a_race_the_latest_shot_of_each_is_shown():
    instants = plan_instants([curve("a", (0, 10, 20)), curve("b", (5, 12))], 50)
    assert [instant.shots for instant in instants] == [(0, None), (0, 0), (1, 0), (1, 1), (2, 1)]
    assert (instants[0].place, instants[-1].place) == (0.0, 1.0)


def test_steps_and_points_begin_and_end_together():
    instants = plan_instants([curve("a", (1, 10, 100)), curve("b", (100, 1000, 10_000), "points")], 50)
    assert [instant.shots for instant in instants] == [(0, 0), (1, 1), (2, 2)]


def test_a_long_film_keeps_its_first_and_last_instant():
    instants = plan_instants([curve("a", range(3)), curve("b", (1, 2))], 2)
    assert instants == (Instant(0.0, (0, None)), Instant(1.0, (2, 1)))


@cache
def small_scene(name):
    task = load_task(name)
    return make_scene(task, task.draw_sample(100, 0), plan_cell(task, "quick"), 8)


@pytest.mark.parametrize("aspect", sorted(ASPECTS))
@pytest.mark.parametrize("n_racers", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("task", ["mandelbrot", "sphere", "digits"])
def test_panels_lie_side_by_side_on_the_page(task, n_racers, aspect):
    sheet = plan_sheet(aspect, 540)
    layout = plan_layout(sheet, small_scene(task), n_racers, Caption("A title", "words " * 30))
    used = np.zeros((sheet.height, sheet.width), dtype=int)
    for left, top, width, height in [*(panel.box for panel in layout.panels), layout.chart]:
        assert min(left, top, width, height) > 0
        assert left + width <= sheet.width
        assert top + height <= sheet.height
        used[top : top + height, left : left + width] += 1
    assert used.max() == 1
    assert sheet.width % 2 == sheet.height % 2 == 0
    assert {panel.racer for panel in layout.panels if panel.name == "prediction"} == set(range(n_racers))


@pytest.mark.parametrize(("aspect", "size"), [("16:9", (1920, 1080)), ("1:1", (1080, 1080)), ("9:16", (1080, 1920))])
def test_the_shorter_side_has_the_lines(aspect, size):
    sheet = plan_sheet(aspect)
    assert (sheet.width, sheet.height) == size


@pytest.mark.parametrize("name", ["$x^{2}$ \\frac", "<script>&amp;", "\u202e\u0000\n\ud800", "漢" * 500])
def test_a_hostile_name_is_drawn_as_letters_and_boxes(name):
    task = load_task("curve")
    scene = make_scene(task, task.draw_sample(100, 0), plan_cell(task, "quick"))
    race = Race(scene, [curve(name), curve("b")], [[scene.truth] * 3] * 2)
    (frame,) = draw_frames(SHEET, race, [Instant(1.0, (2, 2))], 1, Caption(name, name))
    assert frame.shape == (SHEET.height, SHEET.width, 3)


@pytest.mark.parametrize("room", [0, 60, 112, 140, 400])
def test_a_name_is_cut_where_its_room_ends(room):
    stamp = Stamp(np.zeros((20, 20, 3), dtype=np.uint8))
    cut = stamp.cut("fourier_smooth", 18, room, bold=True)
    assert stamp.length(cut, 18, bold=True) <= room or cut == "f…"
    if cut != "fourier_smooth":
        assert cut.endswith("…")
        assert stamp.length("fourier_smooth"[: len(cut)] + "…", 18, bold=True) > room


def test_a_film_is_whole_and_moves(stepping, tmp_path):
    film = watch([stepping], ("curve", Filming(track="quick", n_shots=4)), tmp_path / "film.mp4", SETTINGS, CUT)
    frames = frames_of(film.path)
    assert len(frames) == film.n_frames == 25 + 10 + 15 + 35  # title, what moves, the last picture, end
    assert film.seconds == pytest.approx(8.5)
    assert frames[0].shape == (270, 480, 3)
    assert (np.abs(frames[25].astype(int) - frames[49]) > 60).sum() > 200
    np.testing.assert_array_less(np.abs(frames[36].astype(int) - frames[49]).mean(), 1.0)


def test_a_race_without_snapshots_is_filmed(growing, stepping, tmp_path):
    path = tmp_path / "race.mp4"
    film = watch([growing(), stepping], ("curve", Filming(track="quick", n_shots=3)), path, SETTINGS, CUT)
    frames = frames_of(film.path)
    assert len(frames) == 85
    assert read_digests(path) == {growing().digest, stepping.digest}


def test_an_interrupted_film_leaves_nothing(stepping, tmp_path):
    def interrupt(progress):
        if progress.phase == "filming":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch(
            [stepping], ("curve", Filming("quick", n_shots=3)), tmp_path / "out" / "film.mp4", SETTINGS, CUT, interrupt
        )
    assert not (tmp_path / "out").exists()


def test_a_film_of_nobody_and_of_too_many_is_usage(stepping, tmp_path):
    for sources in ([], [stepping] * 9):
        with pytest.raises(UsageError, match="a film shows 1 to 8, each in its colour"):
            watch(sources, ("curve", Filming("quick")), tmp_path / "film.mp4", SETTINGS, CUT)


def test_every_racer_has_a_colour_of_its_own():
    assert len(set(SERIES)) == len(SERIES) == MAX_RACERS


def test_a_place_that_cannot_be_written_is_found_before_anything_is_trained(tmp_path):
    (tmp_path / "file").touch()
    never = Source("never", "never.py", ())
    with pytest.raises(HarnessError, match="cannot be written"):
        watch([never], ("curve", Filming(track="quick")), tmp_path / "file" / "film.mp4", SETTINGS, CUT)


def test_a_wrong_ending_is_found_before_anything_is_trained(tmp_path):
    never = Source("never", "never.py", ())
    with pytest.raises(UsageError, match="a film ends in"):
        watch([never], ("curve", Filming(track="quick")), tmp_path / "film.png", SETTINGS, CUT)


def test_a_confusion_matrix_counts_who_is_taken_for_whom():
    from sklearn.metrics import confusion_matrix as oracle

    rng = np.random.default_rng(3)
    labels, taken = rng.integers(0, 10, 500), rng.integers(0, 10, 500)
    table = confusion_matrix(np.eye(10)[taken], np.eye(10)[labels])
    np.testing.assert_allclose(table, oracle(labels, taken, normalize="true"))
