"""What is kept for a file, as one session sees it: loading and changing it, and what others changed meanwhile.

A session is one tab of a browser. It remembers what it saw last of each decision, so that a change by somebody else is
said once, and it has a name of its own, so that it takes back its own corrections and fixes and nobody else's.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.data import decisions
from core.data.decisions.meanwhile import changed_meanwhile
from pages.shared.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.data.decisions.store import Updated
    from core.data.table import ReadOptions

# Keys of the session state.
AUTHOR = "author"
CHANGES = "kept-changes"
NEWS = "kept-news"
GUESSES = "kept-guesses"
SEEN = "kept-seen"
_SHOWN_SECONDS = 20.0  # several runs of the page may follow fast upon each other: said in the first, it would be gone


def author() -> str:
    """The name of this session; another one in each tab, and after a reload."""
    return st.session_state.setdefault(AUTHOR, secrets.token_hex(6))


def load(content_hash: str, kind: type, reading: ReadOptions | None = None) -> Any:
    """As `decisions.load`; says what others changed since this session looked last."""
    kept = decisions.load(content_hash, kind, reading)
    _see(content_hash, kind, kept, kept)
    return kept


def update(
    content_hash: str,
    kind: type,
    change: Callable[[Any], Any],
    *,
    reading: ReadOptions | None = None,
    reference: str = "",
) -> Updated:
    """As `decisions.update`; says what others changed since this session looked last, also what is now overwritten."""
    updated = decisions.update(content_hash, kind, change, reading=reading, reference=reference)
    _see(content_hash, kind, updated.before, updated.after)
    return updated


def save(content_hash: str, choice: Any, *, reading: ReadOptions | None = None, reference: str = "") -> None:
    """As `decisions.save`; says what others had kept meanwhile and is now overwritten."""
    updated = decisions.save(content_hash, choice, reading=reading, reference=reference)
    _see(content_hash, type(choice), updated.before, updated.after)


def delete(content_hash: str, kind: type | None = None) -> None:
    """As `decisions.delete`."""
    decisions.delete(content_hash, kind)
    for key in list(_seen()):
        if key[0] == content_hash and kind in (None, key[1]):
            del _seen()[key]


def times_changed_by_others(content_hash: str, kind: type) -> int:
    """A number for keys of widgets that must begin again with what others chose."""
    return st.session_state.get(CHANGES, {}).get((content_hash, kind), 0)


def tell(line: str) -> None:
    """Say something on the next run of the page, and a little longer."""
    st.session_state.setdefault(NEWS, []).append((time.monotonic(), line))


def show_news() -> None:
    """What was changed meanwhile. Has a place of its own, also when there is nothing: what stands below stays the same
    element then, and a table in which somebody types is not closed."""
    since = time.monotonic() - _SHOWN_SECONDS
    news = [(when, line) for when, line in st.session_state.get(NEWS, []) if when > since]
    st.session_state[NEWS] = news
    place = st.container()
    if lines := dict.fromkeys(line for _, line in news):
        place.info("\n\n".join(map(plain, lines)), icon=":material/group:")


def show_guess(content_hash: str, guess: Any) -> None:
    """Remember what a page shows where nothing is kept: a decision of somebody else changes this, and not nothing."""
    st.session_state.setdefault(GUESSES, {})[content_hash, type(guess)] = guess


def _see(content_hash: str, kind: type, before: Any, after: Any) -> None:
    seen, key = _seen(), (content_hash, kind)
    guess = st.session_state.get(GUESSES, {}).get(key)
    if key in seen and (lines := changed_meanwhile(*(each or guess for each in (seen[key], before, after)))):
        for line in lines:
            tell(line)
        changes = st.session_state.setdefault(CHANGES, {})
        changes[key] = changes.get(key, 0) + 1
    seen[key] = after


def _seen() -> dict[tuple[str, type], Any]:
    return st.session_state.setdefault(SEEN, {})
