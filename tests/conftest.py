import contextlib
import os
import shutil
import signal
import subprocess
import sys
import textwrap

# Workers share the cores: a library's threads that wait for one burn another. Children get theirs from the harness.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from click.testing import CliRunner

from mbench.cli import main
from mbench.results.record import SCHEMA_VERSION, Costs, Metrics, Record
from mbench.results.store import ResultStore
from mbench.sandbox.child_process import child_environment, open_nursery
from mbench.suite.tracks import SUITE_VERSION

# What boards keep is this machine's user's: a test that is after it has a place of its own.
os.environ["MBENCH_CACHE_DIR"] = ""

# What a shell starts in the background ignores SIGINT, and so would the commands started here to be interrupted.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# From the command line to a score: what a checkout in which something is missing cannot do.
SMOKE = ("test_api.py", "test_check.py", "test_imports.py", "test_readme.py", "test_tasks.py")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Have workers that were asked for run whole stretches of files, so that what a file sets up is set up once."""
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "worksteal"


def pytest_collection_modifyitems(items):
    """Mark the smoke subset, whole files by their names."""
    for item in items:
        if item.path.name in SMOKE:
            item.add_marker(pytest.mark.smoke)


@pytest.fixture
def rng():
    return np.random.default_rng(20_261_121)


@pytest.fixture
def mbench(tmp_path, monkeypatch):
    """Run the command in an empty folder, inside this process."""
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        if "--debug" not in arguments:
            assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    yield run
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def start(tmp_path):
    """Start the command as a process of its own, in an empty folder; what still runs after the test is killed."""
    started = []

    def run(*arguments, **options):
        command = [sys.executable, "-m", "mbench", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path}
        started.append(subprocess.Popen(command, **pipes | options))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    """Lend Debian's Chromium, headless."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def store(tmp_path):
    return ResultStore(tmp_path / "results")


@pytest.fixture
def submission_file(tmp_path):
    """Write a submission, or a module beside it, and return its path."""

    def write(source, name="submission.py"):
        path = tmp_path / "submissions" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source if isinstance(source, bytes) else textwrap.dedent(source).encode())
        return path

    return write


@pytest.fixture(scope="module")
def lend_nursery():
    """Lend the nursery of a submission's children, None where there can be none; the same libraries share one."""
    with contextlib.ExitStack() as stack:
        nurseries = {}

        def lend(source, threads, isolation):
            key = source.libraries, isolation, tuple(child_environment(threads).items())
            if key not in nurseries:
                nurseries[key] = stack.enter_context(open_nursery(source, threads, isolation))
            return nurseries[key]

        yield lend


@pytest.fixture(scope="session")
def estimator():
    """Return the source of a submission that predicts the mean, but for the bodies given."""

    def write(
        fit="self.mean = y.mean(axis=0)\nreturn self",
        predict="return np.tile(self.mean, (len(X), 1))",
        head="",
        build="",
    ):
        return "\n".join(
            (
                "import os, sys",
                "import numpy as np",
                textwrap.dedent(head),
                "class Estimator:",
                "    def fit(self, X, y):",
                textwrap.indent(textwrap.dedent(fit), " " * 8),
                "    def predict(self, X):",
                textwrap.indent(textwrap.dedent(predict), " " * 8),
                "def build(spec):",
                textwrap.indent(textwrap.dedent(build) or "return Estimator()", " " * 4),
                "",
            )
        )

    return write


@pytest.fixture(scope="session")
def make_record():
    """Return a valid record, but for the fields given."""

    def make(**changes):
        fields = {
            "schema": SCHEMA_VERSION,
            "suite": SUITE_VERSION,
            "key": "0" * 64,
            "submission": "idea",
            "source_digest": "1" * 64,
            "task": "curve",
            "task_digest": "2" * 64,
            "track": "quick",
            "replicate": 0,
            "n_samples": 1_000,
            "fit_limit_s": 5.0,
            "seed": 7,
            "threads": 1,
            "device": "cpu",
            "isolation": "C",
            "test_set": "public",
            "harness_digest": "3" * 64,
            "status": "ok",
            "reason": "",
            "metrics": Metrics(0.25, {"psnr_db": 12.5}),
            "costs": Costs(fit_s=0.5, predict_us_per_point=1.5, model_bytes=1_000, peak_memory_mb=50.0),
            "output": "",
            "environment": {"python": "3.11"},
            "created": "2026-01-01T00:00:00+00:00",
        }
        return Record(**fields | changes)

    return make
