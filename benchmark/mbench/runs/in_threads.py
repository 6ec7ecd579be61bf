"""Cells to local processes: a few supervising threads, each with one child at a time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextvars import copy_context
from threading import Event
from typing import TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def run_all(
    items: Iterable[Item], work: Callable[[Item], Outcome], *, jobs: int, cancel: Event
) -> Generator[Outcome, None, None]:
    """Yield work(item) for every item as each ends, `jobs` of them at a time.

    Whatever ends the iteration early (an error of `work`, Ctrl-C, the caller's `break`) sets `cancel`, on which `work`
    is to stop soon, drops what has not started, and waits for the rest.
    """
    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="cell") as pool:
        try:
            # In the context of who asks: what is noted in a thread is heard there.
            for future in as_completed([pool.submit(copy_context().run, work, item) for item in items]):
                yield future.result()
        except BaseException:
            cancel.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
