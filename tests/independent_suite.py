"""The suite, version 2, written a second time: from docs/suite.md alone, without anything of mbench.

Plain loops and whole streams instead of lanes, shards and caches; complex numbers where the suite has pairs of reals.
What it returns are the numbers before they are rounded to float32. `test_independent` compares.
"""

import gzip
import hashlib
import hmac
import math
from pathlib import Path

import numpy as np
from numba import njit
from sklearn.datasets import load_digits, load_sample_image

MAX_STEPS = 5000
FEW = 10_000  # points: who learned from so few is asked half of the Mandelbrot set's queries
BOXES = {
    "mandelbrot": [(-2.65, 1.15), (-1.2, 1.2)],
    "mandelbrot-distance": [(-2.65, 1.15), (-1.2, 1.2)],
    "sphere": [(0.0, 2 * math.pi), (0.0, math.pi)],
    "shell": [(0.0, 6 * math.pi), (0.0, 2 * math.pi)],
    "curve": [(0.0, 1.0)],
    "friedman": [(0.0, 1.0)] * 10,
    "julia": [(-1.6, 1.6), (-1.2, 1.2)],
    "burning-ship": [(-2.5, 1.5), (-2.0, 1.0)],
    "multibrot3": [(-1.5, 1.5), (-1.5, 1.5)],
    "tricorn": [(-2.5, 1.5), (-2.0, 2.0)],
}
N_TEST = {"sphere": 50_000, "shell": 50_000, "curve": 20_000, "friedman": 20_000}
N_TEST |= dict.fromkeys(("julia", "burning-ship", "multibrot3", "tricorn"), 200_000)
PHOTOS = ("china", "flower")
FAMILIES = {
    "mandelbrot": ("mandelbrot", "mandelbrot-distance"),
    "images": PHOTOS,
    "surfaces": ("sphere", "shell"),
    "functions": ("curve", "friedman"),
    "digits": ("digits", "mnist"),
}


# --- random numbers ---


def philox_block(number, key):
    """Return the four words of a block, number 1 the first: Philox4x64-10 of Salmon et al. (2011), by whole numbers."""
    a, b, c, d = number, 0, 0, 0
    k, other = key
    for _ in range(10):
        left, right = 0xD2E7470EE14C6C93 * a, 0xCA5A826395121157 * c
        a, b, c, d = (right >> 64) ^ b ^ k, right % 2**64, (left >> 64) ^ d ^ other, left % 2**64
        k, other = (k + 0x9E3779B97F4A7C15) % 2**64, (other + 0xBB67AE8584CAA73B) % 2**64
    return a, b, c, d


def stream_key(label, secret=None):
    digest = hashlib.sha256(label.encode()) if secret is None else hmac.new(secret, label.encode(), hashlib.sha256)
    return [int.from_bytes(digest.digest()[i : i + 8], "little") for i in (0, 8)]


def words(label, n, secret=None):
    key = stream_key(label, secret)
    return np.random.Philox(key=np.array(key, dtype=np.uint64)).random_raw(n)


def uniform(label, n, d, secret=None):
    u = ((words(label, n * d, secret) // np.uint64(2**11)).astype(float) + 0.5) / 2**53
    return np.where(u < 1, u, 1 - 2**-53).reshape(n, d)


def random_order(label, n):
    drawn = words(label, n).tolist()
    return np.array(sorted(range(n), key=lambda i: (drawn[i], i)))


def init_seed(replicate):
    return int.from_bytes(hashlib.sha256(f"mbench/2|init|{replicate}".encode()).digest()[:4], "little") // 2


def box_points(task, split, replicate, n, secret=None):
    low, high = np.array(BOXES[task]).T
    return low + uniform(f"mbench/2|{task}|{split}|{replicate}", n, len(low), secret) * (high - low)


def box_to_x(task, points):
    low, high = np.array(BOXES[task]).T
    return 2 * (points - low) / (high - low) - 1


# --- the Mandelbrot set ---


@njit
def escape_one(a, b, bailout, max_steps):
    """Return n, x, y, u, v: z_n = x + iy and z_n' = u + iv where the orbit of c = a + ib escapes; n = 0 if it does not.

    Every orbit goes all its steps: no closed form of the interior, no test for cycles.
    """
    x, y, u, v = 0.0, 0.0, 0.0, 0.0
    for n in range(1, max_steps + 1):
        u, v = 2 * x * u - 2 * y * v + 1, 2 * x * v + 2 * y * u
        x, y = (x * x - y * y) + a, 2 * x * y + b
        if x * x + y * y > bailout * bailout:
            return n, x, y, u, v
    return 0, x, y, u, v


@njit
def escape(points, bailout, max_steps):
    count, end = np.zeros(len(points), np.int64), np.zeros((len(points), 4))
    for i in range(len(points)):
        count[i], end[i, 0], end[i, 1], end[i, 2], end[i, 3] = escape_one(
            points[i, 0], points[i, 1], bailout, max_steps
        )
    return count, end


def smooth_labels(points):
    count, end = escape(points, 256.0, MAX_STEPS)
    labels = np.ones(len(points))
    for i in np.flatnonzero(count):
        nu = max(0.0, count[i] + 1 - math.log2(math.log2(math.hypot(end[i, 0], end[i, 1]))))
        labels[i] = nu / (nu + 50)
    return labels


def distances(points, max_steps=MAX_STEPS):
    """Return the distance estimates, 0 for a point that does not escape, and which do: (n,) float64, (n,) bool."""
    count, end = escape(points, 1e4, max_steps)
    d = np.zeros(len(points))
    for i in np.flatnonzero(count):
        size, slope = math.hypot(end[i, 0], end[i, 1]), math.hypot(end[i, 2], end[i, 3])
        d[i] = size * math.log(size) / slope if math.isfinite(slope) else 0.0
    return d, count > 0


def distance_labels(points):
    d, escapes = distances(points)
    value = 0.5 + 0.5 * np.sin(2 * math.pi * 0.05 * np.log(np.minimum(np.maximum(d, 1e-10), 1e10)))
    return np.where(escapes, value, 1.0)


STEPS = {
    "julia": lambda z, c: z * z + complex(-0.8, 0.156),
    "burning-ship": lambda z, c: complex(abs(z.real), abs(z.imag)) ** 2 + c,
    "multibrot3": lambda z, c: z * z * z + c,
    "tricorn": lambda z, c: z.conjugate() * z.conjugate() + c,
}


def relative_labels(task, points, max_steps=MAX_STEPS):
    """Return the labels of one of the set's relatives, by complex numbers."""
    labels = []
    for x, y in points.tolist():
        c = complex(x, y)
        z, nu = c if task == "julia" else 0j, math.inf
        for n in range(1, max_steps + 1):
            z = STEPS[task](z, c)
            if abs(z) > 256:
                nu = max(0.0, n + 1 - math.log(math.log2(abs(z)), 3 if task == "multibrot3" else 2))
                break
        labels.append(1.0 if nu == math.inf else nu / (nu + 50))
    return np.array(labels)


def two_strata(task, n_sample, secret=None):
    """Return the points and weights of the uniform test set for who learned from `n_sample` points."""
    candidates = box_points(task, "test", 0, 2_000_000, secret)
    # An orbit that goes 500 steps begins within 0.02 of the set, wherever it ends: at the cusp, the slowest place, the
    # steps are pi by the root of the distance.
    near = distances(candidates, 500)[0] < 0.02
    parts, weights = [], []
    for stratum, n_kept in ((near, 150_000), (~near, 50_000)):
        kept = candidates[stratum][: n_kept // 2 if n_sample <= FEW else n_kept]
        parts.append(kept)
        weights += [stratum.sum() / len(candidates) / len(kept)] * len(kept)
    return np.concatenate(parts), np.array(weights)


# --- the ladder ---


def orbits_of(c, length):
    """Return z_0 … z_length and their derivatives by c: two (length + 1, n) arrays of complex numbers."""
    z, dz = [0 * c], [0 * c]
    for _ in range(length):
        dz.append(2 * z[-1] * dz[-1] + 1)
        z.append(z[-1] ** 2 + c)
    return np.array(z), np.array(dz)


def max_norm(z):
    return np.maximum(abs(z.real), abs(z.imag))


def newton(c, m, p, n_steps):
    for _ in range(n_steps):
        z, dz = orbits_of(c, m + p)
        c = c - (z[m + p - 1] + z[m - 1]) / (dz[m + p - 1] + dz[m - 1])
    return c


def points_of_class(starts, m, p):
    """Return the Misiurewicz points of preperiod m and period p that Newton finds from these starts, in their order."""
    with np.errstate(all="ignore"):
        c = newton(starts, m, p, 24)
        z, _ = orbits_of(c, m + p)
        counts = (max_norm(z[m + p] - z[m]) < 1e-9) & (max_norm(z[m + p - 1] - z[m - 1]) > 1e-2)
        for q in range(1, p):
            counts &= max_norm(z[m + q] - z[m]) > 1e-2
    found = []
    for each in newton(c[counts], m, p, 4):
        point = complex(each.real, abs(each.imag))
        if all(max_norm(point - other) > 1e-6 for other in found):
            found.append(point)
    return found


def ladder_centres(secret=None, n=256):
    classes = [(m, p) for m in range(2, 9) for p in range(1, 6)]
    u = uniform("mbench/2|mandelbrot|ladder|0", 256 * len(classes), 2, secret)
    starts = (-2 + 2.5 * u[:, 0]) + 1j * (1.2 * u[:, 1])
    waiting = [points_of_class(starts[i :: len(classes)], m, p) for i, (m, p) in enumerate(classes)]
    centres = []
    while len(centres) < n:
        for queue in waiting:
            if queue:
                centres.append(queue.pop(0))
    return [c.conjugate() if i % 2 else c for i, c in enumerate(centres[:n])]


def ladder_queries(centres, n_sample):
    """Return the ladder's points, and the octave and the centre that each belongs to."""
    points, octaves, owners = [], [], []
    (left, right), (bottom, top) = BOXES["mandelbrot"]
    for octave in range(15):
        n_centres, g = (16, 14) if octave <= 2 else (256, 9) if octave <= 9 else (64, 10)
        width = 3.8 / 2**octave
        for i, c in enumerate(centres[: n_centres // 2 if n_sample <= FEW else n_centres]):
            for row in range(g):
                for column in range(g):
                    x = c.real + ((column + 0.5) / g - 0.5) * width
                    y = c.imag + ((row + 0.5) / g - 0.5) * width
                    if left <= x <= right and bottom <= y <= top:
                        points.append((x, y))
                        octaves.append(octave)
                        owners.append(i)
    return np.array(points), np.array(octaves), np.array(owners)


# --- surfaces and functions, a point at a time ---


def sphere(u, v):
    r = 1 / (2 * math.sqrt(3))
    return [r * math.sin(v) * math.cos(u), r * math.sin(v) * math.sin(u), r * math.cos(v)]


def shell(u, v):
    g = math.exp(u / (6 * math.pi))
    xyz = (
        2 * (1 - g) * math.cos(u) * math.cos(v / 2) ** 2,
        2 * (g - 1) * math.sin(u) * math.cos(v / 2) ** 2,
        1 - g**2 - math.sin(v) + g * math.sin(v),
    )
    low, high = (-3.43656366, -3.01357979, -8.10733793), (2.61337067, 2.24524866, 0.0)
    return [(value - (a + b) / 2) / math.dist(low, high) for value, a, b in zip(xyz, low, high, strict=True)]


def curve(x):
    if x < 1 / 3:
        return [1 / 2 + 2 / 5 * math.sin(108 * math.pi * x * x)]
    if x < 2 / 3:
        t = 4 * (3 * x - 1) - 1 / 4
        return [1 / 2 + 2 / 5 * (4 * abs(t - math.floor(t) - 1 / 2) - 1)]
    return [1 / 2 + 3 / 20 * (-1) ** math.floor(32 * (3 * x - 2))]


def friedman(*x):
    return [(10 * math.sin(math.pi * x[0] * x[1]) + 20 * (x[2] - 1 / 2) ** 2 + 10 * x[3] + 5 * x[4]) / 30]


FORMULAS = {"sphere": sphere, "shell": shell, "curve": curve, "friedman": friedman}


def box_labels(task, points):
    """Return the labels of points (n, d) of a task on a box: (n, k) float64."""
    if task == "mandelbrot":
        return smooth_labels(points)[:, None]
    if task == "mandelbrot-distance":
        return distance_labels(points)[:, None]
    if task in STEPS:
        return relative_labels(task, points)[:, None]
    return np.array([FORMULAS[task](*point) for point in points.tolist()])


# --- photos and digits ---


def photo_items(task, replicate, start, stop=None):
    """Return points (column, row), X and labels of items start … stop of the replicate's order of the pixels."""
    pixels = load_sample_image(f"{task}.jpg")
    height, width, _ = pixels.shape
    order = random_order(f"mbench/2|{task}|train|{replicate}", height * width)
    points, X, labels = [], [], []
    for i in order[start:stop].tolist():
        row, column = i // width, i % width
        points.append((column, row))
        X.append((2 * (column + 0.5) / width - 1, 2 * (row + 0.5) / height - 1))
        labels.append([value / 255 for value in pixels[row, column].tolist()])
    return np.array(points), np.array(X), np.array(labels)


def digits_rows(task, folder=None):
    """Return the training and the test images, each with its labels, and what white is. folder: MNIST's."""
    if task == "mnist":
        parts = []
        for part in ("train", "t10k"):
            images = _idx(folder, f"{part}-images-idx3-ubyte", header=16)
            parts.append((images.reshape(-1, 28 * 28), _idx(folder, f"{part}-labels-idx1-ubyte", header=8)))
        return *parts, 255
    images, labels = load_digits(return_X_y=True)
    order = random_order("mbench/2|digits|split|0", 1797)
    test, train = order[:539], order[539:]
    return (images[train], labels[train]), (images[test], labels[test]), 16


def _idx(folder, name, header):
    return np.frombuffer(gzip.decompress((Path(folder) / f"{name}.gz").read_bytes()), np.uint8, offset=header)


def one_hot(labels):
    return np.array([[float(label == digit) for digit in range(10)] for label in labels.tolist()])


def digits_sample(task, replicate, n, folder=None):
    """Return X and labels of the first n images of a replicate."""
    (images, labels), _, white = digits_rows(task, folder)
    chosen = random_order(f"mbench/2|{task}|train|{replicate}", len(images))[:n]
    return images[chosen] / white, one_hot(labels[chosen])


# --- scores ---


def fvu(predicted, truth, weight):
    mean = [sum(w * y for w, y in zip(weight, column, strict=True)) for column in truth.T]
    numerator = denominator = 0.0
    for w, p, y in zip(weight, predicted, truth, strict=True):
        numerator += w * sum((a - b) ** 2 for a, b in zip(p, y, strict=True))
        denominator += w * sum((b - m) ** 2 for b, m in zip(y, mean, strict=True))
    return numerator / denominator


def error_rate(predicted, truth):
    wrong = [list(p).index(max(p)) != list(y).index(max(y)) for p, y in zip(predicted, truth, strict=True)]
    return sum(wrong) / len(wrong)


def psnr_db(predicted, truth, weight):
    squares = [sum((a - b) ** 2 for a, b in zip(p, y, strict=True)) for p, y in zip(predicted, truth, strict=True)]
    return -10 * math.log10(sum(w * s for w, s in zip(weight, squares, strict=True)) / len(truth[0]))


def depth(predicted, truth, octave, centre):
    """Return how deep predictions of the ladder's points hold, in octaves."""
    windows = {}
    for row, window in enumerate(zip(octave.tolist(), centre.tolist(), strict=True)):
        windows.setdefault(window, []).append(row)
    scores = {}
    for (k, _), rows in windows.items():
        y, p = truth[rows], predicted[rows]
        mean = sum(y) / len(y)
        s = 1 - sum((y - p) ** 2) / sum((y - mean) ** 2)
        scores.setdefault(k, []).append(min(1.0, max(0.0, s)))
    return sum(sum(each) / len(each) for each in scores.values())


def skill(error, constant_error, knn_error):
    if error == 0:
        return 200.0
    return min(200.0, max(0.0, 100 * math.log(constant_error / error) / math.log(constant_error / knn_error)))


def task_score(cells, reference):
    """Return the mean skill and the mean depth skill (None without a ladder) of one task.

    cells: (error, depth) of every replicate, None for a failed one.  reference: (E_0, E_knn, depth_knn).
    """
    constant_error, knn_error, knn_depth = reference
    skills = [0.0 if cell is None else skill(cell[0], constant_error, knn_error) for cell in cells]
    if knn_depth is None:
        return sum(skills) / len(skills), None
    depths = [0.0 if cell is None else min(200.0, 100 * cell[1] / knn_depth) for cell in cells]
    return sum(skills) / len(skills), sum(depths) / len(depths)


def entry_scores(cells, reference):
    """Return family scores, precision, depth and overall of an entry. cells, reference: by task, as `task_score`'s."""
    scored = {task: task_score(cells[task], reference[task]) for task in cells}
    families = {}
    for family, members in FAMILIES.items():
        scores = [s if d is None else (s + d) / 2 for s, d in (scored[task] for task in members if task in scored)]
        families[family] = sum(scores) / len(scores)
    both = [scored[task] for task in FAMILIES["mandelbrot"]]
    precision, deep = (sum(each) / 2 for each in zip(*both, strict=True))
    low = min(families.values())
    overall = 0.0 if low == 0 else 5 / sum(1 / score for score in families.values())
    return families, precision, deep, overall


def worth(errors, n_samples, sizes, knn_errors):
    """Return how many times its sample k-NN would need; a geometric mean over the replicates' errors."""
    falling = [min(knn_errors[: i + 1]) for i in range(len(knn_errors))]
    logs = []
    for error in errors:
        size = sizes[0] if error >= falling[0] else sizes[-1]
        for i in range(len(sizes) - 1):
            if falling[i] > error >= falling[i + 1]:
                part = math.log(falling[i] / error) / math.log(falling[i] / falling[i + 1])
                size = sizes[i] * (sizes[i + 1] / sizes[i]) ** part
        logs.append(math.log(size / n_samples))
    return math.exp(sum(logs) / len(logs))


def nearest_mean(X, y, queries):
    """Return the predictions of the reference, k-NN: every distance is computed."""
    predicted = []
    for query in queries:
        distance = np.sqrt(((X - query) ** 2).sum(axis=1))
        unit = np.sort(distance)[min(12, len(X)) - 1] or 1.0
        near = np.flatnonzero(distance < unit * (1 + 1e-8))
        chosen = sorted(near.tolist(), key=lambda i: (round(distance[i] / unit, 9), i))[:12]
        same = [i for i in chosen if distance[i] == 0]
        weight = [1.0] * len(same) if same else [distance[i] ** -2 for i in chosen]
        predicted.append(np.average(y[same or chosen], axis=0, weights=weight))
    return np.array(predicted)
