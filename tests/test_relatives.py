"""What an audit's sets are: each oracle is a few lines of its own, on sets that are drawn once for the file."""

import cmath
import hashlib
import math

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.neighbors import KNeighborsRegressor

from mbench.results.audits import list_sets
from mbench.review.audit import fields, recurrences, relatives
from mbench.review.audit.matching import make_pilot, predict_by_neighbours
from mbench.review.audit.relatives import draw_sets
from mbench.review.audit.warps import CONTRACTION, Warp, draw_warp
from mbench.suite import orbits
from mbench.suite.sampler import stream_key, uniform_rows
from mbench.suite.tasks import load_task

SECRET = hashlib.sha256(b"tests").digest()
OTHER = hashlib.sha256(b"other tests").digest()
LOWER, UPPER = np.array([-2.65, -1.2]), np.array([1.15, 1.2])
N_SAMPLES = 2_000
TASKS = {"smooth": "mandelbrot", "distance": "mandelbrot-distance"}
CONJUGATE = np.array([1.0, -1.0])
NAMES = list_sets(1)
MATCHED = [name for name in NAMES if name.startswith(("warp", "recurrence", "field"))]


@pytest.fixture(scope="module")
def sets():
    return {each.name: each for each in draw_sets(SECRET, N_SAMPLES, 0, 1)}


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


# Recurrences


def slow_step(kind, a, z, p, memory):
    """One step in complex arithmetic: the next z, and what is remembered."""
    if kind == "quadratic":
        x, y = z.real, z.imag
        return complex(a[0] * x * x + a[1] * y * y + a[2] * x, a[3] * x * y + a[4] * y) + p, memory
    if kind == "cubic":
        return a[0] * z**3 + a[1] * z**2 + a[2] * z + p, memory
    if kind == "rational":
        return a[0] * z**2 + a[1] / (z**2 + a[2]) + p, memory
    if kind == "sine":
        return a[0] * cmath.sin(a[1] * z) + p, memory
    if kind == "memory":
        return a[0] * z**2 + a[1] * memory + p, z
    if kind == "coupled":
        return a[0] * z**2 + a[1] * z * memory + p, a[2] * memory + a[3] * z
    assert kind == "exponential"
    return a[0] * cmath.exp(a[1] * z) + a[2] * z + p, memory


def slow_measure(kind, a, p, max_iter=recurrences.MAX_ITER):
    """Ten lines of Python as the oracle: (measure, does it stay?)."""
    z, memory, total = p, 0j, 0.0
    for _ in range(max_iter):
        if not abs(z) <= recurrences.BAILOUT:
            return total, False
        total += math.exp(-abs(z))
        z, memory = slow_step(kind, a, z, p, memory)
    return total, True


@pytest.mark.parametrize("kind", recurrences.KINDS)
def test_a_kernel_agrees_with_a_plain_loop(rng, kind):
    key = stream_key("audit/recurrence, smooth", kind, 0, SECRET)
    n_escaped = 0
    for attempt in range(4):
        a = recurrences.draw_coefficients(key, attempt, kind)
        points = 1.5 * rng.normal(size=(60, 2))
        measure, stays = recurrences.escape_measure(points, kind, a)
        for row, (x, y) in enumerate(points):
            expected, stay = slow_measure(kind, a, complex(x, y))
            if stay or expected > 30.0:  # a long orbit near the boundary goes where rounding sends it
                continue
            n_escaped += 1
            assert not stays[row]
            assert measure[row] == pytest.approx(expected, rel=1e-6)
        assert np.isfinite(measure).all()
        assert (measure[~stays] >= 0.0).all()
    assert n_escaped > 50


def test_the_square_among_the_cubics_is_the_mandelbrot_set(rng):
    points = window_points(rng, 2_000)
    _, stays = recurrences.escape_measure(points, "cubic", np.array([0.0, 1.0, 0.0, 0.0, 0.0]))
    expected = orbits.escape_time(points.view(np.complex128)[:, 0], max_iter=2_000, derivative=False)
    assert (stays == expected.interior).mean() > 0.999


@pytest.mark.parametrize("kind", recurrences.KINDS)
def test_a_recurrence_is_its_own_mirror_image(rng, kind):
    a = recurrences.draw_coefficients(stream_key("a", "b", 0, SECRET), 1, kind)
    points = 1.5 * rng.normal(size=(500, 2))
    (one, stays), (other, again) = (recurrences.escape_measure(p, kind, a) for p in (points, points * CONJUGATE))
    assert (stays == again).mean() > 0.99
    # A long orbit goes where rounding sends it, and exp(-x) is not 1 / exp(x) to the last bit.
    assert np.isclose(one, other, rtol=1e-9).mean() > 0.9


@pytest.mark.parametrize("kind", recurrences.KINDS)
def test_drawn_coefficients_are_of_their_kind(kind):
    drawn = np.array([recurrences.draw_coefficients(stream_key("a", "b", 0, SECRET), i, kind) for i in range(300)])
    ranges = np.array(recurrences.KINDS[kind])
    used, rest = drawn[:, : len(ranges)], drawn[:, len(ranges) :]
    assert ((np.abs(used) >= ranges[:, 0]) & (np.abs(used) <= ranges[:, 1])).all()
    assert (rest == 0.0).all()
    assert ((used > 0.0).mean(axis=0) > 0.3).all()
    assert ((used < 0.0).mean(axis=0) > 0.3).all()


def test_the_square_in_disguise_is_recognised(rng):
    """z² with x and y stretched: x ← x² - (t y)², t y ← 2 x t y, for any t and scale."""
    for t in 0.5 + rng.random(20):
        s = 0.5 + rng.random()
        assert recurrences.is_complex_square(np.array([s, -s * t * t, 0.3, 2.0 * s, 0.4]))
    drawn = [recurrences.draw_coefficients(stream_key("a", "b", 0, SECRET), i, "quadratic") for i in range(200)]
    assert sum(map(recurrences.is_complex_square, drawn)) < 20


# Fields

M64 = (1 << 64) - 1


def slow_hash(column, row, octave, key):
    """SplitMix64's finaliser in whole numbers of Python, which have no overflow: [-1, 1)."""
    z = (column * 0x9E3779B97F4A7C15 & M64) ^ (row * 0xC2B2AE3D27D4EB4F & M64)
    z ^= (octave * 0x165667B19E3779F9 & M64) ^ key
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & M64
    z = (z ^ z >> 27) * 0x94D049BB133111EB & M64
    return ((z ^ z >> 31) >> 11) / 2.0**52 - 1.0


def slow_noise(x, y, octave, key):
    """Quintic fades between hashes at whole numbers."""
    i, j = math.floor(x), math.floor(y)
    s, t = (f**3 * (6 * f * f - 15 * f + 10) for f in (x - i, y - j))
    corner = [[slow_hash(i + di, j + dj, octave, key) for di in (0, 1)] for dj in (0, 1)]
    low, high = ((1 - s) * left + s * right for left, right in corner)
    return (1 - t) * low + t * high


def slow_half(x, y, kind, roughness, key):
    total = across = 0.0
    for k in range(20):
        turned = complex(x, y) * cmath.exp(1j * (1.0 + 2.4 * k)) * 1.37 * 2**k + complex(17.3, 5.1) * k
        noise = slow_noise(turned.real, turned.imag, k, key)
        if kind == "cascade":
            noise *= 0.4 + 1.2 * abs(total)
        if kind == "ridges":
            noise = 1 - 2 * abs(noise)
        if kind == "coast":
            across += slow_noise(turned.real, turned.imag, k + 20, key) / 2 ** (roughness * k)
        total += noise / 2 ** (roughness * k)
    return -abs(complex(x + total / 2, y + across / 2)) if kind == "coast" else total


@pytest.mark.parametrize("kind", fields.KINDS)
def test_a_field_agrees_with_a_plain_one(rng, kind):
    key, points = 0xFEDCBA9876543210, (rng.random((12, 2)) - 0.5) * (UPPER - LOWER)
    found = fields.height(points, kind, 0.6, key)
    for (x, y), height in zip(points, found, strict=True):
        mean = (slow_half(x, y, kind, 0.6, key) + slow_half(x, -y, kind, 0.6, key)) / 2
        expected = mean if kind == "coast" else mean - 0.35 * (x * x + y * y)
        assert height == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", fields.KINDS)
def test_a_field_is_its_own_mirror_image_and_its_keys_alone(rng, kind):
    points = (rng.random((300, 2)) - 0.5) * (UPPER - LOWER)
    one = fields.height(points, kind, 0.6, 5)
    np.testing.assert_allclose(fields.height(points * CONJUGATE, kind, 0.6, 5), one, atol=1e-12)
    assert np.abs(fields.height(points, kind, 0.6, 6) - one).max() > 0.1


@pytest.mark.parametrize("kind", fields.KINDS)
def test_a_field_is_rough_at_every_scale(rng, kind):
    """Halving a step makes what it climbs smaller by about 2^roughness, however small it is; a smooth one's, by 2."""
    points = (rng.random((4_000, 2)) - 0.5) * (UPPER - LOWER)
    climbs = []
    for k in range(4, 14):
        step = [2.0**-k, 0.0]
        gap = fields.height(points + step, kind, 0.5, 7) - fields.height(points, kind, 0.5, 7)
        climbs.append(np.sqrt((gap**2).mean()))
    ratios = np.array(climbs[:-1]) / climbs[1:]
    assert (ratios > 1.1).all()
    assert (ratios < 1.8).all()


# Sets


def test_an_audit_has_every_set_by_its_name(sets):
    assert list(sets) == NAMES
    assert len(list_sets()) == 2 * (2 + 3 * 4) + 1 == len(set(list_sets()))
    for name, each in sets.items():
        kind, _, target = name.partition(", ")
        assert (each.group, each.target) == (kind.split()[0], target or "smooth")


@pytest.mark.parametrize("name", NAMES)
def test_every_set_has_the_public_sample_and_labels_of_the_tasks_range(sets, name):
    each, task = sets[name], load_task(TASKS[sets[name].target])
    sample, public = each.draw_sample(N_SAMPLES, 0), task.draw_sample(N_SAMPLES, 0)
    np.testing.assert_array_equal(sample.X, public.X)
    assert (sample.y >= 0.0).all()
    assert (sample.y <= 1.0).all()
    assert sample.y.std() > 0.05
    assert sample.y.max() == 1.0  # of what stays
    pilot = make_pilot(each.target, N_SAMPLES, 0)
    assert np.quantile(each.truth(pilot.points), 0.01) == pytest.approx(pilot.low, abs=0.02)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "control"])
def test_every_set_is_its_own_mirror_image(sets, rng, name):
    points = window_points(rng, 2_000)
    one, other = sets[name].truth(points), sets[name].truth(points * CONJUGATE)
    assert np.abs(one - other).max() < 1e-3 or (np.abs(one - other) > 1e-3).mean() < 0.002  # rounding, at the boundary


def errors_of_neighbours(each, n, test):
    """Return the FVU of scikit-learn's own k-NN, from the first n points and at (m, 2) uniform ones."""
    sample, truth = each.draw_sample(n, 0), each.truth(test)[:, 0].astype(float)
    knn = KNeighborsRegressor(12, weights=lambda d: np.maximum(d, 1e-30) ** -2.0)
    predicted = knn.fit(sample.X, sample.y[:, 0]).predict(each.scale(test))
    return float(((predicted - truth) ** 2).mean() / truth.var())


def pilot_points(n=30_000):
    return LOWER + uniform_rows(stream_key("audit/pilot", "points", 0), 0, n, 2) * (UPPER - LOWER)


@pytest.mark.parametrize("name", MATCHED)
def test_a_relative_is_as_hard_as_the_task_to_neighbours(sets, name):
    each = sets[name]
    own, test = sets[f"public, {each.target}"], pilot_points()
    few, many = (errors_of_neighbours(each, n, test) for n in (N_SAMPLES // 4, N_SAMPLES))
    own_few, own_many = (errors_of_neighbours(own, n, test) for n in (N_SAMPLES // 4, N_SAMPLES))
    assert many == pytest.approx(own_many, rel=0.05)
    assert few / many == pytest.approx(
        own_few / own_many, rel=0.06
    )  # of labels in float32, of other neighbours in ties


def trees_over_neighbours(each, test):
    sample, truth = each.draw_sample(N_SAMPLES, 0), each.truth(test)[:, 0]
    trees = ExtraTreesRegressor(20, min_samples_leaf=2, random_state=0).fit(sample.points, sample.y[:, 0])
    return ((trees.predict(test) - truth) ** 2).mean() / truth.var() / errors_of_neighbours(each, N_SAMPLES, test)


@pytest.mark.parametrize("name", MATCHED)
def test_a_relative_is_as_hard_as_the_task_to_trees(sets, name):
    each, test = sets[name], pilot_points()
    own = sets[f"public, {each.target}"]
    assert trees_over_neighbours(each, test) == pytest.approx(trees_over_neighbours(own, test), rel=0.16)


@pytest.mark.parametrize("target", TASKS)
def test_a_smooth_map_is_not_called_alike_though_neighbours_find_it_as_hard(target):
    """So that the trees' share can fail: a wave whose error k-NN has as the task's own."""
    pilot = make_pilot(target, N_SAMPLES, 0)

    def wave(knob):
        return 0.5 + 0.5 * np.sin(knob * pilot.points[:, 0]) * np.cos(knob * pilot.points[:, 1])

    knobs = np.linspace(1.0, 20.0, 200)
    knob = min(knobs, key=lambda each: abs(math.log(pilot.measure(wave(each)).many / pilot.aim.many)))
    assert pilot.measure(wave(knob)).many == pytest.approx(pilot.aim.many, rel=0.2)
    assert not pilot.is_alike(wave(knob))


@pytest.mark.parametrize("name", [name for name in MATCHED if not name.startswith("warp")])
def test_a_ladder_stands_on_the_boundary_of_its_set(sets, name):
    centres = sets[name]._look.centres.points
    assert ((centres >= LOWER) & (centres <= UPPER)).all()
    assert len({tuple(row) for row in np.abs(centres).round(12)}) == len(centres)
    around = np.exp(2j * np.pi * np.arange(64) / 64)
    size = 1e-9 * (UPPER - LOWER)[0]
    found = 0
    for x, y in centres:
        ring = np.column_stack([x + size * around.real, y + size * around.imag])
        labels = sets[name].truth(np.concatenate([[[x, y]], ring]))[:, 0]
        found += bool((labels == 1.0).any() and (labels < 1.0).any())
    assert found >= 0.9 * len(centres)  # at 64 points; what stays may be thinner than their distance


def test_a_warp_of_a_set_is_the_set_seen_through_it_and_so_is_its_ladder(sets, rng):
    """Its labels are a rising function of the Mandelbrot set's own, at the places that the warp says."""
    for target, task in TASKS.items():
        each, points = sets[f"warp 1, {target}"], window_points(rng, 3_000)

        def is_seen_through(warp, each=each, task=task, points=points):
            known = load_task(task).truth(warp(points))[:, 0]
            return (np.diff(each.truth(points)[np.argsort(known, kind="stable"), 0]) >= -1e-6).all()

        drawn = (
            draw_warp(stream_key(f"audit/warp, {target}", "shape", attempt, SECRET), LOWER, UPPER, mirrored=True)
            for attempt in range(200)
        )
        warp = next(filter(is_seen_through, drawn))  # the first that is as hard as the task
        known = sets[f"hidden, {target}"]._look.centres.points
        np.testing.assert_allclose(warp(each._look.centres.points), known, atol=1e-12)


@pytest.mark.parametrize("first", [-0.9, -0.3, 0.0, 0.5, 0.9])
@pytest.mark.parametrize("second", [-0.6, 0.0, 0.6])
def test_labels_are_bent_by_a_rising_function_with_the_same_ends(first, second):
    labels = np.linspace(0.0, 1.0, 5_001)
    bent = relatives._bend(labels, first, second)
    assert (bent[0], bent[-1]) == pytest.approx((0.0, 1.0), abs=1e-12)
    slope = 1 + first * np.cos(np.pi * labels) + (1 - abs(first)) * second * np.cos(2 * np.pi * labels)
    assert (np.diff(bent) > 0.0).all()
    np.testing.assert_allclose(np.gradient(bent, labels)[1:-1], slope[1:-1], atol=1e-4)


def test_a_secret_changes_the_points_and_the_labels_of_what_it_draws(sets, rng):
    """A field's look and the hidden ladder; to draw all sets again takes long."""
    pilot = make_pilot("smooth", N_SAMPLES, 0)
    points = window_points(rng, 300)
    same, other = (next(relatives._fields(pilot, secret)) for secret in (SECRET, OTHER))
    field = sets["field 1, smooth"]
    np.testing.assert_array_equal(same.label(points).astype(np.float32), field.truth(points)[:, 0])
    assert np.abs(other.label(points) - same.label(points)).max() > 0.05
    ours, theirs = (relatives._original("smooth", secret).centres.points for secret in (SECRET, OTHER))
    assert len({tuple(row) for row in ours} & {tuple(row) for row in theirs}) < len(ours) / 2


def test_public_queries_are_the_scored_cells_and_hidden_ones_are_others(sets):
    for target, task in TASKS.items():
        public, hidden = (sets[f"{group}, {target}"].draw_queries(N_SAMPLES, 0) for group in ("public", "hidden"))
        np.testing.assert_array_equal(public.points, load_task(task).draw_queries(N_SAMPLES, 0).points)
        known = {row.tobytes() for row in public.points[: public.n_test]}
        assert not any(row.tobytes() in known for row in hidden.points[: hidden.n_test])


@pytest.mark.parametrize("name", [name for name in NAMES if name != "control"])
def test_strata_are_weighted_back_to_the_window(sets, name):
    """The mean label at the weighted test points is the mean over the window."""
    queries = sets[name].draw_queries(N_SAMPLES, 0)
    stratified = float(queries.weight @ sets[name].truth(queries.points[: queries.n_test])[:, 0])
    assert stratified == pytest.approx(float(sets[name].truth(pilot_points()).mean()), abs=0.01)


def test_the_control_has_the_labels_of_the_set_in_another_order(sets):
    sample = sets["control"].draw_sample(1_000, 0)
    truth = sets["control"].truth(sample.points)
    np.testing.assert_array_equal(truth, load_task("mandelbrot").truth(sample.points))
    np.testing.assert_array_equal(np.sort(sample.y[:, 0]), np.sort(truth[:, 0]))
    assert abs(np.corrcoef(sample.y[:, 0], truth[:, 0])[0, 1]) < 0.1


def test_neighbours_agree_with_the_baseline_and_take_a_coincident_points_label(rng):
    X, y, queries = rng.random((200, 2)), rng.random((200, 1)), rng.random((50, 2))
    expected = KNeighborsRegressor(12, weights=lambda d: d**-2.0).fit(X, y).predict(queries)
    np.testing.assert_allclose(predict_by_neighbours(X, y, queries), expected, rtol=1e-9)
    np.testing.assert_allclose(predict_by_neighbours(X, y, X[:5]), y[:5])
    assert math.isfinite(predict_by_neighbours(X[:3], y[:3], queries).max())
