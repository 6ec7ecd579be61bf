"""`mbench evaluate`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mbench.cli.names import name_argument, take_source
from mbench.cli.options import (
    audit_option,
    cluster_option,
    columns_option,
    connect,
    examples,
    hidden_option,
    json_option,
    replicates_option,
    results_option,
    running_options,
    tasks_option,
    track_option,
)


@click.command(
    epilog=examples(
        "mbench evaluate submissions/example",
        "mbench evaluate my.py --track standard --jobs 4",
        "mbench evaluate my.py --task mandelbrot --task image:cat.png --replicates 3",
        "mbench evaluate my.py --all --columns score,cost",
        "mbench evaluate my.py --json > scores.json",
        "mbench evaluate my.py --audit --hidden-seed secret.txt",
        "mbench evaluate my.py --track standard --cluster tcp://10.0.0.1:8786",
    )
)
@name_argument()
@track_option
@tasks_option()
@replicates_option(None)
@running_options
@cluster_option
@results_option
@hidden_option
@audit_option
@columns_option
@click.option(
    "--all", "all_rows", is_flag=True, help="Show the whole table of the baselines, not those beside it only."
)
@click.option(
    "--printed", is_flag=True, help="Show all that the submission printed, too (result.json holds it as output)."
)
@click.option("--pictures/--no-pictures", default=True, show_default=True, help="Draw what was learned.")
@json_option
def evaluate(
    name: str,
    track: str,
    tasks: tuple[str, ...],
    replicates: int | None,
    cluster: str | None,
    results: Path,
    secret: bytes | None,
    audit: bool,
    groups: tuple[str, ...] | None,
    all_rows: bool,
    printed: bool,
    pictures: bool,
    as_json: bool,
    **running: Any,
) -> None:
    """Score a submission: learn every task in a child process, compare with the baselines, draw what was learned.

    With --hidden-seed test sets
    are drawn under a secret (those of photos and digits, all of whose items are public, stay the same); such results
    are kept apart. Exit code: 0 done, 1 the submission failed or was flagged, 2 usage, 3 our fault.
    """
    import json

    from mbench import api
    from mbench.board.formats import entry_as_json
    from mbench.cli.audit import audit_source, print_report, report_as_json
    from mbench.cli.progress import LiveProgress
    from mbench.cli.score_card import Card, make_card, print_card, print_last_line, print_written
    from mbench.errors import UsageError
    from mbench.results.kept import heard_notes, take_notes
    from mbench.results.reference import load_reference
    from mbench.suite.secrets import name_test_set

    source = take_source(name, results)
    settings = None
    if cluster is None or pictures or audit:
        try:
            settings = api.make_settings(**running)
        except UsageError as error:
            if cluster is None:
                raise
            raise UsageError(
                f"{error}. Or give --no-pictures and no --audit: then it runs on the workers alone"
            ) from None
    if cluster is None and settings is not None:
        isolation = settings.isolation
        click.echo(f"{source.name} on track {track}, isolation tier {isolation.tier}: {isolation.summary}", err=True)
    if secret is not None:
        click.echo(f"test set {name_test_set(secret)}", err=True)
    cards: list[Card] = []
    with connect(cluster, running) as elsewhere, LiveProgress(load_reference()) as live:

        def say(outcome: api.Outcome) -> None:
            if not as_json:
                cards.append(make_card(outcome, all_rows=all_rows, groups=groups))
                with live.paused():
                    print_card(cards[0], printed=printed)

        outcome = api.run_evaluation(
            source, track=track, tasks=tasks, replicates=replicates, out=results, pictures=pictures,
            elsewhere=elsewhere, report=live, scored=say, secret=secret, **running,
        )  # fmt: skip
    content = entry_as_json(outcome.entry) | {"paths": [str(path) for path in outcome.paths]}
    content |= {"left_out": outcome.missing, "notes": [*outcome.notes, *heard_notes()]}
    if as_json:
        for line in outcome.warnings:
            click.echo(line, err=True)
    else:
        print_written(outcome, cards[0].outcome.notes)
    report = None
    if audit and settings is not None:
        report, path = audit_source(source, settings, track=track, secret=secret, out=results)
        content["audit"] = json.loads(report_as_json(report))
        content["paths"].append(str(path))
        if not as_json:
            print_report(report)
    if as_json:
        click.echo(json.dumps(content, indent=1))
    else:
        for words in take_notes():  # before the last line, which is the user's own
            click.echo(f"Note: {words}", err=True)
        print_last_line(cards[0])
    if any(record.is_our_failure for record in outcome.result.records):
        raise SystemExit(3)
    if not all(record.ok for record in outcome.result.records) or (report is not None and not report.ok):
        raise SystemExit(1)
