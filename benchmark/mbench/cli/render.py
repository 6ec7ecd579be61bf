"""`mbench render`: pictures of what was learned, again or from an earlier run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mbench.cli.options import examples, json_option, out_option, running_options, task_option, track_option


@click.command(epilog=examples("mbench render my.py", "mbench render baselines/fourier.py --task mandelbrot --fresh"))
@click.argument("submission", type=click.Path(path_type=Path))
@track_option
@task_option
@running_options
@out_option
@json_option
def render(submission: Path, track: str, tasks: tuple[str, ...], out: Path, as_json: bool, **running: Any) -> None:
    """Draw an evaluated SUBMISSION from its stored estimators: zoom sheets, photos, surfaces, the depth profile."""
    import json

    from mbench import api
    from mbench.cli.progress import LiveProgress
    from mbench.cli.tables import print_paths
    from mbench.results.reference import load_reference
    from mbench.submission import read_submission

    with LiveProgress(load_reference(), "pictures") as live:
        drawings = api.render(read_submission(submission), track=track, tasks=tasks, out=out, report=live, **running)
    paths = [drawing.path for drawing in drawings if drawing.path]
    if as_json:
        click.echo(json.dumps([str(path) for path in paths]))
    else:
        print_paths(paths)
    for drawing in drawings:
        if drawing.reason:
            click.echo(drawing.reason, err=True)
