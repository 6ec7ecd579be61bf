import hashlib
import json
import os
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from threading import Event
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from accepted_folders import believe_audits
from click.testing import CliRunner
from PIL import Image
from site_entries import HOSTILE, HOSTILE_NAME, SHOWN, make_once, make_site, record_of_skill, write_submission

import mbench
from mbench.board.candidates import find_baselines, find_submissions
from mbench.board.standings import build_board
from mbench.cli import main
from mbench.errors import UsageError
from mbench.results.estimators import Stored
from mbench.results.predictions import predictions_digest
from mbench.results.reference import load_reference
from mbench.results.store import ResultStore
from mbench.sandbox.child_process import ChildFailure
from mbench.sandbox.tiers import choose_isolation
from mbench.submission import read_submission, safe_name
from mbench.suite import tracks
from mbench.suite.tasks import load_task
from mbench.views.film_file import encode_film
from mbench.views.render.page import Page
from mbench.views.site import build, media, pages, tiles
from mbench.views.site.code import list_file, reveal
from mbench.views.site.entries import collect_entries
from mbench.views.site.pages import POLICY

FIRST_VIEW = 1_000_000  # bytes


@pytest.fixture(autouse=True)
def believed(monkeypatch):
    believe_audits(monkeypatch)


@pytest.fixture(scope="session")
def made(tmp_path_factory, worker_id):
    return make_once(tmp_path_factory, worker_id)


@pytest.fixture
def site(made):
    return made / "site"


class Elements(HTMLParser):
    """Every element of a page with its attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.found, self.text, self.scripts = [], [], []
        self._inside = ""
        self.feed(page.read_text())

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        (self.scripts if self._inside == "script" else self.text).append(data)

    def all(self, *tags):
        return [attributes for tag, attributes in self.found if tag in tags]


def pages_of(site):
    return sorted(site.rglob("*.html"))


def addresses(page):
    for _, attributes in Elements(page).found:
        for name in ("href", "src", "poster", "action", "data", "srcset"):
            if attributes.get(name) is not None:
                yield attributes[name]


def data_of(page):
    (text,) = [text for text in Elements(page).scripts if text.strip()]
    return json.loads(text)


def test_every_page_says_which_mbench_and_which_suite_made_it(site):
    words = f"mbench {mbench.__version__}, suite {mbench.SUITE_VERSION}."
    assert [page.name for page in pages_of(site) if words not in page.read_text()] == []


# It loads nothing from elsewhere


def test_every_address_is_a_file_of_the_site(site):
    for page in pages_of(site):
        for address in addresses(page):
            parts = urlsplit(address)
            assert (parts.scheme, parts.netloc) == ("", ""), (page, address)
            target = page if not parts.path else page.parent / unquote(parts.path)
            assert target.resolve().is_relative_to(site.resolve())
            assert target.is_file(), (page, address)


def test_static_files_name_no_other_host(site):
    for path in (site / "static").iterdir():
        if path.suffix in (".css", ".js", ".svg"):
            text = path.read_text().replace('"http://www.w3.org/2000/svg"', "")
            assert "://" not in text, path
            assert "@import" not in text
            assert "url(" not in text


def test_every_page_forbids_what_is_not_the_sites_own(site):
    for page in pages_of(site):
        policies = [each["content"] for each in Elements(page).all("meta") if "http-equiv" in each]
        assert policies == [POLICY]
    assert "default-src 'none'" in POLICY
    assert "unsafe" not in POLICY
    assert "http" not in POLICY


def test_first_view_is_small(site):
    for page in (site / "index.html", site / "about.html", site / "compare.html", site / "quick" / "knn.html"):
        files = {page}
        for tag, attributes in Elements(page).found:
            if tag in ("script", "link", "img", "image") and attributes.get("loading") != "lazy":
                address = attributes.get("src") or attributes.get("href")
                files |= {(page.parent / address).resolve()} if address else set()
        assert sum(path.stat().st_size for path in files) < FIRST_VIEW, page


def test_films_are_loaded_on_demand_and_large_pictures_lazily(site):
    for page in pages_of(site):
        assert all(video["preload"] == "none" for video in Elements(page).all("video"))
        eager = [img["src"] for img in Elements(page).all("img") if img.get("loading") != "lazy"]
        assert all(src.endswith(("banner.webp", "icon.svg")) for src in eager)


# Its numbers are the board's


@pytest.mark.parametrize("track", ["quick", "standard"])
def test_data_is_what_the_leaderboard_prints(made, site, track):
    arguments = ["leaderboard", "--track", track, "--format", "json", "--results", str(made / "results")]
    printed = CliRunner().invoke(main, [*arguments, "--submissions", str(made / "submissions")])
    assert printed.exit_code == 0, printed.output
    expected = json.loads(printed.stdout)
    pages = json.loads((site / "data" / f"{track}.json").read_text())
    assert pages.pop("pages").keys() == {"board", "discovery", "rejected"}
    assert pages == expected


def board_of(site, track):
    return {entry["name"]: entry for entry in json.loads((site / "data" / f"{track}.json").read_text())["board"]}


@pytest.mark.parametrize("name", ["rbf", "fourier"])
def test_table_shows_the_numbers_of_the_board(site, name):
    page = (site / "index.html").read_text().partition('data-track="quick"')[2]
    row = re.search(rf'<tr data-name="{name}".*?</tr>', page, re.DOTALL)
    assert row is not None
    shown = re.findall(r'data-value="([^"]*)"><span class="value">([^<]*)</span>', row[0])
    entry = board_of(site, "quick")[name]
    exact = [entry[key] for key in ("mandelbrot", "precision", "depth_octaves", "psnr_db", "worth")]
    assert [float(value) for value, _ in shown[:5]] == exact
    rounded = [f"{value:.{digits}f}" for value, digits in zip(exact, (1, 1, 2, 2, 2), strict=True)]
    assert [text for _, text in shown[:5]] == rounded


def test_plots_show_the_numbers_of_the_board(site):
    for track, entries in data_of(site / "index.html")["tracks"].items():
        board = board_of(site, track)
        assert len(entries) == len(board)
        for entry in entries:
            known = board[entry["name"]]
            means = {task: profile["mean"] for task, profile in known["profiles"].items()}
            assert entry.pop("profiles") == means
            assert (site / entry.pop("href")).is_file()
            if known["missing"]:  # it cost less, having run less
                known |= dict.fromkeys(("fit_s", "n_params", "predict_us_per_point", "model_bytes"))
            assert entry.items() <= known.items()


def test_curves_are_those_measured_of_what_is_on_the_board(site):
    curves = data_of(site / "index.html")["curves"]
    assert curves["standard"].keys() == {"mandelbrot", "mandelbrot-distance"}
    for task in curves["standard"].values():
        lines = {line["name"]: line["points"] for line in task["lines"]}
        assert lines.pop("tied-one") == [[1_000, 0.5], [10_000, 0.05], [100_000, 0.005]]
        assert lines.pop("tied-two") == [[1_000, 0.25], [10_000, 0.025]]  # what comes next failed
        assert task["measure"] == "fraction of variance unexplained"
        assert len(task["frozen"]) > 2
        assert all((site / line["href"]).is_file() for line in task["lines"])
    quick = [line["name"] for task in curves["quick"].values() for line in task["lines"]]
    assert not {"tied-one", "tied-two"} & set(quick)


def test_shared_ranks_and_intervals_are_shown(site):
    page = (site / "index.html").read_text()
    one, two = (board_of(site, "standard")[name] for name in ("tied-one", "tied-two"))
    assert one["rank"] == two["rank"] is not None
    shared = f'<span aria-hidden="true">=</span><span class="sr">shared </span>{one["rank"]}'
    assert page.count(shared) >= 2
    low, high = one["mandelbrot_interval"]
    assert f"[{low:.1f}, {high:.1f}]" in page
    assert page.count('class="whisker"') > 3 * 6  # of each score of each entry with five replicates


def test_who_is_not_ranked_is_told_why(site):
    page = (site / "index.html").read_text()
    failing = re.search(r'<tr data-name="failing".*?</th>', page, re.DOTALL)
    assert failing is not None
    assert "not audited" in failing[0]
    assert "unverified" in failing[0]
    claimed = re.search(r'<tr data-name="claimed".*?</th>', page, re.DOTALL)
    assert claimed is not None
    assert "a claim, which no maintainer has run again" in claimed[0]
    assert "</span> claim</span>" in claimed[0]
    assert "Discovery list" in page
    assert "Rejected by the audit" in page


# Hostile strings are inert


def test_hostile_strings_become_no_element_and_no_attribute(site):
    for page in pages_of(site):
        elements = Elements(page)
        assert not elements.all("style", "iframe", "object", "embed", "base")
        assert all(image["src"] != "x" for image in elements.all("img"))
        names = {name for _, attributes in elements.found for name in attributes}
        assert not {name for name in names if name.startswith("on") or name == "style"}
        assert all("src" in script or script["type"] == "application/json" for script in elements.all("script"))
        assert "bold" not in elements.text  # nor an element about it


def test_hostile_strings_are_shown_as_what_they_are(site):
    name = safe_name(HOSTILE_NAME)
    digits = hashlib.sha256(name.encode()).hexdigest()[:8]
    page = site / "standard" / f"submission-{re.sub('[^a-z0-9_-]+', '-', name.lower())}.{digits}.html"
    text = "".join(Elements(page).text)
    assert "<script>window.pwned=1</script>" in text
    assert "{{7*7}}" in text
    assert "49" not in text.split("{{7*7}}")[0][-200:]
    assert "\x1b" not in page.read_text()
    assert "‮" not in page.read_text()
    assert "U+202E" in text


@pytest.mark.parametrize(("letter", "shown"), [("‮", "U+202E"), ("\x00", "U+0000"), ("​", "U+200B")])
def test_letters_that_hide_are_revealed(letter, shown):
    assert str(reveal(f"a{letter}<")) == f'a<span class="unseen">{shown}</span>&lt;'


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"x = '</span><script>'\r\n\r\n", b"def build(spec:\n  '''"])
def test_any_bytes_are_listed_and_nothing_of_them_is_markup(content):
    listing = list_file("submission.py", content)
    text = "\n".join(re.sub(r'<span class="(\w+)">|</span>', "", str(line)) for line in listing.lines)
    assert "<" not in text
    assert len(listing.lines) == len(content.decode("utf-8", "replace").splitlines())


# Zooms


def test_tiles_are_there_for_every_place_and_octave(site):
    view = data_of(site / "quick" / f"submission-{SHOWN}.html")["zoom"]
    (entry,) = view["entries"]
    n_panels = 1 + len(view["landmarks"]) * (view["octaves"] - 1)
    assert len(entry["scores"]) == n_panels
    for kind, folder in (("truth", view["truth"]), ("prediction", entry["path"]), ("error", entry["path"])):
        for index in range(n_panels):
            with Image.open(site / folder / f"{kind}-{index}.webp") as picture:
                assert picture.size == (304, 192)


def test_strips_of_truth_prediction_and_error_are_shown_in_register(site):
    page = site / "quick" / f"submission-{SHOWN}.html"
    strips = [image for image in Elements(page).all("img") if "strip-" in image["src"]]
    assert [Path(image["src"]).stem for image in strips] == ["strip-truth", "strip-prediction", "strip-error"]
    size = tiles.strip_plan().inside.shape[::-1]
    for image in strips:
        assert (int(image["width"]), int(image["height"])) == size
        with Image.open(page.parent / image["src"]) as picture:
            assert picture.size == size
    held = re.findall(r"<li>(\d\.\d\d)</li>", page.read_text())
    assert held == ["0.00"] * 14  # the mean of the sample explains nothing, at no depth


def test_tiles_score_what_was_predicted(site):
    (entry,) = data_of(site / "quick" / f"submission-{SHOWN}.html")["zoom"]["entries"]
    # The mean of the sample explains nothing of the whole set, and less of every window in it.
    assert entry["scores"][0] == pytest.approx(0.0, abs=0.02)
    assert all(score is None or score <= 0.001 for score in entry["scores"])


class Oracle:
    """A child that answers with the truth."""

    def __init__(self, *arguments, **options):
        self.task = load_task(tiles.TASK)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def load(self, artifact):
        pass

    def predict(self, X, limit_s):
        lower, upper = (np.asarray(corner) for corner in (self.task.lower, self.task.upper))
        points = lower + (X + 1.0) / 2.0 * (upper - lower)
        return self.task.truth(points).astype(np.float32), 0.1


def record_answers(store, record):
    """Store the record of somebody who answered as the oracle does, and return it with the store."""
    answers, _ = Oracle().predict(load_task(tiles.TASK).draw_queries(record.n_samples, record.replicate).X, 1.0)
    record = replace(record, predictions_digest=predictions_digest(answers))
    store.write(record, answers)
    return record, store


def test_what_knows_the_truth_is_drawn_like_it(made, tmp_path, monkeypatch):
    monkeypatch.setattr("mbench.runs.run.Child", Oracle)
    (record,) = ResultStore(made / "results").records()
    source = read_submission(made / "submissions" / SHOWN)
    truth = tmp_path / tiles.draw_truth(tmp_path)
    stored = Stored(*record_answers(ResultStore(tmp_path / "results"), record))
    drawn = tiles.draw_tiles(tmp_path, source, stored, choose_isolation(allow_none=True), Event())
    assert all(score is None or score > 0.99 for score in drawn.scores)
    assert min(drawn.strip) > 0.99

    def pixels(folder, name):
        with Image.open(folder / name) as picture:
            return np.asarray(picture.convert("RGB")).astype(int)

    own = tmp_path / drawn.path
    for kind, other in (("prediction", "truth"), ("strip-prediction", "strip-truth")):
        suffix = "" if kind.startswith("strip") else "-3"
        assert np.abs(pixels(own, f"{kind}{suffix}.webp") - pixels(truth, f"{other}{suffix}.webp")).mean() < 1
    assert np.abs(pixels(own, tiles.BANNER) - pixels(truth, tiles.BANNER)).mean() < 1
    assert pixels(own, "strip-error.webp").mean() < pixels(own, "strip-prediction.webp").mean() / 4


@pytest.mark.parametrize("content", ["[]", "{", '{"panels": [1.0], "strip": [1.0]}', '{"panels": ["x"], "strip": []}'])
def test_scores_of_another_shape_are_drawn_again(tmp_path, content):
    folder = tmp_path / tiles.FOLDER / f"{'a' * 32}-{tiles._VERSION}"
    folder.mkdir(parents=True)
    (folder / "scores.json").write_text(content)
    assert tiles.read_tiles(tmp_path, "a" * 64) is None
    whole = {"panels": [None] * len(tiles.plan().panels), "strip": [0.5] * 14}
    (folder / "scores.json").write_text(json.dumps(whole))
    assert tiles.read_tiles(tmp_path, "a" * 64).strip == (0.5,) * 14


def test_panels_of_an_octave_lie_within_the_one_before():
    panels = tiles.plan().panels
    for inner in panels[2:]:
        around = [p for p in panels if p.name == inner.name and p.magnification * 2 == inner.magnification]
        outer = around[0] if around else panels[0]
        for axis, size in ((0, "width"), (1, "height")):
            reach = abs(inner.centre[axis] - outer.centre[axis]) + getattr(inner, size) / 2
            assert reach <= getattr(outer, size) / 2 * (1 + 1e-12)


def test_an_entry_without_an_estimator_names_the_command(site):
    text = "".join(Elements(site / "quick" / "knn.html").text)
    assert "its fitted estimator is not stored here" in text
    assert "mbench reproduce knn --track quick" in text


def test_a_local_result_is_shown_without_its_source_and_says_so(made, tmp_path):
    folder = tmp_path / "site"
    shutil.copytree(made / "site" / "tiles" / tiles.truth_name(), folder / "tiles" / tiles.truth_name())
    (folder / "mbench-site.json").touch()
    make_site(folder, tmp_path / "submissions", made / "results", track_names=["quick"])
    text = "".join(Elements(folder / "quick" / f"local-{SHOWN}.html").text)
    assert "its source is not at hand" in text
    assert "mbench submit FILE --track quick" in text


def test_film_and_pictures_of_this_very_source_are_shown(made, tmp_path):
    folder, results = tmp_path / "site", tmp_path / "results"
    shutil.copytree(made / "site", folder)
    shutil.copytree(made / "results" / SHOWN, results / SHOWN)
    another = results / "tied-one" / "standard"  # has its name, and is of another source
    shutil.copytree(made / "results" / SHOWN / "quick", another)
    (record,) = ResultStore(made / "results").records()
    for made_in, key in ((results / SHOWN / "quick", record.fit_id), (another, "tied-onemandelbrot0:")):
        write_sheet(made_in / "mandelbrot.png", key)
        write_sheet(made_in / "china.png", "0" * 64)  # drawn of an older version
        encode_film(made_in / media.FILM, FRAMES, 5, [record.source_digest])
    make_site(folder, made / "submissions", results)
    own = Elements(folder / "quick" / f"submission-{SHOWN}.html")
    assert len(own.all("video")) == 1
    pictures = [image["alt"] for image in own.all("img") if "media/" in image["src"]]
    assert pictures == ["Truth, prediction and error of the task mandelbrot"]
    other = Elements(folder / "standard" / "submission-tied-one.html")
    assert not other.all("video")
    assert "no result of this source is at hand" in "".join(other.text)
    without = "".join(Elements(made / "site" / "quick" / f"submission-{SHOWN}.html").text)
    film = made / "results" / SHOWN / "quick" / media.FILM
    assert f"mbench watch submissions/{SHOWN} --track quick --out {film}" in without


def test_a_second_run_asks_no_estimator_and_drops_what_is_gone(made, tmp_path):
    folder, submissions = tmp_path / "site", tmp_path / "submissions"
    shutil.copytree(made / "site", folder)
    shutil.copytree(made / "submissions" / SHOWN, submissions / SHOWN)
    (folder / "media" / "old.webp").parent.mkdir(exist_ok=True)
    (folder / "media" / "old.webp").touch()
    (folder / tiles.FOLDER / "0123-1").mkdir()

    def isolate():
        raise AssertionError("an estimator was asked again")

    built = make_site(folder, submissions, made / "results", isolate=isolate)
    assert set(built.pages) == set(pages_of(folder))
    assert not (folder / "standard" / "submission-tied-one.html").exists()
    assert not (folder / "media" / "old.webp").exists()
    assert len(list((folder / tiles.FOLDER).iterdir())) == 2
    assert (folder / "quick" / f"submission-{SHOWN}.html").is_file()


def test_tiles_of_another_fit_are_drawn_again(made, tmp_path):
    folder, results = tmp_path / "site", tmp_path / "results"
    shutil.copytree(made / "site", folder)
    shutil.copytree(made / "results", results)
    store = ResultStore(results)
    (record,) = store.records()
    store.write(replace(record, predictions_digest="f" * 64), None, store.artifact_path(record.key).read_bytes())
    asked = []
    make_site(folder, made / "submissions", results, isolate=lambda: asked.append(1) or choose_isolation())
    assert asked == [1]


def test_a_readme_keeps_its_spaces(tmp_path):
    assert pages.verbatim("    pip  install <b>") == "<bdi>    pip  install &lt;b&gt;</bdi>"


def test_data_of_a_track_that_is_not_shown_goes(made, tmp_path):
    folder = tmp_path / "site"
    shutil.copytree(made / "site", folder)
    make_site(folder, made / "submissions", None, track_names=["quick", "quick"])
    assert [path.name for path in (folder / "data").iterdir()] == ["quick.json"]
    tables = [each for each in Elements(folder / "index.html").all("table") if "board" in each.get("class", "")]
    assert len(tables) == 1


def test_an_estimator_that_fails_costs_its_zoom_and_strip_only(made, tmp_path, monkeypatch):
    folder = tmp_path / "site"
    shutil.copytree(made / "site" / "tiles" / tiles.truth_name(), folder / "tiles" / tiles.truth_name())
    (folder / "mbench-site.json").touch()

    def fail(*arguments):
        raise ChildFailure("crash", HOSTILE)

    monkeypatch.setattr(tiles, "draw_tiles", fail)
    built = make_site(folder, made / "submissions", made / "results", track_names=["quick"])
    assert any("its estimator was asked and failed" in note for note in built.notes)
    page = Elements(folder / "quick" / f"submission-{SHOWN}.html")
    assert "asked and failed" in "".join(page.text)
    assert not [image for image in page.all("img") if image["src"] == "x"]


# Pictures and films


FRAMES = [np.full((64, 96, 3), shade, dtype=np.uint8) for shade in (0, 100, 200)]
KEYS, DIGEST = frozenset({"2" * 64, "3" * 64}), "1" * 64


def write_sheet(path, key):
    Page(60, 90).save(path, key)


def test_film_and_sheets_are_taken_in(tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    write_sheet(made / "china.png", "2" * 64)
    encode_film(made / media.FILM, FRAMES, 5, ["0" * 64, DIGEST])  # a race is of several
    taken = media.take_media(tmp_path / "site", made, KEYS, DIGEST)
    assert [(sheet.name, sheet.width, sheet.height) for sheet in taken.sheets] == [("china", 60, 90)]
    assert all((tmp_path / "site" / path).is_file() for path in taken.paths)
    assert str(taken.film).endswith(".mp4")
    assert (taken.poster.width, taken.poster.height) == (96, 64)
    with Image.open(tmp_path / "site" / taken.poster.path) as poster:  # its last frame
        assert np.asarray(poster.convert("L")).mean() == pytest.approx(200, abs=3)


@pytest.mark.parametrize("digests", [(), ["0" * 64]])
@pytest.mark.parametrize("key", ["", "4" * 64])
def test_what_is_of_another_source_or_of_nobody_is_passed_over(tmp_path, key, digests):
    write_sheet(tmp_path / "china.png", key)
    encode_film(tmp_path / media.FILM, FRAMES, 5, digests)
    assert media.take_media(tmp_path / "site", tmp_path, KEYS, DIGEST) == media.Media()


def test_a_film_that_cannot_be_decoded_has_no_poster(tmp_path):
    encode_film(tmp_path / media.FILM, FRAMES, 5, [DIGEST])
    content = (tmp_path / media.FILM).read_bytes()
    (tmp_path / media.FILM).write_bytes(content[: content.find(b"mdat") + 4])
    taken = media.take_media(tmp_path / "site", tmp_path, KEYS, DIGEST)
    assert taken.film is not None
    assert taken.poster is None


def test_what_is_no_picture_or_film_is_passed_over(tmp_path):
    for name in (media.FILM, "china.png"):
        (tmp_path / name).write_bytes(b"<script>window.pwned=1</script>")
    assert media.take_media(tmp_path / "site", tmp_path, KEYS, DIGEST) == media.Media()


# Entries


def entries_of(submissions):
    candidates = find_submissions(submissions)
    return collect_entries(build_board(candidates, "standard", load_reference()), candidates, submissions, None)


def test_a_readme_that_is_not_the_submissions_own_file_is_not_shown(tmp_path):
    submissions, elsewhere = tmp_path / "submissions", tmp_path / "elsewhere"
    for folder in (submissions / "own", submissions / "linked", submissions / "piped", elsewhere):
        write_submission(folder, 90.0)
        (folder / "README.md").unlink()
    (submissions / "own" / "README.md").write_text("mine")
    (elsewhere / "README.md").write_text("secret")
    (submissions / "linked" / "README.md").symlink_to(elsewhere / "README.md")
    (submissions / "moved").symlink_to(elsewhere)
    pipe = submissions / "piped" / "README.md"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDWR)
    os.write(end, b"x" * 64_000)  # as much as is read of a README: who reads it does not wait for more
    readmes = {entry.standing.name: entry.readme for entry in entries_of(submissions)}
    os.close(end)
    assert readmes == {"own": "mine", "linked": "", "piped": ""}  # and what is moved is no folder of its own


def test_a_page_stays_where_it_is_when_ranks_change(tmp_path):
    names = ("漢字", "字漢", "Other", "idea")
    for folder, skills in (("a", (80, 90, 100, 110)), ("b", (110, 100, 90, 80))):
        for name, skill in zip(names, skills, strict=True):
            write_submission(tmp_path / folder / name, skill)
    before, after = ({e.standing.name: e.slug for e in entries_of(tmp_path / folder)} for folder in ("a", "b"))
    assert before == after
    assert len(set(before.values())) == 4
    assert before["idea"] == "submission-idea"
    assert all(re.fullmatch("[a-z0-9_.-]+", slug) for slug in before.values())


def test_an_altered_name_never_has_the_page_of_a_plain_one(tmp_path):
    write_submission(tmp_path / "Idea", 90.0)
    (entry,) = entries_of(tmp_path)
    forged = entry.slug.removeprefix("submission-")
    write_submission(tmp_path / forged, 95.0)
    assert {e.standing.name: e.slug for e in entries_of(tmp_path)}["Idea"] == entry.slug


def test_an_entry_links_to_itself_on_another_track_and_to_nobody_else(made, tmp_path, monkeypatch):
    (knn,) = [each for each in find_baselines() if each.name == "knn"]
    digest = knn.records[0].source_digest
    standard = [
        record_of_skill("knn", digest, "standard", task, replicate, 100.0)
        for task in tracks.TRACKS["standard"].tasks
        for replicate in range(5)
    ]
    both = replace(knn, records=(*(r for r in knn.records if r.track == "quick"), *standard))
    monkeypatch.setattr(build, "find_baselines", lambda: [both])
    write_submission(tmp_path / "submissions" / "漢字", 90.0, track="quick")
    write_submission(tmp_path / "submissions" / "字漢", 90.0)
    folder = tmp_path / "site"
    shutil.copytree(made / "site" / "tiles" / tiles.truth_name(), folder / "tiles" / tiles.truth_name())
    (folder / "mbench-site.json").touch()
    make_site(folder, tmp_path / "submissions", None)
    linked = {
        page: [each["href"] for each in Elements(page).all("a") if each.get("class") == "other"]
        for page in (folder / "quick").glob("*.html")
    }
    assert linked.pop(folder / "quick" / "knn.html") == ["../standard/knn.html"]
    (own,) = [links for page, links in linked.items() if page.name.startswith("submission-")]
    assert own == []


# The folder, and the command


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("all of it")
    with pytest.raises(UsageError, match="holds files that are no mbench site"):
        make_site(tmp_path, tmp_path / "submissions", None)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_track_without_entries_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "find_baselines", list)
    with pytest.raises(UsageError, match="no entry on large"):
        make_site(tmp_path / "site", tmp_path / "submissions", None, track_names=["large"])


def test_names_that_differ_in_case_only_have_pages_of_their_own(tmp_path):
    write_submission(tmp_path / "idea", 90.0)
    (found,) = find_submissions(tmp_path)
    candidates = [replace(found, name=name) for name in ("Idea", "idea", "IDEA", "i-d-e-a")]
    board = build_board(candidates, "standard", load_reference())
    slugs = [entry.slug.lower() for entry in collect_entries(board, candidates, tmp_path, None)]
    assert len(set(slugs)) == len(slugs) == 4


def test_command_writes_the_site_and_says_where(made, tmp_path):
    folder = tmp_path / "site"
    shutil.copytree(made / "site" / "tiles" / tiles.truth_name(), folder / "tiles" / tiles.truth_name())
    (folder / "mbench-site.json").touch()
    result = CliRunner().invoke(main, ["site", "--out", str(folder), "--track", "quick", "--recorded", "--json"])
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["pages"][0] == str(folder / "index.html")
    assert content["n_entries"] == len(list((folder / "quick").glob("*.html")))
    assert "knn.html: no zoom" in result.stderr
