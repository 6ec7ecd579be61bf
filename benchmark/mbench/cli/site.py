"""`mbench site`: the leaderboard as pages to look at."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mbench.cli.options import (
    examples,
    folder_option,
    isolation_option,
    jobs_option,
    json_option,
    recorded_option,
    submissions_option,
    tracks_option,
    unsafe_option,
)
from mbench.suite.tracks import TRACKS
from mbench.words import count_of


@click.command(
    epilog=examples(
        "mbench site --out site",
        "mbench site --out site --track standard --recorded",
        "mbench reproduce knn mlp && mbench site --out site  # with zooms into what those learned",
        "mbench site --out site --recorded --url https://example.org/board --repository https://example.org/code",
    )
)
@click.option("--out", "folder", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR",
              help="Folder to write the pages to: empty, or a site that is to be brought up to date.")  # fmt: skip
@click.option("--url", default="", metavar="URL",
              help="Where the site will be: adds canonical addresses, share cards and a feed.")  # fmt: skip
@click.option("--repository", default="", metavar="URL",
              help="The project's repository: pages link to sources, and say how to install and to enter.")  # fmt: skip
@tracks_option
@folder_option
@submissions_option
@recorded_option
@jobs_option
@isolation_option
@unsafe_option
@json_option
def site(
    folder: Path,
    url: str,
    repository: str,
    tracks: tuple[str, ...],
    results: Path,
    submissions: Path,
    recorded: bool,
    jobs: int | None,
    isolation: str | None,
    unsafe_no_sandbox: bool,
    as_json: bool,
) -> None:
    """Write the leaderboard as a static site that opens from the disk and loads nothing from elsewhere.

    The board with plots, a page for every entry, one to compare two, the studies, one that explains. What entries
    learned is shown from the pictures that are recorded, and drawn of the stored estimators in the results folder, in
    the sandbox; a second run draws only what is new, and one with --recorded nothing.
    """
    from mbench.api import default_jobs
    from mbench.results.kept import heard_notes
    from mbench.sandbox.tiers import choose_isolation
    from mbench.views.site import Address, Origins, build_site

    built = build_site(
        folder,
        Origins(submissions, None if recorded else results, tracks or tuple(TRACKS)),
        isolate=lambda: choose_isolation(isolation, allow_none=unsafe_no_sandbox),
        address=Address(url, repository),
        jobs=jobs or default_jobs(threads=1),
        say=lambda words: click.echo(words, err=True),
    )
    for note in built.notes:
        click.echo(note, err=True)
    if as_json:
        content = {"folder": str(folder), "pages": [str(path) for path in built.pages], "n_entries": built.n_entries}
        click.echo(json.dumps(content | {"notes": [*built.notes, *heard_notes()]}, indent=1))
        return
    entries = count_of(built.n_entries, "entry", "entries")
    click.echo(f"{count_of(len(built.pages), 'page')} of {entries}. Open {built.pages[0]}")
