"""Neighbourhoods, what is said of them, and the weights of several learners: `mbench.nn`'s pieces without torch."""

from itertools import product

import numpy as np
import pytest

from mbench.nn import Neighbourhoods, Surroundings, Terrain, describe_neighbourhoods, weigh_answers
from mbench.nn.terrain import fit_plane


def nearest(points, labels, query, m):
    """Return the distances and labels of the m nearest points, by trying all."""
    distance = np.array([np.sqrt(sum((p - q) ** 2 for p, q in zip(point, query, strict=True))) for point in points])
    order = np.argsort(distance)[:m]
    return distance[order], labels[order]


def ridge_field(X):
    """A field with a plateau, a slope and a cliff."""
    return np.where(X[:, 0] > 0.2, 1.0, np.sin(3.0 * X[:, 1]) * (X[:, 0] < -0.3))


def survey(around, X, y, m=32):
    return Terrain.survey(around.about(X, m, np.arange(len(X))), y)


def test_neighbours_are_the_nearest_of_the_sample_and_its_images(rng):
    X, y, queries = rng.uniform(size=(60, 2)), rng.normal(size=60), rng.uniform(-1.0, 1.0, (20, 2))
    near = Surroundings(X, y, [np.array([0.0, 1.0])]).about(queries, 7)
    both, labels = np.vstack([X, X * [1.0, -1.0]]), np.tile(y, 2)
    for i, query in enumerate(queries):
        distance, label = nearest(both, labels, query, 7)
        np.testing.assert_allclose(near.distance[i], distance)
        np.testing.assert_array_equal(near.label[i], label)
    np.testing.assert_allclose(np.linalg.norm(near.offset, axis=2), near.distance)


def test_no_row_of_the_sample_is_its_own_neighbour_nor_is_its_image(rng):
    X, y = rng.uniform(-1.0, 1.0, (50, 2)) * [1.0, 0.01], np.arange(50.0)  # each image is nearer than any other point
    rows = rng.permutation(50)[:20]
    near = Surroundings(X, y, [np.array([0.0, 1.0])]).about(X[rows], 6, rows)
    assert near.label.shape == (20, 6)
    assert not (near.label == rows[:, None]).any()
    assert (np.diff(near.distance, axis=1) >= 0.0).all()


def test_what_is_left_out_is_nobodys_neighbour(rng):
    X, y = rng.uniform(size=(80, 3)), np.arange(80.0)
    keep = rng.random(80) < 0.5
    near = Surroundings(X, y, keep=keep).about(X, 5, np.arange(80))
    assert keep[near.label.astype(int)].all()


def test_a_sample_smaller_than_what_is_asked_gives_all_it_has(rng):
    X, y = rng.uniform(size=(5, 2)), np.arange(5.0)
    assert Surroundings(X, y).about(X[:2] + 0.1, 9).label.shape == (2, 5)
    assert Surroundings(X, y).about(X[:2], 9, np.arange(2)).label.tolist()[0] != [0.0]
    assert Surroundings(X, y).about(X[:2], 9, np.arange(2)).label.shape == (2, 4)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"expected \(n, m, d\), \(n, m\) and \(n, m\)"):
        Neighbourhoods(np.zeros((3, 4, 2)), np.zeros((3, 4)), np.zeros((3, 5)))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_plane_through_a_linear_field_is_that_field(rng, d):
    offset, slope = rng.uniform(-1.0, 1.0, (6, 12, d)), rng.normal(size=d)
    value, gradient, residual = fit_plane(offset, offset @ slope + 2.0, rng.uniform(0.5, 1.0, (6, 12)), 0.0)
    np.testing.assert_allclose(value, 2.0, atol=1e-6)
    np.testing.assert_allclose(gradient, np.tile(slope, (6, 1)), atol=1e-6)
    np.testing.assert_allclose(residual, 0.0, atol=1e-6)


def test_a_slope_costs_what_the_ridge_says(rng):
    offset, label, weight = rng.uniform(-1.0, 1.0, (1, 9, 2)), rng.normal(size=(1, 9)), rng.uniform(0.5, 1.0, (1, 9))
    root = np.sqrt(weight[0])[:, None]
    rows = np.vstack([root * np.column_stack([np.ones(9), offset[0]]), np.sqrt(0.1 * weight.sum()) * np.eye(3)[1:]])
    expected = np.linalg.lstsq(rows, np.append(root[:, 0] * label[0], [0.0, 0.0]))[0]
    value, gradient, _ = fit_plane(offset, label, weight, 0.1)
    np.testing.assert_allclose([value[0], *gradient[0]], expected, atol=1e-6)


@pytest.mark.parametrize("move", ["turned", "mirrored", "shifted"])
def test_features_do_not_change_when_everything_is_moved(rng, move):
    X = rng.uniform(-1.0, 1.0, (900, 2))
    y = ridge_field(X)
    turn = np.array([[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]])
    moved = {"turned": X @ turn, "mirrored": X * [-1.0, 1.0], "shifted": X + 0.5}[move]
    around = [Surroundings(points, y) for points in (X, moved)]
    terrain = survey(around[0], X, y)
    some = np.arange(300)
    still, after = (
        describe_neighbourhoods(each.about(points[some], 32, some), terrain)
        for each, points in zip(around, (X, moved), strict=True)
    )
    # Where all labels are one there is no gradient, and along and across are whatever rounding makes of it.
    sure = around[0].about(X[some], 16, some).label.std(axis=1) > 0.05
    assert sure.sum() > 100
    np.testing.assert_allclose(after[sure], still[sure], atol=5e-3)


def test_features_of_a_larger_copy_differ_by_one_number(rng):
    X = rng.uniform(-1.0, 1.0, (600, 2))
    y = ridge_field(X)
    one, other = Surroundings(X, y), Surroundings(3.0 * X, y)
    small, large = survey(one, X, y), survey(other, 3.0 * X, y)
    differ = one.about(X, 16, np.arange(600)).label.std(axis=1) > 0.05
    pair = [
        describe_neighbourhoods(around.about(points, 32, np.arange(600)), terrain)[differ]
        for around, points, terrain in ((one, X, small), (other, 3.0 * X, small))
    ]
    np.testing.assert_allclose(pair[1][:, 0] - pair[0][:, 0], np.log(3.0), atol=1e-4)
    np.testing.assert_allclose(large.heights, 3.0 * small.heights, rtol=1e-5)
    np.testing.assert_allclose(large.unit, 3.0 * small.unit, rtol=1e-9)


def test_heights_undo_a_label_that_grows_ever_steeper(rng):
    X = np.sort(rng.uniform(0.0, 2.0, 2_000))[:, None]
    y = np.exp(2.0 * X[:, 0])
    terrain = survey(Surroundings(X, y), X, y)
    place = np.log(terrain.levels) / 2.0  # where on the axis a level is reached
    np.testing.assert_allclose(terrain.heights, place - place[0], rtol=0.06, atol=0.01)


def test_a_label_that_many_rows_share_is_a_plateau(rng):
    X = rng.uniform(-1.0, 1.0, (1_000, 2))
    y = np.where(X[:, 0] > 0.0, 3.0, rng.normal(size=1_000))
    terrain = survey(Surroundings(X, y), X, y)
    np.testing.assert_array_equal(terrain.plateaus, [3.0])


def test_equal_labels_and_equal_points_have_finite_features(rng):
    X = np.vstack([np.zeros((40, 2)), rng.uniform(size=(40, 2))])
    for y in (np.full(80, 2.0), rng.normal(size=80)):
        around = Surroundings(X, y)
        features = describe_neighbourhoods(around.about(X, 32, np.arange(80)), survey(around, X, y))
        assert np.isfinite(features).all()


def test_weights_are_the_best_of_all_that_are_not_negative_and_sum_to_one(rng):
    truth = rng.normal(size=(400, 2))
    answers = [truth + s * rng.normal(size=truth.shape) for s in (0.5, 0.7, 3.0)]
    weights = weigh_answers(answers, truth, np.zeros(2))
    assert weights.sum() == pytest.approx(1.0)

    def error(w):
        return np.mean((np.tensordot(w, np.stack(answers), 1) - truth) ** 2)

    grid = [(a, b, 1.0 - a - b) for a, b in product(np.linspace(0.0, 1.0, 21), repeat=2) if a + b <= 1.0]
    assert error(weights) < 1.1 * min(error(w) for w in grid)
    assert weights[0] > weights[1] > weights[2]


def test_one_answer_counts_alone_where_more_do_not_surely_help(rng):
    truth = np.zeros((400, 1))
    truth[:4] = rng.normal(size=(4, 1))  # a few rows decide
    answers = [truth * 0.9, truth * 0.2]
    answers[1][:4] += rng.normal(size=(4, 1))
    np.testing.assert_array_equal(weigh_answers(answers, truth, np.zeros(1)), [1.0, 0.0])


def test_the_preferred_answer_counts_until_another_is_surely_better(rng):
    truth = rng.normal(size=(400, 1))
    near = truth + 0.1 * rng.normal(size=truth.shape)
    few = near.copy()
    few[:4] = truth[:4] + 0.4  # better or worse by four rows: noise
    middle = np.zeros(1)
    for answers in ([near, few], [few, near]):
        np.testing.assert_array_equal(weigh_answers(answers, truth, middle, preferred=1), [0.0, 1.0])
    surely = weigh_answers([near, near + rng.normal(size=truth.shape)], truth, middle, preferred=1)
    assert surely[0] > 0.9


def test_of_answers_that_say_nothing_the_best_is_taken():
    truth = np.ones((10, 1))
    weights = weigh_answers([np.full((10, 1), -5.0), np.full((10, 1), -1.0)], truth, np.zeros(1))
    np.testing.assert_array_equal(weights, [0.0, 1.0])
