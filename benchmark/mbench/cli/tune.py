"""`mbench tune`: which value of a parameter learns best, found where no score is made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbench.cli.names import name_argument, take_source
from mbench.cli.options import (
    examples,
    json_option,
    replicates_option,
    results_option,
    running_options,
    tasks_option,
    track_option,
)

if TYPE_CHECKING:
    from mbench.runs.tune import Search


@click.command(
    epilog=examples(
        "mbench tune mlp",
        "mbench tune my.py --values 1e-3,3e-3 --task mandelbrot --task china --replicates 3",
        'mbench tune my.py --parameter mlp__activation --values \'"relu","tanh"\'',
    )
)
@name_argument()
@click.option("--parameter", default="learning_rate", show_default=True, metavar="PARAMETER",
              help="One of the estimator's get_params(); nested ones as STEP__NAME.")  # fmt: skip
@click.option("--values", default="1e-4,3e-4,1e-3,3e-3,1e-2", show_default=True, metavar="V,V,…",
              help="Python literals: numbers, quoted text, True, None, (64, 64).")  # fmt: skip
@track_option
@tasks_option()
@replicates_option(1)
@running_options
@results_option
@json_option
def tune(
    name: str,
    parameter: str,
    values: str,
    track: str,
    tasks: tuple[str, ...],
    replicates: int,
    results: Path,
    as_json: bool,
    **running: Any,
) -> None:
    """Try a parameter of a submission's estimator at several values, where no score is made (but for photos).

    Its build(spec) is to return an estimator with scikit-learn's set_params. Each value is set after build(spec) and
    evaluated as anybody's submission, on replicates from 1000 on, with fresh test points; of photos and digits the
    training items that the sample leaves over are the test set, of which a photo's pixels are other replicates' test
    pixels, too. Results lie in DIR/tune and count nowhere else. Exit code: 0 done, 1 no value learned anything, 2
    usage, 3 our fault.
    """
    import json

    from mbench import api
    from mbench.cli.progress import LiveProgress
    from mbench.results.reference import load_reference
    from mbench.runs import tune
    from mbench.runs.run import Run
    from mbench.runs.variants import derive_source, parse_values

    source = take_source(name, results)
    grid = parse_values(values)
    settings = api.make_settings(**running)
    derive_source(source, parameter, grid[0])  # a parameter that is none ends the run before the first cell
    plan = tune.plan_trials(track, tasks, replicates)
    click.echo(f"{source.name} on track {track}, isolation tier {settings.isolation.tier}: "
               f"{settings.isolation.summary}", err=True)  # fmt: skip
    trials = []
    for value in grid:
        click.echo(f"{parameter} = {value!r}:", err=True)
        with LiveProgress(load_reference()) as live:
            trials.append(tune.try_value(Run(source, settings, report=live), parameter, value, plan, results))
    search = tune.Search(source.name, source.digest, parameter, plan, tuple(trials))
    path = tune.write_search(results, search)
    if as_json:
        click.echo(json.dumps(tune.search_as_json(search) | {"paths": [str(path)]}, indent=1))
    else:
        _print_search(search)
        click.echo(f"\nWritten:\n  {path}")
    if any(trial.score is None for trial in trials):
        raise SystemExit(3)
    if search.best is None:
        raise SystemExit(1)


def _print_search(search: Search) -> None:
    """Print a row per task and value, the best of each task in bold; then the mean scores."""
    from rich.markup import escape
    from rich.table import Table

    from mbench.cli.console import make_console, print_whole

    console = make_console()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    table.add_column("task")
    for heading in (search.parameter, "error", "skill", "octaves", "depth skill", "task score", "fit s", "n"):
        table.add_column(escape(heading), justify="right")
    reasons = {}
    for name in dict.fromkeys(task.task for trial in search.trials for task in trial.entry.tasks):
        rows = [(trial.value, task) for trial in search.trials for task in trial.entry.tasks if task.task == name]
        top = max(task.score or 0.0 for _, task in rows)
        for value, task in rows:
            numbers = ((task.error, 5), (task.skill, 1), (task.depth_octaves, 2), (task.depth_skill, 1),
                       (task.score, 1), (task.fit_s, 1))  # fmt: skip
            cells = ["–" if number is None else f"{number:.{digits}f}" for number, digits in numbers]
            style = "bold" if top and task.score == top else None
            table.add_row(escape(name), escape(repr(value)), *cells, str(task.n_replicates), style=style)
            if task.n_failed:
                reasons[f"{name}, {value!r}: {task.n_failed} of {task.n_replicates} failed"] = task.reason
    console.print()
    print_whole(console, table)
    for what, reason in reasons.items():
        console.print(f"[red]{escape(what)}:[/red] {escape(reason)}")
    if reasons:
        console.print(
            "[dim]Failures count 0, and are kept. To run them again: --fresh, with --task NAME for each.[/dim]"
        )
    console.print("\n[bold]Mean task score[/bold]")
    for trial in search.trials:
        score = "a failure of ours" if trial.score is None else f"{trial.score:.1f}"
        console.print(escape(f"  {search.parameter} = {trial.value!r}: {score}"))
    for name, reason in search.plan.missing.items():
        console.print(f"[yellow]{name} was left out:[/yellow] {escape(reason)}")
    if search.best is None:
        console.print("[red]No value learned anything.[/red]")
        return
    console.print(escape(f"Best: {search.parameter} = {search.best.value!r}"))
    if search.is_at_edge:
        console.print("[yellow]That is the end of the grid: a better one may lie beyond.[/yellow]")
