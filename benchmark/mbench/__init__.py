"""mbench: how precisely and how deeply can a universal function approximator learn the Mandelbrot set from a sample?"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
