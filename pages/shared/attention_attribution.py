"""The view of the Attention page that asks which tokens an answer rests on: integrated gradients and occlusion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.charts.bars import horizontal_bars
from core.charts.signed_bars import signed_bars
from core.errors import LabError
from core.explore.answer_names import likely_answers, masks
from core.explore.answers import gives_distribution
from core.explore.attention_summaries import mean_over_heads
from core.explore.attribution import FILLERS, integrated_gradients, occlusion
from core.explore.embeddings_map import fingerprint
from pages.shared.attention_choices import choose_listed, say
from pages.shared.export import csv_button, figure
from pages.shared.on_demand import last_of, on_demand
from pages.shared.text import counted, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.explore.answer_names import NamedAnswer
    from core.explore.attribution import Attribution, Occlusion
    from core.explore.trace import Trace

GRADIENTS, OCCLUSION = "Integrated gradients", "Occlusion"
STEPS = (16, 32, 64, 128, 256)
FILLER_TITLES = {"pad": "[PAD]", "mask": "[MASK]", "zero": "zeros"}
MOST_BARS = 30
LONG = 128  # tokens from which on nothing is computed unasked


def show_attribution(t: Trace) -> None:
    """One answer, and how much each token speaks for it, beside where its position looks."""
    try:
        answers = offered(t)
    except LabError as problem:
        say(problem)
        return
    st.markdown("Which tokens does the answer rest on? Bars to the right speak for it, bars to the left against it.")
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
            help="The baseline: what stands where there is nothing. Another one gives other bars.",
        )
    try:
        show_gradients(t, answer, filler) if method == GRADIENTS else show_occlusion(t, answer, filler)
    except LabError as problem:
        say(problem)


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
        (name, fingerprint(t.model), t.tokens, *key),
        work,
        button="Compute",
        icon=":material/calculate:",
        words=f"The text has {counted(len(t.tokens), 'token')}{': this takes a while' if is_long else ''}.",
        doing=doing,
        unasked=not is_long,
    )


def show_gradients(t: Trace, answer: NamedAnswer, filler: str) -> None:
    """Integrated gradients, with what they should add up to."""
    steps = st.select_slider("Steps from baseline to text", STEPS, 16, key="steps", bind="query-params", width=360)
    found: Attribution | None = computed(
        t,
        "gradients",
        (answer.target, filler, steps),
        lambda progress: integrated_gradients(
            t.model,
            t.tokens,
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
    scores = found.scores.tolist()
    show_bars(t, answer, list(t.tokens.pieces), list(range(len(scores))), scores, f"Adds to the {found.value}")
    st.markdown(
        f"The {found.value} of “{plain(answer.name)}” is **{found.at_input:.4f}** for the text and "
        f"**{found.at_baseline:.4f}** for the baseline, where every ordinary token is {FILLER_TITLES[filler]}: a "
        f"difference of {found.at_input - found.at_baseline:+.4f}. The bars add up to {sum(scores):+.4f}, so "
        f"**{found.gap:.2g}** is missing (the completeness gap)."
    )
    if found.gap > 0.05 * max(abs(found.at_input - found.at_baseline), 0.1):
        st.caption("That is much: take more steps before you trust the bars.")
    st.caption("Special tokens stand in text and baseline alike, so they have no bar.")


def show_occlusion(t: Trace, answer: NamedAnswer, filler: str) -> None:
    """By how much the probability falls without each token."""
    whole_words = st.toggle("Whole words", key="whole-words", bind="query-params")
    found: Occlusion | None = computed(
        t,
        "occluded",
        (answer.target, filler, whole_words),
        lambda progress: last_of(
            occlusion(t.model, t.tokens, answer.target, filler=filler, whole_words=whole_words),
            lambda each: len(each.units),
            progress,
        ),
        "Taking away tokens:",
    )
    if found is None:
        return
    if not found.units:
        st.info("The text holds no other token that could be taken away.")
        return
    places = [unit.positions[0] for unit in found.units]
    names = [unit.label for unit in found.units]
    show_bars(t, answer, names, places, found.drops.tolist(), "Falls by, when taken away")
    st.markdown(
        f"“{plain(answer.name)}” has a probability of **{found.probability:.2%}**. Each bar is by how much it falls "
        f"when that token becomes {FILLER_TITLES[filler]}; to the left where it rises."
    )


def show_bars(
    t: Trace, answer: NamedAnswer, names: list[str], places: list[int], scores: list[float], title: str
) -> None:
    """The scores in the order of the text, and beside them where the answer's position looks."""
    special = [t.tokens.is_special[place] for place in places]
    ranked = sorted(range(len(names)), key=lambda each: (special[each], -abs(scores[each])))
    drawn = sorted(each for each in ranked[:MOST_BARS] if not special[each] or scores[each])
    position = answer.target.position or 0
    attention = mean_over_heads(t)[-1, position].tolist()
    left, right = st.columns(2)
    with left:
        chart = signed_bars([names[each] for each in drawn], [scores[each] for each in drawn], title=title)
        best = names[max(range(len(names)), key=scores.__getitem__)]
        figure(chart, key="attribution", alt=f"{title}, by token, for “{answer.name}”; most: {best}")
    with right:
        where = f"Attention of {t.tokens.pieces[position]}, last layer, mean of heads"
        shares = [attention[places[each]] for each in drawn]
        chart = horizontal_bars([names[each] for each in drawn], shares, title=where, percent=True)
        figure(chart, key="attribution-attention", alt=f"{where}, by token")
    if len(drawn) < sum(not each for each in special):
        st.caption(f"The {len(drawn)} strongest are drawn, in the order of the text; all are in the CSV.")
    table = pd.DataFrame({"position": places, "token": names, "score": scores})
    table["attention"] = [attention[place] for place in places]
    csv_button("Scores as CSV", table, "what-the-answer-rests-on")


def _title(t: Trace, answer: NamedAnswer) -> str:
    value = f"{answer.value:.1%}" if gives_distribution(t.model) else f"logit {answer.value:.3f}"
    return f"{answer.name} ({value})"


def _has_token(t: Trace, filler: str) -> bool:
    tokenizer = t.model.tokenizer
    return (tokenizer.pad_token_id if filler == "pad" else tokenizer.mask_token_id) is not None
