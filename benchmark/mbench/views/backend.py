"""matplotlib without a backend: mbench draws on canvases of its own, whatever a notebook or a shell asks for."""

from __future__ import annotations

import contextlib
import os
import sys

VARIABLE = "MPLBACKEND"


def import_matplotlib() -> None:
    """Import matplotlib, under a MPLBACKEND that this interpreter does not have, too.

    Every notebook exports the name of its own backend to what it starts, and matplotlib refuses to be imported where
    it does not know that. A backend that is known stays chosen: it is the caller's, and we use none.
    """
    if "matplotlib" in sys.modules:
        return
    wanted = os.environ.pop(VARIABLE, None)
    try:
        import matplotlib
    finally:
        if wanted is not None:
            os.environ[VARIABLE] = wanted
    if wanted:
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = wanted
