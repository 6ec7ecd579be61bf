"""Where the audit's bounds come from: the baselines, each audited under the same published secrets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mbench.disk import write_json
from mbench.errors import HarnessError
from mbench.results.audits import DESCRIPTIONS, Bound, SetScore
from mbench.results.environment import describe_environment
from mbench.results.kept import Form, read_kept
from mbench.results.reference import load_reference
from mbench.results.verdicts import compute_statistics
from mbench.review.audit.run import Report, score_sets
from mbench.review.audit.statistics import BY_CHANCE, RULE, prediction_bound
from mbench.runs.settings import Settings
from mbench.submission import BASELINES_FOLDER, Source, baseline_names, read_submission
from mbench.suite import tracks
from mbench.suite.secrets import published_secret, secret_digest

# What one audits with is fresh; what the bounds are calibrated with anybody may know, since it only sets the bounds.
LABELS = tuple(f"mbench/{tracks.SUITE_VERSION}|audit|calibration|{i}" for i in range(5))
TRACK = tracks.DEFAULT_TRACK
# What secrets do is measured on methods of every kind that take seconds; how methods differ, on all, under one.
UNDER_EACH_SECRET = ("delaunay", "extra_trees", "hist_gbdt", "knn_mirror", "nearest", "rbf", "rff_ridge")
_KEPT = Form(tuple[SetScore, ...], 1 << 20, "Delete it, and its sets are run again", has_head=False)
_FILES = ("fields.py", "matching.py", "recurrences.py", "relatives.py", "warps.py")


def calibrate(
    folder: Path,
    settings: Settings,
    report: Report = lambda progress: None,
    labels: Sequence[str] = LABELS,
    announce: Callable[[str], None] = lambda line: None,
    names: Sequence[str] = (),
) -> dict[str, Any]:
    """Audit baselines under the calibration secrets; return the bounds as JSON. What is in `folder` is kept.

    All have the first secret, and those of `UNDER_EACH_SECRET` the others, too.

    announce: told which baseline is next.  names: of the baselines, () for all.
    Raises HarnessError if a baseline failed on a set.
    """
    sources = [read_submission(BASELINES_FOLDER / f"{name}.py") for name in names or baseline_names()]
    reference = load_reference()
    by_label: dict[str, list[dict[str, float]]] = {source.name: [] for source in sources}
    for label in labels:  # the outer loop, so that what is interrupted holds whole secrets
        for source in sources:
            if label != labels[0] and source.name not in UNDER_EACH_SECRET:
                continue
            announce(f"{source.name}, {label}")
            sets = _scores(source, label, folder, settings, report)
            by_label[source.name].append(compute_statistics(sets, TRACK, reference))
    values = {
        name: {statistic: [round(row[statistic], 6) for row in rows] for statistic in rows[0]}
        for name, rows in by_label.items()
    }
    return {
        "suite": tracks.SUITE_VERSION,
        "made_by": "mbench audit --calibrate",
        "rule": RULE,
        "track": TRACK,
        "secrets": {label: secret_digest(published_secret(label)) for label in labels},
        "sources": {source.name: source.digest for source in sources},
        "environment": describe_environment(),
        "bounds": {name: asdict(bound) for name, bound in derive_bounds(values).items()},
        "baselines": values,
    }


def _scores(source: Source, label: str, folder: Path, settings: Settings, report: Report) -> tuple[SetScore, ...]:
    """Return the scores of one baseline under one secret, from the folder where they are there."""
    digest = hashlib.sha256(f"{source.digest} {label} {TRACK} {sets_digest()}".encode()).hexdigest()
    path = folder / f"{source.name}-{digest[:16]}.json"
    known = None if settings.fresh else read_kept(_KEPT, path)
    if known is not None:
        return known
    scores = score_sets(source, published_secret(label), settings, track=TRACK, report=report)
    for score in scores:
        if not score.ok:
            raise HarnessError(f"{source.name} on {score.name}: {score.status} ({score.reason}). Run it again")
    write_json(path, [asdict(score) for score in scores])
    return scores


def sets_digest() -> str:
    """Return the SHA-256 of the files that say what an audit's sets are."""
    digest = hashlib.sha256()
    for name in _FILES:
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()


def derive_bounds(baselines: Mapping[str, Mapping[str, list[float]]]) -> dict[str, Bound]:
    """Return the bound of every statistic from the baselines' values: by baseline, then statistic, one a secret."""
    bounds = {name: prediction_bound([row[name] for row in baselines.values()]) for name in DESCRIPTIONS}
    control = bounds["control"]
    return bounds | {"control": replace(control, threshold=max(control.threshold, BY_CHANCE))}
