"""The runs that are active, small and side by side: state, progress, time left, and a link that opens one."""

from __future__ import annotations

import streamlit as st

from core.charts.run_curves import tables_of
from core.errors import counted
from core.runs.folder import Run, list_runs
from core.runs.status import Status
from pages.shared import navigation
from pages.shared.live_fragment import live_fragment
from pages.shared.run_view import MEANINGS, badge, duration, latest, progress, runs_before
from pages.shared.text import plain

WATCHING = "watching"  # in the address of Fine-tune: the run that is looked at there
TICK_SECONDS = 2.0
CARD_WIDTH = 262  # px: three beside one another where the page is 1280 wide
_OPEN = ":material/open_in_full:"


def active_runs(*, title: str, leave_out: str = "") -> None:
    """Every active run but the one with the id `leave_out`, kept up to date; nothing when there is none."""
    were = {run.id for run, _ in _active(leave_out)}
    live_fragment("list", _cards, title, leave_out, were, seconds=TICK_SECONDS if were else None)


def _active(leave_out: str) -> list[tuple[Run, Status]]:
    known = [(run, run.status()) for run in list_runs() if run.id != leave_out]
    return [(run, status) for run, status in known if status.is_active]


def _cards(title: str, leave_out: str, were: set[str]) -> None:
    active = _active(leave_out)
    if were - {run.id for run, _ in active}:  # what else the page says of a run that has ended is out of date
        st.rerun()
    if not active:
        return
    st.markdown(f"**{title}**")
    with st.container(horizontal=True):
        for run, status in sorted(active, key=lambda each: (each[1].state == "queued", each[1].started)):
            with st.container(border=True, width=CARD_WIDTH, gap="xsmall"):
                _card(run, status)


def _card(run: Run, status: Status) -> None:
    st.page_link(navigation.FINE_TUNE, label=f"**{plain(run.name)}**", icon=_OPEN, query_params={WATCHING: run.id})
    words = MEANINGS[status.state]
    if status.state == "queued" and (before := runs_before(run)):
        words = f"after {counted(len(before), 'other run')}"
    if status.state == "running":
        left = latest(tables_of(run.events()), "train", "seconds_left")
        words = status.message if left is None else f"about {duration(left)} left"
    st.markdown(f"{badge(status.state)} {plain(words)}")
    progress(status, in_full=False)
