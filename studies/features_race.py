"""Fourier features learn a picture much better and faster than Taylor's or none.

The same network on the inputs, on their powers, and on their harmonics, equal steps. The source gives every pixel and
asks the same ones; here half of them are given, too, and the other half is asked. Control: the pixels of the picture in
a random order, of which nothing can be told that was not given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

from mbench.nn import MLP, FourierFeatures, TaylorFeatures, reference_learning_rate, training
from mbench.runs import study
from mbench.runs.study import Claim, Found, Measures, Oracle, Watch, above, below, number
from mbench.suite.datasets import load_photo
from mbench.types import FloatArray, IntArray
from mbench.views.study import name_lines, plot_bars, plot_range, show_matrix, study_figure
from mbench.views.study_film import enlarge, lay_out, name_picture

NAME = "features-race"
RACERS: dict[str, tuple[str, int]] = {
    "none": ("none", 0),
    "Taylor 8": ("taylor", 8),
    "Fourier 8": ("fourier", 8),
    "Fourier 64": ("fourier", 64),
    "Fourier 256": ("fourier", 256),
}
GIVEN, HALF = "all given", "half given"
N_LOOKS = 24


@dataclass(frozen=True, slots=True)
class Settings(study.Settings):
    """rows: of the picture, which is half as wide again."""

    rows: int = number(64, 8, 400)
    width: int = number(128, 2, 1_000)
    depth: int = number(4, 1, 10)
    batch: int = number(256, 1, 100_000)
    steps: int = number(300, 24, 1_000_000)


FULL = {"rows": 106, "steps": 1_000}


@dataclass(frozen=True, slots=True)
class Pixels:
    """X (n, 2) in [-1, 1] and grey y (n,), and which rows are given."""

    X: FloatArray
    y: FloatArray
    given: IntArray
    asked: IntArray


def draw_pixels(settings: Settings, seed: int, half: bool, shuffled: bool = False) -> Pixels:
    """Return the picture; half: of which every other pixel, by lot, is given.  shuffled: in a random order."""
    photo = Image.fromarray(load_photo("china")).convert("L")
    grey = np.asarray(photo.resize((settings.rows * 3 // 2, settings.rows), Image.Resampling.BOX)) / 255.0
    rows, columns = grey.shape
    y, x = np.mgrid[0:rows, 0:columns]
    X = np.stack([(2 * x + 1) / columns - 1, (2 * y + 1) / rows - 1], axis=2).reshape(-1, 2)
    rng = study.random_stream(NAME, "data", seed)
    order = rng.permutation(len(X))
    values = grey.reshape(-1)[rng.permutation(len(X))] if shuffled else grey.reshape(-1)
    if not half:
        return Pixels(X, values, np.arange(len(X)), np.arange(len(X)))
    return Pixels(X, values, order[: len(X) // 2], order[len(X) // 2 :])


def make_network(settings: Settings, racer: str, seed: int) -> tuple[nn.Module, float]:
    """Return a network and its learning rate."""
    kind, orders = RACERS[racer]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(study.torch_seed(NAME, "start", seed))
        if kind == "none":
            return MLP(2, 1, settings.width, settings.depth), reference_learning_rate(2)
        features = TaylorFeatures(2, orders) if kind == "taylor" else FourierFeatures(2, orders)
        n = features.n_features
        return nn.Sequential(features, MLP(n, 1, settings.width, settings.depth)), reference_learning_rate(n)


def answer(network: nn.Module, X: torch.Tensor) -> FloatArray:
    """Return grey values at X (m, 2): (m,)."""
    with torch.inference_mode():
        parts = [network(part)[:, 0] for part in X.split(2_048)]
    return 0.5 + torch.cat(parts).double().numpy() / 1.6


def race(settings: Settings, racer: str, pixels: Pixels, seed: int) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return the steps looked at, the error on given and asked pixels (2, looks), and the whole picture at each."""
    network, peak = make_network(settings, racer, seed)
    X = torch.tensor(pixels.X, dtype=torch.float32)
    # Grey from 0 to 1 lies within 0.8 of tanh's range, as the reference trainer's targets do.
    y = torch.tensor(1.6 * (pixels.y - 0.5), dtype=torch.float32)[:, None]
    due = set(np.unique(np.geomspace(1, settings.steps, N_LOOKS).round().astype(int)).tolist())
    rise = max(1, settings.steps // 10)

    def rate(step: int) -> float:
        if step < rise:
            return peak * (step + 1) / rise
        share = (step - rise) / max(1, settings.steps - rise)
        return peak * (0.01 + 0.99 * 0.5 * (1.0 + np.cos(np.pi * share)))

    looks, errors, pictures = [], [], []
    order = study.torch_seed(NAME, "order", seed)
    given = torch.tensor(pixels.given)
    for step in training(network, X[given], y[given], rate, settings.batch, order):
        if step.number in due:
            picture = answer(network, X)
            error = np.square(picture - pixels.y)
            spread = np.var(pixels.y)
            looks.append(step.number)
            errors.append([error[rows].mean() / spread for rows in (pixels.given, pixels.asked)])
            pictures.append(picture)
        if step.number == settings.steps:
            break
    return np.array(looks), np.array(errors).T, np.array(pictures)


def run(settings: Settings, seed: int, watch: Watch) -> Measures:
    """Race all on all pixels and on half of them, and one on pixels in a random order."""
    found: dict[str, FloatArray] = {}
    shape = (settings.rows, settings.rows * 3 // 2)
    films: dict[str, FloatArray] = {}
    looks = np.array([])
    for way in (GIVEN, HALF):
        pixels = draw_pixels(settings, seed, way == HALF)
        for racer in RACERS:
            watch.say(f"{way}: {racer}")
            looks, errors, pictures = race(settings, racer, pixels, seed)
            found[f"{racer}, {way}/on_given"], found[f"{racer}, {way}/on_asked"] = errors
            if way == HALF:
                films[racer] = pictures.reshape(-1, *shape)
                found[f"run/picture {racer}"] = pictures[-1].reshape(shape)
    watch.say("pixels in a random order")
    shuffled = draw_pixels(settings, seed, half=True, shuffled=True)
    _, errors, _ = race(settings, "Fourier 64", shuffled, seed)
    found["shuffled/on_given"], found["shuffled/on_asked"] = errors
    truth = draw_pixels(settings, seed, half=False).y.reshape(shape)
    for k, step in enumerate(looks):
        watch.shot(int(step), lambda k=k: draw_frame(films, truth, k), times=3)
    return found | {"run/step": looks.astype(float)}


def draw_frame(films: dict[str, FloatArray], truth: FloatArray, k: int) -> IntArray:
    """Return the pictures of all at one look, each with its error, beside the truth.

    films: by racer, (looks, rows, columns) each.
    """
    pictures = {"truth": truth}
    for racer, film in films.items():
        pictures[f"{racer}: error {np.mean((film[k] - truth) ** 2) / np.var(truth):.3f}"] = film[k]
    greys = {name: np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8) for name, picture in pictures.items()}
    return lay_out(
        [name_picture(enlarge(grey[:, :, None].repeat(3, axis=2), 3), name) for name, grey in greys.items()], 3
    )


def claims(settings: Settings) -> tuple[Claim, ...]:
    """Return the thresholds."""

    def ratio(racer: str, other: str, place: int = -1) -> dict[str, study.Measure]:
        return {
            way: lambda m, w=way: float(m[f"{racer}, {w}/on_asked"][place] / m[f"{other}, {w}/on_asked"][place])
            for way in (GIVEN, HALF)
        }

    def early(m: Measures) -> float:
        """Of the steps, the share after which Fourier 256 is and stays ahead of no features, all pixels given."""
        ahead = m[f"Fourier 256, {GIVEN}/on_asked"] < m[f"none, {GIVEN}/on_asked"]
        behind = np.flatnonzero(~ahead)
        return 0.0 if not len(behind) else float(m["run/step"][behind[-1]] / m["run/step"][-1])

    measure = "error on the pixels asked, over that of the other"
    return (
        Claim(id="better", words="Fourier features (256 orders) learn much better than none", rule=below(0.5),
              measure=measure, cases=ratio("Fourier 256", "none")),
        Claim(id="taylor", words="Taylor features are no better than none", rule=above(0.8), measure=measure,
              cases=ratio("Taylor 8", "none")),
        Claim(id="beats-taylor", words="Fourier features (256 orders) learn much better than Taylor's", rule=below(0.5),
              measure=measure, cases=ratio("Fourier 256", "Taylor 8")),
        Claim(id="faster", words="Fourier features (256 orders) are ahead from the first quarter on", rule=below(0.25),
              measure="share of the steps until they are ahead of none for good, all given", cases={"": early}),
        Claim(id="shuffled", words="of pixels in a random order nothing is learned that helps", kind="control",
              rule=above(0.9), measure="error on the pixels asked",
              cases={"": lambda m: float(m["shuffled/on_asked"][-1])}),
        Claim(id="few-orders", words="on unseen pixels 8 orders beat 256", kind="finding", rule=below(1.0),
              measure="error: 8 orders over 256, half given",
              cases={HALF: ratio("Fourier 8", "Fourier 256")[HALF]}),
    )  # fmt: skip


def oracles(found: Found) -> tuple[Oracle, ...]:
    """Return features against NumPy's, an error that is known, and a least-squares fit that no training may beat."""
    x = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    made = FourierFeatures(2, 3)(torch.tensor(x)).numpy()
    k = np.arange(1, 4)[None, :, None] * np.pi * x[:, None, :]
    by_hand = np.concatenate([x, np.sin(k).reshape(50, -1), np.cos(k).reshape(50, -1)], axis=1)
    pixels = draw_pixels(replace(found.settings, rows=12), 0, half=True)
    both = np.sort(np.concatenate([pixels.given, pixels.asked]))
    flat = np.square(pixels.y - pixels.y.mean()).mean() / np.var(pixels.y)
    return (
        Oracle("Fourier features against NumPy's sine and cosine", 0.0, float(np.abs(made - by_hand).max()), 1e-6),
        Oracle(
            "given and asked halves make the picture", 0.0, float(np.abs(both - np.arange(len(pixels.X))).sum()), 0.0
        ),
        Oracle("the error of the mean is 1", 1.0, float(flat), 1e-12),
    )


def draw(found: Found) -> Figure:
    """Draw the error over steps in both ways, the ends beside each other, and the pictures."""
    figure, axes = study_figure(2, 4, "Features in a race: all pixels given, and half of them")
    steps = found.measures[0]["run/step"]
    for panel, way in zip(axes, (GIVEN, HALF), strict=False):
        for i, racer in enumerate(RACERS):
            plot_range(panel, steps, found.stack(f"{racer}, {way}/on_asked"), racer, i)
        panel.set(xscale="log", yscale="log", xlabel="step", title=f"error on the pixels asked, {way}")
    name_lines(axes[0])
    for panel, way in zip(axes[2:], (GIVEN, HALF), strict=False):
        plot_bars(panel, {racer: found.stack(f"{racer}, {way}/on_asked")[:, -1] for racer in RACERS})
        panel.set(xscale="log", title=f"at the end, {way}")
    for panel, racer in zip(axes[4:], ("none", "Taylor 8", "Fourier 8", "Fourier 256"), strict=True):
        grey = np.rint(255 * np.clip(found.measures[0][f"run/picture {racer}"], 0, 1)).astype(np.uint8)
        show_matrix(panel, grey[:, :, None].repeat(3, axis=2), f"{racer}, half given")
    return figure


STUDY = study.Study(
    source="Watching Neural Networks Learn (Emergent Garden, 2023)",
    link="https://www.youtube.com/watch?v=TkwXa7Cvfr8",
    quote="Fourier features learn much better and faster than none, and than Taylor's.",
    settings=Settings,
    full=FULL,
    full_min=4,
    run=run,
    claims=claims,
    oracles=oracles,
    draw=draw,
    shows="a photo of which every other pixel is given",
)
