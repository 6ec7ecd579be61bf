"""Data that is not made by a formula: scikit-learn's photos and digits, MNIST, and a person's own picture."""

from __future__ import annotations

import gzip
import hashlib
import os
import warnings
import zlib
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from threading import Event, Thread

import numpy as np

from mbench.disk import disk_error, scratch_folder, write_atomically
from mbench.errors import HarnessError, MissingDataError, UsageError
from mbench.suite.sampler import permutation, stream_key
from mbench.types import ByteArray, IntArray

DATA_VARIABLE = "MBENCH_DATA"
DIGITS_TEST_SHARE = 0.3

# SHA-256 of the unpacked idx files that LeCun, Cortes and Burges published.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MNIST_DOWNLOAD = 15_000_000  # bytes that OpenML sends, about; it does not say beforehand
MNIST_N_TRAIN = 60_000


def data_folder() -> Path:
    """Return where data sets lie: $MBENCH_DATA, else the user's data folder."""
    import platformdirs

    return Path(os.environ.get(DATA_VARIABLE) or platformdirs.user_data_dir("mbench"))


def load_photo(name: str) -> ByteArray:
    """Return scikit-learn's `china` or `flower`: (427, 640, 3) uint8."""
    from PIL import Image

    with Image.open(_find_bundled(f"images/{name}.jpg")) as picture:
        return np.asarray(picture)


def read_picture(path: str) -> ByteArray:
    """Return a picture file as (height, width, 3) uint8, upright, transparency on white.

    Raises UsageError if it is none.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            # Pillow would clip 16 bits of grey; of 16 bits of colour it takes the upper 8, too.
            if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format in ("PNG", "PPM")):
                opened = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
            elif picture.mode in ("I", "F"):
                raise UsageError(f"image:{path}: is of a kind that is not read ({picture.mode}). Save it with 8 bits")
            else:
                opened = picture
            upright = ImageOps.exif_transpose(opened)  # a phone saves it as its sensor lies, and says how to turn it
            canvas = Image.new("RGBA", upright.size, "white")
            canvas.alpha_composite(upright.convert("RGBA"))
    except FileNotFoundError:
        raise UsageError(f"image:{path}: there is no such file. Give the path of a PNG or JPEG") from None
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise UsageError(f"image:{path}: not a picture that can be read ({error}). Give a PNG or JPEG") from None
    return np.asarray(canvas.convert("RGB"))


def load_digits() -> tuple[ByteArray, IntArray, int, float]:
    """Return scikit-learn's 8 x 8 digits, training rows first: images (1797, 64) uint8, labels, n_train, white."""
    table = np.loadtxt(_find_bundled("data/digits.csv.gz"), delimiter=",", dtype=np.int64)
    images, labels = table[:, :-1], table[:, -1]
    order = permutation(stream_key("digits", "split", 0), len(images))
    n_test = int(DIGITS_TEST_SHARE * len(images))
    order = np.roll(order, -n_test)  # the first 30% of the order are the test set and go last
    return images[order].astype(np.uint8), labels[order], len(images) - n_test, 16.0


def _find_bundled(place: str) -> Path:
    """Return a file of `sklearn.datasets` without importing it, which takes longer than all else we do at first."""
    return Path(str(distribution("scikit-learn").locate_file(f"sklearn/datasets/{place}")))


def load_mnist() -> tuple[ByteArray, IntArray, int, float]:
    """Return MNIST, its 60,000 training rows first: images (70000, 784) uint8, labels (70000,), n_train, white.

    Raises MissingDataError if the idx files are not there, HarnessError if one is damaged.
    """
    content = {name: _read_idx(data_folder() / "mnist", name) for name in MNIST_SHA256}
    images = np.concatenate([_unpack_images(content[f"{part}-images-idx3-ubyte"]) for part in ("train", "t10k")])
    labels = np.concatenate([_unpack_labels(content[f"{part}-labels-idx1-ubyte"]) for part in ("train", "t10k")])
    return images, labels, MNIST_N_TRAIN, 255.0


def fetch_mnist(report: Callable[[int], None] = lambda received: None) -> Path:
    """Download MNIST through scikit-learn's OpenML loader, check it and store it as idx files; return their folder.

    report: called now and then with the bytes received so far.
    Nothing is stored before every checksum holds, so an interrupted download starts over cleanly.
    Raises HarnessError when the download fails or is not MNIST.
    """
    folder = data_folder() / "mnist"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with scratch_folder(folder) as cache:
            images, labels = _download_mnist(cache, report)
        _store_mnist(folder, images, labels)
    except OSError as error:
        raise disk_error(folder, error) from error
    return folder


def _store_mnist(folder: Path, images: ByteArray, labels: ByteArray) -> None:
    packed = {
        "train-images-idx3-ubyte": _pack(2051, images[:MNIST_N_TRAIN].reshape(-1, 28, 28)),
        "train-labels-idx1-ubyte": _pack(2049, labels[:MNIST_N_TRAIN]),
        "t10k-images-idx3-ubyte": _pack(2051, images[MNIST_N_TRAIN:].reshape(-1, 28, 28)),
        "t10k-labels-idx1-ubyte": _pack(2049, labels[MNIST_N_TRAIN:]),
    }
    for name, content in packed.items():
        if hashlib.sha256(content).hexdigest() != MNIST_SHA256[name]:
            raise HarnessError(
                f"MNIST from OpenML: {name} has another SHA-256 than the published file. Try again later"
            )
    for name, content in packed.items():
        write_atomically(folder / f"{name}.gz", gzip.compress(content, mtime=0))


def _download_mnist(cache: Path, report: Callable[[int], None]) -> tuple[ByteArray, ByteArray]:
    """Return images (70000, 784) and labels (70000,) uint8 as OpenML serves them: training rows first."""
    from sklearn.datasets import fetch_openml

    done = Event()
    # The loader tells nothing of its progress, but its cache folder grows.
    Thread(target=_watch, args=(cache, done, report), daemon=True).start()
    try:
        # Warnings say "Retrying…", and what comes of it is said below. Not parser="pandas": scikit-learn 1.9's does not
        # get along with the integer categories of pandas 3.
        with warnings.catch_warnings(action="ignore"):
            images, labels = fetch_openml(
                "mnist_784", version=1, data_home=str(cache), as_frame=False, parser="liac-arff", return_X_y=True
            )
    except (OSError, ValueError) as error:
        raise HarnessError(
            f"MNIST could not be downloaded from OpenML ({error}). Check the network and repeat `mbench data fetch`, "
            f"or put the four idx .gz files under ${DATA_VARIABLE}/mnist"
        ) from error
    finally:
        done.set()
    return np.asarray(images).astype(np.uint8), np.asarray(labels).astype(np.uint8)


def _watch(folder: Path, done: Event, report: Callable[[int], None]) -> None:
    while not done.wait(0.2):
        report(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))


def _read_idx(folder: Path, name: str) -> bytes:
    path = folder / f"{name}.gz"
    try:
        content = gzip.decompress(path.read_bytes())
    except FileNotFoundError:
        raise MissingDataError(
            f"MNIST is not here: no {path}. Run `mbench data fetch`, or point ${DATA_VARIABLE} at a "
            "folder that holds mnist/ with the four idx .gz files"
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise HarnessError(f"{path}: damaged ({error}). Delete it and run `mbench data fetch`") from None
    if hashlib.sha256(content).hexdigest() != MNIST_SHA256[name]:
        raise HarnessError(f"{path}: not the published file (SHA-256 differs). Delete it and run `mbench data fetch`")
    return content


def _unpack_images(content: bytes) -> ByteArray:
    return np.frombuffer(content, dtype=np.uint8, offset=16).reshape(-1, 784)


def _unpack_labels(content: bytes) -> IntArray:
    return np.frombuffer(content, dtype=np.uint8, offset=8).astype(np.int64)


def _pack(magic: int, content: ByteArray) -> bytes:
    header = np.array([magic, *content.shape], dtype=">i4")
    return header.tobytes() + content.tobytes()
