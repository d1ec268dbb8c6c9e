"""Attention in the chosen layer, one head at a time, then all heads joined (Vaswani et al. 2017, section 3.2)."""

from core.explore.walkthrough import arithmetic
from core.explore.walkthrough.arithmetic import Arithmetic, Line
from core.explore.walkthrough.context import WalkthroughContext, numbered
from core.explore.walkthrough.softmax import softmax_stage
from core.explore.walkthrough.view import Matrix, Operand, Stage, View
from core.explore.walkthrough.view_kinds import added, factors, linear, norm
from core.models.layer_names import number


def attention_stages(context: WalkthroughContext) -> tuple[Stage, ...]:
    """Projections, scores, softmax, context, joined heads, Add & Norm."""
    return (
        _projections(context),
        _scores(context),
        softmax_stage(context),
        _context(context),
        _joined(context),
        _add_and_norm(context),
    )


def _projections(context: WalkthroughContext) -> Stage:
    layer, size = context.layer, context.head_dim
    words = {
        "query": f"A question in {size} numbers: what this head looks for on the token's behalf.",
        "key": f"A label in {size} numbers: what the token offers to those that look.",
        "value": f"A message in {size} numbers: what the token hands to whoever attends to it.",
    }
    views = tuple(
        linear(
            context,
            name.title(),
            context.name(name),
            source=context.entry,
            module=getattr(layer, name),
            letters=("X", name[0].upper(), name[0].upper()),
            words=words[name],
            head=context.focus.head,
        )
        for name in words
    )
    return Stage(
        "projections",
        "Query, key, value",
        f"Head {number(context.focus.head)} makes three rows of {size} numbers from each token: "
        "a question, a label, a message.",
        views,
    )


def _scores(context: WalkthroughContext) -> Stage:
    size, length = context.head_dim, len(context.tokens)

    def behind(row: int, column: int) -> Arithmetic:
        return arithmetic.dot_product(
            context.tensor(context.name("query"))[row],
            context.tensor(context.name("key"))[column],
            labels=numbered(size),
            names=("q", "k"),
            sentence=f"The question of “{context.tokens[row]}” against the label of “{context.tokens[column]}”: "
            f"{size} products, summed up.",
        )

    def operands(row: int, column: int) -> tuple[Operand, ...]:
        keys = context.matrix(context.name("key"))
        turned = Matrix(keys.values.T, keys.columns, keys.rows, keys.column_axis, keys.row_axis)
        return factors(("Q", context.matrix(context.name("query"))), ("Kᵀ", turned), row, column)

    view = View(
        "Scores",
        context.name("scores"),
        r"S = Q K^\top \qquad s_{ij} = \mathbf q_i \cdot \mathbf k_j",
        "How well does a token's question fit another's label? Multiply the two rows number by number and add up.",
        f"Q {length} × {size}  ·  Kᵀ {size} × {length}  →  {length} × {length}",
        lambda: context.matrix(context.name("scores")),
        behind,
        operands,
    )
    return Stage("scores", "Scores", "Every token's question is held against every token's label.", (view,))


def _context(context: WalkthroughContext) -> Stage:
    size, length = context.head_dim, len(context.tokens)

    def behind(row: int, column: int) -> Arithmetic:
        return arithmetic.dot_product(
            context.tensor(context.name("probabilities"))[row],
            context.tensor(context.name("value"))[:, column],
            labels=context.tokens,
            names=("share", "v"),
            sentence=f"Number {column} of each token's message, times the share that “{context.tokens[row]}” gives it.",
        )

    def operands(row: int, column: int) -> tuple[Operand, ...]:
        shares = context.matrix(context.name("probabilities"), "share")
        return factors(("P", shares), ("V", context.matrix(context.name("value"))), row, column)

    view = View(
        "Context",
        context.name("context"),
        r"C = P V \qquad \mathbf c_i = \sum_j p_{ij}\,\mathbf v_j",
        "Each token collects the messages of all tokens, weighted by the shares.",
        f"P {length} × {length}  ·  V {length} × {size}  →  {length} × {size}",
        lambda: context.matrix(context.name("context")),
        behind,
        operands,
    )
    return Stage("context", "Context", "Each token gathers what it attends to, in proportion.", (view,))


def _joined(context: WalkthroughContext) -> Stage:
    size, heads, length = context.head_dim, context.layer.heads, len(context.tokens)

    def behind(row: int, column: int) -> Arithmetic:
        head, place = divmod(column, size)
        value = context.tensor(context.name("joined_context"))[row, column].item()
        sentence = f"Nothing is computed: this is number {place} of head {number(head)} for “{context.tokens[row]}”."
        return Arithmetic(sentence, (Line(f"head {number(head)}, number {place}", value),))

    def matrix() -> Matrix:
        plain = context.matrix(context.name("joined_context"))
        columns = tuple(f"{number(head)}·{place}" for head in range(heads) for place in range(size))
        return Matrix(plain.values, plain.rows, columns, plain.row_axis, "head · number")

    joined = View(
        "Joined",
        context.name("joined_context"),
        r"C = [\,C_1;\, C_2;\, \dots\,]",
        f"All {heads} heads have worked side by side; their rows of {size} are laid end to end.",
        f"{heads} × ({length} × {size})  →  {length} × {heads * size}",
        matrix,
        behind,
    )
    projected = linear(
        context,
        "Projected",
        context.name("attention_projection"),
        source=lambda: context.tensor(context.name("joined_context")),
        module=context.layer.projection,
        letters=("C", "O", "A"),
        words="One more matrix mixes what the heads found into one row a token.",
    )
    return Stage(
        "heads", "Heads joined", f"What all {heads} heads found is put together and mixed.", (joined, projected)
    )


def _add_and_norm(context: WalkthroughContext) -> Stage:
    parts = {
        "what came in": context.entry,
        "what attention found": lambda: context.tensor(context.name("attention_projection")),
    }
    summed = added(
        context,
        "Added",
        context.name("attention_sum"),
        parts,
        width=context.width,
        formula=r"\mathbf x_i + \mathbf a_i",
        words="Attention's result is added to what came in: the token's own content goes on (a residual connection).",
    )
    normal = norm(
        context,
        "Normalized",
        context.name("attention_output"),
        context.name("attention_sum"),
        context.layer.attention_norm,
        "Each token's numbers are brought back to mean 0 and variance 1, then stretched and shifted.",
    )
    words = "The token keeps what it was and gains what it gathered."
    return Stage("attention-norm", "Add & Norm", words, (summed, normal))
