import os
import signal
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import psutil
import pytest

from mbench.errors import HarnessError
from mbench.sandbox.child_process import Child, child_environment, open_nursery
from mbench.sandbox.nursery import IS_SUPPORTED, Nursery
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import Source, read_submission
from mbench.types import Spec

pytestmark = pytest.mark.skipif(not IS_SUPPORTED, reason="children are forked on Linux only")


@pytest.mark.parametrize(
    ("source", "libraries"),
    [
        ("import numpy as np\nfrom sklearn.svm import SVR\nimport torch.nn", ("numpy", "sklearn.svm", "torch.nn")),
        ('"""Docs."""\nfrom __future__ import annotations\nimport scipy', ("scipy",)),
        ("import os\nos.environ['OMP_NUM_THREADS'] = '1'\nimport numpy", ()),
        ("import hangs_on_import\nimport antigravity", ()),
        ("def build(spec):\n    import torch", ()),
        ("from . import torch\nfrom .numpy import x", ()),
        ("from mbench.nn import MLP\nimport mbench.nn.features", ("mbench.nn", "mbench.nn.features")),
        (
            "import mbench.suite.orbits\nfrom mbench.suite.tasks.surfaces import Shell\nfrom mbench import suite",
            (),
        ),
        ("import sklearn.conftest\nfrom sklearn.tree.tests.test_tree import digits\nimport torch._C", ()),
    ],
    ids=[
        "plain",
        "docstring",
        "after another statement",
        "unknown",
        "inside a function",
        "relative",
        "ours",
        "truth",
        "tests",
    ],
)
def test_only_well_known_libraries_imported_first_of_all_are_imported_ahead(submission_file, source, libraries):
    path = submission_file(f"{source}\ndef build(spec): ...")
    assert read_submission(path).libraries == libraries


def test_a_module_of_the_submission_named_like_a_library_is_not_imported_ahead():
    """One that is read from a file is refused; of a source made otherwise nothing is known."""
    files = (("submission.py", b"import torch\ndef build(spec): ..."), ("torch.py", b""))
    assert Source("idea", "submission.py", files).libraries == ()
    assert Source("idea", "submission.py", files[:1]).libraries == ("torch",)


def test_a_nursery_that_is_gone_says_so(tmp_path):
    with Nursery((), child_environment(1)) as nursery:
        nursery._process.kill()
        nursery._process.wait()
        with pytest.raises(HarnessError, match="nursery of child processes"):
            nursery.fork(tmp_path, "submission.py")


def test_nothing_is_left_when_the_harness_is_killed(tmp_path, submission_file, estimator):
    """Not even what a child forked: the nursery outlives the harness for as long as it takes to kill it."""
    path = submission_file(
        estimator(fit="import os\nif os.fork() == 0:\n    os.setsid()\nprint('pid', os.getpid())\nwhile True: pass")
    )
    code = f"""
from mbench.sandbox.tiers import choose_isolation
from mbench.sandbox.child_process import Child, open_nursery
from mbench.submission import read_submission
from mbench.types import Spec
import numpy as np, threading, time
source = read_submission({str(path)!r})
none = choose_isolation("C", allow_none=True)
with open_nursery(source, 1, none) as nursery:
    with Child(source, Spec(1, 1, 20, 600.0, 1, "cpu", 0), isolation=none, nursery=nursery) as child:
        child.build()
        def tell():
            while child.output.count("pid") < 2:
                time.sleep(0.02)
            print(child.output, flush=True)
        threading.Thread(target=tell, daemon=True).start()
        child.fit(np.zeros((20, 1)), np.zeros((20, 1)))
"""
    harness = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pids = [int(harness.stdout.readline().split()[1]) for _ in range(2)]
    processes = [psutil.Process(pid) for pid in pids]
    os.kill(harness.pid, signal.SIGKILL)
    harness.communicate()
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert alive == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import numpy as np\ndef build(spec):\n    import torch", ("torch",)),
        ("import os\nimport scipy\ndef build(spec):\n    from sklearn.svm import SVR", ("sklearn.svm.SVR",)),
        ("import os\nos.environ['A'] = '1'\nimport numpy\ndef build(spec): ...", ("numpy",)),
        ("def build(spec):\n    import antigravity, mbench.suite.orbits\n    from .numpy import x", ()),
        ("def build(spec):\n    from sklearn.tree.tests.test_tree import digits\n    import torch._C", ()),
    ],
    ids=["in a function", "from", "after another statement", "unknown and truth", "tests"],
)
def test_well_known_libraries_imported_anywhere_else_are_loaded_later(submission_file, source, names):
    assert read_submission(submission_file(source)).later_libraries == names


@pytest.mark.parametrize("forks", [False, True], ids=["started", "forked"])
def test_no_fit_is_charged_for_loading_what_the_submission_names(submission_file, estimator, forks):
    fit = "before = set(sys.modules)\nfrom sklearn.svm import SVR\nimport torch\n"
    fit += "net = torch.nn.Linear(1, 1)\noptimizer = torch.optim.Adam(net.parameters())\n"
    fit += "net(torch.tensor(X).float()).sum().backward()\noptimizer.step()\n"
    fit += "print(len(set(sys.modules) - before))"
    source = read_submission(submission_file(estimator(fit=fit)))
    isolation = choose_isolation("C", allow_none=True)
    with (
        open_nursery(source, 1, isolation) if forks else nullcontext() as nursery,
        Child(source, Spec(1, 1, 20, 30.0, 1, "cpu", 0), isolation=isolation, nursery=nursery) as child,
    ):
        child.build()
        child.fit(np.zeros((20, 1)), np.zeros((20, 1)))
        assert int(child.output) <= 3  # of the 823 that come with the first optimiser, and the thousands before


def test_all_optimisers_of_torch_find_loaded_what_they_need():
    code = """
import sys, torch
from mbench.child.start import import_ahead
import_ahead(["torch"])
before = set(sys.modules)
for name, kind in vars(torch.optim).items():
    if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer) and kind is not torch.optim.Optimizer:
        weight = torch.zeros(2, 2, requires_grad=True)
        if name == "SparseAdam":
            continue
        optimizer = kind([weight])
        optimizer.step(lambda: weight.sum().backward() or weight.sum())
        torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10).step()
print(len(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 3
