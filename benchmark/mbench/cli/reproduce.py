"""`mbench reproduce`: the baselines again, beside what is recorded of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbench.cli.options import (
    audit_option,
    cluster_option,
    connect,
    examples,
    json_option,
    record_option,
    results_option,
    running_options,
    track_option,
)
from mbench.words import count_of

if TYPE_CHECKING:
    from mbench.review.forecast import Forecast


@click.command(
    epilog=examples(
        "mbench reproduce",
        "mbench reproduce --track standard --dry-run  # what would be run, and how long it takes",
        "mbench reproduce knn mlp --track quick --audit",
        "mbench reproduce --record  # after a change of the suite",
    )
)
@click.argument("names", nargs=-1, metavar="[BASELINE…]")
@track_option
@running_options
@cluster_option
@results_option
@click.option("--dry-run", is_flag=True, help="Run nothing: count the cells, those kept, and the expected time.")
@audit_option
@record_option
@json_option
def reproduce(
    names: tuple[str, ...],
    track: str,
    cluster: str | None,
    results: Path,
    dry_run: bool,
    audit: bool,
    record: bool,
    as_json: bool,
    **running: Any,
) -> None:
    """Run the baselines (all, or those named) and say where they differ from their recorded results.

    --audit draws its sets under a published secret; --record writes to baselines/results, and pictures of what was
    learned to baselines/pictures.

    Exit code 1 if any does, or if an audit is not passed; 3 for a failure of ours, of which nothing is recorded.
    """
    import json

    from mbench import api
    from mbench.cli.progress import AuditLive, LiveProgress
    from mbench.cli.tables import print_entries
    from mbench.errors import UsageError
    from mbench.results.reference import load_reference
    from mbench.results.scoring import score_entry
    from mbench.review import reproduce
    from mbench.review.audit.repeatable import audit_repeatably
    from mbench.submission import baseline_names, read_submission

    if dry_run and (audit or record or cluster):
        raise UsageError("--dry-run counts cells only: give it without --audit, --record and --cluster")
    for name in names:
        reproduce.find_baseline(name)  # an unknown one ends the run before the first is trained
    if record:
        reproduce.check_checkout()
    names = names or tuple(baseline_names())
    # As above: where there is no sandbox here. What a cluster ran is drawn here only where it is audited here, too.
    settings = api.make_settings(**running) if audit or (record and not cluster) else None
    if dry_run:
        _forecast(names, track, results, as_json, running)
        return
    outcomes, audits, paths = [], [], []
    with connect(cluster, running) as elsewhere:
        options = {"track": track, "out": results, "elsewhere": elsewhere, **running}
        for name in names:
            click.echo(f"{name}:", err=True)
            with LiveProgress(load_reference()) as live:
                outcomes.append(reproduce.run_baseline(name, report=live, **options))
            if record:  # at once: whatever ends the run keeps what was recorded
                paths.append(reproduce.record_result(outcomes[-1].result))
            if record and settings is not None:
                folder, reason = reproduce.record_pictures(outcomes[-1].result, track, results, settings)
                if folder is None:
                    click.echo(f"no pictures of {name}: {reason}", err=True)
                else:
                    paths.append(folder)
            if audit and settings is not None:
                source = read_submission(reproduce.find_baseline(name))
                with AuditLive() as live:
                    made = audit_repeatably(source, results / "audits", settings, track=track, report=live)
                click.echo(f"audit of {name}: {made.verdict}: {made.reason}", err=True)
                audits.append(made)
                if record:
                    paths.append(reproduce.record_audit(made))
    made_results = [outcome.result for outcome in outcomes]
    missing = {task: reason for outcome in outcomes for task, reason in outcome.missing.items()}
    differences = []
    if not record:
        differences += [line for result in made_results for line in reproduce.compare_recorded(result, track)]
        differences += [line for made in audits for line in reproduce.compare_audit(made)]
    entries = [score_entry(result.name, track, result.records, load_reference()) for result in made_results]
    if as_json:
        content = {"differences": differences, "missing": missing, "recorded": [str(path) for path in paths]}
        click.echo(json.dumps(content | {"audits": {made.name: made.verdict for made in audits}}, indent=1))
    else:
        print_entries(entries)
        for made in audits:
            click.echo(f"audit of {made.name}: {made.verdict}")
        for difference in differences:
            click.echo(difference)
        for path in paths:
            click.echo(f"recorded {path}")
        for task, reason in missing.items():
            click.echo(f"{task} was not run: {reason}")
        if not record and not differences:
            click.echo(f"Everything{' that was run' if missing else ''} agrees with what is recorded.")
    if any(cell.is_our_failure for result in made_results for cell in result.records):
        raise SystemExit(3)
    if differences or not all(made.ok for made in audits):
        raise SystemExit(1)


def _forecast(names: Sequence[str], track: str, out: Path, as_json: bool, running: dict[str, Any]) -> None:
    import json
    from dataclasses import asdict

    from mbench import api
    from mbench.review.forecast import forecast_baseline

    settings = api.make_settings(**running)
    forecasts = [forecast_baseline(name, track, out, settings) for name in names]
    total = {
        "cells": sum(len(each.cells) for each in forecasts),
        "kept": sum(each.n_kept for each in forecasts),
        "guesses": sum(each.n_guesses for each in forecasts),
        "expected_s": sum(each.expected_s for each in forecasts),
    }
    if not as_json:
        _print_forecasts(forecasts, total)
        return
    rows = [
        {"name": each.name, "kept": each.n_kept, "guesses": each.n_guesses, "expected_s": each.expected_s}
        | {"cells": [asdict(cell) for cell in each.cells], "missing": each.missing}
        for each in forecasts
    ]
    click.echo(json.dumps({"track": track, "jobs": settings.jobs, "total": total, "baselines": rows}, indent=1))


def _print_forecasts(forecasts: Sequence[Forecast], total: dict[str, float]) -> None:
    from datetime import timedelta

    from rich.table import Table

    from mbench.cli.console import make_console, print_whole
    from mbench.review.forecast import UNKNOWN_SHARE

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    for heading in ("name", "cells", "kept", "to run", "expected"):
        table.add_column(heading, justify="left" if heading == "name" else "right")
    rows = [(each.name, len(each.cells), each.n_kept, each.n_guesses, each.expected_s) for each in forecasts]
    for name, cells, kept, guesses, seconds in (*rows, ("total", *total.values())):
        duration = f"{'~ ' if guesses else ''}{timedelta(seconds=round(seconds))}"
        table.add_row(name, f"{cells:g}", f"{kept:g}", f"{cells - kept:g}", duration)
    print_whole(make_console(), table)
    click.echo(f"Fitting and predicting as recorded, by {forecasts[0].jobs} at a time; starting children comes on top.")
    if total["guesses"]:
        unknown = count_of(round(total["guesses"]), "cell")
        click.echo(f"~ of {unknown} nothing is recorded: each at {UNKNOWN_SHARE:.0%} of its limit.")
    for name, reason in {task: text for each in forecasts for task, text in each.missing.items()}.items():
        click.echo(f"{name} would be left out: {reason}")
