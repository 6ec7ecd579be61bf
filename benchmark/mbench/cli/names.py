"""What verbs call a submission: one argument, one order in which it is looked up, one line where it is ambiguous."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbench.cli.options import DEFAULT_RESULTS

if TYPE_CHECKING:
    from mbench.results.names import Named
    from mbench.submission import Source

ABOUT = """A NAME is a submission's file or folder, a result.json, or else the name of something evaluated in the
results folder, of a folder in submissions/, or of a baseline: the first of these that there is."""


class NameType(click.ParamType):
    """A submission, by path or by name; `take_name` says what it stands for, once the results folder is known."""

    name = "name"


def name_argument(*, many: bool = False, required: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the argument of a verb on one submission, or on many, and tell in its help what a NAME is."""
    metavar = "NAME" + ("…" if many else "")

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        command.__doc__ = f"{inspect.cleandoc(command.__doc__ or '')}\n\n{ABOUT}"
        return click.argument(
            "names" if many else "name", type=NameType(), nargs=-1 if many else 1, required=required,
            metavar=metavar if required else f"[{metavar}]",
        )(command)  # fmt: skip

    return add


def take_name(name: str, results: Path = DEFAULT_RESULTS) -> Named:
    """Return what a name stands for, and say on stderr which thing it is where another of that name exists."""
    from mbench.results.names import resolve_name

    named = resolve_name(name, results)
    if named.note:
        click.echo(named.note, err=True)
    return named


def take_source(name: str, results: Path = DEFAULT_RESULTS) -> Source:
    """Return the source that a name stands for, likewise."""
    from mbench.results.names import find_source

    return find_source(take_name(name, results))
