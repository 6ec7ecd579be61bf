"""What is called a network."""

import pytest

from mbench.board.kinds import is_network
from mbench.submission import Source, baseline_names, baseline_path, read_submission

# By hand, from reading each file: what is trained by descent and is nothing else.
NETWORKS = {
    "dense_grid", "finer", "fourier", "fourier_256", "fourier_2d", "fourier_smooth", "gaussian_features", "hash_grid",
    "mlp", "mlp_relu", "mlp_sigmoid", "rbf_kan", "siren", "skip_mlp", "taylor", "taylor_linear", "wire",
}  # fmt: skip


@pytest.mark.parametrize("name", baseline_names())
def test_a_baseline_is_a_network_where_its_file_says_so(name):
    assert is_network(read_submission(baseline_path(name))) == (name in NETWORKS)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"submission.py": "import torch"}, True),
        ({"submission.py": "def build(spec):\n    from jax import numpy\n"}, True),
        ({"submission.py": "import net", "net.py": "import torch.nn as nn"}, True),
        ({"submission.py": "import torchvision_like"}, False),
        ({"submission.py": "'''\nimport torch\n'''"}, False),
        ({"submission.py": "from mbench.nn import RandomLayer"}, False),
        ({"submission.py": "import torch\nfrom sklearn.preprocessing import StandardScaler"}, True),
        ({"submission.py": "import torch\nfrom sklearn.neighbors import KNeighborsRegressor"}, False),
        ({"submission.py": "import torch\nimport net", "net.py": "import lightgbm"}, False),
        ({"submission.py": "import torch", "notes.txt": "import lightgbm"}, True),
        ({"submission.py": "import torch\nthis is no python"}, False),
        ({"submission.py": "from . import torch"}, False),
    ],
)
def test_a_network_imports_what_trains_it_and_nothing_that_learns_otherwise(files, expected):
    source = Source("any", "submission.py", tuple((name, text.encode()) for name, text in files.items()))
    assert is_network(source) == expected
