import ast
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import pytest

from mbench import cli
from mbench.cli import main
from mbench.cli.progress import LiveProgress
from mbench.cli.tables import print_entries
from mbench.errors import HarnessError, SubmissionError, UsageError
from mbench.results.lookup import recorded_baselines
from mbench.results.record import SCHEMA_VERSION, Result
from mbench.results.reference import load_reference
from mbench.results.scoring import score_entry
from mbench.results.store import ResultStore
from mbench.runs.cells import Cell
from mbench.runs.progress import Progress
from mbench.sandbox.child_process import Child, ChildFailure
from mbench.submission import read_submission
from mbench.suite.tasks import load_task
from mbench.suite.tracks import SUITE_VERSION

HEAVY = ("torch", "numba", "matplotlib", "pandas", "sklearn", "scipy")
# Those that people know, so that none is lost, and whatever was added since.
KNOWN_VERBS = (
    "audit", "bench", "check", "compare", "curves", "data", "data fetch", "evaluate", "explore", "info", "init",
    "leaderboard", "reference", "render", "reproduce", "rescore", "sample", "site", "strip", "submit", "suite",
    "suite seed", "tasks", "tune", "verify", "watch", "zoom",
)  # fmt: skip
VERBS = dict.fromkeys((*KNOWN_VERBS, *main.commands))


@pytest.fixture
def quick(mbench, submission_file, estimator):
    """Evaluate the mean of the sample on the curve."""

    def run(*arguments, name="idea.py", **bodies):
        path = submission_file(estimator(**bodies), name)
        return mbench("evaluate", path, "--task", "curve", "--no-pictures", *arguments)

    return run


def assert_message(result, exit_code, *parts):
    """Check that a command ended with a message for a person, and without a traceback."""
    assert result.exit_code == exit_code, result.output
    for part in parts:
        assert part in result.stderr
    assert "Traceback" not in result.output
    assert "fault of mbench" not in result.output


# Help


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(mbench, verb):
    result = mbench(*verb.split(), "--help")
    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert f"mbench {verb.split()[0]}" in result.stdout.split("Example")[1]


@pytest.mark.parametrize("verb", VERBS)
def test_every_example_is_a_command_that_parses(verb):
    command = main
    for name in verb.split():
        command = command.commands[name]
    for line in command.epilog.split("Examples:")[1].splitlines():
        words = line.split("#")[0].split(">")[0].split()
        if "mbench" not in words[:2]:
            continue
        context = click.Context(main, info_name="mbench")
        name, verb_found, rest = main.resolve_command(context, words[words.index("mbench") + 1 :])
        assert verb_found.make_context(name, rest, parent=context, resilient_parsing=True)
        unknown = [word for word in rest if word.startswith("-") and word not in options_of(verb_found)]
        assert unknown == []


def options_of(command):
    own = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    inner = [options_of(child) for child in getattr(command, "commands", {}).values()]
    return own.union(*inner)


def test_the_list_of_verbs_says_what_each_does_to_the_end(mbench):
    shown = " ".join(mbench("--help").stdout.split())
    assert "..." not in shown.replace("[ARGS]...", "")
    assert "Check a submission's contract in seconds: loading, shapes, batching, determinism. evaluate" in shown


def test_help_imports_no_heavy_package():
    code = f"""
import sys
from mbench.cli import main
try:
    main(["--help"])
except SystemExit:
    print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr.strip() == "[]"
    assert "evaluate" in ended.stdout


def test_a_verb_is_imported_only_when_it_is_asked_for():
    code = """
import sys
from mbench.cli import main
before = [name for name in main.commands if f"mbench.cli.{name}" in sys.modules]
main.commands["init"]
print(before, [name for name in main.commands if f"mbench.cli.{name}" in sys.modules])
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split("\n")[0] == "[] ['init']"


def test_every_command_in_the_folder_of_verbs_is_a_verb_under_its_modules_name():
    modules = Path(cli.__file__).parent.glob("*.py")
    defined = {
        node.name: path.stem
        for path in modules
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(each).startswith(("click.command", "click.group")) for each in node.decorator_list)
    }
    assert defined.pop("main") == "__init__"
    assert len(defined) > 20
    assert dict(main.commands.items()).keys() == defined.keys()
    assert all(main.commands[name].name == name == module for name, module in defined.items())


@pytest.mark.parametrize("arguments", [["nonsense"], ["evaluate"], ["--nonsense"], ["evaluate", "x.py", "--jobs", "0"]])
def test_a_wrong_command_is_usage(mbench, arguments):
    assert_message(mbench(*arguments), 2, "Usage:")


def test_version_is_the_packages_and_the_suites(mbench):
    import mbench as package

    assert mbench("--version").stdout == f"mbench {package.__version__}, suite {package.SUITE_VERSION}\n"


# evaluate


def test_an_evaluation_ends_with_zero_and_shows_the_baselines_and_the_paths(quick, tmp_path):
    result = quick()
    assert result.exit_code == 0, result.output
    assert "Beside the recorded baselines" in result.stdout
    assert "results/idea/quick/result.json" in result.stdout
    assert (tmp_path / "results/idea/quick/result.json").exists()


def test_json_alone_goes_to_stdout(quick):
    result = quick("--json")
    entry = json.loads(result.stdout)
    assert (entry["name"], entry["track"], entry["tasks"][0]["task"]) == ("idea", "quick", "curve")
    assert entry["paths"] == ["results/idea/quick/result.json"]
    assert "curve r0" in result.stderr


def test_a_second_run_keeps_the_cells_and_fresh_does_not(quick):
    quick()
    assert "kept from before" in quick().stderr
    assert "kept from before" not in quick("--fresh").stderr


def test_a_failed_submission_ends_with_one_and_says_why(quick):
    result = quick(fit="print('\x1b[31m')\nraise ValueError('[bold]no[/nonsense] idea')")
    assert result.exit_code == 1
    assert "crash: fit(X, y) raised ValueError: [bold]no[/nonsense] idea" in result.stderr
    assert "1 of 1 failed" in result.stdout
    assert "in fit\n" in result.stdout  # the end of its traceback
    assert "\x1b" not in result.stdout


def test_predictions_that_are_not_numbers_are_shown_as_they_are(quick):
    assert_message(quick(predict="return X * np.nan"), 1, "predict() returned [nan] in row 0")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.py"], "absent.py: no such file"),
        (["."], "submission.py: no such file"),
        (["good.py", "--task", "cuve"], "unknown task 'cuve': expected one of mandelbrot"),
        (["good.py", "--task", "image:absent.png"], "absent.png"),
        (["good.py", "--task", "image:good.py"], "not a picture"),
        (["good.py", "--track", "huge"], "'huge': expected one of quick, standard, large"),
        (["good.py", "--results", "good.py"], "is a file"),
        (["good.py", "--replicates", "0"], "0: expected a whole number of at least 1"),
        (["good.py", "--memory-limit", "1"], "1: expected a whole number of at least 256"),
        (["good.py", "--device", "abacus"], "'abacus': expected one of cpu, cuda"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments_are_usage(mbench, tmp_path, arguments, message):
    (tmp_path / "good.py").write_text("def build(spec): pass")
    assert_message(mbench("evaluate", *arguments), 2, message)


@pytest.mark.parametrize(
    ("source", "message"),
    [("x = 1", "has no build"), ("def (", "not valid Python (line 1"), ("\0", "not valid Python")],
)
def test_a_file_that_is_no_submission_ends_with_one(mbench, tmp_path, source, message):
    (tmp_path / "bad.py").write_text(source)
    assert_message(mbench("evaluate", "bad.py"), 1, f"bad.py: {message}" if message.startswith("has") else message)


def test_a_results_folder_of_another_suite_is_usage(quick, tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results/mbench.json").write_text('{"schema": 1, "suite": 99}')
    assert_message(quick(), 2, "results of another version", "Choose another folder with --results")


def test_a_damaged_record_is_set_aside_and_named(quick, tmp_path):
    quick()
    (record,) = (tmp_path / "results/cells").glob("*.json")
    record.write_text("junk")
    result = quick()
    assert result.exit_code == 0
    assert f"{record.stem}.damaged" in result.stdout.replace("\n", "")


def test_a_full_disk_ends_with_three(quick, monkeypatch):
    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    quick()
    monkeypatch.setattr(os, "fsync", refuse)
    assert_message(quick("--fresh"), 3, "results: the disk is full. Cells already done are kept")


def test_a_failure_of_ours_ends_with_three(quick, monkeypatch):
    def refuse(self):
        raise HarnessError("no process today")

    monkeypatch.setattr("mbench.sandbox.child_process.Child.__enter__", refuse)
    assert_message(quick(), 3, "infrastructure: no process today")


def test_a_path_with_spaces_and_brackets_works(mbench, submission_file, estimator):
    path = submission_file(estimator(), "my [bold] ideas/the one.py")
    result = mbench("evaluate", path, "--task", "curve", "--no-pictures", "--results", "the [red] results")
    assert result.exit_code == 0, result.output
    assert "the [red] results/the-one/quick/result.json" in result.stdout


def test_a_picture_of_ones_own_is_a_task(mbench, submission_file, estimator, tmp_path, rng):
    from PIL import Image

    Image.fromarray(rng.integers(0, 255, (120, 150, 3), dtype=np.uint8)).save(tmp_path / "[x] y.png")
    path = submission_file(estimator())
    result = mbench("evaluate", path, "--task", "image:[x] y.png", "--no-pictures")
    assert result.exit_code == 0, result.output
    assert "image:[x] y.png" in result.stdout


def test_two_evaluations_at_once_on_one_folder_both_end_well(start, submission_file, estimator, tmp_path):
    path = submission_file(estimator())
    command = ["evaluate", path, "--task", "curve", "--task", "sphere", "--replicates", 2, "--no-pictures", "--json"]
    both = [start(*command) for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    first, second = (json.loads(output)["tasks"] for output, _ in outputs)
    assert [(task["task"], task["error"]) for task in first] == [(task["task"], task["error"]) for task in second]
    assert len(list(ResultStore(tmp_path / "results").records())) == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interruption_ends_with_130_and_keeps_the_cells_done(start, submission_file, estimator, tmp_path, number):
    # The curve's one input is learned at once; whatever has two hangs, and leaves the core to the others.
    hang = "import time\nwhile X.shape[1] > 1: time.sleep(1)"
    path = submission_file(estimator(fit=f"self.mean = y.mean(axis=0)\n{hang}"))
    process = start(
        "evaluate",
        path,
        "--task",
        "mandelbrot",
        "--task",
        "curve",
        "--track",
        "standard",
        "--replicates",
        1,
        "--jobs",
        2,
        "--no-pictures",
        env=environment(tmp_path),
    )
    assert "on track standard, isolation tier" in process.stderr.readline()
    assert "curve r0" in process.stderr.readline()
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted. Cells already done are kept" in errors
    assert "Traceback" not in errors
    assert output == ""
    assert [record.task for record in ResultStore(tmp_path / "results").records()] == ["curve"]
    assert list((tmp_path / "scratch").iterdir()) == []


def environment(tmp_path):
    (tmp_path / "scratch").mkdir()
    return os.environ | {"TMPDIR": str(tmp_path / "scratch")}


def test_debug_shows_the_traceback(mbench):
    result = mbench("--debug", "evaluate", "absent.py")
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert "mbench.errors.UsageError: absent.py" in result.stderr


def test_a_fault_of_ours_is_one_message_and_exit_code_three(mbench, monkeypatch, submission_file, estimator):
    monkeypatch.setattr("mbench.results.names.read_submission", lambda path: 1 / 0)
    result = mbench("evaluate", submission_file(estimator()))
    assert result.exit_code == 3
    assert "ZeroDivisionError" in result.stderr
    assert "mbench --debug" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(("error", "code"), [(SubmissionError, 1), (UsageError, 2), (HarnessError, 3)])
def test_every_kind_of_error_has_its_exit_code(mbench, monkeypatch, submission_file, estimator, error, code):
    def fail(path):
        raise error("where: what. Next step")

    monkeypatch.setattr("mbench.results.names.read_submission", fail)
    assert_message(mbench("evaluate", submission_file(estimator())), code, "Error: where: what. Next step")


def test_progress_takes_any_task_and_reason(make_record, capsys):
    record = make_record(task="image:[/x].png", status="crash", metrics=None, reason="[/bold] [nan]")
    with LiveProgress(None) as live:
        cell = Cell("image:[/x].png", "quick", 0, 10, 1.0)
        live.expect([cell])
        for phase in ("loading", "fitting"):
            live(Progress(cell, phase))
        live(Progress(cell, "done", record))
    assert "image:[/x].png r0  crash: [/bold] [nan]" in capsys.readouterr().err


# The other verbs


def test_check_of_a_good_file_ends_with_zero_and_says_what_is_next(mbench, submission_file, estimator):
    path = submission_file(estimator())
    result = mbench("check", path)
    assert result.exit_code == 0, result.output
    assert f"Next: mbench evaluate {path}" in result.stdout


def test_check_of_a_bad_file_ends_with_one_and_names_what_to_fix(mbench, submission_file, estimator):
    result = mbench("check", submission_file(estimator(predict="return X.T")))
    assert result.exit_code == 1
    assert "✗" in result.stdout
    assert "→ predict() returned shape (1, 200), expected (200, 1)" in result.stdout


def test_check_as_json_is_json_alone(mbench, submission_file, estimator):
    result = mbench("check", submission_file(estimator(fit="raise ValueError('bad')")), "--json")
    content = json.loads(result.stdout)
    assert (result.exit_code, content["ok"]) == (1, False)
    assert "bad" in content["findings"][-1]["advice"]


@pytest.mark.parametrize("verb", ["check", "render"])
def test_a_missing_file_is_usage_everywhere(mbench, verb):
    assert_message(mbench(verb, "absent.py"), 2, "absent.py: no such file")


@pytest.mark.parametrize("folder", [[], ["idea"], ["deep/er idea"]], ids=["here", "folder", "deep"])
def test_init_writes_a_submission_that_can_be_read(mbench, tmp_path, folder):
    result = mbench("init", *folder)
    assert result.exit_code == 0
    assert read_submission(tmp_path.joinpath(*folder)).entry == "submission.py"


def test_init_tells_its_path_as_json(mbench):
    assert json.loads(mbench("init", "idea", "--json").stdout) == {"path": "idea/submission.py"}


def test_init_does_not_overwrite(mbench, tmp_path):
    (tmp_path / "submission.py").write_text("mine")
    assert_message(mbench("init"), 2, "submission.py: exists already")
    assert (tmp_path / "submission.py").read_text() == "mine"


def test_init_does_not_write_through_a_broken_link(mbench, tmp_path):
    (tmp_path / "submission.py").symlink_to(tmp_path / "elsewhere.py")
    assert_message(mbench("init"), 2, "exists already")
    assert not (tmp_path / "elsewhere.py").exists()


def test_init_where_nothing_can_be_written_is_usage(mbench, tmp_path):
    (tmp_path / "file").write_text("")
    assert_message(mbench("init", "file/idea"), 2, "file/idea", "Choose another folder")


@pytest.mark.parametrize("out", ["sample.npz", "sample"])
def test_sample_writes_what_a_submission_would_get(mbench, tmp_path, out):
    result = mbench("sample", "mandelbrot", "-n", 40, "--replicate", 2, "--out", out)
    assert result.exit_code == 0, result.output
    expected = load_task("mandelbrot").draw_sample(40, 2)
    with np.load(tmp_path / out) as arrays:
        assert set(arrays) == {"X", "y", "points"}
        for name in arrays:
            np.testing.assert_array_equal(arrays[name], getattr(expected, name))


def test_sample_as_json_says_the_path_and_the_shapes(mbench):
    content = json.loads(mbench("sample", "sphere", "-n", 7, "--json").stdout)
    assert content["path"] == "sphere.npz"
    assert content["shapes"] == {"X": [7, 2], "y": [7, 3], "points": [7, 2]}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["cuve", "-n", 5], 2, "unknown task 'cuve'"),
        (["digits", "-n", 10**6], 2, "1258 training points"),
        (["curve", "-n", 0], 2, "0: expected a whole number of at least 1"),
        (["curve", "-n", 5, "--replicate", -1], 2, "-1: expected a whole number of at least 0"),
        (["curve"], 2, "Missing option '-n'"),
        (["curve", "-n", 5, "--out", "nowhere/x.npz"], 2, "nowhere/x.npz: cannot be written"),
        (["curve", "-n", 5, "--out", "."], 2, "is a directory"),
    ],
    ids=str,
)
def test_a_wrong_sample_is_usage(mbench, arguments, code, message):
    assert_message(mbench("sample", *arguments), code, message)


def test_tasks_lists_every_task_and_track(mbench):
    content = json.loads(mbench("tasks", "--json").stdout)
    shown = mbench("tasks").stdout
    for task in content["tasks"]:
        assert task["task"] in shown
    assert all(track in shown for track in ("quick", "standard", "large"))


def test_info_as_json_is_json_alone(mbench):
    content = json.loads(mbench("info", "--json").stdout)
    assert {"mbench", "suite", "python", "numpy", "isolation", "ground truth self-test"} <= set(content)
    assert content["ground truth self-test"] == "passed"


def test_rescore_changes_nothing_where_no_metric_changed(quick, mbench):
    quick()
    (row,) = json.loads(mbench("rescore", "--json").stdout)
    assert row["before"] == row["after"]
    assert "curve r0: error" in mbench("rescore").stdout


def test_rescore_says_what_it_left_out(quick, mbench):
    quick(fit="raise ValueError")
    assert "nothing to score, the cell ended with crash" in mbench("rescore").stdout


def test_rescore_keeps_what_is_recorded_of_cells_that_are_gone(quick, mbench, tmp_path):
    quick()
    (path,) = tmp_path.rglob("result.json")
    before = path.read_text()
    (cell,) = tmp_path.glob("results/cells/*.json")
    cell.unlink()
    assert mbench("rescore").exit_code == 0
    assert path.read_text() == before


def test_rescore_without_results_is_usage(mbench):
    assert_message(mbench("rescore"), 2, "results: no results here", "mbench evaluate")


def test_rescore_of_a_file_is_usage(mbench, tmp_path):
    (tmp_path / "file").write_text("")
    assert_message(mbench("rescore", "file"), 2, "is a file")


TABLE_FORMATS = ("table", "md", "csv", "latex", "json")


def test_compare_shows_every_entry_in_every_format(quick, mbench):
    quick(name="one.py")
    quick(name="two.py", head="# another")
    for table_format in TABLE_FORMATS:
        result = mbench("compare", "one", "two", "--format", table_format)
        assert result.exit_code == 0, (table_format, result.output)
        assert ("one" in result.stdout, "two" in result.stdout) == (True, True), table_format


def test_compare_without_names_shows_the_baselines_recorded_on_the_track(mbench):
    names = {entry["name"] for entry in json.loads(mbench("compare", "--json").stdout)}
    assert names == {result.name for result in recorded_baselines()}


def test_compare_of_an_earlier_suite_shows_what_its_board_says(mbench):
    asked = ("--suite", "1", "--track", "standard", "--json")
    shown = {each["name"]: each for each in json.loads(mbench("compare", "knn", "rbf", *asked).stdout)}
    board = json.loads(mbench("leaderboard", "--recorded", *asked).stdout)["board"]
    on_board = {each["name"]: each["mandelbrot"] for each in board if each["name"] in shown}
    assert {name: each["mandelbrot"] for name, each in shown.items()} == on_board
    assert set(on_board) == {"knn", "rbf"}
    now = json.loads(mbench("compare", "knn", "--track", "standard", "--json").stdout)
    assert now[0]["mandelbrot"] != on_board["knn"]


def test_compare_of_an_earlier_suite_takes_recorded_names_alone(mbench):
    assert_message(mbench("compare", "knnn", "--suite", "1"), 2, "NAME='knnn': expected one of", "Is knn meant?")


def test_compare_as_json_is_json_alone(quick, mbench):
    quick()
    assert [entry["name"] for entry in json.loads(mbench("compare", "idea", "--json").stdout)] == ["idea"]


def test_compare_takes_a_strangers_result(quick, mbench, tmp_path):
    quick()
    content = json.loads((tmp_path / "results/idea/quick/result.json").read_text())
    content["name"] = "[red]|x|\n=HYPERLINK(1)\\input{a}"
    (tmp_path / "theirs.json").write_text(json.dumps(content))
    for table_format in TABLE_FORMATS:
        result = mbench("compare", "theirs.json", "--format", table_format)
        assert result.exit_code == 0, (table_format, result.output)
        shown = [word for word in ("[red]", "|x|", "=HYPERLINK", "\\input") if word in result.stdout]
        assert shown == [], table_format


def test_a_wrong_comparison_is_usage(quick, mbench):
    quick()
    for arguments, message in (
        (["--track", "large"], "no baseline is recorded on track large"),
        (["absent"], "absent: no such file or name"),
        (["absent.json"], "absent.json: no such file"),
        (["idea", "--track", "standard"], "no results on track standard (there are on: quick)"),
        (["idea", "--format", "docx"], "'docx': expected one of"),
    ):
        assert_message(mbench("compare", *arguments), 2, message)


def test_render_of_what_cannot_be_drawn_is_usage(quick, mbench):
    quick()
    for task, message in (
        ("nosuch", "unknown task 'nosuch'"),
        ("friedman", "there is no picture of this task"),
    ):
        assert_message(mbench("render", "submissions/idea.py", "--task", task), 2, message)


def test_an_edited_file_is_told_from_one_that_was_never_evaluated(quick, mbench, tmp_path):
    quick()
    path = next(tmp_path.rglob("idea.py"))
    path.write_text(path.read_text() + "# better")
    assert_message(mbench("compare", path), 2, "it has changed since it was evaluated")
    assert_message(mbench("render", path), 2, "nothing of this very source")


def test_a_damaged_record_is_named_by_what_passes_it_over(quick, mbench, tmp_path):
    quick()
    quick("--replicates", "2")
    path = max(tmp_path.glob("results/cells/*.json"))
    path.write_text("{")
    for verb in (("compare", "idea", "--format", "csv"), ("rescore",)):
        result = mbench(*verb)
        assert result.exit_code == 0, result.output
        assert f"{path.name}: damaged or of another suite, and left out" in result.stderr


def test_what_is_missing_and_noted_is_told_with_json_too(mbench, no_data, submission_file, estimator, monkeypatch):
    monkeypatch.setattr("mbench.api.evaluate_source", evaluate_nothing)
    path = submission_file(estimator(), "idea.py")
    result = mbench("evaluate", path, "--track", "standard", "--no-pictures", "--json")
    assert result.exit_code == 0, result.output
    assert "mnist was left out: " in result.stderr
    assert "mbench data fetch" in json.loads(result.stdout)["left_out"]["mnist"]
    text = mbench("evaluate", path, "--track", "standard", "--no-pictures").stdout
    assert "not run" in " ".join(text.split())


def evaluate_nothing(run, cells, store, **options):
    return Result(schema=SCHEMA_VERSION, suite=SUITE_VERSION, name=run.source.name, records=()), ()


def test_fewer_replicates_than_the_track_has_are_said_to_be_that(mbench, submission_file, estimator):
    path = submission_file(estimator(), "idea.py")
    options = ("--track", "standard", "--replicates", "2", "--no-pictures", "--task", "curve", "--task", "digits")
    result = mbench("evaluate", path, *options)
    text = " ".join(result.stdout.split())
    assert "2 of 5 replicates run of curve" in text
    assert "digits is no part of track standard: it has no skill here." in text


def test_cells_run_in_another_way_are_said_to_be_hidden(quick, mbench):
    assert "not shown" not in quick("--task", "sphere").stdout
    text = " ".join(quick("--threads", "2").stdout.split())
    assert "cells run with 1 thread on cpu, not shown beside these, the same command" in text
    assert "then shows them: sphere r0" in text


def test_cells_of_another_version_of_mbench_are_said_to_be_that(quick, mbench, monkeypatch):
    quick("--task", "sphere")
    for module in ("api", "runs.cells", "runs.evaluate"):
        monkeypatch.setattr(f"mbench.{module}.protocol_digest", lambda: "0" * 64)
    path = "submissions/idea.py"
    text = " ".join(mbench("evaluate", path, "--task", "friedman", "--no-pictures").stdout.split())
    assert "cells run by another version of mbench, not shown, evaluate them again: curve r0, sphere r0" in text


def test_a_device_that_is_not_here_is_usage(quick, monkeypatch):
    monkeypatch.setattr("mbench.api.has_gpu", lambda: False)
    assert_message(quick("--device", "cuda"), 2, "device cuda: this machine has no NVIDIA driver", "on the CPU")


def test_a_full_disk_behind_the_output_is_told(mbench, monkeypatch):
    def fill(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mbench.suite.tracks.TRACKS", {})
    monkeypatch.setattr("mbench.suite.tasks.describe_tasks", fill)
    assert_message(mbench("tasks"), 3, "Error: the disk is full. Free some space")


def test_more_points_than_memory_is_usage(mbench, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("mbench.api.load_task", lambda name: SimpleNamespace(draw_sample=fail))
    assert_message(mbench("sample", "curve", "-n", "99"), 2, "n=99: more points than this machine's memory holds")


def test_check_tells_a_file_that_is_no_python_as_json_too(mbench, submission_file):
    result = mbench("check", submission_file("def build(spec:"), "--json")
    assert result.exit_code == 1
    (finding,) = json.loads(result.stdout)["findings"]
    assert (finding["verdict"], "not valid Python" in finding["advice"]) == ("failed", True)


def test_check_shows_the_end_of_a_traceback(mbench, submission_file, estimator):
    result = mbench("check", submission_file(estimator(fit="int('\x1b[31mno')")))
    assert result.exit_code == 1
    assert "ValueError: invalid literal for int()" in result.stdout.splitlines()[-1]
    assert "\x1b[31mno" not in result.stdout


def test_check_shows_what_the_fit_that_failed_printed(mbench, submission_file, estimator):
    fit = "print('of the first')\nself.mean = y.mean(axis=0)\nreturn self"
    path = submission_file(estimator(fit=fit))
    calls = []
    child_fit = Child.fit

    def fit_or_fail(child, X, y):
        calls.append(child)
        if len(calls) == 3:  # the one that has to come out like the second
            child._captured.extend(b"of the third")
            raise ChildFailure("crash", "the third fit fails")
        return child_fit(child, X, y)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Child, "fit", fit_or_fail)
        content = json.loads(mbench("check", path, "--json").stdout)
    (failed,) = [each for each in content["findings"] if each["verdict"] == "failed"]
    assert (failed["advice"], failed["output"]) == ("the third fit fails", "of the third")


@pytest.mark.parametrize("width", [30, 50, 80, 120])
def test_no_number_of_a_table_is_cut_short(monkeypatch, capsys, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    entries = [score_entry(r.name, "quick", r.records, load_reference()) for r in recorded_baselines()]
    print_entries(entries)
    assert "…" not in capsys.readouterr().out


@pytest.mark.parametrize("width", [40, 80, 100])
def test_no_budget_of_a_task_is_cut_short(mbench, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    text = mbench("tasks").stdout
    assert "…" not in text
    assert "1,000,000 / 300" in text


def test_render_without_results_is_usage(mbench, submission_file, estimator):
    path = submission_file(estimator())
    assert_message(mbench("render", path), 2, "on track quick in results", "mbench evaluate")


def test_watch_writes_a_film_and_tells_about_it_as_json(mbench, submission_file, estimator, tmp_path):
    path = submission_file(estimator(), "idea.py")
    result = mbench("watch", path, "--task", "curve", "--moments", "3", "--lines", "240", "--seconds", "1",
                    "--out", "film.gif", "--json")  # fmt: skip
    assert result.exit_code == 0, result.output
    told = {"path": "film.gif", "paths": ["film.gif"], "frames": 85, "seconds": 8.5}
    assert json.loads(result.stdout) == told
    assert (tmp_path / "film.gif").exists()


def test_watch_without_a_films_ending_is_usage(mbench, submission_file, estimator):
    path = submission_file(estimator())
    assert_message(mbench("watch", path, "--out", "film.avi"), 2, ".mp4, .gif, .webp")
    assert_message(mbench("zoom", path, "--out", "film.mp4", "--landmark", "nowhere"), 2, "seahorse, elephant")


def test_an_interrupted_film_ends_with_130_and_leaves_nothing(start, submission_file, estimator, tmp_path):
    path = submission_file(estimator(fit="import time\nprint('fitting', flush=True)\nwhile True: time.sleep(1)"))
    process = start("watch", path, "--out", tmp_path / "films" / "film.mp4")
    for line in process.stderr:
        if "trains" in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert not (tmp_path / "films").exists()


def test_strip_writes_a_picture_and_tells_about_it_as_json(mbench, submission_file, estimator, tmp_path):
    result = mbench("strip", submission_file(estimator(), "idea.py"), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"path": "strip.png", "names": ["idea"], "left_out": []}
    assert (tmp_path / "strip.png").exists()


def test_reproduce_of_an_unknown_baseline_is_usage_before_any_is_run(mbench, tmp_path):
    assert_message(mbench("reproduce", "constant", "absent"), 2, "unknown baseline 'absent': expected one of")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def no_data(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MBENCH_DATA", str(tmp_path_factory.mktemp("no data")))


def test_reference_without_its_data_ends_before_any_cell_is_run(mbench, tmp_path, no_data):
    assert_message(mbench("reference"), 2, "MNIST is not here", "mbench data fetch")
    assert list(tmp_path.iterdir()) == []


def test_reference_of_one_track_leaves_the_others_in_their_file(mbench, tmp_path, monkeypatch):
    def make(store, settings, names, report):
        return {
            "suite": 2, "sources": {"knn": "d"}, "tracks": {name: {"made": len(names)} for name in names},
            "curves": {"up to": 10_000_000 if "large" in names else 1_000_000},
        }  # fmt: skip

    monkeypatch.setattr("mbench.review.freeze_reference.make_reference", make)
    monkeypatch.setattr("mbench.suite.tasks.load_task", lambda name: None)
    for names in (["standard", "quick"], ["large"], ["quick"]):
        options = [word for name in names for word in ("--track", name)]
        result = mbench("reference", *options, "--write", "x.json", "--unsafe-no-sandbox")
        assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "x.json").read_text())
    assert content["tracks"] == {"quick": {"made": 1}, "standard": {"made": 2}, "large": {"made": 1}}
    assert content["curves"] == {"up to": 10_000_000}
    (tmp_path / "x.json").write_text("none of ours")
    assert mbench("reference", "--track", "quick", "--write", "x.json").exit_code == 0
    assert list(json.loads((tmp_path / "x.json").read_text())["tracks"]) == ["quick"]


def test_reference_that_could_not_be_written_ends_before_any_cell_is_run(mbench, tmp_path, monkeypatch):
    monkeypatch.setattr("mbench.suite.tasks.load_task", lambda name: None)
    (tmp_path / "file").touch()
    assert_message(mbench("reference", "--write", "file/x.json"), 3, "file/x.json: cannot be written")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_info_says_how_to_get_what_is_missing(mbench, no_data):
    assert "mbench data fetch" in mbench("info").stdout


def test_fetching_tells_its_folder_as_json(mbench, no_data, monkeypatch, tmp_path):
    def fetch(report):
        report(20_000_000)  # more than the bar expects
        return tmp_path

    monkeypatch.setattr("mbench.suite.datasets.fetch_mnist", fetch)
    assert json.loads(mbench("data", "fetch", "--json").stdout) == {"folder": str(tmp_path), "downloaded": True}


def test_a_missing_data_set_asked_for_is_usage(mbench, no_data, submission_file, estimator):
    result = mbench("evaluate", submission_file(estimator()), "--track", "standard", "--task", "mnist")
    assert_message(result, 2, "MNIST is not here", "mbench data fetch")


def test_a_run_without_a_data_set_says_what_is_missing_and_is_incomplete(
    mbench, no_data, submission_file, estimator, monkeypatch
):
    from mbench import api

    plan = api.plan_cells

    def plan_the_curve(track, tasks, replicates):
        cells, missing = plan(track, tasks, replicates)
        return [cell for cell in cells if cell.task == "curve"][:1], missing

    monkeypatch.setattr(api, "plan_cells", plan_the_curve)
    result = mbench("evaluate", submission_file(estimator()), "--track", "standard", "--no-pictures")
    assert result.exit_code == 0, result.output
    assert "mnist was left out: MNIST is not here" in result.stdout
    assert "mbench data fetch" in result.stdout
    assert "the entry is incomplete" in result.stdout


def test_a_long_track_shows_how_many_cells_are_done(make_record):
    with LiveProgress(None) as live:
        cells = [Cell("curve", "quick", replicate, 10, 1.0) for replicate in range(3)]
        live.expect(cells)
        live(Progress(cells[0], "done", make_record()))
        assert live._bar.tasks[0].fields["count"] == "1/3"


# How the verbs are listed


def test_every_verb_is_listed_once_under_what_a_person_wants_it_for(mbench):
    text = mbench("--help").stdout
    listed = [
        line.split()[0] for line in text.splitlines() if line.startswith("  ") and line.split()[0] in main.commands
    ]
    assert sorted(listed) == sorted(main.commands)
    assert "Others" not in text
    assert text.index("Try an idea:") < text.index("  evaluate") < text.index("Compare:") < text.index("  leaderboard")


def test_a_verb_without_a_purpose_is_listed_all_the_same(mbench, monkeypatch):
    monkeypatch.setitem(cli.PURPOSES, "Try an idea", ("init",))
    assert "evaluate" in mbench("--help").stdout.split("Others:")[1]
