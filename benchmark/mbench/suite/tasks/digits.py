"""Handwritten digits: an image, flattened, to the one-hot vector of its label."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from mbench.suite import datasets
from mbench.suite.tasks.base import ItemTask
from mbench.suite.tasks.looks import Classes, Look
from mbench.types import ByteArray, FloatArray, IntArray, Queries

N_CLASSES = 10


class Digits(ItemTask):
    """R^pixels → R¹⁰, scored by the error rate of the largest output. points: (m, 1), the row in `images`.

    The first `n_train` rows may be sampled; the rest is the test set, the same for every replicate.
    """

    family = "digits"
    n_outputs = N_CLASSES
    is_classification = True
    metrics = ("error_rate",)
    has_picture = False

    def __init__(self, name: str, images: ByteArray, labels: IntArray, n_train: int, white: float) -> None:
        """images: (n, pixels) uint8.  labels: (n,) in 0 … 9.  white: the value that becomes 1."""
        if len(images) != len(labels) or not 0 < n_train < len(images):
            raise ValueError(f"{len(images)} images, {len(labels)} labels and {n_train} for training do not fit")
        self.name = name
        self.images = images
        self.labels = labels
        self.white = white
        self.n_available = n_train
        self.n_inputs = images.shape[1]

    @property
    def look(self) -> Look:
        """Which digit is taken for which."""
        return Classes()

    def definition(self) -> dict[str, Any]:
        """Return the split and the SHA-256 of the images and labels."""
        content = hashlib.sha256(self.images.astype(np.uint8).tobytes() + self.labels.astype(np.uint8).tobytes())
        return {"name": self.name, "n_train": self.n_available, "sha256": content.hexdigest()}

    def truth(self, points: FloatArray) -> FloatArray:
        """Return the labels of rows (m, 1), one-hot: (m, 10) float32."""
        return np.eye(N_CLASSES, dtype=np.float32)[self.labels[points[:, 0].astype(np.int64)]]

    def scale(self, points: FloatArray) -> FloatArray:
        """Return the images of rows (m, 1), black at 0 and white at 1: (m, pixels) float64."""
        return self.images[points[:, 0].astype(np.int64)] / self.white

    def draw_points(self, n: int, replicate: int, start: int = 0) -> FloatArray:
        """Return items start … start+n-1 of the replicate's order of the training rows."""
        assert self.n_available is not None
        return self._order(self.n_available, replicate)[start : start + n, None].astype(np.float64)

    def draw_queries(self, n: int, replicate: int, secret: bytes | None = None) -> Queries:
        """Return every test image; a secret changes nothing, the images being public."""
        return self._uniform_queries(np.arange(self.n_available or 0, len(self.images), dtype=np.float64)[:, None])


class SmallDigits(Digits):
    """scikit-learn's bundled digits of 8 x 8 pixels."""

    name = "digits"
    n_inputs = 64
    golden_points = "1fff3f1b92468b78dbb3723ba56a2779d952241364619e599eae83cec46d15c8"

    @classmethod
    def load(cls, name: str) -> SmallDigits:
        """Return the task."""
        return cls(name, *datasets.load_digits())


class Mnist(Digits):
    """MNIST's digits of 28 x 28 pixels."""

    name = "mnist"
    n_inputs = 784
    golden_points = "7d8ba788870b83db420dcba6e7701290f8abbea4ec2c1d2a3aec5b3586c01bd1"

    @classmethod
    def load(cls, name: str) -> Mnist:
        """Return the task. Raises MissingDataError where the data is not on this machine."""
        return cls(name, *datasets.load_mnist())
