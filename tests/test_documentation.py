"""Every verb, every option and every public name has its words, and README or docs name it."""

import re
from fnmatch import fnmatch
from pathlib import Path

import click
import pytest

import mbench
import mbench.nn
from mbench.cli import main

ROOT = Path(__file__).parents[1]

needs_checkout = pytest.mark.skipif(
    not (ROOT / "README.md").exists(), reason="documents lie in the checkout, not in the wheel"
)


def commands(group: click.Group, path: str = "mbench") -> dict[str, click.Command]:
    """Return every command below a group, by what one types."""
    found = {}
    for name, command in group.commands.items():
        found[f"{path} {name}"] = command
        if isinstance(command, click.Group):
            found |= commands(command, f"{path} {name}")
    return found


def options_without_help(command: click.Command) -> list[str]:
    return [each.opts[0] for each in command.params if isinstance(each, click.Option) and not (each.help or "").strip()]


def examples_in_help(words: str, command: click.Command) -> list[str]:
    """Return the example lines that a command's --help shows of it."""
    shown = command.get_help(click.Context(command, info_name=words))
    return [line for line in shown.partition("Example")[2].splitlines() if re.search(rf"\b{words}\b", line)]


def documents() -> str:
    return "\n".join(path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))))


def pages_left_out(folder: Path) -> set[str]:
    """Return the pages of a site that its index names in no toctree."""
    trees = re.findall(r"```\{toctree\}\n(.*?)```", (folder / "index.md").read_text(), re.DOTALL)
    patterns = [line for tree in trees for line in tree.split() if not line.startswith(":")]
    pages = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.md")} - {"index"}
    return {page for page in pages if not any(fnmatch(page, pattern) for pattern in patterns)}


def is_named(words: str, text: str) -> bool:
    """Does a text name these words as a whole, wherever its lines are broken?"""
    return re.search(r"(?<![\w./-])" + re.escape(words).replace(r"\ ", r"\s+") + r"(?![\w-])", text) is not None


def test_commands_are_found():
    assert {"mbench evaluate", "mbench data", "mbench data fetch"} <= commands(main).keys()


def test_every_verb_has_a_help():
    assert [words for words, command in commands(main).items() if not (command.help or "").strip()] == []


def test_every_option_has_a_help():
    lacking = {words: options_without_help(command) for words, command in {"mbench": main, **commands(main)}.items()}
    assert {words: options for words, options in lacking.items() if options} == {}


def test_every_verbs_help_has_an_example():
    assert [words for words, command in commands(main).items() if not examples_in_help(words, command)] == []


@needs_checkout
def test_every_verb_is_named_in_the_documents():
    text = documents()
    assert [words for words in commands(main) if not is_named(words, text)] == []


@needs_checkout
def test_every_public_name_is_named_in_the_documents():
    text = documents()
    names = [f"mbench.{name}" for name in mbench.__all__]
    assert [name for name in names if not is_named(name, text)] == []
    pieces = [f"`{name}`" for name in mbench.nn.__all__]
    assert len(pieces) > 10
    assert [piece for piece in pieces if piece not in text and not is_named(f"mbench.nn.{piece[1:-1]}", text)] == []


@needs_checkout
def test_every_page_stands_in_the_sites_contents():
    assert pages_left_out(ROOT / "docs") == set()


def test_a_page_that_no_contents_name_is_found(tmp_path):
    (tmp_path / "index.md").write_text("# Site\n\n```{toctree}\n:glob:\n\nfirst\nsecond*\n```\n")
    for name in ("first", "second_page", "third"):
        (tmp_path / f"{name}.md").write_text(f"# {name}\n")
    assert pages_left_out(tmp_path) == {"third"}


def test_the_package_says_that_it_is_typed():
    assert (Path(mbench.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize("module", [mbench, mbench.nn], ids=lambda module: module.__name__)
def test_every_public_class_and_function_has_a_docstring_of_its_own(module):
    public = {name: getattr(module, name) for name in module.__all__}
    own = {
        name: vars(value).get("__doc__") if isinstance(value, type) else value.__doc__ for name, value in public.items()
    }
    assert [name for name, words in own.items() if not (words or "").strip()] == []


def test_what_has_no_words_is_found():
    @click.command()
    @click.option("--bare")
    @click.option("--said", help="Said.")
    def verb() -> None: ...

    assert options_without_help(verb) == ["--bare"]
    assert examples_in_help("mbench verb", verb) == []
    assert is_named("mbench site", "so `mbench\nsite` writes")
    assert not is_named("mbench site", "`mbench sites`, `mbench site-map` and see-mbench site")
    assert commands(click.Group("mbench", {"verb": verb})) == {"mbench verb": verb}
