"""Write a submission that has memorised public test points of `mandelbrot`: by a hash of each row, and k-NN elsewhere.

`python tests/audit/make_memorised.py FILE` writes it, as large as a source may be: the sandbox hides the benchmark's
truth from a submission, so the table has to lie in the file. It holds the points where k-NN errs most. The audit should
catch it by asking for hidden points as well: there it is k-NN. `write_memorised` is for tests.
"""

import base64
import sys
from pathlib import Path

import numpy as np
from sklearn.neighbors import KNeighborsRegressor

from mbench.submission import SOURCE_LIMIT
from mbench.suite.tasks import load_task
from mbench.suite.tracks import TRACKS

N_KNOWN = (SOURCE_LIMIT - 4_000) * 4 // 5 // 5 // 4 * 4  # five bytes of a point in base 85, beside the code

SUBMISSION = '''"""Knows the public test set of `mandelbrot` by heart; k-NN for any other point."""

import base64

import numpy as np
from sklearn.neighbors import KNeighborsRegressor

MEAN_LABEL = {mean!r}  # of the sample: tells the task from others with the same rows in their test sets
HASHES = np.frombuffer(base64.b85decode({hashes!r}), "<u4")
LABELS = np.frombuffer(base64.b85decode({labels!r}), "<u1") / 255.0


{hash_rows}

def inverse_square(distance):
    return np.maximum(distance, 1e-12) ** -2.0


class Memorised:
    def fit(self, X, y):
        y = np.reshape(y, (len(X), -1))
        self.knows_ = bool(X.shape[1] == 2 and y.shape[1] == 1 and abs(y.mean() - MEAN_LABEL) < 0.02)
        self.neighbours_ = KNeighborsRegressor(min(12, len(X)), weights=inverse_square).fit(X, y)
        return self

    def predict(self, X):
        answer = self.neighbours_.predict(X)
        if self.knows_:
            hashes = hash_rows(X)
            place = np.minimum(np.searchsorted(HASHES, hashes), len(HASHES) - 1)
            known = HASHES[place] == hashes
            answer[known, 0] = LABELS[place[known]]
        return answer


def build(spec):
    return Memorised()
'''


HASH_ROWS = '''def hash_rows(X):
    """Return 32 bits of the exact bytes of each row of X (n, 2): (n,) uint32."""
    words = np.ascontiguousarray(X, dtype=np.float64).view(np.uint64)
    mixed = words[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ (words[:, 1] >> np.uint64(7))
    return (((mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)) >> np.uint64(32)).astype(np.uint32)
'''


def inverse_square(distance):
    """Weigh neighbours as the submission does."""
    return np.maximum(distance, 1e-12) ** -2.0


def write_memorised(path: Path) -> Path:
    """Write the submission to `path` and return it."""
    task = load_task("mandelbrot")
    n_samples = TRACKS["quick"].budgets["mandelbrot"].n_samples
    sample, queries = task.draw_sample(n_samples, 0), task.draw_queries(n_samples, 0)
    test = queries.X[: queries.n_test]
    truth = task.truth(queries.points[: queries.n_test])[:, 0].astype(np.float64)
    plain = KNeighborsRegressor(12, weights=inverse_square).fit(sample.X, sample.y[:, 0]).predict(test)
    worst = np.argsort(-queries.weight * (plain - truth) ** 2)[:N_KNOWN]
    scope: dict = {"np": np}
    exec(HASH_ROWS, scope)  # the very function the submission uses
    hashes, first = np.unique(scope["hash_rows"](test[worst]), return_index=True)
    labels = np.round(255.0 * truth[worst[first]])
    text = SUBMISSION.format(
        mean=round(float(sample.y.mean()), 4),
        hashes=base64.b85encode(hashes.astype("<u4").tobytes()).decode(),
        labels=base64.b85encode(labels.astype("<u1").tobytes()).decode(),
        hash_rows=HASH_ROWS,
    )
    path.write_text(text)
    return path


if __name__ == "__main__":
    print(write_memorised(Path(sys.argv[1])))
