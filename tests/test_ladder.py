from collections import Counter

import mpmath
import numpy as np
import pytest

from mbench.suite import ladder
from mbench.suite.ladder import OCTAVES, WIDTH, Centres, Rungs, ladder_points, misiurewicz_points
from mbench.suite.orbits import MANDELBROT, escape_time, log_distance_value, smooth_value
from mbench.suite.sampler import stream_key

# Octaves, with how many centres and what grid: DESIGN, section 2.
SHAPE = [(k, 16, 14) for k in range(3)] + [(k, 256, 9) for k in range(3, 10)] + [(k, 64, 10) for k in range(10, 15)]
N_POINTS = sum(n * grid * grid for _, n, grid in SHAPE)
LOWER, UPPER = np.array([-2.65, -1.2]), np.array([1.15, 1.2])
SECRETS = [None, b"\1" * 32, b"\2" * 32]  # of the public ladder and of two hidden ones


@pytest.fixture(scope="module", params=SECRETS, ids=["public", "hidden 1", "hidden 2"])
def centres(request):
    return misiurewicz_points(stream_key("mandelbrot", "ladder", 0, request.param))


def exact_orbit(c, length):
    orbit = [mpmath.mpc(0)]
    for _ in range(length):
        orbit.append(orbit[-1] ** 2 + c)
    return orbit


def polish(x, y, preperiod, period):
    """Return the root of z_{m+p} = z_m nearest to x + iy, by Newton's method with a derivative by definition."""
    c = mpmath.mpc(x, y)
    for _ in range(8):
        z, dz = [mpmath.mpc(0)], [mpmath.mpc(0)]
        for _ in range(preperiod + period):
            z, dz = [*z, z[-1] ** 2 + c], [*dz, 2 * z[-1] * dz[-1] + 1]
        c -= (z[preperiod + period] - z[preperiod]) / (dz[preperiod + period] - dz[preperiod])
    return c


def test_centres_have_exactly_their_preperiod_and_period_in_50_digits(centres):
    with mpmath.workdps(50):
        for (x, y), m, p in zip(
            centres.points.tolist(), centres.preperiod.tolist(), centres.period.tolist(), strict=True
        ):
            root = polish(x, y, m, p)
            assert abs(root - mpmath.mpc(x, y)) < 5e-16  # two units in the last place of a float64 near 2
            orbit = exact_orbit(root, m + p)
            assert abs(orbit[m + p] - orbit[m]) < 1e-40
            # z_0 … z_{m+p-1} are distinct: the preperiod is not smaller, and neither is the period.
            assert min(abs(a - b) for i, a in enumerate(orbit[:-1]) for b in orbit[:i]) > 1e-3


def test_centres_are_distinct_and_in_the_window(centres):
    points = centres.points
    assert points.shape == (256, 2)
    assert (np.abs(points[:, None] - points).max(axis=2) + np.eye(256)).min() > 1e-6
    assert ((points > LOWER) & (points < UPPER)).all()


def test_preperiods_and_periods_are_spread_evenly(centres):
    counts = Counter(zip(centres.preperiod.tolist(), centres.period.tolist(), strict=True))
    assert set(counts) == {(m, p) for m in range(2, 9) for p in range(1, 6)}  # DESIGN, section 2
    assert sum(counts.values()) == 256
    assert counts[2, 1] == counts[2, 2] == 1  # c = -2, and one of c = i and c = -i
    assert max(counts.values()) <= 13


def test_no_two_centres_are_conjugates(centres):
    folded = centres.points * [1, 1] * np.where(centres.points[:, 1:] < 0, [1, -1], 1)
    gap = np.abs(folded[:, None] - folded[None, :]).max(axis=2) + np.eye(len(folded))
    assert gap.min() > 1e-6
    assert (centres.points[0::2, 1] >= 0).all()
    assert (centres.points[1::2, 1] <= 0).all()


def test_the_only_centre_with_preperiod_2_and_period_1_is_minus_2(centres):
    row = np.flatnonzero((centres.preperiod == 2) & (centres.period == 1))
    np.testing.assert_allclose(centres.points[row], [[-2.0, 0.0]], atol=1e-15)


def test_centres_follow_from_their_key():
    first, again, other = (misiurewicz_points(stream_key("mandelbrot", "ladder", i)).points for i in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_fewer_centres_are_the_first_of_more():
    key = stream_key("mandelbrot", "ladder", 0)
    assert np.array_equal(misiurewicz_points(key, 10).points, misiurewicz_points(key, 256).points[:10])


def test_more_centres_than_the_starts_lead_to_are_refused():
    with pytest.raises(ValueError, match="100000 were asked for"):
        misiurewicz_points(stream_key("mandelbrot", "ladder", 0), 100_000)


@pytest.mark.parametrize(
    ("c", "preperiod", "period", "want"),
    [
        (-2, 2, 1, True),
        (1j, 2, 2, True),
        (-2, 3, 1, False),  # a smaller preperiod
        (-2, 2, 2, False),  # a smaller period
        (1j, 2, 4, False),
        (1j, 3, 2, False),
        (0, 2, 1, False),  # periodic, not preperiodic
        (-1, 2, 2, False),
        (-2.001, 2, 1, False),  # not closed
        (complex("nan"), 2, 1, False),
    ],
)
def test_only_the_exact_preperiod_and_period_are_accepted(c, preperiod, period, want):
    x, y = np.array([complex(c).real]), np.array([complex(c).imag])
    assert ladder._has_exactly(x, y, np.array([preperiod]), np.array([period]))[0] == want


def test_windows_halve_from_octave_to_octave():
    one = Centres(np.array([[-0.5, 0.0]]), np.array([2]), np.array([1]))
    grid = 14
    points, octave, centre = ladder_points(one, np.array([-9, -9]), np.array([9, 9]), [Rungs(OCTAVES, 16, grid)])
    assert np.array_equal(octave, np.repeat(OCTAVES, grid * grid))
    assert (centre == 0).all()
    for k in OCTAVES:
        window, cell = points[octave == k], WIDTH * 2.0**-k / grid
        np.testing.assert_allclose(window.mean(axis=0), [-0.5, 0.0], atol=1e-12)
        np.testing.assert_allclose(np.ptp(window, axis=0), cell * (grid - 1))
        np.testing.assert_allclose(np.diff(window[:grid], axis=0), [[cell, 0.0]] * (grid - 1), atol=1e-12)


def test_points_outside_the_task_window_are_dropped(centres):
    points, octave, centre = ladder_points(centres, LOWER, UPPER)
    everywhere = ladder_points(centres, LOWER - 9, UPPER + 9)
    inside = ((everywhere[0] >= LOWER) & (everywhere[0] <= UPPER)).all(axis=1)
    assert inside.sum() < len(inside) == N_POINTS
    for kept, each in zip((points, octave, centre), everywhere, strict=True):
        assert np.array_equal(kept, each[inside])


def truth_in_windows(centres, max_iter, bailout):
    points, octave, centre = ladder_points(centres, LOWER, UPPER)
    orbit = escape_time(points.view(complex)[:, 0], max_iter=max_iter, bailout=bailout)
    values = smooth_value(orbit, MANDELBROT) if bailout == 256 else log_distance_value(orbit)
    return values, orbit.interior, octave, centre


@pytest.mark.parametrize(("max_iter", "bailout"), [(5000, 256.0), (5000, 1e4)], ids=["smooth", "distance"])
def test_truth_varies_in_every_window(centres, max_iter, bailout):
    values, _, octave, centre = truth_in_windows(centres, max_iter, bailout)
    spread = [values[(octave == k) & (centre == i)].astype(float).var() for k, n, _ in SHAPE for i in range(n)]
    assert len(spread) == 3 * 16 + 7 * 256 + 5 * 64
    assert min(spread) > 1e-4  # float32 rounding alone would be 1e-15


@pytest.mark.parametrize(("max_iter", "bailout"), [(5000, 256.0), (5000, 1e4)], ids=["smooth", "distance"])
def test_no_point_past_octave_9_is_unresolved(centres, max_iter, bailout):
    _, interior, octave, _ = truth_in_windows(centres, max_iter, bailout)
    share = np.array([interior[octave == k].mean() for k in OCTAVES])
    assert (share[:6] < 0.3).all()  # the set's own body fills a fifth of the wide windows
    assert (share[6:10] < 0.02).all()
    assert (share[10:] < 1e-3).all()
    assert (share[11:] == 0.0).all()
