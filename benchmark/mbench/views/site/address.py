"""Where the site is to be found, and where the project is: what its pages may link to outside of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from mbench.errors import UsageError


@dataclass(frozen=True, slots=True)
class Address:
    """The site's own address and the project's repository, each without a slash at its end; "" where none is told."""

    url: str = ""
    repository: str = ""

    def __post_init__(self) -> None:
        """Raise UsageError for what is no address of the web."""
        for option in ("url", "repository"):
            given = getattr(self, option)
            parts = urlsplit(given)
            is_plain = given.isascii() and given.isprintable() and not set(given) & set(" \"'<>")
            if given and not (is_plain and parts.scheme in ("http", "https") and parts.netloc and not parts.query):
                raise UsageError(f"--{option} {given!r}: no address of the web, as https://example.org/board is one")
            object.__setattr__(self, option, given.rstrip("/"))

    def source_of(self, origin: str, name: str) -> str:
        """Return where a baseline's or a submission's files are read, "" where nobody knows."""
        if not self.repository or origin == "local" or not name.replace("_", "").replace("-", "").isalnum():
            return ""
        path = f"baselines/{name}.py" if origin == "baseline" else f"submissions/{name}"
        return f"{self.repository}/{'blob' if origin == 'baseline' else 'tree'}/main/{path}"


NOWHERE = Address()
