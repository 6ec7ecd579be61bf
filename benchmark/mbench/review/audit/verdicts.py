"""What an audit's numbers mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mbench.results.audits import Bound, SetScore, Statistic, Verdict

# Each of these is bits or octaves that a formula gives and an approximation of the sample does not.
ADVANTAGES = (
    "precision", "precision, distance", "depth", "depth, distance", "warp", "julia", "multibrot3", "burning-ship",
    "tricorn",
)  # fmt: skip
LEAKS = ("leak", "leak, distance", "depth leak", "depth leak, distance")
UNKNOWN = "quadratic"  # a rule that nobody can have carried in


def compare_statistics(values: Mapping[str, float], bounds: Mapping[str, Bound]) -> tuple[Statistic, ...]:
    """Put each statistic beside its bound."""
    return tuple(Statistic(name, value, bounds[name].mean, bounds[name].threshold) for name, value in values.items())


def reach_verdict(sets: Sequence[SetScore], statistics: Sequence[Statistic]) -> tuple[Verdict, str]:
    """Return the verdict and its reason in one line.

    statistics: empty where a set has no score. A rule found on a secret quadratic, which nobody can have carried in,
    and not on shuffled labels, was found in the sample: then whatever it also does for the named sets is a discovery.
    """
    for each in sets:
        if each.status == "inconsistent":
            return "flagged: inconsistent predictions", f"on {each.name}: {each.reason}"
    for each in sets:
        if not each.ok:
            return "failed", f"on {each.name}: {each.status}: {each.reason}"
    by_name = {statistic.name: statistic for statistic in statistics}
    gained = [by_name[name] for name in ADVANTAGES if by_name[name].exceeds]
    leaked = [by_name[name] for name in LEAKS if by_name[name].exceeds]
    blind = by_name["control"].exceeds
    found = by_name[UNKNOWN].exceeds
    if found and not blind and not leaked:
        return "discovery", f"it found a rule in the sample: {_list([by_name[UNKNOWN], *gained])}"
    if gained:
        return "flagged: carried the rule in", _list(gained)
    if leaked:
        return "flagged: knows the public test set", _list(leaked)
    if blind:
        return "flagged: predicts without labels", _list([by_name["control"]])
    first = by_name["precision"]
    return "passed", f"nothing beyond the baselines' spread: {first}"


def _list(statistics: Sequence[Statistic]) -> str:
    return "; ".join(map(str, statistics))
