"""The log: every evaluation a line that stays, what it changed and whether that is luck, and its source again."""

import errno
import json
import multiprocessing
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy import stats
from test_noise import FRACTALS, REFERENCE, draw_cells, make_cell

from mbench import evaluate
from mbench.board.attempts import follow_search
from mbench.errors import HarnessError, UsageError
from mbench.results import log_sources
from mbench.results.kept import listening
from mbench.results.log import LOG_NAME, Attempt, LoggedCell, append_attempt, draft_attempt, find_attempt, read_log
from mbench.results.log_sources import changed_places, compare_sources, find_source, keep_source, write_source
from mbench.results.record import Metrics
from mbench.results.reference import load_reference
from mbench.runs.diary import Cells
from mbench.submission import Source
from mbench.views.log_plot import draw_log

MEAN = """
    import numpy as np
    class Mean:
        def fit(self, X, y):
            self.mean = y.mean(axis=0)
            return self
        def predict(self, X):
            return np.tile(self.mean, (len(X), 1)) + {}
    def build(spec):
        return Mean()
"""


def make_attempt(scores=(50.0,), task="curve", digest="a", **changes):
    """An evaluation whose task scored so on each replicate."""
    cells = tuple(
        LoggedCell(task, replicate, "ok", f"{digest}{replicate}", 0.5, None, score, None, 1.0)
        for replicate, score in enumerate(scores)
    )
    fields = {
        "number": 1, "schema": 1, "suite": 2, "created": "2026-11-27T10:00:00+00:00", "kind": "board",
        "test_set": "public", "name": "idea", "note": "", "path": "/home/idea.py", "source_digest": digest * 64,
        "track": "quick", "threads": 1, "device": "cpu", "is_whole": True, "cells": cells, "libraries": {"numpy": "2"},
    }  # fmt: skip
    return Attempt(**fields | changes)


def number(attempts):
    return [replace(attempt, number=place) for place, attempt in enumerate(attempts, 1)]


def follow(attempts, reference=None, find=lambda attempt: []):
    return follow_search(number(attempts), reference or load_reference(), find)


def source_of(text, name="idea.py", **more):
    files = {name: text} | more
    return Source(name="idea", entry=name, files=tuple(sorted((k, v.encode()) for k, v in files.items())))


# On disk


def test_what_is_appended_is_read_back_with_its_number(tmp_path):
    wanted = [make_attempt(note="wider"), make_attempt((1.0, 2.0), digest="b")]
    for place, attempt in enumerate(wanted, 1):
        assert append_attempt(tmp_path, attempt).number == place
    assert read_log(tmp_path) == number(wanted)
    assert read_log(tmp_path / "nowhere") == []


def append_many(folder, note):
    for _ in range(25):
        append_attempt(folder, make_attempt(note=note))


def test_several_at_once_append_whole_lines_with_numbers_of_their_own(tmp_path):
    context = multiprocessing.get_context("spawn")
    several = [context.Process(target=append_many, args=(tmp_path, note)) for note in "abc"]
    for each in several:
        each.start()
    for each in several:
        each.join()
        assert each.exitcode == 0
    found = read_log(tmp_path)
    assert [each.number for each in found] == list(range(1, 76))
    assert sorted(each.note for each in found) == sorted("abc" * 25)


@pytest.mark.parametrize(
    "damaged",
    [
        b'{"number": 2, "mbench": "0.1',
        b"\x00\xff\xfe",
        b"[]",
        b'{"suite": 2, "schema": 1}',
        json.dumps({"number": 2, "schema": 1, "suite": 2, "name": "x"}).encode(),
    ],
)
def test_a_damaged_line_is_left_out_with_a_note_and_costs_no_other(tmp_path, damaged):
    append_attempt(tmp_path, make_attempt(note="first"))
    path = tmp_path / "log" / LOG_NAME
    path.write_bytes(path.read_bytes() + damaged)  # as a killed process or a full disk leaves it
    last = append_attempt(tmp_path, make_attempt(note="last"))
    with listening() as notes:
        found = read_log(tmp_path)
    assert [each.note for each in found] == ["first", "last"]
    assert len({each.number for each in found}) == 2
    assert last.number == (3 if b'{"number": 2, ' in damaged[:14] else 2)
    (note,) = notes
    assert "1 damaged and left out (line 2)" in note


def test_a_number_that_is_not_there_is_told_with_those_that_are(tmp_path):
    attempts = number([make_attempt(), make_attempt()])
    assert find_attempt(attempts, 2) is attempts[1]
    with pytest.raises(UsageError, match="7: no such number in the log, there are 1 to 2"):
        find_attempt(attempts, 7)


def test_a_disk_that_refuses_is_told_and_leaves_the_log_as_it_was(tmp_path, monkeypatch):
    append_attempt(tmp_path, make_attempt())
    path = tmp_path / "log" / LOG_NAME
    before = path.read_bytes()
    whole, taken = os.write, []

    def fill(descriptor, data):
        if taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken.append(whole(descriptor, data[:9]))
        return taken[0]

    monkeypatch.setattr(os, "write", fill)
    with pytest.raises(HarnessError, match="What was evaluated is kept"):
        append_attempt(tmp_path, make_attempt())
    assert path.read_bytes() == before


def test_a_note_is_one_line_that_moves_no_cursor(make_record):
    attempt = draft_attempt(
        source_of("1"), [make_record()], load_reference(), "board", "wider\n\x1b[2Jand " + "x" * 999
    )
    assert "\x1b" not in attempt.note
    assert "\n" not in attempt.note
    assert attempt.note.startswith("wider")
    assert len(attempt.note) == 500


def test_libraries_are_kept_by_name_and_version(make_record):
    records = [make_record(libraries={"sklearn": "scikit-learn 1.9.1", "_x": "files e8b6f8", "np": "numpy 2.4"})]
    attempt = draft_attempt(source_of("1"), records, load_reference(), "board", "")
    assert attempt.libraries == {"numpy": "2.4", "scikit-learn": "1.9.1"}


# Sources


def test_a_source_comes_back_byte_for_byte(tmp_path):
    files = {"idea.py": "# é\r\nx = 1\r\n".encode(), "latin.py": "# \xe9".encode("latin-1"), "nets/__init__.py": b""}
    source = Source(name="idea", entry="idea.py", files=tuple(sorted(files.items())))
    assert keep_source(tmp_path, source) == keep_source(tmp_path, source)
    found = find_source(tmp_path, source.digest)
    assert (found.files, found.entry, found.digest) == (source.files, source.entry, source.digest)
    write_source(found, tmp_path / "back")
    assert {str(path): (tmp_path / "back" / path).read_bytes() for path in files} == files


def test_a_source_that_is_another_than_was_evaluated_is_refused(tmp_path):
    source = source_of("x = 1")
    path = keep_source(tmp_path, source)
    path.write_text(path.read_text().replace("x = 1", "x = 2"))
    with pytest.raises(HarnessError, match="does not hold the source that was evaluated"):
        find_source(tmp_path, source.digest)


@pytest.mark.parametrize("place", ["../outside.py", "/tmp/outside.py", "a/../../outside.py", ""])
def test_no_source_leads_out_of_the_folder_it_is_restored_into(tmp_path, place):
    source = source_of("x = 1")
    path = keep_source(tmp_path, source)
    path.write_text(path.read_text().replace('"path": "idea.py"', f'"path": "{place}"'))
    with pytest.raises(HarnessError, match="leads out of its folder"):
        find_source(tmp_path, source.digest)


def test_a_link_where_a_source_goes_is_replaced_and_never_followed(tmp_path):
    outside = tmp_path / "outside.py"
    outside.write_text("theirs")
    folder = tmp_path / "back"
    folder.mkdir()
    (folder / "idea.py").symlink_to(outside)
    source = source_of("x = 1")
    assert changed_places(source, folder) == [folder / "idea.py"]
    write_source(source, folder)
    assert outside.read_text() == "theirs"
    assert changed_places(source, folder) == []


def test_what_is_too_large_for_the_log_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(log_sources, "_LIMIT", 80)
    with listening() as notes:
        assert keep_source(tmp_path, source_of("x" * 11)) is None
    assert "too large for the log" in notes[0]


def test_a_difference_names_files_that_came_went_or_changed():
    before, after = source_of("x = 1\ny = 2\n", **{"old.py": "a\n"}), source_of("x = 3\ny = 2\n", **{"new.py": "b\n"})
    lines = compare_sources(before, after, "3", "7")
    assert [line for line in lines if line.startswith(("---", "+++"))] == [
        "--- 3/idea.py", "+++ 7/idea.py", "--- /dev/null", "+++ 7/new.py", "--- 3/old.py", "+++ /dev/null"
    ]  # fmt: skip
    assert {"-x = 1", "+x = 3", " y = 2", "+b", "-a"} <= set(lines)
    assert compare_sources(before, before, "3", "3") == []
    assert compare_sources(source_of("x\n"), source_of("x\r\n"), "3", "7") == ["idea.py: differs in how its lines end"]


# What a change is worth


def test_each_evaluation_is_held_against_the_best_before_it():
    steps = follow(
        [make_attempt((score,), digest=d) for score, d in ((50.0, "a"), (60.0, "b"), (55.0, "c"), (61.0, "d"))]
    )
    assert [step.best for step in steps] == [None, 1, 2, 2]
    assert [step.change for step in steps] == [None, 10.0, -5.0, 1.0]
    assert [step.is_best for step in steps] == [True, True, False, True]
    assert [step.outcome for step in steps] == ["first", "unknown", "unknown", "unknown"]  # one replicate


@pytest.mark.parametrize(
    "change",
    [
        {"task": "friedman"}, {"track": "standard"}, {"threads": 2}, {"device": "cuda"}, {"scores": (60.0, 60.0)},
        {"test_set": "hidden:1", "kind": "hidden"}, {"test_set": "hidden:2", "kind": "practice"},
    ],
)  # fmt: skip
def test_what_was_asked_otherwise_is_not_compared(change):
    _, second = follow([make_attempt((50.0,)), make_attempt(**{"scores": (60.0,), "digest": "b"} | change)])
    assert (second.best, second.change, second.outcome) == (None, None, "first")


def test_a_rerun_of_the_same_source_is_no_record():
    steps = follow([make_attempt((50.0,)), make_attempt((50.1,)), make_attempt((50.05,), digest="b")])
    assert [step.outcome for step in steps] == ["first", "rerun", "unknown"]
    assert steps[1].same_as == 1
    assert steps[2].best == 1


def test_a_change_is_tested_paired_by_replicate_as_scipy_does_with_holm(rng):
    base = rng.normal(80.0, 10.0, 5)  # samples differ far more than methods do
    rows = [base, base + rng.normal(2.0, 0.3, 5), base + rng.normal(1.0, 2.0, 5), base + rng.normal(6.0, 0.3, 5)]
    steps = follow([make_attempt(tuple(row), digest=d) for row, d in zip(rows, "abcd", strict=True)])
    held = [rows[step.best - 1] for step in steps[1:]]
    raw = [stats.ttest_rel(row, best).pvalue for row, best in zip(rows[1:], held, strict=True)]
    order = np.argsort(raw)
    holm, largest = {}, 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, raw[index] * (len(raw) - place)))
        holm[index] = largest
    assert [step.p for step in steps[1:]] == pytest.approx([holm[i] for i in range(3)], rel=1e-3)
    assert [step.outcome for step in steps] == ["first", "beyond noise", "within noise", "beyond noise"]


def test_the_mean_of_several_tasks_is_tested_by_replicate(rng):
    def several(shift, digest):
        cells = tuple(
            LoggedCell(task, r, "ok", f"{digest}{task}{r}", 0.5, None, float(70 + 5 * r + shift[r] + k), None, 1.0)
            for k, task in enumerate(("curve", "friedman", "sphere"))
            for r in range(4)
        )
        return make_attempt(digest=digest, cells=cells)

    shift = rng.normal(1.0, 0.5, 4)
    _, step = follow([several(np.zeros(4), "a"), several(shift, "b")])
    assert step.change == pytest.approx(shift.mean())
    assert step.p == pytest.approx(stats.ttest_1samp(shift, 0.0).pvalue, rel=1e-3)


def of_fractals(cells, digest):
    """An evaluation of both Mandelbrot tasks on standard, and its records."""
    records = [make_cell(digest * 64, task, r, *parts) for (task, r), parts in cells.items()]
    source = replace(source_of(digest), name="idea")
    return replace(draft_attempt(source, records, REFERENCE, "board", ""), source_digest=digest * 64), records


def test_what_the_shared_test_set_adds_is_counted_where_records_still_say(rng):
    cells = draw_cells(rng)
    better = {place: (centres * 1.01, blocks) for place, (centres, blocks) in cells.items()}
    lucky = {place: (c * (1 + 0.9 * np.sign(np.arange(len(c)) - 15.5)), b) for place, (c, b) in better.items()}
    one, records = of_fractals(cells, "a")
    other, others = of_fractals({place: (c + 0.02 * lucky[place][0], b) for place, (c, b) in cells.items()}, "b")
    known = {"a" * 64: records, "b" * 64: others}
    without = follow([one, other], REFERENCE)[1]
    within = follow([one, other], REFERENCE, lambda attempt: known[attempt.source_digest])[1]
    assert set(other.tasks) == set(FRACTALS)
    assert without.change == within.change
    assert without.outcome == "beyond noise"
    assert within.p > without.p


def test_no_record_is_read_where_it_could_change_nothing(rng):
    asked = []
    base = rng.normal(80.0, 10.0, 5)
    follow([make_attempt(tuple(base)), make_attempt(tuple(base + 1.0), digest="b")], find=asked.append)
    assert asked == []


def test_an_interrupted_or_failed_evaluation_is_no_best_but_has_been_seen():
    cells = make_attempt((90.0,)).cells
    broken = (replace(cells[0], status="infrastructure", skill=None, error=None),)
    steps = follow([
        make_attempt((90.0,), is_whole=False), make_attempt(cells=broken, digest="b"), make_attempt((50.0,), digest="c")
    ])  # fmt: skip
    assert [step.outcome for step in steps] == ["no score", "no score", "first"]
    assert steps[2].n_ancestors == 2


def test_earlier_sources_of_the_name_are_counted_that_saw_the_boards_sets():
    steps = follow([
        make_attempt(digest="a"), make_attempt(digest="a"),
        make_attempt(digest="b", kind="practice", test_set="hidden:1"),
        make_attempt(digest="c", name="other"), make_attempt(digest="d"), make_attempt(digest="e", track="standard"),
    ])  # fmt: skip
    assert [step.n_ancestors for step in steps] == [0, 0, 1, 0, 1, 2]


def test_hundreds_of_evaluations_are_listed(tmp_path, mbench, rng):
    lines = []
    for place in range(1, 601):
        attempt = make_attempt(tuple(rng.normal(80, 5, 5)), digest=f"{place % 16:x}", note=f"[red]{place}[/red]")
        lines.append(json.dumps({"number": place} | _plain(attempt, place)))
    path = tmp_path / "results" / "log" / LOG_NAME
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(lines) + "\n")
    result = mbench("log")
    assert result.exit_code == 0, result.output
    assert "[red]600[/red]" in result.stdout
    shown = json.loads(mbench("log", "idea", "--last", 2, "--json").stdout)
    assert [each["number"] for each in shown["attempts"]] == [599, 600]


def _plain(attempt, place):
    content = {name: getattr(attempt, name) for name in Attempt.__slots__ if name != "number"}
    cells = [{name: getattr(cell, name) for name in LoggedCell.__slots__} for cell in attempt.cells]
    return content | {"cells": cells, "source_digest": f"{place:064x}"}


# The command


def test_the_log_lists_compares_draws_and_gives_back_what_was_evaluated(mbench, submission_file, tmp_path):
    path = submission_file(MEAN.format("0.0"), "idea.py")
    first = path.read_text()
    options = ("--task", "curve", "--replicates", 2, "--no-pictures")
    result = mbench("evaluate", path, *options, "-m", "plain")
    assert result.exit_code == 0, result.output
    assert "Number 1 in the log." in result.stdout
    submission_file(MEAN.format("0.01"), "idea.py")
    result = mbench("evaluate", path, *options, "--note", "shifted [bold]")
    assert "curve" in result.stdout
    assert "against number 1, the best so far" in result.stdout
    assert "1 earlier source of this name saw the board's sets; --practice spares them" in " ".join(
        result.stdout.split()
    )

    content = json.loads(mbench("log", path, "--json").stdout)
    one, two = content["attempts"]
    assert [each["note"] for each in (one, two)] == ["plain", "shifted [bold]"]
    assert (one["n_ancestors_scored"], two["n_ancestors_scored"]) == (0, 1)
    assert two["best_before"] == 1
    assert two["beyond_noise"] in (True, False)
    assert [cell["replicate"] for cell in two["cells"]] == [0, 1]
    assert "numpy" in two["libraries"]
    table = mbench("log").stdout
    assert "shifted [bold]" in table

    difference = mbench("log", "--diff", 1, 2).stdout
    assert "+        return np.tile(self.mean, (len(X), 1)) + 0.01" in difference
    assert mbench("log", "--diff", 1, 3).exit_code == 2

    picture = tmp_path / "progress.png"
    assert mbench("log", "--plot", picture).exit_code == 0
    with Image.open(picture) as drawn:
        assert drawn.size == (1800, 1080)
    assert mbench("log", "--plot", tmp_path / "progress.txt").exit_code == 2

    refused = mbench("log", "--restore", 1)
    assert refused.exit_code == 2, refused.output
    assert "holds something else now" in refused.stderr
    assert path.read_text() != first
    assert mbench("log", "--restore", 1, "--out", "back").exit_code == 0
    assert (tmp_path / "back" / "idea.py").read_text() == first
    assert mbench("log", "--restore", 1, "--overwrite").exit_code == 0
    assert path.read_text() == first
    assert mbench("log", "--restore", 1).exit_code == 0  # nothing to ask about
    for usage in (["--restore", 1, "--diff", 1, 2], ["--out", "back"], ["nothing-of-this-name"]):
        assert mbench("log", *usage).exit_code == 2


@pytest.mark.parametrize(("answer", "code", "text"), [("n", 1, "mine"), ("y", 0, "x = 1")])
def test_at_a_terminal_it_is_asked_before_a_changed_file_is_replaced(start, tmp_path, answer, code, text):
    path = tmp_path / "idea.py"
    path.write_text("mine")
    source = source_of("x = 1")
    keep_source(tmp_path / "results", source)
    append_attempt(tmp_path / "results", make_attempt(path=str(path), source_digest=source.digest))
    ours, theirs = os.openpty()
    process = start("log", "--restore", 1, stdin=theirs)
    os.write(ours, answer.encode() + b"\n")
    _, errors = process.communicate(timeout=120)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == code, errors
    assert "Replace it?" in errors
    assert path.read_text() == text


def test_an_empty_log_says_how_to_fill_it(mbench):
    assert "Nothing is in the log yet" in mbench("log").stdout
    assert json.loads(mbench("log", "--json").stdout)["attempts"] == []


def test_python_evaluations_are_logged_and_can_be_given_back(mbench, tmp_path):
    table = evaluate(
        lambda spec: __import__("sklearn.dummy", fromlist=["x"]).DummyRegressor(), tasks="curve", note="dummy"
    )
    assert table.attrs["log"] == 1
    (attempt,) = read_log(tmp_path / "results")
    assert (attempt.note, attempt.path) == ("dummy", "")
    assert find_source(tmp_path / "results", attempt.source_digest).entry == "submission.pkl"
    result = mbench("log", "--restore", 1)
    assert "Give a folder for it with --out DIR" in result.stderr


def test_a_log_that_cannot_be_written_costs_no_score(mbench, submission_file, tmp_path):
    path = submission_file(MEAN.format("0.0"), "idea.py")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "log").write_text("in the way")
    result = mbench("evaluate", path, "--task", "curve", "--no-pictures", "--json")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["log"] is None
    assert any("The log lacks this evaluation" in note for note in content["notes"])


def test_an_interrupted_run_is_in_the_log_as_such(start, submission_file, tmp_path):
    path = submission_file("""
        class Slow:
            def fit(self, X, y):
                self.n = y.shape[1]
                while X.shape[1] == 10:
                    pass
                return self
            def predict(self, X):
                import numpy as np
                return np.zeros((len(X), self.n))
        def build(spec):
            return Slow()
    """)
    process = start("evaluate", path, "--task", "curve", "--task", "friedman", "--jobs", "1", "--track", "large")
    for line in process.stderr:
        if "curve" in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    (attempt,) = read_log(tmp_path / "results")
    assert not attempt.is_whole
    assert {cell.task for cell in attempt.cells} == {"curve"}


def test_records_that_say_something_else_now_are_not_taken(store, make_record):
    record = make_record(metrics=Metrics(0.25))
    store.write(record)
    attempt = draft_attempt(source_of("1"), [record], load_reference(), "board", "")
    assert Cells(store.folder).find(attempt) == [record]
    store.write(replace(record, metrics=Metrics(0.5)))
    assert Cells(store.folder).find(attempt) == []


def test_a_picture_draws_the_largest_kinds_and_says_what_it_leaves_out(tmp_path):
    attempts = [make_attempt((50.0 + t,), threads=t, note="$x_1$ \u4e2d") for t in range(1, 10) for _ in range(2)]
    path = draw_log(follow(attempts), tmp_path / "p.png")
    assert np.asarray(Image.open(path)).std() > 5
    with pytest.raises(UsageError, match="no score to draw"):
        draw_log([], tmp_path / "p.png")
