"""Evaluate four networks on a GPU and on the CPU, and compare: `python tests/gpu/on_gpu.py OUT.json`.

`run_on_gpu.sh` makes the interpreter for it. Every step is bounded, and what was found is written after each of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NETWORKS = ("mlp", "siren", "fourier", "dense_grid")
TASKS = ("mandelbrot", "mandelbrot-distance", "china", "sphere", "curve", "digits")
LAYERS = ("none", "limits", "files", "filter", "limits+files+filter", "forked+limits+files+filter")
WIDER = ("files+proc", "files+sys", "files+dev", "files+proc+sys+dev")
PROBE_S, INFO_S, GPU_S, CPU_S = 40, 60, 85, 300
# Points of a score. A network of another order of sums ends elsewhere: two seeds of one lie as far apart.
TOLERANCE = 3.0


def run_bounded(command: list[str], limit_s: float) -> dict[str, Any]:
    """Run a command; return its exit code (None past its limit), its seconds, and the end of what it printed."""
    started = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
        code, out, said = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        code, out, said = None, *((stream or b"").decode("utf-8", "replace") for stream in (late.stdout, late.stderr))
    return {"exit": code, "seconds": round(time.monotonic() - started, 1), "stdout": out, "stderr": said[-3000:]}


def probe(layers: str) -> dict[str, Any]:
    """Compute a little on the GPU under some layers of a child's confinement."""
    outcome = run_bounded([sys.executable, str(ROOT / "tests" / "gpu" / "refusals.py"), layers], PROBE_S)
    with contextlib.suppress(ValueError):
        return json.loads(outcome["stdout"].splitlines()[-1] if outcome["stdout"] else "") | {
            "seconds": outcome["seconds"]
        }
    return {"layers": layers.split("+"), **outcome}


def evaluate(name: str, device: str, folder: Path, *options: str, tasks: tuple[str, ...] = TASKS) -> dict[str, Any]:
    """Evaluate a baseline by the command, and return what it took and its records, cell by cell."""
    command = [sys.executable, "-m", "mbench", "evaluate", str(ROOT / "baselines" / f"{name}.py"), "--track", "quick"]
    command += [word for task in tasks for word in ("--task", task)]
    command += ["--device", device, "--results", str(folder), "--no-pictures", "--json", *options]
    outcome = run_bounded(command, GPU_S if device == "cuda" else CPU_S)
    cells = [json.loads(path.read_text()) for path in sorted((folder / "cells").glob("*.json"))]
    scores = {}
    with contextlib.suppress(ValueError):
        scores = {each["task"]: each["score"] for each in json.loads(outcome["stdout"])["tasks"]}
    return {
        "name": name, "device": device, "exit": outcome["exit"], "seconds": outcome["seconds"], "scores": scores,
        "said": outcome["stderr"][-1500:],
        "cells": {
            cell["task"]: {key: cell.get(key) for key in ("status", "reason", "isolation", "metrics", "costs")}
            | {"printed": (cell.get("output") or "")[-300:]}
            for cell in cells
        },
    }  # fmt: skip


def compare(on_gpu: dict[str, Any], on_cpu: dict[str, Any]) -> dict[str, Any]:
    """Return both scores of every task, and whether they are the same within the tolerance; what failed is not."""
    both = {task: (score, on_cpu["scores"].get(task)) for task, score in on_gpu["scores"].items() if score is not None}
    cells = [side["cells"].get(task, {}) for side in (on_gpu, on_cpu) for task in TASKS]
    learned = all(cell.get("status") == "ok" for cell in cells)
    differences = {task: gpu - cpu for task, (gpu, cpu) in both.items() if cpu is not None}
    return {
        "name": on_gpu["name"],
        "scores": both,
        "differences": differences,
        "same": learned and all(abs(value) <= TOLERANCE for value in differences.values()),
    }


@contextlib.contextmanager
def watched_memory(peaks: list[int]) -> Iterator[None]:
    """Add to `peaks` the megabytes that the GPU has in use, twice a second."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            with contextlib.suppress(OSError, ValueError):
                asked = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
                peaks.append(int(subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()[0]))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join(5)


def main() -> None:
    out, found = Path(sys.argv[1]), {}

    def keep(name: str, value: Any) -> None:
        found[name] = value
        out.write_text(json.dumps(found, indent=1))

    info = run_bounded([sys.executable, "-m", "mbench", "info"], INFO_S)
    print(info["stdout"] or info["stderr"])
    keep("info", info)
    work = Path.cwd()
    on_cpu: dict[str, dict[str, Any]] = {}
    keep("probes", probes := [])
    for layers in LAYERS:
        probes.append(outcome := probe(layers))
        print(f"probe {layers}: exit {outcome['exit']} in {outcome['seconds']} s, {outcome.get('last')}")
        for call, times in outcome.get("refused", {}).items():
            print(f"    {times} x {call}")
    if any(outcome["exit"] != 0 for outcome in probes if "files" in outcome["layers"]):
        for layers in WIDER:
            probes.append(outcome := probe(layers))
            print(f"probe {layers}: exit {outcome['exit']}, {outcome.get('last')}")
    keep("probes", probes)
    if probes[0]["exit"] != 0:
        sys.exit("CUDA does not compute here, not even without a sandbox")

    def run_on_cpu() -> None:
        jobs = str(max(1, (os.cpu_count() or 1) // 2))
        for name in NETWORKS:
            on_cpu[name] = evaluate(name, "cpu", work / f"{name}-cpu", "--jobs", jobs)

    beside = threading.Thread(target=run_on_cpu, daemon=True)
    beside.start()
    on_gpu = {}
    for name in NETWORKS:
        peaks: list[int] = []
        with watched_memory(peaks):
            on_gpu[name] = evaluate(name, "cuda", work / f"{name}-cuda", "--jobs", "2")
        on_gpu[name]["gpu_memory_mb"] = max(peaks, default=None)
        print(f"{name} on the GPU: exit {on_gpu[name]['exit']} in {on_gpu[name]['seconds']} s, "
              f"{on_gpu[name]['gpu_memory_mb']} MB of it in use, {on_gpu[name]['scores']}")  # fmt: skip
        for task, cell in on_gpu[name]["cells"].items():
            if cell["status"] != "ok":
                print(f"    {task}: {cell['status']}, {cell['reason']} {cell['printed'][-200:]}")
        keep("gpu", on_gpu)
        if on_gpu[name]["exit"] != 0 and name == NETWORKS[0]:  # does it without a sandbox?
            bare = evaluate(name, "cuda", work / "bare", "--unsafe-no-sandbox", "--isolation", "C", tasks=("curve",))
            print(f"{name} without a sandbox: exit {bare['exit']}, {bare['scores']} {bare['said'][-300:]}")
            keep("bare", bare)
    beside.join(CPU_S)
    keep("cpu", on_cpu)
    compared = [compare(on_gpu[name], on_cpu[name]) for name in NETWORKS if name in on_cpu]
    keep("compared", compared)
    for each in compared:
        words = ", ".join(f"{task} {gpu:.1f} / {cpu or 0:.1f}" for task, (gpu, cpu) in each["scores"].items())
        print(f"{each['name']}: {'same' if each['same'] else 'DIFFERS'} within {TOLERANCE}; GPU / CPU: {words}")
        cells = on_gpu[each["name"]]["cells"], on_cpu[each["name"]]["cells"]
        for task in each["scores"]:
            costs = [side[task]["costs"] or {} for side in cells]
            words = (f"{cost.get('fit_s') or 0:.2f} s, {cost.get('peak_memory_mb') or 0:.0f} MB" for cost in costs)
            print(f"    {task}: " + "; ".join(words))
    sys.exit(0 if len(compared) == len(NETWORKS) and all(each["same"] for each in compared) else 1)


if __name__ == "__main__":
    main()
