"""Lipschitz bounds and slope penalties defend a classifier of digits against attacks.

The same network on scikit-learn's digits under one regulariser at a time, at several strengths. Each is attacked by
FGSM and by PGD, and certified where the margin is larger than √2 · bound · radius. A method's strength is chosen on
held-out rows of the training set, by accuracy under PGD; the front draws accuracy against robustness. Controls: no
regulariser; random changes of the same size instead of an attack.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from mbench.nn import ConstantSlopeRegressor, attack, margins, measured_slope
from mbench.runs import study
from mbench.runs.study import Claim, Found, Measures, Oracle, Watch, above, below, number
from mbench.suite.datasets import load_digits
from mbench.types import FloatArray, IntArray
from mbench.views.render.colours import SERIES
from mbench.views.study import name_lines, plot_bars, study_figure
from mbench.views.study_film import Chart, enlarge, lay_out, name_picture

NAME = "attack"
NONE = "none"
LIPSCHITZ = ("clip", "spectral")
SLOPES = ("slope²", "constant slope")
METHODS: dict[str, tuple[str, tuple[float, ...]]] = {
    "L1": ("l1", (0.03,)),
    "L2": ("weight_decay", (2.0, 5.0)),
    "clip": ("max_weight", (0.1, 0.05)),
    "spectral": ("max_norm", (2.0, 1.5)),
    "slope²": ("gradient_penalty", (0.01, 0.1)),
    "constant slope": ("constant", (0.03, 0.1)),
    "dropout": ("dropout", (0.3,)),
}
HELD_OUT = 0.2
N_SLOPES = 200  # test rows whose Jacobians are measured
FILMED = ("L2", "spectral", "slope²", "constant slope")
N_LOOKS = 48
N_ATTACKED, N_SHOWN = 100, 6  # test rows that the film attacks, and shows
RIGHT, WRONG = (90, 190, 130), (230, 80, 80)  # the frame about an image, by the answer


@dataclass(frozen=True, slots=True)
class Settings(study.Settings):
    """radius: of the largest change of a pixel, on a scale from 0 to 1.  certified: Euclid's radius of certificates."""

    width: int = number(128, 2, 1_000)
    depth: int = number(2, 1, 10)
    steps: int = number(300, 10, 1_000_000)
    batch: int = number(128, 1, 10_000)
    learning_rate: float = number(3e-3, 0.0, 1.0, above=True)
    radius: float = number(0.1, 0.0, 1.0, above=True)
    certified: float = number(0.1, 0.0, 10.0, above=True)
    pgd_steps: int = number(20, 1, 1_000)
    asked: int = number(300, 10, 1_797)


FULL = {"steps": 600, "asked": 539}


@dataclass(frozen=True, slots=True)
class Digits:
    """Images (n, 64) in [0, 1] and labels (n,): to learn, to choose strengths by, and to be asked."""

    learned: tuple[FloatArray, IntArray]
    held_out: tuple[FloatArray, IntArray]
    asked: tuple[FloatArray, IntArray]


def draw_digits(settings: Settings, seed: int) -> Digits:
    """Return the digits, split by lot in the seed's own order."""
    images, labels, n_train, white = load_digits()
    X = images / white
    order = study.random_stream(NAME, "data", seed).permutation(len(X))
    n_held = int(HELD_OUT * n_train)
    parts = np.split(order, [n_train - n_held, n_train])
    learned, held_out, asked = ((X[rows], labels[rows]) for rows in (parts[0], parts[1], parts[2][: settings.asked]))
    return Digits(learned, held_out, asked)


def name_case(method: str, strength: float) -> str:
    """Return what a row is called."""
    return f"{method} {strength:g}"


def all_cases() -> dict[str, dict[str, float]]:
    """Return every row with its parameter."""
    rows = {name_case(m, s): {parameter: s} for m, (parameter, strengths) in METHODS.items() for s in strengths}
    return {NONE: {}, **rows}


def fit(
    settings: Settings, seed: int, data: tuple[FloatArray, IntArray], parameter: dict[str, float]
) -> ConstantSlopeRegressor:
    """Return the network that was learned under one regulariser."""
    model = ConstantSlopeRegressor(
        width=settings.width, depth=settings.depth, steps=settings.steps, batch_size=settings.batch,
        learning_rate=settings.learning_rate, random_state=study.torch_seed(NAME, "start", seed), **parameter,
    )  # fmt: skip
    return model.fit(data[0], np.eye(10)[data[1]])


def assail(
    settings: Settings, model: ConstantSlopeRegressor, data: tuple[FloatArray, IntArray], seed: int
) -> dict[str, FloatArray]:
    """Return accuracies: unattacked, under attacks, under random changes, and the certified share."""
    network = model.network_
    x, labels = torch.tensor(data[0], dtype=torch.float32), torch.tensor(data[1])
    radius, euclid = settings.radius, settings.certified

    def accuracy(rows: Tensor) -> FloatArray:
        with torch.no_grad():
            return (margins(network(rows), labels) > 0).double().mean().numpy()

    signs = study.random_stream(NAME, "noise", seed).integers(0, 2, x.shape) * 2 - 1
    assert model.lipschitz_bound_ is not None
    bound = model.lipschitz_bound_ / model.target_scale_
    with torch.no_grad():
        # Two outputs' difference moves by √2 times their vector at most (Tsuzuku, Sato and Sugiyama, 2018).
        safe = margins(network(x), labels) > 2.0**0.5 * bound * euclid
    return {
        "accuracy": accuracy(x),
        "fgsm": accuracy(attack(network, x, labels, radius, 1)),
        "pgd": accuracy(attack(network, x, labels, radius, settings.pgd_steps)),
        "noise": accuracy(x + radius * torch.tensor(signs, dtype=torch.float32)),
        "pgd_euclid": accuracy(attack(network, x, labels, euclid, settings.pgd_steps, "euclid")),
        "certified": safe.double().mean().numpy(),
        "zero_radius": accuracy(attack(network, x, labels, 0.0, 3)),
        "bound": np.array(bound),
        "slope": np.array(measured_slope(network, x[:N_SLOPES])),
    }


def run(settings: Settings, seed: int, watch: Watch) -> Measures:
    """Fit every row, choose each method's strength on held-out rows, and attack the test rows."""
    digits = draw_digits(settings, seed)
    found: dict[str, FloatArray] = {}
    networks: dict[str, nn.Module] = {}
    for case, parameter in all_cases().items():
        watch.say(case)
        model = fit(settings, seed, digits.learned, parameter)
        found |= {f"{case}/{name}": value for name, value in assail(settings, model, digits.asked, seed).items()}
        x, labels = torch.tensor(digits.held_out[0], dtype=torch.float32), torch.tensor(digits.held_out[1])
        worst = attack(model.network_, x, labels, settings.radius, settings.pgd_steps)
        with torch.no_grad():
            found[f"{case}/held_out"] = (margins(model.network_(worst), labels) > 0).double().mean().numpy()
        networks[case] = model.network_
    if watch.films:
        watch.say("film")
        shown = {case: networks[case] for case in (NONE, *(chosen(found, method) for method in FILMED))}
        film(settings, shown, digits.asked, watch)
    return found


def film(settings: Settings, networks: dict[str, nn.Module], data: tuple[FloatArray, IntArray], watch: Watch) -> None:
    """Offer images as PGD leaves them at growing radii, framed by the answers, and how many answers are right."""
    x, labels = torch.tensor(data[0][:N_ATTACKED], dtype=torch.float32), torch.tensor(data[1][:N_ATTACKED])
    radii = np.linspace(0.0, 3.0 * settings.radius, N_LOOKS)
    chart = Chart(1, 1, (430, 520))
    (panel,) = chart.axes
    lines = {case: panel.plot([], [], color=SERIES[i], linewidth=2, label=case)[0] for i, case in enumerate(networks)}
    panel.set(xlim=(0, radii[-1]), ylim=(0, 1), xlabel="largest change of a pixel", title="accuracy under PGD")
    name_lines(panel, loc="upper right")
    shares: dict[str, list[float]] = {case: [] for case in networks}
    for k, radius in enumerate(radii):
        strips = []
        for case, network in networks.items():
            worst = attack(network, x, labels, float(radius), settings.pgd_steps)
            with torch.no_grad():
                is_right = (margins(network(worst), labels) > 0).numpy()
            shares[case].append(float(is_right.mean()))
            lines[case].set_data(radii[: k + 1], shares[case])
            strips.append(name_picture(draw_row(worst[:N_SHOWN], is_right), f"{case}: {shares[case][-1]:.0%} right"))
        watch.shot(f"radius {radius:.2f}", lambda strips=strips: lay_out([lay_out(strips, 1), chart.picture()], 2))


def draw_row(images: Tensor, is_right: IntArray) -> IntArray:
    """Return images (n, 64) side by side, each in a green frame where its answer is right and in a red one else."""
    tiles = []
    for image, right in zip(images.numpy().reshape(-1, 8, 8), is_right, strict=False):
        tile = np.empty((72, 72, 3), dtype=np.uint8)
        tile[:] = RIGHT if right else WRONG
        grey = np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)[:, :, None].repeat(3, axis=2)
        tile[4:-4, 4:-4] = enlarge(grey, 8)
        tiles.append(tile)
    return np.concatenate(tiles, axis=1)


def chosen(m: Measures, method: str) -> str:
    """Return the row of a method that did best on the held-out rows of a seed."""
    rows = [name_case(method, strength) for strength in METHODS[method][1]]
    return max(rows, key=lambda row: float(m[f"{row}/held_out"]))


def claims(settings: Settings) -> tuple[Claim, ...]:
    """Return the thresholds; gains are in points of accuracy on test rows, each method at its chosen strength."""

    def gain(method: str, what: str) -> study.Measure:
        return lambda m: 100.0 * float(m[f"{chosen(m, method)}/{what}"] - m[f"{NONE}/{what}"])

    def lead(method: str, what: str) -> study.Measure:
        return lambda m: 100.0 * float(m[f"{chosen(m, 'constant slope')}/{what}"] - m[f"{chosen(m, method)}/{what}"])

    def certified(method: str) -> study.Measure:
        return lambda m: 100.0 * float(m[f"{chosen(m, method)}/certified"])

    others = [method for method in METHODS if method != "constant slope"]
    return (
        Claim(id="defends", words="Lipschitz bounds defend against attacks", rule=above(3.0),
              measure="points gained under PGD", cases={method: gain(method, "pgd") for method in LIPSCHITZ}),
        Claim(id="constant", words="a constant slope is better still than any other", rule=above(0.0),
              measure="points ahead under PGD", cases={method: lead(method, "pgd") for method in others}),
        Claim(id="noise", words="random changes of the same size do little harm", kind="control", rule=above(90.0),
              measure="accuracy under them, percent, unregularised",
              cases={"": lambda m: 100.0 * float(m[f"{NONE}/noise"])}),
        Claim(id="attacked", words="without a regulariser the attack succeeds", kind="control", rule=below(80.0),
              measure="accuracy under PGD, percent", cases={"": lambda m: 100.0 * float(m[f"{NONE}/pgd"])}),
        Claim(id="certifies", words="Lipschitz bounds certify", kind="finding", rule=above(40.0),
              measure="certified share, percent",
              cases={method: certified(method) for method in LIPSCHITZ}),
        Claim(id="slopes", words="penalties on the measured slope defend more than bounds", kind="finding",
              rule=above(5.0), measure="points ahead of the better bound under PGD",
              cases={method: lambda m, k=method: 100.0 * float(
                  m[f"{chosen(m, k)}/pgd"] - max(m[f"{chosen(m, each)}/pgd"] for each in LIPSCHITZ))
                  for method in SLOPES}),
        Claim(id="cost", words="they cost no more than two points unattacked", kind="finding", rule=above(-2.0),
              measure="points gained unattacked", cases={method: gain(method, "accuracy") for method in SLOPES}),
        Claim(id="flatters", words="FGSM flatters", kind="finding", rule=above(3.0),
              measure="points above PGD, unregularised",
              cases={"": lambda m: 100.0 * float(m[f"{NONE}/fgsm"] - m[f"{NONE}/pgd"])}),
    )  # fmt: skip


def oracles(found: Found) -> tuple[Oracle, ...]:
    """Return certificates against attacks, slopes against bounds, and an attack of radius 0."""
    rows = list(all_cases())
    above_attack = max(float(m[f"{r}/certified"] - m[f"{r}/pgd_euclid"]) for m in found.measures for r in rows)
    steep = max(float(m[f"{r}/slope"] / m[f"{r}/bound"]) for m in found.measures for r in rows)
    nothing = max(abs(float(m[f"{r}/zero_radius"] - m[f"{r}/accuracy"])) for m in found.measures for r in rows)
    weaker = max(float(m[f"{r}/pgd"] - m[f"{r}/accuracy"]) for m in found.measures for r in rows)
    return (
        Oracle("no more is certified than survives PGD (the excess)", 0.0, max(above_attack, 0.0), 0.0),
        Oracle("no slope is above its bound (the excess)", 0.0, max(steep - 1.0, 0.0), 1e-5),
        Oracle("an attack of radius 0 changes nothing", 0.0, nothing, 0.0),
        Oracle("no attack helps (the excess)", 0.0, max(weaker, 0.0), 0.0),
    )


def draw(found: Found) -> Figure:
    """Draw accuracy against robustness, and every row under PGD and with its certificates."""
    figure, axes = study_figure(1, 3, "Attacks on a classifier of digits")
    for i, (method, (_, strengths)) in enumerate({NONE: ("", (0.0,)), **METHODS}.items()):
        rows = [NONE] if method == NONE else [name_case(method, s) for s in strengths]
        x = [found.stack(f"{row}/accuracy").mean() for row in rows]
        y = [found.stack(f"{row}/pgd").mean() for row in rows]
        axes[0].plot(x, y, "o-", color=f"C{i}", label=method)
    axes[0].set(xlabel="accuracy", ylabel=f"under PGD, radius {found.settings.radius:g}", title="the front")
    name_lines(axes[0])
    for panel, (what, title) in zip(
        axes[1:], {"pgd": "accuracy under PGD", "certified": "certified share"}.items(), strict=True
    ):
        plot_bars(panel, {row: found.stack(f"{row}/{what}") for row in all_cases()})
        panel.set(title=title, xlim=(0, 1))
        panel.tick_params(axis="y", labelsize=8)
    return figure


STUDY = study.Study(
    source="Regularization in deep learning, Lipschitz continuity, gradient regularization",
    link="https://www.youtube.com/results?search_query=AI+Coffee+Break+Quiz+Regularization+in+Deep+Learning+Lipschitz+continuity+Gradient+regularization",
    quote="A Lipschitz bound defends against adversarial attacks; a gradient of constant norm is better still.",
    settings=Settings,
    full=FULL,
    full_min=2,
    run=run,
    claims=claims,
    oracles=oracles,
    draw=draw,
    shows="digits under PGD, as its radius grows",
)
