"""README, docs/ and the citation say what commands print, and their examples run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from board_tables import PLACES, read_block
from conftest import SMOKE

import mbench
from mbench.board.formats import format_table
from mbench.results.lookup import recorded_baselines
from mbench.results.reference import load_reference
from mbench.results.scoring import score_entry

ROOT = Path(__file__).parents[1]
README, DOCS = ROOT / "README.md", ROOT / "docs"

pytestmark = pytest.mark.skipif(not README.exists(), reason="the documents lie in the checkout, not in the wheel")


def block_after(marker: str, page: Path = README) -> str:
    """Return the lines from a marker to the next empty line."""
    return read_block(page.read_text(), marker)[1]


def test_table_of_baselines_is_what_the_command_prints():
    reference = load_reference()
    entries = [score_entry(result.name, "quick", result.records, reference) for result in recorded_baselines()]
    assert block_after("baselines", DOCS / "board.md") == format_table(entries, "md").strip()


@pytest.mark.parametrize(("name", "marker"), PLACES)
def test_tables_are_what_the_script_prints(name, marker):
    assert block_after(marker, ROOT / name) == PLACES[name, marker]()


def test_readme_shows_the_ten_first_rows_of_the_table():
    def read_table(text):
        head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
        return [dict(zip(head, row, strict=True)) for row in rows]

    whole, short = read_table(block_after("baselines", DOCS / "board.md")), read_table(block_after("ten baselines"))
    assert len(short) == 10
    assert short == [{name: row[name] for name in short[0]} for row in whole[:10]]


@pytest.mark.parametrize("marker", ["main command", "test command"])
def test_commands_are_one_line_each(marker):
    lines = block_after(marker).splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("```sh", "```", 3)


def test_readme_takes_a_screen_and_a_half():
    assert len(README.read_bytes()) <= 9_000


def test_the_worked_example_prints_what_the_page_says():
    page = (DOCS / "scores.md").read_text().split("<!-- worked example -->\n")[1]
    code, printed = re.findall(r"```(?:python|text)\n(.*?)```", page, re.DOTALL)[:2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == printed


def missing_links(page: Path) -> list[str]:
    """Return where a page links to and nothing lies."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    return [link for link in links if link and not (page.parent / link).exists()]


def test_links_lead_to_files():
    pages = [README, ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    assert {page.name: missing for page in pages if (missing := missing_links(page))} == {}


def test_a_link_to_nowhere_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("[here](page.md#top), [there](https://example.org/x), ![gone](gone.png)\n```\n[code](x)\n```\n")
    assert missing_links(page) == ["gone.png"]


def test_the_citation_is_of_this_version_and_licence():
    lines = dict(line.split(": ", 1) for line in (ROOT / "CITATION.cff").read_text().splitlines() if ": " in line)
    assert lines["version"] == mbench.__version__
    assert f'license = "{lines["license"]}"' in (ROOT / "pyproject.toml").read_text()


def test_the_tests_that_cis_second_run_takes_are_there():
    (options,) = re.findall(r"^<!-- CI's second run: (.*) -->$", README.read_text(), re.M)
    assert options == "-m smoke"
    assert [name for name in SMOKE if not (README.parent / "tests" / name).exists()] == []
