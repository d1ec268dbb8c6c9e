"""The guess after every layer: hidden states read through the masked-language head (“logit lens”)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import LabError
from core.explore.tokens import readable
from core.explore.trace import Trace
from core.models.loading import Model
from core.models.parts import parts_of


@dataclass(frozen=True, slots=True, eq=False)
class Lens:
    """What the head reads at one position after each layer.

    The first row of `probabilities` is what enters the first layer, the last of the layer + 1 the model's own
    prediction. `answer` is that prediction's likeliest entry; `ranks` is its place from 1 after each layer.
    """

    model: Model
    position: int
    probabilities: Float[Tensor, "state vocab"]
    answer: int
    ranks: tuple[int, ...]

    def guesses(self, layer: int, *, top_k: int = 5) -> list[tuple[str, float]]:
        """The likeliest entries after a layer, as (token, probability)."""
        best = self.probabilities[layer].topk(min(top_k, self.probabilities.shape[1]))
        found = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [(readable(self.model, index), value) for index, value in found]


@torch.inference_mode()
def logit_lens(t: Trace, position: int) -> Lens:
    """Read the hidden states of one text at `position`, after every layer, through the whole head.

    Dense, activation, LayerNorm, decoder (nostalgebraist 2020, for BERT's head). The head was trained on the last layer
    only: vectors of the middle layers lie in other coordinates, so what it reads there is a hint. Raises `LabError`
    when the model has no such head, or the text no such position.
    """
    if not 0 <= position < t.hidden_states[0].shape[1]:
        raise LabError(f"The text has no position {position}.", "Choose one of its tokens.")
    states = torch.stack([states[0, position] for states in t.hidden_states])  # (layer + 1, hidden)
    probabilities = read_through_head(t.model, states)
    answer = int(probabilities[-1].argmax())
    ranks = (probabilities > probabilities[:, [answer]]).sum(-1) + 1
    return Lens(t.model, position, probabilities, answer, tuple(ranks.tolist()))


@torch.inference_mode()
def read_through_head(model: Model, states: Float[Tensor, "*place hidden"]) -> Float[Tensor, "*place vocab"]:
    """Hidden states as probabilities over the vocabulary. Raises `LabError` without a masked-language head."""
    head = parts_of(model.network).masked_lm
    if head is None:
        raise LabError(
            f"The model “{model.title}” has no masked-language head, so its upper layers cannot be read as words.",
            "Look at the embeddings, or choose a masked-language model, for instance the built-in one.",
        )
    return head.logits(states).softmax(-1)
