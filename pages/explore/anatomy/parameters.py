"""The Parameters view of the Anatomy page: where they are, what can be frozen, and the memory that training takes."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.charts.treemap import treemap
from core.errors import counted
from core.models.anatomy import parameters
from core.models.anatomy.parameters import Anatomy, Freezing
from pages.explore.anatomy.subject import Subject, anatomy, shape, short, show_numbers
from pages.shared.export import figure
from pages.shared.text import plain


def show_parameters(subject: Subject) -> None:
    """The parts as areas, what can be frozen, and tables by kind and by part."""
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
    show_numbers(summary, "Table as CSV", "parameters", alt="Parameters by kind of part")
    with st.expander(f"All {counted(len(table), 'part')} with their weights"):
        show_numbers(table, "Parts as CSV", "parts", alt="Every part with its parameters")


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
