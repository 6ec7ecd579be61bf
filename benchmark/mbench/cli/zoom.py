"""`mbench zoom`: a film of a dive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mbench.cli.names import name_argument, take_source
from mbench.cli.options import (
    child_options,
    examples,
    film_option,
    folder_option,
    json_option,
    landmark_option,
    look_option,
    track_option,
)


@click.command(
    epilog=examples(
        "mbench zoom my.py --out dive.mp4",
        "mbench zoom my.py --landmark misiurewicz --out dive.mp4",
        "mbench zoom knn --task julia --landmark spiral --out dive.webp",
    )
)
@name_argument()
@look_option
@track_option
@landmark_option
@click.option("--seconds", type=click.FloatRange(1, 120), default=16.0, show_default=True, help="How long the film is.")
@child_options
@folder_option
@film_option
@json_option
def zoom(
    name: str,
    task: str,
    track: str,
    landmark: str | None,
    seconds: float,
    results: Path,
    out: Path,
    as_json: bool,
    **running: Any,
) -> None:
    """Film a smooth dive into a landmark, from magnification 1 to 16,384: the truth above, what NAME learned below.

    What an evaluation stored is asked; a submission that was not evaluated learns first.
    The ending of --out says what is written: .mp4 (H.264), .gif or .webp.
    """
    from mbench import api
    from mbench.cli.progress import FilmLive, print_film
    from mbench.results.store import ResultStore
    from mbench.runs.run import Run
    from mbench.views import dive_film
    from mbench.views.spots import Spot

    with FilmLive() as live:
        film = dive_film.zoom(
            Run(take_source(name, results), api.make_settings(**running)),
            Spot(task, track, landmark),
            out,
            ResultStore(results),
            seconds=seconds,
            report=live,
        )
    print_film(film, as_json)
