"""Yesterday's reader and tomorrow's file: what is not known is left out with a note, and never called damaged."""

import json
from dataclasses import replace

import pytest
from audit_reports import make_report

from mbench import __version__
from mbench.errors import HarnessError, UsageError
from mbench.results.audits import find_report, write_report
from mbench.results.curves import Curve, Point, find_curves, read_curves, write_curves
from mbench.results.kept import ForeignError, heard_notes, listening, refusing_foreign
from mbench.results.lookup import refresh_results
from mbench.results.record import SCHEMA_VERSION, Result, as_json
from mbench.results.store import ResultStore, read_result, write_result
from mbench.review.reproduce import record_result
from mbench.suite.tracks import SUITE_VERSION

KEY = "0" * 64


def add(**fields):
    """Return a change that adds fields to a record's JSON, `part__name` to a part of it."""

    def change(record):
        for place, value in fields.items():
            *above, name = place.split("__")
            parent = record
            for step in above:
                parent = parent[step]
            parent[name] = value

    return change


# What mbench of tomorrow may write that is not known today, and what the note calls it.
TOMORROW = {
    "scores": (add(scores={"calibration": [0.5]}), "scores"),
    "cost": (add(costs__joules={"fit": [1, 2]}), "costs.joules"),
    "field": (add(accelerators=["none"]), "accelerators"),
    "long name": (add(**{"x" * 3_000: 1}), "x" * 50),
    "schema": (add(schema=SCHEMA_VERSION + 1), f"schema {SCHEMA_VERSION + 1}"),
}
UNKNOWN = {
    "task": (add(task="lattice"), "task 'lattice'"),
    "track": (add(track="huge"), "track 'huge'"),
    "odd task": (add(task="\x1b[2J"), "task"),
}


def changed(path, change, writer="99.1"):
    """Have mbench of tomorrow change a file, and say that it did."""
    tree = json.loads(path.read_text())
    change(tree)
    path.write_text(json.dumps(tree | ({"mbench": writer} if writer else {})))
    return path.read_bytes()


def assert_note(note, path, *parts):
    """Check that a note names the file and what was left out, and advises nobody to delete it."""
    assert note.isprintable()
    assert len(note) < 1_000
    for part in (str(path), *parts):
        assert part in note
    for word in ("delete", "damaged", "remove"):
        assert word not in note.replace(str(path), "").lower()


@pytest.fixture
def result_file(tmp_path, make_record):
    """Write a result of two records, and return its path."""
    path = tmp_path / "theirs.json"
    records = (make_record(), make_record(replicate=1, key="1" * 64))
    write_result(path, Result(schema=SCHEMA_VERSION, suite=SUITE_VERSION, name="theirs", records=records))
    return path


@pytest.mark.parametrize("writer", ["99.1", ""], ids=["signed", "unsigned"])
@pytest.mark.parametrize("kind", TOMORROW)
def test_a_record_of_tomorrow_is_read_as_far_as_it_is_known(store, make_record, kind, writer):
    store.write(make_record())
    path = store.cells / f"{KEY}.json"
    path.write_text(json.dumps(as_json(make_record())))
    change, named = TOMORROW[kind]
    changed(path, change, writer)
    with listening() as notes:
        assert store.read(KEY) == make_record()
    (note,) = notes
    assert_note(note, path, named, f"mbench {writer}" if writer else "does not say which")
    with listening():
        assert list(store.records()) == [make_record()]
    assert store.passed_over == set()


@pytest.mark.parametrize("kind", [*TOMORROW, *UNKNOWN])
def test_what_is_not_known_is_refused_where_nobody_listens(store, make_record, kind):
    store.write(make_record())
    path = store.cells / f"{KEY}.json"
    changed(path, (TOMORROW | UNKNOWN)[kind][0])
    with pytest.raises(ForeignError) as caught:
        store.read(KEY)
    assert_note(str(caught.value), path)
    assert list(store.records()) == []


@pytest.mark.parametrize("kind", TOMORROW)
def test_a_result_of_tomorrow_is_read_as_far_as_it_is_known(result_file, kind):
    known = read_result(result_file)
    change, named = TOMORROW[kind]
    changed(result_file, change if kind == "schema" else lambda tree: [change(each) for each in tree["records"]])
    with listening() as notes:
        assert read_result(result_file) == known
    (note,) = notes
    assert_note(note, result_file, named, "mbench 99.1", "" if kind == "schema" else "2 times")


@pytest.mark.parametrize("kind", UNKNOWN)
def test_records_of_unknown_tasks_and_tracks_are_left_out(store, make_record, result_file, kind):
    change, named = UNKNOWN[kind]
    known = read_result(result_file)
    changed(result_file, lambda tree: change(tree["records"][0]))
    with listening() as notes:
        assert read_result(result_file) == replace(known, records=known.records[1:])
    assert_note(notes[0], result_file, named)
    store.write(make_record())
    store.write(make_record(key="1" * 64))
    changed(store.cells / f"{KEY}.json", change)
    with listening() as notes:
        assert list(store.records()) == [make_record(key="1" * 64)]
    assert_note(notes[0], store.cells / f"{KEY}.json", named)
    assert store.passed_over == set()


@pytest.mark.parametrize(
    "forged",
    [
        add(metrics__error=-1.0), add(metrics__error="0.1"), add(costs__fit_s=1e300), add(replicate=True),
        add(n_samples=0), add(status="great"), add(metrics=None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["scores", "field"])
def test_what_is_known_is_validated_beside_what_is_not(result_file, forged, kind):
    def change(tree):
        TOMORROW[kind][0](tree["records"][0])
        forged(tree["records"][0])

    changed(result_file, change)
    with listening() as notes, pytest.raises(HarnessError, match=r"damaged at 'records\.0"):
        read_result(result_file)
    assert notes == []


def test_a_known_field_that_a_newer_schema_means_otherwise_is_foreign_and_not_damaged(result_file):
    changed(result_file, add(schema=SCHEMA_VERSION + 1, records={"by": "cell"}))
    with listening(), pytest.raises(ForeignError, match="Update mbench") as caught:
        read_result(result_file)
    assert_note(str(caught.value), result_file, "mbench 99.1", "'records'")


def test_a_name_given_twice_stays_damage(result_file):
    text = result_file.read_text()
    result_file.write_text(text.replace('"replicate": 1', '"more": 1, "more": 1, "replicate": 1'))
    with listening(), pytest.raises(HarnessError, match="damaged"):
        read_result(result_file)


def test_results_of_another_suite_do_not_mix_however_new(result_file):
    changed(result_file, add(suite=SUITE_VERSION + 1, schema=SCHEMA_VERSION + 1))
    with listening(), pytest.raises(UsageError, match="Results of different suites do not compare") as caught:
        read_result(result_file)
    assert not isinstance(caught.value, ForeignError)
    assert "elete" not in str(caught.value)


def test_every_file_says_who_wrote_it(store, make_record, result_file):
    store.write(make_record())
    write_curves(store.folder / "curves.json", [])
    paths = [result_file, store.folder / "mbench.json", store.folder / "curves.json", store.cells / f"{KEY}.json"]
    assert {json.loads(path.read_text())["mbench"] for path in paths} == {__version__}


def test_curves_of_tomorrow_are_read_as_far_as_they_are_known(tmp_path):
    point = Point(16, 1.0, 1, 0.5, 0.1, "")
    curve = Curve("idea", "1" * 64, "curve", 1, "cpu", "A", (point,), {})
    path = tmp_path / "curves" / "curves.json"
    write_curves(path, [curve, replace(curve, name="other")])

    def change(tree):
        tree["curves"][0]["task"] = "lattice"
        tree["curves"][1]["points"][0]["joules"] = 3

    changed(path, change)
    with listening() as notes:
        assert read_curves(path) == (replace(curve, name="other"),)
    assert_note(notes[0], path, "task 'lattice'", "curves.points.joules")
    with listening():
        assert replace(curve, name="other") in find_curves(tmp_path)


def test_an_audit_of_tomorrow_is_read_as_far_as_it_is_known(tmp_path):
    report = make_report()
    path = tmp_path / "audit.json"
    write_report(path, report)

    def change(tree):
        tree["sets"][0]["score"]["ssim"] = 0.5
        tree["libraries"] = []

    changed(path, change)
    with listening() as notes:
        assert find_report([path], report.source_digest) == (path, report)
    assert_note(notes[0], path, "libraries", "sets.score.ssim", "mbench 99.1")


def test_a_folder_that_mbench_of_tomorrow_made_is_opened(store):
    changed(store.folder / "mbench.json", add(schema=SCHEMA_VERSION + 1, layout="new"))
    ResultStore(store.folder)


def test_who_writes_a_file_again_does_not_lose_what_it_does_not_know(store, make_record, monkeypatch, tmp_path):
    path = store.folder / "idea" / "quick" / "result.json"
    result = Result(schema=SCHEMA_VERSION, suite=SUITE_VERSION, name="idea", records=(make_record(),))
    write_result(path, result)
    before = changed(path, lambda tree: TOMORROW["scores"][0](tree["records"][0]))
    with listening() as notes:
        refresh_results(store)
    assert path.read_bytes() == before
    assert_note(notes[0], path, "stays as it was")
    monkeypatch.setattr("mbench.review.reproduce._recorded_path", lambda name: path)
    with listening(), pytest.raises(ForeignError):
        record_result(result)
    assert path.read_bytes() == before


def test_notes_are_heard_once_and_by_those_who_listen(result_file):
    changed(result_file, add(more=1))
    with listening() as notes:
        for _ in range(3):
            read_result(result_file)
        with refusing_foreign(), pytest.raises(ForeignError):
            read_result(result_file)
        assert (len(notes), len(heard_notes())) == (3, 1)
    assert heard_notes() == []


# The verbs


@pytest.fixture
def evaluated(mbench, submission_file, estimator, tmp_path):
    """Evaluate a submission, and let mbench of tomorrow write to its result and its cell."""
    path = submission_file(estimator(), "idea.py")
    assert mbench("evaluate", path, "--task", "curve", "--no-pictures").exit_code == 0
    result, (cell,) = tmp_path / "results/idea/quick/result.json", (tmp_path / "results/cells").glob("*.json")
    changed(cell, TOMORROW["scores"][0])
    changed(result, lambda tree: TOMORROW["cost"][0](tree["records"][0]))
    return result, cell


@pytest.mark.parametrize(
    ("command", "reads"),
    [
        ("compare idea knn", "cell"),
        ("compare results/idea/quick/result.json", "result"),
        ("leaderboard", "result"),
        ("rescore", "both"),
        ("evaluate submissions/idea.py --task curve --no-pictures", "cell"),
    ],
)
def test_verbs_go_on_and_say_once_what_they_left_out(mbench, evaluated, command, reads):
    result, cell = evaluated
    before = cell.read_bytes()
    done = mbench(*command.split())
    assert done.exit_code == 0, done.output
    assert "idea" in done.stdout
    said = [line for line in done.stderr.splitlines() if line.startswith("Note: ")]
    for path, is_read in ((cell, reads != "result"), (result, reads != "cell")):
        own = [note for note in said if path.name in note]
        assert len(own) == is_read
        for note in own:
            assert_note(note, f"{path.name}: written by mbench 99.1")
    assert cell.read_bytes() == before


@pytest.mark.parametrize("command", ["compare idea knn", "leaderboard"])
def test_notes_stand_in_the_json(mbench, evaluated, command):
    content = json.loads(mbench(*command.split(), "--json").stdout)
    for part in content if isinstance(content, list) else [content]:
        assert any("written by mbench 99.1" in note for note in part["notes"])


def test_a_result_that_only_tomorrow_can_read_leaves_the_board_to_the_others(mbench, evaluated):
    changed(evaluated[0], add(schema=SCHEMA_VERSION + 1, records={}))
    done = mbench("leaderboard", "--format", "md")
    assert done.exit_code == 0, done.output
    assert "knn" in done.stdout
    assert "idea" not in done.stdout
    assert "Update mbench to read it" in done.stderr


def test_one_more_metric_is_read_by_its_name(result_file):
    changed(result_file, lambda tree: add(metrics__calibration=0.5)(tree["records"][0]))
    with listening() as notes:
        (record, *_) = read_result(result_file).records
    assert record.metrics.further["calibration"] == 0.5
    assert notes == []
