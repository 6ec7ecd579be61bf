"""`mbench submit`: a local result made ready for a pull request."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click

from mbench.cli.names import name_argument, take_source
from mbench.cli.options import examples, json_option, results_option, submissions_option, track_option


def _check_name(ctx: click.Context, parameter: click.Parameter, name: str) -> str:
    from mbench.submission import safe_name

    if name and name != safe_name(name):
        raise click.BadParameter(f"{name!r} is no name for a folder. Try {safe_name(name)!r}")
    return name


@click.command(
    epilog=examples("mbench submit my-idea --track standard", "mbench submit my-idea --track standard --update")
)
@name_argument()
@track_option
@results_option
@submissions_option
@click.option(
    "--name",
    "folder_name",
    default="",
    metavar="WORD",
    callback=_check_name,
    help="Of its folder. Default: the submission's own.",
)
@click.option("--update", is_flag=True, help="Replace what an earlier submit wrote; your words in README.md stay.")
@click.option("--incomplete", is_flag=True, help="Accept a result that lacks cells: shown, not ranked.")
@click.option("--unverified", is_flag=True, help="Accept a result of tier C: shown as unverified.")
@json_option
def submit(
    name: str,
    track: str,
    results: Path,
    submissions: Path,
    folder_name: str,
    update: bool,
    incomplete: bool,
    unverified: bool,
    as_json: bool,
) -> None:
    """Make a folder in submissions/ for a pull request: source, result.json, README with its row and picture, audit.

    It is to be a folder with submission.py that was evaluated on the track.
    """
    from mbench.review.publish import Consent, publish

    path = take_source(name, results).path
    assert path is not None
    published = publish(path, results, submissions, track, folder_name, Consent(update, incomplete, unverified))
    for note in published.notes:
        click.echo(note, err=True)
    if as_json:
        content = {"folder": str(published.folder), "paths": [str(path) for path in published.paths]}
        click.echo(json.dumps(content | {"notes": list(published.notes)}, indent=1))
        return
    click.echo("Written:")
    for path in published.paths:
        click.echo(f"  {path}")
    click.echo(f"Next, before you open the pull request:\n  mbench verify {shlex.quote(str(published.folder))}")
