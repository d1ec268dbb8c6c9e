"""Each stage as a few lines of PyTorch over plain transformers, for the model, text, layer and head in question.

The lines run as they stand, in the project's folder; a test executes every one of them against the trace.
"""

from dataclasses import dataclass

from core.explore.trace import Trace
from core.explore.walkthrough.view import Focus
from core.models import catalogue
from core.models.families import FAMILIES, Family

PROJECT = catalogue.BUILTIN_FOLDER.parent.parent.parent


@dataclass(frozen=True, slots=True)
class Code:
    """A program, and which of its variables equals which tensor of the trace (of the head in question)."""

    text: str
    results: dict[str, str]


def code(t: Trace, focus: Focus, stage: str) -> Code:
    """The program for a stage, by its key."""
    build = _STAGES[stage]
    lines, results = build(_Names(t, focus))
    return Code("\n".join([*_setup(t), "", *lines]) + "\n", results)


class _Names:
    """How the program calls the model's parts."""

    def __init__(self, t: Trace, focus: Focus) -> None:
        self.t, self.focus = t, focus
        self.family: Family = FAMILIES[t.model.config.model_type]
        self.n = focus.layer
        self.heads = t.heads

    def layer(self, part: str) -> str:
        return f"layer.{getattr(self.family.layer, part)}"

    def name(self, step: str) -> str:
        return f"layer.{self.n}.{step}"

    @property
    def enter(self) -> list[str]:
        """The layer, and what enters it."""
        return [f"layer = {self._layer_path()}", f"x = hidden[{self.n}][0]  # (pos, hidden)"]

    def _layer_path(self) -> str:
        path = f"model.base_model.{self.family.layers}"
        if self.t.model.config.model_type != "albert":
            return f"{path}[{self.n}]"
        config = self.t.model.config
        run, inner = divmod(self.n, config.inner_group_num)
        group = int(run / (config.num_hidden_layers / config.num_hidden_groups))
        return f"{path}[{group}].albert_layers[{inner}]"

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
    located = catalogue.locate(model.reference)
    folder = str(located or model.reference)
    if located is not None and located.is_relative_to(PROJECT):
        folder = str(located.relative_to(PROJECT))
    length = t.inputs["input_ids"].shape[1]
    texts = repr(tokens.text) + (f", {tokens.pair!r}" if tokens.pair else "")
    padding = ", padding='max_length'" if length > len(tokens) else ""
    network = type(model.network).__name__
    return [
        "import torch",
        f"from transformers import AutoTokenizer, {network}",
        "",
        f"folder = {folder!r}",
        f"model = {network}.from_pretrained(folder, dtype=torch.float32).eval().requires_grad_(False)",
        "tokenizer = AutoTokenizer.from_pretrained(folder)",
        f"inputs = tokenizer({texts}, max_length={length}, truncation=True{padding}, return_tensors='pt')",
        "hidden = model.base_model(**inputs, output_hidden_states=True).hidden_states",
    ]


Built = tuple[list[str], dict[str, str]]


def _embeddings(n: _Names) -> Built:
    positions = "torch.arange(len(ids))"
    if n.family.positions_skip_padding:
        positions = "table.create_position_ids_from_input_ids(inputs['input_ids'], table.padding_idx)[0]"
    lines = [
        "table = model.base_model.embeddings",
        "ids = inputs['input_ids'][0]",
        f"total = table.word_embeddings(ids) + table.position_embeddings({positions})",
    ]
    if n.t.parts.segment is not None:
        given = "inputs['token_type_ids'][0]" if "token_type_ids" in n.t.given else "torch.zeros_like(ids)"
        lines.append(f"total = total + table.token_type_embeddings({given})")
    lines.append("normal = table.LayerNorm(total)  # (pos, hidden)")
    results = {"total": "embeddings.sum", "normal": "embeddings.output"}
    if n.t.parts.embedding_projection is not None:
        lines.append(f"x = model.base_model.{n.family.embedding_projection}(normal)")
        results["x"] = "embeddings.projection"
    return lines, results


def _projections(n: _Names) -> Built:
    names = ("query", "key", "value")
    return [*n.enter, *n.projections(*names)], {name[0]: n.name(name) for name in names}


def _scores(n: _Names) -> Built:
    return [*n.enter, *n.projections("query", "key"), "scores = q @ k.T  # (query, key)"], {"scores": n.name("scores")}


_SOFTMAX = [
    "scores = q @ k.T / q.shape[-1] ** 0.5  # scale first ...",
    "scores = scores.masked_fill(inputs['attention_mask'] == 0, -torch.inf)",
    "shares = scores.softmax(-1)  # ... then softmax: each row adds up to 1",
]


def _softmax(n: _Names) -> Built:
    return [*n.enter, *n.projections("query", "key"), *_SOFTMAX], {"shares": n.name("probabilities")}


def _context(n: _Names) -> Built:
    lines = [*n.enter, *n.projections("query", "key", "value"), *_SOFTMAX, "context = shares @ v  # (pos, head_dim)"]
    return lines, {"context": n.name("context")}


def _heads(n: _Names) -> Built:
    return [*n.enter, *n.attention], {"joined": n.name("joined_context"), "found": n.name("attention_projection")}


def _attention_norm(n: _Names) -> Built:
    lines = [*n.enter, *n.attention, f"attended = {n.layer('attention_norm')}(x + found)  # (pos, hidden)"]
    return lines, {"attended": n.name("attention_output")}


def _feed_forward(n: _Names) -> Built:
    before, _ = _attention_norm(n)
    lines = [
        *before,
        f"wide = {n.layer('activation')}({n.layer('feed_forward_in')}(attended))  # (pos, inner)",
        f"fed = {n.layer('feed_forward_out')}(wide)",
    ]
    return lines, {"wide": n.name("activation"), "fed": n.name("feed_forward_out")}


def _output_norm(n: _Names) -> Built:
    before, _ = _feed_forward(n)
    return [*before, f"output = {n.layer('output_norm')}(attended + fed)"], {"output": n.name("output")}


def _pooler(n: _Names) -> Built:
    lines = ["first = hidden[-1][0, 0]  # the last row of [CLS]"]
    lines.append(f"pooled = torch.tanh(model.base_model.{n.family.pooler}(first))")
    return lines, {"pooled": "pooler"}


def _masked_lm(n: _Names) -> Built:
    head = n.family.masked_lm
    activation = f"model.{head.activation}" if head.activation else "torch.nn.functional.gelu"
    lines = [
        f"bent = {activation}(model.{head.dense}(hidden[-1][0]))",
        f"transformed = model.{head.norm}(bent)  # (pos, hidden)",
        f"logits = model.{head.decoder}(transformed)  # (pos, vocab)",
        f"best = logits[{n.focus.position}].softmax(-1).topk(5)",
        "guesses = tokenizer.convert_ids_to_tokens(best.indices.tolist())",
    ]
    return lines, {"transformed": "mlm.transform", "logits": "mlm.logits"}


def _next_sentence(n: _Names) -> Built:
    before, _ = _pooler(n)
    lines = [*before, f"logits = model.{n.family.next_sentence}(pooled)", "shares = logits.softmax(-1)"]
    return lines, {"logits": "nsp.logits"}


def _classifier(n: _Names) -> Built:
    head = n.family.classifier
    if head.dense is None:
        before, _ = _pooler(n)
    else:
        function = "torch.tanh" if head.activation == "tanh" else f"torch.nn.functional.{head.activation}"
        before = [
            "first = hidden[-1][0, 0]  # the last row of [CLS]",
            f"pooled = {function}(model.{head.dense}(first))",
        ]
    lines = [*before, f"logits = model.{head.output}(pooled)  # (label,)", "shares = logits.softmax(-1)"]
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
