"""The framework of studies: settings, verdicts, what is kept, what is refused; and rules that every study keeps."""

import json
import signal
from dataclasses import dataclass, replace

import numpy as np
import pytest
from matplotlib.figure import Figure

import mbench as package
from mbench.errors import HarnessError, UsageError
from mbench.results.studies import RECORD_NAME, RECORDED_STUDIES, compare_records, read_record, spread, write_record
from mbench.runs import study as framework
from mbench.runs.run_study import Plan, describe_study, judge, load_study, plan_study, run_study, study_names
from mbench.runs.study import Claim, Oracle, above, below, between, make_settings, number, numbers
from mbench.views.film_file import read_last_frame
from mbench.views.study import weight_frame, weight_reach
from mbench.views.study_film import Chart, enlarge, lay_out, name_picture, write_study_film


@dataclass(frozen=True, slots=True)
class Coins(framework.Settings):
    """How many."""

    tosses: int = number(100, 1, 1_000)
    chances: tuple[float, ...] = numbers((0.5, 0.9), 0.0, 1.0)


def toss(settings, seed, watch):
    u = framework.random_stream("coins", "data", seed).random(settings.tosses)
    watch.shot(1, lambda: np.full((20, 20, 3), seed, dtype=np.uint8))
    return {f"{p:g}/share": np.array((u < p).mean()) for p in settings.chances} | {"all/u": u}


def claim(cases, rule, **further):
    words = {"id": "c", "words": "", "measure": ""} | further
    return Claim(cases=cases, rule=rule, **words)


def by_chance(settings):
    cases = {f"{p:g}": lambda m, p=p: float(m[f"{p:g}/share"]) for p in settings.chances}
    return (claim(cases, above(0.7)),)


@pytest.fixture
def coins(tmp_path):
    """Return a function from settings to a plan of a small study."""
    path = tmp_path / "coins.py"
    path.write_text("")
    made = framework.Study(
        source="", quote="", settings=Coins, run=toss, claims=by_chance, draw=lambda found: Figure(), shows="a colour",
        oracles=lambda found: (Oracle("none", 0.0, 0.0, 0.0),), full={"tosses": 1_000}, name="coins", path=path,
    )  # fmt: skip

    def plan(seeds=(0, 1, 2), **given):
        settings, scale = make_settings(made, given)
        return Plan(made, settings, scale, seeds, tmp_path / "out" / "coins")

    return plan


# --- settings --------------------------------------------------------------------------------------------------------


def test_settings_are_read_as_the_kind_of_their_default(coins):
    settings = coins(tosses="50", chances="0.25,1").settings
    assert settings == Coins(50, (0.25, 1.0))
    assert coins(chances=[0.25]).settings.chances == (0.25,)


def test_the_long_version_changes_settings_that_may_be_changed_again(coins):
    assert coins(scale="full").settings.tosses == 1_000
    assert coins(scale="full", tosses=7).settings.tosses == 7


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"toses": 1}, "no setting 'toses'.*scale, tosses, chances"),
        ({"tosses": 0}, "tosses=0: expected a whole number from 1 to 1000"),
        ({"tosses": "1.5"}, "tosses='1.5': expected a whole number"),
        ({"tosses": 1.5}, "tosses=1.5: expected a whole number"),
        ({"tosses": True}, "tosses=True"),
        ({"chances": "0.5,2"}, r"chances=2\.0: expected a number from 0 to 1"),
        ({"chances": ""}, "chances=''"),
        ({"chances": "nan"}, "chances=nan"),
        ({"scale": "huge"}, "scale='huge': expected one of short, full"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused(coins, given, words):
    with pytest.raises(UsageError, match=words):
        coins(**given)


# --- verdicts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "verdict", "when"),
    [
        ({"a": [2, 3], "b": [1.5, 9]}, "true", ""),
        ({"a": [2, 0.5], "b": [0, 0]}, "false", ""),
        ({"a": [2, 3], "b": [2, 0.5]}, "only when", "a"),
        ({"a": [np.nan, np.nan]}, "not tested", ""),
        ({"a": [np.nan, np.nan], "b": [2, 2]}, "true", ""),
        ({"a": [2, np.nan]}, "false", ""),
    ],
)
def test_a_verdict_follows_from_every_seed_in_all_circumstances(values, verdict, when):
    measured = [{case: np.array(each[i]) for case, each in values.items()} for i in range(len(values["a"]))]
    cases = {case: lambda m, case=case: float(m[case]) for case in values}
    result = judge(claim(cases, above(1.0)), measured)
    assert (result.verdict, result.when) == (verdict, when)


def test_a_threshold_itself_keeps_no_rule():
    assert not above(1.0).holds(1.0)
    assert not below(1.0).holds(1.0)
    assert not between(0.0, 1.0).holds(1.0)
    assert [str(rule) for rule in (above(1.0), below(0.5), between(0.0, 1.0))] == ["> 1", "< 0.5", "0 to 1"]


def test_an_interval_holds_half_the_range_of_the_seeds_on_each_side():
    assert spread([1.0, 2.0, 3.0]).interval == (0.0, 4.0)
    assert spread([10.0, 10.0]).interval == pytest.approx((9.8, 10.2))
    assert spread([np.nan, np.inf]).interval is None


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_a_record_is_read_as_it_was_written(coins, tmp_path):
    record = run_study(coins()).record
    write_record(tmp_path / "record.json", record)
    assert read_record(tmp_path / "record.json") == record
    assert record.measures["0.5"]["share"][0].values == tuple(
        float(v) for v in run_study(coins()).found.stack("0.5/share")
    )
    assert "all" not in record.measures  # a hundred numbers are a series


def test_a_damaged_record_is_told(tmp_path):
    (tmp_path / "record.json").write_text('{"schema": 1}')
    with pytest.raises(HarnessError, match=r"damaged .*run the study again"):
        read_record(tmp_path / "record.json")


def test_a_seed_that_is_done_is_not_run_again_unless_asked(coins):
    plan, ran = coins(), []
    counted = replace(plan.study, run=lambda s, seed, w: ran.append(seed) or toss(s, seed, w))
    plan = replace(plan, study=counted)
    first = run_study(plan)
    assert run_study(plan).record == first.record
    assert ran == [0, 1, 2]
    run_study(replace(plan, fresh=True))
    run_study(replace(plan, settings=Coins(99)))
    assert ran == [0, 1, 2] * 3


def test_an_interruption_loses_only_the_seed_in_flight(coins):
    def interrupted(settings, seed, watch):
        if seed == 1:
            raise KeyboardInterrupt
        return toss(settings, seed, watch)

    plan = coins()
    with pytest.raises(KeyboardInterrupt):
        run_study(replace(plan, study=replace(plan.study, run=interrupted)))
    assert [plan.seed_path(seed).exists() for seed in plan.seeds] == [True, False, False]


def test_only_the_first_seed_is_filmed(coins):
    ran = run_study(replace(coins(seeds=(4, 5)), films=True))
    assert [(step, int(frame.max())) for step, frame in ran.shots] == [(1, 4)]


def test_a_run_agrees_with_itself_and_not_with_another(coins):
    record = run_study(coins()).record
    assert compare_records(record, record) == []
    other = run_study(coins(chances=(0.2, 0.9))).record
    named = replace(other, claims=(replace(other.claims[0], cases=(replace(other.claims[0].cases[0], when="0.5"),)),))
    assert any("c (0.5)" in line for line in compare_records(named, record))
    failed = replace(record, oracles=(replace(record.oracles[0], passed=False),))
    assert compare_records(failed, record) == ["oracle failed: none"]
    assert compare_records(replace(record, claims=()), record) == ["c: recorded, and not measured now"]


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing",), "no study is called 'nothing': expected one of"),
        (("../l1_toggle",), "no study is called"),
        (("l1-toggle", "--set", "cycels=3"), "no setting 'cycels'"),
        (("l1-toggle", "--set", "cycles=1"), "cycles=1: expected a whole number from 2"),
        (("l1-toggle", "--set", "cycles"), "is not KEY=VALUE"),
        (("l1-toggle", "--seeds", "0,0"), "different whole numbers"),
        (("l1-toggle", "--seeds", "a"), "not a list of whole numbers"),
        (("l1-toggle", "--film", "film.txt"), "a film ends in"),
        (("l1-toggle", "--check", "--seeds", "1"), "leave --set and --seeds out"),
        (("--check",), "which study"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(mbench, tmp_path, arguments, words):
    result = mbench("study", *arguments)
    assert result.exit_code == 2
    assert words in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_list_names_every_study_with_its_claim(mbench):
    rows = json.loads(mbench("study", "--json").stdout)
    assert [row["name"] for row in rows] == study_names()
    assert all(row["claim"] for row in rows)


def test_a_check_runs_a_study_as_it_is_recorded_and_tells_what_differs(mbench, monkeypatch, tmp_path):
    few = {"width": 6, "points": 8, "cycles": 2, "phase": 5, "warm": 40, "on_phases": 5}
    record = package.study("l1-toggle", seeds=(3, 4), out=tmp_path / "first", **few)
    monkeypatch.setattr("mbench.results.studies.RECORDED_STUDIES", tmp_path / "first")
    (row,) = [row for row in json.loads(mbench("study", "--json").stdout) if row["name"] == "l1-toggle"]
    assert (row["verdict"], row["claims"]) == (record.verdict, 4)
    agreed = mbench("study", "l1-toggle", "--check", "--json")
    assert agreed.exit_code == 0, agreed.output
    again = json.loads(agreed.stdout)
    assert (again["differs"], again["seeds"], again["settings"]["width"]) == ([], [3, 4], 6)

    value = replace(record.claims[0].cases[0].value, mean=9.0, low=9.0, high=9.0)
    case = replace(record.claims[0].cases[0], value=value)
    changed = replace(record, claims=(replace(record.claims[0], cases=(case,)), *record.claims[1:]))
    write_record(tmp_path / "first" / "l1-toggle" / "record.json", changed)
    differs = mbench("study", "l1-toggle", "--check")
    assert differs.exit_code == 1
    assert f"initial ({case.when})" in differs.output
    unrecorded = mbench("study", "attack", "--check")
    assert unrecorded.exit_code == 2
    assert "nothing is recorded" in unrecorded.output


def test_a_study_runs_from_python_as_from_the_command(tmp_path):
    few = {"width": 6, "points": 8, "cycles": 2, "phase": 25, "warm": 40, "on_phases": 5}
    record = package.study("l1-toggle", seeds=(0, 1), out=tmp_path, **few)
    assert record.seeds == (0, 1)
    made = {path.name for path in (tmp_path / "l1-toggle").iterdir()}
    assert made == {"record.json", "series.npz", "figure.png", "film.mp4", "seeds"}
    with np.load(tmp_path / "l1-toggle" / "series.npz") as series:
        assert series["λ=0.03, on 5/return"].shape == (2, 2)


def test_ctrl_c_ends_the_command_and_keeps_seeds(start, tmp_path):
    few = ["width=6", "points=8", "cycles=2", "phase=5", "warm=40", "on_phases=5"]
    options = [word for pair in few for word in ("--set", pair)]
    process = start("study", "l1-toggle", "--seeds", ",".join(map(str, range(5_000))), *options)
    said = next(line for line in process.stderr if "done" in line)
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130, said + rest
    assert "Interrupted" in rest
    folder = tmp_path / "results" / "studies" / "l1-toggle"
    assert not (folder / "record.json").exists()
    assert list((folder / "seeds").glob("0-*.npz"))


# --- rules for all ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", study_names())
def test_every_study_has_a_claim_a_control_and_a_long_version(name):
    each = load_study(name)
    claims = each.claims(make_settings(each, {})[0])
    assert claims[0].kind == "source"
    assert any(claim.kind == "control" for claim in claims)
    assert len({claim.id for claim in claims}) == len(claims)
    make_settings(each, {"scale": "full"})


@pytest.mark.parametrize("name", study_names())
def test_what_a_file_says_is_read_without_running_it(name):
    told, each = describe_study(name), load_study(name)
    assert (told.link, told.shows, told.full_min) == (each.link, each.shows, each.full_min)
    assert told.link.startswith("https://")
    assert told.shows
    assert told.full_min > 0


@pytest.mark.parametrize("name", study_names())
def test_a_recorded_film_takes_two_megabytes_at_most(name):
    film = RECORDED_STUDIES / name / "film.mp4"
    assert 0 < film.stat().st_size <= 2_000_000
    assert read_last_frame(film).std() > 10


def test_an_unknown_seed_is_refused(tmp_path):
    for seeds in ((), (-1,), (1, 1)):
        with pytest.raises(UsageError, match="seeds"):
            plan_study("l1-toggle", {}, seeds, tmp_path)


# --- pictures --------------------------------------------------------------------------------------------------------


def test_a_weight_frame_is_the_root_of_each_matrix_in_its_colour():
    matrices = np.zeros((3, 2, 2))
    matrices[0, 0, 0], matrices[1, 0, 1], matrices[2, 1, 0] = 1.0, -0.25, 4.0
    frame = weight_frame(matrices, reach=1.0, cell=3)
    assert frame.shape == (6, 6, 3)
    assert frame[0, 0].tolist() == [255, 0, 0]
    assert frame[2, 5].tolist() == [0, 128, 0]  # 255 · √¼, rounded
    assert frame[5, 0].tolist() == [0, 0, 255]  # brighter than can be is as bright as can be
    assert frame[5, 5].tolist() == [0, 0, 0]
    assert weight_reach(np.zeros((3, 2, 2))) == 1.0


def test_pictures_stand_in_rows_and_their_names_above_them():
    red, blue = np.zeros((4, 60, 3), dtype=np.uint8), np.zeros((4, 60, 3), dtype=np.uint8)
    red[..., 0] = blue[..., 2] = 255
    page = lay_out([enlarge(red, 2), blue, blue], 2)
    assert page.shape == (8 + 8 + 8 + 4 + 8, 8 + 120 + 8 + 60 + 8, 3)
    assert (page[8:16, 8:128] == [255, 0, 0]).all()
    assert (page[8:12, 136:196] == [0, 0, 255]).all()
    assert (page[24:28, 8:68] == [0, 0, 255]).all()
    assert (page[12:16, 136:] == page[0, 0]).all()  # a lower picture stands at the top of its row
    named = name_picture(red, "red")
    assert (named[-4:] == red).all()
    assert (named[:-4] > 150).any()
    assert (name_picture(red, "a name for which there is no room")[:-4, -2:] == page[0, 0]).all()


def test_a_chart_keeps_its_place_while_its_lines_change():
    chart = Chart(1, 1, (320, 240))
    (line,) = chart.axes[0].plot([0, 1], [0, 1])
    first = chart.picture()
    line.set_data([0, 1], [1, 0])
    second = chart.picture()
    assert first.shape == second.shape == (240, 320, 3)
    changed = (first != second).any(axis=2)
    assert changed.any()
    assert not changed[:, :20].any()


def test_a_film_has_a_caption_and_holds_its_last_frame(tmp_path):
    shots = [(number, np.full((60, 320, 3), 40 * number, dtype=np.uint8)) for number in range(3)]
    shots.append(("radius 0.30", np.full((60, 320, 3), 240, dtype=np.uint8)))
    assert write_study_film(tmp_path / "film.mp4", shots, "title") == 4 + 12
    last = read_last_frame(tmp_path / "film.mp4")
    assert last.shape == (100, 320, 3)
    assert (last[60:] > 230).all()
    assert (last[:40] > 150).any()


def test_what_is_computed_for_a_film_alone_is_left_out_without_one(coins):
    asked = []

    def looking(settings, seed, watch):
        asked.append(watch.films)
        watch.shot("twice", lambda: np.zeros((2, 2, 3), dtype=np.uint8), times=2)
        return toss(settings, seed, watch)

    plan = coins(seeds=(0, 1))
    plan = replace(plan, study=replace(plan.study, run=looking), films=True)
    ran = run_study(plan)
    assert asked == [True, False]
    assert [reading for reading, _ in ran.shots] == ["twice", "twice", 1]


def test_a_record_is_a_table_in_a_notebook_with_a_row_per_claim_and_strange_words_as_they_are():
    record = read_record(RECORDED_STUDIES / "attack" / RECORD_NAME)
    shown = replace(record, study="<b>")._repr_html_()
    assert "<b>" not in shown
    assert "&lt;b&gt;" in shown
    assert shown.count("<tr>") == 1 + len(record.claims)
    assert record.claims[0].verdict in shown
