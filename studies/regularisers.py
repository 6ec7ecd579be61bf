"""L1, L2, clipping, spectral norms and slope penalties turn an overfitted curve into a smooth one.

Fifteen noisy points of sin 3x, evenly spread, a network that can hold them all, and one regulariser at a time, at
several strengths. The true error is measured against sin 3x. Controls: no regulariser at all; the same ones on points
without noise, where a fit of every point is right and there is nothing to cure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from mbench.nn import ConstantSlopeRegressor, constant_slope, lipschitz_bound, measured_slope
from mbench.runs import study
from mbench.runs.study import Claim, Found, Measures, Oracle, Watch, above, below, number
from mbench.types import FloatArray
from mbench.views.render.colours import SERIES, TEXT
from mbench.views.study import name_lines, plot_bars, plot_range, study_figure
from mbench.views.study_film import Chart

NAME = "regularisers"
NONE = "none"
N_TRUE = 400
N_LOOKS = 60
RELATIVE_ZERO = 1e-3  # a weight smaller than this share of the largest counts as none
METHODS: dict[str, tuple[str, tuple[float, ...]]] = {
    "L1": ("l1", (0.03, 0.1)),
    "L2": ("weight_decay", (1.0, 3.0)),
    "clip": ("max_weight", (0.15, 0.3)),
    "spectral": ("max_norm", (2.0, 1.5)),
    "slope²": ("gradient_penalty", (0.003, 0.01)),
    "constant slope": ("constant", (0.003, 0.01)),
    "dropout": ("dropout", (0.3,)),
}


@dataclass(frozen=True, slots=True)
class Settings(study.Settings):
    """noise: standard deviation of the noise in the targets."""

    points: int = number(15, 4, 10_000)
    noise: float = number(0.3, 0.0, 10.0)
    width: int = number(64, 2, 1_000)
    depth: int = number(3, 1, 10)
    steps: int = number(600, 10, 1_000_000)
    learning_rate: float = number(0.01, 0.0, 1.0, above=True)


FULL = {"steps": 3_000}


def name_case(method: str, strength: float) -> str:
    """Return what a row is called."""
    return f"{method} {strength:g}"


def all_cases() -> dict[str, dict[str, float]]:
    """Return every row with its parameter."""
    rows = {name_case(m, s): {parameter: s} for m, (parameter, strengths) in METHODS.items() for s in strengths}
    return {NONE: {}, **rows}


def draw_data(settings: Settings, seed: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return x (n, 1), sin 3x and its noisy values, (n,) each."""
    rng = study.random_stream(NAME, "data", seed)
    # One in each of as many equal parts: across a gap nobody can tell, and its error would drown all others.
    x = (2.0 * (np.arange(settings.points) + rng.uniform(size=settings.points)) / settings.points - 1.0)[:, None]
    clean = np.sin(3 * x[:, 0])
    return x, clean, clean + settings.noise * rng.standard_normal(settings.points)


def fit(
    settings: Settings,
    seed: int,
    data: tuple[FloatArray, FloatArray],
    parameter: dict[str, float],
    look: Callable[[ConstantSlopeRegressor, int], None] | None = None,
) -> ConstantSlopeRegressor:
    """Return the network that was learned from x and y under one regulariser.

    look: called with it and the number of steps taken, at the steps of the film.
    """
    model = ConstantSlopeRegressor(
        width=settings.width, depth=settings.depth, steps=settings.steps, batch_size=settings.points,
        learning_rate=settings.learning_rate, random_state=study.torch_seed(NAME, "start", seed), snapshots=N_LOOKS,
        **parameter,
    )  # fmt: skip
    return model.fit(*data, snapshot=(lambda step: look(model, step)) if look else None)


def measure(model: ConstantSlopeRegressor, x: FloatArray, y: FloatArray) -> dict[str, Any]:
    """Return what a learned curve is: errors, slopes in units of the data, weights."""
    grid = np.linspace(-1, 1, N_TRUE)[:, None]
    curve = model.predict(grid)
    scale = model.target_scale_
    slope = scale * measured_slope(model.network_, torch.tensor(grid, dtype=torch.float32))
    sizes = np.concatenate([np.abs(p.detach().numpy()).ravel() for p in model.network_.parameters() if p.dim() > 1])
    return {
        "train": np.mean((model.predict(x) - y) ** 2),
        "true": np.mean((curve - np.sin(3 * grid[:, 0])) ** 2),
        "slope": np.array(slope),
        "bound": np.array(model.lipschitz_bound_),
        "zeros": (sizes < RELATIVE_ZERO * sizes.max()).mean(),
        "largest": sizes.max(),
        "spread": sizes.sum() ** 2 / (len(sizes) * np.square(sizes).sum()),  # 1: all weights alike
        "curve": curve,
    }


def run(settings: Settings, seed: int, watch: Watch) -> Measures:
    """Fit every row to the noisy points, and the first strength of each method to the clean ones."""
    x, clean, noisy = draw_data(settings, seed)
    found: dict[str, FloatArray] = {"data/x": x[:, 0], "data/y": noisy}
    seen: dict[str, dict[int, FloatArray]] = {}
    grid = np.linspace(-1, 1, N_TRUE)[:, None]
    for case, parameter in all_cases().items():
        watch.say(case)
        look = None
        if watch.films and case in filmed_cases():
            look = keep_curves(grid, seen.setdefault(case, {}))
        model = fit(settings, seed, (x, noisy), parameter, look)
        found |= {f"{case}/{name}": value for name, value in measure(model, x, noisy).items()}
    for case in (NONE, name_case("clip", METHODS["clip"][1][0])):
        watch.say(f"{case}, no noise")
        values = measure(fit(settings, seed, (x, clean), all_cases()[case]), x, clean)
        found |= {f"{case}, no noise/{name}": value for name, value in values.items()}
    if watch.films:
        film((x[:, 0], noisy), seen, watch)
    return found


def keep_curves(grid: FloatArray, kept: dict[int, FloatArray]) -> Callable[[ConstantSlopeRegressor, int], None]:
    """Return what keeps a model's curve by step."""
    return lambda model, step: kept.update({step: model.predict(grid)})


def filmed_cases() -> list[str]:
    """Return the rows that the film shows: none, and each method at its last strength."""
    return [NONE, *(name_case(method, strengths[-1]) for method, (_, strengths) in METHODS.items())]


def film(data: tuple[FloatArray, FloatArray], seen: dict[str, dict[int, FloatArray]], watch: Watch) -> None:
    """Offer the curves as they are learned, with their errors. seen: by row and step."""
    chart = Chart(2, 4, (960, 480))
    grid = np.linspace(-1, 1, N_TRUE)
    truth = np.sin(3 * grid)
    lines = []
    for i, (panel, case) in enumerate(zip(chart.axes, seen, strict=True)):
        panel.plot(grid, truth, ":", color=TEXT, linewidth=1.2, label="sin 3x")
        panel.plot(*data, "o", color=TEXT, markersize=3.5, label="given")
        lines.append(panel.plot([], [], color=SERIES[i], linewidth=2, label="learned")[0])
        panel.set(ylim=(-2, 2), xlim=(-1, 1), xticks=(-1, 0, 1), yticks=(-1, 0, 1), title=f"{case}: error 0.000")
        panel.title.set_fontsize(11)
    name_lines(chart.axes[0], loc="lower right")
    for step in seen[NONE]:
        for panel, line, (case, curves) in zip(chart.axes, lines, seen.items(), strict=True):
            line.set_data(grid, curves[step])
            panel.title.set_text(f"{case}: error {np.mean((curves[step] - truth) ** 2):.3f}")
        watch.shot(step, chart.picture)


def claims(settings: Settings) -> tuple[Claim, ...]:
    """Return the thresholds. Of several strengths, the better one counts for a method."""

    def best(m: Measures, method: str, name: str = "true") -> float:
        return min(float(m[f"{name_case(method, s)}/{name}"]) for s in METHODS[method][1])

    smoother = {method: lambda m, k=method: best(m, k) / float(m[f"{NONE}/true"]) for method in METHODS}
    flatter = {k: lambda m, k=k: best(m, k, "slope") / float(m[f"{NONE}/slope"]) for k in METHODS}
    strongest = {method: name_case(method, strengths[-1]) for method, (_, strengths) in METHODS.items()}

    def of(case: str, name: str) -> dict[str, study.Measure]:
        return {"": lambda m: float(m[f"{case}/{name}"])}

    def spread_out(case: str) -> study.Measure:
        return lambda m: float(m[f"{case}/spread"] / m[f"{NONE}/spread"])

    clip = name_case("clip", METHODS["clip"][1][0])
    rows = [case for case in all_cases() if not case.startswith("dropout")]
    return (
        Claim(id="smooth", words="regularisation turns the overfitted curve into a smooth one", rule=below(0.5),
              measure="true error over that of none, at the better strength", cases=smoother),
        Claim(id="flat", words="it takes the steep places out of the curve", rule=below(0.5),
              measure="largest slope over that of none, at the better strength", cases=flatter),
        Claim(id="sparse", words="L1 makes weights sparse", measure="share of weights below 1/1000 of the largest",
              rule=above(0.5), cases=of(strongest["L1"], "zeros")),
        Claim(id="even", words="L2 spreads weights evenly", measure="participation ratio over that of none",
              rule=above(1.0), cases={"": spread_out(strongest["L2"])}),
        Claim(id="bounded", words="clipping bounds the slope", measure="bound over that of none", rule=below(0.2),
              cases={"": lambda m: float(m[f"{clip}/bound"] / m[f"{NONE}/bound"])}),
        Claim(id="overfits", words="without a regulariser the noise is learned", kind="control", rule=below(0.2),
              measure="training error over the variance of the noise",
              cases={"": lambda m: float(m[f"{NONE}/train"]) / max(settings.noise**2, 1e-12)}),
        Claim(id="no-noise", words="without noise there is nothing to cure", kind="control", rule=above(0.5),
              measure="true error on clean points: clipped over none",
              cases={"": lambda m: float(m[f"{clip}, no noise/true"] / m[f"{NONE}, no noise/true"])}),
        Claim(id="clip-even", words="it is clipping that spreads weights", kind="finding", rule=above(1.0),
              measure="participation ratio over that of none", cases={"": spread_out(clip)}),
        Claim(id="loose", words="the bound is within ten times the slope", kind="finding", rule=below(10.0),
              measure="bound over the largest slope",
              cases={case: lambda m, c=case: float(m[f"{c}/bound"] / m[f"{c}/slope"]) for case in rows}),
    )  # fmt: skip


def oracles(found: Found) -> tuple[Oracle, ...]:
    """Return bounds against slopes and SVD, and the slope penalty against a closed form."""
    ratio = max(float(m[f"{case}/slope"] / m[f"{case}/bound"]) for m in found.measures for case in all_cases())
    weight = np.random.default_rng(0).standard_normal((3, 4))
    layer = torch.nn.Linear(4, 3).double()
    layer.weight.data = torch.tensor(weight)
    x = torch.linspace(0, 1, 9, dtype=torch.float64)[:, None].requires_grad_()
    closed = float(np.mean((2 * np.linspace(0, 1, 9) - 1) ** 2))  # the slope of x² is 2x
    seen = constant_slope(x**2, x, torch.Generator().manual_seed(0)).item()
    clip = METHODS["clip"][1][0]
    largest = max(float(m[f"{name_case('clip', clip)}/largest"]) for m in found.measures)
    steep = max(float(np.abs(np.diff(m[f"{case}/curve"])).max() * (N_TRUE - 1) / 2 / m[f"{case}/bound"])
                for m in found.measures for case in all_cases())  # fmt: skip
    return (
        Oracle("no slope is above its bound (the excess)", 0.0, max(ratio - 1.0, 0.0), 1e-6),
        Oracle("no difference quotient of a curve is above the bound (the excess)", 0.0, max(steep - 1.0, 0.0), 1e-6),
        Oracle("bound of one linear layer against NumPy's SVD", float(np.linalg.svd(weight, compute_uv=False)[0]),
               lipschitz_bound(layer), 1e-12),
        Oracle("constant slope of x² against its closed form", closed, seen, 1e-5),
        Oracle("the largest clipped weight", clip, largest, 1e-6),
    )  # fmt: skip


def draw(found: Found) -> Figure:
    """Draw the curves of the first seed, and every row's true error, zeros, spread and slope."""
    figure, axes = study_figure(2, 3, "Regularisers on an overfitted curve")
    first, grid = found.measures[0], np.linspace(-1, 1, N_TRUE)
    shown = [NONE, *(name_case(m, s[-1]) for m, (_, s) in METHODS.items() if m != "dropout")]
    for i, case in enumerate(shown):
        panel = axes[0] if i < 4 else axes[3]
        plot_range(panel, grid, first[f"{case}/curve"][None], case, i)
    for panel in (axes[0], axes[3]):
        panel.plot(grid, np.sin(3 * grid), color="#eceaf2", linewidth=1, linestyle=":", label="sin 3x")
        panel.plot(first["data/x"], first["data/y"], "o", color="#eceaf2", markersize=4)
        panel.set(ylim=(-2, 2), title=f"seed {found.seeds[0]}: points, truth and what was learned")
        name_lines(panel)
    titles = {"true": "true error", "zeros": "share of weights that are nearly 0", "spread": "participation ratio",
              "slope": "largest slope"}  # fmt: skip
    for panel, (name, title) in zip((axes[1], axes[2], axes[4], axes[5]), titles.items(), strict=True):
        plot_bars(panel, {case: found.stack(f"{case}/{name}") for case in all_cases()})
        panel.set(title=title)
        panel.tick_params(axis="y", labelsize=8)
    return figure


STUDY = study.Study(
    source="Regularization in deep learning, Lipschitz continuity, gradient regularization",
    link="https://www.youtube.com/results?search_query=AI+Coffee+Break+Quiz+Regularization+in+Deep+Learning+Lipschitz+continuity+Gradient+regularization",
    quote="Regularisation makes an overfitted curve smooth; L1 makes weights sparse, L2 small and even; clipping "
    "bounds the slope.",
    settings=Settings,
    full=FULL,
    full_min=5,
    run=run,
    claims=claims,
    oracles=oracles,
    draw=draw,
    shows="what is learned from 15 noisy points",
)
