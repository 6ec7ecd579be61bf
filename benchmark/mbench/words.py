"""Words in sentences: how many, which place, and which of them may be meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def count_of(n: int, one: str, many: str = "") -> str:
    """Return how many there are: "1 discovery", "2 discoveries". many: the plural where it is not `one` with an s."""
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"


def ordinal(n: int) -> str:
    """Return a place: "1st", "2nd", "11th"."""
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def list_words(words: Sequence[str], most: int = 4) -> str:
    """Return a few words as one list, and of more their number behind the first."""
    if len(words) > most:
        words = [*words[: most - 1], f"{len(words) - most + 1} more"]
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def suggest(asked: object, known: Iterable[str]) -> str:
    """Return a sentence behind a full stop that names the words that may be meant; "" where none is near."""
    import difflib  # here: `mbench --help` needs none of it

    if not isinstance(asked, str):
        return ""
    by_letters = {word.casefold(): word for word in known}
    folded = asked.casefold()
    near = [folded] if folded in by_letters else difflib.get_close_matches(folded, by_letters)
    return f". Is {' or '.join(by_letters[each] for each in near)} meant?" if near else ""
