"""The making of a film, as it goes on and as it ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from mbench.cli.progress import Live

if TYPE_CHECKING:
    from mbench.views.learning_film import Film, WatchProgress

_PHASES = {
    "training": "trains",
    "asking": "answers as of each snapshot",
    "growing": "trains on ever more points",
    "diving": "answers, octave by octave",
    "filming": "drawing",
}


class FilmLive(Live):
    """A report callback for films: a bar per phase on a terminal, a line per phase elsewhere, both on stderr."""

    def __init__(self) -> None:
        """Draw nothing yet."""
        super().__init__("")
        self._last = ""

    def __call__(self, progress: WatchProgress) -> None:
        """Take in one step."""
        words = f"{progress.name}: {_PHASES[progress.phase]}"
        if words != self._last and not self._console.is_terminal:
            self._console.print(escape(words), soft_wrap=True)
        self._last = words
        known = progress.total > 1
        self._bar.update(
            self._total,
            description=escape(words),
            total=progress.total if known else None,
            completed=progress.done,
            count=f"{progress.done}/{progress.total}" if known else "",
        )


def print_film(film: Film, as_json: bool) -> None:
    """Say where a film is and how long; what a viewer should know goes to stderr."""
    if as_json:
        click.echo(json.dumps({"path": str(film.path), "frames": film.n_frames, "seconds": film.seconds}))
    else:
        size = film.path.stat().st_size / 2**20
        click.echo(f"Wrote {film.path}: {film.n_frames} frames, {film.seconds:.1f} s, {size:.1f} MB")
    for note in film.notes:
        click.echo(note, err=True)
