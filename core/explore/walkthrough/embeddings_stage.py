"""The first stage: what a token is before any layer has seen it."""

from core.explore.walkthrough.arithmetic import Arithmetic, Line
from core.explore.walkthrough.context import WalkthroughContext
from core.explore.walkthrough.view import Stage, View
from core.explore.walkthrough.view_kinds import Read, added, linear, norm


def embeddings_stage(context: WalkthroughContext) -> Stage:
    """Word + segment + position, normalized, and widened to the layers' size where embeddings are narrower."""
    parts = context.t.parts
    width = parts.word.embedding_dim
    views = [
        _lookup(
            context, "Word", "embeddings.word", "input_ids", parts.word.num_embeddings,
            f"Each token of the vocabulary has a row of {width} learned numbers; this is where its meaning starts.",
        ),
        _lookup(
            context, "Position", "embeddings.position", "position_ids", parts.position.num_embeddings,
            "Attention by itself sees no order, so each place in the text adds a learned row of its own.",
        ),
    ]  # fmt: skip
    summed = {"word": "embeddings.word", "position": "embeddings.position"}
    if parts.segment is not None:
        summed["segment"] = "embeddings.segment"
        views.append(
            _lookup(
                context, "Segment", "embeddings.segment", "token_type_ids", parts.segment.num_embeddings,
                "First or second text: one learned row for each side of a pair."
                if parts.segment.num_embeddings > 1
                else "This model does not tell the texts of a pair apart: every token gets the same learned row.",
            )
        )  # fmt: skip
    views.append(
        added(
            context,
            "Sum",
            "embeddings.sum",
            {name: _reader(context, tensor) for name, tensor in summed.items()},
            width=width,
            formula=r"\mathbf e_i = " + " + ".join(rf"E^{{\text{{{name}}}}}_i" for name in summed),
            words="What the token is and where it stands, added number by number into one row a token.",
        )
    )
    views.append(
        norm(
            context, "Normalized", "embeddings.output", "embeddings.sum", parts.embedding_norm,
            "Each token's numbers are brought to mean 0 and variance 1, then stretched and shifted by learned amounts.",
        )
    )  # fmt: skip
    if parts.embedding_projection is not None:
        views.append(
            linear(
                context,
                "Widened",
                "embeddings.projection",
                source=_reader(context, "embeddings.output"),
                module=parts.embedding_projection,
                letters=("E", "P", "X"),
                words=f"This family keeps narrow embeddings ({width}); one matrix widens them to the layers' size.",
            )
        )
    return Stage(
        "embeddings",
        "Embeddings",
        f"Each of the {len(context.tokens)} tokens becomes a row of {width} numbers: what it is, plus where it stands.",
        tuple(views),
    )


def _reader(context: WalkthroughContext, tensor: str) -> Read:
    return lambda: context.tensor(tensor)


def _lookup(context: WalkthroughContext, title: str, tensor: str, ids: str, entries: int, words: str) -> View:
    """A view of rows taken out of a table."""
    rows, width = len(context.tokens), context.t.parts.word.embedding_dim

    def behind(row: int, column: int) -> Arithmetic:
        number = context.t.inputs[ids][0, row].item()
        value = context.tensor(tensor)[row, column].item()
        sentence = f"Nothing is computed: “{context.tokens[row]}” takes row {number:,} of the table, as it was learned."
        return Arithmetic(sentence, (Line(f"row {number:,}, number {column}", value),))

    return View(
        title,
        tensor,
        rf"E^{{\text{{{title.lower()}}}}}[\text{{{'id' if title == 'Word' else title.lower()}}}_i]",
        words,
        f"table {entries:,} × {width}  →  {rows} × {width}",
        lambda: context.matrix(tensor),
        behind,
    )
