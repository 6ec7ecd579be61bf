"""Print the table of attacks and tiers: `python tests/attack_table.py`, with `--write` into docs/sandbox.md.

`--json` prints every outcome instead; `--uid 65534`, as root, runs everything as that user.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "sandbox.md"
START, END = "<!-- attacks -->", "<!-- end of attacks -->"
_NEW_NAMESPACE, _PRIVATE = 0x20000, 0x4000 | 0x40000  # CLONE_NEWNS; MS_REC | MS_PRIVATE
_BIND, _MOVE = 0x1000, 0x2000
_AS_USER = "MBENCH_ATTACKS_AS_USER"


def become_user(uid: int) -> None:
    """Start this command again as an ordinary user who can read this interpreter, even one in root's home.

    In mounts of its own, a closed folder on the way is covered by an open one that holds the next step alone.
    Raises OSError where that is not allowed.
    """
    libc = ctypes.CDLL(None, use_errno=True)

    def call(name: str, *arguments: object) -> None:
        if getattr(libc, name)(*arguments) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{name}: {os.strerror(number)}")

    call("unshare", _NEW_NAMESPACE)
    call("mount", None, b"/", None, _PRIVATE, None)
    needed = {os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, *sys.path) if os.path.isdir(path)}
    for path in sorted(needed):
        for closed in reversed(Path(path).parents):
            if closed.stat().st_mode & 0o005 == 0o005:
                continue
            inner = next(part for part in (Path(path), *Path(path).parents) if part.parent == closed)
            call("mount", str(inner).encode(), b"/mnt", None, _BIND | 0x4000, None)
            call("mount", b"tmpfs", str(closed).encode(), b"tmpfs", 0, b"mode=755")
            inner.mkdir()
            call("mount", b"/mnt", str(inner).encode(), None, _MOVE, None)
    script = os.path.abspath(__file__)
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    os.chdir("/tmp")
    environment = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
    environment |= {"HOME": "/tmp", "TMPDIR": "/tmp", _AS_USER: str(uid), "PYTHONDONTWRITEBYTECODE": "1"}
    os.execve(sys.executable, [sys.executable, script, *sys.argv[1:]], environment)


def run_all(tiers: list[str], *, quick: bool = False) -> list[dict]:
    """Run every attack on A and B, and on C those that are known to breach it and harm nobody.

    quick: leave out the few that take seconds.
    """
    import attack_suite as suite

    outcomes = []
    with suite.World() as world:
        for tier in tiers:
            isolation = suite.offered(tier)
            if isolation is None:
                continue
            with suite.Ground(world, isolation, forks=isolation.allows_nursery) as ground:
                for attack in suite.list_attacks():
                    passed_over = quick and attack.settings.get("IS_SLOW")
                    if attack.is_for_this_machine and not passed_over and (tier != "C" or attack.breaches("C")):
                        outcome = suite.run_attack(attack, ground)
                        outcomes.append(asdict(outcome) | {"known": attack.breaches(tier)})
                        world.drain()
    return outcomes


def format_table(outcomes: list[dict]) -> str:
    """Return Markdown: a row an attack, a column a tier."""
    import attack_suite as suite

    cells = {}
    for outcome in outcomes:
        word = "held" if outcome["status"] == "ok" else outcome["status"]
        breached = outcome["breached"] or (outcome["problems"] and not outcome["known"])
        cells[outcome["attack"], outcome["tier"]] = "**breach**" if breached else word
    lines = ["| attack | what it tries | A | B | C |", "|---|---|---|---|---|"]
    for attack in suite.list_attacks():
        shown = " | ".join(cells.get((attack.name, tier), "–") for tier in "ABC")
        lines.append(f"| `{attack.name}` | {attack.what} | {shown} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print every outcome as JSON")
    parser.add_argument("--write", action="store_true", help="put the table into docs/sandbox.md")
    parser.add_argument("--uid", type=int, help="as root: run everything as this user")
    parser.add_argument("--quick", action="store_true", help="leave out the few that take seconds")
    parser.add_argument("--tiers", default="ABC")
    options = parser.parse_args()
    if options.uid is not None and _AS_USER not in os.environ:
        try:
            become_user(options.uid)
        except OSError as error:
            sys.exit(f"cannot become user {options.uid}: {error}")
    outcomes = run_all(list(options.tiers), quick=options.quick)
    if options.json:
        print(json.dumps(outcomes))
        return
    table = format_table(outcomes)
    print(table)
    if options.write:
        before, rest = PAGE.read_text().split(START)
        PAGE.write_text(f"{before}{START}\n\n{table}\n\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main()
