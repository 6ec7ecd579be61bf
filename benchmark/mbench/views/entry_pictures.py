"""Pictures of one entry, small enough to be kept of every one: portrait, zoom, strip, errors, of what was scored.

A stored estimator is asked in its sandbox, and answers scored queries again among the pixels of every picture: so what
is drawn is what was scored. The pictures of an entry take at most `LIMIT` bytes in all: what is busy gets coarser.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import numpy as np

from mbench.disk import write_atomically
from mbench.results.estimators import Stored
from mbench.results.metrics import fraction_unexplained
from mbench.results.record import Record
from mbench.results.store import ResultStore
from mbench.runs.cells import Cell
from mbench.runs.run import Run
from mbench.runs.settings import Settings
from mbench.runs.stored import open_stored
from mbench.sandbox.tiers import Isolation
from mbench.submission import BASELINES_FOLDER, Source
from mbench.suite.secrets import PUBLIC
from mbench.suite.tasks import load_task
from mbench.suite.tasks.looks import Landmark
from mbench.types import FloatArray, IntArray
from mbench.views.render.colours import VALUE_ERRORS, paint_values
from mbench.views.render.landmarks import plane_of
from mbench.views.render.strip import OCTAVES as STRIP_OCTAVES
from mbench.views.render.strip import Strip, plan_strip
from mbench.views.render.views import Panel, Plan, plan_map, plan_octaves

TASK = "mandelbrot"
OCTAVES = 10
LIMIT = 120_000  # bytes of all pictures of one entry on one track
RECORDED_PICTURES = BASELINES_FOLDER / "pictures"  # NAME/TRACK/
# Of what is drawn here: another layout, size or colour map makes another version, and old pictures are drawn again.
VERSION = 3
FILES = ("portrait.webp", "thumb.webp", "zoom.webp", "zoom-error.webp", "strip.webp", "strip-error.webp")
PORTRAIT_PX = 960
_STRIP_COLUMNS = 320  # pixels: 494 rows, 150,000 points
_THUMB = (128, 81)  # 64 pixels wide on a screen of two to one
_ABOUT = "pictures.json"  # written last: a folder that has it is whole


class _Fineness(NamedTuple):
    """How fine pictures are: widths as shares of what was asked, and the quality of the files."""

    portrait: float
    zoom: float
    error: float
    strip: float
    quality: int


# Finest first. Smooth pictures fit as they are; of what looks like noise the last takes a tenth of the first.
_FINENESS = (
    _Fineness(1.0, 1.0, 0.5, 1.0, 72),
    _Fineness(1.0, 0.75, 0.4, 1.0, 60),
    _Fineness(0.8, 0.6, 0.35, 0.8, 55),
    _Fineness(0.6, 0.5, 0.3, 0.7, 50),
    _Fineness(0.5, 0.4, 0.25, 0.6, 45),
    _Fineness(0.4, 0.3, 0.2, 0.5, 40),
    _Fineness(0.25, 0.2, 0.15, 0.35, 30),
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """The pictures of one fit. fit: its `Record.fit_id`.  files: their content by name.

    scores: of each panel of the zoom, 1 - MSE / variance of the truth in its window; None where that is constant.
    strip: the same of each octave of the strip, clipped to [0, 1].
    """

    fit: str
    scores: tuple[float | None, ...]
    strip: tuple[float, ...]
    files: Mapping[str, bytes]

    @property
    def n_bytes(self) -> int:
        """The size of all pictures."""
        return sum(len(content) for content in self.files.values())


def draw_entry(source: Source, stored: Stored, isolation: Isolation, cancel: Event) -> Drawn:
    """Ask a stored estimator of the Mandelbrot set for its pictures. Raises ChildFailure, also if it is unconfirmed."""
    record = stored.record
    zoom, whole, strip = zoom_plan(), portrait_plan(), strip_plan()
    cell = Cell(record.task, record.track, record.replicate, record.n_samples, record.fit_limit_s)
    settings = Settings(threads=record.threads, device=record.device, isolation=isolation.with_devices(record.device))
    with open_stored(Run(source, settings, cancel=cancel), load_task(TASK), cell, stored) as ask:
        answers = ask(np.concatenate([zoom.X, whole.X, strip.X]))
    tiles, window, unrolled = np.split(answers, np.cumsum([len(zoom.X), len(whole.X)]))
    p, t = unrolled[:, 0].astype(np.float64), strip_truth()[:, 0].astype(np.float64)
    truth = zoom_truth()
    pictures = {
        "portrait.webp": paint_values(whole.panels[0].cut(window)[..., 0]),
        "zoom.webp": _join(zoom, lambda panel: paint_values(panel.cut(tiles)[..., 0])),
        "zoom-error.webp": _join(zoom, lambda panel: VALUE_ERRORS.paint(np.abs(panel.cut(tiles - truth)[..., 0]))),
        "strip.webp": strip.unroll(paint_values(p)),
        "strip-error.webp": strip.unroll(VALUE_ERRORS.paint(np.abs(p - t))),
    }
    return Drawn(
        fit=record.fit_id,
        scores=tuple(_score(tiles[panel.rows], truth[panel.rows]) for panel in zoom.panels),
        strip=tuple(strip.scores(p, t).tolist()),
        files=encode_within(pictures, LIMIT),
    )


def draw_truth() -> dict[str, bytes]:
    """Return the truth's pictures by name."""
    whole, zoom = portrait_plan(), zoom_plan()
    painted = paint_values(whole.panels[0].cut(load_task(TASK).truth(whole.points))[..., 0])
    sheet = _join(zoom, lambda panel: paint_values(panel.cut(zoom_truth())[..., 0]))
    return {
        "portrait.webp": encode(painted, 76),
        "zoom.webp": encode(sheet, 72),
        "strip.webp": encode(strip_plan().unroll(paint_values(strip_truth()[:, 0]))),
    }


def encode_within(pictures: Mapping[str, IntArray], limit: int) -> dict[str, bytes]:
    """Return pictures (rows, columns, 3) uint8 as files with the portrait's thumbnail, as fine as the limit allows.

    What is over the limit at the coarsest is returned as it is then.
    """
    files: dict[str, bytes] = {}
    for fineness in _FINENESS:
        shares = {
            "portrait.webp": fineness.portrait, "zoom.webp": fineness.zoom, "zoom-error.webp": fineness.error,
            "strip.webp": fineness.strip, "strip-error.webp": fineness.strip,
        }  # fmt: skip
        files = {name: encode(rgb, fineness.quality, shares[name]) for name, rgb in pictures.items()}
        files["thumb.webp"] = encode(pictures["portrait.webp"], 60, _THUMB)
        if sum(len(content) for content in files.values()) <= limit:
            break
    return files


def write_drawn(folder: Path, drawn: Drawn) -> None:
    """Write pictures to a folder of theirs. Raises OSError."""
    (folder / _ABOUT).unlink(missing_ok=True)
    for name, content in drawn.files.items():
        write_atomically(folder / name, content)
    about = {"version": VERSION, "fit": drawn.fit, "panels": drawn.scores, "strip": drawn.strip}
    write_atomically(folder / _ABOUT, (json.dumps(about, allow_nan=False) + "\n").encode())


def read_drawn(folder: Path) -> Drawn | None:
    """Return the pictures in a folder, None where there are none, or not all, or those of another version."""
    try:
        about = json.loads((folder / _ABOUT).read_bytes())
        scores = tuple(None if score is None else float(score) for score in about["panels"])
        strip = tuple(float(share) for share in about["strip"])
        files = {name: (folder / name).read_bytes() for name in FILES}
        fit, version = str(about["fit"]), about["version"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    is_whole = (version, len(scores), len(strip)) == (VERSION, len(zoom_plan().panels), STRIP_OCTAVES)
    return Drawn(fit, scores, strip, files) if is_whole else None


def find_artifacts(store: ResultStore) -> dict[tuple[str, str], Record]:
    """Return the newest record with a stored estimator of the Mandelbrot set, by source digest and track."""
    return {
        (record.source_digest, record.track): record
        for record in store.records()
        if (record.task, record.replicate, record.test_set) == (TASK, 0, PUBLIC)
        and record.ok
        and store.artifact_path(record.key).is_file()
    }


@cache
def zoom_plan() -> Plan:
    """Return which windows the zoom shows: the whole one, then landmark by landmark octaves 1, 2, …"""
    return plan_octaves(load_task(TASK), OCTAVES)


@cache
def portrait_plan() -> Plan:
    """Return the whole window in large."""
    return plan_map(load_task(TASK), PORTRAIT_PX)


@cache
def strip_plan() -> Strip:
    """Return the strip about the first landmark."""
    return plan_strip(load_task(TASK), strip_landmark().centre, _STRIP_COLUMNS)


def landmarks() -> tuple[Landmark, ...]:
    """Return the landmarks of the task that is shown."""
    return plane_of(load_task(TASK)).landmarks


def strip_landmark() -> Landmark:
    """Return the landmark that strips are about."""
    return landmarks()[0]


def panel_size() -> tuple[int, int]:
    """Return width and height of a panel of the zoom's sheet, in pixels at its finest."""
    rows, columns = zoom_plan().panels[0].shape
    return columns, rows


@cache
def zoom_truth() -> FloatArray:
    """Return the truth of all panels of the zoom: (m, 1)."""
    return load_task(TASK).truth(zoom_plan().points)


@cache
def strip_truth() -> FloatArray:
    """Return the truth of the strip: (m, 1)."""
    return load_task(TASK).truth(strip_plan().points)


def encode(rgb: IntArray, quality: int = 84, size: float | tuple[int, int] = 1.0) -> bytes:
    """Return a picture (rows, columns, 3) uint8 as a WebP file. size: a share of its own, or pixels across and down."""
    from PIL import Image

    image: Any = Image.fromarray(np.ascontiguousarray(rgb))
    if size != 1.0:
        wide, high = size if isinstance(size, tuple) else (round(size * image.width), round(size * image.height))
        image = image.resize((max(1, wide), max(1, high)), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    image.save(buffer, format="WEBP", quality=quality, method=4)
    return buffer.getvalue()


def _join(plan: Plan, paint: Callable[[Panel], IntArray]) -> IntArray:
    """Return the zoom's sheet: a row for each landmark, a column for each octave; the first is the first row's only."""
    panels: Sequence[Panel] = plan.panels
    rows, columns = panels[0].shape
    n = OCTAVES - 1
    sheet = np.zeros((rows * len(landmarks()), columns * OCTAVES, 3), dtype=np.uint8)
    for index, panel in enumerate(panels):
        row, column = (0, 0) if index == 0 else ((index - 1) // n, (index - 1) % n + 1)
        sheet[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns] = paint(panel)
    return sheet


def _score(predicted: FloatArray, truth: FloatArray) -> float | None:
    """Return 1 - FVU in a window, each (m, 1); None where there is nothing to explain."""
    if np.ptp(truth) == 0:
        return None
    return 1.0 - fraction_unexplained(predicted, truth, np.full(len(truth), 1.0 / len(truth)))
