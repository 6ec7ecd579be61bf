"""A function takes at most six things, and a child is made in one place."""

import ast
from pathlib import Path

import mbench

PACKAGE = Path(mbench.__file__).parent
MOST = 6

# What may take more, and why.
EXEMPT = {
    "cli/": "a command's parameters are its options, which click hands over one by one",
    "api.py": "what Python users call takes its options by name",
    "nn/": "scikit-learn's estimators take every parameter in __init__, and set_params finds them there",
    "suite/kernels.py": "numba compiles plain arrays and numbers fastest",
    "review/audit/recurrences.py": "likewise",
    "review/audit/fields.py": "likewise",
}


def long_signatures(source: str) -> list[str]:
    """Return the functions of a source that take more than six things, self aside."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            if len([each for each in arguments if each.arg not in ("self", "cls")]) > MOST:
                found.append(node.name)
    return found


def sources() -> dict[str, str]:
    paths = [path for path in PACKAGE.rglob("*.py") if not {"_baselines", "_studies", "_template"} & set(path.parts)]
    return {path.relative_to(PACKAGE).as_posix(): path.read_text() for path in paths}


def test_a_function_takes_at_most_six_things():
    long = {name: long_signatures(text) for name, text in sources().items() if not name.startswith(tuple(EXEMPT))}
    assert {name: found for name, found in long.items() if found} == {}


def test_a_longer_signature_is_found():
    assert long_signatures("def f(self, a, b, c, d, e, f, g): pass") == ["f"]
    assert long_signatures("def f(self, a, b, c, d, e, *, f): pass") == []


def makes_a_child(source: str) -> bool:
    """Say whether a source calls `Child`, by its own name or as a module's."""
    called = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return any("Child" in (getattr(each, "id", ""), getattr(each, "attr", "")) for each in called)


def test_a_child_is_made_in_one_place():
    assert [name for name, text in sources().items() if makes_a_child(text)] == ["runs/run.py"]


def test_a_child_made_elsewhere_is_found():
    assert makes_a_child("made = Child(source, spec)")
    assert makes_a_child("made = child_process.Child(source, spec)")
    assert not makes_a_child("def child(self, spec) -> Child: return self.child(spec)")
