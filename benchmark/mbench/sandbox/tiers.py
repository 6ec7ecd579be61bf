"""How a child is kept apart from us: the three tiers, and which of them this machine offers.

A: bubblewrap, an empty file system with only libraries in it and no process, network or user of the machine's, and in
   it every child confined as in B.  B: the child confined by Landlock and seccomp.  C: time and memory limits only.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from mbench.child import landlock, seccomp
from mbench.child.confinement import Confinement
from mbench.errors import UsageError
from mbench.sandbox.import_path import import_path
from mbench.suite.datasets import data_folder
from mbench.types import TIERS, Tier

_PROBE_LIMIT_S = 20.0
_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_TEMPORARY = str(64 << 20)  # bytes of /tmp and /dev/shm under bubblewrap; a child's own are in its scratch folder

# All of this package that a child may import: a room of its own, the pieces for submissions, and what both stand on.
# The rest tells the truth, or leads to it.
_CHILD_SIDE = ("__init__.py", "errors.py", "types.py", "child", "nn")
# Where libraries keep the data of tasks: with it, a submission would have the labels.
_LABELS = ("data", "images")  # in sklearn/datasets
# Where other interpreters' libraries lie below a folder that a child may read: a virtual environment's base, say.
_SITE = "lib*/python3*/*-packages/"
_SITES = ("", _SITE, f"local/{_SITE}", f"envs/*/{_SITE}", f"pkgs/*/{_SITE}")
_STORES = ("/nix/store", "/gnu/store")  # which hold a folder for every package
_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", *_STORES)
_SETTINGS = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime")
_GPU_NODES = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", *(f"/dev/nvidia{i}" for i in range(16)))


@dataclass(frozen=True, slots=True)
class Isolation:
    """One tier on this machine.

    why_not_higher: what a stronger tier lacks and the command that would bring it, or "".
    bubblewrap: the start of its command line, () on another tier.
    """

    tier: Tier
    summary: str
    why_not_higher: str = ""
    bubblewrap: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()

    @property
    def is_confined(self) -> bool:
        """Do children give up files and system calls before a submission runs in them?"""
        return self.tier != "C"

    @property
    def allows_nursery(self) -> bool:
        """May children share a process that forks them? Under bubblewrap only where Landlock keeps them apart."""
        return self.tier != "A" or landlock.supported_version() > 0

    def exposes(self, path: Path) -> bool:
        """May a confined child read what lies at this path?"""
        return self.is_confined and is_readable_inside(path)

    def confinement(self, memory_limit_mb: float) -> Confinement | None:
        """Return what a child is left with, None on tier C."""
        if not self.is_confined:
            return None
        listable = tuple(map(os.path.realpath, import_path().roots))
        return Confinement(_readable(), _hidden(), self.devices, memory_limit_mb, listable)

    def wrap(self, command: Sequence[str], folder: Path, writable: Sequence[Path] | None = None) -> list[str]:
        """Return a command line that starts `command` in this tier's own world.

        folder: of ours, to be seen there.  writable: what of it can be written, None for all.
        """
        if not self.bubblewrap:
            return list(command)
        words = [*self.bubblewrap, "--bind" if writable is None else "--ro-bind", str(folder), str(folder)]
        for path in writable or ():
            words += ["--bind", str(path), str(path)]
        return [*words, "--remount-ro", "/", "--remount-ro", "/dev", "--chdir", str(folder), "--", *command]

    def with_devices(self, device: str) -> Isolation:
        """Return this tier with the nodes that a device needs: for "cuda" those of NVIDIA's driver."""
        if device != "cuda":
            return self
        nodes = _existing(_GPU_NODES)
        binds = [word for node in nodes for word in ("--dev-bind", node, node)]
        binds += [word for facts in _existing(("/proc/driver/nvidia",)) for word in ("--ro-bind", facts, facts)]
        return replace(self, devices=nodes, bubblewrap=(*self.bubblewrap, *binds) if self.bubblewrap else ())


def has_gpu() -> bool:
    """Has this machine NVIDIA's driver? It takes no library to tell, and no time."""
    return sys.platform != "linux" or bool(_existing((*_GPU_NODES[:1], "/dev/dxg")))  # the second in Windows's Linux


def is_readable_inside(path: Path) -> bool:
    """May a child read what lies at this path, on whichever tier confines it?"""
    place = Path(os.path.realpath(path))
    hidden = any(place.is_relative_to(each) for each in _hidden())
    return not hidden and any(place.is_relative_to(root) for root in _readable())


@cache
def offered_tiers() -> dict[Tier, Isolation | str]:
    """Return every tier, strongest first: how this machine offers it, or why it does not and what would help."""
    tiers: dict[Tier, Isolation | str] = {}
    if sys.platform != "linux" or not seccomp.is_supported():
        tiers["A"] = tiers["B"] = "needs Linux on x86-64 or arm64"
    else:
        tiers["A"] = _probe_bubblewrap()
        version = landlock.supported_version()
        tiers["B"] = (
            Isolation("B", f"Landlock (version {version}) and seccomp")
            if version
            else "needs a kernel with Landlock: Linux 5.13 or newer, with landlock in its list of security modules"
        )
    tiers["C"] = Isolation("C", "time and memory limits only, results unverified")
    return tiers


def choose_isolation(tier: str | None = None, *, allow_none: bool = False, device: str = "cpu") -> Isolation:
    """Return the strongest tier this machine offers, or the one asked for.

    allow_none: accept tier C. Raises UsageError where a tier is not offered, and for C without that consent.
    """
    if tier is not None and tier not in TIERS:
        raise UsageError(f"unknown isolation tier {tier!r}: expected one of {', '.join(TIERS)}")
    offered = offered_tiers()
    missing = ""
    for name, isolation in offered.items():
        if isinstance(isolation, str):
            if name == tier:
                raise UsageError(f"isolation tier {tier} is not to be had here: it {isolation}")
            missing = missing or f"tier {name} {isolation}"
        elif tier in (None, name):
            if name == "C" and not allow_none:
                why = f" ({missing})" if missing and tier is None else ""
                raise UsageError(
                    f"tier C is no sandbox{why}: a submission could read and change whatever you can. If you trust "
                    "the file, add --unsafe-no-sandbox; its results count as unverified"
                )
            return replace(isolation, why_not_higher=missing).with_devices(device)
    raise AssertionError("tier C is always offered")


def _probe_bubblewrap() -> Isolation | str:
    program = shutil.which("bwrap")
    if program is None:
        return "needs bubblewrap: apt install bubblewrap (or your system's package of that name)"
    reason = ""
    for options in (("--disable-userns",), ()):  # older ones do not know it; seccomp forbids the same
        words = (program, *options, *_world())
        try:
            outcome = subprocess.run(
                [*words, "--", sys.executable, "-S", "-c", ""],
                env={}, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROBE_LIMIT_S, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"needs bubblewrap, which does not run here ({error})"
        if outcome.returncode == 0:
            inner = ", Landlock" if landlock.supported_version() else ""
            return Isolation("A", f"bubblewrap{inner} and seccomp", bubblewrap=words)
        reason = outcome.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no reason given"]
        reason = reason[0]
    return f"needs bubblewrap, which is not allowed to work here ({reason}); {_who_permits(_APPARMOR)}"


def _who_permits(switch: Path) -> str:
    """Say what has to be done for bubblewrap. switch: the kernel's, by which Ubuntu forbids user namespaces."""
    try:
        forbids = switch.read_text().strip() == "1"
    except OSError:
        forbids = False
    if forbids:
        return f"AppArmor forbids it user namespaces: give it a profile, or sudo sysctl -w kernel.{switch.name}=0"
    return "a container has to permit user namespaces"


def _world() -> list[str]:
    """Return bubblewrap's options for a world of libraries alone: their data and our truth masked, nothing writable."""
    words = ["--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    words += ["--hostname", "sandbox", "--proc", "/proc", "--dev", "/dev"]
    words += ["--dev-bind", "/dev/null", "/dev/zero"]  # a shared mapping of it is memory that nothing counts
    for folder in ("/tmp", "/dev/shm"):  # noqa: S108  # new ones, in the sandbox
        words += ["--size", _TEMPORARY, "--tmpfs", folder]
    for path in _SYSTEM:
        if os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            words += ["--ro-bind", path, path]
    for path in (*_existing(_SETTINGS), *_existing(("/sys/devices/system",))):
        words += ["--ro-bind", path, path]
    for path in _libraries():
        words += ["--ro-bind", path, path]
    for path, real in _own_code().items():
        if not any(Path(path).is_relative_to(root) for root in (*_SYSTEM, *_libraries())):
            words += ["--ro-bind", real, path]
    for path in (*_library_paths(), *import_path().roots):
        if os.path.realpath(path) != path and not any(Path(path).is_relative_to(root) for root in _SYSTEM):
            words += ["--symlink", os.path.realpath(path), path]
    for path in _hidden():
        words += ["--tmpfs", path] if os.path.isdir(path) else ["--ro-bind", "/dev/null", path]
    return words


def _library_paths() -> tuple[str, ...]:
    """Return the folders of libraries, as the child names them."""
    return import_path().libraries


def _own_code() -> dict[str, str]:
    """Return what a child imports of a person's own code: its real path, by the path that a child knows it by."""
    roots = {root: os.path.realpath(root) for root in import_path().roots}
    return {
        (f"{roots[os.path.dirname(path)]}/{os.path.basename(path)}" if os.path.dirname(path) in roots else path): (
            os.path.realpath(path)
        )
        for path in import_path().own
    }


@cache
def _libraries() -> tuple[str, ...]:
    """Return the real folders of `_library_paths`, less those inside another or inside the system's."""
    real = _drop_nested(map(os.path.realpath, _library_paths()))
    return tuple(path for path in real if not any(Path(path).is_relative_to(root) for root in _SYSTEM))


def _drop_nested(paths: Iterable[str]) -> list[str]:
    """Return paths, shortest first, without those inside another."""
    kept: list[str] = []
    for path in sorted(set(paths), key=lambda path: (len(path), path)):
        if not any(Path(path).is_relative_to(root) for root in kept):
            kept.append(path)
    return kept


def _readable() -> tuple[str, ...]:
    """Return the roots of all that a confined child may read, but for what `_hidden` takes out.

    Real paths, as those are: the rights on a link are rights on all that it leads to.
    """
    found = (*_libraries(), *_own_code().values(), *_existing(_SYSTEM), *_existing(_SETTINGS))
    return tuple(_drop_nested(map(os.path.realpath, found)))


@cache
def _hidden() -> tuple[str, ...]:
    """Return what lies in those folders and a child may not read: the truth's side of mbench, and the tasks' data."""
    package = Path(os.path.realpath(__file__)).parents[1]
    found = [str(entry) for entry in sorted(package.iterdir()) if entry.name not in _CHILD_SIDE]
    found += [str(package / "nn" / "__pycache__")] if (package / "nn" / "__pycache__").exists() else []
    beside = [os.path.dirname(path) for path in _own_code().values()]
    roots = dict.fromkeys(os.path.realpath(root) for root in (*_library_paths(), *_existing(_SYSTEM), *beside))
    sites = [*itertools.product(roots, _SITES), *((root, f"*/{_SITE}") for root in _existing(_STORES))]
    for root, site in sites:
        for datasets in sorted(Path(root).glob(f"{site}sklearn/datasets")):
            found += [os.path.realpath(datasets / labels) for labels in _LABELS if (datasets / labels).exists()]
    data = os.path.realpath(data_folder())
    found += [data] if os.path.isdir(data) and any(Path(data).is_relative_to(root) for root in _readable()) else []
    return tuple(dict.fromkeys(found))


def _existing(paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(path for path in paths if os.path.exists(path))
