"""Predict for longer than the limit, in C code that no signal handler interrupts."""

from kit import LIBC, Mean

EXPECTED = "timeout"


class Slow(Mean):
    def predict(self, X):
        while True:
            LIBC.sleep(60)


def build(spec):
    return Slow(lambda: None)
