"""Names that read alike: what is left of one when letters that look the same are one letter.

The idea is that of Unicode Technical Standard 39, whose table of confusables has thousands of rows. This one is our own
and short: the letters of Cyrillic, Greek, Armenian and Cherokee that are drawn as Latin ones, and what is drawn alike
within Latin. `safe_name` has left letters, digits, `_`, `-` and `.` only; compatibility forms, such as full width and
mathematical letters, are resolved by NFKC.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from mbench.errors import UsageError
from mbench.results.reruns import VERIFIED
from mbench.submission import baseline_names, safe_name

# Drawn as the Latin letter or digit before the colon, in either case.
_ROWS = (
    "a:аɑαᎪ", "b:ьвβƄᏴ", "c:сϲᏟⅽ", "d:ԁɗᎠ", "e:еєҽεᎬ", "f:ϝքƒ", "g:ԍɡցᏀ", "h:һհнᎻ", "i:іɩιıӏіὶᎥ", "j:јϳյᎫ",
    "k:кκᏦқ", "l:ӀІΙǀ|ⅼᏞ", "m:мμᎷ", "n:пոռη", "o:оοօσᴏ", "p:рρϱᏢ", "q:ԛզգ", "r:гᴦᎡ", "s:ѕտᏚ", "t:тτᎢ", "u:υսцᴜ",
    "v:ѵνᏙ", "w:ԝωшաᎳ", "x:хχ×", "y:уүγყ", "z:ᴢζᏃ",
)  # fmt: skip
# Greek and Cyrillic capitals, whose small letters are often drawn otherwise.
_CAPITALS = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕКМНОРСТУХІЈЅ", "abezhikmnoptyxabekmhopctyxijs")
_ALIKE: Mapping[str, str] = {other: row[0] for row in _ROWS for other in row[2:]}
_LATIN = str.maketrans({"0": "o", "1": "l", "i": "l", "|": "l", "5": "s", "_": "-", ".": "-"})
_IGNORED = ("Cf", "Cc", "Mn", "Me", "Cn", "Co")  # unseen, or an accent that a letter is as good as without


def skeleton(name: str) -> str:
    """Return what a name reads as: two names with one skeleton are told apart by no reader in a hurry."""
    folded = unicodedata.normalize("NFKC", name).translate(_CAPITALS)
    letters = unicodedata.normalize("NFD", "".join(_ALIKE.get(letter, letter) for letter in folded).casefold())
    plain = "".join(_ALIKE.get(letter, letter) for letter in letters if unicodedata.category(letter) not in _IGNORED)
    return plain.translate(_LATIN).replace("rn", "m").replace("vv", "w")


@cache
def skeletons(name: str) -> frozenset[str]:
    """Return what a folder's name reads as, and what the name that tables make of it reads as."""
    return frozenset((skeleton(name), skeleton(safe_name(name))))


class TakenNames:
    """The names of the baselines, of the reruns' folder and of submissions' folders, by what they read as."""

    def __init__(self, others: Iterable[str] = ()) -> None:
        """Take the names of other folders."""
        self._known: dict[str, list[tuple[int, str, bool]]] = {}
        self._n = 0
        for name in (*baseline_names(), VERIFIED):
            self._keep(name, is_folder=False)
        for name in others:
            self.add(name)

    def add(self, name: str) -> None:
        """Take the name of one more folder."""
        self._keep(name, is_folder=True)

    def check(self, folder: Path) -> None:
        """Raise UsageError for a folder that reads as another's name; its own among the folders' is no other."""
        name = folder.absolute().name
        alike = [
            (number, other)
            for each in skeletons(name)
            for number, other, is_folder in self._known.get(each, ())
            if not is_folder or other != name
        ]
        if alike:
            raise UsageError(
                f"{folder}: its name reads as {min(alike)[1]!a}, which is another's. Call the folder otherwise"
            )

    def _keep(self, name: str, *, is_folder: bool) -> None:
        self._n += 1
        for each in skeletons(name):
            self._known.setdefault(each, []).append((self._n, name, is_folder))


def check_folder_name(folder: Path, others: Iterable[str]) -> None:
    """Raise UsageError for a submission's folder that reads as a baseline, as one of the others or as the reruns'.

    others: names of folders; its own among them is no other.
    """
    TakenNames(others).check(folder)
