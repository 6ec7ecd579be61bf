"""The recording of a person's first ten minutes is of the commands in its script, and of today's words."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from mbench.results.lookup import recorded_baselines
from mbench.suite.tracks import TRACKS

SCRIPT = Path(__file__).parents[1] / "docs" / "ten_minutes.py"
CHEAP = ("mbench --version", "mbench init my-idea", "mbench check my-idea")

pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="the documents lie in the checkout, not in the wheel")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("ten_minutes", SCRIPT)
    sys.modules["ten_minutes"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["ten_minutes"]


@pytest.fixture(scope="module")
def recorded():
    """Return (command, what it printed) of every block of the page."""
    blocks = re.findall(r"^```console\n\$ (.*?)^```$", SCRIPT.with_suffix(".md").read_text(), re.DOTALL | re.MULTILINE)
    found = []
    for block in blocks:
        first, *lines = block.splitlines()
        more = [line[2:] for line in lines if line.startswith("> ")]
        found.append(("\n".join([first, *more]), "\n".join(lines[len(more) :])))
    return found


def without_numbers(text):
    return re.sub(r"\d+(\.\d+)?", "#", text)


def test_the_recording_is_of_the_scripts_commands(script, recorded):
    assert [command for command, _ in recorded] == script.list_commands()


def test_cheap_commands_print_what_was_recorded_but_for_numbers(script, recorded, tmp_path):
    for command, printed in recorded[: len(CHEAP)]:
        assert command in CHEAP
        assert without_numbers(script.run_command(command, tmp_path)) == without_numbers(printed)


def test_the_recorded_evaluation_is_of_todays_tasks_and_baselines(recorded):
    printed = dict(recorded)["mbench evaluate my-idea"]
    assert set(re.findall(r"s  (\S+) r0  ", printed)) == set(TRACKS["quick"].tasks)
    beside = re.findall(r"^ +\d+ (\S+) ", printed.partition("Beside the recorded")[2], re.MULTILINE)
    assert beside
    assert set(beside) - {"my-idea"} <= {result.name for result in recorded_baselines()}


def test_nothing_in_the_recording_failed_but_the_mistake(recorded):
    assert [command for command, printed in recorded if "✗" in printed] == ["mbench check my-idea"]
    assert [command for command, printed in recorded if re.search("Error: |timeout|fault of mbench", printed)] == [
        "mbench check my-idea"
    ]
