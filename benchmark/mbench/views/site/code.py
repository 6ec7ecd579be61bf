"""A submission's files as lines of HTML: escaped, coloured, and with nothing in them that hides what they say."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from markupsafe import Markup, escape

_LIMIT = 200_000  # characters shown of one file; colouring takes seconds for many more
# Pygments' token types, by their beginning, and the class that style.css colours.
_CLASSES = {"Keyword": "k", "Literal.String": "s", "Comment": "c", "Literal.Number": "n", "Name.Function": "f"}


@dataclass(frozen=True, slots=True)
class Listing:
    """One file, ready to be shown. lines: of safe HTML.  is_cut: is it longer than what is shown?"""

    path: str
    lines: tuple[Markup, ...]
    is_cut: bool


def list_file(path: str, content: bytes) -> Listing:
    """Return a file as lines of HTML. What is not text is shown as such, and never as markup."""
    from pygments import lex
    from pygments.lexers.python import PythonLexer
    from pygments.lexers.special import TextLexer

    text = content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    shown = text[:_LIMIT]
    lexer = (
        PythonLexer(stripnl=False, ensurenl=False) if path.endswith(".py") else TextLexer(stripnl=False, ensurenl=False)
    )
    lines: list[list[Markup]] = [[]]
    for kind, value in lex(shown, lexer):
        name = ".".join(kind)
        style = next((style for start, style in _CLASSES.items() if name.startswith(start)), "")
        for number, part in enumerate(value.split("\n")):
            if number:
                lines.append([])
            if part:
                words = reveal(part)
                lines[-1].append(Markup('<span class="{}">{}</span>').format(style, words) if style else words)
    if not lines[-1]:
        lines.pop()
    return Listing(path, tuple(Markup("").join(line) for line in lines), len(text) > _LIMIT)


def reveal(text: str) -> Markup:
    """Return text as HTML in which control letters, and those that turn its direction, are seen as their code.

    Source: Boucher & Anderson, "Trojan Source: invisible vulnerabilities" (2021).
    """
    parts = [
        Markup('<span class="unseen">U+{:04X}</span>').format(ord(letter)) if _is_unseen(letter) else escape(letter)
        for letter in text
    ]
    return Markup("").join(parts)


def _is_unseen(letter: str) -> bool:
    return letter not in "\t\n" and unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co")
