"""A submission with one parameter of its estimator set to a value: a source of its own, with a digest of its own."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from mbench.errors import UsageError
from mbench.submission import PICKLED_ENTRY, Source, safe_name

# The worker imports this file as it would the submission's, and this one imports that.
_ENTRY = "mbench_variant.py"
_DERIVED = """# {title}: made by `mbench tune`.
exec(compile({code!r}, "<mbench tune>", "exec"))
"""
# Compiled under a name that is no file: what is told of an error names the person's own file.
_CODE = """
import importlib.util
import sys
from pathlib import Path

spec = importlib.util.spec_from_file_location({stem!r}, Path(__file__).with_name({entry!r}))
original = importlib.util.module_from_spec(spec)
sys.modules[{stem!r}] = original
spec.loader.exec_module(original)


def build(spec):
    estimator = original.build(spec)
    kind = type(estimator).__name__
    if not callable(getattr(estimator, "set_params", None)):
        raise TypeError(f"build(spec) returned {{kind}} without set_params, by which a parameter is set: derive its "
                        "class from sklearn.base.BaseEstimator")
    try:
        changed = estimator.set_params(**{{{parameter!r}: {value!r}}})
    except (ValueError, TypeError, AttributeError) as error:
        if not callable(getattr(estimator, "get_params", None)):
            raise
        known = estimator.get_params()  # by itself no proof: some list what was set, not what can be
        if {parameter!r} in known:
            raise
        raise ValueError(f"{{kind}} has no parameter {parameter}, it has: {{', '.join(known) or 'none'}}") from error
    return estimator if changed is None else changed
"""


def parse_values(text: str) -> tuple[Any, ...]:
    """Read values as Python writes them, commas between: `1e-4,3e-4`, `"relu","tanh"`, `(64,64),(128,)`, `None`.

    Raises UsageError for anything else, and for what JSON cannot say.
    """
    try:
        values = ast.literal_eval(f"({text.strip()},)")
        json.dumps(values, allow_nan=False)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise UsageError(
            f"--values {text[:80]!r}: expected numbers or other Python literals with commas between, such as "
            '1e-4,3e-4 or \'"relu","tanh"\''
        ) from None
    return tuple({repr(value): value for value in values}.values())


def derive_source(source: Source, parameter: str, value: Any) -> Source:
    """Return a submission that builds as this one does and then sets one parameter of the estimator.

    parameter: as scikit-learn's `set_params` takes it, `step__name` for a nested one. Raises UsageError for what
    cannot be one, and for a submission that is no file.
    """
    if source.entry == PICKLED_ENTRY:
        raise UsageError(f"{source.name}: a function given from Python cannot be tuned. Write it as a file")
    if not re.fullmatch(r"[A-Za-z_]\w*", parameter, re.ASCII):
        raise UsageError(f"--parameter {parameter[:80]!r}: not a name. Give one of the estimator's get_params()")
    entry = _ENTRY
    while entry in dict(source.files):
        entry = f"_{entry}"
    stem = Path(source.entry).stem
    code = _CODE.format(stem=stem, entry=source.entry, parameter=parameter, value=value)
    content = _DERIVED.format(title=f"{stem} with {parameter} = {value!r}", code=code)
    name = safe_name(f"{source.name}-{parameter}-{value!r}")
    return Source(name=name, entry=entry, files=((entry, content.encode()), *source.files))
