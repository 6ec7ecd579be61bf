"""Where the audit's bounds come from: the baselines, each audited under the same published secrets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mbench.disk import write_json
from mbench.errors import HarnessError
from mbench.results.audits import DESCRIPTIONS, Bound, SetScore
from mbench.results.environment import describe_environment
from mbench.results.kept import Form, read_kept
from mbench.results.verdicts import compute_statistics
from mbench.review.audit.run import Report, score_sets
from mbench.review.audit.statistics import RULE, prediction_bound
from mbench.runs.settings import Settings
from mbench.submission import BASELINES_FOLDER, Source, baseline_names, read_submission
from mbench.suite import tracks
from mbench.suite.secrets import published_secret, secret_digest

# What one audits with is fresh; what the bounds are calibrated with anybody may know, since it only sets the bounds.
LABELS = tuple(f"mbench/{tracks.SUITE_VERSION}|audit|calibration|{i}" for i in range(5))
TRACK = tracks.DEFAULT_TRACK
_KEPT = Form(tuple[SetScore, ...], 1 << 20, "Delete it, and its sets are run again", has_head=False)
_FILES = ("quadratics.py", "relatives.py", "warps.py")


def calibrate(
    folder: Path,
    settings: Settings,
    report: Report = lambda progress: None,
    announce: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Audit every baseline under every calibration secret; return the bounds as JSON. What is in `folder` is kept.

    announce: told which baseline is next.  Raises HarnessError if a baseline failed on a set.
    """
    sources = [read_submission(BASELINES_FOLDER / f"{name}.py") for name in baseline_names()]
    values: dict[str, dict[str, list[float]]] = {}
    for source in sources:
        by_label: list[dict[str, float]] = []
        for label in LABELS:
            announce(f"{source.name}, {label}")
            by_label.append(compute_statistics(_scores(source, label, folder, settings, report)))
        values[source.name] = {name: [round(row[name], 6) for row in by_label] for name in by_label[0]}
    return {
        "suite": tracks.SUITE_VERSION,
        "made_by": "mbench audit --calibrate",
        "rule": RULE,
        "track": TRACK,
        "secrets": {label: secret_digest(published_secret(label)) for label in LABELS},
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
    table: dict[str, Any] = {name: np.array([row[name] for row in baselines.values()]) for name in DESCRIPTIONS}
    return {name: prediction_bound(values) for name, values in table.items()}
