"""`mbench study`: what the project's sources claim, tested."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbench.cli.options import examples, json_option
from mbench.words import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mbench.results.studies import ClaimResult, Spread, StudyRecord


def _read_seeds(ctx: click.Context, parameter: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a list of whole numbers, as in 0,1,2") from None


def _read_settings(ctx: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise click.BadParameter(f"{name + equals + value!r} is not KEY=VALUE")
    return {name: value for name, _, value in pairs}


@click.command(
    epilog=examples(
        "mbench study",
        "mbench study forgetting",
        "mbench study l1-toggle --seeds 3,4,5 --set cycles=8 --film toggle.mp4",
        "mbench study orders --set scale=full",
        "mbench study eigenfunction --check",
    )
)
@click.argument("name", required=False)
@click.option("--seeds", callback=_read_seeds, metavar="N,N,…", help="Seeds to run.  [default: 0,1,2]")
@click.option("--set", "given", multiple=True, callback=_read_settings, metavar="KEY=VALUE",
              help="Change a setting; repeatable. scale=full: the long version (minutes: see the list).")  # fmt: skip
@click.option("--film", type=click.Path(path_type=Path), metavar="FILE",
              help="Where its film goes, .mp4, .gif or .webp. Default: film.mp4 beside the record.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("results/studies"),
              show_default=True, metavar="DIR", help="Folder that gets one for the study.")  # fmt: skip
@click.option("--fresh", is_flag=True, help="Run again what is done already.")
@click.option("--check", is_flag=True, help="Run it as it is recorded; exit code 1 where it comes out otherwise.")
@json_option
def study(
    name: str | None,
    seeds: tuple[int, ...] | None,
    given: dict[str, Any],
    film: Path | None,
    out: Path,
    fresh: bool,
    check: bool,
    as_json: bool,
) -> None:
    """Test what the sources of this project claim: list the studies, or run NAME over its seeds.

    A claim is a threshold on a measure, fixed in the study's file; its verdict is computed. Every seed that is done is
    kept. Exit code 1 where an oracle fails, or with --check where a value leaves its recorded interval.
    """
    import json
    from dataclasses import asdict

    from mbench.api import write_study
    from mbench.cli.progress import StudyLive
    from mbench.cli.tables import print_paths
    from mbench.errors import UsageError
    from mbench.results.studies import compare_records, recorded_study
    from mbench.runs.run_study import load_study, plan_study

    if name is None:
        if given or film or check or seeds or fresh:
            raise UsageError("which study? Give its NAME (see `mbench study`)")
        _list_studies(as_json)
        return
    recorded = None
    if check:
        if given or seeds:
            raise UsageError("--check runs a study as it is recorded: leave --set and --seeds out")
        recorded = recorded_study(load_study(name).name)  # an unknown name is told as such
        if recorded is None:
            raise UsageError(f"{name}: nothing is recorded of it. Leave --check out")
        given, seeds = dict(recorded.settings), recorded.seeds
    plan = plan_study(name, given, (0, 1, 2) if seeds is None else seeds, out, film is not None, fresh)
    with StudyLive(len(plan.seeds)) as live:
        record, paths = write_study(plan, film, live)
    lines = [] if recorded is None else compare_records(record, recorded)
    if as_json:
        further = {} if recorded is None else {"differs": lines}
        click.echo(json.dumps(asdict(record) | {"paths": [str(path) for path in paths]} | further, indent=1))
    else:
        _print_record(record)
        print_paths(paths)
        if recorded is not None:
            click.echo("\n".join(lines) or "Agrees with what is recorded.")
    if lines or not record.is_sound:
        raise SystemExit(1)


def _list_studies(as_json: bool) -> None:
    import json

    from rich.markup import escape
    from rich.table import Table

    from mbench.cli.console import make_console, print_whole
    from mbench.results.studies import recorded_study
    from mbench.runs.run_study import describe_study, study_names

    rows = []
    for name in study_names():
        record = recorded_study(name)
        told = describe_study(name)
        row = {"name": name, "claim": told.claim, "verdict": "", "when": "", "true": None, "claims": None}
        if record is not None:
            said = [each.verdict for each in record.claims if each.kind == "source"]
            row |= {"verdict": record.verdict, "when": record.when, "true": said.count("true"), "claims": len(said)}
        rows.append(row | {"cpu_s": None if record is None else record.cpu_s, "full_min": told.full_min})
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    for column in ("study", "claim", "verdict", "all claims", "CPU s", "full, min"):
        table.add_column(column, justify="right" if column in ("CPU s", "full, min") else "left", no_wrap=True)
    for row in rows:
        verdict = row["verdict"] or "not recorded"
        verdict += f" {row['when']}" if row["when"] else ""
        cost = "" if row["cpu_s"] is None else f"{row['cpu_s']:.0f}"
        share = "" if row["claims"] is None else f"{row['true']} of {row['claims']} true"
        full = "" if row["full_min"] is None else f"{row['full_min']}"
        table.add_row(escape(row["name"]), escape(row["claim"]), escape(verdict), share, cost, full)
    print_whole(make_console(), table)


def _print_record(record: StudyRecord) -> None:
    from rich.markup import escape
    from rich.table import Table

    from mbench.cli.console import make_console, print_whole

    console = make_console()
    console.print(f"[bold]{escape(record.study)}[/bold]  {escape(record.source)}")
    console.print(f"[dim]{escape(record.quote)}[/dim]\n")
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    for column in ("", "claim", "measure", "mean [seeds]", "rule", "verdict"):
        table.add_column(column, no_wrap=True)
    for claim in record.claims:
        for row in _rows(claim):
            table.add_row(*map(escape, row))
    print_whole(console, table)
    console.print()
    for oracle in record.oracles:
        passed = "passed" if oracle.passed else "[red]failed[/red]"
        numbers = f"{oracle.measured:.6g}, expected {oracle.expected:.6g} ± {oracle.tolerance:.2g}"
        console.print(f"oracle {passed}: {escape(oracle.name)}: {numbers}")
    seeds = ", ".join(map(str, record.seeds))
    console.print(f"\nseeds {seeds}; {record.cpu_s:.0f} s of processor time")


def _rows(claim: ClaimResult) -> Sequence[tuple[str, ...]]:
    """Return the lines of a claim: one where it has one case, else one for itself and one for each case."""
    verdict = claim.verdict
    if len(claim.cases) == 1:
        return [(claim.kind, claim.claim, claim.measure, _tell(claim.cases[0].value), claim.rule, verdict)]
    rows = [(claim.kind, claim.claim, claim.measure, "", claim.rule, verdict)]
    for case in claim.cases:
        holds = "" if case.holds is None else "holds" if case.holds else f"no ({count_of(case.seeds_holding, 'seed')})"
        rows.append(("", "", f"  {case.when}", _tell(case.value), "", holds))
    return rows


def _tell(value: Spread) -> str:
    return "–" if value.mean is None else f"{value.mean:.4g} [{value.low:.4g}, {value.high:.4g}]"
