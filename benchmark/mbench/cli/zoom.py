"""`mbench zoom`: a film of a dive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mbench.cli.options import DEFAULT_RESULTS, child_options, examples, film_option, json_option, track_option


@click.command(
    epilog=examples(
        "mbench zoom my.py --out dive.mp4",
        "mbench zoom my.py --landmark misiurewicz --out dive.mp4",
        "mbench zoom knn --task julia --landmark spiral --out dive.webp",
    )
)
@click.argument("submission", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--task", default="mandelbrot", show_default=True, metavar="TASK", help="A fractal.")
@track_option
@click.option("--landmark", metavar="WORD", help="seahorse (default), elephant, period-3 or misiurewicz; others of "
              "other fractals.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(1, 120), default=14.0, show_default=True, help="Of diving.")
@child_options
@click.option("--results", type=click.Path(path_type=Path, file_okay=False), default=DEFAULT_RESULTS, show_default=True,
              help="Results folder, where the fitted estimator is stored.")  # fmt: skip
@film_option
@json_option
def zoom(
    submission: Path,
    task: str,
    track: str,
    landmark: str | None,
    seconds: float,
    results: Path,
    out: Path,
    as_json: bool,
    **running: Any,
) -> None:
    """Film a smooth dive into a landmark, from magnification 1 to 16,384: the truth above, what FILE learned below.

    FILE may be a baseline's name. What an evaluation stored is asked; a submission that was not evaluated learns first.
    The ending of --out says what is written: .mp4 (H.264), .gif or .webp.
    """
    from mbench import api
    from mbench.cli.filming import FilmLive, print_film
    from mbench.results.store import ResultStore
    from mbench.runs.run import Run
    from mbench.submission import find_submission
    from mbench.views import dive_film
    from mbench.views.spots import Spot

    with FilmLive() as live:
        film = dive_film.zoom(
            Run(find_submission(submission), api.make_settings(**running)),
            Spot(task, track, landmark),
            out,
            ResultStore(results),
            seconds=seconds,
            report=live,
        )
    print_film(film, as_json)
