"""`mbench reproduce`: the baselines again, beside what is recorded of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mbench.cli.options import cluster_option, examples, json_option, out_option, running_options, track_option


@click.command(
    epilog=examples(
        "mbench reproduce",
        "mbench reproduce knn mlp --track quick",
        "mbench reproduce --record  # after a change of the suite",
    )
)
@click.argument("names", nargs=-1)
@track_option
@running_options
@cluster_option
@out_option
@click.option("--record", is_flag=True, help="Store the results as the recorded ones, in baselines/results.")
@json_option
def reproduce(
    names: tuple[str, ...], track: str, cluster: str | None, out: Path, record: bool, as_json: bool, **running: Any
) -> None:
    """Run the baselines (all, or NAMES) and say where they differ from their recorded results.

    Exit code 1 if any does.
    """
    import json

    from mbench import reproduction
    from mbench.cli.connection import connect
    from mbench.cli.progress import LiveProgress
    from mbench.cli.tables import print_entries
    from mbench.scoring import load_reference, score_entry

    results = []
    for name in names:
        reproduction.find_baseline(name)  # an unknown one ends the run before the first is trained
    with connect(cluster, running) as elsewhere:
        options = {"track": track, "out": out, "elsewhere": elsewhere, **running}
        for name in names or reproduction.baseline_names():
            click.echo(f"{name}:", err=True)
            with LiveProgress(load_reference()) as live:
                results.append(reproduction.run_baseline(name, report=live, **options))
    if record:
        paths = [reproduction.record_result(result, track) for result in results]
        differences = []
    else:
        paths = []
        differences = [difference for result in results for difference in reproduction.compare_recorded(result, track)]
    entries = [score_entry(result.name, track, result.records, load_reference()) for result in results]
    if as_json:
        click.echo(json.dumps({"differences": differences, "recorded": [str(path) for path in paths]}, indent=1))
    else:
        print_entries(entries)
        for difference in differences:
            click.echo(difference)
        for path in paths:
            click.echo(f"recorded {path}")
        if not record and not differences:
            click.echo("Every cell agrees with its recorded result.")
    if differences:
        raise SystemExit(1)
