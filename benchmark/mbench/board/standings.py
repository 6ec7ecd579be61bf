"""The board: who is ranked, who is not and why, with intervals, tests and shared ranks. Records in, standings out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from mbench.board.candidates import Candidate
from mbench.board.contenders import FRACTALS, Contender, Standing, contend
from mbench.board.noise import measure_all_noise
from mbench.board.separation import separate_pairs
from mbench.board.stats import (
    SIGNIFICANCE,
    Agreement,
    Differences,
    adjust_holm,
    compare_halves,
    find_groups,
    measure_differences,
    pair_table,
    share_ranks,
)
from mbench.results.agreement import describe_strangers, find_strangers
from mbench.results.reference import Reference, note_track_without_skills
from mbench.types import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class Pair:
    """Two ranked entries, by their places in `Board.ranked`, and what the paired test says of them.

    difference: of the Mandelbrot scores, on the replicates both have.  p: two-sided, adjusted by Holm over all pairs.
    test_set_sd: how far another test set would move the difference; None where the records don't say, and then p does
    not count it.
    """

    better: int
    worse: int
    difference: float
    p: float
    test_set_sd: float | None = None

    @property
    def is_separated(self) -> bool:
        """Does the test tell them apart?"""
        return self.p <= SIGNIFICANCE


class Pairs(Sequence[Pair]):
    """Every two ranked entries, first with second, first with third, …

    A board of 1,000 entries has 499,500 pairs: how many are separated is known at once, a pair and the p-values are
    made when they are asked for.
    """

    def __init__(self, k: int, differences: Differences, noise: FloatArray, separated: BoolArray) -> None:
        """Take what is known of the pairs of k entries. noise: NaN where it is not known."""
        self.better, self.worse = np.triu_indices(k, 1)
        self.separated = separated
        self._differences, self._noise = differences, noise

    @cached_property
    def p(self) -> FloatArray:
        """The p-values, adjusted by Holm: (m,)."""
        return adjust_holm(self._differences.p_values())

    @property
    def n_separated(self) -> int:
        """How many the test tells apart."""
        return int(self.separated.sum())

    @property
    def test_set_sds(self) -> FloatArray:
        """How far another test set would move each difference of which that is known."""
        return np.sqrt(self._noise[np.isfinite(self._noise)])

    def __len__(self) -> int:
        """Count the pairs."""
        return len(self.better)

    def __getitem__(self, index: Any) -> Any:
        """Return a pair, or a tuple of them for a slice."""
        found = range(len(self))[index]
        return tuple(map(self._pair, found)) if isinstance(found, range) else self._pair(found)

    def __iter__(self) -> Iterator[Pair]:
        """Return each pair once."""
        return map(self._pair, range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Are these the same pairs, with the same numbers?"""
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        """Return a number that equal pairs share."""
        return hash((len(self), self.n_separated))

    def _pair(self, index: int) -> Pair:
        noise = float(self._noise[index])
        return Pair(
            better=int(self.better[index]),
            worse=int(self.worse[index]),
            difference=float(self._differences.difference[index]),
            p=float(self.p[index]),
            test_set_sd=noise**0.5 if np.isfinite(noise) else None,
        )


@dataclass(frozen=True, slots=True)
class Board:
    """One track's standings. Each part is sorted by Mandelbrot score, best first.

    ranked: holders of the universal badge.  unranked: shown among them by score, without a rank.  discoveries: found
    the rule in the sample, and are listed by themselves.  rejected: flagged by the audit.  groups: runs of `ranked`
    that no test separates.  agreement: of the halves of the ranked entries' replicates on their order.
    """

    suite: int
    track: str
    ranked: tuple[Standing, ...]
    unranked: tuple[Standing, ...]
    discoveries: tuple[Standing, ...]
    rejected: tuple[Standing, ...]
    pairs: Pairs
    groups: tuple[tuple[int, ...], ...]
    agreement: Agreement | None

    @property
    def shown(self) -> tuple[Standing, ...]:
        """Ranked and unranked together, best first."""
        return _sort((*self.ranked, *self.unranked))

    @property
    def standings(self) -> tuple[Standing, ...]:
        """Everybody, list by list."""
        return (*self.shown, *self.discoveries, *self.rejected)


def build_board(candidates: Iterable[Candidate], track: str, reference: Reference) -> Board:
    """Score every candidate that has records on the track, and rank those that hold the badge.

    No score and no interval depends on which other candidates there are; ranks, ties and corrected p-values do.
    """
    return rank_contenders([contend(each, track, reference) for each in candidates], track, reference)


def rank_contenders(contenders: Sequence[Contender], track: str, reference: Reference) -> Board:
    """Return the board of candidates that were scored by themselves."""
    note_track_without_skills(track, reference)
    strangers = find_strangers({f"{each.origin} {each.name}": each.manners for each in contenders})
    standings = []
    for each in contenders:
        if each.standing is not None:
            strange = strangers.get(f"{each.origin} {each.name}")
            why = (describe_strangers(strange),) if strange else ()
            standings.append(replace(each.standing, reasons=(*why, *each.standing.reasons)) if why else each.standing)
    lists = {name: _sort([s for s in standings if list_of(s) == name]) for name in ("board", "discovery", "rejected")}
    eligible = [standing for standing in lists["board"] if not standing.reasons]
    ranked, pairs, groups = _rank(eligible)
    return Board(
        suite=reference.suite,
        track=track,
        ranked=ranked,
        unranked=tuple(standing for standing in lists["board"] if standing.reasons),
        discoveries=lists["discovery"],
        rejected=lists["rejected"],
        pairs=pairs,
        groups=groups,
        agreement=_measure_agreement(eligible),
    )


def list_of(standing: Standing) -> str:
    """Return the list that an entry stands on: "board", "discovery" or "rejected"."""
    if standing.verdict.startswith("flagged"):
        return "rejected"
    return "discovery" if standing.verdict == "discovery" else "board"


def _sort(standings: Iterable[Standing]) -> tuple[Standing, ...]:
    def key(standing: Standing) -> tuple[bool, float, str, str]:
        score = standing.entry.mandelbrot
        return score is None, -(score or 0.0), standing.name, standing.origin

    return tuple(sorted(standings, key=key))


def _rank(eligible: Sequence[Standing]) -> tuple[tuple[Standing, ...], Pairs, tuple[tuple[int, ...], ...]]:
    """Give ranks to standings, which are sorted; return them, their pairs and their groups.

    With one replicate there is nothing to test by: then they keep their order and have no ranks.
    """
    if any(len(standing.replicates) < 2 for standing in eligible):
        return tuple(eligible), _test_pairs(()), ()
    pairs = _test_pairs(eligible)
    scores = np.array([standing.entry.mandelbrot for standing in eligible], dtype=float)
    # A lead counts beyond what the leader's own audit leaves open.
    margins = np.array([standing.audit_margin or 0.0 for standing in eligible])
    lead = scores[:, None] - scores[None, :]
    beyond = np.where(lead > 0.0, lead > margins[:, None], -lead > margins[None, :])
    separated = pair_table(pairs.separated, len(eligible), diagonal=False) & beyond
    ranks = share_ranks(scores, separated)
    ranked = tuple(replace(standing, rank=int(rank)) for standing, rank in zip(eligible, ranks, strict=True))
    return ranked, pairs, tuple(find_groups(scores, separated))


def _test_pairs(eligible: Sequence[Standing]) -> Pairs:
    noise = measure_all_noise([standing.parts for standing in eligible])
    differences = measure_differences(_cell_scores(eligible), np.nan_to_num(noise))
    return Pairs(len(eligible), differences, noise, separate_pairs(differences))


def _cell_scores(standings: Sequence[Standing]) -> FloatArray:
    """Return the scores of the Mandelbrot tasks' cells: (k, tasks, replicates), NaN where there is none."""
    n = max((len(standing.replicates) for standing in standings), default=0)
    cells = np.full((len(standings), len(FRACTALS), n), np.nan)
    for row, standing in enumerate(standings):
        for column, replicate in enumerate(standing.replicates):
            for task in replicate.tasks:
                if task.task in FRACTALS and task.score is not None:
                    cells[row, FRACTALS.index(task.task), column] = task.score
    return cells


def _measure_agreement(eligible: Sequence[Standing]) -> Agreement | None:
    scores = [[replicate.mandelbrot for replicate in standing.replicates] for standing in eligible]
    return compare_halves(np.array(scores, dtype=float)) if len(scores) > 1 else None
