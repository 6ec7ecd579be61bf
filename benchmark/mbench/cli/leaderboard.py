"""`mbench leaderboard`: who learns the Mandelbrot set best."""

from __future__ import annotations

from pathlib import Path

import click

from mbench.cli.options import (
    columns_option,
    examples,
    format_option,
    json_option,
    recorded_option,
    refuse_columns,
    results_option,
    submissions_option,
    suite_option,
    track_option,
)


@click.command(
    epilog=examples(
        "mbench leaderboard",
        "mbench leaderboard --track standard --recorded --format md  # the README's table",
        "mbench leaderboard --track standard --plots plots/",
    )
)
@track_option
@suite_option
@results_option
@submissions_option
@recorded_option
@format_option
@columns_option
@click.option("--plots", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Also draw skill against cost, the depth profiles, the critical differences, and error against "
              "sample size where `mbench curves` measured it.")  # fmt: skip
@json_option
def leaderboard(
    track: str,
    suite: int,
    results: Path,
    submissions: Path,
    recorded: bool,
    table_format: str,
    groups: tuple[str, ...] | None,
    plots: Path | None,
    as_json: bool,
) -> None:
    """Rank recorded baselines, submissions and local results of one track by their Mandelbrot score.

    Ranked is who holds the universal badge: every replicate of every task run, every other family at 50 or more, and
    the audit passed (audit.json beside a result, on whatever track; of a baseline NAME.audit.json). Others are shown
    with what they lack. A submission has the numbers of a maintainer's rerun and audit (`mbench verify --accept`);
    without one it is a claim, and not ranked. Whom the audit found to know the rule stands on a list of its own, or is
    rejected.
    """
    import json

    from mbench.board.candidates import find_earlier, find_local, leave_recorded
    from mbench.board.contenders import contend
    from mbench.board.kept_contenders import Shelf, find_contenders
    from mbench.board.standings import rank_contenders
    from mbench.board.tables import board_as_json, format_board
    from mbench.results.agreement import describe_manners
    from mbench.results.kept import heard_notes
    from mbench.results.reference import load_reference
    from mbench.suite.tracks import SUITE_VERSION

    table_format = "json" if as_json else table_format
    refuse_columns(groups, table_format)
    reference = load_reference(suite)
    known = list(find_contenders(submissions, Shelf.open(track, reference)))
    if not recorded and suite == SUITE_VERSION:  # a results folder is of one suite
        local = leave_recorded(find_local(results, track), {digest for each in known for digest in each.digests})
        known += [contend(each, track, reference) for each in local]
    board = rank_contenders(known, track, reference)
    for line in describe_manners({each.name: each.manners for each in known}):
        click.echo(line, err=True)
    if not board.standings:
        before = find_earlier(track) if suite == SUITE_VERSION else ""
        click.echo(f"Nothing is recorded on track {track} under suite {suite}{before}", err=True)
    if table_format == "terminal":
        from mbench.cli.tables import print_board

        print_board(board, groups)
    elif table_format == "json":
        content = board_as_json(board)
        click.echo(json.dumps(content | {"notes": [*content["notes"], *heard_notes()]}, indent=1))
    else:
        click.echo(format_board(board, table_format, groups))  # type: ignore[arg-type]
    if plots is not None:
        from mbench.results.curves import find_curves
        from mbench.views.board_plots import curves_on, draw_board, draw_curves

        # What is recorded stands, as on the board. Curves are of the suite in force alone.
        curves = curves_on(board, find_curves(None if recorded else results)) if suite == SUITE_VERSION else []
        for path in (*draw_board(board, plots), *draw_curves(curves, load_reference(), plots)):
            click.echo(str(path), err=True)
