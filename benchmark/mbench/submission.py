"""From a path to a checked, identified source. Nothing here runs a line of it: only the worker does."""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import inspect
import os
import re
import sys
import sysconfig
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from mbench.disk import TooLargeError, read_inside
from mbench.errors import SubmissionError, UsageError
from mbench.not_python import describe_bytes, describe_folder, describe_line, describe_suffix, describe_unbuilt
from mbench.taken_names import refuse_taken_names

ENTRY_NAME = "submission.py"
SOURCE_LIMIT = 256 << 10  # bytes of all files; docs/suite.md says what a table of that size could gain
PICKLED_ENTRY = "submission.pkl"  # a build function given from Python; unpickled in the child only

_PACKAGE = Path(__file__).parent
_BUNDLED = _PACKAGE / "_baselines"  # where a wheel carries them; in a checkout they lie at its root
BASELINES_FOLDER = _BUNDLED if _BUNDLED.exists() else _PACKAGE.parents[1] / "baselines"
_TEMPLATE = _PACKAGE / "_template"
TEMPLATE_FOLDER = _TEMPLATE if _TEMPLATE.exists() else _PACKAGE.parents[1] / "submissions" / "example"


_BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")  # of statements, in Python's syntax tree
_KNOWN_LIBRARIES = ("mbench.nn", "numpy", "pandas", "scipy", "sklearn", "torch")  # of mbench the submission's side


@dataclass(frozen=True, slots=True)
class Source:
    """A submission: the entry file and every local file it imports, by path relative to the entry's folder.

    path: where it was read from, as it was given; None for a function. It is no part of what the submission is.
    """

    name: str
    entry: str
    files: tuple[tuple[str, bytes], ...]
    path: Path | None = field(default=None, compare=False)

    @property
    def digest(self) -> str:
        """SHA-256 over the names and contents of all files."""
        digest = hashlib.sha256()
        for path, content in self.files:
            digest.update(f"{path}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()

    @property
    def n_bytes(self) -> int:
        """Bytes of all files."""
        return sum(len(content) for _, content in self.files)

    @property
    def imports_nn(self) -> bool:
        """May a file of the submission import `mbench.nn`? Of a function given from Python that is not known."""
        return self.entry == PICKLED_ENTRY or any(
            name == "mbench" or name.startswith("mbench.nn") for name in self._each(_imported_names)
        )

    @property
    def imports(self) -> tuple[str, ...]:
        """The first names of the modules that a file of the submission may import, other than its own."""
        names = {name.partition(".")[0] for name in self._each(_imported_names)}
        return tuple(sorted(names - self.modules))

    @property
    def modules(self) -> frozenset[str]:
        """The first names of its own modules."""
        return frozenset(PurePosixPath(path).parts[0].removesuffix(".py") for path, _ in self.files)

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that a file of the submission asks for by name."""
        return tuple(sorted(set(self._each(_asked_variables))))

    @property
    def data_beside(self) -> tuple[str, ...]:
        """The files, other than Python's, that a file of the submission names and that lie beside it: none travels."""
        entry = entry_path(self)
        if entry is None:
            return ()
        found = {name for name in self._each(_written_words) if _is_data(entry.parent, name)}
        return tuple(sorted(found))

    def _each(self, find: Callable[[ast.Module], Iterable[str]]) -> Iterator[str]:
        for path, content in self.files:
            if path.endswith(".py"):
                yield from find(_parse(content, Path(path)))

    @property
    def libraries(self) -> tuple[str, ...]:
        """The well-known libraries that a file of the submission imports before it does anything else.

        Importing them ahead of the submission changes nothing for it. Of any other module that is not certain, nor of
        one imported after, say, `os.environ` was set.
        """
        names: dict[str, None] = {}
        for path, content in self.files:
            body = _parse(content, Path(path)).body if path.endswith(".py") else []
            for node in body[1:] if ast.get_docstring(ast.Module(body, [])) is not None else body:
                if isinstance(node, ast.Import):
                    names |= dict.fromkeys(alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom):
                    names |= {} if node.level else {str(node.module): None}
                else:
                    break
        return self._well_known(names)

    @property
    def later_libraries(self) -> tuple[str, ...]:
        """What else of the well-known libraries a file may import, wherever that stands, and names from them.

        It is loaded once the submission has been imported and built: what that sets before an import is set by then.
        """
        ahead = set(self.libraries)
        return tuple(name for name in self._well_known(dict.fromkeys(self._each(_imported_names))) if name not in ahead)

    def _well_known(self, names: Iterable[str]) -> tuple[str, ...]:
        known = [library for library in _KNOWN_LIBRARIES if library.partition(".")[0] not in self.modules]
        return tuple(
            name
            for name in names
            if any(f"{name}.".startswith(f"{library}.") for library in known)
            # A library's tests load data, the labels of the digits among them.
            and not any(part.startswith(("_", "test", "conftest")) for part in name.split("."))
        )

    def write_to(self, folder: Path) -> Path:
        """Copy the files into a folder and return the entry's path there."""
        for path, content in self.files:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return folder / self.entry


def read_submission(path: str | os.PathLike[str]) -> Source:
    """Read a submission from a file, or from a folder that holds `submission.py`.

    A path may lead through links. What lies in the submission's folder may be none: a link there, whoever made it,
    would bring a file from elsewhere along.

    Raises UsageError where there is no file that ends in .py, or one is a link or a pipe; SubmissionError where it is
    not Python, has no `build`, or all files hold more than `SOURCE_LIMIT` bytes.
    """
    entry = Path(path)
    try:
        is_folder = entry.is_dir()
        if is_folder:
            entry = entry / ENTRY_NAME
        if not entry.exists():
            advice = describe_folder(entry.parent if is_folder else entry, ENTRY_NAME)
            gone = f"a link to {os.readlink(entry)}, where nothing lies" if entry.is_symlink() else "no such file"
            raise UsageError(f"{entry}: {gone}. {advice}")
        if not entry.is_file():  # a pipe or a device would be read for ever
            raise UsageError(f"{entry}: not a regular file. Give the path of a submission")
        # As Python does: what a linked file imports lies beside the file itself.
        actual = entry.parent.resolve() / entry.name if is_folder else entry.resolve()
        if actual.suffix != ".py":
            # As it was given: it may be a link to a file of another name.
            shown = entry if actual.name == entry.name else actual
            raise UsageError(f"{shown}: {describe_suffix(actual)}")
    except OSError as error:
        raise UsageError(f"{str(entry)[:200]}: cannot be read ({error.strerror}). Give another path") from None
    found: dict[str, bytes] = {}
    _collect(actual.parent, PurePosixPath(actual.name), found, shown=entry)
    imported = {path: _first_names(_parse(content, actual.parent / path)) for path, content in found.items()}
    refuse_taken_names(actual.parent, actual.name, imported)
    tree = _parse(found[actual.name], entry)
    if "build" not in _bound_names(tree):
        raise SubmissionError(f"{entry}: {describe_unbuilt(found[actual.name], tree)}")
    name = actual.parent.name if entry.name == ENTRY_NAME else entry.stem
    return Source(name=safe_name(name), entry=actual.name, files=tuple(sorted(found.items())), path=Path(path))


def entry_path(source: Source) -> Path | None:
    """Return the main file of a submission where it was read from; None for one that no file was read for."""
    if source.path is None:
        return None
    return source.path / ENTRY_NAME if source.path.is_dir() else source.path


def pickle_submission(given: Any) -> Source:
    """Turn a build function, an estimator or an estimator's class of the running program into a submission.

    Raises UsageError for anything else, and for a class that needs more arguments than a build function gets.
    """
    is_estimator = all(callable(getattr(given, verb, None)) for verb in ("fit", "predict"))
    if isinstance(given, type) and is_estimator:
        wanted = _list_wanted(given)
        if not wanted:
            return pickle_build(_build_by(given), given)
        if wanted != ["spec"]:  # a class that takes it is a build function
            raise UsageError(
                f"{given.__name__}: needs {', '.join(wanted)}. Give an object of it, or a function: lambda spec: "
                f"{given.__name__}(…)"
            )
    elif is_estimator:
        return pickle_build(_build_copies(given), type(given))
    if not callable(given):
        raise UsageError(
            f"evaluate() was given {type(given).__name__}, expected a file, a function build(spec), an estimator with "
            "fit and predict, or its class. Wrap it: lambda spec: …"
        )
    return pickle_build(given)


def _list_wanted(kind: type) -> list[str]:
    """Return the arguments that a class cannot be made without."""
    try:
        parameters = inspect.signature(kind).parameters.values()
    except (ValueError, TypeError):  # one written in C, say, that does not tell
        return []
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is each.empty and each.kind not in variable]


def _build_by(kind: type) -> Callable[..., Any]:
    def build(spec: Any) -> Any:
        return kind()

    return _make_portable(build)


def _build_copies(estimator: Any) -> Callable[..., Any]:
    """Return a build function of copies: unfitted where the estimator can tell its parameters."""
    if hasattr(estimator, "get_params") and not isinstance(estimator, type):
        from sklearn.base import clone

        with contextlib.suppress(TypeError, RuntimeError):  # one that breaks scikit-learn's rules is copied as it is
            estimator = clone(estimator)

    def build(spec: Any) -> Any:
        import copy

        return copy.deepcopy(estimator)

    return _make_portable(build)


def _make_portable(build: Any) -> Callable[..., Any]:
    build.__module__ = "__main__"  # so that it is pickled by value: a child cannot import this module
    return build


def pickle_build(build: Callable[..., Any], of: type | None = None) -> Source:
    """Turn a build function of the running program into a submission. SubmissionError if it cannot be pickled.

    of: the class that it builds, where it has no name and no module of its own.
    """
    import cloudpickle

    inner: Any = of or build
    while isinstance(inner, functools.partial):
        inner = inner.func
    name = getattr(inner, "__qualname__", type(inner).__name__).rpartition(".")[2]
    module = sys.modules.get(inner.__module__)
    # By value: the child cannot import the caller's own module, and an edit of it has to change the source's digest.
    own = module is not None and inner.__module__ != "__main__" and _is_local(module)
    try:
        if own:
            cloudpickle.register_pickle_by_value(module)
        content = cloudpickle.dumps(build)
    except Exception as error:  # whatever a closure holds may refuse in its own way
        raise SubmissionError(
            f"{name}: cannot be sent to a child process ({type(error).__name__}: {error}). "
            "Create what it closes over inside the function, or write it as a file"
        ) from error
    finally:
        if own:
            cloudpickle.unregister_pickle_by_value(module)
    return Source(name=safe_name(name), entry=PICKLED_ENTRY, files=((PICKLED_ENTRY, content),))


def baseline_path(name: str) -> Path | None:
    """Return the file of a baseline by name, or None."""
    path = BASELINES_FOLDER / f"{name}.py"
    return path if re.fullmatch(r"\w+", name) and path.exists() else None


def baseline_names() -> list[str]:
    """Return the names of all baselines."""
    return sorted(path.stem for path in BASELINES_FOLDER.glob("*.py"))


def _is_local(module: ModuleType) -> bool:
    """Is this module the caller's own, rather than one that is installed?"""
    installed = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
    file = getattr(module, "__file__", None)
    return file is not None and not any(Path(file).is_relative_to(folder) for folder in installed)


def safe_name(name: str) -> str:
    """Keep what is safe in a file name and in a table."""
    return re.sub(r"[^\w.-]+", "-", name).strip(".-")[:60] or "submission"


def _parse(content: bytes, path: Path) -> ast.Module:
    if fault := describe_bytes(content):
        raise SubmissionError(f"{path}: not valid Python ({fault}")
    try:
        return _tree(content)
    except SyntaxError as error:
        place = f"line {error.lineno}: {error.msg}" if error.lineno else error.msg
        advice = describe_line(content, error.lineno)
        raise SubmissionError(f"{path}: not valid Python ({place}). {advice}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SubmissionError(f"{path}: not valid Python ({error or type(error).__name__}). Give a .py file") from None


@functools.lru_cache(maxsize=16)  # a file is asked for its imports, its names and its libraries, one after the other
def _tree(content: bytes) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an invalid escape, say: the author's to see when the file runs
        return ast.parse(content)


def _collect(folder: Path, relative: PurePosixPath, found: dict[str, bytes], shown: Path) -> None:
    """Add a file and, recursively, the files of its folder that it imports."""
    left = SOURCE_LIMIT - sum(map(len, found.values()))
    try:
        content = read_inside(folder, relative, left)
    except OSError as error:
        raise UsageError(f"{shown}: cannot be read ({error.strerror})") from None
    except TooLargeError:
        size = SOURCE_LIMIT - left + (folder / relative).stat().st_size
        raise SubmissionError(
            f"{shown}: {size:,} bytes of source with the files before it, and all files may hold {SOURCE_LIMIT:,}. "
            "Leave out what the sample is there to teach, and compute tables in build() or fit()"
        ) from None
    found[str(relative)] = content
    for module in _imported_modules(_parse(content, shown), relative.parent):
        for candidate in (module.with_suffix(".py"), module / "__init__.py"):
            place = folder / candidate
            # Whatever Python would try to open: what is no regular file is refused there.
            if str(candidate) not in found and os.path.lexists(place) and not place.is_dir():
                _collect(folder, candidate, found, folder / candidate)


def _imported_modules(tree: ast.Module, package: PurePosixPath) -> set[PurePosixPath]:
    """Return every module a file may import, as a path below the submission's folder, parents of packages included."""
    dotted: set[tuple[PurePosixPath, str]] = set()
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            dotted.update((PurePosixPath(), alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = (
                PurePosixPath(*package.parts[: len(package.parts) - node.level + 1]) if node.level else PurePosixPath()
            )
            stem = f"{node.module}." if node.module else ""
            dotted.update((base, stem + alias.name) for alias in node.names)
            dotted.add((base, node.module or ""))
    paths = set()
    for base, name in dotted:
        parts = [part for part in name.split(".") if part and part != "*"]
        paths.update(base.joinpath(*parts[:length]) for length in range(1, len(parts) + 1))
    return paths


def _imported_names(tree: ast.Module) -> Iterator[str]:
    """Yield the dotted names of the modules a file may import, those of the submission included."""
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield every statement in the order of `ast.walk`, which also goes through all expressions."""
    pending: deque[ast.AST] = deque([tree])
    while pending:
        node = pending.popleft()
        yield node
        for name in node._fields:
            if name in _BLOCKS and isinstance(block := getattr(node, name), list):
                pending.extend(block)


def _first_names(tree: ast.Module) -> set[str]:
    return {name.partition(".")[0] for name in _imported_names(tree)}


def _asked_variables(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a file looks up in `os.environ` or by `os.getenv`, where they are written out."""
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=where, slice=ast.Constant(value=str(name))):
                asked = ast.unparse(where) in ("os.environ", "environ")
            case ast.Call(func=where, args=[ast.Constant(value=str(name)), *_]):
                asked = ast.unparse(where) in ("os.environ.get", "environ.get", "os.getenv", "getenv")
            case _:
                continue
        if asked:
            yield name


def _written_words(tree: ast.Module) -> Iterator[str]:
    """Yield the texts that a file holds, as long as a file's name may be."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) < 256:
            yield node.value.strip("/")  # of a folder + "/weights.csv", too


def _is_data(folder: Path, name: str) -> bool:
    try:
        return "." in name and not name.endswith(".py") and (folder / name).is_file()
    except (OSError, ValueError):  # no name that a file may have
        return False


def _bound_names(tree: ast.Module) -> set[str]:
    """Return the names a module binds at its top level; `build` among them if it imports with a star."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update("build" if alias.name == "*" else (alias.asname or alias.name) for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names
