"""Fine-tune: choose task, data, model and settings, start a training in a process of its own, and watch it."""

from __future__ import annotations

import time
from dataclasses import replace

import streamlit as st

from core.errors import LabError
from core.models import catalogue
from core.runs.folder import Run, open_run
from core.runs.slurm import SlurmOptions
from core.training import launch, resume
from core.training.estimate.shapes import shape_of
from core.training.estimate.speeds import device_here
from core.training.estimate.token_lengths import load_of
from core.training.forms.preflight import check_limits
from core.training.plan.plan import Plan, columns_of
from pages.shared import navigation
from pages.shared.column_mapping import choose_task
from pages.shared.models import choose_reference, make_available
from pages.shared.reading_options import chosen_reading
from pages.shared.run_list import WATCHING, active_runs
from pages.shared.run_view import RESUMABLE, watch
from pages.shared.text import errors_shown, plain
from pages.shared.url_state import forget, keep, seed, text_line
from pages.train.fine_tune.cluster import choose_place
from pages.train.fine_tune.data import choose_data
from pages.train.fine_tune.estimate import show_estimate, take_along
from pages.train.fine_tune.files import choose_files, held_out
from pages.train.fine_tune.settings import choose_settings

# State of the session, beside WATCHING.
LAUNCHED = "launched"  # the last plan that was started, and when
DOUBLE_CLICK_SECONDS = 3.0
NAME_PLACEHOLDER = "So that you find it again"


def show_run(run: Run) -> None:
    """The run named in the address: live while it trains, with what to do next when it has ended."""
    status = run.status()
    st.subheader(f"Run {plain(run.name)}", anchor=False)
    watch(run)
    with st.container(horizontal=True):
        if status.is_active and st.button(
            "Stop", key=f"stop-{run.id}", icon=":material/stop_circle:", help="Saves its state and ends."
        ):
            run.request_stop()
            st.rerun()
        if status.state in RESUMABLE and st.button(
            "Resume",
            key=f"resume-{run.id}",
            icon=":material/resume:",
            help="Goes on exactly where the last sound checkpoint was saved.",
        ):
            with errors_shown():
                resume(run)
                st.rerun()
        if status.state == "finished":
            words = "See the scores and try it"
            st.page_link(
                navigation.RUNS, label=words, icon=":material/arrow_forward:", query_params={navigation.RUN: run.id}
            )


def start(plan: Plan, slurm: SlurmOptions | None) -> None:
    """Launch the run and show it from now on. A double click starts one run. Raises `LabError`."""
    last, when = st.session_state.get(LAUNCHED, (None, 0.0))
    if plan == last and time.monotonic() - when < DOUBLE_CLICK_SECONDS:
        return
    st.session_state[LAUNCHED] = (plan, time.monotonic())  # before: a second click may cut this run of the page short
    try:
        st.session_state[WATCHING] = launch(plan, slurm=slurm).id
    except LabError:
        del st.session_state[LAUNCHED]
        raise
    st.rerun()


def choose_model() -> tuple[str, str]:
    """What to start from, fetched where it is not on this machine, and how to call the run. Raises `LabError`."""
    left, right = st.columns(2)
    with left:
        model = choose_reference(
            "Start from",
            key="start-model",
            help="The weights that training starts with.",
            leave_out=(catalogue.TEACHING,),  # its 24 positions and 18 tokens hold no text of anybody's
        )
        make_available(model)
    with right:
        name = text_line("Name of this run", key="run-name", example="", max_chars=60, placeholder=NAME_PLACEHOLDER)
    return model, name.strip()


def show_form() -> None:
    """Task, data, model, settings, what lies ahead, start: each only when what it needs is chosen.

    Each has a place of its own, so that a message in one does not fold up what was opened in another.
    """
    task_part, data_part, model_part, settings_part, start_part = (st.container() for _ in range(5))
    with task_part:
        st.markdown("**1. Task**")
        task = choose_task()
    with data_part:
        st.markdown("**2. Data**")
        chosen = choose_data(task)
        if chosen is None:
            return
        files = choose_files(chosen)
    with model_part:
        st.markdown("**3. Model**")
        model, name = choose_model()
    with settings_part:
        st.markdown("**4. Settings**")
        fixed = Plan(
            data=chosen.reference,
            reading=chosen_reading(chosen.reference),
            preparation=chosen.preparation.decided.to_json(),
            **columns_of(chosen.mapping),
            **files,
            model=model,
            name=name or chosen.table.name.partition(".")[0],
        )
        settings = choose_settings(chosen.mapping, load_of(fixed, chosen.lengths), shape_of(model), device_here())
    with start_part:
        plan = replace(fixed, **settings)
        slurm = choose_place()
        check_limits(plan, is_here=slurm is None)
        parts = held_out(files, has_splits=chosen.preparation.decided.splits is not None)
        show_estimate(plan, chosen.lengths, parts, elsewhere=slurm is not None)
        # No callback: its arguments would be those of the last time the page was drawn, without what was typed since.
        if st.button("Start training", type="primary", icon=":material/play_arrow:"):
            with errors_shown():
                start(plan, slurm)
        take_along(plan)


st.title("Fine-tune", anchor=False)
st.markdown("Teach BERT your own task. Training goes on when you close this page.")
seed(WATCHING, "")
run_id = st.session_state[WATCHING]
keep(WATCHING, run_id)
run = None
if run_id:
    with errors_shown():
        run = open_run(run_id)
if run is None:
    forget(WATCHING)  # said once that there is no such run
else:
    show_run(run)
active_runs(title="Also active" if run else "Active now", leave_out=run_id)
with st.expander("Start another run") if run else st.container(), errors_shown():
    show_form()
