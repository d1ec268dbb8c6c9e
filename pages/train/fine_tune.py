"""Fine-tune: choose data, model and settings, start a training in a process of its own, and watch it."""

from __future__ import annotations

import time
from dataclasses import fields

import streamlit as st

from core.data.columns import Columns
from core.errors import LabError
from core.machine import machine
from core.models import catalogue
from core.runs.folder import Run, open_run
from core.training import launch, resume
from core.training.foresee import estimate_pieces, foresee
from core.training.plan import PRECISIONS, Plan
from core.training.suggest import suggest
from pages.shared import data, pages
from pages.shared.data_layers import dataset_of, layers_of
from pages.shared.data_reading import read_source
from pages.shared.models import choose_reference, make_available
from pages.shared.run_view import duration, watch
from pages.shared.text import plain, problems_shown, show_problem
from pages.shared.url_state import keep, seed

FEW_ROWS = 100
DOUBLE_CLICK_SECONDS = 3.0
RESUMABLE = ("stopped", "failed", "lost")
BATCH_SIZES = (4, 8, 16, 32, 64)
LEARNING_RATES = (1e-5, 2e-5, 3e-5, 5e-5, 1e-4, 2e-4)
MAX_LENGTHS = (32, 64, 128, 256, 512)
HELD_OUT = "Ten per cent of the rows are kept for validation and ten for the final test."
FILES = "All rows are trained on; validation and test come from the files chosen."
ONE_FILE = "All rows are trained on; the validation file chooses the best moment and gives the scores."
NOTHING = ""
KEPT_SPLITS = "The splits kept on the page Datasets are used."
FIELDS = {field.name: field.metadata for field in fields(Plan)}


def show_run(run: Run) -> None:
    """The run named in the address: live while it trains, with what to do next when it has ended."""
    status = run.status()
    st.subheader(f"Run {plain(run.name)}", anchor=False)
    watch(run)
    with st.container(horizontal=True):
        if status.is_active and st.button("Stop", icon=":material/stop_circle:", help="Saves its state and ends."):
            run.request_stop()
            st.rerun()
        if status.state in RESUMABLE and st.button(
            "Resume", icon=":material/resume:", help="Goes on exactly where the last sound checkpoint was saved."
        ):
            with problems_shown():
                resume(run)
                st.rerun()
        if status.state == "finished":
            st.page_link(pages.RUNS, label="See the scores and try it", query_params={"run": run.id})


def settings(rows: int, model: str) -> dict[str, object]:
    """The settings a person may turn, each with its plain meaning; they start where data and model suggest."""
    start = suggest(rows, model)

    def words(name: str) -> dict[str, str]:
        """Label, help and key of a setting; another data set or model brings its own suggestion, so its own widget."""
        return {"label": FIELDS[name]["title"], "help": FIELDS[name]["help"], "key": f"{name}-{rows}-{model}"}

    chosen: dict[str, object] = {}
    first, second, third, fourth = st.columns(4)
    chosen["epochs"] = first.number_input(
        min_value=1.0, max_value=20.0, value=start.epochs, step=1.0, format="%g", **words("epochs")
    )
    chosen["batch_size"] = second.select_slider(options=BATCH_SIZES, value=start.batch_size, **words("batch_size"))
    chosen["learning_rate"] = third.select_slider(
        options=LEARNING_RATES, value=start.learning_rate, format_func="{:.0e}".format, **words("learning_rate")
    )
    chosen["max_length"] = fourth.select_slider(options=MAX_LENGTHS, value=128, **words("max_length"))
    with st.expander("More settings"):
        first, second, third, fourth = st.columns(4)
        chosen["warmup_share"] = first.slider(
            min_value=0.0, max_value=0.5, value=0.1, step=0.05, **words("warmup_share")
        )
        chosen["weight_decay"] = second.slider(
            min_value=0.0, max_value=0.1, value=0.01, step=0.01, **words("weight_decay")
        )
        chosen["seed"] = third.number_input(min_value=0, max_value=10_000, value=42, **words("seed"))
        chosen["precision"] = fourth.selectbox(options=PRECISIONS, **words("precision"))
    return chosen


def start(plan: Plan) -> None:
    """Launch the run and show it from now on. The second click of a double click is no second run."""
    last, when = st.session_state.get("launched", (None, 0.0))
    if plan == last and time.monotonic() - when < DOUBLE_CLICK_SECONDS:
        return
    try:
        st.session_state["watching"] = launch(plan).id
        st.session_state["launched"] = (plan, time.monotonic())
    except LabError as error:
        st.session_state["launch-problem"] = error


def choose_files(reference: str) -> dict[str, str | None]:
    """Files of their own for validation and test, where there are any; their columns are called the same."""
    titles = {NOTHING: "Held out from the data above"} | data.titles_of_sets(leave_out=reference)
    with st.expander("Validation and test from files of their own"):
        st.caption("Their columns must have the same names, and their labels must be among those above.")
        left, right = st.columns(2)
        chosen = {
            "validation_data": left.selectbox("Validation file", titles, format_func=titles.get, key="validation-file"),
            "test_data": right.selectbox("Test file", titles, format_func=titles.get, key="test-file"),
        }
    return {name: None if each == NOTHING else each for name, each in chosen.items()}


def held_out(others: dict[str, str | None], *, has_splits: bool) -> str:
    """Which rows choose the best moment and which give the scores, in words."""
    if others["validation_data"] is not None:
        return FILES if others["test_data"] is not None else ONE_FILE
    if others["test_data"] is not None:
        return "Ten per cent of the rows are kept for validation; the test file gives the scores."
    return KEPT_SPLITS if has_splits else HELD_OUT


def show_form() -> None:
    st.markdown("**1. Data**")
    reference = data.choose_source()
    table = read_source(reference)
    columns: Columns = data.choose_columns(reference, table)
    if columns.label is None:
        st.info("Choose the column that holds the label: it is what BERT will learn to name.")
        return
    layers = layers_of(table)
    dataset = dataset_of(table, columns, layers)
    if layers.preparation.splits is not None:
        layers.preparation.splits.restore(dataset)  # told now, and not by a run that fails
    kind = "pairs of texts" if columns.pair else "single texts"
    labels = ", ".join(map(plain, dataset.label_names[:8])) + (" …" if len(dataset.label_names) > 8 else "")
    st.caption(f"{len(dataset):,} {kind} in {len(dataset.label_names)} classes: {labels}")
    data.show_notices(dataset.notices)
    others = choose_files(reference)
    if len(dataset) < FEW_ROWS:
        data.show_notices([f"{len(dataset)} rows are enough to try the steps, too few for the scores to mean much."])

    st.markdown("**2. Model**")
    left, right = st.columns(2)
    with left:
        model = choose_reference(
            "Start from",
            key="start-model",
            help="The weights that training starts with.",
            leave_out=(catalogue.TEACHING,),  # its 24 positions and 18 pieces hold no text of anybody's
        )
        make_available(model)
    name = right.text_input("Name of this run", max_chars=60, placeholder="So that you find it again")

    st.markdown("**3. Settings**")
    plan = Plan(
        data=reference,
        text_column=columns.text,
        pair_column=columns.pair,
        label_column=columns.label,
        reading=table.options,
        preparation=layers.preparation.to_json(),
        **others,
        model=model,
        name=name.strip() or table.name.partition(".")[0],
        **settings(len(dataset), model),
    )
    ahead = foresee(plan, len(dataset), mean_pieces=estimate_pieces(dataset.texts, dataset.pairs))
    st.markdown(
        f"**{ahead.steps:,} steps**, about **{duration(ahead.seconds)}** and {ahead.memory_bytes / 1e9:.1f} GB of "
        f"memory on: {plain(machine().device)}. "
        f"{held_out(others, has_splits=layers.preparation.splits is not None)}"
    )
    st.button("Start training", type="primary", icon=":material/play_arrow:", on_click=start, args=(plan,))
    if "launch-problem" in st.session_state:
        show_problem(st.session_state.pop("launch-problem"))


st.title("Fine-tune", anchor=False)
st.markdown("Teach BERT to sort your texts into your classes. Training goes on when you close this page.")
seed("watching", "")
run_id = st.session_state["watching"]
keep("watching", run_id)
run = None
if run_id:
    with problems_shown():
        run = open_run(run_id)
if run:
    show_run(run)
with st.expander("Start another run") if run else st.container(), problems_shown():
    show_form()
