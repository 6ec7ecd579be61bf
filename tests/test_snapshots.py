import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbench.child.snapshots import MAX_STEP, SnapshotError, Snapshots, takes_snapshot


def make_snapshots(pickle=lambda: b"x", n_kept=8, max_bytes=10**6, clock=None):
    return Snapshots(pickle, n_kept, max_bytes, clock or itertools.count().__next__)


@given(n_calls=st.integers(0, 3000), n_kept=st.integers(1, 20))
def test_the_first_call_the_end_and_evenly_spaced_calls_are_kept(n_calls, n_kept):
    snapshots = make_snapshots(n_kept=n_kept)
    for step in range(n_calls):
        snapshots(step)
    *kept, last = [s.step for s in snapshots.finish()]
    assert len(kept) <= n_kept
    assert last == max(0, n_calls - 1)
    assert kept[:1] == [0][: min(n_calls, 1)]
    assert len(set(np.diff(kept))) <= 1
    # Every second one is dropped only where there were too many.
    assert len(kept) >= min(n_calls - 1, n_kept // 2)


def test_a_million_calls_pickle_a_few_times_only():
    taken = []
    snapshots = make_snapshots(lambda: taken.append(1) or b"x", n_kept=100)
    for step in range(10**6):
        snapshots(step)
    snapshots.finish()
    assert len(taken) <= 101 + 50 * math.ceil(math.log2(10**6 / 50))


def test_bytes_are_bounded_too_the_last_one_aside():
    snapshots = make_snapshots(lambda: b"x" * 1000, n_kept=100, max_bytes=5000)
    for step in range(64):
        snapshots(step)
    assert 3 <= len(snapshots.finish()) <= 6


def test_a_snapshot_larger_than_the_bound_leaves_the_first_and_the_last():
    snapshots = make_snapshots(lambda: b"x" * 1000, max_bytes=10)
    for step in range(64):
        snapshots(step)
    assert [s.step for s in snapshots.finish()] == [0, 63]


def test_content_is_the_estimator_as_it_was():
    contents = iter([b"a", b"b", b"c"])
    snapshots = make_snapshots(lambda: next(contents))
    snapshots(0)
    snapshots(10)
    assert [(s.step, s.content) for s in snapshots.finish()] == [(0, b"a"), (10, b"c")]


def test_the_time_that_snapshots_take_is_not_counted():
    now = [100.0]

    def pickle():
        now[0] += 1000.0
        return b"x"

    snapshots = make_snapshots(pickle, clock=lambda: now[0])
    for step in range(3):
        now[0] += 2.0
        snapshots(step)
    now[0] += 0.5
    assert [s.seconds for s in snapshots.finish()] == [2.0, 4.0, 6.5]


@pytest.mark.parametrize("step", ["3", None, 3.0, np.nan, np.array([1, 2]), -1, 4, MAX_STEP, 10**400], ids=repr)
def test_a_step_that_is_no_whole_number_or_goes_back_is_refused(step):
    snapshots = make_snapshots()
    snapshots(5)
    with pytest.raises(SnapshotError, match=r"snapshot\(step\) got"):
        snapshots(step)
    assert [s.step for s in snapshots.finish()] == [5, 5]


@pytest.mark.parametrize("step", [7, np.int32(7), np.array(7), True + 6])
def test_any_whole_number_is_a_step(step):
    snapshots = make_snapshots()
    snapshots(step)
    assert [type(s.step) for s in snapshots.finish()] == [int, int]


def test_an_estimator_that_cannot_be_pickled_says_so():
    def pickle():
        raise TypeError("no")

    with pytest.raises(SnapshotError, match="cannot be pickled for a snapshot: TypeError: no"):
        make_snapshots(pickle)(0)


def test_a_fit_takes_snapshots_if_a_parameter_is_called_so():
    def second(X, y, sample_weight=None):
        pass

    def third(X, y, *, snapshot=None):
        pass

    assert not takes_snapshot(second)
    assert takes_snapshot(third)
    assert not takes_snapshot(int.from_bytes)
    assert not takes_snapshot(type)
