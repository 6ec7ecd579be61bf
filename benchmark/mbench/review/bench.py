"""How fast mbench itself is, as ratios from one run: machines differ, and are noisy."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np

from mbench.api import run_evaluation
from mbench.board.kept_contenders import VARIABLE
from mbench.errors import HarnessError
from mbench.results.index import SETTLED_NS
from mbench.results.record import Result
from mbench.results.store import ResultStore
from mbench.review.synthetic_board import TRACK, write_board, write_cells
from mbench.runs.cells import Cell
from mbench.runs.evaluate import evaluate_source
from mbench.runs.progress import Progress
from mbench.runs.run import Run
from mbench.runs.settings import Settings
from mbench.sandbox.child_process import child_environment
from mbench.submission import BASELINES_FOLDER, Source, read_submission
from mbench.suite.orbits import escape_time
from mbench.suite.sampler import stream_key, uniform_rows
from mbench.suite.tracks import DEFAULT_TRACK
from mbench.types import ComplexArray, IntArray

Outcome = TypeVar("Outcome")

KERNEL_MAX_ITER = 1000
BAILOUT = 256.0
HARNESS_JOBS = 2
MANY_POINTS = 10_000_000
BOARDS = (100, 1_000)
_NAMES = "import pathlib, sys; from mbench.results.names import stored_names; stored_names(pathlib.Path(sys.argv[1]))"
_NUMPY_BLOCK = 131_072  # the fastest of 8,192 to 1,000,000


@dataclass(frozen=True, slots=True)
class Measurement:
    """One line of the table: what was measured, the figure, and what was hoped for."""

    group: str
    what: str
    figure: str
    expected: str = ""


def bench_kernel(n_points: int = 500_000) -> Iterator[Measurement]:
    """Time the truth kernel on one core against a masked torch loop and numpy with compaction, on the same points.

    torch gets one point in 25, evenly spaced, being that much slower. All three must agree on every count.
    """
    lower, upper = np.array([-2.65, -1.2]), np.array([1.15, 1.2])
    points = lower + (upper - lower) * uniform_rows(stream_key("bench", "kernel", 0), 0, n_points, 2)
    c = points.view(np.complex128)[:, 0]
    escape_time(c[:100], max_iter=KERNEL_MAX_ITER, derivative=False, threads=1)  # compiled, or read from its cache
    ours_s, ours = _best_of(3, lambda: _our_counts(c))
    ours_rate = n_points / ours_s / 1e6
    yield Measurement("kernel", f"numba, one core, max_iter {KERNEL_MAX_ITER}", f"{ours_rate:.1f} Mpoint/s")
    for name, count, step, expected in (
        ("numpy with compaction", count_with_numpy, 1, "≥ 4 ×"),
        ("masked torch loop", count_with_torch, 25, "≥ 100 ×"),
    ):
        part = np.ascontiguousarray(c[::step])
        seconds, counts = _best_of(2, lambda count=count, part=part: count(part, KERNEL_MAX_ITER))
        if not np.array_equal(counts, ours[::step]):
            raise HarnessError(f"{name} and the kernel disagree on an escape time")
        rate = len(part) / seconds / 1e6
        figure = f"{rate:.2f} Mpoint/s: the kernel is {ours_rate / rate:.1f} × as fast"
        yield Measurement("kernel", f"{name}, one core", figure, expected)


def count_with_numpy(c: ComplexArray, max_iter: int) -> IntArray:
    """Count iterations until |z| > 256 with numpy, as well as numpy can: (n,); max_iter where none did.

    Points are dropped as they escape, in blocks of the best size; the cardioid and the period-2 disc are known.
    """
    counts = np.full(len(c), max_iter, dtype=np.int32)
    for start in range(0, len(c), _NUMPY_BLOCK):
        # Not complex: numpy multiplies complex numbers with fused operations where it can, and counts come to differ.
        a, b = (np.ascontiguousarray(part) for part in (c.real[start:][:_NUMPY_BLOCK], c.imag[start:][:_NUMPY_BLOCK]))
        q = (a - 0.25) ** 2 + b * b
        inside = (q * (q + a - 0.25) <= 0.25 * b * b) | ((a + 1.0) ** 2 + b * b <= 0.0625)
        row = np.flatnonzero(~inside)
        a, b = a[row], b[row]
        x, y = a, b
        for n in range(1, max_iter + 1):
            xx, yy = x * x, y * y
            kept = xx + yy <= BAILOUT * BAILOUT
            if not kept.all():
                counts[start + row[~kept]] = n
                row = row[kept]
                x, y, xx, yy, a, b = (values[kept] for values in (x, y, xx, yy, a, b))
                if not len(row):
                    break
            x, y = xx - yy + a, 2.0 * x * y + b
    return counts


def count_with_torch(c: ComplexArray, max_iter: int) -> IntArray:
    """Count iterations as the usual tutorial does: every point is iterated to the end under a mask."""
    import torch

    torch.set_num_threads(1)
    c_tensor = torch.from_numpy(c)
    z = torch.zeros_like(c_tensor)
    counts = torch.full(c_tensor.shape, max_iter)
    inside = torch.ones(c_tensor.shape, dtype=torch.bool)
    for n in range(1, max_iter + 1):
        z = torch.where(inside, z * z + c_tensor, z)
        escaped = inside & (z.real**2 + z.imag**2 > BAILOUT**2)
        counts[escaped] = n
        inside &= ~escaped
    return counts.numpy()


def bench_start() -> Iterator[Measurement]:
    """Take the processor seconds of fresh interpreters: `import mbench`, `--help`, `check` and a first evaluation.

    The last without the machine code that numba keeps, as on a machine that never ran mbench.
    """
    knn = str(BASELINES_FOLDER / "knn.py")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        bare_s = min(_measure_process(["-c", "pass"], place)[0] for _ in range(5))
        for what, arguments, limit in (
            ("import mbench", ["-c", "import mbench"], "< 0.03 s"),
            ("mbench --help", ["-m", "mbench", "--help"], "< 0.1 s"),
            ("mbench check knn.py", ["-m", "mbench", "check", knn], "< 2 s"),
        ):
            seconds = min(_measure_process(arguments, place)[0] for _ in range(5))
            yield Measurement("start", what, f"{seconds:.2f} s (an empty Python: {bare_s:.2f} s)", limit)
        command = ["-m", "mbench", "evaluate", knn, "--task", "mandelbrot", "--fresh", "--no-pictures"]
        for what, cache in (("no machine code", "empty"), ("machine code", "empty")):
            started = time.monotonic()
            _measure_process(command, place, {"NUMBA_CACHE_DIR": str(place / cache)})
            took_s = time.monotonic() - started
            yield Measurement("start", f"evaluate knn on mandelbrot where numba has kept {what}", f"{took_s:.1f} s")


def bench_board() -> Iterator[Measurement]:
    """Time `mbench leaderboard` and `mbench site` on invented boards, and a search of an invented results folder.

    The leaderboard before anything is kept of its entries and after, the search without and with an index. Processor
    seconds of this user's, of a fresh process each, since a board of 1,000 takes as long as an import.
    """
    for n_entries in BOARDS:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            submissions = ["--submissions", str(write_board(place / "submissions", n_entries))]
            kept = {VARIABLE: str(place / "kept")}
            command = ["-m", "mbench", "leaderboard", "--track", TRACK, "--recorded", "--format", "md", *submissions]
            for when, limit in (("for the first time", ""), ("again", "≤ 3 s, ≤ 500 MB")):
                seconds, peak_mb = _measure_process(command, place, kept)
                what = f"leaderboard of {n_entries:,} entries, {when}"
                limit = limit if n_entries == BOARDS[-1] else ""
                yield Measurement("board", what, f"{seconds:.1f} s, {peak_mb:.0f} MB", limit)
            command = [
                "-m",
                "mbench",
                "site",
                "--track",
                TRACK,
                "--recorded",
                "--out",
                str(place / "site"),
                *submissions,
            ]
            seconds, _ = _measure_process(command, place, kept)
            limit = "≤ 20 s" if n_entries == BOARDS[-1] else ""
            yield Measurement("board", f"site of {n_entries:,} entries without pictures", f"{seconds:.1f} s", limit)
    with tempfile.TemporaryDirectory() as folder:
        results = write_cells(Path(folder) / "results", BOARDS[-1])
        n = len(list((results / "cells").iterdir()))
        time.sleep(SETTLED_NS / 1e9)  # the youngest record, too, is to be believed of the index
        for what, limit in (("before there is an index", ""), ("with its index", "≤ 3 s")):
            seconds, _ = _measure_process(["-c", _NAMES, str(results)], Path(folder))
            where = f"names in a results folder of {n:,} records, {what}"
            yield Measurement("board", where, f"{seconds:.1f} s", limit)


def _measure_process(
    arguments: list[str], folder: Path, environment: Mapping[str, str] | None = None
) -> tuple[float, float]:
    """Return the processor seconds that a fresh interpreter takes in a folder, and its peak memory in MB.

    Those of its children count, too.  environment: what differs from ours.
    """
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | dict(environment or {}),
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise HarnessError(
            f"{' '.join(arguments[:3])} ended with code {process.returncode}. Run it by itself to see why"
        )
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit


def bench_harness() -> Iterator[Measurement]:
    """Run `quick` with two jobs and say what the harness took of the time, beside the submission's fit and predict.

    Three shares: of the time in which no submission was fitting or predicting at all; of both jobs' time together, in
    which a job that loads while the other fits counts as overhead too; and of the first without what a bare script
    would spend as well, one import of the submission's libraries in a process that does nothing else. Then the first
    of them of all the submissions together. Before these, the wall time beside that of `bare_run`.
    """
    walls_s, idles_s = [], []
    for name, limit in (("knn", "≤ 1.15 ×"), ("mlp", "≤ 1.05 ×")):
        yield _measure_against_bare(name, limit)
    for name, limit in (("knn", "< 40 s"), ("mlp", "< 120 s"), ("fourier", "")):
        source = read_submission(BASELINES_FOLDER / f"{name}.py")
        clock = _PhaseClock()
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            run_evaluation(
                source,
                jobs=HARNESS_JOBS,
                out=Path(folder),
                pictures=False,
                report=clock,
            )
            wall_s = time.monotonic() - started
        yield Measurement("harness", f"evaluate {name}, quick, {HARNESS_JOBS} jobs", f"{wall_s:.1f} s", limit)
        idle_s = wall_s - clock.covered_s()
        walls_s.append(wall_s)
        idles_s.append(idle_s)
        lanes = 1.0 - clock.summed_s() / (HARNESS_JOBS * wall_s)
        figure = f"{idle_s / wall_s:.0%} of the wall time, {lanes:.0%} of both jobs' time"
        yield Measurement("harness", f"no fit or predict of {name} under way", figure, "≤ 15%")
        import_s = _best_of(3, lambda source=source: _import_alone(source))[0]
        figure = f"{max(0.0, idle_s - import_s) / (wall_s - import_s):.0%} of the wall time"
        yield Measurement("harness", f"the same without its libraries' import of {import_s:.1f} s", figure)
    figure = f"{sum(idles_s) / sum(walls_s):.0%} of the wall time"
    yield Measurement("harness", "no fit or predict under way, of all three together", figure)


def _measure_against_bare(name: str, limit: str) -> Measurement:
    """Time `mbench evaluate` on `quick` against a script that does the same without the harness."""
    path = str(BASELINES_FOLDER / f"{name}.py")
    evaluate = ["mbench", "evaluate", path, "--fresh", "--no-pictures", "--jobs", str(HARNESS_JOBS)]
    bare = ["mbench.review.bare_run", path, DEFAULT_TRACK, str(HARNESS_JOBS)]
    one_thread = {"OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        evaluate_s, bare_s = (
            min(_measure_process(["-m", *module], Path(folder), one_thread)[0] for _ in range(2))
            for module in (evaluate, bare)
        )
    figure = f"{evaluate_s / bare_s:.2f} × ({evaluate_s:.1f} s and {bare_s:.1f} s)"
    return Measurement("harness", f"evaluate {name}, quick, beside a bare script", figure, limit)


def _import_alone(source: Source) -> None:
    """Import a submission's libraries as the nursery does, in a process of their own that tears nothing down."""
    code = f"import os, {', '.join(source.libraries)}; os._exit(0)"
    command = [sys.executable, "-s", "-P", "-B", "-c", code]
    subprocess.run(command, env=child_environment(threads=1), check=True)


class _PhaseClock:
    """A report callback that notes when each cell was fitting or predicting."""

    def __init__(self) -> None:
        self._since: dict[Cell, float] = {}
        self._spans: list[tuple[float, float]] = []
        self._lock = Lock()

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        with self._lock:
            if (start := self._since.pop(progress.cell, None)) is not None:
                self._spans.append((start, now))
            if progress.phase in ("fitting", "predicting"):
                self._since[progress.cell] = now

    def summed_s(self) -> float:
        """Return the seconds of all spans together."""
        return sum(end - start for start, end in self._spans)

    def covered_s(self) -> float:
        """Return the seconds in which at least one span was under way."""
        covered, reached = 0.0, 0.0
        for start, end in sorted(self._spans):
            covered += max(0.0, end - max(start, reached))
            reached = max(reached, end)
        return covered


def bench_memory() -> Iterator[Measurement]:
    """Run k-NN on `large` tasks, and on ten million points, and report the harness's own peak memory.

    Each in a fresh process, since a peak is never forgotten.
    """
    peak_mb, _ = _measure_peak("evaluate_large")
    yield Measurement("memory", "peak of the harness at large, k-NN, 1 job", f"{peak_mb:.0f} MB", "< 1 GB")
    peak_mb, child_mb = _measure_peak("evaluate_many_points")
    what = f"peak of the harness at {MANY_POINTS:,} points of mandelbrot, k-NN"
    yield Measurement("memory", what, f"{peak_mb:.0f} MB, the submission's own {child_mb:.0f} MB", "< 1 GB")


def _measure_peak(function: str) -> tuple[float, float]:
    """Return the peak memory in MB of a process that calls one of the two below, and of its largest child."""
    code = f"import sys; from mbench.review import bench; print(bench.{function}(sys.argv[1]), bench.own_peak_mb())"
    with tempfile.TemporaryDirectory() as folder:
        answer = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    child_mb, peak_mb = map(float, answer.stdout.split())
    return peak_mb, child_mb


def own_peak_mb() -> float:
    """Return the most memory in MB that this process has held."""
    if sys.platform == "linux":  # where getrusage starts out with the peak of whoever started us
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 2**10
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


def evaluate_large(folder: str) -> float:
    """Evaluate k-NN on the largest task of each kind of the track `large`, one cell at a time; return its own peak."""
    outcome = run_evaluation(
        read_submission(BASELINES_FOLDER / "knn.py"),
        track="large",
        tasks=("mandelbrot", "mandelbrot-distance", "china", "shell"),
        replicates=1,
        jobs=1,
        out=Path(folder),
        pictures=False,
    )
    return _peak_of_children(outcome.result)


def evaluate_many_points(folder: str) -> float:
    """Evaluate k-NN on ten times the sample of `large`, a cell of no track; return its own peak in MB."""
    cell = Cell("mandelbrot", "large", 0, MANY_POINTS, 1_000.0)
    source = read_submission(BASELINES_FOLDER / "knn.py")
    return _peak_of_children(evaluate_source(Run(source, Settings()), [cell], ResultStore(Path(folder)))[0])


def _peak_of_children(result: Result) -> float:
    failed = [f"{record.task}: {record.reason}" for record in result.records if not record.ok]
    if failed:
        raise HarnessError(f"a cell failed, so its memory says nothing: {failed[0]}")
    return max(record.costs.peak_memory_mb or 0.0 for record in result.records)


GROUPS: dict[str, Callable[[], Iterator[Measurement]]] = {
    "kernel": bench_kernel,
    "start": bench_start,
    "board": bench_board,
    "harness": bench_harness,
    "memory": bench_memory,
}


def _our_counts(c: ComplexArray) -> IntArray:
    return escape_time(c, max_iter=KERNEL_MAX_ITER, bailout=BAILOUT, derivative=False, threads=1).count


def _best_of(n: int, work: Callable[[], Outcome]) -> tuple[float, Outcome]:
    """Return the shortest of n times in seconds and the last result."""
    best_s = math.inf
    while True:
        started = time.perf_counter()
        result = work()
        best_s = min(best_s, time.perf_counter() - started)
        n -= 1
        if n <= 0:
            return best_s, result
