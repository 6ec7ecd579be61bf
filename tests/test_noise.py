"""What the shared test set does to a difference of scores, against perturbed scores and drawn test sets."""

from dataclasses import dataclass, replace
from itertools import combinations
from types import MappingProxyType

import numpy as np
import pytest
from audit_reports import make_report

from mbench.board.candidates import Candidate
from mbench.board.noise import Parts, find_parts, measure_all_noise, measure_noise
from mbench.board.standings import build_board
from mbench.board.tables import describe_statistics
from mbench.results.metrics import Profile
from mbench.results.record import SCHEMA_VERSION, Costs, Metrics, Record
from mbench.results.reference import Reference, TaskReference
from mbench.results.scoring import score_entry
from mbench.suite import tracks

FRACTALS = tracks.FAMILIES["mandelbrot"]
STANDARD = tracks.TRACKS["standard"]
REFERENCE = Reference(
    suite=2,
    tasks=MappingProxyType(
        {
            ("standard", task): TaskReference(0.9, 0.04, 5.0 if task in FRACTALS else None)
            if task != "mandelbrot"
            else TaskReference(1.1, 0.02, 7.0)
            for task in STANDARD.tasks
        }
    ),
    curves=MappingProxyType({}),
)
N_CENTRES, N_BLOCKS = 32, 60


@dataclass(frozen=True, slots=True)
class KeptProfile(Profile):
    centres: tuple[float, ...] = ()
    blocks: tuple[float, ...] = ()


def make_cell(name, task, replicate, centres=None, blocks=None, **changes):
    """A record that keeps these parts of its depth and of its error."""
    if centres is None:
        metrics = Metrics(0.05)
    else:
        depth = (float(np.sum(centres)) / 15,) * 15
        profile = KeptProfile(depth, depth, depth, tuple(centres), tuple(blocks))
        metrics = Metrics(float(np.sum(blocks)), {}, profile)
    budget = STANDARD.budgets[tracks.family_of(task)]
    fields = {
        "schema": SCHEMA_VERSION, "suite": tracks.SUITE_VERSION, "key": f"{name}-{task}-{replicate}",
        "submission": name, "source_digest": name, "task": task, "task_digest": "t", "track": "standard",
        "replicate": replicate, "n_samples": budget.n_samples, "fit_limit_s": budget.fit_limit_s, "seed": 0,
        "threads": 1, "device": "cpu", "isolation": "A", "test_set": "public", "harness_digest": "h", "status": "ok",
        "reason": "", "metrics": metrics, "costs": Costs(), "output": "", "environment": {},
        "created": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return Record(**fields | changes)


def draw_parts(rng):
    """Parts of a depth of about 6 octaves and of an error of about 0.03."""
    return rng.uniform(0, 12 / N_CENTRES, N_CENTRES), rng.uniform(0, 0.06 / N_BLOCKS, N_BLOCKS)


def draw_cells(rng, n=5):
    return {(task, r): draw_parts(rng) for task in FRACTALS for r in range(n)}


def as_records(cells, name="a"):
    return [make_cell(name, task, r, *parts) for (task, r), parts in cells.items()]


def mandelbrot_score(cells):
    return score_entry("a", "standard", as_records(cells), REFERENCE).mandelbrot


def draw_noise(rng, *, of_test=1.0, of_sample=0.0, n=5, m=60):
    """Parts of two entries whose difference varies by so much (sd, one part) from part to part and sample to sample."""
    of_part = rng.normal(0, of_test, m)
    d = of_part + rng.normal(0, of_sample, (n, m)) + rng.normal(0, 10, (n, 1)) / m
    other = rng.normal(0, 5, (n, m))
    return Parts(np.arange(n), d + other, np.zeros(m, int)), Parts(np.arange(n), other, np.zeros(m, int))


# The parts of a score


def test_a_part_is_what_the_score_changes_by(rng):
    cells = draw_cells(rng)
    values = find_parts(as_records(cells), "standard", REFERENCE).values
    before = mandelbrot_score(cells)
    for task, place, part in (("mandelbrot", 0, 3), ("mandelbrot-distance", 0, 31), ("mandelbrot", 1, 5)):
        cell = [parts.copy() for parts in cells[task, 2]]
        step = 1e-4 * cell[place][part]
        cell[place][part] += step
        slope = (mandelbrot_score({**cells, (task, 2): cell}) - before) / step * 5  # the score is a mean of five
        alone = {**cells}
        alone[task, 2] = [np.zeros(N_CENTRES), cells[task, 2][1]] if place == 0 else cells[task, 2]
        column = part if place == 0 else N_CENTRES + N_BLOCKS * FRACTALS.index(task) + part
        rest = find_parts(as_records(alone), "standard", REFERENCE).values[2, column] if place == 0 else 0.0
        assert values[2, column] - rest == pytest.approx(slope * cells[task, 2][place][part], rel=1e-3)


def test_a_centre_is_one_part_for_both_tasks_and_a_block_is_its_own_tasks(rng):
    parts = find_parts(as_records(draw_cells(rng)), "standard", REFERENCE)
    assert parts.values.shape == (5, N_CENTRES + 2 * N_BLOCKS)
    assert np.bincount(parts.group).tolist() == [2, 6, 24, 50, 10, 50, 10]


def test_a_score_at_its_cap_does_not_depend_on_the_test_set(rng):
    cells = draw_cells(rng)
    cells["mandelbrot", 1] = (np.full(N_CENTRES, 14.5 / N_CENTRES), np.full(N_BLOCKS, 1e-9))
    cells["mandelbrot-distance", 1] = (np.full(N_CENTRES, 14.5 / N_CENTRES), np.full(N_BLOCKS, 0.02 / N_BLOCKS))
    values = find_parts(as_records(cells), "standard", REFERENCE).values
    assert (values[1, : N_CENTRES + N_BLOCKS] == 0).all()
    assert (values[1, N_CENTRES + N_BLOCKS :] < 0).all()


def test_a_cell_that_failed_adds_nothing(rng):
    records = as_records(draw_cells(rng))
    records[0] = replace(records[0], status="timeout", metrics=None)
    values = find_parts(records, "standard", REFERENCE).values
    assert (values[0, N_CENTRES : N_CENTRES + N_BLOCKS] == 0).all()
    assert (values[1, N_CENTRES : N_CENTRES + N_BLOCKS] != 0).all()


def test_parts_are_unknown_where_one_record_keeps_none_or_one_is_missing(rng):
    records = as_records(draw_cells(rng))
    assert find_parts([*records[:-1], make_cell("a", FRACTALS[1], 4)], "standard", REFERENCE) is None
    assert find_parts(records[:-1], "standard", REFERENCE) is None
    assert find_parts([], "standard", REFERENCE) is None


# What they say of a difference


@pytest.mark.parametrize(("of_test", "of_sample"), [(1.0, 0.0), (1.0, 3.0)])
def test_on_average_it_is_the_variance_that_test_sets_make(rng, of_test, of_sample):
    found = [measure_noise(*draw_noise(rng, of_test=of_test, of_sample=of_sample)) for _ in range(2_000)]
    assert np.mean(found) == pytest.approx(60 * of_test**2, rel=0.03)


def test_what_samples_do_part_by_part_is_not_the_test_sets(rng):
    found = [measure_noise(*draw_noise(rng, of_test=0.0, of_sample=3.0)) for _ in range(500)]
    # To take a part's mean over replicates as it is would give 60 * 9 / 5 = 108.
    assert np.mean(found) < 0.15 * 108


def test_groups_are_measured_each_by_itself():
    values = np.repeat([0.0, 0.0, 100.0, 100.0], 8)[None] * np.ones((3, 1))
    nothing = np.zeros_like(values)
    group = np.repeat([0, 1], 16)
    one, other = Parts(np.arange(3), values, group), Parts(np.arange(3), nothing, group)
    assert measure_noise(one, other) == 0.0
    mixed = np.zeros(32, int)
    assert measure_noise(replace(one, group=mixed), replace(other, group=mixed)) > 0


def test_an_entry_against_itself_has_no_noise(rng):
    one, _ = draw_noise(rng)
    assert measure_noise(one, one) == 0.0


def test_replicates_that_only_one_has_are_left_out(rng):
    one, other = draw_noise(rng, of_sample=1.0)
    rows = np.array([1, 2, 4])
    fewer = Parts(rows, other.values[rows], other.group)
    both = Parts(rows, one.values[rows], one.group)
    assert measure_noise(one, fewer) == measure_noise(both, fewer)


def test_unknown_parts_and_other_test_sets_are_said_to_be_unknown(rng):
    one, other = draw_noise(rng)
    assert measure_noise(one, None) is None
    assert measure_noise(None, other) is None
    assert measure_noise(one, draw_noise(rng, m=30)[1]) is None
    assert measure_noise(one, Parts(np.arange(7, 12), other.values, other.group)) is None


# On the board


def make_candidate(name, cells):
    records = as_records(cells, name)
    records += [make_cell(name, task, r) for task in STANDARD.tasks if task not in FRACTALS for r in range(5)]
    return Candidate(name, "baseline", tuple(records), make_report(name, name=name))


def without_parts(candidate):
    """As a record of suite 1 says it."""

    def forget(record):
        profile = record.metrics.profile
        bare = None if profile is None else Profile(profile.mean, profile.lower_quartile, profile.upper_quartile)
        return replace(record, metrics=Metrics(record.metrics.error, {}, bare))

    return replace(candidate, records=tuple(forget(each) for each in candidate.records))


def test_a_lead_that_lies_at_few_centres_shares_the_rank(rng):
    """Far apart on every replicate, but only at one centre of 32: another test set need not have one like it."""
    base = draw_cells(rng)
    lucky = {}
    for place, (centres, blocks) in base.items():
        better = centres.copy()
        better[-1] += 0.5 + rng.normal(0, 0.01)
        lucky[place] = (better, blocks)
    entries = [make_candidate("base", base), make_candidate("lucky", lucky)]
    board = build_board(entries, "standard", REFERENCE)
    assert [standing.rank for standing in board.ranked] == [1, 1]
    assert not board.pairs[0].is_separated
    assert any("another one would move a difference" in line for line in describe_statistics(board))

    older = build_board([without_parts(each) for each in entries], "standard", REFERENCE)
    assert [standing.rank for standing in older.ranked] == [1, 2]
    assert older.pairs[0].test_set_sd is None
    assert any("1 of 1 pair is not known" in line for line in describe_statistics(older))


def test_a_lead_at_every_centre_is_one(rng):
    base = draw_cells(rng)
    better = {
        place: (centres + 0.5 / N_CENTRES + rng.normal(0, 1e-4, N_CENTRES), blocks)
        for place, (centres, blocks) in base.items()
    }
    board = build_board([make_candidate("base", base), make_candidate("better", better)], "standard", REFERENCE)
    assert [(standing.name, standing.rank) for standing in board.ranked] == [("better", 1), ("base", 2)]


def test_the_noise_of_all_pairs_is_that_of_each(rng):
    entries = [part for _ in range(4) for part in draw_noise(rng, of_test=0.5, of_sample=1.0)]
    shorter = draw_noise(rng, m=30)[0]
    fewer = Parts(entries[0].replicates[1:], entries[0].values[1:], entries[0].group)
    one = Parts(entries[0].replicates[:1], entries[0].values[:1], entries[0].group)
    entries += [None, shorter, fewer, one, fewer]
    expected = [measure_noise(a, b) for a, b in combinations(entries, 2)]
    found = measure_all_noise(entries)
    assert [np.isnan(each) for each in found] == [each is None for each in expected]
    known = [(a, b) for a, b in zip(found, expected, strict=True) if b is not None]
    assert len(known) > 30
    np.testing.assert_allclose(*zip(*known, strict=True), rtol=1e-9, atol=1e-12)
