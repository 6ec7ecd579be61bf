"""The site as a person meets it, in headless Chromium, from the disk."""

import io
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image
from site_entries import SHOWN, make_once

from mbench.board.noise import Parts, measure_noise, number_groups
from mbench.board.stats import measure_differences

PAGES = (
    "index.html", "compare.html", "about.html", "studies.html", "studies/l1-toggle.html", "quick/knn.html",
    f"quick/submission-{SHOWN}.html", "standard/submission-tied-one.html", "standard/submission-failing.html",
)  # fmt: skip
WIDE, PHONE, SMALL = {"width": 1440, "height": 900}, {"width": 390, "height": 844}, {"width": 320, "height": 640}


def wait_until(page, expression):
    """Wait for an expression of the page to be true: a page's own rules refuse Playwright's way of asking again."""
    for _ in range(600):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")


@pytest.fixture(scope="session")
def site(tmp_path_factory, worker_id):
    return make_once(tmp_path_factory, worker_id) / "site"


@pytest.fixture
def visit(browser, site):
    """Open a page of the site; what it asks for and complains of is checked at the end of the test."""
    contexts, asked, said, roots = [], [], [], ["data:"]

    def go(path, viewport=WIDE, root=site, **options):
        roots.append(f"{root.as_uri()}/")
        context = browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
        page.goto(f"{root.as_uri()}/{path}")
        wait_until(page, "[...document.querySelectorAll('[data-plot]')].every((plot) => plot.textContent)")
        return page

    yield go
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith(tuple(roots))] == []
    assert said == []


def column(page, name):
    """Return what the visible board shows in a column, from top to bottom: names, or numbers as they are written."""
    shown = page.evaluate(
        """name => {
            const table = document.querySelector("[data-track]:not([hidden]) table.board");
            const index = [...table.tHead.rows[0].cells].find((cell) => cell.dataset.name === name).cellIndex;
            return [...table.tBodies[0].rows].map((row) =>
                name === "name" ? row.dataset.name : row.cells[index].firstChild.textContent.trim());
        }""",
        name,
    )
    return ["" if each == "–" else each for each in shown]


def heading(page, name):
    return page.locator(f"[data-track]:not([hidden]) table.board thead [data-name={name}]")


# Every page


@pytest.mark.parametrize("viewport", [WIDE, PHONE, SMALL], ids=["wide", "phone", "small"])
@pytest.mark.parametrize("path", PAGES)
def test_page_is_as_wide_as_the_screen_and_runs_no_strangers_words(visit, path, viewport):
    page = visit(path, viewport)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.evaluate("window.pwned") is None
    assert page.locator("h1").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(visit, path, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    page = visit(path, color_scheme=scheme)
    for details in page.locator("details").all():
        details.evaluate("each => { each.open = true; }")
    # preload: it would fetch the style sheet, which the site's own policy forbids.
    found = axe.Axe().run(page, options={"preload": False}).response["violations"]
    assert [(each["id"], [node["html"][:160] for node in each["nodes"]][:3]) for each in found] == []


def test_without_scripts_every_number_and_picture_is_there(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.as_uri()}/index.html")
    assert page.locator("table.board:visible").count() == 2
    assert page.locator("[data-filters]").is_hidden()
    page.goto(f"{site.as_uri()}/quick/submission-{SHOWN}.html")
    assert page.locator("[data-zoom] .frame svg:visible").count() == 3
    context.close()


def test_theme_follows_the_system_until_it_is_chosen(visit):
    page = visit("index.html", color_scheme="dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(colour)
    page.emulate_media(color_scheme="light")
    assert page.evaluate(colour) != dark
    page.get_by_role("button", name="Auto").click()
    assert page.evaluate(colour) == dark
    page.goto(page.url.partition("?")[0].replace("index", "about"))
    assert page.evaluate(colour) == dark
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(colour) != dark


@pytest.mark.parametrize("path", ["index.html", f"quick/submission-{SHOWN}.html"])
def test_paper_is_white_with_dark_words_and_nothing_to_press(visit, path):
    page = visit(path, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    for words in ("main h2", ".hero h1, main h1", "td", "figcaption"):
        colour = page.evaluate(f"getComputedStyle(document.querySelector('{words}')).color")
        light = [int(part) for part in re.findall(r"\d+", colour)[:3]]
        assert max(light) < 130, (words, colour)
    assert page.locator("form:visible, .controls:visible, nav:visible, button.theme:visible").count() == 0
    assert page.evaluate(
        "[...document.querySelectorAll('.scroll')].every((each) => each.scrollHeight <= each.clientHeight + 1)"
    )


def test_who_wants_no_motion_sees_a_zoom_at_once(visit):
    page = visit(f"quick/submission-{SHOWN}.html", reduced_motion="reduce")
    page.evaluate("const all = document.querySelectorAll('[name=landmark]'); all[1].click();")
    assert page.locator("[data-zoom-live]").text_content().startswith("Elephant valley at magnification 8")


def test_skip_link_is_the_first_stop_of_the_keyboard(visit):
    page = visit("index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


# The board


def test_board_sorts_by_a_heading_and_back(visit):
    page = visit("index.html?track=quick")
    order = column(page, "name")
    heading(page, "precision").get_by_role("button").click()
    values = [float(value) for value in column(page, "precision") if value]
    assert values == sorted(values, reverse=True)
    assert heading(page, "precision").get_attribute("aria-sort") == "descending"
    assert "Sorted by Precision, descending" in page.locator("[data-count]").inner_text()
    page.keyboard.press("Enter")
    assert [float(value) for value in column(page, "precision") if value] == sorted(values)
    heading(page, "rank").get_by_role("button").click()
    assert column(page, "name") == order
    assert page.locator("table.board [aria-sort]:visible").count() == 1


def test_what_is_missing_sorts_last_both_ways(visit):
    page = visit("index.html?track=quick&columns=costs")
    for _ in range(2):
        heading(page, "n_params").get_by_role("button").click()
        values = column(page, "n_params")
        n_missing = values.count("")
        assert 0 < n_missing < len(values)
        assert set(values[-n_missing:]) == {""}


def test_family_shows_its_tasks_and_sorts_by_its_score(visit, site):
    page = visit("index.html?track=quick")
    page.get_by_label("Columns").select_option("images")
    heading(page, "china").wait_for()
    assert heading(page, "psnr_db").is_hidden()
    values = [float(value) for value in column(page, "images") if value]
    assert values == sorted(values, reverse=True)
    (knn,) = [e for e in json.loads((site / "data" / "quick.json").read_text())["board"] if e["name"] == "knn"]
    score = next(task["score"] for task in knn["tasks"] if task["task"] == "china")
    assert column(page, "china")[column(page, "name").index("knn")] == f"{score:.1f}"
    page.get_by_label("Columns").select_option("main")
    assert heading(page, "china").is_hidden()
    assert heading(page, "psnr_db").is_hidden()
    page.get_by_label("Columns").select_option("all")
    assert heading(page, "china").is_visible()
    assert heading(page, "psnr_db").is_visible()


def test_sparks_and_bars_are_drawn_from_the_boards_numbers(visit, site):
    page = visit("index.html?track=standard")
    board = json.loads((site / "data" / "standard.json").read_text())["board"]
    entry = next(e for e in board if e["name"] == "tied-one")
    row = page.locator('table.board tr[data-name="tied-one"]:visible')
    both = [profile["mean"] for profile in entry["profiles"].values()]
    digits = "".join(str(min(9, int(10 * sum(shares) / 2))) for shares in zip(*both, strict=True))
    assert row.locator(".spark").get_attribute("data-spark") == digits[1:]
    assert row.locator(".spark path").get_attribute("d").count("M") == len(digits) - 1 == 14
    fill = float(row.locator(".bar .fill").get_attribute("width"))
    knn = float(row.locator(".bar .knn").get_attribute("x1"))
    assert fill / knn == pytest.approx(entry["mandelbrot"] / 100, rel=0.01)


def test_a_heading_says_in_words_what_it_holds(visit):
    page = visit("index.html?track=quick")
    heading(page, "worth").get_by_role("button").click()
    assert "k-NN would need" in page.locator("[data-helped]:visible").inner_text()


def test_divider_shows_as_much_of_the_truth_as_it_is_dragged_to(visit):
    page = visit(f"quick/submission-{SHOWN}.html")
    slider = page.get_by_label("How much of the picture is the truth")
    over = "getComputedStyle(document.querySelector('.halves .over')).clipPath"
    before = page.evaluate(over)
    box = slider.bounding_box()
    page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"])
    assert page.evaluate(over) != before
    assert 15 <= int(slider.input_value()) <= 25
    slider.press("ArrowRight")
    assert 16 <= int(slider.input_value()) <= 26


def test_a_long_board_shows_a_hundred_rows_and_finds_the_others(visit, site, tmp_path):
    own = shutil.copytree(site, tmp_path / "site")
    html = (own / "index.html").read_text()
    quick = next(each for each in re.findall(r'<tr data-name="knn".*?</tr>', html, re.DOTALL) if "quick/knn" in each)
    many = "".join(quick.replace('data-name="knn"', f'data-name="copy-{n}"') for n in range(150))
    (own / "index.html").write_text(html.replace(quick, quick + many))
    page = visit("index.html?track=quick", root=own)
    rows = page.locator("table.board:visible tbody tr")
    assert rows.count() == 100
    page.get_by_label("Find").fill("copy-149")
    assert rows.count() == 1
    page.get_by_label("Find").fill("")
    page.locator("[data-more]:visible").click()
    assert rows.count() > 150
    assert page.locator("[data-more]:visible").count() == 0


def test_a_board_of_one_track_opens_on_it(visit, site, tmp_path):
    own = shutil.copytree(site, tmp_path / "site")  # the one there is shared
    html = (own / "index.html").read_text()
    other = re.search(r'<label><input type="radio" name="track" value="standard".*?</label>', html)
    (own / "index.html").write_text(html.replace(other[0], "").replace('value="quick">', 'value="quick" checked>'))
    page = visit("index.html?track=quick", root=own)
    assert page.locator("table.board:visible tbody tr").count() > 5


def test_track_and_search_narrow_the_board_and_the_address_keeps_them(visit):
    page = visit("index.html?track=quick")
    page.get_by_label("standard", exact=True).check()
    page.locator('[data-plot=pareto] a[href^="standard/"]').first.wait_for()
    plotted = page.locator("[data-plot=pareto] a").evaluate_all(
        "links => links.map((each) => each.getAttribute('href'))"
    )
    assert all(href.startswith("standard/") for href in plotted)
    assert set(column(page, "name")) >= {"tied-one", "tied-two", "failing"}
    page.get_by_label("ranked only").check()
    assert "failing" not in column(page, "name")
    page.get_by_label("Find").fill("TIED")
    assert sorted(column(page, "name")) == ["tied-one", "tied-two"]
    assert "2 of" in page.locator("[data-count]").inner_text()
    again = visit(f"index.html?{page.url.partition('?')[2]}")
    assert again.locator("[data-plot=pareto] a").count() == len(plotted) > 0
    assert sorted(column(again, "name")) == ["tied-one", "tied-two"]


def test_a_point_says_its_numbers_to_pointer_and_keyboard(visit):
    page = visit("index.html?track=quick")
    point = page.locator('[data-plot=pareto] a[href="quick/rbf.html"]')
    point.hover()
    tip = page.locator("[data-plot=pareto] .tip")
    assert "rbf" in tip.inner_text()
    score = column(page, "mandelbrot")[column(page, "name").index("rbf")]
    assert re.search(rf"Mandelbrot score {float(score):.3g}", tip.inner_text())
    page.mouse.move(0, 0)
    assert tip.is_hidden()
    point.focus()
    assert tip.is_visible()
    page.get_by_label("parameters, as the author says", exact=True).check()
    counted = [value for value in column(page, "n_params") if value]
    assert page.locator("[data-plot=pareto] a").count() == len(counted) < len(column(page, "name"))
    page.locator('[data-plot=pareto] a[href="quick/mlp.html"]').press("Enter")
    page.wait_for_url("**/quick/mlp.html")


def test_curves_say_their_numbers_and_follow_task_and_track(visit):
    page = visit("index.html?track=standard")
    place = page.locator("[data-plot=curves]")
    names = place.locator(".names a").all_inner_texts()
    assert {"tied-one", "tied-two"} <= set(names)
    place.locator(".names").get_by_text("tied-one", exact=True).focus()
    assert place.locator(".line.lit").get_attribute("aria-label") == "tied-one, 0.005 at 100,000 points"
    assert place.locator(".line:has(.stop)").count() == 1  # the largest sample of the other one failed
    note = place.locator(".note").inner_text()
    assert note.startswith("A cross ends a line whose next sample failed: tied-two at 100,000 points, ")
    assert "<script>" in note  # its reason is a stranger's words
    before = place.locator("svg").inner_html()
    page.get_by_label("mandelbrot-distance", exact=True).check()
    assert place.locator("svg").inner_html() != before
    page.get_by_label("quick", exact=True).check()
    wait_until(page, "!document.querySelector('[data-plot=curves]').textContent.includes('tied-one')")


@pytest.mark.parametrize("plot", ["depth", "curves"])
def test_a_click_on_a_line_opens_its_page(visit, plot):
    page = visit("index.html?track=standard")
    line = page.locator(f"[data-plot={plot}] .line:not(:last-of-type)").first
    line.scroll_into_view_if_needed()
    href = line.get_attribute("href")
    x, y = line.locator(".touch").evaluate(
        """path => {
            const svg = path.ownerSVGElement;
            const length = path.getTotalLength();
            for (let share = 0.02; share < 1; share += 0.02) {
                const point = path.getPointAtLength(share * length).matrixTransform(svg.getScreenCTM());
                const { x, y } = point;
                if (document.elementFromPoint(x, y)?.parentNode === path.parentNode) return [x, y];
            }
        }"""
    )
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url(f"**/{href}", timeout=5_000)


# An entry, and two


def looked_at(page):
    """Return what the address says that is looked at: x, y and the magnification."""
    found = re.search(r"#x=([-\d.]+)&y=([-\d.]+)&m=([\d.]+)$", page.url)
    return None if found is None else tuple(float(part) for part in found.groups())


def settle(page, before=None):
    """Wait for the address to say another place than before, and no other one a while after; return the place."""
    for _ in range(200):
        now = looked_at(page)
        page.wait_for_timeout(300)  # the address follows the last move by less
        if now not in (None, before) and looked_at(page) == now:
            return now
    raise AssertionError(f"nothing moved: {page.url}")


def in_small(picture):
    """Return a picture's large shapes: (24, 38, 3), which neither its size nor its compression changes much."""
    return np.asarray(picture.convert("RGB").resize((38, 24), Image.Resampling.BOX), dtype=float)


def seen(page, n):
    """Return the large shapes of the n-th picture of the zoom."""
    png = page.locator("[data-zoom] canvas").nth(n).screenshot()
    return in_small(Image.open(io.BytesIO(png)))


def recorded(sheet, told, landmark, octave):
    """Return the large shapes of a panel of a sheet."""
    with Image.open(sheet) as picture:
        wide, high = picture.width / told["octaves"], picture.height / len(told["landmarks"])
        box = octave * wide, landmark * high, (octave + 1) * wide, (landmark + 1) * high
        return in_small(picture.crop([round(edge) for edge in box]))


def test_slider_and_places_zoom_every_picture_in_register(visit, site):
    page = visit(f"quick/submission-{SHOWN}.html", reduced_motion="reduce")
    told = json.loads(page.locator("#data").text_content())["zoom"]
    page.get_by_label("Elephant valley").check()
    first = settle(page)
    slider = page.get_by_role("slider", name="Magnification")
    slider.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    assert settle(page, first) == pytest.approx((0.2925755, 0.0149977, 32), abs=1e-4)
    assert slider.get_attribute("aria-valuetext") == "times 32"
    folder = site / told["entries"][0]["path"]
    sheets = site / told["truth"] / "zoom.webp", folder / "zoom.webp", folder / "zoom-error.webp"
    for n, sheet in enumerate(sheets):
        assert np.abs(seen(page, n) - recorded(sheet, told, 1, 5)).mean() < 12, sheet
    score = told["entries"][0]["scores"][1 + (told["octaves"] - 1) + 4]
    said = page.locator("[data-score]").nth(1).inner_text()
    assert said.startswith(f"s = {score:.2f} here · scored mean 0.".replace("-", "−"))
    again = visit(f"quick/submission-{SHOWN}.html#{page.url.partition('#')[2]}")
    assert np.abs(seen(again, 0) - recorded(sheets[0], told, 1, 5)).mean() < 12
    boxes = [box.bounding_box() for box in page.locator("[data-zoom] .frame").all()]
    assert len({(box["width"], box["height"], box["y"]) for box in boxes}) == 1


def test_wheel_drag_and_keys_look_at_any_place(visit, site):
    page = visit(f"quick/submission-{SHOWN}.html#x=-0.6&y=0.1&m=3", reduced_motion="reduce")
    told = json.loads(page.locator("#data").text_content())["zoom"]
    width, height = (high - low for low, high in zip(told["lower"], told["upper"], strict=True))
    canvas = page.locator("[data-zoom] canvas").nth(1)
    box = canvas.bounding_box()
    u, v = 0.3, -0.2  # from the centre, in shares of the picture

    def under_pointer(x, y, m):
        return x + u * width / m, y - v * height / m

    page.mouse.move(box["x"] + (0.5 + u) * box["width"], box["y"] + (0.5 + v) * box["height"])
    page.mouse.wheel(0, -400)
    zoomed = settle(page)
    assert zoomed[2] > 4
    assert under_pointer(*zoomed) == pytest.approx(under_pointer(-0.6, 0.1, 3), abs=0.01)
    page.mouse.down()
    page.mouse.move(box["x"] + (0.4 + u) * box["width"], box["y"] + (0.6 + v) * box["height"], steps=3)
    page.mouse.up()
    moved = settle(page, zoomed)
    x, y, m = zoomed
    assert moved == pytest.approx((x + 0.1 * width / m, y + 0.1 * height / m, m), abs=0.01)
    canvas.focus()
    page.keyboard.press("+")
    closer = settle(page, moved)
    assert closer == pytest.approx((*moved[:2], 2 * m), rel=1e-3)
    page.keyboard.press("ArrowRight")
    aside = settle(page, closer)
    assert aside == pytest.approx((moved[0] + 0.2 * width / (2 * m), moved[1], 2 * m), rel=1e-2)
    page.keyboard.press("0")
    assert settle(page, aside)[2] == 1
    assert np.abs(seen(page, 0) - in_small(Image.open(site / told["truth"] / "portrait.webp"))).mean() < 12
    scrolled = page.evaluate("scrollY")
    page.mouse.wheel(0, 300)  # the whole window has nothing around it: the page goes on
    wait_until(page, f"scrollY > {scrolled}")


def test_who_scrolls_past_the_pictures_scrolls_on(visit):
    page = visit(f"quick/submission-{SHOWN}.html")
    frame = page.locator("[data-zoom] canvas").first
    top = frame.bounding_box()["y"]
    page.mouse.move(frame.bounding_box()["x"] + 50, 450)
    page.evaluate(f"scrollTo({{ top: {top - 400}, behavior: 'instant' }})")
    page.wait_for_timeout(100)
    before = page.evaluate("scrollY")
    page.mouse.wheel(0, 200)
    wait_until(page, f"scrollY > {before}")
    assert looked_at(page) is None


def test_two_fingers_zoom_a_picture(visit):
    page = visit(f"quick/submission-{SHOWN}.html#x=-0.6&y=0.1&m=4", PHONE, has_touch=True)
    box = page.locator("[data-zoom] canvas:visible").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 30), ("touchMove", 45), ("touchMove", 60), ("touchEnd", None)):
        points = [] if apart is None else [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert settle(page, (-0.6, 0.1, 4.0)) == pytest.approx((-0.6, 0.1, 8), abs=0.05)


def test_a_strip_leads_into_the_zoom(visit):
    page = visit(f"quick/submission-{SHOWN}.html")
    page.locator(".strips .marks a", has_text="× 256").click()
    wait_until(page, "document.querySelector('[data-zoom-value]').textContent === '× 256'")
    assert page.get_by_role("radio", name="Seahorse valley").is_checked()


def test_a_swipe_shows_the_truth_up_to_its_edge(visit, site):
    page = visit(f"quick/submission-{SHOWN}.html#x=0&y=0&m=1")
    told = json.loads(page.locator("#data").text_content())["zoom"]
    page.get_by_label("swipe over the truth").check()
    assert page.locator("[data-zoom] canvas:visible").count() == 1
    page.get_by_label("How much of the zoomed picture is the truth").fill("25")
    page.wait_for_timeout(200)
    mixed = seen(page, 1)
    truth = in_small(Image.open(site / told["truth"] / "portrait.webp"))
    learned = in_small(Image.open(site / told["entries"][0]["path"] / "portrait.webp"))
    assert np.abs(mixed[:, :9] - truth[:, :9]).mean() < 12
    assert np.abs(mixed[:, 12:] - learned[:, 12:]).mean() < 12
    assert np.abs(truth[:, 12:] - learned[:, 12:]).mean() > 40  # the mean of the sample is another picture
    edge = page.locator("[data-zoom] .cut:visible").bounding_box()
    page.mouse.move(edge["x"] + edge["width"] / 2, edge["y"] + 20)
    page.mouse.down()
    page.mouse.move(edge["x"] + 200, edge["y"] + 20, steps=2)
    page.mouse.up()
    assert int(page.get_by_label("How much of the zoomed picture is the truth").input_value()) > 35


def test_pointer_is_marked_at_the_same_place_of_every_picture(visit):
    page = visit(f"quick/submission-{SHOWN}.html")
    page.locator("[data-zoom] .frame").first.hover(position={"x": 100, "y": 50})
    marks = page.locator("[data-zoom] .frame i.on")
    marks.nth(2).wait_for()
    assert marks.count() == 3
    assert len({mark.get_attribute("style") for mark in marks.all()}) == 1


def test_a_phone_shows_one_picture_and_a_switch(visit):
    page = visit(f"quick/submission-{SHOWN}.html", PHONE)
    assert page.locator("[data-zoom] canvas:visible").count() == 1
    page.get_by_role("radio", name="Error", exact=True).check()
    assert page.locator("[data-zoom] figure:visible figcaption b").all_inner_texts() == ["Error"]


def test_comparison_shows_both_entries_and_what_the_test_says(visit, site):
    page = visit("compare.html?a=standard/submission-tied-one&b=standard/submission-tied-two")
    board = {e["name"]: e for e in json.loads((site / "data" / "standard.json").read_text())["board"]}
    row = page.locator("[data-versus] tbody tr").first
    row.wait_for()
    cells = row.locator("td").all_inner_texts()
    assert cells[:2] == [f"{board[name]['mandelbrot']:.1f}" for name in ("tied-one", "tied-two")]  # none is ticked
    assert "does not separate them" in page.locator("[data-verdict]").inner_text()
    page.get_by_role("button", name="Swap").click()
    wait_until(page, "document.querySelector('[data-versus] thead a').textContent === 'tied-two'")
    swapped = page.locator("[data-versus] tbody tr").first.locator("td").all_inner_texts()
    assert swapped[:2] == cells[1::-1]
    assert page.url.endswith("?a=standard/submission-tied-two&b=standard/submission-tied-one")


def test_comparison_ticks_the_score_that_the_test_separates_and_no_equal_cost(visit):
    hostile = next(name for name in told_entries(visit) if name.startswith("submission-a"))
    page = visit(f"compare.html?a=standard/submission-tied-one&b=standard/{hostile}")
    rows = page.locator("[data-versus] tbody tr")
    rows.first.wait_for()
    assert "the test separates them" in page.locator("[data-verdict]").inner_text()
    ticked = [row.locator("th").inner_text() for row in rows.all() if row.locator(".better").count()]
    assert ticked == ["Mandelbrot"]  # their costs are alike


def told_entries(visit):
    page = visit("compare.html")
    told = json.loads(page.locator("#data").text_content())
    return [slug for slug, _, _ in told["tracks"]["standard"]["entries"]]


def test_pairs_are_tested_in_the_browser_as_on_the_board(visit, rng):
    page = visit("compare.html")
    page.locator("[data-versus] tbody tr").first.wait_for()
    group = number_groups(64, 2)
    for n, noise in ((5, 0.2), (5, 5.0), (3, 1.0), (2, 0.5), (8, 0.05)):
        cells = rng.normal(100.0, noise, (2, 2, n)) + np.array([0.0, 1.0])[:, None, None]
        parts = [Parts(np.arange(n), rng.normal(0.0, 0.3, (n, len(group))), group) for _ in range(2)]
        shared = measure_noise(*parts)
        for of_test, kept in ((shared, parts), (0.0, (None, None))):
            pair = measure_differences(cells, np.array([of_test]))
            entries = [
                {
                    "is_ranked": True,
                    "cells": each.tolist(),
                    "parts": own and {"replicates": own.replicates.tolist(), "group": own.group.tolist(),
                                      "values": own.values.tolist()},
                }
                for each, own in zip(cells, kept, strict=True)
            ]  # fmt: skip
            found = page.evaluate("([a, b]) => Pairs.compare(a, b)", entries)
            assert found["difference"] == pytest.approx(pair.difference[0], rel=1e-9)
            assert found["p"] == pytest.approx(pair.p_values()[0], rel=1e-6)


def test_comparison_draws_its_plot_once_on_opening_and_once_a_choice(browser, site):
    context = browser.new_context()
    context.add_init_script("""
        window.drawn = 0;
        document.addEventListener("DOMContentLoaded", () => {
            const draw = Depth.draw;
            Depth.draw = (...given) => { window.drawn += 1; draw(...given); };
        });
    """)
    page = context.new_page()
    page.goto(f"{site.as_uri()}/compare.html")
    page.locator("[data-plot=versus] svg.chart").wait_for()
    assert page.evaluate("window.drawn") == 1
    first = page.locator("[data-versus] thead a").first.inner_text()
    page.get_by_role("button", name="Swap").click()
    wait_until(page, f"document.querySelectorAll('[data-versus] thead a')[1].textContent === {json.dumps(first)}")
    assert page.evaluate("window.drawn") == 2
    context.close()


def test_comparison_follows_the_choice(visit):
    page = visit("compare.html?a=nonsense&b=<script>")
    page.locator("select[name=a]").select_option("quick/mlp")
    page.locator("select[name=b]").select_option(f"quick/submission-{SHOWN}")
    wait_until(page, "document.querySelector('[data-versus] thead a')?.textContent === 'mlp'")
    assert page.locator("[data-versus] thead a").all_inner_texts() == ["mlp", SHOWN]
    assert page.locator("[data-plot=versus] .curve").count() >= 2
    wait_until(page, "!document.querySelector('[data-pane=prediction-1]').hidden")
    shown = page.locator("[data-zoom] figure:visible b").all_inner_texts()  # of mlp there are no pictures
    assert shown == ["Truth", SHOWN, f"{SHOWN}, error"]
    page.locator("select[name=b]").select_option("standard/submission-tied-one")
    wait_until(page, "document.querySelector('[data-verdict]').textContent.includes('different tracks')")


@pytest.mark.parametrize("path", PAGES)
def test_nothing_jumps_while_a_page_loads(browser, site, path):
    context = browser.new_context(viewport=WIDE)
    context.add_init_script("""
        window.jumped = 0;
        new PerformanceObserver((list) => {
            for (const each of list.getEntries()) if (!each.hadRecentInput) window.jumped += each.value;
        }).observe({ type: "layout-shift", buffered: true });
    """)
    page = context.new_page()
    page.goto(f"{site.as_uri()}/{path}")
    wait_until(page, "[...document.querySelectorAll('[data-plot]')].every((plot) => plot.textContent)")
    assert page.evaluate("window.jumped") < 0.1
    context.close()
