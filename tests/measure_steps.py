"""Print what a step of each network baseline costs here, and its share of the limit: `python tests/measure_steps.py`.

Processor time of one thread, the least of a few tries. A baseline's own constants are for an idle core of a 2026 server
CPU: where the shares come out near 0.4 on an idle machine, they hold. Give names for some baselines only, and `--track`
for the samples and limits of another track.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from baseline_modules import load

from mbench.submission import baseline_names
from mbench.suite import tracks
from mbench.suite.tasks import find_task
from mbench.types import Spec

FEW, MORE = 10, 110  # steps: what comes before the first one falls out of the difference
TRIES = 3
LEAST_ROWS = 2_000  # a step takes a batch of them, however many there are


def list_specs(track: tracks.Track) -> dict[str, Spec]:
    """Return the spec of each task of a track, but of one task where two have the same."""
    specs = {}
    for name in track.tasks:
        kind, budget = find_task(name), track.budgets[tracks.family_of(name)]
        spec = Spec(
            *(kind.n_inputs, kind.n_outputs, budget.n_samples, budget.fit_limit_s), threads=1, device="cpu", seed=0
        )
        if spec not in specs.values():
            specs[name] = spec
    return specs


def build_network(name: str, spec: Spec):
    """Return a baseline's estimator, or None where it takes no steps."""
    estimator = load(name).build(spec)
    return estimator if hasattr(estimator, "learning_rate_at") else None


def measure_step_ms(name: str, spec: Spec) -> float:
    """Return the milliseconds of a step, and of its part of the trials before the first one, if there are any."""
    rng = np.random.default_rng(0)
    n = max(LEAST_ROWS, build_network(name, spec).batch_size)
    X, y = rng.uniform(-1.0, 1.0, (n, spec.n_inputs)), rng.random((n, spec.n_outputs))
    tries = []
    for _ in range(TRIES):
        seconds = []
        for steps in (FEW, MORE):
            estimator = build_network(name, spec).set_params(steps=steps)
            start = time.process_time()
            estimator.fit(X, y)
            seconds.append(time.process_time() - start)
        tries.append((seconds[1] - seconds[0]) / (MORE - FEW))
    return 1e3 * min(tries)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--track", default=tracks.DEFAULT_TRACK, choices=tracks.TRACKS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    specs = list_specs(tracks.TRACKS[given.track])
    print(f"{'baseline':18} {'task':10} {'steps':>7} {'ms':>6} {'share':>6}")
    for name in given.names or baseline_names():
        for task, spec in specs.items():
            estimator = build_network(name, spec)
            if estimator is None:
                break
            step_ms = measure_step_ms(name, spec)
            share = estimator.steps * step_ms / 1e3 / spec.fit_limit_s
            print(f"{name:18} {task:10} {estimator.steps:7} {step_ms:6.2f} {share:6.2f}", flush=True)


if __name__ == "__main__":
    main()
