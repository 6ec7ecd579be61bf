"""One module per family, and `load_task`, which turns a name into a task."""

from __future__ import annotations

from typing import Any

from mbench import suite
from mbench.errors import UsageError
from mbench.tasks.base import Task

__all__ = ["Task", "describe_tasks", "load_task"]


def load_task(name: str) -> Task:
    """Return the task of this name, or of `image:PATH`.

    Raises UsageError for an unknown name or an unreadable picture, MissingDataError where the data is not there.
    """
    # Each family is imported only when asked for: a surface needs neither numba nor Pillow.
    try:
        family = suite.family_of(name)
    except KeyError:
        known = ", ".join(suite.task_names())
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
    from mbench.tasks.fractals import Fractal

    if name == "mandelbrot-distance":
        return Fractal(name, "mandelbrot", "distance")
    return Fractal(name, name)


def _image(name: str) -> Task:
    from mbench import datasets
    from mbench.tasks.images import Image

    if name.startswith(suite.IMAGE_PREFIX):
        try:
            return Image(name, datasets.read_picture(name.removeprefix(suite.IMAGE_PREFIX)))
        except ValueError as error:
            raise UsageError(f"{name}: {error}. Give a larger picture") from None
    return Image(name, datasets.load_photo(name))


def _surface(name: str) -> Task:
    from mbench.tasks import surfaces

    return {"sphere": surfaces.Sphere, "shell": surfaces.Shell}[name]()


def _function(name: str) -> Task:
    from mbench.tasks import functions

    return {"curve": functions.Curve, "friedman": functions.Friedman}[name]()


def _digits(name: str) -> Task:
    from mbench import datasets
    from mbench.tasks.digits import Digits

    return Digits(name, *(datasets.load_digits() if name == "digits" else datasets.load_mnist()))


def describe_tasks() -> list[dict[str, Any]]:
    """Return one row per task of the suite, for `mbench tasks`: name, family, map, headline."""
    shapes = {"images": "R² → R³", "surfaces": "R² → R³", "mandelbrot": "R² → R"}
    own = {"curve": "R → R", "friedman": "R¹⁰ → R", "digits": "R⁶⁴ → R¹⁰", "mnist": "R⁷⁸⁴ → R¹⁰"}
    return [
        {
            "task": name,
            "family": suite.family_of(name),
            "map": own.get(name) or shapes[suite.family_of(name)],
            "headline": suite.is_headline(name),
            "budgets": {
                track.name: {"n_samples": budget.n_samples, "fit_limit_s": budget.fit_limit_s}
                for track in suite.TRACKS.values()
                if name in track.tasks or not suite.is_headline(name)
                for budget in [track.budgets[suite.family_of(name)]]
            },
        }
        for name in suite.task_names()
    ]
