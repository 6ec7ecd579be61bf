"""What the docs say in words of the recorded baselines follows from the records."""

from pathlib import Path

import pytest
from board_tables import recorded_entries

from mbench.board.kinds import is_network
from mbench.submission import baseline_path, read_submission

DOCS = Path(__file__).parents[1] / "docs"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the docs lie in a checkout alone")


@pytest.fixture(scope="module")
def scores():
    """Return every baseline's Mandelbrot score on `quick`."""
    return {entry.name: entry.mandelbrot for entry in recorded_entries()}


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
