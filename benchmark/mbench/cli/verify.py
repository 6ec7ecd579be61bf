"""`mbench verify`: what a maintainer runs before accepting a record, and what then stands on the board."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbench.cli.names import name_argument
from mbench.cli.options import examples, hidden_option, isolation_option, jobs_option, json_option, unsafe_option

if TYPE_CHECKING:
    from mbench.review.verify import Accepted, Check, Claim
    from mbench.runs.settings import Settings

TIER = "A"
RUNNABLE = ("source", "test set", "one manner", "tasks")  # without these there is nothing to run again


@click.command(
    epilog=examples(
        "mbench verify submissions/my-idea",
        "mbench verify submissions/my-idea --hidden-seed secret.txt --accept",
    )
)
@name_argument()
@hidden_option
@jobs_option
@isolation_option
@unsafe_option
@click.option("--accept", "is_accepted", is_flag=True, help="Publish the rerun where every check holds: the board "
              "shows its numbers, and none that were claimed.")  # fmt: skip
@json_option
def verify(name: str, secret: bytes | None, is_accepted: bool, as_json: bool, **running: Any) -> None:
    """Check a recorded result before it is accepted: run its source again, on hidden test points, and audit it.

    It is to be a folder that holds submission.py and result.json, given by its path or by its name in submissions/.
    Every recorded cell is run again from the source, under isolation tier A
    unless --isolation names another, and compared; the tasks with fresh points are run on a hidden test set; then the
    audit. With --accept the rerun and its audit are written to verified/NAME/ beside the folder, with date, machine and
    tier; without it nothing is kept. Exit code: 0 every check holds, 1 one does not, 2 usage, 3 our fault.
    """
    import json
    import tempfile
    from dataclasses import asdict
    from datetime import UTC, datetime

    from mbench import api
    from mbench.errors import UsageError
    from mbench.results.names import find_folder
    from mbench.results.store import RESULT_NAME
    from mbench.review.verify import accept, check_claim, read_claims
    from mbench.submission import ENTRY_NAME
    from mbench.suite.secrets import make_secret, secret_digest

    folder = find_folder(name, f"{ENTRY_NAME} and {RESULT_NAME}")
    claims = read_claims(folder)
    settings = [api.make_settings(**claim.running, **running) for claim in claims]
    tier = settings[0].isolation
    if tier.tier != TIER and running["isolation"] is None:
        raise UsageError(
            f"verifying needs isolation tier {TIER}, this machine offers {tier.tier}. {tier.why_not_higher or ''} "
            f"To accept it all the same: --isolation {tier.tier}"
        )
    secret = make_secret() if secret is None else secret
    click.echo(f"{folder}: isolation tier {tier.tier}, hidden test set {secret_digest(secret)}", err=True)
    checks: list[tuple[str, Check]] = []
    found: list[Accepted] = []
    for claim, its_settings in zip(claims, settings, strict=True):
        with tempfile.TemporaryDirectory(prefix="mbench-verify-") as out:
            sure = check_claim(claim)
            stages = iter(sure)
            if all(check.ok for check in sure if check.what in RUNNABLE):
                stages = _chain(sure, _run_stages(claim, its_settings, secret, Path(out), found))
            for check in stages:
                checks.append((claim.track, check))
                if not as_json:
                    mark = click.style("✓", fg="green") if check.ok else click.style("✗", fg="red")
                    click.echo(f"{mark} {claim.track}: {check.what}: {'ok' if check.ok else 'failed'}: {check.detail}")
    ok = all(check.ok for _, check in checks)
    written = accept(folder, found, secret, datetime.now(UTC)) if ok and is_accepted else ()
    if as_json:
        rows = [{"track": track, **asdict(check)} for track, check in checks]
        paths = [str(path) for path in written]
        content = {"ok": ok, "hidden_sha256": secret_digest(secret), "checks": rows, "written": paths}
        click.echo(json.dumps(content, indent=1))
    elif ok:
        click.echo(f"{folder}: every check holds.")
        if written:
            click.echo("Written:\n" + "\n".join(f"  {path}" for path in written))
        else:
            click.echo("Nothing is kept: with --accept the board shows this rerun.")
    if not ok:
        raise SystemExit(1)


def _chain(first: list[Check], rest: Iterator[Check]) -> Iterator[Check]:
    yield from first
    yield from rest


def _run_stages(claim: Claim, settings: Settings, secret: bytes, out: Path, found: list[Accepted]) -> Iterator[Check]:
    """Yield what is found as it is found, and append what may be published to `found`."""
    from dataclasses import replace

    from mbench.cli.progress import AuditLive, LiveProgress
    from mbench.results.audits import load_bounds
    from mbench.review.audit.run import run_audit
    from mbench.review.verify import (
        Accepted,
        check_audited,
        check_hidden,
        check_rerun,
        judge_audit,
        measure_gap,
        run_again,
        run_hidden,
    )

    running = {
        "jobs": settings.jobs,
        "isolation": settings.isolation.tier,
        "unsafe_no_sandbox": settings.isolation.tier == "C",
    }
    with LiveProgress(None, "rerun") as live:
        records = run_again(claim, out, live, running)
    yield check_rerun(claim, records)
    with LiveProgress(None, "hidden test set") as live:
        hidden = run_hidden(claim, secret, out, live, running)
    rerun = replace(
        claim, records=records
    )  # what is published is held against the hidden test set, not what is claimed
    yield from check_hidden(rerun, hidden, load_bounds())
    with AuditLive() as audit:
        report = run_audit(claim.source, secret, settings, track=claim.track, report=audit)
    found.append(Accepted(records, report, measure_gap(rerun, hidden)))
    yield from check_audited(rerun, report)
    yield judge_audit(claim, report)
