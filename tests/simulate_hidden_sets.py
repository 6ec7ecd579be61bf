"""Print how well records' parts tell what a test set does: `python tests/simulate_hidden_sets.py` (some minutes).

Methods that take seconds learn many samples and answer on many hidden test sets, here and not in a child, as they are
ours. Test sets then vary as nothing on a board does, and what the board says of one can be held against it. Means over
all sets stand for the truth, so that ten sets tell rates to about a third. `--seed` seeds all that is drawn.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.spatial import cKDTree
from simulate_intervals import FRACTALS, LEVELS, N, count_found

from mbench.board.noise import Parts, measure_noise, number_groups
from mbench.suite.tasks import load_task
from mbench.types import FloatArray, IntArray

N_SAMPLES, SAMPLE_SIZE, THIN = 12, 10_000, 8
STRATA = (50, 10)  # blocks
METHODS = ("1 near", "4 near", "12 near", "12 alike")


@dataclass(frozen=True)
class Drawn:
    """Scores (methods, sets, tasks, samples) and their parts (methods, sets, tasks, samples, parts) in skill points."""

    scores: FloatArray
    parts: FloatArray
    n_centres: int


def predict_all(X: FloatArray, y: FloatArray, queries: FloatArray) -> list[FloatArray]:
    """Return what methods that take seconds say: means of neighbours, weighted but for the last."""
    distance, index = cKDTree(X).query(queries, 12)
    weight = 1.0 / np.maximum(distance, 1e-12) ** 2
    near = y[index]
    mean = [(weight[:, :k] * near[:, :k]).sum(axis=1) / weight[:, :k].sum(axis=1) for k in (1, 4, 12)]
    return [*mean, near.mean(axis=1)]


def draw_hidden(n_sets: int, rng: np.random.Generator) -> Drawn:
    """Score the methods on all samples and as many hidden test sets, of which one query in `THIN` is asked."""
    rows = []
    for _ in range(n_sets):
        secret = rng.bytes(32)
        for task in map(load_task, FRACTALS):
            queries = task.draw_queries(SAMPLE_SIZE, 0, secret)
            assert queries.octave is not None
            assert queries.centre is not None
            n_test = len(queries.weight)
            asked = np.arange(len(queries.X)) % THIN == 0
            weight = queries.weight[asked[:n_test]] / queries.weight[asked[:n_test]].sum()
            octave, centre = queries.octave[asked[n_test:]], queries.centre[asked[n_test:]]
            truth = task.truth(queries.points[asked])[:, 0].astype(np.float64)
            for replicate in range(N_SAMPLES):
                sample = task.draw_sample(SAMPLE_SIZE, replicate)
                for found in predict_all(sample.X, sample.y[:, 0], queries.X[asked]):
                    square = np.square(found - truth)
                    depths = _windows(square[len(weight) :], truth[len(weight) :], octave, centre)
                    rows.append([depths, _blocks(square[: len(weight)], truth[: len(weight)], weight)])
    shape = (n_sets, len(FRACTALS), N_SAMPLES, len(METHODS), -1)
    depths, errors = (np.array(each).reshape(shape).transpose(3, 0, 1, 2, 4) for each in zip(*rows, strict=True))
    depth, error = depths.sum(axis=-1), errors.sum(axis=-1)
    # Twelve neighbours have 100; a constant has an error of 1. A task's score is the mean of two skills.
    yardstick = METHODS.index("12 near")
    slope = 50 / np.log(1 / error[yardstick]).mean(axis=(0, 2))[:, None]
    octave_worth = 50 / depth[yardstick].mean(axis=(0, 2))[:, None]
    parts = np.concatenate([octave_worth[..., None] * depths, -(slope / error)[..., None] * errors], axis=-1)
    return Drawn(slope * np.log(1 / error) + octave_worth * depth, parts, depths.shape[-1])


def _windows(square: FloatArray, truth: FloatArray, octave: IntArray, centre: IntArray) -> FloatArray:
    """Return each centre's part of the depth: (centres,)."""
    n_centres = int(centre.max()) + 1
    window, size = octave * n_centres + centre, (int(octave.max()) + 1) * n_centres
    count = np.bincount(window, minlength=size)
    mean, squares, mse = (
        np.bincount(window, each, size) / np.maximum(count, 1) for each in (truth, np.square(truth), square)
    )
    variance = squares - np.square(mean)
    flat = variance < 1e-12  # no point is there, or all are alike
    score = np.where(flat, 0.0, np.clip(1 - mse / np.where(flat, 1.0, variance), 0, 1)).reshape(-1, n_centres)
    there = (count > 0).reshape(score.shape)
    return (score / there.sum(axis=1, keepdims=True)).sum(axis=0)


def _blocks(square: FloatArray, truth: FloatArray, weight: FloatArray) -> FloatArray:
    """Return each block's part of the error: of the stratum near the set, then of the rest."""
    part = weight * square / (weight @ np.square(truth - weight @ truth))
    strata = np.split(part, np.flatnonzero(np.diff(weight)) + 1)
    return np.array([b.sum() for s, n in zip(strata, STRATA, strict=True) for b in np.array_split(s, n)])


def print_noise(drawn: Drawn, m: int, rng: np.random.Generator) -> None:
    """Print for each pair of methods what sets do to the difference, what parts say, and what the pair test finds."""
    print(
        f"Standard deviation between sets, and as said by the parts of one, n = {N}, mean of {m} draws a set; then the"
    )
    print("pair test's false positives over its level, with the test set's part and without:")
    print(f"  {'pair':18} {'is':>6} {'said':>6} " + "".join(f"{name:>8}" for name in LEVELS) * 2)
    rates = []
    for a, b in combinations(range(len(METHODS)), 2):
        d = drawn.scores[a] - drawn.scores[b]
        d = d - d.mean(axis=(0, 2), keepdims=True)
        known, counts = _draw_pairs(drawn, (a, b), d, m, rng)
        rates.append(counts / len(known) / list(LEVELS.values()))
        print(
            f"  {METHODS[a] + ' / ' + METHODS[b]:18} {max(_of_sets(d), 0.0) ** 0.5:6.3f} {known.mean() ** 0.5:6.3f} "
            + "".join(f"{each:8.2f}" for each in rates[-1].ravel())
        )
    print(f"  {'mean':33}" + "".join(f"{each:8.2f}" for each in np.mean(rates, axis=0).ravel()))


def _draw_pairs(
    drawn: Drawn, pair: tuple[int, int], d: FloatArray, m: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return what parts say in each draw, and how many draws the test finds with that and without: (2, levels)."""
    group = number_groups(drawn.n_centres, len(FRACTALS))
    said, difference, error = [], [], []
    for number in np.repeat(np.arange(drawn.scores.shape[1]), m):
        chosen = [rng.choice(N_SAMPLES, N, replace=False) for _ in FRACTALS]
        one, other = (Parts(np.arange(N), _join(drawn, each, number, chosen), group) for each in pair)
        cells = np.array([d[number, t, rows] for t, rows in enumerate(chosen)])
        said.append(measure_noise(one, other))
        difference.append(cells.mean())
        error.append(cells.var(axis=1, ddof=1) / N / len(FRACTALS) ** 2)
    known = np.array(said)
    counts = [count_found(np.array(difference), np.array(error), each) for each in (known, 0.0)]
    return known, np.array(counts)


def _of_sets(d: FloatArray) -> float:
    """Return the variance that test sets give a difference (sets, tasks, samples), by components of variance."""
    score = d.mean(axis=1)  # samples of the tasks are paired by number, as good as any
    means = score.mean(axis=1)
    unlike = score - means[:, None] - score.mean(axis=0) + score.mean()
    rest = np.square(unlike).sum() / ((score.shape[0] - 1) * (score.shape[1] - 1))
    return float(means.var(ddof=1) - rest / score.shape[1])


def _join(drawn: Drawn, method: int, number: int, chosen: list[FloatArray]) -> FloatArray:
    """Return the parts of the Mandelbrot score of one method on one set: (n, parts)."""
    each = [drawn.parts[method, number, t, rows] / len(FRACTALS) for t, rows in enumerate(chosen)]
    n = drawn.n_centres
    return np.concatenate([sum(part[:, :n] for part in each), *(part[:, n:] for part in each)], axis=1)


def main() -> None:
    """Print it all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=18)
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--draws", type=int, default=100, help="of samples, for each set and pair of methods")
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    print(
        f"seed {asked.seed}; {asked.sets} hidden test sets, {N_SAMPLES} samples of {SAMPLE_SIZE:,}, one query in {THIN}"
    )
    print_noise(draw_hidden(asked.sets, rng), asked.draws, rng)


if __name__ == "__main__":
    main()
