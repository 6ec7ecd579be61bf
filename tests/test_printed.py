"""What a submission printed is shown from its own first frame on, under the names of the person's own files."""

import click
import pytest

from mbench.cli.printed import last_lines, tidy_lines

HEAD = "Traceback (most recent call last):"
WORKER = '  File "/opt/mbench/child/worker.py", line 95, in build\n    made = self._build(spec)\n           ^^^^^^\n'
TUNE = '  File "<mbench tune>", line 14, in build\n'
OWN = '  File "/tmp/mbench-1/submission/idea.py", line 3, in build\n    return Ridge(alpah=1)\n           ^^^^^^^\n'
LIBRARY = '  File "/usr/lib/python3/sklearn/base.py", line 7, in check\n    raise TypeError\n'
ERROR = "TypeError: unexpected keyword"


def test_a_traceback_begins_at_the_persons_first_frame_and_names_the_persons_file():
    lines = tidy_lines(f"before\n{HEAD}\n{WORKER}{TUNE}{OWN}{LIBRARY}{ERROR}\nafter")
    assert lines == [
        "before", HEAD, '  File "idea.py", line 3, in build', "    return Ridge(alpah=1)", "           ^^^^^^^",
        *LIBRARY.splitlines(), ERROR, "after",
    ]  # fmt: skip


@pytest.mark.parametrize("place", ["cell-abc_1/submission", "cell-abc_1/home", "home"])
def test_a_path_that_an_error_names_is_shown_from_the_persons_own_folder_on(place):
    lines = tidy_lines(f"FileNotFoundError: '/tmp/mbench-scratch-l7h/{place}/logs/run.csv': /tmp/home/other.csv")
    assert lines == ["FileNotFoundError: 'logs/run.csv': /tmp/home/other.csv"]


def test_a_traceback_of_nothing_but_our_frames_is_its_error_alone():
    assert tidy_lines(f"{HEAD}\n{WORKER}{ERROR}") == [ERROR]


def test_debug_shows_every_frame():
    text = f"{HEAD}\n{WORKER}{OWN}{ERROR}"

    @click.command()
    def command():
        pass

    with click.Context(command) as context:
        context.params["debug"] = True
        assert tidy_lines(text) == text.splitlines()
        context.params["debug"] = False
        assert len(tidy_lines(text)) == 5


def test_what_no_frame_is_stays_as_it_is():
    text = '  File of mine "/mbench/child/x.py"\n    indented\n  File "other.py", line 3, in f\n    code'
    assert tidy_lines(text) == text.splitlines()


@pytest.mark.parametrize("n", [0, 3, 8, 9, 30])
def test_the_end_is_a_few_lines_or_the_last_traceback_whole(n):
    lines = [f"epoch {i}" for i in range(n)]
    assert last_lines("\n".join(lines)) == lines[-8:]
    shown = last_lines("\n".join([*lines, f"{HEAD}\n{OWN}{LIBRARY * 5}{ERROR}"]))
    assert (shown[0], shown[-1], len(shown)) == (HEAD, ERROR, 15)


def test_a_line_is_cut_off_and_moves_no_cursor():
    (line,) = tidy_lines("\x1b[31m" + "x" * 10_000)
    assert len(line) == 200
    assert "\x1b" not in line


def test_a_parameter_that_is_none_names_the_persons_file_and_none_of_ours(mbench, submission_file):
    source = "from sklearn.linear_model import Ridge\n\n\ndef build(spec):\n    return Ridge()\n"
    path = submission_file(source, "idea.py")
    result = mbench("tune", path, "--task", "curve", "--parameter", "alpah", "--values", "1", "--replicates", "1")
    assert "has no parameter alpah" in result.output
    assert "mbench_variant" not in result.output
    assert "mbench tune>" not in result.output
