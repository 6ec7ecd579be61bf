import importlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from accepted_folders import make_consistent
from audit_reports import make_report
from click.testing import CliRunner

from mbench import cli
from mbench.api import run_evaluation
from mbench.board.candidates import find_submissions
from mbench.board.standings import build_board
from mbench.errors import HarnessError, UsageError
from mbench.results.audits import DESCRIPTIONS, Bound, write_report
from mbench.results.environment import describe_environment
from mbench.results.lookup import refresh_results
from mbench.results.metrics import Profile
from mbench.results.names import find_result
from mbench.results.record import SCHEMA_VERSION, Costs, Metrics, Result
from mbench.results.reference import load_reference
from mbench.results.scoring import score_entry
from mbench.results.store import ResultStore, read_result, write_result
from mbench.review import verify as verification
from mbench.review.reproduce import compare_records
from mbench.review.verify import (
    FLIPPED_DIGITS,
    Accepted,
    Check,
    accept,
    check_claim,
    check_rerun,
    compare_test_sets,
    judge_audit,
    read_claims,
    run_again,
)
from mbench.runs import evaluate as evaluation
from mbench.runs.cells import Cell, cell_key
from mbench.runs.settings import Settings
from mbench.sandbox.child_process import Child
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import read_submission
from mbench.suite import tracks
from mbench.suite.secrets import name_test_set, secret_digest
from mbench.suite.tasks import load_task

SECRET, OTHER = bytes(range(32)), bytes(32)
RUNNING = {"jobs": 1, "isolation": "C", "unsafe_no_sandbox": True}
TASKS = tracks.TRACKS["quick"].tasks
BOUNDS = {name: Bound(0.0, 0.1, 0.25) for name in DESCRIPTIONS}


# Hidden test sets


@pytest.fixture
def evaluate(tmp_path, submission_file, estimator):
    def run(secret=None, tasks=("curve",), **options):
        source = read_submission(submission_file(estimator(**options), "idea.py"))
        return source, run_evaluation(
            source, tasks=tasks, out=tmp_path / "results", pictures=False, secret=secret, **RUNNING
        )

    return run


def test_a_hidden_test_set_is_another_one_and_the_record_says_so(evaluate):
    _, public = evaluate()
    _, hidden = evaluate(SECRET)
    records = [outcome.result.records[0] for outcome in (public, hidden)]
    assert [record.test_set for record in records] == ["public", name_test_set(SECRET)]
    assert records[0].metrics != records[1].metrics
    assert records[0].metrics.error == pytest.approx(records[1].metrics.error, rel=0.1)
    assert records[0].key != records[1].key


def test_the_key_of_a_public_cell_does_not_know_of_secrets(submission_file, estimator):
    source, task = read_submission(submission_file(estimator())), load_task("curve")
    cell = Cell("curve", "quick", 0, 100, 5.0)
    keys = [cell_key(cell, task, source, Settings(secret=secret)) for secret in (None, SECRET, OTHER)]
    assert len(set(keys)) == 3
    assert SECRET.hex() not in repr(Settings(secret=SECRET))


def test_hidden_results_never_stand_for_a_submission(evaluate, tmp_path):
    _, public = evaluate()
    _, hidden = evaluate(SECRET)
    store = ResultStore(tmp_path / "results")
    assert public.paths[0] != hidden.paths[0]
    for name in ("idea", str(tmp_path / "submissions/idea.py"), str(public.paths[0])):
        assert [record.test_set for record in find_result(name, store.folder).records] == ["public"]
    found = find_result(str(hidden.paths[0]), store.folder)
    assert (found.name, {record.test_set for record in found.records}) == ("idea-hidden", {name_test_set(SECRET)})
    before = [path.read_bytes() for path in (public.paths[0], hidden.paths[0])]
    refresh_results(store)
    assert [path.read_bytes() for path in (public.paths[0], hidden.paths[0])] == before


def test_a_result_of_several_test_sets_is_refused(make_record, tmp_path):
    records = (make_record(), make_record(task="friedman", test_set=name_test_set(SECRET)))
    write_result(tmp_path / "mixed.json", Result(schema=SCHEMA_VERSION, suite=2, name="idea", records=records))
    with pytest.raises(UsageError, match="different test sets"):
        find_result(str(tmp_path / "mixed.json"), Path("results"))


@pytest.mark.parametrize(("secret", "scored"), [(SECRET, True), (OTHER, False), (None, False)])
def test_a_hidden_record_is_rescored_under_its_own_secret_only(evaluate, tmp_path, secret, scored):
    _, hidden = evaluate(SECRET)
    store, record = ResultStore(tmp_path / "results"), hidden.result.records[0]
    metrics, reason = evaluation.rescore_record(record, store, secret)
    assert (metrics == record.metrics) is scored
    assert scored or "give its secret with --hidden-seed" in reason


def test_a_public_record_is_rescored_as_it_is_whatever_secret_is_given(evaluate, tmp_path):
    _, public = evaluate()
    store, record = ResultStore(tmp_path / "results"), public.result.records[0]
    assert evaluation.rescore_record(record, store, SECRET) == (record.metrics, "")


# Verification


def profile_of(depth):
    return Profile(*[(depth / 15,) * 15] * 3)


@pytest.fixture
def folder(tmp_path, submission_file, estimator, make_record):
    """Write a folder with a submission and a record of it that claims an error of 0.5 everywhere."""

    def write(tasks=TASKS, **changes):
        path = submission_file(estimator())
        digest = read_submission(path).digest
        own = {"source_digest": digest, "metrics": Metrics(error=0.5)}
        records = tuple(make_record(task=task, task_digest=load_task(task).digest(), **own) for task in tasks)
        records = tuple(make_consistent(record) for record in records)
        records = tuple(replace(record, **changes) for record in records)
        result = Result(schema=SCHEMA_VERSION, suite=tracks.SUITE_VERSION, name="idea", records=records)
        write_result(path.parent / "result.json", result)
        return path.parent

    return write


def failures(checks):
    return {check.what: check.detail for check in checks if not check.ok}


def test_a_record_of_another_definition_of_a_task_is_found(folder):
    (claim,) = read_claims(folder(task_digest="9" * 64))
    assert "another definition of china, curve" in failures(check_claim(claim))["definitions"]


def test_a_whole_record_of_its_source_holds(folder):
    (claim,) = read_claims(folder())
    assert failures(check_claim(claim)) == {}


@pytest.mark.parametrize(
    ("changes", "what", "detail"),
    [
        ({"source_digest": "f" * 64}, "source", "the record is of ffffffffffffffff…"),
        ({"test_set": name_test_set(SECRET)}, "test set", "hidden:"),
        ({"tasks": TASKS[1:]}, "whole", "missing: mandelbrot r0"),
        ({"tasks": (*TASKS, "julia")}, "tasks", "not of the track: julia"),
        ({"status": "crash", "metrics": None}, "no failures", "mandelbrot r0 crash"),
        ({"seed": 7}, "consistent", "mandelbrot r0: seed 7"),
        ({"created": "2999-01-01T00:00:00+00:00"}, "consistent", "made on 2999-01-01"),
    ],
)
def test_what_a_record_lacks_is_named(folder, changes, what, detail):
    (claim,) = read_claims(folder(**changes))
    assert detail in failures(check_claim(claim))[what]


def test_records_made_in_several_ways_are_no_one_claim(folder):
    path = folder() / "result.json"
    result = read_result(path)
    write_result(path, replace(result, records=(replace(result.records[0], threads=2), *result.records[1:])))
    (claim,) = read_claims(path.parent)
    assert "2 threads on cpu" in failures(check_claim(claim))["one manner"]


def test_a_folder_without_a_record_is_usage(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        read_claims(tmp_path / "absent")
    (tmp_path / "submission.py").write_text("def build(spec): pass")
    with pytest.raises(UsageError, match="no such result"):
        read_claims(tmp_path)


def test_a_forged_error_shows_when_it_is_run_again(folder, tmp_path):
    (claim,) = read_claims(folder(tasks=("curve",)))
    check = check_rerun(claim, run_again(claim, tmp_path / "out", lambda progress: None, RUNNING))
    assert not check.ok
    assert "curve r0: error 1.0" in check.detail
    assert "recorded 0.50000" in check.detail


def test_a_failure_of_ours_is_no_check(folder, tmp_path, monkeypatch):
    def fail(self):
        raise HarnessError("no process today")

    monkeypatch.setattr(Child, "__enter__", fail)
    (claim,) = read_claims(folder(tasks=("curve",)))
    with pytest.raises(HarnessError, match=r"on curve: no process today\. Verify it again"):
        run_again(claim, tmp_path / "out", lambda progress: None, RUNNING)


@pytest.mark.parametrize(("wrong", "holds"), [(9, True), (8, True), (10, True), (7, False)])
def test_a_digit_more_or_less_is_no_difference_and_two_are(make_record, wrong, holds):
    claimed, rerun = (make_record(task="digits", metrics=Metrics(error=each / 539)) for each in (wrong, 9))
    assert (compare_records([rerun], [claimed], "here", FLIPPED_DIGITS) == []) == holds


@pytest.mark.parametrize(
    ("error", "depth", "differs"),
    [
        (0.25, 5.0, ""),
        (0.26, 5.1, ""),
        (0.3, 5.0, "error 0.30000, recorded 0.25000"),
        (0.25, 6.0, "depth 6.00 octaves"),
    ],
)
def test_errors_and_depths_are_compared(make_record, error, depth, differs):
    records = [
        make_record(task="mandelbrot", metrics=Metrics(e, {"psnr_db": 12.5}, profile_of(d)))
        for e, d in ((error, depth), (0.25, 5.0))
    ]
    lines = compare_records(records[:1], records[1:], "idea")
    assert bool(lines) is bool(differs)
    assert all(differs in line for line in lines)


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({}, ""),
        ({"psnr_db": 12.7}, ""),
        ({"psnr_db": 99.0}, "PSNR 99.0 dB, recorded 12.5"),
        ({"psnr_db": None}, "PSNR None dB"),
        ({"n_params": 1}, "1 parameters, recorded 1000"),
        ({"n_params": None}, "None parameters"),
        ({"fit_s": 9.0}, ""),
    ],
)
def test_psnr_and_parameters_are_compared_and_times_are_not(make_record, changes, differs):
    values = [{"psnr_db": 12.5, "n_params": 1000, "fit_s": 1.0} | each for each in (changes, {})]
    records = [
        make_record(
            metrics=Metrics(0.25, {} if v["psnr_db"] is None else {"psnr_db": v["psnr_db"]}),
            costs=Costs(fit_s=v["fit_s"], n_params=v["n_params"]),
        )
        for v in values
    ]
    lines = compare_records(records[:1], records[1:], "idea")
    assert bool(lines) is bool(differs)
    assert all(differs in line for line in lines)


@pytest.mark.parametrize(
    ("brought", "found", "ok"),
    [
        (None, "passed", True), ("passed", "passed", True), ("discovery", "discovery", True),
        ("passed", "discovery", False), ("discovery", "passed", False), ("passed", "flagged: carried", False),
    ],
)  # fmt: skip
def test_an_audit_has_to_come_out_as_the_one_that_the_board_goes_by(folder, brought, found, ok):
    place = folder()
    report = make_report(read_submission(place).digest, verdict=found, reason="why")
    if brought:
        write_report(place / "audit.json", replace(report, verdict=brought))
    (claim,) = read_claims(place)
    check = judge_audit(claim, report)
    assert check.ok is ok
    assert ("audit.json says" in check.detail) is (brought not in (None, found))


@pytest.mark.parametrize(
    ("public", "hidden", "ok", "detail"),
    [
        ((0.04, 5.0), (0.04, 5.0), True, "+0.00 bits, at most 0.25"),
        ((0.04, 5.0), (0.03, 4.9), True, "-0.21 bits"),
        ((0.01, 5.0), (0.04, 5.0), False, "error 0.01000 public, 0.04000 hidden: +1.00 bits, at most 0.25"),
        ((0.04, 6.0), (0.04, 5.0), False, "6.00 and 5.00 octaves: +1.00, at most 0.25"),
        ((0.0, 5.0), (1e-6, 5.0), True, "+0.00 bits"),
    ],
)
def test_a_public_score_may_not_be_better_than_the_hidden_one(make_record, public, hidden, ok, detail):
    records = [
        [make_record(task="mandelbrot", metrics=Metrics(error, {"psnr_db": 12.5}, profile_of(depth)))]
        for error, depth in (public, hidden)
    ]
    check = compare_test_sets("mandelbrot", *records, 0.04, BOUNDS)
    assert check.ok is ok
    assert detail in check.detail


@pytest.mark.parametrize(("hidden", "ok"), [(0.03, True), (0.2, False)])
def test_tasks_without_a_bound_of_their_own_have_a_wide_one(make_record, hidden, ok):
    records = [[make_record(task="curve", metrics=Metrics(error, {"psnr_db": 12.5}))] for error in (0.02, hidden)]
    assert compare_test_sets("curve", *records, 0.02, BOUNDS).ok is ok


def test_a_cell_that_failed_cannot_be_compared(make_record):
    failed = make_record(task="curve", status="crash", reason="bad", metrics=None)
    check = compare_test_sets("curve", [make_record(task="curve")], [failed], 0.1, BOUNDS)
    assert (check.ok, check.detail) == (False, "crash: bad")


@pytest.fixture
def verify(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli.main, ["verify", *map(str, arguments)])


def test_a_record_of_another_source_fails_without_being_run(verify, folder, monkeypatch):
    monkeypatch.setattr(verification, "run_evaluation", lambda *arguments, **options: 1 / 0)
    result = verify(folder(source_digest="f" * 64), "--isolation", "C", "--unsafe-no-sandbox", "--json")
    assert result.exit_code == 1, result.output
    content = json.loads(result.stdout)
    assert not content["ok"]
    assert [check["what"] for check in content["checks"] if not check["ok"]] == ["source"]


def test_a_weaker_tier_has_to_be_named(verify, folder, monkeypatch):
    weak = choose_isolation("C", allow_none=True)
    monkeypatch.setattr("mbench.api.choose_isolation", lambda *arguments, **options: weak)
    result = verify(folder())
    assert result.exit_code == 2
    assert "needs isolation tier A, this machine offers C" in result.stderr
    assert "--isolation C" in result.stderr


def test_every_check_is_printed_and_one_failure_ends_with_one(verify, folder, monkeypatch):
    def stages(*arguments):
        yield Check("rerun", True, "10 cells within 5%")
        yield Check("audit", False, "flagged: carried the rule in: precision +12.00")

    monkeypatch.setattr(importlib.import_module("mbench.cli.verify"), "_run_stages", stages)
    result = verify(folder(), "--isolation", "C", "--unsafe-no-sandbox")
    assert result.exit_code == 1
    assert "✓ quick: rerun: ok: 10 cells within 5%" in result.stdout
    assert "✗ quick: audit: failed: flagged: carried the rule in: precision +12.00" in result.stdout


# What is published


KNN = "from sklearn.neighbors import KNeighborsRegressor\n\ndef build(spec):\n    return KNeighborsRegressor(5)\n"


def inflate(record):
    """Make a record better than it is, by what a rerun has to bear with between machines."""
    profile = record.metrics.profile
    if profile is not None:
        better = [tuple(min(1.0, 1.047 * part) for part in values) for values in (profile.mean, profile.upper_quartile)]
        profile = replace(profile, mean=better[0], upper_quartile=better[1])
    psnr = record.metrics.further["psnr_db"] - 10 * np.log10(0.953)
    metrics = replace(record.metrics, error=0.953 * record.metrics.error, profile=profile, further={"psnr_db": psnr})
    return replace(record, metrics=metrics)


def test_a_claim_that_is_better_than_its_rerun_gains_nothing(tmp_path, submission_file):
    place = submission_file(KNN, "idea/submission.py").parent
    source = read_submission(place)
    tasks = ("mandelbrot", "curve")
    honest = run_evaluation(source, tasks=tasks, out=tmp_path / "results", pictures=False, **RUNNING).result
    claimed = tuple(map(inflate, honest.records))
    write_result(place / "result.json", replace(honest, records=claimed))

    (claim,) = read_claims(place)
    records = run_again(claim, tmp_path / "again", lambda progress: None, RUNNING)
    assert check_rerun(claim, records).ok  # as another machine's rounding would be
    now = datetime(2026, 5, 4, tzinfo=UTC)
    paths = accept(place, [Accepted(records, make_report(source.digest, name=source.name))], SECRET, now)
    assert [path.relative_to(place.parent) for path in paths] == [
        Path("verified/idea/rerun.json"), Path("verified/idea/audit.json")
    ]  # fmt: skip
    (found,) = find_submissions(place.parent)
    (standing,) = build_board([found], "quick", load_reference()).standings
    own, better = (score_entry("idea", "quick", each, load_reference()) for each in (honest.records, claimed))
    for shown, true, false in zip(standing.entry.tasks, own.tasks, better.tasks, strict=True):
        assert (shown.error, shown.depth_octaves, shown.psnr_db) == (true.error, true.depth_octaves, true.psnr_db)
        assert shown.skill < false.skill
    assert standing.entry.tasks[0].depth_skill < better.tasks[0].depth_skill
    assert not standing.is_claim
    assert standing.rerun.startswith("2026-05-04, ")
    assert standing.rerun.endswith(", tier C")
    rerun = json.loads(paths[0].read_text())
    assert rerun["machine"] == describe_environment()
    assert (rerun["source_digest"], rerun["hidden_sha256"]) == (source.digest, secret_digest(SECRET))


@pytest.mark.parametrize(
    ("options", "holds", "kept"), [((), True, 0), (["--accept"], True, 2), (["--accept"], False, 0)]
)
def test_a_rerun_is_published_where_it_is_asked_for_and_every_check_holds(
    verify, folder, monkeypatch, options, holds, kept
):
    place = folder()

    def stages(claim, settings, secret, out, found):
        found.append(Accepted(claim.records, make_report(claim.source.digest, name=claim.source.name)))
        yield Check("audit", holds, "as it may be")

    monkeypatch.setattr(importlib.import_module("mbench.cli.verify"), "_run_stages", stages)
    result = verify(place, "--isolation", "C", "--unsafe-no-sandbox", "--json", *options)
    written = json.loads(result.stdout)["written"]
    assert len(written) == kept
    assert sorted(map(str, place.parent.rglob("verified/*/*.json"))) == sorted(written)
    assert result.exit_code == (0 if holds else 1)
