import pytest

from mbench.sandbox.limits import TimeLimit


@pytest.mark.parametrize(
    ("threads", "busy_s", "wall_s", "words"),
    [
        (1, 2.0, 2.0, ""),
        (1, 2.1, 2.1, "fit ran past its limit of 2.0 s: it took 2.1 processor seconds"),
        (4, 7.9, 2.0, ""),
        (4, 8.4, 2.0, "fit ran past its limit of 2.0 s: it took 8.4 processor seconds, 2.1 for each of 4 threads"),
        (1, 2.4, 0.6, "fit ran past its limit of 2.0 s: it took 2.4 processor seconds, with 4.0 cores busy. "
                      "Use spec.threads threads"),
    ],
)  # fmt: skip
def test_processor_seconds_are_compared_with_the_limit_for_each_thread_granted(threads, busy_s, wall_s, words):
    limit = TimeLimit(2.0, threads)
    assert limit.describe_busy("fit", busy_s, wall_s) == words
    assert limit.charge(busy_s, wall_s) == busy_s / threads


def test_wall_clock_is_a_cap_of_three_times_the_limit():
    limit = TimeLimit(2.0, threads=4)
    assert limit.describe_wall("fit", 0.1, 6.0) == ""
    assert limit.describe_wall("fit", 0.1, 6.1) == (
        "fit ran past its limit of 2.0 s: it took 6.1 s of wall clock, of which it may take 3 times as many, and 0.1 "
        "processor seconds"
    )


def test_with_a_gpu_wall_clock_is_the_limit_and_the_cost():
    limit = TimeLimit(2.0, has_gpu=True)
    assert limit.charge(0.3, 1.9) == 1.9
    assert limit.describe_wall("fit", 0.3, 2.0) == ""
    assert limit.describe_wall("fit", 0.3, 2.1) == "fit ran past its limit of 2.0 s, which is of wall clock with a GPU"
    assert limit.describe_busy("fit", 2.1, 1.0).startswith("fit ran past its limit of 2.0 s: it took 2.1 processor")
