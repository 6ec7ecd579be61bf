"""The page of the docs on the audit, into which the tables of this folder's commands go."""

from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"


def write_table(name: str, table: str) -> None:
    """Put a table between the page's markers of its name."""
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, rest = PAGE.read_text().split(start)
    after = rest.split(end)[1]
    PAGE.write_text(f"{before}{start}\n{table}\n{end}{after}")
