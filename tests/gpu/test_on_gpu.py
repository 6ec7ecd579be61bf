"""Networks learn on a GPU what they learn on the CPU, in the sandbox. `run_on_gpu.sh` tells more, without pytest."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mbench.child import seccomp
from mbench.sandbox.tiers import has_gpu


def _why_not():
    if not has_gpu():
        return "this machine has no NVIDIA driver"
    import torch

    return "" if torch.cuda.is_available() else f"PyTorch {torch.__version__} finds no CUDA device"


WHY_NOT = _why_not()
needs_gpu = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


def load_script(name):
    specification = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@needs_gpu
@pytest.mark.parametrize("name", ["mlp", "siren", "fourier", "dense_grid"])
def test_a_network_scores_on_a_gpu_what_it_scores_on_the_cpu(name, tmp_path):
    script = load_script("on_gpu")
    on_gpu, on_cpu = (script.evaluate(name, device, tmp_path / device) for device in ("cuda", "cpu"))
    ends = {task: (cell["status"], cell["reason"]) for task, cell in on_gpu["cells"].items()}
    assert ends == dict.fromkeys(script.TASKS, ("ok", ""))
    compared = script.compare(on_gpu, on_cpu)
    assert compared["same"], compared


def test_scores_apart_and_failures_are_told_from_the_same():
    script = load_script("on_gpu")

    def outcome(score, status="ok"):
        cells = {task: {"status": status} for task in script.TASKS}
        return {"name": "x", "scores": dict.fromkeys(script.TASKS, score), "cells": cells}

    assert script.compare(outcome(50.0), outcome(50.0))["same"]
    assert not script.compare(outcome(50.0), outcome(50.1 + script.TOLERANCE))["same"]
    assert not script.compare(outcome(0.0, "crash"), outcome(0.0, "crash"))["same"]
    assert not script.compare({"name": "x", "scores": {}, "cells": {}}, outcome(50.0))["same"]


def test_the_script_is_a_script():
    checked = subprocess.run(["bash", "-n", str(Path(__file__).with_name("run_on_gpu.sh"))], check=False)
    assert checked.returncode == 0


@pytest.mark.skipif(not seccomp.is_supported(), reason="no filter for this machine")
def test_what_the_filter_stops_is_told_with_its_answer():
    code = "import json, refusals\n"
    code += "refusals.COMPUTE = 'import os; os.posix_fadvise(0, 0, 0, 0); os.sync(); os.fork()'\n"
    code += "print(json.dumps(refusals.run({'filter'})))"
    folder = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    calls = {call.partition("(")[0]: call.rpartition(" ")[2] for call in told["refused"]}
    assert calls == {"fadvise64": "ok", "sync": "ok", "clone": "EPERM"}
    assert told["exit"] == 1
    assert "PermissionError" in told["last"][-1]
