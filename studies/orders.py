"""256 Fourier orders learn the Mandelbrot set better than fewer, or none.

A map of orders × points: the same network on K harmonics of each input, learned from N points of the smooth target, and
asked at fresh ones. Beside it kernel regression with the infinitely wide network's kernel on the same features, which
trains nothing, and 12 nearest neighbours. `taylor-line`: powers of one input in one layer, by descent and by least
squares, which tells what the powers cannot do from what descent does not find. Control: labels in a random order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.neighbors import KNeighborsRegressor

from mbench.nn import FourierFeatures, TorchRegressor, reference_learning_rate
from mbench.runs import study
from mbench.runs.study import Claim, Found, Measures, Oracle, Watch, above, below, number, numbers
from mbench.suite.tasks import load_task
from mbench.types import FloatArray, IntArray
from mbench.views.render.colours import paint_values
from mbench.views.study import name_lines, plot_bars, plot_range, study_figure
from mbench.views.study_film import enlarge, lay_out, name_picture

NAME = "orders"
N_FRESH = 6_000
RIDGE = 1e-6  # of the kernel's largest entry
LINE_POWERS = 8
LINE_STEPS = 1_000
N_LOOKS = 24
FILMED = 4, 3  # orders and points at most
FILM_ROWS, FILM_COLUMNS, FILM_TIMES = 44, 70, 3


@dataclass(frozen=True, slots=True)
class Settings(study.Settings):
    """orders: of each input, 0 for none.  points: of the sample.  kernel_points: the most that the kernel takes."""

    orders: tuple[int, ...] = numbers((0, 8, 32, 128), 0, 256)
    points: tuple[int, ...] = numbers((1_000, 10_000, 100_000), 50, 1_000_000)
    kernel_points: int = number(1_000, 0, 5_000)
    width: int = number(128, 2, 1_000)
    depth: int = number(4, 1, 10)
    batch: int = number(256, 1, 100_000)
    steps: int = number(250, 10, 1_000_000)


FULL = {
    "orders": (0, 4, 8, 16, 32, 64, 128, 256),
    "points": (1_000, 3_162, 10_000, 31_623, 100_000, 316_228),
    "kernel_points": 3_162,
    "steps": 1_000,
}


def features_of(X: FloatArray, orders: int) -> FloatArray:
    """Return X (n, 2) with its harmonics: (n, 2 · (1 + 2 · orders)), in NumPy alone."""
    k = np.pi * np.arange(1, orders + 1)[None, :, None] * X[:, None, :]
    return np.concatenate([X, np.sin(k).reshape(len(X), -1), np.cos(k).reshape(len(X), -1)], axis=1)


def tangent_kernel(A: FloatArray, B: FloatArray, depth: int) -> FloatArray:
    """Return the neural tangent kernel of an infinitely wide ReLU network with biases: (len(A), len(B)).

    Source: Jacot, Gabriel and Hongler, "Neural tangent kernel" (2018), with Cho and Saul's arc-cosine formulas (2009).
    """
    d = A.shape[1]
    a, b = 1.0 + (A * A).sum(axis=1) / d, 1.0 + (B * B).sum(axis=1) / d
    covariance = 1.0 + A @ B.T / d
    kernel = covariance.copy()
    for _ in range(depth):
        size = np.sqrt(a[:, None] * b[None, :])
        cosine = np.clip(covariance / size, -1.0, 1.0)
        angle = np.arccos(cosine)
        slope = (np.pi - angle) / np.pi
        covariance = size * (np.sin(angle) + (np.pi - angle) * cosine) / np.pi
        kernel = kernel * slope + covariance
        # Of a ReLU whose weights have variance 2 / fan-in, the diagonal stays as it is.
    return kernel


def kernel_error(
    learned: tuple[FloatArray, FloatArray], asked: tuple[FloatArray, FloatArray], orders: int, depth: int
) -> float:
    """Return the error of kernel regression, of the variance of what is asked."""
    A, B = features_of(learned[0], orders), features_of(asked[0], orders)
    kernel = tangent_kernel(A, A, depth)
    mean = learned[1].mean()
    weights = np.linalg.solve(kernel + RIDGE * kernel.max() * np.eye(len(A)), learned[1] - mean)
    answers = mean + tangent_kernel(B, A, depth) @ weights
    return float(np.mean((answers - asked[1]) ** 2) / np.var(asked[1]))


def draw_data(n: int, seed: int) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
    """Return n points of replicate `seed`, and fresh ones beyond any sample: X (n, 2), y (n,) each."""
    task = load_task("mandelbrot")
    sample, fresh = task.draw_sample(n, seed), task.draw_sample(N_FRESH, seed, start=2_000_000)
    return (sample.X, sample.y[:, 0]), (fresh.X, fresh.y[:, 0])


def _nearness(distance: FloatArray) -> FloatArray:
    return 1.0 / np.maximum(distance, 1e-12) ** 2


def fit_error(
    settings: Settings,
    learned: tuple[FloatArray, FloatArray],
    asked: tuple[FloatArray, FloatArray],
    orders: int,
    seed: int,
    look: Callable[[TorchRegressor, int], None] | None = None,
) -> tuple[float, float]:
    """Return a trained network's error on its own points and on those asked, of the variance of what is asked.

    look: called with it and the number of steps taken, at the steps of the film.
    """
    n_features = 2 * (1 + 2 * orders)
    model = TorchRegressor(
        features="fourier" if orders else None, orders=max(orders, 1), width=settings.width, depth=settings.depth,
        steps=settings.steps, batch_size=settings.batch, learning_rate=reference_learning_rate(n_features),
        random_state=study.torch_seed(NAME, "start", seed), snapshots=N_LOOKS,
    )  # fmt: skip
    model.fit(*learned, snapshot=(lambda step: look(model, step)) if look else None)
    own = learned[0][:N_FRESH], learned[1][:N_FRESH]
    errors = [float(np.mean((model.predict(X) - y) ** 2) / np.var(asked[1])) for X, y in (own, asked)]
    return errors[0], errors[1]


def line_target(x: FloatArray) -> FloatArray:
    """Return what one input is to: sin 5x, which eight powers can follow to 1e-4."""
    return np.sin(5.0 * x)


def descend(design: FloatArray, y: FloatArray, seed: int) -> float:
    """Return the error of a linear layer on a design (n, k), by Adam with half a cosine of rates."""
    X, targets = torch.tensor(design), torch.tensor(y)
    weight = torch.zeros(design.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([weight], lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, LINE_STEPS)
    for _ in range(LINE_STEPS):
        optimizer.zero_grad()
        (X @ weight - targets).square().mean().backward()
        optimizer.step()
        schedule.step()
    return float(np.mean((design @ weight.detach().numpy() - y) ** 2) / np.var(y))


def run(settings: Settings, seed: int, watch: Watch) -> Measures:
    """Fill the map, and fit the line."""
    shape = (len(settings.orders), len(settings.points))
    error, own, nearest = np.zeros(shape), np.zeros(shape), np.zeros(len(settings.points))
    kernel = np.full(shape, np.nan)
    by_lot = 0.0
    film = Film(settings)
    for j, n in enumerate(settings.points):
        learned, asked = draw_data(n, seed)
        neighbours = KNeighborsRegressor(12, weights=_nearness)  # pyright: ignore[reportArgumentType]
        neighbours.fit(*learned)
        nearest[j] = np.mean((neighbours.predict(asked[0]) - asked[1]) ** 2) / np.var(asked[1])
        for i, orders in enumerate(settings.orders):
            watch.say(f"{n:,} points, {orders} orders")
            look = film.look(orders, n) if watch.films else None
            own[i, j], error[i, j] = fit_error(settings, learned, asked, orders, seed, look)
            if n <= settings.kernel_points:
                kernel[i, j] = kernel_error(learned, (asked[0][:2_000], asked[1][:2_000]), orders, settings.depth)
        if j == 0:
            lot = study.random_stream(NAME, "labels", seed).permutation(n)
            by_lot = fit_error(settings, (learned[0], learned[1][lot]), asked, settings.orders[0], seed)[1]
    if watch.films:
        film.offer(watch)
    watch.say("the line")
    x = np.sort(study.random_stream(NAME, "line", seed).uniform(-1, 1, 1_000))
    powers = x[:, None] ** np.arange(LINE_POWERS + 1)
    chebyshev = np.polynomial.chebyshev.chebvander(x, LINE_POWERS)
    y = line_target(x)
    best = powers @ np.linalg.lstsq(powers, y, rcond=None)[0]
    return {
        "map/error": error,
        "map/own": own,
        "map/kernel": kernel,
        "map/nearest": nearest,
        "map/by_lot": np.array(by_lot),
        "line/powers": np.array(descend(powers, y, seed)),
        "line/chebyshev": np.array(descend(chebyshev, y, seed)),
        "line/least_squares": np.array(np.mean((best - y) ** 2) / np.var(y)),
        "line/condition_powers": np.array(np.linalg.cond(powers)),
        "line/condition_chebyshev": np.array(np.linalg.cond(chebyshev)),
    }


class Film:
    """The set as networks of some orders have it, learned from some numbers of points, at each look."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is seen yet."""
        self._shown = [
            np.unique(np.linspace(0, len(values) - 1, most).round().astype(int)).tolist()
            for values, most in zip((settings.orders, settings.points), FILMED, strict=True)
        ]
        self._orders, self._points = settings.orders, settings.points
        self._seen: dict[tuple[int, int], dict[int, IntArray]] = {}
        y, x = np.mgrid[1 : -1 : FILM_ROWS * 1j, -1 : 1 : FILM_COLUMNS * 1j]
        self._X = np.column_stack([x.ravel(), y.ravel()])

    def look(self, orders: int, n: int) -> Callable[[TorchRegressor, int], None] | None:
        """Return what keeps the picture of one network by step, None for one that is not shown."""
        place = self._orders.index(orders), self._points.index(n)
        if any(each not in shown for each, shown in zip(place, self._shown, strict=True)):
            return None
        seen = self._seen[place] = {}

        def keep(model: TorchRegressor, step: int) -> None:
            values = model.predict(self._X).reshape(FILM_ROWS, FILM_COLUMNS)
            seen[step] = enlarge(paint_values(values), FILM_TIMES)

        return keep

    def offer(self, watch: Watch) -> None:
        """Offer the pictures: a row for each number of points, a column for each of orders."""
        places = [(i, j) for j in self._shown[1] for i in self._shown[0]]
        for step in self._seen[places[0]]:
            pictures = []
            for i, j in places:
                orders = f"{self._orders[i]} orders" if self._orders[i] else "none"
                pictures.append(name_picture(self._seen[i, j][step], f"{orders}, {self._points[j]:,} points"))
            watch.shot(step, lambda pictures=pictures: lay_out(pictures, len(self._shown[0])), times=3)


def claims(settings: Settings) -> tuple[Claim, ...]:
    """Return the thresholds."""
    most = max(settings.orders)
    i, none = settings.orders.index(most), settings.orders.index(min(settings.orders))

    def pays(j: int) -> study.Measure:
        return lambda m: float(m["map/error"][i, j] / m["map/error"][none, j])

    def best(j: int) -> study.Measure:
        return lambda m: float(m["map/error"][i, j] / m["map/error"][:, j].min())

    sizes = {f"{n:,} points": j for j, n in enumerate(settings.points)}
    small = [(f"{n:,} points", j) for j, n in enumerate(settings.points) if n <= settings.kernel_points]
    return (
        Claim(id="pays", words=f"{most} orders are better than none", rule=below(1.0),
              measure="error over that of the fewest orders", cases={name: pays(j) for name, j in sizes.items()}),
        Claim(id="most", words=f"{most} orders are the best", rule=below(1.01),
              measure="error over that of the best orders", cases={name: best(j) for name, j in sizes.items()}),
        Claim(id="taylor-line", words="back-propagation has a hard time finding Taylor coefficients", rule=above(3.0),
              measure="error of eight powers by Adam over that by least squares",
              cases={"": lambda m: float(m["line/powers"] / m["line/least_squares"])}),
        Claim(id="by-lot", words="from labels by lot nothing is learned", kind="control", rule=above(0.8),
              measure="error, fewest orders and points", cases={"": lambda m: float(m["map/by_lot"])}),
        Claim(id="conditioning", words="it is a matter of conditioning: another basis of the same powers is found",
              kind="control", rule=below(1.5), measure="error by Adam in Chebyshev's basis over least squares",
              cases={"": lambda m: float(m["line/chebyshev"] / m["line/least_squares"])}),
        Claim(id="own", words=f"{most} orders fit their own points", kind="finding", rule=below(0.05),
              measure="error on their own points",
              cases={name: lambda m, j=j: float(m["map/own"][i, j]) for name, j in sizes.items()}),
        Claim(id="kernel", words="the kernel, which trains nothing, prefers few orders, too", kind="finding",
              rule=above(2.0), measure=f"kernel's error: {most} orders over the fewest",
              cases={name: lambda m, j=j: float(m["map/kernel"][i, j] / m["map/kernel"][none, j]) for name, j in small}
              or {"": lambda m: np.nan}),
    )  # fmt: skip


def oracles(found: Found) -> tuple[Oracle, ...]:
    """Return features and kernel against independent ones, and the map against the kernel's ranking of the ends."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (30, 2))
    apart = float(np.abs(features_of(X, 4) - FourierFeatures(2, 4)(torch.tensor(X)).numpy()).max())
    # One hidden layer: the kernel is the mean over random units of (1 + x·y/d) relu'relu' + relu relu.
    A, B = X[:1], X[1:2]
    units = rng.standard_normal((400_000, 3))
    u, v = units @ np.append(A[0] / np.sqrt(2), 1.0), units @ np.append(B[0] / np.sqrt(2), 1.0)
    both = 1.0 + float(A[0] @ B[0]) / 2
    simulated = float(np.mean(2.0 * ((u > 0) & (v > 0)) * both + 2.0 * np.maximum(u, 0) * np.maximum(v, 0)))
    line = found.measures[0]
    x = np.linspace(-1, 1, 2_001)
    fitted = np.polynomial.Polynomial.fit(x, line_target(x), LINE_POWERS)(x)
    exact = float(np.mean((fitted - line_target(x)) ** 2) / np.var(line_target(x)))
    return (
        Oracle("features in NumPy against mbench.nn's", 0.0, apart, 1e-6),
        Oracle("the kernel of one layer against 400,000 random units", simulated, float(tangent_kernel(A, B, 1)[0, 0]),
               0.02),
        Oracle("least squares against NumPy's fit on a grid", exact, float(line["line/least_squares"]), 5e-4),
        Oracle("condition number of the powers over Chebyshev's is above 10", 1.0,
               float(line["line/condition_powers"] > 10.0 * line["line/condition_chebyshev"]), 0.0),
    )  # fmt: skip


def draw(found: Found) -> Figure:
    """Draw the map as numbers, error by orders for every N, and the line."""
    settings: Settings = found.settings
    figure, axes = study_figure(1, 3, "Orders × points on the Mandelbrot set")
    error = found.stack("map/error").mean(axis=0)
    axes[0].imshow(np.log(error), cmap="magma", aspect="auto")
    for i, j in np.ndindex(error.shape):
        is_best = error[i, j] == error[:, j].min()
        colour = "#5ec8c0" if is_best else "#15151c" if error[i, j] > 0.2 else "#eceaf2"
        weight = "bold" if is_best else "normal"
        axes[0].text(j, i, f"{error[i, j]:.3f}", ha="center", va="center", color=colour, fontweight=weight)
    axes[0].set_xticks(range(len(settings.points)), [f"{n:,}" for n in settings.points])
    axes[0].set_yticks(range(len(settings.orders)), [str(k) if k else "none" for k in settings.orders])
    axes[0].set(xlabel="points", ylabel="orders", title="error (FVU); the best of a column in green")
    axes[0].grid(visible=False)
    places = np.arange(len(settings.orders))
    for j, n in enumerate(settings.points):
        plot_range(axes[1], places, found.stack("map/error")[:, :, j], f"{n:,} points", j)
        if np.isfinite(found.stack("map/kernel")[:, :, j]).all():
            plot_range(axes[1], places, found.stack("map/kernel")[:, :, j], f"{n:,}, kernel", j + 4)
    axes[1].set_xticks(places, [str(k) if k else "none" for k in settings.orders])
    axes[1].set(xlabel="orders", yscale="log", title="error by orders")
    name_lines(axes[1])
    line = {"powers, Adam": "powers", "Chebyshev, Adam": "chebyshev", "powers, least squares": "least_squares"}
    plot_bars(axes[2], {name: found.stack(f"line/{key}") for name, key in line.items()})
    axes[2].set(xscale="log", title="eight powers of one input on sin 5x: error")
    return figure


STUDY = study.Study(
    source="Watching Neural Networks Learn (Emergent Garden, 2023)",
    link="https://www.youtube.com/watch?v=TkwXa7Cvfr8",
    quote="With 256 orders of Fourier features the Mandelbrot set is learned best; a Taylor layer's coefficients are "
    "hard to find.",
    settings=Settings,
    full=FULL,
    full_min=12,
    run=run,
    claims=claims,
    oracles=oracles,
    draw=draw,
    shows="the set as it is learned, by orders and points",
)
