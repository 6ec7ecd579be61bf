"""One candidate on one track: its scores, and all else that a board asks of it, whoever else is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from types import MappingProxyType

from mbench.board.candidates import Candidate, Origin, list_digests
from mbench.board.noise import Parts, find_parts
from mbench.board.stats import Interval, mean_interval
from mbench.results.agreement import Manner
from mbench.results.audits import AuditReport, load_bounds
from mbench.results.metrics import Profile
from mbench.results.reference import Reference
from mbench.results.scoring import Entry, score_entry, score_replicates
from mbench.results.verdicts import measure_advantage
from mbench.suite import tracks
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
class Contender:
    """A candidate as a board of one track takes it.

    standing: None where nothing of it was run on the track.  manners: in which its cells there were run, each once.
    digests: as of `list_digests`.
    """

    name: str
    origin: Origin
    standing: Standing | None
    manners: tuple[Manner, ...]
    digests: tuple[str, ...]


def contend(candidate: Candidate, track: str, reference: Reference) -> Contender:
    """Score a candidate on a track by itself."""
    manners = (Manner.of(record) for record in candidate.records if record.track == track)
    return Contender(
        name=candidate.name,
        origin=candidate.origin,
        standing=_stand(candidate, track, reference),
        manners=tuple(dict.fromkeys(manners)),
        digests=list_digests(candidate, track),
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
    is_claim = track in candidate.claims
    rerun = None if is_claim else candidate.rerun
    return Standing(
        entry=entry,
        origin=candidate.origin,
        audit=None if is_claim else candidate.audit,
        reasons=_why_unranked(candidate, entry, track),
        rank=None,
        replicates=replicates,
        mandelbrot_interval=_interval([each.mandelbrot for each in replicates]),
        overall_interval=_interval([each.overall for each in replicates]),
        profiles=MappingProxyType({task: profile for task, profile in profiles.items() if profile is not None}),
        parts=find_parts(records, track, reference),
        audit_margin=_margin(candidate.audit, track, reference),
        is_claim=is_claim,
        rerun="" if rerun is None else str(rerun),
        source_bytes=candidate.source_bytes,
        hidden_gap=None if rerun is None else rerun.hidden_gap.get(track),
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
