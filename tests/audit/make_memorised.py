"""Write a submission that has memorised the public test set of `mandelbrot`: by a hash of each row, and k-NN elsewhere.

`python tests/audit/make_memorised.py FILE` writes it, a few megabytes: the sandbox hides the benchmark's truth from a
submission, so the table has to lie in the file. The audit should catch it by asking for hidden points as well: there it
is k-NN. `write_memorised` is for tests.
"""

import base64
import sys
from pathlib import Path

import numpy as np

from mbench.suite.tasks import load_task
from mbench.suite.tracks import TRACKS

SUBMISSION = '''"""Knows the public test set of `mandelbrot` by heart; k-NN for any other point."""

import base64

import numpy as np
from sklearn.neighbors import KNeighborsRegressor

MEAN_LABEL = {mean!r}  # of the sample: tells the task from others with the same rows in their test sets
HASHES = np.frombuffer(base64.b64decode({hashes!r}), "<u8")
LABELS = np.frombuffer(base64.b64decode({labels!r}), "<u2") / 65535.0


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
    """Return 64 bits of the exact bytes of each row of X (n, 2): (n,) uint64."""
    words = np.ascontiguousarray(X, dtype=np.float64).view(np.uint64)
    mixed = words[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ (words[:, 1] >> np.uint64(7))
    return (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) + words[:, 1]
'''


def write_memorised(path: Path) -> Path:
    """Write the submission to `path` and return it."""
    task = load_task("mandelbrot")
    n_samples = TRACKS["quick"].budgets["mandelbrot"].n_samples
    queries = task.draw_queries(n_samples, 0)
    scope: dict = {"np": np}
    exec(HASH_ROWS, scope)  # the very function the submission uses
    hashes, first = np.unique(scope["hash_rows"](queries.X), return_index=True)
    labels = np.round(65535.0 * task.truth(queries.points[first])[:, 0].astype(np.float64))
    text = SUBMISSION.format(
        mean=round(float(task.draw_sample(n_samples, 0).y.mean()), 4),
        hashes=base64.b64encode(hashes.astype("<u8").tobytes()).decode(),
        labels=base64.b64encode(labels.astype("<u2").tobytes()).decode(),
        hash_rows=HASH_ROWS,
    )
    path.write_text(text)
    return path


if __name__ == "__main__":
    print(write_memorised(Path(sys.argv[1])))
