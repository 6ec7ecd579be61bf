"""Neighbours read by rules that are themselves learned from the sample, by leaving each of its points out in turn.

Every point whose neighbours' labels differ is foretold from these neighbours alone: from local means and planes at four
scales, plateaus, the labels that the usual slopes leave possible, and the nearest labels with where they lie along and
across the local gradient (`mbench.nn.neighbourhoods`). Three ensembles of boosted trees learn what such a neighbourhood
says about the label in its midst; what they correct is a plain mean of the neighbours, a spline through them, and the
two's mean. Each learns from thinned copies of the sample of its own, too, where the same shapes are seen from farther.
Mirrors of the inputs that the sample shows double it (baselines/knn_mirror.py). A local spline (baselines/rbf.py),
random Fourier features (baselines/rff_ridge.py) and, beyond three inputs, a network do what smoothness can. A held-out
tenth weighs them all.
Source: mbench's own. Weighing learners by what they foretell of held-out rows is Wolpert, "Stacked generalization"
(1992), with weights of at least 0 as in Breiman, "Stacked regressions" (1996); the trees are those of
baselines/hist_gbdt.py.
Settings: chosen on replicate 1000; docs/learned_neighbours.md says what was tried. Steps and rows follow from the
limit, of which it takes about a third.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from knn_mirror import MOST_INPUTS, N_NEIGHBOURS, find_mirrors, fold
from rbf import LocalSpline, spline_weights, thin_plate
from rff_ridge import RandomFourierRidge
from scipy.optimize import nnls
from scipy.spatial import cKDTree
from sklearn.ensemble import HistGradientBoostingRegressor
from torch import nn

from mbench.nn import TorchRegressor
from mbench.nn.neighbourhoods import Neighbourhoods, Terrain, describe_neighbourhoods, inverse_square_mean

N_READ, N_SPLINE = 32, 16  # neighbours
ROWS_AT_ONCE = 2_048
THINNING = (0.0, 0.2, 0.35, 0.5, 0.1, 0.25, 0.4, 0.3)  # shares of the sample left out, a copy each
SPLINE_SHARES = (0.0, 0.5, 1.0)  # of what a reader corrects
SMOOTHINGS = (1e-1, 1e-3)
SHARE_OF_ERROR = 0.98  # of a plain mean's squared error lies in what is read
FEWEST_ROWS, MOST_READ_INPUTS, MOST_MIRRORS = 1_000, 3, 2
LEAST_WEIGHT, STANDARD_ERRORS = 0.05, 3.0


def reflect(X, normals):
    """Return X (n, d) and below it its images in every mirror and in those before: (2^m n, d)."""
    for normal in normals:
        X = np.concatenate([X, X - 2.0 * (X @ normal)[:, None] * normal])
    return np.ascontiguousarray(X)


class Surroundings:
    """A sample of one output and its images, and the neighbourhoods in it; a share of it may be left out."""

    def __init__(self, X, y, normals, keep=None):
        """keep: (2^m n,) bool, the points and images that there are; None for all."""
        points = reflect(X, normals)
        self.of_ = np.tile(np.arange(len(X)), len(points) // len(X))
        if keep is not None:
            points, self.of_ = points[keep], self.of_[keep]
        self.labels_ = y[self.of_]
        self.tree_ = cKDTree(points)

    def about(self, X, m, rows=None):
        """Return the m nearest neighbours of X. rows: of the sample that X is, each left out with its images."""
        n_known = len(self.labels_)
        distance, index = self.tree_.query(X, min(m + (0 if rows is None else 2**MOST_MIRRORS), n_known))
        if rows is not None:
            order = np.argsort(self.of_[index] == rows[:, None], axis=1, kind="stable")[:, :m]
            index, distance = np.take_along_axis(index, order, axis=1), np.take_along_axis(distance, order, axis=1)
        return Neighbourhoods(self.tree_.data[index] - X[:, None], distance, self.labels_[index])


class NeighbourReader:
    """Foretells the label amid neighbours that differ; elsewhere it takes what it is given."""

    def __init__(self, fit_limit_s, seed):
        self.fit_limit_s, self.seed = fit_limit_s, seed

    def fit(self, X, y, normals, taught):
        """taught: (n,) bool, rows to learn from; the others are neighbours and nothing else."""
        rng = np.random.default_rng(self.seed)
        self.around_ = Surroundings(X, y, normals)
        spread, error = self._spread(X, y)
        order = np.argsort(-spread, kind="stable")
        share = np.cumsum(error[order])
        last = int(np.searchsorted(share, SHARE_OF_ERROR * share[-1]))
        self.threshold_ = max(float(spread[order][min(last, len(order) - 1)]), 1e-12)
        rows = rng.permutation(np.flatnonzero((spread >= self.threshold_) & taught))
        most = int(900 * self.fit_limit_s)
        rows = rows[:most]
        self.readers_ = []
        if len(rows) < FEWEST_ROWS // 10:
            return self
        self.terrain_ = Terrain.survey(self.around_.about(X[rows], N_READ, rows), y)
        n_copies = int(np.clip(most // len(rows), 1, len(THINNING)))
        for spline_share in SPLINE_SHARES:
            features, targets = [], []
            for thinning in THINNING[:n_copies]:
                around = self.around_
                if thinning:
                    around = Surroundings(X, y, normals, rng.random(len(X) * 2 ** len(normals)) >= thinning)
                for some in np.array_split(rows, -(-len(rows) // ROWS_AT_ONCE)):
                    features.append(self._describe(around.about(X[some], N_READ, some)))
                    targets.append(y[some] - self._base(features[-1], spline_share))
            trees = HistGradientBoostingRegressor(
                max_iter=90, max_leaf_nodes=31, learning_rate=0.11, l2_regularization=5.0, max_features=0.5,
                min_samples_leaf=20 * (1 + n_copies), early_stopping=False, random_state=len(self.readers_),
            )  # fmt: skip
            self.readers_.append((spline_share, trees.fit(np.concatenate(features), np.concatenate(targets))))
        network = SkipRegressor(
            width=64, depth=2, steps=max(1, int(20 * self.fit_limit_s)), learning_rate=2e-3, weight_decay=1e-2,
            dropout=0.2, random_state=self.seed, threads=1,
        )  # fmt: skip
        features, targets = np.concatenate(features), np.concatenate(targets)
        targets += features[:, 1] - self._base(features, 0.5)
        low, self.middle_, high = np.quantile(features, (0.1, 0.5, 0.9), axis=0)
        self.scale_ = np.maximum((high - low) / 2.0, 0.3 * features.std(axis=0) + 1e-6)
        self.readers_.append((0.5, network.fit(self._squash(features), targets)))
        return self

    def predict(self, X, elsewhere, rows=None):
        """Return (m,): what is read, or `elsewhere` (m,) where neighbours agree. rows: as in `Surroundings.about`."""
        answer = elsewhere.copy()
        if not self.readers_:
            return answer
        for part in np.array_split(np.arange(len(X)), -(-len(X) // ROWS_AT_ONCE)):
            mine = None if rows is None else rows[part]
            differ = self.around_.about(X[part], 9, mine).label.std(axis=1) >= self.threshold_
            part, mine = part[differ], None if rows is None else rows[part][differ]
            if len(part):
                features = self._describe(self.around_.about(X[part], N_READ, mine))
                answer[part] = np.mean([self._base(features, s) + self._read(r, features) for s, r in self.readers_], axis=0)
        return answer

    def _spread(self, X, y):
        """Return how much the labels about each row differ (n,), and the squared error of their mean (n,)."""
        label = self.around_.about(X, 9, np.arange(len(X))).label
        return label.std(axis=1), (label.mean(axis=1) - y) ** 2

    def _describe(self, near):
        """Return features; the first are a mean of the neighbours and splines through them."""
        unit = near.distance[:, N_SPLINE - 1, None] + 1e-12
        points, label = near.offset[:, :N_SPLINE] / unit[..., None], near.label[:, :N_SPLINE]
        splines = [np.sum(spline_weights(points, s, thin_plate) * label, axis=1) for s in SMOOTHINGS]
        mean = inverse_square_mean(near.distance[:, :9] / (near.distance[:, 8:9] + 1e-12), near.label[:, :9])
        return np.column_stack([mean, *splines, describe_neighbourhoods(near, self.terrain_)]).astype(np.float32)

    def _read(self, reader, features):
        return reader.predict(self._squash(features) if isinstance(reader, TorchRegressor) else features)

    def _squash(self, features):
        z = (features - self.middle_) / self.scale_
        return np.clip(np.sign(z) * np.log1p(np.abs(z)), -4.0, 4.0).astype(np.float32)

    def _base(self, features, spline_share):
        return (1.0 - spline_share) * features[:, 0] + spline_share * features[:, 1]


class SkipNetwork(nn.Module):
    """A perceptron whose every layer sees the inputs, too."""

    def __init__(self, n_inputs, n_outputs, width, depth, dropout):
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(n_inputs + width * min(i, 1), width) for i in range(depth))
        self.last = nn.Linear(n_inputs + width, n_outputs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        h = x
        for layer in self.hidden:
            h = torch.cat([x, self.dropout(nn.functional.silu(layer(h)))], dim=1)
        return self.last(h)


class SkipRegressor(TorchRegressor):
    def make_network(self, n_inputs, n_outputs):
        return SkipNetwork(n_inputs, n_outputs, self.width, self.depth, self.dropout)


class LearnedNeighbours:
    def __init__(self, fit_limit_s, threads, seed):
        self.fit_limit_s, self.threads, self.seed = fit_limit_s, threads, seed

    def fit(self, X, y):
        y = np.reshape(y, (len(X), -1))
        n, d = X.shape
        can_search = d <= MOST_INPUTS and n > N_NEIGHBOURS
        self.normals_ = find_mirrors(X, y)[:MOST_MIRRORS] if can_search else []
        X = fold(X, self.normals_)
        held = np.zeros(n, bool)
        held[np.random.default_rng(self.seed).permutation(n)[: min(max(n // 10, 1), 5_000)]] = True
        makers = self._choose(X[~held], y[~held])
        self.models_ = [make().fit(X[~held], y[~held]) for make in makers]
        answers = [np.reshape(model.predict(X[held]), (-1, y.shape[1])) for model in self.models_]
        self.reader_ = None
        if d <= MOST_READ_INPUTS and n >= FEWEST_ROWS and y.shape[1] == 1:
            reader = NeighbourReader(self.fit_limit_s, self.seed).fit(X, y[:, 0], self.normals_, ~held)
            self.reader_ = reader
            answers.append(reader.predict(X[held], answers[0][:, 0], np.flatnonzero(held))[:, None])
        self.weights_ = weigh(answers, y[held], y[~held].mean(axis=0))
        # A network is not trained again; the others learn the held-out tenth, too, where they count.
        read = self.reader_ is not None and self.weights_[-1] > 0.0
        for i, make in enumerate(makers):
            if not isinstance(self.models_[i], TorchRegressor) and (self.weights_[i] > 0.0 or (read and i == 0)):
                self.models_[i] = make().fit(X, y)
        return self

    def predict(self, X):
        X = fold(X, self.normals_)
        read = self.reader_ is not None and self.weights_[-1] > 0.0
        answer = 0.0
        for i, (model, weight) in enumerate(zip(self.models_, self.weights_, strict=False)):
            if weight > 0.0 or (read and i == 0):
                values = np.reshape(model.predict(X), (len(X), -1))
                answer = answer + weight * values
                if read and i == 0:
                    answer = answer + self.weights_[-1] * self.reader_.predict(X, values[:, 0])[:, None]
        return answer

    def _choose(self, X, y):
        """Return what makes the smooth learners; waves are out where few rows say that they err far more than a spline."""
        d = X.shape[1]
        spline, waves = partial(LocalSpline, self.threads), partial(RandomFourierRidge, self.seed)
        few, test = slice(500, 2_500), slice(0, 500)
        if len(X) > 2_500:
            errors = [np.sum((np.reshape(m().fit(X[few], y[few]).predict(X[test]), (500, -1)) - y[test]) ** 2) for m in (spline, waves)]
        else:
            errors = [0.0, 0.0]
        makers = [spline, waves] if errors[1] <= 1.5 * errors[0] else [spline]
        if d > MOST_READ_INPUTS:
            makers.append(
                partial(
                    SkipRegressor, width=192, depth=3, learning_rate=2e-3, weight_decay=1e-2, batch_size=64 if len(X) < 10_000 else 128,
                    steps=max(1, int(self.fit_limit_s * (110 if d < 20 else 60))), random_state=self.seed, threads=self.threads,
                )
            )
        return makers


def weigh(answers, truth, centre):
    """Return weights of at least 0 that sum to 1, by least squares from answers (n, k) each to the truth (n, k).

    One answer alone counts where the weighted one is not surely better: few rows that differ tell weights badly.
    """
    columns = np.stack([(answer - centre).ravel() for answer in answers], axis=1)
    weights, _ = nnls(columns, (truth - centre).ravel())
    weights[weights < LEAST_WEIGHT * weights.sum()] = 0.0
    errors = np.stack([np.sum((answer - truth) ** 2, axis=1) for answer in answers])
    best = np.argmin(errors.sum(axis=1))
    alone = np.eye(len(answers))[best]
    if weights.sum() == 0.0:
        return alone
    weights /= weights.sum()
    gain = errors[best] - np.sum((np.tensordot(weights, answers, 1) - truth) ** 2, axis=1)
    return weights if gain.mean() > STANDARD_ERRORS * gain.std() / np.sqrt(len(gain)) else alone


def build(spec):
    return LearnedNeighbours(spec.fit_limit_s, spec.threads, spec.seed)
