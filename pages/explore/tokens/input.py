"""What the views of the Tokens page look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.explore.tokens import Tokens
    from core.models.loading import Model


@dataclass(frozen=True, slots=True)
class Input:
    """A text, or a pair, as it was typed, and as the model reads it."""

    model: Model
    text: str
    pair: str | None
    tokens: Tokens
