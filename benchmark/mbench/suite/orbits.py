"""Ground truth of every escape-time fractal: where an orbit stops, and the values that are made of it."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from mbench.errors import HarnessError
from mbench.types import BoolArray, ComplexArray, FloatArray, IntArray

CHUNK_POINTS = 16_384
_LARGEST = 1e100  # beyond it one step of z³ could overflow
_DISTANCE_LIMITS = (1e-10, 1e10)  # the upper one only ever meets z' = 0, as at the critical point of a Julia set


@dataclass(frozen=True, slots=True)
class Orbit:
    """Where n orbits stopped.

    count: (n,) int32 in [1, max_iter], the first index with |z| > bailout; max_iter where interior.
    interior: (n,) bool, did not escape.  z: (n,) complex128, z_count; 0 where interior.
    dz: (n,) complex128, the derivative of z_count by c (Julia: by z_0); 0 where interior; None where not asked for.
    """

    count: IntArray
    interior: BoolArray
    z: ComplexArray
    dz: ComplexArray | None


Step = Callable[[float, float, float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Family:
    """One recurrence z ← f(z) + c.

    kind: which of `kernels`' steps, or a step of one's own, (x, y, re c, im c) to the next (x, y), which is compiled
    once in every process, has no derivative and starts at z_1 = c.  power: the degree.  holomorphic: does z' exist?
    c: that of a Julia set.  golden: the digest of its orbits of fixed points, over counts and coordinates, never over
    logarithms, whose last bit differs between libraries; None while it is not recorded.
    """

    name: str
    kind: int | Step
    power: int = 2
    holomorphic: bool = True
    c: complex = 0j
    golden: str | None = None

    def __post_init__(self) -> None:
        """Check that a step of one's own asks for no derivative."""
        if self.holomorphic and not isinstance(self.kind, int):
            raise ValueError(f"{self.name}: a step of its own has no derivative. Say holomorphic=False")


# c = -0.8 + 0.156i is in the gallery of Wikipedia's "Julia set": a dust of spirals, without interior.
MANDELBROT = Family("mandelbrot", 0, golden="44ab4f4706232d64931d9adb5ea384a69308a67d702866c48a4e192acae1a30b")
JULIA = Family("julia", 1, c=-0.8 + 0.156j, golden="072b6b4a4ee9e202a3be8f873019b2fba3e0dd055dbe0b44e91d25f760a6b401")
BURNING_SHIP = Family(
    "burning-ship", 2, holomorphic=False, golden="fc3260b48ee6a3bbbf0923c3b90179854f6ed38fa81c1fe0c79cc02839dd43d0"
)
MULTIBROT3 = Family("multibrot3", 3, power=3, golden="25fcf5feb4e218f0dc3062190532a6c031213a084c7d384b10c8fac5db414b75")
TRICORN = Family(
    "tricorn", 4, holomorphic=False, golden="b15930de11777f09285f36bacf4df984c7191ef5b8af7f70f0d97aaaf2196b1d"
)
FAMILIES = MappingProxyType({f.name: f for f in (MANDELBROT, JULIA, BURNING_SHIP, MULTIBROT3, TRICORN)})


def escape_time(
    points: ComplexArray,
    family: Family = MANDELBROT,
    *,
    max_iter: int,
    bailout: float = 256.0,
    derivative: bool = True,
    threads: int | None = None,
) -> Orbit:
    """Iterate the family's recurrence until |z_n| > bailout and return where each orbit stopped.

    points: (n,) complex128: c, with z_0 = 0 and z_1 = c; for a Julia set z_0.  max_iter: in [1, 2³¹).  bailout: >= 2.
    threads: None for every core this process may use. Neither it nor how the points are cut into chunks changes a bit.
    Raises ValueError for points that are not finite (or beyond 1e100), and for the derivative of a family without one.
    Source: interior by the closed-form cardioid and period-2 disc, then Brent, "An improved Monte Carlo factorization
    algorithm" (1980), on exact equality: an orbit that repeats bit for bit never escapes, so nothing is lost.
    """
    from mbench.suite.kernels import lane_kernel, own_kernel  # numba: only where it is used

    points = np.require(points, np.complex128, ["C_CONTIGUOUS", "WRITEABLE"])  # one layout, one compilation
    if points.ndim != 1:
        raise ValueError(f"points have shape {points.shape}, expected (n,)")
    if not 1 <= max_iter < 2**31 or not bailout >= 2.0:
        raise ValueError(f"expected max_iter in [1, 2**31) and bailout >= 2, got {max_iter} and {bailout}")
    if derivative and not family.holomorphic:
        raise ValueError(f"{family.name} has no complex derivative: call with derivative=False")
    xy = points.view(np.float64).reshape(-1, 2)
    if not np.all(np.abs(xy) <= _LARGEST):
        raise ValueError(f"points must be finite and at most {_LARGEST:g} in size")

    n = len(points)
    count, interior = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.bool_)
    z, dz = np.zeros((n, 2)), np.zeros((n if derivative else 0, 2))
    kernel = lane_kernel(family.kind, derivative) if isinstance(family.kind, int) else own_kernel(family.kind)

    def iterate(start: int) -> None:
        part = slice(start, start + CHUNK_POINTS)
        outputs = count[part], interior[part], z[part], dz[part]
        kernel(xy[part], family.c.real, family.c.imag, int(max_iter), float(bailout) ** 2, *outputs)

    starts = range(0, n, CHUNK_POINTS)
    threads = min(_usable_cores() if threads is None else threads, max(1, len(starts)))
    if threads == 1:
        for start in starts:
            iterate(start)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(iterate, starts))
    return Orbit(count, interior, _as_complex(z), _as_complex(dz) if derivative else None)


def smooth_value(orbit: Orbit, family: Family = MANDELBROT) -> FloatArray:
    """Return ν / (ν + 50) clipped to [0, 1], ν = n + 1 − log_p log₂ |z_n|, and 1 where interior: (n,) float32.

    p is the family's degree: a step more multiplies log |z| by p, so ν does not jump where the count does.
    Source: Quilez, "Smooth iteration count"; Douady & Hubbard's potential.
    """
    modulus = np.where(orbit.interior, 2.0, np.abs(orbit.z))
    nu = orbit.count + 1.0 - np.log2(np.log2(modulus)) / np.log2(family.power)
    nu = np.maximum(nu, 0.0)
    return np.where(orbit.interior, 1.0, nu / (nu + 50.0)).astype(np.float32)


def distance_estimate(orbit: Orbit) -> FloatArray:
    """Return d = |z| ln|z| / |z'|; 0 where interior, and where |z'| overflowed: (n,) float64.

    The true distance to the set lies between d/2 and 2d (Koebe's quarter theorem, for a large bailout).
    Raises ValueError for an orbit without derivative.
    Source: Milnor, "Self-similarity and hairiness in the Mandelbrot set" (1989).
    """
    if orbit.dz is None:
        raise ValueError("a distance needs the derivative: call escape_time with derivative=True")
    modulus = np.where(orbit.interior, 1.0, np.abs(orbit.z))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        slope = np.abs(orbit.dz)
        distance = modulus * np.log(modulus) / slope
    return np.where(orbit.interior | ~np.isfinite(slope), 0.0, distance)


def log_distance_value(orbit: Orbit) -> FloatArray:
    """Return 0.5 + 0.5 sin(2π·0.05·ln d), d the distance estimate, at least 1e-10; 1 where interior: (n,) float32."""
    distance = np.clip(distance_estimate(orbit), *_DISTANCE_LIMITS)
    return np.where(orbit.interior, 1.0, 0.5 + 0.5 * np.sin(2.0 * np.pi * 0.05 * np.log(distance))).astype(np.float32)


_LANDMARKS = (-2.0, 1j, 0.25, -0.75, -1.25, 0.0, -1.7548776662466927, -0.743643887037151 + 0.13182590420533j)


def self_test(*families: Family) -> None:
    """Check this machine's orbits of 4,096 fixed points, bit for bit, against the recorded ones (default: Mandelbrot).

    Raises HarnessError on a mismatch: labels made here could not be compared with anybody else's.
    """
    for family in families or (MANDELBROT,):
        if family.golden is not None and (got := fingerprint(family)) != family.golden:
            raise HarnessError(
                f"escape self-test: the {family.name} orbits have digest {got[:16]}…, expected "
                f"{family.golden[:16]}…, on {platform.platform()} ({platform.machine()}), "
                f"NumPy {np.__version__}. Remove numba's cache ({Path(__file__).parent / '__pycache__'}/*.nb[ic], or "
                "$NUMBA_CACHE_DIR) and try again. If it persists, this machine does not compute as IEEE 754 says: "
                "report it with this line, and publish no results from here."
            )


def fingerprint(family: Family) -> str:
    """Return the SHA-256 of count, interior, z and z' (little-endian) of the fixed points, with and without z'."""
    digest = hashlib.sha256()
    for derivative in (False, True) if family.holomorphic else (False,):
        orbit = escape_time(_fixed_points(), family, max_iter=256, derivative=derivative, threads=1)
        for array, dtype in ((orbit.count, "<i4"), (orbit.interior, "u1"), (orbit.z, "<c16"), (orbit.dz, "<c16")):
            digest.update(b"" if array is None else array.astype(dtype).tobytes())
    return digest.hexdigest()


def _fixed_points() -> ComplexArray:
    """Return 2,048 points of a Weyl sequence on the window and 2,048 ever closer to landmarks of the boundary."""
    i = np.arange(1, 2049, dtype=np.uint64)
    # The plastic number's powers (Roberts, "The unreasonable effectiveness of quasirandom sequences"), times 2**64.
    steps = np.array([0xC13FA9A902A6328F, 0x91E10DA5C79E7B1C], dtype=np.uint64)
    u = ((i[:, None] * steps) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    spread = np.array([-2.65, -1.2]) + u * np.array([3.8, 2.4])
    ring = np.array([(dx, dy) for dx in (-1.0, 0.0, 1.0) for dy in (-1.0, 0.0, 1.0) if dx or dy])
    landmarks = np.array([(c.real, c.imag) for c in map(complex, _LANDMARKS)])
    hard = landmarks[:, None, None, :] + ring[:, None, :] * (0.5 ** np.arange(1.0, 33.0))[:, None]
    return _as_complex(np.concatenate([spread, hard.reshape(-1, 2)]))


def _as_complex(pairs: FloatArray) -> ComplexArray:
    return pairs.view(np.complex128)[:, 0]


def _usable_cores() -> int:
    # macOS has no affinity
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
