from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats as scipy_stats

from mbench.board import separation
from mbench.board.separation import separate_pairs
from mbench.board.stats import (
    Differences,
    adjust_holm,
    combine_errors,
    compare_halves,
    find_groups,
    kendall_tau,
    mean_interval,
    measure_differences,
    pair_table,
    share_ranks,
)

scores_of = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=9)


@st.composite
def boards(draw):
    """Scores of entries, and which pairs a test separates; never two of equal score."""
    scores = np.array(draw(scores_of))
    k = len(scores)
    separated = np.zeros((k, k), dtype=bool)
    for i, j in combinations(range(k), 2):
        if scores[i] != scores[j]:
            separated[i, j] = separated[j, i] = draw(st.booleans())
    return scores, separated


# Intervals


@pytest.mark.parametrize("n", [0, 1])
def test_less_than_two_replicates_have_no_interval(n):
    assert mean_interval([1.0] * n) is None


@pytest.mark.parametrize("n", [2, 5, 30])
def test_the_interval_is_what_the_t_test_does_not_reject(rng, n):
    scores = rng.normal(100, 3, n)
    interval = mean_interval(scores)
    assert (interval.low + interval.high) / 2 == pytest.approx(scores.mean())
    for end in (interval.low, interval.high):
        assert scipy_stats.ttest_1samp(scores, end).pvalue == pytest.approx(0.05)


def test_of_five_normal_replicates_nineteen_in_twenty_intervals_hold_the_mean(rng):
    intervals = [mean_interval(rng.normal(0, 1, 5)) for _ in range(10_000)]
    assert 0.943 < np.mean([interval.low <= 0 <= interval.high for interval in intervals]) < 0.957


def test_the_order_of_replicates_does_not_move_the_interval(rng):
    scores = rng.normal(0, 1, 6)
    assert mean_interval(scores) == mean_interval(rng.permutation(scores))


def test_replicates_that_agree_have_an_interval_of_one_point():
    interval = mean_interval([7.0] * 5)
    assert (interval.low, interval.high) == (7.0, 7.0)


# Paired tests


def compare_pairs(cells, shared=None):
    """Return the tables of p-values and of differences, row minus column."""
    k = len(cells)
    pairs = measure_differences(cells, None if shared is None else shared[np.triu_indices(k, 1)])
    difference = pair_table(pairs.difference, k, 0.0)
    return pair_table(pairs.p_values(), k, 1.0), np.triu(difference) - np.tril(difference)


def compare_one_by_one(cells, shared):
    """Return the same tables from a loop over pairs, one at a time."""
    k, n_tasks = cells.shape[:2]
    p, difference = np.ones((k, k)), np.zeros((k, k))
    for i, j in combinations(range(k), 2):
        d = [row[np.isfinite(row)] for row in cells[i] - cells[j]]
        difference[i, j] = np.mean([row.mean() if len(row) else 0.0 for row in d])
        difference[j, i] = -difference[i, j]
        if min(map(len, d)) < 2 or abs(difference[i, j]) < 1e-9:
            continue
        error = np.array([[row.var(ddof=1) / len(row) / n_tasks**2 for row in d]])
        freedom = tuple(len(row) - 1 for row in d)
        p[i, j] = p[j, i] = combine_errors(difference[i, j : j + 1], error, freedom, shared[i, j])[0]
    return p, difference


def draw_board(rng, k, spread=3.0):
    """Return cells of entries, some of which lack some or have no scatter, and what a test set adds to each pair."""
    cells = rng.normal(0, spread, (k, 1, 1)) + rng.normal(0, 1, (k, 2, 5)) * rng.gamma(1.0, 1.0, (k, 2, 1))
    cells[1, 0, 0] = cells[2, 1, 3] = np.nan
    cells[3, 0, 1:] = np.nan
    cells[4:6] = np.array([10.0, 11.0])[:, None, None]
    cells[6] = cells[7]
    shared = np.triu(rng.gamma(0.5, 0.1, (k, k)), 1)
    shared[4, 5] = 0.0
    return cells, shared + shared.T


def test_all_pairs_at_once_are_what_a_loop_over_pairs_says(rng):
    cells, shared = draw_board(rng, 30)
    for found, expected in zip(compare_pairs(cells, shared), compare_one_by_one(cells, shared), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-300)


@pytest.mark.parametrize("spread", [0.0, 3.0, 30.0])
def test_many_pairs_are_separated_as_their_p_values_separate_them(rng, spread):
    cells, shared = draw_board(rng, 70, spread)
    pairs = measure_differences(cells, shared[np.triu_indices(70, 1)])
    exact = adjust_holm(pairs.p_values()) <= 0.05
    assert (separate_pairs(pairs) == exact).all()
    assert exact.any() or not spread


def draw_differences(rng, freedom, n=300):
    """Return pairs whose variance is shared out between two tasks and the test set in every way; some have no part."""
    shares = rng.dirichlet([0.3, 0.3, 0.3], n)
    shares[: n // 10, 2] = shares[n // 10 : n // 5, 0] = 0.0
    difference = np.exp(rng.uniform(-2, 4, n))
    return Differences(difference, shares[:, :2], np.tile(freedom, (n, 1)), shares[:, 2], np.full(n, True))


@pytest.mark.parametrize("freedom", [(1, 1), (2, 4), (4, 4), (30, 4)])
def test_p_values_from_fewer_nodes_are_within_the_margin_that_is_left_to_them(rng, freedom):
    pairs = draw_differences(rng, freedom)
    exact = pairs.p_values()
    ratio = (separation.approximate_p_values(pairs, np.arange(300)) / exact)[exact > 1e-11]
    assert ratio.min() > 1 / 1.002
    assert ratio.max() < 1.002


@pytest.mark.parametrize("side", [1.0, 0.125])
@pytest.mark.parametrize("freedom", [(1, 1), (2, 4), (4, 4), (30, 4)])
def test_a_p_value_lies_between_its_bounds(rng, freedom, side):
    pairs = draw_differences(rng, freedom)
    exact = pairs.p_values()
    low, high = separation.bound_p_values(pairs, np.arange(300), side)
    asked = exact > 1e-11
    assert (low <= exact)[asked].all()
    assert (exact <= high).all()
    if side < 1.0:
        assert np.median((high / low)[asked & (exact > 1e-6)]) < 2.0


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-9])
def test_what_holm_rejects_is_what_is_adjusted_to_the_level_at_most(rng, scale):
    p = rng.uniform(0, 1, 500) * np.repeat([1.0, scale], 250)
    p[:20] = p[20:40]
    p[40] = 0.0
    assert (separation.reject_holm(p) == (adjust_holm(p) <= 0.05)).all()
    assert not separation.reject_holm(np.ones(3)).any()


def test_on_one_task_it_is_the_paired_t_test(rng):
    cells = rng.normal(0, 1, (3, 1, 6))
    p, difference = compare_pairs(cells)
    for i, j in combinations(range(3), 2):
        assert p[i, j] == pytest.approx(scipy_stats.ttest_rel(cells[i, 0], cells[j, 0]).pvalue, rel=1e-5)
        assert difference[i, j] == pytest.approx(cells[i].mean() - cells[j].mean())


@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_on_two_tasks_the_variances_are_inverse_chi_squares(rng, shared):
    error, freedom = np.array([0.3, 0.7]), (4, 6)
    inverse = np.array(freedom) / rng.chisquare(freedom, (400_000, 2))
    drawn = np.abs(rng.normal(0, 1, 400_000) * np.sqrt(inverse @ error + shared))
    p = combine_errors(np.array([1.0, 3.0, 5.0]), np.tile(error, (3, 1)), freedom, shared)
    for each, bound in zip(p, (1.0, 3.0, 5.0), strict=True):
        assert each == pytest.approx((drawn > bound).mean(), abs=5 * np.sqrt(each / 400_000))


@pytest.mark.parametrize("freedom", [1, 2, 4, 30])
@pytest.mark.parametrize("t", [0.1, 2.0, 13.0])
def test_on_one_task_far_out_it_is_students_t(freedom, t):
    p = combine_errors(np.array([3.0 * t]), np.array([[9.0]]), (freedom,))
    assert p[0] == pytest.approx(2 * scipy_stats.t.sf(t, freedom), rel=2e-5)


def test_with_hundreds_of_replicates_it_is_the_normal_test():
    p = combine_errors(np.array([2.5]), np.array([[0.25, 0.5]]), (2_000, 2_000), 0.25)
    assert p[0] == pytest.approx(2 * scipy_stats.norm.sf(2.5), rel=0.01)


def share_below(level, ratio, shared, rng, n=20_000):
    """How often a difference of nothing is found, where one task's scores scatter `ratio` times as much."""
    d = rng.normal(0, np.array([1.0, ratio])[:, None], (n, 2, 5))
    difference = d.mean(axis=(1, 2)) + rng.normal(0, np.sqrt(shared), n)
    error = d.var(axis=2, ddof=1) / 5 / 4
    # Nothing is below the level that a normal test of these variances leaves above it.
    far = np.abs(difference) > 0.95 * scipy_stats.norm.isf(level / 2) * np.sqrt(error.sum(axis=1) + shared)
    return (combine_errors(difference[far], error[far], (4, 4), shared) <= level).sum() / n


@pytest.mark.parametrize("ratio", [1, 3, 10])
@pytest.mark.parametrize("shared", [0.0, 0.5])
@pytest.mark.parametrize("level", [0.05, 0.05 / 22])
def test_what_is_nothing_is_not_found_more_often_than_the_level(rng, level, ratio, shared):
    assert share_below(level, ratio, shared, rng) <= level + 3 * np.sqrt(level / 20_000)


def test_a_test_set_that_all_replicates_share_makes_differences_where_it_is_not_counted(rng):
    difference = rng.normal(0, 1, (4_000, 1, 1))
    d = difference + rng.normal(0, 0.1, (4_000, 2, 5))
    error = d.var(axis=2, ddof=1) / 5 / 4
    counted = combine_errors(d.mean(axis=(1, 2)), error, (4, 4), 1.0) <= 0.05
    ignored = combine_errors(d.mean(axis=(1, 2)), error, (4, 4)) <= 0.05
    assert ignored.mean() > 0.8
    assert 0.035 < counted.mean() < 0.06


def test_the_shared_part_is_that_of_its_pair(rng):
    cells = rng.normal(0, 1, (3, 2, 5))
    shared = np.array([[0.0, 0.2, 3.0], [0.2, 0.0, 0.0], [3.0, 0.0, 0.0]])
    p, _ = compare_pairs(cells, shared)
    plain, _ = compare_pairs(cells)
    assert p[0, 2] > plain[0, 2]
    assert p[1, 2] == pytest.approx(plain[1, 2], rel=1e-12)
    d = cells[0] - cells[1]
    expected = combine_errors(d.mean(keepdims=True)[0], d.var(axis=1, ddof=1)[None] / 5 / 4, (4, 4), 0.2)
    assert p[0, 1] == pytest.approx(expected[0], rel=1e-12)


def test_what_the_sample_does_to_both_alike_does_not_count(rng):
    sample = rng.normal(0, 50, (1, 2, 5))
    cells = sample + np.array([0.0, 1.0])[:, None, None] + rng.normal(0, 0.1, (2, 2, 5))
    assert compare_pairs(cells)[0][0, 1] < 1e-4


def test_signs_alone_could_not_separate_a_board_of_eight():
    d = np.linspace(30, 40, 10)
    floor = scipy_stats.wilcoxon(d).pvalue
    assert floor == pytest.approx(2 / 2**10)
    assert floor > 0.05 / 28
    assert compare_pairs(np.stack([d, 0 * d]).reshape(2, 2, 5))[0][0, 1] < 0.05 / 28


def test_p_is_symmetric_and_the_difference_is_not(rng):
    p, difference = compare_pairs(rng.normal(0, 1, (5, 2, 5)))
    assert np.array_equal(p, p.T)
    assert np.allclose(difference, -difference.T)
    assert (np.diag(p) == 1).all()


def test_cells_that_one_of_them_lacks_are_left_out(rng):
    cells = rng.normal(0, 1, (2, 2, 6))
    cells[0, 0, 2] = cells[1, 1, 5] = np.nan
    cells[0, 1, 1] = np.nan
    p, difference = compare_pairs(cells)
    d = [row[np.isfinite(row)] for row in cells[0] - cells[1]]
    error = [row.var(ddof=1) / len(row) / 4 for row in d]
    expected = combine_errors(difference[0, 1:], np.array([error]), (4, 3))
    assert p[0, 1] == pytest.approx(expected[0])
    assert difference[0, 1] == pytest.approx((d[0].mean() + d[1].mean()) / 2)


@pytest.mark.parametrize("n", [0, 1])
def test_without_two_replicates_in_common_nothing_is_told_apart(n):
    cells = np.full((2, 2, 5), np.nan)
    cells[:, :, :n] = np.array([0.0, 100.0])[:, None, None]
    assert (compare_pairs(cells)[0] == 1).all()


@pytest.mark.parametrize(("gap", "p"), [(0.0, 1.0), (1e-13, 1.0), (5.0, 0.0)])
def test_scores_that_no_sample_changes_differ_if_they_differ(gap, p):
    cells = np.array([100.0, 100.0 + gap])[:, None, None] * np.ones((1, 2, 5))
    assert compare_pairs(cells)[0][0, 1] == p


# Holm


def test_holm_agrees_with_what_is_worked_by_hand():
    # 4 * 0.005, then 3 * 0.01, then 2 * 0.03, then 1 * 0.04, which is not to be below the one before.
    assert adjust_holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(arrays(float, st.integers(0, 20), elements=st.floats(0, 1)), st.floats(0.001, 0.5))
def test_holm_rejects_what_stepping_down_does(p, level):
    rejected = set()
    for step, index in enumerate(np.argsort(p, kind="stable")):
        if p[index] * (len(p) - step) > level:
            break
        rejected.add(int(index))
    assert set(np.flatnonzero(adjust_holm(p) <= level).tolist()) == rejected


def test_pairs_are_counted_once(rng):
    pairs = measure_differences(rng.normal(0, 1, (3, 2, 5)))
    assert pairs.p_values().shape == (3,)


# Ranks


@given(boards())
def test_who_shares_a_rank_is_not_separated(board):
    scores, separated = board
    rank = share_ranks(scores, separated)
    for i, j in combinations(range(len(scores)), 2):
        assert not (rank[i] == rank[j] and separated[i, j])
        assert scores[i] != scores[j] or rank[i] == rank[j]
        assert scores[i] <= scores[j] or rank[i] <= rank[j]


@given(boards())
def test_a_rank_is_one_more_than_the_number_of_entries_of_better_rank(board):
    rank = share_ranks(*board)
    assert all(rank[i] == 1 + (rank < rank[i]).sum() for i in range(len(rank)))


@given(boards(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(board, random):
    scores, separated = board
    order = list(range(len(scores)))
    random.shuffle(order)
    shuffled = share_ranks(scores[order], separated[order][:, order])
    assert shuffled.tolist() == share_ranks(scores, separated)[order].tolist()


def test_all_separated_are_ranked_by_score_and_none_separated_share_the_first_place():
    scores = np.array([3.0, 9.0, 5.0])
    apart = ~np.eye(3, dtype=bool)
    assert share_ranks(scores, apart).tolist() == [3, 1, 2]
    assert share_ranks(scores, ~apart & apart).tolist() == [1, 1, 1]


def test_a_middle_one_that_nothing_separates_stays_with_the_upper():
    separated = np.zeros((3, 3), dtype=bool)
    separated[0, 2] = separated[2, 0] = True
    assert share_ranks(np.array([3.0, 2.0, 1.0]), separated).tolist() == [1, 1, 3]
    assert find_groups(np.array([3.0, 2.0, 1.0]), separated) == [(0, 1), (1, 2)]


@given(boards())
def test_groups_are_the_longest_runs_that_nothing_separates(board):
    scores, separated = board
    order = np.argsort(-scores, kind="stable").tolist()
    runs = [
        order[i:j]
        for i in range(len(order))
        for j in range(i + 2, len(order) + 1)
        if not any(separated[a, b] for a, b in combinations(order[i:j], 2))
    ]
    longest = [tuple(run) for run in runs if not any(set(run) < set(other) for other in runs)]
    assert find_groups(scores, separated) == longest


# Halves of the replicates


def naive_tau(one, other):
    concordant = discordant = ties = others = 0
    for i, j in combinations(range(len(one)), 2):
        a, b = np.sign(one[i] - one[j]), np.sign(other[i] - other[j])
        concordant, discordant = concordant + (a * b > 0), discordant + (a * b < 0)
        ties, others = ties + (a != 0), others + (b != 0)
    return (concordant - discordant) / np.sqrt(ties * others)


@pytest.mark.parametrize(("n", "n_splits"), [(2, 1), (3, 3), (4, 3), (5, 10)])
def test_agreement_is_kendalls_tau_over_all_splits(rng, n, n_splits):
    scores = rng.normal(0, 1, (6, n))
    found = compare_halves(scores)
    taus = []
    for half in combinations(range(n), n // 2):
        rest = [r for r in range(n) if r not in half]
        taus.append(naive_tau(scores[:, list(half)].mean(axis=1), scores[:, rest].mean(axis=1)))
    assert (found.mean, found.least) == pytest.approx((np.mean(taus), np.min(taus)))
    assert found.n_splits == n_splits


def test_methods_far_apart_keep_their_order_in_every_half(rng):
    scores = np.arange(5)[:, None] * 10 + rng.normal(0, 1, (5, 5))
    assert compare_halves(scores).least == pytest.approx(1.0)


def test_many_replicates_are_split_at_random_under_a_seed(rng):
    scores = rng.normal(0, 1, (4, 30))
    assert compare_halves(scores).n_splits == 200
    assert compare_halves(scores) == compare_halves(scores)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (0, 0)])
def test_without_two_of_each_there_is_nothing_to_agree_on(shape):
    assert compare_halves(np.zeros(shape)) is None


def test_entries_that_are_all_alike_have_no_order():
    assert compare_halves(np.zeros((3, 4))) is None


@settings(max_examples=30, deadline=None)
@given(arrays(float, (3, 4), elements=st.floats(0, 200, width=16)), st.randoms(use_true_random=False))
def test_shuffling_replicates_does_not_change_the_agreement(scores, random):
    order = list(range(4))
    random.shuffle(order)
    one, other = compare_halves(scores), compare_halves(scores[:, order])
    assert (one is None) == (other is None)
    if one is not None:
        assert (one.mean, one.least) == pytest.approx((other.mean, other.least), abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=20))
def test_kendalls_tau_is_scipys(pairs):
    one, other = np.array(pairs, dtype=float).T
    if np.ptp(one) and np.ptp(other):
        assert kendall_tau(one, other) == pytest.approx(scipy_stats.kendalltau(one, other)[0], abs=1e-12)
