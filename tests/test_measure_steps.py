"""What `measure_steps.py` measures: every network of the baselines, on every shape of a track."""

import measure_steps
import pytest

from mbench.suite import tracks
from mbench.types import Spec


@pytest.mark.parametrize("track", tracks.TRACKS.values(), ids=lambda track: track.name)
def test_every_task_of_a_track_has_its_shape_measured_once(track):
    specs = measure_steps.list_specs(track)
    assert len(set(specs.values())) == len(specs)
    assert {tracks.family_of(name) for name in specs} == set(tracks.FAMILIES)
    assert {"curve", "friedman"} < specs.keys()  # of one family, with other numbers of inputs


def test_networks_are_measured_and_nothing_else():
    spec = Spec(2, 1, 10_000, 15.0, threads=1, device="cpu", seed=0)
    assert measure_steps.build_network("siren", spec).steps > 1
    assert measure_steps.build_network("knn", spec) is None
    assert isinstance(measure_steps.measure_step_ms("taylor_linear", spec), float)
