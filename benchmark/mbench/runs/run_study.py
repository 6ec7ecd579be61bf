"""Run a study over its seeds, judge its claims, and keep every seed that is done."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import io
import math
import re
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from mbench.arguments import expect_choice
from mbench.disk import disk_error, write_atomically
from mbench.errors import HarnessError, UsageError
from mbench.results.environment import describe_environment
from mbench.results.record import canonical_digest
from mbench.results.studies import (
    SCHEMA_VERSION,
    STUDIES_FOLDER,
    CaseResult,
    ClaimResult,
    OracleResult,
    Spread,
    StudyRecord,
    Verdict,
    spread,
)
from mbench.runs.study import Claim, Filming, Found, Measures, Study, make_settings
from mbench.suite.meaning import meaning, own_modules
from mbench.types import FloatArray, IntArray

MOST_IN_RECORD = 64  # numbers of a measure that record.json holds; series.npz holds all
SERIES_NAME = "series.npz"
_SEEDS_FOLDER = "seeds"
_CPU = "cpu_s"

Say = Callable[[int, str], None]  # told of which seed something is being done


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run: settings that were checked, and where what comes of it goes. films: is a film wanted?"""

    study: Study
    settings: Any
    scale: str
    seeds: tuple[int, ...]
    folder: Path
    films: bool = False
    fresh: bool = False

    @property
    def said(self) -> dict[str, Any]:
        """The settings as a record holds them."""
        plain = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self.settings).items()}
        return {"scale": self.scale, **plain}

    @property
    def code(self) -> str:
        """SHA-256 of what the numbers rest on: the study's file, and what `mbench.nn` and the tasks mean."""
        return _code_digest(self.study.path)

    def seed_path(self, seed: int) -> Path:
        """Return where a seed that is done lies."""
        said = {name: value for name, value in self.said.items() if name != "scale"}
        digest = canonical_digest({"settings": said, "code": self.code})
        return self.folder / _SEEDS_FOLDER / f"{seed}-{digest[:16]}.npz"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run came to. shots: frames of the first seed, none where no film was wanted or that seed was kept."""

    record: StudyRecord
    found: Found
    shots: list[tuple[int | str, IntArray]] = field(default_factory=list)


def study_names() -> list[str]:
    """Return the names of all studies."""
    return sorted(path.stem.replace("_", "-") for path in STUDIES_FOLDER.glob("*.py"))


@dataclass(frozen=True, slots=True)
class Described:
    """What the file of a study says of it, which is not run for that.

    claim: in one line.  link: to its source.  shows: what its film shows.  full_min: minutes of its long version.
    """

    claim: str
    link: str = ""
    shows: str = ""
    full_min: int | None = None


def describe_study(name: str) -> Described:
    """Return what a study's file says of it: its first line, and words and numbers of its `STUDY`."""
    tree = ast.parse(_path(name).read_text("utf-8"))
    said: dict[str | None, Any] = {
        keyword.arg: keyword.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _names(node) == ["STUDY"]
        for keyword in node.value.keywords
        if isinstance(keyword.value, ast.Constant)
    }
    claim = (ast.get_docstring(tree) or "").partition("\n")[0]
    return Described(claim, **{each: said[each] for each in ("link", "shows", "full_min") if each in said})


def _names(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def load_study(name: str) -> Study:
    """Return a study by its name. Raises UsageError for an unknown one."""
    path = _path(name)
    module = f"mbench_studies.{path.stem}"
    spec = importlib.util.spec_from_file_location(module, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[module] = loaded  # a dataclass looks its module up by name
    spec.loader.exec_module(loaded)
    return replace(loaded.STUDY, name=name, path=path)


def plan_study(
    name: str, given: Mapping[str, Any], seeds: Sequence[int], out: Path, films: bool = False, fresh: bool = False
) -> Plan:
    """Return what a run of a study is to be. given: settings, as values or as words.

    Raises UsageError for an unknown study or setting, a value out of range, seeds that are none, and missing data.
    """
    study = load_study(name)
    settings, scale = make_settings(study, given)
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise UsageError(f"seeds {', '.join(map(str, seeds)) or 'none'}: expected different whole numbers from 0 on")
    if films and not study.shows:
        raise UsageError(f"{name}: this study makes no film. Leave --film out")
    study.prepare(settings)
    return Plan(study, settings, scale, tuple(seeds), out / name, films, fresh)


def run_study(plan: Plan, say: Say = lambda seed, words: None) -> Ran:
    """Run every seed that is not kept from before, and judge the claims. Each seed is kept as soon as it is done.

    Raises HarnessError when the disk refuses.
    """
    measured: list[Measures] = []
    cpu_s = 0.0
    shots: list[tuple[int | str, IntArray]] = []
    for seed in plan.seeds:
        path = plan.seed_path(seed)
        films = plan.films and seed == plan.seeds[0]
        kept = None if plan.fresh or films else _read_seed(path)
        if kept is None:
            watch = Filming(lambda words, seed=seed: say(seed, words), films)
            with _one_thread():
                started = time.process_time()
                values = plan.study.run(plan.settings, seed, watch)
                spent = time.process_time() - started
            kept = {name: np.asarray(value, dtype=np.float64) for name, value in values.items()}
            kept[_CPU] = np.array(spent)
            _write_arrays(path, kept)
            shots = watch.shots or shots
        say(seed, "done")
        cpu_s += float(kept[_CPU])
        measured.append({name: value for name, value in kept.items() if name != _CPU})
    found = Found(plan.settings, plan.seeds, tuple(measured))
    with _one_thread():
        oracles = plan.study.oracles(found)
    claims = tuple(judge(claim, found.measures) for claim in plan.study.claims(plan.settings))
    record = StudyRecord(
        schema=SCHEMA_VERSION,
        study=plan.study.name,
        source=plan.study.source,
        quote=plan.study.quote,
        settings=plan.said,
        seeds=plan.seeds,
        verdict=claims[0].verdict,
        when=claims[0].when,
        claims=claims,
        oracles=tuple(OracleResult(o.name, o.expected, o.measured, o.tolerance, o.passed) for o in oracles),
        measures=_gather(found.measures),
        cpu_s=round(cpu_s, 1),
        environment=describe_environment(),
        code=plan.code,
    )
    return Ran(record, found, shots)


def write_series(folder: Path, found: Found) -> Path:
    """Write every measure of all seeds as `condition/name` of shape (seeds, …). Raises HarnessError."""
    path = folder / SERIES_NAME
    names = [name for name in found.measures[0] if len({m[name].shape for m in found.measures}) == 1]
    _write_arrays(path, {name: found.stack(name) for name in names})
    return path


def judge(claim: Claim, measured: Sequence[Measures]) -> ClaimResult:
    """Return a claim with its verdict. measured: of every seed.

    true: in all circumstances that it was tried in; false: in none; not tested: it was measured in none.
    """
    cases = []
    for when, measure in claim.cases.items():
        values = [float(measure(measures)) for measures in measured]
        known = [value for value in values if math.isfinite(value)]
        holding = sum(claim.rule.holds(value) for value in known)
        cases.append(CaseResult(when, spread(values), holding == len(values) if known else None, holding))
    verdict, when = _conclude(cases)
    return ClaimResult(claim.id, claim.kind, claim.words, claim.measure, str(claim.rule), tuple(cases), verdict, when)


def _conclude(cases: Sequence[CaseResult]) -> tuple[Verdict, str]:
    tried = [case for case in cases if case.holds is not None]
    holding = [case.when for case in tried if case.holds]
    if not tried:
        return "not tested", ""
    if len(holding) == len(tried):
        return "true", ""
    return ("only when", "; ".join(holding)) if holding else ("false", "")


def _gather(measured: Sequence[Measures]) -> dict[str, dict[str, tuple[Spread, ...]]]:
    """Return the short measures by condition and name: for each of their numbers, what every seed gave."""
    gathered: dict[str, dict[str, tuple[Spread, ...]]] = {}
    for name, value in measured[0].items():
        condition, _, what = name.partition("/")
        alike = {each[name].shape for each in measured} == {value.shape}
        if value.ndim <= 1 and value.size <= MOST_IN_RECORD and alike:
            columns = np.stack([each[name].reshape(-1) for each in measured], axis=1)
            gathered.setdefault(condition, {})[what] = tuple(spread(column) for column in columns)
    return gathered


def _path(name: str) -> Path:
    path = STUDIES_FOLDER / f"{name.replace('-', '_')}.py"
    if not re.fullmatch(r"[a-z0-9-]+", name) or not path.exists():
        raise UsageError(f"no study is called {name!r}: {expect_choice(name, study_names())}")
    return path


@cache
def _code_digest(path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes())
    digest.update(meaning((*own_modules("nn"), *own_modules("suite"))).encode())
    return digest.hexdigest()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Have torch use one thread, so that the numbers do not hang on the machine's cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _read_seed(path: Path) -> dict[str, FloatArray] | None:
    """Return what a seed gave, None where it is not there. Raises HarnessError for a damaged file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        return None
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise HarnessError(f"{path}: damaged ({error}). Delete it and run the study again") from None


def _write_arrays(path: Path, arrays: Mapping[str, FloatArray]) -> None:
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # pyright: ignore[reportArgumentType] (its stub takes these for options)
    try:
        write_atomically(path, content.getvalue())
    except OSError as error:
        raise disk_error(path, error) from error
