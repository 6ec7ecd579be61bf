"""The board in pictures: skill against cost, depth profiles, critical differences, error against sample size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mbench.board.columns import cost_columns, costs_of
from mbench.board.contenders import FRACTALS, Standing
from mbench.board.standings import Board
from mbench.board.stats import SIGNIFICANCE
from mbench.disk import disk_error
from mbench.results.curves import Curve
from mbench.results.metrics import find_metric
from mbench.results.reference import Reference
from mbench.submission import safe_name
from mbench.suite import tracks
from mbench.suite.tasks import find_task

YARDSTICK = "knn"  # the baseline that skills are counted by
FROZEN = "k-NN, frozen"
DIFFERENCES = "critical-difference.png"


def draw_board(board: Board, folder: Path) -> list[Path]:
    """Draw what there is to draw of the entries with a score, and return the paths of the PNG files.

    Everybody on the board is drawn, ranked or not; discoveries and rejected entries are not. Pictures of another suite
    than the one in force say so. Raises HarnessError when the disk refuses.
    """
    from mbench.views.render.page import plain_style
    from mbench.views.render.rankings import Mark, depths_page, difference_page, front_page

    scored = [standing for standing in board.shown if standing.entry.mandelbrot is not None]
    names = Counter(standing.name for standing in scored)

    def label(standing: Standing) -> str:
        return standing.name if names[standing.name] == 1 else f"{standing.name} ({standing.origin})"

    def mark(standing: Standing) -> Mark:
        entry, interval = standing.entry, standing.mandelbrot_interval
        known = costs_of(standing)
        costs = {column.axis: known[column.name] for column in cost_columns("pictures")}
        assert entry.mandelbrot is not None
        ends = None if interval is None else (interval.low, interval.high)
        return Mark(label(standing), entry.mandelbrot, ends, standing.rank, costs)

    known = [label(s) for s in scored if (s.name, s.origin) == (YARDSTICK, "baseline")]
    n = tracks.TRACKS[board.track].replicates
    earlier = "" if board.suite == tracks.SUITE_VERSION else f"suite {board.suite}, "
    where = f"{earlier}track {board.track}, n = {n}"
    brackets = f"{where}; lines: 95% intervals over replicates" if any(s.mandelbrot_interval for s in scored) else where
    pages = {}
    with plain_style():
        if scored:
            pages["cost.png"] = front_page(
                [mark(s) for s in scored], [column.axis for column in cost_columns("pictures")], "Skill against cost",
                f"{brackets}; the step is the Pareto front: nothing below it in cost scores more",
            )  # fmt: skip
            profiles = {task: {label(s): s.profiles[task] for s in scored if task in s.profiles} for task in FRACTALS}
            pages["depth.png"] = depths_page(
                profiles, "How deep they hold", f"{where}; zoom ladder: share of variance explained, mean over windows",
                yardstick=known[0] if known else "",
            )  # fmt: skip
        if board.pairs:
            pages[DIFFERENCES] = difference_page(
                [mark(s) for s in board.ranked], board.groups, "Which differences are certain",
                f"{brackets}; bars join what no test separates ({SIGNIFICANCE:g}, Holm)",
            )  # fmt: skip
        try:
            (folder / DIFFERENCES).unlink(missing_ok=True)  # of another track: not every one has pairs
            return [page.save(folder / name) for name, page in pages.items()]
        except OSError as error:
            raise disk_error(folder, error) from error


def curves_on(board: Board, curves: Sequence[Curve]) -> list[Curve]:
    """Return the curves of what is drawn of the board, by the very sources that stand on it."""
    drawn = {standing.entry.source_digest for standing in board.shown if standing.entry.mandelbrot is not None}
    return [curve for curve in curves if curve.source_digest in drawn]


def draw_curves(curves: Sequence[Curve], reference: Reference, folder: Path) -> list[Path]:
    """Draw error against sample size, a picture for each task beside k-NN's frozen curve; return the paths.

    A line ends before the first size at which the method failed. Raises HarnessError when the disk refuses.
    """
    from mbench.views.render.learning import efficiency_page
    from mbench.views.render.page import plain_style

    paths = []
    for task in dict.fromkeys(curve.task for curve in curves):
        lines = {curve.name: curve.line for curve in curves if curve.task == task and curve.line}
        if not lines:
            continue
        sizes = [n for line in lines.values() for n, _ in line]
        frozen = reference.curves.get(task)
        if frozen is not None:
            pairs = zip(frozen.sizes, frozen.errors, strict=True)
            lines[FROZEN] = tuple((n, error) for n, error in pairs if min(sizes) <= n <= max(sizes))
        counts = sorted({point.n_replicates for curve in curves if curve.task == task for point in curve.points})
        n = " or ".join(map(str, counts))
        subtitle = f"{task}, n = {n}; each sample is a prefix of the next. Dashed: k-NN's frozen learning curve"
        ylabel = find_metric(find_task(task).metrics[0]).title
        with plain_style():
            page = efficiency_page(lines, FROZEN, "Error against sample size", subtitle, ylabel)
            try:
                paths.append(page.save(folder / f"curves-{safe_name(task)}.png"))
            except OSError as error:
                raise disk_error(folder, error) from error
    return paths
