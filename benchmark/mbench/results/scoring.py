"""Records to scores: skills against the frozen k-NN reference, families, the overall score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, harmonic_mean
from types import MappingProxyType
from typing import Any

from mbench.results.metrics import equivalent_samples, skill
from mbench.results.record import Record
from mbench.results.reference import LearningCurve, Reference, TaskReference
from mbench.suite import tracks


@dataclass(frozen=True, slots=True)
class TaskScore:
    """One task of an entry, means over its replicates. A failed cell counts as skill 0.

    further: what the task names beside its error, by name, where every replicate has it.
    """

    task: str
    family: str
    n_replicates: int
    n_failed: int
    error: float | None
    psnr_db: float | None
    depth_octaves: float | None
    skill: float | None
    depth_skill: float | None
    worth: float | None
    fit_s: float | None
    predict_us_per_point: float | None
    reason: str
    further: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def score(self) -> float | None:
        """The task's score: its skill, or the mean of skill and depth skill where depth is measured."""
        if self.skill is None or self.depth_skill is None:
            return self.skill
        return (self.skill + self.depth_skill) / 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One submission on one track. Scores are None where a task they need is missing."""

    name: str
    source_digest: str
    track: str
    tasks: tuple[TaskScore, ...]
    missing: tuple[str, ...]
    n_replicates: int
    precision: float | None
    depth: float | None
    families: MappingProxyType[str, float | None]
    overall: float | None
    psnr_db: float | None
    depth_octaves: float | None
    worth: float | None
    fit_s: float | None
    predict_us_per_point: float | None
    n_params: int | None
    model_bytes: int | None
    peak_memory_mb: float | None
    threads: int | None  # the most that any of its cells had
    device: str
    isolation: str  # the weakest tier that any of its cells ran under

    @property
    def is_verified(self) -> bool:
        """Did every cell run in a sandbox?"""
        return self.isolation in ("A", "B")

    @property
    def is_complete(self) -> bool:
        """Was every replicate of every headline task of the track run?"""
        return not self.missing

    @property
    def mandelbrot(self) -> float | None:
        """The score the board ranks by."""
        return self.families["mandelbrot"]

    @property
    def is_universal(self) -> bool:
        """Does every other family reach the badge's skill?"""
        others = [score for family, score in self.families.items() if family != "mandelbrot"]
        return all(score is not None and score >= tracks.UNIVERSAL_SKILL for score in others)


def score_entry(name: str, track_name: str, records: Sequence[Record], reference: Reference) -> Entry:
    """Summarise one submission's records of one track; nothing depends on which other entries there are.

    Cells that ended in a failure of ours are not held against it: they count as missing.
    """
    track = tracks.TRACKS[track_name]
    counted = [record for record in records if record.track == track_name and not record.is_our_failure]
    by_task: dict[str, list[Record]] = {}
    for record in counted:
        by_task.setdefault(record.task, []).append(record)
    wanted = track.tasks
    order = [*wanted, *sorted(set(by_task) - set(wanted))]
    tasks = tuple(
        _score_task(task, by_task[task], reference.tasks.get((track_name, task)), reference.curves.get(task))
        for task in order
        if task in by_task
    )
    scored = {task.task: task for task in tasks}
    replicates = {task: {r.replicate for r in by_task.get(task, ())} for task in wanted}
    missing = tuple(task for task in wanted if not replicates[task].issuperset(range(track.replicates)))
    headline = [scored[task] for task in wanted if task in scored]
    families = {
        family: _mean([task.score for task in headline if task.family == family], len(set(members) & set(wanted)))
        for family, members in tracks.FAMILIES.items()
    }
    fractals = [task for task in headline if task.family == "mandelbrot"]
    n_fractals = len(tracks.FAMILIES["mandelbrot"])
    measured = [record.costs for record in counted if record.ok and record.task in wanted]
    return Entry(
        name=name,
        source_digest=counted[0].source_digest if counted else "",
        track=track_name,
        tasks=tasks,
        missing=missing,
        n_replicates=min((task.n_replicates for task in headline), default=0),
        precision=_mean([task.skill for task in fractals], n_fractals),
        depth=_mean([task.depth_skill for task in fractals], n_fractals),
        families=MappingProxyType(families),
        overall=_harmonic_mean(list(families.values()))
        if reference.suite > 1
        else _mean(list(families.values()), len(families)),
        psnr_db=_mean([task.psnr_db for task in fractals], n_fractals),
        depth_octaves=_mean([task.depth_octaves for task in fractals], n_fractals),
        worth=_geometric_mean([task.worth for task in fractals], n_fractals),
        fit_s=_total([task.fit_s for task in headline]),
        predict_us_per_point=_mean([task.predict_us_per_point for task in headline], len(headline)),
        n_params=_max([cost.n_params for cost in measured]),
        model_bytes=_max([cost.model_bytes for cost in measured]),
        peak_memory_mb=_max([cost.peak_memory_mb for cost in measured]),
        threads=_max([record.threads for record in counted]),
        device=", ".join(sorted({record.device for record in counted})),
        isolation=max((record.isolation for record in counted), default=""),
    )


def score_replicates(name: str, track_name: str, records: Sequence[Record], reference: Reference) -> tuple[Entry, ...]:
    """Return what the entry's scores were had it been scored on each replicate alone, in their order."""
    numbers = sorted({record.replicate for record in records})
    return tuple(
        score_entry(name, track_name, [each for each in records if each.replicate == number], reference)
        for number in numbers
    )


def _score_task(
    task: str, records: Sequence[Record], reference: TaskReference | None, curve: LearningCurve | None
) -> TaskScore:
    good = [record for record in records if record.metrics is not None]
    failed = [record for record in records if record.metrics is None]
    errors = [record.metrics.error for record in good if record.metrics]
    depths = [record.metrics.profile.depth_octaves for record in good if record.metrics and record.metrics.profile]
    kept = [record.metrics.further for record in good if record.metrics]
    further = {
        name: fmean([each[name] for each in kept])
        for name in (kept[0] if kept else ())
        if all(name in each for each in kept)
    }
    skills = depth_skills = None
    if reference is not None:
        zeros = [0.0] * len(failed)
        skills = [skill(error, reference.constant_error, reference.knn_error) for error in errors] + zeros
        if reference.knn_depth_octaves is not None:
            knn_depth = reference.knn_depth_octaves
            depth_skills = [min(tracks.SKILL_CAP, 100.0 * depth / knn_depth) for depth in depths] + zeros
    return TaskScore(
        task=task,
        family=tracks.family_of(task),
        n_replicates=len(records),
        n_failed=len(failed),
        error=_mean(errors, len(errors)),
        psnr_db=further.get("psnr_db"),
        depth_octaves=_mean(depths, len(good)),
        skill=None if skills is None else fmean(skills),
        depth_skill=None if depth_skills is None else _mean(depth_skills, len(records)),
        worth=_worth(errors, records[0].n_samples, curve),
        fit_s=_mean([record.costs.fit_s for record in good], len(good)),
        predict_us_per_point=_mean([record.costs.predict_us_per_point for record in good], len(good)),
        reason=failed[0].reason if failed else "",
        further=further,
    )


def _worth(errors: Sequence[float], n_samples: int, curve: LearningCurve | None) -> float | None:
    """Return how many times the sample k-NN would need to do as well: a geometric mean over replicates."""
    if curve is None or not errors:
        return None
    return _geometric_mean([equivalent_samples(e, curve.sizes, curve.errors) / n_samples for e in errors], len(errors))


def _mean(values: Sequence[float | None], expected: int) -> float | None:
    """Return the mean, or None if a value is missing."""
    present = [value for value in values if value is not None]
    return fmean(present) if present and len(present) == expected else None


def _harmonic_mean(values: Sequence[float | None]) -> float | None:
    """Return the harmonic mean, which one weak family sinks; 0 if one is 0, None if one is missing."""
    present = [value for value in values if value is not None]
    if len(present) < len(values):
        return None
    return harmonic_mean(present)


def _total(values: Sequence[float | None]) -> float | None:
    """Return the sum, or None if a value is missing or there is none."""
    present = [value for value in values if value is not None]
    return sum(present) if present and len(present) == len(values) else None


def _geometric_mean(values: Sequence[float | None], expected: int) -> float | None:
    mean_log = _mean([None if value is None else math.log(value) for value in values], expected)
    return None if mean_log is None else math.exp(mean_log)


def _max(values: Sequence[Any]) -> Any:
    return max((value for value in values if value is not None), default=None)
