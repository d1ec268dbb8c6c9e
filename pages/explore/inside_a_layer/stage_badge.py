"""The badge of a stage: how closely the numbers shown match the model's own, in a few honest words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.explore.agreement import UNCHECKED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.explore.walkthrough import View

EXACT = 1e-5  # differences below are rounding: 32-bit floats carry about seven digits


def badge(view: View, found: Mapping[str, float]) -> str:
    """How closely the view's numbers match the model's own, as a Markdown badge."""
    if view.contrast:
        return ":orange-badge[:material/block: Not what BERT computes]"
    if view.tensor is None:
        return ":gray-badge[Computed here: the model does not return these numbers]"
    if view.tensor.rpartition(".")[2] in UNCHECKED:
        return ":gray-badge[The model does not return these numbers: checked through the shares made from them]"
    difference = found[view.tensor]
    if difference == 0:
        return ":green-badge[:material/check: Equal to the model's own numbers, bit for bit]"
    if difference <= EXACT:
        return f":green-badge[:material/check: Largest difference from the model: {difference:.1e}]"
    return f":orange-badge[:material/warning: Largest difference from the model: {difference:.1e}]"
