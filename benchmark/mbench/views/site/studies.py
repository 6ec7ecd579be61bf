"""What the sources claim, tested: the recorded studies as pages, each with its figure, film, claims and oracles."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mbench.disk import write_atomically
from mbench.results.studies import RECORDED_STUDIES, ClaimResult, Spread, StudyRecord, recorded_study
from mbench.runs.run_study import describe_study, study_names
from mbench.views.entry_pictures import encode
from mbench.views.site.media import FILM, FOLDER, Picture, take_film, take_poster

FIGURE = "figure.png"
_LARGE, _STILL = (1400, 5600), (1600, 420)  # pixels across and down that a figure is shrunk to


@dataclass(frozen=True, slots=True)
class StudyPage:
    """A recorded study with what there is to look at.

    claim: in one line.  link: to its source.  shows: what its film shows.  still: of its film, else the figure, small.
    """

    name: str
    claim: str
    link: str
    shows: str
    full_min: int | None
    record: StudyRecord
    figure: Picture | None
    still: Picture | None
    film: str | None
    poster: Picture | None

    @property
    def href(self) -> str:
        """Its page, from the site's root."""
        return f"studies/{self.name}.html"

    @property
    def verdict(self) -> str:
        """Its verdict, with the circumstances where there are some."""
        return f"{self.record.verdict} {self.record.when}".strip()

    @property
    def n_true(self) -> tuple[int, int]:
        """How many of the source's own claims are true, and how many there are."""
        own = [claim.verdict for claim in self.record.claims if claim.kind == "source"]
        return own.count("true"), len(own)

    @property
    def paths(self) -> set[str]:
        """Every file of it, from the site's root."""
        pictures = [each.path for each in (self.figure, self.still, self.poster) if each]
        return {*pictures, *([self.film] if self.film else [])}


def take_studies(site: Path) -> list[StudyPage]:
    """Copy what is recorded of every study into the site. A picture that cannot be read is left out."""
    pages = []
    for name in study_names():
        record = recorded_study(name)
        if record is None:
            continue
        folder = RECORDED_STUDIES / name
        film = take_film(site, folder / FILM)
        poster = take_poster(site, film) if film else None
        told = describe_study(name)
        pages.append(
            StudyPage(
                name=name,
                claim=told.claim.rstrip("."),
                link=told.link,
                shows=told.shows,
                full_min=told.full_min,
                record=record,
                figure=_take_figure(site, folder / FIGURE, _LARGE),
                still=poster or _take_figure(site, folder / FIGURE, _STILL),
                film=film,
                poster=poster,
            )
        )
    return pages


def tell_spread(value: Spread) -> str:
    """Return the mean over seeds and their range, as `mbench study` prints it."""
    return "–" if value.mean is None else f"{value.mean:.4g} [{value.low:.4g}, {value.high:.4g}]"


def tell_case(claim: ClaimResult) -> list[tuple[str, str, str, str]]:
    """Return for each circumstance of a claim: when, what was measured, under each seed, and whether it holds."""
    said = []
    for case in claim.cases:
        holds = "" if case.holds is None else "holds" if case.holds else f"no ({case.seeds_holding} seeds hold)"
        seeds = " · ".join("–" if value is None else f"{value:.3g}" for value in case.value.values)
        said.append((case.when, tell_spread(case.value), seeds, holds))
    return said


def _take_figure(site: Path, path: Path, size: tuple[int, int]) -> Picture | None:
    """Write a figure again as a WebP of at most this size, named by its content."""
    from PIL import Image

    try:
        content = path.read_bytes()
        target = f"{FOLDER}/{hashlib.sha256(content).hexdigest()[:20]}-{size[1]}.webp"
        if not (site / target).exists():
            with Image.open(path, formats=("PNG",)) as image:
                image.thumbnail(size)
                write_atomically(site / target, encode(np.asarray(image.convert("RGB")), 80))
        with Image.open(site / target, formats=("WEBP",)) as image:
            return Picture(path.stem, target, *image.size)
    except (OSError, ValueError):
        return None
