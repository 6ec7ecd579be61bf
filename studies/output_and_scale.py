"""Tanh at the output, leaky ReLU, normalised inputs and a decaying rate each make a network learn better.

One base network, and each choice changed alone, on a photo of which every pixel is given and on the Mandelbrot set. A
sigmoid at the output is tanh in disguise: sigmoid(2z) = (1 + tanh z)/2, so that a sigmoid whose last layer starts twice
as large and learns at twice the rate is the same network. Control: a base network from another start.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn

from mbench.nn import MLP, training
from mbench.runs import study
from mbench.runs.study import Claim, Found, Measures, Oracle, Watch, above, below, number
from mbench.suite.datasets import load_photo
from mbench.suite.tasks import load_task
from mbench.types import FloatArray
from mbench.views.study import name_lines, plot_bars, plot_range, study_figure
from mbench.views.study_film import enlarge, lay_out, name_picture

NAME = "output-and-scale"
N_FRESH = 10_000
SATURATED = 0.99  # a tanh beyond this is where its slope is nearly zero
TASKS = ("image", "mandelbrot")
FILMED = ("base", "sigmoid", "linear", "ReLU", "constant rate", "constant rate / 10", "raw inputs", "raw, rate / 10")
N_LOOKS = 30
FILM_WIDTH = 232  # pixels of a picture at least


@dataclass(frozen=True, slots=True)
class Settings(study.Settings):
    """rows: of the picture. points: of the Mandelbrot sample.  raw: the largest raw input."""

    rows: int = number(106, 8, 400)
    points: int = number(30_000, 100, 1_000_000)
    width: int = number(128, 2, 1_000)
    depth: int = number(4, 1, 10)
    batch: int = number(256, 1, 100_000)
    steps: int = number(250, 20, 1_000_000)
    learning_rate: float = number(0.01, 0.0, 1.0, above=True)
    raw: float = number(1_400.0, 1.0)


FULL = {"steps": 800}


@dataclass(frozen=True, slots=True)
class Variant:
    """What one run changes. rate: a factor on the learning rate.  start: another one's number."""

    output: str = "tanh"
    leaky: bool = True
    raw: bool = False
    decays: bool = True
    rate: float = 1.0
    start: int = 0


BASE = "base"
VARIANTS = {
    BASE: Variant(),
    "another start": Variant(start=1),
    "sigmoid": Variant(output="sigmoid"),
    "sigmoid × 2": Variant(output="sigmoid × 2"),
    "linear": Variant(output="linear"),
    "ReLU": Variant(leaky=False),
    "constant rate": Variant(decays=False),
    "constant rate / 10": Variant(decays=False, rate=0.1),
    "raw inputs": Variant(raw=True),
    "raw, rate / 10": Variant(raw=True, rate=0.1),
}


class Network(nn.Module):
    """An MLP whose outputs lie in (0, 1), but for linear ones."""

    def __init__(self, settings: Settings, variant: Variant) -> None:
        """Draws from torch's global generator."""
        super().__init__()
        kind = "leaky_relu" if variant.leaky else "relu"
        self.hidden = nn.Sequential(*list(MLP(2, 1, settings.width, settings.depth, kind).layers)[:-1])
        self.output = variant.output
        if variant.output == "sigmoid × 2":
            last = self.last
            with torch.no_grad():
                last.weight.mul_(2.0)
                last.bias.mul_(2.0)

    @property
    def last(self) -> nn.Linear:
        """The last linear layer."""
        layer = self.hidden[-1]
        assert isinstance(layer, nn.Linear)
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs for x (m, 2): (m, 1)."""
        z = self.hidden(x)
        if self.output == "linear":
            return z
        return z.sigmoid() if self.output.startswith("sigmoid") else 0.5 + 0.5 * z.tanh()


def rate_at(settings: Settings, variant: Variant, step: int) -> float:
    """Return the learning rate of a step: a rise over a tenth, then half a cosine down to a hundredth, or constant."""
    peak = settings.learning_rate * variant.rate
    if not variant.decays:
        return peak
    rise = math.ceil(settings.steps / 10)
    if step < rise:
        return peak * (step + 1) / rise
    share = (step - rise) / max(1, settings.steps - rise)
    return peak * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * share)))


def fit(
    settings: Settings,
    variant: Variant,
    data: tuple[FloatArray, FloatArray],
    seed: int,
    kind: torch.dtype,
    look: Callable[[Network], None] | None = None,
) -> Network:
    """Return the network trained on X (n, 2) and y (n,). look: called with it at the steps of the film."""
    due = set(study.look_steps(settings.steps, N_LOOKS)) if look else set()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(study.torch_seed(NAME, f"start {variant.start}", seed))
        network = Network(settings, variant).to(kind)
    X = (data[0] + 1.0) / 2.0 * settings.raw if variant.raw else data[0]
    order = study.torch_seed(NAME, "order", seed)
    X, y = torch.tensor(X, dtype=kind), torch.tensor(data[1][:, None], dtype=kind)
    twice = [network.last.weight, network.last.bias] if variant.output == "sigmoid × 2" else []
    before: list[Tensor] = []
    for step in training(network, X, y, lambda k: rate_at(settings, variant, k), settings.batch, order):
        with torch.no_grad():  # Adam's step is as long as the rate, so that a step taken twice is a rate twice as large
            for parameter, old in zip(twice, before, strict=False):
                parameter.add_(parameter - old)
        if look and step.number in due:
            look(network)
        if step.number == settings.steps:
            break
        before = [parameter.detach().clone() for parameter in twice]
    return network


def predict(settings: Settings, variant: Variant, network: Network, X: FloatArray) -> FloatArray:
    """Return the answers at X (m, 2): (m,)."""
    X = (X + 1.0) / 2.0 * settings.raw if variant.raw else X
    kind = network.last.weight.dtype
    with torch.inference_mode():
        return np.concatenate([network(torch.tensor(part, dtype=kind))[:, 0].double().numpy()
                               for part in np.array_split(X, max(1, len(X) // 4_096))])  # fmt: skip


def draw_task(
    settings: Settings, task: str, seed: int
) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
    """Return what is learned and what is asked, X (n, 2) in [-1, 1] and y (n,) each."""
    if task == "image":
        photo = Image.fromarray(load_photo("china")).convert("L")
        grey = np.asarray(photo.resize((round(settings.rows * 1.5), settings.rows), Image.Resampling.BOX)) / 255.0
        rows, columns = grey.shape
        y, x = np.mgrid[0:rows, 0:columns]
        X = np.stack([(2 * x + 1) / columns - 1, (2 * y + 1) / rows - 1], axis=2).reshape(-1, 2)
        return (X, grey.reshape(-1)), (X, grey.reshape(-1))
    points = load_task("mandelbrot")
    sample = points.draw_sample(settings.points + N_FRESH, seed)
    X, y = sample.X, sample.y[:, 0]
    return (X[: settings.points], y[: settings.points]), (X[settings.points :], y[settings.points :])


def run(settings: Settings, seed: int, watch: Watch) -> Measures:
    """Train every variant on both tasks."""
    found: dict[str, Any] = {}
    film = Film(settings)
    for task in TASKS:
        learned, asked = draw_task(settings, task, seed)
        for name, variant in VARIANTS.items():
            watch.say(f"{task}: {name}")
            look = film.look(name) if watch.films and task == "image" and name in FILMED else None
            network = fit(settings, variant, learned, seed, torch.float32, look)
            answers = predict(settings, variant, network, asked[0])
            found[f"{name}/{task}_fvu"] = np.mean((answers - asked[1]) ** 2) / np.var(asked[1])
            found[f"{name}/{task}_saturated"] = np.mean(np.abs(2.0 * answers - 1.0) > SATURATED)
            found[f"{name}/{task}_spread"] = np.std(answers) / np.std(asked[1])
    if watch.films:
        film.offer(watch)
    return found


class Film:
    """The photo as some variants have it at each look, at every other pixel of both ways."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is seen yet."""
        self._settings = settings
        self._seen: dict[str, list[FloatArray]] = {}
        (X, y), _ = draw_task(settings, "image", 0)
        shape = settings.rows, len(X) // settings.rows
        self._X = X.reshape(*shape, 2)[::2, ::2]
        self._truth = y.reshape(shape)[::2, ::2]

    def look(self, name: str) -> Callable[[Network], None]:
        """Return what keeps the picture of a variant."""
        seen = self._seen[name] = []

        def keep(network: Network) -> None:
            answers = predict(self._settings, VARIANTS[name], network, self._X.reshape(-1, 2))
            seen.append(answers.reshape(self._truth.shape))

        return keep

    def offer(self, watch: Watch) -> None:
        """Offer the pictures side by side, each with its error."""
        times = math.ceil(FILM_WIDTH / self._truth.shape[1])
        for k, step in enumerate(study.look_steps(self._settings.steps, N_LOOKS)):
            pictures = []
            for name, seen in self._seen.items():
                error = np.mean((seen[k] - self._truth) ** 2) / np.var(self._truth)
                grey = np.rint(255 * np.clip(seen[k], 0, 1)).astype(np.uint8)[:, :, None].repeat(3, axis=2)
                pictures.append(name_picture(enlarge(grey, times), f"{name}: error {error:.2f}"))
            watch.shot(step, lambda pictures=pictures: lay_out(pictures, 4), times=3)


def claims(settings: Settings) -> tuple[Claim, ...]:
    """Return the thresholds: how many times the error of the base network each change makes."""

    def times(names: tuple[str, ...], against: str = BASE) -> dict[str, study.Measure]:
        return {
            f"{task}, {name}": lambda m, t=task, n=name: float(m[f"{n}/{t}_fvu"] / m[f"{against}/{t}_fvu"])
            for task in TASKS
            for name in names
        }

    def better(name: str) -> dict[str, study.Measure]:
        """The better of two rates, so that a rate that is merely too large proves nothing."""
        pair = {"constant rate": "constant rate / 10", "raw inputs": "raw, rate / 10"}[name]
        return {
            task: lambda m, t=task: float(min(m[f"{name}/{t}_fvu"], m[f"{pair}/{t}_fvu"]) / m[f"{BASE}/{t}_fvu"])
            for task in TASKS
        }

    measure = "error over the base network's"
    return (
        Claim(id="normalised", words="normalised inputs are better than raw ones", rule=above(1.5), measure=measure,
              cases=better("raw inputs")),
        Claim(id="decay", words="a decaying rate is better than a constant one", rule=above(1.1), measure=measure,
              cases=better("constant rate")),
        Claim(id="leaky", words="leaky ReLU is better than ReLU", rule=above(1.05), measure=measure,
              cases=times(("ReLU",))),
        Claim(id="tanh", words="tanh at the output is better than a sigmoid", rule=above(1.05), measure=measure,
              cases=times(("sigmoid",))),
        Claim(id="linear", words="tanh at the output is better than none", rule=above(1.05), measure=measure,
              cases=times(("linear",))),
        Claim(id="start", words="another start changes less than these thresholds", kind="control",
              rule=study.between(0.9, 1.1), measure=measure, cases=times(("another start",))),
        Claim(id="identity", words="a sigmoid that starts and learns twice as fast is tanh", kind="finding",
              rule=study.between(0.95, 1.05), measure=measure, cases=times(("sigmoid × 2",))),
        Claim(id="constant", words="on raw inputs it ends at a constant", kind="finding", rule=below(0.1),
              measure="standard deviation of its answers over the truth's",
              cases={task: lambda m, t=task: float(m[f"raw inputs/{t}_spread"]) for task in TASKS}),
    )  # fmt: skip


def oracles(found: Found) -> tuple[Oracle, ...]:
    """Return the identity of tanh and sigmoid in float64, and the variance that an error is counted by."""
    small = replace(found.settings, rows=12, width=8, depth=2, batch=16, steps=40)
    data, _ = draw_task(small, "image", 0)
    answers = [
        predict(small, VARIANTS[name], fit(small, VARIANTS[name], data, 0, torch.float64), data[0])
        for name in (BASE, "sigmoid × 2", "sigmoid")
    ]
    mean = np.full_like(data[1], data[1].mean())
    return (
        Oracle(
            "sigmoid × 2 is tanh, in float64, after 40 steps", 0.0, float(np.abs(answers[0] - answers[1]).max()), 1e-6
        ),
        Oracle(
            "the identity is told from a plain sigmoid", 1.0, float(np.abs(answers[0] - answers[2]).max() > 1e-3), 0.0
        ),
        Oracle("the error of the mean is 1", 1.0, float(np.mean((mean - data[1]) ** 2) / np.var(data[1])), 1e-12),
    )


def draw(found: Found) -> Figure:
    """Draw every variant's error on both tasks, and the schedules."""
    settings: Settings = found.settings
    figure, axes = study_figure(1, 3, "Output, activation, scale and rate, each changed alone")
    for panel, task in zip(axes, TASKS, strict=False):
        plot_bars(panel, {name: found.stack(f"{name}/{task}_fvu") for name in VARIANTS}, TASKS.index(task))
        panel.set(title=f"{task}: error (FVU)", xscale="log")
    steps = np.arange(settings.steps)
    for i, name in enumerate((BASE, "constant rate", "constant rate / 10")):
        rates = np.array([rate_at(settings, VARIANTS[name], int(step)) for step in steps])
        plot_range(axes[2], steps, rates[None], name, i)
    axes[2].set(xlabel="step", title="learning rate")
    name_lines(axes[2])
    return figure


STUDY = study.Study(
    source="Watching Neural Networks Learn (Emergent Garden, 2023)",
    link="https://www.youtube.com/watch?v=TkwXa7Cvfr8",
    quote="Tanh works better than a sigmoid, leaky ReLU better than ReLU; inputs are normalised, the rate decays.",
    settings=Settings,
    full=FULL,
    full_min=3,
    run=run,
    claims=claims,
    oracles=oracles,
    draw=draw,
    shows="a photo as it is learned, each choice changed alone",
)
