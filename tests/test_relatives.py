import hashlib
import math

import numpy as np
import pytest

from mbench.review.audit import quadratics, relatives
from mbench.review.audit.relatives import N_CENTRES, N_TEST, draw_sets, predict_by_neighbours
from mbench.review.audit.warps import CONTRACTION, Warp, draw_warp
from mbench.suite import orbits
from mbench.suite.sampler import stream_key
from mbench.suite.tasks import load_task

SECRET = hashlib.sha256(b"tests").digest()
OTHER = hashlib.sha256(b"other tests").digest()
LOWER, UPPER = np.array([-2.65, -1.2]), np.array([1.15, 1.2])


@pytest.fixture(scope="module")
def sets():
    return {each.name: each for each in draw_sets(SECRET)}


def make_warp(i=0, *, mirrored=False, secret=SECRET):
    return draw_warp(stream_key("audit/warp", "shape", i, secret), LOWER, UPPER, mirrored=mirrored)


def window_points(rng, n=500):
    return LOWER + rng.random((n, 2)) * (UPPER - LOWER)


# Warps


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("i", range(4))
def test_a_warp_is_undone_by_its_inverse_and_stays_in_the_window(rng, i, mirrored):
    warp, points = make_warp(i, mirrored=mirrored), window_points(rng)
    there = warp(points)
    assert np.abs(there - points).max() > 0.01
    assert ((there >= LOWER) & (there <= UPPER)).all()
    np.testing.assert_allclose(warp.invert(there), points, atol=1e-12)
    np.testing.assert_allclose(warp(warp.invert(points)), points, atol=1e-12)


@pytest.mark.parametrize("i", range(4))
def test_the_slope_of_the_displacement_keeps_its_bound(rng, i):
    warp, size, step = make_warp(i), UPPER - LOWER, 1e-6
    s = rng.random((2_000, 2))
    jacobian = np.stack(
        [(warp(LOWER + size * (s + step * e)) - warp(LOWER + size * (s - step * e))) / size for e in np.eye(2)], axis=2
    ) / (2.0 * step)
    assert warp.lipschitz == pytest.approx(CONTRACTION)
    assert np.linalg.norm(jacobian - np.eye(2), ord=2, axis=(1, 2)).max() < CONTRACTION


def test_a_warp_that_could_fold_is_refused():
    with pytest.raises(ValueError, match="bounded by"):
        Warp(np.full((2, 3, 3), 0.1), LOWER, UPPER)


@pytest.mark.parametrize(("mirrored", "keeps"), [(True, True), (False, False)])
def test_only_a_mirrored_warp_commutes_with_conjugation(rng, mirrored, keeps):
    warp, points, conjugate = make_warp(mirrored=mirrored), window_points(rng), np.array([1.0, -1.0])
    assert np.allclose(warp(points * conjugate), warp(points) * conjugate, atol=1e-12) == keeps


def test_a_warp_is_a_function_of_its_secret_alone(rng):
    points = window_points(rng)
    np.testing.assert_array_equal(make_warp()(points), make_warp()(points))
    assert np.abs(make_warp()(points) - make_warp(secret=OTHER)(points)).max() > 0.01


# Quadratics


def slow_escape(c, a, max_iter, bailout):
    """Ten lines of Python as the oracle: (count, escaped, x, y)."""
    (x, y), n = c, 1
    while n <= max_iter:
        if not x * x + y * y <= bailout * bailout:
            return n, True, x, y
        x, y = (
            a[0, 0] * (x * x) + a[0, 1] * (x * y) + a[0, 2] * (y * y) + c[0],
            a[1, 0] * (x * x) + a[1, 1] * (x * y) + a[1, 2] * (y * y) + c[1],
        )
        n += 1
    return max_iter, False, 0.0, 0.0


@pytest.mark.parametrize("whole", [True, False])
def test_the_kernel_agrees_with_a_plain_loop_bit_for_bit(rng, whole):
    a = quadratics.draw_coefficients(stream_key("audit/quadratic-1", "shape", 0, SECRET), 0, whole=whole)
    points = window_points(rng, 300)
    orbit = quadratics.escape_time(points, a, max_iter=200)
    for i, c in enumerate(points):
        expected = slow_escape(tuple(map(float, c)), a, 200, 256.0)
        assert (orbit.count[i], not orbit.interior[i], orbit.z[i].real, orbit.z[i].imag) == expected


def test_the_kernel_with_the_coefficients_of_the_square_is_the_mandelbrot_set(rng):
    points = window_points(rng, 2_000)
    square = np.array([[1.0, 0.0, -1.0], [0.0, 2.0, 0.0]])
    orbit = quadratics.escape_time(points, square, max_iter=1_000)
    expected = orbits.escape_time(points.view(np.complex128)[:, 0], max_iter=1_000, derivative=False)
    agree = orbit.interior == expected.interior
    assert agree.mean() > 0.999  # rounding differs, as 2xy and (2x)y do
    escaped = agree & ~orbit.interior
    assert (orbit.count == expected.count)[escaped].mean() > 0.999


def test_the_square_in_any_coordinates_is_recognised(rng):
    for _ in range(20):
        basis = rng.normal(size=(2, 2)) + 2.0 * np.eye(2)
        inverse = np.linalg.inv(basis)

        def square(p, basis=basis, inverse=inverse):
            x, y = inverse @ p
            return basis @ np.array([x * x - y * y, 2.0 * x * y])

        e, f = np.eye(2)
        a = np.column_stack([square(e), square(e + f) - square(e) - square(f), square(f)])
        assert quadratics.is_complex_square(a)


@pytest.mark.parametrize("whole", [True, False])
def test_drawn_coefficients_are_of_their_kind(whole):
    drawn = [quadratics.draw_coefficients(stream_key("a", "b", 0, SECRET), i, whole=whole) for i in range(200)]
    assert all((np.abs(a) <= 2.0).all() for a in drawn)
    if whole:
        assert {float(value) for a in drawn for value in a.ravel()} == {-2.0, -1.0, 0.0, 1.0, 2.0}
        assert {int((a != 0).sum()) for a in drawn} == {3, 4}
    assert sum(quadratics.is_complex_square(a) for a in drawn) < 20


# Sets


def test_an_audit_has_every_kind_of_set(sets):
    groups = [each.group for each in sets.values()]
    assert {group: groups.count(group) for group in groups} == {
        "mandelbrot": 1, "mandelbrot-distance": 1, "warp": 4, "warp-distance": 2, "julia": 2, "multibrot3": 1,
        "burning-ship": 1, "tricorn": 1, "quadratic": 4, "control": 1,
    }  # fmt: skip


def test_sets_are_alike_in_what_a_submission_can_see(sets):
    for each in sets.values():
        sample = each.draw_sample(2_000, 0)
        assert (each.n_inputs, each.n_outputs, sample.X.shape, sample.y.shape) == (2, 1, (2_000, 2), (2_000, 1))
        assert np.abs(sample.X).max() <= 1.0
        assert (np.abs(sample.X).max(axis=0) > 0.99).all()
        assert ((sample.y >= 0.0) & (sample.y <= 1.0)).all()
        assert sample.y.std() > 0.1


def test_the_sets_themselves_keep_their_public_sample_and_seed(sets):
    for name in ("mandelbrot", "mandelbrot-distance"):
        np.testing.assert_array_equal(sets[name].draw_sample(50, 0).y, load_task(name).draw_sample(50, 0).y)
        assert sets[name].stream == name


def test_a_secret_changes_every_relative(sets):
    for other in draw_sets(OTHER):
        X, y = (getattr(sets[other.name].draw_sample(300, 0), part) for part in "Xy")
        sample = other.draw_sample(300, 0)
        if other.group in ("mandelbrot", "mandelbrot-distance"):
            continue
        assert not np.array_equal(sample.X, X)
        # Not only the points: the same points have other labels. (The control shuffles the public map.)
        if other.group != "control":
            u = np.random.default_rng(0).random((300, 2))
            labels = [each.truth(each.place(u)) for each in (other, sets[other.name])]
            assert np.abs(labels[0] - labels[1]).max() > 1e-3
        assert not np.array_equal(sample.y, y)


def test_the_same_secret_draws_the_same_sets(sets):
    again = {each.name: each for each in draw_sets(SECRET)}
    assert list(again) == list(sets)
    for name, each in again.items():
        for part in ("X", "y"):
            np.testing.assert_array_equal(
                getattr(each.draw_sample(100, 0), part), getattr(sets[name].draw_sample(100, 0), part)
            )


def test_a_warped_set_is_the_set_seen_through_the_warp(sets, rng):
    warp = draw_warp(stream_key("audit/warp", "shape", 0, SECRET), LOWER, UPPER, mirrored=True)
    points = window_points(rng)
    np.testing.assert_array_equal(sets["warp-1"].truth(points), load_task("mandelbrot").truth(warp(points)))
    np.testing.assert_array_equal(
        sets["warp-distance-1"].truth(points), load_task("mandelbrot-distance").truth(warp(points))
    )
    conjugate = np.array([1.0, -1.0])
    np.testing.assert_allclose(sets["warp-1"].truth(points * conjugate), sets["warp-1"].truth(points), atol=1e-4)


def test_a_warps_ladder_lies_where_the_sets_own_lies(sets):
    queries = sets["warp-1"].draw_queries(100, 0)
    warp = draw_warp(stream_key("audit/warp", "shape", 0, SECRET), LOWER, UPPER, mirrored=True)
    deepest = queries.octave == queries.octave.max()
    ours = [warp(queries.points[queries.n_test :][deepest & (queries.centre == c)]).mean(axis=0) for c in range(3)]
    np.testing.assert_allclose(ours, relatives._hidden_centres(SECRET).points[:3], atol=1e-3)


def test_hidden_and_public_points_of_the_set_are_its_own_and_disjoint(sets):
    mandelbrot = sets["mandelbrot"]
    hidden, public = mandelbrot.draw_queries(100, 0), mandelbrot.public_queries(100, 0)
    task = load_task("mandelbrot")
    known = {row.tobytes() for row in task.draw_queries(100, 0).points}
    assert all(row.tobytes() in known for row in public.points)
    assert not any(row.tobytes() in known for row in hidden.points)
    for queries in (hidden, public):
        assert queries.n_test == pytest.approx(N_TEST, abs=2)
        assert queries.weight.sum() == pytest.approx(1.0)
        assert set(queries.centre) == set(range(N_CENTRES))
        assert set(queries.octave) == set(range(15))


def test_a_part_of_the_test_set_estimates_what_the_whole_one_does(sets):
    task = load_task("mandelbrot")
    whole, part = task.draw_queries(100, 0), sets["mandelbrot"].public_queries(100, 0)
    means = [float(q.weight @ task.truth(q.points[: q.n_test])[:, 0]) for q in (whole, part)]
    assert means[1] == pytest.approx(means[0], abs=0.01)


def test_the_control_has_the_labels_of_the_set_in_another_order(sets):
    control = sets["control"]
    sample = control.draw_sample(1_000, 0)
    truth = control.truth(sample.points)
    np.testing.assert_array_equal(np.sort(sample.y[:, 0]), np.sort(truth[:, 0]))
    assert abs(np.corrcoef(sample.y[:, 0], truth[:, 0])[0, 1]) < 0.1


def test_neighbours_agree_with_the_baseline_and_take_a_coincident_points_label(rng):
    from sklearn.neighbors import KNeighborsRegressor

    X, y, queries = rng.random((200, 2)), rng.random((200, 1)), rng.random((50, 2))
    expected = KNeighborsRegressor(12, weights=lambda d: d**-2.0).fit(X, y).predict(queries)
    np.testing.assert_allclose(predict_by_neighbours(X, y, queries), expected, rtol=1e-9)
    np.testing.assert_allclose(predict_by_neighbours(X, y, X[:5]), y[:5])
    assert math.isfinite(predict_by_neighbours(X[:3], y[:3], queries).max())
