"""One layer on Taylor features fits poorly; the same features before a network fit well.

Eight powers of x and a linear layer, trained by Adam at several rates, beside the same eight-power polynomial by least
squares. Chebyshev's polynomials span the same functions and are nearly orthogonal, so that descent in their basis tells
what powers can do from what descent finds. Control: descent on powers must at least beat a straight line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.integrate import quad
from scipy.special import eval_legendre
from torch import Tensor, nn

from mbench.nn import MLP, FourierFeatures, TaylorFeatures, training
from mbench.runs import study
from mbench.runs.study import Claim, Found, Measures, Oracle, Watch, above, below, number, numbers
from mbench.types import FloatArray
from mbench.views.render.colours import SERIES, TEXT
from mbench.views.study import name_lines, plot_bars, plot_range, study_figure
from mbench.views.study_film import Chart

NAME = "taylor-line"
N_ASKED = 2_000
N_LOOKS = 60
FILMED = ("powers", "Chebyshev", "network, powers")
TARGETS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "wave": lambda x: np.sin(5.0 * x),
    "step": lambda x: np.where(x > 0.2, 1.0, -1.0),
}


@dataclass(frozen=True, slots=True)
class Settings(study.Settings):
    """points: of the sample, by lot in [-1, 1].  powers: the highest.  rates: of the single layer, all tried.

    steps: of the layer, each on all points; of a network, on batches at network_rate.
    """

    points: int = number(1_000, 20, 100_000)
    powers: int = number(8, 2, 20)
    rates: tuple[float, ...] = numbers((0.1, 0.03, 0.01, 0.003), 0.0, 1.0, above=True)
    steps: int = number(1_500, 10, 1_000_000)
    width: int = number(64, 2, 1_000)
    depth: int = number(2, 1, 10)
    batch: int = number(128, 1, 100_000)
    network_rate: float = number(0.01, 0.0, 1.0, above=True)


FULL = {"steps": 20_000}


class Chebyshev(nn.Module):
    """Chebyshev's polynomials of x (m, 1), of degrees 1 to some highest: the span of as many powers and a constant."""

    def __init__(self, highest: int) -> None:
        """highest: at least 2."""
        super().__init__()
        self.highest = highest

    def forward(self, x: Tensor) -> Tensor:
        """Return (m, highest)."""
        terms = [torch.ones_like(x), x]
        while len(terms) <= self.highest:
            terms.append(2.0 * x * terms[-1] - terms[-2])
        return torch.cat(terms[1:], dim=1)


def make_layer(settings: Settings, basis: str) -> nn.Module:
    """Return one linear layer on a basis, from zero."""
    features = TaylorFeatures(1, settings.powers) if basis == "powers" else Chebyshev(settings.powers)
    layer = nn.Linear(settings.powers, 1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return nn.Sequential(features, layer)


def make_network(settings: Settings, kind: str, seed: int) -> nn.Module:
    """Return a network on x alone, on its powers, or on as many Fourier orders."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(study.torch_seed(NAME, "start", seed))
        if kind == "none":
            return MLP(1, 1, settings.width, settings.depth)
        features = TaylorFeatures(1, settings.powers) if kind == "powers" else FourierFeatures(1, settings.powers)
        return nn.Sequential(features, MLP(features.n_features, 1, settings.width, settings.depth))


def unexplained(answers: FloatArray, truth: FloatArray) -> float:
    """Return the fraction of variance unexplained of answers (m,)."""
    return float(np.mean((answers - truth) ** 2) / np.var(truth))


def descend(
    settings: Settings,
    network: nn.Module,
    sample: tuple[FloatArray, FloatArray],
    rate: float,
    batch: int | None,
    look: Callable[[], None] | None = None,
) -> nn.Module:
    """Train on x (n,) and y (n,), at a rate that falls by half a cosine. look: called at the steps of the film."""
    due = set(study.look_steps(settings.steps, N_LOOKS)) if look else set()
    x, y = (torch.tensor(each[:, None], dtype=torch.float32) for each in sample)

    def falling(step: int) -> float:
        return rate * (0.01 + 0.99 * 0.5 * (1.0 + np.cos(np.pi * step / settings.steps)))

    for step in training(network, x, y, falling, batch):
        if look and step.number in due:
            look()
        if step.number == settings.steps:
            break
    return network


def answer(network: nn.Module, x: FloatArray) -> FloatArray:
    """Return the answers at x (m,): (m,)."""
    with torch.inference_mode():
        return network(torch.tensor(x[:, None], dtype=torch.float32))[:, 0].double().numpy()


class Looks:
    """What a film shows: the answers of a fit at each look, on every tenth of the points asked."""

    def __init__(self, films: bool) -> None:
        """films: is anything kept?"""
        self.films = films
        self.seen: dict[str, list[FloatArray]] = {}

    def at(self, name: str, network: nn.Module, x: FloatArray) -> Callable[[], None] | None:
        """Return what keeps a network's answers at x under a name, None without a film."""
        if not self.films:
            return None
        kept = self.seen[name] = []
        return lambda: kept.append(answer(network, x[:: N_ASKED // 200]))

    def keep_best(self, names: list[str], best: int, name: str) -> None:
        """Keep one of several fits, under another name."""
        if self.films:
            self.seen[name] = self.seen[names[best]]


def run(settings: Settings, seed: int, watch: Watch) -> Measures:
    """Fit both targets by every method."""
    stream = study.random_stream(NAME, "data", seed)
    x, asked = stream.uniform(-1.0, 1.0, settings.points), np.linspace(-1.0, 1.0, N_ASKED)
    found: dict[str, FloatArray] = {"condition": np.array(np.linalg.cond(np.vander(x, settings.powers + 1)))}
    looks = Looks(watch.films)
    for target, function in TARGETS.items():
        y, truth = function(x), function(asked)

        def keep(name: str, answers: FloatArray, target: str = target, truth: FloatArray = truth) -> None:
            found[f"{target}/{name}"] = np.array(unexplained(answers, truth))
            found[f"{target}/{name}/line"] = answers[:: N_ASKED // 200]

        keep("least squares", np.polynomial.Chebyshev.fit(x, y, settings.powers, domain=[-1, 1])(asked))
        keep("straight line", np.polynomial.Polynomial.fit(x, y, 1)(asked))
        for basis in ("powers", "Chebyshev"):
            watch.say(f"{target}: a layer on {basis}")
            fits, names = [], [f"{target}/{basis}, {rate}" for rate in settings.rates]
            for name, rate in zip(names, settings.rates, strict=True):
                layer = make_layer(settings, basis)
                fits.append(answer(descend(settings, layer, (x, y), rate, None, looks.at(name, layer, asked)), asked))
            errors = [unexplained(each, truth) for each in fits]
            best = int(np.argmin(errors))
            found[f"{target}/{basis}/rates"] = np.array(errors)
            keep(basis, fits[best])
            looks.keep_best(names, best, f"{target}/{basis}")
        for kind in ("none", "powers", "Fourier"):
            watch.say(f"{target}: a network on {kind}")
            network = make_network(settings, kind, seed)
            look = looks.at(f"{target}/network, {kind}", network, asked)
            trained = descend(settings, network, (x, y), settings.network_rate, settings.batch, look)
            keep(f"network, {kind}", answer(trained, asked))
    if watch.films:
        film(settings, looks, found, watch)
    return found


def film(settings: Settings, looks: Looks, found: Measures, watch: Watch) -> None:
    """Offer the fits as they come about, beside what they are to be and the best that powers can do."""
    chart = Chart(1, 2, (920, 440))
    x = np.linspace(-1.0, 1.0, N_ASKED)[:: N_ASKED // 200]
    words = {
        "powers": "layer on powers",
        "Chebyshev": "layer, Chebyshev's basis",
        "network, powers": "network on powers",
    }
    lines = {}
    for panel, (target, function) in zip(chart.axes, TARGETS.items(), strict=True):
        panel.plot(x, function(x), ":", color=TEXT, linewidth=1.5, label="truth")
        panel.plot(x, found[f"{target}/least squares/line"], "--", color=TEXT, linewidth=1, label="least squares")
        for i, name in enumerate(FILMED):
            lines[target, name] = panel.plot([], [], color=SERIES[i], linewidth=2, label=words[name])[0]
        panel.set(title=target, xlim=(-1, 1), ylim=(-1.7, 1.7))
    name_lines(chart.axes[1], loc="upper left")
    for k, step in enumerate(study.look_steps(settings.steps, N_LOOKS)):
        for (target, name), line in lines.items():
            line.set_data(x, looks.seen[f"{target}/{name}"][k])
        watch.shot(step, chart.picture)


def claims(settings: Settings) -> tuple[Claim, ...]:
    """Return the thresholds."""

    def ratio(name: str, against: str) -> dict[str, study.Measure]:
        return {target: lambda m, t=target: float(m[f"{t}/{name}"] / m[f"{t}/{against}"]) for target in TARGETS}

    best = "error at the best rate"
    return (
        Claim(id="poor", words="descent does not find the coefficients of a layer on powers", rule=above(2.0),
              measure=f"{best}, over that of least squares", cases=ratio("powers", "least squares")),
        Claim(id="network", words="the same powers before a network fit well", rule=below(0.5),
              measure=f"error, over a layer's {best}", cases=ratio("network, powers", "powers")),
        Claim(id="helps", words="powers before a network are better than x alone", rule=below(0.8),
              measure="error, over a network's on x", cases=ratio("network, powers", "network, none")),
        Claim(id="line", words="a layer on powers beats a straight line", kind="control", rule=below(0.99),
              measure=f"{best}, over a straight line's", cases=ratio("powers", "straight line")),
        Claim(id="basis", words="in Chebyshev's basis descent finds them: it is a matter of conditioning",
              kind="finding", rule=below(1.1), measure=f"{best}, over that of least squares",
              cases=ratio("Chebyshev", "least squares")),
        Claim(id="span", words=f"{settings.powers} powers cannot do better, found or not", kind="finding",
              rule=above(0.1), measure="error of least squares",
              cases={target: lambda m, t=target: float(m[f"{t}/least squares"]) for target in TARGETS}),
        Claim(id="fourier", words="Fourier's orders before a network are better than powers", kind="finding",
              rule=below(0.8), measure="error, over a network's on powers",
              cases=ratio("network, Fourier", "network, powers")),
    )  # fmt: skip


def oracles(found: Found) -> tuple[Oracle, ...]:
    """Return the best polynomial by Legendre's series, the conditioning by moments, and Chebyshev's by cosines."""
    settings: Settings = found.settings
    highest = settings.powers
    total = quad(lambda x: np.sin(5.0 * x) ** 2, -1.0, 1.0)[0]
    explained = sum(
        (2 * k + 1) / 2 * quad(lambda x, k=k: np.sin(5.0 * x) * eval_legendre(k, x), -1.0, 1.0)[0] ** 2
        for k in range(highest + 1)
    )
    moments = np.array([[(1 - (i + j) % 2) / (i + j + 1) for j in range(highest + 1)] for i in range(highest + 1)])
    angle = np.linspace(0.0, np.pi, 50)
    x = torch.tensor(np.cos(angle)[:, None])
    cosines = np.cos(angle[:, None] * np.arange(1, highest + 1))
    measured = float(found.stack("wave/least squares").mean())
    condition = float(found.stack("condition").mean())
    best = 1.0 - explained / total
    return (
        Oracle("error of the best polynomial, by Legendre's series", best, measured, 0.3 * best + 1e-6),
        Oracle("log of the powers' condition, by the moments of [-1, 1]", 0.5 * float(np.log(np.linalg.cond(moments))),
               float(np.log(condition)), 0.5),
        Oracle("Chebyshev's polynomials of a cosine", 0.0, float(np.abs(Chebyshev(highest)(x).numpy() - cosines).max()),
               1e-9),
    )  # fmt: skip


def draw(found: Found) -> Figure:
    """Draw the fits, the errors, and how the layer's error hangs on the rate."""
    settings: Settings = found.settings
    figure, axes = study_figure(2, 3, f"{settings.powers} powers of x: a layer, least squares, a network")
    x = np.linspace(-1.0, 1.0, N_ASKED)[:: N_ASKED // 200]
    for row, target in enumerate(TARGETS):
        fits, errors, rates = axes[3 * row : 3 * row + 3]
        for i, name in enumerate(("powers", "least squares", "network, powers")):
            plot_range(fits, x, found.stack(f"{target}/{name}/line"), name, i)
        fits.set(title=target, ylim=(-1.6, 1.6))
        name_lines(fits)
        names = ("straight line", "powers", "least squares", "Chebyshev", "network, none", "network, powers",
                 "network, Fourier")  # fmt: skip
        plot_bars(errors, {name: found.stack(f"{target}/{name}") for name in names})
        errors.set(title="fraction of variance unexplained", xscale="log")
        for i, basis in enumerate(("powers", "Chebyshev")):
            plot_range(rates, np.array(settings.rates), found.stack(f"{target}/{basis}/rates"), basis, i)
        rates.set(title="a layer by descent", xlabel="rate", xscale="log", yscale="log")
        name_lines(rates)
    return figure


STUDY = study.Study(
    source="Watching Neural Networks Learn (Emergent Garden, 2023)",
    link="https://www.youtube.com/watch?v=TkwXa7Cvfr8",
    quote="A single layer on Taylor features cannot find their coefficients; before a network they help.",
    settings=Settings,
    full=FULL,
    full_min=16,
    run=run,
    claims=claims,
    oracles=oracles,
    draw=draw,
    shows="fits of eight powers by descent",
)
