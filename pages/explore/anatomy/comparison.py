"""Two models side by side: the Compare view of the Anatomy page."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.charts.bars import stacked_bars
from core.models.anatomy import blueprints, comparison, configuration
from core.models.anatomy.comparison import per_token_at
from core.models.anatomy.skeleton import encoder_name
from pages.explore.anatomy.subject import USUAL_LENGTH, Subject, anatomy, short, work_of
from pages.shared.export import csv_table, figure
from pages.shared.models import SECOND_MODEL, choose_reference, open_model
from pages.shared.text import plain
from pages.shared.url_state import choose


def choose_other() -> Subject:
    """The second model, without its head: a well-known one, or any that can be opened."""
    known = {each.id: each.title for each in blueprints.BLUEPRINTS}
    source = st.segmented_control(
        "Compare with",
        ("A well-known model", "A model at hand"),
        default="A well-known model",
        required=True,
        key="other-from",
        bind="query-params",
    )
    if source == "A well-known model":
        chosen = choose("Well-known model", known, key="known", help="Only its configuration is used: no download.")
        config = blueprints.blueprint(chosen).config()
        return Subject(known[chosen], config, encoder_name(config))
    other = open_model(choose_reference("Second model", key=SECOND_MODEL, help="Any model that Explore can open."))
    return Subject(other.title, other.config, encoder_name(other.config), other.has_pooler)


def show_comparison(subject: Subject) -> None:
    """The first model beside a chosen one: parameters, work, and the settings that differ."""
    st.markdown(
        "Two models without their heads, with the pooler where there is one, so that like is compared with like."
    )
    right = choose_other()
    left = Subject(subject.title, subject.config, encoder_name(subject.config), subject.has_pooler)
    bodies, works = (anatomy(left), anatomy(right)), (work_of(left), work_of(right))
    if left.config is right.config:
        st.caption("Both are the same model now: choose another one to compare with.")
    names = [left.title, right.title if right.title != left.title else f"{right.title} (second)"]
    ratio = bodies[1].parameters / bodies[0].parameters
    st.markdown(
        f"**{plain(right.title)}** has {short(bodies[1].parameters)} parameters, **{times(ratio)} times** those of "
        f"**{plain(left.title)}** ({short(bodies[0].parameters)})."
    )
    kinds = {name: body.by_kind() for name, body in zip(names, bodies, strict=True)}
    spoken = "; ".join(f"{name}: " + ", ".join(f"{k} {v:,}" for k, v in each.items()) for name, each in kinds.items())
    figure(stacked_bars(kinds, title="Parameters", x_title=""), key="two-models", alt=spoken)
    length = min(USUAL_LENGTH, *(body.positions for body in bodies))
    rows = comparison.compare(*bodies, work=works, length=length)
    table = pd.DataFrame({"": row.name, names[0]: row.left, names[1]: row.right, "Ratio": row.ratio} for row in rows)
    csv_table(
        table,
        "Comparison as CSV",
        "comparison",
        height="content",
        column_config={name: st.column_config.NumberColumn(format="localized") for name in names}
        | {"Ratio": st.column_config.NumberColumn(format="%.2f")},
        placeholder="–",
        alt="Both models in numbers",
    )
    show_head(subject, left, length)
    show_differences(left, right, names)
    for name, body in zip(names, bodies, strict=True):
        for note in body.notes:
            st.caption(f":material/info: {plain(name)}: {plain(note)}")


def show_head(subject: Subject, left: Subject, length: int) -> None:
    """What the figures above the view hold more than those in the table: the first model's head."""
    parameters = anatomy(subject).parameters - anatomy(left).parameters
    work = work_of(subject).per_token(length) - work_of(left).per_token(length)
    if parameters or work:
        st.caption(
            f"{plain(subject.title)} has a head as well, which the figures at the top count: {parameters:,} parameters "
            f"and {work:,.0f} {per_token_at(length)} more than in this table."
        )


def times(ratio: float) -> str:
    """A ratio of sizes as people say it: “2.9”, “61,873”, “1/61,873”."""
    if ratio < 0.1:
        return f"1/{1 / ratio:,.0f}"
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"


def show_differences(left: Subject, right: Subject, names: list[str]) -> None:
    """The settings that set the two apart."""
    found = configuration.differences(left.config, right.config)
    st.markdown("**Settings that differ**")
    if not found:
        st.caption("None: both have the same configuration. Their learned numbers may differ all the same.")
        return
    rows = [(each.name, each.left or "–", each.right or "–", each.meaning) for each in found]
    table = pd.DataFrame(rows, columns=["Setting", *names, "What it means"])
    csv_table(
        table,
        "Differences as CSV",
        "differences",
        height="content",
        column_config={"Setting": st.column_config.TextColumn(width=215)},
        alt="Settings that differ",
    )
