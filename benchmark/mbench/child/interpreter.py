"""The interpreter's settings: the submission's while its code runs, the worker's own while the worker's does.

A submission may have NumPy raise at an underflow, turn warnings into errors, take a low limit of recursion or handle
signals, all of it for good reasons and all of it for the whole process. None of that is to reach the worker's lines.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

_RECURSION = 1_000  # calls that the worker may nest at least, Python's own default
_get_handler, _set_handler, _raise_signal = signal.getsignal, signal.signal, signal.raise_signal
_ignore_warnings, _errstate = warnings.simplefilter, np.errstate
_catch_warnings: Callable[[], contextlib.AbstractContextManager[Any]] = warnings.catch_warnings


class OwnSettings:
    """Settings of the worker's own, in force from the beginning; the submission's are kept meanwhile."""

    def __init__(self) -> None:
        """Put the settings in force."""
        self._kept = contextlib.ExitStack()
        self._handlers: dict[int, Callable[..., Any]] = {}
        self._came: list[int] = []
        self._take()

    @contextlib.contextmanager
    def laid_aside(self) -> Iterator[None]:
        """Put the submission's settings in force as it left them, and the worker's again afterwards.

        A signal that came meanwhile and that the submission handles is handled first, inside the context.
        """
        try:
            self._give_back()
            yield
        finally:
            self._take()

    def _take(self) -> None:
        self._take_signals()
        stack = contextlib.ExitStack()
        stack.enter_context(_catch_warnings())
        _ignore_warnings("ignore")
        stack.enter_context(_errstate(all="ignore"))
        stack.callback(_limit_recursion, sys.getrecursionlimit())
        _limit_recursion(max(_RECURSION, sys.getrecursionlimit()))
        self._kept = stack

    def _give_back(self) -> None:
        self._kept.close()
        for number, handler in self._handlers.items():
            _set_handler(number, handler)
        came, self._came = self._came, []
        for number in came:
            _raise_signal(number)

    def _take_signals(self) -> None:
        self._handlers = {}
        if threading.current_thread() is not threading.main_thread():  # which alone may set handlers
            return
        for number in signal.valid_signals():
            handler = _get_handler(number)
            if callable(handler) and handler is not signal.default_int_handler:
                self._handlers[number] = handler
                _set_handler(number, self._note)

    def _note(self, number: int, frame: object) -> None:
        self._came.append(number)


def _limit_recursion(limit: int) -> None:
    with contextlib.suppress(RecursionError):  # lower than the calls that are open now
        sys.setrecursionlimit(limit)
