"""`mbench check`: seconds, before an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mbench.cli.names import name_argument, take_source
from mbench.cli.options import examples, folder_option, isolation_option, json_option, unsafe_option

if TYPE_CHECKING:
    from mbench.runs.check import Finding

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red")}


@click.command(epilog=examples("mbench check my.py", "mbench check my.py --json"))
@name_argument()
@folder_option
@isolation_option
@unsafe_option
@json_option
def check(name: str, results: Path, isolation: str | None, unsafe_no_sandbox: bool, as_json: bool) -> None:
    """Check a submission's contract in seconds: loading, shapes, batching, determinism.

    Exit code 1 if something has to be fixed; the line under it says what.
    """
    import shlex

    from mbench.cli.console import fold
    from mbench.cli.printed import last_lines
    from mbench.errors import SubmissionError
    from mbench.results.record import STATUS_WORDS
    from mbench.runs.check import Finding, check_submission
    from mbench.sandbox.tiers import choose_isolation

    findings = []
    tier = choose_isolation(isolation, allow_none=unsafe_no_sandbox)
    try:
        source = take_source(name, results)
    except SubmissionError as error:
        if as_json:
            _print_json([Finding("the file", "failed", str(error))])
        raise
    for finding in check_submission(source, tier):
        findings.append(finding)
        if not as_json:
            mark, colour = _MARKS[finding.verdict]
            click.echo(f"{click.style(mark, fg=colour)} {fold(finding.what, indent='  ')}")
            if finding.advice and finding.verdict != "ok":
                click.echo(fold(f"    → {finding.advice}", indent="      "))
            status = finding.what.rpartition(": ")[2]
            if status in STATUS_WORDS:
                click.echo(f"      {click.style(f'{status}: {STATUS_WORDS[status]}', dim=True)}")
            for line in last_lines(finding.output):
                click.echo(f"      {click.style(line, dim=True)}")
    failed = [finding for finding in findings if finding.verdict == "failed"]
    if as_json:
        _print_json(findings)
    elif not failed:
        click.echo(f"{name} keeps the contract. Next: mbench evaluate {shlex.quote(name)}")
    if failed:
        raise SystemExit(1)


def _print_json(findings: Sequence[Finding]) -> None:
    import json

    ok = all(finding.verdict != "failed" for finding in findings)
    click.echo(json.dumps({"ok": ok, "findings": [asdict(finding) for finding in findings]}, indent=1))
