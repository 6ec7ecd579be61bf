"""From scores on the audit's sets to a few numbers, a verdict, and how far a lead on the board can be trusted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from mbench.results.audits import (
    DESCRIPTIONS,
    MATCHED,
    TARGETS,
    Bound,
    Group,
    Score,
    SetScore,
    Statistic,
    Target,
    Verdict,
)
from mbench.results.reference import Reference

LEAK_CAP = 2.0  # bits: what is nearly exact errs on a handful of points, and on no two test sets alike
BEHIND = 1.0  # bits and octaves: how far what lies further behind k-NN does so says nothing of what it carries
_TASKS: Mapping[Target, str] = {"smooth": "mandelbrot", "distance": "mandelbrot-distance"}
_MARGIN_T = 1.94  # Student's t with 6 degrees of freedom, one-sided 95%: two targets have four warps each


@dataclass(frozen=True, slots=True)
class Advantage:
    """How many points of score more the set itself was worth than each matched group of relatives.

    error: what the spread among warps makes of the difference to one more of them.
    """

    over: Mapping[Group, float]
    error: float

    def find_margin(self, bounds: Mapping[str, Bound]) -> float:
        """Return the least lead on the board that counts, in points.

        What a table may have been worth at most, by the interval of 95% over the warps; or what a rule was, over
        recurrences or fields, where that is more. These are of other kinds than the set, so that any method is worth
        something over them: the baselines' middle is taken off.
        """
        by_table = self.over["warp"] + _MARGIN_T * self.error
        by_rule = (self.over[group] - bounds[f"score, {group}"].middle for group in ("recurrence", "field"))
        return max(0.0, by_table, *by_rule)


def compute_statistics(sets: Sequence[SetScore], track: str, reference: Reference) -> dict[str, float]:
    """Return every statistic of `DESCRIPTIONS`; all sets must be ok. track: whose points the score is counted in."""
    values: dict[str, float] = {}
    for target in TARGETS:
        bits, octaves = (
            {group: _values(sets, group, target, read) for group in ("public", "hidden", *MATCHED)}
            for read in (_bits, _octaves)
        )
        (public,), (hidden,) = bits["public"], bits["hidden"]
        found = {
            "table": hidden - fmean(bits["warp"]),
            "depth table": octaves["hidden"][0] - fmean(octaves["warp"]),
            "rule": fmean(bits["hidden"] + bits["warp"]) - fmean(bits["recurrence"]),
            "depth rule": fmean(octaves["hidden"] + octaves["warp"]) - fmean(octaves["recurrence"]),
            "leak": compare_bits(public, hidden),
            "depth leak": octaves["public"][0] - octaves["hidden"][0],
            "discovery": sorted(bits["recurrence"])[-2] - fmean(bits["field"]),
        }
        values |= {f"{name}, {target}": value for name, value in found.items()}
    over = measure_advantage(sets, track, reference).over
    values |= {f"score, {group}": over[group] for group in MATCHED}
    values["control"] = next(each.correlation or 0.0 for each in sets if each.group == "control")
    assert values.keys() == DESCRIPTIONS.keys()
    return {name: values[name] for name in DESCRIPTIONS}


def measure_advantage(sets: Sequence[SetScore], track: str, reference: Reference) -> Advantage:
    """Return by how many points of a track's score the set was worth more than each of the matched groups.

    The score is the mean of four parts, bits and depths of both targets: bits are turned into points by the track's
    reference, depths by k-NN's on the same set. The error is what the spread among warps makes of a difference between
    one more of them and their mean.
    """
    over: dict[Group, float] = dict.fromkeys(MATCHED, 0.0)
    squared = 0.0
    for target in TARGETS:
        task = reference.tasks[track, _TASKS[target]]
        per_bit = 200.0 * math.log(2.0) / math.log(task.constant_error / task.knn_error)

        def points(score: Score, per_bit: float = per_bit) -> float:
            return (per_bit * _bits(score) + 100.0 * _octaves(score) / 5.0) / 4.0  # of a set where k-NN is 5 deep

        (hidden,) = _values(sets, "hidden", target, points)
        by_group: dict[Group, list[float]] = {group: _values(sets, group, target, points) for group in MATCHED}
        for group, values in by_group.items():
            over[group] += hidden - fmean(values)
        warps = by_group["warp"]
        squared += variance(warps) * (1.0 + 1.0 / len(warps))
    return Advantage(over, math.sqrt(squared))


def compare_bits(public: float, hidden: float) -> float:
    """Return how many bits more public test points were worth than hidden ones; beyond `LEAK_CAP` all are alike."""
    return min(public, LEAK_CAP) - min(hidden, LEAK_CAP)


def compare_statistics(values: Mapping[str, float], bounds: Mapping[str, Bound]) -> tuple[Statistic, ...]:
    """Put each statistic beside its bound."""
    return tuple(Statistic(name, value, bounds[name].middle, bounds[name].threshold) for name, value in values.items())


def reach_verdict(sets: Sequence[SetScore], statistics: Sequence[Statistic]) -> tuple[Verdict, str]:
    """Return the verdict and its reason in one line.

    statistics: empty where a set has no score. A rule found on secret recurrences, which nobody can have carried in,
    and not on shuffled labels, was found in the sample: then whatever it also does for the set itself is a discovery.
    """
    for each in sets:
        if each.status == "inconsistent":
            return "flagged: inconsistent predictions", f"on {each.name}: {each.reason}"
    for each in sets:
        if not each.ok:
            return "failed", f"on {each.name}: {each.status}: {each.reason}"
    beyond = [statistic for statistic in statistics if statistic.exceeds]
    leaked = [statistic for statistic in beyond if "leak" in statistic.name]
    found = [statistic for statistic in beyond if statistic.name.startswith("discovery")]
    gained = [s for s in beyond if s.name.split(",")[0] in ("table", "depth table", "rule", "depth rule", "score")]
    blind = [statistic for statistic in beyond if statistic.name == "control"]
    if found and not blind and not leaked:
        return "discovery", f"it found a rule in the sample: {_list([*found, *gained])}"
    if gained:
        return "flagged: carried the rule in", _list(gained)
    if leaked:
        return "flagged: knows the public test set", _list(leaked)
    if blind:
        return "flagged: predicts without labels", _list(blind)
    scores = [statistic for statistic in statistics if statistic.name.startswith("score")]
    nearest = max(scores, key=lambda statistic: statistic.value - statistic.threshold)
    return "passed", f"nothing beyond the baselines' spread: {nearest}"


def _values(sets: Sequence[SetScore], group: str, target: Target, read: Callable[[Score], float]) -> list[float]:
    return [read(each.score) for each in sets if (each.group, each.target) == (group, target) and each.score]


def _bits(score: Score) -> float:
    return max(score.bits, -BEHIND)


def _octaves(score: Score) -> float:
    return max(score.octaves, -BEHIND)


def _list(statistics: Sequence[Statistic]) -> str:
    return "; ".join(map(str, statistics))
