"""Attention as lines between query and key tokens, to toggle, point at and pin. Our own component.

attention_view.js holds what people see and do, attention_view_drawing.js the numbers and the lines,
attention_view_saving.js the picture as a file. The browser gets the three as one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from pages.components.base.blob import blob, scripts

FINEST = 65_535  # levels from 0 to 1, unless these take too many bytes
EXACT_BYTES = 2**18  # up to here every weight travels as it is; 12 heads of 73 tokens
LAYER_BYTES = 3_900_000  # for the weights of a layer; 12 heads of 512 tokens must stay below 4 MB with their labels
WEIGHT_BYTES = 1.2  # and for a layer too large for that
LAYOUTS = ("vertical", "horizontal")
SIGNS = ("more", "less")

_HERE = Path(__file__).parent
_SCRIPTS = ("attention_view.js", "attention_view_drawing.js", "attention_view_saving.js")
_COMPONENT = st.components.v2.component(
    "attention_view",
    html="""
    <div class="attention" role="group">
      <div class="bar">
        <span class="heads" role="group" aria-label="Heads"></span>
        <span class="bulk"><button type="button" class="all">all</button>
        <button type="button" class="none">none</button></span>
        <span class="save"><button type="button" class="png">Save PNG</button>
        <button type="button" class="svg">Save SVG</button></span>
      </div>
      <div class="bar">
        <label class="least">Lines from <output></output> up
          <input type="range" min="0" max="1" step="0.005"></label>
        <span class="scale" aria-hidden="true"></span>
        <span class="count" role="status"></span>
      </div>
      <div class="frame">
        <div class="stage">
          <div class="space">
            <canvas class="resting" role="img"></canvas>
            <div class="pane"><canvas class="lit" aria-hidden="true"></canvas></div>
            <div class="side queries" role="listbox" aria-multiselectable="true"></div>
            <div class="side keys" role="listbox"></div>
          </div>
        </div>
        <div class="map" aria-hidden="true"><canvas></canvas><i class="window"></i></div>
      </div>
      <div class="readout" aria-live="polite"></div>
    </div>
    """,
    css=(_HERE / "attention_view.css").read_text("utf-8"),
    js=scripts(*(_HERE / name for name in _SCRIPTS)),
)


class Token(NamedTuple):
    """What a row or a column of the weights stands for. `kind` is token or special, `side` the sentence of a pair."""

    label: str
    kind: str = "token"
    side: int | None = None


@dataclass(frozen=True, slots=True)
class AttentionState:
    """What people chose: heads switched on, pinned queries (in the order of pinning), and the weakest line drawn."""

    heads: tuple[int, ...]
    pinned: tuple[int, ...]
    threshold: float


def attention_view(
    layers: Mapping[int, np.ndarray],
    *,
    queries: Sequence[Token],
    keys: Sequence[Token],
    key: str,
    label: str,
    heads: Sequence[int],
    pinned: Sequence[int] = (),
    threshold: float = 0.0,
    layout: str = "vertical",
    signed: bool = False,
    file_name: str = "attention",
) -> AttentionState:
    """Draw the (head, query, key) weights of each layer as lines, and return what people have chosen by now.

    `heads`, `pinned` and `threshold` say how it starts. Changed later, they change the view; repeated, or given back as
    they were returned, they leave it as people have set it, and the weights are not sent again. The choices belong to
    `key`: put the text into it, so that another text starts afresh, and leave the layer out, so that they stay.
    With `signed` the weights are differences, (1, query, key) a layer and between −1 and 1. They are drawn in two
    colours, which stand in place of heads: 0 is what became more, 1 what became less.
    `label` names the picture for screen readers and stands in saved pictures, which are called `file_name`.
    All text is put in as text, never as HTML.
    """
    weights = _checked(layers, len(queries), len(keys))
    if signed:
        weights = np.concatenate([np.maximum(weights, 0), np.maximum(-weights, 0)], axis=1)
    if layout not in LAYOUTS:
        raise ValueError(f"{layout!r} is none of {LAYOUTS}")
    counts = weights.shape[1], len(queries)
    given = _state([list(heads), list(pinned), threshold], *counts)
    if given is None:
        raise ValueError(f"heads {heads}, pinned {pinned} or threshold {threshold} are not there")
    started, state, turn = _settle(key, given, *counts)
    header = {
        "label": label,
        "layout": layout,
        "file": file_name,
        "layers": [int(number) for number in layers],
        "heads": weights.shape[1],
        "names": list(SIGNS) if signed else None,
        "signed": signed,
        "limit": float(weights.max(initial=0)) or 1.0 if signed else 1.0,
        "queries": [list(token) for token in queries],
        "keys": [list(token) for token in keys],
        "start": [list(started.heads), list(started.pinned), started.threshold],
        "turn": turn,
    }
    _COMPONENT(key=key, data=pack(header, weights), on_view_change=lambda: None)
    return state


# ---- The weights on their way


def pack(header: dict, weights: np.ndarray) -> bytes:
    """One blob: the header, and the weights.

    The weights stand in the order (layer, head, query, key). Few are float32 ("levels" is 0). Many are counted in steps
    of 1 / levels: a byte each, and for those that reach 255 that byte, with the true count (uint16) at the end.

    >>> pack({}, np.ones((1, 1, 1, 1)))
    b'\\x10\\x00\\x00\\x00{"levels": 0}   \\x00\\x00\\x80?'
    """
    levels, body = _packed(np.clip(np.nan_to_num(weights.astype(np.float32)), 0, 1))
    return blob(header | {"levels": levels}, body)


def _packed(weights: np.ndarray) -> tuple[int, bytes]:
    """The finest levels that fit, and the bytes."""
    count = weights.size
    if weights[:1].nbytes <= EXACT_BYTES:
        return 0, weights.astype("<f4").tobytes()
    room = max(LAYER_BYTES * len(weights), WEIGHT_BYTES * count)
    levels = FINEST
    while True:
        steps = np.rint(weights * np.float32(levels)).astype("<u2")
        large = steps[steps >= 255]
        if count + large.nbytes <= room or levels <= 255:
            return levels, np.minimum(steps, 255).astype(np.uint8).tobytes() + b"\0" * (count % 2) + large.tobytes()
        levels //= 2


def _checked(layers: Mapping[int, np.ndarray], queries: int, keys: int) -> np.ndarray:
    """The layers as one array (layer, head, query, key)."""
    if not layers:
        raise ValueError("no layer to draw")
    weights = np.stack([np.asarray(layer) for layer in layers.values()])
    if weights.ndim != 4 or weights.shape[2:] != (queries, keys):
        raise ValueError(f"{weights.shape[1:]} weights for {queries} queries and {keys} keys")
    return weights


# ---- What was chosen


def _settle(key: str, given: AttentionState, heads: int, queries: int) -> tuple[AttentionState, AttentionState, int]:
    """How the view started, what is chosen by now, and how many times it has started.

    The browser says with every choice in which turn it was made, so that one from before a new start is not taken for
    an answer to it. A page may well hand back what it got in this run, or in the one before: that is no new start.
    """
    started, returned, turn = st.session_state.get(f"{key}-told", (None, None, 0))
    chosen = None
    match st.session_state.get(key, {}).get("view"):
        case {"turn": made_in, "chosen": choices} if made_in == turn:
            chosen = _state(choices, heads, queries)
    if chosen is None or given not in (started, returned, chosen):
        started, chosen, turn = given, given, turn + (given != started)
    st.session_state[f"{key}-told"] = started, chosen, turn
    return started, chosen, turn


def _state(choices: Any, heads: int, queries: int) -> AttentionState | None:
    """The choices as a state, or None when they fit no view of that size."""

    def are_places(places: list, count: int) -> bool:
        return all(type(place) is int and 0 <= place < count for place in places) and len({*places}) == len(places)

    match choices:
        case [list(on), list(pinned), int(threshold) | float(threshold)] if 0 <= threshold <= 1:
            on, pinned = (
                [int(place) if isinstance(place, np.integer) else place for place in of] for of in (on, pinned)
            )
            if are_places(on, heads) and are_places(pinned, queries):
                return AttentionState(tuple(sorted(on)), tuple(pinned), float(threshold))
    return None
