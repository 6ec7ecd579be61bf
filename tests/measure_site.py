"""Print how fast a site's pages are here: `python tests/measure_site.py SITE [PAGE…]`, once `mbench site` wrote it.

Served over loopback to headless Chromium, each page is opened in a fresh profile and left alone for a while. Said are
the bytes that came before anything was done (and of the texts among them as gzip sends them), the largest contentful
paint, the longest task and what jumped; of a board also how long a sort takes. Exits with 1 where a limit is passed.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

LIMITS = {"bytes": 400_000, "paint_ms": 1_000.0, "task_ms": 200.0, "jumped": 0.1, "sort_ms": 150.0}
REST_MS = 2_500
WATCH = """
    window.seen = { paint: 0, task: 0, jumped: 0 };
    const watch = (type, take) =>
        new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
    watch("largest-contentful-paint", (each) => { seen.paint = each.startTime; });
    watch("longtask", (each) => { seen.task = Math.max(seen.task, each.duration); });
    watch("layout-shift", (each) => { if (!each.hadRecentInput) seen.jumped += each.value; });
"""  # fmt: skip
SORT = """() => {
    const heading = document.querySelector("[data-track]:not([hidden]) thead [data-name=mandelbrot] button");
    if (!heading) return null;
    const began = performance.now();
    heading.click();
    document.body.offsetHeight;
    return performance.now() - began;
}"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing of it."""

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


def measure(browser: Browser, root: str, folder: Path, path: str) -> dict[str, float]:
    """Return what is said of one page, by name."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(WATCH)
    asked: list[str] = []
    page.on("requestfinished", lambda request: asked.append(request.url.removeprefix(root).partition("?")[0]))
    page.goto(f"{root}{path}")
    page.wait_for_timeout(REST_MS)
    seen = page.evaluate("seen")
    sort = page.evaluate(SORT)
    context.close()
    files = [(folder / each).read_bytes() for each in dict.fromkeys(asked) if (folder / each).is_file()]
    sent = [min(len(gzip.compress(content)), len(content)) for content in files]
    found = {"bytes": float(sum(map(len, files))), "gzipped": float(sum(sent)), "paint_ms": seen["paint"]}
    found |= {"task_ms": seen["task"], "jumped": seen["jumped"]}
    return found if sort is None else found | {"sort_ms": sort}


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", type=Path)
    parser.add_argument("pages", nargs="*", default=["index.html"])
    given = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(given.site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    over = False
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for path in given.pages:
            found = measure(browser, f"http://127.0.0.1:{server.server_port}/", given.site, path)
            beyond = [name for name, limit in LIMITS.items() if found.get(name, 0.0) > limit]
            over |= bool(beyond)
            shown = [(name, "3g" if value < 10 else "0f") for name, value in found.items()]
            said = ", ".join(f"{name} {found[name]:,.{form}}" for name, form in shown)
            print(f"{path}: {said}{'  OVER: ' + ', '.join(beyond) if beyond else ''}")
        browser.close()
    server.shutdown()
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
