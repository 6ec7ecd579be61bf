"""Where on a task's plane to zoom in: the window and the landmarks that its class names."""

from __future__ import annotations

from mbench.errors import UsageError
from mbench.suite.tasks import Task
from mbench.suite.tasks.looks import Landmark, Plane


def plane_of(task: Task) -> Plane:
    """Return the plane that a fractal lies in. Raises UsageError for a task that is none."""
    if isinstance(task.look, Plane):
        return task.look
    raise UsageError(f"{task.name} has no plane to zoom into: choose a fractal (see `mbench tasks`)")


def find_landmark(task: Task, word: str | None) -> Landmark:
    """Return the landmark of a task by its first word, or the task's first one.

    Raises UsageError for another word, for a task without landmarks and for one that is no fractal.
    """
    landmarks = plane_of(task).landmarks
    for landmark in landmarks:
        if word is None or landmark.word == word.lower():
            return landmark
    if not landmarks:
        raise UsageError(f"{task.name} names no landmarks to zoom into: give its class some, or choose another fractal")
    known = ", ".join(landmark.word for landmark in landmarks)
    raise UsageError(f"{task.name} has no landmark {word!r}: expected one of {known}")
