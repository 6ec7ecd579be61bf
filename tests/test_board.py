import csv
import io
import json
import random
import re
import shutil
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from types import MappingProxyType

import numpy as np
import pytest
from accepted_folders import accept_claim, believe_audits, make_consistent
from audit_reports import make_report
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mbench.board.candidates import Candidate, find_baselines, find_local, find_submissions, keep_recorded
from mbench.board.standings import build_board
from mbench.board.tables import board_as_json, board_rows, format_board
from mbench.cli.tables import print_board
from mbench.results import lookup
from mbench.results.audits import write_report
from mbench.results.kept import listening
from mbench.results.metrics import Profile
from mbench.results.record import SCHEMA_VERSION, Costs, Metrics, Record, Result
from mbench.results.reference import Reference, TaskReference, load_reference
from mbench.results.store import write_result
from mbench.submission import baseline_path, read_submission
from mbench.suite import tracks
from mbench.views.board_plots import draw_board
from mbench.views.render import rankings
from mbench.views.render.page import Page
from mbench.views.render.rankings import find_front

PAGE = Path(__file__).parents[1] / "docs" / "board.md"
STANDARD = tracks.TRACKS["standard"]
FRACTALS = tracks.FAMILIES["mandelbrot"]
REFERENCE = Reference(
    suite=2,
    tasks=MappingProxyType(
        {
            (track.name, task): TaskReference(1.0, 0.1, 5.0 if task in FRACTALS else None)
            for track in tracks.TRACKS.values()
            for task in track.tasks
        }
    ),
    curves=MappingProxyType({}),
)
HOSTILE = 'a|b_$<script>&{}\n=1,"2" [bold]\x1b[31m'
SLOW = settings(max_examples=8, deadline=None)


def make_cell(name, task, replicate, skill, **changes):
    """A record of this skill (and depth skill, where there is depth), by the reference above."""
    octaves = (min(1.0, skill / 200 * 10 / 15),) * 15
    profile = Profile(octaves, octaves, octaves) if task in FRACTALS else None
    budget = tracks.TRACKS[changes.get("track", "standard")].budgets[tracks.family_of(task)]
    fields = {
        "schema": SCHEMA_VERSION, "suite": tracks.SUITE_VERSION, "key": f"{name}-{task}-{replicate}",
        "submission": name, "source_digest": name, "task": task, "task_digest": "t", "track": "standard",
        "replicate": replicate, "n_samples": budget.n_samples, "fit_limit_s": budget.fit_limit_s,
        "seed": 0, "threads": 1, "device": "cpu",
        "isolation": "A", "test_set": "public", "harness_digest": "h", "status": "ok", "reason": "",
        "metrics": Metrics(10 ** (-skill / 100), {"psnr_db": 20.0}, profile),
        "costs": Costs(fit_s=1.0 + skill, predict_us_per_point=2.0, n_params=100), "output": "", "environment": {},
        "created": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return Record(**fields | changes)


def make_audit(digest, verdict="passed", reason="nothing found"):
    return make_report(digest, name="any", verdict=verdict, reason=reason)


def make_candidate(name, skill=100.0, noise=0.5, *, seed=0, verdict="passed", origin="baseline", tasks=STANDARD.tasks):
    """Every cell of the track standard, its skill drawn about `skill`, and an audit."""
    rng = random.Random(f"{seed}")
    records = tuple(
        make_cell(name, task, replicate, skill + rng.gauss(0, noise)) for task in tasks for replicate in range(5)
    )
    return Candidate(name, origin, records, make_audit(name, verdict) if verdict else None)


def board_of(*found, track="standard"):
    return build_board(found, track, REFERENCE)


def ranks(board):
    return {standing.name: standing.rank for standing in board.shown}


def change(candidate, changed, where):
    """Replace the records that `where` picks."""
    return replace(candidate, records=tuple(changed(r) if where(r) else r for r in candidate.records))


# Who is ranked


def test_entries_that_differ_are_ranked_by_score():
    board = board_of(*(make_candidate(name, skill, seed=name) for name, skill in (("b", 90), ("a", 60), ("c", 120))))
    assert [(s.name, s.rank) for s in board.ranked] == [("c", 1), ("b", 2), ("a", 3)]


def test_entries_that_no_test_separates_share_a_rank():
    board = board_of(*(make_candidate(n, s, 5.0, seed=n) for n, s in (("a", 100), ("b", 100.5), ("c", 60))))
    assert ranks(board) == {"a": 1, "b": 1, "c": 3}
    assert [len(group) for group in board.groups] == [2]
    assert [pair.is_separated for pair in board.pairs] == [False, True, True]


def test_the_same_source_under_two_names_shares_a_rank_with_itself():
    board = board_of(make_candidate("a"), make_candidate("b"), make_candidate("c", 50.5, seed=1))
    assert ranks(board) == {"a": 1, "b": 1, "c": 3}


def test_an_incomplete_entry_is_shown_and_not_ranked():
    part = make_candidate("part", 150)
    part = replace(part, records=tuple(r for r in part.records if (r.task, r.replicate) != ("mnist", 3)))
    board = board_of(part, make_candidate("whole"))
    assert [(s.name, s.rank, s.reasons, s.has_badge) for s in board.shown] == [
        ("part", None, ("incomplete: mnist",), False),
        ("whole", 1, (), True),
    ]


@pytest.mark.parametrize("family", ["images", "surfaces", "functions", "digits"])
def test_a_weak_family_costs_the_rank(family):
    weak = change(
        make_candidate("weak", 150),
        lambda r: make_cell("weak", r.task, r.replicate, 40),
        lambda r: r.task in tracks.FAMILIES[family],
    )
    board = board_of(weak, make_candidate("whole"))
    assert ranks(board) == {"weak": None, "whole": 1}
    assert board.unranked[0].reasons == (f"{family} 40, needs 50",)


def test_without_an_audit_there_is_no_rank():
    board = board_of(make_candidate("idea", verdict=None), make_candidate("known", 60))
    assert ranks(board) == {"idea": None, "known": 1}
    assert (board.unranked[0].verdict, board.unranked[0].reasons) == ("not audited", ("not audited",))


def test_an_audit_that_failed_says_so():
    assert board_of(make_candidate("idea", verdict="failed")).unranked[0].reasons == ("audit failed: nothing found",)


def test_a_discovery_stands_on_a_list_of_its_own():
    board = board_of(make_candidate("eureka", 190, verdict="discovery"), make_candidate("idea"))
    assert [s.name for s in board.discoveries] == ["eureka"]
    assert ranks(board) == {"idea": 1}


def test_what_the_audit_flagged_is_rejected_with_its_reason():
    board = board_of(make_candidate("cheat", 190, verdict="flagged: carried the rule in"), make_candidate("idea"))
    assert ranks(board) == {"idea": 1}
    (row,) = [row for row in board_rows(board) if row["list"] == "rejected"]
    assert (row["name"], row["verdict"]) == ("cheat", "flagged: carried the rule in: nothing found")


def test_a_failed_cell_scores_zero_and_is_ranked():
    def fail(record):
        return replace(record, metrics=None, status="crash", reason="no")

    failed = change(make_candidate("idea", noise=0.0), fail, lambda r: (r.task, r.replicate) == ("mandelbrot", 2))
    (standing,) = board_of(failed).ranked
    assert standing.entry.mandelbrot == pytest.approx((100 + 80) / 2)
    assert standing.replicates[2].mandelbrot == pytest.approx(50)
    assert standing.rank == 1


def test_with_one_replicate_nobody_has_a_rank_or_an_interval():
    found = [
        replace(make_candidate(name), records=tuple(make_cell(name, t, 0, s, track="quick") for t in QUICK.tasks))
        for name, s in (("a", 100), ("b", 60))
    ]
    board = board_of(*found, track="quick")
    assert [(s.name, s.rank, s.reasons, s.mandelbrot_interval) for s in board.ranked] == [
        ("a", None, (), None),
        ("b", None, (), None),
    ]
    assert "One replicate, n = 1" in format_board(board, "md")


QUICK = tracks.TRACKS["quick"]


def test_replicates_beyond_the_tracks_own_count_for_nothing():
    found = make_candidate("idea")
    lucky = tuple(make_cell("idea", task, r, 199.0) for task in STANDARD.tasks for r in (5, 6, 10**9))
    assert board_of(replace(found, records=found.records + lucky)) == board_of(found)


def test_replicates_of_other_numbers_do_not_make_an_entry_complete():
    found = make_candidate("idea")
    moved = replace(found, records=tuple(replace(r, replicate=r.replicate + 1) for r in found.records))
    assert board_of(moved).unranked[0].reasons == (f"incomplete: {', '.join(STANDARD.tasks)}",)


def test_records_of_other_tracks_and_tasks_put_nobody_on_the_board():
    records = (make_cell("idea", "curve", 0, 100, track="quick"), make_cell("idea", "julia", 0, 100))
    assert board_of(Candidate("idea", "baseline", records)).standings == ()


# What scores and ranks depend on


@SLOW
@given(st.lists(st.integers(50, 150), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_names_and_the_order_of_rows_do_not_matter(skills, shuffler):
    found = [make_candidate(f"m{i}", skill, 8.0, seed=i) for i, skill in enumerate(skills)]
    names = [f"m{i}" for i in range(len(found))]
    shuffler.shuffle(names)
    renamed = [replace(each, name=f"new-{name}") for each, name in zip(found, names, strict=True)]
    new_name = {each.name: other.name for each, other in zip(found, renamed, strict=True)}
    shuffler.shuffle(renamed)
    assert {new_name[name]: rank for name, rank in ranks(board_of(*found)).items()} == ranks(board_of(*renamed))


@SLOW
@given(st.lists(st.integers(50, 150), min_size=1, max_size=4))
def test_no_score_or_interval_depends_on_who_else_is_there(skills):
    idea = make_candidate("idea", 90, 4.0)
    others = [make_candidate(f"m{i}", skill, 4.0, seed=i) for i, skill in enumerate(skills)]
    (alone,) = board_of(idea).ranked
    (beside,) = [standing for standing in board_of(*others, idea).ranked if standing.name == "idea"]
    assert replace(beside, rank=1) == alone


@SLOW
@given(st.sampled_from(STANDARD.tasks), st.integers(0, 4), st.floats(1.0, 50.0))
def test_no_score_rises_with_an_error(task, replicate, factor):
    found = make_candidate("idea", 90, 20.0)
    worse = change(
        found,
        lambda r: replace(r, metrics=replace(r.metrics, error=r.metrics.error * factor)),
        lambda r: (r.task, r.replicate) == (task, replicate),
    )
    (before,), (after,) = board_of(found).shown, board_of(worse).shown
    assert after.entry.mandelbrot <= before.entry.mandelbrot
    assert after.entry.overall <= before.entry.overall
    assert all(after.entry.families[f] <= before.entry.families[f] for f in tracks.FAMILIES)


@SLOW
@given(st.permutations(range(5)))
def test_shuffling_the_replicates_of_all_changes_nothing(order):
    def shuffle(candidate):
        return replace(candidate, records=tuple(replace(r, replicate=order[r.replicate]) for r in candidate.records))

    found = [make_candidate(f"m{i}", 90 + i, 3.0, seed=i) for i in range(4)]
    before, after = board_of(*found), board_of(*map(shuffle, found))
    assert ranks(before) == ranks(after)
    for one, other in zip(before.ranked, after.ranked, strict=True):
        for field in ("mandelbrot_interval", "overall_interval"):
            ends = [(getattr(each, field).low, getattr(each, field).high) for each in (one, other)]
            assert ends[0] == pytest.approx(ends[1])


def test_other_seeds_keep_the_ranking():
    boards = [
        board_of(*(make_candidate(f"m{i}", 60 + 10 * i, 1.0, seed=f"{i}-{seed}") for i in range(5)))
        for seed in range(3)
    ]
    assert ranks(boards[0]) == ranks(boards[1]) == ranks(boards[2])
    assert all(board.agreement.least > 0.999 for board in boards)


def test_the_score_is_the_mean_of_the_replicates_and_within_its_interval():
    (standing,) = board_of(make_candidate("idea", 90, 10.0)).ranked
    assert standing.entry.mandelbrot == pytest.approx(fmean(each.mandelbrot for each in standing.replicates))
    # A harmonic mean of means is close to the mean of harmonic means, and no more.
    assert standing.entry.overall == pytest.approx(fmean(each.overall for each in standing.replicates), rel=0.01)
    assert standing.mandelbrot_interval.low < standing.entry.mandelbrot < standing.mandelbrot_interval.high
    assert standing.overall_interval.low < standing.entry.overall < standing.overall_interval.high


def test_profiles_are_means_over_replicates():
    found = make_candidate("idea", 90, 10.0)
    (standing,) = board_of(found).ranked
    means = [r.metrics.profile.mean for r in found.records if r.task == "mandelbrot"]
    assert standing.profiles["mandelbrot"].mean == pytest.approx(np.mean(means, axis=0))


# Tables


@pytest.fixture
def board():
    return board_of(
        make_candidate("good", 120, seed=1),
        make_candidate("fair", 80, seed=2),
        make_candidate("bare", 70, verdict=None, origin="local"),
        replace(make_candidate("eureka", 190, verdict="discovery"), name=HOSTILE),
        replace(make_candidate("cheat", 190), audit=make_audit("cheat", "flagged: carried the rule in", HOSTILE)),
    )


def test_markdown_has_a_row_for_everybody_and_the_interval_beside_the_score(board):
    text = format_board(board, "md")
    tables = [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]
    assert [len(lines) - 2 for lines in tables] == [3, 1, 1]
    assert re.match(r"\| +1 \| good +\| +120\.\d \[1\d\d\.\d, 12\d\.\d\] \|", tables[0][2])
    assert "bare (local)" in tables[0][4]
    assert all(line.replace("\\|", "").count("|") == lines[0].count("|") for lines in tables for line in lines)
    assert "\x1b" not in text
    assert "<script>" not in text.replace("\\<script\\>", "")


@pytest.mark.parametrize("table_format", ["md", "latex"])
def test_n_and_the_tests_are_said(board, table_format):
    text = format_board(board, table_format)
    assert "n = 5 replicates" in text
    assert "n = 10 cells" in text
    assert "Kendall's τ" in text


def test_csv_keeps_every_digit_and_every_list(board):
    rows = list(csv.DictReader(io.StringIO(format_board(board, "csv"))))
    assert [(row["list"], row["rank"]) for row in rows] == [
        ("board", "1.0"), ("board", "2.0"), ("board", ""), ("discovery", ""), ("rejected", ""),
    ]  # fmt: skip
    assert float(rows[0]["mandelbrot"]) == board.ranked[0].entry.mandelbrot
    assert float(rows[0]["mandelbrot_low"]) == board.ranked[0].mandelbrot_interval.low


def test_json_holds_the_board(board):
    read = json.loads(format_board(board, "json"))
    assert read == json.loads(json.dumps(board_as_json(board)))
    assert [row["rank"] for row in read["board"]] == [1, 2, None]
    assert read["board"][0]["mandelbrot_interval"] == [
        board.ranked[0].mandelbrot_interval.low, board.ranked[0].mandelbrot_interval.high,
    ]  # fmt: skip
    assert len(read["board"][0]["profiles"]["mandelbrot"]["mean"]) == 15
    assert (read["n_replicates"], read["kendall_tau"]["n_splits"], len(read["pairs"])) == (5, 10, 1)
    assert read["rejected"][0]["audit"]["verdict"] == "flagged: carried the rule in"


def test_latex_is_tabulars_and_comments(board):
    parts = format_board(board, "latex").split("\n\n")
    assert sum("\\begin{tabular}" in part for part in parts) == 3
    assert all(part.startswith("% ") for part in parts)
    assert parts[1].splitlines()[-1] == "\\end{tabular}"
    assert "$\\pm$" in parts[1]


def test_every_row_of_a_tabular_in_latex_has_as_many_cells_as_its_columns(board):
    for part in format_board(board, "latex").split("\n\n"):
        if "\\begin{tabular}" not in part:
            continue
        columns = re.search(r"\\begin\{tabular\}\{([lr]+)\}", part)[1]
        rows = [line for line in part.splitlines() if line.endswith("\\\\")]
        assert len(rows) > 1
        assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(columns)}
        assert all(row.count("{") == row.count("}") and row.count("$") % 2 == row.count("\\$") % 2 for row in rows)
        assert part.isascii()


def test_a_board_without_entries_is_said_to_be_empty():
    for table_format in ("md", "latex"):
        assert "0 of 0 entries" in format_board(board_of(), table_format)
    assert json.loads(format_board(board_of(), "json"))["board"] == []
    assert format_board(board_of(), "csv").strip() == ""


@pytest.mark.skipif(
    not PAGE.exists() or "<!-- board -->" not in PAGE.read_text(), reason="the page has no board between markers"
)
def test_the_board_in_the_documents_is_what_the_command_prints():
    shown = PAGE.read_text().split("<!-- board -->\n")[1].split("\n<!-- end of board -->")[0]
    track, suite = re.match(r"Track (\w+) of suite (\d)", shown).groups()
    known = [*find_baselines(int(suite)), *find_submissions(PAGE.parents[1] / "submissions", int(suite))]
    assert shown == format_board(build_board(known, track, load_reference(int(suite))), "md")


# Pictures


def test_every_picture_is_drawn(board, tmp_path):
    paths = draw_board(board, tmp_path)
    assert [path.name for path in paths] == ["cost.png", "depth.png", "critical-difference.png"]
    for path in paths:
        with Image.open(path) as picture:
            assert np.asarray(picture).std() > 5


def test_what_part_of_the_tasks_cost_is_not_compared(monkeypatch, tmp_path):
    part = make_candidate("part", 150)
    part = replace(part, records=tuple(r for r in part.records if r.task != "mnist"))
    drawn = []
    monkeypatch.setattr(rankings, "front_page", lambda marks, *rest: drawn.extend(marks) or Page(60, 40))
    draw_board(board_of(part, make_candidate("whole")), tmp_path)
    assert {mark.name: any(mark.costs.values()) for mark in drawn} == {"part": False, "whole": True}


def test_differences_of_another_track_do_not_stay(tmp_path):
    (tmp_path / "critical-difference.png").touch()
    draw_board(board_of(make_candidate("alone")), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"cost.png", "depth.png"}


def test_entries_of_one_name_are_told_apart_in_a_picture(monkeypatch, tmp_path):
    drawn = []
    draw = rankings.depths_page
    monkeypatch.setattr(
        rankings, "depths_page", lambda rows, *words, **who: drawn.append(rows) or draw(rows, *words, **who)
    )
    draw_board(board_of(make_candidate("knn"), make_candidate("knn", 60, origin="local")), tmp_path)
    assert list(drawn[0]["mandelbrot"]) == ["knn (baseline)", "knn (local)"]


@pytest.mark.parametrize(("suite", "words"), [(2, "track standard, n = 5"), (1, "suite 1, track standard, n = 5")])
def test_a_picture_of_an_earlier_suite_says_so(monkeypatch, tmp_path, suite, words):
    said = []
    draw = rankings.depths_page
    monkeypatch.setattr(
        rankings, "depths_page", lambda rows, title, line, **who: said.append(line) or draw(rows, title, line, **who)
    )
    draw_board(replace(board_of(make_candidate("alone")), suite=suite), tmp_path)
    assert said[0].startswith(words)


def test_a_board_with_nothing_to_draw_has_no_pictures(tmp_path):
    assert draw_board(board_of(), tmp_path) == []


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8))
def test_nothing_on_the_front_is_beaten(points):
    costs, scores = [p[0] for p in points], [p[1] for p in points]
    kept = {points[i] for i in find_front(costs, scores)}
    beaten = {p for p in points for q in points if q != p and q[0] <= p[0] and q[1] >= p[1]}
    assert kept == set(points) - beaten


# Who may stand on it


@pytest.fixture
def submissions(tmp_path, monkeypatch):
    """Write a submission's folder as a claim, or as a maintainer accepted it, and return where such folders lie."""

    believe_audits(monkeypatch)

    def write(name="idea", skill=100.0, audit=True, accepted=False, **changes):
        folder = tmp_path / "submissions" / name
        folder.mkdir(parents=True)
        (folder / "submission.py").write_text(f"def build(spec):\n    return {name!r}\n")
        digest = read_submission(folder).digest
        records = tuple(
            make_consistent(make_cell(name, t, r, skill + r / 100, **{"source_digest": digest} | changes))
            for t in STANDARD.tasks
            for r in range(5)
        )
        write_result(folder / "result.json", Result(schema=SCHEMA_VERSION, suite=2, name=name, records=records))
        if audit:
            write_report(folder / "audit.json", make_audit(digest))
        if accepted:
            accept_claim(folder)
        return folder.parent

    return write


CLAIM = "a claim, which no maintainer has run again"


def test_a_claim_is_shown_and_holds_no_rank_whatever_its_audit_says(submissions):
    (found,) = find_submissions(submissions())
    (standing,) = board_of(found).shown
    assert (standing.rank, standing.is_claim, standing.audit, standing.reasons) == (None, True, None, (CLAIM,))
    (row,) = board_rows(board_of(found))
    assert row["rerun"] == "claim"
    assert "idea (claim)" in format_board(board_of(found), "md")


def test_a_board_has_a_submissions_numbers_from_its_rerun_alone(submissions):
    folder = submissions(skill=100.0, accepted=True)
    honest = board_of(*find_submissions(folder)).shown[0]
    path = folder / "idea" / "result.json"
    content = json.loads(path.read_text())
    for row in content["records"]:
        row["metrics"]["error"] *= 0.953
    path.write_text(json.dumps(content))
    assert board_of(*find_submissions(folder)).shown[0] == honest
    assert (honest.is_claim, honest.rank) == (False, 1)
    path.unlink()
    assert board_of(*find_submissions(folder)).shown[0] == honest
    assert honest.rerun == "2026-01-01, unknown machine, tier A"


def test_tracks_that_were_not_run_again_stay_claims(submissions, tmp_path):
    folder = submissions(accepted=True)
    path = folder / "idea" / "result.json"
    content = json.loads(path.read_text())
    budgets = tracks.TRACKS["quick"].budgets
    more = []
    for row in content["records"]:
        if row["replicate"] == 0 and row["task"] != "mnist":
            budget = budgets[tracks.family_of(row["task"])]
            own = {"track": "quick", "n_samples": budget.n_samples, "fit_limit_s": budget.fit_limit_s}
            more.append(row | own)
    path.write_text(json.dumps(content | {"records": more}))
    (found,) = find_submissions(folder)
    assert [s.is_claim for s in board_of(found, track="quick").shown] == [True]
    assert [s.is_claim for s in board_of(found).shown] == [False]


def test_a_source_that_changed_after_its_rerun_is_a_claim_again(submissions):
    folder = submissions(accepted=True)
    with (folder / "idea" / "submission.py").open("a") as file:
        file.write("# changed\n")
    with listening() as notes:
        (found,) = find_submissions(folder)
    assert found.rerun is None
    assert "has changed since a maintainer ran it again" in notes[0]


@pytest.mark.parametrize("name", ["rerun.json", "audit.json", "verified.json", "verified/rerun.json"])
def test_no_file_in_a_strangers_folder_is_a_rerun(submissions, name):
    folder = submissions(accepted=True)
    verified = folder / "verified" / "idea"
    made = {path.name: path.read_bytes() for path in verified.iterdir()}
    for path in verified.iterdir():
        path.unlink()
    place = folder / "idea" / name
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(made["audit.json" if name == "audit.json" else "rerun.json"])
    assert board_of(*find_submissions(folder)).shown[0].reasons == (CLAIM,)


def test_a_submission_may_not_be_called_what_the_reruns_are(submissions):
    folder = submissions("verified")
    with listening() as notes:
        assert find_submissions(folder) == []
    assert "its name reads as 'verified'" in notes[0]


def test_a_folder_that_cannot_be_read_costs_itself_its_place_and_nobody_else_theirs(submissions, tmp_path):
    submissions("linked")
    folder = submissions("fine", accepted=True)
    (folder / "linked" / "result.json").rename(tmp_path / "elsewhere.json")
    (folder / "linked" / "result.json").symlink_to(tmp_path / "elsewhere.json")
    (folder / "moved").symlink_to(folder / "fine")
    with listening() as notes:
        assert [each.name for each in find_submissions(folder)] == ["fine"]
    assert any("linked/result.json: not a regular file" in each for each in notes)
    assert any("moved: a link, and no submission's own folder" in each for each in notes)


def test_the_size_of_a_source_is_a_column(submissions):
    (row,) = board_rows(board_of(*find_submissions(submissions())))
    assert row["source_bytes"] == len("def build(spec):\n    return 'idea'\n")


def test_a_submission_is_found_with_its_audit_and_ranked(submissions):
    (found,) = find_submissions(submissions(accepted=True))
    assert (found.name, found.origin, found.audit.verdict) == ("idea", "submission", "passed")
    assert ranks(board_of(found)) == {"idea": 1}


def test_the_name_is_that_of_the_folder_whatever_the_file_says(submissions):
    folder = submissions() / "idea"
    folder.rename(folder.with_name("a b|c"))
    assert [each.name for each in find_submissions(folder.parent)] == ["a-b-c"]


def test_records_of_another_source_do_not_count(submissions):
    (found,) = find_submissions(submissions(source_digest="other"))
    assert (found.records, found.foreign) == ((), ("standard",) * 45)
    (standing,) = board_of(found).unranked
    assert standing.reasons[:2] == (CLAIM, "45 records are of another version of its source")
    assert "idea" in format_board(board_of(found), "md")
    assert board_of(found, track="quick").standings == ()


def test_a_submission_changed_after_it_was_evaluated_says_so_and_has_no_rank(submissions):
    folder = submissions() / "idea"
    (folder / "submission.py").write_text("def build(spec):\n    return 'changed'\n")
    records = json.loads((folder / "result.json").read_text())
    records["records"][0]["source_digest"] = read_submission(folder).digest
    (folder / "result.json").write_text(json.dumps(records))
    (found,) = find_submissions(folder.parent)
    assert found.audit is None
    assert board_of(found).unranked[0].reasons[1] == "44 records are of another version of its source"


def test_hidden_test_sets_do_not_count(submissions):
    (found,) = find_submissions(submissions(test_set="hidden:00"))
    assert found.records == ()


@pytest.mark.parametrize("budget", [{"n_samples": 1_000_000}, {"fit_limit_s": 1e6}])
def test_cells_on_another_budget_than_their_tracks_do_not_count(submissions, budget):
    folder = submissions()
    path = folder / "idea" / "result.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"records": [row | budget for row in content["records"]]}))
    assert find_submissions(folder)[0].records == ()


@pytest.mark.parametrize("octaves", [None, 9])
def test_cells_without_all_octaves_of_their_depth_do_not_count(submissions, octaves):
    folder = submissions()
    path = folder / "idea" / "result.json"
    content = json.loads(path.read_text())
    cell = next(row for row in content["records"] if row["task"] == "mandelbrot-distance")
    profile = cell["metrics"]["profile"]
    cell["metrics"]["profile"] = octaves and {part: values[:octaves] for part, values in profile.items()}
    path.write_text(json.dumps(content))
    (standing,) = board_of(*find_submissions(folder)).unranked
    assert standing.reasons == (CLAIM, "incomplete: mandelbrot-distance")


@pytest.mark.parametrize("other", ["idea-", "ideа", "IDEA", "ide\u200ba", "ｉｄｅａ", "1dea"])
def test_of_two_folders_that_read_as_one_name_the_second_is_left_out(submissions, other):
    submissions("idea")
    with listening() as notes:
        found = find_submissions(submissions(other))
    assert len(found) == 1
    assert "which is another's. Call the folder otherwise" in notes[0]


def test_a_name_is_whose_that_was_run_again_whatever_comes_before_it(submissions):
    submissions("idea", accepted=True)
    with listening():
        (found,) = find_submissions(submissions("1dea"))
    assert found.name == "idea"


@pytest.mark.parametrize("name", ["knn", "кnn", "KNN", "knn-mirror", "knn_mirr\u043er"])
def test_a_submission_that_reads_as_a_baseline_is_left_out(submissions, name):
    with listening() as notes:
        assert find_submissions(submissions(name)) == []
    assert "its name reads as 'knn" in notes[0]


def test_an_audit_of_another_version_does_not_count(submissions):
    folder = submissions(audit=False)
    write_report(accept_claim(folder / "idea") / "audit.json", make_audit("before"))
    assert find_submissions(folder)[0].audit is None


def test_a_cell_recorded_twice_counts_once(submissions):
    folder = submissions()
    path = folder / "idea" / "result.json"
    content = json.loads(path.read_text())
    lucky = [row | {"metrics": row["metrics"] | {"error": 1e-9}} for row in content["records"]]
    for row in lucky:
        row["created"] = "2025-01-01T00:00:00+00:00"
    before = find_submissions(folder)[0].records
    path.write_text(json.dumps(content | {"records": [*content["records"], *lucky]}))
    assert find_submissions(folder)[0].records == before


def test_results_of_another_suite_are_left_out_with_a_note_and_shown_apart(submissions):
    folder = submissions()
    path = folder / "idea" / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"suite": 1}))
    with listening() as notes:
        assert "idea" not in [each.name for each in find_submissions(folder)]
    assert "Results of different suites do not compare" in notes[0]
    assert "--suite" in notes[0]
    with listening():
        assert "idea" in [each.name for each in find_submissions(folder, 1)]
    board = build_board(find_baselines(1), "standard", load_reference(1))
    assert board.suite == 1
    assert board.ranked[0].name == "knn_mirror"
    assert board.ranked[0].entry.overall == pytest.approx(106.2, abs=0.05)  # as it was recorded


def test_local_results_stand_beside_recorded_ones_but_not_of_the_same_source(tmp_path):
    for name in ("knn", "idea"):
        records = tuple(make_cell(name, t, 0, 100) for t in STANDARD.tasks)
        result = Result(schema=SCHEMA_VERSION, suite=2, name=name, records=records)
        write_result(tmp_path / name / "standard" / "result.json", result)
    local = find_local(tmp_path, "standard")
    assert [each.name for each in local] == ["idea", "knn"]
    assert find_local(tmp_path, "quick") == []
    recorded = make_candidate("knn")
    assert [each.name for each in keep_recorded([recorded], local, "standard")] == ["knn", "idea"]
    assert [each.name for each in keep_recorded([recorded], local, "quick")] == ["knn", "idea", "knn"]


def test_the_audit_of_a_baseline_lies_beside_its_result(tmp_path, monkeypatch):
    believe_audits(monkeypatch)
    name = "knn"
    digest = read_submission(baseline_path(name)).digest
    recorded = lookup.RECORDED_FOLDER / f"{name}.json"
    (tmp_path / recorded.name).write_bytes(recorded.read_bytes())
    write_report(tmp_path / f"{name}.audit.json", make_audit(digest))
    monkeypatch.setattr(lookup, "RECORDED_FOLDER", tmp_path)
    assert [(each.name, each.audit.verdict) for each in find_baselines()] == [(name, "passed")]


# The command


@pytest.mark.parametrize("table_format", ["md", "csv", "latex", "json"])
def test_the_command_prints_the_board(mbench, submissions, table_format):
    folder = submissions()
    known = [*find_baselines(), *find_submissions(folder)]
    expected = format_board(build_board(known, "standard", load_reference()), table_format)
    result = mbench("leaderboard", "--track", "standard", "--recorded", "--format", table_format)
    assert result.stdout.strip() == expected.strip()
    assert "idea" in expected


def test_the_command_shows_recorded_baselines_in_the_terminal(mbench):
    lines = mbench("leaderboard").stdout.splitlines()
    assert lines[0].startswith("Track quick of suite 2, n = 1 replicate of each task")
    assert {each.name for each in find_baselines()} <= {word for line in lines for word in line.split()}


@pytest.mark.parametrize("suite", ["1", "2"])
def test_a_board_of_which_nothing_is_recorded_says_so(mbench, suite):
    result = mbench("leaderboard", "--suite", suite, "--track", "large", "--recorded", "--submissions", "nowhere")
    assert result.exit_code == 0
    assert f"Nothing is recorded on track large under suite {suite}" in result.stderr


def test_an_empty_board_says_which_suite_has_the_track(mbench, tmp_path, monkeypatch):
    shutil.copytree(lookup.RECORDED_FOLDER / "suite-1", tmp_path / "suite-1")
    monkeypatch.setattr(lookup, "RECORDED_FOLDER", tmp_path)
    result = mbench("leaderboard", "--track", "standard", "--recorded", "--submissions", "nowhere")
    assert "Nothing is recorded on track standard under suite 2" in result.stderr
    assert "--suite 1 --track standard" in result.stderr


def test_the_terminal_has_the_lists_and_no_control_characters(board, capsys):
    print_board(board)
    shown = capsys.readouterr().out
    assert "Discovery list" in shown
    assert "flagged: carried the rule in" in shown
    assert "\x1b" not in shown


def test_the_command_draws_on_request(mbench, submissions, tmp_path):
    submissions()
    result = mbench("leaderboard", "--track", "standard", "--recorded", "--plots", "plots", "--json")
    assert json.loads(result.stdout)["track"] == "standard"
    assert {path.name for path in (tmp_path / "plots").iterdir()} >= {"cost.png", "depth.png"}


def test_local_results_of_another_suite_are_left_out_with_a_note(mbench, tmp_path):
    path = tmp_path / "results" / "idea" / "quick" / "result.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"schema": SCHEMA_VERSION, "suite": 1, "name": "idea", "records": []}))
    result = mbench("leaderboard")
    assert result.exit_code == 0
    assert "Results of different suites do not compare" in result.stderr
    assert mbench("leaderboard", "--recorded").exit_code == 0
