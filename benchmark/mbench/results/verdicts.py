"""From scores on the audit's sets to a few numbers, a verdict, and how far a lead on the board can be trusted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from mbench.results.audits import DESCRIPTIONS, MATCHED, TARGETS, Bound, Score, SetScore, Statistic, Target, Verdict
from mbench.results.reference import Reference

LEAK_CAP = 2.0  # bits: what is nearly exact errs on a handful of points, and on no two test sets alike
_TASKS: Mapping[Target, str] = {"smooth": "mandelbrot", "distance": "mandelbrot-distance"}
_MARGIN_T = 1.94  # Student's t with 6 degrees of freedom, one-sided 95%: two targets have four warps each


@dataclass(frozen=True, slots=True)
class Advantage:
    """How many points of score more the set itself was worth than its relatives, ± error: over its warps, and over all.

    over_warps: what a table of the set is worth.  over_all: what a rule is worth that finds the warps, too; methods
    differ in it by some points, since recurrences and fields are of other kinds.
    """

    over_warps: float
    over_all: float
    error: float

    @property
    def margin(self) -> float:
        """The least lead on the board that counts, in points.

        What a table may have been worth at most, by the interval of 95%, or what all relatives say, where that is more.
        """
        return max(0.0, self.over_warps + _MARGIN_T * self.error, self.over_all)


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
    values["score"] = measure_advantage(sets, track, reference).over_all
    values["control"] = next(each.correlation or 0.0 for each in sets if each.group == "control")
    assert values.keys() == DESCRIPTIONS.keys()
    return {name: values[name] for name in DESCRIPTIONS}


def measure_advantage(sets: Sequence[SetScore], track: str, reference: Reference) -> Advantage:
    """Return by how many points of a track's score the set was worth more than the matched groups.

    The score is the mean of four parts, bits and depths of both targets: bits are turned into points by the track's
    reference, depths by k-NN's on the same set. The error is what the spread among warps makes of a difference between
    one more of them and their mean.
    """
    over_warps, over_all, squared = 0.0, 0.0, 0.0
    for target in TARGETS:
        task = reference.tasks[track, _TASKS[target]]
        per_bit = 200.0 * math.log(2.0) / math.log(task.constant_error / task.knn_error)

        def points(score: Score, per_bit: float = per_bit) -> float:
            return (per_bit * score.bits + 100.0 * score.depth_octaves / score.knn_depth_octaves) / 4.0

        groups = [_values(sets, group, target, points) for group in MATCHED]
        (hidden,) = _values(sets, "hidden", target, points)
        warps = groups[0]
        over_warps += hidden - fmean(warps)
        over_all += hidden - fmean(map(fmean, groups))
        squared += variance(warps) * (1.0 + 1.0 / len(warps))
    return Advantage(over_warps, over_all, math.sqrt(squared))


def compare_bits(public: float, hidden: float) -> float:
    """Return how many bits more public test points were worth than hidden ones; beyond `LEAK_CAP` all are alike."""
    return min(public, LEAK_CAP) - min(hidden, LEAK_CAP)


def compare_statistics(values: Mapping[str, float], bounds: Mapping[str, Bound]) -> tuple[Statistic, ...]:
    """Put each statistic beside its bound."""
    return tuple(Statistic(name, value, bounds[name].mean, bounds[name].threshold) for name, value in values.items())


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
    first = next(statistic for statistic in statistics if statistic.name == "score")
    return "passed", f"nothing beyond the baselines' spread: {first}"


def _values(sets: Sequence[SetScore], group: str, target: Target, read: Callable[[Score], float]) -> list[float]:
    return [read(each.score) for each in sets if (each.group, each.target) == (group, target) and each.score]


def _bits(score: Score) -> float:
    return score.bits


def _octaves(score: Score) -> float:
    return score.octaves


def _list(statistics: Sequence[Statistic]) -> str:
    return "; ".join(map(str, statistics))
