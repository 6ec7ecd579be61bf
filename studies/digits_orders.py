"""Eight Fourier orders help on MNIST, 32 harm, 64 ruin.

The same small network on the pixels and on their harmonics, train beside test, at a learning rate that is scaled to
the number of features and at one that is not. Pixels lie over half a turn ([0, 1]) or a whole one ([-1, 1]), where
black and white have the same harmonics. Controls: a plain network at the same rate; labels in a random order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from mbench.nn import MLP, FourierFeatures, training
from mbench.runs import study
from mbench.runs.study import Claim, Found, Measures, Oracle, Watch, above, below, number, numbers
from mbench.suite.datasets import load_mnist
from mbench.types import FloatArray, IntArray
from mbench.views.render.colours import SERIES
from mbench.views.study import name_lines, plot_bars, study_figure
from mbench.views.study_film import Chart

NAME = "digits-orders"
REACH = 0.8  # one-hot targets lie this far from 0, within tanh's range
N_TRAIN_ASKED = 1_000
N_LOOKS, N_FILM_ASKED = 20, 300  # looks of the film, and images of both kinds that it asks
WIDTH, DEPTH = 64, 2


@dataclass(frozen=True, slots=True)
class Settings(study.Settings):
    """images: to learn from.  orders: beside none.  asked: test images; the whole set in the long version.

    unscaled: the rate that is not scaled to the features.  unscaled_orders: which orders it is tried with.
    """

    images: int = number(6_000, 100, 60_000)
    orders: tuple[int, ...] = numbers((8, 32), 1, 256)
    unscaled_orders: tuple[int, ...] = numbers((32,), 1, 256)
    asked: int = number(2_000, 100, 10_000)
    batch: int = number(128, 1, 10_000)
    steps: int = number(200, 10, 1_000_000)
    rate: float = number(0.01, 0.0, 1.0, above=True)
    unscaled: float = number(0.001, 0.0, 1.0, above=True)


FULL = {"images": 10_000, "orders": (8, 32, 64), "unscaled_orders": (8, 32, 64), "asked": 10_000, "steps": 800}


@dataclass(frozen=True, slots=True)
class Digits:
    """X (n, 784) in [0, 1] and labels (n,), to learn and to be asked."""

    X: Tensor
    labels: IntArray
    X_test: Tensor
    test_labels: IntArray


def draw_digits(settings: Settings, seed: int) -> Digits:
    """Return images of MNIST by lot, and test images of which every seed has others unless all are asked."""
    images, labels, n_train, white = load_mnist()
    learned = study.random_stream(NAME, "data", seed).permutation(n_train)[: settings.images]
    asked = n_train + study.random_stream(NAME, "test", seed).permutation(len(images) - n_train)[: settings.asked]
    X, X_test = (torch.tensor(images[rows] / white, dtype=torch.float32) for rows in (learned, asked))
    return Digits(X, labels[learned], X_test, labels[asked])


def prepare(settings: Settings) -> None:
    """Raise MissingDataError where MNIST is not here."""
    load_mnist()


class WholeTurn(nn.Module):
    """[0, 1] to [-1, 1], so that white is a whole turn from black."""

    def forward(self, x: Tensor) -> Tensor:
        """Return 2x - 1."""
        return 2.0 * x - 1.0


def make_network(orders: int, whole: bool, seed: int) -> tuple[nn.Module, int]:
    """Return a network and its number of features; orders: 0 for the pixels alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(study.torch_seed(NAME, "start", seed))
        if not orders:
            return MLP(784, 10, WIDTH, DEPTH), 784
        features = FourierFeatures(784, orders)
        layers = [features, MLP(features.n_features, 10, WIDTH, DEPTH)]
        return nn.Sequential(*([WholeTurn()] if whole else []), *layers), features.n_features


def fit(
    settings: Settings,
    digits: Digits,
    network: nn.Module,
    peak: float,
    seed: int,
    look: Callable[[], None] | None = None,
) -> tuple[float, float, float]:
    """Train, and return accuracy on the learned images, on the asked ones, and the largest answer in size.

    look: called at the steps of the film.
    """
    due = set(study.look_steps(settings.steps, N_LOOKS)) if look else set()
    y = torch.full((len(digits.labels), 10), -REACH)
    y[torch.arange(len(y)), torch.tensor(digits.labels)] = REACH
    rise = max(1, settings.steps // 10)

    def rate(step: int) -> float:
        if step < rise:
            return peak * (step + 1) / rise
        share = (step - rise) / max(1, settings.steps - rise)
        return peak * (0.01 + 0.99 * 0.5 * (1.0 + np.cos(np.pi * share)))

    for step in training(network, digits.X, y, rate, settings.batch, study.torch_seed(NAME, "order", seed)):
        if look and step.number in due:
            look()
        if step.number == settings.steps:
            break
    some = slice(0, min(N_TRAIN_ASKED, len(digits.X)))
    with torch.inference_mode():
        own = torch.cat([network(part) for part in digits.X[some].split(256)])
        other = torch.cat([network(part) for part in digits.X_test.split(256)])
    accuracies = [
        float((out.argmax(dim=1).numpy() == labels).mean())
        for out, labels in ((own, digits.labels[some]), (other, digits.test_labels))
    ]
    return accuracies[0], accuracies[1], float(own.abs().mean())


def linear_accuracy(digits: Digits) -> float:
    """Return the accuracy on the asked images of a linear least-squares fit to the one-hot labels."""
    X, asked = (np.column_stack([x.numpy(), np.ones(len(x))]).astype(float) for x in (digits.X, digits.X_test))
    weights = np.linalg.solve(X.T @ X + 1e-3 * np.eye(X.shape[1]), X.T @ np.eye(10)[digits.labels])
    return float(((asked @ weights).argmax(axis=1) == digits.test_labels).mean())


def rows_of(settings: Settings) -> dict[str, tuple[int, bool, bool]]:
    """Return every run: orders, whole turn?, scaled rate?"""
    rows: dict[str, tuple[int, bool, bool]] = {"none": (0, False, True), "none, rate 0.001": (0, False, False)}
    first = min(settings.orders)
    for k in settings.orders:
        rows[f"{k} orders"] = (k, False, True)
    rows[f"{first} orders, whole turn"] = (first, True, True)
    for k in settings.unscaled_orders:
        rows[f"{k} orders, whole turn, rate not scaled"] = (k, True, False)
    return rows


def run(settings: Settings, seed: int, watch: Watch) -> Measures:
    """Train every row, and a plain network on labels in a random order."""
    digits = draw_digits(settings, seed)
    found: dict[str, FloatArray] = {}
    seen: dict[str, list[tuple[float, float]]] = {}
    for name, (orders, whole, scaled) in rows_of(settings).items():
        watch.say(name)
        network, n = make_network(orders, whole, seed)
        peak = min(settings.rate, 4.0 / n) if scaled else settings.unscaled
        peak = settings.rate if scaled and not orders else peak
        look = keep_accuracy(network, digits, seen.setdefault(name, [])) if watch.films else None
        values = fit(settings, digits, network, peak, seed, look)
        found |= {f"{name}/{what}": np.array(v) for what, v in zip(("train", "test", "size"), values, strict=True)}
    found["linear/test"] = np.array(linear_accuracy(digits))
    lot = study.random_stream(NAME, "labels", seed).permutation(len(digits.labels))
    mixed = Digits(digits.X, digits.labels[lot], digits.X_test, digits.test_labels)
    found["labels by lot/test"] = np.array(
        fit(settings, mixed, make_network(0, False, seed)[0], settings.rate, seed)[1]
    )
    if watch.films:
        film(settings, seen, watch)
    return found


def keep_accuracy(network: nn.Module, digits: Digits, kept: list[tuple[float, float]]) -> Callable[[], None]:
    """Return what keeps a network's accuracy on some images that it learns from and on some others."""
    sets = ((digits.X[:N_FILM_ASKED], digits.labels), (digits.X_test[:N_FILM_ASKED], digits.test_labels))

    def keep() -> None:
        with torch.inference_mode():
            own, other = (float((network(X).argmax(dim=1).numpy() == labels[: len(X)]).mean()) for X, labels in sets)
        kept.append((own, other))

    return keep


def film(settings: Settings, seen: dict[str, list[tuple[float, float]]], watch: Watch) -> None:
    """Offer both accuracies as they grow with the steps."""
    chart = Chart(1, 2, (960, 470))
    steps = study.look_steps(settings.steps, N_LOOKS)
    lines = {}
    for panel, title in zip(chart.axes, ("on images it learns from", "on test images"), strict=True):
        for i, name in enumerate(seen):
            dashes = "-" if i < len(SERIES) else "--"
            lines[title, name] = panel.plot([], [], dashes, color=SERIES[i % len(SERIES)], linewidth=2, label=name)[0]
        panel.set(xlim=(1, settings.steps), ylim=(0, 1), xscale="log", xlabel="step", title=f"accuracy {title}")
    name_lines(chart.axes[0], loc="upper left")
    for k, step in enumerate(steps):
        for i, title in enumerate(("on images it learns from", "on test images")):
            for name, pairs in seen.items():
                lines[title, name].set_data(steps[: k + 1], [pair[i] for pair in pairs[: k + 1]])
        watch.shot(step, chart.picture, times=3)


def claims(settings: Settings) -> tuple[Claim, ...]:
    """Return the thresholds."""

    def gain(name: str, other: str, what: str = "test") -> study.Measure:
        return lambda m: 100.0 * float(m[f"{name}/{what}"] - m[f"{other}/{what}"])

    few = min(settings.orders)
    many = [k for k in settings.orders if k > few]
    fixed = [f"{k} orders, whole turn, rate not scaled" for k in settings.unscaled_orders]
    same = {"whole turn": f"{few} orders, whole turn", "half a turn": f"{few} orders"}
    points = "accuracy on test images, points"
    return (
        Claim(id="helps", words=f"{few} orders are about two points better than none", rule=above(1.0),
              measure=f"{points}: less none", cases={words: gain(name, "none") for words, name in same.items()}),
        Claim(id="harms", words=f"more than {few} orders harm", rule=below(-0.5),
              measure=f"{points}: less {few} orders",
              cases={f"{k} orders": gain(f"{k} orders", f"{few} orders") for k in many} or {"": lambda m: np.nan}),
        Claim(id="ruin", words="many orders ruin it", rule=below(0.5), measure="accuracy on test images",
              cases={f"{k} orders": lambda m, k=k: float(m[f"{k} orders/test"]) for k in many}
              | {name: lambda m, n=name: float(m[f"{n}/test"]) for name in fixed}),
        Claim(id="overfits", words="what ruins it is overfitting", rule=above(0.9),
              measure="accuracy on its own images, rate not scaled",
              cases={name: lambda m, n=name: float(m[f"{n}/train"]) for name in fixed}),
        Claim(id="by-lot", words="from labels by lot nothing is learned", kind="control", rule=below(0.3),
              measure="accuracy on test images", cases={"": lambda m: float(m["labels by lot/test"])}),
        Claim(id="learns", words="the plain network beats a linear fit", kind="control", rule=above(0.0),
              measure=f"{points}: less a linear fit", cases={"": gain("none", "linear")}),
        Claim(id="same-rate", words=f"{few} orders gain on a plain network that is held at a small rate",
              kind="finding", rule=above(0.0), measure=f"{points}: less none at the rate 0.001",
              cases={words: gain(name, "none, rate 0.001") for words, name in same.items()}),
        Claim(id="turn", words="a whole turn costs points, as black equals white", kind="finding", rule=below(-0.5),
              measure=f"{points}: a whole turn less half a one",
              cases={"": gain(f"{few} orders, whole turn", f"{few} orders")}),
    )  # fmt: skip


def oracles(found: Found) -> tuple[Oracle, ...]:
    """Return that black equals white over a whole turn, the number of features, and a linear fit where it is exact."""
    features = FourierFeatures(1, 8)(torch.tensor([[-1.0], [1.0]], dtype=torch.float64)).numpy()
    same = float(np.abs(features[0, 1:] - features[1, 1:]).max())
    rng = np.random.default_rng(0)
    few, labels = torch.tensor(rng.uniform(size=(500, 784))), rng.integers(0, 10, 500)
    known = linear_accuracy(Digits(few, labels, few, labels))
    return (
        Oracle("harmonics of black and white over a whole turn", 0.0, same, 1e-12),
        Oracle("features of 8 orders", 784 * 17, FourierFeatures(784, 8).n_features, 0.0),
        Oracle("a linear fit knows the labels of as many rows as it has weights", 1.0, known, 0.0),
    )  # fmt: skip


def draw(found: Found) -> Figure:
    """Draw accuracy on own and on test images, and how large answers are."""
    figure, axes = study_figure(1, 3, "MNIST with Fourier features of every pixel")
    rows = rows_of(found.settings)
    for panel, (what, title) in zip(
        axes, {"test": "accuracy on test images", "train": "accuracy on its own", "size": "mean |answer|"}.items(),
        strict=True,
    ):  # fmt: skip
        plot_bars(panel, {name: found.stack(f"{name}/{what}") for name in rows})
        panel.set(title=title, xlim=(0, 1))
        panel.tick_params(axis="y", labelsize=8)
    return figure


STUDY = study.Study(
    source="Watching Neural Networks Learn (Emergent Garden, 2023)",
    link="https://www.youtube.com/watch?v=TkwXa7Cvfr8",
    quote="On MNIST 8 orders are about two points better, 32 worse, 64 ruinous.",
    settings=Settings,
    full=FULL,
    full_min=15,
    run=run,
    claims=claims,
    oracles=oracles,
    draw=draw,
    shows="digits learned on harmonics of every pixel",
    prepare=prepare,
)
