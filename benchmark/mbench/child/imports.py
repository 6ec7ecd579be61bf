"""How long a child loads libraries while it fits or predicts: told beside what that cost, and no more than its word."""

from __future__ import annotations

import contextlib
import importlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class ImportTime:
    """seconds: of the processor, in the threads that imported."""

    seconds: float = 0.0


@contextlib.contextmanager
def timing_imports(now: Callable[[], float] = time.thread_time) -> Iterator[ImportTime]:
    """Count what loading modules takes inside the context; what is loaded already takes nothing.

    now: the thread's clock, as it was before a submission could change it.
    """
    # The one function that every import goes through, statement or call, a statement only for what is not loaded yet.
    # The public hooks tell when a module begins to load, not when it has.
    machinery: Any = importlib._bootstrap  # type: ignore[attr-defined]
    load = machinery._find_and_load
    spent, inside = ImportTime(), threading.local()

    def timed(*arguments: Any) -> Any:
        if getattr(inside, "a_module", False):  # which imports another: counted with it
            return load(*arguments)
        inside.a_module, start = True, now()
        try:
            return load(*arguments)
        finally:
            inside.a_module = False
            spent.seconds += now() - start

    machinery._find_and_load = timed
    try:
        yield spent
    finally:
        machinery._find_and_load = load
