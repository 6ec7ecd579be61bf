import gzip
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import _openml

from mbench.errors import HarnessError, MissingDataError
from mbench.suite import datasets


@pytest.fixture
def tiny_mnist(monkeypatch, tmp_path, rng):
    """A stand-in of ten images with checksums of its own: what matters here is how files and downloads are handled."""
    images = rng.integers(256, size=(10, 784)).astype(np.uint8)
    labels = rng.integers(10, size=10).astype(np.uint8)
    monkeypatch.setattr(datasets, "MNIST_N_TRAIN", 8)
    content = {
        "train-images-idx3-ubyte": datasets._pack(2051, images[:8].reshape(-1, 28, 28)),
        "train-labels-idx1-ubyte": datasets._pack(2049, labels[:8]),
        "t10k-images-idx3-ubyte": datasets._pack(2051, images[8:].reshape(-1, 28, 28)),
        "t10k-labels-idx1-ubyte": datasets._pack(2049, labels[8:]),
    }
    digests = {name: hashlib.sha256(value).hexdigest() for name, value in content.items()}
    monkeypatch.setattr(datasets, "MNIST_SHA256", digests)
    monkeypatch.setenv("MBENCH_DATA", str(tmp_path))
    return SimpleNamespace(images=images, labels=labels, folder=tmp_path / "mnist")


@pytest.fixture
def openml(monkeypatch, tiny_mnist):
    """A server on loopback that answers as OpenML does, with the tiny MNIST."""
    rows = [
        ",".join(map(str, [*image, label])) for image, label in zip(tiny_mnist.images, tiny_mnist.labels, strict=True)
    ]
    names = [f"pixel{i + 1}" for i in range(784)]
    head = [*(f"@ATTRIBUTE {name} real" for name in names), "@ATTRIBUTE class {0,1,2,3,4,5,6,7,8,9}", "@DATA"]
    arff = "\n".join(["@RELATION mnist_784", *head, *rows, ""]).encode()
    fields = {"is_ignore": "false", "is_row_identifier": "false", "number_of_missing_values": "0"}
    features = [
        {"index": str(i), "name": n, "data_type": "numeric", "is_target": "false", **fields}
        for i, n in enumerate(names)
    ]
    nominal = {"data_type": "nominal", "nominal_value": list("0123456789"), "is_target": "true"}
    features.append({"index": "784", "name": "class", **nominal, **fields})
    described = {
        "id": "554", "name": "mnist_784", "version": "1", "format": "ARFF", "file_id": "52667", "status": "active",
        "default_target_attribute": "class", "md5_checksum": hashlib.md5(arff).hexdigest(),
    }  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            described["url"] = f"http://127.0.0.1:{self.server.server_port}/mnist_784.arff"
            answers = {
                "/list/": {"data": {"dataset": [{"did": 554, "name": "mnist_784", "version": 1, "status": "active"}]}},
                "/features/": {"data_features": {"feature": features}},
                "/qualities/": {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "10.0"}]}},
                "/data/554": {"data_set_description": described},
            }
            answer = next((answer for part, answer in answers.items() if part in self.path), None)
            body = gzip.compress(arff) if answer is None else json.dumps(answer).encode()
            self.send_response(200)
            if answer is None:
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        # Older versions of scikit-learn join a prefix to these, newer ones hold whole addresses.
        prefix = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setattr(_openml, "_OPENML_PREFIX", prefix, raising=False)
        for name in ("_SEARCH_NAME", "_DATA_INFO", "_DATA_FEATURES", "_DATA_QUALITIES"):
            if "://" in (address := getattr(_openml, name)):
                monkeypatch.setattr(_openml, name, prefix + address.split("/", 3)[3])
        yield
        server.shutdown()


def test_what_openml_serves_is_fetched_checked_and_loaded(openml, tiny_mnist):
    datasets.fetch_mnist()
    images, labels, _, _ = datasets.load_mnist()
    assert np.array_equal(images, tiny_mnist.images)
    assert np.array_equal(labels, tiny_mnist.labels)
    assert sorted(path.name for path in tiny_mnist.folder.iterdir()) == sorted(f"{n}.gz" for n in datasets.MNIST_SHA256)


def serve(monkeypatch, images, labels):
    monkeypatch.setattr(
        "sklearn.datasets.fetch_openml", lambda *_, **__: (images.astype(np.float64), labels.astype(str).astype(object))
    )


def test_fetched_images_are_the_ones_loaded(tiny_mnist, monkeypatch):
    serve(monkeypatch, tiny_mnist.images, tiny_mnist.labels)
    datasets.fetch_mnist()
    images, labels, n_train, white = datasets.load_mnist()
    assert np.array_equal(images, tiny_mnist.images)
    assert np.array_equal(labels, tiny_mnist.labels)
    assert (n_train, white) == (8, 255.0)


def test_a_download_with_another_checksum_stores_nothing(tiny_mnist, monkeypatch):
    serve(monkeypatch, tiny_mnist.images ^ 1, tiny_mnist.labels)
    with pytest.raises(HarnessError, match="SHA-256"):
        datasets.fetch_mnist()
    assert list(tiny_mnist.folder.iterdir()) == []


@pytest.mark.parametrize("error", [OSError("no network"), ValueError("no such data set")])
def test_a_failed_download_says_what_to_do_and_leaves_nothing(tiny_mnist, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fail)
    with pytest.raises(HarnessError, match="mbench data fetch"):
        datasets.fetch_mnist()
    assert list(tiny_mnist.folder.iterdir()) == []


def test_an_interrupted_download_starts_over(tiny_mnist, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklearn.datasets.fetch_openml", interrupt)
    with pytest.raises(KeyboardInterrupt):
        datasets.fetch_mnist()
    serve(monkeypatch, tiny_mnist.images, tiny_mnist.labels)
    datasets.fetch_mnist()
    assert len(datasets.load_mnist()[0]) == 10


def test_a_missing_file_names_the_command(tiny_mnist):
    with pytest.raises(MissingDataError, match="mbench data fetch"):
        datasets.load_mnist()


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:-9], lambda content: b"no gzip", lambda content: gzip.compress(b"something else")],
)
def test_a_damaged_file_is_never_used(tiny_mnist, monkeypatch, damage):
    serve(monkeypatch, tiny_mnist.images, tiny_mnist.labels)
    datasets.fetch_mnist()
    path = tiny_mnist.folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(HarnessError, match="mbench data fetch"):
        datasets.load_mnist()


def test_data_lies_in_the_users_folder_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("MBENCH_DATA", raising=False)
    assert datasets.data_folder() == Path(datasets.data_folder()).expanduser()
    assert datasets.data_folder().name == "mbench"


def test_our_idx_files_are_byte_for_byte_the_published_ones():
    """What `fetch` stores is compared with the published checksums, so packing must be exact."""
    try:
        images, labels, n_train, _ = datasets.load_mnist()
    except MissingDataError as error:
        pytest.skip(f"MNIST is not on this machine: {error}")
    packed = (
        datasets._pack(2051, images[:n_train].reshape(-1, 28, 28)),
        datasets._pack(2049, labels[:n_train].astype(np.uint8)),
    )
    names = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
    for name, content in zip(names, packed, strict=True):
        assert hashlib.sha256(content).hexdigest() == datasets.MNIST_SHA256[name]


# Pictures of one's own

# How a picture that is stored with each of EXIF's orientations is turned to be looked at.
UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_photo_of_a_phone_is_learned_upright(tmp_path, rng, orientation):
    stored = rng.integers(256, size=(3, 5, 3)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "x.png", exif=exif)
    assert np.array_equal(datasets.read_picture(str(tmp_path / "x.png")), UPRIGHT[orientation](stored))
