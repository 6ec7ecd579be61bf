"""The connection that `--cluster` asks for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mbench.runs.on_cluster import Cluster


@contextlib.contextmanager
def connect(address: str | None, running: dict[str, Any]) -> Iterator[Cluster | None]:
    """Lend a connection to the scheduler at `address` and say what is there, or None without an address.

    running: the values of `running_options`.
    """
    if address is None:
        yield None
        return
    from mbench.runs.on_cluster import Cluster, Demand

    demand = Demand(running["isolation"], running["unsafe_no_sandbox"], running["device"])
    with Cluster(address, demand) as cluster:
        click.echo(f"{address}: {cluster.n_threads} cells at a time, isolation tier {cluster.tier}", err=True)
        yield cluster
