"""Every study on small settings: oracles pass, claims are measured, and the same seed gives the same numbers."""

import sys

import numpy as np
import pytest

from mbench.errors import MissingDataError
from mbench.runs.run_study import Plan, load_study, run_study, study_names
from mbench.runs.study import Watch, make_settings
from mbench.suite.datasets import load_mnist

SMALL = {
    "attack": {"width": 16, "steps": 20, "asked": 60, "pgd_steps": 3},
    "digits-orders": {"images": 300, "asked": 100, "orders": (2, 4), "unscaled_orders": (4,), "steps": 10},
    "eigenfunction": {"inputs": 6, "width": 8, "tuples": 3, "points": 8, "hold": (50, 1), "steps": 200},
    "features-race": {"rows": 10, "width": 8, "depth": 2, "batch": 16, "steps": 24},
    "forgetting": {
        "points": 20, "width": 8, "outputs": 2, "layers": 2, "interval": 6, "shift": 2, "cycles": 2, "zeroed": 1,
        "most": 400, "learning_rate": 0.02, "threshold": 0.5,
    },
    "l1-toggle": {"width": 6, "points": 8, "cycles": 2, "phase": 25, "warm": 80, "on_phases": (25,)},
    "orders": {"orders": (0, 2), "points": (100, 200), "kernel_points": 100, "width": 8, "depth": 2, "steps": 20},
    "output-and-scale": {"rows": 12, "points": 200, "width": 8, "depth": 2, "batch": 16, "steps": 20},
    "regularisers": {"steps": 20, "width": 8, "depth": 2},
    "taylor-line": {"points": 300, "rates": (0.1, 0.01), "steps": 40, "width": 8},
}  # fmt: skip


@pytest.fixture
def plan(tmp_path):
    """Return a function from a study's name to a plan of its small version, filmed where it can be."""

    def make(name, seeds=(0,), **given):
        study = load_study(name)
        try:
            study.prepare(None)  # of the studies here it asks for no setting
        except MissingDataError:
            pytest.skip("MNIST is not here")
        settings, scale = make_settings(study, SMALL[name] | given)
        return Plan(study, settings, scale, seeds, tmp_path / name, films=bool(study.shows))

    return make


def test_every_study_has_a_small_version():
    assert sorted(SMALL) == study_names()


@pytest.mark.parametrize("name", sorted(SMALL))
def test_its_oracles_pass_its_claims_are_measured_and_it_draws(plan, name):
    small = plan(name)
    ran = run_study(small)
    assert [(oracle.name, oracle.measured) for oracle in ran.record.oracles if not oracle.passed] == []
    assert len(ran.record.oracles) >= 1
    measured = [claim.id for claim in ran.record.claims if any(case.value.mean is not None for case in claim.cases)]
    assert measured == [claim.id for claim in ran.record.claims]
    assert bool(ran.shots) == bool(small.study.shows)
    assert small.study.draw(ran.found).axes


@pytest.mark.parametrize("name", ["forgetting", "l1-toggle", "output-and-scale"])
def test_the_same_seed_gives_the_same_numbers_and_another_does_not(plan, name):
    study = plan(name).study
    settings = plan(name).settings
    first, again, other = (study.run(settings, seed, Watch()) for seed in (3, 3, 4))
    assert all(np.array_equal(first[key], again[key], equal_nan=True) for key in first)
    assert any(not np.array_equal(first[key], other[key], equal_nan=True) for key in first)


def module(name):
    """Return the module of a study."""
    load_study(name)
    return sys.modules[f"mbench_studies.{name.replace('-', '_')}"]


# --- l1-toggle -------------------------------------------------------------------------------------------------------


def test_a_return_is_a_share_of_the_way_that_l1_took():
    returned = module("l1-toggle").returned
    off, on = np.array([1.0, 0.0]), np.array([1.0, 2.0])
    assert returned(off, on, off) == 0.0
    assert returned(off, on, on) == 1.0
    assert returned(off, on, np.array([1.0, -1.0])) == 0.5
    assert returned(off, off, off) == 0.0


def test_a_penalty_shrinks_what_plain_steps_do_not(plan):
    with_l1 = run_study(plan("l1-toggle", penalties=(0.5,))).found.measures[0]
    without = run_study(plan("l1-toggle", penalties=(0.0,))).found.measures[0]
    assert np.abs(with_l1["run/states"][1]).sum() < 0.8 * np.abs(without["run/states"][1]).sum()


# --- eigenfunction ---------------------------------------------------------------------------------------------------


def test_the_quadratic_spectrum_of_identities_is_two_and_leaves_the_constant_out():
    spectrum = module("eigenfunction").quadratic_spectrum
    assert np.allclose(spectrum(np.eye(4), np.eye(4)), 2.0)
    assert len(spectrum(np.eye(4), np.eye(4))) == 4 * 5 // 2 - 1
    a = np.diag([1.0, -1.0, 1.0])  # x₀x₁ and x₁x₂ change their sign under it, the other three do not
    assert sorted(np.round(spectrum(a, np.eye(3)).real, 9)) == [0, 0, 2, 2, 2]


@pytest.mark.parametrize("law", ["haar", "qr", "skew"])
def test_what_is_drawn_is_orthogonal(law, rng):
    q = module("eigenfunction").draw_orthogonal(law, 7, rng)
    assert np.allclose(q @ q.T, np.eye(7))


def test_a_haar_matrix_has_no_preferred_direction(rng):
    draw = module("eigenfunction").draw_orthogonal
    traces = {law: np.mean([np.trace(draw(law, 5, rng)) for _ in range(2_000)]) for law in ("haar", "qr")}
    assert abs(traces["haar"]) < 0.15  # of standard deviation 1 each
    assert abs(traces["qr"]) > 0.5


# --- forgetting ------------------------------------------------------------------------------------------------------


def test_the_interval_goes_round():
    settings = make_settings(load_study("forgetting"), SMALL["forgetting"])[0]
    assert module("forgetting").inside(settings, 18).tolist() == [18, 19, 0, 1, 2, 3]


def test_fresh_points_replace_those_that_left_alone():
    forgetting = module("forgetting")
    settings = make_settings(load_study("forgetting"), SMALL["forgetting"])[0]
    sweep = forgetting.Sweep(settings, 0)
    fresh = forgetting.CONDITIONS.index(forgetting.FRESH)
    before = sweep.tracks[fresh].x.clone()
    for i in (0, fresh):
        sweep.move(i)
    changed = (sweep.tracks[fresh].x != before).any(dim=1).numpy()
    assert np.flatnonzero(changed).tolist() == [0, 1]
    assert (sweep.tracks[0].x == before).all()


def test_losses_are_drawn_blue_inside_and_red_outside():
    picture = module("forgetting").draw_losses(np.array([80.0, 20.0, 0.0]), np.array([0]))
    width = picture.shape[1] // 3
    assert picture[0, 0].tolist() == [90, 150, 250]  # as high as can be
    assert picture[119, width].tolist() == [0, 0, 0]  # a quarter is drawn half as high
    assert picture[120, width].tolist() == [230, 90, 90]
    assert picture[-1, -1].tolist() == [0, 0, 0]


# --- orders ----------------------------------------------------------------------------------------------------------


def test_kernel_regression_passes_through_its_points(rng):
    orders = module("orders")
    X, y = rng.uniform(-1, 1, (40, 2)), rng.standard_normal(40)
    assert orders.kernel_error((X, y), (X, y), 4, 2) < 1e-3


# --- digits-orders ---------------------------------------------------------------------------------------------------


def test_without_mnist_it_is_refused_before_anything_runs(mbench, monkeypatch, tmp_path):
    monkeypatch.setenv("MBENCH_DATA", str(tmp_path / "nothing"))
    result = mbench("study", "digits-orders")
    assert result.exit_code == 2
    assert "mbench data fetch" in result.output
    assert not (tmp_path / "results").exists()


def test_test_images_are_none_that_were_learned(plan):
    digits = module("digits-orders").draw_digits(plan("digits-orders").settings, 0)
    images, _, n_train, white = load_mnist()
    assert {row.tobytes() for row in digits.X_test.numpy()} <= {
        row.tobytes() for row in (images[n_train:] / white).astype(np.float32)
    }
    assert not {row.tobytes() for row in digits.X_test.numpy()} & {row.tobytes() for row in digits.X.numpy()}
