"""What boards keep of contenders is only ever what reading them again would say."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from mbench.board import kept_contenders
from mbench.board.candidates import find_baselines, find_submissions
from mbench.board.contenders import contend
from mbench.board.kept_contenders import Shelf, find_contenders, read_slot
from mbench.results.kept import listening
from mbench.results.reference import load_reference
from mbench.review.synthetic_board import TRACK, write_board
from mbench.suite import tracks

NAMES = ["entry-22222", "entry-22223", "entry-22224"]


@pytest.fixture(scope="module")
def invented(tmp_path_factory):
    return write_board(tmp_path_factory.mktemp("invented") / "submissions", 3)


@pytest.fixture(scope="module")
def baselines():
    return find_baselines()


@pytest.fixture
def board(invented, tmp_path, monkeypatch):
    """A folder of three submissions that may be changed, with an empty place for what is kept, and no baselines."""
    monkeypatch.setattr(kept_contenders, "recorded_names", lambda suite: [])
    monkeypatch.setenv("MBENCH_CACHE_DIR", str(tmp_path / "cache"))
    shutil.copytree(invented, tmp_path / "submissions")
    return tmp_path / "submissions"


def find(folder, track=TRACK):
    """Return the contenders of a folder by name, and what was noted."""
    with listening() as heard:
        found = list(find_contenders(folder, Shelf.open(track, load_reference())))
    return {each.name: each for each in found}, list(heard)


def read(folder, track=TRACK):
    """Return the same, all read anew."""
    with listening() as heard:
        found = [contend(each, track, load_reference()) for each in find_submissions(folder)]
    return {each.name: each for each in found}, list(heard)


def slots(folder):
    return set((folder.parent / "cache" / "contenders").iterdir())


def append(path, text):
    path.write_text(path.read_text() + text)


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content, indent=1) + "\n")


def test_a_contender_is_kept_with_every_field(board, monkeypatch):
    first, _ = find(board)
    monkeypatch.setattr(kept_contenders, "read_folder", None)  # whoever reads a folder again fails
    again, _ = find(board)
    assert list(again) == list(first) == NAMES
    for name, fresh in read(board)[0].items():
        kept = again[name]
        assert kept == fresh
        assert repr(kept) == repr(fresh)
        parts, own = kept.standing.parts, fresh.standing.parts
        for one, other in ((parts.values, own.values), (parts.group, own.group), (parts.replicates, own.replicates)):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype


@pytest.mark.parametrize("track", [*tracks.TRACKS])
def test_baselines_are_kept_on_every_track(baselines, tmp_path, monkeypatch, track):
    monkeypatch.setenv("MBENCH_CACHE_DIR", str(tmp_path / "cache"))
    shelf = Shelf.open(track, load_reference())
    with listening():
        fresh = [contend(each, track, load_reference()) for each in baselines]
        for _ in range(2):
            found = list(find_contenders(tmp_path / "none", shelf))
            assert found == fresh
            assert list(map(repr, found)) == list(map(repr, fresh))


def raise_skill(content):
    for record in content["records"]:
        if record["task"] == "sphere":
            record["metrics"]["error"] *= 0.5


def flag(content):
    content["verdict"] = "flagged: predicts without labels"


CHANGES = {
    "a record": lambda board, name: change(board / "verified" / name / "rerun.json", raise_skill),
    "the audit": lambda board, name: change(board / "verified" / name / "audit.json", flag),
    "no audit": lambda board, name: (board / "verified" / name / "audit.json").unlink(),
    "the source": lambda board, name: append(board / name / "submission.py", "\n# changed\n"),
    "no rerun": lambda board, name: (board / "verified" / name / "rerun.json").unlink(),
    "a damaged rerun": lambda board, name: (board / "verified" / name / "rerun.json").write_text("{"),
    "a claim": lambda board, name: (board / name / "result.json").write_text("{}"),
    "a link in its place": lambda board, name: (board / name / "result.json").symlink_to("/etc/passwd"),
}


@pytest.mark.parametrize("words", CHANGES)
def test_what_has_changed_is_read_again(board, words):
    before, _ = find(board)
    CHANGES[words](board, NAMES[1])
    expected, said = read(board)
    for _ in range(2):
        found, heard = find(board)
        assert found == expected
        assert heard == said
    assert (found, heard) != (before, [])
    assert found[NAMES[0]] == before[NAMES[0]]


def test_a_field_that_is_not_known_is_noted_every_time(board):
    change(board / "verified" / NAMES[0] / "rerun.json", lambda content: content.update(colour="blue"))
    for _ in range(2):
        assert any("colour" in words for words in find(board)[1])


def test_a_source_of_more_than_one_file_is_not_kept(board):
    (board / NAMES[0] / "more.py").write_text("A = 1\n")
    append(board / NAMES[0] / "submission.py", "\nimport more\n")
    find(board)
    n = len(slots(board))
    shutil.rmtree(board.parent / "cache")
    shutil.rmtree(board / NAMES[0])
    find(board)
    assert len(slots(board)) == n


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-9], lambda text: text.replace("passed", "pasted"), lambda _: ""]
)
def test_what_is_kept_and_damaged_is_read_again(board, damage):
    before, _ = find(board)
    for slot in slots(board):
        slot.write_text(damage(slot.read_text()))
    assert find(board)[0] == before


def test_another_code_or_reference_believes_nothing_that_is_kept(board, monkeypatch):
    find(board)
    shelf = Shelf.open(TRACK, load_reference())
    monkeypatch.setattr(kept_contenders, "code_digest", lambda: "other")
    others = [Shelf.open(TRACK, load_reference())]
    monkeypatch.undo()
    others.append(Shelf.open(TRACK, replace(load_reference(), curves={})))
    assert len({shelf.base, *(each.base for each in others)}) == 3


def test_a_record_of_the_future_is_a_fault_again_where_the_clock_is_set_back(board, monkeypatch):
    find(board)
    slot = next(iter(slots(board)))
    key = slot.read_text().split()[0]
    assert read_slot(slot, key) is not None

    class Clock(kept_contenders.datetime):
        @classmethod
        def now(cls, tz=None):
            return kept_contenders.datetime(1999, 1, 1, tzinfo=tz)

    monkeypatch.setattr(kept_contenders, "datetime", Clock)
    assert read_slot(slot, key) is None


def test_a_place_that_others_write_to_is_not_used(board):
    folder = board.parent / "cache" / "contenders"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    find(board)
    assert not slots(board)


def test_an_empty_variable_keeps_nothing(board, monkeypatch):
    monkeypatch.setenv("MBENCH_CACHE_DIR", "")
    assert Shelf.open(TRACK, load_reference()).folder is None
    assert list(find(board)[0]) == NAMES
    assert not os.path.exists(board.parent / "cache")
