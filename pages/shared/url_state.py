"""Texts and choices that live in the page's address, so that a link reopens the same view.

Widgets with few fixed values use Streamlit's own `bind="query-params"`. Three kinds need more and are kept here: texts,
because an address takes only a few thousand characters; lists of things that have an id (models, data sets, runs),
because `bind` writes the title shown instead of the id; and the view of a page, because a click elsewhere may change
it, which a widget with a default of its own does not like.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.models.layer_names import FROM_ONE, HEADS_FROM_ONE, number
from pages.shared.text import plain

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

# Keys of choices that several pages share, in the address, too
LAYER, HEAD, WHOLE_WORDS = "layer", "head", "whole-words"
_SEEDED, _PAGE_DRAWN = "seeded", "page-drawn"
LONGEST_IN_URL = 1_500
NONE = "none"  # in an address: nothing was chosen where something is the default
_DIGITS = re.compile("[0-9]{1,9}")
_PILLS = partial(st.pills, selection_mode="multi")
LATE_SECONDS = 2.0  # a value replaced longer ago than this is one that somebody went back to


def text_area(label: str, *, key: str, example: str, height: int = 120, placeholder: str = "") -> str:
    """A field of several lines that remembers its text across pages, and in the address while it is short enough.

    An example nobody has touched gives way to another one (another model may have one of its own).
    """
    seed_usual(key, example)
    text = st.text_area(label, key=key, height=height, placeholder=placeholder, persist_state="session")
    keep(key, text if text != example else "")
    return text


def text_line(label: str, *, key: str, example: str, placeholder: str = "", max_chars: int | None = None) -> str:
    """As `text_area`, but of one line, taken over by Enter."""
    seed_usual(key, example)
    text = st.text_input(label, key=key, placeholder=placeholder, max_chars=max_chars, persist_state="session")
    keep(key, text if text != example else "")
    return text


def seed_usual(key: str, usual: str, *, allowed: Container[str] | None = None) -> None:
    """As `seed`; a value that nobody has touched gives way to another usual one, as that of another model."""
    if st.session_state.get(key) == st.session_state.get(f"usual-{key}", usual) != usual:
        st.session_state[key] = usual
    st.session_state[f"usual-{key}"] = usual
    seed(key, usual, allowed=allowed)


def choose(label: str, titles: Mapping[str, str], *, key: str, help: str | None = None, follows: bool = False) -> str:
    """A list of things shown by title and remembered, also in the address, by id; the first one is the default.

    `follows`: the list follows from other choices on the page, so that one chosen here that is gone is no news.
    """
    first = next(iter(titles))
    wanted = st.query_params.get(key)
    if wanted and wanted not in titles and not (follows and _is_own(key, wanted)):
        st.info(f"The link names “{plain(wanted[:80])}”, which is not here (or no longer).", icon=":material/link_off:")
    seed(key, first, allowed=titles)
    shown = distinct(titles)
    chosen = st.selectbox(
        label, list(titles), format_func=lambda each: shown[each], key=key, help=help, persist_state="session"
    )
    keep(key, chosen)  # the first one, too: which one is first may change
    return chosen


def choose_number(label: str, count: int, *, key: str, help: str) -> int:
    """One of `count` things as a row of buttons, counted from 1 on screen, and from 0 in the address and the answer.

    The first where nothing was chosen (`seed_usual`), and when another model had more.
    """
    indices = [str(index) for index in range(count)]
    usual = st.session_state.get(f"usual-{key}", "0")
    seed_usual(key, usual if usual in indices else "0", allowed=indices)
    chosen = st.segmented_control(
        label,
        indices,
        format_func=lambda index: number(int(index)),
        required=True,
        key=key,
        help=help,
        wrap=True,
        persist_state="session",
    )
    keep(key, chosen)
    return int(chosen)


def choose_layer(count: int, label: str = "Layer") -> int:
    """A layer by its index in code; all Explore pages share the choice."""
    return choose_number(label, count, key=LAYER, help=FROM_ONE)


def choose_head(count: int) -> int:
    """A head by its index in code; all Explore pages share the choice."""
    return choose_number("Head", count, key=HEAD, help=HEADS_FROM_ONE)


def counter(key: str) -> int:
    """A number from 1 that buttons count on, kept in the address."""
    seed(key, "1")
    written = st.session_state[key]
    st.session_state[key] = written if written.isdecimal() and written.isascii() and len(written) < 7 else "1"
    keep(key, st.session_state[key])
    return int(st.session_state[key])


def count_on(key: str) -> None:
    """What a button does to a `counter`."""
    st.session_state[key] = str(int(st.session_state[key]) + 1)


def choose_view(views: Iterable[str], *, key: str) -> str:
    """Which part of a page is shown, as a row of buttons; the first one at first."""
    choices = list(views)
    seed(key, choices[0], allowed=choices)
    chosen = st.segmented_control(
        "Show", choices, required=True, key=key, label_visibility="collapsed", wrap=True, persist_state="session"
    )
    keep(key, chosen if chosen != choices[0] else "")
    return chosen


def several(
    label: str,
    titles: Mapping[str, str],
    *,
    key: str,
    default: str,
    most: int | None = None,
    widget: Callable[..., list[str]] = _PILLS,
) -> list[str]:
    """Any number of things, shown by title and remembered, also in the address, by id, with commas between.

    No more than `most` are taken from an address.
    `widget` draws them, as `st.multiselect` does; pills by default.
    """
    seed(key, default)
    chosen = [each for each in st.session_state[key].split(",") if each in titles][:most]
    st.session_state[f"{key}-pick"] = chosen

    def remember() -> None:
        st.session_state[key] = ",".join(st.session_state[f"{key}-pick"])

    shown = distinct(titles)
    widget(label, list(titles), format_func=shown.get, key=f"{key}-pick", on_change=remember)
    keep(key, ",".join(chosen) or (NONE if default else ""))
    return chosen


def distinct(titles: Mapping[str, str]) -> dict[str, str]:
    """Titles with the id added where two are the same: Streamlit tells the choices of a list apart by their titles."""
    repeated = {title for title, count in Counter(titles.values()).items() if count > 1}
    return {each: f"{title} ({each})" if title in repeated else title for each, title in titles.items()}


def seed(key: str, default: Any, *, allowed: Container[Any] | None = None) -> None:
    """Set a value before its widget is drawn: what a link says, else what it was, else the default.

    The address wins only when somebody else changed it: otherwise it still holds what `keep` wrote on the last run,
    or, when clicks follow fast upon each other, what it wrote before that (the browser had not heard the news yet).
    Where somebody went back or forward, the address says everything: what it does not name is the default, unless
    that could not be written there.
    A value that is not `allowed` (any more), such as a run that was deleted, is forgotten.
    """
    if allowed is not None and st.session_state.get(key) not in allowed:
        st.session_state.pop(key, None)
    given = st.query_params.get(key)
    if _is_back_or_forward() and len(st.session_state.get(key, "")) <= LONGEST_IN_URL:
        given, by_link = default if given is None else given, True
    else:
        by_link = given is not None and given != st.session_state.get(f"kept-{key}") and not _is_late(key, given)
    if by_link and (allowed is None or given in allowed):
        st.session_state[key] = given
    elif key not in st.session_state:
        kept = st.session_state.get(f"kept-{key}")  # another page had the widget, and Streamlit has forgotten its value
        st.session_state[key] = default if kept is None or (allowed is not None and kept not in allowed) else kept
    if key not in st.session_state[_SEEDED]:
        st.session_state[_SEEDED].add(key)
        st.session_state[key] = st.session_state[key]  # else a widget that another page had, too, starts without it


def turn_to(page: str) -> None:
    """Say which page is drawn next. On another page than before, each value is given to its widget again.

    Streamlit binds a value to the widget of the page it was set on; the same key on another page would find none.
    """
    context = get_script_run_ctx()
    if _is_back_or_forward():
        # Streamlit has left out what a widget of the same name on the page just left is bound to.
        with context.session_state.query_params() as query:
            query.set_initial_query_params(context.query_string)
            query.populate_from_query_string(context.query_string)
    if st.session_state.get(_PAGE_DRAWN) != page:
        st.session_state[_PAGE_DRAWN], st.session_state[_SEEDED] = page, set()


def keep(key: str, value: str) -> None:
    """Write a value into the address, or take it out when it is empty or too long."""
    kept = st.session_state.get(f"kept-{key}")
    is_news = st.query_params.get(key) != value  # to the browser, of which messages may be on their way
    if kept is not None and kept != value and is_news:
        st.session_state.setdefault(f"replaced-{key}", {})[kept] = time.monotonic()
    if value and len(value) <= LONGEST_IN_URL:
        st.query_params[key] = st.session_state[f"kept-{key}"] = value
    else:
        st.session_state.pop(f"kept-{key}", None)
        if key in st.query_params:
            del st.query_params[key]


def forget(key: str) -> None:
    """Take a value out of the address because what it named is gone."""
    keep(key, "")
    st.session_state.pop(key, None)


def _is_back_or_forward() -> bool:
    """Whether the script runs because somebody used the browser's history. Streamlit says so only in its context."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def _is_own(key: str, given: str) -> bool:
    """Whether it is this session that wrote a value into the address."""
    return given == st.session_state.get(f"kept-{key}") or _is_late(key, given)


def _is_late(key: str, given: str) -> bool:
    """Whether an address holds a value that was replaced a moment ago."""
    replaced = st.session_state.get(f"replaced-{key}", {}).get(given)
    return replaced is not None and time.monotonic() - replaced < LATE_SECONDS


class _Whole:
    """Whole numbers from `low` to `high`, also as an address writes them; None where nothing need be chosen."""

    def __init__(self, low: int, high: int, *, or_none: bool) -> None:
        self.low, self.high, self.or_none = low, high, or_none

    def __contains__(self, value: object) -> bool:
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            value = int(value)
        return (value is None and self.or_none) or (type(value) is int and self.low <= value <= self.high)


def whole_number(
    label: str, low: int, high: int, default: int | None, *, key: str, place: DeltaGenerator | None = None, **look: Any
) -> int | None:
    """A field for a whole number, kept in the address; what is none there, or none in these bounds, is passed over.

    Streamlit's own number field, bound to the address, ends the page at `inf`. `default` may be None: no number then.
    """
    allowed = _Whole(low, high, or_none=default is None)
    seed(key, default, allowed=allowed)
    if isinstance(given := st.session_state[key], str):
        st.session_state[key] = int(given)
    first = None if default is None else "min"
    (st if place is None else place).number_input(label, low, high, first, key=key, persist_state="session", **look)
    chosen = st.session_state[key]
    keep(key, "" if chosen == default else str(chosen))
    return chosen


def choose_listed(
    label: str,
    titles: Mapping[str, str],
    *,
    key: str,
    default: str | None = None,
    help: str | None = None,
    width: int | Literal["stretch"] = "stretch",
) -> str:
    """One of things shown by title and kept, also in the address, by id.

    `default` (else the first one) where nothing was chosen, or what was chosen is not there.
    """
    usual = next(iter(titles)) if default is None else default
    seed(key, usual, allowed=titles)
    chosen = st.selectbox(
        label,
        list(titles),
        format_func=titles.__getitem__,
        key=key,
        help=help,
        width=width,
        persist_state="session",
    )
    keep(key, chosen if chosen != usual else "")
    return chosen
