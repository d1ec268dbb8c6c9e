"""The scores of a finished run: figures with their certainty beside what has to be beaten, then tables of its own."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.charts.confusion import confusion_matrix, true_against_predicted
from core.charts.score_names import score_of, written
from core.reports.compare import scored_rows
from core.reports.figures import Figure, figures_of
from core.reports.report import Report, task_of
from core.runs.folder import Run
from pages.shared.export import csv_button, figure
from pages.shared.text import counted, plain

CARD_WIDTH = 150  # px: five in a row at 1280
MOST_TABLED = 20
MOST_NAMED = 60  # labels of a confusion matrix that can still be read
KINDS = {"token-classification": "sentence", "question-answering": "question", "masked-language": "text"}
PER_UNIT = {"token": "Per tag", "entity": "Per kind of entity"}


def show_scores(run: Run, report: Report, runs: Sequence[Run]) -> None:
    """All scores of one run, and those of other runs of the same task."""
    figures = figures_of(report.task, report.metrics)
    kind = f"{report.metrics.get('split', 'held-out')} {KINDS.get(report.task, 'row')}"
    with st.container(horizontal=True):
        for each in figures:
            _card(each)
        _rows_card(report)
    for each in figures:
        if each.baseline is not None:
            st.markdown(in_words(each, plain(kind)))
    if (show := _PARTS.get(report.task)) is not None:
        show(run, report)
    _compare(run, runs, report.task)


def in_words(each: Figure, kind: str) -> str:
    """A score, how sure it is and whether it beats its baseline, as sentences in Markdown.

    >>> in_words(Figure("f1", 0.834, (0.815, 0.852), 0.5, "guessing"), "row")
    '**F1 0.834**, between 0.815 and 0.852 with 95% certainty, by resampling the rows. It beats guessing (0.500).'
    """
    words = f"**{score_of(each.name).title} {written(each.name, each.value)}**"
    if each.count is not None:
        right, rows = each.count
        words += f" ({right:,} of {counted(rows, kind)})"
    if each.interval is not None:
        low, high = (written(each.name, edge) for edge in each.interval)
        way = f"resampling the {kind}s" if each.count is None else "Wilson's interval for shares"
        words += f", between {low} and {high} with 95% certainty, by {way}"
    words += "."
    if each.is_unsure:
        words += f" How sure that is cannot be told: every resample of the {kind}s gives the same value."
    rival = f"{each.rival} ({written(each.name, each.baseline)})"
    if each.is_clear or (each.interval is None and not each.is_unsure and each.gain > 0):
        return f"{words} It beats {rival}."
    if each.gain > 0 and each.is_unsure:
        return f"{words} It is better than {rival} here."
    if each.gain > 0:
        return f"{words} :orange[That may be chance]: {rival} lies within these bounds."
    return f"{words} :red[It does not beat] {rival}."


def _card(each: Figure) -> None:
    score = score_of(each.name)
    bounds, help = None, score.meaning
    if each.interval is not None:
        bounds = " to ".join(written(each.name, edge) for edge in each.interval)
        way = "resampling the rows" if each.count is None else "Wilson's interval for shares"
        help += f" Below it the bounds between which it lies with 95% certainty, by {way}."
    elif each.is_unsure:
        bounds, help = "no interval", f"{help} Every resample of the rows gives the same, so there are no bounds."
    st.metric(
        score.title,
        written(each.name, each.value),
        bounds,
        delta_color="off",
        delta_arrow="off",
        help=help.strip() or None,
        width=CARD_WIDTH,
    )


def _rows_card(report: Report) -> None:
    scores, kind = report.metrics, KINDS.get(report.task, "row")
    split = plain(str(scores.get("split", "held-out")))
    st.metric(f"{kind.capitalize()}s", f"{scores.get('rows', 0):,}", help=f"Of the {split} split, never trained on.")


def _show_classes(run: Run, report: Report) -> None:
    """Each class on its own, and which are taken for which."""
    left, right = st.columns(2)
    with left:
        _matrix(report)
    with right:
        _per_class(report, "Per class")


def _show_labels(run: Run, report: Report) -> None:
    _per_class(report, "Per label")


def _show_tags(run: Run, report: Report) -> None:
    scores = report.metrics
    unit = "entity" if scores.get("unit") == "entity" else "token"
    words = f"{scores.get('tokens', 0):,} words. "
    words += (
        "Precision, recall and F1 count whole entities: kind, first and last word must be right."
        if unit == "entity"
        else "Precision, recall and F1 are those of the tags, averaged."
    )
    if cut := scores.get("cut_words"):
        words += f" {counted(cut, 'word')} did not fit into the length that is read, and count as answered with O."
    st.caption(words)
    left, right = st.columns(2)
    with left:
        _matrix(report)
    with right:
        _per_class(report, PER_UNIT[unit])


def _show_numbers(run: Run, report: Report) -> None:
    unit = next(iter(run.data().get("label_names", ())), "score")
    rows = report.predictions
    if rows:
        points = true_against_predicted(
            [row.score for row in rows], [row.predicted for row in rows], [row.text for row in rows], unit=str(unit)
        )
        figure(points, key="scatter", alt="Predicted against true numbers, one point a row")


def _show_answers(run: Run, report: Report) -> None:
    """All questions, and those with and without an answer apart."""
    parts = {"All": report.metrics, "With an answer": "answerable", "Without an answer": "unanswerable"}
    found = []
    for title, part in parts.items():
        scores = part if isinstance(part, dict) else report.metrics.get(part)
        if isinstance(scores, dict) and scores.get("rows"):
            found.append([title, scores["rows"], scores.get("exact_match"), scores.get("f1")])
    if len(found) > 1:
        table = pd.DataFrame(found, columns=["Questions", "Number", "Exact match", "F1"])
        digits = {
            "Exact match": st.column_config.NumberColumn(format="percent"),
            "F1": st.column_config.NumberColumn(format="%.3f"),
        }
        st.dataframe(table, hide_index=True, column_config=digits, alt="Questions with and without an answer")


def _show_language(run: Run, report: Report) -> None:
    scores = report.metrics
    words = f"{scores.get('masked_pieces', 0):,} pieces were hidden in these texts."
    if pairs := scores.get("next_sentence_pairs"):
        words += f" {counted(pairs, 'pair')} of sentences were judged, of which half do not belong together."
    st.caption(words)


_PARTS = {  # the accuracy of choices says it all
    "sequence-classification": _show_classes,
    "multi-label": _show_labels,
    "regression": _show_numbers,
    "token-classification": _show_tags,
    "question-answering": _show_answers,
    "masked-language": _show_language,
}


def _matrix(report: Report) -> None:
    if 0 < len(report.label_names) <= MOST_NAMED:
        unit = "words" if report.task == "token-classification" else "rows"
        matrix = confusion_matrix(report.confusion, report.label_names, unit=unit)
        figure(matrix, key="confusion", alt="Confusion matrix")
    elif report.label_names:
        st.caption(f"A confusion matrix of {len(report.label_names):,} labels would not be readable.")


def _per_class(report: Report, title: str) -> None:
    table = pd.DataFrame(report.metrics.get("per_class", ()))
    if table.empty:
        return
    st.markdown(f"**{title}**")
    table = _with_intervals(table)
    table.columns = [name[:1].upper() + name[1:] for name in table.columns]
    digits = {name: st.column_config.NumberColumn(format="%.3f") for name in ("Precision", "Recall", "F1")}
    help = "Between these bounds it lies with 95% certainty, by Wilson's interval for shares."
    digits |= {f"{name} 95%": st.column_config.Column(help=help) for name in ("Precision", "Recall")}
    st.dataframe(table, hide_index=True, column_config=digits, alt=f"Precision, recall and F1, {title.lower()}")
    csv_button(f"{title} as CSV", table, title.lower().replace(" ", "-"))


def _with_intervals(table: pd.DataFrame) -> pd.DataFrame:
    """The bounds of precision and recall beside them, as words; a label without any of its rows has none."""
    for name in ("precision", "recall"):
        if (own := f"{name}_interval") in table:
            bounds = [
                "" if edges is None else " to ".join(written(name, edge) for edge in edges) for edges in table.pop(own)
            ]
            table.insert(table.columns.get_loc(name) + 1, f"{name} 95%", bounds)
    return table


def _compare(run: Run, runs: Sequence[Run], task: str) -> None:
    """The figures of all finished runs of one task, this one first."""
    same = [other for other in runs if other.id != run.id and other.metrics() and task_of(other) == task]
    if not same:
        return
    st.markdown("**Beside other runs of this task**")
    own = scored_rows(run)
    rows = []
    for each in (run, *same[: MOST_TABLED - 1]):
        figures = {score_of(one.name).title: written(one.name, one.value) for one in figures_of(task, each.metrics())}
        is_same = each.id == run.id or (own is not None and scored_rows(each) == own)
        rows.append({"Run": each.name, **figures, "Same rows": is_same})
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={"Same rows": st.column_config.CheckboxColumn(help="Scored on the same rows of the same file")},
        alt="Scores of runs of the same task",
    )
    if not all(row["Same rows"] for row in rows):
        st.caption("Scores compare only where runs were scored on the same rows.")
