"""How cells are run, and what of it is part of their keys."""

from __future__ import annotations

from dataclasses import dataclass, field

from mbench.sandbox.child_process import MEMORY_LIMIT_MB
from mbench.sandbox.tiers import Isolation, choose_isolation


@dataclass(frozen=True, slots=True)
class Settings:
    """How cells are run. What is here and changes predictions is part of a cell's key."""

    threads: int = 1
    device: str = "cpu"
    jobs: int = 1
    fresh: bool = False
    keep_outdated: bool = False  # are records kept whose libraries are not what they were?
    memory_limit_mb: float = MEMORY_LIMIT_MB
    isolation: Isolation = field(default_factory=choose_isolation)
    secret: bytes | None = field(default=None, repr=False)  # of a hidden test set; None for the public one
