"""What a masked language model puts in place of [MASK]: each mask on its own, or all of them together."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.errors import LabError
from core.explore.answers import answer_logits, mask_positions
from core.explore.fill_mask.cloze import check_masked_lm
from core.explore.fill_mask.masks import with_model_mask
from core.explore.tokens import Tokens, model_inputs, readable, tokenize
from core.models.loading import Model

MAX_MASKS_JOINTLY = 10
POSITIONS_AT_ONCE = 4_096  # of all texts of a batch: keeps a forward pass within some hundred megabytes


@dataclass(frozen=True, slots=True)
class MaskPredictions:
    """The model's answer for every mask of a text, at `positions`: rows of `probabilities` sum to 1."""

    tokens: Tokens
    positions: tuple[int, ...]
    probabilities: Float[Tensor, "mask vocab"]


@dataclass(frozen=True, slots=True)
class Filling:
    """One way to fill all masks at once, its probability (left to right, by the chain rule) and the whole text."""

    fillers: tuple[str, ...]
    probability: float
    text: str


def fill_mask(model: Model, text: str, *, top_k: int = 5) -> list[list[tuple[str, float]]]:
    """The `top_k` likeliest tokens for each mask, as (token, probability): softmax of the MLM logits at that position.

    Several masks are answered independently of one another, as BERT was trained to; see `fill_jointly`.
    Raises `LabError` when the text holds no mask or the model has no masked-language head.
    """
    return top_tokens(model, predict_masks(model, text), top_k=top_k)


def predict_masks(model: Model, text: str) -> MaskPredictions:
    """One forward pass, and the distribution over the vocabulary at every mask; "[MASK]" stands for any mask token.

    Raises `LabError` as `fill_mask`.
    """
    tokens = tokenize_masked(model, text)
    positions = mask_positions(model, tokens)
    logits = _logits(model, model_inputs(model, tokens), positions)[0]  # (mask, vocab)
    return MaskPredictions(tokens, positions, logits.softmax(-1))


def top_tokens(model: Model, predictions: MaskPredictions, *, top_k: int = 5) -> list[list[tuple[str, float]]]:
    """The likeliest tokens of each mask, best first, as (token, probability)."""
    best = predictions.probabilities.topk(min(top_k, predictions.probabilities.shape[-1]))
    return [
        [(readable(model, index), value) for index, value in zip(indices, values, strict=True)]
        for indices, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def rank(predictions: MaskPredictions, mask: int, token_id: int) -> tuple[int, float]:
    """(rank from 1, probability) of the vocabulary entry `token_id` at mask number `mask` of the text."""
    row = predictions.probabilities[mask]
    return int((row > row[token_id]).sum()) + 1, float(row[token_id])


def fill_jointly(model: Model, text: str, *, top_k: int = 5, beams: int = 8) -> list[Filling]:
    """The best ways to fill all masks together: beam search from left to right, each step seeing the words put in.

    P(w1, …, wm) = Π P(w_i | text, w_1 … w_{i-1}, later masks still hidden). With `beams` at least the vocabulary's
    size the search is exhaustive. Raises `LabError` as `fill_mask`, and above `MAX_MASKS_JOINTLY` masks.
    """
    tokens = tokenize_masked(model, text)
    positions = mask_positions(model, tokens)
    if len(positions) > MAX_MASKS_JOINTLY:
        raise LabError(
            f"The text holds {len(positions)} masks; filling them together is limited to {MAX_MASKS_JOINTLY}.",
            "Hide fewer words, or read the masks one by one.",
        )
    inputs = model_inputs(model, tokens)
    beams = max(beams, top_k)
    ids = inputs.pop("input_ids")  # (beam, pos)
    scores = torch.zeros(1)
    for position in positions:
        at_once = max(1, POSITIONS_AT_ONCE // ids.shape[1])
        logits = []
        for part in ids.split(at_once):
            rows = {name: each.expand(len(part), -1) for name, each in inputs.items()}
            logits.append(_logits(model, {"input_ids": part, **rows}, [position])[:, 0])
        log_probabilities = torch.cat(logits).log_softmax(-1)  # (beam, vocab)
        total = scores[:, None] + log_probabilities
        scores, flat = total.flatten().topk(min(beams, total.numel()))
        parents, choices = flat // total.shape[1], flat % total.shape[1]
        ids = ids[parents].clone()
        ids[:, position] = choices
    return [
        Filling(
            fillers=tuple(readable(model, index) for index in row[list(positions)].tolist()),
            probability=score.exp().item(),
            text=_filled(tokens, positions, [readable(model, index) for index in row[list(positions)].tolist()]),
        )
        for row, score in zip(ids[:top_k], scores[:top_k], strict=True)
    ]


def tokenize_masked(model: Model, text: str) -> Tokens:
    """Tokenize a text that must hold a mask the model can answer. Raises `LabError` as `fill_mask`."""
    check_masked_lm(model)
    tokens = tokenize(model, with_model_mask(model, text))
    if not mask_positions(model, tokens):
        if model.mask_token and model.mask_token in tokens.cut_text:
            raise LabError(
                f"The mask stands beyond the first {tokens.max_length} positions, where the model cannot see it.",
                "Shorten the text before the mask.",
            )
        raise LabError("The text holds no [MASK].", "Type [MASK] where a word is missing, or click a word to hide it.")
    return tokens


@torch.inference_mode()
def _logits(
    model: Model, inputs: dict[str, Int[Tensor, "batch pos"]], positions: Sequence[int]
) -> Float[Tensor, "batch place vocab"]:
    """Scores over the vocabulary at some positions."""
    return answer_logits(model.network, model.task, inputs, positions)


def _filled(tokens: Tokens, positions: tuple[int, ...], fillers: list[str]) -> str:
    """The text with each mask replaced; a token that continues a word (##s) is joined to what stands before it."""
    parts, end = [], 0
    for position, filler in zip(positions, fillers, strict=True):
        start = tokens.offsets[position][0]
        before = tokens.text[end:start]
        parts += [before.rstrip(), filler[2:]] if filler.startswith("##") else [before, filler]
        end = tokens.offsets[position][1]
    return "".join([*parts, tokens.text[end:]])
