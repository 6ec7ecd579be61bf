import math
import subprocess
import sys
from dataclasses import replace

import mpmath
import numpy as np
import pytest

from mbench.errors import HarnessError
from mbench.suite import kernels, orbits
from mbench.suite.kernels import LANES, scalar_kernel
from mbench.suite.ladder import misiurewicz_points
from mbench.suite.orbits import FAMILIES, JULIA, MANDELBROT, Orbit, distance_estimate, escape_time, log_distance_value
from mbench.suite.sampler import stream_key

AREA = 1.5065918849  # of the Mandelbrot set: Förstemann (2012), by pixel counting; the last digit is uncertain
KERNELS = [(family, derivative) for family in FAMILIES.values() for derivative in {False, family.holomorphic}]

# Each family as its definition has it, in real arithmetic: z and c to z, and z to the derivative of z^p.
STEP = {
    "mandelbrot": lambda x, y, a, b: (x * x - y * y + a, 2 * x * y + b),
    "julia": lambda x, y, a, b: (x * x - y * y + a, 2 * x * y + b),
    "burning-ship": lambda x, y, a, b: (x * x - y * y + a, 2 * abs(x) * abs(y) + b),
    "multibrot3": lambda x, y, a, b: (x * (x * x - 3 * (y * y)) + a, y * (3 * (x * x) - y * y) + b),
    "tricorn": lambda x, y, a, b: (x * x - y * y + a, -2 * x * y + b),
}
SLOPE = {
    "mandelbrot": lambda x, y: (2 * x, 2 * y),
    "julia": lambda x, y: (2 * x, 2 * y),
    "multibrot3": lambda x, y: (3 * (x * x - y * y), 6 * x * y),
}


def test_the_families_are_those_of_the_definitions():
    assert set(STEP) <= set(FAMILIES)
    assert {name for name in STEP if FAMILIES[name].holomorphic} == set(SLOPE)


def python_orbit(point, family, max_iter, bailout=256.0):
    """One orbit, step by step: no closed form, no cycle test, no lanes. Returns count, interior, z, z'."""
    x, y, u, v = (point.real, point.imag, 1.0, 0.0) if family is JULIA else (0.0, 0.0, 0.0, 0.0)
    c = family.c if family is JULIA else point
    for n in range(1, max_iter + 1):
        if family.holomorphic:
            p, q = SLOPE[family.name](x, y)
            u, v = p * u - q * v + (family is not JULIA), p * v + q * u
        x, y = STEP[family.name](x, y, c.real, c.imag)
        if x * x + y * y > bailout * bailout:
            return n, False, complex(x, y), complex(u, v)
    return max_iter, True, 0j, 0j


def numpy_orbits(points, family, max_iter, bailout=256.0):
    """The same for many points at once, each left out once it has escaped."""
    n, zero = len(points), np.zeros(len(points))
    x, y, u, v = (points.real, points.imag, zero + 1, zero) if family is JULIA else (zero, zero, zero, zero)
    a, b = (zero + family.c.real, zero + family.c.imag) if family is JULIA else (points.real, points.imag)
    orbit, left = Orbit(np.full(n, max_iter, np.int32), zero == 0, zero + 0j, zero + 0j), np.arange(n)
    for step in range(1, max_iter + 1):
        if family.holomorphic:
            p, q = SLOPE[family.name](x, y)
            u, v = p * u - q * v + (family is not JULIA), p * v + q * u
        x, y = STEP[family.name](x, y, a, b)
        out = x * x + y * y > bailout * bailout
        orbit.count[left[out]], orbit.interior[left[out]] = step, False
        orbit.z.view(float).reshape(-1, 2)[left[out]] = np.column_stack([x, y])[out]
        orbit.dz.view(float).reshape(-1, 2)[left[out]] = np.column_stack([u, v])[out]
        left, x, y, u, v, a, b = (array[~out] for array in (left, x, y, u, v, a, b))
    return orbit if family.holomorphic else Orbit(orbit.count, orbit.interior, orbit.z, None)


def mpmath_orbit(c, max_iter, bailout):
    """The Mandelbrot orbit of the float64 number c in 50 digits. Returns count, z, z'."""
    with mpmath.workdps(50):
        z, dz, c = mpmath.mpc(0), mpmath.mpc(0), mpmath.mpc(c)
        for n in range(1, max_iter + 1):
            z, dz = z * z + c, 2 * z * dz + 1
            if abs(z) > bailout:
                return n, z, dz
    raise AssertionError(f"{c} does not escape")


def scalar_orbit(points, family, max_iter, bailout=256.0, derivative=True):
    n = len(points)
    count, interior = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.bool_)
    z, dz = np.zeros((n, 2)), np.zeros((n if derivative else 0, 2))
    xy = points.view(np.float64).reshape(-1, 2)
    kernel = scalar_kernel(family.kind, derivative)
    kernel(xy, family.c.real, family.c.imag, max_iter, bailout**2, count, interior, z, dz)
    return Orbit(count, interior, z.view(complex)[:, 0], dz.view(complex)[:, 0] if derivative else None)


def assert_same_bits(got, want):
    for name in ("count", "interior", "z", "dz"):
        a, b = getattr(got, name), getattr(want, name)
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a.view(np.uint8), b.view(np.uint8), err_msg=name)


def window_points(rng, n):
    return rng.uniform(-2.65, 1.15, n) + 1j * rng.uniform(-1.2, 1.2, n)


def deep_points(rng, n):
    """Points of seahorse valley, whose orbits take thousands of steps or never end."""
    return -0.743643887037151 + 0.13182590420533j + 1e-7 * (rng.uniform(-1, 1, n) + 1j * rng.uniform(-1, 1, n))


def one(c, **options):
    return escape_time(np.array([c], dtype=complex), **options)


# --- against a plain loop ---


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_orbits_agree_bit_for_bit_with_a_python_loop(rng, family):
    points = np.concatenate([window_points(rng, 200), orbits._fixed_points()[2048::32]])
    orbit = escape_time(points, family, max_iter=300, derivative=family.holomorphic)
    rows = zip(*(python_orbit(point, family, 300) for point in points.tolist()), strict=True)
    count, interior, z, dz = (np.array(column) for column in rows)
    assert_same_bits(orbit, Orbit(count.astype(np.int32), interior, z, dz if family.holomorphic else None))


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_fixed_points_agree_bit_for_bit_with_a_numpy_loop(family):
    points = orbits._fixed_points()
    orbit = escape_time(points, family, max_iter=256, derivative=family.holomorphic)
    assert_same_bits(orbit, numpy_orbits(points, family, 256))


@pytest.mark.parametrize("max_iter", [1, 2, 5, 6, 7, 37, 38, 39, 500])
@pytest.mark.parametrize("bailout", [2.0, 256.0, 1e4])
def test_an_orbit_may_escape_at_the_last_iteration_and_not_after_it(rng, max_iter, bailout):
    points = window_points(rng, 60)
    orbit = escape_time(points, max_iter=max_iter, bailout=bailout)
    rows = [python_orbit(point, MANDELBROT, max_iter, bailout)[:2] for point in points.tolist()]
    assert list(zip(orbit.count.tolist(), orbit.interior.tolist(), strict=True)) == rows


def test_closed_form_and_cycle_test_lose_nothing(rng):
    points = np.concatenate([window_points(rng, 3000), -0.75 + 0.1 * window_points(rng, 1000)])
    orbit = escape_time(points, max_iter=2000, bailout=2.0)
    assert_same_bits(orbit, numpy_orbits(points, MANDELBROT, 2000, bailout=2.0))


# --- lanes, chunks, threads ---


@pytest.mark.parametrize(("family", "derivative"), KERNELS, ids=lambda value: getattr(value, "name", value))
def test_lanes_agree_bit_for_bit_with_the_scalar_kernel(rng, family, derivative):
    points = np.concatenate([window_points(rng, 20_000), deep_points(rng, 100)])
    got = escape_time(points, family, max_iter=3000, derivative=derivative)
    assert_same_bits(got, scalar_orbit(points, family, 3000, derivative=derivative))


@pytest.mark.parametrize("n", [0, 1, 2, LANES - 1, LANES, LANES + 1, 3 * LANES + 5])
def test_lanes_need_not_be_full(rng, n):
    points = deep_points(rng, n)
    assert_same_bits(escape_time(points, max_iter=5000), scalar_orbit(points, MANDELBROT, 5000))


def test_lanes_agree_where_the_derivative_overflows():
    points = -1.9 + 1j * 10.0 ** -np.arange(200.0, 324.0)
    orbit = escape_time(points, max_iter=5000)
    assert not np.isfinite(orbit.dz).all()
    assert_same_bits(orbit, scalar_orbit(points, MANDELBROT, 5000))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("chunk_points", [7, 100, 10_000])
def test_chunks_and_threads_change_nothing(rng, monkeypatch, threads, chunk_points):
    points = window_points(rng, 500)
    whole = escape_time(points, max_iter=1000)
    monkeypatch.setattr(orbits, "CHUNK_POINTS", chunk_points)
    assert_same_bits(escape_time(points, max_iter=1000, threads=threads), whole)


def test_a_point_does_not_depend_on_its_neighbours(rng):
    points, order = window_points(rng, 2000), rng.permutation(2000)
    orbit, shuffled = escape_time(points, max_iter=1000), escape_time(points[order], max_iter=1000)
    columns = (getattr(orbit, name)[order] for name in ("count", "interior", "z", "dz"))
    assert_same_bits(shuffled, Orbit(*columns))


def test_derivative_can_be_left_out(rng):
    points = window_points(rng, 2000)
    orbit, full = escape_time(points, max_iter=500, derivative=False), escape_time(points, max_iter=500)
    assert orbit.dz is None
    assert_same_bits(orbit, Orbit(full.count, full.interior, full.z, None))


def test_read_only_and_strided_points_are_taken(rng):
    points = window_points(rng, 200)
    points.flags.writeable = False
    assert_same_bits(escape_time(points[::2], max_iter=100), escape_time(points[::2].copy(), max_iter=100))


# --- against mathematics ---


def hard_points():
    """Points 1e-3 … 1e-11 from the boundary, and in the parabolic gaps that take thousands of steps to pass."""
    centres = misiurewicz_points(stream_key("mandelbrot", "ladder", 0)).points[::4]
    near = [complex(*c) + 10.0**-k * complex(math.cos(k), math.sin(k)) for k in (3, 6, 9, 11) for c in centres]
    return np.array([*near, 0.25 + 1e-5, 0.25 + 1e-6, -0.75 + 1e-3j, -1.25 + 1e-3j, -2 - 1e-12])


@pytest.fixture(scope="module")
def hard():
    """(points, their orbits in 50 digits), of the hard points that escape within 5,000 steps."""
    points = hard_points()
    points = points[~escape_time(points, max_iter=5000).interior]
    assert len(points) > 50
    return points, [mpmath_orbit(c, 5001, 256.0) for c in points.tolist()]


def test_counts_of_hard_points_agree_with_50_digits(hard):
    points, exact = hard
    assert escape_time(points, max_iter=5000).count.tolist() == [count for count, _, _ in exact]


def nudge(orbit):
    """What moving c by four units in the last place would change: ν by this much, the distance by this fraction."""
    return 4 * 2.0**-52 / distance_estimate(orbit)


def test_smooth_counts_of_hard_points_agree_with_50_digits(hard):
    points, exact = hard
    orbit = escape_time(points, max_iter=5000)
    want = np.array([float(n + 1 - mpmath.log(mpmath.log(abs(z), 2), 2)) for n, z, _ in exact])
    got = orbit.count + 1 - np.log2(np.log2(np.abs(orbit.z)))
    assert (np.abs(got - want) < nudge(orbit) + 1e-12).all()
    well = nudge(orbit) < 1e-6
    assert well.sum() > 30
    # float32's own spacing is 1.2e-7
    np.testing.assert_allclose(orbits.smooth_value(orbit)[well], (want / (want + 50))[well], rtol=1.2e-7)


def test_distances_of_hard_points_agree_with_50_digits(hard):
    points, exact = hard
    orbit = escape_time(points, max_iter=5000)
    want = np.array([float(abs(z) * mpmath.log(abs(z)) / abs(dz)) for _, z, dz in exact])
    assert (np.abs(distance_estimate(orbit) / want - 1) < nudge(orbit) + 1e-12).all()


def test_log_distance_value_follows_its_formula(hard):
    points, _ = hard
    orbit = escape_time(points, max_iter=5000, bailout=1e4)
    d = np.abs(orbit.z) * np.log(np.abs(orbit.z)) / np.abs(orbit.dz)
    want = [0.5 + 0.5 * math.sin(2 * math.pi * 0.05 * math.log(max(x, 1e-10))) for x in d]
    np.testing.assert_allclose(log_distance_value(orbit), want, atol=1e-7)


def area_estimate(rng, max_iter, n=400_000):
    """Estimate the area from the upper half of a box that holds the set: (estimate, its standard error)."""
    box = 2 * 2.5 * 1.15
    points = rng.uniform(-2.0, 0.5, n) + 1j * rng.uniform(0.0, 1.15, n)
    inside = escape_time(points, max_iter=max_iter, derivative=False).interior.mean()
    return box * inside, box * math.sqrt(inside * (1 - inside) / n)


def test_area_is_the_published_one(rng):
    area, error = area_estimate(rng, 20_000)  # the bias of max_iter, about 4 / max_iter, is 1/20 of the sampling error
    assert error < 0.005
    assert abs(area - AREA) < 4 * error


def test_area_is_overestimated_by_four_over_max_iter(rng):
    seed = int(rng.integers(2**32))
    areas = {m: area_estimate(np.random.default_rng(seed), m)[0] for m in (100, 200, 400, 800, 20_000)}
    for m in (100, 200, 400, 800):  # the same points, so that no sampling error is left in the difference
        assert 3.0 < (areas[m] - areas[20_000]) * m < 4.5


@pytest.mark.parametrize("polynomial", [(1, 2, 1, 1), (1, 3, 3, 3, 2, 0, 1)], ids=["period 3", "period 4"])
def test_centres_of_hyperbolic_components_never_escape(polynomial):
    orbit = escape_time(np.roots(polynomial).astype(complex), max_iter=2**31 - 1)
    assert orbit.interior.all()
    assert (orbit.count == 2**31 - 1).all()


@pytest.mark.parametrize("c", [0.0, -1.0, 0.25, -0.75, -1.25, -2.0, 1j, -1j])
def test_points_of_the_set_never_escape(c):
    assert one(c, max_iter=10**6).interior[0]


@pytest.mark.parametrize("c", [0.2501, -2.0001, 1.0001j, 1.0, -3.0, 300.0, 1e100 - 1e100j])
def test_points_outside_the_set_escape(c):
    orbit = one(c, max_iter=5000)
    assert not orbit.interior[0]
    assert abs(orbit.z[0]) > 256
    assert np.isfinite(orbit.z).all()


@pytest.mark.parametrize("exponent", [2, 3, 4, 5, 6])
def test_pi_is_in_seahorse_valley(exponent):
    # Boll (1991): the count at -3/4 + εi times ε tends to π.
    epsilon = 10.0**-exponent
    assert abs(one(-0.75 + epsilon * 1j, max_iter=10**7).count[0] * epsilon - math.pi) < 5 * epsilon


@pytest.mark.parametrize("exponent", [3, 4, 5, 6, 7, 8])
def test_twice_the_estimate_is_four_times_the_distance_at_the_tip(exponent):
    # At the tip of a slit, Koebe's bound is reached.
    c = -2.0 - 10.0**-exponent
    bound = 2 * distance_estimate(one(c, max_iter=1000, bailout=1e8))[0]
    assert bound / (-2.0 - c) == pytest.approx(4.0, abs=10 * 10.0**-exponent + 1e-7)


@pytest.mark.parametrize("family", [MANDELBROT, FAMILIES["multibrot3"], FAMILIES["tricorn"]], ids=lambda f: f.name)
def test_conjugate_points_have_conjugate_orbits(rng, family):
    points = np.concatenate([window_points(rng, 2000), deep_points(rng, 30)])
    orbit, mirror = (escape_time(c, family, max_iter=2000, derivative=False) for c in (points, points.conj()))
    assert np.array_equal(orbit.count, mirror.count)
    assert np.array_equal(orbit.z, mirror.z.conj())


def test_julia_sets_are_symmetric_about_the_origin(rng):
    points = window_points(rng, 2000)
    orbit, mirror = (escape_time(z, JULIA, max_iter=500) for z in (points, -points))
    assert np.array_equal(orbit.z, mirror.z)
    assert np.array_equal(orbit.dz, -mirror.dz)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_smooth_value_hardly_depends_on_the_bailout(rng, family):
    points = window_points(rng, 2000)
    near, far = (escape_time(points, family, max_iter=500, bailout=b, derivative=False) for b in (1e4, 1e10))
    kept = ~(near.interior | far.interior)
    got, want = (orbits.smooth_value(orbit, family)[kept] for orbit in (near, far))
    np.testing.assert_allclose(got, want, atol=1e-5)


# --- values ---


@pytest.mark.parametrize("value", [orbits.smooth_value, log_distance_value])
def test_values_lie_between_0_and_1_and_are_1_inside(rng, value):
    orbit = escape_time(np.concatenate([window_points(rng, 5000), [1e100, 1e50j]]), max_iter=200, bailout=1e4)
    values = value(orbit)
    assert values.dtype == np.float32
    assert ((values >= 0) & (values <= 1)).all()
    assert (values[orbit.interior] == 1).all()


def test_distance_is_0_inside_and_where_the_derivative_overflowed():
    orbit = escape_time(np.array([0, -1.9 + 1e-310j]), max_iter=5000)
    assert orbit.interior.tolist() == [True, False]
    assert distance_estimate(orbit).tolist() == [0.0, 0.0]


def test_value_of_a_julia_sets_critical_point_is_finite():
    orbit = one(0.0, family=JULIA, max_iter=5000)
    assert orbit.dz[0] == 0
    assert np.isfinite(log_distance_value(orbit)).all()


def test_distance_without_a_derivative_is_refused():
    with pytest.raises(ValueError, match="derivative=True"):
        distance_estimate(one(1.0, max_iter=10, derivative=False))


# --- guards ---


@pytest.mark.parametrize("c", [math.nan, math.inf, complex(0, math.nan), complex(0, -math.inf), 1e101])
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_points_that_are_not_finite_are_refused(c, family):
    with pytest.raises(ValueError, match="finite"):
        escape_time(np.array([0, c], dtype=complex), family, max_iter=10, derivative=False)


@pytest.mark.parametrize("options", [{"max_iter": 0}, {"max_iter": 2**31}, {"max_iter": 9, "bailout": 1.9}])
def test_limits_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="expected max_iter"):
        one(0.0, **options)


def test_points_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        escape_time(np.zeros((2, 2), dtype=complex), max_iter=10)


@pytest.mark.parametrize("name", ["burning-ship", "tricorn"])
def test_the_derivative_of_a_family_without_one_is_refused(name):
    with pytest.raises(ValueError, match=name):
        one(0.0, family=FAMILIES[name], max_iter=10)


def test_self_test_passes():
    orbits.self_test(*FAMILIES.values())


def conjugated(x, y, cx, cy):
    return (x * x - y * y) + cx, -(2.0 * x * y) + cy


def test_a_step_of_ones_own_gives_what_the_compiled_one_gives_bit_for_bit(rng):
    c = rng.uniform(-2.5, 2.5, (5_000, 2)).view(np.complex128)[:, 0]
    own = replace(FAMILIES["tricorn"], kind=conjugated)
    got, expected = (escape_time(c, family, max_iter=500, derivative=False) for family in (own, FAMILIES["tricorn"]))
    assert np.array_equal(got.count, expected.count)
    assert np.array_equal(got.interior, expected.interior)
    assert np.array_equal(got.z, expected.z)
    orbits.self_test(own)


def test_a_step_of_ones_own_has_no_derivative():
    with pytest.raises(ValueError, match="Say holomorphic=False"):
        orbits.Family("own", conjugated)


@pytest.mark.parametrize("name", FAMILIES)
def test_self_test_fails_on_another_digest(name):
    digest = FAMILIES[name].golden
    altered = ("1" if digest[0] == "0" else "0") + digest[1:]
    with pytest.raises(HarnessError, match=rf"{name} orbits .* Remove numba's cache"):
        orbits.self_test(replace(FAMILIES[name], golden=altered))


@pytest.mark.parametrize("column", ["count", "interior", "z", "dz"])
def test_self_test_fails_where_one_bit_of_one_orbit_differs(monkeypatch, column):
    def miscompiled(*arguments, **options):
        orbit = escape_time(*arguments, **options)
        array = getattr(orbit, column)
        if array is not None:
            array.view(np.uint8)[-1] ^= 1
        return orbit

    monkeypatch.setattr(orbits, "escape_time", miscompiled)
    with pytest.raises(HarnessError, match="mandelbrot"):
        orbits.self_test()


def test_fixed_points_are_distinct_and_hold_hard_ones():
    points = orbits._fixed_points()
    orbit = escape_time(points, max_iter=256)
    assert points.shape == (4096,)
    assert len(np.unique(points)) > 4000
    assert 0.3 < orbit.interior.mean() < 0.6
    assert (orbit.count[~orbit.interior] > 50).sum() > 50
    assert np.isfinite(orbit.dz).all()  # the sign of a NaN differs between processors


def test_importing_escape_does_not_import_numba():
    source = "import sys, mbench.suite.orbits; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == 0


def test_kernels_compile_where_no_directory_can_be_cached_in(monkeypatch):
    def njit_without_a_cache(*, nogil, cache=False):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda kernel: (kernel, nogil)

    monkeypatch.setattr(kernels, "njit", njit_without_a_cache)
    kernel, nogil = kernels.lane_kernel.__wrapped__(MANDELBROT.kind, True)
    assert callable(kernel)
    assert nogil
