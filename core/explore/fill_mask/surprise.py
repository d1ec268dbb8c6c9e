"""How surprised a model is by each token of a text, each hidden in turn: the pseudo-log-likelihood of a sentence."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int
from torch import Tensor

from core.explore.fill_mask.cloze import MaskQuery, check_masked_lm, score_queries
from core.explore.tokens import Tokens
from core.models.loading import Model, special_id


@dataclass(frozen=True, slots=True, eq=False)
class Surprise:
    """How likely a model finds each token of a text when that token is hidden.

    `positions` are those that are hidden, as `scored_positions` says; `log_probabilities`, in nats, and
    `likeliest`, the id of the token that the model finds likeliest there, are parallel to the first `done` of them. One
    forward pass stands behind each.
    """

    tokens: Tokens
    positions: tuple[int, ...]
    log_probabilities: Float64[Tensor, " scored"]
    likeliest: Int[Tensor, " scored"]

    @property
    def done(self) -> int:
        """How many of the positions are known so far."""
        return len(self.log_probabilities)

    @property
    def total(self) -> int:
        """How many positions there are to ask about."""
        return len(self.positions)

    @property
    def words(self) -> tuple[tuple[int, ...], ...]:
        """Which of the tokens make up a word each, by their number among `positions`."""
        groups: dict[object, list[int]] = {}
        for number, place in enumerate(self.positions):
            groups.setdefault((self.tokens.sequence[place], self.tokens.word_index[place]), []).append(number)
        return tuple(map(tuple, groups.values()))

    @property
    def score(self) -> float:
        """The pseudo-log-likelihood: the sum, in nats; 0 at best. Longer texts have lower ones."""
        return self.log_probabilities.sum().item()

    @property
    def pseudo_perplexity(self) -> float:
        """e to the mean surprise: among how many equally likely tokens the model would have had to choose."""
        return math.exp(-self.log_probabilities.mean().item()) if self.done else math.nan

    @property
    def bits(self) -> tuple[float, ...]:
        """The surprise of each token, −log₂ p: each bit halves the probability."""
        return tuple((-self.log_probabilities / math.log(2)).tolist())


def scored_positions(model: Model, tokens: Tokens) -> tuple[int, ...]:
    """Where tokens stand that can be hidden and asked for: all but special tokens, masks among them, and the unknown.

    For a word that the vocabulary does not hold, the model reads [UNK]: that it expects one says nothing of the word.
    """
    unknown = special_id(model.tokenizer, "unk")
    places = enumerate(zip(tokens.ids, tokens.is_special, strict=True))
    return tuple(place for place, (token_id, special) in places if not special and token_id != unknown)


def surprise(model: Model, tokens: Tokens, *, whole_words: bool = False) -> Iterator[Surprise]:
    """Hide each of the `scored_positions` in turn and ask how likely its token was: what is known after each batch.

    The last one knows all. log PLL = Σ log P(w_i | all others) (Salazar et al. 2020). With `whole_words` the tokens
    that follow in the same word are hidden, too, because they give a cut-up word away (Kauf & Ivanova 2023,
    “PLL-word-l2r”). Raises `LabError` when the model has no masked-language head.
    """
    mask_id = check_masked_lm(model)
    positions = scored_positions(model, tokens)
    queries = [_query(mask_id, tokens, place, whole_words) for place in positions]
    return _surprise(model, tokens, positions, queries)


def _surprise(model: Model, tokens: Tokens, positions: tuple[int, ...], queries: list[MaskQuery]) -> Iterator[Surprise]:
    found = torch.empty(0, dtype=torch.float64)
    likeliest = torch.empty(0, dtype=torch.long)
    if not queries:
        yield Surprise(tokens, positions, found, likeliest)
    for replies in score_queries(model, queries):
        found = torch.cat([found, replies.log_probabilities])
        likeliest = torch.cat([likeliest, replies.likeliest])
        yield Surprise(tokens, positions, found, likeliest)


def _query(mask_id: int, tokens: Tokens, place: int, whole_words: bool) -> MaskQuery:
    ids = list(tokens.ids)
    ids[place] = mask_id
    word = (tokens.sequence[place], tokens.word_index[place])
    later = place + 1
    while whole_words and later < len(ids) and (tokens.sequence[later], tokens.word_index[later]) == word:
        ids[later] = mask_id
        later += 1
    return MaskQuery(tuple(ids), tokens.segments, place, tokens.ids[place])
