"""What stands on top of the last layer: pooler, masked-language head, next-sentence head, classifier."""

import torch
from torch import Tensor, nn

from core.explore import arithmetic
from core.explore.arithmetic import Arithmetic
from core.explore.walkthrough.view import (
    Matrix,
    Operand,
    Stage,
    View,
    Walk,
    all_entries,
    factors,
    function_name,
    numbered,
)

CANDIDATES = 20  # of the vocabulary, the likeliest
NEXT_SENTENCE = {"bert": ("it follows", "it does not"), "albert": ("in order", "swapped")}


def head_stages(walk: Walk) -> tuple[Stage, ...]:
    """The stages of the heads that the model has, over the last layer's output whichever layer is chosen."""
    parts = walk.t.parts
    found = []
    if parts.pooler is not None:
        found.append(_pooler(walk))
    if parts.masked_lm is not None:
        found.append(_masked_lm(walk))
    if parts.next_sentence is not None:
        found.append(_next_sentence(walk))
    if parts.classifier is not None:
        found.append(_classifier(walk))
    return tuple(found)


def _pooler(walk: Walk) -> Stage:
    dense = walk.linear(
        "Weighted",
        "pooler.dense",
        source=lambda: walk.last()[:1],
        module=walk.t.parts.pooler,
        letters=("h", "P", "y"),
        words="The first token's last row goes through one more matrix.",
    )
    squeezed = walk.activated("Pooled", "pooler", "pooler.dense", "tanh squeezes each number between −1 and 1.", "tanh")
    return Stage("pooler", "Pooler", "The first token's row becomes a summary of the whole text.", (dense, squeezed))


def _masked_lm(walk: Walk) -> Stage:
    head = walk.t.parts.masked_lm
    config = walk.t.model.config
    dense = walk.linear(
        "Weighted",
        "mlm.dense",
        source=walk.last,
        module=head.dense,
        letters=("H", "T", "Y"),
        words="Each token's last row is prepared for the comparison with the vocabulary.",
    )
    function = (
        "gelu" if config.model_type in ("roberta", "xlm-roberta", "camembert", "electra") else function_name(config)
    )
    activated = walk.activated("Activated", "mlm.activation", "mlm.dense", "The same bend as in the layers.", function)
    normal = walk.norm(
        "Normalized",
        "mlm.transform",
        "mlm.activation",
        head.norm,
        "And the same normalization: now it can be compared.",
    )
    chosen = walk.tensor("mlm.logits")[walk.focus.position].topk(min(CANDIDATES, config.vocab_size)).indices
    names = tuple(walk.t.model.tokenizer.convert_ids_to_tokens(chosen.tolist()))
    return Stage(
        "masked-lm",
        "Guess the word",
        f"The last row of “{walk.token}” is compared with every entry of the vocabulary.",
        (
            dense,
            activated,
            normal,
            _scores(walk, "mlm.logits", head.decoder, lambda: walk.tensor("mlm.transform"), names, chosen),
            walk.shares(
                "Probabilities",
                "mlm.logits",
                "Softmax over the whole vocabulary: the model's guess here.",
                names,
                chosen,
            ),
        ),
    )


def _next_sentence(walk: Walk) -> Stage:
    module = walk.t.parts.next_sentence
    known = NEXT_SENTENCE.get(walk.t.model.config.model_type, ())
    names = known if len(known) == module.out_features else tuple(map(str, range(module.out_features)))
    every = all_entries(module.out_features)
    return Stage(
        "next-sentence",
        "Next sentence",
        "Do the two texts belong together, as far as the model can tell?",
        (
            _scores(walk, "nsp.logits", module, lambda: walk.tensor("pooler"), names, every),
            walk.shares("Probabilities", "nsp.logits", "Softmax over the two answers.", names, every),
        ),
        opens_at=1,
    )


def _classifier(walk: Walk) -> Stage:
    parts, config = walk.t.parts.classifier, walk.t.model.config
    views: list[View] = []
    source = "pooler"
    if parts.dense is not None:
        source = "classifier.transform"
        function = {"distilbert": "relu", "electra": "gelu"}.get(config.model_type, "tanh")
        views += [
            walk.linear(
                "Weighted",
                "classifier.dense",
                source=lambda: walk.last()[:1],
                module=parts.dense,
                letters=("h", "C", "y"),
                words="The first token's last row goes through one more matrix.",
            ),
            walk.activated("Activated", source, "classifier.dense", "And a bend.", function),
        ]
    names = walk.t.model.labels
    every = all_entries(len(names))
    views.append(_scores(walk, "classifier.logits", parts.output, lambda: walk.tensor(source), names, every))
    if len(names) > 1 and config.problem_type != "multi_label_classification":
        views.append(walk.shares("Probabilities", "classifier.logits", "Softmax over the classes.", names, every))
    words = "The summary of the text is weighed for each class."
    return Stage("classifier", "Classify", words, tuple(views), opens_at=len(views) - 1)


def _scores(walk: Walk, tensor: str, module: nn.Linear, source, names: tuple[str, ...], chosen: Tensor) -> View:
    """A view of a head's scores for some of its answers: each a dot product with the answer's own row of weights."""
    row = walk.focus.position if walk.tensor_rows(tensor) > 1 else 0

    def matrix() -> Matrix:
        values = walk.tensor(tensor)[row, chosen][None]
        return Matrix(values.float().numpy(), (walk.row_label(tensor, row),), names, "token", "answer")

    def behind(_: int, column: int) -> Arithmetic:
        place = int(chosen[column])
        return arithmetic.dot_product(
            source()[row],
            module.weight[place],
            labels=numbers,
            names=("h", "w"),
            sentence=f"The row of “{walk.row_label(tensor, row)}” against the weights of “{names[column]}”.",
            bias=module.bias[place].item() if module.bias is not None else None,
        )

    def operands(_: int, column: int) -> tuple[Operand, ...]:
        taken = Matrix(source()[row][None].numpy(), (walk.row_label(tensor, row),), numbers, "token", "number")
        learned = Matrix(module.weight[chosen].T.numpy(), numbers, names, "number", "answer")
        return factors(("h", taken), ("Wᵀ", learned), 0, column)

    numbers = numbered(module.in_features)
    answers = module.out_features
    among = f", the {len(chosen)} highest shown" if len(chosen) < answers else ""
    shared = tensor == "mlm.logits" and torch.equal(module.weight, walk.t.parts.word.weight)
    return View(
        "Scores",
        tensor,
        r"z_i = \mathbf h \cdot \mathbf w_i + b_i",
        "A score for each answer: the row times the answer's own weights, summed up."
        + (" The weights are the word embeddings of the first stage again." if shared else ""),
        f"1 × {module.in_features}  ·  {module.in_features} × {answers:,}  →  1 × {answers:,}{among}",
        matrix,
        behind,
        operands,
    )
