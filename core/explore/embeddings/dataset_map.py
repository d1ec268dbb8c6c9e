"""A data set as a map: the vectors of its texts computed once, projected, and both remembered on disk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from core.explore.embeddings import store as store
from core.explore.embeddings.projection import project
from core.explore.embeddings.vectors import embed
from core.models.loading import Model

MOST_TEXTS = 20_000
READING, PROJECTING = "reading", "projecting"  # the two stages that progress is reported for
_ALL_LAYERS_BYTES = 256 * 2**20  # up to this size one forward pass keeps every layer, not only the one asked for
_FORMAT = 1  # raised when what is remembered changes its meaning

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, eq=False)
class TextMap:
    """Texts as points of a plane, in their order.

    explained: the share of the variance on each axis, for PCA. cut_count: texts longer than was read. remembered: it
    was on disk.
    """

    points: Float64[np.ndarray, "text 2"]
    explained: tuple[float, ...]
    cut_count: int
    remembered: bool


def text_map(
    model: Model,
    texts: Sequence[str],
    pairs: Sequence[str] | None = None,
    *,
    layer: int,
    pooling: str = "mean",
    method: str = "PCA",
    max_length: int = 128,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> TextMap:
    """The texts (or pairs) as points, by their vectors after `layer`; computed, or as remembered.

    `on_progress` gets the stage and the share of it that is done, and is not called when the map is remembered; what it
    raises ends the computation. Arguments and errors as `embed` and `project`.
    """
    max_length = min(max_length, model.max_length)
    vectors_key = store.key_of(_FORMAT, model.fingerprint, list(texts), list(pairs or ()), pooling, max_length)
    map_key = f"{vectors_key}-{layer}-{store.key_of(method, seed)[:8]}"
    if (found := store.load(map_key)) and found[0].shape == (len(texts), 2) and {"explained", "cut"} <= set(found[1]):
        return TextMap(found[0], tuple(found[1]["explained"]), found[1]["cut"], remembered=True)
    report = on_progress or (lambda stage, share: None)
    vectors, cut_count = _vectors(model, texts, pairs, vectors_key, layer, pooling, max_length, report)
    report(PROJECTING, 0.0)
    projection = project(vectors, method, seed=seed)
    store.save(map_key, projection.points, {"explained": projection.explained, "cut": cut_count})
    return TextMap(projection.points, projection.explained, cut_count, remembered=False)


def _vectors(
    model: Model,
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    key: str,
    layer: int,
    pooling: str,
    max_length: int,
    report: Progress,
) -> tuple[np.ndarray, int]:
    """(text, hidden) after `layer`, and how many texts were cut."""
    shape = (len(texts), model.config.hidden_size)
    if (found := store.load(f"{key}-{layer}")) and found[0].shape == shape and "cut" in found[1]:
        return found[0], found[1]["cut"]
    count = model.layers + 1
    layers = range(count) if count * shape[0] * shape[1] * 4 <= _ALL_LAYERS_BYTES else (layer,)
    made = embed(
        model,
        texts,
        pairs,
        layers=layers,
        pooling=pooling,
        max_length=max_length,
        on_progress=lambda share: report(READING, share),
    )
    for number, each in enumerate(made.layers):
        store.save(f"{key}-{each}", made.vectors[number], {"cut": made.cut_count})
    return made.vectors[made.layers.index(layer)], made.cut_count
