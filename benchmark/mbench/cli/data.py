"""`mbench data`: data sets that do not come with the package."""

from __future__ import annotations

import click

from mbench.cli.options import examples


@click.group(epilog=examples("mbench data fetch"))
def data() -> None:
    """Get the data sets that do not come with the package."""


@data.command(epilog=examples("mbench data fetch", "MBENCH_DATA=/data mbench data fetch"))
def fetch() -> None:
    """Download MNIST (about 15 MB) from OpenML, check it, and store it for the tracks standard and large.

    It goes to $MBENCH_DATA/mnist, or to the user's data folder. An interrupted download starts over cleanly.
    """
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

    from mbench import datasets
    from mbench.errors import HarnessError, MissingDataError

    try:
        datasets.load_mnist()
        click.echo(f"MNIST is in {datasets.data_folder() / 'mnist'} already, and its checksums hold.")
        return
    except MissingDataError:
        pass
    except HarnessError as error:
        click.echo(f"{error}: fetching it again", err=True)
    columns = (
        SpinnerColumn(),
        TextColumn("MNIST from OpenML (then unpacking: half a minute)"),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        download = bar.add_task("download", total=None)
        folder = datasets.fetch_mnist(lambda received: bar.update(download, completed=received))
    click.echo(f"MNIST is in {folder}; its checksums hold.")
