"""No file of the site grows faster than its entries: pages of invented boards of 20, 120 and 220."""

import gzip
import hashlib
import itertools
import json
import random
from dataclasses import replace

import numpy as np
import pytest
from site_entries import record_of_skill

from mbench.board.candidates import Candidate
from mbench.board.standings import Pairs, build_board
from mbench.board.stats import Differences
from mbench.results.reference import load_reference
from mbench.suite import tracks
from mbench.views.entry_pictures import zoom_plan
from mbench.views.site import pages
from mbench.views.site.entries import collect_entries
from mbench.views.site.media import Media
from mbench.views.site.tiles import Tiles

SIZES = (20, 120, 220)
FRAME = pages.Frame("tiles/truth")


def invent(n, tmp_path):
    """Return a board of n entries as the site shows it, with two replicates each, so that there are intervals."""
    rng = random.Random(n)
    candidates = []
    for index in range(n):
        name = f"idea-{hashlib.sha256(str(index).encode()).hexdigest()[:8]}"
        skill = rng.uniform(20.0, 150.0)
        records = [
            record_of_skill(name, "d" * 64, "standard", task, replicate, skill + rng.gauss(0.0, 1.0))
            for task in tracks.TRACKS["standard"].tasks
            for replicate in range(2)
        ]
        candidates.append(Candidate(name, "submission", tuple(records)))
    board = build_board(candidates, "standard", load_reference())
    # None of them is ranked, which would take long: the pairs that a board of ranked ones has are put there.
    m = n * (n - 1) // 2
    apart = Differences(
        np.ones(m), np.ones((m, 2)), np.ones((m, 2), dtype=np.int64), np.zeros(m), np.ones(m, dtype=bool)
    )
    board = replace(board, pairs=Pairs(n, apart, np.zeros(m), np.zeros(m, dtype=bool)))
    entries = collect_entries(board, candidates, tmp_path, None)
    scores = (0.5,) * len(zoom_plan().panels)
    views = [
        pages.View(entry, Tiles(f"tiles/{hashlib.sha256(entry.slug.encode()).hexdigest()[:12]}", scores, ()), Media())
        for entry in entries
    ]
    return pages.TrackViews(board, tuple(views))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return the bytes of each kind of file, by the number of entries."""
    sizes = {}
    for n in SIZES:
        track = invent(n, tmp_path_factory.mktemp("submissions"))
        texts = {
            "index": pages.render_index([track], FRAME),
            "compare": pages.render_compare([track], FRAME),
            "plots": json.dumps(pages.plot_data(track)),
            "tasks": json.dumps(pages.task_data(track)),
            "board": json.dumps(pages.board_data(track)),
            "entry": json.dumps(pages.entry_data(track.views[n // 2], track)),
            "page": pages.render_entry(track.views[n // 2], track, [], FRAME),
        }
        sizes[n] = {kind: len(text.encode()) for kind, text in texts.items()}
        sizes[n]["index, compressed"] = len(gzip.compress(texts["index"].encode()))
    return sizes


def slopes(written, kind):
    """Return the bytes for each further entry, between few and between more."""
    return [(written[b][kind] - written[a][kind]) / (b - a) for a, b in itertools.pairwise(SIZES)]


def test_a_file_about_all_entries_grows_as_they_do(written):
    for kind in ("index", "compare", "plots", "tasks", "board"):
        first, second = slopes(written, kind)
        assert second < 1.1 * first, kind


def test_a_file_about_one_entry_does_not_grow(written):
    for kind in ("entry", "page"):
        assert written[SIZES[-1]][kind] < 1.05 * written[SIZES[0]][kind], kind


def test_what_every_visitor_loads_is_small_at_a_thousand_entries(written):
    """They grow as their entries do, so that a thousand need not be made."""
    for kind, limit in (("index, compressed", 250_000), ("compare", 150_000), ("plots", 450_000)):
        rise = (1_000 - SIZES[-1]) * max(slopes(written, kind))
        assert written[SIZES[-1]][kind] + rise < limit, kind
