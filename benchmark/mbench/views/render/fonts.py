"""The letters of pictures: DejaVu Sans, which matplotlib brings, for Chinese, Japanese and Korean a font found here.

What no font has is drawn as a box, and a note says so.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties

from mbench.results.kept import note

OWN = "DejaVu Sans"
# Of each machine the first that it has: those of Debian's packages, of macOS and of Windows.
_OF_MACHINES = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC", "Source Han Sans", "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei", "IPAexGothic", "IPAGothic", "VL Gothic", "Droid Sans Fallback", "PingFang SC",
    "Hiragino Sans", "Arial Unicode MS", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "SimSun", "Unifont",
)  # fmt: skip
_PACKAGE = "fonts-noto-cjk"


def font_families() -> list[str]:
    """Return the families that a picture is written in, each standing in for letters that those before lack."""
    known = {font.name for font in font_manager.fontManager.ttflist}
    return [OWN, *[name for name in _OF_MACHINES if name in known][:1]]


def split_by_font(words: str, bold: bool) -> list[tuple[str, str]]:
    """Return words in runs that one font file has: the run and the file. A box stands for what none has."""
    runs: list[tuple[str, str]] = []
    for letter in printable(words):
        path = next((p for p in _paths(tuple(font_families()), bold) if ord(letter) in _letters(p)), None)
        path = path or _paths((OWN,), bold)[0]
        if runs and runs[-1][1] == path:
            runs[-1] = (runs[-1][0] + letter, path)
        else:
            runs.append((letter, path))
    return runs


def printable(words: str) -> str:
    """Return words with a box for every letter that no font here has; it would be drawn with a warning each."""
    if words.isascii() and words.isprintable():
        return words
    missing = tell_missing(words)
    if missing:
        note(missing)
    return "".join(letter if _has(letter) else "□" for letter in words)


def tell_missing(words: str) -> str:
    """Return a line about letters that pictures show as boxes, "" where there are none."""
    missing = sorted({letter for letter in words if letter.isprintable() and not _has(letter)})
    if not missing:
        return ""
    is_cjk = any(unicodedata.east_asian_width(letter) in "WF" for letter in missing)
    package = f". Install one that has ({_PACKAGE}, for example) and draw again" if is_cjk else ""
    return f"no font of this machine has {''.join(missing[:12])}: pictures show a box for each{package}"


def letters_wide(words: str) -> float:
    """Return how many of our letters are as wide as words: one of Chinese is as wide as two thirds more."""
    return sum(1.7 if unicodedata.east_asian_width(letter) in "WF" else 1.0 for letter in words)


def _has(letter: str) -> bool:
    families = tuple(font_families())
    return all(any(ord(letter) in _letters(path) for path in _paths(families, bold)) for bold in (False, True))


@cache
def _paths(families: tuple[str, ...], bold: bool) -> tuple[str, ...]:
    weight = "bold" if bold else "normal"
    return tuple(str(font_manager.findfont(FontProperties(family=name, weight=weight))) for name in families)


@cache
def _letters(path: str) -> frozenset[int]:
    return frozenset(font_manager.get_font(path).get_charmap())
