"""What stands on top of the last layer: pooler, masked-language head, next-sentence head, classifier."""

from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Float, Int
from torch import Tensor, arange, nn
from transformers import PretrainedConfig

from core.explore.walkthrough import arithmetic
from core.explore.walkthrough.arithmetic import Arithmetic
from core.explore.walkthrough.context import WalkthroughContext, numbered
from core.explore.walkthrough.view import Kind, Matrix, Operand, Stage, View
from core.explore.walkthrough.view_kinds import Read, activated, factors, linear, norm
from core.models.families import FAMILIES, activation_name
from core.models.parts import ClassifierParts, MaskedLMParts

CANDIDATES = 20  # of the vocabulary, the likeliest
NEXT_SENTENCE = {"bert": ("it follows", "it does not"), "albert": ("in order", "swapped")}


def head_stages(context: WalkthroughContext) -> tuple[Stage, ...]:
    """The stages of the heads that the model has, over the last layer's output whichever layer is chosen."""
    parts = context.t.parts
    found: list[Stage] = []
    if parts.pooler is not None:
        found.append(_pooler(context, parts.pooler))
    if parts.masked_lm is not None:
        found.append(_masked_lm(context, parts.masked_lm))
    if parts.next_sentence is not None:
        found.append(_next_sentence(context, parts.next_sentence))
    if parts.classifier is not None:
        found.append(_classifier(context, parts.classifier))
    return tuple(found)


@dataclass(frozen=True)
class _Answers:
    """What a head chooses from: the scores of the chosen token, and which answers are shown under which names.

    Nothing is computed before it is asked for.
    """

    context: WalkthroughContext
    tensor: str  # the head's logits in the trace
    module: nn.Linear  # one row of weights for each answer
    source: Read  # what the module reads, (row, hidden)
    named: tuple[str, ...] = ()  # all answers; empty for the vocabulary, of which only the likeliest are shown

    @property
    def row(self) -> int:
        return self.context.chosen_row(self.tensor)

    @property
    def label(self) -> str:
        return self.context.row_label(self.tensor, self.row)

    @cached_property
    def scores(self) -> Float[Tensor, " answer"]:
        return self.context.tensor(self.tensor)[self.row]

    @cached_property
    def shown(self) -> Int[Tensor, " shown"]:
        return arange(len(self.named)) if self.named else self.scores.topk(min(CANDIDATES, len(self.scores))).indices

    @cached_property
    def names(self) -> tuple[str, ...]:
        return self.named or tuple(self.context.t.model.tokenizer.convert_ids_to_tokens(self.shown.tolist()))

    def matrix(self, values: Float[Tensor, " answer"], kind: Kind = "signed") -> Matrix:
        return Matrix.of(values[self.shown][None], (self.label,), self.names, ("token", "answer"), kind)


def _pooler(context: WalkthroughContext, module: nn.Linear) -> Stage:
    words = "The first token's numbers after the last layer go through one more matrix."
    bent = "tanh squeezes each number between −1 and 1."
    views = (
        _first_row(context, "pooler.dense", module, ("h", "P", "y"), words),
        activated(context, "Pooled", "pooler", "pooler.dense", width=module.out_features, words=bent, function="tanh"),
    )
    return Stage(
        "pooler", "Pooler", "The first token's numbers after the last layer become a summary of the whole text.", views
    )


def _masked_lm(context: WalkthroughContext, head: MaskedLMParts) -> Stage:
    config = context.t.model.config
    function = FAMILIES[config.model_type].masked_lm.function or activation_name(config)
    answers = _Answers(context, "mlm.logits", head.decoder, lambda: context.tensor("mlm.transform"))
    prepared = linear(
        context,
        "Weighted",
        "mlm.dense",
        source=context.last,
        module=head.dense,
        letters=("H", "T", "Y"),
        words="Each token's numbers after the last layer are prepared for the comparison with the vocabulary.",
    )
    bent = activated(
        context,
        "Activated",
        "mlm.activation",
        "mlm.dense",
        width=head.dense.out_features,
        words="Negative numbers are held back, as in the layers.",
        function=function,
    )
    words = "And the same normalization: now it can be compared."
    normal = norm(context, "Normalized", "mlm.transform", "mlm.activation", head.norm, words)
    shares = _shares(answers, "Softmax over the whole vocabulary: the model's guess here.")
    words = f"“{context.token}” after the last layer, whichever layer is chosen above, against the whole vocabulary."
    views = (prepared, bent, normal, _scores(answers), shares)
    return Stage("masked-lm", "Guess the word", words, views, opens_at=len(views) - 1)


def _next_sentence(context: WalkthroughContext, module: nn.Linear) -> Stage:
    known = NEXT_SENTENCE.get(context.t.model.config.model_type, ())
    names = known if len(known) == module.out_features else numbered(module.out_features)
    answers = _Answers(context, "nsp.logits", module, lambda: context.tensor("pooler"), names)
    views = (_scores(answers), _shares(answers, "Softmax over the answers."))
    words = "Do the two texts belong together, as far as the model can tell?"
    return Stage("next-sentence", "Next sentence", words, views, opens_at=1)


def _classifier(context: WalkthroughContext, parts: ClassifierParts) -> Stage:
    config = context.t.model.config
    views: list[View] = []
    source, function = "pooler", FAMILIES[config.model_type].classifier.function
    if parts.dense is not None and function is not None:
        source = "classifier.transform"
        words = "The first token's numbers after the last layer go through one more matrix."
        bent = "And through the head's activation function."
        width = parts.dense.out_features
        views += [
            _first_row(context, "classifier.dense", parts.dense, ("h", "C", "y"), words),
            activated(context, "Activated", source, "classifier.dense", width=width, words=bent, function=function),
        ]
    answers = _Answers(
        context, "classifier.logits", parts.output, lambda: context.tensor(source), context.t.model.labels
    )
    views.append(_scores(answers))
    if chooses_one_class(config):
        views.append(_shares(answers, "Softmax over the classes."))
    words = "The summary of the text is weighed for each class."
    return Stage("classifier", "Classify", words, tuple(views), opens_at=len(views) - 1)


def chooses_one_class(config: PretrainedConfig) -> bool:
    """Whether a classifier's scores compete, so that a softmax over them means something."""
    return len(config.id2label or ()) > 1 and config.problem_type != "multi_label_classification"


def _first_row(
    context: WalkthroughContext, tensor: str, module: nn.Linear, letters: tuple[str, str, str], words: str
) -> View:
    """A product over the first token's last row."""
    return linear(
        context, "Weighted", tensor, source=lambda: context.last()[:1], module=module, letters=letters, words=words
    )


def _scores(answers: _Answers) -> View:
    """A head's scores: each a dot product with the answer's own row of weights."""
    module = answers.module
    numbers = numbered(module.in_features)

    def behind(_: int, column: int) -> Arithmetic:
        place = int(answers.shown[column])
        return arithmetic.dot_product(
            answers.source()[answers.row],
            module.weight[place],
            labels=numbers,
            names=("h", "w"),
            sentence=f"The row of “{answers.label}” against the weights of “{answers.names[column]}”.",
            bias=module.bias[place].item(),
        )

    def operands(_: int, column: int) -> tuple[Operand, ...]:
        taken = Matrix.of(answers.source()[answers.row][None], (answers.label,), numbers, ("token", "number"))
        learned = Matrix.of(module.weight[answers.shown].T, numbers, answers.names, ("number", "answer"))
        return factors(("h", taken), ("Wᵀ", learned), 0, column)

    count = module.out_features
    among = "" if answers.named else f", the {min(CANDIDATES, count)} highest shown"
    tied = module.weight is answers.context.t.parts.word.weight
    return View(
        "Scores",
        answers.tensor,
        r"z_i = \mathbf h \cdot \mathbf w_i + b_i",
        "A score for each answer: the row times the answer's own weights, summed up."
        + (" The weights are the word embeddings of the first stage again." if tied else ""),
        f"1 × {module.in_features}  ·  {module.in_features} × {count:,}  →  1 × {count:,}{among}",
        lambda: answers.matrix(answers.scores),
        behind,
        operands,
    )


def _shares(answers: _Answers, words: str) -> View:
    """Softmax over a head's scores."""

    def behind(_: int, column: int) -> Arithmetic:
        place = int(answers.shown[column])
        share = answers.scores.double().softmax(-1)[place].item()
        sentence = f"“{answers.names[column]}” gets {share:.2%} of the whole."
        return arithmetic.share_of_sum(answers.scores, place, sentence=sentence)

    count = answers.module.out_features
    return View(
        "Probabilities",
        None,
        r"p_i = \frac{e^{z_i}}{\sum_k e^{z_k}}",
        words,
        f"1 × {count:,}  →  1 × {count:,}",
        lambda: answers.matrix(answers.scores.softmax(-1), "share"),
        behind,
    )
