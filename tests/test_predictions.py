"""The one strict reader of predictions, and that what is written is read."""

import io

import numpy as np
import pytest
from numpy.lib.format import write_array

from mbench.results.predictions import pack_predictions
from mbench.sandbox.predictions import unpack_predictions


def npy(array):
    buffer = io.BytesIO()
    write_array(buffer, array)
    return buffer.getvalue()


GOOD = npy(np.arange(6, dtype="<f4").reshape(3, 2))


def test_what_is_packed_is_unpacked_and_numpy_reads_the_same(rng):
    values = rng.standard_normal((50, 3)).astype(np.float32)
    packed = pack_predictions(values)
    np.testing.assert_array_equal(unpack_predictions(io.BytesIO(packed)), values)
    np.testing.assert_array_equal(np.load(io.BytesIO(packed), allow_pickle=False), values)


@pytest.mark.parametrize("padding", [0, 1, 63, 200])
def test_a_header_of_any_padding_is_read_as_numpy_reads_it(padding):
    header = GOOD[10:128].rstrip() + b" " * padding + b"\n"
    content = GOOD[:8] + len(header).to_bytes(2, "little") + header + GOOD[128:]
    np.testing.assert_array_equal(unpack_predictions(io.BytesIO(content), (3, 2)), np.load(io.BytesIO(content)))


@pytest.mark.parametrize(
    ("content", "shape", "words"),
    [
        (b"", (3, 2), r"is not a \.npy file of float32 with shape \(3, 2\)"),
        (b"", None, r"is not a \.npy file of float32 with shape \(n, k\)"),
        (GOOD, (2, 3), r"is not a \.npy file of float32 with shape \(2, 3\)"),
        (GOOD[:-1], (3, 2), "holds 23 bytes of values, not 24"),
        (GOOD + b"x", None, "holds 25 bytes of values, not 24"),
        (npy(np.full((3, 2), np.inf, "<f4")), None, "holds values that are not finite"),
    ],
)
def test_the_reader_says_what_is_wrong_with_a_file(content, shape, words):
    with pytest.raises(ValueError, match=words):
        unpack_predictions(io.BytesIO(content), shape)


def test_a_header_that_promises_too_much_is_refused_before_any_value_is_read():
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999, 999999999), }\n"

    class File(io.BytesIO):
        def seek(self, *arguments):
            raise AssertionError("looked for values")

    with pytest.raises(ValueError, match="more than any predictions"):
        unpack_predictions(File(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header))
