"""What a digest of code leaves out, and what it does not; what a cell's key makes of it."""

import ast
import importlib

import pytest

from mbench.runs import cells
from mbench.runs.cells import Cell, cell_key
from mbench.runs.settings import Settings
from mbench.submission import BASELINES_FOLDER, Source, read_submission
from mbench.suite.meaning import meaning, own_modules, read_own
from mbench.suite.tasks import load_task

CODE = {
    "p.a": 'from p import b\nfrom p.c import CONSTANT as C\n\nclass A(b.Base):\n    """Words."""\n'
    "    def f(self, x: int) -> int:\n        from p.d import late\n        return late(x) + C\n",
    "p.b": "class Base:\n    limit = 3\n",
    "p.c": "CONSTANT = 1\nOTHER = 2\n",
    "p.d": "import numpy as np\n\ndef late(x):\n    return np.abs(x)\n\ndef unused():\n    return 0\n",
}
ROOT = ("p.a:A",)


def edited(module, old, new):
    assert old in CODE[module]
    return {**CODE, module: CODE[module].replace(old, new)}


def digest(code, roots=ROOT):
    return meaning(roots, code.get)


@pytest.mark.parametrize(
    "code",
    [
        edited("p.a", '"""Words."""', '"""Other words."""'),
        edited("p.a", "return late(x) + C", "# why\n        return late(x)   +   C"),
        edited("p.a", "x: int) -> int", "x: float) -> float"),
        edited("p.c", "OTHER = 2", "OTHER = 3"),
        edited("p.d", "return 0", "return 1"),
        {**CODE, "p.b": "class More(object):\n    limit = 9\n\n" + CODE["p.b"]},
        {**CODE, "p.e": "ANYTHING = 1\n"},
    ],
    ids=["docstring", "comment", "annotation", "unused constant", "unused function", "added class", "added module"],
)
def test_what_says_nothing_of_the_result_leaves_the_digest(code):
    assert digest(code) == digest(CODE)


@pytest.mark.parametrize(
    "code",
    [
        edited("p.c", "CONSTANT = 1", "CONSTANT = 2"),
        edited("p.b", "limit = 3", "limit = 4"),
        edited("p.d", "np.abs(x)", "np.abs(x) + 1"),
        edited("p.a", "late(x) + C", "late(x) - C"),
    ],
    ids=["imported constant", "base class", "function imported late", "own line"],
)
def test_what_changes_the_result_changes_the_digest(code):
    assert digest(code) != digest(CODE)


def test_a_moved_module_leaves_the_digest():
    moved = {name.replace("p.c", "p.q"): source.replace("from p.c", "from p.q") for name, source in CODE.items()}
    assert digest(moved) == digest(CODE)


def test_a_parameter_hides_a_name_of_the_module():
    code = {"m": "def limit():\n    return TRACKS\n\nTRACKS = 1\n\ndef f(limit):\n    return limit\n"}
    assert meaning(["m:f"], code.get) == meaning(["m:f"], {"m": code["m"].replace("TRACKS = 1", "TRACKS = 2")}.get)


def test_a_root_that_is_not_there_is_an_error():
    with pytest.raises(KeyError):
        digest(CODE, ("p.a:B",))


# Of mbench's own code


CELL = Cell("curve", "quick", 0, 1_000, 5.0)
KNN = read_submission(BASELINES_FOLDER / "knn.py")
MLP = read_submission(BASELINES_FOLDER / "mlp.py")


@pytest.fixture
def key(monkeypatch):
    """Return the key of a cell where some modules of mbench read otherwise."""

    def compute(source: Source, task="curve", **changed):
        def read(module):
            text = read_own(module)
            for name, change in changed.items():
                if module == "mbench." + name.replace("__", "."):
                    text = change(text)
            return text

        monkeypatch.setattr(cells, "_meaning", lambda *roots, leave_out=(): meaning(roots, read, leave_out))
        return cell_key(CELL, load_task(task), source, Settings())

    return compute


def reworded(text):
    """The same code with other words, in another layout."""
    return "# a comment\n" + ast.unparse(ast.parse(text)).replace('"""', '"""Other words. ', 1)


def test_a_comment_or_a_docstring_leaves_every_key(key):
    changed = {"nn__features": reworded, "suite__tasks__functions": reworded, "child__worker": reworded}
    for source in (KNN, MLP):
        assert key(source, **changed) == key(source)


def test_a_change_of_the_networks_is_for_those_who_import_them(key):
    changed = {"nn__networks": lambda text: text + "\nADDED = 1\n"}
    assert key(KNN, **changed) == key(KNN)
    assert key(MLP, **changed) != key(MLP)


@pytest.mark.parametrize(
    "module", ["suite__tasks__functions", "suite__tasks__fractals", "suite__tasks__images", "suite__tracks"]
)
def test_an_added_task_leaves_the_keys_of_the_others(key, module):
    def add(text):
        return text + "\nclass Added:\n    name = 'added'\n"

    for task in ("curve", "china", "mandelbrot"):
        assert key(KNN, task, **{module: add}) == key(KNN, task)


@pytest.mark.parametrize(
    ("task", "module", "old", "new"),
    [
        ("mandelbrot", "suite__tasks__fractals", '"Seahorse valley"', '"The valley"'),
        ("curve", "suite__tasks__base", '("fvu", "psnr_db", "error_p99")', '("fvu", "error_p99")'),
        ("curve", "suite__tasks__functions", "golden_points = ", "golden_points = '' or "),
    ],
    ids=["landmark", "metric", "golden digest"],
)
def test_what_a_task_says_beside_what_is_asked_leaves_its_key(key, task, module, old, new):
    def change(text):
        assert old in text
        return text.replace(old, new)

    assert key(KNN, task, **{module: change}) == key(KNN, task)


def test_an_added_fractal_leaves_the_keys_of_the_others(key):
    def add_recurrence(text):
        return text.replace("FAMILIES = MappingProxyType({", "FAMILIES = MappingProxyType({'other': MANDELBROT} | {")

    def add_task(text):
        return text + "\nclass Other(Fractal):\n    name = 'other'\n    recurrence = orbits.JULIA\n"

    changed = {"suite__orbits": add_recurrence, "suite__tasks__fractals": add_task}
    assert key(KNN, "mandelbrot", **changed) == key(KNN, "mandelbrot")
    assert key(KNN, "julia", **changed) == key(KNN, "julia")


def test_an_added_track_leaves_every_key(key):
    changed = {"suite__tracks": lambda text: text.replace('"trying an idea', '"trying any idea')}
    assert key(KNN, **changed) == key(KNN)


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("suite__tasks__functions", "def truth(self", "width = 7\n    def truth(self"),
        ("suite__sampler", "2.0**-53", "2.0**-52"),
        ("child__worker", "PREDICT_BLOCK = 65_536", "PREDICT_BLOCK = 65_535"),
        ("runs__cells", "N_REPEATED = 1_000", "N_REPEATED = 1_001"),
        ("types", "    seed: int", "    seed: int = 0"),
        ("sandbox__child_process", '"PYTHONHASHSEED": "0"', '"PYTHONHASHSEED": "1"'),
    ],
)
def test_a_change_of_the_sample_the_child_or_the_way_of_asking_changes_every_key(key, module, old, new):
    def change(text):
        assert old in text
        return text.replace(old, new)

    assert key(KNN, **{module: change}) != key(KNN)


def test_every_task_says_where_its_code_is():
    for name in ("mandelbrot", "china", "sphere", "friedman", "digits"):
        for root in load_task(name).code:
            module, _, definition = root.partition(":")
            assert hasattr(importlib.import_module(module), definition)


def test_a_package_that_imports_its_own_modules_late_is_followed():
    code = {"p": "def load():\n    from p import sub\n    return sub.X\n", "p.sub": "X = 1\n"}
    assert meaning(["p"], code.get) != meaning(["p"], {**code, "p.sub": "X = 2\n"}.get)


def test_all_code_that_cells_rest_on_has_a_digest():
    assert len(cells.code_digest()) == 64


def test_a_room_has_all_its_modules():
    assert {"mbench.nn", "mbench.nn.features"} <= set(own_modules("nn"))
