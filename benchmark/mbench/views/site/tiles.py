"""The pictures of entries and of the truth in the site's folder: taken from where they are recorded, or drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mbench.disk import write_atomically
from mbench.suite.tasks import load_task
from mbench.views.entry_pictures import TASK, VERSION, Drawn, draw_truth, encode, read_drawn, write_drawn
from mbench.views.render.colours import ERROR_COLOURS, VALUE_COLOURS, paint

FOLDER = "tiles"
PORTRAIT = "portrait.webp"


@dataclass(frozen=True, slots=True)
class Tiles:
    """The pictures of one fit. path: their folder, from the site's root.  scores, strip: as in `Drawn`."""

    path: str
    scores: tuple[float | None, ...]
    strip: tuple[float, ...]


def put_drawn(site: Path, drawn: Drawn) -> Tiles:
    """Write pictures into the site, where they are not there yet. Raises OSError."""
    path = _folder_of(drawn.fit)
    if read_drawn(site / path) is None:
        write_drawn(site / path, drawn)
    return Tiles(path, drawn.scores, drawn.strip)


def read_tiles(site: Path, fit: str) -> Tiles | None:
    """Return the pictures that a site has of a fit (`Record.fit_id`), or None."""
    path = _folder_of(fit)
    found = read_drawn(site / path)
    return None if found is None or found.fit != fit else Tiles(path, found.scores, found.strip)


def put_truth(site: Path) -> str:
    """Write the truth's pictures where they are not there yet, and return their folder."""
    path = f"{FOLDER}/{truth_name()}"
    if not (site / path / PORTRAIT).exists():
        files = draw_truth()
        for name in sorted(files, key=lambda name: name == PORTRAIT):  # last: it says that all are there
            write_atomically(site / path / name, files[name])
    return path


def draw_ramps() -> dict[str, bytes]:
    """Return the colour bars of values and errors as files, by name."""
    ramp = np.linspace(0.0, 1.0, 256)[None].repeat(8, axis=0)
    return {
        "values.webp": encode(paint(ramp, VALUE_COLOURS), quality=100),
        "errors.webp": encode(paint(ramp, ERROR_COLOURS), quality=100),
    }


def truth_name() -> str:
    """Return the name of the truth's folder, another one for another truth."""
    return f"truth-{load_task(TASK).digest()[:12]}-{VERSION}"


def prune(site: Path, kept: Iterable[str]) -> None:
    """Remove the pictures that no page shows any more. kept: folders from the site's root."""
    names = {Path(path).name for path in kept}
    for folder in (site / FOLDER).glob("*/"):
        if folder.name not in names and not folder.is_symlink():
            for path in folder.glob("*"):
                path.unlink()
            folder.rmdir()


def _folder_of(fit: str) -> str:
    # Short: a board of a thousand rows names as many.
    return f"{FOLDER}/{hashlib.sha256(fit.encode()).hexdigest()[:12]}-{VERSION}"
