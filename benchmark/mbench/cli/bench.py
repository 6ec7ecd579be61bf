"""`mbench bench`: how fast is mbench itself?"""

from __future__ import annotations

import click

from mbench.cli.options import examples, json_option
from mbench.cli.values import OneOf

_GROUPS = ("kernel", "start", "board", "harness", "memory")


@click.command(epilog=examples("mbench bench", "mbench bench kernel start", "mbench bench --json"))
@click.argument("groups", nargs=-1, type=OneOf(_GROUPS), metavar="[kernel|start|board|harness|memory]…")
@json_option
def bench(groups: tuple[str, ...], as_json: bool) -> None:
    """Measure the truth beside other implementations, start-up, boards of 1,000, overhead and memory (10 minutes).

    Everything is a ratio or a figure of one run; compare ratios, not seconds, between machines.
    """
    import json
    from dataclasses import asdict

    from mbench.review.bench import GROUPS

    measured = []
    if not as_json:
        click.echo("| | measured | expected |\n|---|---|---|")
    for group in groups or _GROUPS:
        for measurement in GROUPS[group]():
            measured.append(measurement)
            if not as_json:
                click.echo(f"| {measurement.what} | {measurement.figure} | {measurement.expected} |")
    if as_json:
        click.echo(json.dumps([asdict(measurement) for measurement in measured], indent=1, ensure_ascii=False))
