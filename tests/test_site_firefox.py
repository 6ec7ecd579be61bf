"""The board and an entry as a person meets them in Firefox, from the disk. Chromium's tests look closer."""

import io
import json
import shutil

import numpy as np
import pytest
from firefox_kit import running_firefox
from PIL import Image
from site_entries import SHOWN, make_once


@pytest.fixture(scope="session")
def site(tmp_path_factory, worker_id):
    return make_once(tmp_path_factory, worker_id) / "site"


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    program = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
    if program is None:
        pytest.skip("there is no Firefox: apt-get install firefox-esr")
    with running_firefox(program, tmp_path_factory.mktemp("firefox")) as firefox:
        yield firefox


@pytest.fixture
def firefox(window):
    """A window; at the end nothing may have complained in it."""
    window.complaints.clear()
    yield window
    assert window.complaints == []


@pytest.mark.parametrize("width", [1440, 320])
def test_board_sorts_and_draws_its_charts(firefox, site, width):
    firefox.open(f"{site.as_uri()}/index.html?track=quick", width, 900)
    firefox.wait_until("[...document.querySelectorAll('[data-plot]')].every((plot) => plot.textContent)")
    assert firefox.evaluate("document.documentElement.scrollWidth") <= width
    firefox.evaluate("document.querySelector('[data-track=quick] thead [data-name=precision] button').click()")
    shown = firefox.evaluate(
        """(() => {
            const table = document.querySelector("[data-track=quick] table.board");
            const index = [...table.tHead.rows[0].cells].find((cell) => cell.dataset.name === "precision").cellIndex;
            return [...table.tBodies[0].rows].map((row) => row.cells[index].firstChild.textContent);
        })()"""
    )
    values = [float(each) for each in shown if each.strip() != "–"]
    assert len(values) > 5
    assert values == sorted(values, reverse=True)
    assert firefox.evaluate("document.querySelectorAll('[data-plot=depth] .line.marked text').length") >= 2
    assert firefox.evaluate("document.querySelectorAll('table.board .spark svg').length") > 5


def test_an_entry_is_zoomed_with_the_wheel(firefox, site):
    firefox.open(f"{site.as_uri()}/quick/submission-{SHOWN}.html#x=0&y=0&m=1", 1440, 900)
    told = json.loads(firefox.evaluate("document.getElementById('data').textContent"))["zoom"]
    box = firefox.evaluate("document.querySelector('[data-zoom] canvas').getBoundingClientRect().toJSON()")
    firefox.wait_until("document.querySelector('[data-zoom] canvas').width > 300")
    left, top = box["left"], box["top"]
    seen = Image.open(io.BytesIO(firefox.picture()))
    seen = seen.crop([round(edge) for edge in (left, top, left + box["width"], top + box["height"])])
    with Image.open(site / told["truth"] / "portrait.webp") as truth:
        pair = [np.asarray(each.convert("RGB").resize((38, 24), Image.Resampling.BOX), float) for each in (seen, truth)]
    assert np.abs(pair[0] - pair[1]).mean() < 12
    firefox.wheel(round(left + box["width"] / 2), round(top + box["height"] / 2), -500)
    firefox.wait_until("/&m=([2-9]|[1-9][0-9])/.test(location.hash)")
    assert firefox.evaluate("document.querySelector('[data-zoom-value]').textContent") != "× 1"
    firefox.evaluate("document.querySelector('input[name=manner][value=swipe]').click()")
    visible = "[...document.querySelectorAll('[data-zoom] canvas')].filter((each) => each.clientWidth).length"
    firefox.wait_until(f"{visible} === 1")
    assert firefox.evaluate("document.documentElement.scrollWidth") <= 1440
