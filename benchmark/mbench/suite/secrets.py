"""Secrets that hidden test sets are drawn under: 32 bytes, of which only the SHA-256 is published."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path

from mbench.errors import UsageError

N_BYTES = 32
PUBLIC = "public"
_HIDDEN = "hidden:"


def make_secret() -> bytes:
    """Return a fresh secret."""
    return secrets.token_bytes(N_BYTES)


def published_secret(label: str) -> bytes:
    """Return the secret that a label stands for, its SHA-256: what is drawn under it anybody can draw again."""
    return hashlib.sha256(label.encode()).digest()


def secret_digest(secret: bytes) -> str:
    """Return what is published of a secret: its SHA-256 as hex."""
    return hashlib.sha256(secret).hexdigest()


def name_test_set(secret: bytes | None) -> str:
    """Return how a record calls the test set it was scored on: `public`, or `hidden:` and the secret's SHA-256."""
    return PUBLIC if secret is None else _HIDDEN + secret_digest(secret)


def write_secret(path: Path, secret: bytes) -> None:
    """Write a secret as hex that only its owner may read. Raises UsageError where a file is, or none can be."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{path}: exists already, and a secret is not overwritten. Give another --out") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}). Give another --out") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(secret.hex() + "\n")


def read_secret(path: Path) -> bytes:
    """Read a secret that `write_secret` wrote. Raises UsageError for any other file, and never tells its content."""
    advice = "Make one with `mbench suite seed --out FILE`"
    try:
        with path.open("rb") as file:
            text = file.read(2 * N_BYTES + 64)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}). {advice}") from None
    if not re.fullmatch(rb"\s*[0-9a-fA-F]{%d}\s*" % (2 * N_BYTES), text):
        raise UsageError(f"{path}: does not hold a seed, {2 * N_BYTES} hex digits and nothing more. {advice}")
    return bytes.fromhex(text.decode().strip())
