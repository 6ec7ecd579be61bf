"""CONTRIBUTING's recipe for a track, followed to the letter in a copy of the package."""

import json
import shutil
from types import MappingProxyType

import click
import pytest
from recipe_copy import ROOT, PackageCopy, needs_checkout, put_last, read_recipe

from mbench.board.candidates import find_baselines
from mbench.board.standings import build_board
from mbench.cli import main
from mbench.results.kept import listening
from mbench.results.reference import Reference, load_reference

pytestmark = needs_checkout

NEAREST = ROOT / "baselines" / "nearest.py"
OF_OTHER_TRACKS = (
    ("compare", "knn", "nearest", "mlp", "--json"),
    ("leaderboard", "--recorded", "--track", "standard", "--json"),
    ("leaderboard", "--recorded", "--json"),
)
LIMITS = """
from mbench.suite import tracks
print([tracks.fit_limit_s(family, n) for family in tracks.FAMILIES for n in (100, 1_000, 30_000, 400_000)])
"""
TRACKS_OF_VERBS = """
import click, json
from mbench.cli import main
choices = {
    name: list(parameter.type.choices)
    for name, verb in main.commands.items()
    for parameter in verb.params
    if "--track" in parameter.opts
}
print(json.dumps(choices))
"""
NO_REFERENCE = "track tiny has no frozen reference"


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Return a copy as it was, with a result on `quick` in it, and what it said."""
    copy = PackageCopy(tmp_path_factory.mktemp("copy"))
    copy.mbench("evaluate", NEAREST, "--task", "curve", "--no-pictures", "--json")
    return copy, told(copy), cells(copy)


@pytest.fixture(scope="module")
def copy(before):
    copy, _, _ = before
    (entry,) = read_recipe("Add a track")
    copy.edit("suite/tracks.py", lambda text: put_last(text, "TRACKS: ", "\n        )\n    }\n)", entry))
    return copy


@pytest.fixture(scope="module")
def evaluated(copy):
    return copy.mbench("evaluate", NEAREST, "--track", "tiny", "--task", "curve", "--no-pictures")


def told(copy):
    return [copy.mbench(*command) for command in OF_OTHER_TRACKS], copy.run(LIMITS)


def cells(copy):
    return {path: path.stat().st_mtime_ns for path in (copy.folder / "results" / "cells").glob("*.json")}


def test_a_track_touches_the_suites_tracks_alone(copy):
    assert copy.changed() == {"benchmark/mbench/suite/tracks.py"}


def test_every_verb_with_tracks_knows_the_new_one(copy):
    choices = json.loads(copy.run(TRACKS_OF_VERBS))
    with_tracks = {
        name
        for name, verb in main.commands.items()
        if any("--track" in each.opts for each in verb.params if isinstance(each, click.Option))
    }
    assert len(with_tracks) > 8
    assert choices == {name: ["quick", "standard", "large", "tiny"] for name in with_tracks}
    tasks = copy.mbench("tasks", "--json")
    (curve,) = [row for row in tasks["tasks"] if row["task"] == "curve"]
    assert list(curve["budgets"]) == ["quick", "standard", "large", "tiny"]


def test_no_other_tracks_numbers_limits_or_kept_cells_change(before, copy):
    _, words, kept = before
    assert told(copy) == words
    copy.mbench("evaluate", NEAREST, "--task", "curve", "--no-pictures", "--json")
    assert len(kept) == 1
    assert kept.items() <= cells(copy).items()
    assert len([path for path in cells(copy) if json.loads(path.read_text())["track"] == "quick"]) == 1


def test_an_evaluation_without_a_frozen_reference_has_an_error_and_says_why_no_skill(evaluated):
    assert "curve has no frozen reference on track tiny yet: no skill is computed. See `mbench reference`" in evaluated
    row = next(line.split() for line in evaluated.splitlines() if line.startswith("curve "))
    assert 0 < float(row[1]) < 1
    (head,) = [line for line in evaluated.splitlines() if line.startswith("task ")]
    assert "skill" not in head


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("command", [("compare", "nearest"), ("leaderboard",)], ids=lambda command: command[0])
def test_tables_without_a_frozen_reference_say_so_and_show_no_score(copy, command):
    told = copy.mbench(*command, "--track", "tiny", "--json")
    row, notes = (told["board"][0], told["notes"]) if isinstance(told, dict) else (told[0], told[0]["notes"])
    assert (row["name"], row["mandelbrot"], row["overall"], row["functions"]) == ("nearest", None, None, None)
    assert [note for note in notes if note.startswith(NO_REFERENCE)]
    assert "nearest" in copy.mbench(*command, "--track", "tiny")


def test_a_tuning_without_a_frozen_reference_is_refused_before_it_starts(copy):
    tune = ("tune", NEAREST, "--track", "tiny", "--task", "curve", "--values", "1,2")
    with pytest.raises(AssertionError, match=f"Error: {NO_REFERENCE}"):
        copy.mbench(*tune)


@pytest.mark.usefixtures("evaluated")
def test_a_verification_without_a_frozen_reference_is_refused_before_it_starts(copy):
    folder = copy.folder / "claim"
    folder.mkdir()
    shutil.copy(NEAREST, folder / "submission.py")
    shutil.copy(copy.folder / "results" / "nearest" / "tiny" / "result.json", folder)
    with pytest.raises(AssertionError, match=f"Error: {folder}: {NO_REFERENCE}"):
        copy.mbench("verify", folder)


def test_nobody_is_ranked_without_a_frozen_reference():
    candidates = find_baselines(1)
    with listening() as notes:
        full = build_board(candidates, "quick", load_reference(1))
        assert notes == []
        bare = build_board(candidates, "quick", Reference(1, MappingProxyType({}), load_reference(1).curves))
    assert len(full.ranked) > 5
    assert bare.ranked == ()
    assert [note for note in notes if note.startswith("track quick has no frozen reference")]
    whole = [standing for standing in bare.shown if standing.entry.is_complete]
    assert len(whole) > 5
    assert all("no frozen reference of mandelbrot, images" in "; ".join(each.reasons) for each in whole)
