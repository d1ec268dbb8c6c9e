"""The view of the Attention page that asks which tokens an answer rests on: integrated gradients and occlusion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.errors import LabError, counted
from core.explore.answers import gives_distribution
from core.explore.attention.answer_names import likely_answers, masks
from core.explore.attention.attribution import FILLERS, integrated_gradients, occlusion
from core.explore.attention.selection import units
from pages.components.token_strip.token_strip import span, token_strip
from pages.shared.export import csv_button
from pages.shared.on_demand import last_of, on_demand
from pages.shared.text import plain, show_reason
from pages.shared.url_state import WHOLE_WORDS, choose_listed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from core.explore.attention.answer_names import NamedAnswer
    from core.explore.attention.attribution import Attribution, Occlusion
    from core.explore.attention.selection import Unit
    from core.explore.trace import Trace

GRADIENTS, OCCLUSION = "Integrated gradients", "Occlusion"
STEPS = (12, 16, 32, 64, 128, 256)  # with 12, the gap of 9 in 10 everyday sentences is below 4 %
FILLER_TITLES = {"pad": "[PAD]", "mask": "[MASK]", "zero": "zeros"}
NAMED = 3  # of the strongest tokens, for or against, that are written out
EXACT = 5e-5  # a gap that four decimals do not show
LONG = 128  # tokens from which on nothing is computed unasked


def show_attribution(t: Trace) -> None:
    """One answer, and how much each token speaks for it, beside where its position looks."""
    try:
        answers = offered(t)
    except LabError as problem:
        show_reason(problem)
        return
    st.markdown("Which tokens does the answer rest on? :blue[Blue] ones speak for it, :orange[orange] ones against it.")
    left, middle, right = st.columns(3)
    with left:
        names = {f"{answer.target.position}.{answer.target.choice}": _title(t, answer) for answer in answers}
        answer = answers[list(names).index(choose_listed("Answer", names, key="explained"))]
    with middle:
        method = st.segmented_control(
            "Method",
            (GRADIENTS, OCCLUSION),
            default=GRADIENTS,
            required=True,
            key="method",
            bind="query-params",
            wrap=True,
            help="Integrated gradients adds up how the answer moves while the text's vectors grow, step by step, from "
            "a baseline to what they are. Occlusion takes each token away in turn.",
        )
    fillers = [each for each in FILLERS if each == "zero" or _has_token(t, each)]
    with right:
        filler = st.selectbox(
            "A token taken away becomes",
            fillers,
            fillers.index("mask") if "mask" in fillers else 0,
            format_func=FILLER_TITLES.get,
            key="filler",
            bind="query-params",
            help="The baseline: what replaces a token that is taken away. Another baseline gives other numbers.",
        )
    try:
        show_gradients(t, answer, filler) if method == GRADIENTS else show_occlusion(t, answer, filler)
    except LabError as problem:
        show_reason(problem)


def offered(t: Trace) -> list[NamedAnswer]:
    """The likely answers: at the chosen mask where there are several, or the classes. Raises `LabError`."""
    places = masks(t.model, t.tokens)
    place = None
    if len(places) > 1:
        numbers = {str(number): str(number) for number in range(1, len(places) + 1)}
        place = places[int(choose_listed("Mask", numbers, key="explained-mask", width=160)) - 1]
    return likely_answers(t.model, t.tokens, place=place)


def computed(t: Trace, name: str, key: tuple, work: Callable, doing: str) -> Attribution | Occlusion | None:
    """A result; of short texts computed at once, of long ones when asked."""
    is_long = len(t.tokens) > LONG
    return on_demand(
        name,
        (name, t.model.fingerprint, t.tokens, *key),
        work,
        button="Compute",
        icon=":material/calculate:",
        words=f"The text has {counted(len(t.tokens), 'token')}{': this takes a while' if is_long else ''}.",
        doing=doing,
        unasked=not is_long,
    )


def show_gradients(t: Trace, answer: NamedAnswer, filler: str) -> None:
    """Integrated gradients, with what they should add up to."""
    steps = st.select_slider("Steps from baseline to text", STEPS, key="steps", bind="query-params", width=360)
    found: Attribution | None = computed(
        t,
        "gradients",
        (answer.target, filler, steps),
        lambda progress: integrated_gradients(
            t,
            answer.target,
            baseline=filler,
            steps=steps,
            value="log-probability" if gives_distribution(t.model) else "logit",
            on_progress=lambda done: progress(min(done, steps), steps),
        ),
        "Steps from baseline to text:",
    )
    if found is None:
        return
    scores = dict(zip(units(t.tokens), found.scores.tolist(), strict=True))
    show_scores(t, answer, scores, f"Adds to the {found.value}")
    st.markdown(
        f"The {found.value} of “{plain(answer.name)}” is **{found.at_input:.4f}** for the text and "
        f"**{found.at_baseline:.4f}** for the baseline, where every ordinary token is {FILLER_TITLES[filler]}: a "
        f"difference of {found.difference:+.4f}. The tokens add up to {found.scores.sum():+.4f}, {completeness(found)} "
        "(the completeness gap)."
    )
    if abs(found.gap) > 0.05 * max(abs(found.difference), 0.1):
        st.caption("That is a large gap: take more steps before you trust the colours.")
    st.caption("Special tokens are the same in text and baseline, so they have no colour.")


def completeness(found: Attribution) -> str:
    """By how much the scores miss the difference, and to which side of it."""
    size = f"**{abs(found.gap):.2g}**"
    if abs(found.gap) < EXACT:
        return f"the same but for {size}"
    if not found.difference:
        return f"{size} off"
    return f"{size} too much" if found.is_too_much else f"so {size} is missing"


def show_occlusion(t: Trace, answer: NamedAnswer, filler: str) -> None:
    """By how much the probability falls without each token."""
    whole_words = st.toggle("Whole words", key=WHOLE_WORDS, bind="query-params")
    found: Occlusion | None = computed(
        t,
        "occluded",
        (answer.target, filler, whole_words),
        lambda progress: last_of(
            occlusion(t, answer.target, filler=filler, whole_words=whole_words),
            lambda each: len(each.units),
            progress,
        ),
        "Taking away tokens:",
    )
    if found is None:
        return
    if not found.units:
        st.info("The text has no other token to take away.")
        return
    scores = dict(zip(found.units, found.drops.tolist(), strict=True))
    show_scores(t, answer, scores, "Falls by, when taken away", whole_words=whole_words)
    st.markdown(
        f"“{plain(answer.name)}” has a probability of **{found.probability:.2%}**. A token's number is by how much it "
        f"falls when that token becomes {FILLER_TITLES[filler]}; below zero where it rises."
    )


def show_scores(
    t: Trace, answer: NamedAnswer, scores: Mapping[Unit, float], title: str, *, whole_words: bool = False
) -> None:
    """The text coloured by the scores, and beside it by where the answer's position looks."""
    drawn = units(t.tokens, whole_words=whole_words)
    position = answer.target.position or 0
    looks = t[f"layer.{t.layers - 1}.probabilities"][:, position].mean(0).tolist()  # (key)
    attention = {unit: sum(looks[place] for place in unit.positions) for unit in drawn}
    where = f"Attention of {t.tokens.tokens[position]}, last layer, mean of heads"
    notes = {unit: f"{unit.label}: {_signed(scores.get(unit))}, attention {attention[unit]:.2%}" for unit in drawn}
    left, right = st.columns(2)
    with left:
        _coloured(f"{title}, for “{answer.name}”", scores, notes, "attribution")
    with right:
        _coloured(where, attention, notes, "attribution-attention")
    strongest = sorted(scores, key=lambda unit: -abs(scores[unit]))[:NAMED]
    st.markdown(f"Strongest: {', '.join(f'**{plain(each.label)}** {_signed(scores[each])}' for each in strongest)}.")
    rows = [(unit.positions[0], unit.label, scores.get(unit), attention[unit]) for unit in drawn]
    table = pd.DataFrame(rows, columns=["position", "token", "score", "attention"])
    csv_button("Scores as CSV", table, "what-the-answer-rests-on")


def _coloured(title: str, values: Mapping[Unit, float], notes: Mapping[Unit, str], name: str) -> None:
    """All units that have a note, each as strongly coloured as its value, against the strongest."""
    most = max(map(abs, values.values())) or 1.0
    spans = []
    for unit, note in notes.items():
        kind = "special" if unit.is_special else "token"
        weight = values.get(unit, 0.0) / most
        spans += span(unit.label, kind, note=note, index=unit.positions[0], weight=weight), span(" ", "gap")
    st.markdown(f"**{plain(title)}**")
    token_strip(spans, key=name, label=title, hint="Point at a token for its numbers.", file_name=name)


def _signed(score: float | None) -> str:
    """A score as people read it; a token that was not taken away has none."""
    if score is None:
        return "not taken away"
    return f"{score:+.4f}" if abs(score) >= EXACT else "0.0000"


def _title(t: Trace, answer: NamedAnswer) -> str:
    value = f"{answer.value:.1%}" if gives_distribution(t.model) else f"logit {answer.value:.3f}"
    return f"{answer.name} ({value})"


def _has_token(t: Trace, filler: str) -> bool:
    tokenizer = t.model.tokenizer
    return (tokenizer.pad_token_id if filler == "pad" else tokenizer.mask_token_id) is not None
