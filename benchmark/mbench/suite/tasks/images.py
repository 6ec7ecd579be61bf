"""Pictures as functions of a pixel's place: scikit-learn's bundled photos, or a person's own."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from mbench.errors import UsageError
from mbench.suite import datasets, tracks
from mbench.suite.tasks.base import ItemTask
from mbench.suite.tasks.looks import Look, Pixels
from mbench.types import ByteArray, FloatArray, Queries

MIN_PIXELS = 64
MAX_SAMPLED_SHARE = 0.8  # of a small picture, so that enough pixels are left to test on


class Image(ItemTask):
    """R² → R³: pixel centre (column, row), each scaled to [-1, 1], to RGB / 255; tested on every pixel not sampled."""

    name = tracks.IMAGE_PREFIX  # of a picture of one's own; the path follows
    family = "images"
    n_inputs = 2
    n_outputs = 3
    metrics = ("fvu", "psnr_db", "ssim")

    def __init__(self, name: str, pixels: ByteArray) -> None:
        """pixels: (height, width, 3) uint8."""
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ValueError(f"pixels must be (height, width, 3) uint8, got {pixels.shape} {pixels.dtype}")
        if pixels.shape[0] * pixels.shape[1] < MIN_PIXELS or (pixels == pixels[0, 0]).all():
            raise ValueError(
                f"a picture of {pixels.shape[0]} x {pixels.shape[1]} pixels has nothing to learn: too small or plain"
            )
        self.name = name
        self.pixels = pixels
        self.n_available = int(MAX_SAMPLED_SHARE * pixels.shape[0] * pixels.shape[1])

    @classmethod
    def load(cls, name: str) -> Image:
        """Return the task of a person's own picture, `image:PATH`. Raises UsageError for one that cannot be read."""
        try:
            return cls(name, datasets.read_picture(name.removeprefix(tracks.IMAGE_PREFIX)))
        except ValueError as error:
            raise UsageError(f"{name}: {error}. Give a larger picture") from None

    @property
    def stream(self) -> str:
        """A person's own picture is what its pixels are, wherever the file lies."""
        return f"{tracks.IMAGE_PREFIX}{self._pixel_digest()}"

    @property
    def look(self) -> Look:
        """All its pixels."""
        return Pixels(*self.shape)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def definition(self) -> dict[str, Any]:
        """Return the picture's size and the SHA-256 of its pixels."""
        return {
            "name": self.name.split(":")[0],
            "shape": list(self.pixels.shape),
            "sha256": self._pixel_digest(),
        }

    def truth(self, points: FloatArray) -> FloatArray:
        """Return the colours of pixels (m, 2) = (column, row): (m, 3) float32 in [0, 1]."""
        column, row = points.astype(np.int64).T
        return self.pixels[row, column].astype(np.float32) / np.float32(255.0)

    def scale(self, points: FloatArray) -> FloatArray:
        """Return pixel centres (m, 2) with the picture's edges at -1 and 1."""
        height, width = self.shape
        return 2.0 * (points + 0.5) / np.array([width, height]) - 1.0

    def draw_points(self, n: int, replicate: int, start: int = 0) -> FloatArray:
        """Return (column, row) of items start … start+n-1 of the replicate's order of all pixels."""
        return self._locate(replicate, slice(start, start + n))

    def draw_queries(self, n: int, replicate: int, secret: bytes | None = None) -> Queries:
        """Return every pixel not among the replicate's first n; a secret changes nothing, all pixels being known."""
        return self._uniform_queries(self._locate(replicate, slice(n, None)))

    def _pixel_digest(self) -> str:
        return hashlib.sha256(np.ascontiguousarray(self.pixels).tobytes()).hexdigest()

    def _locate(self, replicate: int, items: slice) -> FloatArray:
        height, width = self.shape
        row, column = np.divmod(self._order(height * width, replicate)[items], width)
        return np.stack([column, row], axis=1).astype(np.float64)


class Photo(Image):
    """A photo that scikit-learn brings along; its random streams have its name."""

    @classmethod
    def load(cls, name: str) -> Photo:
        """Return the task."""
        return cls(name, datasets.load_photo(name))

    @property
    def stream(self) -> str:
        """Its name."""
        return self.name


class China(Photo):
    """A temple in China."""

    name = "china"
    golden_points = "4e00a83de85181f53d0db3c6d2d7d9c409660f5da1b05a9d42984f3f5421a900"


class Flower(Photo):
    """A flower before a blurred ground."""

    name = "flower"
    golden_points = "dc24a78e2d103a690f76a524bff05bdb01051b0ef23b6a2a396624d6b6162056"
