"""The versions and the machine that a record was made with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from functools import cache
from pathlib import Path


@cache
def describe_environment() -> dict[str, str]:
    """Return the versions and the machine a record was made with."""
    packages = ("mbench", "numpy", "numba", "scipy", "scikit-learn", "torch")
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        **versions,
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_model(),
        "cores": str(os.cpu_count()),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
