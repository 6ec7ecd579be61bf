"""Labels of hard points against 50 digits, on a sample of the points that `check_exact` prints."""

from dataclasses import replace

import numpy as np
import pytest
from check_exact import CHAOTIC, Comparison, compare, hard_points


@pytest.fixture(scope="module")
def found():
    """100 of the 2,000 points: 50 of the near stratum's longest orbits, then 50 deep ones of the ladder."""
    return compare(hard_points(2_000)[::20])


def test_escape_counts_are_exact_where_rounding_cannot_matter(found):
    calm = ~found.chaotic
    assert calm[:50].sum() > 10
    assert calm[50:].sum() > 90
    assert np.array_equal(found.counts[calm], found.exact_counts[calm])


def test_labels_are_exact_to_the_promised_digits_where_rounding_cannot_matter(found):
    calm = ~found.chaotic
    assert found.error[calm].max() <= CHAOTIC
    assert (found.error <= found.bound)[calm].all()


def test_the_suite_tells_the_exact_labels_in_float32_where_rounding_cannot_matter(found):
    calm = ~found.chaotic
    assert np.array_equal(found.told[calm], found.exact_labels.astype(np.float32)[calm])


def test_labels_of_deep_ladder_points_are_exact(found):
    assert np.array_equal(found.counts[50:], found.exact_counts[50:])
    assert found.error[50:].max() < 1e-7


def test_a_label_beyond_its_bound_is_noticed():
    """A nudge of 1e-13 is 450 units in the last place of a coordinate near 1: more than all roundings together."""
    points = hard_points(20)[10:]
    right, nudged = compare(points), compare(points + 1e-13)
    mixed: Comparison = replace(right, labels=nudged.labels)
    assert (right.error <= right.bound).all()
    assert not (mixed.error <= mixed.bound).all()
