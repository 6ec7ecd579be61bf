"""Print what the board's intervals and pair test hold, by simulation: `python tests/simulate_intervals.py`.

Normal scores, and what recorded baselines' replicates did: their deviations from their own means, drawn anew. What
several test sets do to real methods is printed by `simulate_hidden_sets.py`. `--seed` seeds everything that is drawn.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import special

from mbench.board.stats import combine_errors, mean_interval
from mbench.types import FloatArray

RECORDED = Path(__file__).parents[1] / "baselines" / "results" / "suite-1"
FRACTALS = ("mandelbrot", "mandelbrot-distance")
N = 5  # replicates, as on the track standard
FREEDOM = (N - 1, N - 1)
LEVELS = {"5%": 0.05, "5%/22": 0.05 / 22, "5%/276": 0.05 / 276}


@dataclass(frozen=True)
class Recorded:
    """Mandelbrot scores of baselines on the track standard: (entries, tasks, replicates), with their names."""

    names: tuple[str, ...]
    cells: FloatArray


def read_recorded(folder: Path) -> Recorded:
    """Score recorded replicates, against k-NN's and the constant predictor's own: suite 1's are enough for this."""
    kept = {}
    for path in sorted(folder.glob("*.json")):
        records = json.loads(path.read_text()).get("records", ())
        cells = {
            (each["task"], each["replicate"]): each["metrics"]
            for each in records
            if each["track"] == "standard" and each["task"] in FRACTALS and each["metrics"]
        }
        if all((task, replicate) in cells for task in FRACTALS for replicate in range(N)):
            kept[path.stem] = [[cells[task, replicate] for replicate in range(N)] for task in FRACTALS]
    logs = {name: np.log([[cell["error"] for cell in row] for row in rows]) for name, rows in kept.items()}
    depths = {name: np.array([[sum(c["profile"]["mean"]) for c in row] for row in rows]) for name, rows in kept.items()}
    zero, hundred = (logs[name].mean(axis=1, keepdims=True) for name in ("constant", "knn"))
    skills = {name: 100 * (zero - each) / (zero - hundred) for name, each in logs.items()}
    deep = depths["knn"].mean(axis=1, keepdims=True)
    scores = {name: (skills[name] + 100 * depths[name] / deep) / 2 for name in kept}
    names = tuple(name for name, each in scores.items() if each.std(axis=1).min() > 1e-6 and each.mean() > 10)
    return Recorded(names, np.array([scores[name] for name in names]))


def deviations(values: FloatArray, *, own_units: bool) -> FloatArray:
    """Return what replicates (m, n) deviate from their mean, all pooled, with the variance that they estimate.

    own_units: each row in units of its own standard deviation; else all as they are, so that some rows are wider.
    """
    d = (values - values.mean(axis=1, keepdims=True)) * np.sqrt(N / (N - 1))
    scale = d.std(axis=1, keepdims=True) if own_units else d.std()
    return (d / scale).ravel()


def cover(draws: FloatArray) -> float:
    """Return how many of the intervals of replicates (m, n) whose mean is 0 hold it."""
    return float(np.mean([each.low <= 0 <= each.high for each in map(mean_interval, draws) if each is not None]))


def find_nothing(draws: FloatArray, shared: float, known: float, rng: np.random.Generator) -> list[float]:
    """Return how often, over the level, the test finds a difference where there is none, by level.

    draws: (m, tasks, n), differences of which nothing but chance is left.  shared: the variance that the test set adds.
    known: what the test is told of that.
    """
    m = len(draws)
    difference = draws.mean(axis=(1, 2)) + rng.normal(0, np.sqrt(shared), m)
    error = draws.var(axis=2, ddof=1) / N / len(FRACTALS) ** 2
    return (count_found(difference, error, known) / m / list(LEVELS.values())).tolist()


def count_found(difference: FloatArray, error: FloatArray, known: FloatArray | float) -> FloatArray:
    """Return how many of the differences (m,) the test finds at each level. error, known: as for `combine_errors`."""
    known = np.broadcast_to(known, difference.shape)
    # Of a tail heavier than the normal one nothing is below a level that the normal one leaves above it.
    near = np.sqrt(error.sum(axis=1) + known) * 0.95 * special.ndtri(1 - max(LEVELS.values()) / 2)
    far = np.flatnonzero(np.abs(difference) > near)
    cut = np.array_split(far, len(far) // 2_000 + 1)  # bounds the memory
    p = np.concatenate([combine_errors(difference[rows], error[rows], FREEDOM, known[rows]) for rows in cut])
    return np.array([(p <= level).sum() for level in LEVELS.values()])


def print_coverage(recorded: Recorded, m: int, rng: np.random.Generator) -> None:
    """Print how often intervals hold the mean."""
    scores = recorded.cells.mean(axis=1)
    pairs = np.array([one - other for one, other in combinations(scores, 2)])
    print(f"95% intervals by Student's t over n = {N} hold the mean, of {m:,}:")
    print(f"  normal scores              {cover(rng.normal(0, 1, (m, N))):.1%}")
    for name, values in (("scores of replicates", scores), ("differences of replicates", pairs)):
        print(f"  {name:26} {cover(rng.choice(deviations(values, own_units=False), (m, N))):.1%}")
    print(f"Such an interval for one more replicate, from the other {N - 1}, holds it, with nothing drawn:")
    for name, values in (("scores", scores), ("differences", pairs)):
        print(f"  of {len(values)} {name:20} {hold_left_out(values):.1%}")


def hold_left_out(values: FloatArray) -> float:
    """Return how many of the replicates (m, n) lie where the others of their row say that one more will, 19 in 20."""
    half = special.stdtrit(N - 2, 0.975) * np.sqrt(1 + 1 / (N - 1))
    held = []
    for left_out in range(N):
        rest = np.delete(values, left_out, axis=1)
        held.append(np.abs(values[:, left_out] - rest.mean(axis=1)) <= half * rest.std(axis=1, ddof=1))
    return float(np.mean(held))


def print_false_positives(recorded: Recorded, m: int, rng: np.random.Generator) -> None:
    """Print how often the pair test finds what is not there, over what its level allows."""
    by_task = [np.array([a[t] - b[t] for a, b in combinations(recorded.cells, 2)]) for t in range(len(FRACTALS))]
    print(f"\nFalse positives of the pair test over its level (1 is as often as said), of {m:,} pairs of equals.")
    print("ratio: of the tasks' standard deviations.  test set: its variance over that of the mean difference's.")
    print(f"  {'differences':24} {'ratio':>5} {'test set':>8}" + "".join(f"{name:>9}" for name in LEVELS))

    def show(name: str, ratio: float, part: float, draws: FloatArray, *, counted: bool = True) -> None:
        scale = np.array([1.0, ratio])
        shared = part * np.square(scale).sum() / N / len(FRACTALS) ** 2
        found = find_nothing(draws * scale[:, None], shared, shared if counted else 0.0, rng)
        label = name if counted else f"{name}, not counted"
        print(f"  {label:24} {ratio:5.3g} {part:8g}" + "".join(f"{each:9.2f}" for each in found))

    for ratio in (1.0, 3**0.5, 3.0):
        for part in (0.0, 1.0):
            show("normal", ratio, part, rng.normal(0, 1, (m, 2, N)))
            for name, own in (("recorded", False), ("recorded, own units", True)):
                pools = [deviations(each, own_units=own) for each in by_task]
                show(name, ratio, part, np.stack([rng.choice(pool, (m, N)) for pool in pools], axis=1))
    show("normal", 1.0, 1.0, rng.normal(0, 1, (m, 2, N)), counted=False)


def print_real_differences(recorded: Recorded) -> None:
    """Print how large a difference must be for the pair test."""
    pairs = np.array([a - b for a, b in combinations(recorded.cells, 2)])
    error = pairs.var(axis=2, ddof=1) / N / len(FRACTALS) ** 2
    print(
        f"\nHow large a difference is real, n = {N}: points, median of {len(pairs)} recorded pairs (nine in ten below)"
    )
    for sd in (0.0, 0.15, 0.28):
        ends = {}
        for name, level in LEVELS.items():
            low, high = np.zeros(len(pairs)), np.full(len(pairs), 200.0)
            for _ in range(30):
                middle = (low + high) / 2
                above = combine_errors(middle, error, FREEDOM, sd**2) > level
                low, high = np.where(above, middle, low), np.where(above, high, middle)
            ends[name] = f"{np.median(high):.2f} ({np.quantile(high, 0.9):.2f})"
        print(f"  test set's sd {sd:.2f}: " + ", ".join(f"at {name} {end}" for name, end in ends.items()))


def main() -> None:
    """Print it all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=18)
    parser.add_argument("--draws", type=int, default=60_000)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    recorded = read_recorded(RECORDED)
    print(f"seed {asked.seed}; {len(recorded.names)} recorded baselines, {N} replicates of {len(FRACTALS)} tasks\n")
    print_coverage(recorded, asked.draws, rng)
    print_false_positives(recorded, asked.draws, rng)
    print_real_differences(recorded)


if __name__ == "__main__":
    main()
