"""Where one run stands among others, compared on what was run and on nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from mbench.results.record import Record, Result
from mbench.results.reference import Reference
from mbench.results.scoring import Entry, score_entry
from mbench.suite import tracks
from mbench.words import list_words, ordinal

NEIGHBOURS = 2  # on either side


@dataclass(frozen=True, slots=True)
class Peer:
    """One of those compared. score: what they are ordered by."""

    entry: Entry
    score: float


@dataclass(frozen=True, slots=True)
class Place:
    """A run among others, best first.

    peers: all of them.  index: the run's own.  tasks: what they are compared on, () for the whole track, where the
    score is the board's.  is_recorded: is the run of a recorded baseline's very source, whose row it takes?
    """

    peers: tuple[Peer, ...]
    index: int
    tasks: tuple[str, ...]
    is_recorded: bool

    @property
    def own(self) -> Peer:
        """The run itself."""
        return self.peers[self.index]

    @property
    def neighbours(self) -> range:
        """The indices of the run and of the nearest on either side."""
        return range(max(0, self.index - NEIGHBOURS), min(len(self.peers), self.index + NEIGHBOURS + 1))

    @property
    def words(self) -> str:
        """The place, and how far the next one is: "7th of 29, 0.6 below extra_trees"."""
        place = f"{ordinal(self.index + 1)} of {len(self.peers)}"
        if len(self.peers) == 1:
            return place
        rival = self.peers[self.index - 1 if self.index else 1]
        gap = f"{abs(self.own.score - rival.score):.1f}"
        if gap == "0.0":
            return f"{place}, level with {rival.entry.name}"
        return f"{place}, {gap} {'below' if self.index else 'above'} {rival.entry.name}"

    @property
    def what(self) -> str:
        """What the score is of."""
        return list_words(self.tasks) if self.tasks else "all tasks"

    @property
    def score_name(self) -> str:
        """What the score is: the board's, a task's, or the mean of several tasks' scores."""
        return "mean task score" if len(self.tasks) > 1 else "task score" if self.tasks else "Mandelbrot score"


def find_place(
    name: str, track: str, records: Sequence[Record], others: Sequence[Result], reference: Reference
) -> Place | None:
    """Place a run among recorded results by what it ran; None where nothing of it has a score, or nobody else's has.

    Of a whole track that is the Mandelbrot score. Else it is the mean score of those of the track's tasks that ended
    well in every replicate, and the others are scored on the very same cells: whoever lacks one is not compared.
    Nor is whoever was asked another test set, a hidden one say: between two sets a method's own score moves.
    """
    own = score_entry(name, track, records, reference)
    sound = [task.task for task in own.tasks if not task.n_failed and task.score is not None]
    is_whole = own.is_complete and len(sound) == len(own.tasks)
    cells = {(r.task, r.replicate) for r in records if r.task in sound and r.track == track and r.ok}
    test_sets = {r.test_set for r in records}
    if not is_whole:
        own = score_entry(name, track, [r for r in records if (r.task, r.replicate) in cells], reference)
    own_score = own.mandelbrot if is_whole else _mean_score(own)
    if not cells or own_score is None:
        return None
    peers, is_recorded = [], False
    for other in others:
        alike = [r for r in other.records if r.track == track and r.test_set in test_sets]
        same = [r for r in alike if (r.task, r.replicate) in cells]
        entry = score_entry(other.name, track, alike if is_whole else same, reference)
        if entry.source_digest and entry.source_digest == own.source_digest:
            is_recorded = True
            continue
        score = entry.mandelbrot if is_whole else _mean_score(entry)
        if score is not None and {(r.task, r.replicate) for r in same} == cells:
            peers.append(Peer(entry, score))
    if not peers:
        return None
    if any(peer.entry.name == name for peer in peers):
        own = replace(own, name=f"{name} (local)")
    mine = Peer(own, own_score)
    ordered = sorted((*peers, mine), key=lambda peer: (-peer.score, peer is mine, peer.entry.name))
    tasks = () if is_whole else tuple(task for task in _in_order(track, sound))
    return Place(tuple(ordered), ordered.index(mine), tasks, is_recorded)


def _mean_score(entry: Entry) -> float | None:
    scores = [task.score for task in entry.tasks if task.score is not None]
    return fmean(scores) if scores and len(scores) == len(entry.tasks) else None


def _in_order(track: str, names: Sequence[str]) -> list[str]:
    known = tracks.TRACKS[track].tasks
    return [*(task for task in known if task in names), *(task for task in names if task not in known)]
