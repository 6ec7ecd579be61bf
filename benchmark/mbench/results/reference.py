"""The frozen reference that skills are measured by: the constant predictor, k-NN, and k-NN's learning curves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from mbench.errors import HarnessError
from mbench.results.kept import note
from mbench.suite import tracks

REFERENCE_NAME = "reference-{suite}.json"  # lies beside this module; `mbench reference` remakes the newest


@dataclass(frozen=True, slots=True)
class TaskReference:
    """What the constant predictor and k-NN score on one task of one track, means over replicates."""

    constant_error: float
    knn_error: float
    knn_depth_octaves: float | None


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """k-NN's error on a task against the size of its sample, sizes ascending."""

    sizes: tuple[int, ...]
    errors: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """The frozen reference of one suite version."""

    suite: int
    tasks: MappingProxyType[tuple[str, str], TaskReference]  # by (track, task)
    curves: MappingProxyType[str, LearningCurve]

    def covers(self, track: str) -> bool:
        """Is any task of this track in it?"""
        return any(name == track for name, _ in self.tasks)


def note_track_without_skills(track: str, reference: Reference) -> None:
    """Note that nothing on a track has a skill, where it has no frozen reference."""
    if not reference.covers(track):
        note(f"track {track} has no frozen reference: no skills, no scores, no ranks. `mbench reference` makes one")


def load_reference(suite: int = tracks.SUITE_VERSION) -> Reference:
    """Return the frozen reference of a suite version."""
    return _parse_reference(Path(__file__).with_name(REFERENCE_NAME.format(suite=suite)).read_text(), suite)


@cache
def _parse_reference(text: str, suite: int) -> Reference:
    content = json.loads(text)
    if content["suite"] != suite:
        raise HarnessError(f"the frozen reference is of suite {content['suite']}, this is {suite}. Reinstall")
    return Reference(
        suite=suite,
        tasks=MappingProxyType(
            {
                (track, task): TaskReference(row["constant_error"], row["knn_error"], row["knn_depth_octaves"])
                for track, rows in content["tracks"].items()
                for task, row in rows.items()
            }
        ),
        curves=MappingProxyType(
            {task: LearningCurve(tuple(row["sizes"]), tuple(row["errors"])) for task, row in content["curves"].items()}
        ),
    )
