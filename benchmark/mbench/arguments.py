"""What Python callers hand over, held to the limits of the command line before anything runs."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable, Sequence
from typing import Any

from mbench.errors import UsageError

LEAST_MEMORY_MB = 256  # a child with numpy alone takes half of it


def take_whole(name: str, value: Any, least: int = 0, most: int | None = None) -> int:
    """Return a whole number, of Python or numpy, as an int. Raises UsageError for anything else: 1.0 and True, too."""
    span = f"of at least {least}" if most is None else f"from {least} to {most}"
    try:
        if isinstance(value, bool) or type(value).__name__ == "bool_":
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise UsageError(f"{name}={value!r}: expected a whole number {span}") from None
    if number < least or (most is not None and number > most):
        raise UsageError(f"{name}={value!r}: expected a whole number {span}")
    return number


def take_real(name: str, value: Any, least: float) -> float:
    """Return a finite number of at least `least`. Raises UsageError for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < least:
        raise UsageError(f"{name}={value!r}: expected a number of at least {least:g}")
    return value


def take_choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """Return one of some words. Raises UsageError for anything else."""
    known = list(choices)
    if not isinstance(value, str) or value not in known:
        raise UsageError(f"{name}={value!r}: expected one of {', '.join(known)}")
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
    """Return a path as text. Raises UsageError for anything else."""
    if not isinstance(value, str | os.PathLike):
        raise UsageError(f"{name}={value!r}: expected a path")
    return os.fspath(value)
