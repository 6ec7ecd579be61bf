"""`mbench compare`: submissions side by side."""

from __future__ import annotations

from pathlib import Path

import click

from mbench.cli.names import name_argument, take_name
from mbench.cli.options import (
    columns_option,
    examples,
    format_option,
    json_option,
    refuse_columns,
    results_option,
    suite_option,
    track_option,
    warn_of_damage,
)


@click.command(
    epilog=examples(
        "mbench compare  # all recorded baselines",
        "mbench compare knn fourier",
        "mbench compare my.py knn mlp --track standard",
        "mbench compare my.py submissions/theirs/result.json --format md > table.md",
        "mbench compare knn mlp --suite 1  # as they were recorded then",
        "mbench compare my.py knn mlp --columns score,cost --format latex > table.tex",
    )
)
@name_argument(many=True, required=False)
@track_option
@suite_option
@format_option
@columns_option
@results_option
@json_option
def compare(
    names: tuple[str, ...],
    track: str,
    suite: int,
    table_format: str,
    groups: tuple[str, ...] | None,
    results: Path,
    as_json: bool,
) -> None:
    """Compare results in one table, best Mandelbrot score first.

    Without any NAME, the baselines that have results on this track are compared. Under an earlier --suite a NAME is a
    baseline that was recorded then.
    """
    import json

    from mbench.arguments import take_choice
    from mbench.board.candidates import find_earlier, find_recorded
    from mbench.board.formats import entry_as_json, format_table, sort_entries
    from mbench.cli.tables import print_entries
    from mbench.errors import UsageError
    from mbench.results.agreement import describe_manners, describe_strangers, find_strangers
    from mbench.results.kept import heard_notes
    from mbench.results.names import Found, find_records, label_names
    from mbench.results.reference import load_reference, note_track_without_skills
    from mbench.results.scoring import score_entry, score_replicates
    from mbench.results.store import ResultStore
    from mbench.suite.tracks import SUITE_VERSION

    table_format = "json" if as_json else table_format
    refuse_columns(groups, table_format)
    reference = load_reference(suite)
    note_track_without_skills(track, reference)
    recorded = find_recorded(suite)
    scored = []
    if not names:
        known = (score_entry(each.name, track, each.records, reference) for each in recorded.values())
        scored = [entry for entry in known if entry.tasks]
        if not scored:
            advice = f"Name what to compare, or give --track{find_earlier(track)}"
            under = "" if suite == SUITE_VERSION else f" under suite {suite}"
            raise UsageError(f"no baseline is recorded on track {track}{under}. {advice}")
    records = {each.name: [r for r in each.records if r.track == track] for each in recorded.values()}
    if suite == SUITE_VERSION:
        found = [find_records(take_name(name, results)) for name in names]
    else:
        for name in names:
            take_choice("NAME", name, recorded)
        found = [Found(recorded[name], "baseline") for name in names]
    labels = label_names([each.result.name for each in found], [each.origin for each in found])
    for name, label, each in zip(names, labels, found, strict=True):
        result = each.result
        entry = score_entry(label, track, result.records, reference)
        if not entry.tasks:
            others = ", ".join(sorted({record.track for record in result.records})) or "none"
            raise UsageError(
                f"{name}: no results on track {track} (there are on: {others}). Evaluate it, or give --track"
            )
        scored.append(entry)
        records[entry.name] = [record for record in result.records if record.track == track]
    for name, strange in find_strangers(records).items():
        click.echo(f"{name}: {describe_strangers(strange)}", err=True)
    for line in describe_manners({entry.name: records[entry.name] for entry in scored}):
        click.echo(line, err=True)
    if table_format == "terminal":
        print_entries(scored, groups=groups)
    elif table_format == "json":  # a list of entries, so that what was said of all files stands in each
        rows = [entry_as_json(entry) | {"notes": heard_notes()} for entry in sort_entries(scored)]
        click.echo(json.dumps(rows, indent=1))
    else:
        alone = {name: score_replicates(name, track, each, reference) for name, each in records.items()}
        click.echo(format_table(scored, table_format, groups, alone).rstrip("\n"))  # type: ignore[arg-type]
    if suite == SUITE_VERSION and (results / "cells").is_dir() and any(each.origin != "result" for each in found):
        store = ResultStore(results)
        store.headings()  # which is when it is seen what has to be passed over
        warn_of_damage(store)
