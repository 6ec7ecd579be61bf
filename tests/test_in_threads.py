from threading import Barrier, Event, Lock

import pytest

from mbench.runs.in_threads import run_all


@pytest.mark.parametrize("jobs", [1, 2, 7])
def test_every_item_is_done_once(jobs):
    assert sorted(run_all(range(20), lambda item: item**2, jobs=jobs, cancel=Event())) == [i**2 for i in range(20)]


def test_nothing_to_do_ends_at_once():
    assert list(run_all([], print, jobs=2, cancel=Event())) == []


def test_jobs_run_side_by_side():
    meeting = Barrier(3, timeout=30)
    assert len(list(run_all(range(3), lambda item: meeting.wait(), jobs=3, cancel=Event()))) == 3


@pytest.mark.parametrize("jobs", [1, 2])
def test_no_more_jobs_run_than_asked_for(jobs):
    lock, running, most = Lock(), [], []

    def work(item):
        with lock:
            running.append(item)
            most.append(len(running))
        with lock:
            running.remove(item)

    list(run_all(range(50), work, jobs=jobs, cancel=Event()))
    assert max(most) <= jobs


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_cancels_what_runs_and_drops_what_waits(error):
    cancel, started = Event(), []

    def work(item):
        started.append(item)
        if item == 0:
            raise error("stop")
        cancel.wait(timeout=30)

    with pytest.raises(error, match="stop"):
        list(run_all(range(50), work, jobs=2, cancel=cancel))
    assert cancel.is_set()
    assert len(started) < 50


def test_leaving_the_loop_cancels_what_runs():
    cancel = Event()
    outcomes = run_all(range(3), lambda item: item and cancel.wait(timeout=30), jobs=3, cancel=cancel)
    assert next(outcomes) == 0
    outcomes.close()
    assert cancel.is_set()


def test_running_to_the_end_does_not_cancel():
    cancel = Event()
    list(run_all(range(3), str, jobs=2, cancel=cancel))
    assert not cancel.is_set()
