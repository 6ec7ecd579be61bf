"""A module imports only from rows below its own; inside a row, only what the table's order of the row allows."""

import ast
from pathlib import Path

import pytest

import mbench

PACKAGE = Path(mbench.__file__).parent

ROWS = (
    {"errors", "types", "suite", "environment"},
    {"hidden", "sampler", "escape_kernels", "metrics", "stats", "nn", "disk", "usage", "snapshots"},
    {"escape", "ladder", "datasets", "render", "animate"},
    {"tasks", "submission", "confinement"},
    {"results", "worker", "isolation", "variants"},
    {"scoring", "nursery", "executor"},
    {"leaderboard", "sandbox"},
    {"cells"},
    {"evaluation", "learned"},
    {"pictures", "contract", "reference", "audit", "cluster", "tuning", "efficiency", "explore"},
    {"api", "candidates", "watching", "strips"},
    {"reproduction", "bench", "board", "diving"},
    {"verification", "board_tables", "board_plots", "publishing", "forecast"},
    {"site"},
    {"cli"},
    {"__main__"},
)
ROW_OF = {module: row for row, modules in enumerate(ROWS) for module in modules}


def imported_modules(source: str) -> set[str]:
    """Return the first-level modules of mbench that a source imports."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "mbench":
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mbench."):
            names.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names.update(a.name.split(".")[1] for a in node.names if a.name.startswith("mbench."))
    return names & (ROW_OF.keys() | {path.stem for path in PACKAGE.glob("*.py")})


def violations(module: str, source: str) -> list[str]:
    own = ROW_OF[module]
    return [name for name in imported_modules(source) - {module} if ROW_OF.get(name, own) >= own]


def modules() -> list[tuple[str, Path]]:
    return [
        (path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path)
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != PACKAGE / "__init__.py" and path.relative_to(PACKAGE).parts[0] not in ("_baselines", "_template")
    ]


@pytest.mark.parametrize(("module", "path"), modules(), ids=lambda value: getattr(value, "stem", value))
def test_module_imports_only_from_rows_below(module, path):
    assert module in ROW_OF, f"{module} has no row in the table"
    assert violations(module, path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "from mbench.cli import main",
        "import mbench.runs.evaluate",
        "from mbench import api",
        "def f():\n  from mbench.child.worker import Worker",
    ],
)
def test_an_import_from_above_is_found(source):
    assert violations("sampler", source)


def test_the_table_names_modules_that_exist_and_no_others():
    assert ROW_OF.keys() == {module for module, _ in modules()}


def test_only_cli_prints():
    printing = [
        path.name
        for module, path in modules()
        if module != "cli"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []
