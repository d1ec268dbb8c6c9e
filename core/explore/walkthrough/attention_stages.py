"""Attention in the chosen layer, one head at a time, then all heads joined (Vaswani et al. 2017, section 3.2)."""

from core.explore.walkthrough import arithmetic
from core.explore.walkthrough.arithmetic import Arithmetic, Line
from core.explore.walkthrough.context import Walk, numbered
from core.explore.walkthrough.softmax import softmax_stage
from core.explore.walkthrough.view import Matrix, Operand, Stage, View
from core.explore.walkthrough.view_kinds import added, factors, linear, norm
from core.models.layer_names import number


def attention_stages(walk: Walk) -> tuple[Stage, ...]:
    """Projections, scores, softmax, context, joined heads, Add & Norm."""
    return (_projections(walk), _scores(walk), softmax_stage(walk), _context(walk), _joined(walk), _add_and_norm(walk))


def _projections(walk: Walk) -> Stage:
    layer, size = walk.layer, walk.head_dim
    words = {
        "query": f"A question in {size} numbers: what this head looks for on the token's behalf.",
        "key": f"A label in {size} numbers: what the token offers to those that look.",
        "value": f"A message in {size} numbers: what the token hands to whoever attends to it.",
    }
    views = tuple(
        linear(
            walk,
            name.title(),
            walk.name(name),
            source=walk.entry,
            module=getattr(layer, name),
            letters=("X", name[0].upper(), name[0].upper()),
            words=words[name],
            head=walk.focus.head,
        )
        for name in words
    )
    return Stage(
        "projections",
        "Query, key, value",
        f"Head {number(walk.focus.head)} makes three rows of {size} numbers from each token: "
        "a question, a label, a message.",
        views,
    )


def _scores(walk: Walk) -> Stage:
    size, length = walk.head_dim, len(walk.pieces)

    def behind(row: int, column: int) -> Arithmetic:
        return arithmetic.dot_product(
            walk.tensor(walk.name("query"))[row],
            walk.tensor(walk.name("key"))[column],
            labels=numbered(size),
            names=("q", "k"),
            sentence=f"The question of “{walk.pieces[row]}” against the label of “{walk.pieces[column]}”: "
            f"{size} products, summed up.",
        )

    def operands(row: int, column: int) -> tuple[Operand, ...]:
        keys = walk.matrix(walk.name("key"))
        turned = Matrix(keys.values.T, keys.columns, keys.rows, keys.column_axis, keys.row_axis)
        return factors(("Q", walk.matrix(walk.name("query"))), ("Kᵀ", turned), row, column)

    view = View(
        "Scores",
        walk.name("scores"),
        r"S = Q K^\top \qquad s_{ij} = \mathbf q_i \cdot \mathbf k_j",
        "How well does a token's question fit another's label? Multiply the two rows number by number and add up.",
        f"Q {length} × {size}  ·  Kᵀ {size} × {length}  →  {length} × {length}",
        lambda: walk.matrix(walk.name("scores")),
        behind,
        operands,
    )
    return Stage("scores", "Scores", "Every token's question is held against every token's label.", (view,))


def _context(walk: Walk) -> Stage:
    size, length = walk.head_dim, len(walk.pieces)

    def behind(row: int, column: int) -> Arithmetic:
        return arithmetic.dot_product(
            walk.tensor(walk.name("probabilities"))[row],
            walk.tensor(walk.name("value"))[:, column],
            labels=walk.pieces,
            names=("share", "v"),
            sentence=f"Number {column} of every token's message, times the share that “{walk.pieces[row]}” gives it.",
        )

    def operands(row: int, column: int) -> tuple[Operand, ...]:
        shares = walk.matrix(walk.name("probabilities"), "share")
        return factors(("P", shares), ("V", walk.matrix(walk.name("value"))), row, column)

    view = View(
        "Context",
        walk.name("context"),
        r"C = P V \qquad \mathbf c_i = \sum_j p_{ij}\,\mathbf v_j",
        "Each token collects the messages of all tokens, weighted by the shares.",
        f"P {length} × {length}  ·  V {length} × {size}  →  {length} × {size}",
        lambda: walk.matrix(walk.name("context")),
        behind,
        operands,
    )
    return Stage("context", "Context", "Each token gathers what it attends to, in proportion.", (view,))


def _joined(walk: Walk) -> Stage:
    size, heads, length = walk.head_dim, walk.layer.heads, len(walk.pieces)

    def behind(row: int, column: int) -> Arithmetic:
        head, place = divmod(column, size)
        value = walk.tensor(walk.name("joined_context"))[row, column].item()
        sentence = f"Nothing is computed: this is number {place} of head {number(head)} for “{walk.pieces[row]}”."
        return Arithmetic(sentence, (Line(f"head {number(head)}, number {place}", value),))

    def matrix() -> Matrix:
        plain = walk.matrix(walk.name("joined_context"))
        columns = tuple(f"{number(head)}·{place}" for head in range(heads) for place in range(size))
        return Matrix(plain.values, plain.rows, columns, plain.row_axis, "head · number")

    joined = View(
        "Joined",
        walk.name("joined_context"),
        r"C = [\,C_1;\, C_2;\, \dots\,]",
        f"All {heads} heads have worked side by side; their rows of {size} are laid end to end.",
        f"{heads} × ({length} × {size})  →  {length} × {heads * size}",
        matrix,
        behind,
    )
    projected = linear(
        walk,
        "Projected",
        walk.name("attention_projection"),
        source=lambda: walk.tensor(walk.name("joined_context")),
        module=walk.layer.projection,
        letters=("C", "O", "A"),
        words="One more matrix mixes what the heads found into one row a token.",
    )
    return Stage(
        "heads", "Heads joined", f"What all {heads} heads found is put together and mixed.", (joined, projected)
    )


def _add_and_norm(walk: Walk) -> Stage:
    parts = {"what came in": walk.entry, "what attention found": lambda: walk.tensor(walk.name("attention_projection"))}
    summed = added(
        walk,
        "Added",
        walk.name("attention_sum"),
        parts,
        width=walk.width,
        formula=r"\mathbf x_i + \mathbf a_i",
        words="Attention's result is added to what came in: the token's own content goes on (a residual connection).",
    )
    normal = norm(
        walk,
        "Normalized",
        walk.name("attention_output"),
        walk.name("attention_sum"),
        walk.layer.attention_norm,
        "Each token's numbers are brought back to mean 0 and variance 1, then stretched and shifted.",
    )
    words = "The token keeps what it was and gains what it gathered."
    return Stage("attention-norm", "Add & Norm", words, (summed, normal))
