"""What lies near what: cosines between tokens and texts, one word in several texts, the nearest vocabulary entries."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Shaped
from torch import Tensor

from core.errors import LabError
from core.explore.embeddings.vectors import Place, place_vectors, places, sentence_vectors
from core.explore.fill_mask.logit_lens import read_through_head
from core.explore.tokens import Tokens, readable
from core.explore.trace import Trace
from core.models.loading import Model
from core.models.parts import parts_of

RANDOM_PAIRS = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class WordInContexts:
    """How alike one word's vectors are in different places, layer by layer.

    `pairs` says which two of `places` each is about; `cosines` have a row for each of the layer + 1 hidden states.
    """

    places: tuple[Place, ...]
    pairs: tuple[tuple[int, int], ...]
    cosines: Float64[np.ndarray, "state pair"]


def cosine_matrix(vectors: Shaped[np.ndarray, "row hidden"]) -> Float64[np.ndarray, "row row"]:
    """The cosine of each vector with each other, from −1 to 1; a vector of zeros has 0 with all."""
    vectors = np.asarray(vectors, dtype=np.float64)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return np.clip(unit @ unit.T, -1, 1)


def cosines(
    first: Shaped[np.ndarray, "*place hidden"], second: Shaped[np.ndarray, "*place hidden"]
) -> Float64[np.ndarray, "*place"]:
    """The cosine of each vector of `first` with its partner in `second`, from −1 to 1."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    norms = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    return np.clip((first * second).sum(-1) / np.maximum(norms, 1e-12), -1, 1)


def most_alike(values: Float64[np.ndarray, "row row"], names: Sequence[str]) -> tuple[int, int] | None:
    """The two rows of a cosine matrix with different names that are most alike, None when there are none."""
    plain = np.array([name.casefold() for name in names])
    apart = np.where(plain[:, None] == plain, -2.0, values)
    if apart.max(initial=-2.0) == -2.0:
        return None
    row, column = np.unravel_index(apart.argmax(), apart.shape)
    return int(row), int(column)


def word_in_contexts(t: Trace, word: str) -> WordInContexts:
    """Compare `word` wherever it stands in a list of texts; case does not matter, a word's tokens count as one.

    To be read against `random_pair_cosines`. Raises `LabError` when the word stands in fewer than two places.
    """
    wanted = word.strip().casefold()
    found = [place for place in places(t.texts, whole_words=True) if place.name.casefold() == wanted]
    if len(found) < 2:
        raise LabError(
            f"The word “{word.strip()[:60]}” stands in {len(found)} of the two places it takes to compare.",
            "Choose a word that stands in at least two, or write it into one more sentence.",
        )
    vectors = place_vectors(t, found)  # (layer + 1, place, hidden)
    pairs = tuple(itertools.combinations(range(len(found)), 2))
    left, right = (vectors[:, [pair[side] for pair in pairs]] for side in (0, 1))
    return WordInContexts(tuple(found), pairs, cosines(left, right))


def random_pair_cosines(
    t: Trace, *, pooling: str | None = None, pairs: int = RANDOM_PAIRS, seed: int = 0
) -> Float64[np.ndarray, "state pair"]:
    """Cosines of tokens drawn at random from different texts of `t`, at each hidden state; special ones left out.

    With `pooling`, as in `sentence_vectors`, of whole texts. In upper layers even unrelated words are alike
    (anisotropy, Ethayarajh 2019), and means of words even more: a cosine means something only against these. Raises
    `LabError` when there are no two texts.
    """
    drawn = places(t.texts) if pooling is None else ()
    texts = np.array([place.text for place in drawn]) if pooling is None else np.arange(len(t.texts))
    if len(set(texts.tolist())) < 2:
        raise LabError("There are no two texts to draw random words from.", "Give at least two texts.")
    vectors = place_vectors(t, drawn) if pooling is None else sentence_vectors(t, pooling)
    random = np.random.default_rng(seed)
    left, right = random.integers(len(texts), size=(2, 20 * pairs))
    apart = texts[left] != texts[right]
    left, right = left[apart][:pairs], right[apart][:pairs]
    return cosines(vectors[:, left], vectors[:, right])


def repeated_words(tokens: Sequence[Tokens]) -> tuple[str, ...]:
    """The words that stand in more than one place of a list of texts, the longest first."""
    counts = Counter(place.name.casefold() for place in places(tokens, whole_words=True) if place.name)
    return tuple(sorted((name for name, count in counts.items() if count > 1), key=lambda name: (-len(name), name)))


@torch.inference_mode()
def nearest_tokens(model: Model, token_id: int, *, top_k: int = 10) -> list[tuple[str, float]]:
    """The vocabulary entries whose word embeddings have the largest cosine with that of `token_id`, itself the first.

    This is what a token is before position and segment are added, so it needs no text, and any model has it.
    """
    table = parts_of(model.network).word.weight  # (vocab, embedding)
    closeness = torch.nn.functional.cosine_similarity(table, table[token_id][None], dim=-1)
    return _named(model, closeness, top_k)


@torch.inference_mode()
def logit_lens_at(model: Model, t: Trace, place: Place, layer: int, *, top_k: int = 10) -> list[tuple[str, float]]:
    """What the masked-language head would guess from a token's vector after `layer`, as (token, probability).

    The “logit lens” (nostalgebraist 2020) through the whole head: dense, activation, LayerNorm, decoder. After the last
    layer this is the model's own prediction; in the middle the vectors lie in coordinates that the head was never
    trained to read. Raises `LabError` when the model has no such head.
    """
    states = t.hidden_states[layer][place.text, list(place.positions)].mean(0)  # (hidden,)
    return _named(model, read_through_head(model, states), top_k)


def _named(model: Model, scores: Float[Tensor, " vocab"], top_k: int) -> list[tuple[str, float]]:
    """The best with their tokens."""
    best = scores.topk(min(top_k, len(scores)))
    found = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return [(readable(model, index), value) for index, value in found]
