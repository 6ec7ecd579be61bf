"""Names that read alike have one skeleton, and those of all baselines are told apart."""

import unicodedata
from itertools import combinations
from pathlib import Path

import pytest

from mbench.errors import UsageError
from mbench.results.lookalikes import TakenNames, check_folder_name, skeleton, skeletons
from mbench.submission import baseline_names

# By hand from the charts: each is drawn as the word at the left.
ALIKE = {
    "knn": [
        "кnn",
        "knп",
        "ΚΝΝ",
        "Knn",
        "ｋｎｎ",
        "𝐤𝐧𝐧",
        "kn\u200bn",
        "k\u0301nn",
        "knn\ufe0f",
        "\u202eknn",
        "knn.",
        "κnn",
    ],
    "mlp": ["mІp", "m1p", "mIp", "мlp", "mlр", "rnlp", "m|p", "mӏp"],
    "gp": ["gр", "ɡp", "gρ", "ＧＰ"],
    "siren": ["ѕiren", "sіren", "sirеn", "sιren", "SIREN", "s1ren"],
    "elm": ["еlm", "eІm", "elrn"],
    "wire": ["vvire", "ԝire", "wiге"],
    "knn_mirror": ["knn-mirror", "knn.mirror", "knn_mirrоr", "knn_mirr0r"],
    "taylor": ["tауlor", "ТAYLOR", "taуlоr"],
}


@pytest.mark.parametrize(("name", "other"), [(name, other) for name, others in ALIKE.items() for other in others])
def test_what_is_drawn_alike_is_one_name(name, other):
    assert skeletons(name) & skeletons(other)
    with pytest.raises(UsageError, match=f"reads as '{name}'"):
        check_folder_name(Path(other), ())


def test_baselines_are_told_apart():
    assert [pair for pair in combinations(baseline_names(), 2) if skeleton(pair[0]) == skeleton(pair[1])] == []


def test_other_words_and_other_scripts_are_other_names():
    words = [
        "idea",
        "ideas",
        "漢字",
        "字漢",
        "nearest2",
        "forest",
        "лес",
        "δέντρο",
        "knn8",
        "rbf2",
        "mlp-wide",
        "shape",
    ]
    assert [pair for pair in combinations(words, 2) if skeletons(pair[0]) & skeletons(pair[1])] == []
    for word in words:
        check_folder_name(Path(word), ())


@pytest.mark.parametrize("letter", "abcdefghjkmnopqrstuvwxyz")
def test_every_letter_that_unicode_calls_a_form_of_a_latin_one_is_that_one(letter):
    forms = [chr(code) for code in range(0x80, 0x1F000) if unicodedata.normalize("NFKC", chr(code)).lower() == letter]
    assert len(forms) > 10
    assert {skeleton(form) for form in forms} == {letter}


def test_a_folder_may_not_be_called_what_another_is(tmp_path):
    for name in ("kпn", "verified", "Verifi\u0435d"):
        with pytest.raises(UsageError, match="which is another's"):
            check_folder_name(tmp_path / name, ())
    check_folder_name(tmp_path / "idea", ("idea",))
    with pytest.raises(UsageError, match="reads as 'idea'"):
        check_folder_name(Path(tmp_path / "іdea"), ("idea",))


def test_of_two_names_that_a_folder_reads_as_the_one_taken_first_is_said():
    taken = TakenNames(["idea", "idеa"])
    with pytest.raises(UsageError, match="reads as 'idea'"):
        taken.check(Path("ideа"))
    taken.add("other")
    with pytest.raises(UsageError, match="reads as 'other'"):
        taken.check(Path("оther"))
