"""What a real child is told when a rule of the sandbox is why it failed."""

import errno
import sys

import numpy as np
import pytest

from mbench.child.refusals import TABLE
from mbench.errors import MbenchError
from mbench.sandbox.child_process import Child, ChildFailure
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import Source
from mbench.types import Spec

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is refused")

X = np.linspace(-1, 1, 20)[:, None]
SPEC = Spec(1, 1, len(X), 30.0, threads=1, device="cpu", seed=0)
SOURCE = """{head}
import os, sys
class Estimator:
    def fit(self, X, y):
{body}
    def predict(self, X):
        return X
def build(spec):
    return Estimator()
"""


def source_of(body, head=""):
    text = SOURCE.format(head=head, body="".join(f"        {line}\n" for line in body.splitlines()))
    return Source("idea", "submission.py", (("submission.py", text.encode()),))


@pytest.fixture(scope="module")
def fit_in(lend_nursery):
    """Fit, on a tier, with a body; return the reason why it failed, "" where it did not."""

    def fit(tier, body, head=""):
        try:
            isolation = choose_isolation(tier, allow_none=True)
        except MbenchError:
            pytest.skip(f"this machine does not offer tier {tier}")
        source = source_of(body, head)
        with Child(source, SPEC, isolation=isolation, nursery=lend_nursery(source, 1, isolation)) as child:
            child.build()
            try:
                child.fit(X, X)
                child.predict(X, 30.0)
            except ChildFailure as failure:
                return str(failure)
        return ""

    return fit


CASES = {
    "Pool": ("import multiprocessing\nmultiprocessing.Pool(2)", "ThreadPool"),
    "Lock": ("from multiprocessing import Lock\nLock()", "threading.Lock"),
    "executor": (
        "from concurrent.futures import ProcessPoolExecutor as E\nE(2).submit(abs, 1).result()",
        "ThreadPool",
    ),
    "fork": ("os.fork()", "starts no process"),
    "subprocess": ("import subprocess\nsubprocess.run(['git', 'log'])", "runs no other program"),
    "spawn": ("os.posix_spawn('/bin/true', ['true'], {})", "runs no other program"),
    "exec": ("os.execv('/bin/true', ['true'])", "runs no other program"),
    "asyncio": ("import asyncio\nasync def f(): pass\nasyncio.run(f())", "asyncio opens a pair of sockets"),
    "socket": ("import socket\nsocket.create_connection(('127.0.0.1', 9))", "has no network"),
    "name": ("import urllib.request\nurllib.request.urlopen('http://example.org')", "has no network"),
    "affinity": ("os.sched_setaffinity(0, {0})", "spec.threads threads"),
    "priority": ("os.setpriority(os.PRIO_PROCESS, 0, 5)", "keeps its priority"),
    "shared memory": ("from multiprocessing.shared_memory import SharedMemory as S\nS(create=True, size=9)", "plain"),
    "shared map": ("import mmap\nmmap.mmap(-1, 4096)", "shares no memory"),
    "symbolic link": ("open('a', 'w').close()\nos.symlink('a', 'b')", "copy the file"),
    "another's mode": ("os.chmod(os.__file__, 0o600)", "its own files"),
    "write elsewhere": ("open('/tmp/mbench-test-file', 'w')", "write to a relative path"),
    "write beside": ("open(os.path.dirname(__file__) + '/notes.txt', 'w')", "write to a relative path"),
    "read elsewhere": ("open('/etc/hostname')", "reads libraries only"),
    "data beside the source": ("open(os.path.dirname(__file__) + '/config.json')", "Only the Python files"),
    "data by a relative path": ("import numpy\nnumpy.load('weights.npy')", "Only the Python files"),
    "data in a folder": ("open('data/weights.csv')", "only the Python files"),
    "log in a folder": ("import logging\nlogging.FileHandler('logs/a.log')", "make that folder"),
    "write after chdir": ("os.chdir(os.path.dirname(__file__))\nopen('log.txt', 'w')", "left its working folder"),
    "data sets": ("from sklearn.datasets import load_digits\nload_digits()", "hidden from a submission"),
    "Pipe": ("import multiprocessing\nmultiprocessing.Pipe()", "ThreadPool"),
    "pair of sockets": ("import socket\nsocket.socketpair()", "queue.Queue"),
    "lock on a file": ("import fcntl\nfcntl.flock(open('a', 'w'), fcntl.LOCK_EX)", "locks no files"),
    "data base elsewhere": ("import sqlite3\nsqlite3.connect('/tmp/a.db').execute('select 1')", "relative path"),
    "data without a path": ("import numpy\nnumpy.genfromtxt('weights.csv')", "Only the Python files"),
    "shared library beside": ("import ctypes\nctypes.CDLL('./fast.so')", "Only the Python files"),
    "an error of a library's own": (
        "try:\n    os.fork()\nexcept OSError as error:\n    raise RuntimeError('library failed') from error",
        "starts no process",
    ),
    "an error told in words": ("raise RuntimeError('cannot open x (Error 13: Permission denied)')", "relative path"),
    "too many files": ("held = [open(os.devnull) for _ in range(2000)]", "1,024 files"),
}


@pytest.mark.parametrize("tier", ["A", "B"])
@pytest.mark.parametrize("name", CASES)
def test_a_refusal_names_the_rule_and_the_way_out(fit_in, tier, name):
    body, expected = CASES[name]
    assert expected in fit_in(tier, body)


@pytest.mark.parametrize("tier", ["A", "B"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "from torch.utils.data import DataLoader, TensorDataset\n"
            "list(DataLoader(TensorDataset(torch.zeros(8, 1)), num_workers=2))",
            "num_workers=0",
        ),
        ("torch.zeros(9).share_memory_()", "shares no memory"),
        (
            "import torch.distributed as d\nd.init_process_group('gloo', init_method='tcp://127.0.0.1:29500', rank=0, "
            "world_size=1)",
            "leave torch.distributed out",
        ),
        ("torch.compile(lambda x: torch.sin(x) * 2)(torch.zeros(99))", "leave torch.compile out"),
    ],
    ids=["workers", "shared memory", "distributed", "compile"],
)
def test_a_refusal_of_torch_names_its_own_argument(fit_in, tier, body, expected):
    pytest.importorskip("torch")
    assert expected in fit_in(tier, body, "import torch")


@pytest.mark.parametrize(
    "body",
    [
        "raise ValueError('bad')",
        "raise KeyError('absent')",
        "1 / 0",
        "raise OSError(5, 'Input/output error')",
        "raise PermissionError('said by somebody')",
    ],
)
def test_what_no_rule_has_caused_is_told_as_it_is(fit_in, body):
    reason = fit_in("B", body)
    assert reason.endswith("(submission.py, line 5)")


def test_without_a_sandbox_only_what_does_not_travel_is_a_rule_of_ours(fit_in):
    assert fit_in("C", "raise PermissionError(1, 'Operation not permitted')").endswith("line 5)")
    assert "Only the Python files" in fit_in("C", "open('config.json')")


def test_a_reason_names_files_as_their_author_does(fit_in):
    reason = fit_in("B", "import logging\nlogging.FileHandler('logs/a.log')")
    assert "'logs/a.log'" in reason
    assert "mbench-scratch" not in reason


def test_a_reason_keeps_its_sentence_however_long_the_error_is(fit_in):
    reason = fit_in("B", "try:\n    os.fork()\nexcept OSError as e:\n    raise RuntimeError('x' * 900) from e")
    assert reason.endswith("serially")
    assert len(reason) <= 500


def test_a_sentence_leaves_room_for_the_error():
    assert [refusal.calls for refusal in TABLE if len(refusal.sentence) > 200] == []
    assert all(number in errno.errorcode or number < 0 for refusal in TABLE for number in refusal.errors)


def test_a_traceback_begins_at_the_submissions_first_frame(fit_in):
    source = source_of("raise ValueError('bad')")
    with Child(source, SPEC, isolation=choose_isolation("C", allow_none=True)) as child:
        child.build()
        with pytest.raises(ChildFailure):
            child.fit(X, X)
        lines = child.output.strip().splitlines()
    assert [line for line in lines if "worker.py" in line] == []
    assert "submission.py" in lines[1]


# The working folder


@pytest.mark.parametrize("tier", ["A", "B", "C"])
@pytest.mark.parametrize(
    "body",
    [
        "import tempfile\nassert os.path.realpath(tempfile.gettempdir()) == os.getcwd() == os.path.expanduser('~')",
        "assert os.listdir('.') == []",
        "import numpy as np\nnp.save('best.npy', X)\nassert (np.load('best.npy') == X).all()",
        "import logging\nlogging.basicConfig(filename='train.log', level='INFO', force=True)\nlogging.info('x')\n"
        "assert os.path.getsize('train.log') > 0",
        "import joblib\njoblib.Memory('cache', verbose=0).cache(abs)(-1)\nassert os.listdir('cache')",
        "import shutil, tempfile\nd = tempfile.mkdtemp()\nopen(d + '/a', 'w').write('x')\n"
        "for copy in (shutil.copy, shutil.copy2):\n    copy(d + '/a', d + '/b')\n"
        "    assert open(d + '/b').read() == 'x'",
        "import shutil\nos.makedirs('a/b')\nopen('a/b/c', 'w').close()\nshutil.copytree('a', 'd')\n"
        "shutil.move('d/b', 'e')\nos.replace('e/c', 'a/c')\nassert sorted(os.listdir('a')) == ['b', 'c']",
        "import pathlib\npathlib.Path('a').touch()\npathlib.Path('a').touch()\npathlib.Path('a').chmod(0o600)\n"
        "with open('a') as f: os.fchmod(f.fileno(), 0o600)",
        "import sqlite3\nsqlite3.connect('trials.db').execute('create table t (x)')",
        "assert sys.argv == [__file__], sys.argv",
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--k', default=8)\n"
        "assert p.parse_args().k == 8",
        "import getpass\nassert getpass.getuser()",
        "os.makedirs('runs')\nos.chdir('runs')",
    ],
)
def test_the_working_folder_is_a_place_to_work_in(fit_in, tier, body):
    assert fit_in(tier, body) == ""


@pytest.mark.parametrize("tier", ["A", "B"])
@pytest.mark.parametrize("path", ["os.getcwd()", "os.__file__", "'..'", "'../in/X.npy'", "'/tmp'", "'absent'"])
@pytest.mark.parametrize("call", ["os.chmod({}, 0o700)", "os.utime({})", "os.utime({}, (1, 1))"])
def test_a_mode_or_time_elsewhere_is_refused_as_before(fit_in, tier, path, call):
    assert "PermissionError" in fit_in(tier, call.format(path))
