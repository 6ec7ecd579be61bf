"""What the user's interpreter imports a child imports, and of the folders beside it nothing else is open."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import mbench
from mbench.errors import MbenchError
from mbench.sandbox.child_process import add_missing
from mbench.sandbox.tiers import choose_isolation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is hidden from a child")

TIERS = ("A", "B")
# Builds a submission in a child of the tier, from a nursery or not, and says how that went and what is readable.
SCRIPT = """
import json, sys
from pathlib import Path
from mbench.sandbox.child_process import Child, ChildFailure, open_nursery
from mbench.sandbox.tiers import choose_isolation, is_readable_inside
from mbench.submission import read_submission
from mbench.types import Spec
tier, path, forks, *asked = sys.argv[1:]
isolation, source = choose_isolation(tier), read_submission(path)
spec = Spec(1, 1, 10, 30.0, threads=1, device="cpu", seed=0)
said = {"reason": "", "readable": [is_readable_inside(Path(each)) for each in asked]}
with open_nursery(source, 1, isolation) as nursery:
    with Child(source, spec, isolation=isolation, nursery=nursery if forks == "forks" else None) as child:
        try:
            child.build()
        except ChildFailure as failure:
            said["reason"] = str(failure)
        said["output"] = child.output
print(json.dumps(said))
"""
FINDER = """
import importlib.util, sys
class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in {table}:
            place = {table}[name]
            return importlib.util.spec_from_file_location(
                name, place + "/__init__.py", submodule_search_locations=[place]
            )
def install():
    sys.meta_path.append(Finder)
{table} = {content!r}
"""


@pytest.fixture
def interpreter(tmp_path):
    """Return an environment of its own that can import what ours can, and its folder of libraries."""
    folder = tmp_path / "venv"
    command = [sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", str(folder)]
    subprocess.run(command, check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "lib" / version / "site-packages"
    known = [path for path in sys.path if "site-packages" in path] + [str(Path(mbench.__file__).parents[1])]
    (site / "known.pth").write_text("\n".join(dict.fromkeys(known)))
    return folder / "bin" / "python", site


@pytest.fixture
def package(tmp_path):
    """Make a package with a module and a file of data in a project of its own, beside results; return the project."""

    def make(name, folder="project"):
        place = tmp_path / folder / name
        place.mkdir(parents=True)
        (place / "__init__.py").write_text("from pathlib import Path\nfrom .part import ANSWER\n")
        (place / "part.py").write_text(
            "from pathlib import Path\nANSWER = Path(__file__).with_name('answer.txt').read_text()\n"
        )
        (place / "answer.txt").write_text("42")
        (tmp_path / folder / "results").mkdir()
        (tmp_path / folder / "results" / "secret.txt").write_text("hidden")
        return tmp_path / folder

    return make


@pytest.fixture
def build(tmp_path, interpreter, submission_file):
    """Build a submission that imports a module, on a tier; return what was said."""

    def run(tier, module, *asked, forks=True, use="assert {}.ANSWER == '42'", **environment):
        try:
            choose_isolation(tier)
        except MbenchError:
            pytest.skip(f"this machine does not offer tier {tier}")
        path = submission_file(f"import {module}\n{use.format(module)}\ndef build(spec): ...\n")
        (tmp_path / "script.py").write_text(SCRIPT)
        command = [str(interpreter[0]), "-P", str(tmp_path / "script.py"), tier, str(path), "forks" if forks else "no"]
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(
            [*command, *map(str, asked)], env=variables | environment, cwd=tmp_path, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def came_through(said):
    """Did it get as far as its build, which returns nothing?"""
    return said["reason"].startswith("build(spec) returned None")


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("forks", [True, False], ids=["forked", "started"])
def test_what_pythonpath_leads_to_is_imported_and_nothing_beside_it_is_open(build, package, tier, forks):
    project = package("pathnets")
    asked = [project / "pathnets" / "answer.txt", project / "results" / "secret.txt", project / "notes"]
    said = build(tier, "pathnets", *asked, forks=forks, PYTHONPATH=str(project))
    assert came_through(said), said
    assert said["readable"] == [True, False, False]


@pytest.mark.parametrize("tier", TIERS)
def test_a_child_cannot_open_what_lies_beside_a_package_on_the_path(build, package, tier):
    project = package("pathnets")
    use = f"open({str(project / 'results' / 'secret.txt')!r})"
    said = build(tier, "pathnets", use=use, PYTHONPATH=str(project))
    assert "secret.txt" in said["reason"]
    assert ("PermissionError" if tier == "B" else "FileNotFoundError") in said["reason"]


@pytest.mark.parametrize("tier", TIERS)
def test_a_relative_entry_of_pythonpath_is_taken_from_where_mbench_runs(build, package, tier):
    package("nearnets", folder="near")
    assert came_through(build(tier, "nearnets", PYTHONPATH="near"))


@pytest.mark.parametrize("tier", TIERS)
def test_the_users_site_folder_is_a_childs_too(build, package, tmp_path, tier):
    user_site = sysconfig.get_path("purelib", "posix_user", {"userbase": str(tmp_path / "user")})
    package("usernets", folder=os.path.relpath(user_site, tmp_path))
    assert came_through(build(tier, "usernets", PYTHONUSERBASE=str(tmp_path / "user")))
    assert "No module named 'usernets'" in build(
        tier, "usernets", PYTHONUSERBASE=str(tmp_path / "user"), PYTHONNOUSERSITE="1"
    )["reason"]  # fmt: skip


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("table", ["MAPPING", "PLACES"])
def test_an_editable_install_is_followed_where_its_hook_leads(build, package, interpreter, tier, table):
    """By the table of a builder that is known, or by the name that any builder writes down for the installer."""
    project = package("hooknets")
    _, site = interpreter
    (site / "_hook_finder.py").write_text(FINDER.format(table=table, content={"hooknets": str(project / "hooknets")}))
    (site / "_hook.pth").write_text("import _hook_finder; _hook_finder.install()")
    about = site / "hooknets-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hooknets\nVersion: 0.1\n")
    (about / "direct_url.json").write_text(json.dumps({"url": f"file://{project}", "dir_info": {"editable": True}}))
    (about / "top_level.txt").write_text("hooknets\n" if table == "PLACES" else "")
    said = build(tier, "hooknets", project / "results" / "secret.txt", project / "hooknets" / "answer.txt")
    assert came_through(said), said
    assert said["readable"] == [False, True]


@pytest.mark.parametrize("tier", TIERS)
def test_an_editable_install_by_a_line_of_path_is_followed(build, package, interpreter, tier):
    project = package("linenets", folder="project/src")
    (interpreter[1] / "_line.pth").write_text(str(project))
    said = build(tier, "linenets", project / "results" / "secret.txt")
    assert came_through(said), said
    assert said["readable"] == [False]


@pytest.mark.parametrize("tier", TIERS)
def test_labels_in_a_person_s_own_scikit_learn_are_hidden(build, package, tier):
    project = package("sklearn")
    labels = project / "sklearn" / "datasets" / "data"
    labels.mkdir(parents=True)
    (labels / "digits.csv.gz").write_text("")
    said = build(
        tier, "json", labels / "digits.csv.gz", project / "sklearn" / "part.py", use="", PYTHONPATH=str(project)
    )
    assert said["readable"] == [False, True]


def test_the_truth_stays_hidden_where_the_package_itself_is_on_the_path(build, tmp_path):
    root = Path(mbench.__file__).parents[1]
    said = build("B", "json", root / "mbench" / "suite" / "orbits.py", use="", PYTHONPATH=str(root))
    assert said["readable"] == [False]


# What is said where a module is not found


def test_a_module_that_is_nowhere_is_to_be_installed_where_mbench_runs():
    told = add_missing("refused: ModuleNotFoundError: No module named 'nowhere_nets' (submission.py, line 1)")
    assert told.endswith(f"mbench runs on {sys.executable}: install it there, by {sys.executable} -m pip")


def test_a_module_that_only_the_user_s_shell_finds_is_said_to_lie_there(tmp_path, monkeypatch):
    (tmp_path / "shell_nets.py").write_text("")
    (tmp_path / "space_nets").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    told = add_missing("ModuleNotFoundError: No module named 'shell_nets'")
    assert f"{tmp_path}/shell_nets.py, which no child reads: put it beside the submission" in told
    assert "has no __init__.py" in add_missing("ModuleNotFoundError: No module named 'space_nets'")


@pytest.mark.parametrize("place", ["own/near_nets.py", "near_nets.py", "own/src/near_nets.py", "near_nets/a.py"])
def test_a_module_near_a_submission_that_did_not_travel_is_told_from_one_to_install(tmp_path, place):
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    told = add_missing("ModuleNotFoundError: No module named 'near_nets'", tmp_path / "own")
    assert str(path if path.stem == "near_nets" else path.parent) in told
    assert told.endswith("an import statement")
    assert "install it" in add_missing("ModuleNotFoundError: No module named 'far_nets'", tmp_path / "own")


@pytest.mark.parametrize(
    "reason",
    ["fit(X, y) raised ValueError: bad", "ModuleNotFoundError: No module named 'sklearn.no_such_part'"],
)
def test_of_anything_else_nothing_is_added(reason):
    assert add_missing(reason) == reason


def test_of_mbench_a_submission_is_told_what_it_may_import():
    assert add_missing("ModuleNotFoundError: No module named 'mbench.suite'").endswith("mbench.nn alone")
