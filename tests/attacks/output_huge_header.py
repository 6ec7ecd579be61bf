"""Write a header that claims to be 4 GB long, and an array of 2^60 rows."""

import sys

from kit import Mean

EXPECTED = "invalid"


class Forging(Mean):
    def predict(self, X):
        sys.modules["mbench.child.worker"].save_array = write  # what the worker calls next
        return super().predict(X)


def write(path, predictions, **options):
    header = repr({"descr": "<f4", "fortran_order": False, "shape": (1 << 60, 1)}).encode()
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x02\x00" + (0xFFFFFFFF).to_bytes(4, "little") + header)


def build(spec):
    return Forging(lambda: None)
