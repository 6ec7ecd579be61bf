"""How much each of several learners counts, by what they foretell of rows that none of them was taught."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import nnls

from mbench.types import FloatArray

LEAST_WEIGHT = 0.05  # a learner below is asked for nothing
STANDARD_ERRORS = 3.0


def weigh_answers(answers: Sequence[FloatArray], truth: FloatArray, centre: FloatArray) -> FloatArray:
    """Return weights (l,) of at least 0 that sum to 1, by least squares from l answers (n, k) to the truth (n, k).

    centre: (k,), which the weights may not move: the mean of other labels. The best answer counts alone unless the
    weighted one's squared error is lower by 3 standard errors: where few rows are hard to foretell, weights are noise.
    Source: Wolpert, "Stacked generalization" (1992); with weights of at least 0, Breiman, "Stacked regressions" (1996).
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
    gain = errors[best] - np.sum((np.tensordot(weights, np.stack(answers), 1) - truth) ** 2, axis=1)
    return weights if gain.mean() > STANDARD_ERRORS * gain.std() / np.sqrt(len(gain)) else alone
