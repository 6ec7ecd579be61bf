"""The command line: a module per verb, and the one place where an error becomes a message and an exit code.

A verb is found by being there: a module of this folder that defines a command of its own name.
"""

from __future__ import annotations

import importlib
import io
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from types import FrameType
from typing import Any

import click

from mbench import __version__
from mbench.disk import DISK_FULL
from mbench.errors import MbenchError
from mbench.results.kept import listening

INTERRUPTED = 130
# The verbs by what a person wants; one that stands in none is listed last.
PURPOSES = {
    "Try an idea": ("init", "check", "evaluate", "tune", "log"),
    "See what was learned": ("explore", "render", "strip", "watch", "zoom", "study"),
    "Compare": ("compare", "leaderboard", "curves", "site"),
    "Take part": ("audit", "submit"),
    "Keep": ("data", "info", "sample", "tasks", "rescore"),
    "Maintain": ("verify", "reproduce", "reference", "suite", "bench"),
}
_WHOLE = 1_000  # letters of a verb's first sentence: folded, and never cut short
_FOLDER = Path(__file__).parent


class Verbs(MutableMapping[str, click.Command]):
    """The verbs by name. A verb's module is imported when the verb is asked for, so that no verb waits for another."""

    def __init__(self) -> None:
        """Find the modules that define something of their own name; none is imported for that."""
        files = sorted(_FOLDER.glob("*.py"))
        self._names = [path.stem for path in files if re.search(rf"^def {path.stem}\(", path.read_text("utf-8"), re.M)]
        self._added: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        """Return a verb. Raises KeyError for an unknown one."""
        if name in self._added:
            return self._added[name]
        if name not in self._names:
            raise KeyError(name)
        return getattr(importlib.import_module(f"{__name__}.{name}"), name)

    def __setitem__(self, name: str, command: click.Command) -> None:
        """Add a verb that lies elsewhere."""
        self._added[name] = command

    def __delitem__(self, name: str) -> None:
        """Take back a verb that was added."""
        del self._added[name]

    def __iter__(self) -> Iterator[str]:
        """Return every name once."""
        return iter(dict.fromkeys([*self._names, *self._added]))

    def __len__(self) -> int:
        """Count the verbs."""
        return len({*self._names, *self._added})


class Program(click.Group):
    """Turns every error meant for a person into its message and exit code; a traceback shows only with --debug."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb."""
        signal.signal(
            signal.SIGTERM, _interrupt
        )  # so that `kill` ends children and keeps finished cells, as Ctrl-C does
        signal.signal(
            signal.SIGCHLD, signal.SIG_DFL
        )  # who started us may ignore it, and then children cannot be awaited
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a terminal that does not know a letter is no fault of ours
                stream.reconfigure(errors="replace")
        os.environ["MPLBACKEND"] = "agg"  # a notebook exports its own, which this interpreter may not have
        with listening() as notes:
            try:
                return self._invoke(ctx)
            finally:
                for words in dict.fromkeys(notes):
                    _complain(f"Note: {words}")

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs by what a person wants, each list in the order in which one needs them."""
        commands = {name: self.commands[name] for name in self.list_commands(ctx)}
        width = max(map(len, commands))
        others = [name for name in commands if not any(name in names for names in PURPOSES.values())]
        for purpose, names in (*PURPOSES.items(), ("Others", others)):
            listed = [name for name in names if name in commands]
            if listed:
                with formatter.section(purpose):
                    formatter.write_dl(
                        [(name.ljust(width), commands[name].get_short_help_str(_WHOLE)) for name in listed]
                    )

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            kept = "Cells already done are kept: the same command, without --fresh, goes on from there."
            _complain(f"\nInterrupted. {kept if self._keeps_cells(ctx.invoked_subcommand) else ''}")
            ctx.exit(INTERRUPTED)
        except MbenchError as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
            _complain(f"Error: {error}")
            ctx.exit(error.exit_code)
        except Exception as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
                ctx.exit(MbenchError.exit_code)
            if isinstance(error, OSError) and error.errno in DISK_FULL:  # of standard output, say
                click.echo("Error: the disk is full. Free some space and repeat the command", err=True)
                ctx.exit(MbenchError.exit_code)
            _complain(f"Error: {type(error).__name__}: {error}\nThis is a fault of mbench: run `mbench --debug …` "
                      "and report what it prints.")  # fmt: skip
            ctx.exit(MbenchError.exit_code)

    def _keeps_cells(self, verb: str | None) -> bool:
        """Does this verb go on from the cells of a run before, unless it is told --fresh?"""
        command = self.commands.get(verb or "")
        return command is not None and any("--fresh" in parameter.opts for parameter in command.params)


def _complain(words: str) -> None:
    from mbench.cli.console import fold  # here: the console takes longer than all else that `mbench --help` imports

    click.echo(fold(words, stderr=True), err=True)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _print_version(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if not asked or ctx.resilient_parsing:
        return
    from mbench.suite.tracks import SUITE_VERSION

    click.echo(f"mbench {__version__}, suite {SUITE_VERSION}")
    ctx.exit()


@click.group(
    cls=Program,
    commands=Verbs(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Start with: mbench init my-idea && mbench evaluate my-idea",
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version,
              help="Show the versions of mbench and of the suite, and exit.")  # fmt: skip
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """How precisely and how deeply can an approximator learn the Mandelbrot set from a random sample of points?"""
