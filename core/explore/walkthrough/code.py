"""Each stage as a few lines of PyTorch over plain transformers, for the model, text, layer and head in question.

The lines run as they stand, in the project's folder; a test executes every one of them against the trace.
"""

import re
from dataclasses import dataclass

from core.explore.trace import Trace
from core.explore.walkthrough.head_stages import chooses_one_class
from core.explore.walkthrough.view import Focus
from core.models import catalogue
from core.models.families import FAMILIES, Family, activation_name, layer_paths

PROJECT = catalogue.BUILTIN_FOLDER.parent.parent.parent


@dataclass(frozen=True, slots=True)
class Code:
    """A program, and which of its variables equals which tensor of the trace (of the head in question).

    `setup` is its beginning, the same for every stage: open the model, read the text, run the encoder.
    """

    text: str
    setup: str
    results: dict[str, str]


def code(t: Trace, focus: Focus, stage: str) -> Code:
    """The program for a stage, by its key."""
    build = _STAGES[stage]
    lines, results = build(_Program(t, focus))
    setup = "\n".join(_setup(t)) + "\n"
    return Code(setup + "\n" + "\n".join(lines) + "\n", setup, results)


class _Program:
    """How the program calls the model's parts."""

    def __init__(self, t: Trace, focus: Focus) -> None:
        self.t, self.focus = t, focus
        self.family: Family = FAMILIES[t.model.config.model_type]
        self.heads = t.heads

    def layer(self, part: str) -> str:
        return f"layer.{getattr(self.family.layer, part)}"

    def name(self, step: str) -> str:
        return f"layer.{self.focus.layer}.{step}"

    @property
    def enter(self) -> list[str]:
        """The layer, and what enters it."""
        path = re.sub(r"\.(\d+)", r"[\1]", layer_paths(self.t.model.config)[self.focus.layer])
        return [f"layer = model.base_model.{path}", f"x = hidden[{self.focus.layer}][0]  # (pos, hidden)"]

    def projections(self, *names: str) -> list[str]:
        """One head's rows, by name."""
        return [
            f"{name[0]} = {self.layer(name)}(x).unflatten(-1, ({self.heads}, -1))[:, {self.focus.head}]"
            "  # (pos, head_dim)"
            for name in names
        ]

    @property
    def attention(self) -> list[str]:
        """All heads at once, joined and mixed."""
        split = f".unflatten(-1, ({self.heads}, -1)).transpose(0, 1)"
        return [
            *(f"{name[0]} = {self.layer(name)}(x){split}" for name in ("query", "key", "value")),
            "mask = inputs['attention_mask'].bool()  # every query may see these keys",
            "context = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)",
            "joined = context.transpose(0, 1).flatten(1)  # (pos, hidden)",
            f"found = {self.layer('projection')}(joined)",
        ]


def _setup(t: Trace) -> list[str]:
    """Open the model, read the text, run the encoder once."""
    model, tokens = t.model, t.tokens
    length = t.inputs["input_ids"].shape[1]
    texts = repr(tokens.text) + (f", {tokens.pair!r}" if tokens.pair else "")
    padding = ", padding='max_length', padding_side='right'" if length > len(tokens) else ""
    network = type(model.network).__name__
    return [
        "import torch",
        "import transformers",
        *_folder(model.reference),
        f"model = transformers.{network}.from_pretrained(folder, dtype=torch.float32).eval().requires_grad_(False)",
        "tokenizer = transformers.AutoTokenizer.from_pretrained(folder)",
        f"inputs = tokenizer({texts}, max_length={length}, truncation=True{padding}, return_tensors='pt')",
        "hidden = model.base_model(**inputs, output_hidden_states=True).hidden_states",
    ]


def _folder(reference: str) -> list[str]:
    """Where the model is, without saying where this machine keeps its runs."""
    located = catalogue.locate(reference)
    if located is not None and located.is_relative_to(PROJECT):
        return ["", f"folder = {str(located.relative_to(PROJECT))!r}"]
    if located is None:  # on the Hub
        return ["", f"folder = {reference!r}"]
    return ["from core.models.catalogue import locate", "", f"folder = locate({reference!r})"]


Built = tuple[list[str], dict[str, str]]


def _embeddings(p: _Program) -> Built:
    positions = "torch.arange(len(ids))"
    if p.family.positions_skip_padding:
        positions = "table.create_position_ids_from_input_ids(inputs['input_ids'], table.padding_idx)[0]"
    lines = [
        "table = model.base_model.embeddings",
        "ids = inputs['input_ids'][0]",
        f"total = table.word_embeddings(ids) + table.position_embeddings({positions})",
    ]
    if p.t.parts.segment is not None:
        given = "inputs['token_type_ids'][0]" if "token_type_ids" in p.t.given else "torch.zeros_like(ids)"
        lines.append(f"total = total + table.token_type_embeddings({given})")
    lines.append("normal = table.LayerNorm(total)  # (pos, hidden)")
    results = {"total": "embeddings.sum", "normal": "embeddings.output"}
    if p.t.parts.embedding_projection is not None:
        lines.append(f"x = model.base_model.{p.family.embedding_projection}(normal)")
        results["x"] = "embeddings.projection"
    return lines, results


def _projections(p: _Program) -> Built:
    names = ("query", "key", "value")
    return [*p.enter, *p.projections(*names)], {name[0]: p.name(name) for name in names}


def _scores(p: _Program) -> Built:
    return [*p.enter, *p.projections("query", "key"), "scores = q @ k.T  # (query, key)"], {"scores": p.name("scores")}


_SOFTMAX = [
    "scores = q @ k.T / q.shape[-1] ** 0.5  # scale first ...",
    "scores = scores.masked_fill(inputs['attention_mask'] == 0, -torch.inf)",
    "shares = scores.softmax(-1)  # ... then softmax: each row adds up to 1",
]


def _softmax(p: _Program) -> Built:
    return [*p.enter, *p.projections("query", "key"), *_SOFTMAX], {"shares": p.name("probabilities")}


def _context(p: _Program) -> Built:
    lines = [*p.enter, *p.projections("query", "key", "value"), *_SOFTMAX, "context = shares @ v  # (pos, head_dim)"]
    return lines, {"context": p.name("context")}


def _heads(p: _Program) -> Built:
    return [*p.enter, *p.attention], {"joined": p.name("joined_context"), "found": p.name("attention_projection")}


def _attention_norm(p: _Program) -> Built:
    lines = [*p.enter, *p.attention, f"attended = {p.layer('attention_norm')}(x + found)  # (pos, hidden)"]
    return lines, {"attended": p.name("attention_output")}


def _feed_forward(p: _Program) -> Built:
    before, _ = _attention_norm(p)
    lines = [
        *before,
        f"wide = {p.layer('activation')}({p.layer('feed_forward_in')}(attended))  # (pos, inner)",
        f"fed = {p.layer('feed_forward_out')}(wide)",
    ]
    return lines, {"wide": p.name("activation"), "fed": p.name("feed_forward_out")}


def _output_norm(p: _Program) -> Built:
    before, _ = _feed_forward(p)
    return [*before, f"output = {p.layer('output_norm')}(attended + fed)"], {"output": p.name("output")}


def _pooler(p: _Program) -> Built:
    lines = ["first = hidden[-1][0, 0]  # the last row of [CLS]"]
    lines.append(f"pooled = torch.tanh(model.base_model.{p.family.pooler}(first))")
    return lines, {"pooled": "pooler"}


def _masked_lm(p: _Program) -> Built:
    head = p.family.masked_lm
    function = head.function or activation_name(p.t.model.config)
    lines = [
        f"bent = transformers.activations.ACT2FN[{function!r}](model.{head.dense}(hidden[-1][0]))",
        f"transformed = model.{head.norm}(bent)  # (pos, hidden)",
        f"logits = model.{head.decoder}(transformed)  # (pos, vocab)",
        f"best = logits[{p.focus.position}].softmax(-1).topk(5)",
        "guesses = tokenizer.convert_ids_to_tokens(best.indices.tolist())",
    ]
    return lines, {"transformed": "mlm.transform", "logits": "mlm.logits"}


def _next_sentence(p: _Program) -> Built:
    before, _ = _pooler(p)
    lines = [*before, f"logits = model.{p.family.next_sentence}(pooled)", "shares = logits.softmax(-1)"]
    return lines, {"logits": "nsp.logits"}


def _classifier(p: _Program) -> Built:
    head = p.family.classifier
    if head.dense is None:
        before, _ = _pooler(p)
    else:
        function = f"transformers.activations.ACT2FN[{head.function!r}]"
        before = [
            "first = hidden[-1][0, 0]  # the last row of [CLS]",
            f"pooled = {function}(model.{head.dense}(first))",
        ]
    lines = [*before, f"logits = model.{head.output}(pooled)  # (label,)"]
    if chooses_one_class(p.t.model.config):
        lines.append("shares = logits.softmax(-1)")
    return lines, {"logits": "classifier.logits"}


_STAGES = {
    "embeddings": _embeddings,
    "projections": _projections,
    "scores": _scores,
    "softmax": _softmax,
    "context": _context,
    "heads": _heads,
    "attention-norm": _attention_norm,
    "feed-forward": _feed_forward,
    "output-norm": _output_norm,
    "pooler": _pooler,
    "masked-lm": _masked_lm,
    "next-sentence": _next_sentence,
    "classifier": _classifier,
}
