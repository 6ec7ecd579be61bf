"""`mbench strip`: every depth in one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mbench.cli.names import name_argument, take_source
from mbench.cli.options import (
    child_options,
    examples,
    folder_option,
    json_option,
    landmark_option,
    look_option,
    track_option,
)


@click.command(
    epilog=examples(
        "mbench strip my.py",
        "mbench strip my.py knn mlp --out sheet.png",
        "mbench strip --track standard --landmark misiurewicz",
    )
)
@name_argument(many=True, required=False)
@look_option
@track_option
@landmark_option
@child_options
@folder_option
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("strip.png"), show_default=True,
              metavar="FILE", help="Picture to write.")  # fmt: skip
@json_option
def strip(
    names: tuple[str, ...],
    task: str,
    track: str,
    landmark: str | None,
    results: Path,
    out: Path,
    as_json: bool,
    **running: Any,
) -> None:
    """Draw fourteen octaves of zoom into one picture: truth, prediction and error about a point of the boundary.

    Across goes the angle about the point, down the magnification. Of several, or of
    none, which stands for every baseline evaluated here, it is a sheet of all next to the truth. What an evaluation
    stored is asked; a submission that was not evaluated learns first.
    """
    import json

    from mbench import api
    from mbench.results.store import ResultStore
    from mbench.views import strips
    from mbench.views.spots import Spot

    drawn = strips.draw_strips(
        [take_source(name, results) for name in names],
        Spot(task, track, landmark),
        out,
        ResultStore(results),
        api.make_settings(**running),
        report=lambda words: click.echo(words, err=True),
    )
    if as_json:
        click.echo(json.dumps({"path": str(drawn.path), "names": drawn.names, "left_out": drawn.left_out}))
    else:
        click.echo(f"Wrote {drawn.path}: {', '.join(drawn.names)}")
    for words in drawn.left_out:
        click.echo(f"left out: {words}", err=True)
