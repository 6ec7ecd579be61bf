import importlib
import sys

import pytest

from mbench.child.imports import timing_imports


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Two modules that nobody has loaded, one of which loads the other."""
    (tmp_path / "timed_outer.py").write_text("import timed_inner\n")
    (tmp_path / "timed_inner.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("timed_outer", "timed_inner"):
        sys.modules.pop(name, None)


def test_a_module_counts_once_with_what_it_loads(modules):
    ticks = iter(range(100))
    with timing_imports(now=lambda: next(ticks)) as spent:
        importlib.import_module("timed_outer")
    assert spent.seconds == 1  # the clock is asked at the start and at the end of the outer one alone


def test_what_is_loaded_already_takes_nothing(modules):
    importlib.import_module("timed_outer")
    ticks = iter(range(100))
    with timing_imports(now=lambda: next(ticks)) as spent:
        exec("import timed_inner\nimport timed_outer")
    assert (spent.seconds, next(ticks)) == (0, 0)


def test_an_import_that_fails_counts_and_leaves_the_machinery_as_it_was():
    before = importlib._bootstrap._find_and_load
    ticks = iter(range(100))
    with timing_imports(now=lambda: next(ticks)) as spent, pytest.raises(ModuleNotFoundError):
        __import__("no_such_module_at_all")
    assert spent.seconds == 1
    assert importlib._bootstrap._find_and_load is before
