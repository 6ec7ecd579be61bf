"""`mbench sample`: the data, for a notebook."""

from __future__ import annotations

from pathlib import Path

import click

from mbench.cli.options import examples, json_option
from mbench.cli.values import Whole


@click.command(
    epilog=examples(
        "mbench sample mandelbrot -n 100000 --replicate 0 --out sample.npz",
        "python -c \"import numpy; print(numpy.load('sample.npz')['X'].shape)\"",
    )
)
@click.argument("task", metavar="TASK")
@click.option("-n", "n", type=Whole(min=1), required=True, help="How many points.")
@click.option("--replicate", type=Whole(min=0), default=0, show_default=True, help="Which sample.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="File to write. Default: TASK.npz.")  # fmt: skip
@json_option
def sample(task: str, n: int, replicate: int, out: Path | None, as_json: bool) -> None:
    """Write a training sample of TASK as .npz.

    Arrays: X and y as submissions get them, and points, the same X in the task's own coordinates.
    """
    import json

    import numpy as np

    from mbench.api import draw_sample
    from mbench.errors import HarnessError, UsageError

    drawn = draw_sample(task, n, replicate)
    path = out or Path(f"{task.replace(':', '-').replace('/', '-')}.npz")
    try:
        file = path.open("wb")  # opened here: numpy would add .npz to a name without it
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}). Give another --out") from error
    try:
        with file:
            np.savez_compressed(file, X=drawn.X, y=drawn.y, points=drawn.points)
    except OSError as error:
        raise HarnessError(f"{path}: cannot be written ({error.strerror}). Free some space") from error
    if as_json:
        shapes = {name: list(getattr(drawn, name).shape) for name in ("X", "y", "points")}
        click.echo(json.dumps({"path": str(path), "task": task, "n": n, "replicate": replicate, "shapes": shapes}))
    else:
        click.echo(f"Wrote {path}: X {drawn.X.shape}, y {drawn.y.shape}, points {drawn.points.shape}")
