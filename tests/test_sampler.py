import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbench.suite.sampler import permutation, random_words, stream_key, uniform_rows

KEY = stream_key("mandelbrot", "train", 0)


def philox_4x64(counter: int, key: tuple[int, int]) -> list[int]:
    """Ten rounds of Philox4x64, straight from Salmon et al. (2011): the oracle."""
    mask = 2**64 - 1
    x = [counter >> (64 * i) & mask for i in range(4)]
    k0, k1 = key
    for _ in range(10):
        low, high = 0xD2E7470EE14C6C93 * x[0], 0xCA5A826395121157 * x[2]
        x = [(high >> 64) ^ x[1] ^ k0, high & mask, (low >> 64) ^ x[3] ^ k1, low & mask]
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & mask, (k1 + 0xBB67AE8584CAA73B) & mask
    return x


def test_words_are_philox_4x64_ten_rounds():
    expected = [word for counter in range(1, 4) for word in philox_4x64(counter, tuple(map(int, KEY)))]
    assert random_words(KEY, 0, 12).tolist() == expected


def test_key_is_the_first_sixteen_bytes_of_the_labels_sha256():
    digest = hashlib.sha256(b"mbench/2|mandelbrot|train|0").digest()
    assert KEY.tolist() == [int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little")]


@given(start=st.integers(0, 300), count=st.integers(0, 300), columns=st.integers(1, 11))
def test_a_shard_is_a_slice_of_the_whole(start, count, columns):
    whole = uniform_rows(KEY, 0, start + count, columns)
    assert np.array_equal(uniform_rows(KEY, start, count, columns), whole[start:])


def test_a_shard_far_out_costs_no_walk_there():
    start = 10**15
    counter, offset = divmod(start, 4)
    assert random_words(KEY, start, 1)[0] == philox_4x64(counter + 1, tuple(map(int, KEY)))[offset]


def test_a_shorter_sample_is_a_prefix_of_a_longer_one():
    assert np.array_equal(uniform_rows(KEY, 0, 100, 2), uniform_rows(KEY, 0, 1000, 2)[:100])


def test_a_word_becomes_the_middle_of_its_cell(rng):
    u = uniform_rows(KEY, 0, 50, 1)[:, 0]
    words = random_words(KEY, 0, 50)
    assert u.tolist() == [((int(word) >> 11) + 0.5) * 2.0**-53 for word in words]


@pytest.mark.parametrize("word", [0, 2**64 - 1])
def test_uniform_is_never_zero_or_one(monkeypatch, word):
    monkeypatch.setattr("mbench.suite.sampler.random_words", lambda *_: np.array([word], dtype=np.uint64))
    assert 0.0 < uniform_rows(KEY, 0, 1, 1)[0, 0] < 1.0


@pytest.mark.parametrize(
    "other",
    [
        stream_key("julia", "train", 0),
        stream_key("mandelbrot", "test", 0),
        stream_key("mandelbrot", "train", 1),
        stream_key("mandelbrot", "train", 0, secret=bytes(32)),
        stream_key("mandelbrot", "train", 0, secret=b"\1" + bytes(31)),
    ],
)
def test_every_part_of_a_streams_name_and_the_secret_changes_it(other):
    assert not np.array_equal(uniform_rows(KEY, 0, 8, 1), uniform_rows(other, 0, 8, 1))


def test_uniform_points_are_uniform():
    counts = np.histogram(uniform_rows(KEY, 0, 100_000, 1), bins=50, range=(0, 1))[0]
    chi_squared = ((counts - 2000) ** 2 / 2000).sum()
    assert 20 < chi_squared < 95  # 49 degrees of freedom: outside once in ten thousand seeds


@pytest.mark.parametrize("size", [0, 1, 7, 1000])
def test_permutation_holds_every_item_once(size):
    assert sorted(permutation(KEY, size).tolist()) == list(range(size))


@pytest.mark.parametrize(("start", "count"), [(-1, 5), (0, -5)])
def test_negative_positions_are_refused(start, count):
    with pytest.raises(ValueError, match="negative"):
        random_words(KEY, start, count)


def test_the_stream_is_the_same_in_another_process():
    code = (
        "from mbench.suite.sampler import *; print(random_words(stream_key('mandelbrot', 'train', 0), 0, 4).tolist())"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert answer.strip() == str(random_words(KEY, 0, 4).tolist())
