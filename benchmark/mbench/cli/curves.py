"""`mbench curves`: how much each method makes of more points."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbench.cli.names import name_argument, take_source
from mbench.cli.options import (
    examples,
    json_option,
    record_option,
    replicates_option,
    results_option,
    running_options,
    tasks_option,
)
from mbench.cli.values import Whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mbench.results.curves import Curve
    from mbench.submission import Source


def _read_range(ctx: click.Context, parameter: click.Parameter, text: str) -> tuple[int, int]:
    low, _, high = text.partition(":")
    try:
        return int(low), int(high or low)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not LOW:HIGH, two whole numbers") from None


@click.command(
    epilog=examples(
        "mbench curves",
        "mbench curves knn rbf my.py --sizes 1000:100000",
        "mbench curves my.py --task mandelbrot-distance --per-decade 4 --replicates 3",
        "mbench curves knn mlp --record  # a recorded curve of baselines",
    )
)
@name_argument(many=True, required=False)
@tasks_option("mandelbrot")
@click.option("--sizes", callback=_read_range, default="1000:1000000", show_default=True, metavar="LOW:HIGH",
              help="Points in the smallest and the largest sample.")  # fmt: skip
@click.option("--per-decade", type=Whole(min=1, max=20), default=2, show_default=True,
              help="Sizes to each factor of ten.")  # fmt: skip
@replicates_option(1)
@running_options
@results_option
@record_option
@json_option
def curves(
    names: tuple[str, ...],
    tasks: tuple[str, ...],
    sizes: tuple[int, int],
    per_decade: int,
    replicates: int,
    results: Path,
    record: bool,
    as_json: bool,
    **running: Any,
) -> None:
    """Measure error against sample size, on samples of which each is a prefix of the next, beside k-NN's frozen curve.

    Without any NAME, all baselines. Seconds to learn
    lie straight between the tracks' budgets on log-log axes. All is kept in DIR/curves/ and enters no score: the
    records, curves.json with every curve measured so far, and a picture for each task. Exit code 1 if a cell failed.
    """
    import json
    from dataclasses import asdict

    from mbench.api import make_settings
    from mbench.cli.progress import LiveProgress
    from mbench.results import curves
    from mbench.results.kept import refusing_foreign
    from mbench.results.reference import load_reference
    from mbench.review.reproduce import check_checkout
    from mbench.runs import measure_curves
    from mbench.views.board_plots import draw_curves

    sources = _find_sources(names, results, only_baselines=record)
    if record:
        check_checkout()
    wanted = measure_curves.choose_sizes(*sizes, per_decade)
    cells = [cell for task in dict.fromkeys(tasks) for cell in measure_curves.plan_curve(task, wanted, replicates)]
    settings = make_settings(**running)
    folder = results / curves.FOLDER_NAME
    store = measure_curves.CurveStore(folder)
    path = folder / curves.CURVES_NAME
    made: list[Curve] = []
    for source in sources:
        click.echo(f"{source.name}:", err=True)
        with LiveProgress(None, describe=lambda cell: f"{cell.task} N={cell.n_samples:,} r{cell.replicate}") as live:
            live.expect(cells)
            found = measure_curves.measure_curves(source, cells, store, settings, live)
        made += found
        for target in (path, curves.RECORDED_CURVES) if record else (path,):
            with refusing_foreign():
                known = curves.read_curves(target)
            curves.write_curves(target, curves.merge_curves(known, found))
    shown = [curve for curve in curves.read_curves(path) if curve.task in tasks]
    pictures = draw_curves(shown, load_reference(), folder)
    if as_json:
        click.echo(json.dumps([asdict(curve) for curve in made], indent=1))
    else:
        _print_curves(made)
        for each in (path, *pictures):
            click.echo(str(each))
    if any(point.error is None for curve in made for point in curve.points):
        raise SystemExit(1)


def _find_sources(names: Sequence[str], results: Path, only_baselines: bool) -> list[Source]:
    """Return the sources of names and paths. Raises UsageError where two have one name, or one is no baseline."""
    from mbench.errors import UsageError
    from mbench.submission import baseline_names, baseline_path, read_submission

    found: dict[str, Source] = {}
    for name in names or baseline_names():
        path = baseline_path(name) if only_baselines or not names else None
        if path is None and only_baselines:
            raise UsageError(f"{name}: no baseline, and only baselines are recorded. Leave it out, or --record")
        source = take_source(name, results) if path is None else read_submission(path)
        if source.name in found:
            first = found[source.name].path
            raise UsageError(f"{name}: a second submission called {source.name!r}, beside {first}. Rename one of them")
        found[source.name] = source
    return list(found.values())


def _print_curves(curves: Sequence[Curve]) -> None:
    """Print a table for each task: a row per method, a column per size."""
    from rich.markup import escape
    from rich.table import Table

    from mbench.cli.console import make_console, print_whole

    console = make_console()
    for task in dict.fromkeys(curve.task for curve in curves):
        rows = [curve for curve in curves if curve.task == task]
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column(f"{escape(task)}: error at N =")
        for point in rows[0].points:
            table.add_column(f"{point.n_samples:,}", justify="right", no_wrap=True)
        for curve in rows:
            errors = ["failed" if point.error is None else f"{point.error:.5f}" for point in curve.points]
            table.add_row(escape(curve.name), *errors)
        print_whole(console, table)
        for curve in rows:
            for point in curve.points:
                if point.error is None:
                    where = f"{escape(curve.name)} at {point.n_samples:,}"
                    console.print(f"[red]{where}[/red]: {escape(point.reason)}")
