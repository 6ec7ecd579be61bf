"""Print the tables of README.md and docs/board.md: `python tests/board_tables.py`; `--write` puts them there."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from mbench.board.candidates import find_baselines
from mbench.board.columns import find_column
from mbench.board.formats import entry_rows, format_markdown, format_table
from mbench.board.standings import build_board
from mbench.board.tables import format_board
from mbench.results.lookup import recorded_baselines
from mbench.results.reference import load_reference
from mbench.results.scoring import score_entry

ROOT = Path(__file__).parents[1]
TRACK = "quick"
N_ROWS = 10
COLUMNS = ("name", "mandelbrot", "precision", "depth_octaves", "worth", "images", "surfaces", "functions", "digits",
           "overall", "fit_s")  # fmt: skip


def recorded_entries():
    """Return an entry for each baseline that is recorded on the track."""
    reference = load_reference()
    entries = [score_entry(each.name, TRACK, each.records, reference) for each in recorded_baselines()]
    return [entry for entry in entries if entry.tasks]


def all_rows() -> str:
    """Return what `mbench compare --format md` prints."""
    return format_table(recorded_entries(), "md").strip()


def ten_rows() -> str:
    """Return the best rows of it, with the columns that fit a page."""
    columns = [find_column(name) for name in COLUMNS]
    rows = entry_rows(recorded_entries())[:N_ROWS]
    table = format_markdown([{c.name: c.show(row[c.name]) for c in columns} for row in rows], columns)
    return re.sub(r"(-|:)(?=-{3})-+", r"\1--", re.sub(r" {2,}", " ", table)).strip()  # a narrow source


EXAMPLE = """\
One example: `mlp` has a skill of {mlp.precision:.1f} and a depth skill of {mlp.depth:.1f},
so a Mandelbrot score of {mlp.mandelbrot:.1f}. It does a little worse than interpolation.
Its worth is {mlp.worth:.2f}: interpolation does as well with so many times the points.
What it learned holds for {mlp.depth_octaves:.1f} octaves, down to windows {narrower:.0f} times narrower.
Its overall is {mlp.overall:.1f}, since surfaces and functions suit it ({surfaces:.1f}, {functions:.1f})."""


def example() -> str:
    """Return README's example of how a score reads."""
    (mlp,) = [entry for entry in recorded_entries() if entry.name == "mlp"]
    return EXAMPLE.format(mlp=mlp, narrower=2**mlp.depth_octaves, **mlp.families)


def board_of_standard() -> str:
    """Return what `mbench leaderboard --track standard --recorded --format md` prints of the baselines."""
    return format_board(build_board(find_baselines(), "standard", load_reference()), "md").strip()


PLACES = {
    ("README.md", "example"): example,
    ("README.md", "ten baselines"): ten_rows,
    ("docs/board.md", "baselines"): all_rows,
    ("docs/board.md", "board"): board_of_standard,
}


def read_block(text: str, marker: str) -> tuple[str, str, str]:
    """Return what stands before a marker's block, the block itself, and what stands after.

    It goes to its end marker where there is one, else to the next empty line.
    """
    before, rest = text.split(f"<!-- {marker} -->\n")
    end = f"\n<!-- end of {marker} -->"
    end = end if end in rest else "\n\n"
    block, _, after = rest.partition(end)
    return f"{before}<!-- {marker} -->\n", block.strip(), f"{end}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the tables into README.md and docs/board.md")
    options = parser.parse_args()
    for (name, marker), make in PLACES.items():
        table = make()
        print(f"{name}, {marker}:\n\n{table}\n")
        if options.write:
            before, _, after = read_block((ROOT / name).read_text(), marker)
            (ROOT / name).write_text(f"{before}{table}{after}")


if __name__ == "__main__":
    main()
