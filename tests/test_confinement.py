import os
import sys

import pytest

from mbench.child import confinement, landlock
from mbench.child.confinement import Confinement, list_rights

# Of the system's own files, what libraries look at: the machine's size, and the process itself.
FACTS = {
    "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems", "/proc/sys/vm",
    "/sys/devices/system", "/sys/kernel/mm/transparent_hugepage", "/dev/urandom", "/dev/random",
}  # fmt: skip
SINKS = {"/dev/null", "/dev/full"}  # not zero: a shared mapping of it is memory that nothing counts
IOCTL_DEV = 1 << 15  # linux/landlock.h

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is confined elsewhere")


@pytest.fixture
def tree(tmp_path):
    """Make files and links in a folder, by their paths; a link is given as "path -> target"."""

    def make(*paths):
        root = tmp_path / "root"
        for path in paths:
            name, _, target = path.partition(" -> ")
            place = root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(target) if target else place.touch()
        return root

    return make


def split(root, *hidden):
    parts = confinement._split_around(str(root), [str(root / path) for path in hidden])
    return sorted(os.path.relpath(part, root) for part in parts)


def test_a_folder_without_secrets_stays_whole(tree):
    assert split(tree("a/x", "b/y")) == ["."]


@pytest.mark.parametrize(
    ("hidden", "left"),
    [
        (["a/x"], ["a/y", "b"]),
        (["a"], ["b"]),
        (["a/x", "a/y"], ["b"]),
        (["a", "b"], []),
        (["b/c/z"], ["a", "b/w"]),
        (["absent"], ["a", "b"]),
        (["b/c", "b/c/z"], ["a", "b/w"]),
    ],
)
def test_a_folder_is_split_around_what_is_hidden(tree, hidden, left):
    assert split(tree("a/x", "a/y", "b/c/z", "b/w"), *hidden) == left


def test_what_is_hidden_is_hidden_from_its_beginning_only_by_whole_names(tree):
    assert split(tree("data/x", "data2/y", "data.txt"), "data") == ["data.txt", "data2"]


def test_the_hidden_folder_itself_leaves_nothing(tree):
    root = tree("a/x")
    assert confinement._split_around(str(root), [str(root)]) == []


@pytest.mark.parametrize("link", ["lib64 -> lib", "up -> .", "deep/er -> ../lib/data", "direct -> lib/data/secret"])
def test_a_link_is_no_way_round(tree, link):
    """A virtual environment has lib64 -> lib: through it all that is hidden in lib could be read."""
    root = tree("lib/data/secret", "lib/module", "bin/python", link)
    assert set(split(root, "lib/data")) <= {"lib/module", "bin", "deep"}


def test_a_link_out_of_a_folder_leads_to_what_may_be_read(tree, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "package").touch()
    root = tree("lib/secret", "package -> ../elsewhere/package", "above -> ..")
    assert split(root, "lib/secret") == ["../elsewhere/package"]


def test_without_a_library_a_child_is_left_these_paths_alone():
    rights = list_rights(Confinement((), (), (), 100.0), "/scratch")
    assert dict(rights) == {
        **dict.fromkeys(FACTS, landlock.READ),
        **dict.fromkeys(SINKS, landlock.DEVICE),
        "/scratch/submission": landlock.READ,
        "/scratch/in": landlock.READ,
        "/scratch/out/predictions.npy": landlock.OVERWRITE,
        "/scratch/out/artifact": landlock.OVERWRITE,
        "/scratch/home": landlock.CHANGE,
    }
    assert len(rights) == len(dict(rights))


def test_a_child_may_write_its_home_and_overwrite_its_two_files(tree, tmp_path):
    root = tree("public", "secret/x")
    rights = list_rights(Confinement((str(root),), (str(root / "secret"),), (), 100.0), "/scratch")
    granted = dict(rights)
    changing = landlock.CHANGE & ~landlock.READ
    assert {path for path, right in granted.items() if right & changing & ~IOCTL_DEV} == {
        "/scratch/home",
        "/scratch/out/predictions.npy",
        "/scratch/out/artifact",
        *SINKS,
    }
    assert granted[str(root)] == landlock.LIST
    assert granted[str(root / "public")] == landlock.READ
    assert not any(path.startswith(str(root / "secret")) for path in granted)


def test_a_gpus_nodes_are_granted_by_name():
    granted = dict(list_rights(Confinement((), (), ("/dev/nvidiactl",), 100.0), "/scratch"))
    assert granted["/dev/nvidiactl"] & landlock.DEVICE == landlock.DEVICE
    assert granted["/proc/driver/nvidia"] == landlock.READ  # in which root may suspend the card
    assert granted["/proc/self/task"] & landlock.OVERWRITE == landlock.OVERWRITE  # the driver names its threads there
    assert "/proc/driver/nvidia" not in dict(list_rights(Confinement((), (), (), 100.0), "/scratch"))
