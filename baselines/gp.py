"""Gaussian process regression, Matérn 3/2: exact on small samples, through inducing points on larger ones.

Source: Rasmussen & Williams, "Gaussian processes for machine learning" (2006): equations 2.23, 4.17, 5.8 and 5.9 for
the exact process, its kernel and its marginal likelihood, 8.14 for the projection onto inducing points.
Settings: a length scale for every input (one for all beyond 16), the amplitude and the noise maximise the marginal
likelihood of 500 rows, from two starts. Exact up to 2,500 rows, where it takes a second; beyond, some of the rows
carry the process, 12 times the root of their number, between 1,000 and 1,400, which is what time allows. There noise
counts as 1e-3 of the labels' variance at most: what looks like noise to 500 rows is detail, and projecting smooths by
itself. Of Matérn 1/2, 3/2 and 5/2, the middle one is best or next to best on every task tried.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

N_EXACT = 2_500
INDUCING_PER_ROOT = 12  # of the number of rows
LEAST_INDUCING, MOST_INDUCING = 1_000, 1_400
N_LIKELIHOOD = 500
MOST_SCALES = 16
STARTS = (0.5, 0.1)  # of the length scales, by the root of their number; one alone ends now and then at pure noise
ROWS_AT_ONCE = 2_048
MOST_NOISE = 1e-3  # of inducing points
JITTER = 1e-8  # of the kernel's diagonal


def scaled_distances(X, Z, scales):
    """Return √3 times the distances (n, m) between rows in units of the length scales."""
    X, Z = X / scales, Z / scales
    squared = np.sum(X**2, axis=1)[:, None] + np.sum(Z**2, axis=1) - 2.0 * X @ Z.T
    return np.sqrt(np.maximum(3.0 * squared, 0.0))


def matern(X, Z, scales, amplitude):
    """Return the kernel (n, m)."""
    r = scaled_distances(X, Z, scales)
    decay = np.exp(-r)
    r += 1.0
    r *= decay
    r *= amplitude
    return r


def negative_log_likelihood(logs, X, y):
    """Return minus the log marginal likelihood of y (n, k), summed over outputs, and its slopes by `logs`.

    logs: of the length scales (d or 1 of them), of the amplitude and of the noise's variance.
    """
    *scales, amplitude, noise = np.exp(logs)
    scales = np.array(scales)
    n, k = y.shape
    r = scaled_distances(X, X, scales)
    decay = amplitude * np.exp(-r)
    factor = cho_factor((1.0 + r) * decay + (noise + JITTER * amplitude) * np.eye(n), lower=True)
    alpha = cho_solve(factor, y)
    value = 0.5 * np.sum(y * alpha) + k * np.log(np.diag(factor[0])).sum() + 0.5 * n * k * np.log(2.0 * np.pi)
    by_kernel = 0.5 * (k * cho_solve(factor, np.eye(n)) - alpha @ alpha.T)
    # dK/d log s = 3 a e^-r (x - x')² / s², summed over pairs as a product of matrices.
    pull = 3.0 * by_kernel * decay
    Z = X / scales
    by_scale = 2.0 * (pull.sum(axis=1) @ Z**2 - np.sum(Z * (pull @ Z), axis=0))
    by_amplitude = np.sum(by_kernel * (1.0 + r) * decay) + JITTER * amplitude * np.trace(by_kernel)
    by_noise = noise * np.trace(by_kernel)
    by_scale = by_scale if len(scales) > 1 else by_scale.sum()
    return value, np.r_[by_scale, by_amplitude, by_noise]


def maximise_likelihood(X, y):
    """Return length scales, amplitude and noise for labels of mean 0 and size 1."""
    d = X.shape[1]
    n_scales = d if d <= MOST_SCALES else 1
    bounds = np.log([(1e-3, 1e3)] * n_scales + [(1e-2, 1e3), (1e-7, 1.0)])
    found = []
    for scale in STARTS:
        start = np.log([scale * np.sqrt(d)] * n_scales + [1.0, 1e-2])
        found.append(minimize(
            negative_log_likelihood, start, (X, y), "L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": 40}
        ))  # fmt: skip
    *scales, amplitude, noise = np.exp(min(found, key=lambda each: each.fun).x)
    return np.array(scales), amplitude, noise


def count_inducing(n_samples):
    """Return how many of the rows carry a process that is not exact."""
    return int(np.clip(INDUCING_PER_ROOT * n_samples**0.5, LEAST_INDUCING, MOST_INDUCING))


class GaussianProcess:
    def __init__(self, seed, n_exact=N_EXACT, n_inducing=LEAST_INDUCING):
        """seed: chooses the rows.  n_exact: above so many, `n_inducing` of them carry the process."""
        self.seed = seed
        self.n_exact = n_exact
        self.n_inducing = n_inducing

    def fit(self, X, y):
        y = np.reshape(y, (len(X), -1))
        self.offset_, self.size_ = y.mean(axis=0), max(y.std(axis=0).max(), 1e-12)
        y = (y - self.offset_) / self.size_
        order = np.random.default_rng(self.seed).permutation(len(X))
        few = order[:N_LIKELIHOOD]
        self.scales_, self.amplitude_, self.noise_ = maximise_likelihood(X[few], y[few])
        exact = len(X) <= self.n_exact
        self.points_ = X if exact else X[order[: self.n_inducing]]
        kernel = self._kernel(self.points_) + JITTER * self.amplitude_ * np.eye(len(self.points_))
        if exact:
            self.weights_ = cho_solve(cho_factor(kernel + self.noise_ * np.eye(len(X))), y)
        else:
            self.weights_ = self._project(kernel, X, y)
        self.n_params_ = self.weights_.size
        return self

    def predict(self, X):
        blocks = np.array_split(X, -(-len(X) // ROWS_AT_ONCE))
        return self.offset_ + self.size_ * np.concatenate([self._kernel(block) @ self.weights_ for block in blocks])

    def _kernel(self, X):
        return matern(X, self.points_, self.scales_, self.amplitude_)

    def _project(self, kernel, X, y):
        """Return the weights of the inducing points, whose kernel is given, for the labels of all rows."""
        root = cholesky(kernel, lower=True)
        gram, product = min(self.noise_, MOST_NOISE) * np.eye(len(kernel)), 0.0
        for rows in np.array_split(np.arange(len(X)), -(-len(X) // ROWS_AT_ONCE)):
            features = solve_triangular(root, self._kernel(X[rows]).T, lower=True)
            gram += features @ features.T
            product = product + features @ y[rows]
        return solve_triangular(root, cho_solve(cho_factor(gram), product), lower=True, trans="T")


def build(spec):
    return GaussianProcess(spec.seed, n_inducing=count_inducing(spec.n_samples))
