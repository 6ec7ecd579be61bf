"""`mbench evaluate`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mbench.cli.options import examples, json_option, out_option, running_options, task_option, track_option


@click.command(
    epilog=examples(
        "mbench evaluate submissions/example",
        "mbench evaluate my.py --track standard --jobs 4",
        "mbench evaluate my.py --task mandelbrot --task image:cat.png --replicates 3",
        "mbench evaluate my.py --json > scores.json",
    )
)
@click.argument("submission", type=click.Path(path_type=Path))
@track_option
@task_option
@click.option("--replicates", type=click.IntRange(min=1), help="Samples per task. Default: the track's own number.")
@running_options
@out_option
@click.option("--pictures/--no-pictures", default=True, show_default=True, help="Draw what was learned.")
@json_option
def evaluate(
    submission: Path,
    track: str,
    tasks: tuple[str, ...],
    replicates: int | None,
    out: Path,
    pictures: bool,
    as_json: bool,
    **running: Any,
) -> None:
    """Score a submission: learn every task in a child process, compare with the baselines, draw what was learned.

    SUBMISSION is a Python file with `build(spec)`, or a folder that holds submission.py. Exit code: 0 done, 1 the
    submission failed, 2 usage, 3 our fault.
    """
    import json

    from mbench import api
    from mbench.cli.progress import LiveProgress
    from mbench.cli.tables import print_entry
    from mbench.leaderboard import entry_as_json
    from mbench.sandbox import choose_isolation
    from mbench.scoring import load_reference
    from mbench.submission import read_submission

    source = read_submission(submission)
    isolation = choose_isolation()
    click.echo(f"{source.name} on track {track}, isolation tier {isolation.tier}: {isolation.summary}", err=True)
    with LiveProgress(load_reference()) as live:
        outcome = api.run_evaluation(
            source, track=track, tasks=tasks, replicates=replicates, out=out, pictures=pictures, report=live, **running
        )
    if as_json:
        click.echo(
            json.dumps(entry_as_json(outcome.entry) | {"paths": [str(path) for path in outcome.paths]}, indent=1)
        )
    else:
        print_entry(outcome)
    statuses = {record.status for record in outcome.result.records}
    if "infrastructure" in statuses:
        raise SystemExit(3)
    if statuses - {"ok"}:
        raise SystemExit(1)
