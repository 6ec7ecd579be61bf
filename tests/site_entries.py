"""Submissions for tests of the site: hostile ones, tied ones, and one with a fitted estimator."""

from __future__ import annotations

import fcntl
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from accepted_folders import accept_claim, believe_audits, make_consistent
from audit_reports import make_report

from mbench.api import make_settings, run_evaluation
from mbench.results.audits import Statistic, write_report
from mbench.results.curves import CURVES_NAME, FOLDER_NAME, Curve, Point, write_curves
from mbench.results.metrics import Profile
from mbench.results.record import SCHEMA_VERSION, Costs, Metrics, Record, Result
from mbench.results.reference import load_reference
from mbench.results.store import write_result
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import Source, read_submission
from mbench.suite import tracks
from mbench.suite.tasks import load_task
from mbench.views.site import Origins, Site, build, build_site

# Entries of one board are of one definition.
DIGESTS = {task: load_task(task).digest() for task in tracks.task_names() if tracks.is_headline(task)}
# In every place that takes words. What runs of it sets `pwned`; what becomes an element has the tag.
HOSTILE = (
    "</script><script>window.pwned=1</script><img src=x onerror='window.pwned=1'>\"><b>bold</b> {{7*7}} ‮evil‬ "
    "javascript:alert(1) &amp; \x1b[31m]]>--><style>*{display:none}</style>"
)
HOSTILE_NAME = "a'b\"<img src=x onerror=window.pwned=1>&{{7*7}}"
SOURCE = f'''"""{HOSTILE.replace(chr(27), "")}"""
URL = "https://example.org/a.js"
class Mean:
    def fit(self, X, y):
        self.mean = y.mean(axis=0)
        return self
    def predict(self, X):
        return self.mean + 0 * X[:, :1]
def build(spec):
    return Mean()
'''
SHOWN = "learner"  # the submission whose estimator is stored


def record_of_skill(name: str, digest: str, track: str, task: str, replicate: int, skill: float, **changes) -> Record:
    """Return a record of this skill by the frozen reference, and of this depth skill where there is depth."""
    reference = load_reference().tasks[track, task]
    error = reference.constant_error * (reference.knn_error / reference.constant_error) ** (skill / 100)
    profile = None
    if reference.knn_depth_octaves is not None:
        octaves = tuple(min(1.0, max(0.0, reference.knn_depth_octaves * skill / 100 - k)) for k in range(15))
        profile = Profile(octaves, tuple(0.9 * o for o in octaves), octaves)
    budget = tracks.TRACKS[track].budgets[tracks.family_of(task)]
    fields = {
        "schema": SCHEMA_VERSION, "suite": tracks.SUITE_VERSION, "key": f"{name}{task}{replicate}".replace("-", ""),
        "submission": name, "source_digest": digest, "task": task, "task_digest": DIGESTS[task], "track": track,
        "replicate": replicate, "n_samples": budget.n_samples, "fit_limit_s": budget.fit_limit_s,
        "seed": 0, "threads": 1, "device": "cpu",
        "isolation": "A", "test_set": "public", "harness_digest": "h", "status": "ok", "reason": "",
        "metrics": Metrics(error, {"psnr_db": 20.0}, profile),
        "costs": Costs(fit_s=1.0, predict_us_per_point=2.0, n_params=100),
        "output": HOSTILE, "environment": {"python": "3.11", HOSTILE: HOSTILE}, "created": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return make_consistent(Record(**fields | changes))


def write_audit(folder: Path, digest: str, verdict: str) -> None:
    report = make_report(
        digest, track="standard", name=HOSTILE, secret_sha256=HOSTILE, verdict=verdict, reason=HOSTILE,
        statistics=(Statistic(HOSTILE, 1.0, 0.5, 2.0),),
    )  # fmt: skip
    write_report(folder / "audit.json", report)


def write_submission(
    folder: Path,
    skill: float,
    *,
    track: str = "standard",
    verdict: str | None = "passed",
    noise: float = 0.3,
    accepted: bool = True,
    **changes,
) -> None:
    """Write a folder as a pull request brings it, with every cell of a track, and a maintainer's rerun of it."""
    folder.mkdir(parents=True)
    (folder / "submission.py").write_text(SOURCE + f"# {folder.name}\n")
    (folder / "README.md").write_text(f"# {HOSTILE}\n\n{HOSTILE}\n")
    digest = read_submission(folder).digest
    rng = random.Random(folder.name)
    records = [
        record_of_skill("any", digest, track, task, r, skill + rng.gauss(0, noise), **changes)
        for task in tracks.TRACKS[track].tasks
        for r in range(tracks.TRACKS[track].replicates)
    ]
    write_result(folder / "result.json", Result(schema=1, suite=2, name="any", records=tuple(records)))
    if verdict is not None:
        write_audit(folder, digest, verdict)
    if accepted:
        accept_claim(folder)


def write_sample_curves(results: Path, sources: list[Source]) -> None:
    """Write curves that fall tenfold by decade, the last point of the last one failed."""
    curves = []
    for task in ("mandelbrot", "mandelbrot-distance"):
        for index, source in enumerate(sources):
            errors = [0.5 / (index + 1) / 10**k for k in range(3)]
            points = [Point(10 ** (3 + k), 15.0, 1, error, 1.0, "") for k, error in enumerate(errors)]
            if source is sources[-1]:
                points[-1] = replace(points[-1], error=None, reason=HOSTILE)
            curves.append(Curve(source.name, source.digest, task, 1, "cpu", "A", tuple(points), {}))
    write_curves(results / FOLDER_NAME / CURVES_NAME, curves)


def write_entries(submissions: Path, results: Path) -> None:
    """Write what the site is tested with; one entry is really evaluated, on the Mandelbrot set alone."""
    write_submission(submissions / HOSTILE_NAME, 120.0)
    for name in ("tied-one", "tied-two"):
        write_submission(submissions / name, 140.0, noise=4.0)  # no baseline is near
    write_submission(submissions / "eureka", 190.0, verdict="discovery")
    write_submission(submissions / "cheat", 195.0, verdict="flagged: carried the rule in")
    failing = {"status": "crash", "metrics": None, "reason": HOSTILE}
    write_submission(submissions / "failing", 90.0, verdict=None, isolation="C", **failing)
    write_submission(submissions / "claimed", 199.0, accepted=False)
    folder = submissions / SHOWN
    folder.mkdir()
    (folder / "submission.py").write_text(SOURCE)
    settings = make_settings(unsafe_no_sandbox=True)
    run_evaluation(
        read_submission(folder), tasks=["mandelbrot"], out=results, pictures=False, jobs=1, unsafe_no_sandbox=True,
        isolation=settings.isolation.tier,
    )  # fmt: skip
    shutil.copyfile(results / SHOWN / "quick" / "result.json", folder / "result.json")
    accept_claim(folder)
    write_sample_curves(results, [read_submission(submissions / name) for name in ("tied-one", "tied-two")])


def make_site(folder: Path, submissions: Path, results: Path | None, **changes) -> Site:
    def isolate():
        return choose_isolation(allow_none=True)

    named = {"track_names": changes.pop("track_names")} if "track_names" in changes else {}
    recorded = changes.pop("recorded_pictures", folder / "none")  # what is recorded of the baselines changes
    with pytest.MonkeyPatch.context() as patch:
        believe_audits(patch)
        patch.setattr(build, "RECORDED_PICTURES", recorded)
        return build_site(folder, Origins(submissions, results, **named), **{"isolate": isolate} | changes)


def make_once(tmp_path_factory, worker_id: str) -> Path:
    """Make the entries and their site in a folder that all processes of one run share, once."""
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "site"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "done").exists():
            write_entries(shared / "submissions", shared / "results")
            make_site(shared / "site", shared / "submissions", shared / "results")
            (shared / "done").touch()
    return shared
