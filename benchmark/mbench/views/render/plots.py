"""Line plots: how deep an approximation holds, and a curve beside what was learned of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mbench.results.metrics import Profile
from mbench.types import FloatArray, Sample
from mbench.views.render.colours import DIM, RAISED, SERIES, TEXT, VALUE_ERRORS
from mbench.views.render.page import Box, Page, to_points

_LEGEND: dict[str, Any] = {"labelcolor": TEXT, "facecolor": RAISED, "edgecolor": "none", "framealpha": 0.85}


def depth_page(profiles: Mapping[str, Profile], title: str) -> Page:
    """Return a page with one line per entry, magnifications along its top."""
    page = Page(1800, 1080)
    page.heading(124, title, "Mandelbrot zoom ladder: share of variance explained, mean and quartiles over its windows")
    plot_depth(page, (124, 220, 1630, 740), profiles, named=True)
    return page


def plot_depth(page: Page, box: Box, profiles: Mapping[str, Profile], named: bool) -> None:
    """Plot the mean score of each octave with its quartiles. named: with a legend, and magnifications along the top."""
    axes = page.axes(box, "octave", "s  (1: exact, 0: nothing)")
    octaves = max((len(profile.mean) for profile in profiles.values()), default=15)
    # Bands of many entries hide each other.
    alpha = 0.25 if len(profiles) == 1 else 0.16 if len(profiles) <= 4 else 0.07
    for index, (name, profile) in enumerate(profiles.items()):
        octave, colour = np.arange(len(profile.mean)), SERIES[index % len(SERIES)]
        axes.fill_between(
            octave, profile.lower_quartile, profile.upper_quartile, color=colour, alpha=alpha, linewidth=0
        )
        dashes = ("-", "--", ":")[index // len(SERIES) % 3]
        label = f"{name}   {profile.depth_octaves:.1f} octaves"
        axes.plot(octave, profile.mean, dashes, color=colour, linewidth=3, marker="o", markersize=7, label=label)
    axes.set(xlim=(-0.3, octaves - 0.7), ylim=(0, 1.03), xticks=range(0, octaves, 2), yticks=np.linspace(0, 1, 6))
    if named and profiles:
        axes.legend(loc="upper right", fontsize=to_points(26), **_LEGEND)
    if named:
        above = axes.secondary_xaxis("top")
        above.set_xticks(range(0, octaves, 2), [f"× {2**k:,}" for k in range(0, octaves, 2)])
        above.tick_params(colors=DIM, labelsize=to_points(22), length=0)
        above.spines["top"].set_visible(False)


def curve_page(x: FloatArray, predictions: FloatArray, truth: FloatArray, sample: Sample | None) -> Page:
    """Return a page with truth, prediction and sample of a curve, and the absolute error below. x, …: (m,)."""
    page = Page(2000, 1160)
    low, high = truth.min(), truth.max()
    low, high = low - 0.15 * (high - low + 1e-9), high + 0.15 * (high - low + 1e-9)
    axes = page.axes((124, 160, 1826, 640), ylabel="y")
    axes.plot(x, truth, color="#6a7f9c", linewidth=7, alpha=0.7, label="truth", solid_joinstyle="round")
    if sample is not None:
        label = f"sample of {len(sample.points):,}"
        axes.plot(sample.points[:, 0], sample.y[:, 0], "o", color=TEXT, markersize=2.5, markeredgewidth=0, label=label)
    axes.plot(x, np.clip(predictions, low, high), color=SERIES[0], linewidth=1.8, label="prediction")
    axes.set(xlim=(x[0], x[-1]), ylim=(low, high))
    axes.tick_params(labelbottom=False)
    axes.legend(loc="upper left", ncols=3, markerscale=3, fontsize=to_points(24), **_LEGEND)
    below = page.axes((124, 836, 1826, 220), "x", "absolute error")
    error = np.minimum(np.abs(predictions - truth), VALUE_ERRORS.limit)
    below.fill_between(x, error, color=SERIES[1], alpha=0.5, linewidth=0)
    below.plot(x, error, color=SERIES[1], linewidth=1.5)
    below.set(
        xlim=(x[0], x[-1]), ylim=(0, VALUE_ERRORS.limit), yticks=(0, 0.25, 0.5), yticklabels=("0", "0.25", "≥ 0.5")
    )
    return page
