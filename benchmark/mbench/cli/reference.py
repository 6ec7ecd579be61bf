"""`mbench reference`: remakes the frozen k-NN reference of the suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mbench.cli.options import examples, results_option, running_options, write_option


@click.command(
    epilog=examples("mbench reference --write reference.json", "mbench reference --jobs 2 --results /tmp/reference")
)
@running_options
@results_option
@write_option
def reference(results: Path, write: Path | None, **running: Any) -> None:
    """Remake the frozen reference: constant and k-NN on every track, k-NN's learning curve.

    Needs MNIST and about fifteen minutes. Its cells are kept in DIR/reference/.
    """
    import json

    from mbench.api import make_settings
    from mbench.cli.progress import LiveProgress
    from mbench.disk import check_place, write_json
    from mbench.review.freeze_reference import FOLDER_NAME, ReferenceStore, make_reference
    from mbench.suite.tasks import load_task

    # What would end the run after minutes ends it now.
    load_task("mnist")
    if write is not None:
        check_place(write)
    with LiveProgress(None) as live:
        made = make_reference(ReferenceStore(results / FOLDER_NAME), make_settings(**running), live)
    if write is None:
        click.echo(json.dumps(made, indent=1))
    else:
        write_json(write, made)
