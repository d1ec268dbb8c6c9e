"""Results that take a while, remembered for a session: computed with a progress bar once, then at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

MOST = 8


def remembered(key: Hashable) -> Any | None:
    """What was computed under this key, if it still is at hand."""
    return st.session_state.get("attention-results", {}).get(key)


def remember(key: Hashable, result: Any) -> Any:
    """Keep a result; the oldest gives way."""
    results = st.session_state.setdefault("attention-results", {})
    results[key] = result
    while len(results) > MOST:
        del results[next(iter(results))]
    return result


def last_of(steps: Iterable[Any], words: str, total: Callable[[Any], int]) -> Any:
    """Draw each partial result's `done` of `total` as progress; the last one is the whole."""
    bar = st.progress(0.0, words)
    found = None
    for found in steps:
        bar.progress(min(found.done / max(total(found), 1), 1.0), f"{words} {found.done:,} of {total(found):,}")
    bar.empty()
    return found
