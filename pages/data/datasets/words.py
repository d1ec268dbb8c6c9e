"""Views of a data set's words: lengths by label against the limits, typical words, scripts, and what is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from core.charts.bars import horizontal_bars, length_boxes, length_histogram
from core.data.quality import lengths as measuring
from core.data.quality.coverage import coverage
from core.data.quality.kinds import kinds_of
from core.data.quality.profile import LIMITS, measure_tokens
from core.data.quality.scripts import script_mix
from core.data.quality.typical import typical_words
from core.errors import counted
from pages.shared.export import csv_button, figure
from pages.shared.models import open_model
from pages.shared.on_demand import by_share, on_demand
from pages.shared.text import plain
from pages.shared.url_state import choose

if TYPE_CHECKING:
    from core.data.dataset.dataset import Dataset
    from core.data.quality.coverage import Coverage
    from core.data.quality.profile import Profile
    from pages.shared.on_demand import Progress

# The key of the session state, and of the address.
UNIT = "length-unit"
MODEL = "builtin"  # whose tokenizer counts
UNASKED_ROWS = 5_000
SHOWN_SCRIPTS = 10
KIND_TITLES = {
    "numbers": "only a number",
    "dates": "only a date",
    "addresses": "only an address (URL, e-mail)",
    "placeholders": "only a word for nothing, such as NA",
    "wordless": "only signs or emoji",
}


def show_lengths(key: tuple, dataset: Dataset, profile: Profile) -> None:
    """Boxes and a histogram, in words, or in tokens when somebody counts them."""
    st.markdown(
        "BERT reads at most 512 tokens at once, and shorter limits train faster. "
        "Count tokens to see what a limit would cut off."
    )
    if st.query_params.get(UNIT) == "pieces":  # an address of earlier days
        st.query_params[UNIT] = st.session_state[UNIT] = "tokens"
    unit = st.segmented_control(
        "Count", ("words", "tokens"), default="words", required=True, key=UNIT, bind="query-params"
    )
    lengths = profile.word_lengths if unit == "words" else tokens_of(key, dataset)
    if lengths is None:
        return
    labels, names = dataset.labels.array, dataset.label_names
    found = measuring.lengths_by_label(lengths, labels, names)
    left, right = st.columns(2)
    with left:
        shown = sorted(found[1:], key=lambda each: -each.rows)[: measuring.MOST_LABELS] or found
        boxes = [(e.shortest, e.lower_quartile, e.median, e.upper_quartile, e.p95) for e in shown]
        chart = length_boxes([each.name or "all rows" for each in shown], boxes, unit=unit)
        figure(chart, key="length-boxes", alt=f"Length in {unit} by label; the median of all is {found[0].median:g}")
    with right:
        bins = measuring.length_histogram(lengths, labels, names)
        limits = LIMITS if unit == "tokens" else ()
        chart = length_histogram(bins.edges.tolist(), bins.counts, unit=unit, limits=limits)
        figure(chart, key="length-histogram", alt=f"Histogram of lengths in {unit}")
    everything = found[0]
    summary = {
        "Shortest": everything.shortest,
        "Half are at most": everything.median,
        "95 % at most": everything.p95,
        "Longest": everything.longest,
    }
    with st.container(horizontal=True):
        for title, value in summary.items():
            st.metric(f"{title} ({unit})", f"{value:,.0f}", width=170)
        if unit == "tokens":
            for limit, share in everything.share_over.items():
                st.metric(f"Cut at {limit}", f"{share:.1%}", width=120, help="Share of rows that would be cut short")
    table = pd.DataFrame(
        [
            (
                each.name or "all rows", each.rows, each.mean, each.shortest, each.lower_quartile, each.median,
                each.upper_quartile, each.p95, each.longest, *each.share_over.values(),
            )
            for each in found
        ],
        columns=[
            "Label", "Rows", "Mean", "Shortest", "25 %", "Median", "75 %", "95 %", "Longest",
            *(f"Over {limit}" for limit in LIMITS),
        ],
    )  # fmt: skip
    with st.expander("All numbers"):
        st.dataframe(table, hide_index=True, alt=f"Lengths in {unit} by label")
        csv_button("Lengths as CSV", table, "lengths")


def tokens_of(key: tuple, dataset: Dataset) -> np.ndarray | None:
    """The tokens of each example by the built-in tokenizer, (example,); None until somebody asks."""

    def count(progress: Progress) -> np.ndarray:
        from core.explore.tokens import count_tokens

        model = open_model(MODEL)
        return measure_tokens(
            dataset,
            lambda texts, pairs: count_tokens(model, texts, pairs),
            on_progress=by_share(progress, len(dataset)),
        )

    return on_demand(
        "tokens",
        ("tokens", *key),
        count,
        button="Count tokens",
        words=f"Cuts {counted(len(dataset), 'row')} with the built-in tokenizer.",
        doing="Counting tokens:",
        unasked=len(dataset) <= UNASKED_ROWS,
    )


def show_typical(key: tuple, dataset: Dataset) -> None:
    """For a label, the words that set it apart."""
    st.markdown(
        "Which words give a label away? They stand under it far more often than chance and the other labels explain."
    )
    rows = len(dataset)
    found = on_demand(
        "typical",
        ("typical", *key),
        lambda progress: typical_words(dataset, on_progress=by_share(progress, rows)),
        button="Count words",
        words=f"Counts every word of {counted(rows, 'row')}.",
        doing="Counting words:",
        unasked=rows <= UNASKED_ROWS,
    )
    if found is None:
        return
    label = choose("Label", {name: name for name in found.by_label}, key="typical-label", follows=True)
    words = found.by_label[label]
    if not words:
        st.info("No word is typical of this label.")
    else:
        chart = horizontal_bars([each.word for each in words], [each.z for each in words], title="z-score", digits=1)
        alt = f"Typical of {label}: {', '.join(each.word for each in words[:5])}"
        figure(chart, key="typical-words", alt=alt)
    st.caption(
        "Log-odds with an informative Dirichlet prior (Monroe et al. 2008): a z-score above 2 is hardly chance. "
        "Texts without spaces between words, such as Chinese, are counted by pairs of characters."
    )
    table = pd.DataFrame(
        [(name, each.word, each.z, each.count, each.others) for name, own in found.by_label.items() for each in own],
        columns=["Label", "Word", "z", "Times under it", "Times elsewhere"],
    )
    csv_button("Typical words as CSV", table, "typical-words")


def show_signs(key: tuple, dataset: Dataset) -> None:
    """Scripts, cells that are no sentences, and what the vocabulary does not know."""
    left, right = st.columns(2)
    with left:
        mix = script_mix(dataset)
        shown = mix.scripts[:SHOWN_SCRIPTS]
        chart = horizontal_bars([e.name for e in shown], [e.rows for e in shown], title="Rows by main script")
        figure(chart, key="scripts", alt=f"Rows by script: {', '.join(f'{e.name} {e.rows}' for e in shown[:4])}")
        if len(mix.mixed):
            st.caption(f"{counted(len(mix.mixed), 'row')} mix two scripts.")
        st.caption("Scripts, not languages: English and French are both Latin.")
    with right:
        shares = kinds_of(dataset.texts).shares()
        st.markdown("**Texts that are no sentence**")
        for kind, share in shares.items():
            st.markdown(f"- {KIND_TITLES.get(kind, kind)}: {share:.1%}")
    show_coverage(key, dataset)
    table = pd.DataFrame([(e.name, e.rows, e.letters) for e in mix.scripts], columns=["Script", "Rows", "Letters"])
    csv_button("Scripts as CSV", table, "scripts")


def show_coverage(key: tuple, dataset: Dataset) -> None:
    """How well the built-in vocabulary fits."""
    st.markdown("**How well the built-in vocabulary fits**")

    def measure(progress: Progress) -> Coverage:
        model = open_model(MODEL)
        return coverage(
            dataset,
            lambda texts: model.encode(list(texts), add_special_tokens=False)["input_ids"],
            unknown_id=model.tokenizer.unk_token_id,
            vocabulary_size=model.config.vocab_size,
            on_progress=by_share(progress, len(dataset)),
        )

    found = on_demand(
        "coverage",
        ("coverage", *key),
        measure,
        button="Cut all texts into tokens",
        words=f"Cuts {counted(len(dataset), 'row')} with the built-in tokenizer.",
        doing="Cutting texts:",
        unasked=len(dataset) <= UNASKED_ROWS,
    )
    if found is None:
        return
    with st.container(horizontal=True):
        st.metric("Unknown tokens", f"{found.unknown_share:.2%}", width=160, help="The share of tokens read as [UNK]")
        st.metric("Tokens a word", f"{found.tokens_per_word:.2f}", width=160, help="Near 1: the vocabulary fits")
        st.metric("Vocabulary used", f"{found.used_share:.1%}", width=160, help="The share of its entries that occur")
    if found.unknown_words:
        words = ", ".join(f"{plain(word)} ({count:,})" for word, count in found.unknown_words[:20])
        st.caption(f"Not known: {words}")
