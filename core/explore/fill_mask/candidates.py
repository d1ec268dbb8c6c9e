"""Some words against each other in place of a mask: words somebody gives, or all that begin in some way."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import torch

from core.errors import LabError
from core.explore.answers import mask_positions
from core.explore.fill_mask.cloze import MaskQuery, check_masked_lm, score_queries
from core.explore.fill_mask.fill_mask import MaskPredictions
from core.explore.fill_mask.masks import with_model_mask
from core.explore.tokens import readable, tokenize
from core.models.loading import Model, special_id

MOST_CANDIDATES = 30
_WORD_SIGNS = "Ġ▁"  # what byte-level and SentencePiece vocabularies put before a word


@dataclass(frozen=True, slots=True)
class Candidate:
    """A given word at a mask: its tokens, its probability there, and its share of all given words (these sum to 1).

    A word of several tokens has the product of their probabilities, each with those before it put in and those after it
    hidden. So it has to win several times, and the masks give its length away.
    """

    word: str
    tokens: tuple[str, ...]
    probability: float
    share: float


@dataclass(frozen=True, slots=True)
class Beginning:
    """What at one mask begins with some letters: how likely any of it is, and the likeliest, (word, probability)."""

    probability: float
    words: tuple[tuple[str, float], ...]


def compare_candidates(model: Model, text: str, words: Sequence[str], *, mask: int = 0) -> list[Candidate]:
    """How likely each of `words` is at mask number `mask` of a text, likeliest first. Other masks stay hidden.

    Of words that the model reads alike (“she” and “She”, where it knows no capitals), the first stands for all. Raises
    `LabError` when the model has no masked-language head, when there is no such mask, no word or too many, and for a
    word that the model does not know or that melts into its neighbours.

    >>> [each.word for each in compare_candidates(model, "The nurse said that [MASK] was tired.", ["he", "she"])]
    ['he', 'she']
    """
    mask_id = check_masked_lm(model)
    words = list(dict.fromkeys(word.strip() for word in words if word.strip()))
    if not words:
        raise LabError("There are no words to compare.", "Give some, with | between them: he | she | they.")
    if len(words) > MOST_CANDIDATES:
        raise LabError(f"These are {len(words)} words; {MOST_CANDIDATES} can be compared.", "Leave some out.")
    text = with_model_mask(model, text)
    tokens = tokenize(model, text)
    masks = mask_positions(model, tokens)
    if not 0 <= mask < len(masks):
        raise LabError(
            f"The first {tokens.max_length} positions of the text hold no mask number {mask + 1}.",
            "Write [MASK] where the words should stand, and shorten what stands before it.",
        )
    start, end = tokens.offsets[masks[mask]]
    known: dict[tuple[int, ...], tuple[str, list[MaskQuery]]] = {}
    for word in words:
        queries = _queries(model, mask_id, f"{text[:start]}{word}{text[end:]}", start, word)
        known.setdefault(tuple(each.token_id for each in queries), (word, queries))
    words, asked = zip(*known.values(), strict=True)
    found = torch.cat([each.log_probabilities for each in score_queries(model, list(chain.from_iterable(asked)))])
    joint = torch.stack([part.sum() for part in found.split([len(each) for each in asked])])  # (word,)
    shares = joint.softmax(0)
    made_of = [tuple(model.tokenizer.convert_ids_to_tokens([each.token_id for each in own])) for own in asked]
    candidates = [Candidate(*each) for each in zip(words, made_of, joint.exp().tolist(), shares.tolist(), strict=True)]
    return sorted(candidates, key=lambda each: -each.share)


def _queries(model: Model, mask_id: int, text: str, start: int, word: str) -> list[MaskQuery]:
    """One question for each token of a word that stands at `text[start:]`, those after it hidden."""
    tokens = tokenize(model, text)
    end = start + len(word)
    places = [
        place
        for place, (first, last) in enumerate(tokens.offsets)
        if tokens.sequence[place] is not None and first < end and last > start
    ]
    if not places or places[-1] == len(tokens) - 1 or tokens.offsets[places[-1]][1] < end:
        raise LabError(f"“{word[:60]}” does not fit into what the model can read.", "Shorten the text.")
    if tokens.offsets[places[0]][0] < start or tokens.offsets[places[-1]][1] > end:
        raise LabError(
            f"“{word[:60]}” melts into what stands beside the mask, so it is no word of its own there.",
            "Put a space around the mask.",
        )
    if special_id(model.tokenizer, "unk") in [tokens.ids[place] for place in places]:
        raise LabError(f"The model does not know “{word[:60]}”.", "Leave it out, or write it another way.")
    asked = []
    for number, place in enumerate(places):
        ids = list(tokens.ids)
        for later in places[number:]:
            ids[later] = mask_id
        asked.append(MaskQuery(tuple(ids), tokens.segments, place, tokens.ids[place]))
    return asked


def beginning_with(model: Model, predictions: MaskPredictions, prefix: str, *, top_k: int = 5) -> list[Beginning]:
    """At each mask, the vocabulary entries that begin with `prefix`; those that continue a word are left out.

    Compared as the model reads it (where it knows no capitals and accents, without them), and without regard to case.
    In vocabularies that mark where a word begins (Ġ, ▁), only marked entries count. Raises `LabError` when no entry
    begins so.
    """
    normalizer = model.tokenizer.backend_tokenizer.normalizer
    wanted = normalizer.normalize_str(prefix.strip()) if normalizer else prefix
    wanted = wanted.strip(f" {_WORD_SIGNS}").casefold()
    entries = sorted(index for index, word in _beginnings(model).items() if word.startswith(wanted))
    if not entries or not wanted:
        raise LabError(f"No word of this model begins with “{prefix.strip()[:60]}”.", "Give other letters.")
    chosen = predictions.probabilities[:, entries]  # (mask, entry)
    best = chosen.topk(min(top_k, len(entries)))
    return [
        Beginning(
            mass, tuple((readable(model, entries[each]), value) for each, value in zip(places, values, strict=True))
        )
        for mass, places, values in zip(
            chosen.sum(-1).tolist(), best.indices.tolist(), best.values.tolist(), strict=True
        )
    ]


def _beginnings(model: Model) -> dict[int, str]:
    """The vocabulary entries that begin a word, by id, as people read them and without regard to case."""
    vocabulary = model.tokenizer.get_vocab()
    continuing = getattr(model.tokenizer.backend_tokenizer.model, "continuing_subword_prefix", None)
    signs = {token[0] for token in vocabulary if token} & set(_WORD_SIGNS)
    if continuing or not signs:
        return {
            i: token.casefold() for token, i in vocabulary.items() if not (continuing and token.startswith(continuing))
        }
    return {i: readable(model, i).casefold() for token, i in vocabulary.items() if token[:1] in signs}
