"""Fine-tune: choose data, model and settings, start a training in a process of its own, and watch it."""

from __future__ import annotations

from dataclasses import fields

import streamlit as st

from core.data.columns import Columns
from core.errors import LabError
from core.machine import machine
from core.runs.folder import open_run
from core.training import launch
from core.training.foresee import foresee
from core.training.plan import Plan
from pages.shared import data, pages
from pages.shared.models import choose_reference
from pages.shared.run_view import duration, watch
from pages.shared.text import plain, problems_shown, show_problem
from pages.shared.url_state import keep, seed

SHORT_TEXT_LIMITS = (32, 64, 128, 256, 512)
FIELDS = {field.name: field.metadata for field in fields(Plan)}


def show_run(run_id: str) -> None:
    """The run named in the address: live while it trains, with what to do next when it has ended."""
    try:
        run = open_run(run_id)
        status = run.status()
    except LabError as error:
        show_problem(error)
        return
    st.subheader(f"Run {plain(run.name)}", anchor=False)
    watch(run)
    with st.container(horizontal=True):
        if status.is_active and st.button("Stop", icon=":material/stop_circle:", help="Saves its state and ends."):
            run.request_stop()
            st.rerun()
        if status.state == "finished":
            st.page_link(pages.RUNS, label="See the scores and try it", query_params={"run": run_id})


def settings() -> dict[str, object]:
    """The settings a person may turn, each with its plain meaning; the rest stay at their defaults."""
    first, second, third, fourth = st.columns(4)
    chosen: dict[str, object] = {
        "epochs": first.number_input("Epochs", 1.0, 20.0, 3.0, 1.0, format="%g", help=FIELDS["epochs"]["help"]),
        "batch_size": second.select_slider("Batch size", (8, 16, 32, 64), 32, help=FIELDS["batch_size"]["help"]),
        "learning_rate": third.select_slider(
            "Learning rate",
            (1e-5, 2e-5, 3e-5, 5e-5, 1e-4, 2e-4),
            5e-5,
            format_func=lambda rate: f"{rate:.0e}",
            help=FIELDS["learning_rate"]["help"],
        ),
        "max_length": fourth.select_slider("Pieces read", SHORT_TEXT_LIMITS, 128, help=FIELDS["max_length"]["help"]),
    }
    with st.expander("More settings"):
        first, second, third, fourth = st.columns(4)
        chosen["warmup_share"] = first.slider("Warm-up", 0.0, 0.5, 0.1, 0.05, help=FIELDS["warmup_share"]["help"])
        chosen["weight_decay"] = second.slider(
            "Weight decay", 0.0, 0.1, 0.01, 0.01, help=FIELDS["weight_decay"]["help"]
        )
        chosen["seed"] = third.number_input("Seed", 0, 10_000, 42, help=FIELDS["seed"]["help"])
        chosen["precision"] = fourth.selectbox("Precision", ("auto", "fp32", "bf16"), help=FIELDS["precision"]["help"])
    return chosen


def start(plan: Plan) -> None:
    """Launch the run and show it from now on."""
    try:
        st.session_state["watching"] = launch(plan).id
    except LabError as error:
        st.session_state["launch-problem"] = error


def show_form() -> None:
    st.markdown("**1. Data**")
    reference = data.choose_source()
    table = data.read_source(reference)
    columns: Columns = data.choose_columns(reference, table)
    if columns.label is None:
        st.info("Choose the column that holds the label: it is what BERT will learn to name.")
        return
    dataset = data.dataset(table, table.content_hash, table.options, columns)
    kind = "pairs of texts" if columns.pair else "single texts"
    labels = ", ".join(map(plain, dataset.label_names[:8])) + (" …" if len(dataset.label_names) > 8 else "")
    st.caption(f"{len(dataset):,} {kind} in {len(dataset.label_names)} classes: {labels}")
    data.show_notices(dataset.notices)

    st.markdown("**2. Model**")
    left, right = st.columns(2)
    with left:
        model = choose_reference("Start from", key="start-model", help="The weights that training starts with.")
    name = right.text_input("Name of this run", max_chars=60, placeholder="So that you find it again")

    st.markdown("**3. Settings**")
    plan = Plan(
        data=reference,
        text_column=columns.text,
        pair_column=columns.pair,
        label_column=columns.label,
        reading=table.options,
        model=model,
        name=name.strip() or f"{table.name} with {model}",
        **settings(),
    )
    ahead = foresee(plan, len(dataset))
    st.markdown(
        f"**{ahead.steps:,} steps**, about **{duration(ahead.seconds)}** on: {plain(machine().device)}. "
        f"Ten per cent of the rows are kept for validation and ten for the final test."
    )
    st.button("Start training", type="primary", icon=":material/play_arrow:", on_click=start, args=(plan,))
    if "launch-problem" in st.session_state:
        show_problem(st.session_state.pop("launch-problem"))


st.title("Fine-tune", anchor=False)
st.markdown("Teach BERT to sort your texts into your classes. Training goes on when you close this page.")
seed("watching", "")
run_id = st.session_state["watching"]
keep("watching", run_id)
if run_id:
    show_run(run_id)
with st.container() if not run_id else st.expander("Start another run"), problems_shown():
    show_form()
