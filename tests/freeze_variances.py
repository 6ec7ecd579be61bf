"""Freeze the variance of the truth over each public test set: what an error and its PSNR differ by.

python tests/freeze_variances.py          # says where they differ from what is frozen
python tests/freeze_variances.py --write  # after a change of the suite
"""

import json
import sys
from pathlib import Path

import numpy as np

import mbench
from mbench.runs.evaluate import plan_cell
from mbench.suite import tracks
from mbench.suite.tasks import find_task, load_task

PLACE = Path(mbench.__file__).parent / "results" / f"variances-{tracks.SUITE_VERSION}.json"
_DIGITS = 9


def measure_variance(track: str, name: str, replicate: int) -> float:
    """Return the variance of the truth over a cell's test set, a mean over outputs."""
    task = load_task(name)
    queries = task.draw_queries(plan_cell(task, track, replicate).n_samples, replicate)
    truth = task.truth(queries.points[: queries.n_test]).astype(np.float64)
    return float(queries.weight @ np.square(truth - queries.weight @ truth).mean(axis=1))


def measure_all() -> dict[str, dict[str, list[float]]]:
    """Return the variances by track and task: of each replicate of a photo, else one for all."""
    found: dict[str, dict[str, list[float]]] = {}
    for track in tracks.TRACKS.values():
        for name in track.tasks:
            if "psnr_db" in find_task(name).metrics:
                n = track.replicates if tracks.family_of(name) == "images" else 1
                values = [float(f"{measure_variance(track.name, name, r):.{_DIGITS}g}") for r in range(n)]
                found.setdefault(track.name, {})[name] = values
    return found


if __name__ == "__main__":
    measured = measure_all()
    if "--write" in sys.argv[1:]:
        PLACE.write_text(json.dumps({"suite": tracks.SUITE_VERSION, "variances": measured}, indent=1) + "\n")
    elif measured != json.loads(PLACE.read_text())["variances"]:
        sys.exit(f"{PLACE}: is of another suite. Write it again with --write")
