"""Trying a run's model on texts of one's own, in the form of its task."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from core.charts.bars import horizontal_bars
from core.runs.folder import Run
from pages.shared import navigation
from pages.shared.export import figure
from pages.shared.text import plain
from pages.shared.url_state import LONGEST_IN_URL
from pages.train.runs.try_input import WAIT, ask_texts, model_of, say_cut
from pages.train.runs.try_marked import try_answer, try_tags

if TYPE_CHECKING:
    from core.data.column_mapping import ColumnMapping

MOST_BARS = 20
MOST_GUESSES = 5  # for each mask, and masks


def show_try(run: Run, mapping: ColumnMapping) -> None:
    """The fields that the task asks for, and below what the model makes of them. `mapping` is that of the training."""
    _TRY[mapping.task](run, mapping)
    if mapping.task != "masked-language":
        st.page_link(
            navigation.TOKENS,
            label="Open this model in Tokens",
            icon=":material/match_word:",
            query_params={"model": run.id},
        )


def _try_label(run: Run, mapping: ColumnMapping) -> None:
    from core.inference.predict import predict

    if (texts := ask_texts(mapping)) is None:
        return
    model = model_of(run)
    answer = predict(model, *texts)
    shares = answer.probabilities[0].tolist()
    st.markdown(f"The model says: **{plain(answer.labels[0])}** ({max(shares):.1%})")
    _bars(list(model.labels), shares, "Probability of each class")
    say_cut(model, answer.cut_count)


def _try_labels(run: Run, mapping: ColumnMapping) -> None:
    from core.inference.predict import predict_labels

    if (texts := ask_texts(mapping)) is None:
        return
    model = model_of(run)
    answer = predict_labels(model, *texts)
    said = ", ".join(f"**{plain(label)}**" for label in answer.labels[0]) or "**none of the labels**"
    st.markdown(f"The model says: {said}. A label is given where its probability is above {answer.threshold:.0%}.")
    _bars(list(answer.label_names), answer.probabilities[0].tolist(), "Probability of each label")
    say_cut(model, answer.cut_count)


def _try_score(run: Run, mapping: ColumnMapping) -> None:
    from core.inference.predict import predict_scores

    if (texts := ask_texts(mapping)) is None:
        return
    model = model_of(run)
    answer = predict_scores(model, *texts)
    st.metric(
        plain(mapping["score"]), f"{answer.values[0]:.4g}", help="In the unit of this column of the training data."
    )
    say_cut(model, answer.cut_count)


def _try_choice(run: Run, mapping: ColumnMapping) -> None:
    from core.inference.choose import choose

    has_question = mapping["question"] is not None
    beginning = st.text_area("Beginning", key="try", height=80, placeholder="What all choices continue or answer")
    question = st.text_input("Question", key="try-question") if has_question else ""
    lines = st.text_area("Choices, one a line", key="try-choices", height=120, placeholder="Two lines or more")
    choices = [line.strip() for line in lines.splitlines() if line.strip()]
    if not beginning.strip() or len(choices) < 2 or (has_question and not question.strip()):
        st.info(f"Type a beginning{', a question' * has_question} and two choices or more {WAIT}")
        return
    model = model_of(run)
    answer = choose(model, [beginning], [choices], [question] if has_question else None)
    shares = answer.probabilities[0].tolist()
    best = answer.numbers[0]
    st.markdown(f"The model chooses: **{plain(choices[best])}** ({shares[best]:.1%})")
    _bars(choices, shares, "Probability of each choice")
    say_cut(model, answer.cut_count)


def _try_masks(run: Run, mapping: ColumnMapping) -> None:
    text = st.text_area("A text with [MASK]", key="try", height=80, placeholder="Write [MASK] where a word is missing")
    query = {"model": run.id}
    if text.strip() and len(text) <= LONGEST_IN_URL:
        query["sentence"] = text
    st.page_link(
        navigation.FILL_MASK,
        label="Fill the [MASK] with this model",
        icon=":material/edit_note:",
        query_params=query,
    )
    if not text.strip():
        st.info(f"Type a text, write [MASK] where a word is missing, {WAIT}")
        return
    model = model_of(run)  # loads what the next line needs

    from core.explore.fill_mask.fill_mask import fill_mask

    for place, guesses in enumerate(fill_mask(model, text, top_k=MOST_GUESSES)[:MOST_GUESSES], 1):
        names, shares = zip(*guesses, strict=True)
        bars = horizontal_bars(names, shares, title=f"Mask {place}", percent=True)
        figure(bars, key=f"try-mask-{place}", alt=f"What stands at mask {place}: {', '.join(names)}")


_TRY: dict[str, Callable[[Run, ColumnMapping], None]] = {
    "sequence-classification": _try_label,
    "multi-label": _try_labels,
    "regression": _try_score,
    "token-classification": try_tags,
    "question-answering": try_answer,
    "multiple-choice": _try_choice,
    "masked-language": _try_masks,
}


def _bars(names: list[str], shares: list[float], alt: str) -> None:
    """The likeliest first, so many as can be looked at."""
    ranked = sorted(zip(names, shares, strict=True), key=lambda entry: -entry[1])[:MOST_BARS]
    bars = horizontal_bars([name for name, _ in ranked], [share for _, share in ranked], title="", percent=True)
    figure(bars, key="try-chart", alt=alt)
