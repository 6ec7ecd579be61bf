"""What code means, as a digest: what a definition rests on, without words, places and all that it does not use.

A cell's key holds such digests, so that a comment, a docstring, a moved file or one more task leaves every key as it
is, and a changed constant does not. Nothing is imported or run: sources are read as text.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Read = Callable[[str], str | None]  # from a module's dotted name to its source; None for one that is not ours
_PACKAGE = Path(__file__).parents[1]


@cache
def read_own(module: str) -> str | None:
    """Return the source of a module of mbench, or None for any other."""
    first, *rest = module.split(".")
    if first != _PACKAGE.name:
        return None
    place = _PACKAGE.joinpath(*rest)
    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return path.read_text() if path.is_file() else None


def own_modules(room: str) -> tuple[str, ...]:
    """Return the modules of a room of mbench, as roots for `meaning`."""
    paths = sorted((_PACKAGE / room).rglob("*.py"))
    parts = [path.relative_to(_PACKAGE.parent).with_suffix("").parts for path in paths]
    return tuple(".".join(part for part in each if part != "__init__") for each in parts)


def meaning(roots: Iterable[str], read: Read = read_own, leave_out: Collection[str] = ()) -> str:
    """Return the SHA-256 of what some definitions mean, and of all those that they rest on.

    roots: `package.module:Name`, or `package.module` for all that a module defines. What is used of other modules is
    followed by their imports, wherever in a definition these stand; libraries are not followed.
    leave_out: attributes and methods of classes that do not count.
    Raises KeyError for a root that is not there.
    """
    modules: dict[str, _Module | None] = {}

    def module(name: str) -> _Module | None:
        if name not in modules:
            source = read(name)
            modules[name] = None if source is None else _parse(name, source, leave_out)
        return modules[name]

    pending: list[tuple[str, str]] = []
    for root in roots:
        name, _, definition = root.partition(":")
        found = module(name)
        if found is None or (definition and definition not in found.definitions):
            raise KeyError(root)
        pending += [(name, definition)] if definition else [(name, each) for each in found.definitions]
    seen: set[tuple[str, str]] = set()
    dumps: set[str] = set()
    while pending:
        place = pending.pop()
        if place in seen:
            continue
        seen.add(place)
        inside = module(place[0])
        assert inside is not None
        for node in inside.definitions[place[1]]:
            dumps.add(ast.dump(node))
        for used in inside.uses[place[1]]:
            pending += _resolve(inside, used, module)
    return hashlib.sha256("\0".join(sorted(dumps)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Module:
    """definitions: a module's own, by name, without their words.  uses: the dotted names that each of them uses.

    imports: what a local name stands for, as (module, name there or "").
    """

    name: str
    definitions: dict[str, list[ast.stmt]]
    uses: dict[str, set[str]]
    imports: dict[str, tuple[str, str]]


def _parse(name: str, source: str, leave_out: Collection[str]) -> _Module:
    tree = ast.parse(source)
    imports = dict(_imports(tree))
    definitions: dict[str, list[ast.stmt]] = {}
    for node in tree.body:
        for defined in _defined(node):
            definitions.setdefault(defined, []).append(_Bare(leave_out).visit(node))
    uses = {each: {used for node in nodes for used in _dotted(node)} for each, nodes in definitions.items()}
    return _Module(name, definitions, uses, imports)


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]
    return []


def _imports(tree: ast.Module) -> Iterator[tuple[str, tuple[str, str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, (node.module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name, (alias.name, "")


def _dotted(node: ast.AST, local: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the names of its module that a definition uses, each as long a chain of attributes as it is written."""
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        local |= {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
        local |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    if isinstance(node, ast.Name) and node.id not in local:
        yield node.id
    elif isinstance(node, ast.Attribute):
        parts = [node.attr]
        value = node.value
        while isinstance(value, ast.Attribute):
            parts.append(value.attr)
            value = value.value
        if isinstance(value, ast.Name):
            if value.id not in local:
                yield ".".join((value.id, *reversed(parts)))
            return
    for child in ast.iter_child_nodes(node):
        yield from _dotted(child, local)


def _resolve(inside: _Module, used: str, module: Callable[[str], _Module | None]) -> Iterator[tuple[str, str]]:
    """Yield where a name that is used in a module is defined, if that is in a module that can be read."""
    first, _, rest = used.partition(".")
    if first in inside.definitions:
        yield inside.name, first
    elif first in inside.imports:
        origin, attribute = inside.imports[first]
        yield from _find(origin, ".".join(part for part in (attribute, rest) if part), module)


def _find(origin: str, dotted: str, module: Callable[[str], _Module | None]) -> Iterator[tuple[str, str]]:
    first, _, rest = dotted.partition(".")
    inside = module(origin)
    if inside is not None and first in inside.definitions:
        yield origin, first
    elif first and module(f"{origin}.{first}") is not None:
        yield from _find(f"{origin}.{first}", rest, module)
    elif inside is not None and first in inside.imports:  # handed on, as a package's __init__ does
        further, attribute = inside.imports[first]
        yield from _find(further, ".".join(part for part in (attribute, rest) if part), module)


class _Bare(ast.NodeTransformer):
    """Takes from a definition what says nothing of what it computes: docstrings, annotations, imports."""

    def __init__(self, leave_out: Collection[str]) -> None:
        """leave_out: names of attributes and methods that are taken out of classes, too."""
        self._leave_out = set(leave_out)

    def visit_Import(self, node: ast.Import) -> ast.Pass:
        return ast.Pass()

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.Pass:
        return ast.Pass()

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(arg=node.arg)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        node.annotation = ast.Constant(value=None)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self._without_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.body = [each for each in node.body if not self._leave_out & set(_defined(each))]
        return self._without_docstring(node)

    def _without_docstring(self, node: ast.FunctionDef | ast.ClassDef) -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        self.generic_visit(node)
        return node
