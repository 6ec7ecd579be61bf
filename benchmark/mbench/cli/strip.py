"""`mbench strip`: every depth in one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mbench.cli.options import DEFAULT_RESULTS, child_options, examples, json_option, track_option


@click.command(
    epilog=examples(
        "mbench strip my.py",
        "mbench strip my.py knn mlp --out sheet.png",
        "mbench strip --track standard --landmark misiurewicz",
    )
)
@click.argument("submissions", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE…]")
@click.option("--task", default="mandelbrot", show_default=True, metavar="TASK", help="A fractal.")
@track_option
@click.option("--landmark", metavar="WORD", help="seahorse (default), elephant, period-3 or misiurewicz; others of "
              "other fractals.")  # fmt: skip
@child_options
@click.option("--results", type=click.Path(path_type=Path, file_okay=False), default=DEFAULT_RESULTS, show_default=True,
              help="Results folder, where fitted estimators are stored.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("strip.png"), show_default=True,
              help="Picture to write.")  # fmt: skip
@json_option
def strip(
    submissions: tuple[Path, ...],
    task: str,
    track: str,
    landmark: str | None,
    results: Path,
    out: Path,
    as_json: bool,
    **running: Any,
) -> None:
    """Draw fourteen octaves of zoom into one picture: truth, prediction and error about a point of the boundary.

    Across goes the angle about the point, down the magnification. Each FILE may be a baseline's name. Of several, or of
    none, which stands for every baseline evaluated here, it is a sheet of all next to the truth. What an evaluation
    stored is asked; a submission that was not evaluated learns first.
    """
    import json

    from mbench import api
    from mbench.results.store import ResultStore
    from mbench.submission import find_submission
    from mbench.views import strips
    from mbench.views.spots import Spot

    drawn = strips.draw_strips(
        [find_submission(path) for path in submissions],
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
