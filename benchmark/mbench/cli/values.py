"""Types of options that refuse a value in the words that Python callers are told, too."""

from __future__ import annotations

import math
from typing import Any

import click

from mbench.arguments import expect_choice, expect_real, expect_whole


class Whole(click.IntRange):
    """A whole number of a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            least, most = self.min, self.max
            words = expect_whole(None if least is None else int(least), None if most is None else int(most))
            self.fail(f"{value}: {words}", param, ctx)


class Real(click.FloatRange):
    """A finite number of a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        try:
            number = super().convert(value, param, ctx)
        except click.BadParameter:
            number = math.nan
        if not math.isfinite(number):  # nan lies in every range
            self.fail(f"{value}: {expect_real(self.min, self.max)}", param, ctx)
        return number


class OneOf(click.Choice):
    """One of some words."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Say which there are, and which of them may be meant."""
        return f"{value!r}: {expect_choice(value, self.choices)}"


class ResultsFolder(click.Path):
    """The results folder, which has a name: an empty one would fill the folder that one is in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        if value == "":
            self.fail("'': expected a path", param, ctx)
        return super().convert(value, param, ctx)
