"""What a submission is told where a rule of the sandbox is why it failed: which rule, and the way out.

The kernel says "Operation not permitted" of a new process, a socket and a lock alike. So one table leads from what was
called, and the error it got, to a sentence.
"""

from __future__ import annotations

import errno
import os
import re
import traceback
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

_REFUSED = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EROFS})
_NO_HOST = frozenset({-2, -3, -5})  # of getaddrinfo: no name, try again, no address
_ABSENT = errno.ENOENT
_OURS = str(Path(__file__).parent)
_NO_DATABASE = "unable to open database file"  # of SQLite, which tells no number
_DATA_SETS = "/sklearn/datasets/"
_NEVER = "A submission starts no process"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row of the table.

    calls: modules and functions, the first parts of a dotted name or the whole of it.  errors: numbers of `errno`.
    sentence: at most 200 letters.
    """

    calls: tuple[str, ...]
    errors: Collection[int]
    sentence: str


# The most particular first: a DataLoader's workers are `multiprocessing`'s.
TABLE = (
    Refusal(
        ("torch._inductor", "torch._dynamo", "torch.compile"), _REFUSED | {_ABSENT},
        f"torch.compile starts a compiler. {_NEVER}: leave torch.compile out, or give it backend='eager'",
    ),
    Refusal(
        ("torch.utils.data", "torch.multiprocessing", "skorch"), _REFUSED,
        f"Workers of a DataLoader are processes. {_NEVER}: set num_workers=0",
    ),
    Refusal(
        ("torch.distributed",), _REFUSED, f"{_NEVER} and opens no socket: leave torch.distributed out, and train in one"
    ),
    Refusal(
        ("joblib",), _REFUSED, f"{_NEVER}: use n_jobs=1, or joblib with backend='threading' and spec.threads threads"
    ),
    Refusal(
        ("asyncio", "trio", "tornado", "uvloop"), _REFUSED,
        "asyncio opens a pair of sockets. A submission opens no socket: call the functions one after another, or use "
        "threads",
    ),
    Refusal(
        ("multiprocessing.shared_memory", "mmap", "memfd_create", "SharedMemory", "shm_open", "torch.storage"),
        _REFUSED,
        "A submission shares no memory with other processes: use plain arrays, or a file by a relative path",
    ),
    Refusal(
        ("multiprocessing", "concurrent.futures.process", "fork", "forkpty", "billiard", "multiprocess", "loky"),
        _REFUSED,
        f"{_NEVER} and has no locks between them: use threads (multiprocessing.pool.ThreadPool, threading.Lock) or "
        "work serially",
    ),
    Refusal(("flock", "lockf"), _REFUSED, "A submission locks no files: it is alone in its working folder"),
    Refusal(
        ("socketpair",), _REFUSED,
        "A submission opens no socket, nor a pair of them: let threads talk through a queue.Queue",
    ),
    Refusal(
        ("subprocess", "posix_spawn", "posix_spawnp", "os.exec", "execv", "execve", "execvp", "execl", "pty"),
        _REFUSED | {_ABSENT},
        f"{_NEVER} and runs no other program: write into the file what that program would tell",
    ),
    Refusal(
        ("socket", "ssl", "urllib", "urllib3", "http", "requests", "httpx", "aiohttp", "ftplib", "smtplib",
         "huggingface_hub", "getaddrinfo"),
        _REFUSED | _NO_HOST,
        "A submission has no network: what it needs to know has to be in its files, and what it tells in its output",
    ),
    Refusal(
        ("sched_setaffinity", "cpu_affinity", "pthread_setaffinity_np"), _REFUSED,
        "A submission does not choose its processors: leave the affinity as it is, and use spec.threads threads",
    ),
    Refusal(
        ("nice", "setpriority", "sched_setscheduler", "sched_setparam", "ionice"), _REFUSED,
        "A submission keeps its priority: leave it as it is",
    ),
    Refusal(("kill", "killpg", "pidfd_open", "send_signal", "terminate"), _REFUSED,
            "A submission signals no process but its own"),
    Refusal(
        ("symlink", "symlink_to", "mkfifo", "mknod", "chown", "lchown", "setxattr"), _REFUSED,
        "A submission makes plain files and folders only, and changes no owner: copy the file instead",
    ),
    Refusal(
        ("os.rename", "os.replace", "os.link", "pathlib.rename", "pathlib.replace", "pathlib.hardlink_to",
         "shutil.move"),
        {errno.EXDEV, *_REFUSED},
        "A submission moves files in its working folder only: use relative paths",
    ),
    Refusal(
        ("chmod", "fchmod", "lchmod", "utime", "fchmodat"), _REFUSED,
        "A submission changes the mode and time of nothing but its own files: leave them as they are",
    ),
)  # fmt: skip
_NO_FOLDER = (
    "The working folder is empty at first: make that folder, by os.makedirs say, before a file is written in it. Of "
    "what lies beside the submission only the Python files that it imports travel: write what a file holds into one"
)
_OWN_DATA = (
    "scikit-learn's data sets are hidden from a submission, since the suite asks some of them: learn from fit's X and "
    "y alone"
)
_LEFT_HOME = (
    "It has left its working folder, by os.chdir as a rule, and may write nowhere else: stay there, where every "
    "relative path works"
)
_DATA_BESIDE = (
    "Only the Python files that it imports travel with a submission, no data: write what the file holds into a .py "
    "file beside it, and import that"
)
_ELSEWHERE = (
    "A submission writes in its working folder only and reads libraries only: write to a relative path (without ..), "
    "and put what it reads into a .py file beside it"
)
_TOO_LARGE = {
    errno.EFBIG: "A file of a submission has at most 4 GiB",
    errno.EMFILE: "A submission has at most 1,024 files open: close those that are read",
}
_ANY_RULE = "The sandbox allows one process, its threads, its working folder and no network: do without this call"


def explain(error: BaseException, *, scratch: Path, is_confined: bool) -> str:
    """Say which rule of ours a submission ran against, and the way out; "" where none is known to be the cause.

    scratch: the child's folder.  is_confined: without a sandbox only what does not travel is a matter of ours.
    """
    chain = list_causes(error)
    numbers = {number for each in chain for number in _numbers(each)}
    files = [
        Path(os.fsdecode(each.filename)) for each in chain if isinstance(each, OSError) and _is_path(each.filename)
    ]
    if is_confined:
        calls = {call for each in chain for call in _calls(each)}
        for refusal in TABLE:
            if numbers & set(refusal.errors) and any(_is_of(call, refusal.calls) for call in calls):
                return refusal.sentence
    missing = bool(numbers & {_ABSENT, errno.ENOTDIR})
    home = scratch / "home"
    if missing and any(not path.is_absolute() or path.is_relative_to(scratch) for path in files):
        folders = [path.parent for path in files if path.is_relative_to(home) or not path.is_absolute()]
        return _NO_FOLDER if folders and not any(folder.is_dir() for folder in folders) else _DATA_BESIDE
    if missing and not files:
        return _DATA_BESIDE
    if not is_confined:
        return ""
    if any(_DATA_SETS in path.as_posix() for path in files):
        return _OWN_DATA
    if numbers & _REFUSED and any(not path.is_absolute() for path in files) and Path.cwd() != home:
        return _LEFT_HOME
    if files and (missing or numbers & _REFUSED):
        return _ELSEWHERE
    for number, sentence in _TOO_LARGE.items():
        if number in numbers:
            return sentence
    if numbers & {errno.EACCES, errno.EROFS}:  # of a library that does not tell the path
        return _ELSEWHERE
    return _ANY_RULE if numbers & _REFUSED else ""


def list_causes(error: BaseException) -> list[BaseException]:
    """Return an error and those it came of."""
    found: dict[int, BaseException] = {}
    pending = [error]
    while pending:
        each = pending.pop()
        if id(each) not in found:
            found[id(each)] = each
            pending += [cause for cause in (each.__cause__, each.__context__) if cause is not None]
            pending += [cause for cause in each.args if isinstance(cause, BaseException)]
    return list(found.values())


def functions_of(error: BaseException) -> list[str]:
    """Return the functions that an error came through, dotted."""
    frames = traceback.walk_tb(error.__traceback__)
    return [f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_name}" for frame, _ in frames]


def _is_path(found: object) -> bool:
    return isinstance(found, str | bytes | os.PathLike)


def _numbers(error: BaseException) -> Iterator[int]:
    """Yield the system's error numbers, also of what a library has made its own error of."""
    if isinstance(error, OSError) and error.errno is not None:
        yield error.errno
    elif isinstance(error, FileNotFoundError) or (isinstance(error, OSError) and os.strerror(_ABSENT) in str(error)):
        yield _ABSENT  # of a library that tells neither number nor path
    elif _NO_DATABASE in str(error):
        yield errno.EACCES
    elif not isinstance(error, ImportError):
        for number in (*_REFUSED, *_TOO_LARGE):
            if re.search(rf"\b{re.escape(os.strerror(number))}\b", str(error), re.IGNORECASE):
                yield number


def _calls(error: BaseException) -> Iterator[str]:
    """Yield the functions that an error came through, dotted, and the names in the line where it was raised."""
    yield from functions_of(error)
    last = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith(_OURS)][-1:]
    for name in re.findall(r"([A-Za-z_][\w.]*)\(", last[0].line or "" if last else ""):
        yield name
        yield name.rpartition(".")[2]


def _is_of(call: str, calls: tuple[str, ...]) -> bool:
    return any(f"{call}.".startswith(f"{each}.") for each in calls)
