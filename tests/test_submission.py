import ast
import os
import subprocess
import sys
import threading

import pytest

from mbench.errors import MbenchError, SubmissionError, UsageError
from mbench.submission import (
    _statements,
    baseline_names,
    baseline_path,
    pickle_build,
    read_submission,
    safe_name,
)

BUILD = "def build(spec):\n    return None\n"


def paths(source):
    return [path for path, _ in source.files]


def test_a_file_and_its_folder_are_the_same_submission(submission_file):
    path = submission_file(BUILD)
    assert read_submission(path) == read_submission(path.parent)


def test_a_file_is_named_by_its_stem(submission_file):
    assert read_submission(submission_file(BUILD, "my idea.py")).name == "my-idea"


def test_submission_py_is_named_by_its_folder(submission_file):
    assert read_submission(submission_file(BUILD, "deep/submission.py")).name == "deep"


@pytest.mark.parametrize(
    ("name", "safe"), [("../../etc", "etc"), ("a|b\n<c>", "a-b-c"), ("...", "submission"), ("x" * 99, "x" * 60)]
)
def test_safe_name_keeps_what_a_path_and_a_table_can_hold(name, safe):
    assert safe_name(name) == safe


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not valid Python"),
        (b"\x00\x00", "not valid Python"),
        (b"\xff\xfe build", "not valid Python"),
        (b"def build(spec:\n", "line 1"),
        (b"# coding: hex\ndef build(spec): ...\n", "not valid Python"),
        (b"# coding: rot13\ndef build(spec): ...\n", "not valid Python"),
        (b"# coding: nowhere\ndef build(spec): ...\n", "not valid Python"),
        (b"x = 1\n\tdef build(spec): pass\n", "line 2"),
        (b"x = " + b"(" * 1000 + b")" * 1000, "not valid Python"),
        (b"", "has no build"),
        (b"def built(spec): pass", "has built and no build"),
    ],
)
def test_what_is_no_submission_is_refused_with_one_line(submission_file, content, message):
    path = submission_file(content)
    with pytest.raises(SubmissionError) as caught:
        read_submission(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["absent.py", "absent/submission.py", "x" * 5000])
def test_a_missing_file_is_a_usage_error(tmp_path, name):
    with pytest.raises(UsageError, match=r"no such file|cannot be read"):
        read_submission(tmp_path / name)


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        ([], "mbench init"),
        (["README.md"], "mbench init"),
        (
            ["model.py", "__init__.py"],
            "The folder has model.py: give the file itself, or call the main one submission.py",
        ),
        (["Submission.py"], "The folder has Submission.py"),
        (["submission.ipynb"], "The folder has submission.ipynb"),
        (["a.py", "b.py", "c.py", "d.py", "e.py"], "a.py, b.py, c.py and 2 more"),
    ],
)
def test_a_folder_without_its_main_file_is_told_what_it_has(tmp_path, names, advice):
    for name in names:
        (tmp_path / name).write_text(BUILD)
    with pytest.raises(UsageError) as caught:
        read_submission(tmp_path)
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        ("# naïve\n".encode("latin-1") + BUILD.encode(), "line 1 holds a letter that is no UTF-8). Save it as UTF-8"),
        (BUILD.encode() + "x = '“'\n".encode("cp1252"), "Save it as UTF-8"),
        (b"%matplotlib inline\n" + BUILD.encode(), "a notebook's command"),
        (BUILD.encode() + b"!pip install x\n", "a notebook's command"),
        (b"```python\n" + BUILD.encode() + b"```\n", "Markdown's"),
        (BUILD.encode() + b"<<<<<<< HEAD\n", "a conflict of a merge"),
        (BUILD.encode() + b"x = )\n", "Fix that line"),
        (b">>> import numpy\n" + BUILD.encode(), "leave out the prompts"),
        (b"<!DOCTYPE html>\n<html><body>404</body></html>", "a web page"),
        (BUILD.encode() + "x = \u201cword\u201d\n".encode(), "quotes again"),
        (BUILD.encode() + "x =\u00a01\n".encode(), "blanks again"),
        (BUILD.encode() + "x = 1 \u2013 2\n".encode(), "a longer dash"),
        (b"PK\3\4" + bytes(40), "an archive). Unpack it"),
        (BUILD.encode("utf-32"), "UTF-32). Save it as UTF-8"),
        (b'{"cells": [], "metadata": {}}', ": a notebook"),
        (b" \n", "is empty and has no build"),
        (b"def bulid(x): ...\n", "Rename that to build"),
        (b"def make_model(spec): ...\n", "has make_model and no build"),
        (b"class Net:\n    def fit(self, X, y): ...\n    def predict(self, X): ...\n", "return Net()"),
        (b"def first(spec): ...\ndef second(spec): ...\n", "has no build. Define"),
        (b"class Net: ...\n", "has no build. Define"),
    ],
)
def test_what_is_not_quite_python_is_told_how_to_become_it(submission_file, content, advice):
    with pytest.raises(SubmissionError) as caught:
        read_submission(submission_file(content))
    assert advice in str(caught.value)


@pytest.mark.parametrize("coding", ["utf-8-sig", "latin-1"])
def test_a_source_in_an_encoding_that_it_declares_is_read(submission_file, coding):
    head = "" if coding == "utf-8-sig" else f"# coding: {coding}\n"
    content = (head + "# naïve\r\n" + BUILD.replace("\n", "\r\n")).encode(coding)
    assert read_submission(submission_file(content)).n_bytes == len(content)


def test_data_beside_a_submission_that_it_names_is_known(submission_file):
    path = submission_file(
        "NAMES = ('w.csv', '/deep/v.npy', 'gone.csv', 'part.py', 'x' * 999, chr(0) + '.a')\n" + BUILD
    )
    for name in ("w.csv", "deep/v.npy", "part.py", "other.csv"):
        path.parent.joinpath(name).parent.mkdir(exist_ok=True)
        path.parent.joinpath(name).write_text("")
    assert read_submission(path).data_beside == ("deep/v.npy", "w.csv")
    assert pickle_build(lambda spec: "w.csv").data_beside == ()


def test_a_folder_without_a_submission_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"submission\.py: no such file"):
        read_submission(tmp_path)


def test_a_pipe_is_refused_rather_than_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(UsageError, match="not a regular file"):
        read_submission(tmp_path / "pipe.py")


def test_reading_a_submission_does_not_run_it(submission_file, tmp_path):
    read_submission(submission_file(f"open({str(tmp_path / 'ran')!r}, 'w')\n{BUILD}"))
    assert not (tmp_path / "ran").exists()


def test_an_invalid_escape_is_not_our_warning_to_give(submission_file):
    read_submission(submission_file(f"pattern = '\\d'\n{BUILD}"))


@pytest.mark.parametrize(
    "source",
    [
        "build = lambda spec: None",
        "class build: pass",
        "from other import build",
        "from other import make as build",
        "from other import *",
        "if True:\n    def build(spec): pass",
        "async def build(spec): pass",
    ],
)
def test_build_may_be_bound_in_any_way(submission_file, source):
    assert read_submission(submission_file(source))


def test_local_modules_come_along_and_others_stay(submission_file):
    submission_file("from .deep import value", "parts/__init__.py")
    submission_file("import numpy\nfrom . import deeper", "parts/deep.py")
    submission_file("value = 1", "parts/deeper.py")
    submission_file("value = 2", "helper.py")
    submission_file("value = 3", "unrelated.py")
    source = read_submission(submission_file(f"import helper\nimport parts.deep\nimport os\n{BUILD}"))
    assert paths(source) == ["helper.py", "parts/__init__.py", "parts/deep.py", "parts/deeper.py", "submission.py"]


def test_imports_inside_functions_come_along(submission_file):
    submission_file("", "lazy.py")
    source = read_submission(submission_file("def build(spec):\n    import lazy\n"))
    assert "lazy.py" in paths(source)


def test_modules_that_import_each_other_end(submission_file):
    submission_file("import second", "first.py")
    submission_file("import first", "second.py")
    assert len(read_submission(submission_file(f"import first\n{BUILD}")).files) == 3


def test_a_broken_local_module_is_named(submission_file):
    helper = submission_file("def (", "helper.py")
    with pytest.raises(SubmissionError, match="line 1") as caught:
        read_submission(submission_file(f"import helper\n{BUILD}"))
    assert str(helper) in str(caught.value)


def test_a_link_stands_for_the_file_it_points_to(submission_file, tmp_path):
    submission_file("", "helper.py")
    target = submission_file(f"import helper\n{BUILD}", "actual.py")
    (tmp_path / "link.py").symlink_to(target)
    source = read_submission(tmp_path / "link.py")
    assert source.name == "link"
    assert source.digest == read_submission(target).digest


def test_digest_depends_on_every_local_file_and_on_nothing_else(submission_file):
    submission_file("value = 1", "helper.py")
    path = submission_file(f"import helper\n{BUILD}")
    before = read_submission(path).digest
    submission_file("", "unrelated.py")
    assert read_submission(path).digest == before
    submission_file("value = 2", "helper.py")
    assert read_submission(path).digest != before


def test_digest_does_not_depend_on_the_folder(submission_file):
    first, second = (read_submission(submission_file(BUILD, f"{name}/submission.py")) for name in ("a", "b"))
    assert first.name != second.name
    assert first.digest == second.digest


def test_write_to_restores_every_file(submission_file, tmp_path):
    submission_file("value = 1", "parts/__init__.py")
    source = read_submission(submission_file(f"import parts\n{BUILD}"))
    entry = source.write_to(tmp_path / "copy")
    assert read_submission(entry).files == source.files


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("idea.txt", r"does not end in \.py.* Rename it"),
        ("idea", "Rename it"),
        ("IDEA.PY", "Rename it"),
        ("idea.ipynb", "a notebook.*%%writefile"),
        ("idea.pt", "the Python file that defines build"),
        ("README.md", "the Python file that defines build"),
        ("idea.zip", "an archive.* Unpack it"),
        ("idea.tar.gz", "an archive.* Unpack it"),
        ("idea.pyx", "as .py, with numba"),
        ("idea.pyc", "the .py file that it was made of"),
    ],
)
def test_a_file_of_another_ending_is_refused_with_what_to_give(submission_file, name, advice):
    path = submission_file(BUILD)
    with pytest.raises(UsageError, match=advice):
        read_submission(path.rename(path.with_name(name)))


@pytest.mark.parametrize("target", ["gone.py", "idea.py"])
def test_a_link_to_nothing_or_to_itself_is_told_as_a_link(tmp_path, target):
    (tmp_path / "idea.py").symlink_to(target)
    with pytest.raises(UsageError, match=f"idea.py: a link to {target}, where nothing lies"):
        read_submission(tmp_path / "idea.py")


def test_a_path_is_told_as_it_was_given(submission_file, monkeypatch):
    path = submission_file(BUILD)
    path.rename(path.with_name("idea.txt"))
    monkeypatch.chdir(path.parent)
    with pytest.raises(UsageError, match=r"^idea\.txt: does not end"):
        read_submission("idea.txt")


def test_the_ending_is_that_of_the_file_that_is_linked_to(submission_file):
    path = submission_file(BUILD, "idea.py")
    link, other = path.with_name("current"), path.with_name("blob")
    link.symlink_to(path)
    assert read_submission(link).entry == "idea.py"
    path.rename(other)
    path.symlink_to(other)
    with pytest.raises(UsageError, match=r"blob: does not end in \.py"):
        read_submission(path)


def test_a_build_function_that_cannot_be_pickled_is_refused():
    lock = threading.Lock()
    with pytest.raises(SubmissionError, match="cannot be sent to a child process"):
        pickle_build(lambda spec: lock)


def test_an_edit_of_the_module_a_build_function_comes_from_changes_its_digest(tmp_path):
    code = "import my_models; from mbench.submission import pickle_build; print(pickle_build(my_models.build).digest)"
    digests = set()
    for value in (1, 2):
        (tmp_path / "my_models.py").write_text(f"def build(spec):\n    return {value}\n")
        digests.add(subprocess.check_output([sys.executable, "-B", "-c", code], cwd=tmp_path))
    assert len(digests) == 2


def test_a_part_of_a_function_carries_its_module_too(tmp_path):
    code = "import functools, my_models; from mbench.submission import pickle_build; "
    code += "made = pickle_build(functools.partial(my_models.build, 3)); print(made.name, made.digest)"
    told = set()
    for value in (1, 2):
        (tmp_path / "my_models.py").write_text(f"def build(n, spec):\n    return {value}\n")
        told.add(subprocess.check_output([sys.executable, "-B", "-c", code], cwd=tmp_path, text=True))
    assert len(told) == 2
    assert {line.split()[0] for line in told} == {"build"}


def test_what_python_warns_of_is_the_authors_to_see_when_the_file_runs(submission_file, recwarn):
    source = read_submission(submission_file("import numpy\npattern = '\\d'\ndef build(spec): ..."))
    assert source.libraries == ("numpy",)
    assert not recwarn.list


@pytest.mark.parametrize("name", ["", "../knn", "absent", "knn.py", "results/knn"])
def test_only_a_baselines_own_name_finds_it(name):
    assert baseline_path(name) is None


@pytest.mark.parametrize("name", baseline_names())
def test_every_baseline_is_a_submission(name):
    assert read_submission(baseline_path(name)).name == name


def test_errors_of_submissions_and_of_usage_have_their_own_exit_codes():
    assert (SubmissionError.exit_code, UsageError.exit_code, MbenchError.exit_code) == (1, 2, 3)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_source_in_utf16_is_told_how_to_be_saved(submission_file, encoding):
    path = submission_file("import numpy as np\n\ndef build(spec):\n    return None\n".encode(encoding))
    with pytest.raises(SubmissionError, match=r"not valid Python \(it is text in UTF-16.*Save it as UTF-8"):
        read_submission(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().decode(encoding).lstrip("\ufeff").encode())  # as Windows does
    assert read_submission(path).entry == path.name


def test_imports_are_found_wherever_a_statement_may_stand():
    lines = """
import a
if a: import b
elif a: import c
else: import d
for _ in (): import e
else: import f
while a: import g
with a: import h
try: import i
except OSError: import j
else: import k
finally: import l
def one():
    class Two:
        async def three(self):
            import m
            async with a: import n
match a:
    case 1: import o
    case _:
        try: import p
        except* ValueError: from q import r
x = lambda: (yield)
"""
    tree = ast.parse(lines)
    walked = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    found = [node for node in _statements(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert len(found) == 17
    assert found == walked
