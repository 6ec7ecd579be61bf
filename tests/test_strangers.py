"""Of a folder that a stranger brought only regular files that lie in it are opened, and not too much of them."""

import os
import signal
import socket

import pytest

from mbench.disk import TooLargeError, open_inside, read_bytes, read_inside
from mbench.errors import HarnessError, SubmissionError, UsageError
from mbench.results.audits import find_report
from mbench.results.store import read_result
from mbench.submission import SOURCE_LIMIT, read_submission

BUILD = "def build(spec):\n    return None\n"


@pytest.fixture(autouse=True)
def not_for_ever():
    """End a test that waits for a pipe."""

    def end(*_):
        raise TimeoutError("waited for a pipe")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def link(path):
    secret = path.parent.parent / "secret.py"
    secret.write_text("SECRET = 1\n" + BUILD)
    path.symlink_to(secret)


def link_inside(path):
    path.with_name("other.py").write_text(BUILD)
    path.symlink_to("other.py")


def plug(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


KINDS = {"link": link, "link to a neighbour": link_inside, "pipe": os.mkfifo, "socket": plug}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "idea"
    folder.mkdir()
    (folder / "submission.py").write_text(f"import helper\n{BUILD}")
    (folder / "helper.py").write_text("x = 1\n")
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_of_the_folder_is_not_opened(folder, kind):
    KINDS[kind](folder / "README.md")
    with pytest.raises(UsageError, match=r"README\.md: not a regular file in its folder"):
        read_inside(folder, "README.md", 100)


def test_a_device_is_not_opened(tmp_path):
    (tmp_path / "zero").symlink_to("/dev/zero")
    with pytest.raises(UsageError):
        open_inside(tmp_path, "zero")


def test_a_linked_folder_in_between_is_not_entered(folder):
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "part.py").write_text("x = 1\n")
    (folder / "parts").symlink_to(outside)
    with pytest.raises(UsageError, match="not a regular file in its folder"):
        read_inside(folder, "parts/part.py", 100)
    (folder / "submission.py").write_text(f"import parts.part\n{BUILD}")
    with pytest.raises(UsageError, match=r"parts/part\.py: not a regular file in its folder"):
        read_submission(folder)


def test_a_missing_file_is_missing_and_a_regular_one_is_read(folder):
    with pytest.raises(FileNotFoundError):
        read_inside(folder, "absent", 100)
    assert read_inside(folder, "helper.py", 6) == b"x = 1\n"
    with pytest.raises(TooLargeError):
        read_inside(folder, "helper.py", 5)


def test_the_folder_itself_may_be_reached_through_a_link(folder):
    link = folder.parent / "here"
    link.symlink_to(folder)
    assert read_inside(link, "helper.py", 100) == b"x = 1\n"
    assert read_submission(link).digest == read_submission(folder).digest


@pytest.mark.parametrize("kind", ["link", "link to a neighbour"])
@pytest.mark.parametrize("name", ["submission.py", "helper.py"])
def test_a_linked_source_brings_nothing_along(folder, name, kind):
    (folder / name).unlink()
    KINDS[kind](folder / name)
    with pytest.raises(UsageError, match=f"{name}: not a regular file in its folder"):
        read_submission(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_strangers_result_and_audit_are_files_of_the_folder(folder, kind):
    for name in ("result.json", "audit.json"):
        KINDS[kind](folder / name)
        (folder / "other.py").unlink(missing_ok=True)
        (folder / "other.py").touch()
    with pytest.raises(UsageError, match=r"result\.json: not a regular file in its folder"):
        read_result(folder / "result.json", is_strangers=True)
    with pytest.raises(UsageError, match=r"audit\.json: not a regular file in its folder"):
        find_report([folder / "audit.json"], "1" * 64, is_strangers=True)


def test_our_own_files_may_be_links_and_are_never_waited_for(tmp_path):
    (tmp_path / "file").write_text("1")
    (tmp_path / "link").symlink_to("file")
    assert read_bytes(tmp_path / "link", 9, "Delete it") == b"1"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HarnessError, match=r"not a regular file\. Delete it"):
        read_bytes(tmp_path / "pipe", 9, "Delete it")


def padded(n_bytes):
    return BUILD + "#" * (n_bytes - len(BUILD))


@pytest.mark.parametrize("split", [False, True])
def test_the_source_has_a_limit_over_all_files(folder, split):
    room = SOURCE_LIMIT - (1 << 10) if split else SOURCE_LIMIT
    (folder / "helper.py").write_text("#" * (1 << 10))
    text = padded(room) if not split else f"import helper\n{padded(room - len('import helper') - 1)}"
    (folder / "submission.py").write_text(text)
    assert read_submission(folder).n_bytes == SOURCE_LIMIT == 262_144
    (folder / "submission.py").write_text(text + "#")
    with pytest.raises(SubmissionError, match="262,145 bytes of source") as caught:
        read_submission(folder)
    assert "all files may hold 262,144. Leave out" in str(caught.value)


def test_megabytes_of_literals_are_refused_before_they_are_parsed(folder):
    (folder / "submission.py").write_text(f"TABLE = [{'1.25, ' * 6_000_000}]\n{BUILD}")
    with pytest.raises(SubmissionError, match=r"36,000,\d+ bytes of source"):
        read_submission(folder)


@pytest.fixture
def theirs(mbench, tmp_path):
    """Write a stranger's submission into `submissions/`, as `mbench leaderboard` finds it."""
    folder = tmp_path / "submissions" / "theirs"
    folder.mkdir(parents=True)
    (folder / "submission.py").write_text(f"import helper\n{BUILD}")
    (folder / "helper.py").write_text("x = 1\n")
    return folder


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["result.json", "helper.py", "submission.py"])
def test_the_board_goes_on_without_a_folder_that_holds_something_else(mbench, theirs, name, kind):
    (theirs / name).unlink(missing_ok=True)
    KINDS[kind](theirs / name)
    if not (theirs / "result.json").exists():
        (theirs / "result.json").write_text("{}")
    done = mbench("leaderboard", "--recorded", "--format", "csv")
    assert done.exit_code == 0, done.output
    assert "knn" in done.stdout
    assert "theirs" not in done.stdout
    assert "theirs" in done.stderr
    assert "left out" in done.stderr
    assert "SECRET" not in done.output


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["result.json", "audit.json", "helper.py"])
def test_verify_opens_no_such_file(mbench, theirs, name, kind):
    (theirs / "result.json").write_text("{}")
    (theirs / name).unlink(missing_ok=True)
    KINDS[kind](theirs / name)
    done = mbench("verify", "theirs")
    assert done.exit_code in (2, 3), done.output
    assert done.stdout == ""


def test_a_linked_folder_is_nobodys_submission(mbench, theirs):
    theirs.rename(theirs.parent.parent / "elsewhere")
    theirs.symlink_to(theirs.parent.parent / "elsewhere")
    assert "no folder" in mbench("verify", "theirs").stderr
    done = mbench("leaderboard", "--recorded")
    assert "theirs: a link, and no submission's own folder" in done.stderr


def test_a_source_that_is_too_large_is_refused_with_the_way_out(mbench, theirs):
    (theirs / "helper.py").write_text(f"TABLE = {'0' * SOURCE_LIMIT}\n")
    done = mbench("check", "submissions/theirs")
    assert done.exit_code == 1
    assert "all files may hold 262,144. Leave out" in done.stderr
