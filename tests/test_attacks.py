"""Every attack of `tests/attacks`, on every tier that this machine offers, by the current user and by an ordinary one.

`attack_suite` runs them and looks for what they left; `attack_table` prints the table of docs/sandbox.md.
"""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import attack_suite
import attack_table
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is tier C alone, which holds nothing")

NOBODY = 65534
ATTACKS = {attack.name: attack for attack in attack_suite.list_attacks()}
# Where a child is started from nothing rather than forked from a nursery, the same confinement holds it; what may
# differ is what it sees around it and how it is watched.
_STARTED = ("read_secret", "read_labels", "write_outside", "fork_bomb", "signal_others", "memory_slowly", "overrun_fit",
            "leaked_descriptors", "loosen_bonds", "walk_memory")  # fmt: skip
STARTED = {
    "A": (*_STARTED, "read_results", "read_environment", "list_outside", "list_hidden", "stat_outside", "see_host",
          "edit_package", "pickle_artifact", "connect", "trace", "daemon", "thread_bomb_tiny", "disk_fill_unlinked",
          "ignore_sigterm", "output_replaced", "sibling_cell", "change_parent", "exit_quietly", "kill_itself"),
    "B": _STARTED,
}  # fmt: skip


def cases():
    for tier in ("A", "B"):
        yield from ((tier, "forked", name) for name in ATTACKS)
        yield from ((tier, "started", name) for name in STARTED[tier])


@pytest.fixture(scope="module")
def world():
    with attack_suite.World() as world:
        yield world


@pytest.fixture(scope="module")
def ground_of(world):
    """Return the ground of a tier, with a nursery or without; made once."""
    with ExitStack() as stack:

        @cache
        def open_ground(tier, way):
            isolation = attack_suite.offered(tier)
            if isolation is None:
                pytest.skip(f"this machine does not offer tier {tier}")
            if way == "forked" and not isolation.allows_nursery:
                pytest.skip("without Landlock the children of tier A share no nursery")
            return stack.enter_context(attack_suite.Ground(world, isolation, forks=way == "forked"))

        yield open_ground


@pytest.mark.parametrize(("tier", "way", "name"), list(cases()))
def test_an_attack_is_contained(ground_of, tier, way, name):
    attack = ATTACKS[name]
    if not attack.is_for_this_machine:
        pytest.skip("an attack on another processor")
    outcome = attack_suite.run_attack(attack, ground_of(tier, way))
    if attack.breaches(tier):
        assert outcome.breached, "the page says that this tier does not hold it, and it does"
    else:
        assert outcome.problems == ()


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if attack.breaches("C")])
def test_without_a_sandbox_the_same_attack_succeeds(ground_of, name):
    """So that it is the sandbox that holds it, and not a mistake in the attack. Only such as harm nothing."""
    ground = ground_of("C", "forked")
    outcome = attack_suite.run_attack(ATTACKS[name], ground)
    ground.world.drain()
    assert outcome.breached


@pytest.mark.parametrize(("tier", "way"), [("A", "forked"), ("A", "started"), ("B", "forked"), ("B", "started")])
def test_a_fresh_child_works_as_if_nothing_had_been(ground_of, tier, way):
    assert ground_of(tier, way).is_alive()


def test_attacks_by_an_ordinary_user_are_contained():
    if os.getuid() != 0:
        pytest.skip("the tests above are run by one")
    command = [sys.executable, attack_table.__file__, "--uid", str(NOBODY), "--json", "--tiers", "AB", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 and "cannot become" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    wrong = {(o["attack"], o["tier"]): o["problems"] for o in outcomes if o["problems"] and not o["known"]}
    assert wrong == {}
    n_tiers = sum(attack_suite.offered(tier) is not None for tier in "AB")
    assert len(outcomes) >= n_tiers * (len(ATTACKS) - 5)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_says_what_it_tries(attack):
    assert attack.what.endswith(".")
    assert "\n" not in attack.what
    assert set(attack.expected) <= {"ok", "crash", "timeout", "out-of-memory", "invalid", "refused"}


@pytest.mark.skipif(not attack_table.PAGE.exists(), reason="the page lies in the checkout, not in the wheel")
def test_the_page_has_a_row_for_every_attack():
    table = attack_table.PAGE.read_text().split(attack_table.START)[1].split(attack_table.END)[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    assert [(row[0].strip("| `"), row[1]) for row in rows] == [(a.name, a.what) for a in ATTACKS.values()]
    breached = {
        (row[0].strip("| `"), tier) for row in rows for tier, cell in zip("ABC", row[2:], strict=True) if "**" in cell
    }
    assert breached == {(a.name, tier) for a in ATTACKS.values() for tier in "ABC" if a.breaches(tier)}


def test_what_a_planted_file_does_is_noticed(world):
    """The look from outside fails where something was left."""
    planted = world.root / "results" / "new"
    planted.touch()
    assert any("results/new" in problem for problem in world.problems())
    planted.unlink()
    os.utime(Path(world.root, "results"), ns=(0, world._before[str(world.root / "results")][5]))
    assert world.problems() == []
