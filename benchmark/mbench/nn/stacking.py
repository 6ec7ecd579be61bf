"""How much each of several learners counts, by what they foretell of rows that none of them was taught."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import nnls

from mbench.types import FloatArray

LEAST_WEIGHT = 0.05  # a learner below is asked for nothing
STANDARD_ERRORS = 3.0


def weigh_answers(
    answers: Sequence[FloatArray], truth: FloatArray, centre: FloatArray, preferred: int | None = None
) -> FloatArray:
    """Return weights (l,) of at least 0 that sum to 1, by least squares from l answers (n, k) to the truth (n, k).

    centre: (k,), which the weights may not move: the mean of other labels.
    preferred: which answer counts where no other is surely better; None for the best.
    That one counts alone unless the weighted one's squared error is lower by 3 standard errors, and the best instead of
    the preferred one by the same rule: where few rows are hard to foretell, weights and the order of errors are noise.
    Source: Wolpert, "Stacked generalization" (1992); with weights of at least 0, Breiman, "Stacked regressions" (1996).
    """
    columns = np.stack([(answer - centre).ravel() for answer in answers], axis=1)
    weights, _ = nnls(columns, (truth - centre).ravel())
    weights[weights < LEAST_WEIGHT * weights.sum()] = 0.0
    errors = np.stack([np.sum((answer - truth) ** 2, axis=1) for answer in answers])
    best = int(np.argmin(errors.sum(axis=1)))
    if preferred is not None and not _is_surely_less(errors[best], errors[preferred]):
        best = preferred
    alone = np.eye(len(answers))[best]
    if weights.sum() == 0.0:
        return alone
    weights /= weights.sum()
    weighted = np.sum((np.tensordot(weights, np.stack(answers), 1) - truth) ** 2, axis=1)
    return weights if _is_surely_less(weighted, errors[best]) else alone


def _is_surely_less(errors: FloatArray, others: FloatArray) -> bool:
    gain = others - errors
    return bool(gain.mean() > STANDARD_ERRORS * gain.std() / np.sqrt(len(gain)))
