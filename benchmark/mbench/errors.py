"""Errors meant for a person, and the exit code each one ends a command with."""


def one_line(words: str, limit: int) -> str:
    """Return a stranger's words as one line that moves no cursor, cut off past so many letters."""
    line = words[: limit + 1]
    if not line.isprintable():
        line = "".join(letter if letter.isprintable() else " " for letter in line)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


class MbenchError(Exception):
    """Says where, what was got, what was expected, and the next step; `exit_code` is what the command ends with."""

    exit_code = 3


class UsageError(MbenchError):
    """The command was asked for something that does not exist or does not fit (exit code 2)."""

    exit_code = 2


class SubmissionError(MbenchError):
    """The submission broke its contract (exit code 1)."""

    exit_code = 1


class HarnessError(MbenchError):
    """Something of ours failed: a full disk, a damaged record, a miscompiled kernel (exit code 3)."""


class MissingDataError(UsageError):
    """A data set that is no part of the package is not on this machine; the message names the command to get it."""
