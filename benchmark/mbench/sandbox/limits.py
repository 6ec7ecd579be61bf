"""How long a command of a child may take, and what of its time is charged: all of it measured outside the child."""

from __future__ import annotations

from dataclasses import dataclass

WALL_FACTOR = 3.0  # of a limit: who sleeps takes no processor seconds, and on a busy machine everybody waits
_CROWDED = 1.25  # times the cores granted: who keeps more than that busy is told so


@dataclass(frozen=True, slots=True)
class Took:
    """What one command of a child took.

    seconds: what is charged: processor seconds of the process tree for each thread granted, with a GPU wall clock.
    wall_s: of wall clock.  import_s: processor seconds in which it loaded libraries meanwhile, which are charged, too;
    the child's own word, and None where it does not tell.
    """

    seconds: float
    wall_s: float
    import_s: float | None = None


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """A limit in seconds: of the processor for each thread granted, and three times that of wall clock.

    With a GPU (has_gpu), whose time no process is charged for, it is one of wall clock as well.
    """

    seconds: float
    threads: int = 1
    has_gpu: bool = False

    @property
    def wall_s(self) -> float:
        """Return how long it may last."""
        return self.seconds if self.has_gpu else WALL_FACTOR * self.seconds

    def charge(self, busy_s: float, wall_s: float) -> float:
        """Return what counts of so many processor seconds, all threads together, and so many of wall clock."""
        return wall_s if self.has_gpu else busy_s / self.threads

    def describe_busy(self, verb: str, busy_s: float, wall_s: float) -> str:
        """Say how a command ran past its processor seconds; "" where it did not."""
        if busy_s <= self.threads * self.seconds:
            return ""
        words = f"{verb} ran past its limit of {self.seconds:.1f} s: it took {busy_s:.1f} processor seconds"
        words += f", {busy_s / self.threads:.1f} for each of {self.threads} threads" if self.threads > 1 else ""
        if busy_s > _CROWDED * self.threads * wall_s > 0:
            words += f", with {busy_s / wall_s:.1f} cores busy. Use spec.threads threads"
        return words

    def describe_wall(self, verb: str, busy_s: float, wall_s: float) -> str:
        """Say how a command ran past its wall clock; "" where it did not."""
        if wall_s <= self.wall_s:
            return ""
        if self.has_gpu:
            return f"{verb} ran past its limit of {self.seconds:.1f} s, which is of wall clock with a GPU"
        return (
            f"{verb} ran past its limit of {self.seconds:.1f} s: it took {wall_s:.1f} s of wall clock, of which it may "
            f"take {WALL_FACTOR:g} times as many, and {busy_s:.1f} processor seconds"
        )
