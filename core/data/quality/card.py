"""The health card: what to fix before training, in plain words and in order, each with its rows and a remedy.

Works on rows that are not checked yet, so it also says what would be refused. Measures nothing slow itself: lengths in
tokens, [UNK] and near-duplicates are taken when they are given, and passed over otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.data.dataset.notices import Finding, in_order
from core.data.dataset.row_selection import RowSelection
from core.data.quality import card_labels, card_texts
from core.data.quality.coverage import Coverage
from core.data.quality.near import NearPair
from core.errors import counted
from core.tasks import FIRST


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What was measured beside the rows themselves; None where it was not.

    tokens: for each row its length in tokens. limit: the length at which texts are cut. near: pairs of positions in
    the rows.
    """

    tokens: np.ndarray | None = None
    limit: int = 128
    coverage: Coverage | None = None
    near: Sequence[NearPair] | None = None


@dataclass(frozen=True, slots=True)
class HealthCard:
    """All findings, what to do first at the top. `verdict` sums them up in one sentence: of the texts alone, where no
    column of labels was given."""

    findings: tuple[Finding, ...]
    rows: int
    has_labels: bool
    verdict: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdict", _verdict(self))

    def of(self, severity: str) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity == severity)

    def __getitem__(self, key: str) -> Finding | None:
        """The first finding of one check, or None."""
        return next((finding for finding in self.findings if finding.key == key), None)


def health_card(selection: RowSelection, measured: Measured | None = None, *, task: str = FIRST) -> HealthCard:
    """Examine rows for a task. Each check gives what it found, or one "good" line. Raises nothing for bad data."""
    measured = measured or Measured()
    findings = [*card_texts.check(selection, task), *card_labels.check(selection)]
    if measured.tokens is not None:
        findings += card_texts.long_texts(selection, measured.tokens, measured.limit)
    if measured.coverage is not None:
        findings += card_texts.unknown_tokens(measured.coverage)
    if measured.near is not None:
        findings += card_labels.near_duplicates(selection, measured.near)
    return HealthCard(in_order(findings), len(selection), selection.labels is not None)


def _verdict(card: HealthCard) -> str:
    fix, look = len(card.of("fix")), len(card.of("warn"))
    if fix:
        more = f", and look at {look:,} more." if look else "."
        return f"Fix {counted(fix, 'thing')} before training{more}"
    ready = "Ready to train on" if card.has_labels else "The texts are ready"
    return f"{ready}, after a look at {counted(look, 'thing')}." if look else f"{ready}: nothing to fix was found."
