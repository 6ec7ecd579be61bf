"""What a maintainer would have published of a submission's folder, had the rerun given what its result.json says."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mbench.results.audits import REPORT_NAME
from mbench.results.faults import psnr_of_error, truth_variance
from mbench.results.record import Record
from mbench.results.reruns import make_rerun, rerun_folder, write_rerun
from mbench.results.store import RESULT_NAME, read_result
from mbench.submission import safe_name
from mbench.suite.tracks import SUITE_VERSION, init_seed


def accept_claim(folder: Path, suite: int = SUITE_VERSION) -> Path:
    """Publish the records and the audit of a folder as a maintainer's, and return where they lie."""
    records = read_result(folder / RESULT_NAME, suite).records
    made = max(record.created for record in records)
    rerun = make_rerun(safe_name(folder.name), records, records[0].environment, made, "0" * 64)
    write_rerun(folder.parent, rerun)
    verified = rerun_folder(folder.parent, rerun.name, suite)
    if (folder / REPORT_NAME).exists():
        shutil.copyfile(folder / REPORT_NAME, verified / REPORT_NAME)
    return verified


def make_consistent(record: Record) -> Record:
    """Return an invented record with what follows from its other fields: key, seed, PSNR, a digest of its own."""
    cell = hashlib.sha256(f"{record.submission}{record.track}{record.task}{record.replicate}".encode()).hexdigest()
    metrics = record.metrics
    variance = truth_variance(record.track, record.task, record.replicate)
    if metrics is not None and variance is not None:
        metrics = replace(metrics, further={"psnr_db": psnr_of_error(metrics.error, variance)})
    seed = init_seed(record.replicate)
    costs = replace(record.costs, fit_s=min(record.costs.fit_s or 0.0, record.fit_limit_s))
    return replace(record, key=cell, seed=seed, metrics=metrics, costs=costs, predictions_digest=metrics and cell)


def believe_audits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have boards take the invented audits at their word: they are not what is tested."""
    monkeypatch.setattr("mbench.board.candidates.find_report_fault", lambda report: "")
