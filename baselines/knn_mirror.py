"""k-NN that asks the sample for mirrors: where folding it along one foretells labels better, it stays folded.

A candidate is a reflection of one input, or an exchange of two with or without their signs, all through the centre of
the inputs. Folding puts every point of one side in its image's place, so that a plane with a mirror is learned from
twice the density. Mirrors that help are taken one after another, the best first, each tried on what is folded already.
Nothing of a mirror is given: the Mandelbrot set's is found from its sample, and Friedman's exchange of two inputs too.
Source: mbench's own, in the line of Simard, Victorri, LeCun & Denker, "Tangent prop" (1991), who give a learner the
symmetries that here it has to find. The neighbours' rule is that of baselines/knn.py.
Settings: 12 neighbours as there. A mirror must lower the leave-one-out error by 4 standard errors, and its square by 2.
Squares alone hang on few points: of 10,000 they show the mirror of the set's distances by 2.4 standard errors at worst.
Beyond 10 inputs none is sought.
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors

N_NEIGHBOURS = 12
MOST_INPUTS = 10
STANDARD_ERRORS, OF_SQUARES = 4.0, 2.0


def candidate_normals(d):
    """Return the unit normals (p, d) of the mirrors: the axes, and the diagonals of every two of them."""
    axes = np.eye(d)
    diagonals = [axes[i] + sign * axes[j] for i in range(d) for j in range(i) for sign in (-1.0, 1.0)]
    return np.array([*axes, *(diagonal / np.sqrt(2.0) for diagonal in diagonals)])


def fold(X, normals):
    """Return X with what lies behind each mirror in turn reflected to its front."""
    for normal in normals:
        X = X - 2.0 * np.minimum(X @ normal, 0.0)[:, None] * normal
    return X


def mean_of_neighbours(distance, label):
    """Return the mean of labels (n, m, k) weighted by inverse squared distance (n, m); an exact hit takes its label."""
    exact = distance == 0.0
    with np.errstate(divide="ignore"):
        weight = distance**-2.0
    rows = exact.any(axis=1)
    weight[rows] = exact[rows]
    return np.einsum("nm,nmk->nk", weight / weight.sum(axis=1, keepdims=True), label)


def index_points(X, threads=1):
    algorithm = "auto" if X.shape[1] <= 3 else "brute"  # a third of the tree's time for 1,000 rows of ten inputs
    return NearestNeighbors(algorithm=algorithm, n_jobs=threads).fit(X)


def leave_one_out(X, y):
    """Return every row's error (n,) when its labels are foretold from the other rows."""
    distance, index = index_points(X).kneighbors(None, N_NEIGHBOURS)
    return np.linalg.norm(mean_of_neighbours(distance, y[index]) - y, axis=1)


def is_less(after, before):
    """Do errors `after` lie below those `before`, row against row, by more than chance?"""
    gains = (before - after, STANDARD_ERRORS), (before**2 - after**2, OF_SQUARES)
    return all(gain.mean() > errors * gain.std() / np.sqrt(len(gain)) for gain, errors in gains)


def find_mirrors(X, y):
    """Return the normals of the mirrors that help, in the order in which to fold along them."""
    few = slice(0, 10_000 if X.shape[1] <= 3 else 1_000)  # ten inputs have a hundred candidates
    X, y = X[few], y[few]
    unfolded = error = leave_one_out(X, y)
    candidates = candidate_normals(X.shape[1])
    trials = [leave_one_out(fold(X, [normal]), y) for normal in candidates]
    found = []
    for i in np.argsort([trial.sum() for trial in trials], kind="stable"):
        if is_less(trials[i], unfolded):
            trial = leave_one_out(fold(X, [*found, candidates[i]]), y) if found else trials[i]
            if is_less(trial, error):
                found, error = [*found, candidates[i]], trial
    return found


class MirrorNeighbours:
    def __init__(self, threads=1):
        """threads: the search for neighbours may use so many."""
        self.threads = threads

    def fit(self, X, y):
        self.labels_ = np.reshape(y, (len(X), -1))
        can_search = X.shape[1] <= MOST_INPUTS and len(X) > N_NEIGHBOURS
        self.normals_ = find_mirrors(X, self.labels_) if can_search else []
        self.neighbours_ = index_points(fold(X, self.normals_), self.threads)
        return self

    def predict(self, X):
        n_neighbours = min(N_NEIGHBOURS, len(self.labels_))
        distance, index = self.neighbours_.kneighbors(fold(X, self.normals_), n_neighbours)
        return mean_of_neighbours(distance, self.labels_[index])


def build(spec):
    return MirrorNeighbours(spec.threads)
