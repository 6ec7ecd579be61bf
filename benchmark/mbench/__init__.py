"""mbench: how precisely and how deeply can a universal function approximator learn the Mandelbrot set from a sample?"""

from __future__ import annotations

TYPE_CHECKING = False  # what `typing` calls so; to import it would take longer than all of this file
if TYPE_CHECKING:
    from typing import Any

    from mbench.api import evaluate, load_sample, study, write_film
    from mbench.suite.tracks import SUITE_VERSION

__version__ = "0.1.0"
__all__ = ["SUITE_VERSION", "evaluate", "load_sample", "study", "write_film"]


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    """Import the public names when they are first asked for: `import mbench` alone stays cheap.

    A submission's process imports this file, too, and may see nothing of the suite.
    """
    if name in __all__:
        from mbench import api

        return getattr(api, name)
    raise AttributeError(f"module 'mbench' has no attribute {name!r}")
