"""From scores on an audit's sets to a few numbers, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import get_args

from mbench.results.audits import DESCRIPTIONS, Bound, Group, SetScore, Statistic, Verdict

LEAK_CAP = 2.0  # bits: what is nearly exact errs on a handful of points, and on no two test sets alike
# Each of these is bits or octaves that a formula gives and an approximation of the sample does not.
ADVANTAGES = (
    "precision", "precision, distance", "depth", "depth, distance", "warp", "julia", "multibrot3", "burning-ship",
    "tricorn",
)  # fmt: skip
LEAKS = ("leak", "leak, distance", "depth leak", "depth leak, distance")
UNKNOWN = "quadratic"  # a rule that nobody can have carried in


def compute_statistics(sets: Sequence[SetScore]) -> dict[str, float]:
    """Return every statistic of `DESCRIPTIONS`; all sets must be ok."""
    bits = _by_group(sets, lambda s: s.hidden and s.hidden.bits)
    depth = _by_group(sets, lambda s: s.hidden and s.hidden.depth_octaves)
    public = _by_group(sets, lambda s: s.public and s.public.bits)
    public_depth = _by_group(sets, lambda s: s.public and s.public.depth_octaves)
    correlation = _by_group(sets, lambda s: s.correlation)
    warps, quadratics = fmean(bits["warp"]), sorted(bits["quadratic"])[-2]
    values = {
        "precision": bits["mandelbrot"][0] - _better_half(bits["warp"]),
        "precision, distance": bits["mandelbrot-distance"][0] - _better_half(bits["warp-distance"]),
        "depth": depth["mandelbrot"][0] - _better_half(depth["warp"]),
        "depth, distance": depth["mandelbrot-distance"][0] - _better_half(depth["warp-distance"]),
        "warp": warps - quadratics,
        **{group: max(bits[group]) - warps for group in ("julia", "multibrot3", "burning-ship", "tricorn")},
        "quadratic": quadratics - warps,
        "leak": compare_bits(public["mandelbrot"][0], bits["mandelbrot"][0]),
        "leak, distance": compare_bits(public["mandelbrot-distance"][0], bits["mandelbrot-distance"][0]),
        "depth leak": public_depth["mandelbrot"][0] - depth["mandelbrot"][0],
        "depth leak, distance": public_depth["mandelbrot-distance"][0] - depth["mandelbrot-distance"][0],
        "control": correlation["control"][0],
    }
    assert values.keys() == DESCRIPTIONS.keys()
    return values


def compare_bits(public: float, hidden: float) -> float:
    """Return how many bits more public test points were worth than hidden ones; beyond `LEAK_CAP` all are alike."""
    return min(public, LEAK_CAP) - min(hidden, LEAK_CAP)


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


def _better_half(of_warps: Sequence[float]) -> float:
    """Return the mean of the mirrored warps or of the others, the larger; they take turns.

    So what uses the mirror symmetry of the Mandelbrot set meets its like.
    """
    return max(fmean(of_warps[0::2]), fmean(of_warps[1::2]))


def _by_group(sets: Sequence[SetScore], value: Callable[[SetScore], float | None]) -> dict[str, list[float]]:
    groups: dict[str, list[float]] = {group: [] for group in get_args(Group)}
    for each in sets:
        found = value(each)
        if found is not None:
            groups[each.group].append(found)
    return groups
