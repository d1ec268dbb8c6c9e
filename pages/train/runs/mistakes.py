"""The mistakes of a finished run, the worst first: as a table, or with the words marked where they stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.charts.score_names import written
from core.inference.spans import answer_spans, around, cut_at
from core.reports.report import Report, export_predictions
from core.reports.scored_rows import AnswerRow, ChoiceRow, LabelRow, LabelsRow, LanguageRow, ScoreRow, TagsRow
from core.runs.folder import Run
from core.training.scores.tagging import stretches_of
from pages.components.marked_text.marked_text import Block, Line, Stretch, colours_of, marked, stretch
from pages.shared.export import csv_button
from pages.shared.text import counted

MOST_TABLED = 200
MOST_MARKED = 20
ROOM = 400  # characters shown on either side of answers in a long passage
RIGHT, SAID = "right", "model"
INTROS = {
    "sequence-classification": "{wrong} of {rows} are wrong, the surest mistakes first.",
    "multi-label": "{wrong} of {rows} have a wrong or a missing label, those with the most first.",
    "regression": "The largest distance between true and predicted first.",
    "token-classification": "{wrong} of {rows} have a wrong tag, those with the most wrong {unit} first.",
    "question-answering": "{wrong} of {rows} are not answered as expected, the lowest F1 first, of these the surest.",
    "multiple-choice": "{wrong} of {rows} are wrong, the surest mistakes first.",
    "masked-language": "The texts whose hidden pieces surprised the model most come first.",
}
NOUNS = {"token-classification": "sentence", "question-answering": "question"}


def show_mistakes(run: Run, report: Report) -> None:
    """What went wrong, and all predictions to take home."""
    if not report.predictions:
        st.info("There are no scored rows in the folder of this run (any more).")
        return
    mistakes = report.mistakes
    rows = counted(len(report.predictions), NOUNS.get(report.task, "row"))
    unit = "entities" if report.metrics.get("unit") == "entity" else "tags"
    intro = INTROS.get(report.task, INTROS["sequence-classification"]) if mistakes else "Nothing is wrong in {rows}."
    st.markdown(f"**{intro.format(wrong=f'{len(mistakes):,}', rows=rows, unit=unit)}**")
    if report.task == "token-classification":
        colours = _kinds(mistakes)
        _show_marked(mistakes, [_tags(row, colours) for row in mistakes[:MOST_MARKED]])
    elif report.task == "question-answering":
        st.caption("In the passage, the right answer is green; what the model said beside it is orange.")
        _show_marked(mistakes, [_answers(row) for row in mistakes[:MOST_MARKED]])
    elif mistakes:
        _table(mistakes, _CELLS.get(report.task, _label))
    csv_button("All predictions as CSV", lambda: export_predictions(run), "predictions")
    st.caption("The CSV counts rows from 0, as all files of a run do.")


def _table(mistakes: Sequence[Any], cells: Callable[[Any], dict[str, Any]]) -> None:
    """Cells are drawn on a canvas, where no markup is read. On screen the first row is row 1."""
    numbers = ("True", "Predicted", "Distance", "Loss") if cells in (_score, _language) else ()
    table = pd.DataFrame([{"Row": row.row + 1, "Text": row.text, **cells(row)} for row in mistakes[:MOST_TABLED]])
    st.dataframe(
        table.dropna(axis="columns", how="all"),
        hide_index=True,
        column_config={"Probability": st.column_config.NumberColumn(format="percent")}
        | {name: st.column_config.NumberColumn(format="%.4g") for name in numbers},
        alt="Mistakes, the worst first",
    )
    _say_more(len(mistakes), MOST_TABLED)


def _show_marked(mistakes: Sequence[Any], blocks: Sequence[Block]) -> None:
    marked(blocks, key="mistakes", label="Mistakes, the worst first")
    _say_more(len(mistakes), MOST_MARKED)


def _say_more(count: int, shown: int) -> None:
    if count > shown:
        st.caption(f"The worst {shown:,} of {count:,}; the CSV has every row.")


def _label(row: LabelRow) -> dict[str, Any]:
    return {
        "Second text": row.pair,
        "Label": row.label,
        "Predicted": row.predicted,
        "Probability": row.probability,
    }


def _labels(row: LabelsRow) -> dict[str, Any]:
    return {
        "Second text": row.pair,
        "Missed": ", ".join(row.missed),
        "Wrongly given": ", ".join(row.invented),
        "Right": ", ".join(label for label in row.labels if label in row.predicted),
    }


def _score(row: ScoreRow) -> dict[str, Any]:
    return {"Second text": row.pair, "True": row.score, "Predicted": row.predicted, "Distance": row.distance}


def _choice(row: ChoiceRow) -> dict[str, Any]:
    return {
        "Question": row.pair,
        "Right": row.label,
        "Predicted": row.predicted,
        "Probability": row.probability,
        **{f"Choice {number}": text for number, text in enumerate(row.choices, 1)},
    }


def _language(row: LanguageRow) -> dict[str, Any]:
    return {"Hidden": row.hidden, "Found": row.found, "Loss": row.loss}


_CELLS = {
    "sequence-classification": _label,
    "multi-label": _labels,
    "regression": _score,
    "multiple-choice": _choice,
    "masked-language": _language,
}


def _kinds(rows: Sequence[TagsRow]) -> dict[str, str]:
    """A colour for each kind of entity, or tag."""
    every = [stretches_of(tags, row.unit) for row in rows for tags in (row.tags, row.predicted)]
    return colours_of(sorted({kind for found in every for kind, *_ in found}))


def _tags(row: TagsRow, colours: dict[str, str]) -> Block:
    """The sentence twice: as it should be, and as the model has it, with what differs underlined."""
    true, predicted = (stretches_of(tags, row.unit) for tags in (row.tags, row.predicted))
    noun = "wrong or missing" if row.unit == "entity" else "wrong"
    count = row.wrong_count if row.unit == "entity" else row.wrong_count // 2
    return Block(
        title=f"Row {row.row + 1:,}: {count} {noun}",
        lines=[
            Line(title="True", stretches=_tagged(row, true, set(predicted), colours)),
            Line(title="Predicted", stretches=_tagged(row, predicted, set(true), colours)),
        ],
    )


def _tagged(row: TagsRow, found: Sequence[tuple], others: set[tuple], colours: dict[str, str]) -> list[Stretch]:
    """Entities are all marked; of single tags, so many that colour would say nothing, only those that differ."""
    drawn, next_word = [], 0
    for kind, first, last in found:
        is_wrong = (kind, first, last) not in others
        if row.unit == "token" and not is_wrong:
            continue
        drawn.append(stretch(" ".join([*row.words[next_word:first], ""])))
        drawn.append(stretch(" ".join(row.words[first : last + 1]), colours[kind], kind, is_wrong=is_wrong))
        drawn.append(stretch(" "))
        next_word = last + 1
    return [*drawn, stretch(" ".join(row.words[next_word:]))]


def _answers(row: AnswerRow) -> Block:
    """The question, and the passage with both answers in it."""
    spans = answer_spans(row.pair or "", row.answers, row.predicted, row.start, right=RIGHT, said=SAID)
    passage, moved = around(row.pair or "", spans, ROOM)
    right = " / ".join(f"“{answer}”" for answer in dict.fromkeys(row.answers)) or "no answer"
    said = f"“{row.predicted}”" if row.predicted else "no answer"
    stretches = [_answer_stretch(part.text, part.names) for part in cut_at(passage, moved)]
    return Block(
        title=f"Row {row.row + 1:,}: {row.text}",
        lines=[
            Line(title="Right", stretches=[stretch(right)]),
            Line(title="Model", stretches=[stretch(f"{said}, F1 {written('f1', row.f1)}, {row.probability:.1%} sure")]),
            Line(title="Passage", stretches=stretches),
        ],
    )


def _answer_stretch(text: str, names: Sequence[str]) -> Stretch:
    if not names:
        return stretch(text)
    return stretch(text, "green" if RIGHT in names else "orange", is_wrong=RIGHT not in names)
