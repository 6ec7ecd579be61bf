"""One module per family, and `load_task`, which turns a name into a task.

A task is a class of its family's module, found there by its `name`; which tasks there are says `suite.tracks`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from mbench.errors import UsageError
from mbench.suite import tracks
from mbench.suite.tasks.base import Task

__all__ = ["Task", "describe_tasks", "find_task", "load_task"]

_MODULES = {
    "mandelbrot": "fractals", "images": "images", "surfaces": "surfaces", "functions": "functions", "digits": "digits"
}  # fmt: skip
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def load_task(name: str) -> Task:
    """Return the task of this name, or of `image:PATH`.

    Raises UsageError for an unknown name or an unreadable picture, MissingDataError where the data is not there.
    """
    return find_task(name).load(name)


@cache
def find_task(name: str) -> type[Task]:
    """Return the class of a task, which says all that needs no data. Raises UsageError for an unknown name."""
    # Each family is imported only when asked for: a surface needs neither numba nor Pillow.
    try:
        family = tracks.family_of(name)
    except KeyError:
        known = ", ".join(tracks.task_names())
        raise UsageError(
            f"unknown task {name!r}: expected one of {known}, or image:PATH (see `mbench tasks`)"
        ) from None
    wanted = tracks.IMAGE_PREFIX if name.startswith(tracks.IMAGE_PREFIX) else name
    module = import_module(f"{__name__}.{_MODULES[family]}")
    for kind in vars(module).values():
        if isinstance(kind, type) and issubclass(kind, Task) and vars(kind).get("name") == wanted:
            return kind
    raise UsageError(f"{module.__file__}: no class has the name {name!r}, which suite/tracks.py lists. Add the class")


def describe_tasks() -> list[dict[str, Any]]:
    """Return one row per task of the suite, for `mbench tasks`: name, family, map, headline."""
    return [
        {
            "task": name,
            "family": tracks.family_of(name),
            "map": _describe_map(find_task(name)),
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


def _describe_map(kind: type[Task]) -> str:
    """Return from where to where a task maps, as in "R² → R"."""
    powers = ("" if n == 1 else str(n).translate(_RAISED) for n in (kind.n_inputs, kind.n_outputs))
    return " → ".join(f"R{power}" for power in powers)
