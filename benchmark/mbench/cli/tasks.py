"""`mbench tasks`: what the suite asks."""

from __future__ import annotations

import click

from mbench.cli.options import examples, json_option
from mbench.words import count_of

_WIDE = 90  # columns of a terminal that has room for the families, too


@click.command(epilog=examples("mbench tasks", "mbench tasks --json"))
@json_option
def tasks(as_json: bool) -> None:
    """List the tasks and tracks of the suite."""
    import json

    from mbench.suite import tracks
    from mbench.suite.tasks import describe_tasks

    rows = describe_tasks()
    if as_json:
        click.echo(json.dumps({"suite": tracks.SUITE_VERSION, "tasks": rows}, indent=1, ensure_ascii=False))
        return
    from rich.table import Table

    from mbench.cli.console import make_console, print_whole

    table = Table(box=None, pad_edge=False, padding=(0, 1))
    console = make_console()
    left = ("task", "family", "map") if console.width >= _WIDE else ("task", "map")
    for heading in left:
        table.add_column(heading, no_wrap=True)
    for track in tracks.TRACKS.values():
        table.add_column(f"{track.name}\nN / fit s", justify="right", no_wrap=True)

    def add(words: dict[str, str], budgets: list[str]) -> None:
        table.add_row(*(words[heading] for heading in left), *budgets)

    for row in rows:
        budgets = [row["budgets"].get(track) for track in tracks.TRACKS]
        shown = [f"{b['n_samples']:,} / {b['fit_limit_s']:g}" if b else "–" for b in budgets]
        name = row["task"] if row["headline"] else f"[dim]{row['task']} (extra)[/dim]"
        add({"task": name, "family": row["family"], "map": row["map"]}, shown)
    budgets = [track.budgets["images"] for track in tracks.TRACKS.values()]
    shown = [f"{budget.n_samples:,} / {budget.fit_limit_s:g}" for budget in budgets]
    add({"task": "[dim]image:PATH (extra)[/dim]", "family": "images", "map": "R² → R³"}, shown)
    print_whole(console, table)
    for track in tracks.TRACKS.values():
        n = count_of(track.replicates, "replicate")
        click.echo(f"{track.name}: {track.purpose} ({n})")
    click.echo(
        "fit s: processor seconds for each thread granted; by the wall clock three times as many, with a GPU as many"
    )
