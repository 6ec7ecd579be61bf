"""Record a person's first ten minutes: run the commands for real, and write down what a terminal shows.

python docs/ten_minutes.py    (ten minutes on two cores; writes docs/ten_minutes.md)
"""

import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import sklearn

from mbench import __version__
from mbench.suite.tracks import SUITE_VERSION

PAGE = Path(__file__).with_suffix(".md")
HEAD = """# The first ten minutes, recorded

What a terminal of 100 columns shows, as it is: commands behind `$`, and all that they print. Only the path of the
libraries is shortened. Recorded with mbench {version}, suite {suite}, on two cores that others use, too: yours may be
quicker. `python docs/ten_minutes.py` records it again.
[The first hour](first_hour.md) explains what is seen here.
"""
BOOSTED = """\
cat > my-idea/submission.py <<'END'
from sklearn.ensemble import HistGradientBoostingRegressor


def build(spec):
    return HistGradientBoostingRegressor(max_iter=30, random_state=spec.seed)
END"""
MENDED = """\
cat > my-idea/submission.py <<'END'
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.multioutput import MultiOutputRegressor


def build(spec):
    return MultiOutputRegressor(HistGradientBoostingRegressor(max_iter=30, random_state=spec.seed))
END"""


@dataclass(frozen=True, slots=True)
class Step:
    """Commands, with words before them."""

    words: str
    commands: tuple[str, ...]


STEPS = (
    Step("## A file to start from", ("mbench --version", "mbench init my-idea", "mbench check my-idea")),
    Step(
        "## A first score\n\nOn practice sets, since nothing is handed in yet.",
        ('mbench evaluate my-idea --practice -m "the template"',),
    ),
    Step("## Another idea, and a mistake", (BOOSTED, "mbench check my-idea")),
    Step("The message says what to wrap it in.", (MENDED, "mbench check my-idea")),
    Step(
        "## Is it better?",
        ('mbench evaluate my-idea --practice -m "boosted trees"', "mbench log"),
    ),
    Step(
        "## On the board's own sets\n\nThis is the run that counts, and it draws pictures.",
        ("mbench evaluate my-idea", "mbench compare my-idea knn extra_trees"),
    ),
)


def list_commands() -> list[str]:
    """Return all commands in their order."""
    return [command for step in STEPS for command in step.commands]


def run_command(command: str, folder: Path) -> str:
    """Run one command in a folder, and return what a person sees of it."""
    shell = f'mbench() {{ {shlex.quote(sys.executable)} -m mbench "$@"; }}\n{command}'
    done = subprocess.run(
        ["/bin/sh", "-c", shell], cwd=folder, env={**os.environ, "COLUMNS": "100"}, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    libraries = str(Path(sklearn.__file__).parents[1])
    return "\n".join(line.rstrip() for line in done.stdout.replace(libraries, "…").strip("\n").splitlines())


def show(command: str, printed: str) -> str:
    """Return a command with what it printed, as a block of the page."""
    return "```console\n$ " + command.replace("\n", "\n> ") + "\n" + f"{printed}\n" * bool(printed) + "```"


def main() -> None:
    """Write the page."""
    blocks = [HEAD.format(version=__version__, suite=SUITE_VERSION).strip()]
    with tempfile.TemporaryDirectory() as folder:
        for step in STEPS:
            blocks.append(step.words)
            for command in step.commands:
                sys.stderr.write(f"{command}\n")
                blocks.append(show(command, run_command(command, Path(folder))))
    PAGE.write_text("\n\n".join(blocks) + "\n")


if __name__ == "__main__":
    main()
