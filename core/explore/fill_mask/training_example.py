"""One step of BERT's training, looked at: tokens drawn at random and hidden, and the loss of guessing them.

Draws as training does and changes no weight. Training itself is `core.training`.
"""

import math
from dataclasses import dataclass

import torch
from transformers import DataCollatorForLanguageModeling

from core.errors import LabError
from core.explore.answers import answer_logits
from core.explore.fill_mask.cloze import check_masked_lm
from core.explore.tokens import Tokens, padded_inputs
from core.models.loading import Model

SHARE = 0.15
MASKED, REPLACED, KEPT = "hidden", "replaced", "kept"  # what became of a drawn token: 80, 10 and 10 % of them


@dataclass(frozen=True, slots=True, eq=False)
class MaskedExample:
    """One token drawn for training: what became of it, and how well the model brings it back.

    `shown` is the id that the model read in its place, `likeliest` what it would put there, `probability` what it gives
    the original. `loss` is −log of that, in nats.
    """

    position: int
    outcome: str
    original: int
    shown: int
    likeliest: int
    probability: float
    loss: float


@dataclass(frozen=True, slots=True, eq=False)
class TrainingExample:
    """A text as training would show it: `ids` are what the model reads, `drawn` the tokens it must bring back."""

    tokens: Tokens
    ids: tuple[int, ...]
    drawn: tuple[MaskedExample, ...]

    @property
    def loss(self) -> float:
        """Cross-entropy in nats, the mean over the drawn tokens only; NaN where none was drawn."""
        return math.fsum(each.loss for each in self.drawn) / len(self.drawn) if self.drawn else math.nan


@torch.inference_mode()
def training_example(model: Model, tokens: Tokens, *, share: float = SHARE, seed: int = 0) -> TrainingExample:
    """Draw tokens of a text as in BERT's training (Devlin et al. 2019, § 3.1) and work out the loss.

    Each ordinary token is drawn with probability `share`. Of the drawn, 80 % become [MASK], 10 % a random token, and
    10 % stay (transformers, `DataCollatorForLanguageModeling`); special tokens are never drawn, nor is what the model
    does not know. The loss is that of transformers' masked-language models for the same labels. The model is in eval
    mode, without dropout, so the Trainer's own number for the same draw wavers around this one. Raises `LabError` for a
    share that is not between 0 and 1, and when the model has no masked-language head.
    """
    check_masked_lm(model)
    if not 0 < share <= 1:
        raise LabError(f"A share of {share:g} cannot be drawn.", "Choose a share above 0 and up to 1.")
    collator = DataCollatorForLanguageModeling(model.tokenizer, mlm_probability=share)
    collator.generator = torch.Generator().manual_seed(seed)
    original_ids = torch.tensor([tokens.ids])
    never = torch.isin(original_ids, torch.tensor(model.tokenizer.all_special_ids))  # [UNK] among them
    ids, labels = collator.torch_mask_tokens(original_ids, special_tokens_mask=never)
    shown = tuple(ids[0].tolist())
    places = (labels[0] >= 0).nonzero().flatten().tolist()
    if not places:
        return TrainingExample(tokens, shown, ())
    logits = answer_logits(model.network, model.task, padded_inputs(model, [shown], [tokens.segments]), places)[0]
    log_probabilities = logits.double().log_softmax(-1)  # (drawn, vocab)
    drawn = []
    for row, place in enumerate(places):
        original = tokens.ids[place]
        value = log_probabilities[row, original].item()
        outcome = _outcome(model, original, shown[place])
        likeliest = int(log_probabilities[row].argmax())
        drawn.append(MaskedExample(place, outcome, original, shown[place], likeliest, math.exp(value), -value))
    return TrainingExample(tokens, shown, tuple(drawn))


def _outcome(model: Model, original: int, shown: int) -> str:
    if shown == model.mask_id:
        return MASKED
    return KEPT if shown == original else REPLACED
