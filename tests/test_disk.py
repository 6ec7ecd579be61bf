import errno
import os
import signal
import subprocess
import sys

import pytest

from mbench import disk
from mbench.disk import DRAFT_SUFFIX, SCRATCH_PREFIX, Draft, disk_error, scratch_folder, sweep_drafts, write_atomically

# Holds a draft and a scratch folder, says so, and waits to be killed.
HOLDER = """
import sys
from pathlib import Path
from mbench.disk import Draft, scratch_folder
with Draft(Path(sys.argv[1], "file")) as draft, scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "content").write_text("x")
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Start a process that holds a draft and a scratch folder."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_over_an_older_one(tmp_path):
    path = tmp_path / "new" / "file"
    for content in (b"old", b""):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert names_in(path.parent) == ["file"]


def test_what_is_not_published_is_gone(tmp_path):
    (tmp_path / "file").write_text("old")
    with Draft(tmp_path / "file") as draft:
        draft.file.write(b"new")
        draft.settle()
        assert len(names_in(tmp_path)) == 2
    assert names_in(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path):
    write_atomically(tmp_path / ("x" * 255), b"1")
    assert names_in(tmp_path) == ["x" * 255]


def test_what_a_killed_process_left_is_swept_up_and_what_a_living_one_holds_is_not(tmp_path, holder):
    kept = {".file.part", f"file{DRAFT_SUFFIX}", f"{SCRATCH_PREFIX}file"}
    for name in kept:
        (tmp_path / name).write_text("somebody else's")

    def sweep():
        sweep_drafts(tmp_path)
        with scratch_folder(tmp_path):
            pass
        return set(names_in(tmp_path))

    draft, folder = sorted(sweep() - kept)
    assert draft.endswith(DRAFT_SUFFIX)
    assert (tmp_path / folder / "content").read_text() == "x"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert sweep() == kept


def test_a_draft_that_was_swept_up_before_it_was_held_is_made_again(tmp_path, monkeypatch):
    hold, held = disk._hold, []

    def sweep_first(descriptor):
        if not held:
            sweep_drafts(tmp_path)
        held.append(descriptor)
        hold(descriptor)

    monkeypatch.setattr(disk, "_hold", sweep_first)
    write_atomically(tmp_path / "file", b"content")
    assert len(held) == 2
    assert (tmp_path / "file").read_bytes() == b"content"
    assert names_in(tmp_path) == ["file"]


def test_a_scratch_folder_that_was_swept_up_before_it_was_held_is_made_again(tmp_path, monkeypatch):
    hold, held = disk._hold, []

    def sweep_first(descriptor):
        if not held:
            disk._sweep_scratch(tmp_path)
        held.append(descriptor)
        hold(descriptor)

    monkeypatch.setattr(disk, "_hold", sweep_first)
    with scratch_folder(tmp_path) as folder:
        assert names_in(tmp_path) == [folder.name]
    assert len(held) == 2
    assert names_in(tmp_path) == []


def test_a_file_system_without_locks_still_takes_files_and_nothing_is_swept_up(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(disk.fcntl, "flock", refuse)
    with Draft(tmp_path / "file") as draft:
        sweep_drafts(tmp_path)
        draft.file.write(b"content")
        draft.publish()
    assert (tmp_path / "file").read_bytes() == b"content"


def test_a_scratch_folder_is_ours_alone_and_goes_with_all_it_holds(tmp_path):
    with scratch_folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "a" / "b").mkdir(parents=True)
    assert names_in(tmp_path) == []


def test_a_link_in_the_place_of_a_scratch_folder_is_not_followed(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / f"{SCRATCH_PREFIX}link").symlink_to(tmp_path / "precious")
    with scratch_folder(tmp_path):
        pass
    assert (tmp_path / "precious").is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_somebody_elses_scratch_folder_stays(tmp_path):
    folder = tmp_path / f"{SCRATCH_PREFIX}theirs"
    folder.mkdir()
    os.chown(folder, 1, 1)
    with scratch_folder(tmp_path):
        pass
    assert folder.exists()


@pytest.mark.parametrize(
    ("number", "kept", "message"),
    [
        (errno.ENOSPC, "", "x: the disk is full. Free some space and repeat the command"),
        (errno.EDQUOT, "Cells are kept", "x: the disk is full. Cells are kept; free some space and repeat the command"),
        (errno.EIO, "", "x: cannot be written (Input/output error)"),
        (errno.EIO, "Cells are kept", "x: cannot be written (Input/output error). Cells are kept"),
    ],
)
def test_a_refusal_says_what_to_do_and_what_is_not_lost(number, kept, message):
    assert str(disk_error("x", OSError(number, os.strerror(number)), kept)) == message
