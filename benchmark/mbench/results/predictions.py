"""Predictions as bytes: the one form that is written, and its strict reader."""

from __future__ import annotations

import hashlib
import os
import re
from io import BytesIO
from typing import BinaryIO

import numpy as np

from mbench.types import FloatArray

PREDICTIONS_LIMIT = 1 << 30
# What numpy writes before predictions, and the only header that is read.
_NPY_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00v\x00\{'descr': '<f4', 'fortran_order': False, 'shape': \((\d{1,12}), (\d{1,9})\), \} *\n"
)


def predictions_digest(predictions: FloatArray) -> str:
    """Return the SHA-256 of predictions (m, k) as they are stored."""
    return hashlib.sha256(_pack_predictions(predictions)).hexdigest()


def _pack_predictions(array: FloatArray) -> bytes:
    buffer = BytesIO()  # numpy writing to a file itself does not say why it could not
    np.save(buffer, array.astype("<f4"), allow_pickle=False)
    return buffer.getvalue()


def _unpack_predictions(file: BinaryIO) -> FloatArray:
    """Read what `ResultStore.write` wrote and nothing else; no more is read than a file of its shape holds."""
    header = _NPY_HEADER.match(head := file.read(128))
    if not header or len(head) != header.end():
        raise ValueError("not predictions")
    shape = int(header[1]), int(header[2])
    n_bytes = 4 * shape[0] * shape[1]
    if n_bytes > PREDICTIONS_LIMIT:
        raise ValueError("larger than any predictions")
    if file.seek(0, os.SEEK_END) != len(head) + n_bytes:
        raise ValueError(f"not the size of {shape[0]} x {shape[1]} values")
    file.seek(len(head))
    values = np.frombuffer(file.read(n_bytes), "<f4").reshape(shape)
    if not np.isfinite(values).all():
        raise ValueError("values that are not finite")
    return values.astype(np.float32)
