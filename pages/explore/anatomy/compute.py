"""The Compute view of the Anatomy page: the work by part and by the length of the text."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.charts.bars import horizontal_bars
from core.charts.curves import lines
from core.models.anatomy import flops
from core.models.anatomy.comparison import per_token_at
from pages.explore.anatomy.subject import USUAL_LENGTH, Subject, anatomy, short, show_numbers, work_of
from pages.shared.export import figure

LENGTHS = (16, 32, 64, 128, 192, 256, 384, 512)


def show_compute(subject: Subject) -> int:
    """The work by part, for a length that is chosen here, and returned."""
    body, work = anatomy(subject), work_of(subject)
    st.markdown(
        "How many sums and products one text costs. Most of the work grows with the number of tokens; comparing each "
        "token with every other one grows with the square of that number."
    )
    length = st.slider(
        "Tokens in the text", 1, body.positions, min(USUAL_LENGTH, body.positions), key="length", bind="query-params"
    )
    counts, total = work.at(length), work.total(length)
    with st.container(horizontal=True):
        st.metric("FLOPs per text", short(total), width=150, help=f"{total:,} floating-point operations")
        st.metric(per_token_at(length), short(work.per_token(length)), width="content")
        st.metric("Scores and context", f"{counts.get(flops.SCORES, 0) / total:.1%}", width=170)
    left, right = st.columns(2)
    with left:
        shares = [count / total for count in counts.values()]
        bars = horizontal_bars(list(counts), shares, title=f"Where the work goes, {length} tokens", percent=True)
        spoken = ", ".join(f"{name} {share:.1%}" for name, share in zip(counts, shares, strict=True))
        figure(bars, key="work", alt=f"Shares of the work: {spoken}")
    with right:
        lengths = [each for each in LENGTHS if each < body.positions] + [body.positions]
        shares_by_length = {
            name: [(each, 100 * work.at(each).get(name, 0) / work.total(each)) for each in lengths] for name in counts
        }
        grown = ", ".join(f"{share:.0f} % at {each} tokens" for each, share in shares_by_length[flops.SCORES])
        chart = lines(shares_by_length, title="Share of the work by length, per cent", x_title="tokens in the text")
        figure(chart, key="work-by-length", alt=f"Scores and context take {grown}")
    table = pd.DataFrame(
        {"Part": name, "FLOPs per text": count, per_token_at(length): count / length, "Share": count / total}
        for name, count in counts.items()
    )
    show_numbers(table, "Operations as CSV", "flops", alt="Operations by part")
    st.caption(
        "Counted by torch's own formulas on the architecture, without weights: a multiplication and the addition after "
        "it are two operations. Matrix products only; softmax, norms and activations add little. A training step costs "
        "about three times a forward pass."
    )
    return length
