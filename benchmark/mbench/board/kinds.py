"""What kind of method a source is, read from what it imports: nobody declares it, and nobody keeps a list of names."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mbench.submission import Source

# What networks are trained with, and what learns by other means. A module stands for all below it.
_TRAINERS = ("torch", "jax", "flax", "tensorflow", "keras", "lightning", "skorch", "mbench.nn.TorchRegressor")
_OTHERS = (
    "sklearn.ensemble", "sklearn.gaussian_process", "sklearn.kernel_ridge", "sklearn.neighbors", "sklearn.svm",
    "sklearn.tree", "lightgbm", "xgboost", "catboost", "scipy.interpolate",
)  # fmt: skip


def is_network(source: Source) -> bool:
    """Is it trained by descent, and nothing else in it learns? A mixture of networks and trees is no network."""
    imported = [name for path, content in source.files if path.endswith(".py") for name in _imported(content)]
    return _has(imported, _TRAINERS) and not _has(imported, _OTHERS)


def _has(imported: list[str], modules: tuple[str, ...]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for name in imported for module in modules)


def _imported(content: bytes) -> Iterator[str]:
    """Yield the dotted name of everything that a file imports; nothing of one that is no Python."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a stranger's file
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
