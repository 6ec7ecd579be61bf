"""CONTRIBUTING's recipe for a task, followed to the letter in a copy of the package."""

import pytest
from recipe_copy import ROOT, PackageCopy, insert_line, needs_checkout, read_recipe

from mbench.suite import tracks

pytestmark = needs_checkout

LOOP = """
import numpy as np
from mbench.suite.tasks import load_task
task = load_task("celtic")
points = task.draw_sample(300, 0).points
def escape(cx, cy):
    x, y = cx, cy
    for n in range(1, 5001):
        if x * x + y * y > 256.0 ** 2:
            nu = max(0.0, n + 1 - np.log2(np.log2(np.hypot(x, y))))
            return nu / (nu + 50)
        x, y = abs(x * x - y * y) + cx, 2 * x * y + cy
    return 1.0
assert np.allclose(task.truth(points)[:, 0], [escape(*point) for point in points.tolist()], atol=1e-6)
assert task.golden_points is None and task.recurrence.golden is None
task.self_test()
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    task, line = read_recipe("Add a task")
    copy = PackageCopy(tmp_path_factory.mktemp("copy"))
    copy.edit("suite/tasks/fractals.py", lambda text: f"{text}\n\n{task}")
    copy.edit("suite/tracks.py", lambda text: insert_line(text, '"tricorn": "mandelbrot",', line))
    return copy


def test_a_task_touches_its_family_and_the_suite(copy):
    assert copy.changed() == {"benchmark/mbench/suite/tasks/fractals.py", "benchmark/mbench/suite/tracks.py"}


def test_the_new_task_is_listed_and_those_before_are_as_they_were(copy):
    rows = {row["task"]: row for row in copy.mbench("tasks", "--json")["tasks"]}
    assert list(rows) == [*tracks.task_names(), "celtic"]
    told = [rows["celtic"][name] for name in ("family", "map", "headline")]
    assert told == ["mandelbrot", "R² → R", False]
    assert rows["celtic"]["budgets"] == rows["tricorn"]["budgets"]


def test_the_new_task_tells_the_truth_of_its_formula(copy):
    copy.run(LOOP)


def test_the_new_task_is_evaluated_drawn_and_scored_again_without_a_skill(copy):
    evaluated = ("evaluate", ROOT / "baselines" / "nearest.py", "--task", "celtic", "--json")
    (score,) = copy.mbench(*evaluated)["tasks"]
    assert 0 < score["error"] < 0.5
    assert score["skill"] is None
    assert set(score["further"]) == {"psnr_db", "error_p99"}
    copy.mbench("render", ROOT / "baselines" / "nearest.py", "--task", "celtic")
    assert (copy.folder / "results" / "nearest" / "quick" / "celtic.png").stat().st_size > 10_000
    (row,) = copy.mbench("rescore", "--json")
    assert row["before"] == row["after"] == score["error"]
