import hashlib
import io
import json
import os
import re
import shutil
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from threading import Event
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

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
from mbench.views import entry_pictures
from mbench.views.film_file import encode_film
from mbench.views.render.page import Page
from mbench.views.site import Address, build, media, studies, tiles
from mbench.views.site.code import list_file, reveal
from mbench.views.site.entries import collect_entries
from mbench.views.site.pages import POLICY
from mbench.views.site.readme import render_readme

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


def test_every_address_is_a_file_of_the_site_but_those_of_the_studies_sources(site):
    for page in pages_of(site):
        external = {unescape(found) for found in re.findall(r'<a href="([^"]+)" rel="external">', page.read_text())}
        assert not external or page.parent.name == "studies"
        for address in [each for each in addresses(page) if each not in external]:
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
        assert all(src.endswith(("portrait.webp", "icon.svg")) for src in eager)


# Its numbers are the board's


@pytest.mark.parametrize("track", ["quick", "standard"])
def test_data_is_what_the_leaderboard_prints(made, site, track):
    arguments = ["leaderboard", "--track", track, "--format", "json", "--results", str(made / "results")]
    printed = CliRunner().invoke(main, [*arguments, "--submissions", str(made / "submissions")])
    assert printed.exit_code == 0, printed.output
    expected = json.loads(printed.stdout)
    pages = json.loads((site / "data" / f"{track}.json").read_text())
    assert pages.pop("pages").keys() == {"board", "discovery", "rejected"}
    del expected["pairs"]  # of which there are as many as entries squared
    assert pages == expected


def board_of(site, track):
    return {entry["name"]: entry for entry in json.loads((site / "data" / f"{track}.json").read_text())["board"]}


@pytest.mark.parametrize("name", ["rbf", "fourier"])
def test_table_shows_the_numbers_of_the_board(site, name):
    page = (site / "index.html").read_text().partition('data-track="quick"')[2]
    row = re.search(rf'<tr data-name="{name}".*?</tr>', page, re.DOTALL)
    assert row is not None
    cells = [re.sub("<.*?>", " ", cell).split() for cell in re.findall(r"<td>(.*?)</td>", row[0], re.DOTALL)]
    entry = board_of(site, "quick")[name]
    exact = [entry[key] for key in ("mandelbrot", "precision", "depth_octaves", "psnr_db", "worth")]
    rounded = [f"{value:.{digits}f}" for value, digits in zip(exact, (1, 1, 2, 2, 2), strict=True)]
    assert [cell[0] for cell in cells[:5]] == rounded


def loaded(site, name):
    """Return what a page gets that asks for a file of data, which is a script."""
    text = (site / "data" / f"{name}.js").read_text()
    assert text.isascii()
    own, _, content = text.removeprefix("Data.put(").removesuffix(");\n").partition(",")
    assert json.loads(own) == name
    return json.loads(content)


def test_plots_show_the_numbers_of_the_board(site):
    for track in ("quick", "standard"):
        board = board_of(site, track)
        entries = loaded(site, f"{track}-plots")["entries"]
        assert len(entries) == len(board)
        for entry in entries:
            known = board[entry["name"]]
            both = [profile["mean"] for profile in known["profiles"].values()]
            means = [sum(shares) / 2 for shares in zip(*both, strict=True)] if len(both) == 2 else []
            assert entry["depth"] == pytest.approx(means, abs=1e-3)
            assert (site / entry["href"]).is_file()
            costs = ("fit_s", "n_params", "predict_us_per_point", "model_bytes")
            if known["missing"]:  # it cost less, having run less
                known |= dict.fromkeys(costs)
            for key in ("mandelbrot", "worth", "depth_octaves", *costs):
                assert entry[key] == (None if known[key] is None else pytest.approx(known[key], rel=1e-4))


def test_curves_are_those_measured_of_what_is_on_the_board(site):
    curves = {track: loaded(site, f"{track}-plots")["curves"] for track in ("quick", "standard")}
    assert curves["standard"].keys() == {"mandelbrot", "mandelbrot-distance"}
    for task in curves["standard"].values():
        lines = {line["name"]: line["points"] for line in task["lines"]}
        assert lines.pop("tied-one") == [[1_000, 0.5], [10_000, 0.05], [100_000, 0.005]]
        assert lines.pop("tied-two") == [[1_000, 0.25], [10_000, 0.025]]  # what comes next failed
        stops = {line["name"]: line["stop"] for line in task["lines"]}
        assert stops["tied-one"] is None
        n_samples, reason = stops["tied-two"]
        assert (n_samples, reason[:20]) == (100_000, HOSTILE[:20])
        assert len(reason) <= 90
        assert reason.isprintable()
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
    own = (site / "standard" / "submission-tied-one.html").read_text()
    assert own.count('class="whisker"') == 6  # of each score of an entry with five replicates


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


def test_one_sentence_says_who_leads_and_no_claim_does(site):
    text = " ".join("".join(Elements(site / "index.html").text).split())
    standard = json.loads((site / "data" / "standard.json").read_text())
    best = next(entry for entry in standard["board"] if entry["name"] == standard["ranked"][0])
    assert standard["board"][0]["name"] == "claimed"  # has the highest score, and nobody's word but its author's
    words = f"leads with {best['mandelbrot']:.1f} points and holds {best['depth_octaves']:.1f} octaves of zoom"
    assert f"{best['name']} {words}" in text


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


def test_pictures_are_there_for_every_place_and_octave(site):
    page = site / "quick" / f"submission-{SHOWN}.html"
    view = data_of(page)["zoom"]
    (entry,) = view["entries"]
    assert len(entry["scores"]) == 1 + len(view["landmarks"]) * (view["octaves"] - 1)
    wide, high = view["size"]
    with Image.open(site / view["truth"] / "zoom.webp") as picture:
        assert picture.size == (wide * view["octaves"], high * len(view["landmarks"]))
    sheets = [image["href"] for image in Elements(page).all("image") if "zoom" in image["href"]]
    assert [Path(sheet).name for sheet in sheets] == ["zoom.webp", "zoom.webp", "zoom-error.webp"]
    assert sum(path.stat().st_size for path in (site / entry["path"]).glob("*.webp")) <= entry_pictures.LIMIT


def test_strips_of_truth_prediction_and_error_are_shown_in_register(site):
    page = site / "quick" / f"submission-{SHOWN}.html"
    strips = [image for image in Elements(page).all("img") if Path(image["src"]).name.startswith("strip")]
    assert [Path(image["src"]).stem for image in strips] == ["strip", "strip", "strip-error"]
    size = entry_pictures.strip_plan().inside.shape[::-1]
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
        self.task = load_task(entry_pictures.TASK)

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
    answers, _ = Oracle().predict(
        load_task(entry_pictures.TASK).draw_queries(record.n_samples, record.replicate).X, 1.0
    )
    record = replace(record, predictions_digest=predictions_digest(answers))
    store.write(record, answers)
    return record, store


def test_what_knows_the_truth_is_drawn_like_it(made, tmp_path, monkeypatch):
    monkeypatch.setattr("mbench.runs.run.Child", Oracle)
    (record,) = ResultStore(made / "results").records()
    source = read_submission(made / "submissions" / SHOWN)
    truth = tmp_path / tiles.put_truth(tmp_path)
    stored = Stored(*record_answers(ResultStore(tmp_path / "results"), record))
    drawn = entry_pictures.draw_entry(source, stored, choose_isolation(allow_none=True), Event())
    assert all(score is None or score > 0.99 for score in drawn.scores)
    assert min(drawn.strip) > 0.99
    assert drawn.n_bytes <= entry_pictures.LIMIT
    own = tmp_path / tiles.put_drawn(tmp_path, drawn).path

    def pixels(folder, name):
        with Image.open(folder / name) as picture:
            return np.asarray(picture.convert("RGB").resize((400, 300))).astype(int)

    for name in ("portrait.webp", "zoom.webp", "strip.webp"):
        assert np.abs(pixels(own, name) - pixels(truth, name)).mean() < 6
    assert pixels(own, "strip-error.webp").mean() < pixels(own, "strip.webp").mean() / 4


def test_what_is_busy_is_drawn_coarser_until_it_fits(rng):
    shapes = {"portrait.webp": (606, 960), "zoom.webp": (768, 3040), "zoom-error.webp": (768, 3040),
              "strip.webp": (494, 320), "strip-error.webp": (494, 320)}  # fmt: skip
    calm = {name: np.zeros((*shape, 3), dtype=np.uint8) for name, shape in shapes.items()}
    busy = {name: rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for name, shape in shapes.items()}
    fine, coarse = (entry_pictures.encode_within(each, entry_pictures.LIMIT) for each in (calm, busy))
    assert fine.keys() == coarse.keys() == set(entry_pictures.FILES)
    assert sum(map(len, coarse.values())) <= entry_pictures.LIMIT
    widths = [Image.open(io.BytesIO(files["zoom.webp"])).width for files in (fine, coarse)]
    assert widths[0] == 3040 > widths[1] > 300


@pytest.mark.parametrize(
    "damage",
    [{"panels": [1.0]}, {"panels": ["x"]}, {"strip": []}, {"version": 0}, {"fit": None, "strip": None}],
)
def test_pictures_that_are_not_whole_are_drawn_again(tmp_path, damage):
    n_panels = len(entry_pictures.zoom_plan().panels)
    files = dict.fromkeys(entry_pictures.FILES, b"any")
    whole = entry_pictures.Drawn("fit", (None,) * n_panels, (0.5,) * 14, files)
    entry_pictures.write_drawn(tmp_path, whole)
    assert entry_pictures.read_drawn(tmp_path) == whole
    about = tmp_path / "pictures.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | damage))
    assert entry_pictures.read_drawn(tmp_path) is None
    entry_pictures.write_drawn(tmp_path, whole)
    (tmp_path / "thumb.webp").unlink()
    assert entry_pictures.read_drawn(tmp_path) is None


def test_recorded_pictures_are_shown_of_the_recorded_fit_and_of_no_other(made, tmp_path, monkeypatch):
    (knn,) = [each for each in find_baselines() if each.name == "knn"]
    fit = next(r.fit_id for r in knn.records if (r.task, r.track, r.replicate) == ("mandelbrot", "quick", 0))
    monkeypatch.setattr(build, "find_baselines", lambda: [knn])
    (shown,) = (made / "site" / "tiles").glob("[!t]*")
    drawn = entry_pictures.read_drawn(shown)
    folder = tmp_path / "site"
    shutil.copytree(made / "site" / "tiles" / tiles.truth_name(), folder / "tiles" / tiles.truth_name())
    (folder / "mbench-site.json").touch()
    for own, n_pictures in ((fit, 1), (f"{fit}0", 0)):
        entry_pictures.write_drawn(tmp_path / "pictures" / "knn" / "quick", replace(drawn, fit=own))
        for path in (folder / "tiles").glob("[!t]*"):
            shutil.rmtree(path)
        pictures = tmp_path / "pictures"
        built = make_site(folder, tmp_path / "none", None, track_names=["quick"], recorded_pictures=pictures)
        assert len(list((folder / "tiles").glob("[!t]*"))) == n_pictures
        assert len([note for note in built.notes if "1 of 1 entries are shown without" in note]) == 1 - n_pictures


def test_panels_of_an_octave_lie_within_the_one_before():
    panels = entry_pictures.zoom_plan().panels
    for inner in panels[2:]:
        around = [p for p in panels if p.name == inner.name and p.magnification * 2 == inner.magnification]
        outer = around[0] if around else panels[0]
        for axis, size in ((0, "width"), (1, "height")):
            reach = abs(inner.centre[axis] - outer.centre[axis]) + getattr(inner, size) / 2
            assert reach <= getattr(outer, size) / 2 * (1 + 1e-12)


def test_a_section_without_content_is_left_out(site):
    for page in pages_of(site):
        text = "".join(Elements(page).text)
        assert "Made by" not in text
        assert "Not made" not in text
    headings = re.findall(r'<h2 id="(\w+)"', (site / "quick" / "knn.html").read_text())
    assert headings == ["families", "depth", "audit", "made", "source"]
    shown = re.findall(r'<h2 id="(\w+)"', (site / "quick" / f"submission-{SHOWN}.html").read_text())
    assert {"zoom", "strip"} <= set(shown)


def test_a_local_result_is_shown_without_its_source(made, tmp_path):
    folder = tmp_path / "site"
    shutil.copytree(made / "site" / "tiles" / tiles.truth_name(), folder / "tiles" / tiles.truth_name())
    (folder / "mbench-site.json").touch()
    make_site(folder, tmp_path / "submissions", made / "results", track_names=["quick"])
    headings = re.findall(r'<h2 id="(\w+)"', (folder / "quick" / f"local-{SHOWN}.html").read_text())
    assert headings == ["families", "depth", "made"]


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
    isolate = {"isolate": lambda: asked.append(1) or choose_isolation()}
    make_site(folder, made / "submissions", results, **isolate)
    assert asked == []  # those of the recorded fit are there
    for path in (folder / "tiles").glob("[!t]*"):
        shutil.rmtree(path)
    make_site(folder, made / "submissions", results, **isolate)
    assert asked == [1]


def test_a_readme_is_shown_as_markdown_and_leads_nowhere():
    shown = render_readme("# Idea\n\n- *one*\n- `two`\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n```js\nx <b>\n```\n")
    for part in ("<h3>Idea</h3>", "<em>one</em>", "<code>two</code>", "<td>1</td>", "x &lt;b&gt;"):
        assert part in shown
    bad = (
        "[a](javascript:x) ![p](http://e/p.png) <http://e> <img src=x onerror=y>\n\n<script>z</script>\n\n"
        "[r]\n\n[r]: http://e 'title'\n\n\u202eturned\x1b"
    )
    shown = render_readme(f"{bad}\n\n{HOSTILE}")
    elements = re.findall(r"<(\w+)([^>]*)>", shown)
    assert {tag for tag, _ in elements} <= {"p", "em", "strong", "code", "ul", "li", "ol", "br"}
    assert {attributes.strip(" /") for _, attributes in elements} == {""}
    assert "U+202E" in shown
    assert "U+001B" in shown


def test_data_of_a_track_that_is_not_shown_goes(made, tmp_path):
    folder = tmp_path / "site"
    shutil.copytree(made / "site", folder)
    make_site(folder, made / "submissions", None, track_names=["quick", "quick"])
    kept = {path.name for path in (folder / "data").rglob("*") if path.is_file()}
    assert {"quick.json", "quick-plots.js", "quick-tasks.js", "knn.js"} <= kept
    assert not [name for name in kept if "standard" in name or "tied" in name]
    tables = [each for each in Elements(folder / "index.html").all("table") if "board" in each.get("class", "")]
    assert len(tables) == 1


def test_an_estimator_that_fails_costs_its_zoom_and_strip_only(made, tmp_path, monkeypatch):
    folder = tmp_path / "site"
    shutil.copytree(made / "site" / "tiles" / tiles.truth_name(), folder / "tiles" / tiles.truth_name())
    (folder / "mbench-site.json").touch()

    def fail(*arguments):
        raise ChildFailure("crash", HOSTILE)

    monkeypatch.setattr(build, "draw_entry", fail)
    built = make_site(folder, made / "submissions", made / "results", track_names=["quick"])
    assert any("its estimator was asked and failed" in note for note in built.notes)
    page = Elements(folder / "quick" / f"submission-{SHOWN}.html")
    assert "zoom" not in re.findall(r'<h2 id="(\w+)"', (folder / "quick" / f"submission-{SHOWN}.html").read_text())
    assert not [image for image in page.all("img") if image["src"] == "x"]


# Studies


def test_every_recorded_study_has_a_card_and_a_page(site):
    cards = Elements(site / "studies.html")
    found = studies.take_studies(site)
    assert {link["href"] for link in cards.all("a")} >= {study.href for study in found}
    assert len(found) >= 7
    stills = {image["src"] for image in cards.all("img")}
    assert {study.poster.path for study in found} <= stills
    for study in found:
        text = " ".join("".join(Elements(site / study.href).text).split())
        assert " ".join(study.record.quote.split()) in text
        assert f"mbench study {study.name} --check" in text
        assert f"about {study.full_min} minutes of one core" in text
        assert study.link in {link["href"] for link in Elements(site / study.href).all("a")}
        assert study.shows in text
        for claim in study.record.claims:
            assert claim.claim in text
            for case in claim.cases:
                assert case.value.mean is None or f"{case.value.mean:.4g}" in text
                assert " · ".join("–" if v is None else f"{v:.3g}" for v in case.value.values) in text
        assert all(oracle.name in text for oracle in study.record.oracles)
        assert len(Elements(site / study.href).all("video")) == (study.film is not None)


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


# From the site to the project


def test_without_an_address_pages_link_to_nothing_outside(site):
    assert not (site / "feed.xml").exists()
    for page in pages_of(site):
        assert not [each for each in Elements(page).all("link") if each["rel"] == "canonical"]


def test_with_an_address_every_page_has_its_own_card_and_new_entries_are_fed(made, tmp_path):
    folder, url, code = tmp_path / "site", "https://example.org/board", "https://example.org/code"
    shutil.copytree(made / "site", folder)
    address = Address(f"{url}/", code)
    make_site(folder, made / "submissions", made / "results", track_names=["quick"], address=address)
    descriptions = set()
    for page in pages_of(folder):
        elements = Elements(page)
        here = f"{url}/{page.relative_to(folder).as_posix()}"
        assert [each["href"] for each in elements.all("link") if each["rel"] == "canonical"] == [here]
        said = {each["property"]: each["content"] for each in elements.all("meta") if "property" in each}
        assert (folder / said["og:image"].removeprefix(f"{url}/")).is_file()
        assert said["og:url"] == here
        descriptions.add(said["og:description"])
    assert len(descriptions) == len(pages_of(folder))
    own = Elements(folder / "quick" / f"submission-{SHOWN}.html")
    assert f"{code}/tree/main/submissions/{SHOWN}" in [link["href"] for link in own.all("a")]
    feed = ElementTree.parse(folder / "feed.xml").getroot()
    atom = "{http://www.w3.org/2005/Atom}"
    ids = [each.findtext(f"{atom}id") for each in feed.findall(f"{atom}entry")]
    assert f"{url}/quick/submission-{SHOWN}.html" in ids
    assert set(ids) <= {f"{url}/{page.relative_to(folder).as_posix()}" for page in pages_of(folder)}
    dates = [each.findtext(f"{atom}updated") for each in feed.findall(f"{atom}entry")]
    assert dates == sorted(dates, reverse=True)


@pytest.mark.parametrize("given", ["javascript:alert(1)", "example.org", "https://", 'https://e/"><b>', "https://e/?q"])
def test_what_is_no_address_of_the_web_is_refused(given):
    with pytest.raises(UsageError, match="no address of the web"):
        Address(given)
    with pytest.raises(UsageError, match="--repository"):
        Address(repository=given)


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
    assert re.search(r"\d+ of \d+ entries are shown without pictures", result.stderr)
