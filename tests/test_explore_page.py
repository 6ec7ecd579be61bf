"""The explorer's page as a person meets it: in Chromium, its pixels held against the kernel."""

import base64
import math
import re
from urllib.parse import urlsplit

import numpy as np
import pytest
from explore_kit import PLANE, exploring, plane, store_fitted

from mbench.results.store import ResultStore
from mbench.suite.tasks import load_task
from mbench.views.explore.chart import TILE_PX, make_chart
from mbench.views.render.colours import VALUE_ERRORS, paint_values

TASK = load_task("mandelbrot")
CHART = make_chart(TASK)
HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;<script>alert(2)</script>"
FAILING = "if X[:, 0].min() < -1.0: raise ValueError('<b>out</b> there')\n" + PLANE
SHARP = "main[aria-busy=false]"
SEAHORSES = (-0.75, 0.125)  # a corner of pixels at every level of the view


@pytest.fixture(scope="module")
def address(tmp_path_factory, estimator, make_record):
    """Serve a plane under a hostile name, and a submission that fails outside the window."""
    folder = tmp_path_factory.mktemp("page")
    store = ResultStore(folder / "results")
    targets = []
    for name, predict, key in ((HOSTILE, PLANE, "a" * 64), ("failing", FAILING, "b" * 64)):
        path = folder / f"{key[0]}.py"
        path.write_text(estimator(predict=predict))
        record = {"make": make_record, "key": key, "task": "mandelbrot", "name": name}
        targets.append(store_fitted(store, path, record))
    with exploring(targets[0]) as (_, one), exploring(*targets) as (_, two):
        yield {"one": one.address, "two": two.address}


@pytest.fixture
def visit(browser, address):
    """Open the page; at the end nothing may have gone wrong in it, and nothing have been asked of anybody else."""
    pages, told, asked = [], [], []

    def open_page(fragment="", which="one", **options):
        context = browser.new_context(**{"viewport": {"width": 1000, "height": 460}} | options)
        page = context.new_page()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("dialog", lambda dialog: told.append(dialog.message))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address[which].url + fragment)
        page.wait_for_selector(SHARP)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.context.close()
    # The browser's own lines about an answer that says failed, and about these tests' reading of pixels.
    told = [text for text in told if "424" not in text and "willReadFrequently" not in text]
    assert told == []
    assert {urlsplit(url).netloc for url in asked} <= {f"127.0.0.1:{place.port}" for place in address.values()}


def canvas_size(page):
    return page.evaluate(
        "() => { const { width, height } = document.querySelector('.map canvas'); return [width, height]; }"
    )


def pixels(page, panel="truth"):
    """Return what a panel's canvas shows: (height, width, 3) uint8."""
    width, height, data = page.evaluate(
        """panel => {
          const canvas = document.querySelector(`.${panel} .map canvas`);
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let text = "";
          for (let i = 0; i < data.length; i += 4) text += String.fromCharCode(data[i], data[i + 1], data[i + 2]);
          return [canvas.width, canvas.height, btoa(text)];
        }""",
        panel,
    )
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 3)


def fragment_at(size, level, centre):
    """Return the address's fragment of a view in which a pixel of the screen is one of this level's tiles."""
    width, height = size
    window = np.subtract(CHART.upper, CHART.lower)
    spacing = CHART.side / TILE_PX / 2**level
    return f"#x={centre[0]!r}&y={centre[1]!r}&m={float(max(window[0] / width, window[1] / height) / spacing)!r}"


def look_at(page, level, centre):
    """Have the page show a view in which a pixel of the screen is one of this level's tiles."""
    page.evaluate(
        """fragment => new Promise((done) => {
          addEventListener("hashchange", () => done(), { once: true });
          location.hash = fragment;
        })""",
        fragment_at(canvas_size(page), level, centre),
    )
    page.wait_for_selector(SHARP)


def magnification(page, level):
    """Return the magnification at which a pixel of the screen is one of this level's tiles."""
    return float(fragment_at(canvas_size(page), level, SEAHORSES).split("m=")[1])


def complex_of(text):
    return complex(text.replace("−", "-").replace(" ", "").replace("i", "j"))


def wait_until(page, holds, limit_s=60):
    """Let the page go on until something holds."""
    for _ in range(20 * limit_s):
        if holds():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it never came to hold")


def pixel_points(shape, level, centre):
    """Return the centres of a canvas's pixels, from the chart's definition alone: (height * width, 2)."""
    spacing = CHART.side / TILE_PX / 2**level
    height, width = shape[:2]
    # An odd canvas has its centre in a pixel's middle; the page puts tiles on whole pixels, to the right.
    x = centre[0] + (np.arange(width) - math.ceil(width / 2) + 0.5) * spacing
    y = centre[1] - (np.arange(height) - math.ceil(height / 2) + 0.5) * spacing
    return np.stack([np.tile(x, height), np.repeat(y, width)], axis=1)


def inside(points):
    return np.all((points > CHART.lower) & (points < CHART.upper), axis=1)


def assert_shows(page, panel, level, centre):
    """Check every pixel of a panel that lies in the window and away from the cross and the frame."""
    shown = pixels(page, panel)
    points = pixel_points(shown.shape, level, centre)
    truth, predictions = TASK.truth(points)[:, 0], plane(TASK.scale(points))[:, 0]
    expected = {
        "truth": lambda: paint_values(truth),
        "prediction": lambda: paint_values(predictions),
        "error": lambda: VALUE_ERRORS.paint(np.abs(predictions - truth)),
    }[panel]()
    spacing = CHART.side / TILE_PX / 2**level
    at_cross = np.all(np.abs(points - centre) < 14 * spacing, axis=1)
    at_frame = np.any(
        (np.abs(points - CHART.lower) < 3 * spacing) | (np.abs(points - CHART.upper) < 3 * spacing), axis=1
    )
    kept = inside(points) & ~at_cross & ~at_frame
    assert kept.mean() > 0.2
    # The browser's powers and roots may differ from NumPy's in the last bit: a colour's neighbour then.
    gap = np.abs(shown.reshape(-1, 3)[kept].astype(int) - expected[kept].astype(int)).max(axis=1)
    assert (gap > 0).mean() < 1e-3
    assert gap.max() <= 8


@pytest.mark.parametrize("level", [4, 9, 20, CHART.max_level])
def test_every_pixel_is_the_kernels_and_the_estimators(visit, level):
    page = visit()
    look_at(page, level, SEAHORSES)
    for panel in ("truth", "prediction", "error"):
        assert_shows(page, panel, level, SEAHORSES)


def test_where_nothing_is_yet_a_view_sharpens_in_steps(visit):
    page = visit()
    asked = []
    page.on("request", lambda request: asked.append(re.search(r"tiles/r0/(\d+)/", request.url)))
    look_at(page, 20, SEAHORSES)
    levels = [int(each[1]) for each in asked if each]
    assert levels == sorted(levels)
    assert set(levels) == {17, 19, 20}


@pytest.mark.parametrize("density", [0.5, 0.75, 1, 1.25, 2, 3])
def test_no_panel_shows_more_tiles_than_are_kept_beside_those_it_had(visit, density):
    shown = visit().evaluate(
        """async density => {
          const [{ KEPT }, views] = await Promise.all(
            ["tiles", "view"].map((name) => import(`${location.pathname}static/${name}.js`)));
          const { chart, tile_px: side } = await (await fetch("session.json")).json();
          const shown = [];
          for (const [width, height] of [[320, 440], [1700, 2800], [7680, 4320]]) {
            for (let octave = -0.9; octave < 40; octave += 0.1) {
              const scale = views.fitScale(chart, width, height) / 2 ** octave;
              const view = { x: -0.75, y: 0.125, scale };
              const level = views.levelFor(chart, side, view, { width, height, density }, KEPT / 2);
              const count = (at) => views.visibleTiles(chart, at, view, width, height).length;
              shown.push({
                kept: KEPT, tiles: count(level), finer: level < chart.max_level ? count(level + 1) : Infinity,
                size: level && (views.pixelWidth(chart, side, level) / scale) * density,
              });
            }
          }
          return shown;
        }""",
        density,
    )
    assert max(each["tiles"] for each in shown) <= shown[0]["kept"] / 2
    # Of the screen's pixels; where it is more, there would be too many tiles.
    largest = math.sqrt(2) * max(1, density / math.sqrt(2))
    for each in shown:
        assert each["size"] == 0 or each["size"] >= math.sqrt(0.5) - 1e-9
        assert each["size"] <= largest + 1e-9 or each["finer"] > each["kept"] / 2


def test_a_very_large_screen_is_given_coarser_tiles(browser, address):
    page = browser.new_page(viewport={"width": 5120, "height": 2880})
    page.route("**/tiles/**", lambda route: None)  # never answered: painting that many takes long
    with page.expect_request("**/points/**") as asked:  # a level above the tiles
        page.goto(address["one"].url + "#x=-0.75&y=0.125&m=109&points=1")
    counts = page.evaluate(
        """async level => {
          const views = await import(`${location.pathname}static/view.js`);
          const { chart } = await (await fetch("session.json")).json();
          const { width, height } = document.querySelector(".truth .map canvas").getBoundingClientRect();
          const view = views.readFragment(chart, location.hash, width, height);
          return [level, level + 1].map((at) => views.visibleTiles(chart, at, view, width, height).length);
        }""",
        int(re.search(r"points/r0/(\d+)/", asked.value.url)[1]) + 1,
    )
    assert counts[0] <= 250 < counts[1]
    page.unroute_all(behavior="ignoreErrors")
    page.close()


def readings(page):
    """Return the read-out: {label: text}, of every field's first appearance."""
    found = page.eval_on_selector_all(
        "footer dl", "lists => lists.map((list) => [...list.children].map((each) => each.textContent))"
    )
    return dict(reversed(found))


def centre_of(page, panel="truth"):
    box = page.locator(f".{panel} .map canvas").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_drag_and_a_zoom_move_every_panel_exactly(visit):
    page = visit()
    level, spacing = 9, CHART.side / TILE_PX / 2**9
    look_at(page, level, SEAHORSES)
    x, y = centre_of(page, "prediction")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 40, y + 24, steps=4)
    page.mouse.move(x - 40, y + 24)
    page.wait_for_timeout(200)  # a hand at rest: released at once, the map would glide on
    page.mouse.up()
    page.mouse.move(5, 5)  # off the maps, so that the cross is at their centre
    page.wait_for_selector(SHARP)
    centre = (SEAHORSES[0] + 40 * spacing, SEAHORSES[1] + 24 * spacing)
    for panel in ("truth", "prediction", "error"):
        assert_shows(page, panel, level, centre)
    page.keyboard.press("+")
    wait_until(page, lambda: page.url.endswith(f"m={magnification(page, level + 1):.6g}"))
    page.wait_for_selector(SHARP)
    for panel in ("truth", "prediction", "error"):
        assert_shows(page, panel, level + 1, centre)


def test_the_wheel_keeps_the_point_under_the_pointer(visit):
    page = visit()
    x, y = centre_of(page)
    page.mouse.move(x - 80, y + 50)
    wait_until(page, lambda: readings(page).get("Point"))
    before = complex_of(readings(page)["Point"])
    for _ in range(6):
        page.mouse.wheel(0, -240)
    wait_until(page, lambda: "octave 3" in readings(page)["Magnification"])
    page.wait_for_selector(SHARP)
    assert complex_of(readings(page)["Point"]) == pytest.approx(before, abs=2e-2)


@pytest.mark.parametrize(("m", "pixels"), [("1e300", -240), ("1e-9", 240)], ids=["deepest", "widest"])
def test_at_an_end_of_the_zoom_scrolling_moves_nothing(visit, m, pixels):
    page = visit(f"#x=-0.75&y=0.125&m={m}")
    before = readings(page)
    page.evaluate(
        """deltaY => {
          const canvas = document.querySelector(".truth .map canvas");
          const { left, top } = canvas.getBoundingClientRect();
          canvas.dispatchEvent(new WheelEvent("wheel", { deltaY, clientX: left + 9, clientY: top + 9 }));
        }""",
        pixels,
    )
    page.wait_for_selector(SHARP)
    for name in ("Point at the centre", "Magnification"):
        assert readings(page)[name] == before[name]


def test_a_double_click_goes_an_octave_deeper(visit):
    page = visit()
    page.mouse.dblclick(*centre_of(page, "error"))
    wait_until(page, lambda: "octave 1.0" in readings(page)["Magnification"])


def test_two_fingers_zoom_as_far_as_they_spread(visit):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True)
    x, y = centre_of(page, "prediction")  # the layer that a phone shows first
    session = page.context.new_cdp_session(page)

    def touch(kind, *spread):
        points = [{"x": x + side * dx, "y": y, "id": i} for dx in spread for i, side in enumerate((-1, 1))]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 20)
    for spread in (30, 40, 60, 80):
        touch("touchMove", spread)
    touch("touchEnd")
    wait_until(page, lambda: "octave 2.0" in readings(page)["Magnification"])


def test_the_read_out_is_what_was_computed(visit):
    page = visit()
    look_at(page, 9, SEAHORSES)
    x, y = centre_of(page, "error")
    page.mouse.move(round(x) + 30, round(y) - 20)
    wait_until(page, lambda: "i" in readings(page).get("Point", ""))
    page.wait_for_selector(SHARP)
    shown = readings(page)
    c = complex_of(shown["Point"])
    spacing = CHART.side / TILE_PX / 2**9
    around = np.array([[c.real + i * spacing, c.imag + j * spacing] for i in (-1, 0, 1) for j in (-1, 0, 1)])
    truth, predictions = TASK.truth(around)[:, 0], plane(TASK.scale(around))[:, 0]
    assert truth.min() - 1e-5 <= float(shown["Truth"]) <= truth.max() + 1e-5
    assert float(shown["Prediction"]) == pytest.approx(predictions[4], abs=1e-3)
    assert float(shown["Error"]) == pytest.approx(abs(float(shown["Prediction"]) - float(shown["Truth"])), abs=2e-5)
    nearest = np.hypot(*(TASK.draw_points(50, 0) - [c.real, c.imag]).T).min()
    # Asked of the server, so a moment later.
    wait_until(page, lambda: readings(page)["Nearest training point"].startswith(f"{nearest:.3g}"[:4]))


def test_a_zoom_shows_something_at_once_and_calls_off_what_left_the_view(visit):
    page = visit()
    held, aborted = [], []
    page.route("**/tiles/**", lambda route: held.append(route))
    page.on("requestfailed", lambda request: aborted.append(request.url))
    for _ in range(3):
        page.keyboard.press("+")
    wait_until(page, lambda: "octave 3.0" in readings(page)["Magnification"])
    wait_until(page, lambda: held)
    assert page.get_attribute("main", "aria-busy") == "true"
    background = np.array([13, 13, 18])  # --canvas, in the dark
    for panel in ("truth", "prediction", "error"):
        shown = pixels(page, panel).reshape(-1, 3)
        assert (shown != background).any(axis=1).all()
    waiting = {route.request.url for route in held}
    page.keyboard.press("0")
    wait_until(page, lambda: "octave 0.0" in readings(page)["Magnification"])
    wait_until(page, lambda: waiting <= set(aborted))
    page.unroute_all(behavior="ignoreErrors")


def test_training_points_lie_where_they_were_drawn(visit):
    page = visit()
    width, height = canvas_size(page)
    scale = max((CHART.upper[0] - CHART.lower[0]) / width, (CHART.upper[1] - CHART.lower[1]) / height)
    middle = (np.array(CHART.lower) + CHART.upper) / 2
    place = (TASK.draw_points(50, 0) - middle) / [scale, -scale] + [width / 2, height / 2]
    column, row = np.floor(place).astype(int).T
    before = pixels(page)[row, column]
    page.keyboard.press("p")
    assert page.get_attribute("#points", "aria-pressed") == "true"
    blue = np.array([0x7E, 0xE0, 0xFF])

    def shown():
        return (np.abs(pixels(page)[row, column].astype(int) - blue).max(axis=1) < 60).mean()

    assert (np.abs(before.astype(int) - blue).max(axis=1) < 60).mean() == 0
    wait_until(page, lambda: shown() > 0.9)
    page.click("#points")
    wait_until(page, lambda: shown() == 0)


def test_many_training_points_are_drawn_smaller(visit):
    page = visit()
    sizes = page.evaluate(
        """async () => {
            const { pointRadius } = await import(new URL("static/panel.js", location));
            return [10, 500, 2000, 5000, 1e6].map((n) => pointRadius(n, 400 * 250));
        }"""
    )
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 4
    assert sizes[2] == pytest.approx(0.3 * (400 * 250 / 2000) ** 0.5)
    assert sizes[-1] == 0.9


def test_training_points_are_asked_for_at_the_level_they_are_drawn_at(visit):
    page = visit()
    look_at(page, 9, SEAHORSES)
    asked = []
    page.on("request", lambda request: asked.append(re.search(r"points/r0/(\d+)/", request.url)))
    page.keyboard.press("p")
    page.wait_for_selector(".prediction .hint:visible")
    assert {int(each[1]) for each in asked if each} == {8}


def test_a_landmark_is_flown_to_and_its_address_leads_there_again(visit):
    page = visit()
    page.select_option("#landmark", label="Seahorse valley")
    wait_until(page, lambda: "m=64" in page.url)
    page.wait_for_selector(SHARP)
    page.click("#share summary")
    link = page.input_value("#link")
    assert link == page.url
    assert re.fullmatch(r"--at=-0\.7436\d*,0\.1318\d*,64", page.input_value("#option"))
    other = visit("#" + link.split("#")[1])
    assert readings(other)["Magnification"] == readings(page)["Magnification"]
    np.testing.assert_array_equal(pixels(other), pixels(page))


@pytest.mark.parametrize("fragment", ["#x=nan&y=0&m=4", "#m=1e999", "#x=1&y=1&m=-3", "#<img src=x onerror=alert(1)>"])
def test_a_broken_address_shows_everything(visit, fragment):
    assert "octave 0.0" in readings(visit(fragment))["Magnification"]


def test_the_zoom_ends_where_float64_does_and_says_so(visit):
    page = visit("#x=-0.75&y=0.125&m=1e300")
    hint = page.locator(".truth .hint")
    assert "As deep as float64 goes" in hint.text_content()
    depth = readings(page)["Magnification"]
    page.keyboard.press("+")
    page.wait_for_timeout(600)
    assert readings(page)["Magnification"] == depth


def test_a_hostile_name_is_text(visit):
    page = visit()
    assert page.text_content(".prediction .name") == HOSTILE
    assert HOSTILE in page.title()
    assert page.locator("img, main script, footer script").count() == 0


def test_a_failing_submission_says_why_and_is_restarted(visit):
    page = visit(which="two")
    failed = page.locator(".prediction .notice.failed:visible")
    assert failed.count() == 1
    assert "crash: predict(X) raised ValueError: <b>out</b> there" in failed.text_content()
    assert page.locator(".notice b").count() == 0
    look_at(page, 9, (0.25, 0.5))  # where it does not fail
    failed.get_by_role("button", name="Restart").click()
    wait_until(page, lambda: page.locator(".notice:visible").count() == 0)
    page.wait_for_selector(SHARP)
    assert page.locator(".notice:visible").count() == 0


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing(visit, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    page = visit(which="two", viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.click("#help summary")
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found] == []


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize(("which", "n_layers"), [("one", 3), ("two", 5)])
def test_a_phone_shows_one_large_map_and_a_switch(visit, which, n_layers, scheme):
    page = visit(which=which, viewport={"width": 390, "height": 844}, has_touch=True, color_scheme=scheme)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    buttons = page.locator("#layers button")
    assert buttons.count() == n_layers
    for index, button in enumerate(buttons.all()):
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        assert page.locator("#layers [aria-pressed=true]").count() == 1
        (shown,) = page.locator(".map:visible").all()
        box = shown.bounding_box()
        assert box["width"] > 300
        assert box["height"] > 350
        kinds = page.locator(".panel:visible").get_attribute("class").split()
        assert kinds[1] == ("truth" if index == 0 else "prediction" if index % 2 else "error")
    for button in page.locator("header button:visible, header summary:visible, #layers button").all():
        assert button.bounding_box()["height"] >= 30


def test_a_phones_map_shows_the_same_place_in_every_layer(visit):
    page = visit("#x=-0.6&y=0.1&m=3", viewport={"width": 390, "height": 844}, has_touch=True)
    for layer, panel in (("Truth", "truth"), ("Error", "error"), ("Prediction", "prediction")):
        page.locator("#layers").get_by_text(layer, exact=True).click()
        page.wait_for_selector(SHARP)
        picture = pixels(page, panel)
        assert "m=3" in page.url
        assert "x=-0.6" in page.url
        assert picture.std(axis=(0, 1)).max() > 5  # drawn, not blank
    page.set_viewport_size({"width": 1000, "height": 460})
    page.wait_for_selector(SHARP)
    assert page.locator(".map:visible").count() == 3
    assert "m=3" in page.url


def test_a_server_that_ended_is_said(browser, tmp_path, estimator, make_record):
    path = tmp_path / "a.py"
    path.write_text(estimator(predict=PLANE))
    record = {"make": make_record, "key": "a" * 64, "task": "mandelbrot"}
    with exploring(store_fitted(ResultStore(tmp_path / "results"), path, record)) as (_, client):
        page = browser.new_page()
        page.goto(client.address.url)
        page.wait_for_selector(SHARP)
    page.keyboard.press("+")
    page.wait_for_selector("#banner:visible")
    assert "Run mbench explore again" in page.text_content("#banner")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(1200)
    assert 0 < len(asked) < 20  # of two layers, each after half a second and then after a second
    page.close()


def test_a_page_goes_on_when_the_server_is_back(browser, address):
    page = browser.new_page()
    page.goto(address["one"].url)
    page.wait_for_selector(SHARP)
    page.route("**/tiles/**", lambda route: route.abort("connectionrefused"))
    page.keyboard.press("+")
    page.wait_for_selector("#banner:visible")
    page.unroute_all()
    page.wait_for_selector("#banner", state="hidden")
    page.wait_for_selector(SHARP)
    look_at(page, 9, SEAHORSES)
    assert_shows(page, "prediction", 9, SEAHORSES)
    page.close()
