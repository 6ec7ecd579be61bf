"""`mbench data`: data sets that do not come with the package."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mbench.cli.options import examples, json_option


@click.group(epilog=examples("mbench data fetch"))
def data() -> None:
    """Get the data sets that do not come with the package."""


@data.command(epilog=examples("mbench data fetch", "MBENCH_DATA=/data mbench data fetch"))
@json_option
def fetch(as_json: bool) -> None:
    """Download MNIST (about 15 MB) from OpenML, check it, and store it for the tracks standard and large.

    It goes to $MBENCH_DATA/mnist, or to the user's data folder. An interrupted download starts over cleanly.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from mbench.errors import HarnessError, MissingDataError
    from mbench.suite import datasets

    try:
        datasets.load_mnist()
        _tell(datasets.data_folder() / "mnist", as_json, is_new=False)
        return
    except MissingDataError:
        pass
    except HarnessError as error:
        click.echo(f"{error}: fetching it again", err=True)
    columns = (
        TextColumn("MNIST from OpenML (then unpacking: half a minute)"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        download = bar.add_task("download", total=datasets.MNIST_DOWNLOAD)
        folder = datasets.fetch_mnist(lambda received: bar.update(download, completed=received))
    _tell(folder, as_json, is_new=True)


def _tell(folder: Path, as_json: bool, *, is_new: bool) -> None:
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "downloaded": is_new}))
    else:
        click.echo(f"MNIST is in {folder}{'' if is_new else ' already'}; its checksums hold.")
