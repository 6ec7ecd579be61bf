"""How much of the truth, mixed into a fair method, the audit lets pass, and what it gains: printed as a table.

`python tests/audit/dose_response.py --secrets 3` fits fair methods on every set of an audit, in this process, and mixes
their answers with the truth: on the set alone, as a table of it would, and on the set and its warps, as a rule would.
The largest share that passes is found for each secret, and its gain in points of the track's score, less what the
board's margin takes from a lead. `--write` puts the table into docs/audit.md.
"""

import argparse
import importlib.util
from dataclasses import dataclass

import numpy as np
from page import PAGE, write_table

from mbench.results import metrics
from mbench.results.audits import SetScore, load_bounds
from mbench.results.reference import load_reference
from mbench.results.verdicts import measure_advantage
from mbench.review.audit.relatives import draw_sets
from mbench.review.audit.run import judge_sets
from mbench.review.audit.statistics import correlate, score_answers
from mbench.submission import BASELINES_FOLDER
from mbench.suite import tracks
from mbench.suite.secrets import published_secret
from mbench.types import Spec

METHODS = ("knn", "knn_mirror", "extra_trees", "rbf")
TRACK = tracks.DEFAULT_TRACK
DOSES = {"a table": ("public", "hidden"), "a rule": ("public", "hidden", "warp")}
TASKS = {"smooth": "mandelbrot", "distance": "mandelbrot-distance"}
STEPS = 8  # of halving: the share is found to 1/256


@dataclass(frozen=True)
class Answered:
    """A set and what a fair method says of its queries. predicted: (m, 1)."""

    relative: object
    drawn: object
    predicted: np.ndarray

    def score(self, share: float) -> SetScore:
        """Score the answers with a share of the truth in them."""
        mixed = (1.0 - share) * self.predicted + share * self.drawn.truth
        n = self.drawn.queries.n_test
        return SetScore(
            name=self.relative.name,
            group=self.relative.group,
            target=self.relative.target,
            status="ok",
            reason="",
            score=score_answers(mixed, self.drawn.by_knn, self.drawn.truth, self.drawn.queries),
            correlation=correlate(mixed[:n], self.drawn.truth[:n]),
        )


def answer_all(name: str, secret: bytes) -> list[Answered]:
    """Fit a baseline on every set of an audit."""
    spec = importlib.util.spec_from_file_location(name, BASELINES_FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    budget = tracks.TRACKS[TRACK].budgets["mandelbrot"]
    answered = []
    for relative in draw_sets(secret, budget.n_samples, 0):
        drawn = relative.prepare(budget.n_samples, 0)
        wanted = Spec(2, 1, budget.n_samples, budget.fit_limit_s, threads=1, device="cpu", seed=tracks.init_seed(0))
        fitted = module.build(wanted).fit(drawn.sample.X, drawn.sample.y)
        answered.append(Answered(relative, drawn, np.reshape(fitted.predict(drawn.queries.X), (-1, 1))))
    return answered


def measure(sets: list[SetScore]) -> float:
    """Return the track's Mandelbrot score of an audit's public sets: the mean of its four parts."""
    parts = []
    for each in sets:
        if each.group == "public":
            reference = load_reference().tasks[TRACK, TASKS[each.target]]
            parts.append(metrics.skill(each.score.fvu, reference.constant_error, reference.knn_error))
            parts.append(min(tracks.SKILL_CAP, 100.0 * each.score.depth_octaves / reference.knn_depth_octaves))
    return float(np.mean(parts))


def score_dose(answered: list[Answered], dose: str, share: float, plain: list[SetScore]) -> list[SetScore]:
    """Return the sets' scores with a share of the truth where the dose has it."""
    return [
        each.score(share) if each.relative.group in DOSES[dose] else kept
        for each, kept in zip(answered, plain, strict=True)
    ]


def find_largest(answered: list[Answered], dose: str) -> tuple[float, float, float]:
    """Return the largest share that passes, what it gains in points, and what of that a lead would keep."""
    plain = [each.score(0.0) for each in answered]
    low, high, best = 0.0, 1.0, plain
    for _ in range(STEPS):
        middle = (low + high) / 2.0
        sets = score_dose(answered, dose, middle, plain)
        if judge_sets(sets, TRACK)[1] in ("passed", "discovery"):
            low, best = middle, sets
        else:
            high = middle
    gain = measure(best) - measure(plain)
    margin = measure_advantage(best, TRACK, load_reference()).find_margin(load_bounds())
    return low, gain, max(0.0, gain - margin)


def print_table(names: list[str], secrets: list[bytes]) -> str:
    """Return the table as Markdown; every cell is the largest over the secrets."""
    lines = ["| mixed into | what | largest share that passes | gains | beyond its margin |", "|---|---|---|---|---|"]
    for name in names:
        by_secret = [answer_all(name, secret) for secret in secrets]
        for dose in DOSES:
            found = np.array([find_largest(answered, dose) for answered in by_secret])
            share, gain, kept = found.max(axis=0)
            lines.append(f"| `{name}` | {dose} | {share:.0%} | {gain:.1f} points | {kept:.1f} |")
            print(lines[-1], flush=True)
    return "\n".join([*lines, "", f"On `{TRACK}`; the largest of {len(secrets)} secrets."])


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=METHODS)
    parser.add_argument("--secrets", type=int, default=3)
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    arguments = parser.parse_args()
    secrets = [published_secret(f"mbench/{tracks.SUITE_VERSION}|audit|dose|{i}") for i in range(arguments.secrets)]
    table = print_table(arguments.names, secrets)
    if arguments.write:
        write_table("dose", table)


if __name__ == "__main__":
    main()
