import re
from pathlib import Path

import pytest
from conftest import SMOKE

from mbench.board.formats import format_table
from mbench.results.lookup import recorded_baselines
from mbench.results.reference import load_reference
from mbench.results.scoring import score_entry

README = Path(__file__).parents[1] / "README.md"

pytestmark = pytest.mark.skipif(not README.exists(), reason="the README lies in the checkout, not in the wheel")


def block_after(marker: str) -> str:
    """Return the lines from a marker to the next empty line."""
    return README.read_text().split(f"<!-- {marker} -->\n")[1].split("\n\n")[0].strip()


def test_table_of_baselines_is_what_the_command_prints():
    reference = load_reference()
    entries = [score_entry(result.name, "quick", result.records, reference) for result in recorded_baselines()]
    assert block_after("baselines") == format_table(entries, "md").strip()


@pytest.mark.parametrize("marker", ["main command", "test command"])
def test_commands_are_one_line_each(marker):
    lines = block_after(marker).splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("```sh", "```", 3)


def test_the_tests_that_cis_second_run_takes_are_there():
    (options,) = re.findall(r"^<!-- CI's second run: (.*) -->$", README.read_text(), re.M)
    assert options == "-m smoke"
    assert [name for name in SMOKE if not (README.parent / "tests" / name).exists()] == []
