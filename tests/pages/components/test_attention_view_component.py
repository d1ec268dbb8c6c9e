"""What the attention view sends to the browser, and which of the browser's answers it takes."""

import json
import struct

import numpy as np
import pytest
from streamlit.proto.BidiComponent_pb2 import BidiComponent
from streamlit.testing.v1 import AppTest

from pages.components.attention_view.attention_view import AttentionState, Token, pack

TOKENS = [Token("[CLS]", "special"), Token("</script>\ud83d", side=0), Token("猫", side=1)]
START = AttentionState(heads=(0, 1), pinned=(), threshold=0.0)
CHOSEN = AttentionState(heads=(1,), pinned=(2, 0), threshold=0.25)


def draw_view(layers, queries, keys, given):
    import streamlit as st

    from pages.components.attention_view.attention_view import attention_view

    st.session_state["returned"] = attention_view(
        layers,
        queries=queries,
        keys=keys,
        key="view",
        label="Layer 3",
        **{"heads": [0, 1], "pinned": [], "threshold": 0.0} | st.session_state.get("asked", {}) | given,
    )


def shares(*shape: int, peak: float = 1.0) -> np.ndarray:
    """Rows that sum to 1; the smaller the peak, the fewer keys get most of it."""
    size = (np.prod(shape[:-1]), shape[-1])
    drawn = np.random.default_rng(0).gamma(peak, size=size).astype(np.float32) + 1e-9
    return (drawn / drawn.sum(axis=1, keepdims=True)).astype(np.float32).reshape(shape)


def shown(layers: dict | None = None, *, queries=TOKENS, keys=TOKENS, **given) -> AppTest:
    layers = {3: shares(2, 3, 3)} if layers is None else layers
    return AppTest.from_function(draw_view, args=(layers, queries, keys, given)).run()


def drawn(app: AppTest) -> BidiComponent:
    assert not app.exception
    (element,) = app.get("bidi_component")
    return element.proto


def unpacked(blob: bytes) -> tuple[dict, bytes]:
    (length,) = struct.unpack_from("<I", blob)
    return json.loads(blob[4 : 4 + length]), blob[4 + length :]


def restored(blob: bytes, shape: tuple[int, ...]) -> tuple[int, np.ndarray]:
    """The weights as the browser reads them, and the levels they were counted in (0: exact)."""
    header, body = unpacked(blob)
    assert (len(blob) - len(body)) % 4 == 0
    count, levels = np.prod(shape), header["levels"]
    if not levels:
        return levels, np.frombuffer(body, "<f4").reshape(shape)
    steps = np.frombuffer(body, np.uint8, count).astype(np.uint16)
    steps[steps == 255] = np.frombuffer(body, "<u2", offset=count + count % 2)
    return levels, (steps / levels).reshape(shape)


def answer(app: AppTest, chosen: AttentionState, turn: int) -> AttentionState:
    """What is returned once the browser has reported a choice."""
    app.session_state["view"] = {
        "view": {"turn": turn, "chosen": [list(chosen.heads), list(chosen.pinned), chosen.threshold]}
    }
    assert not app.run().exception
    return app.session_state["returned"]


# ---- The weights


def test_few_weights_and_all_labels_arrive_as_they_are():
    layers = {3: shares(2, 3, 2), 5: shares(2, 3, 2)[::-1]}
    blob = drawn(shown(layers, keys=TOKENS[:2], pinned=[2], threshold=0.5)).bytes
    header, _ = unpacked(blob)
    assert [Token(*token) for token in header["queries"]] == TOKENS
    assert [Token(*token) for token in header["keys"]] == TOKENS[:2]
    assert (header["layers"], header["heads"], header["start"]) == ([3, 5], 2, [[0, 1], [2], 0.5])
    levels, weights = restored(blob, (2, 2, 3, 2))
    assert levels == 0
    assert weights.tobytes() == np.stack([*layers.values()]).tobytes()


@pytest.mark.parametrize(("tokens", "peak"), [(128, 1.0), (255, 0.1), (301, 1.0), (512, 0.05)])
def test_many_weights_are_off_by_half_a_step_at_most(tokens: int, peak: float):
    weights = shares(1, 3 if tokens % 2 else 12, tokens, tokens, peak=peak)
    levels, back = restored(pack({}, weights), weights.shape)
    assert levels >= 32_767
    assert np.abs(back - weights).max() <= 0.5 / levels + 1e-7


@pytest.mark.parametrize("kind", ["flat", "spread", "peaked", "half"])
def test_a_layer_of_512_tokens_stays_below_4_megabytes(kind: str):
    shape = (1, 12, 512, 512)
    weights = {
        "flat": lambda: np.full(shape, 1 / 512, dtype=np.float32),
        "spread": lambda: shares(*shape),
        "peaked": lambda: shares(*shape, peak=0.02),
        # As many weights as possible that just do not fit into a byte.
        "half": lambda: np.broadcast_to(np.float32(np.arange(512) < 256) / 256, shape),
    }[kind]()
    blob = pack({"queries": [["characters", "token", 0]] * 512, "keys": [["characters", "token", 0]] * 512}, weights)
    assert len(blob) <= 4_000_000
    levels, back = restored(blob, shape)
    assert np.abs(back - weights).max() <= 0.5 / levels + 1e-7


def test_more_heads_than_usual_cost_precision_but_always_fit():
    weights = np.ones((1, 16, 600, 600), dtype=np.float32)  # no softmax gives this; the bytes stay bounded all the same
    levels, back = restored(pack({}, weights), weights.shape)
    assert levels == 255
    assert back.min() == 1


def test_what_is_no_share_is_brought_into_range():
    _, back = restored(pack({}, np.float32([[[[np.nan, -0.5, 1.0000001, 0.5]]]])), (1, 1, 1, 4))
    assert back.ravel().tolist() == [0, 0, 1, 0.5]


def test_differences_travel_as_more_and_less():
    change = shares(1, 3, 3) - np.float32(1 / 3)
    blob = drawn(shown({0: change}, signed=True)).bytes
    header, _ = unpacked(blob)
    assert (header["names"], header["heads"], header["signed"]) == (["more", "less"], 2, True)
    _, parts = restored(blob, (2, 3, 3))
    np.testing.assert_array_equal(parts[0] - parts[1], change[0])
    assert parts.min() == 0
    assert header["limit"] == np.abs(change).max()


def test_no_difference_at_all_still_has_a_scale():
    header, _ = unpacked(drawn(shown({0: np.zeros((1, 3, 3), np.float32)}, signed=True)).bytes)
    assert header["limit"] == 1


def test_the_weights_must_fit_the_tokens():
    assert shown(keys=TOKENS[:2]).exception
    assert shown({}).exception


@pytest.mark.parametrize(
    "given", [{"heads": [2]}, {"pinned": [3]}, {"pinned": [0, 0]}, {"threshold": 1.5}, {"layout": "round"}]
)
def test_a_start_that_is_not_there_is_refused(given: dict):
    assert shown(**given).exception


# ---- What was chosen


def test_at_first_what_was_asked_for_is_returned():
    assert shown(heads=[1], pinned=[2, 0], threshold=0.25).session_state["returned"] == CHOSEN


def test_a_choice_is_returned_and_nothing_is_sent_again():
    app = shown()
    before = drawn(app).bytes
    assert answer(app, CHOSEN, turn=1) == CHOSEN
    assert drawn(app).bytes == before


def test_a_choice_handed_back_is_no_new_start():
    app = shown()
    before = drawn(app).bytes
    answer(app, CHOSEN, turn=1)
    app.session_state["asked"] = {"heads": [1], "pinned": [2, 0], "threshold": 0.25}
    later = AttentionState((0, 1), (2,), 0.25)  # while the page still hands back the one before
    assert answer(app, later, turn=1) == later
    assert drawn(app).bytes == before


def test_what_the_page_asks_for_anew_counts_and_older_choices_no_longer_do():
    app = shown()
    answer(app, CHOSEN, turn=1)
    app.session_state["asked"] = {"heads": [0]}
    asked = AttentionState((0,), (), 0.0)
    assert answer(app, CHOSEN, turn=1) == asked
    assert answer(app, CHOSEN, turn=1) == asked
    assert unpacked(drawn(app).bytes)[0]["turn"] == 2
    assert answer(app, CHOSEN, turn=2) == CHOSEN
    app.session_state["asked"] = {}  # back to the first start, with the choice of the second turn still lying there
    assert answer(app, CHOSEN, turn=1) == START
    assert answer(app, CHOSEN, turn=2) == START


@pytest.mark.parametrize(
    "view",
    [
        None,
        "all",
        {"turn": 1},
        {"turn": 1, "chosen": [[2], [], 0]},
        {"turn": 1, "chosen": [[0], [3], 0]},
        {"turn": 1, "chosen": [[0], [-1], 0]},
        {"turn": 1, "chosen": [[0.5], [], 0]},
        {"turn": 1, "chosen": [[True], [], 0]},
        {"turn": 1, "chosen": [[0, 0], [], 0]},
        {"turn": 1, "chosen": [[0], [], 2]},
        {"turn": 1, "chosen": [[0], [], float("nan")]},
        {"turn": 1, "chosen": [[0], {}, 0]},
        {"turn": 0, "chosen": [[0], [], 0]},
    ],
)
def test_a_choice_that_is_not_there_is_ignored(view):
    app = shown()
    app.session_state["view"] = {"view": view}
    assert not app.run().exception
    assert app.session_state["returned"] == START


def test_all_heads_may_be_off():
    assert answer(shown(), AttentionState((), (), 0.0), turn=1).heads == ()
