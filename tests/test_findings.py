"""What the docs say in words of the recorded baselines follows from the records."""

from pathlib import Path

import pytest
from board_tables import recorded_entries

from mbench.board.candidates import find_baselines
from mbench.board.kinds import is_network
from mbench.board.standings import build_board
from mbench.results.reference import load_reference
from mbench.submission import baseline_path, read_submission

DOCS = Path(__file__).parents[1] / "docs"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the docs lie in a checkout alone")


@pytest.fixture(scope="module")
def scores():
    """Return every baseline's Mandelbrot score on `quick`."""
    return {entry.name: entry.mandelbrot for entry in recorded_entries()}


@pytest.fixture(scope="module")
def standings():
    """Return every baseline that stands on the board of `standard`."""
    board = build_board(find_baselines(), "standard", load_reference())
    return {standing.name: standing for standing in (*board.ranked, *board.unranked)}


def networks_between(scores, low, high):
    """Return the networks whose scores are so far above k-NN's."""
    return {
        name
        for name, score in scores.items()
        if low < score - scores["knn"] <= high and is_network(read_submission(baseline_path(name)))
    }


# A sentence, the page that has it, and what it comes to.
FINDINGS = [
    ("board.md", "On one replicate two networks lie above it (`dense_grid`, `gaussian_features`), within two points.",
     lambda s: networks_between(s, 0.0, 2.0) == networks_between(s, 0.0, 200.0) == {"dense_grid", "gaussian_features"}),
    ("board.md", "Three lie within two points below (`hash_grid`, `fourier_smooth`, `fourier`).",
     lambda s: networks_between(s, -2.0, 0.0) == {"hash_grid", "fourier_smooth", "fourier"}),
    ("board.md", "What does better finds the set's mirror first (`knn_mirror`), or learns from the sample how to read "
     "a neighbourhood ([`learned_neighbours`](learned_neighbours.md)).",
     lambda s: {name for name, score in s.items() if score > s["knn"] + 2.0} == {"knn_mirror", "learned_neighbours"}),
    ("design.md", "As many orders as the sample bears (`fourier`), or the same 256 with falling amplitudes "
     "(`fourier_smooth`), beat the plain network, and so do Taylor's.",
     lambda s: min(s[name] for name in ("fourier", "fourier_smooth", "taylor")) > s["mlp"] > s["fourier_256"]),
]  # fmt: skip


@pytest.mark.parametrize(("page", "sentence", "holds"), FINDINGS, ids=[sentence[:40] for _, sentence, _ in FINDINGS])
def test_what_the_docs_say_of_the_baselines_follows_from_their_records(page, sentence, holds, scores):
    assert sentence in " ".join((DOCS / page).read_text().split())
    assert holds(scores)


def on_standard(standings, *names):
    return [standings[name].entry.mandelbrot for name in names]


def leads_far_from_the_second(standings):
    first, second = sorted(standings.values(), key=lambda each: -each.entry.mandelbrot)[:2]
    gap = first.mandelbrot_interval.low - second.mandelbrot_interval.high
    return first.name == "learned_neighbours" and first.rank == 1 and gap > 3.0 and 3.75 < first.entry.worth < 4.0


FINDINGS_ON_STANDARD = [
    ("`learned_neighbours` leads, by an interval that is far from the second's: learning how to read a neighbourhood "
     "is worth nearly four times the points.", leads_far_from_the_second),
    ("What comes second finds the set's mirror first (`knn_mirror`), and is worth twice the points.",
     lambda s: s["knn_mirror"].rank == 2 and s["knn_mirror"].entry.worth == pytest.approx(2.0, abs=0.1)),
    ("The other ways of interpolating (`rbf`, `delaunay`, `extra_trees`) are no better than `knn`, nor is a network: "
     "`dense_grid` shares its rank, `fourier` stays three points behind.",
     lambda s: (max(on_standard(s, "rbf", "delaunay", "extra_trees", "dense_grid")) < s["knn"].entry.mandelbrot
                and s["dense_grid"].rank == s["knn"].rank
                and s["knn"].entry.mandelbrot - s["fourier"].entry.mandelbrot == pytest.approx(3.0, abs=0.5))),
    ("The video's plain network (`mlp`) and its 256 orders (`fourier_256`) do about as well: 84.1 and 84.8. As many "
     "orders as the sample bears (`fourier`) reach 96.8.",
     lambda s: [round(each, 1) for each in on_standard(s, "mlp", "fourier_256", "fourier")] == [84.1, 84.8, 96.8]),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "holds"), FINDINGS_ON_STANDARD, ids=[s[:40] for s, _ in FINDINGS_ON_STANDARD])
def test_what_the_docs_say_of_the_standard_board_follows_from_the_records(sentence, holds, standings):
    assert sentence in " ".join((DOCS / "board.md").read_text().split())
    assert holds(standings)
