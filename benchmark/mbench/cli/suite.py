"""`mbench suite`: what belongs to the suite as a whole."""

from __future__ import annotations

from pathlib import Path

import click

from mbench.cli.options import examples, json_option, refuse_exposed_secret


@click.group(epilog=examples("mbench suite seed --out secret.txt"))
def suite() -> None:
    """Make what belongs to the suite as a whole."""


@suite.command(epilog=examples("mbench suite seed --out secret.txt", "mbench suite seed --out secret.txt --json"))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="File to write; never overwritten.",
)
@json_option
def seed(out: Path, as_json: bool) -> None:
    """Write a fresh secret that hidden test sets and audits are drawn under, and print its SHA-256.

    Keep the file, and publish the SHA-256: it proves afterwards that the test set was fixed before.
    """
    import json

    from mbench.suite.secrets import make_secret, secret_digest, write_secret

    refuse_exposed_secret(out)
    secret = make_secret()
    write_secret(out, secret)
    digest = secret_digest(secret)
    if as_json:
        click.echo(json.dumps({"path": str(out), "sha256": digest}))
    else:
        click.echo(f"{out}: a secret of 32 bytes. Keep it; publish its SHA-256:\n{digest}")
