"""`mbench log`: what was tried, what it changed, and each source again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mbench.cli.names import name_argument, take_source
from mbench.cli.options import examples, folder_option, json_option
from mbench.cli.values import Whole

if TYPE_CHECKING:
    from mbench.results.log import Attempt


@click.command(
    epilog=examples(
        "mbench log  # all that was evaluated here",
        "mbench log my-idea --plot progress.png",
        "mbench log --diff 3 7",
        "mbench log --restore 3 --out best/",
    )
)
@name_argument(required=False)
@click.option("--last", type=Whole(min=1), metavar="N", help="The last N only. Default: all.")
@click.option("--diff", "pair", type=(int, int), metavar="A B", help="Show how the source of B differs from A's.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Draw the scores in their order, as a PNG.")  # fmt: skip
@click.option("--restore", type=int, metavar="N", help="Write the source of evaluation N back.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Folder to restore into. Default: where the source was read from.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace files that were changed since without asking.")
@folder_option
@json_option
def log(
    name: str | None,
    last: int | None,
    pair: tuple[int, int] | None,
    plot: Path | None,
    restore: int | None,
    out: Path | None,
    overwrite: bool,
    results: Path,
    as_json: bool,
) -> None:
    """List every evaluation, with its change against the best before it that was asked the same.

    A change is beyond noise where a test paired by replicate, with what the shared test set adds, says so after Holm's
    correction for all changes beside it; with one replicate nothing can be said. Also listed is how many other sources
    of the name had been scored on the board's own sets by then: each of them wore these out a little, practice does
    not (`mbench evaluate --practice`). Without any NAME, all names are listed.
    """
    import json

    from mbench.board.attempts import follow_search
    from mbench.cli.logged import print_log, step_as_json
    from mbench.errors import UsageError
    from mbench.results.kept import heard_notes
    from mbench.results.log import SCHEMA_VERSION, read_log
    from mbench.results.reference import load_reference
    from mbench.runs.diary import Cells
    from mbench.suite.tracks import SUITE_VERSION

    if sum(asked is not None for asked in (pair, plot, restore)) > 1:
        raise UsageError("--diff, --plot and --restore: give one of them at a time")
    if restore is None and (out is not None or overwrite):
        raise UsageError("--out and --overwrite: say where and how to restore. Give --restore N, too")
    attempts = read_log(results)
    if pair is not None:
        _print_difference(results, attempts, pair, as_json)
        return
    if restore is not None:
        _restore(results, attempts, restore, out, overwrite=overwrite, as_json=as_json)
        return
    if name is not None and name not in {each.name for each in attempts}:
        name = take_source(name, results).name
    steps = follow_search(attempts, load_reference(), Cells(results).find)
    steps = [step for step in steps if name in (None, step.attempt.name)]
    steps = steps[-last:] if last is not None else steps
    if plot is not None:
        from mbench.views.log_plot import draw_log

        path = draw_log(steps, plot, name or "")
        click.echo(json.dumps({"paths": [str(path)]}) if as_json else str(path))
    elif as_json:
        content = {"schema": SCHEMA_VERSION, "suite": SUITE_VERSION, "name": name}
        content |= {"attempts": [step_as_json(step) for step in steps], "notes": heard_notes()}
        click.echo(json.dumps(content, indent=1))
    else:
        print_log(steps, name or "")


def _print_difference(results: Path, attempts: list[Attempt], pair: tuple[int, int], as_json: bool) -> None:
    import json

    from mbench.cli.logged import paint_difference
    from mbench.results.log import find_attempt
    from mbench.results.log_sources import compare_sources, find_source

    before, after = (find_attempt(attempts, number) for number in pair)
    labels = tuple(f"{number}" for number in pair)
    sources = [find_source(results, each.source_digest) for each in (before, after)]
    lines = compare_sources(sources[0], sources[1], labels[0], labels[1])
    if as_json:
        click.echo(json.dumps({"before": before.number, "after": after.number, "diff": "\n".join(lines)}, indent=1))
    elif not lines:
        click.echo(f"{pair[0]} and {pair[1]} are of the same source.", err=True)
    else:
        for line in lines:
            click.echo(paint_difference(line))


def _restore(
    results: Path, attempts: list[Attempt], number: int, out: Path | None, *, overwrite: bool, as_json: bool
) -> None:
    import json
    import sys

    from mbench.errors import UsageError
    from mbench.results.log import find_attempt
    from mbench.results.log_sources import changed_places, find_source, write_source

    attempt = find_attempt(attempts, number)
    if out is None and not attempt.path:
        raise UsageError(f"{number}: was not read from a file of its own. Give a folder for it with --out DIR")
    folder = Path(attempt.path).parent if out is None else out
    source = find_source(results, attempt.source_digest)
    changed = changed_places(source, folder)
    if changed and not overwrite:
        words = ", ".join(map(str, changed))
        if as_json or not sys.stdin.isatty():
            raise UsageError(f"{words}: holds something else now. Give another folder with --out, or --overwrite")
        click.confirm(f"{words}: holds something else now. Replace it?", abort=True, err=True)
    paths = write_source(source, folder)
    if as_json:
        click.echo(json.dumps({"restored": number, "paths": [str(path) for path in paths]}))
    else:
        click.echo("\n".join(map(str, paths)))
