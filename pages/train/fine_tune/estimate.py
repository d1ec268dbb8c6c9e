"""Fine-tune, what lies ahead: steps, time and memory, estimated or measured first; and the plan to take along."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import streamlit as st

from core.errors import LabError, counted
from core.machine import machine
from core.training.estimate.estimate import estimate
from core.training.forms.cli import command_line
from core.training.plan.combinations import stops_nothing
from core.training.probe import probe
from pages.shared.live_fragment import live_fragment
from pages.shared.run_view import duration
from pages.shared.text import errors_shown, plain, show_error

if TYPE_CHECKING:
    from core.training.estimate.token_lengths import Lengths
    from core.training.plan.plan import Plan

TICK_SECONDS = 1.0
SOURCES = {
    "measured": "Time and memory were measured with a few steps of this shape.",
    "learnt": "The time follows from the speed of earlier trainings here, the memory from the size of the model.",
    "guessed": "Both are guesses from the size of the model: no training has finished here so far.",
}
ELSEWHERE = "That is this machine; the nodes of the cluster may differ. "
TOO_LARGE = (
    "This device has {there:.1f} GB. Choose a smaller batch size, more accumulation, a smaller maximum length, frozen "
    "layers or LoRA: all are under “Change settings”."
)


def show_estimate(plan: Plan, lengths: Lengths, held_out: str, *, elsewhere: bool) -> None:
    """The estimated steps, time and memory; drawn again every second while a probe measures.

    `elsewhere`: the run will not be on this machine, of which time and memory speak.
    """
    measuring = probe.is_measuring(plan, lengths)
    seconds = TICK_SECONDS if measuring else None
    live_fragment("ahead", _draw, plan, lengths, held_out, elsewhere, measuring, seconds=seconds)


def _draw(plan: Plan, lengths: Lengths, held_out: str, elsewhere: bool, was_measuring: bool) -> None:
    measuring = probe.is_measuring(plan, lengths)
    if measuring != was_measuring:
        st.rerun()
    measured = problem = None
    try:
        measured = probe.measured(plan, lengths)
    except LabError as error:
        problem = error
    ahead = estimate(plan, lengths, measured)
    here = machine()
    st.markdown(
        f"**{counted(ahead.steps, 'step')}** with {counted(ahead.evaluations, 'evaluation')}, about "
        f"**{duration(ahead.seconds)}** and **{ahead.memory_bytes / 1e9:.1f} GB** of memory on: {plain(here.device)}. "
        f"{ELSEWHERE if elsewhere else ''}{held_out}"
    )
    if note := stops_nothing(plan.early_stopping, ahead.evaluations):
        st.caption(note)
    if not ahead.fits and not elsewhere:
        st.warning(
            f"**The memory will not suffice.** {TOO_LARGE.format(there=ahead.there_bytes / 1e9)}",
            icon=":material/memory:",
        )
    if problem is not None:
        show_error(problem)
    if measuring:
        st.caption(":material/hourglass_top: Measuring: a few steps on random words of the same lengths …")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(SOURCES[ahead.source], width="content")
        wanted = st.button(
            "Measure first" if measured is None and problem is None else "Measure again",
            icon=":material/speed:",
            type="tertiary",
            help="Trains a few steps on random words of the same lengths, in a process of its own: half a minute or "
            "more. When the memory runs out, only that process ends.",
        )
    is_new_card = bool(here.gpus) and ahead.source == "guessed" and problem is None  # nothing is known of it: unasked
    if wanted or is_new_card:
        with errors_shown() if wanted else suppress(LabError):
            probe.start(plan, lengths)
            st.rerun()


def take_along(plan: Plan) -> None:
    """The plan as a file, and the command that starts the same training without the app."""
    with st.expander("Start it without the app", icon=":material/terminal:"):
        command = command_line(plan)
        if command is None:
            st.caption("What was decided about the file (how it is read, fixes, splits …) travels in plan.yaml only:")
        st.code(command or "python -m core.training plan.yaml", language="sh", wrap_lines=True)
        st.download_button(
            "plan.yaml", plan.to_yaml(), "plan.yaml", "application/yaml", icon=":material/download:", on_click="ignore"
        )
