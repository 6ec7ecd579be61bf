"""CONTRIBUTING's short recipes, each followed to the letter in a copy of the checkout."""

import csv
import io
import json
import shlex
import shutil

import pytest
from recipe_copy import ROOT, PackageCopy, needs_checkout, put_last, read_recipe

from mbench.submission import TEMPLATE_FOLDER, baseline_names

pytestmark = needs_checkout

BASELINE_NAMES = "import json; from mbench.submission import baseline_names; print(json.dumps(baseline_names()))"
DOCUMENTED = (
    "import pytest; raise SystemExit(pytest.main(['-q', '-p', 'no:cacheprovider', 'tests/test_documentation.py']))"
)
DATA_FRAME = """
from mbench.board.formats import entry_table
from mbench.results.lookup import recorded_baselines
from mbench.results.reference import load_reference
from mbench.results.scoring import score_entry
(knn,) = [each for each in recorded_baselines() if each.name == "knn"]
print(list(entry_table([score_entry("knn", "quick", knn.records, load_reference())])["n_failed"]))
"""


@pytest.fixture
def copy(tmp_path):
    return PackageCopy(tmp_path)


def type_in(copy, line, *more):
    """Run a command line of a recipe in a copy."""
    program, *arguments = shlex.split(line)
    assert program == "mbench"
    return copy.mbench(*arguments, *more)


def verdicts(report):
    return {finding["verdict"] for finding in report["findings"]}


def test_a_submission_is_a_folder_that_keeps_the_contract(copy):
    ((init, check),) = [block.splitlines() for block in read_recipe("Add a submission")]
    type_in(copy, init)
    assert copy.changed() == {"submissions/my-idea/submission.py"}
    made = copy.folder / "submissions" / "my-idea" / "submission.py"
    assert made.read_bytes() == (TEMPLATE_FOLDER / "submission.py").read_bytes()
    assert verdicts(type_in(copy, check, "--json")) == {"ok"}


def test_a_baseline_is_one_file_that_is_found_and_keeps_the_contract(copy):
    source, commands = read_recipe("Add a baseline")
    (copy.folder / "baselines" / "tree.py").write_text(source)
    assert copy.changed() == {"baselines/tree.py"}
    assert json.loads(copy.run(BASELINE_NAMES)) == sorted([*baseline_names(), "tree"])
    check, count = commands.splitlines()
    assert verdicts(type_in(copy, check, "--json")) == {"ok"}
    assert "tree" in type_in(copy, count)


def test_a_study_is_one_file_that_is_listed_and_runs(copy):
    source, command = read_recipe("Add a study")
    (copy.folder / "studies" / "fair_coin.py").write_text(source)
    assert copy.changed() == {"studies/fair_coin.py"}
    listed = {row["name"]: row["claim"] for row in copy.mbench("study", "--json")}
    assert listed["fair-coin"] == "The share of heads tends to a half."
    record = type_in(copy, command.strip(), "--json")
    assert record["settings"] == {"scale": "short", "tosses": 2_000}
    assert [claim["verdict"] for claim in record["claims"]] == ["true", "true"]
    assert all(oracle["passed"] for oracle in record["oracles"])
    assert {path.name for path in (copy.folder / "results/studies/fair-coin").iterdir() if path.is_file()} == {
        "record.json", "figure.png", "series.npz"
    }  # fmt: skip


def test_a_column_is_one_entry_that_reaches_every_table(copy):
    (entry,) = read_recipe("Add a column")
    copy.edit("board/columns.py", lambda text: put_last(text, "COLUMNS: ", "\n)  # fmt: skip", entry))
    assert copy.changed() == {"benchmark/mbench/board/columns.py"}
    commands = {"compare": ("compare", "knn", "mlp"), "leaderboard": ("leaderboard", "--recorded")}
    for command in commands.values():
        assert "failed" in copy.mbench(*command, "--columns", "cost")
        assert "n_failed" in copy.mbench(*command, "--format", "md")
        assert "Failed" in copy.mbench(*command, "--columns", "cost", "--format", "latex")
        rows = list(csv.DictReader(io.StringIO(copy.mbench(*command, "--format", "csv"))))
        assert {row["name"]: float(row["n_failed"]) for row in rows}["knn"] == 0
    assert [row["n_failed"] for row in copy.mbench(*commands["compare"], "--json")] == [0, 0]
    board = {row["name"]: row for row in copy.mbench(*commands["leaderboard"], "--json")["board"]}
    assert board["knn"]["n_failed"] == 0
    assert copy.run(DATA_FRAME).strip() == "[0]"


def test_a_verb_is_one_file_and_a_line_that_names_it(copy):
    source, line = read_recipe("Add a verb")
    before = copy.mbench("--help")
    (copy.folder / "benchmark" / "mbench" / "cli" / "families.py").write_text(source)
    assert copy.changed() == {"benchmark/mbench/cli/families.py"}
    added = [each for each in copy.mbench("--help").splitlines() if each not in before.splitlines()]
    assert [" ".join(each.split()) for each in added] == ["Others:", "families List the families with their tasks."]
    assert copy.mbench("families", "--json")["functions"] == ["curve", "friedman"]
    assert "functions: curve, friedman" in copy.mbench("families")

    (copy.folder / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "test_documentation.py", copy.folder / "tests")
    with pytest.raises(AssertionError):  # it is named nowhere yet
        copy.run(DOCUMENTED)
    page = copy.folder / "docs" / "commands.md"
    head, asked, rest = page.read_text().partition("\n## What they are for\n")
    inside, heading, after = rest.partition("\n## ")
    page.write_text(f"{head}{asked}{inside}\n{line}{heading}{after}")
    assert "passed" in copy.run(DOCUMENTED)
    assert copy.changed() == {"benchmark/mbench/cli/families.py", "docs/commands.md"}
