"""What a submission is told where a habit of scripts and notebooks is why it failed: the way out, beside the error.

A submission is imported and not run, alone and by nobody who could answer it. It is given float64, and stored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mbench.child.refusals import functions_of, list_causes


@dataclass(frozen=True, slots=True)
class Habit:
    """A row of the table.

    errors: names of exceptions, of which any may be the cause.  pattern: what the message says.
    sentence: at most 200 letters.  function: the beginning of a dotted one that the error came through, "" for any.
    """

    errors: tuple[str, ...]
    pattern: str
    sentence: str
    function: str = ""


_ALONE = "A submission runs alone, with no terminal: leave out input(), breakpoint() and pdb"
_SPEC = (
    "spec has n_inputs, n_outputs, n_samples, fit_limit_s, threads, device and seed, read only; it never names a task"
)

_NO_COMMAND_LINE = (
    "No command line reaches a submission, sys.argv is its file alone: give every argument a default, or write the "
    "values in the file"
)

TABLE = (
    Habit(("SystemExit",), "", _NO_COMMAND_LINE, function="argparse."),
    Habit(("SystemExit",), "", _NO_COMMAND_LINE, function="click."),
    Habit(
        ("SystemExit",), "",
        "A submission is imported, not run: call no sys.exit() or quit(), and put what a script does under "
        'if __name__ == "__main__"',
    ),
    Habit(("EOFError",), "reading a line", _ALONE),
    Habit(("BdbQuit",), "", _ALONE),
    Habit(
        ("ImportError",), "relative import",
        "A submission is no part of a package: import what lies beside it by its name, without a dot in front",
    ),
    Habit(
        ("PicklingError", "TypeError", "AttributeError", "RuntimeError"), r"(?i)\b(can't|cannot|could not) pickle",
        "Locks, threads, open files and generators cannot be stored: keep them out of self, or make them in predict",
    ),
    Habit(
        ("KeyError",), "", "No environment variable of yours reaches a submission: write the value in the file",
        function="os.__getitem__.",
    ),
    Habit(
        ("RuntimeError", "OSError"), "",
        "torch.utils.cpp_extension starts a compiler, and a submission starts no process: use numba, or PyTorch's own "
        "functions",
        function="torch.utils.cpp_extension.",
    ),
    Habit(("AttributeError", "TypeError"), "'Spec' object", _SPEC),
    Habit(("FrozenInstanceError",), "", _SPEC),
    Habit(
        ("TypeError",), r"^build\(\) (takes|missing)|\bbuild\(\) (takes|missing)",
        "build is called with one argument: def build(spec)",
    ),
    Habit(
        ("TypeError",), r"\b(fit|predict)\(\) missing 1 required positional argument",
        "Is what build returns a class? Return an object of it, Name() in place of Name",
    ),
    Habit(
        ("AttributeError",), r"'numpy.ndarray' object has no attribute '(_validate_params|get_params|set_params)'",
        "Is what build returns a class? Return an object of it, Name() in place of Name",
    ),
    Habit(
        ("ContractError",), "^has no build",
        "The name build has to be that of a function, and to be there where the file is imported: not under "
        'if __name__ == "__main__"',
    ),
    Habit(
        ("ContractError",), r"^build\(spec\) returned coroutine",
        "Nothing awaits build: write def build(spec) without async",
    ),
    Habit(
        ("ContractError",), r"^build\(spec\) returned generator",
        "Return the estimator itself, by return and not by yield",
    ),
    Habit(
        ("ContractError",), r"^build\(spec\) returned \w+ without (fit|predict)",
        "It has fit(X, y) and predict(X), as scikit-learn's have; for a network there is mbench.nn.TorchRegressor",
    ),
    Habit(("ContractError",), r"^predict\(\) returned NoneType", "Is its `return` missing?"),
    Habit(
        ("ContractError",), r"^predict\(\) returned (\w+ of objects|<U)",
        "Give it a type: np.asarray(answer, dtype=float)",
    ),
    Habit(
        ("ContractError",), r"^predict\(\) returned (generator|map|filter|zip|coroutine)",
        "Return the values themselves: no `yield`, no `async`, and np.array(list(answer)) of what is lazy",
    ),
    Habit(("ContractError",), r"^predict\(\) returned complex", "Return answer.real"),
    Habit(("ContractError",), r"shape \((\d+), (\d+)\), expected \(\2, \1\)", "Return answer.T"),
    Habit(
        ("ContractError",), r"shape \(2, (\d+), (\d+)\), expected \(\1, \2\)",
        "Of a mean and its spread return the mean alone",
    ),
    Habit(("TypeError",), "BFloat16", "Return answer.float()"),
    Habit(("ImportError", "TclError"), "headless|no display", "A submission has no screen: leave windows out"),
    Habit(
        ("RuntimeError",), r"(must have the same dtype|expected .*(Float|Double|Half)|but (got|found) (Float|Double))",
        "X and y are float64: torch.as_tensor(X, dtype=torch.float32), or a network in .double()",
    ),
    Habit(
        ("RuntimeError", "AssertionError"), r"NVIDIA driver|CUDA enabled|CUDA device|No CUDA GPUs|'(CUDA|MPS)' backend",
        "Work on spec.device: it is cpu but for a run with --device cuda",
    ),
)  # fmt: skip


def explain(error: BaseException) -> str:
    """Return what to do otherwise, "" where no habit of the table is known to be the cause."""
    for habit in TABLE:
        for each in list_causes(error):
            if (
                any(kind.__name__ in habit.errors for kind in type(each).__mro__)
                and re.search(habit.pattern, str(each))
                and any(f"{name}.".startswith(habit.function) for name in functions_of(each))
            ):
                return habit.sentence
    return ""
