"""What `mbench evaluate` prints: the run's own scores, its place among the baselines, and what a person asks next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mbench.api import Outcome
from mbench.board.columns import ALWAYS, NOTHING, Column, choose_columns, entry_columns, find_column
from mbench.board.places import Place, find_place
from mbench.cli.console import make_console, print_whole
from mbench.cli.printed import last_lines, tidy_lines
from mbench.cli.tables import mark_entry, print_columns, print_paths
from mbench.results.lookup import recorded_baselines
from mbench.results.record import STATUS_WORDS, Record
from mbench.results.reference import load_reference
from mbench.results.scoring import Entry, TaskScore, score_entry
from mbench.suite import tracks
from mbench.suite.secrets import PUBLIC
from mbench.words import count_of, list_words

_MOST_TASKS = 5  # that have columns of their own where a part of a track is compared
_PLACE = Column("place", "Place", "place", "Where it stands", lambda _: None, group="identity", digits=0, keep=ALWAYS)


@dataclass(frozen=True, slots=True)
class Card:
    """What is shown of a run.

    entry: of this run alone, whatever was run before.  place: among the baselines, None where nothing compares.
    all_rows: is the whole table shown?  groups: of columns, None where none were asked for.
    """

    outcome: Outcome
    entry: Entry
    place: Place | None
    all_rows: bool
    groups: tuple[str, ...] | None


def make_card(outcome: Outcome, *, all_rows: bool = False, groups: tuple[str, ...] | None = None) -> Card:
    """Score a run by itself and place it among the recorded baselines."""
    reference, records = load_reference(), outcome.result.records
    name, track = outcome.entry.name, outcome.entry.track
    entry = score_entry(name, track, records, reference)
    return Card(outcome, entry, find_place(name, track, records, recorded_baselines(), reference), all_rows, groups)


def print_card(card: Card, *, printed: bool = False) -> None:
    """Print a run's tasks, its failures, its place among the baselines, and what is missing.

    printed: with all that the submission printed.
    """
    console = make_console()
    entry, outcome = card.entry, card.outcome
    console.print()
    if entry.tasks:
        print_whole(console, _table_tasks(entry.tasks))
    if printed:
        print_output(console, outcome.result.records)
    if print_failures(console, entry.tasks, outcome.result.records, tail=not printed):
        console.print("[dim]A failure scores 0 on the board and is kept. To run it again: --fresh, with --task NAME "
                      "for each.[/dim]")  # fmt: skip
    for task in entry.tasks:
        if task.skill is None and not task.n_failed:
            console.print(f"[dim]{escape(why_without_skill(task.task, entry.track))}[/dim]")
    if card.place is not None:
        _print_place(console, card.place, card)
    for task, reason in outcome.missing.items():
        console.print(f"[yellow]{task} was left out:[/yellow] {escape(reason)}. Without it the entry is incomplete.")
    if lacks := _what_lacks(outcome.entry, outcome.missing):
        console.print(f"[dim]Incomplete: {lacks}.[/dim]")
    for note in outcome.notes:
        console.print(f"[yellow]{escape(note)}[/yellow]")


def print_written(outcome: Outcome, said: Sequence[str] = ()) -> None:
    """Print the paths of an evaluation, and its notes but for those said before."""
    console = make_console()
    for note in outcome.notes:
        if note not in said:
            console.print(f"[yellow]{escape(note)}[/yellow]")
    console.print("\nWritten:")
    print_paths(outcome.paths)


def print_last_line(card: Card) -> None:
    """Print what the run came to, in one line."""
    make_console().print(f"\n[bold]{escape(sum_up(card))}[/bold]")


def sum_up(card: Card) -> str:
    """Return a run in one line: its place on what was run, else its error, else what failed."""
    name, tasks = card.entry.name, card.entry.tasks
    failed = [task.task for task in tasks if task.n_failed]
    but = f"; failed on {list_words(failed)}" if failed else ""
    if card.place is not None:
        return (
            f"{name} on {card.place.what}: {card.place.score_name} {card.place.own.score:.1f}, {card.place.words}{but}"
        )
    sound = [task for task in tasks if task.error is not None and not task.n_failed]
    if sound:
        errors = list_words([f"error {task.error:.3g} on {task.task}" for task in sound])
        on = "" if _is_public(card) else "on a hidden test set, "
        return f"{name}: {errors}, {on}which no baseline was compared on{but}"
    if failed:
        return f"{name}: failed on {list_words(failed)}"
    return f"{name}: no result, the failures were not the submission's. Run the same command again"


def _is_public(card: Card) -> bool:
    return all(record.test_set == PUBLIC for record in card.outcome.result.records)


def print_failures(console: Console, tasks: Sequence[TaskScore], records: Sequence[Record], *, tail: bool) -> bool:
    """Print why cells failed, the end of what was printed then, and what the status means; return whether any did."""
    statuses = []
    for task in tasks:
        if not task.n_failed:
            continue
        failed = [record for record in records if record.task == task.task and not record.ok]
        console.print(
            f"[red]{escape(task.task)}: {task.n_failed} of {task.n_replicates} failed:[/red] {escape(task.reason)}"
        )
        statuses += [record.status for record in failed]
        said = next((record.output for record in failed if record.output), "")
        lines = last_lines(said) if tail else []
        for line in lines:
            console.print(f"[dim]    {escape(line)}[/dim]", soft_wrap=True)
        if tail and len(said.splitlines()) > len(lines):
            console.print("[dim]    (the end of what it printed; all of it: --printed)[/dim]")
    for status in dict.fromkeys(statuses):
        console.print(f"[dim]{status}: {STATUS_WORDS[status]}.[/dim]")
    return bool(statuses)


def print_output(console: Console, records: Sequence[Record]) -> None:
    """Print all that a submission printed, cell by cell."""
    for record in records:
        console.print(
            f"[bold]{escape(record.task)} r{record.replicate} printed[/bold]", "nothing" * (not record.output)
        )
        for line in tidy_lines(record.output):
            console.print(f"    {escape(line)}", soft_wrap=True)


def _print_place(console: Console, place: Place, card: Card) -> None:
    """Print the run among the baselines: those beside it, or all."""
    on = f"on {place.what}" if place.tasks else f"on all of track {card.entry.track}"
    meaning = "skill: 0 learned nothing, 100 is as good as 12 neighbours in the sample; task score: the skill, of a "
    meaning += "fractal the mean of skill and depth skill"
    console.print(f"\n[bold]Beside the recorded baselines {escape(on)}[/bold]\n[dim]{meaning}[/dim]")
    chosen = range(len(place.peers)) if card.all_rows else place.neighbours
    columns = [_PLACE, *_columns_of(place, card.groups)]
    rows = []
    for index in chosen:
        entry = place.peers[index].entry
        values: dict[str, Any] = {column.name: column.value(entry) for column in columns}
        values |= {"place": index + 1, "mean_score": place.peers[index].score}
        cells = {column.name: column.show(values[column.name]) for column in columns}
        if not place.tasks:
            cells["name"] += mark_entry(
                {"complete": entry.is_complete, "isolation": find_column("isolation").value(entry)}
            )
        rows.append(cells)
    styles = ["bold green" if index == place.index else None for index in chosen]
    print_columns(rows, columns, styles, card.groups)
    if len(chosen) < len(place.peers):
        console.print(f"[dim]{count_of(len(place.peers) - len(chosen), 'more row')}: --all[/dim]")
    if place.is_recorded:
        console.print(f"[dim]{card.entry.name} is itself a recorded baseline; its row shows this run.[/dim]")


def _columns_of(place: Place, groups: Sequence[str] | None) -> list[Column]:
    """Return the columns of a table of entries, or where a part of a track is compared, of that part."""
    if not place.tasks:
        return choose_columns(entry_columns("terminal"), groups)
    score = Column(
        "mean_score", "Task score", "task\nscore", "The mean score of these tasks", lambda _: None, keep=ALWAYS
    )
    tasks = [
        Column(task, task, task, f"Score of the task {task}", partial(_score_of, task), group="task", keep=1)
        for task in place.tasks
    ]
    costs = [c for c in entry_columns("terminal") if c.group in ("cost", "running") and c.group in (groups or ())]
    return [
        find_column("name"), score, *(tasks if 1 < len(tasks) <= _MOST_TASKS else []),
        *(costs or [find_column("fit_s")]),
    ]  # fmt: skip


def _score_of(task: str, entry: Entry) -> float | None:
    return next((each.score for each in entry.tasks if each.task == task), None)


def _table_tasks(scores: Sequence[TaskScore]) -> Table:
    """Return a table of a run's tasks: what a task alone has, and of the board's columns those that it has."""
    own = {
        "score": ("task\nscore", 1),
        "skill": ("skill", 1),
        "depth_skill": ("depth\nskill", 1),
        "error": ("error", 5),
    }
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    table.add_column("task")
    shown: list[tuple[str, Callable[[Any], str]]] = []
    names = ("score", "skill", "depth_skill", "error", "psnr_db", "depth_octaves", "worth", "fit_s", "n_replicates")
    for name in names:
        if all(getattr(task, name) is None for task in scores):
            continue
        label, digits = own.get(name, ("", 0))
        column = None if name in own else find_column(name)
        show = column.show if column else partial(_show_digits, digits)
        table.add_column(column.label if column else label, justify="right")
        shown.append((name, show))
    for task in scores:
        table.add_row(escape(task.task), *(show(getattr(task, name)) for name, show in shown))
    return table


def _show_digits(digits: int, value: float | None) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def why_without_skill(task: str, track: str) -> str:
    """Say why a task that ended well has no skill on a track: it is none of its tasks, or has no reference there."""
    if task not in tracks.TRACKS[track].tasks:
        return f"{task} is no part of track {track}: it has no skill here."
    return f"{task} has no frozen reference on track {track} yet: no skill is computed. See `mbench reference`."


def _what_lacks(entry: Entry, left_out: Mapping[str, str]) -> str:
    """Return which tasks were not run, and which not as often as the track asks for, but for those left out."""
    wanted = tracks.TRACKS[entry.track].replicates
    done = {task.task: task.n_replicates for task in entry.tasks}
    never = [task for task in entry.missing if task not in done and task not in left_out]
    seldom: dict[int, list[str]] = {}
    for task in entry.missing:
        if task in done:
            seldom.setdefault(done[task], []).append(task)
    parts = [f"{list_words(never)} not run"] if never else []
    parts += [f"{n} of {wanted} replicates run of {list_words(tasks)}" for n, tasks in sorted(seldom.items())]
    return "; ".join(parts)
