"""Predictions as bytes: the one strict reader of a .npy file of (n, k) float32, whoever wrote it."""

from __future__ import annotations

import os
import re
from typing import BinaryIO

import numpy as np

from mbench.types import FloatArray

PREDICTIONS_LIMIT = 1 << 30  # bytes of values
_MAGIC = np.lib.format.magic(1, 0)
_HEADER_LIMIT = 4096
_HEADER = re.compile(
    rb"\{'descr': '<f4', 'fortran_order': False, 'shape': \((\d{1,12}), (\d{1,9})\)(?:, )?\}\s*", re.ASCII
)


def unpack_predictions(file: BinaryIO, shape: tuple[int, int] | None = None) -> FloatArray:
    """Read an open .npy file, trusting nothing: (n, k) float32, finite. Nothing is unpickled.

    file: can seek.  shape: the only one that will do; without it the header's is taken.
    No more is read than a file of that shape holds.
    Raises ValueError, whose words go on after the file's name, for any other file.
    """
    head = file.read(len(_MAGIC) + 2)
    n_header = int.from_bytes(head[len(_MAGIC) :], "little")
    header = _HEADER.fullmatch(file.read(min(n_header, _HEADER_LIMIT)))
    found = (int(header[1]), int(header[2])) if header else None
    if not head.startswith(_MAGIC) or found is None or (shape is not None and found != shape):
        raise ValueError(f"is not a .npy file of float32 with shape {shape or '(n, k)'}")
    n_bytes = 4 * found[0] * found[1]
    if n_bytes > PREDICTIONS_LIMIT and shape is None:
        raise ValueError(f"says that it holds {n_bytes} bytes of values, more than any predictions")
    n_head = len(head) + n_header
    n_found = file.seek(0, os.SEEK_END) - n_head
    content = b""
    if n_found == n_bytes:
        file.seek(n_head)
        content = file.read(n_bytes)
        n_found = len(content)  # whoever writes the file may still be at it
    if n_found != n_bytes:
        raise ValueError(f"holds {n_found} bytes of values, not {n_bytes}")
    values = np.frombuffer(content, "<f4").reshape(found)
    if not np.isfinite(values).all():
        raise ValueError("holds values that are not finite")
    return values.astype(np.float32)
