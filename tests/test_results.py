import errno
import io
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbench.disk import DRAFT_SUFFIX
from mbench.errors import HarnessError, MbenchError, UsageError
from mbench.results.metrics import Profile
from mbench.results.predictions import predictions_digest
from mbench.results.record import SCHEMA_VERSION, Costs, Metrics, Result, as_json, canonical_digest
from mbench.results.store import RECORD_LIMIT, ResultStore, read_result, write_result
from mbench.suite.tracks import SUITE_VERSION

KEY = "0" * 64


def make_result(*records, name="idea"):
    return Result(schema=SCHEMA_VERSION, suite=SUITE_VERSION, name=name, records=records)


def edited(record, **changes):
    """Return a record's JSON with fields set, or removed where the value is `...`."""
    content = as_json(record) | changes
    return json.dumps({name: value for name, value in content.items() if value is not ...})


def refuse(number):
    def call(*arguments, **options):
        raise OSError(number, os.strerror(number))

    return call


def names_in(store):
    return sorted(path.name for path in store.cells.iterdir())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"metrics": None, "costs": Costs(), "status": "crash", "reason": "fit(X, y) raised ValueError: é\n\x00"},
        {"metrics": Metrics(1e-300, {"psnr_db": 200.0}, Profile((1.0, 0.5), (1.0, 0.1), (1.0, 1 / 3)))},
        {"task": "image:/a b/ü.png", "fit_limit_s": 0.1 + 0.2},
    ],
    ids=["ok", "failed", "profile", "picture"],
)
def test_a_record_comes_back_as_it_was(store, make_record, changes):
    record = make_record(**changes)
    store.write(record)
    assert store.read(KEY) == record


def test_predictions_and_artifact_come_back_bit_for_bit(store, make_record, rng, tmp_path):
    predictions = rng.standard_normal((50, 3)).astype(np.float32)
    (tmp_path / "artifact").write_bytes(b"opaque")
    store.write(make_record(), predictions, tmp_path / "artifact")
    np.testing.assert_array_equal(store.read_predictions(KEY), predictions)
    assert store.artifact_path(KEY).read_bytes() == b"opaque"


def test_what_was_never_written_is_none(store):
    assert store.read(KEY) is None
    assert store.read_predictions(KEY) is None


def test_a_result_comes_back_as_it_was(tmp_path, make_record):
    result = make_result(make_record(), make_record(replicate=1))
    write_result(tmp_path / "deep" / "result.json", result)
    assert read_result(tmp_path / "deep" / "result.json") == result


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: text + "x",
        lambda text: "[]",
        lambda text: "null",
        lambda text: "[" * 100_000,
        lambda text: text.encode().replace(b"idea", b"\xff\xfe"),
    ],
    ids=["empty", "cut", "longer", "list", "null", "deep", "bytes"],
)
def test_a_record_that_is_no_json_is_damaged(store, make_record, damage):
    store.write(make_record())
    path = store.cells / f"{KEY}.json"
    content = damage(path.read_text())
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(HarnessError, match="damaged"):
        store.read(KEY)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"replicate": "0"}, "replicate"),
        ({"replicate": 0.5}, "replicate"),
        ({"replicate": True}, "replicate"),
        ({"status": "great"}, "status"),
        ({"metrics": {"error": float("nan")}}, "metrics.error"),
        ({"metrics": {"error": float("inf")}}, "metrics.error"),
        ({"metrics": {}}, "metrics.error"),
        ({"metrics": {"error": 1.0, "more": "2"}}, "metrics.more"),
        ({"metrics": {"error": 1.0, "more": float("inf")}}, "metrics.more"),
        ({"metrics": {"error": 1.0, "further": {"more": 2.0}}}, "metrics.further"),
        ({"costs": None}, "costs"),
        ({"seed": ...}, "seed"),
        # what fuzzing found: each was read, and broke a table later
        ({"metrics": None}, ""),
        ({"status": "crash"}, ""),
        ({"metrics": {"error": -0.1}}, "metrics"),
        ({"metrics": {"error": 1e300}}, "metrics"),
        ({"metrics": {"error": 1.0, "psnr_db": 1e308}}, "metrics"),
        (
            {"metrics": {"error": 1.0, "profile": {"mean": [1.0], "lower_quartile": [], "upper_quartile": []}}},
            "metrics",
        ),
        (
            {"metrics": {"error": 1.0, "profile": {"mean": [9], "lower_quartile": [0], "upper_quartile": [0]}}},
            "metrics",
        ),
        ({"costs": {"n_params": -1}}, "costs"),
        ({"costs": {"fit_s": 1e300}}, "costs"),
        ({"n_samples": 0}, ""),
        ({"replicate": -1}, ""),
        ({"seed": 10**400}, ""),
        ({"device": "\x1b[2J"}, ""),
        ({"isolation": "D"}, ""),
        ({"created": "now"}, ""),
        ({"created": "202" + "[" * 5_000 + "+00:00"}, ""),
        ({"created": "2026-01-01+00:00"}, ""),
        ({"created": "20260101T000000+00:00"}, ""),
        ({"created": "2026-02-30T00:00:00+00:00"}, ""),
        ({"created": "2026-01-01T00:00:00"}, ""),
        ({"created": "2026-01-01T00:00:00+01:00"}, ""),
        ({"created": "9999-12-31T23:59:59+00:00"}, ""),
    ],
    ids=str,
)
def test_a_record_with_a_wrong_field_is_damaged_there(store, make_record, changes, place):
    (store.cells / f"{KEY}.json").write_text(edited(make_record(), **changes))
    with pytest.raises(HarnessError, match=f"damaged at '{place}'"):
        store.read(KEY)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(("name", "other"), [("schema", 99), ("seed", 8)])
def test_a_record_that_says_one_thing_twice_is_damaged(store, make_record, name, other, first):
    text = edited(make_record())
    said = json.dumps({name: getattr(make_record(), name)})[1:-1]
    twice = f'"{name}": {other}, {said}' if first else f'{said}, "{name}": {other}'
    (store.cells / f"{KEY}.json").write_text(text.replace(said, twice))
    with pytest.raises(HarnessError, match="damaged"):
        store.read(KEY)


@pytest.mark.parametrize("version", ["\x1b[31m", "\ud800", "x" * 5_000, 10**400, [[]], None], ids=ascii)
def test_what_a_strangers_file_calls_its_version_is_not_printed(tmp_path, version):
    (tmp_path / "r.json").write_text(json.dumps({"schema": version, "suite": 2}))
    with pytest.raises(UsageError) as caught:
        read_result(tmp_path / "r.json")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("size", [RECORD_LIMIT + 1, 1 << 40], ids=["larger", "huge"])
def test_a_record_too_large_to_be_one_is_damaged_and_not_read(store, size):
    path = store.cells / f"{KEY}.json"
    with path.open("wb") as file:
        file.truncate(size)
    with pytest.raises(HarnessError, match="larger than 1 MB"):
        store.read(KEY)
    path.rename(store.folder / "mbench.json")
    with pytest.raises(HarnessError, match="larger than 1 MB"):
        ResultStore(store.folder)


def test_a_draft_is_never_taken_for_a_record(store, make_record):
    store.write(make_record())
    path = store.cells / f"{KEY}.json"
    for name in (f".{KEY}.json.0123abcd{DRAFT_SUFFIX}", f".{KEY}.json.part", f"{KEY}.json{DRAFT_SUFFIX}"):
        (store.cells / name).write_bytes(path.read_bytes().replace(KEY.encode(), b"1" * 64))
    assert list(store.records()) == [make_record()]


def test_what_a_killed_run_left_is_gone_when_the_folder_is_opened_again(store, make_record, tmp_path):
    result = store.folder / "idea" / "quick" / "result.json"
    write_result(result, make_result(make_record()))
    left = [folder / f".x.0123abcd{DRAFT_SUFFIX}" for folder in (store.folder, store.cells, result.parent)]
    for path in left:
        path.write_text("half")
    ResultStore(store.folder)
    assert not any(path.exists() for path in left)
    assert result.exists()


@pytest.mark.parametrize("kind", ["absent", "link", "pipe", "folder"])
def test_an_artifact_that_its_child_made_something_else_of_is_left_out(store, make_record, tmp_path, kind):
    artifact = tmp_path / "artifact"
    match kind:
        case "link":
            (tmp_path / "secret").write_text("secret")
            artifact.symlink_to(tmp_path / "secret")
        case "pipe":
            os.mkfifo(artifact)
        case "folder":
            artifact.mkdir()
    store.write(make_record(), np.zeros((2, 1), np.float32), artifact)
    assert store.read(KEY) == make_record()
    assert names_in(store) == [f"{KEY}.json", f"{KEY}.npy"]


def test_predictions_of_another_run_can_be_told(store, make_record):
    mine, other = np.zeros((2, 1), np.float32), np.ones((2, 1), np.float32)
    assert predictions_digest(mine) == predictions_digest(store_and_read(store, make_record, mine))
    assert predictions_digest(mine) != predictions_digest(other)


def store_and_read(store, make_record, predictions):
    store.write(make_record(), predictions)
    return store.read_predictions(KEY)


def test_a_record_under_another_cells_key_is_damaged(store, make_record):
    store.write(make_record())
    other = "f" * 64
    (store.cells / f"{KEY}.json").rename(store.cells / f"{other}.json")
    with pytest.raises(HarnessError, match="another cell"):
        store.read(other)


def test_a_folder_in_a_records_place_is_our_failure(store):
    (store.cells / f"{KEY}.json").mkdir()
    with pytest.raises(HarnessError, match="cannot be read"):
        store.read(KEY)


@given(st.text(max_size=40) | st.binary(max_size=40))
def test_whatever_lies_in_a_records_place_raises_nothing_else(tmp_path_factory, content):
    store = ResultStore(tmp_path_factory.getbasetemp() / "fuzz")
    path = store.cells / f"{KEY}.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    with pytest.raises(MbenchError):
        store.read(KEY)


@pytest.mark.parametrize("changes", [{"schema": 0}, {"suite": 99}, {"schema": ...}, {"suite": "1"}], ids=str)
def test_a_record_of_another_version_is_a_usage_error(store, make_record, changes):
    (store.cells / f"{KEY}.json").write_text(edited(make_record(), **changes))
    with pytest.raises(UsageError, match="do not compare"):
        store.read(KEY)


@pytest.mark.parametrize(
    "marker", [{"schema": SCHEMA_VERSION, "suite": 99}, {"schema": 0, "suite": SUITE_VERSION}, {}, []]
)
def test_a_folder_of_another_version_is_a_usage_error(store, marker):
    (store.folder / "mbench.json").write_text(json.dumps(marker))
    with pytest.raises(UsageError, match="Choose another folder"):
        ResultStore(store.folder)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000], ids=["empty", "cut", "bytes", "deep"])
def test_a_damaged_marker_is_our_failure(store, content):
    (store.folder / "mbench.json").write_bytes(content)
    with pytest.raises(HarnessError, match="damaged"):
        ResultStore(store.folder)


@pytest.mark.parametrize("name", ["file", "file/results"])
def test_a_folder_that_cannot_be_used_is_a_usage_error(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be used for results"):
        ResultStore(tmp_path / name)


def test_a_folder_on_a_full_disk_is_our_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", refuse(errno.ENOSPC))
    with pytest.raises(HarnessError, match="disk is full"):
        ResultStore(tmp_path / "results")


def test_a_record_set_aside_makes_room_and_is_kept(store, make_record):
    path = store.cells / f"{KEY}.json"
    path.write_text("junk")
    aside = store.set_aside(KEY)
    assert aside.read_text() == "junk"
    assert store.read(KEY) is None


def test_a_record_that_another_run_set_aside_is_no_error(store):
    store.set_aside(KEY)
    assert store.read(KEY) is None


def test_records_passes_over_what_cannot_be_read(store, make_record):
    first = make_record(key="a" * 64, created="2026-01-02T00:00:00+00:00")
    second = make_record(key="b" * 64, created="2026-01-01T00:00:00+00:00")
    store.write(first)
    store.write(second)
    (store.cells / f"{'c' * 64}.json").write_text("junk")
    (store.cells / f"{'d' * 64}.json").write_text(edited(make_record(key="d" * 64), suite=99))
    assert list(store.records()) == [second, first]


def npy(array, **options):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, **options)
    return buffer.getvalue()


def npy_header(*shape):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def archive():
    buffer = io.BytesIO()
    np.savez(buffer, np.zeros((3, 2), np.float32))
    return buffer.getvalue()


GOOD = npy(np.zeros((3, 2), np.float32))


@pytest.mark.parametrize(
    "content",
    [
        b"", b"junk", b"\x93NUMPY\x01\x00", GOOD[:-1], GOOD + b"x", archive(), npy(np.zeros((3, 2))),
        npy(np.zeros(3, "<f4")),
        npy(np.asfortranarray(np.zeros((3, 2), "<f4"))), npy(np.zeros((3, 2), "<f4"), version=(2, 0)),
        npy(np.full((3, 2), np.nan, "<f4")), npy(np.full((3, 2), np.inf, "<f4")),
        npy_header(999_999_999_999, 999_999_999), npy_header(3, 2) + bytes(20), GOOD.replace(b"(3, 2)", b"(2, 2)"),
    ],
    ids=lambda content: content[:90].decode("latin1").strip()[-40:] + str(len(content)),
)  # fmt: skip
def test_damaged_predictions_are_our_failure(store, content):
    store.predictions_path(KEY).write_bytes(content)
    with pytest.raises(HarnessError, match="damaged"):
        store.read_predictions(KEY)


def test_pickled_predictions_are_not_loaded(store):
    np.save(store.predictions_path(KEY), np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(HarnessError, match="damaged"):
        store.read_predictions(KEY)


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "message"),
    [(errno.ENOSPC, "disk is full"), (errno.EDQUOT, "disk is full"), (errno.EIO, "cannot be written")],
)
def test_a_write_that_fails_keeps_what_was_there(store, make_record, monkeypatch, step, number, message):
    store.write(make_record())
    before = names_in(store)
    target = (os, "fsync") if step == "fsync" else (Path, "replace")
    with monkeypatch.context() as patch:
        patch.setattr(*target, refuse(number))
        with pytest.raises(HarnessError, match=message):
            store.write(replace(make_record(), reason="newer"), np.zeros((2, 1), np.float32))
    assert names_in(store) == before
    assert store.read(KEY) == make_record()


def test_a_result_that_cannot_be_written_is_our_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", refuse(errno.ENOSPC))
    with pytest.raises(HarnessError, match="disk is full"):
        write_result(tmp_path / "result.json", make_result())


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KB, where the tests may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a file system here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_the_cells_already_done(small_disk, make_record):
    store = ResultStore(small_disk / "results")
    store.write(make_record(), np.zeros((100, 1), np.float32))
    other = make_record(key="1" * 64)
    with pytest.raises(HarnessError, match="disk is full"):
        store.write(other, np.zeros((100_000, 1), np.float32))
    assert store.read(KEY) == make_record()
    assert store.read(other.key) is None
    assert names_in(store) == [f"{KEY}.json", f"{KEY}.npy"]


def test_the_record_is_written_last(store, make_record, monkeypatch, tmp_path):
    order = []
    rename = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, target: (order.append(target.suffix), rename(self, target))[1])
    (tmp_path / "artifact").write_bytes(b"x")
    store.write(make_record(), np.zeros((2, 1), np.float32), tmp_path / "artifact")
    assert order == [".npy", ".artifact", ".json"]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize(("kind", "name"), [(Metrics, "error"), (Costs, "fit_s")])
def test_what_is_no_number_is_in_no_record(kind, name, number):
    with pytest.raises(ValueError, match=f"{name} is out of range"):
        kind(**({"error": 1.0} if kind is Metrics else {}) | {name: number})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1e300])
def test_a_further_metric_is_a_number_that_predictions_may_be_worth(number):
    with pytest.raises(ValueError, match="ssim is out of range"):
        Metrics(0.5, {"ssim": number})


@pytest.mark.parametrize("name", ["error", "profile", "further"])
def test_a_further_metric_has_a_name_of_its_own(name):
    with pytest.raises(ValueError, match=f"{name} is no name"):
        Metrics(0.5, {name: 1.0})


def test_further_metrics_stand_beside_the_error_in_the_file(store, make_record):
    store.write(make_record(metrics=Metrics(0.25, {"psnr_db": 12.5, "ssim": 0.5})))
    content = json.loads((store.cells / f"{KEY}.json").read_text())
    assert content["metrics"] == {"error": 0.25, "psnr_db": 12.5, "ssim": 0.5, "profile": None}
    assert store.read(KEY).metrics.further == {"psnr_db": 12.5, "ssim": 0.5}


@pytest.mark.parametrize(("psnr", "further"), [(12.5, {"psnr_db": 12.5}), (None, {})])
def test_what_was_recorded_with_a_place_for_psnr_alone_is_read(store, make_record, psnr, further):
    store.write(make_record())
    path = store.cells / f"{KEY}.json"
    profile = {"mean": [1.0, 0.5], "lower_quartile": [1.0, 0.1], "upper_quartile": [1.0, 0.9]}
    metrics = {"error": 0.25, "psnr_db": psnr, "profile": profile}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"metrics": metrics}))
    read = store.read(KEY).metrics
    assert (read.error, read.further, read.profile.mean) == (0.25, further, (1.0, 0.5))


def test_a_missing_result_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="no such result"):
        read_result(tmp_path / "absent.json")


def test_a_folder_in_a_results_place_is_our_failure(tmp_path):
    with pytest.raises(HarnessError, match="cannot be read"):
        read_result(tmp_path)


def test_canonical_digest_does_not_depend_on_the_order_of_keys():
    assert canonical_digest({"a": 1, "b": [2, 3]}) == canonical_digest({"b": [2, 3], "a": 1})


def test_canonical_digest_is_sha256_of_compact_json():
    # printf '{"a":1}' | sha256sum
    assert canonical_digest({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"


# From one store to another


@pytest.fixture
def exported(tmp_path, make_record):
    """Return the files of a cell in another store, by suffix."""
    predictions = np.arange(6, dtype=np.float32)[:, None]
    other = ResultStore(tmp_path / "other")
    artifact = tmp_path / "artifact"
    artifact.write_bytes(b"opaque")
    record = make_record(predictions_digest=predictions_digest(predictions))
    other.write(record, predictions, artifact)
    return other.export(record.key)


def test_a_cell_of_another_store_is_adopted_with_a_stamp_of_this_one(store, exported, make_record):
    record = store.adopt("0" * 64, exported)
    assert record.created > make_record().created
    assert store.read(record.key) == record
    assert store.read_predictions(record.key).tolist() == [[0], [1], [2], [3], [4], [5]]
    assert store.artifact_path(record.key).read_bytes() == b"opaque"


@pytest.mark.parametrize(
    "changes",
    [
        {".json": b""},
        {".json": b"{}"},
        {".npy": b"junk"},
        {".npy": b""},
        {".npy": None},
    ],
    ids=["no record", "an empty record", "junk", "no predictions", "predictions missing"],
)
def test_what_is_no_whole_cell_is_not_adopted(store, exported, changes):
    files = {suffix: content for suffix, content in (exported | changes).items() if content is not None}
    with pytest.raises((HarnessError, UsageError)):
        store.adopt("0" * 64, files)
    assert list(store.cells.iterdir()) == []


def test_the_cell_of_another_key_is_not_adopted(store, exported):
    with pytest.raises(HarnessError, match="another cell"):
        store.adopt("1" * 64, exported)


def test_a_failure_of_ours_takes_no_other_records_place(store, make_record):
    ours = make_record(status="infrastructure", metrics=None)
    store.write(ours)
    assert store.read(ours.key) == ours
    for outcome in (make_record(), make_record(status="timeout", metrics=None)):
        store.write(outcome)
        store.write(ours)
        assert store.read(ours.key) == outcome


def test_cells_that_are_not_asked_for_are_not_read(store, make_record):
    store.write(make_record())
    (store.cells / f"{'1' * 64}.json").write_text("{")
    assert list(store.records(but={"0" * 64})) == []
