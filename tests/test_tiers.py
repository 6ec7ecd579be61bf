import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from mbench.child import landlock
from mbench.child.confinement import list_rights
from mbench.errors import UsageError
from mbench.sandbox import tiers
from mbench.sandbox.tiers import Isolation, choose_isolation, offered_tiers

PACKAGE = Path(tiers.__file__).resolve().parents[1]


# What a child may read of the package; all else of it holds the truth or leads there.
CHILD_SIDE = ("__init__.py", "errors.py", "types.py", "child", "nn")


@pytest.fixture
def offering(monkeypatch):
    """Have this machine offer some tiers, and give reasons for the others."""

    def offer(**reasons):
        offers = {tier: reasons.get(tier, Isolation(tier, f"{tier} as usual")) for tier in "ABC"}
        monkeypatch.setattr(tiers, "offered_tiers", lambda: offers)

    return offer


@pytest.fixture
def fresh(monkeypatch):
    """Ask this machine anew, rather than what it answered before."""
    offered_tiers.cache_clear()
    yield monkeypatch
    offered_tiers.cache_clear()


@pytest.mark.parametrize(
    ("reasons", "tier", "why_not_higher"),
    [
        ({}, "A", ""),
        ({"A": "needs bubblewrap"}, "B", "tier A needs bubblewrap"),
        ({"A": "needs bubblewrap", "B": "needs Landlock"}, "C", "tier A needs bubblewrap"),
    ],
)
def test_the_strongest_tier_is_chosen_and_says_what_a_stronger_one_lacks(offering, reasons, tier, why_not_higher):
    offering(**reasons)
    chosen = choose_isolation(allow_none=True)
    assert (chosen.tier, chosen.why_not_higher) == (tier, why_not_higher)


@pytest.mark.parametrize("tier", ["A", "B", "C"])
def test_a_tier_can_be_asked_for(offering, tier):
    offering()
    assert choose_isolation(tier, allow_none=True).tier == tier


@pytest.mark.parametrize(
    ("tier", "reasons", "message"),
    [
        ("D", {}, "unknown isolation tier 'D': expected one of A, B, C"),
        ("a", {}, "unknown isolation tier"),
        (
            "A",
            {"A": "needs bubblewrap: apt install bubblewrap"},
            "tier A is not to be had here: it needs bubblewrap: apt",
        ),
        ("B", {"B": "needs a kernel with Landlock"}, "tier B is not to be had here: it needs a kernel with Landlock"),
        ("C", {}, "--unsafe-no-sandbox"),
        (None, {"A": "needs bubblewrap", "B": "needs Landlock"}, r"\(tier A needs bubblewrap\).*--unsafe-no-sandbox"),
    ],
)
def test_a_refusal_says_what_to_do(offering, tier, reasons, message):
    offering(**reasons)
    with pytest.raises(UsageError, match=message):
        choose_isolation(tier)


def test_without_bubblewrap_the_command_that_brings_it_is_named(fresh):
    if isinstance(offered_tiers()["B"], str):
        pytest.skip("this machine does not offer tier B")
    offered_tiers.cache_clear()
    fresh.setattr("shutil.which", lambda name: None)
    chosen = choose_isolation()
    assert chosen.tier == "B"
    assert "apt install bubblewrap" in chosen.why_not_higher


@pytest.mark.parametrize(
    ("said", "told"),
    [("bwrap: No permissions to create new namespace", "No permissions to create new namespace"), ("", "no reason")],
)
def test_bubblewrap_that_may_not_work_here_is_no_tier(fresh, said, told):
    if isinstance(offered_tiers()["A"], str):
        pytest.skip("this machine does not offer tier A")
    offered_tiers.cache_clear()
    real = subprocess.run

    def refuse(command, **options):
        if Path(command[0]).name != "bwrap":
            return real(command, **options)
        return subprocess.CompletedProcess(command, 1, b"", f"note\n{said}\n".encode() if said else b"")

    fresh.setattr(subprocess, "run", refuse)
    reason = offered_tiers()["A"]
    assert isinstance(reason, str)
    assert told in reason
    assert "user namespaces" in reason


def test_elsewhere_than_on_linux_there_is_tier_c_alone(fresh):
    fresh.setattr("mbench.sandbox.tiers.sys.platform", "darwin")
    offers = offered_tiers()
    assert [tier for tier, offer in offers.items() if isinstance(offer, Isolation)] == ["C"]
    assert "Linux" in offers["A"]


def test_without_landlock_there_is_no_tier_b_and_no_nursery_on_a(fresh):
    fresh.setattr("mbench.sandbox.tiers.landlock.supported_version", lambda: 0)
    offers = offered_tiers()
    if sys.platform == "linux":
        assert "Landlock" in offers["B"]
    assert not Isolation("A", "").allows_nursery
    assert Isolation("C", "").allows_nursery


def test_tier_c_confines_nothing():
    chosen = choose_isolation("C", allow_none=True)
    assert not chosen.is_confined
    assert chosen.confinement(100.0) is None
    assert chosen.wrap(["python", "x"], Path("/scratch")) == ["python", "x"]


def test_the_truth_and_the_tasks_data_are_hidden():
    hidden = set(tiers._hidden())
    private = ("suite", "sandbox", "results", "board", "runs", "views", "review", "cli",
               "api.py", "disk.py", "submission.py")  # fmt: skip
    assert [name for name in private if str(PACKAGE / name) not in hidden] == []
    assert [name for name in CHILD_SIDE if str(PACKAGE / name) in hidden] == []
    package = Path(find_spec("sklearn").submodule_search_locations[0]).resolve()
    assert {str(package / "datasets" / name) for name in ("data", "images")} <= hidden


def test_what_lies_beside_libraries_is_exposed_and_the_data_there_is_hidden(monkeypatch, tmp_path):
    tier = Isolation("B", "made up")
    libraries = [Path(find_spec(name).origin).resolve().parents[1] for name in ("numpy", "sklearn", "torch")]
    assert [library for library in libraries if not tier.exposes(library / "results")] == []
    assert not tier.exposes(tmp_path)
    assert not tier.exposes(PACKAGE / "suite")
    assert not Isolation("C", "none").exposes(libraries[0])
    data = tmp_path / "here" / "data"
    data.mkdir(parents=True)
    monkeypatch.setenv("MBENCH_DATA", str(data))
    for roots, hidden in ((("/usr",), False), ((str(tmp_path / "here"),), True)):
        monkeypatch.setattr(tiers, "_readable", lambda roots=roots: roots)
        tiers._hidden.cache_clear()
        assert (str(data) in tiers._hidden()) == hidden
    tiers._hidden.cache_clear()


@pytest.mark.parametrize("site", ["", "lib/python3/dist-packages", "envs/old/lib/python3.10/site-packages"])
def test_labels_beside_another_interpreter_are_hidden_too(fresh, tmp_path, site):
    data = tmp_path / site / "sklearn" / "datasets" / "data"
    data.mkdir(parents=True)
    fresh.setattr(tiers, "_library_paths", lambda: (str(tmp_path),))
    tiers._hidden.cache_clear()
    hidden = tiers._hidden()
    tiers._hidden.cache_clear()
    assert str(data) in hidden


def test_a_link_to_a_folder_does_not_open_what_is_hidden_in_it(monkeypatch, tmp_path):
    """On most systems /lib is a link into /usr."""
    data = tmp_path / "usr" / "lib" / "labels"
    data.mkdir(parents=True)
    (tmp_path / "usr" / "lib" / "other").mkdir()
    (tmp_path / "lib").symlink_to(tmp_path / "usr" / "lib")
    monkeypatch.setattr(tiers, "_libraries", lambda: ())
    monkeypatch.setattr(tiers, "_SYSTEM", (str(tmp_path / "usr"), str(tmp_path / "lib")))
    monkeypatch.setattr(tiers, "_SETTINGS", ())
    monkeypatch.setattr(tiers, "_hidden", lambda: (str(data),))
    confinement = Isolation("B", "made up").confinement(100.0)
    granted = {os.path.realpath(path) for path, rights in list_rights(confinement, "/x") if rights == landlock.READ}
    assert str(tmp_path / "usr" / "lib" / "other") in granted
    assert not granted & {str(data), str(data.parent), str(tmp_path / "usr")}


def test_what_a_child_imports_of_ours_leads_to_nothing_hidden():
    """A module that a child can read may import only such as it can read, or it would not start."""
    shown = [path for name in CHILD_SIDE for path in [PACKAGE / name, *(PACKAGE / name).rglob("*.py")]]
    names = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for path in shown
        if path.suffix == ".py" and path.name != "__init__.py"  # the package's own imports its functions when asked
    }
    assert {"mbench.errors", "mbench.child.worker", "mbench.child.forking", "mbench.nn.trainer"} <= names
    code = f"import importlib, sys; [importlib.import_module(name) for name in {sorted(names)}]"
    code += "; print(*(name for name in sys.modules if name.startswith('mbench.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms = {name.split(".")[1] for name in done.stdout.split()}
    assert rooms == {"errors", "types", "child", "nn"}


def words_after(option, command):
    pairs = zip(command[1:], [*command[2:], ""], strict=True)
    return [pair for word, pair in zip(command, pairs, strict=False) if word == option]


def test_bubblewrap_binds_the_folder_and_of_it_only_what_is_written():
    chosen = Isolation("A", "", bubblewrap=("bwrap",))
    command = chosen.wrap(["python", "x"], Path("/scratch"), [Path("/scratch/home")])
    assert command[0] == "bwrap"
    assert command[command.index("--") + 1 :] == ["python", "x"]
    assert words_after("--ro-bind", command) == [("/scratch", "/scratch")]
    assert words_after("--bind", command) == [("/scratch/home", "/scratch/home")]
    assert words_after("--bind", chosen.wrap(["python"], Path("/scratch"))) == [("/scratch", "/scratch")]
    assert [path for path, _ in words_after("--remount-ro", command)] == ["/", "/dev"]


def test_bubblewraps_world_has_nothing_of_ours_that_can_be_written():
    words = tiers._world()
    assert words_after("--bind", words) == []
    assert words_after("--dev-bind", words) == [("/dev/null", "/dev/zero")]
    for flag in ("--unshare-all", "--die-with-parent", "--new-session"):
        assert flag in words
    shown = {source for source, _ in words_after("--ro-bind", words)}
    assert not {"/", "/home", "/root", "/etc", "/var", "/run", "/proc", str(Path.home())} & shown
    masked = {path for path, _ in words_after("--tmpfs", words)} | {path for _, path in words_after("--ro-bind", words)}
    assert set(tiers._hidden()) <= masked


def test_a_gpus_nodes_are_bound_for_cuda_alone(monkeypatch):
    monkeypatch.setattr(tiers, "_GPU_NODES", ("/dev/null",))
    chosen = Isolation("A", "", bubblewrap=("bwrap",))
    assert chosen.with_devices("cpu") == chosen
    bound = chosen.with_devices("cuda")
    assert bound.devices == ("/dev/null",)
    assert ("/dev/null", "/dev/null") in words_after("--dev-bind", bound.bubblewrap)


@pytest.mark.parametrize(("content", "expected"), [("1\n", "sysctl -w kernel.userns=0"), ("0\n", "a container")])
def test_who_forbids_bubblewrap_is_said_with_what_permits_it(tmp_path, content, expected):
    switch = tmp_path / "userns"
    switch.write_text(content)
    assert expected in tiers._who_permits(switch)
    assert "a container" in tiers._who_permits(tmp_path / "absent")
