"""The log as a picture: every evaluation's score in its order, and the best so far as a step."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mbench.board.attempts import Step, asked, describe_score
from mbench.disk import check_place, disk_error
from mbench.errors import UsageError

if TYPE_CHECKING:
    from mbench.views.render.progress import Dot

_MOST_LINES = 7  # hues that are told apart


def draw_log(steps: Sequence[Step], path: Path, name: str = "") -> Path:
    """Draw evaluations that have a score, a colour for each kind that was asked the same, and return the path.

    name: the submission they are of, "" for all. Raises UsageError where there is nothing to draw or the file is to be
    no PNG, HarnessError when the disk refuses.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"{path}: the picture is a PNG. Give a name that ends in .png")
    scored = [step for step in steps if step.score is not None]
    if not scored:
        raise UsageError("the log has no score to draw yet. `mbench evaluate` adds to it")
    check_place(path)
    groups: dict[Hashable, list[Step]] = {}
    for step in scored:
        groups.setdefault(asked(step.attempt), []).append(step)
    largest = sorted(groups.values(), key=len, reverse=True)[:_MOST_LINES]
    from mbench.views.render.page import plain_style
    from mbench.views.render.progress import Dot, progress_page

    n_drawn = sum(map(len, largest))
    left = f", {len(scored) - n_drawn} of smaller kinds left out" if n_drawn < len(scored) else ""
    with plain_style():
        page = progress_page(
            {_describe(group[0], place): [_dot(step, Dot) for step in group] for place, group in enumerate(largest, 1)},
            f"What was tried of {name}" if name else "What was tried",
            f"{n_drawn} evaluations{left}; filled: beyond noise, or the first; step: the best so far",
        )
        try:
            return page.save(path)
        except OSError as error:
            raise disk_error(path, error) from error


def _describe(step: Step, place: int) -> str:
    attempt = step.attempt
    words = f"{describe_score(attempt)}, {attempt.track}, {attempt.kind}, n = {attempt.n_replicates}"
    return f"{place}: {words}"


def _dot(step: Step, kind: type[Dot]) -> Dot:
    is_sure = step.outcome in ("first", "beyond noise")
    return kind(step.attempt.number, step.score or 0.0, step.is_best, is_sure, step.attempt.note)
