"""Fine-tune, where it runs: on this machine or, where there is one, as a job of a SLURM cluster."""

from __future__ import annotations

import streamlit as st

from core.runs.slurm import SlurmOptions, is_here

HERE, CLUSTER = "This machine", "SLURM cluster"


def choose_place() -> SlurmOptions | None:
    """What a job asks a cluster for; None for this machine, and where there is no cluster. Raises `LabError`."""
    if not is_here():
        return None
    where = st.segmented_control(
        "Where it runs", (HERE, CLUSTER), default=HERE, required=True, key="where", persist_state="session"
    )
    if where == HERE:
        return None
    st.caption("What is left empty is left to the cluster. Its nodes must see this machine's disk.")
    first, second, third, fourth = st.columns(4)
    usual = SlurmOptions()
    return SlurmOptions(
        partition=first.text_input("Partition", key="slurm-partition", persist_state="session").strip(),
        nodes=second.number_input("Nodes", 1, None, usual.nodes, key="slurm-nodes", persist_state="session"),
        gpus_per_node=third.number_input(
            "Cards on each node", 0, None, usual.gpus_per_node, key="slurm-gpus", persist_state="session"
        ),
        time_limit_minutes=fourth.number_input(
            "Time limit, minutes",
            1,
            None,
            usual.time_limit_minutes,
            key="slurm-minutes",
            persist_state="session",
            help="When it nears, the run saves its state and queues again.",
        ),
    )
