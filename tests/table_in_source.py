"""What a table of the truth could gain that fits into a submission's source, as a picture of half the set.

    python tests/table_in_source.py            # of as many bytes of source as there may be
    python tests/table_in_source.py 54000      # of so many

The picture is a lossy WebP in printable text (five letters hold four bytes), one for each target, of the half above the
mirror; width and quality are chosen by what scores best on the first replicate of `standard`. It is asked alone and
mixed with k-NN on the sample. An author who chose among codes for longer, or for the ladder's windows, would gain more.
"""

import io
import sys

import numpy as np
from PIL import Image
from scipy.ndimage import map_coordinates
from sklearn.neighbors import KNeighborsRegressor

from mbench.results.metrics import depth_profile, fraction_unexplained, skill
from mbench.results.reference import load_reference
from mbench.submission import SOURCE_LIMIT
from mbench.suite import tracks
from mbench.suite.tasks import load_task

TRACK = "standard"
CODE = 2_000  # bytes of source that decode and interpolate
WIDTHS = (768, 1152, 1536, 2304)
SHARES = (0.0, 0.1, 0.22, 0.35, 0.5, 0.65, 0.8, 1.0)


def draw_half(task, width):
    """Return the truth on pixels of the window's upper half, (rows, width)."""
    (left, _), (right, top) = task.lower, task.upper
    rows = round(width * top / (right - left))
    x = left + (np.arange(width) + 0.5) * (right - left) / width
    y = (np.arange(rows) + 0.5) * top / rows
    return task.truth(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)).reshape(rows, width)


def compress(picture, n_bytes):
    """Return the best of WebP's qualities that fits, decoded, or None where none does."""
    best = compress_to_bytes(picture, n_bytes)
    return None if best is None else np.asarray(Image.open(io.BytesIO(best)).convert("L"), dtype=np.float64) / 255


def compress_to_bytes(picture, n_bytes):
    """Return the file of the best of WebP's qualities that fits, or None where none does."""
    image = Image.fromarray(np.round(255 * picture).astype(np.uint8))
    low, high, best = 0, 100, None
    while low <= high:
        quality = (low + high) // 2
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=quality, method=4)
        if buffer.tell() <= n_bytes:
            best, low = buffer.getvalue(), quality + 1
        else:
            high = quality - 1
    return best


def look_up(task, picture, points):
    """Return the picture's values at points (m, 2), between its pixels and in its mirror: (m, 1)."""
    rows, width = picture.shape
    (left, _), (right, top) = task.lower, task.upper
    column = (points[:, 0] - left) / (right - left) * width - 0.5
    row = np.abs(points[:, 1]) / top * rows - 0.5
    return map_coordinates(picture, [row, column], order=1, mode="nearest")[:, None]


def score(task, predicted, truth, queries):
    """Return the mean of the precision and depth skills of one target."""
    reference, n = load_reference().tasks[TRACK, task.name], queries.n_test
    error = fraction_unexplained(predicted[:n], truth[:n], queries.weight)
    depth = depth_profile(predicted[n:], truth[n:], queries.octave, queries.centre).depth_octaves
    precise = skill(error, reference.constant_error, reference.knn_error)
    return (precise + min(tracks.SKILL_CAP, 100.0 * depth / reference.knn_depth_octaves)) / 2


def measure(n_source):
    """Print what a table in so many bytes of source scores at each share."""
    n_bytes = (n_source - CODE) * 4 // 5 // 2
    scores = np.zeros(len(SHARES))
    for name in tracks.FAMILIES["mandelbrot"]:
        task = load_task(name)
        n_samples = tracks.TRACKS[TRACK].budgets["mandelbrot"].n_samples
        sample, queries = task.draw_sample(n_samples, 0), task.draw_queries(n_samples, 0)
        truth = task.truth(queries.points)
        near = KNeighborsRegressor(12, weights=lambda d: 1.0 / np.maximum(d, 1e-12) ** 2)
        by_knn = near.fit(sample.X, sample.y).predict(queries.X)
        tables = [compress(draw_half(task, width), n_bytes) for width in WIDTHS]
        found = [(score(task, p, truth, queries), w, p) for w, t in zip(WIDTHS, tables, strict=True)
                 if t is not None for p in [look_up(task, t, queries.points)]]  # fmt: skip
        best, width, by_table = max(found, key=lambda each: each[0])
        print(f"{name}: {n_bytes:,} bytes, {width} pixels wide, alone {best:.1f}", flush=True)
        mixed = [(1 - share) * by_knn + share * by_table for share in SHARES]
        scores += [score(task, each, truth, queries) / 2 for each in mixed]
    print(f"{n_source:,} bytes of source, Mandelbrot score by the table's share in a mix with k-NN:")
    print("  ".join(f"{share:.0%} {value:.1f}" for share, value in zip(SHARES, scores, strict=True)))


if __name__ == "__main__":
    for n in map(int, sys.argv[1:] or [SOURCE_LIMIT]):
        measure(n)
