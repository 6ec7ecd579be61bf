"""`mbench watch`: a film of a submission learning, or of several side by side."""

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
    jobs_option,
    json_option,
    look_option,
    track_option,
)
from mbench.cli.values import OneOf, Whole

if TYPE_CHECKING:
    from mbench.views.reel import Cut


@click.command(
    epilog=examples(
        "mbench watch my.py --out film.mp4",
        "mbench watch my.py --task sphere --out sphere.gif",
        "mbench watch my.py mlp fourier_smooth --race seconds --out race.mp4",
        "mbench watch my.py --aspect 16:9 --aspect 9:16 --out film.mp4",
    )
)
@name_argument(many=True)
@look_option
@track_option
@click.option("--race", type=OneOf(["steps", "seconds"]), default="steps", show_default=True,
              help="What several are held equal by.")  # fmt: skip
@click.option("--grow", is_flag=True, help="Train anew on ever more points, even where training can be filmed.")
@click.option("--moments", "n_shots", type=Whole(2, 200), default=48, show_default=True,
              help="Moments of a training to show at most; of a growing sample half as many.")  # fmt: skip
@cut_options
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
    cut: Cut,
    results: Path,
    out: Path,
    as_json: bool,
    **running: Any,
) -> None:
    """Film NAME learning a task: what it predicts, the truth, the error and the score, moment by moment.

    A submission whose `fit` takes `snapshot` is filmed while it trains, any other on a growing sample (100 points and
    up). Several, eight at most, make a race, side by side at equal steps or at equal seconds; each is trained once.
    A film has a title card and an end card, and a sentence on what is seen. How long it takes is said before it starts.
    The ending of --out says what is written: .mp4 (H.264), .gif or .webp. Of several shapes each has its own in the
    file's name.
    """
    from mbench import api
    from mbench.cli.progress import FilmLive, print_film
    from mbench.results.store import ResultStore
    from mbench.views import learning_film
    from mbench.views.footage import Filming

    sources = [take_source(name, results) for name in names]
    store = ResultStore(results) if (results / "cells").is_dir() else None
    filming = Filming(track, "seconds" if race == "seconds" else "steps", grow, n_shots, store)
    with FilmLive() as live:
        film = learning_film.watch(sources, (task, filming), out, api.make_settings(**running), cut, live)
    print_film(film, as_json)
