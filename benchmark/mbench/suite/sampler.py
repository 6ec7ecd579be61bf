"""Counter-based random points: row i is a pure function of (key, i), so any shard costs the same.

Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011): Philox4x64-10, as NumPy ships it. Only
the raw words are used, since NumPy promises those, and not its distributions, across versions.
"""

from __future__ import annotations

import hashlib
import hmac

import numpy as np

from mbench.suite.tracks import stream_label
from mbench.types import FloatArray, IntArray

_WORDS_PER_BLOCK = 4  # Philox4x64 makes four words a counter step, and `advance` counts steps


def stream_key(task: str, split: str, replicate: int, secret: bytes | None = None) -> IntArray:
    """Return the Philox key of one stream: (2,) uint64.

    secret: None for the public suite, else 32 bytes that make a hidden test set (HMAC-SHA256 under the secret).
    """
    label = stream_label(task, split, replicate).encode()
    digest = hashlib.sha256(label).digest() if secret is None else hmac.new(secret, label, "sha256").digest()
    return np.frombuffer(digest[:16], dtype="<u8").astype(np.uint64)


def random_words(key: IntArray, start: int, count: int) -> IntArray:
    """Return words start … start+count-1 of a stream: (count,) uint64, whatever was drawn before."""
    if start < 0 or count < 0:
        raise ValueError(f"start and count must not be negative, got {start} and {count}")
    skip = start % _WORDS_PER_BLOCK
    bits = np.random.Philox(key=key)
    bits.advance(start // _WORDS_PER_BLOCK)
    return bits.random_raw(skip + count)[skip:]


def uniform_rows(key: IntArray, start: int, count: int, columns: int) -> FloatArray:
    """Return rows start … start+count-1 of the stream's uniform points: (count, columns) float64 in (0, 1).

    A word w becomes u = ((w >> 11) + 0.5)·2⁻⁵³ rounded to float64.
    """
    words = random_words(key, start * columns, count * columns)
    # Above 2**52 the half is rounded away, upwards for odd words: only the clamp keeps the largest one below 1.
    u = np.minimum(((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53, 1.0 - 2.0**-53)
    return u.reshape(count, columns)


def permutation(key: IntArray, size: int) -> IntArray:
    """Return a random order of range(size): (size,) int64; a sample of n items is its first n, so samples nest."""
    return np.argsort(random_words(key, 0, size), kind="stable")
