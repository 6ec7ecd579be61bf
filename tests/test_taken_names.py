import importlib.util

import pytest

from mbench.errors import SubmissionError
from mbench.submission import read_submission

BUILD = "\ndef build(spec): ...\n"


@pytest.mark.parametrize(
    ("files", "named", "new"),
    [
        ({"xgboost.py": "import xgboost"}, "xgboost.py", "my_xgboost.py"),
        ({"kan.py": "from kan import KAN"}, "kan.py", "my_kan.py"),  # whether that library is here or not
        ({"sklearn.py": "from sklearn.svm import SVR"}, "sklearn.py", "my_sklearn.py"),
        ({"idea.py": "import numpy, random", "random.py": ""}, "random.py", "my_random.py"),
        ({"idea.py": "import sklearn.svm", "sklearn.py": ""}, "sklearn.py", "my_sklearn.py"),
        ({"idea.py": "def f():\n    from sklearn import svm", "sklearn/__init__.py": ""}, "sklearn", "my_sklearn"),
        ({"idea.py": "import lonely", "lonely.py": "import lonely"}, "lonely.py", "my_lonely.py"),
        ({"idea.py": "import part", "part.py": "import numpy", "numpy.py": ""}, "numpy.py", "my_numpy.py"),
        ({"torch.py": "import sklearn"}, "torch.py", "my_torch.py"),  # which the worker asks for itself
        ({"types.py": "import numpy"}, "types.py", "my_types.py"),
        ({"kan.py": "import kan", "my_kan.py": ""}, "kan.py", "my_my_kan.py"),
    ],
)
def test_a_file_named_like_a_library_that_is_imported_is_refused(submission_file, files, named, new):
    for name, source in files.items():
        submission_file("", "x").parent.joinpath(name).parent.mkdir(exist_ok=True)
        submission_file(source + BUILD, name)
    path = submission_file("", "x").with_name(next(iter(files)))
    with pytest.raises(SubmissionError) as caught:
        read_submission(path)
    assert str(path.with_name(named)) in str(caught.value)
    assert f"Rename it, to {new} say" in str(caught.value)


@pytest.mark.parametrize(
    "files",
    [
        {"lightgbm.py": "import numpy"},  # it imports none of that name
        {"test.py": "import numpy"},
        {"idea.py": "import numpy", "torch.py": ""},
        {"idea.py": "import helper_nets", "helper_nets.py": "import numpy"},
        {"idea.py": "import helper_nets", "helper_nets.py": "import idea"},  # in a circle, as Python allows
        {"idea.py": "import tests", "tests.py": ""},  # some libraries leave such a folder behind
        {"idea.py": "from nets import a", "nets/__init__.py": "", "nets/a.py": "import nets.b", "nets/b.py": ""},
        {"idea.py": "from nets import random", "nets/__init__.py": "", "nets/random.py": "import random"},
    ],
)
def test_a_name_that_stands_in_nobodys_way_is_kept(submission_file, files):
    for name, source in files.items():
        submission_file("", "x").parent.joinpath(name).parent.mkdir(exist_ok=True)
        submission_file(source + BUILD, name)
    path = submission_file("", "x").with_name(next(iter(files)))
    assert read_submission(path).entry == path.name


def test_the_library_of_these_tests_is_installed():
    assert importlib.util.find_spec("sklearn")
