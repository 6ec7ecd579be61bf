"""Files that are kept and that another mbench may have written: what is foreign is told from what is damaged.

A file says who wrote it. A field, a metric, or a record of a task or track that this mbench does not know is skipped
with a note where somebody listens to notes, and refused where nobody does, as by those who would write the file again
without it. What is known is validated as strictly as ever.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from mbench import __version__
from mbench.disk import read_bytes, read_inside, type_adapter, write_json
from mbench.errors import HarnessError, UsageError, one_line
from mbench.suite.tracks import SUITE_VERSION

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")
WRITER = "mbench"  # the field that says which version wrote a file
_UNEXPECTED = ("unexpected_keyword_argument", "extra_forbidden")  # pydantic's words for a name that it does not know
_HEAD = f'{{\n "{WRITER}": "{__version__}",'.encode()  # of a file of this mbench
_MOST_NAMED = 6
_NOTES: ContextVar[list[str] | None] = ContextVar("_NOTES", default=None)


class ForeignError(UsageError):
    """A file of this suite holds what only another version of mbench knows. It is whole, and not to be deleted."""


class OtherSuiteError(UsageError):
    """A file of another suite, or of an older schema: its numbers do not compare with those of this one."""


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """One kind of file.

    kind: what it is read as.  limit: bytes.  remedy: what to do about a damaged one.  again: what to do about one of
    another suite.  schema: None where it has none.  items, unknown: the list in it whose members are records, and what
    says what of a record this mbench does not know ("" where it knows all).  has_head: is it an object with its suite?
    suite: which it is to be of.  is_strangers: does it lie in a folder that a stranger brought, where no link counts?
    """

    kind: type[T]
    limit: int
    remedy: str
    again: str = "Run it again"
    schema: int | None = None
    items: str = ""
    unknown: Callable[[Any], str] | None = None
    has_head: bool = True
    suite: int = SUITE_VERSION
    is_strangers: bool = False


@contextmanager
def listening() -> Iterator[list[str]]:
    """Collect the notes about what is skipped while the context lasts: this is who reads them."""
    heard: list[str] = []
    token = _NOTES.set(heard)
    try:
        yield heard
    finally:
        _NOTES.reset(token)


@contextmanager
def refusing_foreign() -> Iterator[None]:
    """Have files with something foreign refused while the context lasts: whoever writes them again would lose it."""
    token = _NOTES.set(None)
    try:
        yield
    finally:
        _NOTES.reset(token)


def heard_notes() -> list[str]:
    """Return what was noted so far, each once."""
    return list(dict.fromkeys(_NOTES.get() or ()))


def count_notes() -> int:
    """Return how many notes were taken so far, however often each."""
    return len(_NOTES.get() or ())


def take_notes() -> list[str]:
    """Return what was noted so far, each once, so that nobody says it again."""
    taken = heard_notes()
    if notes := _NOTES.get():
        notes.clear()
    return taken


def note(words: str) -> None:
    """Note what whoever reads the result should know, where somebody listens."""
    notes = _NOTES.get()
    if notes is not None:
        notes.append(words)


def note_foreign(words: str) -> None:
    """Note what is left out. Raises ForeignError, which says it, where nobody listens."""
    notes = _NOTES.get()
    if notes is None:
        raise ForeignError(f"{words}. Update mbench to have all of it")
    notes.append(words)


def write_kept(path: Path, content: dict[str, Any], kept: str = "") -> None:
    """Write a JSON object atomically that says who wrote it. Raises HarnessError when the disk refuses."""
    write_json(path, sign(content), kept)


def sign(content: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON object that says who wrote it."""
    return {WRITER: __version__} | content


def read_kept(form: Form[T], path: Path) -> T | None:
    """Return what a file holds as far as it is known here; None where there is no file. Notes what it skips.

    Raises UsageError for another suite's, ForeignError for one that cannot be read for being another version's or
    where nobody listens to notes, HarnessError for a damaged one.
    """
    loaded = load_kept(form, path)
    if loaded is None:
        return None
    value, words = loaded
    if words:
        note_foreign(words)
    return value


def load_kept(form: Form[T], path: Path) -> tuple[T, str] | None:
    """Return what a file holds, and the note of what was skipped, as `parse_kept`; None where there is no file."""
    try:
        if form.is_strangers:
            content = read_inside(path.parent, path.name, form.limit)
        else:
            content = read_bytes(path, form.limit, form.remedy)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HarnessError(f"{path}: cannot be read ({error.strerror})") from error
    return parse_kept(form, content, path)


def parse_kept(form: Form[T], content: bytes, origin: Path) -> tuple[T, str]:
    """Return what JSON holds as far as it is known here, and the note of what was skipped: "" for nothing.

    origin: whose content it is, for messages. Raises as `read_kept`, and takes no notes.
    """
    from pydantic import ValidationError

    adapter = cast("TypeAdapter[T]", type_adapter(form.kind))
    tree = load_object(form, content, origin)
    writer = _check_head(form, tree, origin) if form.has_head else ""
    is_newer = form.schema is not None and tree["schema"] > form.schema
    skipped: Counter[str] = Counter()
    if is_newer:
        skipped[f"schema {tree['schema']}"[:40]] += 1
        tree["schema"] = form.schema
    if form.unknown is not None:
        _skip_records(form, tree, origin, writer, skipped)
    try:
        try:
            # What was taken out of the tree is its first name, as we write it, or the tree is written out again.
            as_it_was = form.has_head and not skipped and content.startswith(_HEAD)
            value = adapter.validate_json(b"{" + content[len(_HEAD) :] if as_it_was else json.dumps(tree))
        except ValidationError as error:
            if not _skip_names(tree, error, skipped):
                raise
            value = adapter.validate_json(json.dumps(tree))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:80]
        if is_newer:
            raise ForeignError(
                f"{origin}: written by {writer} in a newer schema, of which {place!r} cannot be read here. Update "
                "mbench to read it"
            ) from None
        raise HarnessError(f"{origin}: damaged at {place!r} ({first['msg'][:200]}). {form.remedy}") from None
    return value, _describe(origin, writer, skipped) if skipped else ""


def load_object(form: Form[Any], content: bytes, origin: Path) -> Any:
    """Return JSON as it stands there. Raises HarnessError where it is none, or no object where one is to be."""
    try:
        tree = json.loads(content.decode(), object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError):
        tree = None
    if tree is None or (form.has_head and not isinstance(tree, dict)):
        raise HarnessError(f"{origin}: damaged, not a JSON object. {form.remedy}")
    return tree


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object. Raises ValueError for a name that it has twice: readers differ in which one they take."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _check_head(form: Form[Any], tree: dict[str, Any], origin: Path) -> str:
    """Take the writer out of an object and return its name. Raises UsageError for another suite or an older schema."""
    version = tree.pop(WRITER, None)
    schema, suite = tree.get("schema"), tree.get("suite")
    fits = form.schema is None or (type(schema) is int and schema >= form.schema)
    if not fits or type(suite) is not int or suite != form.suite:
        made = [f"schema {schema}"] if form.schema is not None and type(schema) is int else []
        made += [f"suite {suite}" if type(suite) is int else "an unknown suite"]
        own = f"suite {form.suite}" if form.schema is None else f"schema {form.schema} of suite {form.suite}"
        raise OtherSuiteError(
            f"{origin}: made by {' of '.join(each[:30] for each in made)}, this is {own}. Results of different suites "
            f"do not compare. {form.again}"
        )
    return f"mbench {one_line(version, 20)}" if isinstance(version, str) else "an mbench that does not say which"


def _skip_records(form: Form[Any], tree: Any, origin: Path, writer: str, skipped: Counter[str]) -> None:
    """Take the records out of a file that are of what is not known here. Raises ForeignError where it is a record."""
    assert form.unknown is not None
    if not form.items:
        if words := form.unknown(tree):
            raise ForeignError(_describe(origin, writer, Counter([words])))
        return
    records = tree.get(form.items)
    if not isinstance(records, list):
        return
    unknown = [form.unknown(record) for record in records]
    skipped.update(f"records of {words}" for words in unknown if words)
    tree[form.items] = [record for record, words in zip(records, unknown, strict=True) if not words]


def _skip_names(tree: Any, error: Any, skipped: Counter[str]) -> bool:
    """Take the names out of a file that pydantic did not know. Return whether there were any."""
    places = [each["loc"] for each in error.errors(include_url=False, include_input=False)
              if each["type"] in _UNEXPECTED]  # fmt: skip
    for *above, name in places:
        parent = tree
        for step in above:
            parent = parent[step]
        del parent[name]
        skipped[".".join(str(part) for part in (*above, name) if not isinstance(part, int))] += 1
    return bool(places)


def _describe(origin: Path, writer: str, skipped: Counter[str]) -> str:
    named = [one_line(words, 60) + (f" ({n} times)" if n > 1 else "") for words, n in skipped.most_common(_MOST_NAMED)]
    more = f" and {len(skipped) - _MOST_NAMED} more" if len(skipped) > _MOST_NAMED else ""
    unknown = ", ".join(named) + more
    return f"{origin}: written by {writer}; mbench {__version__} leaves out what it does not know: {unknown}"
