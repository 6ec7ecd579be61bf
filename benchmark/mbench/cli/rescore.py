"""`mbench rescore`: new metrics for stored predictions."""

from __future__ import annotations

from pathlib import Path

import click

from mbench.cli.options import examples, folder_option, hidden_option, json_option, warn_of_damage


@click.command(epilog=examples("mbench rescore", "mbench rescore --results other-results --json"))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False, metavar="[DIR]")
@folder_option
@hidden_option
@json_option
def rescore(folder: Path | None, results: Path, secret: bytes | None, as_json: bool) -> None:
    """Score the stored predictions of a results folder again, without training anything.

    For use after a change of metric. A cell whose task has changed needs `mbench evaluate` instead, and is named.
    """
    import json

    from mbench.errors import UsageError
    from mbench.results.lookup import refresh_results
    from mbench.results.store import ResultStore
    from mbench.runs.evaluate import rescore_record

    if folder is not None:
        click.echo("the folder is given with --results now; as an argument it goes with the next version", err=True)
        results = folder
    if not (results / "cells").is_dir():
        raise UsageError(f"{results}: no results here. Run `mbench evaluate` first, or name its results folder")
    store = ResultStore(results)
    rows = []
    for record in store.records():
        after, reason = rescore_record(record, store, secret)
        before = record.metrics
        row = {
            "submission": record.submission, "task": record.task, "track": record.track, "replicate": record.replicate,
            "before": before.error if before else None, "after": after.error if after else None, "skipped": reason,
        }  # fmt: skip
        rows.append(row)
        if not as_json:
            change = reason or f"error {row['before']:.6f} → {row['after']:.6f}"
            click.echo(f"{record.submission} {record.track} {record.task} r{record.replicate}: {change}")
    refresh_results(store)
    warn_of_damage(store)
    if as_json:
        click.echo(json.dumps(rows, indent=1))
