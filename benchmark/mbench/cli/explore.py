"""`mbench explore`: fly through what a submission learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mbench.cli.names import name_argument, take_name
from mbench.cli.options import (
    examples,
    isolation_option,
    json_option,
    look_option,
    memory_option,
    results_option,
    track_option,
    unsafe_option,
)
from mbench.cli.values import Whole


@click.command(
    epilog=examples(
        "mbench explore knn",
        "mbench explore my.py mlp --track standard  # side by side",
        "mbench explore results/my/quick/result.json --task julia --no-browser",
        "mbench explore knn --at=-0.7436,0.1318,64",
    )
)
@name_argument(many=True)
@look_option
@track_option
@results_option
@click.option("--at", "view", default="", metavar="X,Y,M", help="Start at this point and magnification, as shared.")
@click.option("--port", type=Whole(0, 65535), default=0, help="Port on 127.0.0.1. Default: any that is free.")
@click.option("--browser/--no-browser", default=True, help="Open the page. Default: where there is a desktop.")
@memory_option
@isolation_option
@unsafe_option
@json_option
def explore(
    names: tuple[str, ...], task: str, track: str, results: Path, view: str, port: int, browser: bool, as_json: bool,
    **running: Any,
) -> None:  # fmt: skip
    """Fly through what was learned: truth, predictions and error side by side on a local page, as deep as you like.

    The stored estimator answers in the sandbox. The page is served to this machine alone until Ctrl-C.
    """
    import contextlib
    import json

    from mbench.api import make_settings
    from mbench.errors import UsageError
    from mbench.results.estimators import find_target, label_targets
    from mbench.views.explore.app import MAX_TARGETS, open_session
    from mbench.views.explore.server import Address, open_socket, serve

    if len(names) > MAX_TARGETS:
        raise UsageError(f"{len(names)} names are more than fit side by side: give at most {MAX_TARGETS}")
    fragment = _fragment(view)
    targets = label_targets([find_target(take_name(name, results), task, track, results) for name in names])
    settings = make_settings(**running)

    def announce(address: Address) -> None:
        url = address.url + fragment
        click.echo(json.dumps({"url": url}) if as_json else f"Exploring at {url}\nCtrl-C ends it.")
        if browser:
            _open_browser(url)

    with open_socket(port) as listener:
        session = open_session(task, targets, settings)
        with contextlib.suppress(KeyboardInterrupt):  # how one ends it
            serve(session, listener, announce)
    click.echo("Stopped.", err=True)


def _fragment(view: str) -> str:
    """Return the part of the address that says where to start. Raises UsageError for what is no view."""
    import math
    from urllib.parse import urlencode

    from mbench.errors import UsageError

    if not view:
        return ""
    try:
        x, y, magnification = map(float, view.split(","))
    except ValueError:
        x = y = magnification = math.nan
    if not (math.isfinite(x) and math.isfinite(y) and 0 < magnification < math.inf):
        raise UsageError(f"--at {view}: expected X,Y,M: a point and a magnification, as in --at=-0.7436,0.1318,64")
    return "#" + urlencode({"x": x, "y": y, "m": magnification})  # where a plus, as of 1e+16, would be a space


def _open_browser(url: str) -> None:
    import os
    import sys
    import threading
    import webbrowser

    # Without a desktop there may be a browser in the terminal, which would take it over.
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        # In a thread: it waits for a browser, some seconds as a rule and until its end for one that it does not know.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
