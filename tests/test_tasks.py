import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from scipy.optimize import minimize
from sklearn.datasets import load_digits as sklearn_digits
from sklearn.datasets import load_sample_image, make_friedman1

from mbench.errors import MissingDataError, UsageError
from mbench.results.metrics import fraction_unexplained
from mbench.suite import orbits, tracks
from mbench.suite.tasks import describe_tasks, find_task, load_task
from mbench.suite.tasks.base import BoxTask
from mbench.suite.tasks.looks import Classes, Scatter
from mbench.suite.tasks.surfaces import SHELL_LOWER, SHELL_UPPER, shell_xyz

# DESIGN, section 2, less mnist, whose images are fetched; and whatever was added since.
OF_DESIGN = (
    "mandelbrot", "mandelbrot-distance", "china", "flower", "sphere", "shell", "curve", "friedman", "digits",
    "julia", "burning-ship", "multibrot3", "tricorn",
)  # fmt: skip
OWN_DATA = [name for name in dict.fromkeys((*OF_DESIGN, *tracks.task_names())) if name != "mnist"]

GOLDEN_LADDER = "e8e662f0295537fa1bd7c69ab88cbe0d37e8187c7a25c15aefa046481ad5b7fc"
GOLDEN_LADDER_SIZE = 183_310


def small(task, replicate=0, n=400):
    return task.draw_sample(n, replicate)


@pytest.mark.parametrize("name", OWN_DATA)
def test_sample_points_are_the_suites(name):
    points = small(load_task(name), n=1000).points
    assert hashlib.sha256(points.astype("<f8").tobytes()).hexdigest() == find_task(name).golden_points


def test_mandelbrot_test_set_and_ladder_are_the_suites():
    queries = load_task("mandelbrot").draw_queries(100_000, 0)
    # Near and far are told apart by a logarithm, whose last bit may differ between machines: hence the ladder alone.
    ladder = queries.points[queries.n_test :]
    assert hashlib.sha256(ladder.astype("<f8").tobytes()).hexdigest() == GOLDEN_LADDER
    assert len(ladder) == GOLDEN_LADDER_SIZE


@pytest.mark.parametrize("name", OWN_DATA)
def test_sample_has_the_tasks_shape_and_is_float32_exact(name):
    task = load_task(name)
    sample = small(task)
    assert sample.X.shape == (400, task.n_inputs)
    assert sample.y.shape == (400, task.n_outputs)
    assert sample.X.dtype == sample.y.dtype == np.float64
    assert np.array_equal(sample.y, sample.y.astype(np.float32))


@pytest.mark.parametrize("name", OWN_DATA)
def test_inputs_lie_in_the_unit_box_and_outputs_in_unit_size(name):
    task = load_task(name)
    sample = small(task)
    low = 0.0 if task.is_classification else -1.0
    assert sample.X.min() >= low
    assert sample.X.max() <= 1.0
    if task.family == "surfaces":
        assert np.linalg.norm(sample.y.max(axis=0) - sample.y.min(axis=0)) <= 1.0 + 1e-6
    else:
        assert sample.y.min() >= 0.0
        assert sample.y.max() <= 1.0


@pytest.mark.parametrize("name", OWN_DATA)
def test_shorter_sample_is_a_prefix_and_a_shard_is_a_slice(name):
    task = load_task(name)
    whole = small(task, n=500)
    shard = task.draw_sample(200, 0, start=300)
    assert np.array_equal(small(task, n=300).points, whole.points[:300])
    assert np.array_equal(shard.X, whole.X[300:])
    assert np.array_equal(shard.y, whole.y[300:])


@pytest.mark.parametrize("name", OWN_DATA)
def test_replicates_have_samples_of_their_own(name):
    task = load_task(name)
    assert not np.array_equal(small(task, 0).points, small(task, 1).points)


@pytest.mark.parametrize("name", OWN_DATA)
def test_no_test_point_is_in_the_sample(name):
    task = load_task(name)
    sample, queries = small(task), task.draw_queries(400, 0)
    seen = {row.tobytes() for row in sample.points}
    assert not any(row.tobytes() in seen for row in queries.points[: queries.n_test])


@pytest.mark.parametrize("name", ["mandelbrot", "sphere", "friedman", "digits"])
def test_test_set_is_the_same_for_every_replicate(name):
    task = load_task(name)
    assert np.array_equal(task.draw_queries(300, 0).points, task.draw_queries(500, 3).points)


@pytest.mark.parametrize("name", ["mandelbrot", "sphere"])
def test_a_secret_makes_another_test_set(name):
    task = load_task(name)
    assert not np.array_equal(task.draw_queries(10, 0).points, task.draw_queries(10, 0, bytes(32)).points)


@pytest.mark.parametrize("name", OWN_DATA)
def test_weights_of_the_test_set_sum_to_one(name):
    queries = load_task(name).draw_queries(400, 0)
    assert queries.weight.sum() == pytest.approx(1.0)
    assert (queries.weight > 0).all()


def test_scaling_maps_the_window_to_the_unit_box():
    task = load_task("mandelbrot")
    assert isinstance(task, BoxTask)
    corners = task.scale(np.array([[-2.65, -1.2], [1.15, 1.2], [-0.75, 0.0]]))
    assert corners == pytest.approx(np.array([[-1, -1], [1, 1], [0, 0]]), abs=1e-12)


# Both targets: the stratified mean of any function must estimate its uniform mean.
@pytest.mark.parametrize("name", ["mandelbrot", "mandelbrot-distance"])
def test_stratified_test_set_is_unbiased_against_a_uniform_one(name, rng):
    task = load_task(name)
    queries = task.draw_queries(10, 0)
    test = queries.points[: queries.n_test]
    uniform = task.place(rng.random((1_000_000, 2)))

    def squared_error(points):
        """A smooth guess at the target: its error is large near the set, as a learner's is."""
        guess = 1.0 / (1.0 + np.hypot(points[:, 0] + 0.4, points[:, 1]) ** 4)
        return (task.truth(points)[:, 0].astype(np.float64) - guess) ** 2

    expected = squared_error(uniform)
    got = queries.weight @ squared_error(test)
    value = squared_error(test)
    spread = np.sqrt((queries.weight**2) @ (value - got) ** 2 + expected.var() / len(expected))
    assert abs(got - expected.mean()) < 4 * spread
    assert spread < 0.01 * got


def test_stratified_test_set_is_sharper_than_a_uniform_one_of_its_size(rng):
    """What it is for: errors of an interpolator gather near the set, where most of its points lie."""
    from sklearn.neighbors import KNeighborsRegressor

    task = load_task("mandelbrot")
    sample = task.draw_sample(10_000, 0)
    knn = KNeighborsRegressor(8).fit(sample.X, sample.y)
    queries = task.draw_queries(10_000, 0)
    n = queries.n_test
    value = ((knn.predict(queries.X[:n]) - task.truth(queries.points[:n])) ** 2)[:, 0]
    mse = queries.weight @ value
    stratified = np.sqrt((queries.weight**2) @ value**2)
    points = task.place(rng.random((n, 2)))
    plain = ((knn.predict(task.scale(points)) - task.truth(points)) ** 2)[:, 0].std() / np.sqrt(n)
    assert stratified < 0.7 * plain
    assert stratified < 0.015 * mse


def test_strata_hold_as_many_points_as_the_design_says():
    for n, (rest, near) in ((100_000, (50_000, 150_000)), (10_000, (25_000, 75_000))):
        weight = load_task("mandelbrot").draw_queries(n, 0).weight
        assert sorted(np.unique(weight, return_counts=True)[1].tolist()) == [rest, near]


def test_who_learned_from_few_points_is_asked_the_first_half(rng):
    half, whole = (load_task("mandelbrot").draw_queries(n, 0) for n in (10_000, 10_001))
    assert half.n_test == whole.n_test / 2
    for weight in np.unique(whole.weight):
        all_points = whole.points[: whole.n_test][whole.weight == weight]
        first = half.points[: half.n_test][np.isclose(half.weight, 2 * weight)]
        assert np.array_equal(first, all_points[: len(all_points) // 2])
    for k in range(15):
        centres = [np.unique(each.centre[each.octave == k]) for each in (half, whole)]
        assert len(centres[0]) == len(centres[1]) / 2
        assert np.array_equal(centres[0], centres[1][: len(centres[0])])


def test_smooth_and_distance_targets_are_escapes_own():
    points = small(load_task("mandelbrot"), n=2000).points
    c = points.view(np.complex128)[:, 0]
    orbit = orbits.escape_time(c, max_iter=5000)
    assert np.array_equal(load_task("mandelbrot").truth(points)[:, 0], orbits.smooth_value(orbit))
    orbit = orbits.escape_time(c, max_iter=5000, bailout=1e4)
    assert np.array_equal(load_task("mandelbrot-distance").truth(points)[:, 0], orbits.log_distance_value(orbit))


@pytest.mark.parametrize("name", ["china", "flower"])
def test_image_labels_are_the_photos_pixels(name):
    photo = load_sample_image(f"{name}.jpg")
    sample = small(load_task(name))
    column, row = sample.points.astype(int).T
    assert np.array_equal(sample.y, (photo[row, column].astype(np.float32) / np.float32(255)).astype(np.float64))


def test_image_inputs_are_pixel_centres():
    task = load_task("china")
    height, width = 427, 640
    first, last = task.scale(np.array([[0.0, 0.0], [width - 1.0, height - 1.0]]))
    assert first == pytest.approx([-1 + 1 / width, -1 + 1 / height])
    assert last == pytest.approx([1 - 1 / width, 1 - 1 / height])


def test_image_sample_and_test_set_together_are_all_pixels():
    task = load_task("flower")
    points = np.concatenate([small(task).points, task.draw_queries(400, 0).points])
    assert len(np.unique(points, axis=0)) == len(points) == 427 * 640


def test_own_picture_is_a_task(tmp_path, rng):
    path = tmp_path / "a picture.png"
    pixels = rng.integers(256, size=(20, 30, 3), dtype=np.uint8)
    Picture.fromarray(pixels).save(path)
    task = load_task(f"image:{path}")
    assert task.n_available == 480
    sample = task.draw_sample(480, 0)
    assert len(task.draw_queries(480, 0).X) == 120
    column, row = sample.points.astype(int).T
    assert np.array_equal(np.rint(sample.y * 255), pixels[row, column])


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_pictures_of_other_modes_become_rgb(tmp_path, mode):
    path = tmp_path / "picture.png"
    Picture.radial_gradient("L").resize((8, 8)).convert(mode).save(path)
    assert load_task(f"image:{path}").truth(np.zeros((1, 2))).shape == (1, 3)


def test_a_picture_of_16_bits_keeps_its_greys(tmp_path):
    path = tmp_path / "ramp.png"
    Picture.fromarray(np.linspace(0, 65_535, 256).astype(np.uint16).reshape(16, 16)).save(path)
    points = np.array([[column, row] for row in range(16) for column in range(16)], dtype=float)
    assert np.array_equal(np.rint(load_task(f"image:{path}").truth(points)[:, 0] * 255), np.arange(256))


def test_a_pgm_of_16_bits_keeps_its_greys(tmp_path):
    path = tmp_path / "ramp.pgm"
    pixels = np.linspace(0, 65_535, 256).astype(">u2")
    path.write_bytes(b"P5 16 16 65535\n" + pixels.tobytes())
    points = np.array([[column, row] for row in range(16) for column in range(16)], dtype=float)
    assert np.array_equal(np.rint(load_task(f"image:{path}").truth(points)[:, 0] * 255), np.arange(256))


def test_a_picture_of_32_bits_is_a_clear_error(tmp_path):
    path = tmp_path / "ramp.tiff"
    Picture.fromarray(np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)).save(path)
    with pytest.raises(UsageError, match="Save it with 8 bits"):
        load_task(f"image:{path}")


@pytest.mark.parametrize(("size", "colour"), [((7, 9), None), ((20, 20), (1, 2, 3))])
def test_a_picture_with_nothing_to_learn_is_a_clear_error(tmp_path, rng, size, colour):
    path = tmp_path / "picture.png"
    noise = rng.integers(256, size=(*size, 3), dtype=np.uint8)
    (Picture.new("RGB", size, colour) if colour else Picture.fromarray(noise)).save(path)
    with pytest.raises(UsageError, match="nothing to learn"):
        load_task(f"image:{path}")


@pytest.mark.parametrize("content", [None, b"not a picture"])
def test_an_unreadable_picture_is_a_clear_error(tmp_path, content):
    path = tmp_path / "picture.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"picture\.png"):
        load_task(f"image:{path}")


def test_sphere_is_a_sphere_whose_bounding_box_has_unit_diagonal():
    radius = np.linalg.norm(small(load_task("sphere")).y, axis=1)
    assert radius == pytest.approx(0.5 / np.sqrt(3.0))


def test_shell_extent_is_what_a_search_finds():
    u, v = np.meshgrid(np.linspace(0, 6 * np.pi, 801), np.linspace(0, 2 * np.pi, 801))
    grid = np.stack([u.ravel(), v.ravel()], axis=1)
    xyz = shell_xyz(grid)
    bounds = [(0, 6 * np.pi), (0, 2 * np.pi)]
    for axis in range(3):
        for sign, expected in ((1, SHELL_LOWER[axis]), (-1, SHELL_UPPER[axis])):
            start = grid[np.argmin(sign * xyz[:, axis])]
            best = minimize(lambda p, s=sign, a=axis: s * shell_xyz(p[None])[0, a], start, bounds=bounds, tol=1e-14)
            assert sign * best.fun == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(
    ("uv", "xyz"),
    [
        ((0.0, 0.0), (0, 0, 0)),
        ((6 * np.pi, 0.0), (2 * (1 - np.e), 0, 1 - np.e**2)),
        ((3.0, np.pi), (0, 0, 1 - np.exp(1 / np.pi))),
    ],
)
def test_shell_formula_at_points_known_by_hand(uv, xyz):
    assert shell_xyz(np.array([uv]))[0] == pytest.approx(xyz, abs=1e-12)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (0, 0.5),
        (1 / 6, 0.5),
        (1 / 12, 0.5 + 0.4 * 0.5**0.5),  # the sine of 3π/4
        (1 / 3 + 1 / 48, 0.9),
        (1 / 3 + 3 / 48, 0.1),
        (1 / 3 + 4 / 48, 0.5),
        (2 / 3 + 1e-9, 0.65),
        (2 / 3 + 1 / 96 - 1e-9, 0.65),
        (2 / 3 + 1 / 96 + 1e-9, 0.35),
        (1 - 1e-9, 0.35),
    ],
)
def test_curve_at_points_known_by_hand(x, y):
    assert load_task("curve").truth(np.array([[x]]))[0, 0] == pytest.approx(y, abs=1e-6)


def test_curve_has_32_jumps_and_8_corners():
    x = np.linspace(0, 1, 1_000_001)[:-1, None]
    step = np.diff(load_task("curve").truth(x)[:, 0].astype(float))
    jumps = np.abs(step) > 0.1
    assert jumps.sum() == 32  # 31 alike, and half of one where the parts meet
    assert np.abs(step[jumps])[1:] == pytest.approx([0.3] * 31, abs=1e-4)
    turns = np.diff(np.sign(step[(x[:-1, 0] > 1 / 3) & (x[1:, 0] < 2 / 3)])) != 0
    assert turns.sum() == 8
    assert np.abs(step[~jumps]).max() < 1e-4


def test_knns_skill_on_the_curve_hangs_little_on_the_sample():
    """What the many jumps are for: a standard deviation of at most 4 over samples of `standard`."""
    from sklearn.neighbors import KNeighborsRegressor

    task = load_task("curve")
    queries = task.draw_queries(5_000, 0)
    truth = task.truth(queries.points)[:, 0].astype(float)
    fvu = []
    for replicate in range(20):
        sample = task.draw_sample(5_000, replicate)
        knn = KNeighborsRegressor(12, weights=lambda distance: 1.0 / np.maximum(distance, 1e-12) ** 2)
        fvu.append(np.mean((knn.fit(sample.X, sample.y[:, 0]).predict(queries.X) - truth) ** 2) / truth.var())
    skill = 100.0 * np.log(fvu) / np.log(fvu).mean()
    assert skill.std(ddof=1) <= 4.0


def test_friedman_is_scikit_learns(rng):
    X, y = make_friedman1(300, 10, noise=0.0, random_state=1)
    assert load_task("friedman").truth(X)[:, 0] == pytest.approx(y / 30, abs=1e-6)


def test_digits_are_scikit_learns_split_thirty_seventy():
    task = load_task("digits")
    assert task.n_available == 1258
    assert len(task.draw_queries(0, 0).X) == 539
    images, labels = sklearn_digits(return_X_y=True)
    rows = {(image.tobytes(), label) for image, label in zip(images / 16, labels, strict=True)}
    sample = task.draw_sample(1258, 0)
    assert {(x.tobytes(), y.argmax()) for x, y in zip(sample.X, sample.y, strict=True)} <= rows


def test_more_points_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="1258"):
        load_task("digits").draw_sample(1259, 0)


def test_unknown_task_names_the_known_ones():
    with pytest.raises(UsageError, match="mandelbrot-distance"):
        load_task("mandelbort")


@pytest.mark.parametrize("name", OWN_DATA)
def test_digest_is_stable_and_tells_tasks_apart(name):
    assert load_task(name).digest() == load_task(name).digest()
    assert len({load_task(other).digest() for other in OWN_DATA}) == len(OWN_DATA)


LATER = (name for name in tracks.task_names() if tracks.family_of(name) == "mandelbrot")
FRACTALS = dict.fromkeys(
    ("mandelbrot", "mandelbrot-distance", "julia", "burning-ship", "multibrot3", "tricorn", *LATER)
)


@pytest.mark.parametrize("name", FRACTALS)
def test_every_fractals_orbits_have_a_golden_digest(name):
    recurrence = load_task(name).recurrence
    assert recurrence.golden == orbits.fingerprint(recurrence)


@pytest.mark.parametrize("name", OWN_DATA)
def test_a_task_says_of_its_class_what_its_object_has(name):
    kind, task = find_task(name), load_task(name)
    assert type(task) is kind
    assert (kind.n_inputs, kind.n_outputs, kind.metrics) == (task.n_inputs, task.n_outputs, task.metrics)
    assert task.family == tracks.family_of(name)
    assert kind.has_picture == (not isinstance(task.look, Scatter | Classes))


def test_a_listed_task_without_a_class_says_where_to_add_it(monkeypatch):
    monkeypatch.setattr(tracks, "EXTRA_TASKS", {**tracks.EXTRA_TASKS, "celtic": "mandelbrot"})
    with pytest.raises(UsageError, match=r"fractals\.py: no class has the name 'celtic'.*Add the class"):
        load_task("celtic")


@pytest.mark.parametrize(
    ("name", "words"), [("mandelbrot", "R² → R"), ("china", "R² → R³"), ("curve", "R → R"), ("mnist", "R⁷⁸⁴ → R¹⁰")]
)
def test_a_tasks_map_is_told_by_its_shape(name, words):
    assert {row["task"]: row["map"] for row in describe_tasks()}[name] == words


def test_every_task_is_described_once():
    rows = describe_tasks()
    assert [row["task"] for row in rows] == list(tracks.task_names())
    assert sum(row["headline"] for row in rows) == 10


def test_a_perfect_prediction_of_every_task_has_no_error():
    for name in OWN_DATA:
        queries = load_task(name).draw_queries(400, 0)
        some = slice(0, queries.n_test, 40)
        truth = load_task(name).truth(queries.points[some])
        assert fraction_unexplained(truth, truth, queries.weight[some]) == 0.0


def test_mnist_absent_names_the_command(monkeypatch, tmp_path):
    monkeypatch.setenv("MBENCH_DATA", str(tmp_path))
    with pytest.raises(MissingDataError, match="mbench data fetch"):
        load_task("mnist")


def test_mnist_is_the_published_one():
    try:
        task = load_task("mnist")
    except MissingDataError as error:
        pytest.skip(f"MNIST is not on this machine: {error}")
    assert (task.n_available, task.n_inputs, task.n_outputs) == (60_000, 784, 10)
    assert hashlib.sha256(small(task, n=1000).points.astype("<f8").tobytes()).hexdigest() == task.golden_points
    test = task.draw_queries(0, 0)
    labels = task.truth(test.points).argmax(axis=1)
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]  # the first ten test digits, as everybody knows them
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert test.X.max() == 1.0


def test_a_picture_is_the_same_task_wherever_its_file_lies(tmp_path):
    for name in ("one.png", "two.png"):
        Picture.radial_gradient("L").save(tmp_path / name)
    one, two = (load_task(f"image:{Path(tmp_path, name)}") for name in ("one.png", "two.png"))
    assert one.digest() == two.digest()
    assert np.array_equal(small(one).points, small(two).points)
    assert one.stream == two.stream
