"""One resolver of names, and one word and option for one idea in every verb."""

import json
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import mbench
from mbench.cli import main
from mbench.cli.names import ABOUT, NameType
from mbench.errors import UsageError
from mbench.results.names import find_records, find_source, resolve_name, tell_apart
from mbench.results.origins import write_origin
from mbench.results.record import SCHEMA_VERSION, Result
from mbench.results.store import RESULT_NAME, ResultStore, write_result
from mbench.submission import baseline_path, read_submission
from mbench.suite.tracks import SUITE_VERSION

KNN = "from sklearn.neighbors import KNeighborsRegressor\n\n\ndef build(spec):\n    return KNeighborsRegressor({})\n"
# What takes a submission, by issue: all that evaluate, look at or pass on a method.
ON_SUBMISSIONS = {
    "audit", "check", "compare", "curves", "evaluate", "explore", "log", "render", "strip", "submit", "tune", "verify",
    "watch", "zoom",
}  # fmt: skip
# Words that end a run behind the look-up of a name, and with which exit code.
ENDS = {
    "audit": ["--fresh"],
    "check": [],
    "compare": [],
    "curves": ["--task", "nowhere"],
    "evaluate": ["--task", "nowhere"],
    "explore": [],
    "log": [],
    "render": ["--task", "nowhere"],
    "strip": ["--task", "nowhere"],
    "submit": [],
    "tune": ["--task", "nowhere"],
    "verify": [],
    "watch": ["--task", "nowhere"],
    "zoom": ["--landmark", "nowhere"],
}
ENDED = {"check": 0, "compare": 0, "log": 0}
# Where an option's help or number differs on purpose: one task to look at, where others take those to run; every track
# that has entries, where others take one; of a command that only reads, what reads.
DIFFERENT = {"--task": {"zoom", "strip", "watch", "explore"}, "--track": {"site", "reference"}}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, neighbours=5):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(KNN.format(neighbours))
    return path


def verbs(group=main, path=()):
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if isinstance(command, click.Group):
                yield from verbs(command, (*path, name))
            else:
                yield " ".join((*path, name)), command


VERBS = dict(verbs())


def options_of(command):
    return [p for p in command.params if isinstance(p, click.Option) and not p.hidden and p.name != "help"]


def test_a_path_comes_before_what_was_evaluated_before_a_submission_before_a_baseline(folder, make_record):
    baseline = baseline_path("knn")
    assert resolve_name("knn", Path("results")).path == baseline
    write(folder / "submissions" / "knn" / "submission.py", 6)
    assert resolve_name("knn", Path("results")).path == Path("submissions/knn")
    ResultStore(folder / "results").write(make_record(submission="knn", source_digest="d" * 64))
    assert resolve_name("knn", Path("results")).origin == "local"
    write(folder / "knn" / "submission.py", 7)
    named = resolve_name("knn", Path("results"))
    assert (named.origin, named.path) == ("file", Path("knn"))
    assert [each.origin for each in named.others] == ["local", "submission", "baseline"]


def test_a_folder_without_a_submission_hides_nothing(folder):
    (folder / "knn").mkdir()  # of results, say
    assert resolve_name("knn", Path("results")).path == baseline_path("knn")


def test_an_ambiguous_name_says_what_is_taken_and_how_to_name_the_others(folder):
    write(folder / "submissions" / "knn" / "submission.py", 6)
    note = resolve_name("knn", Path("results")).note
    assert note.startswith("knn: submissions/knn is taken. Of the same name: the baseline ")
    assert str(baseline_path("knn")) in note
    result = CliRunner().invoke(main, ["check", "knn", "--unsafe-no-sandbox"])
    assert note in result.stderr
    assert resolve_name("mlp", Path("results")).note == ""


def test_what_was_evaluated_of_a_file_before_an_edit_is_not_another_thing_of_its_name(folder, make_record):
    source = read_submission(write(folder / "mine" / "submission.py"))
    ResultStore(folder / "results").write(make_record(submission="mine", source_digest=source.digest))
    kept = folder / "results" / "mine" / "quick"
    kept.mkdir(parents=True)
    write_origin(kept, replace(source, path=Path("mine")))
    write(folder / "mine" / "submission.py", 6)
    assert resolve_name("mine", Path("results")).note == ""
    assert resolve_name("mine/submission.py", Path("results")).note == ""
    write(folder / "elsewhere" / "mine" / "submission.py", 7)
    write_origin(kept, replace(source, path=Path("elsewhere/mine/submission.py")))
    assert resolve_name("mine", Path("results")).note.endswith("Of the same name: what was evaluated in results")


def test_what_is_the_same_source_is_not_another_thing_of_the_name(folder):
    own = folder / "submissions" / "knn" / "submission.py"
    write(own).write_bytes(baseline_path("knn").read_bytes())
    other = resolve_name("knn", Path("results"))
    same = read_submission(own).digest == read_submission(baseline_path("knn")).digest
    assert (other.note == "") == same  # a source's digest holds the name of its file


def test_an_unknown_name_is_told_with_all_that_are_known(folder, make_record):
    ResultStore(folder / "results").write(make_record(submission="mine"))
    write(folder / "submissions" / "theirs" / "submission.py")
    with pytest.raises(UsageError) as caught:
        resolve_name("knm", Path("results"))
    message = str(caught.value)
    assert "Is knn" in message
    for word in ("evaluated in results: mine", "submissions: theirs", "fourier", "mbench init"):
        assert word in message


@pytest.mark.parametrize("asked", ["", "absent.py", "absent.json", "a b", "../knn", "/nowhere/x", "x" * 5000, "a\0b"])
def test_what_is_no_name_is_a_usage_error(asked):
    with pytest.raises(UsageError):
        resolve_name(asked, Path("results"))


def test_the_source_of_what_was_evaluated_is_found_where_it_was_read_from(folder):
    write(folder / "elsewhere" / "idea.py")
    run("evaluate", "elsewhere/idea.py", "--task", "curve", "--no-pictures")
    named = resolve_name("idea", Path("results"))
    assert named.origin == "local"
    assert find_source(named).digest == read_submission(folder / "elsewhere" / "idea.py").digest
    write(folder / "elsewhere" / "idea.py", 9)  # edited since: the source as it is now
    assert find_source(named).digest == read_submission(folder / "elsewhere" / "idea.py").digest
    assert find_records(named).result.name == "idea"


def test_replacing_the_result_of_another_source_is_said_and_the_old_one_kept(folder):
    for number in (1, 2):
        write(folder / f"d{number}" / "exp" / "submission.py", number + 4)
    options = ("--task", "curve", "--no-pictures", "--json")
    first = json.loads(run("evaluate", "d1/exp", *options).stdout)
    assert first["notes"] == []
    assert json.loads(run("evaluate", "d1/exp", *options).stdout)["notes"] == []
    old = json.loads((folder / "results" / "exp" / "quick" / RESULT_NAME).read_text())
    (note,) = json.loads(run("evaluate", "d2/exp", *options).stdout)["notes"]
    digest = read_submission(folder / "d1" / "exp").digest[:8]
    assert f"was of another source called exp ({digest}…, from {folder}/d1/exp)" in note
    assert json.loads((folder / "results" / "exp" / "quick" / f"result.{digest}.json").read_text()) == old
    assert f"result.{digest}.json" in resolve_name("exp", Path("results")).note


def test_two_of_one_name_are_told_apart_in_a_table(folder):
    write(folder / "knn.py", 3)
    run("evaluate", "knn.py", "--task", "curve", "--no-pictures")
    rows = json.loads(run("compare", "knn.py", baseline_path("knn"), "--json").stdout)
    assert sorted(row["name"] for row in rows) == ["knn", "knn (local)"]
    sources = [read_submission("knn.py"), read_submission(baseline_path("knn")), read_submission("knn.py")]
    assert [each.name for each in tell_apart(sources)] == ["knn (local)", "knn", "knn (local) (2)"]


def test_a_strangers_result_is_no_name_of_ours(folder, make_record):
    records = (make_record(submission="<b>knn</b>"),)
    write_result(
        folder / "theirs.json", Result(schema=SCHEMA_VERSION, suite=SUITE_VERSION, name="<b>knn</b>", records=records)
    )
    assert find_records(resolve_name("theirs.json", Path("results"))).result.name == "b-knn-b"


def test_every_verb_on_submissions_has_one_argument_of_one_type_and_one_word():
    taking = {}
    for verb, command in VERBS.items():
        arguments = [p for p in command.params if isinstance(p, click.Argument) and isinstance(p.type, NameType)]
        if arguments:
            taking[verb] = arguments
    assert set(taking) == ON_SUBMISSIONS
    for verb, (argument,) in taking.items():
        assert argument.make_metavar(click.Context(VERBS[verb])).strip("[]…") == "NAME", verb
        assert ABOUT.split(":")[0].split("\n")[0] in VERBS[verb].help, verb


@pytest.mark.parametrize("verb", sorted(ON_SUBMISSIONS))
def test_every_verb_says_the_same_of_an_unknown_name_and_knows_a_baselines(verb, folder):
    more = ["--out", "out.mp4"] if verb in ("watch", "zoom") else []
    unknown = CliRunner().invoke(main, [verb, "nothing-of-this-name", *more])
    assert unknown.exit_code == 2, unknown.output
    if verb != "verify":  # which wants a folder
        assert "no such file or name" in unknown.stderr
        assert "baselines: " in unknown.stderr
    known = CliRunner().invoke(main, [verb, "knn", *more, *ENDS[verb]])
    assert known.exit_code == ENDED.get(verb, 2), known.output
    assert "no such" not in known.stderr
    assert "knn" in known.output or "nowhere" in known.stderr or verb == "audit"  # whose --fresh is of --calibrate


def test_one_option_means_one_thing_in_every_verb():
    alike = {}
    for verb, command in VERBS.items():
        for option in options_of(command):
            if "--out" in option.opts:
                continue  # what a verb writes is its own; below
            words = (tuple(option.opts), option.metavar, option.help, option.multiple, type(option.type).__name__)
            alike.setdefault(option.opts[0], {}).setdefault(words, []).append(verb)
    for name, kinds in alike.items():
        kinds = [verbs for verbs in kinds.values() if set(verbs) != DIFFERENT.get(name)]
        assert len(kinds) == 1, (name, kinds)


def test_out_says_what_is_written_and_results_is_the_results_folder_in_every_verb():
    with_results = set()
    for verb, command in VERBS.items():
        for option in options_of(command):
            if "--out" in option.opts:
                assert option.metavar in ("FILE", "DIR"), verb
                assert option.help.split()[0] in ("File", "Folder", "Picture", "Write"), (verb, option.help)
            if "--results" in option.opts:
                with_results.add(verb)
                assert option.default == Path("results"), verb
    assert with_results >= ON_SUBMISSIONS - {"verify"}


@pytest.mark.parametrize("verb", ["evaluate", "leaderboard", "compare", "render", "tune", "submit", "explore", "audit"])
def test_the_former_out_still_names_the_results_folder_with_a_note(verb):
    command = VERBS[verb]
    (former,) = [p for p in command.params if p.name == "former_results"]
    assert former.hidden
    result = CliRunner().invoke(main, ["leaderboard", "--out", "mine"])
    assert "--out is called --results now" in result.stderr
    both = CliRunner().invoke(main, ["leaderboard", "--out", "mine", "--results", "theirs"])
    assert both.exit_code == 2
    assert "--results alone" in both.stderr


def run(*words):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result


def test_python_takes_the_same_names(folder):
    def table(*arguments, **options):
        return mbench.evaluate(*arguments, tasks="curve", unsafe_no_sandbox=True, **options)

    assert table("knn").status.tolist() == ["ok"]
    with pytest.raises(UsageError, match="no such file or name"):
        table("nothing-of-this-name")
    write(folder / "submissions" / "knn" / "submission.py", 6)
    with pytest.warns(UserWarning, match="Of the same name: "):
        table("knn")
    with pytest.warns(FutureWarning, match="out is called results now"):
        table("mlp", out="mine")
    assert (folder / "mine" / "mlp" / "quick" / RESULT_NAME).exists()
