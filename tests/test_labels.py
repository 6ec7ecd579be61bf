from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbench.views.render.colours import FAINT, N_HIGHLIGHTED, tell_apart
from mbench.views.render.labels import place_beside, spread

PLACES = st.lists(st.floats(0, 1_000), min_size=1, max_size=30)


def overlap(centres, sizes):
    """Return the pairs of rectangles that meet."""
    return [
        (i, j)
        for i in range(len(centres))
        for j in range(i)
        if np.all(np.abs(centres[i] - centres[j]) < (sizes[i] + sizes[j]) / 2 - 1e-9)
    ]


@given(PLACES)
def test_spread_names_are_a_gap_apart_within_bounds_and_in_order(places):
    moved = spread(np.array(places), 30.0, 0.0, 1_000.0)
    order = np.argsort(places, kind="stable")
    assert np.all(np.diff(moved[order]) >= 30.0 - 1e-6)
    assert moved.min() >= -1e-6
    assert moved.max() <= 1_000.0 + 1e-6


@given(PLACES)
def test_no_simpler_arrangement_is_nearer(places):
    """Pushing each name below the one above it, or each above the one below it, moves them at least as far."""
    low, high = np.array(places), np.array(places)
    order = np.argsort(places, kind="stable")
    for above, here in pairwise(order):
        low[here] = max(low[here], low[above] + 30.0)
    for below, here in pairwise(order[::-1]):
        high[here] = min(high[here], high[below] - 30.0)
    moved = spread(np.array(places), 30.0, -1e6, 1e6)
    assert np.sum((moved - places) ** 2) <= min(np.sum((each - places) ** 2) for each in (low, high)) + 1e-6


def test_names_that_are_apart_stay():
    assert spread(np.array([300.0, 10.0, 100.0]), 30.0, 0.0, 500.0) == pytest.approx([300, 10, 100])


def test_without_room_the_first_names_are_in_view():
    assert spread(np.zeros(4), 30.0, 0.0, 50.0) == pytest.approx([0, 30, 60, 90])


def test_numbers_in_a_crowd_cover_neither_each_other_nor_a_dot_nor_the_line(rng):
    dots = 300.0 + rng.normal(0.0, 30.0, (14, 2))
    dots[1] = dots[0]
    sizes = np.tile([26.0, 17.0], (14, 1))
    line = np.stack([np.full(120, 290.0), np.linspace(0, 600, 120)], axis=1)
    centres = place_beside(dots, sizes, line, (0, 0, 600, 600))
    assert overlap(centres, sizes) == []
    for centre in centres:
        assert np.all(np.any(np.abs(centre - np.concatenate([dots, line])) > [13.0, 8.5], axis=1))
    assert np.array_equal(centres, place_beside(dots, sizes, line, (0, 0, 600, 600)))


def test_a_number_at_the_edge_stays_inside():
    (centre,) = place_beside(np.array([[100.0, 50.0]]), np.array([[26.0, 17.0]]), np.empty((0, 2)), (0, 0, 100, 100))
    assert centre[0] <= 100 - 13


def test_the_first_methods_have_a_hue_each_and_the_yardstick_its_own_look():
    names = [f"m{i}" for i in range(20)]
    looks = tell_apart([*names[:15], "knn", *names[15:]], "knn")
    hues = [looks[name].colour for name in names]
    assert len(set(hues[:N_HIGHLIGHTED])) == N_HIGHLIGHTED
    assert set(hues[N_HIGHLIGHTED:]) == {FAINT}
    assert looks["knn"].colour not in hues
    assert looks["knn"].order > max(looks[name].order for name in names)
    assert "knn" not in tell_apart(names, "knn")
