"""A room imports only from rooms above it; what a submission's process may read imports only from itself."""

import ast
from pathlib import Path

import mbench
from mbench.sandbox import tiers

PACKAGE = Path(mbench.__file__).parent

# From the ground floor up: each may import from those before it.
ROOMS = (
    "errors", "types", "disk", "words", "arguments", "not_python", "taken_names", "submission", "nn", "child", "suite",
    "sandbox", "results", "board", "runs", "views", "api", "review", "cli", "__main__",
)  # fmt: skip
READ_BY_CHILDREN = {"nn": {"errors", "types"}, "child": {"errors", "types"}}  # all they may import beside themselves


def imported_rooms(source: str) -> set[str]:
    """Return the rooms of mbench that a source imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "mbench":
            names.update(alias.name for alias in node.names if not alias.name.startswith("__"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mbench."):
            names.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names.update(alias.name.split(".")[1] for alias in node.names if alias.name.startswith("mbench."))
    return names


def forbidden(room: str, source: str) -> set[str]:
    """Return what a source of this room imports and may not."""
    above = READ_BY_CHILDREN.get(room, set(ROOMS[: ROOMS.index(room)]))
    return imported_rooms(source) - above - {room}


def modules() -> list[tuple[str, Path]]:
    """Return every module with its room; what the wheel carries beside the package's own is no room."""
    found = [(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path) for path in sorted(PACKAGE.rglob("*.py"))]
    return [(room, path) for room, path in found if room not in ("__init__", "_baselines", "_studies", "_template")]


def test_every_module_lies_in_a_room_and_imports_only_from_rooms_above_it():
    assert {room for room, _ in modules()} == set(ROOMS)
    wrong = {str(path): names for room, path in modules() if (names := forbidden(room, path.read_text()))}
    assert wrong == {}


def test_an_import_from_below_is_found():
    assert forbidden("suite", "from mbench.cli import main") == {"cli"}
    assert forbidden("board", "import mbench.runs.evaluate") == {"runs"}
    assert forbidden("results", "from mbench import api, disk") == {"api"}
    assert forbidden("child", "def f():\n  from mbench.disk import Draft") == {"disk"}
    assert forbidden("review", "from mbench.runs.cells import Cell\nfrom mbench import errors") == set()


def test_what_a_child_may_read_is_a_folder():
    tiers._hidden.cache_clear()  # bytecode may have come since
    shown = {entry.name for entry in PACKAGE.iterdir()} - {Path(path).name for path in tiers._hidden()}
    assert shown - {"_baselines", "_template"} == {"__init__.py", "errors.py", "types.py", "child", "nn"}


def test_only_cli_prints():
    printing = [
        path.name
        for room, path in modules()
        if room != "cli"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []
