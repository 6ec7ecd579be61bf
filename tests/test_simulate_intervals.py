import re
import subprocess
import sys
from pathlib import Path

import pytest
from simulate_intervals import RECORDED

pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason="recorded results lie in the checkout, not in the wheel")

COMMAND = Path(__file__).with_name("simulate_intervals.py")


def test_the_simulation_prints_what_intervals_and_the_pair_test_hold():
    argv = [sys.executable, COMMAND, "--draws", "3000", "--seed", "1"]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert said.startswith("seed 1;")
    for what in ("normal scores", "differences of replicates"):
        assert 92 < float(re.search(rf"{what} +([\d.]+)%", said)[1]) < 98
    rates = re.findall(r"^  (?:normal|recorded)[^\n]*? [\d.]+ +[01] +([\d.]+) +[\d.]+ +[\d.]+$", said, re.MULTILINE)
    *counted, ignored = map(float, rates)
    assert len(counted) == 18
    assert max(counted) < 1.2
    assert ignored > 1.2
    assert len(re.findall(r"test set's sd 0\.\d\d: at 5% ", said)) == 3
