"""Remakes the frozen reference: what the constant predictor and k-NN score, and k-NN's learning curve."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from statistics import fmean, geometric_mean
from typing import Any

from mbench.errors import HarnessError
from mbench.results.environment import describe_environment
from mbench.results.record import Record
from mbench.results.store import ResultStore
from mbench.runs.cells import Cell
from mbench.runs.evaluate import evaluate_source, plan_cells
from mbench.runs.progress import Progress
from mbench.runs.run import open_run
from mbench.runs.settings import Settings
from mbench.submission import BASELINES_FOLDER, Source, read_submission
from mbench.suite import tracks

FOLDER_NAME = "reference"  # in the results folder
REPLICATES = 20
EXTRA_REPLICATES = 5  # of tasks that count nowhere
CURVE_SIZES = (10, 32, 100, 316, 1_000, 3_162, 10_000, 31_623, 100_000, 316_228, 1_000_000, 3_162_278, 10_000_000)
_CURVE_REPLICATES = {size: 5 if size <= 100_000 else 1 for size in CURVE_SIZES}  # large samples hardly vary
_UNLIMITED_S = 3600.0
_LARGEST_SAMPLE = 1_000_000


class ReferenceStore(ResultStore):
    """The reference's own cells: k-NN's curve is of sample sizes that no track has."""

    purpose = "reference"


def make_reference(
    store: ReferenceStore,
    settings: Settings,
    names: Collection[str] = tuple(tracks.TRACKS),
    report: Callable[[Progress], None] = lambda progress: None,
) -> dict[str, Any]:
    """Run both reference baselines on the tracks of these names, and k-NN on nested samples; return JSON.

    Without the largest track the curves end where its sample does.
    Raises HarnessError if a cell failed, MissingDataError where a data set is not on this machine.
    """
    knn, constant = (read_submission(BASELINES_FOLDER / f"{name}.py") for name in ("knn", "constant"))

    def run(source: Source, cells: Sequence[Cell]) -> tuple[Record, ...]:
        with open_run(source, settings, report) as opened:
            result, _ = evaluate_source(opened, cells, store)
        for record in result.records:
            if not record.ok:
                raise HarnessError(f"{source.name} on {record.task}: {record.status} ({record.reason}). Run it again")
        return result.records

    by_track = {}
    for track in (tracks.TRACKS[name] for name in tracks.TRACKS if name in names):
        cells = [
            *plan_cells(track.name, track.tasks, REPLICATES)[0],
            *plan_cells(track.name, tuple(tracks.EXTRA_TASKS), EXTRA_REPLICATES)[0],
        ]
        by_method = [run(source, cells) for source in (constant, knn)]
        by_track[track.name] = {
            task: _summarise(*[[record for record in records if record.task == task] for records in by_method])
            for task in (*track.tasks, *tracks.EXTRA_TASKS)
        }
    sizes = [size for size in CURVE_SIZES if "large" in names or size <= _LARGEST_SAMPLE]
    cells = [
        Cell(task, "large", replicate, size, _UNLIMITED_S)
        for task in tracks.FAMILIES["mandelbrot"]
        for size in sizes
        for replicate in range(_CURVE_REPLICATES[size])
    ]
    return {
        "suite": tracks.SUITE_VERSION,
        "made_by": "mbench reference",
        "how": f"geometric means of errors, and means of depths, over {REPLICATES} replicates of baselines/constant.py "
        f"and baselines/knn.py on every track ({EXTRA_REPLICATES} of tasks that count nowhere); curves: "
        "geometric means of k-NN's error on nested samples",
        "sources": {source.name: source.digest for source in (knn, constant)},
        "environment": describe_environment(),
        "tracks": by_track,
        "curves": _curves(run(knn, cells), sizes),
    }


def _summarise(constant: Sequence[Record], knn: Sequence[Record]) -> dict[str, float | None]:
    depths = [record.metrics.profile.depth_octaves for record in knn if record.metrics and record.metrics.profile]
    return {
        "constant_error": geometric_mean(record.metrics.error for record in constant if record.metrics),
        "knn_error": geometric_mean(record.metrics.error for record in knn if record.metrics),
        "knn_depth_octaves": fmean(depths) if depths else None,
    }


def _curves(records: Sequence[Record], sizes: Sequence[int]) -> dict[str, dict[str, list[float]]]:
    return {
        task: {
            "sizes": list(sizes),
            "errors": [
                geometric_mean(r.metrics.error for r in records if r.task == task and r.n_samples == size and r.metrics)
                for size in sizes
            ],
        }
        for task in tracks.FAMILIES["mandelbrot"]
    }
