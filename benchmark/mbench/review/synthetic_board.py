"""Boards of entries that nobody ran, as large as is asked for: what `mbench bench board` measures with.

Every record, rerun and audit is one that an honest run could have left: nothing is found in them that cannot be.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mbench.results.audits import REPORT_NAME, AuditReport, Score, SetScore, list_sets, load_bounds
from mbench.results.audits import SCHEMA_VERSION as AUDIT_SCHEMA
from mbench.results.faults import psnr_of_error, truth_variance
from mbench.results.kept import sign
from mbench.results.lookup import recorded_baselines
from mbench.results.metrics import N_BLOCKS, Profile
from mbench.results.record import Record, as_json
from mbench.results.reference import Reference, load_reference
from mbench.results.reruns import RERUN_NAME, make_rerun, rerun_folder
from mbench.results.verdicts import compare_statistics, compute_statistics, reach_verdict
from mbench.submission import ENTRY_NAME, read_submission
from mbench.suite import tracks
from mbench.suite.ladder import N_CENTRES, OCTAVES

TRACK = "standard"
CREATED = "2026-01-01T00:00:00.000000+00:00"
_SKILL, _SPREAD, _SCATTER = 120.0, 20.0, 1.5  # of the entries, among them, among an entry's replicates
_SOURCE = '''"""Predicts the mean of its sample."""


class Mean:
    def fit(self, X, y):
        self.mean_ = y.mean(axis=0)
        return self

    def predict(self, X):
        return self.mean_ + 0.0 * X[:, :1]


def build(spec):
    return Mean()


NUMBER = {number}
'''


@dataclass(frozen=True, slots=True)
class Mould:
    """What all invented records share: a record to change for each task, and what skills are measured by."""

    records: dict[str, Record]
    reference: Reference

    @classmethod
    def make(cls) -> Mould:
        """Take the records of the baselines, whatever their track."""
        found = {record.task: record for result in recorded_baselines() for record in result.records if record.ok}
        known = next(iter(found.values()))
        wanted = tracks.TRACKS[TRACK].tasks
        return cls({task: found.get(task, replace(known, task=task)) for task in wanted}, load_reference())


def write_board(folder: Path, n_entries: int, seed: int = 0) -> Path:
    """Write a folder of submissions that a maintainer ran again and audited; return it.

    Each has every cell of the track `standard`, 45 records, and holds the badge.
    """
    mould = Mould.make()
    rng = np.random.default_rng(seed)
    for number in range(n_entries):
        name = _name(number)
        entry = folder / name / ENTRY_NAME
        entry.parent.mkdir(parents=True)
        entry.write_text(_SOURCE.format(number=number))
        digest = read_submission(entry.parent).digest
        rerun = make_rerun(name, list(_records(mould, name, digest, rng)), {"cpu": "invented"}, CREATED, "0" * 64)
        verified = rerun_folder(folder, name)
        verified.mkdir(parents=True)
        content = asdict(replace(rerun, records=())) | {"records": [as_json(record) for record in rerun.records]}
        _write(verified / RERUN_NAME, content)
        _write(verified / REPORT_NAME, asdict(_report(name, digest, mould.reference)))
    return folder


def write_cells(folder: Path, n_entries: int, seed: int = 0) -> Path:
    """Write a results folder with the records of so many entries, 45 of each, and no predictions; return it."""
    mould = Mould.make()
    rng = np.random.default_rng(seed)
    cells = folder / "cells"
    cells.mkdir(parents=True)
    for number in range(n_entries):
        digest = hashlib.sha256(_name(number).encode()).hexdigest()
        for record in _records(mould, _name(number), digest, rng):
            _write(cells / f"{record.key}.json", as_json(record))
    return folder


def _name(number: int) -> str:
    """Return a name that no other one reads as: digits that look like letters are left out."""
    return "entry-" + np.base_repr(number, 7).translate(str.maketrans("0123456", "2346789")).rjust(5, "2")


def _write(path: Path, content: dict[str, Any]) -> None:
    # As the package writes it, but that nothing waits for the disk.
    path.write_text(json.dumps(sign(content), indent=1, allow_nan=False) + "\n")


def _records(mould: Mould, name: str, digest: str, rng: np.random.Generator) -> Iterator[Record]:
    entry = rng.normal(_SKILL, _SPREAD)
    for record in mould.records.values():
        for replicate in range(tracks.TRACKS[TRACK].replicates):
            yield _record(mould.reference, replace(record, submission=name, source_digest=digest, track=TRACK),
                          replicate, float(np.clip(entry + rng.normal(0.0, _SCATTER), 55.0, 195.0)))  # fmt: skip


def _record(reference: Reference, like: Record, replicate: int, skill: float) -> Record:
    """Return a record of this skill, with a profile that sums to its depth and parts that sum to its error."""
    at = reference.tasks[TRACK, like.task]
    assert like.metrics is not None
    error = at.constant_error * (at.knn_error / at.constant_error) ** (skill / 100.0)
    profile = None
    if at.knn_depth_octaves is not None:
        depth = at.knn_depth_octaves * skill / 100.0
        octaves = tuple(min(1.0, max(0.0, depth - octave)) for octave in OCTAVES)
        centres, blocks = (
            tuple(float(f"{whole * part:.6g}") for part in _shares(n, skill))
            for whole, n in ((sum(octaves), N_CENTRES), (error, sum(N_BLOCKS)))
        )
        profile = Profile(octaves, tuple(0.9 * each for each in octaves), octaves, centres, blocks)
    variance = truth_variance(TRACK, like.task, replicate)
    further = dict(like.metrics.further)
    if variance is not None:
        further["psnr_db"] = psnr_of_error(error, variance)
    budget = tracks.TRACKS[TRACK].budgets[tracks.family_of(like.task)]
    key = hashlib.sha256(f"{like.submission} {like.task} {replicate}".encode()).hexdigest()
    return replace(
        like, key=key, predictions_digest=key, replicate=replicate, seed=tracks.init_seed(replicate), created=CREATED,
        n_samples=budget.n_samples, fit_limit_s=budget.fit_limit_s,
        metrics=replace(like.metrics, error=error, further=further, profile=profile),
    )  # fmt: skip


def _shares(n: int, skill: float) -> list[float]:
    """Return n positive numbers that sum to 1, other ones for another skill."""
    shares = 1.0 + 0.5 * np.sin(np.arange(n) * (1.0 + skill / 7.0))
    return (shares / shares.sum()).tolist()


def _report(name: str, digest: str, reference: Reference) -> AuditReport:
    """Return an audit that passed, of who learns every set as k-NN does."""
    sets = []
    for each in list_sets():
        kind, _, target = each.partition(", ")
        score = Score(0.01, 0.01, 5.0, 5.0)
        correlation = 0.0 if kind == "control" else 0.9
        group, target = kind.split()[0], target or "smooth"
        sets.append(SetScore(name=each, group=group, target=target, status="ok", reason="", score=score,  # type: ignore[arg-type]
                             correlation=correlation, fit_s=1.0))  # fmt: skip
    statistics = compare_statistics(compute_statistics(sets, TRACK, reference), load_bounds())
    verdict, reason = reach_verdict(sets, statistics)
    return AuditReport(
        schema=AUDIT_SCHEMA, suite=tracks.SUITE_VERSION, name=name, source_digest=digest, track=TRACK,
        secret_sha256="0" * 64, replicate=0, verdict=verdict, reason=reason, sets=tuple(sets), statistics=statistics,
        threads=1, device="cpu", isolation="A", environment={}, created=CREATED,
    )  # fmt: skip
