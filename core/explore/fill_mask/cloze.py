"""Many fill-in questions at once, each about one token at one position: how likely it is there, and what is likelier.

The questions of a word in place of a mask (`core.explore.fill_mask.candidates`) and of a text's own words
(`core.explore.fill_mask.surprise`) are asked here, and nowhere else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int
from torch import Tensor

from core.errors import LabError
from core.explore.tokens import padded_inputs
from core.models.loading import MASKED_LM, Model
from core.models.parts import parts_of

POSITIONS_AT_ONCE = 1_024  # of all texts of a batch


@dataclass(frozen=True, slots=True)
class MaskQuery:
    """Does the token `token_id` stand at `position`? `ids` and `segments` are the whole text, masked already."""

    ids: tuple[int, ...]
    segments: tuple[int, ...]
    position: int
    token_id: int


@dataclass(frozen=True, slots=True, eq=False)
class MaskScores:
    """For each question the log-probability of its token in nats, and the likeliest token's id."""

    log_probabilities: Float64[Tensor, " question"]
    likeliest: Int[Tensor, " question"]


def check_masked_lm(model: Model) -> int:
    """The id of the mask of a model that can fill it.

    Raises `LabError` when it has no masked-language head, or its tokenizer no mask.
    """
    if model.task != MASKED_LM:
        raise LabError(
            f"The model “{model.title}” has no masked-language head, so it cannot fill a mask.",
            "Choose a masked-language model, for instance the built-in one.",
        )
    if model.mask_id is None:
        raise LabError(
            f"The tokenizer of “{model.title}” has no mask token, so nothing can be hidden.",
            "Name one in its tokenizer_config.json (“mask_token”), or choose another model.",
        )
    return model.mask_id


def score_queries(model: Model, queries: Sequence[MaskQuery]) -> Iterator[MaskScores]:
    """Answer questions in batches, in their order: log softmax of the MLM logits at each question's position.

    Raises `LabError` when the model has no masked-language head.
    """
    check_masked_lm(model)
    return _score_queries(model, queries)


def _score_queries(model: Model, queries: Sequence[MaskQuery]) -> Iterator[MaskScores]:
    start = 0
    while start < len(queries):
        longest, end = 0, start
        while end < len(queries):  # padded to their longest, the texts of a batch must not grow beyond the limit
            longest = max(longest, len(queries[end].ids))
            if end > start and longest * (end - start + 1) > POSITIONS_AT_ONCE:
                break
            end += 1
        yield _score_batch(model, queries[start:end])
        start = end


@torch.inference_mode()
def _score_batch(model: Model, batch: Sequence[MaskQuery]) -> MaskScores:
    inputs = padded_inputs(model, [each.ids for each in batch], [each.segments for each in batch])
    positions = torch.tensor([each.position for each in batch])
    token_ids = torch.tensor([each.token_id for each in batch])
    head = parts_of(model.network).masked_lm
    assert head is not None  # `check_masked_lm` has asked
    hidden = model.network.base_model(**inputs).last_hidden_state[torch.arange(len(batch)), positions]
    logits = head.logits(hidden)  # (question, vocab)
    log_probabilities = logits.double().log_softmax(-1).gather(1, token_ids[:, None])[:, 0]
    return MaskScores(log_probabilities, logits.argmax(-1))
