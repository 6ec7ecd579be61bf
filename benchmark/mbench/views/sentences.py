"""What a film says of itself, to somebody who knows nothing of it."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from mbench.runs.cells import Cell
from mbench.suite.tracks import IMAGE_PREFIX, family_of
from mbench.views.footage import Footage
from mbench.words import list_words

PROJECT = "mbench: how well can a machine learn the Mandelbrot set from a random sample of its points?"

_SUBJECTS: MappingProxyType[str, str] = MappingProxyType(
    {
        "mandelbrot": "the Mandelbrot set",
        "mandelbrot-distance": "the distance to the Mandelbrot set",
        "julia": "a Julia set",
        "burning-ship": "the burning ship fractal",
        "multibrot3": "the Mandelbrot set's cubic sister",
        "tricorn": "the tricorn fractal",
        "china": "a photo of a temple",
        "flower": "a photo of a flower",
        "sphere": "a sphere",
        "shell": "a sea shell",
        "curve": "a curve",
        "friedman": "a function of ten variables",
        "digits": "handwritten digits",
        "mnist": "handwritten digits",
    }
)
_THINGS: MappingProxyType[str, str] = MappingProxyType({"images": "pixels", "digits": "images"})
_FEW = ("", "One method", "Two methods", "Three methods", "Four methods", "Five methods", "Six methods")


def name_subject(task: str) -> str:
    """Return what a task is of, in words that go on a sentence."""
    if task.startswith(IMAGE_PREFIX):
        return "a picture"
    return _SUBJECTS.get(task, f"the task {task}")


def tell_sample(cell: Cell) -> str:
    """Return how large a cell's sample is, and whose."""
    return f"{cell.n_samples:,} {_THINGS.get(family_of(cell.task), 'points')} drawn at random"


def title_learning(cell: Cell, names: Sequence[str]) -> str:
    """Return a film's title."""
    subject = name_subject(cell.task)
    if len(names) == 1:
        return f"{names[0]} learns {subject}"
    count = _FEW[len(names)] if len(names) < len(_FEW) else f"{len(names)} methods"
    return f"{count} learn {subject}"


def tell_learning(cell: Cell, footages: Sequence[Footage]) -> str:
    """Return one sentence on a film of learning: what is seen, whose sample it is, and how many points it has."""
    where = f"{tell_sample(cell)} (mbench's track {cell.track})"
    growing = [footage.name for footage in footages if footage.unit == "points"]
    fewest = min((f.shots[0].position for f in footages if f.unit == "points"), default=0)
    if len(footages) == 1:
        if growing:
            return f"What {growing[0]} answers everywhere once it knows {fewest:,}, then more, up to {where}."
        return f"What {footages[0].name} answers everywhere while it trains on {where}, which are all it ever sees."
    if not growing:
        return f"What each answers everywhere while it trains on the same {where}, which are all it ever sees."
    if len(growing) == len(footages):
        return f"What each answers everywhere once it knows {fewest:,}, then more, up to the same {where}."
    its = "which has no steps, as its sample grows" if len(growing) == 1 else "which have no steps, as samples grow"
    return (
        f"What each answers everywhere while it trains on the same {where}; {list_words(growing)}, {its} from "
        f"{fewest:,} to all of them."
    )


def tell_dive(cell: Cell, name: str, landmark: str) -> str:
    """Return one sentence on a dive: what is seen, whose sample it is, and how many points it has."""
    subject = name_subject(cell.task)
    return (
        f"A dive into {landmark}: {subject}, and what {name} makes of it from {tell_sample(cell)} over the whole set "
        f"(mbench's track {cell.track})."
    )
