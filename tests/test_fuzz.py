"""Fuzzes what reads files that others wrote: the record reader and the .npy loaders.

pytest tries some thousand inputs. `python tests/test_fuzz.py --inputs 60000` tries so many per reader and counts them.
Every input is a valid file or rubbish, spoilt some times by a seeded generator, so a failure comes again.
"""

import argparse
import contextlib
import io
import json
import math
import os
import pickle
import random
import resource
import shutil
import struct
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mbench.board.formats import format_table
from mbench.errors import MbenchError
from mbench.results.lookup import newest_result
from mbench.results.metrics import Profile
from mbench.results.record import SCHEMA_VERSION, Costs, Metrics, Record, Result, as_json
from mbench.results.reference import load_reference
from mbench.results.scoring import score_entry
from mbench.results.store import ResultStore, read_result
from mbench.sandbox.child_process import ChildFailure, read_predictions
from mbench.suite import tracks

FEW = 2_000  # inputs per reader in a normal run of the tests
SPARE_MEMORY = 1 << 30  # bytes a reader may take beside what is in use already
KEY = "0" * 64
SHAPE = (3, 2)
UNPICKLED = "mbench_was_unpickled"

ODD_VALUES = [
    None, True, False, 0, 1, -1, 2, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400, 0.0,
    -0.0, 0.5,
    1e-320, 1e300, 1.7976931348623157e308, "", "0", "1", "ok", "crash", "quick", "mandelbrot", "curve", "digits",
    "nobody",
    "x" * 5_000, "\x00", "\x1b[31m", "é", "\U0001f980", "\ud800", "../../etc/passwd", "2026-13-01T00:00:00+00:00",
    "9999-12-31T23:59:59+00:00", "2026-01-01", "2026-01-01T00:00:00-23:59", KEY, [], {}, [1, 2], [[]], [0.5] * 7,
    {"error": 1},
    {"schema": 1}, [None] * 3,
]  # fmt: skip
ODD_TOKENS = [
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1e-999", b"-0", b"00", b"1.", b".5", b"0x1", b"+1",
    b"9" * 400,
    b"9" * 5_000, b"0." + b"3" * 5_000, b"null", b"true",
    b'"', b"'", b"\\", b"\\u0000", b"\\ud800", b"\\udfff\\ud800", b"\\u12",
    b"{", b"}", b"[", b"]", b",", b":",
    b"[" * 150, b"[" * 990, b"[" * 5_000, b'{"a":' * 150, b'{"a":' * 2_000, b"\x00", b"\xff",
    b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"//", b"/**/", b"\n", b'"schema": 1,', b'"suite": 2,',
    b'"status": "ok",',
    b'"metrics": null,', b'"records": [],', b'"key": "x",',
]  # fmt: skip
ODD_HEADERS = [
    "<f4", ">f4", "=f4", "|f4", "<f8", "<f2", "<i4", "|O", "O", "|V8", "<U9", "M8[s]", "f4,f4", "<f4 ", "", "(2,)f4",
    "x" * 900,
    "(3, 2)", "(2, 3)", "(6,)", "(3, 2, 1)", "(-3, -2)", "(3000000000, 2)", "(999999999999, 999999999)",
    "(9" * 9 + ",", "()", "True",
    "1", "None", "0", "{", "}",
    "(" * 200, "[" * 3_000, "-" * 3_000, "shape", "descr", "fortran_order", "__import__('os')", "3L", "\x00",
]  # fmt: skip


class Planted:
    """A pickle that tells when it is loaded."""

    def __reduce__(self):
        return exec, (f"import sys; sys.{UNPICKLED} = True",)


def valid_record(**changes):
    fields = {
        "schema": SCHEMA_VERSION, "suite": tracks.SUITE_VERSION, "key": KEY, "submission": "idea",
        "source_digest": "1" * 64,
        "task": "mandelbrot", "task_digest": "2" * 64, "track": "quick", "replicate": 0, "n_samples": 1_000,
        "fit_limit_s": 5.0,
        "seed": 7, "threads": 1, "device": "cpu", "isolation": "C", "test_set": "public", "harness_digest": "3" * 64,
        "status": "ok", "reason": "",
        "metrics": Metrics(0.25, {"psnr_db": 12.5}, Profile((1.0, 0.5), (1.0, 0.1), (1.0, 1 / 3))),
        "costs": Costs(0.5, 0.1, 1.5, 10, 1_000, 50.0), "output": "é\n", "environment": {"python": "3.11"},
        "created": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return Record(**fields | changes)


def record_seeds():
    failed = valid_record(status="crash", metrics=None, costs=Costs(), task="image:/a b.png")
    return [
        json.dumps(as_json(record), indent=indent).encode()
        for record in (valid_record(), failed)
        for indent in (1, None)
    ]


def result_seeds():
    records = (valid_record(), valid_record(task="curve", replicate=1, metrics=Metrics(1e-300, {"psnr_db": 200.0})))
    result = Result(schema=SCHEMA_VERSION, suite=tracks.SUITE_VERSION, name="idea", records=records)
    return [json.dumps(as_json(result), indent=1).encode()]


def npy(array, **options):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, **options)
    return buffer.getvalue()


def npy_seeds():
    good = np.linspace(-1, 1, 6, dtype="<f4").reshape(SHAPE)
    archive = io.BytesIO()
    np.savez(archive, a=good)
    planted = np.full(SHAPE, None)
    planted.fill(Planted())
    return [
        npy(good), npy(good), npy(good), npy(good, version=(2, 0)), npy(good, version=(3, 0)), npy(good.astype(">f4")),
        npy(np.asfortranarray(good)), npy(good.astype("<f8")), npy(good.T.copy()), npy(good * np.nan),
        npy(good.view("<i4")),
        npy(np.zeros(SHAPE, "f4,O")), npy(planted, allow_pickle=True), pickle.dumps(Planted()), archive.getvalue(),
    ]  # fmt: skip


def spoil_bytes(rng, content, tokens, others):
    """Return content with one thing wrong with its bytes."""
    at = rng.randrange(len(content) + 1)
    end = min(len(content), at + int(rng.expovariate(1 / 20)))
    match rng.randrange(9):
        case 0:  # a bit
            at = min(at, len(content) - 1)
            return (
                content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :] if content else b"\x01"
            )
        case 1:
            return content[:at]
        case 2:
            return content[:at] + content[end:]
        case 3:
            return content[:at] + rng.randbytes(rng.randrange(1, 12)) + content[at:]
        case 4:
            return content[:end] + content[at:]  # a piece twice
        case 5:
            return content[:at] + rng.choice(others)[at:]
        case 6:
            return content[:at] + rng.choice(tokens) + content[end:]
        case 7:
            token = rng.choice(tokens)
            return content[:at] + token + content[at + len(token) :]
        case _:
            return content + rng.choice([b"\x00", b" ", b"\n", rng.randbytes(4), content, b"\x00" * 5_000])


def places_in(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in items:
        yield from places_in(member, (*path, name))


def spoil_tree(rng, content):
    """Return a JSON text with one value in it replaced, removed, renamed, given twice or moved."""
    tree = json.loads(content)
    *above, name = rng.choice(list(places_in(tree))[1:])
    parent = tree
    for step in above:
        parent = parent[step]
    odd = rng.choice(ODD_VALUES)
    match rng.randrange(7):
        case 0 | 1 | 2:
            parent[name] = odd
        case 3:
            del parent[name]
        case 4 if isinstance(parent, dict):
            parent[rng.choice(["extra", "", "schema", "\ud800", "a" * 3_000, "\x1b[2J", "__class__"])] = odd
        case 5 if isinstance(parent, dict):
            text = json.dumps(tree)
            twice = json.dumps({name: parent[name]})[1:-1]
            other = json.dumps({name: odd})[1:-1]
            return text.replace(twice, rng.choice([f"{twice}, {other}", f"{other}, {twice}"]), 1).encode()
        case _:
            parent[name] = [parent[name]] if rng.random() < 0.5 else {"a": parent[name]}
    return json.dumps(tree, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def spoil_header(rng, content):
    """Return a .npy file whose header says something else, with a length that fits it, or does not."""
    header = content[10:128].decode("latin1")
    words = ["'<f4'", "<f4", "(3, 2)", "False", "3", "2", "'shape'", "'descr'", "'fortran_order'", ", }", "{", ":"]
    for _ in range(rng.randrange(1, 3)):
        header = header.replace(rng.choice(words), rng.choice(ODD_HEADERS), 1)
    if rng.random() < 0.5:
        header = header.strip().ljust(rng.choice([53, 117, 118, 181])) + "\n"
    body = header.encode("latin1", "replace")
    length = len(body) if rng.random() < 0.8 else rng.choice([0, 1, 117, 119, 65_535, 2**31, 2**32 - 1])
    version = rng.choice([(1, 0), (1, 0), (1, 0), (2, 0), (3, 0), (0, 0), (255, 255)])
    size = struct.pack("<H" if version[0] == 1 else "<I", length % (2**16 if version[0] == 1 else 2**32))
    return b"\x93NUMPY" + bytes(version) + size + body + content[128:]


def spoiled_json(rng, seeds):
    """Yield valid files, and files with one to four faults, without end."""
    while True:
        content = rng.choice(seeds)
        for _ in range(rng.choice([0, 1, 1, 1, 1, 2, 2, 3, 4])):
            spoil = rng.random()
            with contextlib.suppress(ValueError, RecursionError, TypeError, IndexError):  # a tree it no longer is
                content = spoil_tree(rng, content) if spoil < 0.6 else spoil_bytes(rng, content, ODD_TOKENS, seeds)
        if rng.random() < 0.01:
            encoding = rng.choice(["utf-16", "utf-32", "utf-8-sig", "utf-16-le"])
            content = content.decode("utf-8", "replace").encode(encoding)
        yield content


def spoiled_npy(rng, seeds):
    """Yield .npy files, and files with one to three faults, without end."""
    tokens = [token.encode("latin1") for token in ODD_HEADERS] + [
        b"\x93NUMPY",
        pickle.dumps(Planted()),
        b"\x00\x00\xc0\x7f",
    ]
    while True:
        content = rng.choice(seeds)
        for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
            is_npy = content[:6] == b"\x93NUMPY" and len(content) > 128
            spoil_it = spoil_header if is_npy and rng.random() < 0.5 else None
            content = spoil_it(rng, content) if spoil_it else spoil_bytes(rng, content, tokens, seeds)
        yield content


def same_json(read, written):
    """Does a value that was read say what the file says? A whole number may have become a float, a null be gone.

    What the file does not say has become null, or an empty list.
    """
    if isinstance(written, dict):
        return isinstance(read, dict) and all(
            same_json(read[name], written.get(name)) or (name not in written and read[name] in ((), []))
            for name in read
        ) and (
            {name for name, value in written.items() if value is not None} <= read.keys()
        )  # fmt: skip
    if isinstance(written, list):
        return len(read) == len(written) and all(map(same_json, read, written))
    if isinstance(read, float) and type(written) in (int, float):
        return math.isclose(read, written, rel_tol=1e-15, abs_tol=0)
    return type(read) is type(written) and read == written


def refuse_constant(name):
    raise ValueError(f"a score is {name}")


def check_result(result, content):
    """What the reader lets through is what is written there, and can be scored, shown and written again."""
    assert same_json(json.loads(json.dumps(as_json(result), allow_nan=False)), json.loads(content))
    entries = [score_entry(result.name, track, result.records, load_reference()) for track in tracks.TRACKS]
    format_table(entries, "md")
    json.loads(format_table(entries, "json"), parse_constant=refuse_constant)
    newest_result(result.name, result.records)


class Readers:
    """Every reader with its inputs; each call reads one input and returns what came of it."""

    def __init__(self, folder, seed):
        self.store = ResultStore(folder / "results")
        self.result = folder / "result.json"
        self.predictions = folder / "predictions.npy"
        self.inputs = {
            "record reader": spoiled_json(random.Random(seed), record_seeds()),
            "result reader": spoiled_json(random.Random(seed + 1), result_seeds()),
            ".npy loader": spoiled_npy(random.Random(seed + 2), npy_seeds()),
            "stored .npy loader": spoiled_npy(random.Random(seed + 3), npy_seeds()),
        }

    def read(self, reader, content):
        match reader:
            case "record reader":
                (self.store.cells / f"{KEY}.json").write_bytes(content)
                try:
                    record = self.store.read(KEY)
                except MbenchError as error:
                    check_message(error)
                    assert list(self.store.records()) == []
                    return type(error).__name__
                assert list(self.store.records()) == [record]
                assert ResultStore(self.store.folder).stamp() > record.created
                assert same_json(json.loads(json.dumps(as_json(record), allow_nan=False)), json.loads(content))
            case "result reader":
                self.result.write_bytes(content)
                try:
                    result = read_result(self.result)
                except MbenchError as error:
                    check_message(error)
                    return type(error).__name__
                check_result(result, content)
            case ".npy loader":
                self.predictions.write_bytes(content)
                try:
                    values = read_predictions(self.predictions, *SHAPE)
                except ChildFailure as error:
                    check_message(error)
                    return error.status
                assert values.shape == SHAPE
                check_values(values, content)
            case _:
                self.store.predictions_path(KEY).write_bytes(content)
                try:
                    values = self.store.read_predictions(KEY)
                except MbenchError as error:
                    check_message(error)
                    return type(error).__name__
                check_values(values, content)
        return "valid"


def check_message(error):
    """A message is one to read: short, and printable on any terminal."""
    assert len(str(error)) < 1_000
    assert str(error).isprintable()


def check_values(values, content):
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert values.tobytes() == content[len(content) - values.nbytes :]


@contextlib.contextmanager
def little_memory():
    """Let no reader take more than is decent: it would raise MemoryError, which is none of its answers."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + SPARE_MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def fuzz(folder, reader, n_inputs, seed=0):
    """Read so many inputs; return how often each outcome came, and the longest time in seconds. Raises at the first
    input that has another outcome than a valid value or an error of ours, naming it."""
    readers = Readers(folder, seed)
    inputs, outcomes, slowest_s = readers.inputs[reader], Counter(), 0.0
    for i in range(n_inputs):
        content = next(inputs)
        started = time.perf_counter()
        try:
            outcomes[readers.read(reader, content)] += 1
            assert not hasattr(sys, UNPICKLED), "something was unpickled"
        except BaseException as error:
            error.add_note(f"{reader}, seed {seed}, input {i}: {content[:3_000]!r}")
            raise
        slowest_s = max(slowest_s, time.perf_counter() - started)
    return outcomes, slowest_s


READERS = ("record reader", "result reader", ".npy loader", "stored .npy loader")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc for the limit of memory")
@pytest.mark.parametrize("reader", READERS)
def test_a_reader_says_valid_or_what_is_wrong_and_nothing_else(reader, tmp_path):
    with little_memory():
        outcomes, _ = fuzz(tmp_path, reader, FEW // 2)
    assert outcomes.total() == FEW // 2
    assert outcomes["valid"] > FEW / 50  # else it would not get far into any file
    assert len(outcomes) > 1


@pytest.mark.parametrize("reader", ["record reader", ".npy loader"])
def test_the_fuzzer_finds_a_reader_that_trusts(reader, tmp_path, monkeypatch):
    monkeypatch.setattr(ResultStore, "read", lambda store, key: json.loads((store.cells / f"{key}.json").read_bytes()))
    monkeypatch.setitem(globals(), "read_predictions", lambda path, *shape: np.load(path, allow_pickle=True))
    try:
        with pytest.raises(Exception, match=r".") as caught:
            fuzz(tmp_path, reader, FEW)
        assert f"{reader}, seed 0" in caught.value.__notes__[0]
    finally:
        if hasattr(sys, UNPICKLED):
            delattr(sys, UNPICKLED)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=60_000, help="per reader")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    load_reference()
    try:
        for reader in READERS:
            started = time.perf_counter()
            with little_memory():
                outcomes, slowest_s = fuzz(folder, reader, options.inputs, options.seed)
            came = ", ".join(f"{n:,} {outcome}" for outcome, n in outcomes.most_common())
            print(
                f"fuzzed the {reader} with {outcomes.total():,} inputs: {came}; slowest {1_000 * slowest_s:.0f} ms, "
                f"{time.perf_counter() - started:.0f} s in all"
            )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
