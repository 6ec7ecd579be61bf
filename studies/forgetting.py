"""A network trained on a sliding interval of points forgets what has left it, and learns ever more slowly.

An interval of points is trained until its loss is below a threshold; then it moves on. One round is a cycle.
Six conditions are trained side by side: as the source has it; each point replaced by a new one when it leaves (never
seen before: the control for what is kept); L2; L1; nodes set to zero now and then; a third of the rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from mbench.errors import UsageError
from mbench.nn import ResidualAtan
from mbench.runs import study
from mbench.runs.study import Claim, Found, Measures, Oracle, Watch, above, below, number
from mbench.types import FloatArray, IntArray
from mbench.views.study import name_lines, plot_range, show_matrix, study_figure
from mbench.views.study_film import lay_out, name_picture

NAME = "forgetting"
PLAIN, FRESH, L2, L1, ZEROED, SLOW = "plain", "fresh points", "L2", "L1", "zeroed nodes", "rate / 3"
CONDITIONS = (PLAIN, FRESH, L2, L1, ZEROED, SLOW)
BLUE, RED = (90, 150, 250), (230, 90, 90)
BETAS, EPSILON = (0.9, 0.999), 1e-8


@dataclass(frozen=True, slots=True)
class Settings(study.Settings):
    """interval: points in training.  shift: by how many it moves.  threshold: of the mean of |N(x) - y|², of
    that of answering 0. The short version keeps the source's proportions at about half its size.

    most: steps of one cycle after which a condition is given up.  zeroed: nodes of each layer, every ten moves.
    """

    points: int = number(300, 4, 100_000)
    width: int = number(24, 2, 400)
    outputs: int = number(12, 1, 400)
    layers: int = number(5, 1, 20)
    interval: int = number(60, 1, 100_000)
    shift: int = number(3, 1, 100_000)
    threshold: float = number(0.05, 0.0, above=True)
    learning_rate: float = number(3e-3, 0.0, 1.0, above=True)
    cycles: int = number(5, 1, 100)
    most: int = number(8_000, 1, 10_000_000)
    decay: float = number(0.3, 0.0, 100.0)
    penalty: float = number(1e-3, 0.0, 100.0)
    zeroed: int = number(2, 0, 400)

    def __post_init__(self) -> None:
        """Raise UsageError for an interval that is not inside the points."""
        study.Settings.__post_init__(self)
        if self.interval > self.points or self.zeroed > self.width or self.points % self.shift:
            raise UsageError(
                f"interval={self.interval}, zeroed={self.zeroed}, shift={self.shift}: expected no more than "
                f"points={self.points} and width={self.width}, and a shift that divides the points"
            )


FULL = {
    "points": 500, "width": 40, "outputs": 20, "interval": 100, "shift": 5, "cycles": 8, "most": 12_000, "zeroed": 4
}  # fmt: skip


class Adam:
    """Adam for replicas that each have a rate, a decoupled decay and an end of their own.

    Source: Kingma & Ba, "Adam" (2015); Loshchilov & Hutter, "Decoupled weight decay regularization" (2019).
    """

    def __init__(self, network: ResidualAtan, rates: Tensor, decays: Tensor) -> None:
        """rates, decays: (replicas,)."""
        self._parameters = list(network.parameters())
        self._first = [torch.zeros_like(p) for p in self._parameters]
        self._second = [torch.zeros_like(p) for p in self._parameters]
        self._rates, self._decays, self._taken = rates, decays, 0

    @torch.no_grad()
    def step(self, gradients: tuple[Tensor, ...]) -> None:
        """Take a step."""
        self._taken += 1
        first, second = (1.0 - beta**self._taken for beta in BETAS)
        for p, g, m, v in zip(self._parameters, gradients, self._first, self._second, strict=True):
            shape = (-1, *(1 for _ in p.shape[1:]))
            rate = self._rates.view(shape)
            if p.dim() > 2 and bool(self._decays.any()):
                p.mul_(1.0 - rate * self._decays.view(shape))
            m.lerp_(g, 1.0 - BETAS[0])
            v.mul_(BETAS[1]).addcmul_(g, g, value=1.0 - BETAS[1])
            p.addcmul_(m / first / ((v / second).sqrt_().add_(EPSILON)), rate, value=-1.0)


@dataclass(slots=True)
class Track:
    """What one condition has come to. place: first point of its interval.  moves: since the start."""

    x: Tensor
    y: Tensor
    place: int = 0
    moves: int = 0
    steps: int = 0
    ends: list[dict[str, FloatArray]] = field(default_factory=list)
    losses: list[FloatArray] = field(default_factory=list)
    last: FloatArray | None = None
    over: bool = False


def draw_points(settings: Settings, seed: int, what: str, count: int) -> tuple[Tensor, Tensor]:
    """Return `count` pairs, normal and independent."""
    rng = study.random_stream(NAME, what, seed)
    both = torch.tensor(rng.standard_normal((count, settings.width + settings.outputs)), dtype=torch.float32)
    return both[:, : settings.width].contiguous(), both[:, settings.width :].contiguous()


def inside(settings: Settings, place: int) -> IntArray:
    """Return the numbers of the points of the interval that starts at `place`."""
    return (place + np.arange(settings.interval)) % settings.points


class Sweep:
    """All conditions of one seed, step by step."""

    def __init__(self, settings: Settings, seed: int, conditions: tuple[str, ...] = CONDITIONS) -> None:
        """Start every network at 0."""
        self.settings, self.conditions = settings, conditions
        n = len(conditions)
        self.network = ResidualAtan(settings.width, settings.layers, settings.outputs, n)
        rates = [settings.learning_rate / (3.0 if c == SLOW else 1.0) for c in conditions]
        self.l1 = torch.tensor([settings.penalty if c == L1 else 0.0 for c in conditions])
        self.adam = Adam(
            self.network, torch.tensor(rates), torch.tensor([settings.decay if c == L2 else 0.0 for c in conditions])
        )
        x, y = draw_points(settings, seed, "data", settings.points)
        self.tracks = [Track(x.clone(), y.clone()) for _ in conditions]
        self._new = draw_points(settings, seed, "fresh", settings.points * settings.cycles + settings.interval)
        self._n_new = 0
        self._zeroes = study.random_stream(NAME, "zeroed", seed)
        self.refresh()

    def refresh(self) -> None:
        """Gather the intervals of all conditions."""
        rows = [inside(self.settings, t.place) for t in self.tracks]
        self.x = torch.stack([t.x[r] for t, r in zip(self.tracks, rows, strict=True)])
        self.y = torch.stack([t.y[r] for t, r in zip(self.tracks, rows, strict=True)])

    def step(self) -> FloatArray:
        """Take a step of all, and return the losses before it, without penalties: (conditions,)."""
        loss = (self.network(self.x) - self.y).square().sum(dim=2).mean(dim=1)
        gradients = torch.autograd.grad(loss.sum(), tuple(self.network.parameters()))
        with torch.no_grad():
            for p, g in zip(self.network.parameters(), gradients, strict=True):
                if p.dim() > 2:  # L1's subgradient, of the matrices
                    g.addcmul_(p.sign(), self.l1.view(-1, *(1 for _ in p.shape[1:])))
        self.adam.step(gradients)
        return loss.detach().double().numpy()

    def move(self, i: int) -> None:
        """Let the interval of one condition move on."""
        track, settings = self.tracks[i], self.settings
        leaving = (track.place + np.arange(settings.shift)) % settings.points
        if self.conditions[i] == FRESH:
            taken = slice(self._n_new, self._n_new + settings.shift)
            track.x[leaving], track.y[leaving] = self._new[0][taken], self._new[1][taken]
            self._n_new += settings.shift
        track.place = (track.place + settings.shift) % settings.points
        track.moves += 1
        if self.conditions[i] == ZEROED and track.moves % 10 == 0:
            self._zero_nodes(i)
        if track.moves % (settings.points // settings.shift) == 0:
            self._end_cycle(i)

    @torch.no_grad()
    def _zero_nodes(self, i: int) -> None:
        for layer in range(self.settings.layers):
            nodes = torch.tensor(self._zeroes.permutation(self.settings.width)[: self.settings.zeroed])
            self.network.weight[i, layer, nodes] = 0.0
            self.network.bias[i, layer, nodes] = 0.0

    @torch.no_grad()
    def point_losses(self, i: int) -> FloatArray:
        """Return |N(x) - y|² at every point of one condition."""
        track = self.tracks[i]
        alone = ResidualAtan(self.settings.width, self.settings.layers, self.settings.outputs)
        for own, all_of in zip(alone.parameters(), self.network.parameters(), strict=True):
            own.copy_(all_of[i : i + 1])
        return (alone(track.x) - track.y).square().sum(dim=1).double().numpy()

    def _end_cycle(self, i: int) -> None:
        track = self.tracks[i]
        losses = self.point_losses(i)
        rows = inside(self.settings, track.place)
        weights = self.network.weight[i].detach().double().numpy().ravel().copy()
        size = sum(float(p[i].detach().double().square().sum()) for p in self.network.parameters()) ** 0.5
        cosine = np.nan
        if track.last is not None:
            cosine = weights @ track.last / (np.linalg.norm(weights) * np.linalg.norm(track.last))
        track.ends.append(
            {
                "steps": np.array(float(track.steps)),
                "norm": np.array(size),
                "blue": losses[rows].mean(),
                "red": np.delete(losses, rows).mean() if len(rows) < len(losses) else np.array(np.nan),
                "cosine": np.array(cosine),
            }
        )
        track.last, track.steps = weights, 0
        track.over = len(track.ends) == self.settings.cycles


def run(settings: Settings, seed: int, watch: Watch) -> Measures:
    """Sweep until every condition has made its cycles or was given up in one."""
    sweep = Sweep(settings, seed)
    stripes: list[FloatArray] = []
    gone: list[FloatArray] = []
    while not all(track.over for track in sweep.tracks):
        moved = False
        losses = sweep.step()
        for i, track in enumerate(sweep.tracks):
            if track.over:
                continue
            track.steps += 1
            if losses[i] < settings.threshold * settings.outputs:
                sweep.move(i)
                moved = True
                if i == 0:
                    _look(sweep, stripes, gone, watch)
                if track.moves % 20 == 0:
                    watch.say(f"{sweep.conditions[i]}: cycle {len(track.ends) + 1} of {settings.cycles}")
            elif track.steps >= settings.most:
                track.over = True
        if moved:
            sweep.refresh()
    found: dict[str, FloatArray] = {}
    for name, track in zip(sweep.conditions, sweep.tracks, strict=True):
        for what in ("steps", "norm", "blue", "red", "cosine"):
            values = [float(end[what]) for end in track.ends]
            found[f"{name}/{what}"] = np.array(values + [np.nan] * (settings.cycles - len(values)))
    lags = settings.points // settings.shift
    curve = np.stack(gone[-lags:]).mean(axis=0) if len(gone) >= lags else np.full(lags, np.nan)
    stripe = np.full((settings.cycles * lags, min(settings.points, 250)), np.nan)
    stripe[: len(stripes)] = np.stack(stripes)[: len(stripe)]
    return found | {"run/stripes": stripe, "run/after_leaving": curve}


def _look(sweep: Sweep, stripes: list[FloatArray], gone: list[FloatArray], watch: Watch) -> None:
    """Keep the losses of all points as they are after a move of the first condition."""
    settings, track = sweep.settings, sweep.tracks[0]
    losses = sweep.point_losses(0)
    every = max(1, settings.points // 250)
    stripes.append(losses[::every][:250])
    # The mean loss of the points that left 0, 1, 2, … moves ago; the last of them are in training again.
    places = (track.place - settings.shift * (1 + np.arange(settings.points // settings.shift))) % settings.points
    gone.append(np.stack([losses[(places + k) % settings.points] for k in range(settings.shift)]).mean(axis=0))
    if track.moves % 4 == 0:
        lags = settings.points // settings.shift
        reading = f"cycle {1 + track.moves // lags}, move {track.moves % lags}"
        watch.shot(reading, lambda: draw_frame(losses, inside(settings, track.place)))


def draw_frame(losses: FloatArray, rows: IntArray) -> IntArray:
    """Return the losses as bars, with what their colours say."""
    words = {
        f"in training: mean loss {losses[rows].mean():.2f}": BLUE,
        f"all others: mean loss {np.delete(losses, rows).mean():.1f}" if len(rows) < len(losses) else "": RED,
    }
    bars = draw_losses(losses, rows)
    half = np.zeros((1, bars.shape[1] // 2 - 8, 3), dtype=np.uint8)
    key = [name_picture(half, text, f"#{bytes(colour).hex()}") for text, colour in words.items()]
    return lay_out([lay_out(key, 2), name_picture(bars, "loss of every point, on a root scale up to 80")], 1)


def draw_losses(losses: FloatArray, rows: IntArray) -> IntArray:
    """Return the losses as bars, on a root scale: blue inside the interval, red outside.

    (240, about 600, 3), a whole number of columns a point.
    """
    height, reach = 240, 80.0
    heights = np.rint(height * np.sqrt(np.minimum(losses / reach, 1.0))).astype(int)
    picture = np.zeros((height, len(losses), 3), dtype=np.uint8)
    within = np.zeros(len(losses), dtype=bool)
    within[rows] = True
    for place, (top, blue) in enumerate(zip(heights, within, strict=True)):
        picture[height - top :, place] = BLUE if blue else RED
    return picture.repeat(max(1, 600 // len(losses)), axis=1)


def claims(settings: Settings) -> tuple[Claim, ...]:
    """Return the thresholds."""

    def growth(name: str, what: str = "steps") -> study.Measure:
        return lambda m: float(m[f"{name}/{what}"][-1] / m[f"{name}/{what}"][0])

    def last(name: str, what: str) -> study.Measure:
        return lambda m: float(m[f"{name}/{what}"][-1])

    def over_plain(name: str) -> study.Measure:
        return lambda m: float(m[f"{name}/steps"][-1] / m[f"{PLAIN}/steps"][-1])

    def outside(name: str, what: str = "red") -> study.Measure:
        return lambda m: float(m[f"{name}/{what}"][-1]) / settings.outputs

    free = {PLAIN: PLAIN, "a third of the rate": SLOW}
    cures = (L2, L1, ZEROED)
    first = {"": lambda m: float(m[f"{FRESH}/steps"][0] / m[f"{PLAIN}/steps"][0])}
    return (
        Claim(id="slows", words="relearning slows", measure="steps of the last cycle over those of the first",
              rule=above(1.1), cases={words: growth(name) for words, name in free.items()}),
        Claim(id="forgets", words="what leaves the interval is forgotten", rule=above(1.0),
              measure="loss outside over that of answering 0",
              cases={words: outside(name) for words, name in free.items()}),
        Claim(id="norm", words="the norm of the weights grows for ever", rule=above(1.3),
              measure="norm after the last cycle over that after the first",
              cases={words: growth(name, "norm") for words, name in free.items()}),
        Claim(id="cosine", words="the weights before and after a cycle point the same way", rule=above(0.8),
              measure="cosine of the last two cycles' weights",
              cases={name: last(name, "cosine") for name in (PLAIN, L2, L1, ZEROED)}),
        Claim(id="cured", words="regularisation or zeroed nodes would help it relearn", rule=below(0.9),
              measure="steps of the last cycle over the plain ones",
              cases={name: over_plain(name) for name in cures}),
        Claim(id="first-cycle", words="in the first cycle new points cost what the others do", kind="control",
              rule=study.between(0.9, 1.1), measure="steps: fresh points over plain", cases=first),
        Claim(id="learned", words="the interval is learned", kind="control", rule=below(0.25),
              measure="loss inside just after a move, over that of answering 0", cases={PLAIN: outside(PLAIN, "blue")}),
        Claim(id="saving", words="nothing is quite forgotten: a point seen before is learned faster than a new one",
              kind="finding", rule=above(1.1), measure="steps of the last cycle: fresh points over plain",
              cases={"": lambda m: float(m[f"{FRESH}/steps"][-1] / m[f"{PLAIN}/steps"][-1])}),
    )  # fmt: skip


def oracles(found: Found) -> tuple[Oracle, ...]:
    """Return our Adam against PyTorch's, a gradient by differences, and a threshold that every step passes."""
    small = Settings(
        points=12, width=6, outputs=2, layers=2, interval=12, shift=3, cycles=2, zeroed=1, learning_rate=0.01
    )
    sweep = Sweep(small, 0, (PLAIN,))
    twin = ResidualAtan(6, 2, 2)
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.01)
    x, y = draw_points(small, 0, "data", 12)
    for _ in range(50):
        sweep.step()
        optimizer.zero_grad()
        (twin(x) - y).square().sum(dim=1).mean().backward()
        optimizer.step()
    apart = max(
        float((a - b).abs().max().detach()) for a, b in zip(sweep.network.parameters(), twin.parameters(), strict=True)
    )
    easy = Settings(points=12, width=6, outputs=2, layers=2, interval=4, shift=3, cycles=2, zeroed=1, threshold=1e9)
    moved = run(easy, 0, Watch())
    double = ResidualAtan(6, 2, 2, scale=0.5).double()
    x, y = x.double(), y.double()

    def loss() -> Tensor:
        return (double(x) - y).square().sum(dim=1).mean()

    (slope,) = torch.autograd.grad(loss(), double.weight)
    h, place = 1e-6, (0, 1, 2, 3)
    with torch.no_grad():
        double.weight[place] += h
        high = loss().item()
        double.weight[place] -= 2 * h
        low = loss().item()
    shrunk = float(np.fmax.reduce([np.fmax.reduce(m[f"{L2}/norm"] / m[f"{PLAIN}/norm"]) for m in found.measures]))
    return (
        Oracle("an interval of all points is plain training by PyTorch's Adam", 0.0, apart, 1e-4),
        Oracle("gradient against finite differences", (high - low) / (2 * h), slope[place].item(), 1e-6),
        Oracle("a threshold that all pass moves on at every step", 4.0, float(moved[f"{PLAIN}/steps"][-1]), 0.0),
        Oracle("L2 leaves a smaller norm than none (the excess)", 0.0, np.maximum(shrunk - 1.0, 0.0).item(), 0.0),
    )


def draw(found: Found) -> Figure:
    """Draw steps, norms, losses outside and the loss after leaving, and the losses of all points over time."""
    settings: Settings = found.settings
    figure, axes = study_figure(2, 3, f"An interval that slides over {settings.points} points")
    cycle = np.arange(1, settings.cycles + 1)
    for i, name in enumerate(CONDITIONS):
        for panel, what in zip(axes, ("steps", "norm", "red"), strict=False):
            plot_range(panel, cycle, found.stack(f"{name}/{what}"), name, i)
    for panel, title in zip(axes, ("steps of a cycle", "norm of the weights", "loss outside"), strict=False):
        panel.set(xlabel="cycle", title=title)
    name_lines(axes[0])
    curve = found.stack("run/after_leaving")
    plot_range(axes[3], settings.shift * np.arange(1, curve.shape[1] + 1), curve, "plain, last cycle", 0)
    axes[3].set(xlabel="points that left since", title="loss of a point after it left", ylim=(0, None))
    stripes = found.measures[0]["run/stripes"]
    light = np.nan_to_num(np.sqrt(np.minimum(stripes / (4.0 * settings.outputs), 1.0)))
    rgb = np.stack([light, 0.35 * light, 0.6 * (1.0 - light) * np.isfinite(stripes)], axis=2)
    show_matrix(axes[4], np.rint(255 * rgb).astype(np.uint8), "points × moves: blue learned, red lost")
    axes[4].set_aspect("auto")
    ratio = found.stack(f"{FRESH}/steps") / found.stack(f"{PLAIN}/steps")
    plot_range(axes[5], cycle, ratio, "fresh points over plain", 1)
    axes[5].set(xlabel="cycle", title="the saving: steps for new points over old")
    return figure


STUDY = study.Study(
    source="This neural network quickly forgets what it was previously trained on (J. Van Name, 2024)",
    link="https://www.youtube.com/watch?v=xqTOE6LnVcw",
    quote="As time goes along, the network needs to take more time; what leaves is forgotten at once; norms grow.",
    settings=Settings,
    full=FULL,
    full_min=6,
    run=run,
    claims=claims,
    oracles=oracles,
    draw=draw,
    shows="what leaves training is lost",
)
