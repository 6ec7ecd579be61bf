import json
from dataclasses import replace

import pytest
from accepted_folders import make_consistent
from audit_reports import make_report

from mbench.board.candidates import find_submissions
from mbench.results.audits import read_report, write_report
from mbench.results.metrics import Profile
from mbench.results.record import Metrics
from mbench.results.store import ResultStore, read_result
from mbench.review.verify import check_claim, read_claims
from mbench.submission import read_submission
from mbench.suite import tracks
from mbench.suite.tasks import load_task
from mbench.views.render.page import Page

QUICK = tracks.TRACKS["quick"]
DEPTH = Profile((0.2,) * 15, (0.2,) * 15, (0.2,) * 15)
SOURCE = '"""Nearest <neighbours> | of *the* sample."""\nimport part\n\ndef build(spec):\n    return part\n'


@pytest.fixture
def evaluated(tmp_path, make_record):
    """Write a submission and what `mbench evaluate` would have left of it, and return its folder."""

    def write(tasks=QUICK.tasks, folder="idea", card=True, audit=True, **changes):
        place = tmp_path / folder
        place.mkdir(parents=True, exist_ok=True)
        if not (place / "submission.py").exists():
            (place / "submission.py").write_text(SOURCE)
            (place / "part.py").write_text("x = 1\n")
        digest = read_submission(place).digest
        store = ResultStore(tmp_path / "results")
        made = tmp_path / "results" / place.name / "quick"
        for number, task in enumerate(tasks):
            depth = DEPTH if task in tracks.FAMILIES["mandelbrot"] else None
            budget = QUICK.budgets[tracks.family_of(task)]
            fields = {
                "n_samples": budget.n_samples, "fit_limit_s": budget.fit_limit_s,
                "key": f"{number:064}", "task": task, "task_digest": load_task(task).digest(),
                "source_digest": digest, "submission": place.name,
                "isolation": "B", "metrics": Metrics(0.2, {"psnr_db": 12.0}, depth),
            }  # fmt: skip
            record = replace(make_consistent(make_record(**fields)), **changes)
            store.write(record)
            if card and task == "mandelbrot":
                Page(60, 40).save(made / "card.png", record.fit_id)
        if audit:
            write_report(made / "audit.json", make_report(digest))
        return place

    return write


def files(folder):
    return {path.name for path in folder.iterdir()}


def test_a_result_becomes_a_folder_that_verify_accepts_as_a_claim(mbench, evaluated, tmp_path):
    result = mbench("submit", evaluated())
    folder = tmp_path / "submissions" / "idea"
    assert result.exit_code == 0, result.stderr
    assert files(folder) == {"submission.py", "part.py", "result.json", "README.md", "card.png", "audit.json"}
    assert result.stdout.rstrip().endswith("mbench verify submissions/idea")
    (claim,) = read_claims(folder)
    claim = replace(claim, audit=None)  # it is invented
    assert [check.what for check in check_claim(claim) if not check.ok] == []
    (found,) = find_submissions(folder.parent)
    assert (len(found.records), found.foreign, "quick" in found.claims) == (len(QUICK.tasks), (), True)


def test_its_readme_has_its_words_its_row_and_its_picture_all_escaped(mbench, evaluated, tmp_path):
    mbench("submit", evaluated())
    text = (tmp_path / "submissions" / "idea" / "README.md").read_text()
    assert text.startswith("# idea\n\nNearest \\<neighbours\\> \\| of \\*the\\* sample.\n\n<!-- result -->")
    assert "| idea" in text
    assert "n = 1" in text
    assert "](card.png)" in text
    assert "`mbench verify submissions/idea`" in text


def test_nothing_is_overwritten_unless_told(mbench, evaluated, tmp_path):
    place = evaluated()
    mbench("submit", place)
    before = {path: path.read_bytes() for path in (tmp_path / "submissions" / "idea").iterdir()}
    result = mbench("submit", place)
    assert result.exit_code == 2
    assert "result.json: exists already. Choose another --name, or replace it with --update" in result.stderr
    assert {path: path.read_bytes() for path in before} == before
    assert mbench("submit", place, "--name", "other").exit_code == 0
    assert mbench("submit", place, "--update").exit_code == 0
    assert {path: path.read_bytes() for path in before} == before


def test_another_submission_of_the_same_name_is_left_alone(mbench, evaluated, tmp_path):
    other = tmp_path / "submissions" / "idea" / "submission.py"
    other.parent.mkdir(parents=True)
    other.write_text("theirs")
    assert "submission.py: exists already" in mbench("submit", evaluated()).stderr
    assert (other.read_text(), files(other.parent)) == ("theirs", {"submission.py"})


@pytest.mark.parametrize("name", ["card.png", "audit.json"])
def test_a_file_of_the_authors_is_not_replaced_either(mbench, evaluated, name):
    place = evaluated(folder="submissions/idea", card=False, audit=False)
    (place / name).write_text("mine")
    assert f"{name}: exists already" in mbench("submit", place).stderr
    assert (place / name).read_text() == "mine"


def test_the_authors_own_words_stay(mbench, evaluated, tmp_path):
    place = evaluated(folder="submissions/idea")
    (place / "README.md").write_text("# My idea\n\nIt is from a paper.\n")
    assert mbench("submit", place).exit_code == 0
    first = (place / "README.md").read_text()
    assert first.startswith("# My idea\n\nIt is from a paper.\n\n<!-- result -->")
    (place / "README.md").write_text(first.replace("a paper", "a book") + "\nThanks.\n")
    assert mbench("submit", place, "--update").exit_code == 0
    assert (place / "README.md").read_text() == first.replace("a paper", "a book") + "\nThanks.\n"


@pytest.mark.parametrize(
    "text",
    [b"mine\n<!-- result -->\nours, its end cut", b"<!-- end of result -->\n<!-- result -->", b"\xff\xfe"],
    ids=["no end", "turned round", "not UTF-8"],
)
def test_a_readme_that_cannot_be_renewed_is_left_alone_with_all_the_rest(mbench, evaluated, text):
    place = evaluated(folder="submissions/idea")
    (place / "README.md").write_bytes(text)
    before = files(place)
    result = mbench("submit", place, "--update")
    assert result.exit_code == 2, result.output
    assert "README.md" in result.stderr
    assert files(place) == before
    assert (place / "README.md").read_bytes() == text


def test_over_another_suites_result_nothing_is_written(mbench, evaluated, tmp_path):
    place = evaluated(folder="submissions/idea")
    assert mbench("submit", place).exit_code == 0
    content = json.loads((place / "result.json").read_text())
    (place / "result.json").write_text(json.dumps(content | {"suite": 99}))
    (place / "README.md").write_text("mine")
    assert mbench("submit", place, "--update").exit_code == 2
    assert (place / "README.md").read_text() == "mine"


def test_an_incomplete_result_needs_a_flag(mbench, evaluated, tmp_path):
    place = evaluated(QUICK.tasks[:-1])
    result = mbench("submit", place)
    assert result.exit_code == 2
    assert "idea: incomplete on track quick, digits not run 1 times" in result.stderr
    assert not (tmp_path / "submissions").exists()
    assert mbench("submit", place, "--incomplete").exit_code == 0


def test_an_unverified_result_needs_a_flag(mbench, evaluated, tmp_path):
    place = evaluated(isolation="C")
    result = mbench("submit", place)
    assert result.exit_code == 2
    assert "idea: unverified, it ran under tier C" in result.stderr
    assert not (tmp_path / "submissions").exists()
    assert mbench("submit", place, "--unverified").exit_code == 0


def test_without_picture_or_audit_it_says_how_to_get_them(mbench, evaluated, tmp_path):
    result = mbench("submit", evaluated(card=False, audit=False))
    assert "Draw it with `mbench render`" in result.stderr
    assert "Run `mbench audit`" in result.stderr
    assert files(tmp_path / "submissions" / "idea") == {"submission.py", "part.py", "result.json", "README.md"}


def test_an_audit_is_of_the_source_on_whatever_track_it_was_made(mbench, evaluated, tmp_path):
    place = evaluated()
    own = tmp_path / "results" / "idea" / "quick" / "audit.json"
    other = own.parent.with_name("large") / "audit.json"
    other.parent.mkdir()
    own.rename(other)
    mbench("submit", place)
    assert "audit.json" in files(tmp_path / "submissions" / "idea")
    (place / "part.py").write_text("x = 2\n")  # another source, which nobody audited
    evaluated(audit=False)
    mbench("submit", place, "--update")
    assert "audit.json" not in files(tmp_path / "submissions" / "idea")


def test_an_audit_that_holds_against_a_source_counts_before_one_it_passed(mbench, evaluated, tmp_path):
    place = evaluated()
    made = tmp_path / "results" / "idea"
    passed = read_report(made / "quick" / "audit.json")
    write_report(made / "standard" / "audit.json", replace(passed, verdict="flagged: inconsistent predictions"))
    (made / "large").mkdir()
    (made / "large" / "audit.json").write_text("junk")  # of another track, so it stops nobody
    mbench("submit", place)
    published = read_report(tmp_path / "submissions" / "idea" / "audit.json")
    assert published.verdict == "flagged: inconsistent predictions"
    (made / "quick" / "audit.json").write_text("junk")
    result = mbench("submit", place, "--update")
    assert (result.exit_code, "damaged" in result.stderr) == (3, True)


def test_a_picture_of_another_version_is_left_out(mbench, evaluated, tmp_path):
    place = evaluated()
    Page(60, 40).save(tmp_path / "results" / "idea" / "quick" / "card.png", "f" * 64)
    assert "no picture" in mbench("submit", place).stderr
    assert "card.png" not in (tmp_path / "submissions" / "idea" / "README.md").read_text()


def test_an_edited_submission_has_no_result(mbench, evaluated):
    place = evaluated()
    (place / "part.py").write_text("x = 2\n")
    result = mbench("submit", place)
    assert result.exit_code == 2
    assert "it has changed since it was evaluated" in result.stderr


def test_a_file_of_another_name_is_refused(mbench, evaluated):
    place = evaluated()
    (place / "submission.py").rename(place / "mine.py")
    result = mbench("submit", place / "mine.py")
    assert result.exit_code == 2
    assert "is called mine.py" in result.stderr


@pytest.mark.parametrize("arguments", [["--track", "standard"], ["--results", "nowhere"], ["--name", "../up"]])
def test_wrong_arguments_are_usage(mbench, evaluated, arguments):
    assert mbench("submit", evaluated(), *arguments).exit_code == 2


def test_results_on_another_track_stay(mbench, evaluated, tmp_path):
    place = evaluated()
    mbench("submit", place)
    path = tmp_path / "submissions" / "idea" / "result.json"
    content = json.loads(path.read_text())
    other = content["records"][0] | {"track": "standard"}
    path.write_text(json.dumps(content | {"records": [*content["records"], other]}))
    assert mbench("submit", place, "--update", "--json").exit_code == 0
    assert {record.track for record in read_result(path).records} == {"quick", "standard"}
