"""`mbench watch`: a film of a submission learning, or of several side by side."""

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
    jobs_option,
    json_option,
    look_option,
    track_option,
)


@click.command(
    epilog=examples(
        "mbench watch my.py --out film.mp4",
        "mbench watch my.py --task sphere --out sphere.gif",
        "mbench watch my.py mlp fourier_smooth --race seconds --out race.mp4",
    )
)
@name_argument(many=True)
@look_option
@track_option
@click.option("--race", type=click.Choice(["steps", "seconds"]), default="steps", show_default=True,
              help="What several are held equal by.")  # fmt: skip
@click.option("--grow", is_flag=True, help="Train anew on ever more points, even where training can be filmed.")
@click.option("--moments", "n_shots", type=click.IntRange(2, 200), default=48, show_default=True,
              help="How many moments to show at most.")  # fmt: skip
@click.option("--fps", type=click.IntRange(1, 50), default=10, show_default=True, help="Frames per second.")
@jobs_option
@child_options
@folder_option
@film_option
@json_option
def watch(
    names: tuple[str, ...],
    task: str,
    track: str,
    race: str,
    grow: bool,
    n_shots: int,
    fps: int,
    results: Path,
    out: Path,
    as_json: bool,
    **running: Any,
) -> None:
    """Film NAME learning a task: what it predicts, the truth, the error and the score, moment by moment.

    A submission whose `fit` takes `snapshot` is filmed while it trains, any other on a growing sample (100 points and
    up). Several, eight at most, make a race, side by side at equal steps (of a growing sample where one takes no
    snapshots) or at equal seconds.  The ending of --out says what is written: .mp4
    (H.264), .gif or .webp.
    """
    from mbench import api
    from mbench.cli.progress import FilmLive, print_film
    from mbench.views import learning_film
    from mbench.views.learning_film import Filming

    sources = [take_source(name, results) for name in names]
    with FilmLive() as live:
        film = learning_film.watch(
            sources,
            task,
            out,
            api.make_settings(**running),
            Filming(track=track, race="seconds" if race == "seconds" else "steps", grow=grow, n_shots=n_shots, fps=fps),
            live,
        )
    print_film(film, as_json)
