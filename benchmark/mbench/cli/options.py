"""Options that several verbs share, and the connection that `--cluster` asks for."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbench.arguments import LEAST_MEMORY_MB, MOST_THREADS
from mbench.cli.values import OneOf, Real, ResultsFolder, Whole
from mbench.errors import UsageError
from mbench.suite.tracks import DEFAULT_TRACK, SUITE_VERSION, TRACKS
from mbench.words import count_of

if TYPE_CHECKING:
    from mbench.results.store import ResultStore
    from mbench.runs.on_cluster import Cluster

DEFAULT_RESULTS = Path("results")

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
track_option = click.option(
    "--track", type=OneOf(list(TRACKS)), default=DEFAULT_TRACK, show_default=True, help="Size of the suite."
)
suite_option = click.option(
    "--suite", type=Whole(1, SUITE_VERSION), default=SUITE_VERSION, show_default=True,
    help="Version of the suite. What was recorded under an earlier one is shown apart, as it was scored then.",
)  # fmt: skip
tracks_option = click.option(
    "--track", "tracks", type=OneOf(list(TRACKS)), multiple=True,
    help="Only this track; repeatable. Default: all.",
)  # fmt: skip
folder_option = click.option(
    "--results", type=ResultsFolder(path_type=Path, file_okay=False), default=DEFAULT_RESULTS, show_default=True,
    metavar="DIR", help="Results folder: what was evaluated here, fitted estimators, pictures and films.",
)  # fmt: skip
submissions_option = click.option(
    "--submissions", type=click.Path(path_type=Path, file_okay=False), default=Path("submissions"), show_default=True,
    metavar="DIR", help="Folder that holds a folder for each submission.",
)  # fmt: skip
recorded_option = click.option("--recorded", is_flag=True, help="Recorded entries only, without the results folder.")
look_option = click.option(
    "--task", default="mandelbrot", show_default=True, metavar="TASK",
    help="Task to look at. watch takes any, explore fractals and pictures (image:PATH), zoom and strip fractals.",
)  # fmt: skip
landmark_option = click.option(
    "--landmark", metavar="WORD",
    help="seahorse (default), elephant, period-3 or misiurewicz; others of other fractals.",
)  # fmt: skip
memory_option = click.option(
    "--memory-limit", "memory_limit_mb", type=Whole(min=LEAST_MEMORY_MB), default=8192, show_default=True, metavar="MB",
    help="Memory a submission may take.",
)  # fmt: skip
write_option = click.option(
    "--write", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="File to write. Default: stdout."
)
record_option = click.option(
    "--record", is_flag=True, help="Also store what was measured as what is recorded of the baselines."
)
audit_option = click.option("--audit", is_flag=True, help="Then audit it, too.")


def _read_secret(ctx: click.Context, parameter: click.Parameter, path: Path | None) -> bytes | None:
    from mbench.suite.secrets import read_secret

    if path is None:
        return None
    refuse_exposed_secret(path)
    return read_secret(path)


def refuse_exposed_secret(path: Path) -> None:
    """Raise UsageError if a secret at this path could be read by submissions."""
    from mbench.sandbox.tiers import is_readable_inside

    if is_readable_inside(path):
        raise UsageError(f"{path}: lies where submissions may read. Keep the secret elsewhere")


hidden_option = click.option(
    "--hidden-seed", "secret", type=click.Path(path_type=Path, dir_okay=False), callback=_read_secret, metavar="FILE",
    help="Secret that hidden test sets are drawn under (see `mbench suite seed`).",
)  # fmt: skip
isolation_option = click.option(
    "--isolation", type=OneOf(["A", "B", "C"]),
    help="Sandbox: A bubblewrap, B Landlock and seccomp, C none. Default: the strongest there is.",
)  # fmt: skip
unsafe_option = click.option(
    "--unsafe-no-sandbox", is_flag=True, help="Accept tier C: run the file with all your rights, results unverified."
)
cluster_option = click.option(
    "--cluster", metavar="tcp://HOST:PORT",
    help="Run the cells on the workers of this dask scheduler, each as many as it has threads, in its own sandbox.",
)  # fmt: skip
jobs_option = click.option("--jobs", type=Whole(min=1), help="How many run at a time. Default: cores / threads.")
film_option = click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="FILE", help="File to write: .mp4, .gif or .webp."
)


def cut_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how a film is cut; the command gets a `Cut`."""

    @functools.wraps(command)
    def combined(
        *arguments: Any, aspects: tuple[str, ...], seconds: float, fps: int | None, lines: int | None, **options: Any
    ) -> Any:
        from mbench.views.reel import Cut

        return command(*arguments, cut=Cut(aspects, seconds, fps, lines), **options)

    for option in reversed(
        (
            click.option("--aspect", "aspects", type=OneOf(["16:9", "1:1", "9:16"]), multiple=True,
                         default=("16:9",), show_default=True,
                         help="Shape of the picture; repeatable: each has a file of its own, of the same training."),
            click.option("--seconds", type=Real(1, 120), default=12.0, show_default=True,
                         help="How long what moves is. The cards and the last picture come on top."),
            click.option("--fps", type=Whole(1, 60),
                         help="Frames per second. Default: 30, in a GIF or WebP 10."),
            click.option("--lines", type=Whole(240, 2160),
                         help="Pixels of the shorter side. Default: 1080, in a GIF or WebP 540."),
        )
    ):  # fmt: skip
        combined = option(combined)
    return combined


class Formats(OneOf):
    """The formats of a table."""

    def __init__(self) -> None:
        """Name them."""
        super().__init__(["terminal", "md", "csv", "latex", "json"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Take what `compare` called a format before, with a note."""
        if value == "table":
            click.echo("--format table is called terminal now, and goes with the next version", err=True)
            value = "terminal"
        return super().convert(value, param, ctx)


class Groups(click.ParamType):
    """Groups of a table's columns, with commas between them."""

    name = "groups"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return their names in a tuple; of `all`, every one."""
        from mbench.board.columns import GROUPS

        if not isinstance(value, str):
            return value
        names = tuple(name.strip() for name in value.split(","))
        if names == ("all",):
            return GROUPS
        for name in names:
            if name not in GROUPS:
                self.fail(f"{name!r} is no group of columns: expected some of {', '.join(GROUPS)}, or all", param, ctx)
        return names


def refuse_columns(groups: tuple[str, ...] | None, table_format: str) -> None:
    """Raise UsageError where columns are chosen of a format that programs read, which has them all."""
    if groups is not None and table_format in ("csv", "json"):
        raise UsageError(f"--columns: {table_format} has every column. Leave it out")


columns_option = click.option(
    "--columns", "groups", type=Groups(), metavar="GROUPS",
    help="Groups of columns to show, with commas: score, family, cost, running; or all, however wide. Default: score "
    "and family.",
)  # fmt: skip
format_option = click.option(
    "--format", "table_format", type=Formats(), default="terminal", show_default=True, help="How to print it."
)


def tasks_option(*default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option that says which tasks are learned. default: () for all of the track."""
    return click.option(
        "--task", "tasks", multiple=True, metavar="TASK", default=default,
        show_default=True if default else "all of the track",
        help="Only this task; repeatable. Also image:PATH.",
    )  # fmt: skip


def replicates_option(default: int | None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option that says how many samples are drawn. default: None for the track's own number."""
    return click.option(
        "--replicates", type=Whole(min=1), default=default,
        show_default=True if default else "the track's own number", help="Samples per task.",
    )  # fmt: skip


def results_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --results, and for one version more what it was called before, --out, with a note."""

    @functools.wraps(command)
    def combined(*arguments: Any, results: Path, former_results: Path | None, **options: Any) -> Any:
        if former_results is not None:
            source = click.get_current_context().get_parameter_source("results")
            if source is not click.core.ParameterSource.DEFAULT:
                raise UsageError("--out is what --results was called before: give --results alone")
            click.echo("--out is called --results now, and goes with the next version", err=True)
        return command(*arguments, results=former_results or results, **options)

    former = click.option(
        "--out", "former_results", type=ResultsFolder(path_type=Path, file_okay=False), hidden=True, metavar="DIR",
        help="Former name of --results.",
    )  # fmt: skip
    return folder_option(former(combined))


def warn_of_damage(store: ResultStore) -> None:
    """Say which records a command passed over."""
    for path in sorted(store.passed_over):
        click.echo(f"{path}: damaged or of another suite, and left out. Evaluate its submission again", err=True)


@contextlib.contextmanager
def connect(address: str | None, running: dict[str, Any]) -> Iterator[Cluster | None]:
    """Lend a connection to the scheduler at `address` and say what is there, or None without an address.

    running: the values of `running_options`.
    """
    if address is None:
        yield None
        return
    from mbench.runs.on_cluster import Cluster, Demand

    demand = Demand(running["isolation"], running["unsafe_no_sandbox"], running["device"])
    with Cluster(address, demand) as cluster:
        click.echo(
            f"{address}: {count_of(cluster.n_threads, 'cell')} at a time, isolation tier {cluster.tier}", err=True
        )
        yield cluster


def child_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how submissions are run."""
    for option in reversed(
        (
            click.option("--threads", type=Whole(1, MOST_THREADS), default=1, show_default=True,
                         help="Threads a submission may use, for each of which limits and costs count; recorded."),
            click.option("--device", type=OneOf(["cpu", "cuda"]), default="cpu", show_default=True,
                         help="Told to the submission; recorded. With cuda limits and costs are wall clock."),
            memory_option,
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
        "--resume", type=OneOf(["same", "any"]), is_flag=False, flag_value="same", default="same",
        show_default=True, help="Keep cells already in the results folder: those whose libraries are of the same "
        "versions as now, or any.",
    )  # fmt: skip
    return kept(click.option("--fresh", is_flag=True, help="Run again what is done already.")(combined))


def examples(*lines: str) -> str:
    """Return an epilog of example commands that click does not wrap."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
