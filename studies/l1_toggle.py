"""L1 switched on and off brings a network nearly back to its initial state.

A zero-started residual atan network memorises random pairs; L1 on its weights is switched on and off in periods. With
off_k the dense weights at the end of off-phase k and on_k the sparse ones after it, the return of a cycle is
R = |off_{k+1} - off_k| / |on_{k+1} - off_k|: 0 came back, 1 ended as far away as L1 had taken it.
Controls: a random kick as far as L1's, then an off-phase; the sparse state retrained on permuted targets; a twin from
another start; as many steps without L1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure

from mbench.nn import ResidualAtan
from mbench.runs import study
from mbench.runs.study import Claim, Found, Measures, Oracle, Watch, above, below, choice, number, numbers
from mbench.types import FloatArray, IntArray
from mbench.views.render.colours import SERIES
from mbench.views.study import (
    film_cell,
    name_lines,
    plot_bars,
    plot_range,
    show_matrix,
    study_figure,
    weight_frame,
    weight_reach,
)
from mbench.views.study_film import Chart, lay_out, name_picture

NAME = "l1-toggle"
LAYERS = 3
SPARSE = 0.01  # a smaller weight counts as none
TWIN_SCALE = 0.5
RECORD_EVERY = 40  # steps between points of the loss curve
FILM_EVERY = 80  # and between frames of the film, which stays below 2 MB


@dataclass(frozen=True, slots=True)
class Settings(study.Settings):
    """penalties: λ of the on-phases.  phase: steps of an off-phase.  on_phases: of an on-phase; the sweep.

    warm: steps of the first off-phase. The first of `on_phases` is the main run's; others are swept by λ.
    """

    width: int = number(50, 2, 400)
    points: int = number(100, 2, 10_000)
    penalties: tuple[float, ...] = numbers((0.03, 0.1), 0.0)
    cycles: int = number(4, 2, 100)
    phase: int = number(800, 1, 100_000)
    on_phases: tuple[int, ...] = numbers((800,), 1, 100_000)
    warm: int = number(800, 1, 100_000)
    learning_rate: float = number(1e-3, 0.0, 1.0, above=True)
    precision: str = choice("float32", "float64")


FULL = {"cycles": 8, "on_phases": (800, 200, 50)}


class Toggle:
    """Networks side by side under full-batch Adam, whose memory is never lost; each with a λ of its own."""

    def __init__(self, network: ResidualAtan, x: torch.Tensor, y: torch.Tensor, learning_rate: float) -> None:
        """x (m, n), y (replicas, m, n)."""
        self.network, self.x, self.y = network, x, y
        self.optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)

    def loss(self) -> torch.Tensor:
        """Return the mean over points of |N(x) - y|² of each replica, without L1: (replicas,)."""
        return (self.network(self.x) - self.y).square().sum(dim=2).mean(dim=1)

    def step(self, penalty: torch.Tensor) -> torch.Tensor:
        """Take a step under the loss plus λ Σ|w| over the matrices; penalty: (replicas,). Return the loss before it."""
        loss = self.loss()
        sizes = self.network.weight.abs().sum(dim=(1, 2, 3))
        total = (loss + penalty * sizes).sum()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        self.optimizer.step()
        return loss.detach()

    def weights(self) -> FloatArray:
        """Return the matrices now: (replicas, layers, n, n) float64."""
        return self.network.weight.detach().double().numpy().copy()


def draw_data(settings: Settings, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return x and y (points, width), normal and independent of each other."""
    rng = study.random_stream(NAME, "data", seed)
    x, y = rng.standard_normal((2, settings.points, settings.width))
    kind = getattr(torch, settings.precision)
    return torch.tensor(x, dtype=kind), torch.tensor(y, dtype=kind)


def make_network(settings: Settings, seed: int, starts: Sequence[float]) -> ResidualAtan:
    """Return a network with a replica for each start: 0, or the scale of its random weights."""
    generator = torch.Generator().manual_seed(study.torch_seed(NAME, "start", seed))
    network = ResidualAtan(settings.width, LAYERS, replicas=len(starts)).to(getattr(torch, settings.precision))
    noise = torch.randn(network.weight.shape, generator=generator) / settings.width**0.5
    with torch.no_grad():
        network.weight.copy_(torch.tensor(starts)[:, None, None, None] * noise)
    return network


def cosine(a: FloatArray, b: FloatArray) -> float:
    """Return the cosine between two states; not a number where one is 0."""
    size = np.linalg.norm(a) * np.linalg.norm(b)
    return float((a * b).sum() / size) if size else float("nan")


def returned(off: FloatArray, on: FloatArray, after: FloatArray) -> float:
    """Return R of one cycle: how far it ended from where it began, in units of how far L1 took it."""
    away = np.linalg.norm(on - off)
    return float(np.linalg.norm(after - off) / away) if away else 0.0


def run(settings: Settings, seed: int, watch: Watch) -> Measures:
    """Toggle every λ × on-phase from 0 and its twin from another start, then the controls."""
    penalties = np.repeat(settings.penalties, len(settings.on_phases))
    lengths = np.tile(settings.on_phases, len(settings.penalties))
    n = len(penalties)
    x, y = draw_data(settings, seed)
    found: dict[str, FloatArray] = {}
    network = make_network(settings, seed, [0.0] * n + [TWIN_SCALE] * n)
    toggle = Toggle(network, x, y.expand(2 * n, *y.shape), settings.learning_rate)
    both = torch.tensor(np.tile(penalties, 2), dtype=x.dtype)
    step, losses, marks = 0, [], []
    film: Film | None = None
    off, on = [], []
    on_loss = np.zeros(2 * n)

    def phase(steps: int, lasting: FloatArray | None) -> None:
        """Take an off-phase, or an on-phase that lasts `lasting` steps in each replica."""
        nonlocal step
        longest = steps if lasting is None else int(lasting.max())
        for i in range(longest):
            now = torch.zeros_like(both)
            if lasting is not None:
                now = both * torch.tensor(np.tile(lasting > i, 2), dtype=both.dtype)
            loss = toggle.step(now)
            step += 1
            if step % RECORD_EVERY == 0:
                losses.append(loss.double().numpy())
                marks.append(step)
            if film and step % FILM_EVERY == 0:
                is_on = lasting is not None and lasting[0] > i
                now = step, is_on, toggle.weights()[0], float(loss[0])
                watch.shot(
                    f"step {step:,}, L1 {'on' if is_on else 'off'}",
                    lambda film=film, now=now: film.draw(*now),
                )

    watch.say("first off-phase")
    phase(settings.warm, None)
    off.append(toggle.weights())
    if watch.films:
        film = Film(settings, off[0][0])
    for cycle in range(settings.cycles):
        watch.say(f"cycle {cycle + 1} of {settings.cycles}")
        phase(0, lengths)
        on.append(toggle.weights())
        on_loss = toggle.loss().detach().double().numpy()
        phase(settings.phase, None)
        off.append(toggle.weights())
    off_loss = toggle.loss().detach().double().numpy()
    watch.say("controls")
    controls = _controls(settings, seed, (x, y), (off, on, lengths))
    for i, (penalty, length) in enumerate(zip(penalties, lengths, strict=True)):
        where = name_case(float(penalty), int(length))
        dense, sparse, twin = [each[i] for each in off], [each[i] for each in on], off[-1][n + i]
        found |= {
            f"{where}/return": np.array([returned(dense[k], sparse[k], dense[k + 1]) for k in range(len(sparse))]),
            f"{where}/cos_first": np.array([cosine(dense[0], each) for each in dense[1:]]),
            f"{where}/cos_previous": np.array([cosine(dense[k], dense[k + 1]) for k in range(len(sparse))]),
            f"{where}/sparse_on": np.array((np.abs(sparse[-1]) < SPARSE).mean()),
            f"{where}/sparse_off": np.array((np.abs(dense[-1]) < SPARSE).mean()),
            f"{where}/loss_on": np.array(on_loss[i]),
            f"{where}/loss_off": np.array(off_loss[i]),
            f"{where}/cos_twin": np.array(cosine(dense[-1], twin)),
        }
        found |= {f"{where}/{what}": np.array(values[i]) for what, values in controls.items()}
    return found | {
        "run/step": np.array(marks, dtype=float),
        "run/loss": np.array(losses)[:, :n].T,
        "run/states": np.stack([off[0][0], on[0][0], off[1][0], on[-1][0], off[-1][0]]),
    }


class Film:
    """The matrices of the first λ × on-phase, beside its loss and how near it is to the first dense state."""

    def __init__(self, settings: Settings, first: FloatArray) -> None:
        """first: that state, (layers, n, n)."""
        self._settings, self._first, self._reach = settings, first, weight_reach(first)
        self._chart = Chart(2, 1, (520, 376))
        self._lines = [panel.plot([], [], color=SERIES[i], linewidth=2)[0] for i, panel in enumerate(self._chart.axes)]
        self._steps: list[int] = []
        self._values: list[tuple[float, float]] = []
        end = settings.warm + settings.cycles * (max(settings.on_phases) + settings.phase)
        self._chart.axes[0].set(yscale="log", ylim=(0.03, 100.0), title="loss without L1; L1 is on where it is light")
        self._chart.axes[1].set(ylim=(0, 1.02), title="cosine with the first dense state", xlabel="step")
        for panel in self._chart.axes:
            panel.set_xlim(settings.warm, end)

    def draw(self, step: int, is_on: bool, weights: FloatArray, loss: float) -> IntArray:
        """Return the frame of a step."""
        before = self._steps[-1] if self._steps else self._settings.warm
        self._steps.append(step)
        self._values.append((loss, cosine(self._first, weights)))
        for panel, line, values in zip(self._chart.axes, self._lines, zip(*self._values, strict=True), strict=True):
            line.set_data(self._steps, values)
            if is_on:
                panel.axvspan(before, step, color="#ffffff", alpha=0.12, linewidth=0)
        rgb = weight_frame(weights, self._reach, film_cell(self._settings.width))
        name = f"three matrices as red, green and blue, λ={self._settings.penalties[0]:g}"
        return lay_out([name_picture(rgb, name), self._chart.picture()], 2)


def _controls(
    settings: Settings,
    seed: int,
    data: tuple[torch.Tensor, torch.Tensor],
    path: tuple[list[FloatArray], list[FloatArray], FloatArray],
) -> dict[str, list[float]]:
    """Return, by λ, what an off-phase makes of a kicked, a sparse and a dense state. path: off, on, on-lengths."""
    off, on, lengths = path
    n = len(lengths)
    x, y = data
    rng = study.random_stream(NAME, "controls", seed)
    last, sparse = off[-2][:n], on[-1][:n]
    noise = rng.standard_normal(last.shape)
    reach = np.linalg.norm((sparse - last).reshape(n, -1), axis=1) / np.linalg.norm(noise.reshape(n, -1), axis=1)
    kicked = last + reach[:, None, None, None] * noise
    permuted = y[torch.tensor(rng.permutation(len(y)))]
    targets = torch.cat([y.expand(n, *y.shape), permuted.expand(n, *y.shape), y.expand(n, *y.shape)])
    network = make_network(settings, seed, [0.0] * (3 * n))
    with torch.no_grad():
        network.weight.copy_(torch.tensor(np.concatenate([kicked, sparse, last])))
    toggle = Toggle(network, x, targets, settings.learning_rate)
    for _ in range(settings.phase):
        toggle.step(torch.zeros(3 * n, dtype=x.dtype))
    after = toggle.weights()
    return {
        "return_kick": [returned(last[i], kicked[i], after[i]) for i in range(n)],
        "cos_permuted": [cosine(off[-1][i], after[n + i]) for i in range(n)],
        "cos_without": [cosine(last[i], after[2 * n + i]) for i in range(n)],
    }


def name_case(penalty: float, length: int) -> str:
    """Return what one circumstance is called."""
    return f"λ={penalty:g}, on {length}"


def claims(settings: Settings) -> tuple[Claim, ...]:
    """Return the thresholds."""
    where = [name_case(p, n) for p in settings.penalties for n in settings.on_phases if p > 0]

    def last(what: str) -> dict[str, study.Measure]:
        return {case: lambda m, case=case: float(np.ravel(m[f"{case}/{what}"])[-1]) for case in where}

    def first(what: str) -> dict[str, study.Measure]:
        return {case: lambda m, case=case: float(np.ravel(m[f"{case}/{what}"])[0]) for case in where}

    margin = {case: lambda m, case=case: float(m[f"{case}/return_kick"] - m[f"{case}/return"][-1]) for case in where}
    own = {
        case: lambda m, case=case: float(m[f"{case}/cos_previous"][-1] - m[f"{case}/cos_permuted"]) for case in where
    }
    return (
        Claim(id="initial", words="after its cycles it is nearly back in its initial state",
              measure="cosine of the first and the last dense state", rule=above(0.9), cases=last("cos_first")),
        Claim(id="previous", words="it is nearly back in its previous dense state",
              measure="cosine of the last two dense states", rule=above(0.9), cases=last("cos_previous")),
        Claim(id="sparse", words="L1 makes the weights sparse", measure=f"share of |w| < {SPARSE:g} while L1 is on",
              rule=above(0.5), cases=last("sparse_on")),
        Claim(id="structure", words="L1 does not easily change its structure",
              measure="R of the first cycle", rule=below(0.7), cases=first("return")),
        Claim(id="kick", words="a random kick as far comes back less than L1's way", kind="control",
              measure="R of the kick less R of the last cycle", rule=above(0.1), cases=margin),
        Claim(id="permuted", words="other targets bring back another state", kind="control",
              measure="cosine with the last dense state: own targets less permuted ones", rule=above(0.1), cases=own),
        Claim(id="twin", words="it is the only state that fits", kind="finding",
              measure="cosine with the twin's last dense state", rule=above(0.9), cases=last("cos_twin")),
    )  # fmt: skip


def oracles(found: Found) -> tuple[Oracle, ...]:
    """Return a gradient by differences, the equal matrices of step 1, and R of a restart."""
    small = Settings(width=5, points=8, precision="float64")
    x, y = draw_data(small, 0)
    network = make_network(small, 0, [TWIN_SCALE])
    toggle = Toggle(network, x, y[None], 1e-3)
    toggle.loss().sum().backward()
    assert network.weight.grad is not None
    place, h = (0, 1, 2, 3), 1e-6
    with torch.no_grad():
        network.weight[place] += h
        high = toggle.loss().item()
        network.weight[place] -= 2 * h
        low = toggle.loss().item()
    slope = network.weight.grad[place].item()
    zero = Toggle(make_network(small, 0, [0.0]), x, y[None], 1e-3)
    zero.step(torch.zeros(1))
    first = zero.weights()[0]
    restart = []
    for _ in range(2):
        again = Toggle(make_network(small, 0, [0.0]), x, y[None], 1e-3)
        for _ in range(20):
            again.step(torch.zeros(1))
        restart.append(again.weights())
    gone = returned(restart[0], np.zeros_like(restart[0]), restart[1])
    return (
        Oracle("gradient against finite differences", (high - low) / (2 * h), slope, 1e-6),
        Oracle("step 1 from zero leaves three equal matrices", 0.0, float(np.abs(first - first[0]).max()), 0.0),
        Oracle("R of a penalty that takes every weight to 0 and lets it start again", 0.0, gone, 0.0),
    )


def draw(found: Found) -> Figure:
    """Draw the loss, R and the cosines by cycle, R against its control, and the matrices."""
    settings: Settings = found.settings
    figure, axes = study_figure(2, 3, "L1 switched on and off")
    where = [name_case(p, n) for p in settings.penalties for n in settings.on_phases]
    for i, case in enumerate(where):
        plot_range(axes[0], found.measures[0]["run/step"], found.stack("run/loss")[:, i], case, i)
        cycle = np.arange(1, settings.cycles + 1)
        plot_range(axes[1], cycle, found.stack(f"{case}/return"), case, i)
        plot_range(axes[2], cycle, found.stack(f"{case}/cos_first"), f"{case}: first", i)
    axes[0].set(yscale="log", xlabel="step", title="loss without its penalty")
    axes[1].set(xlabel="cycle", title="R: 0 came back, 1 as far as L1 took it")
    axes[2].set(xlabel="cycle", title="cosine with the first dense state", ylim=(0, 1))
    name_lines(axes[0])
    bars = {}
    for case in where:
        bars[case] = found.stack(f"{case}/return")[:, -1]
        bars[f"{case}: random kick"] = found.stack(f"{case}/return_kick")
    plot_bars(axes[3], bars)
    axes[3].set(title="R of the last cycle, beside its control")
    states = found.measures[0]["run/states"]
    reach = weight_reach(states[0])
    show_matrix(axes[4], weight_frame(states[0], reach), f"first dense state, {where[0]}")
    show_matrix(axes[5], weight_frame(states[-1], reach), "last dense state")
    return figure


STUDY = study.Study(
    source="A neural network reverts back to its original state as we turn L1 regularization on and off (J. Van Name)",
    link="https://www.youtube.com/watch?v=1Ag47jgGNNI",
    quote="After each pair of periods the network is nearly back in its initial state, so that L1 does not easily "
    "change its structure.",
    settings=Settings,
    full=FULL,
    full_min=6,
    run=run,
    claims=claims,
    oracles=oracles,
    draw=draw,
    shows="weights as L1 goes on and off",
)
