import copy
import hashlib
import json
from dataclasses import replace

import pytest

from mbench import api
from mbench.board import candidates
from mbench.errors import HarnessError, UsageError
from mbench.results import faults, lookup
from mbench.results.audits import DESCRIPTIONS, Bound, list_sets, read_report
from mbench.results.predictions import predictions_digest
from mbench.results.record import SCHEMA_VERSION, Costs, Metrics, Result
from mbench.results.store import ResultStore, read_result, write_result
from mbench.review import forecast, reproduce
from mbench.review.audit import calibration, relatives, repeatable, run
from mbench.review.forecast import forecast_baseline
from mbench.runs.evaluate import plan_cells
from mbench.runs.settings import Settings
from mbench.sandbox.child_process import Child
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import baseline_path, read_submission
from mbench.suite.secrets import secret_digest
from mbench.suite.tracks import SUITE_VERSION, TRACKS
from mbench.views.entry_pictures import LIMIT, read_drawn


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """Record to, and compare with, an empty folder."""
    folder = tmp_path / "recorded"
    for module in (reproduce, forecast, lookup):
        monkeypatch.setattr(module, "RECORDED_FOLDER", folder)
    monkeypatch.setattr(reproduce, "RECORDED_PICTURES", tmp_path / "pictures")
    monkeypatch.setattr(reproduce, "check_checkout", lambda: None)  # that folder is nobody's installed package
    return folder


@pytest.fixture
def small(monkeypatch):
    """Make an audit quick: the few sets that are drawn of each kind stand for all of them, under their names."""

    def draw(secret, n_samples, replicate, n_relatives):
        few = {each.name: each for each in relatives.draw_sets(hashlib.sha256(b"tests").digest(), 2_000, 0, 1)}
        made = []
        for name in list_sets(n_relatives):
            kind, _, target = name.partition(", ")
            each = copy.copy(few[f"{kind.split()[0]} 1, {target}"] if kind[-1].isdigit() else few[name])
            each.name = name
            made.append(each)
        return tuple(made)

    monkeypatch.setattr(run, "draw_sets", draw)
    wide = {name: Bound(0.0, 10.0, 100.0) for name in DESCRIPTIONS}  # none is made for so few sets
    for module in (run, faults):
        monkeypatch.setattr(module, "load_bounds", lambda: wide)


@pytest.fixture
def settings():
    return Settings(jobs=2, isolation=choose_isolation(allow_none=True))


# The dry run


def test_a_dry_run_counts_the_cells_that_are_kept(mbench, tmp_path):
    path = baseline_path("nearest")
    assert mbench("evaluate", path, "--task", "curve", "--no-pictures").exit_code == 0
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    result = mbench("reproduce", "nearest", "knn", "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    kept = {row["name"]: [c["cell"]["task"] for c in row["cells"] if c["is_kept"]] for row in content["baselines"]}
    assert kept == {"nearest": ["curve"], "knn": []}
    assert content["total"]["cells"] == 2 * len(TRACKS["quick"].tasks)
    assert content["total"]["kept"] == 1
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before
    fresh = mbench("reproduce", "nearest", "--dry-run", "--fresh", "--json")
    assert json.loads(fresh.stdout)["total"]["kept"] == 0


def test_a_dry_run_leaves_no_folder(mbench, tmp_path):
    result = mbench("reproduce", "nearest", "--dry-run")
    assert result.exit_code == 0, result.output
    assert result.stdout.split("total")[1].split()[:3] == ["9", "0", "9"]
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_or_unfinished_record_is_run_again(make_record, tmp_path, settings):
    made = []
    for damage in (lambda r: replace(r, isolation="C"), lambda r: replace(r, status="infrastructure", metrics=None)):
        store = ResultStore(tmp_path / str(len(made)))
        source, stronger = read_submission(baseline_path("nearest")), replace(settings, isolation=choose_isolation())
        cell = forecast_baseline("nearest", "quick", store.folder, stronger).cells[0].cell
        key = forecast.cell_key(cell, forecast.load_task(cell.task), source, stronger)
        store.write(damage(make_record(key=key, task=cell.task, isolation="A")))
        made.append(forecast_baseline("nearest", "quick", store.folder, stronger).n_kept)
        store.write(make_record(key=key, task=cell.task, isolation="A"))
        assert forecast_baseline("nearest", "quick", store.folder, stronger).n_kept == 1
        (store.cells / f"{key}.json").write_text("{")
        assert forecast_baseline("nearest", "quick", store.folder, stronger).n_kept == 0
    assert made == [0, 0]


@pytest.mark.parametrize(
    "costs",
    [Costs(fit_s=30.0, predict_s=12.0), Costs(fit_s=9.0, predict_s=4.0, fit_wall_s=30.0, predict_wall_s=12.0)],
    ids=["old", "wall clock"],
)
def test_the_expected_time_is_the_recorded_one_and_else_a_third_of_the_limit(
    make_record, recorded, tmp_path, settings, costs
):
    recorded.mkdir()
    nothing = forecast_baseline("nearest", "quick", tmp_path, settings)
    limits = [each.cell.fit_limit_s for each in nothing.cells]
    assert nothing.expected_s == pytest.approx(sum(limits) / 3 / 2)
    assert nothing.n_guesses == 9
    records = (
        make_record(task="curve", costs=costs),
        make_record(task="friedman", status="timeout", metrics=None, costs=Costs()),
    )
    result = replace(read_result(lookup.BASELINES_FOLDER / "results" / "nearest.json"), records=records)
    write_result(recorded / "nearest.json", result)
    known = forecast_baseline("nearest", "quick", tmp_path, settings)
    assert {each.cell.task: each.expected_s for each in known.cells if not each.is_guess} == {"curve": 42.0}
    assert known.n_guesses == 8
    assert known.expected_s == 42.0  # the longest cell is one job's
    assert replace(known, jobs=1).expected_s == pytest.approx(42.0 + sum(limits) / 3 - 5 / 3)


@pytest.mark.parametrize(("option", "message"), [("--record", "counts cells only"), ("--audit", "counts cells only")])
def test_a_dry_run_records_and_audits_nothing(mbench, option, message):
    result = mbench("reproduce", "--dry-run", option)
    assert result.exit_code == 2
    assert message in result.stderr


def test_results_are_recorded_cell_by_cell(recorded, make_record):
    def result_of(*records):
        return Result(schema=SCHEMA_VERSION, suite=SUITE_VERSION, name="knn", records=records)

    old = [make_record(task=task, reason="old") for task in ("curve", "sphere")]
    path = reproduce.record_result(result_of(*old))
    new = make_record(task="sphere", reason="new")
    reproduce.record_result(result_of(new))
    assert read_result(path).records == (old[0], new)
    others = make_record(track="standard", source_digest="edited"), replace(new, source_digest="edited")
    reproduce.record_result(result_of(*others))
    assert read_result(path).records == (others[1], others[0])  # what was made of another source is gone
    reproduce.record_result(result_of(old[0], new))
    assert read_result(path).records == (old[0], new, others[0])
    ours = make_record(task="curve", status="infrastructure", metrics=None, reason="no disk")
    with pytest.raises(HarnessError, match=r"knn on curve: no disk\. Nothing of it was recorded"):
        reproduce.record_result(result_of(new, ours))
    assert read_result(path).records == (old[0], new, others[0])


def test_pictures_are_of_the_estimator_that_was_scored_or_there_are_none(recorded, tmp_path, settings):
    api.run_evaluation(
        read_submission(baseline_path("ridge")), tasks=["mandelbrot"], out=tmp_path, pictures=False, jobs=1,
        isolation=settings.isolation.tier, unsafe_no_sandbox=True,
    )  # fmt: skip
    result = read_result(tmp_path / "ridge" / "quick" / "result.json")
    folder, reason = reproduce.record_pictures(result, "quick", tmp_path, settings)
    assert (folder, reason) == (reproduce.RECORDED_PICTURES / "ridge" / "quick", "")
    assert read_drawn(folder).fit == result.records[0].fit_id
    store = ResultStore(tmp_path)
    answers = store.read_predictions(result.records[0].key) + 0.5  # as if another one had been scored
    changed = replace(result.records[0], predictions_digest=predictions_digest(answers))
    store.write(changed, answers, store.artifact_path(changed.key).read_bytes())
    folder, reason = reproduce.record_pictures(replace(result, records=(changed,)), "quick", tmp_path, settings)
    assert folder is None
    assert "otherwise than the fitted one did" in reason
    assert read_drawn(reproduce.RECORDED_PICTURES / "ridge" / "quick") is None  # the old ones are gone
    assert reproduce.record_pictures(result, "standard", tmp_path, settings)[0] is None


def test_what_was_not_run_is_said_and_does_not_go_from_the_recorded(mbench, recorded, make_record, monkeypatch):
    monkeypatch.setattr(api, "plan_cells", lambda *_: (plan_cells("quick", ("curve",))[0], {"mnist": "not here"}))
    assert mbench("reproduce", "constant", "--record").exit_code == 0
    result = mbench("reproduce", "constant")
    assert result.exit_code == 0, result.output
    assert "mnist was not run: not here" in result.stdout
    assert "Everything that was run agrees with what is recorded." in result.stdout


def test_a_failure_of_ours_is_our_fault_and_is_not_recorded(mbench, recorded, monkeypatch):
    monkeypatch.setattr(api, "plan_cells", lambda *_: (plan_cells("quick", ("curve",))[0], {}))
    monkeypatch.setattr(Child, "build", lambda self: fail_at("build"))
    assert mbench("reproduce", "constant").exit_code == 3
    result = mbench("reproduce", "constant", "--record")
    assert result.exit_code == 3, result.output
    assert not (recorded / "constant.json").exists()


def test_recording_into_an_installed_package_is_refused_before_anything_runs(mbench, monkeypatch, tmp_path):
    monkeypatch.setattr(reproduce, "BASELINES_FOLDER", tmp_path / "_baselines")
    monkeypatch.setattr(reproduce, "run_baseline", lambda *_, **__: pytest.fail("it was run"))
    result = mbench("reproduce", "constant", "--record")
    assert result.exit_code == 2
    assert "belongs to an installed mbench" in result.stderr


def fail_at(what):
    raise HarnessError(what)


@pytest.mark.parametrize(
    ("task", "error", "recorded_error", "agrees"),
    [
        ("digits", 14 / 539, 9 / 539, True),
        ("digits", 4 / 539, 9 / 539, True),
        ("digits", 15 / 539, 9 / 539, False),
        ("digits", 0.0, 0.0, True),
        ("curve", 0.104, 0.1, True),
        ("curve", 0.106, 0.1, False),
    ],
)
def test_a_few_flipped_digits_are_no_difference(make_record, task, error, recorded_error, agrees):
    now, before = (make_record(task=task, metrics=Metrics(error=each)) for each in (error, recorded_error))
    assert (reproduce.compare_records([now], [before], "here") == []) == agrees


# The recorded audit


def test_the_published_secret_is_none_of_calibrations():
    assert repeatable.LABEL not in calibration.LABELS


def test_an_audit_is_kept_and_judged_by_the_bounds_of_today(small, settings, tmp_path, monkeypatch):
    source = read_submission(baseline_path("nearest"))
    made = repeatable.audit_repeatably(source, tmp_path, settings)
    assert made.verdict == "passed", made.reason
    assert made.secret_sha256 == secret_digest(repeatable.SECRET)
    fits = []
    monkeypatch.setattr(Child, "fit", lambda self, X, y: fits.append(X))
    assert repeatable.audit_repeatably(source, tmp_path, settings) == made
    bounds = {name: replace(bound, threshold=-100.0) for name, bound in run.load_bounds().items()}
    monkeypatch.setattr(run, "load_bounds", lambda: bounds)
    flagged = repeatable.audit_repeatably(source, tmp_path, settings)
    assert flagged.sets == made.sets
    assert flagged.verdict.startswith("flagged")
    assert fits == []
    (file,) = tmp_path.glob("nearest-*.json")
    for again in (replace(settings, threads=2), replace(settings, fresh=True)):
        with pytest.raises(TypeError):  # this child's fit answers nothing: the audit was begun again
            repeatable.audit_repeatably(source, tmp_path, again)
    file.write_text("{")
    with pytest.raises(TypeError):
        repeatable.audit_repeatably(source, tmp_path, settings)


def test_a_failed_audit_is_not_kept(small, submission_file, estimator, settings, tmp_path, monkeypatch):
    draw = run.draw_sets
    monkeypatch.setattr(run, "draw_sets", lambda *of: draw(*of)[:1])
    source = read_submission(submission_file(estimator(predict="raise ValueError")))
    assert repeatable.audit_repeatably(source, tmp_path / "kept", settings).verdict == "failed"
    assert not (tmp_path / "kept").exists()


def test_reproduce_records_results_and_audit_and_then_agrees_with_them(mbench, small, recorded, monkeypatch):
    first = mbench("reproduce", "nearest", "--audit", "--record", "--json")
    assert first.exit_code == 0, first.output
    assert json.loads(first.stdout)["audits"] == {"nearest": "passed"}
    (candidate,) = candidates.find_baselines()
    drawn = read_drawn(reproduce.RECORDED_PICTURES / "nearest" / "quick")
    assert drawn is not None
    assert drawn.fit in {record.fit_id for record in candidate.records if record.task == "mandelbrot"}
    assert drawn.n_bytes <= LIMIT
    assert candidate.audit == read_report(recorded / "nearest.audit.json")
    assert candidate.audit.verdict == "passed"
    monkeypatch.setattr(Child, "fit_given", lambda self: 1 / 0)  # nothing is fitted a second time
    second = mbench("reproduce", "nearest", "--audit")
    assert second.exit_code == 0, second.output
    assert "audit of nearest: passed" in second.stdout
    assert "Everything agrees with what is recorded." in second.stdout
    report = candidate.audit
    worse = replace(report.sets[0], score=replace(report.sets[0].score, fvu=report.sets[0].score.fvu * 1.1))
    changed = [
        replace(report, verdict="failed", reason="for a reason"),
        replace(report, sets=(worse, *report.sets[1:])),
        replace(report, secret_sha256="0" * 64),
        replace(report, name="knn"),
    ]
    for other, message in zip(
        changed,
        ("failed (for a reason), recorded passed", "FVU", "under the secret", "nothing recorded"),
        strict=True,
    ):
        (line,) = reproduce.compare_audit(other)
        assert message in line
    assert reproduce.compare_audit(report) == []


def test_an_installed_package_records_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(reproduce, "BASELINES_FOLDER", tmp_path / "_baselines")
    with pytest.raises(UsageError, match="Record baselines in a checkout"):
        reproduce.record_result(read_result(lookup.RECORDED_FOLDER / "knn.json"))
