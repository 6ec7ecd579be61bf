"""The child's side of a cell: obeys one command a line, runs the submission, answers with one JSON line.

Commands: build, fit, watch, recall, predict, list_imports, save, load. `mbench.sandbox.child_process` starts it in a
scratch folder:

    submission/          the source            out/predictions.npy   (m, k) float32, written by predict
    in/X.npy, in/y.npy   before fit, watch     out/artifact          the fitted estimator, written by save
    in/queries.npy       before predict        in/artifact           before load
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mbench.child.imports import timing_imports
from mbench.child.snapshots import Snapshot, SnapshotError, Snapshots, takes_snapshot
from mbench.child.start import import_ahead
from mbench.types import FloatArray, Spec

# Rows per call of predict: bounds a submission's memory. A stream comes in at least three blocks, so that queries asked
# twice show whether answers depend on the block.
PREDICT_BLOCK = 65_536
MIN_BLOCKS = 3


class ContractError(Exception):
    """The submission ran but did not keep to the contract; the status says how."""

    def __init__(self, status: str, reason: str) -> None:
        """status: a cell's status.  reason: one line for its author."""
        super().__init__(reason)
        self.status = status


class Worker:
    """Holds the submission's estimator between commands."""

    def __init__(self, entry: str) -> None:
        """entry: the submission's file, relative to the folder `submission`."""
        self.entry = Path("submission") / entry
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
            build = self._import_build()
        except BaseException as error:
            raise ContractError("refused", f"cannot be imported: {_describe(error)}") from error
        if not callable(build):
            raise ContractError("refused", "has no build. Define `def build(spec):` that returns an estimator")
        try:
            self.estimator = build(Spec(**spec))
        except BaseException as error:
            raise ContractError("refused", f"build(spec) raised {_describe(error)}") from error
        if self.estimator is None:
            raise ContractError("refused", "build(spec) returned None. Is its `return` missing?")
        for method in ("fit", "predict"):
            if not callable(getattr(self.estimator, method, None)):
                kind = type(self.estimator).__name__
                raise ContractError("refused", f"build(spec) returned {kind} without {method}. Return an estimator")
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
            self.estimator = cloudpickle.loads(self.snapshots[number].content)
        except Exception as error:
            raise ContractError("crash", f"a snapshot cannot be loaded: {_describe(error)}") from error
        return {}

    def predict(self) -> dict[str, Any]:
        """Predict the queries block by block."""
        queries = np.load("in/queries.npy", mmap_mode="r", allow_pickle=False)
        predictions = np.empty((len(queries), self.n_outputs), dtype="<f4")
        import_s = 0.0
        size = min(PREDICT_BLOCK, max(1, len(queries) // MIN_BLOCKS))
        for start in range(0, len(queries), size):
            block = np.array(queries[start : start + size])
            try:
                with timing_imports() as imports:
                    answer = self.estimator.predict(block)
            except Exception as error:
                raise ContractError("crash", f"predict(X) raised {_describe(error)}") from error
            import_s += imports.seconds
            predictions[start : start + len(block)] = check_answer(answer, len(block), self.n_outputs)
        np.save("out/predictions.npy", predictions, allow_pickle=False)
        return {"import_s": import_s}

    def list_imports(self) -> dict[str, Any]:
        """Answer with the first names of all modules that are imported by now, but for the standard library's."""
        names = {name.partition(".")[0] for name in list(sys.modules)}
        return {"imports": sorted(names - sys.stdlib_module_names)}

    def save(self) -> dict[str, Any]:
        """Store the fitted estimator, for pictures later."""
        try:
            content = _pickle(self.estimator)
        except Exception as error:
            raise ContractError("crash", f"the fitted estimator cannot be pickled: {_describe(error)}") from error
        Path("out/artifact").write_bytes(content)
        return {}

    def load(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Take up an estimator stored by `save`."""
        import cloudpickle

        self.n_outputs = spec["n_outputs"]
        seed_everything(spec["seed"])
        try:
            self._import_build()  # the artifact refers to classes of this module
            self.estimator = cloudpickle.loads(Path("in/artifact").read_bytes())
        except Exception as error:
            raise ContractError("refused", f"the stored estimator cannot be loaded: {_describe(error)}") from error
        return {}

    def _fit(self, **options: Any) -> None:
        X, y = np.load("in/X.npy", allow_pickle=False), np.load("in/y.npy", allow_pickle=False)
        try:
            fitted = self.estimator.fit(X, y, **options)
        except Exception as error:
            raise ContractError("crash", f"fit(X, y) raised {_describe(error)}") from error
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            values = np.asarray(answer)
        except Exception as error:
            raise ContractError("invalid", f"predict() returned no array ({_describe(error)}), {expected}") from error
    if values.dtype.kind not in "fiub":
        kind = str(values.dtype) if values.dtype.kind != "O" else type(answer).__name__
        if kind in ("ndarray", "list", "tuple"):
            kind += " of objects"
        raise ContractError("invalid", f"predict() returned {kind}, expected an array of real numbers {expected[9:]}")
    if n_outputs == 1 and values.shape == (n_rows,):
        values = values[:, None]
    if values.shape != (n_rows, n_outputs):
        raise ContractError(
            "invalid",
            f"predict() returned shape {values.shape}, {expected}. Return one row per query, one column per output",
        )
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    if not np.isfinite(single).all():
        bad = int(np.flatnonzero(~np.isfinite(single).all(axis=1))[0])
        raise ContractError(
            "invalid", f"predict() returned {values[bad].tolist()} in row {bad}: every value must be finite as float32"
        )
    return single


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


def _print_traceback(error: BaseException) -> None:
    with contextlib.suppress(Exception):  # a submission may have closed stderr, or its exception may not print
        traceback.print_exception(error)


def serve(commands: io.TextIOBase, answers: io.TextIOBase, worker: Worker) -> None:
    """Say that we are up, then obey commands until the end of the stream."""
    answers.write(json.dumps({"event": "started"}) + "\n")
    answers.flush()
    for line in commands:
        command = json.loads(line)
        verb, token = command.pop("do"), command.pop("token")
        try:
            answer = {"event": "done", **getattr(worker, verb)(**command)}
        except MemoryError as error:
            answer = {"event": "failed", "status": "out-of-memory", "reason": f"{verb}: {_describe(error)}"}
        except ContractError as error:
            cause = error.__cause__
            _print_traceback(cause or error)
            status = "out-of-memory" if _wants_memory(cause) else error.status
            answer = {"event": "failed", "status": status, "reason": str(error)}
        except BaseException as error:
            _print_traceback(error)
            answer = {"event": "failed", "status": "crash", "reason": f"{verb}: {_describe(error)}"}
        for stream in ("stdout", "stderr"):
            with contextlib.suppress(Exception):  # a submission may have closed it or taken it away
                getattr(sys, stream).flush()
        answers.write(json.dumps({**answer, "token": token}) + "\n")
        answers.flush()


def main(entry: str) -> None:
    """Serve on stdin and stdout for the submission whose file is `entry`; what it prints goes to stderr instead."""
    commands = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # what was printed before a kill is kept
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    serve(commands, answers, Worker(entry))


if __name__ == "__main__":
    main(sys.argv[1])
