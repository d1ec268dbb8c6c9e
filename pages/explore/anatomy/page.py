"""Anatomy: what the model is made of, what each setting means, and what it costs."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.charts.bars import horizontal_bars
from core.charts.curves import lines
from core.charts.treemap import treemap
from core.models.anatomy import configuration, flops, outputs, parameters
from core.models.anatomy.comparison import per_token_at
from core.models.anatomy.module_tree import ModuleRow, module_tree
from core.models.anatomy.parameters import Anatomy, Freezing
from pages.explore.anatomy.comparison import show_comparison
from pages.explore.anatomy.parts import USUAL_LENGTH, Subject, anatomy, shape, short, show_numbers, work_of
from pages.shared.export import csv_button, figure
from pages.shared.models import chosen_model
from pages.shared.text import counted, errors_shown, plain
from pages.shared.url_state import choose_view

VIEWS = ("Parameters", "Configuration", "Module tree", "Compute", "Outputs", "Compare")
LENGTHS = (16, 32, 64, 128, 192, 256, 384, 512)
MOST_TEXTS = 64
SELDOM_READ = (configuration.BOOKKEEPING, configuration.OTHER)


def show_headline(subject: Subject, length: int) -> None:
    """The figures people ask for first, the work for texts of `length` tokens."""
    body, work = anatomy(subject), work_of(subject)
    figures = (
        ("Parameters", short(body.parameters), f"{body.parameters:,} learned numbers, each counted once."),
        ("Layers × heads", f"{body.layers} × {body.heads}", f"Each head works on {body.head_width} numbers per token."),
        ("Width", f"{body.width:,}", "Numbers that stand for one token between the layers."),
        (
            "Memory, fp32",
            short(body.bytes("fp32"), "B"),
            f"Four bytes a number; in bf16, with two, {short(body.bytes('bf16'), 'B')}. Working memory comes on top.",
        ),
        (
            per_token_at(length),
            short(work.per_token(length)),
            f"Sums and products for each token, once through the model and its head, in a text of {length} tokens. "
            "A token of a longer text is compared with more others. “Compute” has other lengths.",
        ),
    )
    with st.container(horizontal=True):
        for label, value, help_text in figures:
            st.metric(label, value, help=help_text, width="content")


def show_parameters(subject: Subject) -> None:
    body = anatomy(subject)
    left, right = st.columns(2, vertical_alignment="center")
    embeddings = left.toggle(
        "Freeze the embeddings",
        key="freeze-embeddings",
        help="Frozen weights stay as they are during a training.",
        bind="query-params",
    )
    sets = body.distinct_layers
    label = "Freeze the lowest layers" if sets == body.layers else "Freeze the lowest sets of shared layers"
    layers = right.slider(label, 0, max(sets, 1), key="freeze-layers", bind="query-params")
    freezing = Freezing(embeddings, layers)
    trainable = parameters.trainable_parameters(body, freezing)
    memory = parameters.training_memory(body.parameters, trainable)
    with st.container(horizontal=True):
        st.metric("Trainable", short(trainable), width=150, help=f"{trainable:,} of {body.parameters:,}")
        st.metric("Share", f"{trainable / body.parameters:.1%}", width=150)
        st.metric("Memory to train, at least", short(memory.total, "B"), width=230)
    places = [part.steps for part in body.parts]
    frozen = [freezing.holds(part) for part in body.parts]
    biggest = ", ".join(f"{kind} {count / body.parameters:.0%}" for kind, count in body.by_kind().items())
    picture = treemap(
        places,
        [part.parameters for part in body.parts],
        title="Each area is a share of the parameters" + ("; striped: frozen" if any(frozen) else ""),
        root=body.architecture,
        unit="parameters",
        hatched=frozen,
    )
    figure(picture, key="parameters", alt=f"Parameters by part: {biggest}")
    st.caption("Click an area to open it, and the bar above to come back.")
    for note in body.notes:
        st.caption(f":material/info: {plain(note)}")
    st.caption(
        f"Memory to train, in fp32 with AdamW: weights {short(memory.weights, 'B')} (4 bytes each), gradients "
        f"{short(memory.gradients, 'B')} (4) and AdamW's two running means {short(memory.optimizer, 'B')} (8), the "
        "last two for trainable weights only. Intermediate results come on top and grow with batch and length."
    )
    table = part_table(body, freezing)
    summary = table.groupby("Kind", sort=False, as_index=False)[["Parameters", "Trainable", "Share"]].sum()
    everything = summary.sum(numeric_only=True).to_frame().T.assign(Kind="All")
    summary = pd.concat([summary, everything], ignore_index=True).astype({"Parameters": int, "Trainable": int})
    for precision, size in parameters.BYTES.items():
        summary[f"{precision}, MB"] = summary["Parameters"] * size / 1e6
    show_numbers(summary, alt="Parameters by kind of part")
    csv_button("Table as CSV", summary, "parameters")
    with st.expander(f"All {counted(len(table), 'part')} with their weights"):
        show_numbers(table, alt="Every part with its parameters")
        csv_button("Parts as CSV", table, "parts")


def part_table(body: Anatomy, freezing: Freezing) -> pd.DataFrame:
    """One row a part, in the order a text meets them."""
    return pd.DataFrame(
        {
            "Kind": part.kind,
            "Part": " · ".join(part.steps[1:]),
            "Parameters": part.parameters,
            "Share": part.parameters / body.parameters,
            "Trainable": 0 if freezing.holds(part) else part.parameters,
            "Weights": ", ".join(f"{each.path.rpartition('.')[2]} {shape(each.shape)}" for each in part.weights),
            "Counted elsewhere": ", ".join(f"{name} = {owner}" for name, owner in part.borrowed),
            "Module": part.path,
        }
        for part in body.parts
    )


def show_configuration(subject: Subject) -> None:
    fields = configuration.explain(subject.config)
    changed = sum(bool(field.usual) for field in fields)
    family = type(subject.config).__name__
    st.markdown(
        "The settings in force, from the model's config.json or its family's defaults. With them alone its "
        "architecture can be rebuilt, without one learned "
        f"number. **Bold**: {counted(changed, 'value')} other than the default of {plain(family)}."
    )
    groups = [group for group in dict.fromkeys(field.group for field in fields) if group not in SELDOM_READ]
    columns = st.columns(2)  # cards and not a table: they stay readable on a narrow screen
    for group in groups:
        with columns[group in groups[len(groups) // 2 :]].container(border=True):
            st.markdown(f"**{group}**")
            show_fields([field for field in fields if field.group == group])
    with st.expander(" and ".join(SELDOM_READ).capitalize()):
        show_fields([field for field in fields if field.group in SELDOM_READ])
    csv_button("Configuration as CSV", pd.DataFrame(fields), "configuration")


def show_fields(fields: list[configuration.Field]) -> None:
    """Each field's name and value, and below them what it means."""
    entries = []
    for field in fields:
        name = field.name.replace("`", "")  # a file may name its fields anything
        value = f"**{plain(field.value)}** (default {plain(field.usual)})" if field.usual else plain(field.value)
        entries.append(f"`{name}` {value}  \n{field.meaning}")
    st.markdown("\n\n".join(entries))


def show_tree(subject: Subject) -> None:
    st.markdown(
        "How the modules are nested in the program, from the outside in. Names are those of the program, which counts "
        "from 0: `layer.0` is layer 1. Shapes are of the weights."
    )
    everything = st.toggle("Show every layer, also those that are alike", key="every-layer", bind="query-params")
    rows = module_tree(subject.config, subject.architecture, fold=not everything, has_pooler=subject.has_pooler)
    table = pd.DataFrame(
        {
            "Module": name,
            "Class": row.kind,
            "Weights": ", ".join(f"{own} {shape(sizes)}" for own, sizes in row.shapes),
            "Parameters": row.parameters or None,
            "Path": row.path,
            "Settings": row.settings,
        }
        for name, row in zip(branches(rows), rows, strict=True)
    ).astype({"Parameters": "Int64"})
    st.dataframe(
        table,
        hide_index=True,
        height=min(760, 38 + 35 * len(table)),
        column_config={
            "Module": st.column_config.TextColumn(width=235),
            "Class": st.column_config.TextColumn(width=160),
            "Weights": st.column_config.TextColumn(width=210),
            "Parameters": st.column_config.NumberColumn(format="localized", help="With all modules below it"),
        },
        placeholder="",
        alt="The module tree",
    )
    folded = [row for row in rows if row.alike > 1]
    for row in folded:
        st.caption(f"{plain(row.name)} are {row.alike} modules alike: opened once, counted together.")
    if anatomy(subject).notes:
        st.caption("Weights that are used in two places are shown in both, and counted once in what holds both.")
    csv_button("Modules as CSV", table.assign(Module=[row.name for row in rows]), "modules")


def branches(rows: tuple[ModuleRow, ...]) -> list[str]:
    """The names with the lines of a tree before them."""
    drawn = []
    open_below: list[bool] = []  # for each depth on the way here: whether more siblings follow
    for index, row in enumerate(rows):
        later = next((other.depth for other in rows[index + 1 :] if other.depth <= row.depth), -1)
        open_below[row.depth :] = [later == row.depth]
        stem = "".join("│  " if more else "   " for more in open_below[1 : row.depth])
        drawn.append(stem + ("├─ " if open_below[row.depth] else "└─ ") * bool(row.depth) + row.name)
    return drawn


def show_compute(subject: Subject) -> int:
    """The work by part, for a length that is chosen here, and returned."""
    body, work = anatomy(subject), work_of(subject)
    st.markdown(
        "How many sums and products one text costs. Most of the work grows with the number of tokens; comparing each "
        "token with every other one grows with the square of that number."
    )
    length = st.slider(
        "Tokens in the text", 1, body.positions, min(USUAL_LENGTH, body.positions), key="length", bind="query-params"
    )
    counts, total = work.at(length), work.total(length)
    with st.container(horizontal=True):
        st.metric("FLOPs per text", short(total), width=150, help=f"{total:,} floating-point operations")
        st.metric(per_token_at(length), short(work.per_token(length)), width="content")
        st.metric("Scores and context", f"{counts.get(flops.SCORES, 0) / total:.1%}", width=170)
    left, right = st.columns(2)
    with left:
        shares = [count / total for count in counts.values()]
        bars = horizontal_bars(list(counts), shares, title=f"Where the work goes, {length} tokens", percent=True)
        spoken = ", ".join(f"{name} {share:.1%}" for name, share in zip(counts, shares, strict=True))
        figure(bars, key="work", alt=f"Shares of the work: {spoken}")
    with right:
        lengths = [each for each in LENGTHS if each < body.positions] + [body.positions]
        shares_by_length = {
            name: [(each, 100 * work.at(each).get(name, 0) / work.total(each)) for each in lengths] for name in counts
        }
        grown = ", ".join(f"{share:.0f} % at {each} tokens" for each, share in shares_by_length[flops.SCORES])
        chart = lines(shares_by_length, title="Share of the work by length, per cent", x_title="tokens in the text")
        figure(chart, key="work-by-length", alt=f"Scores and context take {grown}")
    table = pd.DataFrame(
        {"Part": name, "FLOPs per text": count, per_token_at(length): count / length, "Share": count / total}
        for name, count in counts.items()
    )
    show_numbers(table, alt="Operations by part")
    csv_button("Operations as CSV", table, "flops")
    st.caption(
        "Counted by torch's own formulas on the architecture, without weights: a multiplication and the addition after "
        "it are two operations. Matrix products only; softmax, norms and activations add little. A training step costs "
        "about three times a forward pass."
    )
    return length


def show_outputs(subject: Subject) -> None:
    body = anatomy(subject)
    st.markdown("The exact tensors that go in and come out, for a batch of texts padded to one length.")
    left, right = st.columns(2)
    batch = left.slider("Texts in the batch", 1, MOST_TEXTS, 2, key="batch-size", bind="query-params")
    length = right.slider(
        "Tokens in each", 1, body.positions, min(16, body.positions), key="tokens", bind="query-params"
    )
    asked = {"batch": batch, "length": length, "has_pooler": subject.has_pooler}
    given = outputs.inputs(subject.config, subject.architecture, **asked)
    made = outputs.outputs(subject.config, subject.architecture, **asked)
    for title, tensors, name in (("Inputs", given, "inputs"), ("Outputs", made, "outputs")):
        table = pd.DataFrame(
            {
                "Tensor": each.name,
                "Axes": ", ".join(each.axes),
                "Shape": shape(each.shape),
                "What it holds": each.meaning,
                "Type": each.dtype,
                "Size": each.bytes,
            }
            for each in tensors
        )
        st.markdown(f"**{title}**: {counted(len(tensors), 'tensor')}, {short(sum(t.bytes for t in tensors), 'B')}")
        st.dataframe(
            table,
            hide_index=True,
            height="content",
            column_config={"Size": st.column_config.NumberColumn(format="bytes")},
            alt=f"Tensors: {title}",
        )
        csv_button(f"{title} as CSV", table, name)
    st.caption(
        "As returned with `output_hidden_states=True, output_attentions=True`. There is one hidden state more than "
        "layers: the first is what the embeddings hand to layer 1. Code counts layers from 0: `attentions[0]` is of "
        "layer 1, and its weights are `layer.0`. Each row of attention sums to 1."
    )


st.title("Anatomy", anchor=False)
st.markdown(
    "A model is a fixed set of matrices that every text passes through. Here is each of them: how large it is, "
    "what it is for, and what it costs."
)
model = chosen_model()
subject = Subject(model.title, model.config, type(model.network).__name__, model.has_pooler)

with errors_shown():
    headline = st.container()
    view = choose_view(VIEWS, key="anatomy-view")
    if view != "Compute":  # it has the length in hand
        with headline:
            show_headline(subject, min(USUAL_LENGTH, anatomy(subject).positions))
    if view == "Parameters":
        show_parameters(subject)
    elif view == "Configuration":
        show_configuration(subject)
    elif view == "Module tree":
        show_tree(subject)
    elif view == "Compute":
        length = show_compute(subject)
        with headline:
            show_headline(subject, length)
    elif view == "Outputs":
        show_outputs(subject)
    else:
        show_comparison(subject)
