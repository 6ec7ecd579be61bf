"""Audits for tests: sets by hand, and the statistics and the verdict that the package computes of these."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mbench.results import audits
from mbench.results.audits import (
    BOUNDS_NAME,
    DESCRIPTIONS,
    SCHEMA_VERSION,
    AuditReport,
    Bound,
    Score,
    SetScore,
    list_sets,
    load_bounds,
)
from mbench.results.reference import load_reference
from mbench.results.verdicts import compare_statistics, compute_statistics, reach_verdict
from mbench.suite.tracks import SUITE_VERSION

BOUNDS_FILE = Path(audits.__file__).with_name(BOUNDS_NAME)
BOUNDS = {name: Bound(0.0, 0.1, 0.5) for name in DESCRIPTIONS}
needs_bounds = pytest.mark.skipif(not BOUNDS_FILE.exists(), reason=f"{BOUNDS_NAME} is not computed yet")


def make_sets(
    bits: Mapping[str, float] | None = None, octaves: Mapping[str, float] | None = None, correlation: float = 0.0
) -> tuple[SetScore, ...]:
    """Return every set of an audit, learned as k-NN learns it, but for what is said.

    bits, octaves: gained on k-NN, by a set's name, else what stands before its target, its group and target, its group.
    correlation: of answers and truth after learning the control's shuffled labels.
    """
    sets = []
    for name in list_sets():
        kind, _, target = name.partition(", ")
        group = kind.split()[0]
        keys = (name, kind, f"{group}, {target}", group)
        gained, deeper = (next((says[key] for key in keys if key in says), 0.0) for says in (bits or {}, octaves or {}))
        is_control = group == "control"
        sets.append(
            SetScore(
                name=name, group=group, target=target or "smooth", status="ok", reason="",
                score=Score(0.01 * 4.0**-gained, 0.01, 5.0 + deeper, 5.0),
                correlation=correlation if is_control else 0.9, fit_s=1.0,
            )
        )  # fmt: skip
    return tuple(sets)


def fail_set(sets: Sequence[SetScore], name: str, status: str = "timeout", reason: str = "too slow") -> tuple:
    """Return the sets, one of them without a score."""
    bad = {"status": status, "reason": reason, "score": None, "correlation": None, "fit_s": None}
    return tuple(replace(each, **bad) if each.name == name else each for each in sets)


def make_report(source_digest: str = "1" * 64, sets: Sequence[SetScore] | None = None, **changes) -> AuditReport:
    """Return an audit of a source with these sets, honest ones by default, but for the fields given.

    Its bounds are the frozen ones, or invented ones while there are none.
    """
    sets = make_sets() if sets is None else tuple(sets)
    track = changes.get("track", "quick")
    statistics = ()
    if all(each.ok for each in sets):
        bounds = load_bounds() if BOUNDS_FILE.exists() else BOUNDS
        statistics = compare_statistics(compute_statistics(sets, track, load_reference()), bounds)
    verdict, reason = reach_verdict(sets, statistics)
    report = AuditReport(
        schema=SCHEMA_VERSION, suite=SUITE_VERSION, name="idea", source_digest=source_digest, track=track,
        secret_sha256="2" * 64, replicate=0, verdict=verdict, reason=reason, sets=sets, statistics=statistics,
        threads=1, device="cpu", isolation="A", environment={}, created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    return replace(report, **changes)
