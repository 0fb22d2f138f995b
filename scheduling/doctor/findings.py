"""What a finding is."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass

NAMED = 5  # of a crowd


class Severity(enum.StrEnum):
    """The worst first."""

    ERROR = "error"  # runs are lost, late, or do not start
    WARNING = "warning"  # it will come to that, or does when something else happens
    INFO = "info"  # worth knowing; healthy all the same


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be, and what to do about it."""

    severity: Severity
    code: str  # the same for each finding of its kind: for programs that look for it
    what: str  # a sentence or two
    cure: str  # a command, or a setting


def error(code: str, what: str, cure: str) -> Finding:
    return Finding(Severity.ERROR, code, what, cure)


def warning(code: str, what: str, cure: str) -> Finding:
    return Finding(Severity.WARNING, code, what, cure)


def info(code: str, what: str, cure: str) -> Finding:
    return Finding(Severity.INFO, code, what, cure)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Within a severity in the order in which they were found."""
    ranks = list(Severity)
    return sorted(findings, key=lambda each: ranks.index(each.severity))


def named(names: Iterable[object], most: int = NAMED) -> str:
    """ "a, b, c, d, e and 12 more"."""
    listed = [str(name) for name in names]
    rest = f" and {len(listed) - most:,} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + rest


def counted(count: int, one: str) -> str:
    """ "1 run", "1,204 runs"."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"
