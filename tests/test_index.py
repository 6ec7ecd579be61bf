"""The index of a results folder: it saves reading, and decides nothing."""

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mbench.results.index import INDEX_NAME, read_index, write_index
from mbench.results.store import ResultStore

LONG_AGO = 1_700_000_000
NAMES = ("one", "two", "six")


def key_of(number):
    return f"{number:064x}"


def age(path, seconds=LONG_AGO):
    os.utime(path, (seconds, seconds))


@pytest.fixture
def filled(store, make_record, monkeypatch):
    """A results folder of records that have lain there for long, and their index."""
    monkeypatch.setattr("mbench.results.store.WORTH_WRITING", 1)
    for number in range(9):
        created = f"2026-01-01T00:00:0{number}+00:00"
        record = make_record(key=key_of(number), submission=NAMES[number % 3], replicate=number, created=created)
        store.write(record)
        age(store.cells / f"{record.key}.json")
    assert len(store.headings()) == 9
    assert (store.folder / INDEX_NAME).is_file()
    return store


def damage(path, old=b'"status"', new=b'"statuz"'):
    """Change a file in place, and nothing by which it is seen to have changed."""
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def rewrite_index(folder, change):
    """Change what the index says, with the digest that goes with it."""
    _, _, body = (folder / INDEX_NAME).read_bytes().partition(b"\n")
    body = json.dumps(change(json.loads(body))).encode()
    (folder / INDEX_NAME).write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


@pytest.mark.parametrize("wanted", [lambda r: True, lambda r: r.submission == "two", lambda r: r.replicate > 6])
def test_a_search_finds_what_reading_everything_finds(filled, wanted):
    found = filled.records(wanted=wanted)
    assert found == [record for record in filled.records() if wanted(record)]
    (filled.folder / INDEX_NAME).unlink()
    assert found == filled.records(wanted=wanted)
    assert found


def test_what_is_not_wanted_is_not_read(filled):
    damage(filled.cells / f"{key_of(0)}.json")
    assert len(filled.records(wanted=lambda record: record.submission == "two")) == 3
    assert not filled.passed_over
    (filled.folder / INDEX_NAME).unlink()
    assert len(filled.records(wanted=lambda record: record.submission == "two")) == 3
    assert filled.passed_over == {filled.cells / f"{key_of(0)}.json"}


def test_what_is_wanted_is_read_from_its_own_file(filled):
    damage(filled.cells / f"{key_of(1)}.json")
    assert [record.replicate for record in filled.records(wanted=lambda record: record.submission == "two")] == [4, 7]
    assert filled.passed_over == {filled.cells / f"{key_of(1)}.json"}


def test_an_index_that_lies_brings_nobody_anothers_record(filled):
    def lie(table):
        names = table["words"][1]
        table["words"][1] = ["two" if name == "one" else name for name in names]
        return table

    rewrite_index(filled.folder, lie)
    assert {row.heading.submission for row in read_index(filled.folder).values()} == {"two", "six"}
    assert {r.replicate for r in filled.records(wanted=lambda record: record.submission == "two")} == {1, 4, 7}


@pytest.mark.parametrize("how", ["size", "time", "file"])
def test_a_record_that_was_written_again_is_read_again(filled, how):
    path = filled.cells / f"{key_of(0)}.json"
    before = path.stat()
    content = path.read_bytes().replace(b'"one"', b'"two"')
    if how == "file":
        path.rename(path.with_suffix(".old"))
    path.write_bytes(content + b" " * (how == "size"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + (how == "time")))
    found = filled.records(wanted=lambda record: record.submission == "two")
    assert [record.replicate for record in found] == [0, 1, 4, 7]


def test_a_record_that_was_young_when_the_index_was_written_is_read_again(filled):
    path = filled.cells / f"{key_of(0)}.json"
    age(path, (filled.folder / INDEX_NAME).stat().st_mtime + 60)
    filled.headings()
    damage(path, b'"one"', b'"two"')
    assert len(filled.records(wanted=lambda record: record.submission == "two")) == 4


@pytest.mark.parametrize("how", ["bit", "half", "empty", "link", "pipe", "folder"])
def test_a_damaged_index_is_none(filled, tmp_path, how):
    place = filled.folder / INDEX_NAME
    content = place.read_bytes()
    place.unlink()
    if how == "bit":
        place.write_bytes(content.replace(b'"one"', b'"two"', 1))
    elif how in ("half", "empty"):
        place.write_bytes(content[: len(content) // 2 if how == "half" else 0])
    elif how == "link":
        (tmp_path / "elsewhere").write_bytes(content)
        place.symlink_to(tmp_path / "elsewhere")
    elif how == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
    assert read_index(filled.folder) == {}
    assert len(filled.records(wanted=lambda record: record.submission == "one")) == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table | {"mbench": "0.0.1"},
        lambda table: table | {"words": table["words"][:-1]},
        lambda table: table | {"numbers": [*table["numbers"], []]},
        lambda table: table | {"numbers": [column[:-1] for column in table["numbers"]]},
        lambda table: table | {"numbers": [[str(n) for n in column] for column in table["numbers"]]},
        lambda table: table | {"more": 1},
        lambda table: [table],
    ],
)
def test_an_index_of_another_shape_is_none(filled, change):
    rewrite_index(filled.folder, lambda table: table)
    assert len(read_index(filled.folder)) == 9
    rewrite_index(filled.folder, change)
    assert read_index(filled.folder) == {}


def test_damaged_records_are_named_whether_there_is_an_index_or_not(store, make_record, monkeypatch):
    monkeypatch.setattr("mbench.results.store.WORTH_WRITING", 1)
    for number in range(3):
        store.write(make_record(key=key_of(number)))
        age(store.cells / f"{key_of(number)}.json")
    damage(store.cells / f"{key_of(1)}.json")
    store.headings()
    again = ResultStore(store.folder)
    assert len(again.headings()) == 2
    assert again.passed_over == {store.cells / f"{key_of(1)}.json"}


def test_a_small_folder_has_no_index(store, make_record):
    store.write(make_record())
    store.headings()
    assert not (store.folder / INDEX_NAME).exists()


def test_the_next_stamp_follows_the_newest_record(filled):
    assert filled.stamp() > "2026-01-01T00:00:08"
    later = ResultStore(filled.folder, now=lambda: datetime(2020, 1, 1, tzinfo=UTC))
    assert later.stamp() == "2026-01-01T00:00:08.000001+00:00"


def test_an_index_that_cannot_be_written_is_left_out(filled):
    rows = read_index(filled.folder).values()
    write_index(Path("/proc/nowhere"), rows)
    assert not Path("/proc/nowhere").exists()
