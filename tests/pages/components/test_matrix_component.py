"""What the matrix and the arithmetic send to the browser, and which cell the matrix takes for chosen."""

import json
import struct

import numpy as np
import pytest
from streamlit.proto.BidiComponent_pb2 import BidiComponent
from streamlit.testing.v1 import AppTest

from pages.components.matrix.matrix import MASKED

SCORES = np.array([[0.5, -1.25, np.finfo(np.float32).min], [3.0, 1e-9, -np.inf]], dtype=np.float32)


def draw_matrix(values, rows, columns, kind):
    import streamlit as st

    from pages.components.matrix.matrix import matrix

    st.session_state["returned"] = matrix(
        values,
        rows=rows,
        columns=columns,
        key="scores",
        label="Scores",
        row_axis="from token",
        column_axis="to token",
        kind=kind,
        cell=(1, 0),
        marked_row=1,
    )


def draw_arithmetic():
    from pages.components.arithmetic.arithmetic import arithmetic

    lines = [("sum", 1 / 3), ("= value", float("-inf"))]
    arithmetic(sentence="Why.", terms=[("</script>", 0.1, -3.0)], lines=lines, left="q", right="k", key="sum")


def drawn(app: AppTest) -> BidiComponent:
    assert not app.exception
    (element,) = app.get("bidi_component")
    return element.proto


def shown(values: np.ndarray, rows: list[str], columns: list[str], kind: str = "signed", chosen=None) -> AppTest:
    app = AppTest.from_function(draw_matrix, args=(values, rows, columns, kind))
    if chosen is not None:
        app.session_state["scores"] = {"cell": chosen}
    return app.run()


def unpacked(blob: bytes) -> tuple[dict, np.ndarray]:
    (length,) = struct.unpack_from("<I", blob)
    header = json.loads(blob[4 : 4 + length])
    values = np.frombuffer(blob, dtype="<f4", offset=4 + length)
    return header, values.reshape(len(header["rows"]), len(header["columns"]))


def test_labels_and_numbers_arrive_bit_by_bit():
    rows, columns = ["猫", "</script>\ud83d"], ["שלום", "👩‍👩‍👧‍👦", ""]
    blob = drawn(shown(SCORES, rows, columns)).bytes
    header, values = unpacked(blob)
    assert (header["rows"], header["columns"]) == (rows, columns)
    assert (header["cell"], header["marked"], header["axes"]) == ([1, 0], 1, ["from token", "to token"])
    assert values.tobytes() == SCORES.tobytes()
    assert (len(blob) - SCORES.nbytes) % 4 == 0


def test_a_matrix_that_is_a_turned_view_arrives_by_rows():
    _, values = unpacked(drawn(shown(SCORES.T, ["a", "b", "c"], ["x", "y"])).bytes)
    assert np.array_equal(values, SCORES.T)


def test_outliers_and_masked_scores_do_not_decide_the_colours():
    values = np.random.default_rng(0).normal(size=(20, 100)).astype(np.float32)
    values[:, 7] = -40  # an outlier dimension, as trained models have them
    values[3] = 2 * MASKED
    header, _ = unpacked(drawn(shown(values, ["a"] * 20, ["b"] * 100)).bytes)
    assert 2 < header["limit"] < 5


@pytest.mark.parametrize("values", [np.zeros((1, 2)), np.full((1, 2), -np.inf)])
def test_there_is_a_range_of_colours_even_with_nothing_to_show(values: np.ndarray):
    header, _ = unpacked(drawn(shown(values.astype(np.float32), ["a"], ["b", "c"])).bytes)
    assert header["limit"] == 1


def test_shares_have_colours_up_to_the_largest():
    header, _ = unpacked(drawn(shown(np.float32([[0.25, 0.75]]), ["a"], ["b", "c"], "share")).bytes)
    assert (header["signed"], header["limit"]) == (False, 0.75)


def test_the_chosen_cell_is_returned_and_sent_back():
    app = shown(SCORES, ["a", "b"], ["x", "y", "z"], chosen=[0, 2])
    assert app.session_state["returned"] == (0, 2)
    assert unpacked(drawn(app).bytes)[0]["cell"] == [0, 2]


@pytest.mark.parametrize("chosen", [None, [2, 0], [0, 3], [-1, 0], [0], "00", [0.5, 1], {"row": 0}])
def test_a_cell_that_is_not_there_gives_way_to_the_default(chosen):
    app = shown(SCORES, ["a", "b"], ["x", "y", "z"], chosen=chosen)
    assert app.session_state["returned"] == (1, 0)
    assert unpacked(drawn(app).bytes)[0]["cell"] == [1, 0]


def test_labels_must_fit_the_numbers():
    assert shown(SCORES, ["a"], ["x"]).exception


def test_the_arithmetic_arrives_in_full():
    sent = json.loads(drawn(AppTest.from_function(draw_arithmetic).run()).json)
    assert sent["terms"] == [["</script>", 0.1, -3.0]]
    assert sent["lines"] == [["sum", 1 / 3], ["= value", "-Infinity"]]
    assert (sent["sentence"], sent["left"], sent["right"]) == ("Why.", "q", "k")
