"""The colours of `mbench.views.render.colours` for the page, which paints values itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import Colormap

from mbench.views.render.colours import ERROR_COLOURS, VALUE_COLOURS, VALUE_ERRORS, VALUE_POWER

_N_COLOURS = 256


def describe_palettes() -> dict[str, Any]:
    """Return how a value and an error become a colour: colours[floor(256 (v / limit)^power)], v clipped to [0, limit].

    colours: 256 of them, RRGGBB one after the other.
    """
    return {
        "value": {"power": VALUE_POWER, "limit": 1.0, "colours": _hex(VALUE_COLOURS)},
        "error": {"power": 0.5, "limit": VALUE_ERRORS.limit, "colours": _hex(ERROR_COLOURS)},
    }


def _hex(colours: Colormap) -> str:
    return colours(np.arange(_N_COLOURS), bytes=True)[:, :3].tobytes().hex()
