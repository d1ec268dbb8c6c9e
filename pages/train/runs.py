"""Runs: what was trained, how well it does, and trying it on a text of one's own."""

from __future__ import annotations

import datetime
from dataclasses import asdict

import pandas as pd
import streamlit as st

from core.charts import training as charts
from core.charts.bars import horizontal_bars
from core.charts.run_curves import tables_of
from core.evaluation.report import Report, export_predictions, read_report
from core.runs.folder import Run, delete_run, list_runs
from core.training.plan import Plan
from pages.shared import pages
from pages.shared.export import csv_button, figure
from pages.shared.models import open_model
from pages.shared.run_curves import choose_look, curves_csv, ended_curves
from pages.shared.run_figures import duration
from pages.shared.run_list import active_runs
from pages.shared.run_view import badge, watch
from pages.shared.text import plain, problems_shown
from pages.shared.url_state import choose, distinct

MOST_COMPARED = 6
VIEWS = ("Scores", "Curves", "Mistakes", "Try it", "Settings and log")


def overview(runs: list[Run]) -> pd.DataFrame:
    """One row a run, newest first."""
    rows = []
    for run in runs:
        status = run.status()
        scores = run.metrics()
        rows.append(
            {
                "Run": run.name,
                "State": status.state,
                "Progress": status.step / status.total_steps if status.total_steps else 0.0,
                "Accuracy": scores.get("accuracy"),
                "Majority": scores.get("majority_accuracy"),
                "Macro F1": scores.get("macro_f1"),
                "Started": datetime.datetime.fromtimestamp(status.started) if status.started else None,
                "Time": duration(status.seconds) if status.seconds else "",
            }
        )
    return pd.DataFrame(rows)


def show_overview(runs: list[Run]) -> None:
    """The list of runs."""
    percent = st.column_config.NumberColumn(format="percent")
    st.dataframe(
        overview(runs),
        hide_index=True,
        placeholder="",
        column_config={
            "Run": st.column_config.Column(width="medium"),
            "Progress": st.column_config.ProgressColumn(format="percent"),
            "Accuracy": percent,
            "Majority": st.column_config.NumberColumn(format="percent", help="Always answering the commonest label"),
            "Macro F1": percent,
            "Started": st.column_config.DatetimeColumn(format="D MMM, HH:mm"),
        },
        alt="All runs",
    )


def choose_others(run: Run, runs: list[Run]) -> list[Run]:
    """The runs to be drawn beside this one."""
    others = {other.id: other for other in runs if other.id != run.id}
    titles = distinct({each: other.name for each, other in others.items()})
    st.session_state["compared"] = [each for each in st.session_state.get("compared", ()) if each in titles]
    chosen = st.multiselect(
        "Compare with",
        list(titles),
        format_func=titles.get,
        max_selections=MOST_COMPARED - 1,
        placeholder="Choose other runs",
        key="compared",
        persist_state="session",
    )
    return [others[each] for each in chosen]


def show_curves(runs: list[Run]) -> None:
    names = distinct({run.id: run.name for run in runs})
    tables = {names[run.id]: tables_of(run.events()) for run in runs}
    look = choose_look(axis="Epoch")  # runs of different batch sizes compare by it
    ended_curves(tables, look)
    curves_csv(tables, "curves")


def show_scores(report: Report) -> None:
    scores = report.metrics
    gain = scores["accuracy"] - scores["majority_accuracy"]
    with st.container(horizontal=True):
        st.metric(
            "Accuracy",
            f"{scores['accuracy']:.1%}",
            f"{100 * gain:+.1f} points over always guessing the commonest",
            width=330,
        )
        st.metric("Macro F1", f"{scores['macro_f1']:.3f}", help="F1 of each class, averaged.")
        st.metric("MCC", f"{scores['mcc']:.3f}", help="Matthews correlation: 0 is chance, 1 is perfect.")
        st.metric("Rows", f"{scores['rows']:,}", help=f"Rows of the {scores['split']} split, never trained on.")
    left, right = st.columns(2)
    with left:
        figure(charts.confusion_matrix(report.confusion, report.label_names), key="confusion", alt="Confusion matrix")
    per_class = pd.DataFrame(scores["per_class"])
    right.markdown("**Per class**")
    per_class.columns = per_class.columns.str.capitalize()
    digits = {name: st.column_config.NumberColumn(format="%.3f") for name in ("Precision", "Recall", "F1")}
    right.dataframe(per_class, hide_index=True, column_config=digits, alt="Precision, recall and F1 of each class")


def show_mistakes(run: Run, report: Report) -> None:
    mistakes = report.mistakes
    st.markdown(f"**{len(mistakes):,} of {report.metrics['rows']:,} rows are wrong**, the surest mistakes first.")
    if mistakes:
        table = pd.DataFrame([asdict(mistake) for mistake in mistakes[:200]]).dropna(axis="columns", how="all")
        table["row"] += 1  # on screen the first row is row 1
        table.columns = table.columns.str.capitalize()
        percent = {"Probability": st.column_config.NumberColumn(format="percent")}
        st.dataframe(table, hide_index=True, column_config=percent, alt="Mistakes, the surest first")
    csv_button("All predictions as CSV", lambda: export_predictions(run), "predictions")


def show_try(run: Run, has_pair: bool) -> None:
    from core.evaluation.predict import predict

    text = st.text_area("A text of your own", key="try", height=80, placeholder="Type what the model should judge")
    pair = st.text_area("Second text", key="try-pair", height=68) if has_pair else None
    if not text.strip() or (has_pair and not (pair or "").strip()):
        st.info("Type a text and leave the field (or press Ctrl + Enter).")
    else:
        model = open_model(run.id, attention="sdpa")
        answer = predict(model, [text], [pair] if pair else None)
        shares = answer.probabilities[0].tolist()
        ranked = sorted(zip(model.labels, shares, strict=True), key=lambda entry: -entry[1])[:20]
        st.markdown(f"The model says: **{plain(ranked[0][0])}** ({ranked[0][1]:.1%})")
        bars = horizontal_bars([name for name, _ in ranked], [share for _, share in ranked], title="", percent=True)
        figure(bars, key="try-chart", alt="Probability of each class")
    st.page_link(
        pages.TOKENS, label="Open this model in Tokens", icon=":material/match_word:", query_params={"model": run.id}
    )


def show_run(run: Run, runs: list[Run]) -> None:
    status = run.status()
    st.subheader(plain(run.name), anchor=False)
    if status.is_active:
        watch(run)
        st.page_link(pages.FINE_TUNE, label="Stop it or start another", icon=":material/arrow_forward:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{badge(status.state)} {plain(f'{status.message} {status.remedy}')}")
        with st.popover("Delete this run", icon=":material/delete:", type="tertiary"):
            st.markdown("The model, its scores and its curves are removed from this machine.")
            st.button("Delete for good", on_click=delete_run, args=(run,))
    report = read_report(run)
    views = VIEWS if report.metrics else ("Curves", "Settings and log")
    view = st.segmented_control(
        "Show", views, default=views[0], required=True, key="part", label_visibility="collapsed", bind="query-params"
    )
    if view == "Scores":
        show_scores(report)
    elif view == "Curves":
        show_curves([run, *choose_others(run, runs)])
    elif view == "Mistakes":
        show_mistakes(run, report)
    elif view == "Try it":
        show_try(run, Plan.from_yaml(run.plan_text()).pair_column is not None)
    else:
        st.markdown("The plan: `python -m core.training plan.yaml` runs it again without the app.")
        st.code(run.plan_text(), language="yaml")
        st.markdown("The end of the log:")
        st.code(run.log_tail(60) or "Nothing was written.", language=None, wrap_lines=True)


st.title("Runs", anchor=False)
st.markdown("Everything that was trained here. Open one to see how well it does, and try it.")
runs = list_runs()
if not runs:
    st.info("Nothing was trained yet.")
    st.page_link(pages.FINE_TUNE, label="Train a first model", icon=":material/arrow_forward:")
    st.stop()
active_runs(title="Active now")
with problems_shown():
    show_overview(runs)
chosen = choose("Open a run", {run.id: run.name for run in runs}, key="run")
with problems_shown():
    show_run(next(run for run in runs if run.id == chosen), runs)
