"""Records that no honest run leaves, each made of a real one by a change: none of them holds a rank."""

import copy
import json
import math
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from accepted_folders import accept_claim
from audit_reports import fail_set, make_report, make_sets, needs_bounds
from freeze_variances import measure_variance

from mbench.board.candidates import find_submissions
from mbench.board.standings import build_board
from mbench.results import lookup
from mbench.results.audits import write_report
from mbench.results.faults import find_faults, find_report_fault, truth_variance
from mbench.results.record import Result, as_json
from mbench.results.reference import load_reference
from mbench.results.store import read_result, write_result
from mbench.submission import baseline_path, read_submission
from mbench.suite import tracks

NOW = datetime(2026, 12, 1, tzinfo=UTC)
QUICK = tracks.TRACKS["quick"]


def real_records():
    """Return the recorded cells of k-NN on `quick`, as JSON."""
    result = read_result(lookup.RECORDED_FOLDER / "knn.json")
    return [row for row in json.loads(json.dumps(as_json(result)))["records"] if row["track"] == "quick"]


def five_replicates():
    """Return k-NN's cells on `standard`, five of each task, with what an honest run of each would have of its own."""
    rows = []
    for row in real_records():
        if row["task"] == "digits":
            row = row | {"task": "mnist", "task_digest": "9" * 64}
        family = tracks.family_of(row["task"])
        budget = tracks.TRACKS["standard"].budgets[family]
        for replicate in range(5):
            cell = copy.deepcopy(row) | {
                "track": "standard", "replicate": replicate, "seed": tracks.init_seed(replicate),
                "n_samples": budget.n_samples, "fit_limit_s": budget.fit_limit_s,
                "key": f"{len(rows):064x}", "predictions_digest": f"{len(rows) + 1000:064x}",
            }  # fmt: skip
            metrics, scale = cell["metrics"], 1.0 + replicate / 100
            if family != "digits":
                metrics["error"] *= scale
                variance = truth_variance("standard", row["task"], replicate)
                metrics["psnr_db"] = -10 * math.log10(metrics["error"] * variance)
                if metrics["profile"]:
                    metrics["profile"]["blocks"] = [scale * part for part in metrics["profile"]["blocks"]]
            rows.append(cell)
    return rows


def pick(rows, task="mandelbrot", replicate=0):
    return next(row for row in rows if (row["task"], row["replicate"]) == (task, replicate))


def forge_error(rows):
    pick(rows)["metrics"]["error"] *= 0.9


def forge_psnr(rows):
    pick(rows, "china")["metrics"]["psnr_db"] = 60.0


def drop_psnr(rows):
    del pick(rows, "sphere")["metrics"]["psnr_db"]


def deepen(rows):
    profile = pick(rows)["metrics"]["profile"]
    profile["mean"] = [min(1.0, 1.2 * part) for part in profile["mean"]]


def forge_blocks(rows):
    pick(rows)["metrics"]["profile"]["blocks"][0] += 0.5


def add_newer_copy(rows):
    row = copy.deepcopy(pick(rows))
    row["created"] = "2026-11-30T00:00:00+00:00"
    rows.append(row)


def add_copy_of_2099(rows):
    row = copy.deepcopy(pick(rows))
    row["created"] = "2099-01-01T00:00:00+00:00"
    row["metrics"]["error"] *= 0.5
    rows.append(row)


def date_ahead(rows):
    for row in rows:
        row["created"] = (NOW + timedelta(days=2)).isoformat()


def choose_key(key):
    def change(rows):
        pick(rows)["key"] = key

    return change


def share_key(rows):
    for row in rows:
        row["key"] = rows[0]["key"]


def choose_seed(rows):
    pick(rows)["seed"] = 7


def drop_digest(rows):
    pick(rows)["predictions_digest"] = None


def choose_digest(rows):
    pick(rows)["predictions_digest"] = "lucky"


def take_longer(rows):
    pick(rows)["costs"]["fit_s"] = 3600.0


def repeat_one(rows):
    """Have the luckiest replicate five times."""
    for row in rows:
        first = pick(rows, row["task"])
        row["metrics"], row["predictions_digest"] = copy.deepcopy(first["metrics"]), first["predictions_digest"]


def repeat_one_under_other_digests(rows):
    for replicate in range(5):
        pick(rows, "curve", replicate)["metrics"] = copy.deepcopy(pick(rows, "curve")["metrics"])


def repeat_seed(rows):
    for row in rows:
        row["seed"] = tracks.init_seed(0)


HOSTILE = {
    "an error that its PSNR is not of": (forge_error, "PSNR"),
    "a PSNR that its error is not of": (forge_psnr, "china r0: PSNR 60.00 dB, and its error"),
    "no PSNR": (drop_psnr, "sphere r0: no PSNR"),
    "a depth that its centres are not of": (deepen, "depth"),
    "an error that its blocks are not of": (forge_blocks, "its parts sum to"),
    "a second, newer record of a cell": (add_newer_copy, "mandelbrot r0: more than one record"),
    "a second copy of 2099": (add_copy_of_2099, "made on 2099-01-01, which is yet to come"),
    "records of the day after tomorrow": (date_ahead, "which is yet to come"),
    "a key that is no digest": (choose_key("nonsense"), "its key is no SHA-256"),
    "a key in capitals": (choose_key("A" * 64), "its key is no SHA-256"),
    "a key with a path in it": (choose_key("../" * 20 + "passwd"), "its key is no SHA-256"),
    "one key for all cells": (share_key, "the key of china r0"),
    "a seed of choice": (choose_seed, "mandelbrot r0: seed 7"),
    "no digest of predictions": (drop_digest, "no digest of its predictions"),
    "a digest that is none": (choose_digest, "no digest of its predictions"),
    "an hour to fit": (take_longer, "fitted for 3600.0 s, of at most"),
}
OF_FIVE = {
    "one replicate five times": (repeat_one, "the predictions of r0"),
    "one replicate's errors five times": (repeat_one_under_other_digests, "curve r1: the predictions of r0"),
    "one seed for all replicates": (repeat_seed, "seed"),
}


def parse(rows, tmp_path):
    """Read records as whatever brings them does."""
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"schema": 1, "suite": tracks.SUITE_VERSION, "name": "knn", "records": rows}))
    return read_result(path).records


@pytest.fixture
def folder(tmp_path):
    """Write k-NN as a stranger's submission, with its recorded cells."""
    folder = tmp_path / "submissions" / "theirs"
    folder.mkdir(parents=True)
    shutil.copyfile(baseline_path("knn"), folder / "submission.py")
    digest = read_submission(folder).digest
    records = [row | {"source_digest": digest} for row in real_records()]
    result = Result(schema=1, suite=tracks.SUITE_VERSION, name="theirs", records=parse(records, tmp_path))
    write_result(folder / "result.json", result)
    return folder


def stand(folder, track="quick"):
    (standing,) = build_board(find_submissions(folder.parent), track, load_reference()).standings
    return standing


def test_honest_records_have_no_faults(tmp_path):
    assert find_faults(parse(real_records(), tmp_path), NOW) == {}
    assert find_faults(parse(five_replicates(), tmp_path), NOW) == {}


def test_no_baseline_has_a_fault():
    for path in lookup.RECORDED_FOLDER.glob("*.json"):
        if path.stem not in ("curves",) and not path.stem.endswith(".audit"):
            assert find_faults(read_result(path).records, NOW) == {}, path.stem


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_record_is_found_and_says_why(tmp_path, kind):
    change, words = HOSTILE[kind]
    rows = real_records()
    change(rows)
    found = find_faults(parse(rows, tmp_path), NOW)
    assert words in " | ".join(found["quick"])


@pytest.mark.parametrize("kind", OF_FIVE)
def test_five_replicates_have_five_predictions_and_five_seeds(tmp_path, kind):
    change, words = OF_FIVE[kind]
    rows = five_replicates()
    change(rows)
    assert words in " | ".join(find_faults(parse(rows, tmp_path), NOW)["standard"])


@pytest.mark.parametrize("accepted", [False, True])
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_record_holds_no_rank_whoever_brings_it(folder, kind, accepted):
    path = folder / "result.json"
    content = json.loads(path.read_text())
    HOSTILE[kind][0](content["records"])
    path.write_text(json.dumps(content))
    if accepted:
        accept_claim(folder)
    standing = stand(folder)
    assert not standing.has_badge
    assert any(reason.startswith("cannot be: ") for reason in standing.reasons)


def test_the_honest_one_lacks_an_audit_and_nothing_else(folder):
    accept_claim(folder)
    assert stand(folder).reasons == ("not audited",)


@pytest.mark.parametrize("task", ["mandelbrot", "china", "shell", "friedman"])
def test_the_frozen_variances_are_those_of_the_truth(task):
    assert truth_variance("quick", task, 0) == pytest.approx(measure_variance("quick", task, 0), rel=1e-8)


def test_a_task_without_a_frozen_variance_has_no_psnr_to_be_held_against(make_record):
    assert truth_variance("quick", "julia", 0) is None
    assert truth_variance("quick", "mandelbrot", 3) == truth_variance("quick", "mandelbrot", 0)
    assert truth_variance("quick", "china", 3) is None


# Audits


def empty(report):
    return replace(report, sets=(), statistics=())


def gain(report):
    """Have the set itself be learned far better, and the statistics and the verdict left as they were."""
    better = [
        replace(each, score=replace(each.score, fvu=1e-9)) if each.name == "hidden, smooth" else each
        for each in report.sets
    ]
    return replace(report, sets=tuple(better))


def lose_a_group(report):
    group = report.sets[-1].group
    return replace(report, sets=tuple(each for each in report.sets if each.group != group))


def lose_a_relative(report):
    return replace(report, sets=tuple(each for each in report.sets if each.name != "field 4, distance"))


def have_one_twice(report):
    """Have the relative that does least harm in place of another one."""
    kept = {each.name: each for each in report.sets}
    kept["field 4, distance"] = kept["field 3, distance"]
    return replace(report, sets=tuple(kept.values()))


def swap_groups(report):
    """Have a table of the set pass for a method that is good at a warp: each is called the other's group."""
    made = make_report(report.source_digest, make_sets(bits={"hidden, smooth": 6.0}))
    groups = {"hidden, smooth": "warp", "warp 1, smooth": "hidden"}
    sets = tuple(replace(each, group=groups.get(each.name, each.group)) for each in made.sets)
    return make_report(report.source_digest, sets)


def swap_targets(report):
    made = {"hidden, smooth": "distance", "hidden, distance": "smooth"}
    return replace(report, sets=tuple(replace(each, target=made.get(each.name, each.target)) for each in report.sets))


def fail_a_set(report):
    return replace(report, sets=fail_set(report.sets, "public, smooth"))


def forge_statistics(report):
    first, *rest = report.statistics
    return replace(report, statistics=(replace(first, value=first.value - 1.0), *rest))


def widen_thresholds(report):
    wide = tuple(replace(each, threshold=100.0) for each in report.statistics)
    return replace(gain(report), statistics=wide)


AUDITS = {
    "empty": (empty, "lacks sets"),
    "contradicts its sets": (gain, "says passed, and the sets in it say flagged"),
    "without a group": (lose_a_group, "lacks sets"),
    "without a relative": (lose_a_relative, "lacks sets"),
    "with one twice": (have_one_twice, "lacks sets"),
    "groups that its names are not of": (swap_groups, "lacks sets"),
    "targets that its names are not of": (swap_targets, "lacks sets"),
    "a set failed": (fail_a_set, "says passed, and the sets in it say failed"),
    "forged statistics": (forge_statistics, "the statistics of its audit are not those of its sets"),
    "thresholds of its own": (widen_thresholds, "says passed, and the sets in it say flagged"),
    "called a discovery": (lambda report: replace(report, verdict="discovery"), "says discovery"),
}


@needs_bounds
def test_an_honest_audit_says_what_its_sets_say():
    assert find_report_fault(make_report()) == ""


@needs_bounds
@pytest.mark.parametrize("kind", AUDITS)
def test_a_verdict_follows_from_the_sets(folder, kind):
    change, words = AUDITS[kind]
    report = change(make_report(read_submission(folder).digest))
    assert words in find_report_fault(report)
    write_report(accept_claim(folder) / "audit.json", report)
    standing = stand(folder)
    assert standing.verdict == "not audited"
    assert words in standing.reasons[0]
    assert not standing.has_badge


@needs_bounds
def test_an_honest_audit_gives_the_badge(folder):
    write_report(accept_claim(folder) / "audit.json", make_report(read_submission(folder).digest))
    assert stand(folder).has_badge
