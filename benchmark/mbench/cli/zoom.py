"""`mbench zoom`: a film of a dive that ends where the prediction is lost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbench.cli.names import name_argument, take_source
from mbench.cli.options import (
    child_options,
    cut_options,
    examples,
    film_option,
    folder_option,
    json_option,
    landmark_option,
    look_option,
    track_option,
)

if TYPE_CHECKING:
    from mbench.views.reel import Cut


@click.command(
    epilog=examples(
        "mbench zoom my.py --out dive.mp4",
        "mbench zoom my.py --landmark misiurewicz --aspect 9:16 --out dive.mp4",
        "mbench zoom knn --task julia --landmark spiral --out dive.webp",
    )
)
@name_argument()
@look_option
@track_option
@landmark_option
@cut_options
@child_options
@folder_option
@film_option
@json_option
def zoom(
    name: str,
    task: str,
    track: str,
    landmark: str | None,
    cut: Cut,
    results: Path,
    out: Path,
    as_json: bool,
    **running: Any,
) -> None:
    """Film a smooth dive into a landmark, the truth beside what NAME learned, until NAME has lost it.

    It is lost where it explains less than half of what is there, for two octaves on end; the film ends after these, at
    magnification 16,384 at the latest, and says where that was. What an evaluation stored is asked; a submission that
    was not evaluated on the task is, first, and its score kept.
    The ending of --out says what is written: .mp4 (H.264), .gif or .webp. Of several shapes each has its own in the
    file's name.
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
            cut,
            live,
        )
    print_film(film, as_json)
