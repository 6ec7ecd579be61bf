import hashlib

import pytest

from mbench.suite import tracks

# DESIGN, section 2: what a version of the suite fixes.
BUDGETS = {
    "quick": {"mandelbrot": (10_000, 15), "images": (10_000, 10), "surfaces": (2_000, 5), "functions": (1_000, 5)},
    "standard": {
        "mandelbrot": (100_000, 60),
        "images": (60_000, 30),
        "surfaces": (10_000, 15),
        "functions": (5_000, 10),
    },
    "large": {
        "mandelbrot": (1_000_000, 300),
        "images": (160_000, 60),
        "surfaces": (100_000, 30),
        "functions": (50_000, 20),
    },
}


@pytest.mark.parametrize("track", BUDGETS)
def test_budgets_are_the_suites(track):
    budgets = tracks.TRACKS[track].budgets
    assert {f: (budgets[f].n_samples, budgets[f].fit_limit_s) for f in BUDGETS[track]} == BUDGETS[track]


@pytest.mark.parametrize(("track", "digits"), [("quick", "digits"), ("standard", "mnist"), ("large", "mnist")])
def test_a_track_has_two_tasks_of_four_families_and_one_of_digits(track, digits):
    tasks = tracks.TRACKS[track].tasks
    assert len(tasks) == 9
    assert tasks[-1] == digits


@pytest.mark.parametrize("task", [*tracks.task_names(), "image:cat.png"])
def test_every_task_has_a_family_with_a_budget(task):
    assert tracks.family_of(task) in tracks.TRACKS["quick"].budgets


def test_an_unknown_task_has_no_family():
    with pytest.raises(KeyError):
        tracks.family_of("nonsense")


def test_init_seed_is_the_labels_and_fits_every_library():
    word = int.from_bytes(hashlib.sha256(b"mbench/2|init|3").digest()[:4], "little")
    assert tracks.init_seed(3) == word // 2 < 2**31


@pytest.mark.parametrize(("n_queries", "limit"), [(10, 15.0), (200_000, 15.0), (400_000, 30.0)])
def test_predict_limit_grows_with_the_queries(n_queries, limit):
    assert tracks.predict_limit_s(15.0, n_queries) == limit
