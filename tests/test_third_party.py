"""What others wrote works as what we did: tests/third_party, file by file in the sandbox, and done directly."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from mbench.child.worker import check_answer, seed_everything
from mbench.results import metrics
from mbench.runs.cells import Cell, make_spec
from mbench.runs.evaluate import evaluate_source
from mbench.runs.run import Run
from mbench.runs.settings import Settings
from mbench.sandbox.child_process import open_nursery
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import read_submission
from mbench.suite.tasks import load_task

FOLDER = Path(__file__).with_name("third_party")
NEEDS = {"lightgbm_trees": "lightgbm", "siren": "siren_pytorch"}
SIZES = {"curve": 300, "sphere": 400, "digits": 500}  # one output, three, ten; 1 input, 2, 64


def fit_directly(path, spec, sample, X):
    """Import a submission here, fit it, and predict X as the worker takes it: (m, k) float32."""
    loader = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(loader)
    loader.loader.exec_module(module)
    with threadpool_limits(1):
        seed_everything(spec.seed)
        answer = module.build(spec).fit(sample.X, sample.y).predict(X)
    return check_answer(answer, len(X), spec.n_outputs)


@pytest.mark.filterwarnings("ignore")  # what others' packages warn of is not ours to fix
@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.py")))
def test_a_third_partys_method_predicts_in_the_sandbox_what_it_does_outside(name, store):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason=f"{name} is tested where its package is installed")
    path = FOLDER / f"{name}.py"
    source = read_submission(path)
    settings = Settings(jobs=2, isolation=choose_isolation(allow_none=True))
    cells = [Cell(task, "quick", 0, n_samples, 60.0) for task, n_samples in SIZES.items()]
    with open_nursery(source, settings.threads, settings.isolation) as nursery:
        result, _ = evaluate_source(Run(source, settings, nursery=nursery), cells, store)
    assert {record.task: (record.status, record.reason) for record in result.records} == {
        cell.task: ("ok", "") for cell in cells
    }
    for cell, record in zip(cells, sorted(result.records, key=lambda r: list(SIZES).index(r.task)), strict=True):
        task = load_task(cell.task)
        sample, queries = task.draw_sample(cell.n_samples, 0), task.draw_queries(cell.n_samples, 0)
        predicted = fit_directly(path, make_spec(cell, task, settings), sample, queries.X)
        np.testing.assert_allclose(store.read_predictions(record.key), predicted, rtol=1e-4, atol=1e-4)
        truth = task.truth(queries.points)
        if task.is_classification:
            assert record.metrics.error == pytest.approx(metrics.error_rate(predicted, truth), abs=0.004)
            assert record.metrics.error < 0.5
        else:
            expected = metrics.fraction_unexplained(predicted, truth, queries.weight)
            assert record.metrics.error == pytest.approx(expected, rel=1e-3)
            assert record.metrics.error < 1.0
