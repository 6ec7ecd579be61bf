"""Which points a picture asks for: a plan goes to the estimator's child as queries and comes back as predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mbench.suite.tasks import Task
from mbench.suite.tasks.looks import Landmark, Line, Look, Pixels, Plane, Surface
from mbench.types import FloatArray
from mbench.views.render.landmarks import plane_of

MAGNIFICATIONS = (1, 8, 64, 512)
PANEL_PX = 248
WHOLE_PX = 756  # three panels and the gaps between them
MAX_IMAGE_PIXELS = 600_000  # china and flower have 273,280


@dataclass(frozen=True, slots=True)
class Panel:
    """One rectangle of pixels (or of a surface's parameters) in a plan.

    name, magnification: what it shows.  centre, width, height: the window, in the task's coordinates.
    shape: (rows, columns); rows run downwards, the first at the top of the window.  start: its first query.
    """

    name: str
    magnification: int
    centre: tuple[float, float]
    width: float
    height: float
    shape: tuple[int, int]
    start: int

    @property
    def rows(self) -> slice:
        """The queries of this panel."""
        return slice(self.start, self.start + self.shape[0] * self.shape[1])

    def cut(self, values: FloatArray) -> FloatArray:
        """Return the panel's part of a plan's values (m, k): (rows, columns, k)."""
        return values[self.rows].reshape(*self.shape, -1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a picture of a task asks for.

    look: how the task is looked at.  X: (m, d) float64, queries in the submission's scaling.  points: (m, p) float64,
    the same in the task's coordinates.
    """

    task: str
    look: Look
    X: FloatArray
    points: FloatArray
    panels: tuple[Panel, ...]
    landmarks: tuple[Landmark, ...] = ()

    def __post_init__(self) -> None:
        """Check that the panels cover the queries exactly."""
        size = sum(panel.shape[0] * panel.shape[1] for panel in self.panels)
        if not size == len(self.X) == len(self.points):
            raise ValueError(f"panels hold {size} pixels, X has {len(self.X)} rows, points {len(self.points)}")


def plan_picture(task: Task) -> Plan | None:
    """Return the plan of a task's picture, or None where there is nothing to draw (ten inputs, images of digits)."""
    match task.look:
        case Plane():
            return plan_zoom(task)
        case Pixels() as pixels:
            return plan_image(task, pixels)
        case Surface() as surface:
            return plan_surface(task, surface)
        case Line() as line:
            return plan_curve(task, line)
        case _:
            return None


def plan_zoom(task: Task, panel_px: int = PANEL_PX) -> Plan:
    """Plan the whole window of a fractal task and square windows about its landmarks.

    At magnification M a window is 1/M of the task's window wide, and moved inside it where it would reach out: at
    magnification 1 that is the whole window for every landmark, shown once. panel_px: a square's side in pixels.
    """
    plane = plane_of(task)
    lower, upper = np.asarray(plane.lower), np.asarray(plane.upper)
    width, height = upper - lower
    # Never wider than three squares; a tall window is held to their height times 2.25 instead.
    columns = round(min(WHOLE_PX / PANEL_PX, 2.25 * width / height) * panel_px)
    shape = (max(1, round(columns * height / width)), columns)
    middle = (lower + upper) / 2
    panels = [Panel("whole set", 1, (float(middle[0]), float(middle[1])), float(width), float(height), shape, 0)]
    for landmark in plane.landmarks:
        for magnification in MAGNIFICATIONS[1:]:
            side = float(width) / magnification
            x, y = np.clip((landmark.centre.real, landmark.centre.imag), lower + side / 2, upper - side / 2)
            start = panels[-1].rows.stop
            square = (panel_px, panel_px)
            panels.append(Panel(landmark.name, magnification, (float(x), float(y)), side, side, square, start))
    points = np.concatenate([pixel_centres(panel) for panel in panels])
    return Plan(task.name, plane, task.scale(points), points, tuple(panels), plane.landmarks)


def plan_octaves(task: Task, octaves: int = 10, rows: int = 192) -> Plan:
    """Plan a window per octave about each landmark of a fractal task, all in the shape of the task's own window.

    Octave k is magnified 2^k times, so that a slider over them zooms in register. The whole window, octave 0 of every
    landmark, comes first and once; then landmark by landmark octaves 1, 2, …. rows: of pixels in each.
    """
    plane = plane_of(task)
    lower, upper = np.asarray(plane.lower), np.asarray(plane.upper)
    size = upper - lower
    shape = (rows, round(rows * size[0] / size[1]))
    middle = (lower + upper) / 2
    panels = [Panel("whole set", 1, (float(middle[0]), float(middle[1])), float(size[0]), float(size[1]), shape, 0)]
    for landmark in plane.landmarks:
        for octave in range(1, octaves):
            width, height = size / 2**octave
            inside = size / 2 ** (octave + 1)
            x, y = np.clip((landmark.centre.real, landmark.centre.imag), lower + inside, upper - inside)
            start = panels[-1].rows.stop
            panels.append(
                Panel(landmark.name, 2**octave, (float(x), float(y)), float(width), float(height), shape, start)
            )
    points = np.concatenate([pixel_centres(panel) for panel in panels])
    return Plan(task.name, plane, task.scale(points), points, tuple(panels), plane.landmarks)


def plan_window(task: Task, panel: Panel) -> Plan:
    """Plan one window of a fractal task."""
    points = pixel_centres(panel)
    return Plan(task.name, plane_of(task), task.scale(points), points, (panel,))


def plan_map(task: Task, columns: int) -> Plan:
    """Plan the whole window of a task on the plane, this many pixels wide."""
    plane = plane_of(task)
    lower, upper = np.asarray(plane.lower), np.asarray(plane.upper)
    (width, height), (x, y) = (upper - lower).tolist(), ((lower + upper) / 2).tolist()
    panel = Panel("whole set", 1, (x, y), width, height, (max(1, round(columns * height / width)), columns), 0)
    points = pixel_centres(panel)
    return Plan(task.name, plane_of(task), task.scale(points), points, (panel,))


def plan_image(task: Task, look: Pixels, max_pixels: int = MAX_IMAGE_PIXELS) -> Plan:
    """Plan every pixel of an image task; of a picture too large to predict, every second (third, …) row and column."""
    height, width = look.height, look.width
    step = int(np.ceil(np.sqrt(height * width / max_pixels)))
    row, column = np.meshgrid(np.arange(0, height, step), np.arange(0, width, step), indexing="ij")
    points = np.stack([column.ravel(), row.ravel()], axis=1).astype(np.float64)
    middle = ((width - 1) / 2, (height - 1) / 2)
    panel = Panel(task.name, 1, middle, float(width), float(height), row.shape, 0)
    return Plan(task.name, look, task.scale(points), points, (panel,))


def plan_surface(task: Task, look: Surface, rows: int = 161, columns: int = 321) -> Plan:
    """Plan a grid over a surface's parameters, edges included: v runs down the rows, u along the columns."""
    (u_low, v_low), (u_high, v_high) = look.lower, look.upper
    v, u = np.meshgrid(np.linspace(v_low, v_high, rows), np.linspace(u_low, u_high, columns), indexing="ij")
    points = np.stack([u.ravel(), v.ravel()], axis=1)
    middle = (float(u_low + u_high) / 2, float(v_low + v_high) / 2)
    panel = Panel(task.name, 1, middle, float(u_high - u_low), float(v_high - v_low), (rows, columns), 0)
    return Plan(task.name, look, task.scale(points), points, (panel,))


def plan_curve(task: Task, look: Line, n_points: int = 4001) -> Plan:
    """Plan evenly spaced points of a task with one input, the ends included."""
    low, high = look.low, look.high
    points = np.linspace(low, high, n_points)[:, None]
    panel = Panel(task.name, 1, ((low + high) / 2, 0.0), high - low, 0.0, (1, n_points), 0)
    return Plan(task.name, look, task.scale(points), points, (panel,))


def pixel_centres(panel: Panel) -> FloatArray:
    """Return where the pixels of a panel lie, row by row from the top left: (rows * columns, 2) float64."""
    rows, columns = panel.shape
    x = panel.centre[0] + ((np.arange(columns) + 0.5) / columns - 0.5) * panel.width
    y = panel.centre[1] - ((np.arange(rows) + 0.5) / rows - 0.5) * panel.height
    return np.stack([np.tile(x, rows), np.repeat(y, columns)], axis=1)
