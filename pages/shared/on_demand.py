"""Results that take a while: computed when somebody asks, with a bar and a way out, then remembered for a session.

That somebody asked stands in the address, so that a link brings the result back: remembered, or computed again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from core.memory import bytes_of
from pages.shared.text import digest
from pages.shared.url_state import keep, seed

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    Progress = Callable[[int, int], None]  # how many of how many are done

MOST = 8
MOST_BYTES = 128 * 2**20  # of all that a session keeps; the result it looks at stays in any case
NO = "no"
_RESULTS = "results-on-demand"


def on_demand(
    name: str,
    key: Hashable,
    work: Callable[[Progress], Any],
    *,
    button: str,
    words: str,
    doing: str,
    icon: str | None = None,
    unasked: bool = False,
) -> Any | None:
    """What `work` returns, computed once for each `key`; None, and `button` with `words`, until somebody asks.

    `name` is what the address calls it. `work` gets a function that draws its progress, captioned `doing`, and that
    never returns when somebody has cancelled: nothing of it is kept then. With `unasked` it starts by itself, unless it
    was cancelled. Errors as `work`.
    """
    mark = digest(key)
    seed(name, "")
    results = st.session_state.setdefault(_RESULTS, {})
    if key in results and not unasked:
        st.session_state[name] = mark
    asked = st.session_state[name] == mark
    keep(name, mark if asked else "")  # before the work, which may be cancelled
    if key not in results:
        # A place of its own, emptied by the next run: where the bar comes, its button would stay beside “Cancel”, and
        # clicks on that would be lost.
        offer = st.empty()
        if not asked and (not unasked or st.session_state[name] == NO + mark):
            with offer.container():
                st.button(button, icon=icon, key=f"start-{name}", on_click=_set, args=(name, mark))
                st.caption(words)
            return None
        results[key] = _with_bar(name, mark, work, doing)
        sizes = {each: bytes_of(result) for each, result in results.items()}
        while len(results) > MOST or (len(results) > 1 and sum(sizes[each] for each in results) > MOST_BYTES):
            del results[next(iter(results))]  # the oldest
    return results[key]


def remembered(key: Hashable) -> Any | None:
    """What was computed for this `key`, by anybody who asked in this session, or None."""
    return st.session_state.get(_RESULTS, {}).get(key)


def _set(name: str, value: str) -> None:
    st.session_state[name] = value


def _with_bar(name: str, mark: str, work: Callable[[Progress], Any], doing: str) -> Any:
    """Run `work` beside a bar and a button. A click on it runs the page again, and ends this run at the bar."""
    area = st.empty()
    with area.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, doing)
        st.button("Cancel", key=f"cancel-{name}", on_click=_set, args=(name, NO + mark))
    found = work(lambda done, total: bar.progress(min(done / max(total, 1), 1.0), f"{doing} {done:,} of {total:,}"))
    area.empty()
    return found


def by_share(progress: Progress, total: int) -> Callable[[float], None]:
    """What work calls that tells the share that is done, where so many are to do in all."""
    return lambda share: progress(round(share * total), total)


def last_of(steps: Iterable[Any], total: Callable[[Any], int], progress: Progress) -> Any:
    """Report each partial result's `done` of `total`; the last one is the whole."""
    found = None
    for found in steps:
        progress(found.done, total(found))
    return found
