"""What the site draws of an entry: tiles for the zoom slider, a banner and a strip, asked of it in its sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import Any

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
from mbench.submission import Source
from mbench.suite.secrets import PUBLIC
from mbench.suite.tasks import load_task
from mbench.suite.tasks.looks import Landmark
from mbench.types import FloatArray, IntArray
from mbench.views.render.colours import ERROR_COLOURS, VALUE_COLOURS, VALUE_ERRORS, paint, paint_values
from mbench.views.render.landmarks import plane_of
from mbench.views.render.strip import OCTAVES as STRIP_OCTAVES
from mbench.views.render.strip import Strip, plan_strip
from mbench.views.render.views import Panel, Plan, plan_octaves, plan_window

TASK = "mandelbrot"
OCTAVES = 10
BANNER_ROWS = 960  # of the picture at the top of a page: truth above the real axis, prediction below
FOLDER = "tiles"
BANNER = "banner.webp"
STRIP_COLUMNS = 320  # pixels: 494 rows, 150,000 points
# Of what is drawn here: another layout, size or colour map makes another version, and old tiles are drawn again.
_VERSION = 2
_SCORES = "scores.json"  # written last: a folder that has it is whole
_QUALITY = 84


@dataclass(frozen=True, slots=True)
class Tiles:
    """The tiles of one cell. path: their folder, from the site's root.

    scores: of each panel, 1 - MSE / variance of the truth in its window; None where the truth is constant there.
    strip: the same of each octave of the strip, clipped to [0, 1].
    """

    path: str
    scores: tuple[float | None, ...]
    strip: tuple[float, ...]


def find_artifacts(store: ResultStore) -> dict[tuple[str, str], Record]:
    """Return the newest record with a stored estimator of the Mandelbrot set, by source digest and track."""
    return {
        (record.source_digest, record.track): record
        for record in store.records()
        if (record.task, record.replicate, record.test_set) == (TASK, 0, PUBLIC)
        and record.ok
        and store.artifact_path(record.key).is_file()
    }


def read_tiles(site: Path, key: str, fit: str = "") -> Tiles | None:
    """Return the tiles that a site has of a cell, or None. fit: `Record.fit_id`, where they have to be of this fit."""
    path = f"{FOLDER}/{_folder_name(key)}"
    try:
        scores = json.loads((site / path / _SCORES).read_bytes())
        panels = tuple(None if score is None else float(score) for score in scores["panels"])
        strip = tuple(float(share) for share in scores["strip"])
        if fit and fit != scores.get("fit"):
            return None
    except (OSError, ValueError, LookupError, TypeError):
        return None
    is_whole = (len(panels), len(strip)) == (len(plan().panels), STRIP_OCTAVES)
    return Tiles(path, panels, strip) if is_whole else None


def draw_tiles(site: Path, source: Source, stored: Stored, isolation: Isolation, cancel: Event) -> Tiles:
    """Ask a stored estimator for every tile, its banner and its strip, write them. Raises ChildFailure, OSError."""
    record = stored.record
    task = load_task(TASK)
    zoom, banner, strip = plan(), plan_banner(), strip_plan()
    X = np.concatenate([zoom.X, banner.X, strip.X])
    cell = Cell(record.task, record.track, record.replicate, record.n_samples, record.fit_limit_s)
    settings = Settings(threads=record.threads, device=record.device, isolation=isolation.with_devices(record.device))
    with open_stored(Run(source, settings, cancel=cancel), task, cell, stored) as ask:
        answers = ask(X)
    predictions, lower, unrolled = np.split(answers, np.cumsum([len(zoom.X), len(banner.X)]))
    folder = site / FOLDER / _folder_name(record.key)
    for index, panel in enumerate(zoom.panels):
        p, t = panel.cut(predictions)[..., 0], panel.cut(truth())[..., 0]
        write_atomically(folder / f"prediction-{index}.webp", encode(paint_values(p)))
        write_atomically(folder / f"error-{index}.webp", encode(VALUE_ERRORS.paint(np.abs(p - t))))
    (panel,) = banner.panels
    write_atomically(folder / BANNER, encode(_join_banner(panel.cut(lower)[..., 0])))
    p, t = unrolled[:, 0].astype(np.float64), _strip_truth()[:, 0].astype(np.float64)
    write_atomically(folder / "strip-prediction.webp", encode(strip.unroll(paint_values(p))))
    write_atomically(folder / "strip-error.webp", encode(strip.unroll(VALUE_ERRORS.paint(np.abs(p - t)))))
    scores = [_score(predictions[panel.rows], truth()[panel.rows]) for panel in zoom.panels]
    held = strip.scores(p, t).tolist()
    write_atomically(
        folder / _SCORES, json.dumps({"fit": record.fit_id, "panels": scores, "strip": held}, allow_nan=False).encode()
    )
    return Tiles(f"{FOLDER}/{folder.name}", tuple(scores), tuple(held))


def draw_truth(site: Path) -> str:
    """Write the truth's tiles, strip and banner where they are not there yet, and return their folder."""
    path = f"{FOLDER}/{truth_name()}"
    folder = site / path
    if not (folder / BANNER).exists():
        for index, panel in enumerate(plan().panels):
            write_atomically(folder / f"truth-{index}.webp", encode(paint_values(panel.cut(truth())[..., 0])))
        task, banner = load_task(TASK), plan_banner()
        (panel,) = banner.panels
        lower = panel.cut(task.truth(banner.points))[..., 0]
        strip = strip_plan().unroll(paint_values(_strip_truth()[:, 0]))
        write_atomically(folder / "strip-truth.webp", encode(strip))
        write_atomically(folder / BANNER, encode(_join_banner(lower)))
    return path


def draw_ramps() -> dict[str, bytes]:
    """Return the colour bars of values and errors as files, by name."""
    ramp = np.linspace(0.0, 1.0, 256)[None].repeat(8, axis=0)
    return {
        "values.webp": encode(paint(ramp, VALUE_COLOURS), quality=100),
        "errors.webp": encode(paint(ramp, ERROR_COLOURS), quality=100),
    }


def truth_name() -> str:
    """Return the name of the truth's folder, another one for another truth."""
    return f"truth-{load_task(TASK).digest()[:16]}-{_VERSION}"


def prune(site: Path, kept: Iterable[str]) -> None:
    """Remove the tiles of cells that no page shows any more. kept: folders from the site's root."""
    names = {Path(path).name for path in kept}
    for folder in (site / FOLDER).glob("*/"):
        if folder.name not in names and not folder.is_symlink():
            for path in folder.glob("*"):
                path.unlink()
            folder.rmdir()


@cache
def plan() -> Plan:
    """Return which windows are shown."""
    return plan_octaves(load_task(TASK), OCTAVES)


@cache
def plan_banner() -> Plan:
    """Return the half of the window below the real axis, in large. The set is its own mirror image about that axis."""
    task = load_task(TASK)
    plane = plane_of(task)
    (x_low, y_low), (x_high, _) = plane.lower, plane.upper
    width, height = x_high - x_low, -y_low
    shape = (BANNER_ROWS // 2, round(BANNER_ROWS / 2 * width / height))
    panel = Panel("below the axis", 1, ((x_low + x_high) / 2, y_low / 2), width, height, shape, 0)
    return plan_window(task, panel)


@cache
def strip_plan() -> Strip:
    """Return the strip about the first landmark."""
    return plan_strip(load_task(TASK), strip_landmark().centre, STRIP_COLUMNS)


def landmarks() -> tuple[Landmark, ...]:
    """Return the landmarks of the task that is shown."""
    return plane_of(load_task(TASK)).landmarks


def strip_landmark() -> Landmark:
    """Return the landmark that strips are about."""
    return landmarks()[0]


@cache
def _strip_truth() -> FloatArray:
    return load_task(TASK).truth(strip_plan().points)


@cache
def truth() -> FloatArray:
    """Return the truth of all tiles: (m, 1)."""
    return load_task(TASK).truth(plan().points)


@cache
def _upper_banner() -> IntArray:
    (panel,) = plan_banner().panels
    return paint_values(panel.cut(load_task(TASK).truth(plan_banner().points))[::-1, :, 0])


def _join_banner(lower: FloatArray) -> IntArray:
    """Return the truth above the axis with what is given below it, both (rows, columns)."""
    return np.concatenate([_upper_banner(), paint_values(lower)])


def _score(predicted: FloatArray, truth: FloatArray) -> float | None:
    """Return 1 - FVU in a window, each (m, 1); None where there is nothing to explain."""
    if np.ptp(truth) == 0:
        return None
    return 1.0 - fraction_unexplained(predicted, truth, np.full(len(truth), 1.0 / len(truth)))


def encode(rgb: IntArray, quality: int = _QUALITY) -> bytes:
    """Return a picture (rows, columns, 3) uint8 as a WebP file."""
    from PIL import Image

    buffer = BytesIO()
    image: Any = Image.fromarray(np.ascontiguousarray(rgb))
    image.save(buffer, format="WEBP", quality=quality, method=4)
    return buffer.getvalue()


def _folder_name(key: str) -> str:
    assert key.isalnum(), key
    return f"{key[:32]}-{_VERSION}"
