"""What is given in place of a submission's file, with the way out: a notebook, weights, a folder of other names."""

from __future__ import annotations

import ast
import codecs
import difflib
import io
import tokenize
from pathlib import Path

_NAMED_OTHERWISE = ("", ".txt", ".pyw", ".py3", ".py~", ".bak")  # a source under another name
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".whl")
_COMPILED = (".pyc", ".pyo", ".so", ".pyd")
_ARCHIVE_MARKS = (b"PK\3\4", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf")
_MERGE_MARKS = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")
_TYPED_OTHERWISE = {
    "\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb": "Type its quotes again: a word processor has curved them",
    "\u00a0\u2003\u2009\u200b\u3000\ufeff": "Type its blanks again: a web page or a chat has put others there",
    "\u2013\u2014\u2212": "Type its - again: a longer dash stands there",
}
_UNPACK = "Unpack it, and give the .py file or its folder"
_MOST_NAMED = 3
_NOTEBOOK = (
    "a notebook, and a submission is a .py file. Write the cell with build(spec) into one by %%writefile, or call "
    "mbench.evaluate(build) in the notebook"
)
_UTF16 = (
    "it is text in UTF-16, as PowerShell writes it). Save it as UTF-8: Get-Content OLD | Set-Content -Encoding utf8 NEW"
)


def describe_suffix(path: Path) -> str:
    """Say what to give in place of a file that does not end in .py."""
    suffix = path.suffix.lower()
    if suffix == ".ipynb":
        return _NOTEBOOK
    if suffix in _ARCHIVES:
        return f"an archive. {_UNPACK}"
    if suffix == ".pyx":
        return "Cython's, which a compiler would have to translate. Write it as .py, with numba where it has to be fast"
    if suffix in _COMPILED:
        return "compiled, and a submission is read as source. Give the .py file that it was made of"
    if suffix in _NAMED_OTHERWISE or suffix == ".py" or path.suffix[1:].isdigit():
        return "does not end in .py, so Python would not import it. Rename it"
    return "does not end in .py. Give the Python file that defines build(spec): what has been learned is not handed in"


def describe_folder(folder: Path, entry_name: str) -> str:
    """Say what to give in place of a folder that lacks its main file."""
    try:
        names = sorted(path.name for path in folder.iterdir() if path.suffix in (".py", ".ipynb"))
    except (OSError, ValueError):  # a name that no folder may have
        names = []
    sources = [name for name in names if name.endswith(".py") and not name.startswith("_")] or names
    if not sources:
        return "Give the path of a submission, or write one with `mbench init`"
    more = f" and {len(sources) - _MOST_NAMED} more" if len(sources) > _MOST_NAMED else ""
    there = ", ".join(sources[:_MOST_NAMED]) + more
    return f"The folder has {there}: give the file itself, or call the main one {entry_name}"


def describe_bytes(content: bytes) -> str:
    """Say what is wrong with the letters of a source; "" where they can be read."""
    if content.startswith(_ARCHIVE_MARKS):
        return f"it is an archive). {_UNPACK}"
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "it is text in UTF-32). Save it as UTF-8 in your editor"
    if _is_utf16(content):
        return _UTF16
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    except SyntaxError as error:
        if "unknown" in str(error):  # Python's own message names the encoding
            return ""
        encoding = "utf-8"  # which the first two lines are not, and they declare no other
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return f"line {line} holds a letter that is no {encoding.upper()}). Save it as UTF-8 in your editor"
    except (LookupError, ValueError):  # a codec that is none of text
        return ""
    return ""


def describe_line(content: bytes, line: int | None) -> str:
    """Say what to do about the line of a source that Python cannot read."""
    lines = content.decode("utf-8", errors="replace").splitlines()
    text = lines[line - 1].strip(" \t") if line and line <= len(lines) else ""
    if text.startswith(("%", "!")):
        return "That line is a notebook's command: leave it out"
    if text.startswith("```"):
        return "That line is Markdown's: leave it out, and its fellow"
    if text.startswith(_MERGE_MARKS):
        return "That line marks a conflict of a merge: keep one side, and leave all marks out"
    if text.startswith((">>>", "In [")):
        return "That line begins with a prompt: leave out the prompts, and what was printed between them"
    if lines and lines[0].lstrip().lower().startswith(("<!doctype", "<html", "<?xml")):
        return "It is a web page and no Python: download the file itself, on a forge by its raw form"
    for letters, mend in _TYPED_OTHERWISE.items():
        if any(letter in text for letter in letters):
            return mend
    return "Fix that line"


def describe_unbuilt(content: bytes, tree: ast.Module) -> str:
    """Say what a source that Python can read is, and what it has in place of the `build` that it does not define."""
    if content.lstrip().startswith(b"{") and b'"cells"' in content:  # JSON, which reads as a dict of Python's
        return _NOTEBOOK
    if not content.strip():
        return "is empty and has no build. Save it in your editor, or write one with `mbench init`"
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and {"fit", "predict"} <= {getattr(each, "name", "") for each in node.body}:
            return f"has the class {node.name} and no build. Add def build(spec): return {node.name}()"
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and _takes_spec(node)]
    if len(names) == 1:
        return f"has {names[0]} and no build. Rename that to build, if it returns an estimator with fit and predict"
    return "has no build. Define `def build(spec):` that returns an estimator with fit and predict"


def _takes_spec(node: ast.FunctionDef) -> bool:
    names = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
    return names == ["spec"] or bool(difflib.get_close_matches(node.name, ["build"], cutoff=0.7))


def _is_utf16(content: bytes) -> bool:
    """Is this text of two bytes a letter? By its mark, or since every other byte of an English text is zero there."""
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    start = content[:200]
    return marked or (len(start) > 8 and any(2 * part.count(0) > len(part) for part in (start[::2], start[1::2])))
