"""How a film is cut: its shapes, its size and how fast it goes; and the writing of one file for each shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

from mbench.errors import UsageError
from mbench.types import IntArray
from mbench.views.footage import Report, WatchProgress

TITLE_S, HOLD_S, END_S = 2.5, 1.5, 3.5  # that the first card, the last picture and the last card stay
SMALL = (".gif", ".webp")  # which hold every frame at nearly its full size
FPS, SMALL_FPS = 30, 10
LINES, SMALL_LINES = 1080, 540
DEFAULT_ASPECT = "16:9"


@dataclass(frozen=True, slots=True)
class Cut:
    """How a film is cut.

    aspects: its shapes, a file each.  seconds: of what moves; the cards and the last picture come on top.
    fps: frames a second, None for 30, in a GIF or WebP 10.  lines: pixels of the shorter side, None for 1,080, there
    540.
    """

    aspects: tuple[str, ...] = (DEFAULT_ASPECT,)
    seconds: float = 12.0
    fps: int | None = None
    lines: int | None = None

    def fps_of(self, path: Path) -> int:
        """Return the frames a second of a file."""
        return self.fps or (SMALL_FPS if path.suffix.lower() in SMALL else FPS)

    def lines_of(self, path: Path) -> int:
        """Return the pixels of a file's shorter side."""
        return self.lines or (SMALL_LINES if path.suffix.lower() in SMALL else LINES)

    def n_frames(self, path: Path) -> int:
        """Return how many frames of a file move."""
        return max(2, round(self.seconds * self.fps_of(path)))

    def n_all_frames(self, path: Path) -> int:
        """Return how many frames a file has, about."""
        return self.n_frames(path) + round((TITLE_S + HOLD_S + END_S) * self.fps_of(path))


@dataclass(frozen=True, slots=True)
class Film:
    """What became of a film. paths: a file for each shape.  notes: what a viewer should know."""

    paths: tuple[Path, ...]
    n_frames: int
    seconds: float
    notes: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The first file."""
        return self.paths[0]


@dataclass(frozen=True, slots=True)
class Part:
    """What a film of one shape shows: its first card, n_frames that move, and its last card."""

    title: IntArray
    moving: Iterator[IntArray]
    n_frames: int
    end: IntArray


def plan_paths(path: Path, cut: Cut) -> dict[str, Path]:
    """Return the file of each shape: the one that was named, or beside it one with each shape in its name.

    Raises UsageError for a shape named twice, and for a place where no film can be.
    """
    from mbench.views.film_file import check_film_path

    if len(set(cut.aspects)) < len(cut.aspects) or not cut.aspects:
        raise UsageError(f"shapes {', '.join(cut.aspects) or 'none'}: expected each once, and one at least")
    paths = {
        aspect: path if len(cut.aspects) == 1 else path.with_stem(f"{path.stem}-{aspect.replace(':', 'x')}")
        for aspect in cut.aspects
    }
    for each in paths.values():
        check_film_path(each)
    return paths


def write_films(
    paths: dict[str, Path], cut: Cut, digests: Sequence[str], make: Callable[[str, Path], Part], report: Report
) -> Film:
    """Write a file for each shape, from what `make` returns for it. digests: of the sources that are seen."""
    from mbench.views.film_file import encode_film, frame_s

    n_frames = 0
    for aspect, path in paths.items():
        fps, part = cut.fps_of(path), make(aspect, path)
        n_frames = encode_film(path, _reel(part, path, fps, report), fps, digests)
    path = next(iter(paths.values()))
    seconds = round(n_frames * frame_s(path, cut.fps_of(path)), 6)
    return Film(tuple(paths.values()), n_frames, seconds, ())


def _reel(part: Part, path: Path, fps: int, report: Report) -> Iterator[IntArray]:
    yield from repeat(part.title, round(TITLE_S * fps))
    frame = None
    for number, frame in enumerate(part.moving):
        report(WatchProgress(path.name, "filming", number + 1, part.n_frames))
        yield frame
    assert frame is not None
    yield from repeat(frame, round(HOLD_S * fps))
    yield from repeat(part.end, round(END_S * fps))
