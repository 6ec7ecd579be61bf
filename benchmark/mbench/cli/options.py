"""Options that several verbs share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbench.suite.tracks import DEFAULT_TRACK, TRACKS

if TYPE_CHECKING:
    from mbench.results.store import ResultStore

DEFAULT_RESULTS = Path("results")

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
track_option = click.option(
    "--track", type=click.Choice(list(TRACKS)), default=DEFAULT_TRACK, show_default=True, help="Size of the suite."
)
out_option = click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=DEFAULT_RESULTS, show_default=True,
    help="Results folder.",
)  # fmt: skip
task_option = click.option(
    "--task",
    "tasks",
    multiple=True,
    metavar="TASK",
    help="Only this task; repeatable. Also image:PATH. Default: all of the track.",
)


def _read_secret(ctx: click.Context, parameter: click.Parameter, path: Path | None) -> bytes | None:
    from mbench.suite.secrets import read_secret

    if path is None:
        return None
    refuse_exposed_secret(path)
    return read_secret(path)


def refuse_exposed_secret(path: Path) -> None:
    """Raise UsageError if a secret at this path could be read by submissions."""
    from mbench.errors import UsageError
    from mbench.sandbox.tiers import is_readable_inside

    if is_readable_inside(path):
        raise UsageError(f"{path}: lies where submissions may read. Keep the secret elsewhere")


hidden_option = click.option(
    "--hidden-seed", "secret", type=click.Path(path_type=Path, dir_okay=False), callback=_read_secret, metavar="FILE",
    help="Secret that hidden test sets are drawn under (see `mbench suite seed`).",
)  # fmt: skip
isolation_option = click.option(
    "--isolation", type=click.Choice(["A", "B", "C"]),
    help="Sandbox: A bubblewrap, B Landlock and seccomp, C none. Default: the strongest there is.",
)  # fmt: skip
unsafe_option = click.option(
    "--unsafe-no-sandbox", is_flag=True, help="Accept tier C: run the file with all your rights, results unverified."
)
cluster_option = click.option(
    "--cluster", metavar="tcp://HOST:PORT",
    help="Run the cells on the workers of this dask scheduler, each as many as it has threads, in its own sandbox.",
)  # fmt: skip
jobs_option = click.option("--jobs", type=click.IntRange(min=1), help="Cells at a time. Default: cores / threads.")
film_option = click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="FILM", help="File to write: .mp4, .gif or .webp."
)


def warn_of_damage(store: ResultStore) -> None:
    """Say which records a command passed over."""
    for path in sorted(store.passed_over):
        click.echo(f"{path}: damaged or of another suite, and left out. Evaluate its submission again", err=True)


def child_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how submissions are run."""
    for option in reversed(
        (
            click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True,
                         help="Threads a submission may use, for each of which limits and costs count; recorded."),
            click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True,
                         help="Told to the submission; recorded. With cuda limits and costs are wall clock."),
            click.option("--memory-limit", "memory_limit_mb", type=click.IntRange(min=256), default=8192,
                         show_default=True, metavar="MB", help="Memory a submission may take."),
            isolation_option,
            unsafe_option,
        )
    ):  # fmt: skip
        command = option(command)
    return command


def running_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how cells are run."""
    return jobs_option(child_options(resume_options(command)))


def resume_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which cells are not run again; the command gets `resume` as `make_settings` takes it."""

    @functools.wraps(command)
    def combined(*arguments: Any, resume: str, fresh: bool, **options: Any) -> Any:
        return command(*arguments, resume=False if fresh else resume, **options)

    kept = click.option(
        "--resume", type=click.Choice(["same", "any"]), is_flag=False, flag_value="same", default="same",
        show_default=True, help="Keep cells already in the results folder: those whose libraries are of the same "
        "versions as now, or any.",
    )  # fmt: skip
    return kept(click.option("--fresh", is_flag=True, help="Run every cell again.")(combined))


def examples(*lines: str) -> str:
    """Return an epilog of example commands that click does not wrap."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
