"""Predictions as they are stored: the one form that is written, and its digest."""

from __future__ import annotations

import hashlib
from io import BytesIO

import numpy as np

from mbench.types import FloatArray


def pack_predictions(predictions: FloatArray) -> bytes:
    """Return predictions (m, k) as the bytes of a .npy file, which `unpack_predictions` reads."""
    buffer = BytesIO()  # numpy writing to a file itself does not say why it could not
    np.save(buffer, predictions.astype("<f4"), allow_pickle=False)
    return buffer.getvalue()


def predictions_digest(predictions: FloatArray) -> str:
    """Return the SHA-256 of predictions (m, k) as they are stored."""
    return hashlib.sha256(pack_predictions(predictions)).hexdigest()
