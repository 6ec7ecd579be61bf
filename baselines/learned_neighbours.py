"""Neighbours read by rules that are themselves learned from the sample, by leaving each of its points out in turn.

Every point whose neighbours' labels differ is foretold from these neighbours alone: from means and planes at four
scales, plateaus, the labels that the usual slopes leave possible, and the nearest labels with where they lie along and
across the local gradient (`mbench.nn.describe_neighbourhoods`). Three ensembles of boosted trees and a small network
learn what such a neighbourhood says about the label in its midst. They correct a mean of the neighbours, a spline
through them, or the mean of both, and each ensemble sees thinned copies of the sample of its own, too: the same shapes
from farther away. Mirrors that the sample shows double it (baselines/knn_mirror.py). A local spline (baselines/rbf.py),
random Fourier features (baselines/rff_ridge.py) and, beyond three inputs, a network do what smoothness can. Held-out
rows say which of all these count.
Source: mbench's own; Wolpert, "Stacked generalization" (1992), for the last step.
Settings: chosen on replicate 1000; docs/learned_neighbours.md says by what, and what did not help. Rows and steps
follow from the limit.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from knn_mirror import MOST_INPUTS, N_NEIGHBOURS, find_mirrors, fold
from rbf import LocalSpline, spline_weights, thin_plate
from rff_ridge import RandomFourierRidge
from sklearn.ensemble import HistGradientBoostingRegressor
from torch import nn

from mbench.nn import Surroundings, Terrain, TorchRegressor, describe_neighbourhoods, weigh_answers
from mbench.nn.terrain import inverse_square_mean

N_ALIKE, N_SPLINE, N_READ = 9, 16, 32  # neighbours: whose labels differ or do not; of a spline; of a reader
SMOOTHING = 1e-1
SHARE_OF_ERROR = 0.98  # of a plain mean's squared error lies where the readers answer
FEWEST_ROWS, MOST_READ_INPUTS, MOST_MIRRORS = 1_000, 3, 2
FEWEST_TAUGHT, TAUGHT_PER_SECOND = 100, 900  # rows, copies counted apart
THINNING = (0.0, 0.2, 0.35, 0.5, 0.1, 0.25, 0.4, 0.3)  # shares of the sample left out, a copy each
SPLINE_SHARES = (0.0, 0.5, 1.0)  # of what an ensemble corrects; the rest is the neighbours' mean
ROWS_AT_ONCE = 2_048
MOST_FITTED_AGAIN = 5_000_000  # inputs of rows; 20,000 images of MNIST are three times as many


class SkipNetwork(nn.Module):
    """A perceptron whose every layer sees the inputs, too."""

    def __init__(self, n_inputs, n_outputs, width, depth, dropout):
        """width: units of a hidden layer.  depth: hidden layers.  dropout: share of their units silenced."""
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(n_inputs + width * min(i, 1), width) for i in range(depth))
        self.last = nn.Linear(n_inputs + width, n_outputs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        seen = x
        for layer in self.hidden:
            seen = torch.cat([x, self.dropout(nn.functional.silu(layer(seen)))], dim=1)
        return self.last(seen)


class SkipRegressor(TorchRegressor):
    def make_network(self, n_inputs, n_outputs):
        return SkipNetwork(n_inputs, n_outputs, self.width, self.depth, self.dropout)


class FeatureNetwork(SkipRegressor):
    """A network on features of any scale, which are squashed: a few have long tails."""

    def fit(self, X, y):
        low, self.middle_, high = np.quantile(X, (0.1, 0.5, 0.9), axis=0)
        self.size_ = np.maximum((high - low) / 2.0, 0.3 * X.std(axis=0, dtype=np.float64) + 1e-6)
        return super().fit(self._squash(X), y)

    def predict(self, X):
        return super().predict(self._squash(X))

    def _squash(self, X):
        z = (X - self.middle_) / self.size_
        return np.clip(np.sign(z) * np.log1p(np.abs(z)), -4.0, 4.0).astype(np.float32)


class NeighbourReaders:
    """Foretell the one label amid neighbours whose labels differ; elsewhere they take what they are given."""

    def __init__(self, fit_limit_s, seed):
        """fit_limit_s: what rows and steps follow from.  seed: of all that is drawn."""
        self.fit_limit_s, self.seed = fit_limit_s, seed

    def fit(self, X, y, normals, taught):
        """normals: of mirrors along which X is folded.  taught: (n,) bool; the other rows are neighbours alone."""
        rng = np.random.default_rng(self.seed)
        self.around_ = Surroundings(X, y, normals)
        rows, most = rng.permutation(self._find_rows(X, y, taught)), int(TAUGHT_PER_SECOND * self.fit_limit_s)
        rows = rows[:most]
        self.readers_ = []  # pairs of the spline's share and what corrects the base
        if len(rows) < FEWEST_TAUGHT:
            return self
        self.terrain_ = Terrain.survey(self.around_.about(X[rows], N_READ, rows), y)
        n_copies = int(np.clip(most // len(rows), 1, len(THINNING)))
        trees = partial(
            HistGradientBoostingRegressor, max_iter=60, max_leaf_nodes=31, learning_rate=0.16, l2_regularization=5.0,
            max_features=0.5, min_samples_leaf=20 * (1 + n_copies), early_stopping=False,
        )  # fmt: skip
        network = FeatureNetwork(
            width=64, depth=2, steps=max(1, int(20 * self.fit_limit_s)), learning_rate=2e-3, weight_decay=1e-2,
            dropout=0.2, random_state=self.seed, threads=1,
        )  # fmt: skip
        features = labels = np.empty(0)
        for i, share in enumerate(SPLINE_SHARES):
            copies = [self._teach(X, y, normals, rows, rng.random(len(X) * 2 ** len(normals)) >= t if t else None)
                      for t in THINNING[:n_copies]]  # fmt: skip
            features, labels = np.concatenate(copies), np.tile(y[rows], n_copies)
            reader = trees(random_state=self.seed + i).fit(features, labels - mix_base(features, share))
            self.readers_.append((share, reader))
        self.readers_.append((0.5, network.fit(features, labels - mix_base(features, 0.5))))
        return self

    def predict(self, X, elsewhere, rows=None):
        """Return (q,).

        elsewhere: what answers points (m, d) by (m, 1) whose neighbours are alike.
        rows: of the sample, if X is of it (see `Surroundings.about`).
        """
        answer, is_read = np.empty(len(X)), np.zeros(len(X), bool)
        for part in np.array_split(np.arange(len(X)), -(-len(X) // ROWS_AT_ONCE)) if self.readers_ else ():
            own = None if rows is None else rows[part]
            differ = self.around_.about(X[part], N_ALIKE, own).label.std(axis=1) >= self.threshold_
            part, own = part[differ], None if own is None else own[differ]
            is_read[part] = True
            if len(part):
                features = self._describe(self.around_.about(X[part], N_READ, own))
                read = [mix_base(features, share) + reader.predict(features) for share, reader in self.readers_]
                answer[part] = np.mean(read, axis=0)
        if not is_read.all():
            answer[~is_read] = np.reshape(elsewhere(X[~is_read]), -1)
        return answer

    def _find_rows(self, X, y, taught):
        """Return the rows to learn from: those whose neighbours differ most, down to where nearly all error lies."""
        label = self.around_.about(X, N_ALIKE, np.arange(len(X))).label
        spread, error = label.std(axis=1), (label.mean(axis=1) - y) ** 2
        order = np.argsort(-spread, kind="stable")
        total = np.cumsum(error[order])
        last = min(int(np.searchsorted(total, SHARE_OF_ERROR * total[-1])), len(order) - 1)
        self.threshold_ = max(float(spread[order[last]]), 1e-12)
        return np.flatnonzero((spread >= self.threshold_) & taught)

    def _teach(self, X, y, normals, rows, keep):
        around = self.around_ if keep is None else Surroundings(X, y, normals, keep)
        parts = np.array_split(rows, -(-len(rows) // ROWS_AT_ONCE))
        return np.concatenate([self._describe(around.about(X[part], N_READ, part)) for part in parts])

    def _describe(self, near):
        """Return features (n, p), of which the first are the neighbours' mean and a spline through them."""
        few, some = near.nearest(N_ALIKE), near.nearest(N_SPLINE)
        mean = inverse_square_mean(few.distance / (few.distance[:, -1:] + 1e-12), few.label)
        points = some.offset / (some.distance[:, -1, None, None] + 1e-12)
        spline = np.sum(spline_weights(points, SMOOTHING, thin_plate) * some.label, axis=1)
        return np.column_stack([mean, spline, describe_neighbourhoods(near, self.terrain_)]).astype(np.float32)


def mix_base(features, spline_share):
    """Return what a reader corrects (n,)."""
    return (1.0 - spline_share) * features[:, 0] + spline_share * features[:, 1]


class LearnedNeighbours:
    def __init__(self, fit_limit_s, threads, seed):
        """fit_limit_s: what rows and steps follow from.  threads: searches may use so many.  seed: of all drawn."""
        self.fit_limit_s, self.threads, self.seed = fit_limit_s, threads, seed

    def fit(self, X, y):
        y = np.reshape(y, (len(X), -1))
        n, d = X.shape
        can_search = d <= MOST_INPUTS and n > N_NEIGHBOURS
        self.normals_ = find_mirrors(X, y)[:MOST_MIRRORS] if can_search else []
        X = fold(X, self.normals_)
        held = np.zeros(n, bool)
        held[np.random.default_rng(self.seed).permutation(n)[: min(max(n // 10, 1), 5_000)]] = True
        smooth = self._choose_smooth(X[~held], y[~held])
        models = [make().fit(X[~held], y[~held]) for make in smooth]
        answers = [np.reshape(model.predict(X[held]), (-1, y.shape[1])) for model in models]
        self.readers_ = None
        if d <= MOST_READ_INPUTS and n >= FEWEST_ROWS and y.shape[1] == 1:
            self.readers_ = NeighbourReaders(self.fit_limit_s, self.seed).fit(X, y[:, 0], self.normals_, ~held)
            answers.append(self.readers_.predict(X[held], models[0].predict, np.flatnonzero(held))[:, None])
        preferred = None if self.readers_ is None else len(models)  # they see the spline, and so need not be as sure
        self.weights_ = weigh_answers(answers, y[held], y[~held].mean(axis=0), preferred)
        if self.readers_ is not None and self.weights_[-1] == 0.0:
            self.readers_ = None
        self.models_ = [model if self._asks(i) else None for i, model in enumerate(models)]
        # Where that is cheap, what counts learns the held-out rows, too; a network's half of the limit is used up.
        for i, model in enumerate(self.models_):
            if model is not None and not isinstance(model, SkipRegressor) and X.size <= MOST_FITTED_AGAIN:
                self.models_[i] = smooth[i]().fit(X, y)
        return self

    def predict(self, X):
        X = fold(X, self.normals_)
        answer = 0.0
        for weight, model in zip(self.weights_, self.models_, strict=False):
            if weight > 0.0:
                answer = answer + weight * np.reshape(model.predict(X), (len(X), -1))
        if self.readers_ is not None:
            answer = answer + self.weights_[-1] * self.readers_.predict(X, self.models_[0].predict)[:, None]
        return answer

    def _asks(self, i):
        """Is a smooth learner needed? The first, a spline, answers where no reader does."""
        return self.weights_[i] > 0.0 or (i == 0 and self.readers_ is not None)

    def _choose_smooth(self, X, y):
        """Return what makes the smooth learners; waves are left out where on few rows they are far from a spline."""
        spline, waves = partial(LocalSpline, self.threads), partial(RandomFourierRidge, self.seed)
        known, asked = slice(500, 2_500), slice(0, 500)
        makers = [spline, waves]
        if len(X) > 2_500:
            answers = [np.reshape(make().fit(X[known], y[known]).predict(X[asked]), (500, -1)) for make in makers]
            errors = [np.sum((answer - y[asked]) ** 2) for answer in answers]
            makers = makers if errors[1] <= 1.5 * errors[0] else [spline]
        if X.shape[1] > MOST_READ_INPUTS:
            steps = max(1, int(self.fit_limit_s * (110 if X.shape[1] < 20 else 45)))
            network = partial(
                SkipRegressor, width=192, depth=3, steps=steps, batch_size=64 if len(X) < 10_000 else 128,
                learning_rate=2e-3, weight_decay=1e-2, random_state=self.seed, threads=self.threads,
            )  # fmt: skip
            makers.append(network)
        return makers


def build(spec):
    return LearnedNeighbours(spec.fit_limit_s, spec.threads, spec.seed)
