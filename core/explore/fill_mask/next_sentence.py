"""Does the second text follow the first? The other question that BERT was trained on."""

from dataclasses import dataclass

import torch

from core.errors import LabError
from core.explore.tokens import Tokens
from core.explore.trace import trace
from core.explore.walkthrough.head_stages import NEXT_SENTENCE
from core.models.loading import Model
from core.models.parts import parts_of


@dataclass(frozen=True, slots=True)
class NextSentence:
    """The head's answers by name, and the probability of each; these sum to 1."""

    answers: tuple[str, ...]
    probabilities: tuple[float, ...]


def has_next_sentence(model: Model) -> bool:
    """Whether a model has the head for pairs that pre-training leaves behind."""
    return parts_of(model.network).next_sentence is not None


def judges_order(model: Model) -> bool:
    """Whether the head was trained on swapped pairs (ALBERT, Lan et al. 2020), not on pairs from other texts (BERT)."""
    return model.config.model_type == "albert"


@torch.inference_mode()
def next_sentence(model: Model, tokens: Tokens) -> NextSentence:
    """Softmax of the next-sentence head over the pooler, for a tokenized pair (transformers, `BertForPreTraining`).

    Raises `LabError` when the model has no such head, or when there is no second text.
    """
    if not has_next_sentence(model):
        raise LabError(
            f"The model “{model.title}” has no next-sentence head.",
            "Most models have lost it. The teaching model has one, and so have BERT's own checkpoints from the Hub.",
        )
    if tokens.pair is None:
        raise LabError("There is no second text to judge.", "Type the sentence that may follow.")
    shares = trace(model, tokens)["nsp.logits"].softmax(-1).tolist()
    named = NEXT_SENTENCE.get(model.config.model_type, ())
    return NextSentence(named if len(named) == len(shares) else tuple(map(str, range(len(shares)))), tuple(shares))
