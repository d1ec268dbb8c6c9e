"""Whether a training has diverged: its loss far above where it began, though it never became NaN. Reads events only."""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from core.errors import LabError

_TIMES = 3.0  # as large as at the beginning: what works, or learns nothing, ends below it
_PEAK_TIMES = 10.0  # as large in between, and at the end no lower than at the beginning
_LEAST_LOSS = 1.0  # a model that begins nearly perfect may multiply its loss without being any worse than chance
_SHARE = 0.1  # of the points, at each end: a single batch says little


def diverged(events: Sequence[dict[str, Any]]) -> LabError | None:
    """What to tell of a training whose loss ended, or stood in between, many times as high as it began; else None.

    A head that knows nothing begins at the loss of chance (ln of the number of classes), so three times that is worse
    than any guess. `events`: those of a whole run, in order.
    """
    losses = [float(event["loss"]) for event in events if event.get("kind") == "train"]
    if len(losses) < 2:
        return None
    count = math.ceil(_SHARE * len(losses))
    first = min(fmean(losses[:count]), 2 * losses[0])  # of the first points, some may stand beyond the first large step
    last, peak, least = fmean(losses[-count:]), max(losses), max(first, _LEAST_LOSS)
    if last <= _TIMES * least and (peak <= _PEAK_TIMES * least or last < losses[0]):
        return None
    return LabError(
        f"The training diverged: its loss began at {losses[0]:.3g}, rose to {peak:.3g} and ended at {last:.3g}.",
        "Look at its scores before you use it, and train again with a lower learning rate (a fifth is a good try) and "
        "with gradient clipping on.",
    )
