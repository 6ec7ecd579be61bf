"""The command line: one module per verb, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import io
import signal
import sys
import traceback
from types import FrameType
from typing import Any

import click

from mbench import __version__
from mbench.cli.audit import audit
from mbench.cli.bench import bench
from mbench.cli.check import check
from mbench.cli.compare import compare
from mbench.cli.curves import curves
from mbench.cli.data import data
from mbench.cli.evaluate import evaluate
from mbench.cli.explore import explore
from mbench.cli.info import info
from mbench.cli.init import init
from mbench.cli.leaderboard import leaderboard
from mbench.cli.reference import reference
from mbench.cli.render import render
from mbench.cli.reproduce import reproduce
from mbench.cli.rescore import rescore
from mbench.cli.sample import sample
from mbench.cli.site import site
from mbench.cli.strip import strip
from mbench.cli.submit import submit
from mbench.cli.suite import suite
from mbench.cli.tasks import tasks
from mbench.cli.tune import tune
from mbench.cli.verify import verify
from mbench.cli.watch import watch
from mbench.cli.zoom import zoom
from mbench.disk import DISK_FULL
from mbench.errors import MbenchError
from mbench.results.kept import listening

INTERRUPTED = 130
_RESUMABLE = ("evaluate", "reproduce", "reference", "render", "tune", "curves")


class Verbs(click.Group):
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
        with listening() as notes:
            try:
                return self._invoke(ctx)
            finally:
                for words in dict.fromkeys(notes):
                    click.echo(f"Note: {words}", err=True)

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            kept = "Cells already done are kept: the same command, without --fresh, goes on from there."
            click.echo(f"\nInterrupted. {kept if ctx.invoked_subcommand in _RESUMABLE else ''}", err=True)
            ctx.exit(INTERRUPTED)
        except MbenchError as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except Exception as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
                ctx.exit(MbenchError.exit_code)
            if isinstance(error, OSError) and error.errno in DISK_FULL:  # of standard output, say
                click.echo("Error: the disk is full. Free some space and repeat the command", err=True)
                ctx.exit(MbenchError.exit_code)
            click.echo(f"Error: {type(error).__name__}: {error}\nThis is a fault of mbench: run `mbench --debug …` "
                       "and report what it prints.", err=True)  # fmt: skip
            ctx.exit(MbenchError.exit_code)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Start with: mbench init my-idea && mbench evaluate my-idea",
)
@click.version_option(__version__, prog_name="mbench")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """How precisely and how deeply can an approximator learn the Mandelbrot set from a random sample of points?"""


for verb in (
    evaluate,
    compare,
    leaderboard,
    curves,
    submit,
    site,
    check,
    audit,
    verify,
    init,
    sample,
    tasks,
    render,
    explore,
    watch,
    zoom,
    strip,
    rescore,
    data,
    info,
    reproduce,
    tune,
    reference,
    suite,
    bench,
):
    main.add_command(verb)
