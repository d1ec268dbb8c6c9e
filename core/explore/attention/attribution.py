"""Which tokens an answer rests on: integrated gradients (captum), and occlusion. Beside attention, not instead of it.

The opened model has no gradients and keeps none: they are taken with respect to the word embeddings that go in.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from core.errors import LabError
from core.explore.answers import Target, answer_logits, check_target, gives_distribution
from core.explore.attention.selection import Unit, units
from core.explore.tokens import Tokens
from core.explore.trace import Trace
from core.models.loading import Model, special_id
from core.models.parts import parts_of

FILLERS = ("pad", "mask", "zero")  # what stands where a token is taken away: [PAD], [MASK], or a vector of zeros
VALUES = ("log-probability", "logit")
POSITIONS_AT_ONCE = 1_024  # of all steps, or all occluded texts, in a batch

# From word embeddings to the value of an answer.
Scorer = Callable[[Float[Tensor, "batch pos embedding"]], Float[Tensor, " batch"]]


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """How much each token adds to the value of an answer, by integrated gradients.

    `scores` are summed over the embedding, in units of `value`: "log-probability" (nats) or "logit". The value
    is `at_input` for the text and `at_baseline` where the ordinary tokens are replaced by `baseline`; special tokens,
    masks included, stand in both and score 0. By the axiom of completeness the scores sum to the difference of the two;
    `gap` (captum's convergence delta) is their sum less that difference: either can have either sign.
    """

    tokens: Tokens
    target: Target
    scores: Float[Tensor, " pos"]
    value: str
    baseline: str
    steps: int
    at_input: float
    at_baseline: float
    gap: float

    @property
    def difference(self) -> float:
        """What the scores should add up to."""
        return self.at_input - self.at_baseline

    @property
    def is_too_much(self) -> bool:
        """Whether the scores go beyond the difference, in its direction; else something of it is missing."""
        return self.gap * self.difference > 0


@dataclass(frozen=True, slots=True, eq=False)
class Occlusion:
    """By how much the `probability` of an answer falls when a token or word is replaced by `filler`.

    `drops` are parallel to `units`; negative where the answer becomes likelier. Special tokens and the target's
    own position are not replaced and have no entry. `done` of all `units` are tried; the others hold NaN.
    """

    tokens: Tokens
    target: Target
    filler: str
    units: tuple[Unit, ...]
    probability: float
    drops: Float64[Tensor, " unit"]
    done: int


def integrated_gradients(
    t: Trace,
    target: Target,
    *,
    baseline: str = "mask",
    steps: int = 32,
    value: str = "log-probability",
    on_progress: Callable[[int], None] | None = None,
) -> Attribution:
    """Attribute an answer to the tokens of a traced text: ∫ ∂F/∂x along the straight line from baseline to text.

    (x − x′) · ∫₀¹ ∂F(x′ + α(x − x′))/∂x dα over the word-embedding vectors, with `steps` points by Gauss-Legendre
    quadrature (Sundararajan et al. 2017; captum, `IntegratedGradients`). F is the `value` of `target`. Positions,
    segments and special tokens are the same all along the line. A large gap asks for more steps: the line from [PAD],
    which a network never reads, can be as steep as a stair. `on_progress` gets how many steps are done. Raises
    `LabError` for an answer that the model does not give, and for a baseline whose token its tokenizer lacks.
    """
    from captum.attr import IntegratedGradients  # takes half a second to import

    if steps < 1:
        raise LabError(f"Integrated gradients cannot take {steps} steps.", "Choose at least one, better 32 or more.")
    done = 0

    def counted(embeddings: Float[Tensor, "batch pos embedding"]) -> Float[Tensor, " batch"]:
        nonlocal done
        values = value_of(embeddings)
        done += len(embeddings)
        if on_progress is not None:
            on_progress(done)
        return values

    with torch.inference_mode(False), torch.enable_grad():  # whoever calls
        value_of, embedded = _scorer(t, target, value)
        start = torch.where(_is_ordinary(t.tokens)[:, None], _filler_vector(t.model, baseline), embedded)
        attributed = IntegratedGradients(counted).attribute(
            embedded[None],
            start[None],
            n_steps=steps,
            internal_batch_size=_texts_at_once(t.tokens),
        )
    with torch.inference_mode():
        at_input, at_baseline = value_of(torch.stack([embedded, start])).tolist()
        scores = attributed[0].detach().sum(-1)
    gap = scores.double().sum().item() - (at_input - at_baseline)
    return Attribution(t.tokens, target, scores, value, baseline, steps, at_input, at_baseline, gap)


def occlusion(t: Trace, target: Target, *, filler: str = "mask", whole_words: bool = False) -> Iterator[Occlusion]:
    """Replace each ordinary token, or word, of a text by `filler` in turn: the drops so far, batch by batch.

    A word's tokens are replaced one by one, so the text keeps its length and its positions (Zeiler & Fergus 2014, on
    text). A class's probability is its softmax. Raises `LabError` as `integrated_gradients`.
    """
    value_of, embedded = _scorer(t, target, "log-probability")
    is_free = _is_ordinary(t.tokens)
    if target.position is not None:
        is_free[target.position] = False
    chosen = tuple(unit for unit in units(t.tokens, whole_words=whole_words) if is_free[list(unit.positions)].all())
    return _occlude(t.tokens, target, filler, chosen, value_of, embedded, _filler_vector(t.model, filler))


def _occlude(
    tokens: Tokens,
    target: Target,
    filler: str,
    chosen: tuple[Unit, ...],
    value_of: Scorer,
    embedded: Float[Tensor, "pos embedding"],
    vector: Float[Tensor, " embedding"],
) -> Iterator[Occlusion]:
    with torch.inference_mode():  # not around a yield: it would hold in the caller's code, too
        probability = value_of(embedded[None]).double().exp()
    at_once = _texts_at_once(tokens)
    drops = torch.full((len(chosen),), torch.nan, dtype=torch.float64)
    if not chosen:
        yield Occlusion(tokens, target, filler, chosen, probability.item(), drops, 0)
    for start in range(0, len(chosen), at_once):
        batch = chosen[start : start + at_once]
        with torch.inference_mode():
            texts = embedded.repeat(len(batch), 1, 1)  # (unit, pos, embedding)
            for row, unit in enumerate(batch):
                texts[row, list(unit.positions)] = vector
            dropped = probability - value_of(texts).double().exp()
        drops = drops.clone()  # what was handed out stays as it is
        drops[start : start + at_once] = dropped
        yield Occlusion(tokens, target, filler, chosen, probability.item(), drops, start + len(batch))


def _scorer(t: Trace, target: Target, value: str) -> tuple[Scorer, Float[Tensor, "pos embedding"]]:
    """A function from word embeddings to the target's value, and the embeddings of the text."""
    model = t.model
    check_target(model, t.tokens, target)
    if value not in VALUES:
        raise LabError(f"There is no value of an answer called “{value}”.", f"Use one of {', '.join(VALUES)}.")
    if value == "log-probability" and not gives_distribution(model):
        raise LabError(
            f"The model “{model.title}” does not choose one of several classes, so its answers have no probability.",
            "Ask for integrated gradients of the logit.",
        )
    fixed = {name: t.inputs[name].clone() for name in t.given if name != "input_ids"}
    # RoBERTa would count its positions itself, and otherwise than from the ids where [PAD] is written out in the text.
    fixed["position_ids"] = t.inputs["position_ids"].clone()
    places = () if target.position is None else (target.position,)

    def value_of(embeddings: Float[Tensor, "batch pos embedding"]) -> Float[Tensor, " batch"]:
        inputs = {name: rows.expand(len(embeddings), -1) for name, rows in fixed.items()}
        logits = answer_logits(model.network, model.task, {"inputs_embeds": embeddings, **inputs}, places)
        values = logits[:, 0] if value == "logit" else logits[:, 0].log_softmax(-1)
        return values[:, target.choice]

    return value_of, t["embeddings.word"].clone()  # a copy outside of inference mode can have gradients


def _filler_vector(model: Model, filler: str) -> Float[Tensor, " embedding"]:
    """The word embedding of what stands for nothing."""
    table = parts_of(model.network).word.weight.detach()
    if filler not in FILLERS:
        raise LabError(f"There is no baseline called “{filler}”.", f"Use one of {', '.join(FILLERS)}.")
    if filler == "zero":
        return torch.zeros_like(table[0])
    token_id = special_id(model.tokenizer, filler)
    if token_id is None:
        raise LabError(f"The tokenizer of “{model.title}” has no {filler} token.", "Choose the baseline “zero”.")
    return table[token_id].clone()


def _is_ordinary(tokens: Tokens) -> Bool[Tensor, " pos"]:
    """True where no special token stands, neither added nor written out."""
    return ~torch.tensor(tokens.is_special)


def _texts_at_once(tokens: Tokens) -> int:
    return max(1, POSITIONS_AT_ONCE // len(tokens))
