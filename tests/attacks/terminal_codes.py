"""Put control characters, colours and line ends into the reason that is shown and recorded."""

from kit import Mean

EXPECTED = "crash"


def attack():
    raise ValueError("\x1b[2J\x1b]0;title\x07 ok\r\ncell ok\u202e\u2028next \ud800" + "x" * 100_000)


def build(spec):
    return Mean(attack)
