"""A copy of the checkout that a recipe of CONTRIBUTING.md is followed in."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent, indent

import pytest

ROOT = Path(__file__).parents[1]
needs_checkout = pytest.mark.skipif(
    not (ROOT / "CONTRIBUTING.md").exists(), reason="recipes lie in the checkout, not in the wheel"
)
SMALL = "from mbench.suite.tasks.fractals import Fractal; Fractal.n_test = 2_000; "  # a test set that is quick to label


def read_recipe(heading):
    """Return the code blocks of a section, in their order."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [
        dedent(block) for block in re.findall(r"^ *```(?:python|sh)?\n(.*?)^ *```$", section, re.DOTALL | re.MULTILINE)
    ]


class PackageCopy:
    """The checkout's package and what lies beside it, copied into a folder, to be edited and run there."""

    PARTS = ("benchmark", "baselines", "studies", "submissions", "docs", "README.md", "CONTRIBUTING.md")

    def __init__(self, folder):
        self.folder = folder
        ignored = shutil.ignore_patterns("__pycache__", "*.png", "*.webp", "*.mp4", "*.npz")
        for part in self.PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, folder / part, ignore=ignored)
            else:
                shutil.copy(ROOT / part, folder / part)

    def edit(self, path, change):
        """Replace the text of a file of the package."""
        file = self.folder / "benchmark" / "mbench" / path
        before = file.read_text()
        after = change(before)
        assert after != before, path
        file.write_text(after)

    def changed(self):
        """Return which files differ from the checkout's own, or are new."""
        files = [path for part in self.PARTS for path in (self.folder / part, *(self.folder / part).rglob("*"))]
        names = [path.relative_to(self.folder) for path in files if path.is_file() and "__pycache__" not in path.parts]
        return {
            name.as_posix()
            for name in names
            if not (ROOT / name).exists() or (ROOT / name).read_bytes() != (self.folder / name).read_bytes()
        }

    def run(self, code, *arguments):
        """Run Python with this package in a folder beside it; return what it printed."""
        environment = os.environ | {"PYTHONPATH": str(self.folder / "benchmark"), "COLUMNS": "200"}
        command = [sys.executable, "-c", SMALL + code, *map(str, arguments)]
        done = subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def mbench(self, *arguments):
        """Run a command of this package; return what it printed, JSON read."""
        out = self.run("from mbench.cli import main; main(prog_name='mbench')", *arguments)
        return json.loads(out) if "--json" in arguments else out


def insert_line(text, after, line):
    """Return a text with a line put below the only one that is `after`, as far indented."""
    lines = text.split("\n")
    (place,) = [i for i, each in enumerate(lines) if each.strip() == after]
    lines.insert(place + 1, indent(line.strip(), re.match(" *", lines[place])[0]))
    return "\n".join(lines)


def put_last(text, head, end, lines):
    """Return a text with lines put last into the collection that starts after `head` and closes with `end`."""
    before, found, rest = text.partition(f"\n{head}")
    assert found, head
    inside, closing, after = rest.partition(end)
    assert closing, end
    depth = re.match("\n? *", end)[0].count(" ") + 4
    return f"{before}{found}{inside}\n{indent(lines.rstrip(), ' ' * depth)}{closing}{after}"
