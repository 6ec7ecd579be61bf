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
        'mbench evaluate my.py --practice -m "wider"  # on other samples and test points than the board\'s',
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
@click.option("--practice", is_flag=True, help="Score on samples and test points of which no score is made (but for "
              "photos): the board's own are for what is handed in.")  # fmt: skip
@click.option("-m", "--note", default="", metavar="TEXT", help="What `mbench log` shows beside the scores.")
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
    practice: bool,
    note: str,
    pictures: bool,
    as_json: bool,
    **running: Any,
) -> None:
    """Score a submission: learn every task in a child process, compare with the baselines, draw what was learned.

    With --hidden-seed test sets
    are drawn under a secret (those of photos and digits, all of whose items are public, stay the same); such results
    are kept apart. With --practice nothing counts for any board, and all lies in DIR/practice, without pictures. Every
    run is kept in the log (`mbench log`). What --json prints says docs/evaluate.schema.json.
    Exit code: 0 done, 1 the submission failed or was flagged, 2 usage, 3 our fault.
    """
    import json

    from mbench import api
    from mbench.cli.audit import audit_source, print_report, report_as_json
    from mbench.cli.console import fold
    from mbench.cli.evaluation import evaluation_as_json, find_step, print_practice
    from mbench.cli.logged import describe_step
    from mbench.cli.progress import LiveProgress
    from mbench.cli.score_card import Card, make_card, print_card, print_last_line, print_written
    from mbench.errors import UsageError
    from mbench.results.kept import heard_notes, take_notes
    from mbench.results.reference import load_reference
    from mbench.suite.secrets import name_test_set

    if practice and (audit or cluster is not None or secret is not None):
        raise UsageError("--practice has sets of its own, and runs here: give no --audit, --cluster or --hidden-seed")
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
            if not as_json and not practice:
                cards.append(make_card(outcome, all_rows=all_rows, groups=groups))
                with live.paused():
                    print_card(cards[0], printed=printed)

        outcome = api.run_evaluation(
            source, track=track, tasks=tasks, replicates=replicates, out=results, pictures=pictures,
            elsewhere=elsewhere, report=live, scored=say, secret=secret, practice=practice, note=note, **running,
        )  # fmt: skip
    step = find_step(outcome, results)
    content = evaluation_as_json(outcome, step, heard_notes())
    if as_json:
        for line in outcome.warnings:
            click.echo(line, err=True)
    elif practice:
        print_practice(outcome, printed=printed)
    else:
        print_written(outcome, cards[0].outcome.notes)
    if step is not None and not as_json:
        click.echo(f"\n{fold(describe_step(step))}")
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
            click.echo(fold(f"Note: {words}", stderr=True), err=True)
        if cards:
            print_last_line(cards[0])
    if any(record.is_our_failure for record in outcome.result.records):
        raise SystemExit(3)
    if not all(record.ok for record in outcome.result.records) or (report is not None and not report.ok):
        raise SystemExit(1)
