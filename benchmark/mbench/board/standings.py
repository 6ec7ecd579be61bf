"""The board: who is ranked, who is not and why, with intervals, tests and shared ranks. Records in, standings out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import fmean
from types import MappingProxyType
from typing import Any

import numpy as np

from mbench.board.candidates import Candidate, Origin
from mbench.board.noise import Parts, find_parts, measure_all_noise
from mbench.board.separation import separate_pairs
from mbench.board.stats import (
    SIGNIFICANCE,
    Agreement,
    Differences,
    Interval,
    adjust_holm,
    compare_halves,
    find_groups,
    mean_interval,
    measure_differences,
    pair_table,
    share_ranks,
)
from mbench.results.agreement import describe_strangers, find_strangers
from mbench.results.audits import AuditReport, load_bounds
from mbench.results.metrics import Profile
from mbench.results.reference import Reference, note_track_without_skills
from mbench.results.scoring import Entry, score_entry, score_replicates
from mbench.results.verdicts import measure_advantage
from mbench.suite import tracks
from mbench.types import BoolArray, FloatArray
from mbench.words import count_of

FRACTALS = tracks.FAMILIES["mandelbrot"]


@dataclass(frozen=True, slots=True)
class Standing:
    """One entry on the board. reasons: why it is not ranked.  rank: None also where one replicate is all there is.

    replicates: the entry's scores had it been scored on each replicate alone.  profiles: of each Mandelbrot task, means
    over replicates.  parts: what each part of the test sets adds to the Mandelbrot score, where its records say.
    is_claim: are its numbers its author's word?  rerun: when, where and in which tier a maintainer ran a submission
    again, "" where nobody did.  source_bytes: of all its files.
    audit_margin: the least lead that counts, in points, as its audit measured it.  hidden_gap: points of Mandelbrot
    score on the public test sets over hidden ones, as a maintainer measured it; None where nobody did.
    """

    entry: Entry
    origin: Origin
    audit: AuditReport | None
    reasons: tuple[str, ...]
    rank: int | None
    replicates: tuple[Entry, ...]
    mandelbrot_interval: Interval | None
    overall_interval: Interval | None
    profiles: MappingProxyType[str, Profile]
    parts: Parts | None = field(default=None, compare=False, repr=False)
    is_claim: bool = False
    rerun: str = ""
    source_bytes: int | None = None
    audit_margin: float | None = None
    hidden_gap: float | None = None

    @property
    def name(self) -> str:
        """The entry's name; with where it comes from it is unique on a board."""
        return self.entry.name

    @property
    def verdict(self) -> str:
        """The audit's verdict, or that there was none."""
        return "not audited" if self.audit is None else self.audit.verdict

    @property
    def has_badge(self) -> bool:
        """Was all of it run, does it learn every other family, too, and did it pass the audit?"""
        return not self.reasons and self.verdict == "passed"


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
    note_track_without_skills(track, reference)
    candidates = list(candidates)
    strangers = find_strangers(
        {f"{each.origin} {each.name}": [r for r in each.records if r.track == track] for each in candidates}
    )
    standings = []
    for each in candidates:
        standing = _stand(each, track, reference)
        if standing is not None:
            strange = strangers.get(f"{each.origin} {each.name}")
            why = (describe_strangers(strange),) if strange else ()
            standings.append(replace(standing, reasons=(*why, *standing.reasons)))
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


def _stand(candidate: Candidate, track: str, reference: Reference) -> Standing | None:
    """Score one candidate by itself; None where nothing of it was run on the track."""
    wanted = tracks.TRACKS[track]
    tasks = wanted.tasks
    # Who could choose among replicates would choose the lucky ones.
    records = [r for r in candidate.records if r.track == track and r.task in tasks]
    records = [r for r in records if r.replicate < wanted.replicates]
    entry = score_entry(candidate.name, track, records, reference)
    if not entry.tasks and track not in candidate.foreign:
        return None
    replicates = score_replicates(candidate.name, track, records, reference)
    profiles = {
        task: _mean_profile([r.metrics.profile for r in records if r.task == task and r.metrics and r.metrics.profile])
        for task in FRACTALS
    }
    return Standing(
        entry=entry,
        origin=candidate.origin,
        audit=None if track in candidate.claims else candidate.audit,
        reasons=_why_unranked(candidate, entry, track),
        rank=None,
        replicates=replicates,
        mandelbrot_interval=_interval([each.mandelbrot for each in replicates]),
        overall_interval=_interval([each.overall for each in replicates]),
        profiles=MappingProxyType({task: profile for task, profile in profiles.items() if profile is not None}),
        parts=find_parts(records, track, reference),
        audit_margin=_margin(candidate.audit, track, reference),
        is_claim=track in candidate.claims,
        rerun="" if candidate.rerun is None or track in candidate.claims else str(candidate.rerun),
        source_bytes=candidate.source_bytes,
        hidden_gap=None
        if candidate.rerun is None or track in candidate.claims
        else candidate.rerun.hidden_gap.get(track),
    )


def _why_unranked(candidate: Candidate, entry: Entry, track: str) -> tuple[str, ...]:
    """Return what keeps an entry from a rank, each reason with what is missing."""
    reasons = ["a claim, which no maintainer has run again"] if track in candidate.claims else []
    if faults := candidate.faults.get(track):
        reasons.append(f"cannot be: {', '.join(faults)}")
    if n_foreign := candidate.foreign.count(track):
        reasons.append(f"{count_of(n_foreign, 'record is', 'records are')} of another version of its source")
    if not entry.is_complete:
        reasons.append(f"incomplete: {', '.join(entry.missing)}")
    elif unscored := [family for family, score in entry.families.items() if score is None]:
        reasons.append(f"no frozen reference of {', '.join(unscored)}")
    reasons += [
        f"{family} {score:.0f}, needs {tracks.UNIVERSAL_SKILL:.0f}"
        for family, score in entry.families.items()
        if family != "mandelbrot" and score is not None and score < tracks.UNIVERSAL_SKILL
    ]
    if track in candidate.claims:
        return tuple(reasons)
    if candidate.audit_fault:
        reasons.append(f"cannot be: {candidate.audit_fault}")
    if candidate.audit is None:
        reasons.append("not audited")
    elif candidate.audit.verdict == "failed":
        reasons.append(f"audit failed: {candidate.audit.reason}")
    return tuple(reasons)


def _margin(audit: AuditReport | None, track: str, reference: Reference) -> float | None:
    """Return an audit's margin on a track; None where there is none of this suite, or no reference to count it by."""
    if audit is None or audit.suite != tracks.SUITE_VERSION or not all(each.ok for each in audit.sets):
        return None
    if not reference.covers(track) or reference.suite != audit.suite:
        return None
    return measure_advantage(audit.sets, track, reference).find_margin(load_bounds())


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


def _interval(scores: Sequence[float | None]) -> Interval | None:
    """Return the interval of a score from what it is on each replicate alone, however it is made of its tasks."""
    present = [score for score in scores if score is not None]
    return mean_interval(present) if len(present) == len(scores) else None


def _mean_profile(profiles: Sequence[Profile]) -> Profile | None:
    if len({len(profile.mean) for profile in profiles}) != 1:
        return None
    columns = (
        tuple(fmean(values) for values in zip(*(getattr(p, part) for p in profiles), strict=True))
        for part in ("mean", "lower_quartile", "upper_quartile")
    )
    return Profile(*columns)


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
