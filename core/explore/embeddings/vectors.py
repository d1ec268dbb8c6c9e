"""Vectors of tokens, words and whole texts at any layer. Maps, compares and remembers nothing.

Layers count as in `hidden_states`: 0 is what enters the first layer, L is what leaves the last one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Shaped
from torch import Tensor

from core.errors import LabError
from core.explore.tokens import Tokens, padded_inputs, tokenize
from core.explore.trace import Trace, encoder_states
from core.models.loading import Model

POOLINGS = ("mean", "cls")
MOST_SENTENCES = 16  # typed ones, looked at together
MOST_POSITIONS = 48  # of each of them
POSITIONS_AT_ONCE = 1_024  # of all texts of a batch: more no longer fit a core's cache, and take longer
_CHUNK = 5_000  # texts tokenized at once: bounds the memory of the tokenizer's own objects


@dataclass(frozen=True, slots=True)
class Place:
    """A token, or a word of one or several tokens, among several texts: which text, which positions, what it reads."""

    text: int
    positions: tuple[int, ...]
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class TextVectors:
    """One vector a text, for the `layers` asked for, texts in their order."""

    layers: tuple[int, ...]
    vectors: Float32[np.ndarray, "layer text hidden"]
    cut_count: int  # texts with more positions than were read


def sentences(text: str) -> tuple[tuple[str, ...], int]:
    """The lines of a text that hold something, at most `MOST_SENTENCES`; and how many more there were."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return tuple(lines[:MOST_SENTENCES]), max(0, len(lines) - MOST_SENTENCES)


def sample_rows(count: int, most: int, *, seed: int = 0) -> list[int]:
    """At most `most` of `count` row numbers drawn at random, in rising order; the same ones for the same seed."""
    if count <= most:
        return list(range(count))
    return sorted(np.random.default_rng(seed).choice(count, size=most, replace=False).tolist())


def tokenize_all(model: Model, texts: Sequence[str], *, max_length: int = MOST_POSITIONS) -> tuple[Tokens, ...]:
    """Tokenize several short texts, each cut to `max_length` positions. Raises `LabError` when there is none."""
    if not texts:
        raise LabError("There is no text to look at.", "Type a few words, one sentence a line.")
    return tuple(tokenize(model, text, max_length=max_length) for text in texts)


def places(tokens: Sequence[Tokens], *, whole_words: bool = False, with_special: bool = False) -> tuple[Place, ...]:
    """The tokens of several texts in reading order; with `whole_words` the tokens of a word are one place.

    Tokens that the template adds ([CLS], [SEP]) are left out unless `with_special`.
    """
    found = []
    for number, each in enumerate(tokens):
        groups: dict[object, list[int]] = {}
        for position, (side, word) in enumerate(zip(each.sequence, each.word_index, strict=True)):
            if side is not None or with_special:
                is_word = whole_words and word is not None
                groups.setdefault((side, word) if is_word else position, []).append(position)
        for positions in groups.values():
            name = each.surface(*positions).strip() if whole_words else each.tokens[positions[0]]
            found.append(Place(number, tuple(positions), name))
    return tuple(found)


def place_vectors(t: Trace, chosen: Sequence[Place]) -> Float32[np.ndarray, "state place hidden"]:
    """The vectors of places at each of the layer + 1 hidden states: the mean over a place's positions.

    `t` is the trace of the list of texts that the places were found in.
    """
    states = torch.stack(t.hidden_states)  # (layer + 1, batch, pos, hidden)
    vectors = [states[:, place.text, list(place.positions)].mean(1) for place in chosen]
    if not vectors:
        return np.zeros((len(states), 0, states.shape[-1]), np.float32)
    return torch.stack(vectors, dim=1).numpy()


def sentence_vectors(t: Trace, pooling: str = "mean") -> Float32[np.ndarray, "state text hidden"]:
    """One vector a text at each of the layer + 1 hidden states of a trace. Raises `LabError` as `pool`."""
    return np.stack([pool(states, t.inputs["attention_mask"], pooling).numpy() for states in t.hidden_states])


def pool(
    hidden: Float[Tensor, "batch pos hidden"], mask: Shaped[Tensor, "batch pos"], pooling: str
) -> Float[Tensor, "batch hidden"]:
    """One vector a text from its hidden states and its attention mask, 1 for real positions.

    “cls” takes the first position. “mean” averages all real ones, [CLS] and [SEP] included and padding left out, as
    sentence-transformers does (Reimers & Gurevych 2019). Raises `LabError` for any other name.
    """
    if pooling == "cls":
        return hidden[:, 0]
    if pooling != "mean":
        raise LabError(f"There is no pooling called “{pooling}”.", f"Use {' or '.join(POOLINGS)}.")
    weights = mask[:, :, None].to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)


@torch.inference_mode()
def embed(
    model: Model,
    texts: Sequence[str],
    pairs: Sequence[str] | None = None,
    *,
    layers: Sequence[int] | None = None,
    pooling: str = "mean",
    max_length: int | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> TextVectors:
    """One vector for each text (or pair) at each of `layers` (default: all), from one forward pass.

    Texts of similar length share a batch, the longest first. `on_progress` gets the share of the work that is done;
    what it raises ends the computation. Raises `LabError` for a layer that the model does not have, a text with half a
    character, texts and pairs that differ in number.
    """
    count = model.layers + 1
    wanted = tuple(range(count)) if layers is None else tuple(layers)
    if any(not 0 <= layer < count for layer in wanted):
        raise LabError(
            f"This model has no hidden_states[{max(wanted)}].",
            f"It has hidden_states[0], after the embeddings, to hidden_states[{count - 1}], after its last layer.",
        )
    ids, segments, cut_count = _encode(model, texts, pairs, min(max_length or model.max_length, model.max_length))
    lengths = np.array([len(each) for each in ids], dtype=np.int64)
    order = np.argsort(-lengths, kind="stable")
    vectors = np.zeros((len(wanted), len(texts), model.config.hidden_size), np.float32)
    start, done = 0, 0
    while start < len(order):
        rows = order[start : start + max(1, POSITIONS_AT_ONCE // int(lengths[order[start]]))]
        inputs = padded_inputs(model, [ids[row] for row in rows], [segments[row] for row in rows])
        states = encoder_states(model.network, inputs)
        for number, layer in enumerate(wanted):
            vectors[number, rows] = pool(states[layer], inputs["attention_mask"], pooling).numpy()
        start += len(rows)
        done += int(lengths[rows].sum())
        if on_progress is not None:
            on_progress(done / int(lengths.sum()))
    return TextVectors(wanted, vectors, cut_count)


def _encode(
    model: Model, texts: Sequence[str], pairs: Sequence[str] | None, max_length: int
) -> tuple[list[np.ndarray], list[np.ndarray], int]:
    """Ids and segments of each text, cut to `max_length` positions, and how many texts were cut."""
    if pairs is not None and len(pairs) != len(texts):
        raise LabError(f"There are {len(texts)} texts but {len(pairs)} second texts.", "Give one second text per text.")
    ids, segments, cut_count = [], [], 0
    for start in range(0, len(texts), _CHUNK):
        part = slice(start, start + _CHUNK)
        second = None if pairs is None else list(pairs[part])
        try:
            encodings = model.encodings(list(texts[part]), second, truncation=True, max_length=max_length)
        except (UnicodeEncodeError, TypeError) as error:
            raise LabError("One of the texts holds half a character (a lone surrogate).", "Remove it.") from error
        for encoding in encodings:
            ids.append(np.array(encoding.ids, dtype=np.int64))
            segments.append(np.array(encoding.type_ids, dtype=np.int64))
            cut_count += bool(encoding.overflowing)
    return ids, segments, cut_count
