"""Pictures and films that an evaluation left beside its result, taken into the site in sizes fit for a page."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mbench.disk import write_atomically
from mbench.suite import tracks
from mbench.suite.tasks import find_task
from mbench.views.entry_pictures import encode

FOLDER = "media"
FILM = "film.mp4"
_LARGEST = (1800, 16_000)  # pixels a sheet is shrunk to
_FILM_LIMIT = 64 << 20
_QUALITY = 82


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of the site. path: from its root.  width, height: in pixels."""

    name: str
    path: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Media:
    """What there is to look at of one entry; None and () where it was not made."""

    film: str | None = None
    poster: Picture | None = None
    sheets: tuple[Picture, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file of it, from the site's root."""
        pictures = (*self.sheets, *((self.poster,) if self.poster else ()))
        return (*(picture.path for picture in pictures), *((self.film,) if self.film else ()))


def sheets() -> tuple[str, ...]:
    """Return the headline tasks that `mbench render` draws, in the order of the suite."""
    return tuple(name for name in tracks.task_names() if tracks.is_headline(name) and find_task(name).has_picture)


def take_media(site: Path, folder: Path | None, fits: frozenset[str], digest: str) -> Media:
    """Copy what a folder of pictures holds of a source into the site. A file that is no picture is passed over.

    fits: `Record.fit_id` of the cells that a sheet may be drawn from.  digest: of the source that a film has to show.
    """
    if folder is None:
        return Media()
    taken = [_take_picture(site, folder / f"{task}.png", task, fits) for task in sheets()]
    film = take_film(site, folder / FILM, digest)
    return Media(
        film=film,
        poster=take_poster(site, film) if film else None,
        sheets=tuple(sheet for sheet in taken if sheet is not None),
    )


def _take_picture(site: Path, path: Path, name: str, fits: frozenset[str]) -> Picture | None:
    """Write a PNG again as a WebP fit for a page, named by its content so that none is written twice."""
    from PIL import Image

    from mbench.views.render.page import read_fit

    try:
        if read_fit(path) not in fits:
            return None
        content = path.read_bytes()
        target = f"{FOLDER}/{hashlib.sha256(content).hexdigest()[:24]}.webp"
        if not (site / target).exists():
            with Image.open(path, formats=("PNG",)) as image:
                image.thumbnail(_LARGEST)
                draft = site / FOLDER / f".{Path(target).name}"
                draft.parent.mkdir(parents=True, exist_ok=True)
                image.convert("RGB").save(draft, format="WEBP", quality=_QUALITY, method=4)
            draft.replace(site / target)
        with Image.open(site / target, formats=("WEBP",)) as image:
            return Picture(name, target, *image.size)
    except (OSError, ValueError, Image.DecompressionBombError):
        return None


def take_film(site: Path, path: Path, digest: str | None = None) -> str | None:
    """Copy a film into the site and return its path there, None where there is none. digest: of what it has to show."""
    from mbench.views.film_file import read_digests

    if digest is not None and digest not in read_digests(path):
        return None
    try:
        if path.stat().st_size > _FILM_LIMIT:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    target = f"{FOLDER}/{hashlib.sha256(content).hexdigest()[:24]}.mp4"
    if not (site / target).exists():
        write_atomically(site / target, content)
    return target


def take_poster(site: Path, film: str) -> Picture | None:
    """Write the last frame of a film of the site beside it: what is shown until it plays, in its place and size."""
    from PIL import Image

    from mbench.views.film_file import read_last_frame

    target = str(Path(film).with_suffix(".webp"))
    try:
        if not (site / target).exists():
            write_atomically(site / target, encode(read_last_frame(site / film)))
        with Image.open(site / target, formats=("WEBP",)) as image:
            return Picture("film", target, *image.size)
    except (OSError, ValueError):
        return None


def prune(site: Path, kept: set[str]) -> None:
    """Remove what no page shows any more. kept: paths from the site's root."""
    for path in (site / FOLDER).glob("*"):
        if f"{FOLDER}/{path.name}" not in kept:
            path.unlink()
