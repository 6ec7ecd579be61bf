"""The child's side of a cell: obeys one command a line, runs the submission, answers with one JSON line.

Commands: build, fit, watch, recall, predict, list_imports, save, load. `mbench.sandbox.child_process` starts it with a
scratch folder:

    submission/          the source            out/predictions.npy   (m, k) float32, written by predict
    in/X.npy, in/y.npy   before fit, watch     out/artifact          the fitted estimator, written by save
    in/queries.npy       before predict        in/artifact           before load
    home/                the working folder, where the submission writes what it likes

Whatever a submission does to NumPy, warnings or signals is its own affair: the lines of this module run under settings
of their own (`mbench.child.interpreter`), with functions taken before it was imported, on paths that do not depend on
the working folder.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from json import dumps, loads
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy import array, asarray, empty, errstate, flatnonzero, float32, isfinite
from numpy import load as load_array
from numpy import save as save_array

from mbench.child.imports import timing_imports
from mbench.child.interpreter import OwnSettings
from mbench.child.snapshots import Snapshot, SnapshotError, Snapshots, takes_snapshot
from mbench.child.start import import_ahead
from mbench.types import FloatArray, Spec

# Rows per call of predict: bounds a submission's memory. A stream comes in at least three blocks, so that queries asked
# twice show whether answers depend on the block.
PREDICT_BLOCK = 65_536
MIN_BLOCKS = 3
_REASON_LETTERS = 500  # of which the harness keeps no more
_print_exception = traceback.print_exception
_OUR_FOLDER = str(Path(__file__).parent)

# Of an estimator that learns one number, when it is given several: "y should be a 1d array", say.
_WANTS_ONE_OUTPUT = re.compile(
    r"\b(1|one)[- ]?d(im(ension(al)?)?)?\b|\bmulti-?(output|target|dimensional|regression)|\bsingle[- ](output|target)",
    re.IGNORECASE,
)
_WRAP = "wrap an estimator that learns one number in sklearn.multioutput.MultiOutputRegressor"

Explain = Callable[[BaseException], str]  # from an error to a sentence for its author, "" for none


class ContractError(Exception):
    """The submission ran but did not keep to the contract; the status says how."""

    def __init__(self, status: str, reason: str) -> None:
        """status: a cell's status.  reason: one line for its author."""
        super().__init__(reason)
        self.status = status


class Worker:
    """Holds the submission's estimator between commands."""

    def __init__(self, entry: str, scratch: Path) -> None:
        """entry: the submission's file, relative to the folder `submission`.  scratch: the absolute path of ours."""
        self.entry = scratch / "submission" / entry
        self._given, self._answered = scratch / "in", scratch / "out"
        self._settings = OwnSettings()
        self.estimator: Any = None
        self.n_outputs = 0
        self.snapshots: tuple[Snapshot, ...] = ()

    def build(self, spec: dict[str, Any], libraries: Sequence[str] = ()) -> dict[str, Any]:
        """Import the submission and build its estimator; the sample is not here yet.

        libraries: what it imports later on, loaded now, before its time is counted.
        """
        self.n_outputs = spec["n_outputs"]
        seed_everything(spec["seed"])
        try:
            with self._settings.laid_aside():
                build = self._import_build()
        except BaseException as error:
            raise ContractError("refused", f"cannot be imported: {_describe(error)}") from error
        if not callable(build):
            raise ContractError("refused", "has no build. Define `def build(spec):` that returns an estimator")
        try:
            with self._settings.laid_aside():
                self.estimator = build(Spec(**spec))
        except BaseException as error:
            raise ContractError("refused", f"build(spec) raised {_describe(error)}") from error
        if self.estimator is None:
            raise ContractError("refused", "build(spec) returned None. Is its `return` missing?")
        for method in ("fit", "predict"):
            if not callable(getattr(self.estimator, method, None)):
                kind = type(self.estimator).__name__
                raise ContractError("refused", f"build(spec) returned {kind} without {method}. Return an estimator")
        with self._settings.laid_aside():
            import_ahead(libraries)
        seed_everything(spec["seed"])
        return {}

    def fit(self) -> dict[str, Any]:
        """Fit the estimator to the sample."""
        with timing_imports() as imports:
            self._fit()
        return {"n_params": _count_params(self.estimator), "import_s": imports.seconds}

    def watch(self, n_kept: int, max_bytes: int) -> dict[str, Any]:
        """Fit as above and keep snapshots, for `recall`; answer with step and seconds of each.

        An estimator whose fit takes no `snapshot` is left unfitted, and the answer holds None.
        """
        if not takes_snapshot(self.estimator.fit):
            return {"snapshots": None}
        snapshots = Snapshots(lambda: _pickle(self.estimator), n_kept, max_bytes)
        self._fit(snapshot=snapshots)
        try:
            self.snapshots = snapshots.finish()
        except SnapshotError as error:
            raise ContractError("crash", str(error)) from error
        return {"snapshots": [(s.step, s.seconds) for s in self.snapshots]}

    def recall(self, number: int) -> dict[str, Any]:
        """Take up the estimator as of a snapshot."""
        import cloudpickle

        try:
            with self._settings.laid_aside():
                self.estimator = cloudpickle.loads(self.snapshots[number].content)
        except Exception as error:
            raise ContractError("crash", f"a snapshot cannot be loaded: {_describe(error)}") from error
        return {}

    def predict(self) -> dict[str, Any]:
        """Predict the queries block by block."""
        queries = load_array(self._given / "queries.npy", mmap_mode="r", allow_pickle=False)
        predictions = empty((len(queries), self.n_outputs), dtype="<f4")
        import_s = 0.0
        size = min(PREDICT_BLOCK, max(1, len(queries) // MIN_BLOCKS))
        for start in range(0, len(queries), size):
            block = array(queries[start : start + size])
            try:
                with self._settings.laid_aside(), timing_imports() as imports:
                    answer = self.estimator.predict(block)
            except Exception as error:
                raise ContractError("crash", f"predict(X) raised {_describe(error)}") from error
            import_s += imports.seconds
            predictions[start : start + len(block)] = check_answer(answer, len(block), self.n_outputs)
        save_array(self._answered / "predictions.npy", predictions, allow_pickle=False)
        return {"import_s": import_s}

    def list_imports(self) -> dict[str, Any]:
        """Answer with the first names of all modules that are imported by now, but for the standard library's."""
        names = {name.partition(".")[0] for name in list(sys.modules)}
        return {"imports": sorted(names - sys.stdlib_module_names)}

    def save(self) -> dict[str, Any]:
        """Store the fitted estimator, for pictures later."""
        try:
            with self._settings.laid_aside():
                content = _pickle(self.estimator)
        except Exception as error:
            raise ContractError("crash", f"the fitted estimator cannot be pickled: {_describe(error)}") from error
        (self._answered / "artifact").write_bytes(content)
        return {}

    def load(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Take up an estimator stored by `save`."""
        import cloudpickle

        self.n_outputs = spec["n_outputs"]
        seed_everything(spec["seed"])
        try:
            content = (self._given / "artifact").read_bytes()
            with self._settings.laid_aside():
                self._import_build()  # the artifact refers to classes of this module
                self.estimator = cloudpickle.loads(content)
        except Exception as error:
            raise ContractError("refused", f"the stored estimator cannot be loaded: {_describe(error)}") from error
        return {}

    def _fit(self, **options: Any) -> None:
        X, y = (load_array(self._given / name, allow_pickle=False) for name in ("X.npy", "y.npy"))
        try:
            with self._settings.laid_aside():
                fitted = self.estimator.fit(X, y, **options)
        except Exception as error:
            reason = f"fit(X, y) raised {_describe(error)}"
            if self.n_outputs > 1 and _WANTS_ONE_OUTPUT.search(str(error)):
                reason = _append(reason, f"y has {self.n_outputs} columns: {_WRAP}")
            raise ContractError("crash", reason) from error
        # Anything but an estimator (None, say) means that the fitted object is the one that was built.
        self.estimator = fitted if callable(getattr(fitted, "predict", None)) else self.estimator

    def _import_build(self) -> Callable[..., Any] | None:
        if self.entry.suffix == ".pkl":  # a build function given from Python
            import cloudpickle

            return cloudpickle.loads(self.entry.read_bytes())
        import importlib.util

        sys.path.insert(0, str(self.entry.parent.resolve()))
        spec = importlib.util.spec_from_file_location(self.entry.stem, self.entry.resolve())
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[self.entry.stem] = module  # under its own name, as the files it imports know it
        spec.loader.exec_module(module)
        return getattr(module, "build", None)


def seed_everything(seed: int) -> None:
    """Seed the global generators, so that a submission that forgot to is repeatable all the same."""
    random.seed(seed)
    np.random.seed(seed)  # the legacy global state: it is what a careless submission uses
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def check_answer(answer: Any, n_rows: int, n_outputs: int) -> FloatArray:
    """Return predict's answer as (n_rows, n_outputs) float32. Raises ContractError("invalid") naming what to fix."""
    expected = f"expected ({n_rows}, {n_outputs})"
    try:
        values = asarray(answer)
    except Exception as error:
        raise ContractError("invalid", f"predict() returned no array ({_describe(error)}), {expected}") from error
    if n_masked := _count_masked(answer):
        raise ContractError(
            "invalid",
            f"predict() returned an array with {n_masked} of its {values.size} values masked, which are no answers. "
            "Return answer.filled(a number), or the values without a mask",
        )
    if values.dtype.kind not in "fiub":
        kind = str(values.dtype) if values.dtype.kind != "O" else type(answer).__name__
        if kind in ("ndarray", "list", "tuple"):
            kind += " of objects"
        mend = ". Return answer.toarray()" if callable(getattr(answer, "toarray", None)) else ""
        raise ContractError(
            "invalid", f"predict() returned {kind}, expected an array of real numbers {expected[9:]}{mend}"
        )
    if n_outputs == 1 and values.shape == (n_rows,):
        values = values[:, None]
    if values.shape != (n_rows, n_outputs):
        mend = f": {_WRAP}" if values.shape in ((n_rows,), (n_rows, 1)) else ""
        raise ContractError(
            "invalid",
            f"predict() returned shape {values.shape}, {expected}. Return one row per query, one column per output"
            f"{mend}",
        )
    with errstate(all="ignore"):
        single = values.astype(float32)
    if not isfinite(single).all():
        bad = int(flatnonzero(~isfinite(single).all(axis=1))[0])
        raise ContractError(
            "invalid", f"predict() returned {values[bad].tolist()} in row {bad}: every value must be finite as float32"
        )
    return single


def _count_masked(answer: Any) -> int:
    # Whoever returns a masked array has imported its module.
    masked = sys.modules.get("numpy.ma")
    return int(masked.getmaskarray(answer).sum()) if masked and isinstance(answer, masked.MaskedArray) else 0


def _pickle(estimator: Any) -> bytes:
    import cloudpickle

    return cloudpickle.dumps(estimator)


def _count_params(estimator: Any) -> int | None:
    try:
        return int(estimator.n_params_)
    except Exception:  # absent, or not a number: the count is optional
        return None


def _describe(error: BaseException) -> str:
    """Return one line: the exception's type, its message and the submission's own line it came from."""
    message = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {message[0][:300]}" if message else type(error).__name__
    own = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).parent.name == "submission"
    ]
    return f"{text} ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else text


def _wants_memory(error: BaseException | None) -> bool:
    # PyTorch has no exception of its own for it on the CPU.
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))


def serve(
    commands: io.TextIOBase,
    answers: io.TextIOBase,
    worker: Worker,
    explain: Explain = lambda error: "",
    complaints: TextIO | None = None,
) -> None:
    """Say that we are up, then obey commands until the end of the stream.

    explain: adds to the reason of a failure.  complaints: where tracebacks go, None for stderr.
    """
    answers.write(dumps({"event": "started"}) + "\n")
    answers.flush()
    for line in commands:
        command = loads(line)
        verb, token = command.pop("do"), command.pop("token")
        failure: BaseException | None = None
        try:
            answer = {"event": "done", **getattr(worker, verb)(**command)}
        except ContractError as error:
            failure = error.__cause__ or error
            answer = _failed("out-of-memory" if _wants_memory(failure) else error.status, str(error))
        except BaseException as error:
            failure = error
            status = "out-of-memory" if isinstance(error, MemoryError) else "crash"
            answer = _failed(status, f"{verb}: {_describe(error)}")
        _flush_streams()
        if failure is not None:
            with contextlib.suppress(Exception):  # a submission may have closed stderr, or its exception may not print
                _print_from_submission(failure, complaints)
            with contextlib.suppress(Exception):  # its exception may not say what it is
                answer["reason"] = _append(answer["reason"], explain(failure))
        answers.write(dumps({**answer, "token": token}) + "\n")
        answers.flush()


def _failed(status: str, reason: str) -> dict[str, str]:
    return {"event": "failed", "status": status, "reason": reason}


def _append(reason: str, sentence: str) -> str:
    """Return both in a reason's length, of which the sentence is kept whole."""
    if not sentence:
        return reason
    room = _REASON_LETTERS - len(sentence) - 2
    reason = reason.rstrip(". ")
    return f"{reason if len(reason) <= room else reason[: room - 1] + '…'}. {sentence}"


def _print_from_submission(error: BaseException, file: TextIO | None) -> None:
    """Print a traceback from the submission's first frame on: those above it are ours."""
    if isinstance(error, ContractError):  # the reason says it all
        return
    frames = error.__traceback__
    while frames is not None and _is_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    _print_exception(type(error), error, frames or error.__traceback__, file=file)


def _is_ours(file: str) -> bool:
    return file.startswith((_OUR_FOLDER, "<frozen importlib"))


def _flush_streams() -> None:
    for name in ("stdout", "stderr", "__stdout__", "__stderr__"):  # those with underscores it has rarely replaced
        with contextlib.suppress(Exception):  # a submission may have closed it or taken it away
            getattr(sys, name).flush()


def main(entry: str, scratch: Path, explain: Explain) -> None:
    """Serve on stdin and stdout for the submission whose file is `entry`; what it prints goes to stderr instead.

    scratch: the absolute path of the child's folder, in whose `home` this process is.
    explain: handed in, since its words say nothing of what is computed and are to change no cell's key.
    """
    commands = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    complaints = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # what was printed before a kill is kept
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    serve(commands, answers, Worker(entry, scratch), explain, complaints)
