"""The view of Fill the [MASK] that tells how surprised the model is by each word, and scores whole sentences."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.explore import examples
from core.explore.fill_mask.surprise import scored_positions, surprise
from core.explore.tokens import readable
from pages.components.token_strip.token_strip import Span, span, token_strip
from pages.explore.fill_mask.input import type_text
from pages.shared.export import csv_button
from pages.shared.models import example
from pages.shared.on_demand import last_of, on_demand
from pages.shared.tokenize_input import tokenize_input
from pages.shared.url_state import text_line

if TYPE_CHECKING:
    from core.explore.fill_mask.surprise import Surprise
    from core.models.loading import Model
    from pages.shared.on_demand import Progress

STRONG = 12.0  # bits from which on a token has the full colour: one in 4,096
MOST_TOLD = 14.0  # nats up to which “so many times likelier” is written out: about a million
UNASKED = 48  # passes up to which nobody has to ask


def show_surprise(model: Model) -> None:
    """Every token hidden in turn, and what the sentence scores as a whole."""
    text = type_text(model, examples.SURPRISING, examples.TEACHING_SURPRISING)
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    whole_words = left.toggle(
        "Hide the rest of a word, too",
        True,
        key="rest-of-word",
        bind="query-params",
        help="The end of a cut-up word gives its beginning away (Kauf & Ivanova 2023). Off: each token alone "
        "(Salazar et al. 2020).",
    )
    with right:
        other = text_line(
            "Compare with",
            key="other-text",
            example=example(model, examples.LESS_SURPRISING.text, examples.TEACHING_LESS_SURPRISING.text),
        )
    st.markdown(
        "Each word is hidden in turn, and the model bets on what it was. The stronger the colour, the less it had "
        "bet on what really stands there."
    )
    found = [_scored(model, each, whole_words, number) for number, each in enumerate((text, other)) if each.strip()]
    if not text.strip():
        st.info("Type a sentence to score.")
    if len(found) == 2 and None not in found and all(each.total for each in found):
        _compare(*found)


def _scored(model: Model, text: str, whole_words: bool, number: int) -> Surprise | None:
    """One text drawn by its surprise; None while nobody has asked for a long one."""
    tokens = tokenize_input(model, text, None)
    passes = len(scored_positions(model, tokens))

    def score(progress: Progress) -> tuple[Surprise, float]:
        start = time.perf_counter()
        last = last_of(surprise(model, tokens, whole_words=whole_words), lambda each: each.total, progress)
        return last, time.perf_counter() - start

    found = on_demand(
        f"score-{number + 1}",
        ("surprise", model.fingerprint, tokens, whole_words),
        score,
        button="Score this text",
        words=f"Takes {passes:,} forward passes, one for each hidden token; each reads all {len(tokens):,} tokens.",
        doing="Hiding tokens:",
        unasked=passes <= UNASKED,
    )
    if found is None:
        return None
    scored, seconds = found
    if not scored.total:
        st.info("This text holds nothing that could be hidden.")
        return scored
    with st.container(border=True):
        token_strip(
            _spans(model, scored),
            key=f"surprise-{number}",
            label="The text, coloured by surprise",
            hint="Point at a word for its surprise and what the model would rather have put.",
            file_name="surprise",
        )
        whole, each = round(scored.score, 1) + 0.0, round(scored.score / scored.total, 2) + 0.0  # no “-0.0”
        st.markdown(
            f"Score of the whole: **{whole}** nats (logarithms of probabilities, added up), {each} for each token. "
            f"That is as hard as choosing each token from **{scored.pseudo_perplexity:,.1f}** equally likely ones."
        )
        passes = "one forward pass" if scored.total == 1 else f"{scored.total:,} forward passes"
        st.caption(f"This took {passes} and {seconds:.2g} seconds.")
        csv_button("Tokens as CSV", _table(model, scored), f"surprise-{number + 1}")
    return scored


def _spans(model: Model, scored: Surprise) -> list[Span]:
    """The text as it stands, each word coloured by what its tokens add up to; those not known are only marked."""
    tokens, drawn, end = scored.tokens, [], 0
    units = [(*_reach(scored, numbers), scored.positions[numbers[0]], numbers) for numbers in scored.words]
    asked = set(scored.positions)
    for place, special in enumerate(tokens.is_special):
        if not special and place not in asked:
            units.append((*tokens.offsets[place], place, ()))
    for first, last, place, numbers in sorted(units):
        if first < end or first == last:
            continue
        drawn.append(span(tokens.text[end:first], "gap"))
        word = tokens.text[first:last]
        if numbers:
            weight = -min(sum(scored.bits[number] for number in numbers) / STRONG, 1.0)
            drawn.append(span(word, "token", note=_note(model, scored, word, numbers), index=place, weight=weight))
        else:
            note = f"{word}: the model does not know this, so it is not counted"
            drawn.append(span(word, "unknown", note=note, index=place))
        end = last
    return [*drawn, span(tokens.text[end:], "gap")]


def _reach(scored: Surprise, numbers: tuple[int, ...]) -> tuple[int, int]:
    """Where a word begins and ends in the text."""
    offsets = [scored.tokens.offsets[scored.positions[number]] for number in numbers]
    return min(first for first, _ in offsets), max(last for _, last in offsets)


def _note(model: Model, scored: Surprise, word: str, numbers: tuple[int, ...]) -> str:
    """The surprise of a word, and what the model would rather have put for each of its tokens."""
    parts = []
    for number in numbers:
        given, rather = scored.tokens.ids[scored.positions[number]], int(scored.likeliest[number])
        expected = "as expected" if rather == given else f"rather “{readable(model, rather)}”"
        parts.append((readable(model, given), scored.bits[number], expected))
    if len(parts) == 1:
        ((_, bits, expected),) = parts
        return f"{word}: {bits:.1f} bits, a probability of {2**-bits:.2%}; {expected}"
    listed = "; ".join(f"{token} {bits:.1f}, {expected}" for token, bits, expected in parts)
    return f"{word}: {sum(bits for _, bits, _ in parts):.1f} bits in {len(parts)} tokens: {listed}"


def _table(model: Model, scored: Surprise) -> pd.DataFrame:
    rows = zip(scored.positions, scored.log_probabilities.tolist(), scored.bits, scored.likeliest.tolist(), strict=True)
    return pd.DataFrame(
        [(place, scored.tokens.tokens[place], log, bits, readable(model, rather)) for place, log, bits, rather in rows],
        columns=["Position", "Token", "Log-probability (nats)", "Surprise (bits)", "Rather"],
    )


def rounded(number: float) -> str:
    """Three digits, without a power of ten.

    >>> rounded(2246.3), rounded(1.2345)
    ('2,250', '1.23')
    """
    short = float(f"{number:.3g}")
    return f"{short:,.0f}" if short >= 100 else f"{short:g}"


def _compare(first: Surprise, second: Surprise) -> None:
    """Which of two sentences the model finds likelier."""
    if first.score == second.score:
        st.markdown("The model finds both sentences equally likely.")
        return
    better, worse = ("first", "second") if first.score > second.score else ("second", "first")
    apart = abs(first.score - second.score)
    times = rounded(math.exp(apart)) if apart < MOST_TOLD else f"more than 10^{math.floor(apart / math.log(10))}"
    st.markdown(f"The model finds the **{better}** sentence likelier than the {worse}, {times} times by this score.")
    if first.total != second.total:
        st.caption("They differ in length, and each token lowers the sum: compare the scores for each token, too.")
