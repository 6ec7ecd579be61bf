"""What is given in place of a submission's file, with the way out: a notebook, weights, a folder of other names."""

from __future__ import annotations

import codecs
import io
import tokenize
from pathlib import Path

_NAMED_OTHERWISE = ("", ".txt", ".pyw", ".py3", ".py~", ".bak")  # a source under another name
_MOST_NAMED = 3
_UTF16 = (
    "it is text in UTF-16, as PowerShell writes it). Save it as UTF-8: Get-Content OLD | Set-Content -Encoding utf8 NEW"
)


def describe_suffix(path: Path) -> str:
    """Say what to give in place of a file that does not end in .py."""
    suffix = path.suffix.lower()
    if suffix == ".ipynb":
        return (
            "a notebook, and a submission is a .py file. Write the cell with build(spec) into one by %%writefile, or "
            "call mbench.evaluate(build) in the notebook"
        )
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
    text = lines[line - 1].strip() if line and line <= len(lines) else ""
    if text.startswith(("%", "!")):
        return "That line is a notebook's command: leave it out"
    if text.startswith("```"):
        return "That line is Markdown's: leave it out, and its fellow"
    return "Fix that line"


def _is_utf16(content: bytes) -> bool:
    """Is this text of two bytes a letter? By its mark, or since every other byte of an English text is zero there."""
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    start = content[:200]
    return marked or (len(start) > 8 and any(2 * part.count(0) > len(part) for part in (start[::2], start[1::2])))
