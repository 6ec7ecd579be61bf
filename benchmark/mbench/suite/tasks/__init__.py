"""One module per family, and `load_task`, which turns a name into a task."""

from __future__ import annotations

from typing import Any

from mbench.errors import UsageError
from mbench.suite import tracks
from mbench.suite.tasks.base import Task

__all__ = ["Task", "describe_tasks", "load_task"]


def load_task(name: str) -> Task:
    """Return the task of this name, or of `image:PATH`.

    Raises UsageError for an unknown name or an unreadable picture, MissingDataError where the data is not there.
    """
    # Each family is imported only when asked for: a surface needs neither numba nor Pillow.
    try:
        family = tracks.family_of(name)
    except KeyError:
        known = ", ".join(tracks.task_names())
        raise UsageError(
            f"unknown task {name!r}: expected one of {known}, or image:PATH (see `mbench tasks`)"
        ) from None
    return {
        "mandelbrot": _fractal,
        "images": _image,
        "surfaces": _surface,
        "functions": _function,
        "digits": _digits,
    }[family](name)


def _fractal(name: str) -> Task:
    from mbench.suite.tasks.fractals import Fractal

    if name == "mandelbrot-distance":
        return Fractal(name, "mandelbrot", "distance")
    return Fractal(name, name)


def _image(name: str) -> Task:
    from mbench.suite import datasets
    from mbench.suite.tasks.images import Image

    if name.startswith(tracks.IMAGE_PREFIX):
        try:
            return Image(name, datasets.read_picture(name.removeprefix(tracks.IMAGE_PREFIX)))
        except ValueError as error:
            raise UsageError(f"{name}: {error}. Give a larger picture") from None
    return Image(name, datasets.load_photo(name))


def _surface(name: str) -> Task:
    from mbench.suite.tasks import surfaces

    return {"sphere": surfaces.Sphere, "shell": surfaces.Shell}[name]()


def _function(name: str) -> Task:
    from mbench.suite.tasks import functions

    return {"curve": functions.Curve, "friedman": functions.Friedman}[name]()


def _digits(name: str) -> Task:
    from mbench.suite import datasets
    from mbench.suite.tasks.digits import Digits

    return Digits(name, *(datasets.load_digits() if name == "digits" else datasets.load_mnist()))


def describe_tasks() -> list[dict[str, Any]]:
    """Return one row per task of the suite, for `mbench tasks`: name, family, map, headline."""
    shapes = {"images": "R² → R³", "surfaces": "R² → R³", "mandelbrot": "R² → R"}
    own = {"curve": "R → R", "friedman": "R¹⁰ → R", "digits": "R⁶⁴ → R¹⁰", "mnist": "R⁷⁸⁴ → R¹⁰"}
    return [
        {
            "task": name,
            "family": tracks.family_of(name),
            "map": own.get(name) or shapes[tracks.family_of(name)],
            "headline": tracks.is_headline(name),
            "budgets": {
                track.name: {"n_samples": budget.n_samples, "fit_limit_s": budget.fit_limit_s}
                for track in tracks.TRACKS.values()
                if name in track.tasks or not tracks.is_headline(name)
                for budget in [track.budgets[tracks.family_of(name)]]
            },
        }
        for name in tracks.task_names()
    ]
