"""What a run prints: its own scores, its place among its neighbours, and at the end the one line a person wants."""

import re
from dataclasses import replace
from types import MappingProxyType

import pytest

from mbench.api import Outcome
from mbench.board.columns import GROUPS, NOTHING, choose_columns, entry_columns
from mbench.board.places import find_place
from mbench.cli.score_card import Card, print_card, sum_up
from mbench.cli.tables import MOST_WIDTH, choose_fitting, print_entries
from mbench.results.lookup import recorded_baselines
from mbench.results.metrics import Profile
from mbench.results.record import SCHEMA_VERSION, STATUS_WORDS, Metrics, Result
from mbench.results.reference import Reference, TaskReference, load_reference
from mbench.results.scoring import score_entry
from mbench.suite import tracks
from mbench.words import count_of, list_words, ordinal

QUICK = tracks.TRACKS["quick"]
FRACTALS = tracks.FAMILIES["mandelbrot"]
# Skill is 0 at error 1, 100 at error 0.1.
REFERENCE = Reference(
    suite=2,
    tasks=MappingProxyType(
        {("quick", task): TaskReference(1.0, 0.1, 5.0 if task in FRACTALS else None) for task in QUICK.tasks}
    ),
    curves=MappingProxyType({}),
)
OCTAVES = (5.0 / 16,) * 16
PROFILE = Profile(OCTAVES, OCTAVES, OCTAVES)


@pytest.fixture
def make_result(make_record):
    """Make a result with one error on every task, but for those that fail."""

    def make(name, skill, tasks=QUICK.tasks, failing=()):
        error = 10 ** (-skill / 100)
        records = []
        for task in tasks:
            metrics = Metrics(error, {}, PROFILE if task in FRACTALS else None)
            failed = {"metrics": None, "status": "crash", "reason": "fit raised", "output": "one\ntwo"}
            records.append(make_record(
                submission=name, task=task, source_digest=name.ljust(64, "0"),
                **(failed if task in failing else {"metrics": metrics}),
            ))  # fmt: skip
        return Result(schema=SCHEMA_VERSION, suite=tracks.SUITE_VERSION, name=name, records=tuple(records))

    return make


@pytest.fixture
def others(make_result):
    return [make_result(name, skill) for name, skill in (("best", 120), ("good", 100), ("fair", 80), ("poor", 20))]


@pytest.fixture
def place(others):
    def find(result):
        return find_place(result.name, "quick", result.records, others, REFERENCE)

    return find


@pytest.fixture
def make_card(place):
    def make(result, all_rows=False):
        entry = score_entry(result.name, "quick", result.records, REFERENCE)
        return Card(Outcome(result, entry, {}, (), ()), entry, place(result), all_rows, None)

    return make


def test_a_whole_run_is_placed_by_the_boards_score(place, make_result):
    found = place(make_result("idea", 90))
    # On fractals the score is the mean of the skill and of the depth skill, which is 100 for everybody here.
    assert found.own.score == pytest.approx((90 + 100) / 2)
    assert (found.tasks, found.words) == ((), "3rd of 5, 5.0 below good")


def test_the_first_is_told_how_far_the_second_is(place, make_result):
    assert place(make_result("idea", 140)).words == "1st of 5, 10.0 above best"
    assert place(make_result("idea", 100)).words == "3rd of 5, level with good"


def test_a_part_of_a_track_is_compared_on_that_part(place, make_result, others):
    found = place(make_result("idea", 90, tasks=["curve", "sphere"]))
    assert (found.tasks, found.words) == (("sphere", "curve"), "3rd of 5, 10.0 below good")
    others[1] = make_result("good", 100, tasks=["curve"])  # who lacks a cell is not compared
    assert place(make_result("idea", 90, tasks=["curve", "sphere"])).words == "2nd of 4, 30.0 below best"


def test_what_nobody_else_ran_is_not_compared(place, make_result, make_card):
    result = make_result("idea", 90, tasks=["image:cat.png"])
    assert place(result) is None
    assert sum_up(make_card(result)) == "idea: error 0.126 on image:cat.png, which no baseline was compared on"


def on_hidden(result):
    return replace(result, records=tuple(replace(record, test_set="hidden:1234") for record in result.records))


@pytest.mark.parametrize("tasks", [QUICK.tasks, ["curve", "sphere"]], ids=["whole", "part"])
def test_a_run_on_a_hidden_test_set_is_compared_on_that_set_alone(place, make_result, make_card, others, tasks):
    hidden = on_hidden(make_result("idea", 90, tasks=tasks))
    assert place(hidden) is None
    assert "on a hidden test set, which no baseline was compared on" in sum_up(make_card(hidden))
    others[1] = on_hidden(make_result("good", 100))
    assert place(hidden).words.startswith("2nd of 2, ")


def test_a_run_with_a_failure_is_compared_on_what_ended_well(make_result, make_card, capsys):
    card = make_card(make_result("idea", 90, failing=["curve"]))
    assert "curve" not in card.place.tasks
    assert len(card.place.tasks) == len(QUICK.tasks) - 1
    assert sum_up(card).endswith("; failed on curve")
    nothing = make_card(make_result("idea", 90, tasks=["curve"], failing=["curve"]))
    assert sum_up(nothing) == "idea: failed on curve"
    print_card(nothing)
    shown = capsys.readouterr().out
    assert "curve: 1 of 1 failed: fit raised" in shown
    assert f"crash: {STATUS_WORDS['crash']}." in shown
    assert "best" not in shown  # no baseline, as there is nothing to compare
    assert shown.index("two") > shown.index("one")
    print_card(nothing, printed=True)
    assert "curve r0 printed" in capsys.readouterr().out


def test_the_run_stands_between_two_neighbours_on_either_side_and_all_shows_everybody(
    make_result, others, make_card, capsys
):
    others += [make_result(f"low{i}", i) for i in range(6)]
    names = re.compile(r"^ *\d+ (\w+)(?: \(unverified\))? +\d", re.MULTILINE)
    print_card(make_card(make_result("idea", 90)))
    text = capsys.readouterr().out
    assert names.findall(text) == ["best", "good", "idea", "fair", "poor"]
    assert "6 more rows: --all" in text
    print_card(make_card(make_result("idea", 90), all_rows=True))
    assert len(names.findall(capsys.readouterr().out)) == 11


def test_a_recorded_baselines_own_source_is_one_row(make_result, others, place):
    found = place(make_result("fair", 80))
    assert (len(found.peers), found.is_recorded, found.own.entry.name) == (4, True, "fair")


def test_the_last_line_is_the_users_own_whatever_there_is_to_note(mbench, submission_file, estimator):
    (result := mbench("evaluate", submission_file(estimator(), "idea.py"), "--task", "curve", "--no-pictures"))
    last = result.output.strip().splitlines()[-1]
    assert re.fullmatch(r"idea on curve: task score 0\.0, \d+(st|nd|rd|th) of \d+, .* \w+", last)


# Columns


def cells_of(n, **values):
    columns = choose_columns(entry_columns("terminal"), GROUPS)
    row = {column.name: "1.5" for column in columns}
    rows = [row | {"name": f"method{i}", "mandelbrot": f"{i}.0"} for i in range(n)]
    for row_number, row in enumerate(rows):
        row.update({c.name: f"{row_number}{row[c.name]}" for c in columns if c.name not in ("name", "mandelbrot")})
        row.update(values)
    return rows, columns


def test_columns_without_a_value_and_with_one_value_go_first():
    rows, columns = cells_of(3, worth=NOTHING, device="cpu", n_replicates="5")
    widest = choose_fitting(rows, 10_000, columns)
    assert (len(widest.columns), widest.folded) == (len(columns), False)
    names = [column.name for column in columns]
    for width in range(200, 20, -1):
        choice = choose_fitting(rows, width, columns)
        kept = [column.name for column in choice.columns]
        gone = [name for name in names if name not in kept]
        if gone:
            assert gone[0] == "worth" or "worth" in gone
        if len(gone) > 3:
            assert {"worth", "device", "n_replicates"} <= set(gone)
            assert {(column.name, value) for column, value in choice.same} == {("device", "cpu"), ("n_replicates", "5")}
        families = {"images", "surfaces", "functions", "digits"} & set(kept)
        assert len(families) in (0, 4)
        assert {"name", "mandelbrot"} <= set(kept)


@pytest.mark.parametrize("groups", [None, ("score",), ("cost",), ("family", "running")])
def test_a_table_fits_a_hundred_columns_unless_all_are_asked_for(capsys, monkeypatch, groups):
    entries = [score_entry(r.name, "quick", r.records, load_reference()) for r in recorded_baselines()]
    print_entries(entries, groups=groups)
    rows = [line for line in capsys.readouterr().out.splitlines() if any(each.name in line for each in entries)]
    assert max(map(len, rows)) <= MOST_WIDTH
    print_entries(entries, groups=GROUPS)
    head, *_ = capsys.readouterr().out.splitlines()
    assert "Mandelbrot precision depth octaves" in " ".join(head.split())  # heads of a wide table are one line


def test_columns_of_what_programs_read_are_not_chosen(mbench):
    result = mbench("compare", "--format", "csv", "--columns", "cost")
    assert result.exit_code == 2
    assert "csv has every column" in result.stderr
    result = mbench("leaderboard", "--columns", "colour")
    assert result.exit_code == 2
    assert "expected some of score, family, cost, running, or all" in result.stderr


# Words


def test_numbers_agree_with_their_words():
    assert [count_of(n, "discovery", "discoveries") for n in (0, 1, 2)] == [
        "0 discoveries",
        "1 discovery",
        "2 discoveries",
    ]
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 101, 112)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "101st", "112th",
    ]  # fmt: skip
    assert [list_words("abcde"[:n]) for n in (1, 2, 4, 5)] == ["a", "a and b", "a, b, c and d", "a, b, c and 2 more"]
