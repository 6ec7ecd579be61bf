"""`mbench render`: pictures of what was learned, again or from an earlier run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mbench.cli.names import name_argument, take_source
from mbench.cli.options import examples, json_option, results_option, running_options, tasks_option, track_option


@click.command(epilog=examples("mbench render my.py", "mbench render fourier --task mandelbrot --fresh"))
@name_argument()
@track_option
@tasks_option()
@running_options
@results_option
@json_option
def render(name: str, track: str, tasks: tuple[str, ...], results: Path, as_json: bool, **running: Any) -> None:
    """Draw an evaluated submission from its stored estimators: zoom sheets, photos, surfaces, the depth profile."""
    import json

    from mbench import api
    from mbench.cli.progress import LiveProgress
    from mbench.cli.tables import print_paths
    from mbench.results.reference import load_reference

    source = take_source(name, results)
    with LiveProgress(load_reference(), "pictures") as live:
        drawings = api.render(source, track=track, tasks=tasks, out=results, report=live, **running)
    paths = [drawing.path for drawing in drawings if drawing.path]
    if as_json:
        click.echo(json.dumps([str(path) for path in paths]))
    else:
        print_paths(paths)
    for drawing in drawings:
        if drawing.reason:
            click.echo(drawing.reason, err=True)
