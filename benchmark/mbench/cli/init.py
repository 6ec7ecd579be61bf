"""`mbench init`: a submission to start from."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path

import click

from mbench.cli.options import examples, json_option
from mbench.errors import UsageError
from mbench.submission import ENTRY_NAME, TEMPLATE_FOLDER


@click.command(epilog=examples("mbench init my-idea", "mbench evaluate my-idea"))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path(), metavar="[DIR]")
@json_option
def init(folder: Path, as_json: bool) -> None:
    """Write a template submission.py into DIR (default: here)."""
    target = folder / ENTRY_NAME
    if os.path.lexists(target):
        raise UsageError(f"{target}: exists already. Choose another folder, or delete it first")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(TEMPLATE_FOLDER / ENTRY_NAME, target)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror}). Choose another folder") from error
    if as_json:
        click.echo(json.dumps({"path": str(target)}))
        return
    quoted = shlex.quote(str(target))
    click.echo(f"Wrote {target}. Edit it, then:\n  mbench check {quoted}\n  mbench evaluate {quoted}")
