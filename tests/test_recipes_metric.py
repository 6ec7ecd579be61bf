"""CONTRIBUTING's recipe for a metric, followed to the letter in a copy of the package."""

import json

import numpy as np
import pytest
from recipe_copy import ROOT, PackageCopy, insert_line, needs_checkout, read_recipe

from mbench.suite.tasks import load_task

pytestmark = needs_checkout

NAMES = 'metrics = ("fvu", "psnr_db", "error_p99")'
EVALUATE = ("evaluate", ROOT / "baselines" / "nearest.py", "--task", "curve", "--task", "digits", "--json")


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Return a copy as it was, with a result in it."""
    copy = PackageCopy(tmp_path_factory.mktemp("copy"))
    copy.mbench(*EVALUATE)
    return copy


@pytest.fixture(scope="module")
def copy(before):
    function, line, names = read_recipe("Add a metric")
    before.edit("results/metrics.py", lambda text: text.replace("\n\nMETRICS: ", f"\n\n{function}\n\nMETRICS: "))
    before.edit("results/metrics.py", lambda text: insert_line(text, "for metric in (", f"    {line}"))
    before.edit("suite/tasks/base.py", lambda text: text.replace(NAMES, names.strip()))
    return before


def kept(copy):
    records = [json.loads(path.read_text()) for path in (copy.folder / "results" / "cells").glob("*.json")]
    return {record["task"]: record for record in records}


def test_a_metric_touches_its_registry_and_who_names_it(copy):
    assert copy.changed() == {"benchmark/mbench/results/metrics.py", "benchmark/mbench/suite/tasks/base.py"}


def test_rescoring_fills_the_new_metric_in_from_stored_predictions(copy):
    old = kept(copy)
    assert set(old["curve"]["metrics"]) == {"error", "psnr_db", "error_p99", "profile"}
    copy.mbench("rescore")
    new = kept(copy)
    task = load_task("curve")
    truth = task.truth(task.draw_queries(1_000, 0).points).astype(float)
    predicted = np.load(copy.folder / "results" / "cells" / f"{new['curve']['key']}.npy").astype(float)
    assert new["curve"]["metrics"]["mae"] == pytest.approx(np.abs(predicted.reshape(-1) - truth[:, 0]).mean(), rel=1e-6)
    assert {**new["curve"]["metrics"], "mae": None} == {**old["curve"]["metrics"], "mae": None}
    assert new["digits"]["metrics"] == old["digits"]["metrics"]
