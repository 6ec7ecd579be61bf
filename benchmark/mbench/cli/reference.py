"""`mbench reference`: remakes the frozen k-NN reference of the suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mbench.cli.options import examples, results_option, running_options, tracks_option, write_option


@click.command(
    epilog=examples("mbench reference --write reference.json", "mbench reference --jobs 2 --results /tmp/reference")
)
@tracks_option
@running_options
@results_option
@write_option
def reference(tracks: tuple[str, ...], results: Path, write: Path | None, **running: Any) -> None:
    """Remake the frozen reference: constant and k-NN on every track, 20 replicates, and k-NN's learning curve.

    Needs MNIST, and about an hour on two cores. Its cells are kept in DIR/reference/, so that it goes on where it was
    stopped. Without track large, which takes most of it, the curves end at a million points. Tracks that are left out
    stay in FILE as they are, where they are of the same suite and baselines.
    """
    import contextlib
    import json

    from mbench.api import make_settings
    from mbench.cli.progress import LiveProgress
    from mbench.disk import check_place, write_json
    from mbench.review.freeze_reference import FOLDER_NAME, ReferenceStore, make_reference
    from mbench.suite.tasks import load_task
    from mbench.suite.tracks import TRACKS

    # What would end the run after minutes ends it now.
    load_task("mnist")
    if write is not None:
        check_place(write)
    with LiveProgress(None) as live:
        store = ReferenceStore(results / FOLDER_NAME)
        made = make_reference(store, make_settings(**running), tracks or tuple(TRACKS), live)
    if write is None:
        click.echo(json.dumps(made, indent=1))
        return
    before = {}
    with contextlib.suppress(OSError, ValueError):  # no file yet, or another's
        before = json.loads(write.read_text())
    if all(before.get(name) == made[name] for name in ("suite", "sources")):
        frozen = before["tracks"] | made["tracks"]
        made["tracks"] = {name: frozen[name] for name in TRACKS if name in frozen}
        made["curves"] = made["curves"] if "large" in (tracks or TRACKS) else before["curves"]
    write_json(write, made)
