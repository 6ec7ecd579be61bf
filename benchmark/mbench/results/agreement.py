"""What entries should agree in before they stand in one table: definitions of tasks, the protocol, the sandbox tier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mbench.results.record import Record


@dataclass(frozen=True, slots=True)
class Manner:
    """What of a record is held against those of other entries: fields of `Record`, by the same names."""

    task: str
    task_digest: str
    harness_digest: str
    isolation: str

    @classmethod
    def of(cls, record: Record) -> Manner:
        """Return the manner in which a cell was run."""
        return cls(record.task, record.task_digest, record.harness_digest, record.isolation)


def find_strangers(entries: Mapping[str, Sequence[Record] | Sequence[Manner]]) -> dict[str, tuple[str, ...]]:
    """Return the tasks on which an entry was scored by another definition than most entries, by the entry's name.

    Records of one name on one task count once for each definition; where two are as frequent, the one of the entry
    named first is taken for the table's.
    """
    seen: dict[str, Counter[str]] = {}
    for records in entries.values():
        for task, digest in dict.fromkeys((record.task, record.task_digest) for record in records):
            seen.setdefault(task, Counter())[digest] += 1
    usual = {task: counted.most_common(1)[0][0] for task, counted in seen.items()}
    strange = {
        name: tuple(dict.fromkeys(record.task for record in records if record.task_digest != usual[record.task]))
        for name, records in entries.items()
    }
    return {name: tasks for name, tasks in strange.items() if tasks}


def describe_strangers(tasks: Sequence[str]) -> str:
    """Say what is wrong with an entry that `find_strangers` found."""
    return f"scored on another definition of {', '.join(tasks)} than the others here: evaluate it again"


def describe_manners(entries: Mapping[str, Sequence[Record] | Sequence[Manner]]) -> list[str]:
    """Say which entries were run under another protocol, or in another sandbox tier, than most entries.

    Their numbers may be as good as any; whoever compares them should know.
    """
    said = []
    for words, read in _MANNERS.items():
        ways = {name: dict.fromkeys(read(record) for record in records) for name, records in entries.items()}
        counted = Counter(way for each in ways.values() for way in each)
        usual = counted.most_common(1)[0][0] if counted else ""
        for name, each in ways.items():
            if others := [way for way in each if way != usual]:
                said.append(f"{name}: run {words} {', '.join(others)}, and most here {words} {usual}")
    return said


def _read_protocol(record: Record | Manner) -> str:
    return record.harness_digest[:8]


def _read_tier(record: Record | Manner) -> str:
    return record.isolation


_MANNERS: dict[str, Callable[[Record | Manner], str]] = {
    "under the protocol": _read_protocol,
    "in sandbox tier": _read_tier,
}
