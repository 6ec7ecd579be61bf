import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from mbench.board.columns import find_column
from mbench.board.formats import entry_as_json, entry_rows, entry_table, format_table, sort_entries
from mbench.errors import HarnessError, UsageError
from mbench.results import lookup
from mbench.results.lookup import newest_result
from mbench.results.metrics import Profile
from mbench.results.names import find_result
from mbench.results.record import SCHEMA_VERSION, Metrics, Result, as_json
from mbench.results.reference import LearningCurve, Reference, TaskReference
from mbench.results.scoring import score_entry
from mbench.results.store import write_result
from mbench.submission import baseline_path, read_submission
from mbench.suite import tracks

QUICK = tracks.TRACKS["quick"]
FRACTALS = tracks.FAMILIES["mandelbrot"]

# Skill is 0 at error 1, 100 at error 0.1: ten times smaller errors are worth 100 points.
REFERENCE = Reference(
    suite=2,
    tasks=MappingProxyType(
        {("quick", task): TaskReference(1.0, 0.1, 5.0 if task in FRACTALS else None) for task in QUICK.tasks}
    ),
    curves=MappingProxyType({task: LearningCurve((100, 10_000), (1.0, 0.1)) for task in FRACTALS}),
)
HOSTILE = 'a|b_$<script>&{}\n=1,"2" [bold]'


@pytest.fixture
def make_entry(make_record):
    """Score an entry that has the same error on every task, and the depth of k-NN."""

    def make(name="idea", error=0.1, tasks=QUICK.tasks, depth=5.0, **changes):
        octaves = (depth / 16,) * 16
        profile = Profile(octaves, octaves, octaves)
        records = [
            make_record(
                task=task, metrics=Metrics(error, {"psnr_db": 20.0}, profile if task in FRACTALS else None), **changes
            )
            for task in tasks
        ]
        return score_entry(name, "quick", records, REFERENCE)

    return make


def result_of(*records, name="idea"):
    return Result(schema=SCHEMA_VERSION, suite=tracks.SUITE_VERSION, name=name, records=records)


# Scores


@pytest.mark.parametrize(("error", "skill"), [(1.0, 0), (0.1, 100), (10**-0.5, 50), (0.01, 200), (1e-9, 200), (5.0, 0)])
def test_skill_counts_from_the_constant_to_the_nearest_neighbours(make_entry, error, skill):
    assert make_entry(error=error).precision == pytest.approx(skill)


def test_the_fractals_score_is_the_mean_of_precision_and_depth(make_entry):
    entry = make_entry(error=10**-0.5, depth=10.0)
    assert (entry.precision, entry.depth, entry.mandelbrot) == pytest.approx((50, 200, 125))


def test_overall_is_the_harmonic_mean_of_the_five_families(make_entry):
    entry = make_entry(error=10**-0.5, depth=10.0)
    assert entry.overall == pytest.approx(5 / (1 / 125 + 4 / 50))


@pytest.mark.parametrize("error", [0.316, 0.317])
def test_the_badge_needs_half_the_skill_in_every_other_family(make_entry, error):
    assert make_entry(error=error).is_universal == (error < 10**-0.5)


def test_threads_and_device_stand_beside_the_scores(make_entry):
    (row,) = entry_rows([make_entry(threads=4, device="cuda")])
    assert (row["threads"], row["device"]) == (4, "cuda")


def test_worth_is_how_much_more_the_nearest_neighbours_would_need(make_entry):
    assert make_entry(error=10**-0.5).worth == pytest.approx(1_000 / 1_000)
    assert make_entry(error=0.1).worth == pytest.approx(10_000 / 1_000)


def test_a_failed_cell_scores_zero(make_record):
    good = make_record(metrics=Metrics(0.1))
    failed = make_record(replicate=1, metrics=None, status="crash", reason="fit raised")
    (task,) = score_entry("idea", "quick", [good, failed], REFERENCE).tasks
    assert (task.skill, task.n_failed, task.reason) == (pytest.approx(50), 1, "fit raised")


def test_a_failure_of_ours_is_a_missing_cell_and_not_a_zero(make_record):
    ours = make_record(metrics=None, status="infrastructure", reason="no disk")
    entry = score_entry("idea", "quick", [ours], REFERENCE)
    assert entry.tasks == ()
    assert "curve" in entry.missing


def test_an_entry_with_a_task_missing_is_incomplete_and_has_no_overall(make_entry):
    entry = make_entry(tasks=QUICK.tasks[:-1])
    assert (entry.is_complete, entry.overall, entry.families["digits"]) == (False, None, None)
    assert entry.mandelbrot == pytest.approx(100)


def test_records_of_another_track_do_not_count(make_record):
    assert score_entry("idea", "quick", [make_record(track="standard")], REFERENCE).tasks == ()


def test_an_extra_task_is_shown_and_counts_for_nothing(make_record, make_entry):
    entry = score_entry("idea", "quick", [make_record(task="julia")], REFERENCE)
    assert [task.task for task in entry.tasks] == ["julia"]
    assert set(entry.families.values()) == {None}


# Which result a name stands for


def test_a_name_finds_what_was_evaluated_last_under_it(store, make_record):
    store.write(make_record(key="a" * 64, source_digest="old", created="2026-01-01T00:00:00+00:00"))
    last = make_record(key="b" * 64, source_digest="new", created="2026-01-02T00:00:00+00:00")
    store.write(last)
    assert find_result("idea", store.folder).records == (last,)


def test_a_file_finds_its_own_records_whatever_their_name(store, make_record, submission_file):
    path = submission_file("def build(spec): pass")
    record = make_record(source_digest=read_submission(path).digest, submission="before")
    store.write(record)
    assert (
        find_result(str(path), store.folder).records == find_result(str(path.parent), store.folder).records == (record,)
    )


def test_the_newest_of_equal_cells_counts(store, make_record):
    for key, created in (("a", "2026-01-02T00:00:00+00:00"), ("b", "2026-01-01T00:00:00+00:00")):
        store.write(make_record(key=key * 64, created=created, harness_digest=key))
    assert [record.key[0] for record in find_result("idea", store.folder).records] == ["a"]


def test_runs_with_other_threads_are_not_taken_for_replicates(store, make_record):
    for threads in (1, 2):
        store.write(make_record(key=str(threads) * 64, threads=threads, created=f"2026-01-0{threads}T00:00:00+00:00"))
    assert [record.threads for record in find_result("idea", store.folder).records] == [2]


def test_each_track_keeps_its_own_threads(store, make_record):
    store.write(make_record(key="1" * 64, track="standard", threads=1, created="2026-01-01T00:00:00+00:00"))
    store.write(make_record(key="2" * 64, track="quick", threads=2, created="2026-01-02T00:00:00+00:00"))
    assert len(find_result("idea", store.folder).records) == 2


def test_a_renamed_submission_is_found_by_its_new_name(store, make_record):
    record = make_record(submission="before")
    store.write(record)
    write_result(store.folder / "after" / "quick" / "result.json", result_of(record, name="after"))
    assert find_result("after", store.folder).records == (record,)


def test_a_portable_result_is_found_by_its_path(tmp_path, make_record):
    result = result_of(make_record())
    write_result(tmp_path / "theirs.json", result)
    assert find_result(str(tmp_path / "theirs.json"), Path("results")) == result


def test_a_strangers_name_is_made_safe(tmp_path, make_record):
    write_result(tmp_path / "theirs.json", result_of(make_record(), name=HOSTILE))
    assert find_result(str(tmp_path / "theirs.json"), Path("results")).name == "a-b_-script-1-2-bold"


def test_a_baseline_is_found_by_its_name_unless_evaluated_here(store, make_record, tmp_path, monkeypatch):
    monkeypatch.setattr(lookup, "RECORDED_FOLDER", tmp_path)
    recorded = result_of(make_record(submission="knn"), name="knn")
    write_result(tmp_path / "knn.json", recorded)
    assert find_result("knn", store.folder) == recorded
    here = make_record(submission="knn", source_digest="here")
    store.write(here)
    assert find_result("knn", store.folder).records == (here,)


def test_a_baselines_track_counts_from_here_only_once_all_of_it_was_run_here(store, make_record, tmp_path, monkeypatch):
    monkeypatch.setattr(lookup, "RECORDED_FOLDER", tmp_path)
    recorded = [make_record(track=track, task=task) for track in ("quick", "standard") for task in ("curve", "sphere")]
    write_result(tmp_path / "knn.json", result_of(*recorded, name="knn"))
    own = read_submission(baseline_path("knn")).digest
    here = [
        make_record(submission="knn", task=task, key=task[0] * 64, source_digest=own) for task in ("curve", "sphere")
    ]
    store.write(here[0])
    assert find_result("knn", store.folder).records == tuple(recorded)
    store.write(here[1])
    assert find_result("knn", store.folder).records == (*recorded[2:], *here)


def test_a_failure_of_ours_stands_for_no_cell_that_has_another_record(make_record):
    fine = make_record(created="2026-01-01T00:00:00+00:00")
    ours = make_record(status="infrastructure", metrics=None, created="2026-01-02T00:00:00+00:00")
    assert newest_result("idea", [ours, fine]).records == (fine,)
    assert newest_result("idea", [ours]).records == (ours,)
    assert newest_result("idea", [fine, replace(ours, task="sphere", threads=2)]).records == (fine,)


def test_a_folder_without_a_submission_does_not_hide_a_baseline(tmp_path, monkeypatch, make_record):
    monkeypatch.setattr(lookup, "RECORDED_FOLDER", tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "knn").mkdir()
    write_result(tmp_path / "knn.json", result_of(make_record(), name="knn"))
    assert find_result("knn", Path("results")).name == "knn"


@pytest.mark.parametrize("name", ["absent", "absent.py", "absent.json", "../../etc/passwd", "*", ""])
def test_an_unknown_name_is_a_usage_error(store, name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        find_result(name, store.folder)


def test_a_submission_never_evaluated_says_what_to_run(store, submission_file):
    path = submission_file("def build(spec): pass")
    with pytest.raises(UsageError, match=f"Run `mbench evaluate {path}` first"):
        find_result(str(path), store.folder)


def test_a_damaged_portable_result_is_named(tmp_path, make_record):
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(as_json(result_of(make_record())) | {"records": [{}]}))
    with pytest.raises(HarnessError, match=r"theirs\.json: damaged at 'records\.0"):
        find_result(str(path), Path("results"))


# Tables


def test_entries_are_sorted_by_the_fractals_score_and_those_without_come_last(make_entry):
    entries = [
        make_entry("none", tasks=["curve"]),
        make_entry("low", error=0.9),
        make_entry("high", error=0.01),
        make_entry("also low", error=0.9),
    ]
    assert [entry.name for entry in sort_entries(entries)] == ["high", "also low", "low", "none"]


def test_csv_keeps_every_digit(make_entry):
    entry = make_entry(error=0.123456789)
    (row,) = csv.DictReader(io.StringIO(format_table([entry], "csv")))
    assert float(row["precision"]) == entry.precision
    assert (row["name"], row["complete"], row["n_params"]) == ("idea", "True", "")


def test_json_is_what_the_entry_holds(make_entry):
    entries = [make_entry("one"), make_entry("two", tasks=["curve"])]
    read = json.loads(format_table(entries, "json"))
    assert read == json.loads(json.dumps([entry_as_json(entry) for entry in sort_entries(entries)]))
    assert read[0]["families"]["mandelbrot"] == pytest.approx(100)
    assert read[1]["overall"] is None


def test_markdown_has_a_row_per_entry_and_a_dash_for_what_is_missing(make_entry):
    lines = format_table([make_entry("one"), make_entry("two", tasks=["curve"])], "md").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    names = list(entry_table([make_entry()]).columns)
    assert cells[0] == ["model_bytes, MB" if name == "model_bytes" else name for name in names]
    assert [row[:3] for row in cells[2:]] == [["one", "100.0", "100.0"], ["two", "–", "–"]]


def test_latex_is_a_tabular_of_booktabs_with_the_columns_asked_for(make_entry):
    lines = format_table([make_entry()], "latex", ("cost",)).splitlines()
    assert lines[0] == "% In the preamble: \\usepackage{booktabs}"
    assert [line for line in lines if "rule" in line] == ["\\toprule", "\\midrule", "\\bottomrule"]
    heads = [head.strip() for head in lines[3].removesuffix("\\\\").split("&")]
    assert heads[:3] == ["Name", "Mandelbrot", "Overall"]
    assert "Stored, MB" in heads
    assert "Precision" not in heads
    assert lines[1] == f"\\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}"


def test_latex_has_half_of_each_interval_behind_its_score_and_the_best_in_bold(make_entry):
    entries = [make_entry("one", error=0.1), make_entry("two", error=0.2)]
    alone = {"one": [make_entry("one", error=error) for error in (0.08, 0.1, 0.12)]}
    scores = [each.precision for each in alone["one"]]
    mean = sum(scores) / 3
    sd = (sum((score - mean) ** 2 for score in scores) / 2) ** 0.5
    half = 4.302652729911275 * sd / 3**0.5  # Student's t of 2 degrees of freedom at 97.5%, from a table
    one, two = (
        line for line in format_table(entries, "latex", None, alone).splitlines() if line.startswith(("o", "t"))
    )
    assert f"\\textbf{{{entries[0].precision:.1f}}} $\\pm$ {half:.1f}" in one
    assert "\\textbf" not in two
    assert "pm" not in two


def test_what_is_less_is_the_best_of_a_cost_and_what_is_alike_has_no_best(make_entry):
    cheap, dear = make_entry("cheap"), replace(make_entry("dear"), fit_s=1e6)
    lines = format_table([cheap, dear], "latex", ("cost",)).splitlines()
    assert lines[5].count("\\textbf") == 1
    assert f"\\textbf{{{cheap.fit_s:.1f}}}" in lines[5]
    assert "\\textbf" not in lines[6]


def test_a_hostile_name_stays_in_its_markdown_cell(make_entry):
    lines = format_table([make_entry(HOSTILE)], "md").splitlines()
    assert len(lines) == 3
    assert lines[2].replace("\\|", "").count("|") == lines[0].count("|")
    assert "\\<script\\>" in lines[2]


def test_a_hostile_name_comes_back_from_csv(make_entry):
    (row,) = csv.DictReader(io.StringIO(format_table([make_entry(HOSTILE)], "csv")))
    assert row["name"] == HOSTILE


def test_a_hostile_name_is_escaped_in_latex(make_entry):
    table = format_table([make_entry("50% & $x_1$ \\input{x}")], "latex")
    assert "50\\% \\& \\$x\\_1\\$ \\textbackslash{}input\\{x\\}" in table


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("mandelbrot", None, "–"),
        ("mandelbrot", float("nan"), "–"),
        ("mandelbrot", 99.96, "100.0"),
        ("psnr_db", 12.345, "12.35"),
        ("n_params", 1234567, "1,234,567"),
        ("model_bytes", 1234567, "1.23"),
        ("n_replicates", 5, "5"),
        ("universal", True, "yes"),
        ("complete", False, "no"),
        ("name", "idea", "idea"),
    ],
)
def test_a_cell_reads_as_people_write_it(column, value, text):
    assert find_column(column).show(value) == text


def test_the_order_of_records_does_not_matter(make_record):
    records = [make_record(replicate=r, metrics=Metrics(0.1 * (r + 1))) for r in range(3)]
    first, second = (score_entry("idea", "quick", rows, REFERENCE) for rows in (records, records[::-1]))
    assert first.tasks[0].skill == pytest.approx(second.tasks[0].skill)


def test_scores_do_not_depend_on_which_other_entries_there_are(make_entry):
    entry = make_entry()
    alone, beside = entry_table([entry]), entry_table([entry, replace(entry, name="zzz")])
    assert alone.iloc[0].to_dict() == beside.iloc[0].to_dict()
