"""The suite, version 2: which tasks, with which budgets, on which tracks. The one place that says what is run."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from types import MappingProxyType

SUITE_VERSION = 2

FAMILIES: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {
        "mandelbrot": ("mandelbrot", "mandelbrot-distance"),
        "images": ("china", "flower"),
        "surfaces": ("sphere", "shell"),
        "functions": ("curve", "friedman"),
        "digits": ("digits", "mnist"),
    }
)
# Every further task with its family, whose budgets it has. It touches no score and needs no frozen reference.
EXTRA_TASKS: MappingProxyType[str, str] = MappingProxyType(
    {
        "julia": "mandelbrot",
        "burning-ship": "mandelbrot",
        "multibrot3": "mandelbrot",
        "tricorn": "mandelbrot",
    }
)
IMAGE_PREFIX = "image:"

# Predicting this many points has the same limit as fitting; more points have proportionally more.
PREDICT_LIMIT_POINTS = 200_000
SKILL_CAP = 200.0
UNIVERSAL_SKILL = 50.0


@dataclass(frozen=True, slots=True)
class Budget:
    """What a submission gets: a sample of `n_samples` points, and `fit_limit_s` seconds to learn it.

    They are processor seconds of all its processes for each thread granted, with a GPU of wall clock.
    """

    n_samples: int
    fit_limit_s: float


@dataclass(frozen=True, slots=True)
class Track:
    """One size of the suite: a budget per family, the digits task it uses, and how many replicates make an entry."""

    name: str
    purpose: str
    replicates: int
    digits_task: str
    budgets: MappingProxyType[str, Budget]

    @property
    def tasks(self) -> tuple[str, ...]:
        """The headline tasks, in the order of the families."""
        return tuple(
            task
            for family, members in FAMILIES.items()
            for task in members
            if family != "digits" or task == self.digits_task
        )


def _track(name: str, purpose: str, replicates: int, digits_task: str, **budgets: tuple[int, float]) -> Track:
    return Track(
        name, purpose, replicates, digits_task, MappingProxyType({f: Budget(*budget) for f, budget in budgets.items()})
    )


TRACKS: MappingProxyType[str, Track] = MappingProxyType(
    {
        track.name: track
        for track in (
            _track(
                "quick",
                "trying an idea: under 2 minutes in all",
                1,
                "digits",
                mandelbrot=(10_000, 15.0),
                images=(10_000, 10.0),
                surfaces=(2_000, 5.0),
                functions=(1_000, 5.0),
                digits=(1_258, 5.0),
            ),
            _track(
                "standard",
                "the leaderboard",
                5,
                "mnist",
                mandelbrot=(100_000, 60.0),
                images=(60_000, 30.0),
                surfaces=(10_000, 15.0),
                functions=(5_000, 10.0),
                digits=(20_000, 30.0),
            ),
            _track(
                "large",
                "the deep end",
                5,
                "mnist",
                mandelbrot=(1_000_000, 300.0),
                images=(160_000, 60.0),
                surfaces=(100_000, 30.0),
                functions=(50_000, 20.0),
                digits=(60_000, 120.0),
            ),
        )
    }
)
DEFAULT_TRACK = "quick"
_CURVE_TRACKS = ("quick", "standard", "large")  # whose budgets fix every curve's limits; one more track changes none


def task_names() -> tuple[str, ...]:
    """Every task with a name of its own: the ten of the headline families, then the extra ones."""
    return tuple(task for members in FAMILIES.values() for task in members) + tuple(EXTRA_TASKS)


def family_of(task: str) -> str:
    """Return the family of a task's name; an extra one says its own, `image:PATH` counts as images'."""
    for family, members in FAMILIES.items():
        if task in members:
            return family
    if task in EXTRA_TASKS:
        return EXTRA_TASKS[task]
    if task.startswith(IMAGE_PREFIX):
        return "images"
    raise KeyError(task)


def is_headline(task: str) -> bool:
    """Does this task count towards an entry's scores?"""
    return any(task in members for members in FAMILIES.values())


def stream_label(task: str, split: str, replicate: int) -> str:
    """Name the random stream of one split of one task: what every seed in mbench is derived from."""
    return f"mbench/{SUITE_VERSION}|{task}|{split}|{replicate}"


def init_seed(replicate: int) -> int:
    """Return the seed a submission's own randomness starts from, in [0, 2**31): every task's, so that it names none."""
    digest = hashlib.sha256(f"mbench/{SUITE_VERSION}|init|{replicate}".encode()).digest()
    return int.from_bytes(digest[:4], "little") >> 1


def predict_limit_s(fit_limit_s: float, n_queries: int) -> float:
    """Return the seconds that predicting `n_queries` points may take, counted as those to fit."""
    return fit_limit_s * max(1.0, n_queries / PREDICT_LIMIT_POINTS)


def fit_limit_s(family: str, n_samples: int) -> float:
    """Return the seconds to learn a sample of any size: straight between the tracks' budgets on log-log axes.

    Below the smallest track's sample its limit holds, above the largest one's that one's. Rounded to a tenth.
    """
    import numpy as np  # not above: `mbench --help` reads this module

    budgets = [TRACKS[name].budgets[family] for name in _CURVE_TRACKS]
    sizes, limits = np.log(sorted((budget.n_samples, budget.fit_limit_s) for budget in budgets)).T
    return round(float(np.exp(np.interp(math.log(n_samples), sizes, limits))), 1)
