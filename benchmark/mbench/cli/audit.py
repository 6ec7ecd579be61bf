"""`mbench audit`: does a method learn from its sample, or does it know what the sample was drawn from?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbench.cli.names import name_argument, take_source
from mbench.cli.options import (
    child_options,
    examples,
    hidden_option,
    jobs_option,
    json_option,
    results_option,
    resume_options,
    track_option,
    write_option,
)
from mbench.cli.values import Whole
from mbench.suite.tracks import DEFAULT_TRACK

if TYPE_CHECKING:
    from mbench.results.audits import AuditReport
    from mbench.runs.settings import Settings
    from mbench.submission import Source


@click.command(
    epilog=examples(
        "mbench audit my.py",
        "mbench audit my.py --quick",
        "mbench audit submissions/example --hidden-seed secret.txt --json",
        "mbench audit my.py --track standard --jobs 4",
        "mbench audit --calibrate --write audit.json  # after a change of the audit or of the baselines",
    )
)
@name_argument(required=False)
@track_option
@hidden_option
@jobs_option
@child_options
@results_option
@click.option("--quick", is_flag=True, help="A first look, on half of the relatives; no report is written.")
@click.option("--calibrate", is_flag=True, help="Audit the baselines instead, and derive the bounds from them.")
@click.option("--secrets", type=Whole(1), help="Of --calibrate: how many secrets; all there are by default.")
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    metavar="NAME",
    help="Of --calibrate: one of those audited; all by default.",
)
@write_option
@resume_options
@json_option
def audit(
    name: str | None,
    track: str,
    secret: bytes | None,
    results: Path,
    quick: bool,
    calibrate: bool,
    secrets: int | None,
    baselines: tuple[str, ...],
    write: Path | None,
    as_json: bool,
    **running: Any,
) -> None:
    """Tell a method that learns from one that carries a formula or the test set with it.

    It is fitted on the Mandelbrot set and on hidden relatives of it that are as hard: the set under smooth warps of
    plane and labels, recurrences of many kinds with secret coefficients, fractal fields without a rule, shuffled
    labels. Without --hidden-seed they are drawn under a fresh secret. --baseline, --secrets, --write, --resume and
    --fresh are of --calibrate, whose sets lie in DIR/calibration. Exit code: 0 passed or
    discovery, 1 flagged or failed, 2 usage, 3 our fault.
    """
    from mbench import api
    from mbench.errors import UsageError

    if calibrate == (name is not None):
        raise UsageError("give either a NAME or --calibrate (see `mbench audit --help`)")
    if calibrate and (secret is not None or track != DEFAULT_TRACK):
        raise UsageError("--calibrate has a track and secrets of its own: give it without --track and --hidden-seed")
    if write is not None and not calibrate:
        raise UsageError("--write is of --calibrate; a report is written to DIR/NAME/TRACK/. Leave it out")
    if (secrets is not None or baselines) and not calibrate:
        raise UsageError("--secrets and --baseline are of --calibrate: any other audit has one secret. Leave them out")
    if running["resume"] != "same" and not calibrate:
        raise UsageError("--resume and --fresh are of --calibrate, any other audit is run anew. Leave it out")
    settings = api.make_settings(**running)
    if name is None:
        _calibrate(results / "calibration", settings, secrets, baselines, write)
        return
    source = take_source(name, results)
    report, path = audit_source(source, settings, track=track, secret=secret, out=None if quick else results)
    if as_json:
        click.echo(report_as_json(report))
    else:
        print_report(report)
        click.echo(
            f"\nWritten:\n  {path}" if path else "\nA first look: no report is written. Leave out --quick for one"
        )
    if not report.ok:
        raise SystemExit(1)


def audit_source(
    source: Source, settings: Settings, *, track: str, secret: bytes | None, out: Path | None
) -> tuple[AuditReport, Path | None]:
    """Audit a submission with live progress, say what it is audited under, and write the report.

    out: the results folder; None for a first look on half of the relatives, of which nothing is written.
    """
    from mbench.cli.progress import AuditLive
    from mbench.results.audits import N_RELATIVES, REPORT_NAME, write_report
    from mbench.review.audit.run import run_audit
    from mbench.suite.secrets import make_secret, secret_digest

    kind = "the secret" if secret is not None else "a fresh secret"
    secret = make_secret() if secret is None else secret
    isolation = settings.isolation
    click.echo(f"audit of {source.name} on track {track}, isolation tier {isolation.tier}: {isolation.summary}; "
               f"under {kind} with SHA-256 {secret_digest(secret)[:16]}…", err=True)  # fmt: skip
    with AuditLive() as live:
        n_relatives = N_RELATIVES if out is not None else N_RELATIVES // 2
        report = run_audit(source, secret, settings, track=track, report=live, n_relatives=n_relatives)
    if out is None:
        return report, None
    path = out / source.name / track / REPORT_NAME
    write_report(path, report)
    return report, path


def report_as_json(report: AuditReport) -> str:
    """Return a report as JSON, with the bits of each set."""
    import json
    from dataclasses import asdict

    content = asdict(report)
    for row, each in zip(content["sets"], report.sets, strict=True):
        row["bits"] = each.score.bits if each.score else None
        row["octaves"] = each.score.octaves if each.score else None
    return json.dumps(content, indent=1)


def print_report(report: AuditReport) -> None:
    """Print the sets, the statistics beside the baselines', and the verdict."""
    from rich.markup import escape
    from rich.table import Table

    from mbench.cli.console import make_console
    from mbench.results.audits import DESCRIPTIONS
    from mbench.results.record import STATUS_WORDS

    console = make_console()

    def make_table(*headings: str) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
        for heading in headings:
            table.add_column(heading, justify="left" if heading in ("set", "statistic", "what it is") else "right")
        return table

    sets = make_table("set", "FVU", "FVU of k-NN", "bits", "depth", "of k-NN", "octaves", "fit s")
    for each in report.sets:
        if each.score is None:
            sets.add_row(escape(each.name), f"[red]{each.status}[/red]")
            continue
        score = each.score
        sets.add_row(
            escape(each.name),
            f"{score.fvu:.5f}",
            f"{score.knn_fvu:.5f}",
            f"{score.bits:+.2f}",
            f"{score.depth_octaves:.2f}",
            f"{score.knn_depth_octaves:.2f}",
            f"{score.octaves:+.2f}",
            "–" if each.fit_s is None else f"{each.fit_s:.2f}",
        )
    console.print()
    console.print(sets, soft_wrap=False)
    meanings: dict[str, str] = {**STATUS_WORDS}
    for status in dict.fromkeys(each.status for each in report.sets if each.status in meanings and not each.ok):
        console.print(f"[dim]{status}: {meanings[status]}.[/dim]")
    if report.statistics:
        console.print(
            "\n[bold]Beside the baselines[/bold] (bits are ½ log₂ of k-NN's FVU over the method's, "
            "octaves the depth gained on k-NN)"
        )
        table = make_table("statistic", "value", "baselines", "threshold", "what it is")
        for statistic in report.statistics:
            style = "bold red" if statistic.exceeds else None
            numbers = (statistic.value, statistic.baselines, statistic.threshold)
            table.add_row(
                escape(statistic.name), *(f"{number:+.2f}" for number in numbers),
                escape(DESCRIPTIONS.get(statistic.name, "")), style=style,
            )  # fmt: skip
        console.print(table, soft_wrap=False)
    colour = "green" if report.verdict == "passed" else "yellow" if report.ok else "red"
    console.print(f"\n[bold {colour}]{report.verdict}[/bold {colour}]: {escape(report.reason)}")


def _calibrate(
    folder: Path, settings: Settings, secrets: int | None, names: tuple[str, ...], write: Path | None
) -> None:
    import json

    from mbench.cli.progress import AuditLive
    from mbench.disk import check_place, write_json
    from mbench.review.audit.calibration import LABELS, calibrate

    if write is not None:
        check_place(write)
    with AuditLive() as live:
        made = calibrate(folder, settings, live, LABELS[:secrets], lambda line: click.echo(line, err=True), names)
    if write is None:
        click.echo(json.dumps(made, indent=1))
    else:
        write_json(write, made)
