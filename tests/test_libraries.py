"""What is said of a submission's libraries: distributions with versions, and digests of what its author may edit."""

import importlib
import importlib.util
import json
import sys
import types

import pytest

from mbench.runs import libraries
from mbench.runs.libraries import compare_libraries, find_libraries


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution `made-up` with the package `madeup` on the path, as pip would."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def write(version="1.0", content="VALUE = 1\n", editable=False):
        info = tmp_path / "site" / "made_up-0.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: made-up\nVersion: {version}\n")
        (info / "top_level.txt").write_text("madeup\n")
        if editable:
            (info / "direct_url.json").write_text(json.dumps({"url": "file:///x", "dir_info": {"editable": True}}))
        package = tmp_path / "site" / "madeup"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").write_text(content)
        importlib.invalidate_caches()
        libraries._distributions.cache_clear()

    yield write
    libraries._distributions.cache_clear()


def test_an_import_is_told_by_its_distribution_and_version(install):
    install("1.2")
    assert find_libraries(["madeup.part", "json", "mbench", "no_such_module"]) == {"madeup": "made-up 1.2"}


def test_an_upgrade_is_a_difference_and_an_edit_of_an_installed_file_is_not(install):
    install("1.0")
    then = find_libraries(["madeup"])
    install("1.0", content="VALUE = 2\n")
    assert compare_libraries(then) == ""
    install("1.1")
    assert compare_libraries(then) == "made-up 1.1 now, was made-up 1.0"


def test_an_edit_of_an_editable_package_is_a_difference(install):
    install(editable=True)
    then = find_libraries(["madeup"])
    assert then["madeup"].startswith("made-up 1.0, files ")
    assert compare_libraries(then) == ""
    install(editable=True, content="VALUE = 2\n")
    assert compare_libraries(then) == "the files of madeup have changed"


def test_a_folder_of_no_distribution_is_told_by_its_files(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "loose_nets.py").write_text("VALUE = 1\n")
    then = find_libraries(["loose_nets"])
    assert then["loose_nets"].startswith("files ")
    (tmp_path / "loose_nets.py").write_text("VALUE = 2\n")
    assert compare_libraries(then) == "the files of loose_nets have changed"


def test_an_inner_module_counts_for_nothing_whether_this_process_has_loaded_it_or_not(tmp_path, monkeypatch):
    # As SciPy's `_ni_label`: compiled, in a package, and loaded under a name that is in no folder of the path.
    inner = types.ModuleType("_inner_label")
    (tmp_path / "inner.py").write_text("VALUE = 1\n")
    inner.__spec__ = importlib.util.spec_from_file_location("_inner_label", tmp_path / "inner.py")
    before = find_libraries(["_inner_label"])
    monkeypatch.setitem(sys.modules, "_inner_label", inner)
    assert find_libraries(["_inner_label"]) == before == {}
    assert compare_libraries({"_inner_label": "files 0123456789abcdef"}) == ""


def test_a_loose_module_that_was_removed_is_a_difference():
    assert compare_libraries({"loose_nets": "files 0123"}) == "loose_nets is not here now, was files 0123"


def test_what_is_removed_is_said():
    assert compare_libraries({"gone": "gone 1.0"}) == "gone is not here now, was gone 1.0"
    assert compare_libraries(None) == ""
