"""One thing that a check found, in plain words: what, in which rows, how bad, and what to do about it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from core.data.dataset.steps import Step
from core.data.views import Numbers

Severity = Literal["good", "warn", "fix"]
_ORDER = {"fix": 0, "warn": 1, "good": 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """`key` names the check. `what` is a sentence with counts. `rows` are 0-based rows of the file, all of them.

    severity: "fix" before training, "warn" at it, or "good". remedy: what to do, "" for a good one.
    step: a safe fix that a recipe can hold, or None when only a person can mend it.
    """

    key: str
    severity: Severity
    what: str
    rows: Numbers = field(default_factory=lambda: Numbers(()))
    remedy: str = ""
    step: Step | None = None

    @property
    def fix(self) -> str | None:
        """The name of the safe fix, or None."""
        return None if self.step is None else self.step.kind


def numbers(rows: "Iterable[int] | np.ndarray") -> Numbers:
    """Row ids in rising order, each once."""
    return Numbers(np.unique(np.asarray(rows if isinstance(rows, np.ndarray) else list(rows), np.int64)))


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What must be fixed first, then what to look at, then what is good; otherwise as they came."""
    return tuple(sorted(findings, key=lambda finding: _ORDER[finding.severity]))


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number with its noun.

    >>> counted(1, "row"), counted(2_000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def shown(names: Sequence[str], most: int = 5) -> str:
    """Names in quotes, the first few.

    >>> shown(["a", "b", "c"], 2)
    "'a', 'b' and 1 more"
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(repr(name[:80]) for name in names[:most]) + more
