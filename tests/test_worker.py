import io
import json
import subprocess
import sys

import numpy as np
import pytest

from mbench.child.worker import ContractError, check_answer, seed_everything, serve


class Scripted:
    """Stands in for the worker: each verb does what the test says."""

    def __init__(self, **verbs):
        self.__dict__.update(verbs)


def answers_of(worker, *verbs):
    """Send each verb with its own token; return the answers after `started`."""
    commands = "".join(json.dumps({"do": verb, "token": f"t{i}"}) + "\n" for i, verb in enumerate(verbs))
    answers = io.StringIO()
    serve(io.StringIO(commands), answers, worker)
    started, *rest = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert started == {"event": "started"}
    return rest


def raising(error):
    def verb():
        raise error

    return verb


@pytest.mark.parametrize(
    "answer",
    [
        [[1], [2], [3]],
        ((1.0,), (2.0,), (3.0,)),
        [1, 2, 3],
        np.array([1, 2, 3], dtype=np.int8),
        np.array([1, 2, 3], dtype=np.float16)[:, None],
        np.array([1, 2, 3], dtype=np.longdouble),
        np.asfortranarray([[1.0], [2.0], [3.0]]),
        np.array([9.0, 1.0, 2.0, 3.0])[1:],
    ],
    ids=repr,
)
def test_any_real_array_of_the_right_shape_is_taken(answer):
    taken = check_answer(answer, 3, 1)
    assert taken.dtype == np.float32
    assert taken.tolist() == [[1.0], [2.0], [3.0]]


def test_booleans_are_taken_as_zero_and_one():
    assert check_answer(np.array([True, False]), 2, 1).tolist() == [[1.0], [0.0]]


@pytest.mark.parametrize("mask", [False, [False, False, False]])
def test_a_masked_array_without_a_mask_is_taken(mask):
    assert check_answer(np.ma.array([1.0, 2.0, 3.0], mask=mask), 3, 1).tolist() == [[1.0], [2.0], [3.0]]


def test_masked_values_are_no_answers():
    answer = np.ma.masked_greater(np.array([[1.0, 5.0], [2.0, 7.0]]), 4.0)
    with pytest.raises(ContractError, match=r"2 of its 4 values masked.*answer\.filled") as caught:
        check_answer(answer, 2, 2)
    assert caught.value.status == "invalid"


def test_a_sparse_answer_is_told_how_to_become_an_array():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(ContractError, match=r"csr_matrix, expected.*answer\.toarray\(\)"):
        check_answer(sparse.csr_matrix([[1.0], [2.0]]), 2, 1)


class BrokenArray:
    def __array__(self, dtype=None, copy=None):
        raise ValueError("no")


@pytest.mark.parametrize(
    ("answer", "n_outputs", "message"),
    [
        (None, 1, "NoneType"),
        ((row for row in [1, 2]), 1, "generator"),
        (["a", "b"], 1, "<U1"),
        ([b"a", b"b"], 1, "S1"),
        ([1j, 2j], 1, "complex128"),
        (np.array([1.0, 2.0], dtype=object), 1, "ndarray of objects"),
        (np.array(["2026-01-01", "2026-01-02"], dtype="M8[D]"), 1, "datetime64"),
        ([[1, 2], [3]], 1, "no array"),
        (BrokenArray(), 1, "no array"),
        (3.0, 1, r"shape \(\)"),
        ([1.0, 2.0, 3.0], 1, r"shape \(3,\)"),
        ([1.0, 2.0], 3, r"shape \(2,\), expected \(2, 3\)"),
        ([[1.0], [2.0]], 3, r"shape \(2, 1\), expected \(2, 3\)"),
        (np.zeros((3, 2)), 3, r"shape \(3, 2\), expected \(2, 3\)"),
        (np.zeros((1, 2, 3)), 3, r"shape \(1, 2, 3\)"),
        ([0.0, np.nan], 1, "row 1: every value must be finite"),
        ([np.inf, 0.0], 1, "row 0: every value must be finite"),
        ([0.0, 1e39], 1, "row 1: every value must be finite"),
        ([0, 10**400], 1, "list of objects"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_any_other_answer_is_invalid_and_says_why(answer, n_outputs, message):
    with pytest.raises(ContractError, match=message) as caught:
        check_answer(answer, 2, n_outputs)
    assert caught.value.status == "invalid"


def test_every_command_is_answered_with_its_own_token():
    worker = Scripted(fit=lambda: {"n_params": 5}, predict=dict)
    assert answers_of(worker, "fit", "predict") == [
        {"event": "done", "n_params": 5, "token": "t0"},
        {"event": "done", "token": "t1"},
    ]


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (ContractError("invalid", "why"), "invalid", "why"),
        (ValueError("bad"), "crash", "fit: ValueError: bad"),
        (SystemExit(3), "crash", "fit: SystemExit: 3"),
        (KeyboardInterrupt(), "crash", "fit: KeyboardInterrupt"),
        (MemoryError("9 GB"), "out-of-memory", "fit: MemoryError: 9 GB"),
        (ValueError("first\nsecond"), "crash", "fit: ValueError: first"),
        (ValueError("x" * 10**6), "crash", "fit: ValueError: " + "x" * 300),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_whatever_a_command_raises_is_answered(error, status, reason):
    (answer,) = answers_of(Scripted(fit=raising(error)), "fit")
    assert answer == {"event": "failed", "status": status, "reason": reason, "token": "t0"}


def test_a_memory_error_inside_fit_is_out_of_memory():
    def fit():
        raise ContractError("crash", "fit(X, y) raised MemoryError") from MemoryError()

    (answer,) = answers_of(Scripted(fit=fit), "fit")
    assert answer["status"] == "out-of-memory"


@pytest.mark.parametrize("stream", [None, io.StringIO()], ids=["None", "closed"])
def test_a_submission_may_take_away_the_standard_streams(stream, monkeypatch):
    if stream is not None:
        stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    first, second = answers_of(Scripted(fit=raising(ValueError("bad")), predict=dict), "fit", "predict")
    assert (first["event"], second["event"]) == ("failed", "done")


def test_global_generators_are_seeded():
    np_state = np.random.get_state()
    try:
        seed_everything(0)
        first = np.random.rand()
        seed_everything(0)
        assert np.random.rand() == first
        seed_everything(1)
        assert np.random.rand() != first
    finally:
        np.random.set_state(np_state)


def test_the_worker_alone_imports_no_heavy_package():
    heavy = ("torch", "sklearn", "numba", "scipy")
    code = f"import mbench.child.worker, sys; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
