"""What Python callers hand over, held to the limits of the command line before anything runs."""

from __future__ import annotations

import math
import numbers
import operator
import os
from collections.abc import Iterable, Sequence
from typing import Any

from mbench.errors import UsageError
from mbench.words import suggest

LEAST_MEMORY_MB = 256  # a child with numpy alone takes half of it
MOST_THREADS = 256  # a child has at most twice as many, with those that libraries start


def expect_whole(least: int | None = None, most: int | None = None) -> str:
    """Say that a whole number is expected, and of which range."""
    return f"expected a whole number{_span(least, most)}"


def expect_real(least: float | None = None, most: float | None = None) -> str:
    """Say that a number is expected, and of which range."""
    return f"expected a number{_span(least, most)}"


def expect_choice(value: Any, choices: Iterable[str]) -> str:
    """Say which words are expected, and which of them may be meant."""
    known = list(choices)
    return f"expected one of {', '.join(known)}{suggest(value, known)}"


def take_whole(name: str, value: Any, least: int = 0, most: int | None = None) -> int:
    """Return a whole number, of Python or numpy, as an int. Raises UsageError for anything else: 1.0 and True, too."""
    try:
        if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise UsageError(f"{name}={value!r}: {expect_whole(least, most)}") from None
    if number < least or (most is not None and number > most):
        raise UsageError(f"{name}={value!r}: {expect_whole(least, most)}")
    return number


def take_real(name: str, value: Any, least: float) -> float:
    """Return a finite number of at least `least`, of Python or numpy. Raises UsageError for anything else."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < least:
        raise UsageError(f"{name}={value!r}: {expect_real(least)}")
    return value if isinstance(value, int | float) else float(value)


def take_choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """Return one of some words. Raises UsageError for anything else."""
    known = list(choices)
    if not isinstance(value, str) or value not in known:
        raise UsageError(f"{name}={value!r}: {expect_choice(value, known)}")
    return value


def take_flag(name: str, value: Any) -> bool:
    """Return True or False. Raises UsageError for anything else: "no" would count as yes."""
    if not isinstance(value, bool):
        raise UsageError(f"{name}={value!r}: expected True or False")
    return value


def take_names(name: str, value: Any) -> tuple[str, ...]:
    """Return one name or several as a tuple. Raises UsageError for anything else."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, Sequence) or not all(isinstance(each, str) for each in value):
        raise UsageError(f"{name}={value!r}: expected a name or a list of names")
    return tuple(value)


def take_path(name: str, value: Any) -> str:
    """Return a path as text. Raises UsageError for anything else, and for an empty one."""
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise UsageError(f"{name}={value!r}: expected a path")
    return os.fspath(value)


def take_text(name: str, value: Any) -> str:
    """Return a text. Raises UsageError for anything else."""
    if not isinstance(value, str):
        raise UsageError(f"{name}={value!r}: expected a text")
    return value


def _span(least: float | None, most: float | None) -> str:
    if least is None or most is None:
        return "" if least is None else f" of at least {least:g}"
    return f" from {least:g} to {most:g}"
