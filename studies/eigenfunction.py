"""A network trained on f = c (f∘A + f∘B) finds the operator's dominant eigenfunction.

A and B are orthogonal, f has mean 0 on unit vectors. Each step ascends the squared correlation of N(x) with
y = M(Ax) + M(Bx) on tuples of fresh points; M is N as of the last multiple of `hold` steps. A long hold is power
iteration. With hold 1 the ascent is a flow to an eigenvalue of extreme real part, not of largest modulus.
On linear functions the operator is (A+B)ᵀ; its spectrum, and those on quadratic and cubic harmonics, are computed.
Controls: the network at its start; the function that was learned, under the operator of another draw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.sparse.linalg import LinearOperator, eigs
from torch import Tensor, nn

from mbench.nn import ResidualAtan
from mbench.runs import study
from mbench.runs.study import Claim, Found, Measures, Oracle, Watch, above, below, choice, number, numbers
from mbench.types import ComplexArray, FloatArray
from mbench.views.render.colours import SERIES, TEXT
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

NAME = "eigenfunction"
ENDS = 3  # outputs of the last layer, whose arcus tangents are added up
N_MEASURED = 2_000
TOP = 5  # singular values that "low rank" asks about
LOOK_EVERY = 50


@dataclass(frozen=True, slots=True)
class Settings(study.Settings):
    """hold: after how many steps the target is renewed; each is a run of its own.  law: that A and B are drawn from.

    start: standard deviation of the first residual weights.
    """

    inputs: int = number(20, 3, 60)
    width: int = number(40, 3, 400)
    tuples: int = number(15, 1, 1_000)
    points: int = number(20, 3, 1_000)
    hold: tuple[int, ...] = numbers((100, 1), 1, 10_000)
    steps: int = number(3_000, 100, 1_000_000)
    learning_rate: float = number(3e-3, 0.0, 1.0, above=True)
    start: float = number(1e-3, 0.0, 10.0)
    law: str = choice("haar", "qr", "skew")


FULL = {"steps": 20_000, "hold": (300, 100, 30, 1)}


class Networks(nn.Module):
    """Dense(h, m, atan), three residual layers, Dense(m, 3, atan) and a sum, for several replicas."""

    def __init__(self, settings: Settings, replicas: int, generator: torch.Generator) -> None:
        """All replicas start alike."""
        super().__init__()

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator).expand(replicas, *shape).clone()

        h, m = settings.inputs, settings.width
        self.first = nn.Parameter(normal(m, h) / h**0.5)
        self.first_bias = nn.Parameter(torch.zeros(replicas, m))
        self.residual = ResidualAtan(m, 3, replicas=replicas)
        with torch.no_grad():
            self.residual.weight.copy_(settings.start * normal(3, m, m))
        self.last = nn.Parameter(normal(ENDS, m) / m**0.5)
        self.last_bias = nn.Parameter(torch.zeros(replicas, ENDS))

    def forward(self, x: Tensor) -> Tensor:
        """Return the values at x (n, h): (replicas, n)."""
        x = x.expand(len(self.first), *x.shape)
        h = torch.baddbmm(self.first_bias[:, None], x, self.first.transpose(1, 2)).atan()
        z = torch.baddbmm(self.last_bias[:, None], self.residual(h), self.last.transpose(1, 2))
        return z.atan().sum(dim=2)


def draw_orthogonal(law: str, n: int, rng: np.random.Generator) -> FloatArray:
    """Return a random orthogonal matrix.

    haar: Q of a QR with the signs of R's diagonal taken out (Mezzadri, "How to generate random matrices from the
    classical compact groups", 2007).  qr: with them left in.  skew: the exponential of a skew matrix of sd 1 / √n · √n.
    """
    from scipy.linalg import expm

    g = rng.standard_normal((n, n))
    if law == "skew":
        upper = np.triu(g, 1)
        return expm((upper - upper.T) / np.sqrt(n))
    q, r = np.linalg.qr(g)
    return q * np.sign(np.diag(r)) if law == "haar" else q


def draw_pair(settings: Settings, seed: int, what: str = "operator") -> tuple[FloatArray, FloatArray]:
    """Return A and B of a seed."""
    rng = study.random_stream(NAME, what, seed)
    a, b = (draw_orthogonal(settings.law, settings.inputs, rng) for _ in range(2))
    return a, b


def unit_vectors(rng: np.random.Generator, n: int, h: int) -> FloatArray:
    """Return uniform points of the sphere: (n, h)."""
    x = rng.standard_normal((n, h))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def leading(values: ComplexArray) -> complex:
    """Return the eigenvalue of largest modulus, of a pair the one above the axis."""
    largest = values[np.abs(values) > np.abs(values).max() - 1e-9]
    return complex(largest[np.argmax(largest.imag)])


def quadratic_spectrum(a: FloatArray, b: FloatArray) -> ComplexArray:
    """Return the eigenvalues of M → AᵀMA + BᵀMB on symmetric matrices of trace 0, the quadratics of mean 0."""
    n = len(a)
    rows, columns = np.triu_indices(n)
    basis = np.zeros((len(rows), n, n))
    basis[np.arange(len(rows)), rows, columns] = 1.0
    basis = basis + basis.transpose(0, 2, 1)
    basis -= np.trace(basis, axis1=1, axis2=2)[:, None, None] * np.eye(n) / n
    u, s, _ = np.linalg.svd(basis.reshape(len(rows), -1).T, full_matrices=False)
    u = u[:, s > 1e-9]
    images = u.T.reshape(-1, n, n)
    images = a.T @ images @ a + b.T @ images @ b
    return np.asarray(np.linalg.eigvals(u.T @ images.reshape(len(images), -1).T), dtype=complex)


def cubic_radius(a: FloatArray, b: FloatArray, rng: np.random.Generator) -> float:
    """Return the spectral radius on cubic harmonics, by Arnoldi on symmetric tensors without traces."""
    n = len(a)

    def project(t: FloatArray) -> FloatArray:
        orders = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
        t = np.mean([t.transpose(order) for order in orders], axis=0)
        trace = np.trace(t) / (n + 2)
        e = np.eye(n)
        mixed = e[:, :, None] * trace + e[:, None, :] * trace[:, None] + e[None] * trace[:, None, None]
        return t - mixed

    def turn(t: FloatArray, q: FloatArray) -> FloatArray:
        for _ in range(3):  # the first index each time, which goes last
            t = np.tensordot(t, q, axes=(0, 0))
        return t

    def apply(v: FloatArray) -> FloatArray:
        t = project(v.reshape(n, n, n))
        return project(turn(t, a) + turn(t, b)).reshape(-1)

    start = project(rng.standard_normal((n, n, n))).reshape(-1)
    operator = LinearOperator((n**3, n**3), matvec=apply, dtype=float)  # pyright: ignore[reportCallIssue]
    found = eigs(operator, k=4, v0=start, tol=1e-6, return_eigenvectors=False)  # pyright: ignore[reportArgumentType]
    return float(np.abs(found).max())


def correlation(x: Tensor, y: Tensor) -> Tensor:
    """Return the squared correlation along the last axis."""
    x, y = x - x.mean(dim=-1, keepdim=True), y - y.mean(dim=-1, keepdim=True)
    return (x * y).sum(dim=-1).square() / (x.square().sum(dim=-1) * y.square().sum(dim=-1)).clamp(min=1e-30)


def look_at(networks: Networks, x: FloatArray, pair: tuple[FloatArray, FloatArray]) -> dict[str, FloatArray]:
    """Return what the functions are at points x (n, h), each measure (replicas, …)."""

    def at(points: FloatArray) -> FloatArray:
        with torch.no_grad():
            return networks(torch.tensor(points, dtype=torch.float32)).double().numpy()

    a, b = pair
    f, image, mirrored = at(x), at(x @ a.T) + at(x @ b.T), at(-x)
    odd = (f - mirrored) / 2
    mean = f.mean(axis=1, keepdims=True)
    f, image = f - mean, image - image.mean(axis=1, keepdims=True)
    size = np.square(f).sum(axis=1)
    v = np.linalg.lstsq(x, f.T, rcond=None)[0].T
    cross = (f * image).sum(axis=1)
    return {
        "lambda": cross / size,
        "growth": np.sqrt(np.square(image).sum(axis=1) / size),
        "fit": cross**2 / (size * np.square(image).sum(axis=1)),
        "linear": 1.0 - np.square(f - v @ x.T).sum(axis=1) / size,
        "odd": np.square(odd).sum(axis=1) / (size + len(x) * mean[:, 0] ** 2),
        "v": v,
    }


def run(settings: Settings, seed: int, watch: Watch) -> Measures:
    """Train one network for each hold, side by side, and compare with the spectra."""
    a, b = draw_pair(settings, seed)
    n = len(settings.hold)
    networks = Networks(settings, n, torch.Generator().manual_seed(study.torch_seed(NAME, "start", seed)))
    old = Networks(settings, n, torch.Generator())
    order = torch.Generator().manual_seed(study.torch_seed(NAME, "points", seed))
    measured = unit_vectors(study.random_stream(NAME, "measured", seed), N_MEASURED, settings.inputs)
    both = torch.tensor(np.stack([a.T, b.T]), dtype=torch.float32)
    optimizer = torch.optim.Adam(networks.parameters(), lr=settings.learning_rate, fused=True)
    count = settings.tuples * settings.points
    begun = look_at(networks, measured, (a, b))
    curves: dict[str, list[FloatArray]] = {}
    seen: list[FloatArray] = []
    for step in range(settings.steps):
        renewed = [i for i, hold in enumerate(settings.hold) if step % hold == 0]
        with torch.no_grad():
            if renewed:
                for before, now in zip(old.parameters(), networks.parameters(), strict=True):
                    before[renewed] = now[renewed]
            x = torch.randn((count, settings.inputs), generator=order)
            x = x / x.norm(dim=1, keepdim=True)
            target = old(torch.cat([x @ both[0], x @ both[1]])).reshape(n, 2, -1).sum(dim=1)
        shape = (n, settings.tuples, settings.points)
        loss = -correlation(networks(x).reshape(shape), target.reshape(shape)).mean(dim=1).sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if (step + 1) % LOOK_EVERY == 0:
            for name, value in look_at(networks, measured, (a, b)).items():
                curves.setdefault(name, []).append(value)
            if watch.films:
                seen.append(networks.residual.weight.detach().double().numpy()[0].copy())
        if (step + 1) % 500 == 0:
            watch.say(f"step {step + 1:,} of {settings.steps:,}")
    found = _measure(settings, seed, (networks, begun, curves, measured))
    if watch.films:
        film(settings, found, seen, watch)
    return found


def film(settings: Settings, found: Measures, seen: list[FloatArray], watch: Watch) -> None:
    """Offer the matrices of the first hold at every look, beside what T does to the functions of all."""
    chart = Chart(1, 1, (520, 386))
    (panel,) = chart.axes
    steps = LOOK_EVERY * np.arange(1, len(seen) + 1)
    for name, dashes in {"radius": "--", "quadratic": ":"}.items():
        words = {"radius": "linear", "quadratic": "quadratic"}[name]
        panel.axhline(
            float(found[f"oracle/{name}"]), color=TEXT, linestyle=dashes, linewidth=1, label=f"oracle, {words}"
        )
    lines = {h: panel.plot([], [], color=SERIES[i], label=name_case(h))[0] for i, h in enumerate(settings.hold)}
    panel.set(xlim=(0, settings.steps), ylim=(0, 2), xlabel="step", title="|Tf| / |f|: the size of λ")
    name_lines(panel, loc="lower right")
    reach = max(weight_reach(weights) for weights in seen)
    name = f"three matrices as red, green and blue, {name_case(settings.hold[0])}"
    for k, (step, weights) in enumerate(zip(steps.tolist(), seen, strict=True)):
        for hold, line in lines.items():
            line.set_data(steps[: k + 1], found[f"{name_case(hold)}/growth"][: k + 1])
        rgb = weight_frame(weights, reach, film_cell(settings.width))
        watch.shot(step, lambda rgb=rgb: lay_out([name_picture(rgb, name), chart.picture()], 2))


def _measure(
    settings: Settings,
    seed: int,
    trained: tuple[Networks, dict[str, FloatArray], dict[str, list[FloatArray]], FloatArray],
) -> dict[str, FloatArray]:
    networks, begun, curves, measured = trained
    a, b = draw_pair(settings, seed)
    spectrum, vectors = np.linalg.eig((a + b).T)
    values: ComplexArray = np.array(spectrum, dtype=np.complex128)
    first = leading(values)
    left = np.linalg.inv(vectors)[int(np.argmin(np.abs(values - first)))]  # left @ (A+B)ᵀ = λ left
    second = np.abs(quadratic_spectrum(a, b)).max()
    third = cubic_radius(a, b, study.random_stream(NAME, "arnoldi", seed))
    # The sign of N is free, so that a turn counts modulo half a turn.
    angle = np.degrees(abs(np.angle(first)))
    found = {
        "oracle/radius": np.array(abs(first)),
        "oracle/turn": np.array(min(angle, 180.0 - angle)),
        "oracle/eigenvalues": np.stack([values.real, values.imag]),
        "oracle/quadratic": np.array(second),
        "oracle/cubic": np.array(third),
    }
    other = look_at(networks, measured, draw_pair(settings, seed, "another operator"))
    weights = networks.residual.weight.detach().double().numpy()
    late = slice(len(curves["growth"]) // 2, None)
    for i, hold in enumerate(settings.hold):
        case = name_case(hold)
        found |= {f"{case}/{name}": np.stack(curve)[:, i] for name, curve in curves.items()}
        found |= {f"{case}/start_{name}": begun[name][i] for name in ("fit", "lambda")}
        growth = np.stack(curves["growth"])[late, i]
        lam = np.stack(curves["lambda"])[late, i].mean()
        # At the end of each hold, where the target is met: between, the network is on its way.
        stride = max(1, hold // LOOK_EVERY)
        v = np.stack(curves["v"])[stride - 1 :: stride, i]
        turns = np.abs(np.angle((v[1:] @ left) / (v[:-1] @ left), deg=True))[len(v) // 2 :]
        turns = np.minimum(turns, 180.0 - turns)
        flat = weights[i].reshape(3, -1)
        energy = np.square(np.linalg.svd(weights[i], compute_uv=False))
        edge = values.real.max() if lam > 0 else values.real.min()
        unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
        found |= {
            f"{case}/radius_seen": np.exp(np.log(growth).mean()),
            f"{case}/lambda_seen": lam,
            f"{case}/edge": np.array(edge),
            f"{case}/turn_seen": np.median(turns),
            f"{case}/top": (energy[:, :TOP].sum(axis=1) / energy.sum(axis=1)).mean(),
            f"{case}/alike": (unit @ unit.T)[np.triu_indices(3, 1)].mean(),
            f"{case}/other_fit": other["fit"][i],
        }
    return found | {"run/weights": weights[0]}


def name_case(hold: int) -> str:
    """Return what a run is called."""
    return f"hold {hold}"


def claims(settings: Settings) -> tuple[Claim, ...]:
    """Return the thresholds."""
    cases = [name_case(hold) for hold in settings.hold]

    def each(name: str) -> dict[str, study.Measure]:
        return {case: lambda m, case=case: float(np.ravel(m[f"{case}/{name}"])[-1]) for case in cases}

    def against(seen: str, known: str) -> dict[str, study.Measure]:
        return {case: lambda m, case=case: abs(float(m[f"{case}/{seen}"] / m[known]) - 1.0) for case in cases}

    edge = {case: lambda m, case=case: abs(float(m[f"{case}/lambda_seen"] / m[f"{case}/edge"]) - 1.0) for case in cases}
    turning = {
        case: lambda m, case=case: abs(float(m[f"{case}/turn_seen"] - m["oracle/turn"]))
        for case, hold in zip(cases, settings.hold, strict=True)
        if hold % LOOK_EVERY == 0
    }
    return (
        Claim(id="dominant", words="it finds the dominant linear solution", rule=below(0.03),
              measure="|Tf|/|f| over the later half, relative to the spectral radius of (A+B)ᵀ",
              cases=against("radius_seen", "oracle/radius")),
        Claim(id="linear", words="it learns the linear solutions, not polynomials of higher degree", rule=above(0.9),
              measure="linear share of f", cases=each("linear")),
        Claim(id="turns", words="it oscillates as the leading pair turns, and stands where that is real",
              measure="degrees a hold: seen less predicted", rule=below(5.0), cases=turning),
        Claim(id="low-rank", words="the matrices are of low rank", rule=above(0.8),
              measure=f"energy of the {TOP} largest singular values", cases=each("top")),
        Claim(id="equal", words="the three matrices are nearly equal", rule=above(0.9),
              measure="mean cosine of two of them", cases=each("alike")),
        Claim(id="start", words="the untrained network is no solution", kind="control", rule=below(0.5),
              measure="squared correlation of f and Tf at the start", cases=each("start_fit")),
        Claim(id="other", words="what it learned solves no other draw", kind="control", rule=below(0.5),
              measure="squared correlation of f and T'f of another A', B'", cases=each("other_fit")),
        Claim(id="edge", words="it finds the eigenvalue of extreme real part", kind="finding", rule=below(0.1),
              measure="λ of f, relative to that", cases=edge),
        Claim(id="overall", words="the linear solution dominates the quadratic ones", kind="finding", rule=above(0.0),
              measure="spectral radius: linear less quadratic",
              cases={"": lambda m: float(m["oracle/radius"] - m["oracle/quadratic"])}),
    )  # fmt: skip


def oracles(found: Found) -> tuple[Oracle, ...]:
    """Return a gradient by differences, and what is known of the spectra and of the measures."""
    settings = Settings(inputs=6, width=5, hold=(1,))
    rng = np.random.default_rng(0)
    networks = Networks(settings, 1, torch.Generator().manual_seed(0)).double()
    x = torch.tensor(unit_vectors(rng, 20, 6))
    y = torch.tensor(rng.standard_normal(20))
    correlation(networks(x)[0], y).backward()
    assert networks.residual.weight.grad is not None
    h, place = 1e-6, (0, 1, 2, 3)
    with torch.no_grad():
        networks.residual.weight[place] += h
        high = correlation(networks(x)[0], y).item()
        networks.residual.weight[place] -= 2 * h
        low = correlation(networks(x)[0], y).item()
    a, b = draw_pair(settings, 0)
    m, logs = rng.standard_normal((6, 6)), []
    for _ in range(4_000):  # the geometric mean of its growth tends to the radius, for a complex pair, too
        m = a.T @ m @ a + b.T @ m @ b
        m = (m + m.T) / 2 - np.trace(m) / 6 * np.eye(6)  # what rounding adds outside would grow faster
        logs.append(np.log(np.linalg.norm(m)))
        m /= np.linalg.norm(m)
    power = float(np.exp(np.mean(logs[1_000:])))
    values = np.asarray(np.linalg.eigvals((a + b).T), dtype=complex)
    return (
        Oracle("gradient against finite differences", (high - low) / (2 * h),
               networks.residual.weight.grad[place].item(), 1e-7),
        Oracle("quadratic radius against plain power iteration", power, float(np.abs(quadratic_spectrum(a, b)).max()),
               0.01),
        Oracle("the sum of the linear eigenvalues is the trace of A + B", float(np.trace(a + b)),
               float(values.sum().real), 1e-9),
        Oracle("cubic radius of A = B, a rotation: every harmonic doubles", 2.0, cubic_radius(a, a, rng), 1e-6),
    )  # fmt: skip


def draw(found: Found) -> Figure:
    """Draw the spectrum with what was learned, growth and linear share over steps, and the matrices."""
    settings: Settings = found.settings
    figure, axes = study_figure(2, 3, "f = c (f∘A + f∘B): what a network finds of it")
    first = found.measures[0]
    real, imaginary = first["oracle/eigenvalues"]
    axes[0].plot(real, imaginary, "o", color="#d0d0d8", markersize=5, label="eigenvalues of (A+B)ᵀ")
    around = np.linspace(0, 2 * np.pi, 200)
    radius = float(first["oracle/radius"])
    axes[0].plot(radius * np.cos(around), radius * np.sin(around), color="#6f6d80", linewidth=1)
    steps = LOOK_EVERY * np.arange(1, settings.steps // LOOK_EVERY + 1)
    for i, hold in enumerate(settings.hold):
        case = name_case(hold)
        axes[0].axvline(float(first[f"{case}/lambda_seen"]), color=f"C{i}", label=f"learned λ, {case}")
        ratio = found.stack(f"{case}/growth") / found.stack("oracle/radius")[:, None]
        plot_range(axes[1], steps, ratio, case, i)
        plot_range(axes[2], steps, found.stack(f"{case}/linear"), case, i)
    axes[0].set(aspect="equal", title=f"seed {found.seeds[0]}: the complex plane")
    axes[1].set(xlabel="step", title="|Tf|/|f| over the spectral radius", ylim=(0.4, 1.2))
    axes[2].set(xlabel="step", title="linear share of f", ylim=(0, 1.02))
    for each in axes[:2]:
        name_lines(each)
    names = {"linear": "oracle/radius", "quadratic": "oracle/quadratic", "cubic": "oracle/cubic"}
    radii = {name: found.stack(key) for name, key in names.items()}
    radii |= {name_case(h): found.stack(f"{name_case(h)}/radius_seen") for h in settings.hold}
    plot_bars(axes[3], radii)
    axes[3].set(title="spectral radii, and |Tf|/|f| learned")
    plot_bars(axes[4], {f"{name_case(h)}: seen": found.stack(f"{name_case(h)}/turn_seen") for h in settings.hold
                        if h % LOOK_EVERY == 0}
              | {"predicted": found.stack("oracle/turn")}, 1)  # fmt: skip
    axes[4].set(title="degrees a hold")
    weights = first["run/weights"]
    show_matrix(axes[5], weight_frame(weights, weight_reach(weights)), f"the matrices, {name_case(settings.hold[0])}")
    return figure


STUDY = study.Study(
    source="A network trained to find a dominant eigenvector of an infinite-dimensional operator (J. Van Name)",
    link="https://www.youtube.com/results?search_query=Joseph+Van+Name+neural+network+dominant+eigenvector+infinite-dimensional+operator",
    quote="The matrices are nearly equal and of low rank; it oscillates between two solutions, and simply learns the "
    "linear ones.",
    settings=Settings,
    full=FULL,
    full_min=18,
    run=run,
    claims=claims,
    oracles=oracles,
    draw=draw,
    shows="weights and λ as they are learned",
)
