"""What a network says about a text, in one form for all its heads: a distribution at each place that it answers.

Changes nothing, and ranks nothing: `ablation` and `attribution` (in `core.explore.attention`) ask it again and again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from transformers import PreTrainedModel

from core.errors import LabError
from core.explore.tokens import Tokens, model_inputs
from core.explore.walkthrough.head_stages import chooses_one_class
from core.models.loading import (
    MASKED_LM,
    MULTIPLE_CHOICE,
    QUESTION_ANSWERING,
    SEQUENCE_CLASSIFICATION,
    TOKEN_CLASSIFICATION,
    Model,
)
from core.models.parts import parts_of

UNSUPPORTED_OUTPUTS = {  # answers that models give and nothing here asks for, by task
    TOKEN_CLASSIFICATION: "tags",
    QUESTION_ANSWERING: "places in a passage",
    MULTIPLE_CHOICE: "choices",
}


@dataclass(frozen=True, slots=True)
class Target:
    """One answer of a network: class number `choice`, or the vocabulary entry `choice` at `position` of the text."""

    choice: int
    position: int | None = None


def answer(
    network: PreTrainedModel, task: str, inputs: Mapping[str, Shaped[Tensor, "batch pos ..."]], positions: Sequence[int]
) -> tuple[Float[Tensor, "batch pos hidden"], Float[Tensor, "batch place choice"] | None]:
    """One forward pass: the last hidden states, and logits.

    Places are the `positions` and choices the vocabulary of a masked-language model, one place and the classes of a
    classifier; None in place of logits where there is nothing to answer.
    """
    head = parts_of(network).masked_lm
    if task == SEQUENCE_CLASSIFICATION:
        output = network(**inputs, output_hidden_states=True)
        return output.hidden_states[-1], output.logits[:, None]
    hidden = network.base_model(**inputs).last_hidden_state
    if task != MASKED_LM or head is None or not positions:
        return hidden, None
    return hidden, head.logits(hidden[:, list(positions)])  # at these places only: the head is half of the work


def answer_logits(
    network: PreTrainedModel, task: str, inputs: Mapping[str, Shaped[Tensor, "batch pos ..."]], positions: Sequence[int]
) -> Float[Tensor, "batch place choice"]:
    """As `answer`, the logits alone, of a network that answers: ask `check_target` or `check_masked_lm` first."""
    _, logits = answer(network, task, inputs, positions)
    assert logits is not None
    return logits


def gives_distribution(model: Model) -> bool:
    """Whether the model's logits compete, so that a softmax makes probabilities of them: not in regression, where there
    is one number, and not where each of several labels is given or not for itself.
    """
    return model.task == MASKED_LM or (model.task == SEQUENCE_CLASSIFICATION and chooses_one_class(model.config))


def mask_positions(model: Model, tokens: Tokens) -> tuple[int, ...]:
    """Where the masks of a text stand."""
    return tuple(place for place, token_id in enumerate(tokens.ids) if token_id == model.mask_id)


@torch.inference_mode()
def likeliest(model: Model, tokens: Tokens) -> Target:
    """The likeliest class of a classifier, the likeliest token at the first mask of a masked-language model.

    Raises `LabError` when the model answers nothing, or the text holds no mask.
    """
    masks = mask_positions(model, tokens)[:1]
    place = masks[0] if masks and model.task == MASKED_LM else None
    check_target(model, tokens, Target(0, place))
    logits = answer_logits(model.network, model.task, model_inputs(model, tokens), masks)
    return Target(int(logits[0, 0].argmax()), place)


def check_target(model: Model, tokens: Tokens, target: Target) -> None:
    """Raise `LabError` where the model has no such answer for the text."""
    choices: int
    if model.task == MASKED_LM:
        choices = model.config.vocab_size
        if target.position is None:
            raise LabError("The text holds no [MASK] to explain an answer for.", "Hide a word behind [MASK].")
        if not 0 <= target.position < len(tokens):
            raise LabError(
                f"There is no position {target.position} in a text of {len(tokens)} positions.",
                f"Choose a position from 0 to {len(tokens) - 1}.",
            )
    elif model.task == SEQUENCE_CLASSIFICATION:
        choices = len(model.labels)
        if target.position is not None:
            raise LabError(
                f"The model “{model.title}” answers for a whole text and not for a position.", "Choose a class."
            )
    else:
        kind = UNSUPPORTED_OUTPUTS.get(model.task)
        raise LabError(
            f"The model “{model.title}” answers with {kind}, which are not followed here."
            if kind
            else f"The model “{model.title}” has neither classes nor a masked-language head, so it gives no answer.",
            "Choose a classifier of texts or a masked-language model, for instance the built-in one.",
        )
    if not 0 <= target.choice < choices:
        raise LabError(f"There is no answer number {target.choice}.", f"The answers are numbered 0 to {choices - 1}.")
