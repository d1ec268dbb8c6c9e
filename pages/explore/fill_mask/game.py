"""The view of Fill the [MASK] that is a game: guess the hidden word before BERT does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.charts.bars import horizontal_bars
from core.explore import examples
from core.explore.fill_mask.guessing_game import judge, sentence_rounds, text_rounds
from pages.explore.fill_mask.input import type_text
from pages.shared.export import csv_button, figure
from pages.shared.text import plain
from pages.shared.url_state import count_on, counter

if TYPE_CHECKING:
    from core.explore.fill_mask.guessing_game import Round, Verdict
    from core.models.loading import Model

SOURCES = ("The lab's sentences", "My text")
TRIES = (1, 3, 5, 10)
GAP = "_____"
GAME, ROUND, ORDER = "game", "round", "order"  # keys of the session's state; the last two stand in the address, too


def show_game(model: Model) -> None:
    """One round after the other, the score above."""
    st.markdown("One word is missing. Guess it, then see whether BERT would have known.")
    left, right = st.columns(2, vertical_alignment="bottom")
    source = left.segmented_control(
        "Sentences", SOURCES, default=SOURCES[0], required=True, key="game-source", bind="query-params"
    )
    tries = right.segmented_control(
        "BERT may try",
        TRIES,
        default=5,
        required=True,
        format_func=lambda each: "once" if each == 1 else f"{each} times",
        key="tries",
        bind="query-params",
        help="BERT has read far more than you but has never seen a cat: give it a few tries.",
    )
    text = type_text(model, examples.LEARNED_FROM, examples.TEACHING_WHOLE) if source == SOURCES[1] else None
    number, order = counter(ROUND), counter(ORDER)
    rounds = sentence_rounds(model, seed=order) if text is None else text_rounds(model, text, seed=order)
    played = rounds[(number - 1) % len(rounds)]
    guesses = st.session_state.setdefault(GAME, {})
    show_score(list(guesses.values()))
    sentence = plain(" ".join(played.text.split())).replace(plain(model.tokenizer.mask_token), GAP.replace("_", r"\_"))
    st.markdown(f"#### {sentence}")
    key = (model.fingerprint, played)
    if key not in guesses:
        guess = ask_for_guess(number)
        if guess is None:
            return
        guesses[key] = (guess, judge(model, played, guess, tries=tries))
        st.rerun()
    show_verdict(played, *guesses[key])
    if all((model.fingerprint, each) in guesses for each in rounds):
        st.markdown("That was the last sentence. “New game” shuffles them again.")
    else:
        st.button("Next sentence", type="primary", icon=":material/arrow_forward:", on_click=count_on, args=(ROUND,))
    table = pd.DataFrame(
        [
            (each.text, each.answer, guess, verdict.person_is_right, verdict.model_is_right, verdict.answer_rank)
            for (_, each), (guess, verdict) in guesses.items()
        ],
        columns=["Sentence", "Word", "Your guess", "You were right", "BERT was right", "BERT's place of the word"],
    )
    csv_button("All rounds as CSV", table, "game")


def ask_for_guess(number: int) -> str | None:
    """The field for a guess; None until it is sent."""
    with st.form(f"round-{number}", border=False):
        left, middle, right = st.columns([3, 1, 1], vertical_alignment="bottom")
        guess = left.text_input("Your guess", max_chars=60, placeholder="One word")
        sent = middle.form_submit_button("Guess", type="primary", width="stretch")
        passed = right.form_submit_button("I pass", width="stretch")
    if passed:
        return ""
    return guess.strip() or None if sent else None


def show_score(results: list[tuple[str, Verdict]]) -> None:
    """You and BERT, so far."""
    you = sum(verdict.person_is_right for _, verdict in results)
    bert = sum(verdict.model_is_right for _, verdict in results)
    with st.container(horizontal=True):
        st.metric("You", you, width=96)
        st.metric("BERT", bert, width=96)
        st.metric("Rounds", len(results), width=96)
        if results:
            st.button("New game", icon=":material/restart_alt:", type="tertiary", on_click=_new_game)


def show_verdict(played: Round, guess: str, verdict: Verdict) -> None:
    """The word, who found it, and what BERT thought."""
    you = "You passed" if not guess else f"You said “{plain(guess)}”"
    right = "right!" if verdict.person_is_right else "not the word that stood there."
    bert = "BERT found it" if verdict.model_is_right else "BERT did not find it"
    show = st.success if verdict.person_is_right else st.info
    show(f"The word was **{plain(played.answer)}**. {you}{': ' + right if guess else '.'} {bert}.")
    names, values = zip(*verdict.guesses, strict=True)
    bars = horizontal_bars(names, values, title="What BERT would have said", percent=True)
    figure(bars, key="game-guesses", alt=f"BERT's guesses: {', '.join(names)}")
    words = (
        f"BERT ranks “{plain(played.answer)}” at place {verdict.answer_rank:,}, with {verdict.answer_probability:.2%}."
    )
    if guess and not verdict.person_is_right and verdict.guess_probability is not None:
        words += f" It gives your “{plain(guess)}” {verdict.guess_probability:.2%}."
    st.caption(words)


def _new_game() -> None:
    """Nothing played yet, and the sentences in another order."""
    st.session_state[GAME] = {}
    st.session_state[ROUND] = "1"
    count_on(ORDER)
